//! Two cities that speak at the same time come to one result.

use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, MessageType};
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Sms, Towns};

/// Legs that were released or only taken up, with the code of each worker.
async fn legs(towns: &Towns) -> [(LegId, Sms); 3] {
    let cases = towns.kunming.import((1..=3).map(home).collect()).await;
    let mut all = Vec::new();
    for case in &cases {
        let sms = towns.kunming.ask_yes(case).await;
        let leg = towns.kunming.legs(case).await[0].id;
        towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
        all.push((leg, sms));
    }
    towns.ruian_acts(all[0].0, Act::Accept(wire::DeskAccept::default())).await;
    towns.ruian.reaches(all[0].0, Stage::Released).await;
    towns.settled().await;
    all.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_crosses_an_answer_gives_one_result_in_both_cities() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let [released, accepted, declined] = legs(&towns).await;
    for town in [kunming, ruian] {
        town.tap.set_cut(true);
    }
    towns.ruian_reports(released.0).await;
    ruian.act(accepted.0, Act::Accept(wire::DeskAccept::default())).await.unwrap();
    let decision = DecisionCode::Capacity.into();
    let decline = wire::DeskDecline { decision, ..wire::DeskDecline::default() };
    ruian.act(declined.0, Act::Decline(decline)).await.unwrap();
    for (_, sms) in [&released, &accepted, &declined] {
        kunming.withdraw(sms).await.unwrap();
    }
    for town in [kunming, ruian] {
        town.tap.set_cut(false);
    }
    towns.clock.move_on(2 * HOUR_MS);
    let results = [
        // The fact stands, and its use is stopped.
        (released.0, Stage::Fulfilled),
        (accepted.0, Stage::Withdrawn),
        (declined.0, Stage::Withdrawn),
    ];
    for (leg, stage) in results {
        kunming.holds(leg, MessageType::WithdrawEffect).await;
        for town in [kunming, ruian] {
            town.reaches(leg, stage).await;
            assert!(town.leg(leg).await.law.state().stop.any(), "{stage:?} in {town:?}");
        }
    }
    towns.settled().await;
    // No identity follows an ACCEPT that crossed the withdrawal.
    assert!(!ruian.types(accepted.0).await.contains(&MessageType::Release));
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "nobody misbehaved");
    }
    towns.stop().await;
}
