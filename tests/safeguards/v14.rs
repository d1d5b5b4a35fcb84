//! V14: nobody under 16 is placed in a job, whatever the other city's node let through.

use crate::common::{denied, released_as};
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, ItemStatus, Service};
use jieli_tests::people;
use jieli_tests::{Forger, Towns};

/// A job that Ruian has accepted and Kunming, cut off, has not answered.
async fn accepted() -> (Forger, jieli_proto::id::LegId) {
    let towns = Towns::new().await;
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.kunming.receipted(leg).await;
    towns.kunming.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    towns.ruian.receipted(leg).await;
    (Forger::beside(towns), leg)
}

/// What the desk is told when it reports the job of a person of that age band as found.
async fn placed(age_band: u64) -> (Forger, jieli_proto::id::LegId, Option<&'static str>) {
    let (forger, leg) = accepted().await;
    let forged = released_as(&forger, leg, &people::person(7), age_band).await;
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
    let ruian = &forger.towns.ruian;
    let outcome = people::outcome(Service::Employment, &forger.towns.terms(leg).await);
    let outcome = wire::DeskOutcome { told_in_person: true, ..outcome };
    let done = ruian.act(leg, Act::Outcome(outcome)).await;
    let word = if done.is_ok() { None } else { Some(denied(done)) };
    (forger, leg, word)
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_the_receiving_city_places_nobody_under_16() {
    for age_band in [1, 2] {
        let (forger, leg, word) = placed(age_band).await;
        assert_eq!(word, Some("UNDER_MIN_AGE"));
        let ruian = &forger.towns.ruian;
        assert_eq!(ruian.alarms().await, ["under-age-for-a-job"]);
        let not_realised = DecisionCode::UnderMinAge.into();
        let came_to_nothing = wire::DeskOutcome { not_realised, ..wire::DeskOutcome::default() };
        ruian.act(leg, Act::Outcome(came_to_nothing)).await.unwrap();
        ruian.reaches(leg, Stage::NotRealised).await;
        forger.towns.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_from_16_on_the_same_report_is_taken() {
    let (forger, _, word) = placed(3).await;
    assert_eq!(word, None);
    assert_eq!(forger.towns.ruian.alarms().await, Vec::<String>::new());
    forger.towns.stop().await;
}
