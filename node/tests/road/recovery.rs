//! A restored backup: noticed at the first greeting, rebuilt to the root that was signed, and never
//! two signed roots of one size.

use crate::evidence;
use crate::harness::*;
use crate::houses::{self, On};
use crate::witness;
use jieli_node::command::Command;
use jieli_node::keys::{KeyRing, Signer as _};
use jieli_node::recovery::{self, Cause};
use jieli_node::store::{log, mirror};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::tree::Hash;
use jieli_proto::wire::DeferReason;
use jieli_proto::wire::answer::Answer;
use std::fs;
use std::sync::atomic::Ordering;

/// Origins of the two exchange logs.
const ORIGINS: [&str; 2] = ["jieli.kunming.yn/log/1", "jieli.ruian.zj/log/1"];

/// The head of a city's exchange log.
fn head(city: &City) -> (u64, Hash) {
    let head = city.node().hand().published().exchange.clone();
    (head.size, head.root)
}

/// The root at an earlier size.
async fn root_at(city: &City, size: u64) -> Hash {
    let published = city.node().hand().published();
    let mut conn = city.node().store().read().await.unwrap();
    log::root_at(&mut conn, published.exchange.id, size).await.unwrap()
}

/// Waits until the other city has mirrored all of a city's log.
pub(crate) async fn mirrored(pair: &Pair, which: usize) {
    let other = &pair.cities[1 - which];
    within(90, "the mirror", async || {
        let mut conn = other.node().store().read().await.unwrap();
        let held = mirror::head(&mut conn, ORIGINS[which]).await.unwrap();
        held.is_some_and(|held| (held.size, held.root) == head(&pair.cities[which]))
    })
    .await;
}

/// Messages written at once; the cities take turns.
const AT_ONCE: u32 = 50;

fn writer(number: u32) -> usize {
    (number / AT_ONCE % 2) as usize
}

/// Of so many messages those that a city writes.
fn written(k: u32, by: usize) -> Vec<u32> {
    (0..k).filter(|number| writer(*number) == by).collect()
}

/// A pair of which `which` has a backup that is `k` messages old, and then stopped. Returns the
/// head that it had signed.
pub(crate) async fn with_backup(
    pair: &mut Pair,
    id: AgreementId,
    which: usize,
    k: u32,
) -> (u64, Hash) {
    pair.settled(id).await;
    pair.cities[which].stop().await;
    let backup = pair.folder.path().join("backup");
    houses::back_up(&pair.cities[which], &backup).await;
    pair.cities[which].start().await;
    for from in (0..k).step_by(AT_ONCE as usize) {
        let writer = &pair.cities[writer(from)];
        writer.announce(from..k.min(from + AT_ONCE)).await.unwrap();
    }
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    witness::quiet_both(pair).await;
    mirrored(pair, which).await;
    let signed = head(&pair.cities[which]);
    pair.cities[which].stop().await;
    houses::restore(&pair.cities[which], &backup).await;
    signed
}

/// Both cities write to each other, and hold the same.
pub(crate) async fn goes_on(pair: &Pair, id: AgreementId, from: u32) {
    pair.a().announce(from..from + 3).await.unwrap();
    pair.b().announce(from..from + 3).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.quiet(id).await;
    // What newer words have overtaken on the way can hold a peer back for a moment.
    eventually("the peer is not held back", async || {
        pair.clock.move_on(1_000);
        let published = pair.a().node().hand().published();
        published.directory.peers.values().all(|peer| peer.quarantine.is_none())
    })
    .await;
    witness::nobody_is_accused(pair).await;
    witness::quiet_both(pair).await;
}

/// What a peer must have been told when the other one's log went back and was rebuilt.
async fn was_noticed(city: &City) {
    let alarms = city.alarms().await;
    let kinds: Vec<&str> = alarms.iter().map(|alarm| alarm.split(':').next().unwrap()).collect();
    assert!(kinds.contains(&"log-went-back"), "{alarms:?}");
    assert!(kinds.contains(&"log-restored"), "{alarms:?}");
    assert!(!kinds.contains(&"split-view") && !kinds.contains(&"inconsistent-heads"), "{alarms:?}");
    let statements = "SELECT CAST(COUNT(*) AS BIGINT) FROM log_statement WHERE next_epoch = 0";
    assert_eq!(city.count(statements, Vec::new()).await, 1);
}

