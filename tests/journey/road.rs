//! A family from the sheet to COMPLETED: job, school place, home; and medical cover, pulled.

use jieli_node::config::Database;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, MessageType, Service};
use jieli_tests::people::{self, FAMILY, FULL_SCHOOL};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Towns};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_road_between_two_cities_on_sqlite() {
    let towns = Towns::new().await;
    main_road(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_road_from_sqlite_to_postgres() {
    let pg = TestPg::create("road").await.unwrap();
    let towns = Towns::with(Database::Sqlite, pg.database(), AGREEMENT_DRAFT).await;
    main_road(&towns).await;
    towns.stop().await;
}

async fn main_road(towns: &Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::row(FAMILY)]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let mut household = Vec::new();
    for service in [Service::Schooling, Service::Housing] {
        let leg = kunming.leg_for(&case, service).await;
        towns.ruian_accepts(leg).await;
        // By the node itself, as soon as ACCEPT is there.
        kunming.reaches(leg, Stage::Released).await;
        ruian.reaches(leg, Stage::Released).await;
        household.push(leg);
    }
    let job = towns.job_to_released(&case).await;
    for leg in &household {
        towns.ruian_reports(*leg).await;
    }
    towns.ruian_reports(job).await;
    let here = ruian.case_of(&ruian.leg(job).await).await;
    let ballot = ruian.sms(&here, "私下问您").await;
    ruian.answer(&ballot, &[1]).await.unwrap();
    let all = [household, vec![job]].concat();
    for leg in &all {
        kunming.reaches(*leg, Stage::Fulfilled).await;
    }
    completes(towns, &case, 3).await;
    for leg in all {
        kunming.reaches(leg, Stage::Completed).await;
        ruian.reaches(leg, Stage::Completed).await;
    }
    medical(towns).await;
    towns.settled().await;
    assert_eq!(kunming.alarms().await, Vec::<String>::new());
    assert_eq!(ruian.alarms().await, Vec::<String>::new());
}

/// The worker confirms every item of a case.
async fn completes(towns: &Towns, case: &str, count: usize) {
    let kunming = &towns.kunming;
    jieli_tests::eventually("the questions whether it is done", async || {
        kunming.phones.about(case, "说已办成").len() == count
    })
    .await;
    for sms in kunming.phones.about(case, "说已办成") {
        kunming.answer(&sms, &[1]).await.unwrap();
    }
}

/// Asked by Ruian of Kunming, which holds the record.
async fn medical(towns: &Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = towns.pull_medical().await;
    ruian.ask_yes(&case).await;
    let leg = ruian.leg_for(&case, Service::Insurance).await;
    kunming.reaches(leg, Stage::Offered).await;
    kunming.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    let outcome = people::outcome(Service::Insurance, "");
    kunming.act(leg, Act::Outcome(outcome)).await.unwrap();
    let sms = ruian.sms(&case, "说已办成").await;
    ruian.answer(&sms, &[1]).await.unwrap();
    ruian.reaches(leg, Stage::Completed).await;
    kunming.reaches(leg, Stage::Completed).await;
    let types = kunming.types(leg).await;
    let all = [
        MessageType::Request,
        MessageType::TakeUp,
        MessageType::Outcome,
        MessageType::Complete,
    ];
    assert_eq!(types, all);
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
