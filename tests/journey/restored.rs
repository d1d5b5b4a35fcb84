//! A city comes back out of a backup: what the law and the persons need comes back with it.

use jieli_node::recovery;
use jieli_proto::case::Stage;
use jieli_proto::wire::MessageType;
use jieli_tests::people::home;
use jieli_tests::{Town, Towns, eventually};
use std::fs;
use std::path::{Path, PathBuf};

/// Copies a stopped city's database.
fn copy(from: &Path, to: &Path) {
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

async fn backup(town: &mut Town) -> PathBuf {
    town.stop().await;
    let to = town.dir.join("backup");
    fs::create_dir(&to).unwrap();
    copy(&town.dir, &to);
    town.start().await;
    to
}

async fn repaired(town: &Town) {
    let node = town.node();
    eventually("the log to be whole", async || {
        let done = recovery::repair(&node.hand(), &node.store(), node.house(), None).await;
        done.is_ok_and(|report| report.done)
    })
    .await;
}

/// Ruian is older than the RELEASE that it had receipted: the leg comes back by the law, and the
/// person by the same letter once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_comes_again_with_its_person() {
    let mut towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.settled().await;
    let kept = backup(&mut towns.ruian).await;
    towns.ruian_accepts(leg).await;
    towns.ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    let sections = "SELECT COUNT(*) FROM section_data WHERE slot > 0 AND slot < 250";
    let before = towns.ruian.count(sections).await;
    towns.ruian.stop().await;
    copy(&kept, &towns.ruian.dir);
    towns.ruian.start().await;
    repaired(&towns.ruian).await;
    assert_eq!(towns.ruian.leg(leg).await.law.state().stage, Stage::Released);
    eventually("the person to come again", async || towns.ruian.count(sections).await == before)
        .await;
    assert_eq!(towns.ruian.count("SELECT COUNT(*) FROM section_gap").await, 0);
    // Life goes on.
    towns.ruian_reports(leg).await;
    towns.kunming.reaches(leg, Stage::Fulfilled).await;
    towns.stop().await;
}

/// While Kunming cannot sign, the worker's stop is taken down, everything else is told to wait; and
/// the stop goes out first.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_taken_down_while_nothing_can_be_signed() {
    let mut towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.settled().await;
    let kept = backup(&mut towns.kunming).await;
    towns.ruian_accepts(leg).await;
    towns.kunming.reaches(leg, Stage::Released).await;
    towns.settled().await;
    towns.kunming.stop().await;
    copy(&kept, &towns.kunming.dir);
    towns.kunming.tap.set_cut(true);
    towns.kunming.start().await;
    let state = towns.kunming.node().hand().published().directory.recovering.clone();
    assert!(state.unwrap().words()[0].contains("正在恢复"));
    let denied = towns.kunming.open(&sms).await.unwrap_err().to_string();
    assert!(denied.contains("RECOVERING"), "{denied}");
    assert_eq!(towns.kunming.withdraw(&sms).await.unwrap().say_zh, "已收到");
    assert!(!towns.kunming.types(leg).await.contains(&MessageType::Withdraw));
    towns.kunming.tap.set_cut(false);
    repaired(&towns.kunming).await;
    assert_eq!(towns.kunming.types(leg).await.last(), Some(&MessageType::Withdraw));
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    eventually("Ruian to have erased", async || {
        towns.ruian.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    towns.stop().await;
}