/// Plain: nothing new before the node is back.
async fn restored(on: On, which: usize, k: u32) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    let (size, root) = with_backup(&mut pair, id, which, k).await;
    pair.cities[which].start().await;
    eventually("it signs again", async || pair.cities[which].cause().is_none()).await;
    let (now, _) = head(&pair.cities[which]);
    assert!(now >= size && root_at(&pair.cities[which], size).await == root);
    goes_on(&pair, id, k).await;
    was_noticed(&pair.cities[1 - which]).await;
    assert_eq!(root_at(&pair.cities[which], size).await, root);
    mirrored(&pair, which).await;
    let published = pair.cities[which].node().hand().published();
    assert_eq!(published.local.id.epoch, 2);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_old() {
    restored(On::Sqlite, B, 1).await;
    restored(On::Sqlite, A, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_messages_old() {
    restored(On::Sqlite, B, 10).await;
    restored(On::Sqlite, A, 10).await;
}

/// Words about a log that newer ones have overtaken on the way accuse nobody; and who is held back
/// all the same proves by its newest head that it never went back.
#[tokio::test(flavor = "multi_thread")]
async fn overtaken_words_hold_nobody_back_for_long() {
    overtaken(On::Sqlite).await;
}

async fn overtaken(on: On) {
    let (pair, id) = Pair::agreed_on(on).await;
    pair.a().announce(0..5).await.unwrap();
    pair.settled(id).await;
    mirrored(&pair, 0).await;
    let (size, _) = head(pair.a());
    let said = |held_before| {
        let (origin, seen) = (ORIGINS[0].to_owned(), String::new());
        Box::new(recovery::Greeted {
            origin,
            seen,
            size: size - 2,
            held_before,
            ..Default::default()
        })
    };
    let (hand, kunming) = (pair.b().node().hand(), pair.a().id());
    hand.perform(Command::Greeted(kunming.clone(), said(size - 2))).await.unwrap();
    assert_eq!(pair.b().alarms().await, Vec::<String>::new());
    hand.perform(Command::Greeted(kunming.clone(), said(size))).await.unwrap();
    assert!(hand.published().directory.peers[&kunming].quarantine.is_some());
    goes_on(&pair, id, 5).await;
    assert!(hand.published().directory.peers[&kunming].quarantine.is_none());
    let alarms = pair.b().alarms().await;
    let kinds: Vec<&str> = alarms.iter().map(|alarm| alarm.split(':').next().unwrap()).collect();
    assert_eq!(kinds, ["log-went-back", "log-unbroken"]);
    pair.stop().await;
}

/// The same of a city that had been restored before: its statement of then reaches less far than
/// what was seen of its log since.
#[tokio::test(flavor = "multi_thread")]
async fn overtaken_words_after_a_repair_hold_nobody_back() {
    overtaken_after_repair(On::Sqlite).await;
}

async fn overtaken_after_repair(on: On) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    with_backup(&mut pair, id, B, 10).await;
    pair.cities[B].start().await;
    eventually("it signs again", async || pair.b().cause().is_none()).await;
    goes_on(&pair, id, 10).await;
    mirrored(&pair, B).await;
    let (held_before, _) = head(pair.b());
    let (origin, seen) = (ORIGINS[B].to_owned(), String::new());
    let size = held_before - 2;
    let said = recovery::Greeted { origin, seen, size, held_before, ..Default::default() };
    let (hand, ruian) = (pair.a().node().hand(), pair.b().id());
    hand.perform(Command::Greeted(ruian.clone(), Box::new(said))).await.unwrap();
    assert!(hand.published().directory.peers[&ruian].quarantine.is_some());
    goes_on(&pair, id, 20).await;
    let alarms = pair.a().alarms().await;
    let kinds: Vec<&str> = alarms.iter().map(|alarm| alarm.split(':').next().unwrap()).collect();
    assert!(kinds.contains(&"log-unbroken"), "{alarms:?}");
    assert!(!kinds.contains(&"statement-refused"), "{alarms:?}");
    pair.stop().await;
}

/// With new traffic of the peer before the repair: its letters are put off, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_meanwhile_waits() {
    meanwhile(On::Sqlite, 1).await;
    meanwhile(On::Sqlite, 10).await;
}

