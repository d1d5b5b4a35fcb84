//! V2: consent per leg, office and purpose; each item its own yes or no; for one person at a time;
//! it ends after 180 days and with the leg.

use crate::common::{a_while, denied};
use jieli_node::world::Clock as _;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{self, FAMILY, home, person};
use jieli_tests::{HOUR_MS, Towns};

#[tokio::test(flavor = "multi_thread")]
async fn v02_each_item_of_a_sitting_is_answered_by_itself_and_silence_is_no() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let family = people::row(FAMILY);
    let worker = family.worker.clone().unwrap();
    let case = kunming.import(vec![family]).await.remove(0);
    let sitting = kunming.sit("union", &case, &worker, false).await.unwrap();
    assert_eq!(sitting.items.len(), 3);
    let numbers: Vec<u32> = sitting.items.iter().map(|item| item.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    // A number that was not asked is no answer at all; there is no word for "all".
    assert_eq!(denied(kunming.types_in("union", &sitting, &[1, 4], "").await), "NO_SUCH_NUMBER");
    kunming.types_in("union", &sitting, &[3], "").await.unwrap();
    let legs = kunming.legs(&case).await;
    towns.ruian.reaches(legs[2].id, Stage::Offered).await;
    towns.next_working_day();
    a_while().await;
    assert_eq!(towns.sent().await, 1, "one item was agreed to");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM consent").await, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v02_a_sitting_is_for_one_person_and_a_second_one_ends_the_first() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    // Another worker's document opens nothing of this case.
    assert_eq!(denied(kunming.sit("union", &cases[0], &person(2), false).await), "NO_MATCH");
    let first = kunming.sit("union", &cases[0], &person(1), false).await.unwrap();
    let second = kunming.sit("union", &cases[1], &person(2), false).await.unwrap();
    assert_eq!(denied(kunming.types_in("union", &first, &[1], "").await), "NO_SITTING");
    kunming.types_in("union", &second, &[1], "").await.unwrap();
    let legs = [kunming.legs(&cases[0]).await[0].id, kunming.legs(&cases[1]).await[0].id];
    towns.ruian.reaches(legs[1], Stage::Offered).await;
    a_while().await;
    assert!(towns.ruian.find(legs[0]).await.is_none());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v02_a_consent_of_more_than_180_days_releases_nothing() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.clock.move_on(181 * 24 * HOUR_MS);
    let slot = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms()).plus(20).number();
    ruian.act(leg, Act::Accept(wire::DeskAccept { slot_until: slot, window: None })).await.unwrap();
    kunming.reaches(leg, Stage::Accepted).await;
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted), "the old yes opens nothing");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v02_a_consent_ends_with_its_leg() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    let live = "SELECT COUNT(*) FROM consent WHERE ended_ms = 0";
    assert_eq!(kunming.count(live).await, 1);
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    let decline = wire::DeskDecline {
        decision: wire::DecisionCode::Capacity.into(),
        ..wire::DeskDecline::default()
    };
    ruian.act(leg, Act::Decline(decline)).await.unwrap();
    kunming.reaches(leg, Stage::Declined).await;
    assert_eq!((kunming.count(live).await, ruian.count(live).await), (0, 0));
    towns.stop().await;
}
