//! What systems are to be told, and which replica tells it.

use crate::support::on_both;
use jieli_node::store::Conn;
use jieli_node::store::hooks::{self, Hook, Told};

fn hook(id: u8) -> Hook {
    Hook {
        id: [id; 16],
        office: "11999999MB0000019T".to_owned(),
        token: format!("system-{id}"),
        url: "https://systems.example.cn/".to_owned(),
    }
}

async fn tell(conn: &mut Conn, hook: u8, id: u8, at_ms: u64) {
    let told = Told { case_number: "2026-000001".to_owned(), leg: 1, stage: format!("S{id}") };
    hooks::tell(conn, &[hook; 16], [id; 16], &told, at_ms).await.unwrap();
}

async fn next(conn: &mut Conn) -> Vec<(u8, u64)> {
    let all = hooks::next_up(conn).await.unwrap();
    all.iter().map(|next| (next.id[0], next.due_ms)).collect()
}

#[test]
fn each_address_is_told_in_order_and_what_waits_too_long_is_given_up() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        for id in [1, 2] {
            hooks::add(&mut tx, &hook(id), vec![id; 60], 1000).await.unwrap();
        }
        // Ids say nothing of the order.
        for (to, id, at_ms) in [(1, 9, 1000), (1, 3, 1000), (2, 5, 1000), (1, 7, 2000)] {
            tell(&mut tx, to, id, at_ms).await;
        }
        assert_eq!(next(&mut tx).await, [(9, 0), (5, 0)]);
        hooks::failed(&mut tx, &[1; 16], &[9; 16], (500, "it answers 500"), 6000).await.unwrap();
        assert_eq!(next(&mut tx).await, [(5, 0), (9, 6000)]);
        assert_eq!(hooks::waiting(&mut tx, &[9; 16]).await.unwrap(), Some(([1; 16], 1, 1000)));
        hooks::taken(&mut tx, &[1; 16], &[9; 16], 204, 6001).await.unwrap();
        assert_eq!(hooks::waiting(&mut tx, &[9; 16]).await.unwrap(), None);
        assert_eq!(next(&mut tx).await, [(3, 0), (5, 0)]);

        // Of the two that wait one is old enough.
        assert_eq!(hooks::give_up(&mut tx, &[1; 16], 999, 9000).await.unwrap(), (false, 0));
        assert_eq!(hooks::give_up(&mut tx, &[1; 16], 1000, 9000).await.unwrap(), (true, 1));
        assert_eq!(hooks::give_up(&mut tx, &[1; 16], 2000, 9500).await.unwrap(), (false, 1));
        let state = hooks::states(&mut tx).await.unwrap().remove(0);
        assert_eq!((state.dead_ms, state.waiting, state.taken_ms), (9000, (0, 0), 6001));
        hooks::retry(&mut tx, &[1; 16], 9600).await.unwrap();
        assert_eq!(next(&mut tx).await, [(3, 0), (5, 0)]);
        let lines = hooks::lines(&mut tx, None, "system-1", 9).await.unwrap();
        let seen: Vec<_> = lines.iter().map(|line| (line.id[0], line.state)).collect();
        assert_eq!(seen, [(7, "waiting"), (3, "waiting"), (9, "taken")]);
        hooks::forget(&mut tx, 6001).await.unwrap();
        assert_eq!(hooks::lines(&mut tx, None, "", 9).await.unwrap().len(), 4);
        hooks::forget(&mut tx, 6002).await.unwrap();
        assert_eq!(hooks::lines(&mut tx, None, "", 9).await.unwrap().len(), 3);
        hooks::remove(&mut tx, &[1; 16]).await.unwrap();
        assert_eq!(next(&mut tx).await, [(5, 0)]);
        assert_eq!(hooks::all(&mut tx).await.unwrap(), [hook(2)]);
        tx.commit().await.unwrap();
        drop(writer);
        store.close().await;
    });
}

#[test]
fn one_replica_at_a_time_has_a_lease() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let mut ask = async |who: u8, now_ms: u64, until_ms: u64| {
            hooks::lease(&mut tx, "webhooks", &[who; 16], now_ms, until_ms).await.unwrap()
        };
        assert!(ask(1, 1000, 2000).await);
        assert!(!ask(2, 1000, 2000).await && !ask(2, 1999, 3000).await, "it is taken");
        assert!(ask(1, 1500, 2500).await, "its holder has it for longer");
        assert!(!ask(2, 2000, 3000).await, "until then");
        assert!(ask(2, 2500, 3500).await && !ask(1, 2500, 3500).await, "its time was over");
        tx.commit().await.unwrap();
        drop(writer);
        store.close().await;
    });
}