async fn meanwhile(on: On, k: u32) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    let (size, root) = with_backup(&mut pair, id, B, k).await;
    // It cannot ask anybody, but can be called.
    pair.b().cut(true);
    pair.cities[B].start().await;
    assert_eq!(pair.b().cause(), Some(Cause::Behind));
    pair.a().announce(k..k + 10).await.unwrap();
    let lost = u64::from(k.min(6));
    let letters = pair.a().letters(id, 0, lost..=lost).await;
    let (post, to) = (pair.a().post(), pair.b().id());
    let Answer::Defer(defer) = only(post.deliver(&to, letters, Vec::new()).await.unwrap()) else {
        panic!("it was taken")
    };
    assert_eq!(defer.reason(), DeferReason::Recovering);
    eventually("the alarm", async || {
        let alarms = pair.a().alarms().await;
        alarms.iter().any(|alarm| alarm.starts_with("log-went-back"))
    })
    .await;
    assert!(pair.b().signs_nothing().await);
    let report = pair.b().repair().await.unwrap();
    assert!(!report.done && report.notes.iter().any(|note| note.contains("kunming.yn")));
    pair.b().cut(false);
    let report = pair.b().repair().await.unwrap();
    assert!(report.done && report.known_size == size, "{report:?}");
    goes_on(&pair, id, k + 10).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), written(k, A).len() + 13);
    assert_eq!(root_at(pair.b(), size).await, root);
    was_noticed(pair.a()).await;
    pair.stop().await;
}

/// The high-water file came back with the backup: only the peer can tell.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_high_water_file_deceives_nobody() {
    old_file(On::Sqlite).await;
}

async fn old_file(on: On) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    pair.settled(id).await;
    let file = pair.b().dir.join(jieli_node::highwater::FILE);
    let old = fs::read(&file).unwrap();
    let (size, root) = with_backup(&mut pair, id, B, 10).await;
    fs::write(&file, old).unwrap();
    pair.cities[B].start().await;
    assert_eq!(pair.b().cause(), Some(Cause::Behind));
    let report = pair.b().repair().await.unwrap();
    assert!(report.done, "{report:?}");
    assert_eq!(root_at(pair.b(), size).await, root);
    goes_on(&pair, id, 10).await;
    was_noticed(pair.a()).await;
    pair.stop().await;
}

/// What no mirror has yet is put into the one order that leads to the signed root.
#[tokio::test(flavor = "multi_thread")]
async fn the_tail_is_found_without_a_mirror() {
    tail(On::Sqlite).await;
}

async fn tail(on: On) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    pair.settled(id).await;
    pair.cities[B].stop().await;
    let backup = pair.folder.path().join("backup");
    houses::back_up(pair.b(), &backup).await;
    pair.cities[B].start().await;
    // From now on nothing of Ruian's log is mirrored.
    pair.a().tap.twist.store(true, Ordering::SeqCst);
    pair.b().announce(0..1).await.unwrap();
    // Not "settled": tiles that lead to no head are an alarm, sooner or later.
    pair.quiet(id).await;
    pair.a().announce(0..1).await.unwrap();
    pair.quiet(id).await;
    let (size, root) = head(pair.b());
    pair.cities[B].stop().await;
    houses::restore(pair.b(), &backup).await;
    pair.cities[B].start().await;
    eventually("it signs again", async || pair.b().cause().is_none()).await;
    assert_eq!(root_at(pair.b(), size).await, root);
    pair.a().tap.twist.store(false, Ordering::SeqCst);
    goes_on(&pair, id, 10).await;
    pair.stop().await;
}

/// No database at all is the oldest copy of all: the peer is added by hand, all else comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_comes_back() {
    lost(On::Sqlite).await;
}

async fn lost(on: On) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    let (size, root) = with_backup(&mut pair, id, B, 10).await;
    houses::lose(pair.b()).await;
    pair.cities[B].start().await;
    assert_eq!(pair.b().cause(), Some(Cause::Behind));
    pair.b().add_peer(pair.a()).await;
    let report = pair.b().repair().await.unwrap();
    assert!(report.done, "{report:?}");
    assert_eq!(root_at(pair.b(), size).await, root);
    goes_on(&pair, id, 10).await;
    was_noticed(pair.a()).await;
    pair.stop().await;
}

/// What was signed and reached nobody cannot be rebuilt: the log goes on in a new epoch, and what the
/// peer holds goes into it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rebuilt_goes_on_in_a_new_epoch() {
    new_epoch(On::Sqlite).await;
}

