//! What was erased stays erased, and proven, whatever comes after: new keys, an old copy of the
//! database, a log that goes on in another epoch, a comparison of the lanes.

use crate::asked::{erased, returned, says_when};
use jieli_node::keys::{KeyName, Signer as _};
use jieli_node::reconcile::reconcile;
use jieli_node::recovery;
use jieli_node::store::mirror;
use jieli_node::world::Clock as _;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_tests::{Town, Towns, eventually};
use std::fs;
use std::path::Path;

const DATABASE: [&str; 3] = ["jieli.db", "jieli.db-wal", "jieli.db-shm"];

const VALUES: &str = "SELECT COUNT(*) FROM section_data";

/// Puts the database of a stopped city elsewhere, or back.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in DATABASE {
        let _ = fs::remove_file(to.join(name));
        let _ = fs::copy(from.join(name), to.join(name));
    }
}

/// The lanes agree, as either city finds.
async fn nothing_differs(towns: &Towns) {
    for town in [&towns.kunming, &towns.ruian] {
        let (node, which) = (town.node(), (towns.agreement, 0));
        let told = |_, _| ();
        let found = reconcile(&node.hand(), &node.store(), node.house(), which, &told).await;
        let found = found.unwrap();
        assert!(!found.lanes.is_empty() && found.differences.is_empty(), "{found:?}");
    }
}

/// Kunming's mirror holds all that Ruian's log has signed.
async fn mirrored(towns: &Towns) {
    eventually("the mirror", async || {
        let head = towns.ruian.node().hand().published().exchange.clone();
        let mut conn = towns.kunming.node().store().read().await.unwrap();
        let held = mirror::head(&mut conn, "jieli.ruian.zj/log/1").await.unwrap();
        held.is_some_and(|held| (held.size, held.root) == (head.size, head.root))
    })
    .await;
}

fn is_whole(town: &Town) -> bool {
    town.node().hand().published().directory.recovering.is_none()
}

/// What `jieli repair --new-epoch` does.
async fn goes_on_in_a_new_epoch(town: &Town) {
    let node = town.node();
    let (hand, store, house) = (node.hand(), node.store(), node.house().clone());
    let plan = recovery::plan(&hand, &store, &house).await.unwrap();
    let root = house.keys.root().unwrap();
    let fpr = Digest(root.public().fingerprint());
    let sealed = envelope::seal(&plan.successor.unwrap(), fpr, |pae| root.sign_now(pae));
    let report = recovery::repair(&hand, &store, &house, Some(sealed)).await.unwrap();
    assert!(report.done && report.origin == "jieli.ruian.zj/log/2", "{report:?}");
}

async fn afterwards(in_a_new_epoch: bool) {
    let mut towns = Towns::new().await;
    let (case, leg) = returned(&towns).await;
    let there = towns.ruian.case_of(&towns.ruian.leg(leg).await).await;
    let (folder, dir) = (tempfile::tempdir().unwrap(), towns.ruian.dir.clone());
    towns.ruian.stop().await;
    copy(&dir, folder.path());
    towns.ruian.start().await;
    assert!(towns.ruian.count(VALUES).await > 0, "the copy holds values");
    let said = erased(&towns, &case, leg).await;
    let day = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    for (town, other) in [(&towns.kunming, &towns.ruian), (&towns.ruian, &towns.kunming)] {
        town.rotate(KeyName::Message).await;
        town.is_held_by(&other.id()).await;
    }
    towns.settled().await;
    says_when(&towns, (&towns.kunming, &case), day, &said).await;
    mirrored(&towns).await;
    towns.ruian.stop().await;
    copy(folder.path(), &dir);
    if in_a_new_epoch {
        towns.kunming.stop().await;
        towns.ruian.start().await;
        // Nobody is there to ask, and what the copy brought back is gone all the same.
        assert!(!is_whole(&towns.ruian));
        assert_eq!(towns.ruian.count(VALUES).await, 0);
        towns.kunming.start().await;
        goes_on_in_a_new_epoch(&towns.ruian).await;
    } else {
        towns.ruian.start().await;
    }
    eventually("Ruian to sign again", async || is_whole(&towns.ruian)).await;
    towns.settled().await;
    assert_eq!(towns.ruian.count(VALUES).await, 0);
    eventually("the tombstone of what the copy had brought back", async || {
        towns.ruian.count("SELECT COUNT(*) FROM tombstone WHERE reason = 9").await > 0
    })
    .await;
    nothing_differs(&towns).await;
    says_when(&towns, (&towns.kunming, &case), day, &said).await;
    if !in_a_new_epoch {
        says_when(&towns, (&towns.ruian, &there), day, &said).await;
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_a_rebuilt_log_and_a_comparison_leave_it_so() {
    afterwards(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_leaves_it_so() {
    afterwards(true).await;
}
