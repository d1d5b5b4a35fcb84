//! A family from the sheet to COMPLETED: job, school place, home; and medical cover, pulled.

use jieli_node::config::Database;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, MessageType, Service};
use jieli_tests::people::{self, FULL_SCHOOL};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Towns};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_road_between_two_cities_on_sqlite() {
    let towns = Towns::new().await;
    towns.main_road().await;
    towns.medical().await;
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new());
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_road_from_sqlite_to_postgres() {
    let pg = TestPg::create("road").await.unwrap();
    let towns = Towns::with(Database::Sqlite, pg.database(), AGREEMENT_DRAFT).await;
    towns.main_road().await;
    towns.medical().await;
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new());
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_school_place_never_stops_the_job() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::row(FULL_SCHOOL)]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let school = kunming.leg_for(&case, Service::Schooling).await;
    towns.ruian_acts(school, Act::TakeUp(wire::DeskTakeUp {})).await;
    let decision = DecisionCode::Capacity.into();
    let decline = wire::DeskDecline { decision, ..wire::DeskDecline::default() };
    towns.ruian_acts(school, Act::Decline(decline)).await;
    kunming.reaches(school, Stage::Declined).await;
    towns.job_to_released(&case).await;
    assert_eq!(kunming.stage(school).await, Some(Stage::Declined));
    assert!(!ruian.types(school).await.contains(&MessageType::Release));
    towns.settled().await;
    towns.stop().await;
}
