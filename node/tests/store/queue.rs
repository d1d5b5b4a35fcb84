//! Letters, timers and contact.

use crate::support::on_both;
use jieli_node::store::Conn;
use jieli_node::store::queue::{self, Place, Timer, Waiting};
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::Lane;

fn place(agreement: u8, lane: u32, lane_seq: u64) -> Place {
    let lane = Lane::from_number(lane).unwrap();
    Place { agreement_id: AgreementId([agreement; 16]), lane, lane_seq }
}

fn city(name: &str) -> CityId {
    CityId::parse(name).unwrap()
}

async fn due(conn: &mut Conn, peer: &str, now_ms: u64, limit: u32) -> Vec<Place> {
    let due = queue::due(conn, &city(peer), now_ms, limit).await.unwrap();
    due.into_iter().map(|letter| letter.place).collect()
}

#[test]
fn letters_keep_the_order_of_their_lane() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let b = |lane, seq| (place(1, lane, seq), city("city-b"));
        let letters = [b(0, 11), b(0, 9), b(0, 10), b(2, 1), (place(2, 0, 1), city("city-c"))];
        queue::insert(&mut tx, &letters, 1000).await.unwrap();
        let ours = [place(1, 0, 9), place(1, 0, 10), place(1, 0, 11), place(1, 2, 1)];
        assert_eq!(due(&mut tx, "city-b", 1000, 9).await, ours);
        assert_eq!(due(&mut tx, "city-b", 1000, 1).await, [ours[0], ours[3]]);
        assert!(due(&mut tx, "city-b", 999, 9).await.is_empty());
        assert_eq!(due(&mut tx, "city-c", 1000, 9).await, [place(2, 0, 1)]);
        let heads = queue::heads(&mut tx).await.unwrap();
        let firsts: Vec<Place> = heads.iter().map(|head| head.place).collect();
        assert_eq!(firsts, [ours[0], ours[3], place(2, 0, 1)]);

        // The first of a lane holds the others back, also those that come later.
        let due_at = queue::put_off(&mut tx, &heads[0], 1000, 0, "busy").await.unwrap();
        assert_eq!(due_at, Some(9000));
        assert_eq!(queue::put_off(&mut tx, &heads[0], 1000, 0, "again").await.unwrap(), None);
        queue::insert(&mut tx, &[b(0, 12)], 1500).await.unwrap();
        assert_eq!(due(&mut tx, "city-b", 8999, 9).await, [ours[3]]);
        assert_eq!(due(&mut tx, "city-b", 9000, 9).await.len(), 5);
        let head: Waiting = queue::heads(&mut tx).await.unwrap().remove(0);
        let expected = (1, 9000, 1000, "busy");
        assert_eq!((head.attempts, head.due_ms, head.since_ms, head.problem.as_str()), expected);
        let due_at = queue::put_off(&mut tx, &head, 9000, 4000, "busy").await.unwrap();
        assert_eq!(due_at, Some(29_000));

        // Contact: due at once, but not sooner than a second after the last attempt.
        assert_eq!(queue::hurry(&mut tx, &city("city-b"), 9100).await.unwrap(), 1);
        assert!(!due(&mut tx, "city-b", 9999, 9).await.contains(&ours[0]));
        assert!(due(&mut tx, "city-b", 10_000, 9).await.contains(&ours[0]));
        assert_eq!(queue::hurry(&mut tx, &city("city-b"), 9100).await.unwrap(), 0);

        let backlogs = queue::backlogs(&mut tx).await.unwrap();
        let counted = backlogs.iter().map(|b| (b.peer.as_str(), b.letters, b.oldest_ms));
        assert_eq!(counted.collect::<Vec<_>>(), [("city-b", 5, 1000), ("city-c", 1, 1000)]);
        let gone = [ours[0], ours[3], place(1, 0, 12), place(9, 0, 1)];
        assert_eq!(queue::done(&mut tx, &gone).await.unwrap(), 3);
        assert_eq!(due(&mut tx, "city-b", 20_000, 9).await, ours[1..3]);
        tx.commit().await.unwrap();
    });
}

#[test]
fn timers_go_off_once() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let timer = |id: u8, due_ms| Timer {
            timer_id: [id; 16],
            due_ms,
            kind: "erase".into(),
            subject: vec![id, 0],
        };
        assert_eq!(queue::next_timer_ms(&mut tx, 0).await.unwrap(), None);
        let timers = vec![timer(3, 70), timer(2, 50), timer(1, 50), timer(4, 60)];
        queue::set_timers(&mut tx, timers).await.unwrap();
        assert_eq!(queue::next_timer_ms(&mut tx, 0).await.unwrap(), Some(50));
        let due = queue::timers_due(&mut tx, 60, 9).await.unwrap();
        assert_eq!(due, [timer(1, 50), timer(2, 50), timer(4, 60)]);
        assert_eq!(queue::timers_due(&mut tx, 60, 1).await.unwrap(), [timer(1, 50)]);
        assert!(queue::clear_timer(&mut tx, &[1; 16]).await.unwrap());
        assert!(!queue::clear_timer(&mut tx, &[1; 16]).await.unwrap());
        assert_eq!(queue::timers_due(&mut tx, 50, 9).await.unwrap(), [timer(2, 50)]);
        tx.commit().await.unwrap();
    });
}

#[test]
fn trouble_ends_with_contact() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let (b, c) = (city("city-b"), city("city-c"));
        queue::trouble(&mut tx, &c, "no answer").await.unwrap();
        queue::contact(&mut tx, &b, 40).await.unwrap();
        queue::trouble(&mut tx, &b, "refused").await.unwrap();
        queue::trouble(&mut tx, &b, "bad certificate").await.unwrap();
        let all = queue::contacts(&mut tx).await.unwrap();
        let told: Vec<_> = all.iter().map(|c| (c.last_ms, c.trouble.as_str())).collect();
        assert_eq!(told, [(40, "bad certificate"), (0, "no answer")]);
        queue::contact(&mut tx, &b, 50).await.unwrap();
        let all = queue::contacts(&mut tx).await.unwrap();
        assert_eq!((all[0].last_ms, all[0].trouble.as_str()), (50, ""));
        tx.commit().await.unwrap();
    });
}
