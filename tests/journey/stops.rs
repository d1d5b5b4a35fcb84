//! V6: a worker stops in every stage of the road; what waits to be sent then goes without the
//! person in it.

use jieli_proto::case::{Side, Stage};
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, ItemStatus, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{HOUR_MS, Sms, Towns, eventually};

async fn stopped(towns: &Towns, leg: LegId, sms: &Sms, stage: Stage) {
    let reply = towns.kunming.withdraw(sms).await.unwrap();
    assert_eq!(reply.say_zh, "已收到");
    towns.kunming.reaches(leg, stage).await;
    towns.kunming.holds(leg, MessageType::WithdrawEffect).await;
    towns.ruian.reaches(leg, stage).await;
    for town in [&towns.kunming, &towns.ruian] {
        let file = town.leg(leg).await;
        assert!(*file.law.state().stop.of(Side::Initiator), "stop in {town:?}");
        assert!(file.law.is_closed(), "{stage:?} in {town:?}");
    }
    let types = towns.ruian.types(leg).await;
    assert!(types.contains(&MessageType::Withdraw) && types.contains(&MessageType::WithdrawEffect));
    // Stopping twice is one stop.
    assert_eq!(towns.kunming.withdraw(sms).await.unwrap(), reply);
    let count =
        |types: &[MessageType]| types.iter().filter(|ty| **ty == MessageType::Withdraw).count();
    assert_eq!(count(&towns.kunming.types(leg).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_withdraw_works_in_every_stage_of_the_road() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import((1..=5).map(home).collect()).await;
    let mut at = Vec::new();
    for case in &cases {
        let sms = kunming.ask_yes(case).await;
        let leg = kunming.legs(case).await[0].id;
        ruian.reaches(leg, Stage::Offered).await;
        at.push((leg, sms));
    }
    let [offered, taken, released, fulfilled, completed] = [&at[0], &at[1], &at[2], &at[3], &at[4]];
    stopped(&towns, offered.0, &offered.1, Stage::Withdrawn).await;
    towns.ruian_acts(taken.0, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.reaches(taken.0, Stage::TakenUp).await;
    stopped(&towns, taken.0, &taken.1, Stage::Withdrawn).await;
    for (leg, _) in [released, fulfilled, completed] {
        towns.ruian_accepts(*leg).await;
        ruian.reaches(*leg, Stage::Released).await;
    }
    stopped(&towns, released.0, &released.1, Stage::Withdrawn).await;
    for (leg, _) in [fulfilled, completed] {
        towns.ruian_reports(*leg).await;
        kunming.reaches(*leg, Stage::Fulfilled).await;
    }
    stopped(&towns, fulfilled.0, &fulfilled.1, Stage::Fulfilled).await;
    let done = kunming.sms(&cases[4], "说已办成").await;
    kunming.answer(&done, &[1]).await.unwrap();
    ruian.reaches(completed.0, Stage::Completed).await;
    stopped(&towns, completed.0, &completed.1, Stage::Completed).await;
    towns.settled().await;
    // Nothing of a withdrawn person is left in Ruian.
    eventually("Ruian to have erased", async || {
        ruian.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    assert_eq!(ruian.count("SELECT COUNT(*) FROM blind_index").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_withdraw_works_while_a_job_is_accepted_and_from_the_notice_of_ruian() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(people::single(2)).await;
    let mut codes = Vec::new();
    for case in &cases {
        codes.push(kunming.ask_yes(case).await);
    }
    towns.next_working_day();
    let accepted = kunming.leg_for(&cases[0], Service::Employment).await;
    towns.ruian_accepts(accepted).await;
    kunming.reaches(accepted, Stage::Accepted).await;
    stopped(&towns, accepted, &codes[0], Stage::Withdrawn).await;
    // V22: what arrives under a name is told to that person, who can stop it there.
    let job = towns.job_to_released(&cases[1]).await;
    let here = ruian.case_of(&ruian.leg(job).await).await;
    let sms = ruian.sms(&here, "如果不是您本人的意思").await;
    ruian.withdraw(&sms).await.unwrap();
    ruian.reaches(job, Stage::Withdrawn).await;
    kunming.reaches(job, Stage::Withdrawn).await;
    ruian.holds(job, MessageType::WithdrawEffect).await;
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_waits_goes_withheld_after_the_worker_withdraws() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(7)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.receipted(leg).await;
    kunming.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    kunming.reaches(leg, Stage::Released).await;
    // Long enough for tries that fail.
    towns.clock.move_on(HOUR_MS);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ruian.stage(leg).await, Some(Stage::Accepted));
    kunming.withdraw(&sms).await.unwrap();
    kunming.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    for town in [kunming, ruian] {
        town.reaches(leg, Stage::Withdrawn).await;
        town.holds(leg, MessageType::WithdrawEffect).await;
    }
    towns.settled().await;
    let types = ruian.types(leg).await;
    let order = [
        MessageType::Offer,
        MessageType::TakeUp,
        MessageType::Accept,
        MessageType::Release,
        MessageType::Withdraw,
        MessageType::WithdrawEffect,
    ];
    assert_eq!(types, order);
    let release = ruian.leg(leg).await.latest(MessageType::Release).unwrap().lane_seq;
    for town in [kunming, ruian] {
        let item = town.item(towns.agreement, 0, release).await.unwrap();
        assert_eq!(item.status(), ItemStatus::StoredWithheld, "{town:?}");
    }
    let person = people::person(7);
    for secret in people::secrets([&person]) {
        assert!(!crate::capture::holds(&towns.from_kunming(), &secret), "{secret}");
    }
    assert!(ruian.phones.all().is_empty());
    towns.stop().await;
}