async fn new_epoch(on: On) {
    let (mut pair, id) = Pair::agreed_on(on).await;
    pair.settled(id).await;
    pair.cities[B].stop().await;
    let backup = pair.folder.path().join("backup");
    houses::back_up(pair.b(), &backup).await;
    pair.cities[B].start().await;
    pair.a().tap.twist.store(true, Ordering::SeqCst);
    pair.a().announce(0..2).await.unwrap();
    pair.b().announce(0..2).await.unwrap();
    pair.quiet(id).await;
    pair.b().cut(true);
    pair.a().cut(true);
    pair.b().announce(2..4).await.unwrap();
    pair.cities[B].stop().await;
    pair.b().cut(false);
    houses::restore(pair.b(), &backup).await;
    pair.cities[B].start().await;
    let report = pair.b().repair().await.unwrap();
    assert!(!report.done && pair.b().cause() == Some(Cause::Behind), "{report:?}");
    let node = pair.b().node();
    let (hand, store, house) = (node.hand(), node.store(), node.house().clone());
    let plan = recovery::plan(&hand, &store, &house).await.unwrap();
    let successor = plan.successor.unwrap();
    assert_eq!(successor.new_origin, "jieli.ruian.zj/log/2");
    let root = house.keys.root().unwrap();
    let fpr = Digest(root.public().fingerprint());
    // Another key than the root says nothing.
    let log_key = KeyRing::load(&pair.a().dir, &pair.a().id(), None).unwrap().root().unwrap();
    let forged = envelope::seal(&successor, Digest(log_key.public().fingerprint()), |pae| {
        log_key.sign_now(pae)
    });
    let denied = recovery::repair(&hand, &store, &house, Some(forged)).await.unwrap_err();
    assert!(denied.to_string().contains("BAD_SUCCESSOR"), "{denied}");
    let sealed = envelope::seal(&successor, fpr, |pae| root.sign_now(pae));
    let report = recovery::repair(&hand, &store, &house, Some(sealed)).await.unwrap();
    assert!(report.done && report.origin == "jieli.ruian.zj/log/2", "{report:?}");
    assert_eq!(pair.b().cause(), None);
    pair.a().cut(false);
    pair.a().tap.twist.store(false, Ordering::SeqCst);
    goes_on(&pair, id, 10).await;
    assert_eq!((pair.b().lane(id, 0).await.len(), pair.b().lane(id, 1).await.len()), (5, 5));
    let known = pair.a().node().hand().published().directory.peers[&pair.b().id()].epoch;
    assert_eq!(known, 2);
    let cosigned = pair.b().node().hand().published().cosigned.clone().unwrap();
    assert!(cosigned.note.starts_with("jieli.ruian.zj/log/2\n"), "{}", cosigned.note);
    // And once more after a start: the new epoch is whole.
    drop((hand, store, house));
    pair.cities[B].stop().await;
    pair.cities[B].start().await;
    assert_eq!(pair.b().cause(), None);
    goes_on(&pair, id, 20).await;
    evidence::verifies_across_epochs(&pair, id).await;
    witness::what_an_ended_epoch_says(&pair, successor.old_size).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_old() {
    restored(On::Sqlite, B, 1000).await;
    restored(On::Sqlite, A, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_meanwhile_waits_for_a_thousand() {
    meanwhile(On::Sqlite, 1000).await;
}

mod the_same_on_postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_message_old() {
        if houses::is_here() {
            restored(On::Postgres, B, 1).await;
            restored(On::Postgres, A, 1).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_messages_old() {
        if houses::is_here() {
            restored(On::Postgres, B, 10).await;
            restored(On::Postgres, A, 10).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_meanwhile_waits() {
        if houses::is_here() {
            meanwhile(On::Postgres, 1).await;
            meanwhile(On::Postgres, 10).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_old_high_water_file_deceives_nobody() {
        if houses::is_here() {
            old_file(On::Postgres).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn overtaken_words_hold_nobody_back_for_long() {
        if houses::is_here() {
            overtaken(On::Postgres).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tail_is_found_without_a_mirror() {
        if houses::is_here() {
            tail(On::Postgres).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_database_comes_back() {
        if houses::is_here() {
            lost(On::Postgres).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_rebuilt_goes_on_in_a_new_epoch() {
        if houses::is_here() {
            new_epoch(On::Postgres).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_messages_old() {
        if houses::is_here() {
            restored(On::Postgres, B, 1000).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_meanwhile_waits_for_a_thousand() {
        if houses::is_here() {
            meanwhile(On::Postgres, 1000).await;
        }
    }
}
