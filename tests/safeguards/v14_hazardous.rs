//! V14: nobody of 16 or 17 is sent to a hazardous post, by the sending city or past it.

use crate::common::{denied, released_as};
use crate::v14_guardian::{BORN, GUARDIAN, PHONE, youth};
use jieli_node::command::DeskCommand;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Service};
use jieli_tests::people::{self, person_born, text};
use jieli_tests::{Forger, Towns, eventually};

/// A post in a mine: class 616 of the list of occupations.
const MINE: &str = "V-2026-0616";
const MINERS: u32 = 61_601;

/// Both cities; Ruian has announced the mine as well.
async fn with_a_mine() -> Towns {
    let towns = Towns::new().await;
    let mut vacancy = people::vacancies().remove(0);
    if let Some(terms) = &mut vacancy.terms {
        (terms.reference, terms.occupation) = (MINE.to_owned(), MINERS);
    }
    let vacancies = vec![vacancy];
    let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    towns.ruian.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    let there = "SELECT COUNT(*) FROM vacancy WHERE reference = 'V-2026-0616'";
    eventually("the post", async || towns.kunming.count(there).await == 1).await;
    towns
}

/// The draft of a worker for that post.
fn for_the_mine(mut draft: wire::Draft) -> wire::Draft {
    let leg = &mut draft.legs[0];
    leg.person = None;
    leg.fields.retain(|field| (field.section, field.field) != (1, 1));
    leg.fields.insert(0, text(1, 1, MINE));
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_nobody_of_16_or_17_is_asked_about_a_hazardous_post() {
    let towns = with_a_mine().await;
    let kunming = &towns.kunming;
    let minor = for_the_mine(youth(PHONE, ["吕明", GUARDIAN]));
    let adult = for_the_mine(people::single(1).remove(0));
    let cases = kunming.import(vec![minor, adult]).await;
    let reply = kunming.ask(&cases).await;
    assert_eq!(reply.asked, 1, "{reply:?}");
    assert_eq!(reply.not_ready, 1);
    assert!(reply.why[0].contains("hazardous post"), "{reply:?}");
    kunming.sms(&cases[1], "逐项回答").await;
    assert!(kunming.phones.about(&cases[0], "").is_empty());
    // Nor at a window.
    let sitting = kunming.sit("union", &cases[0], &person_born(1, BORN), false).await.unwrap();
    assert!(sitting.items.is_empty(), "{sitting:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_the_receiving_city_places_nobody_of_16_or_17_in_one() {
    let towns = with_a_mine().await;
    let case = towns.kunming.import(vec![for_the_mine(people::single(1).remove(0))]).await;
    towns.kunming.ask_yes(&case[0]).await;
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case[0], Service::Employment).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.kunming.receipted(leg).await;
    towns.kunming.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    towns.ruian.receipted(leg).await;
    let forger = Forger::beside(towns);
    let forged = released_as(&forger, leg, &person_born(7, BORN), 3).await;
    assert!(forger.say(&forged).await.is_ok());
    let ruian = &forger.towns.ruian;
    let outcome = people::outcome(Service::Employment, &forger.towns.terms(leg).await);
    let outcome = wire::DeskOutcome { told_in_person: true, ..outcome };
    assert_eq!(denied(ruian.act(leg, Act::Outcome(outcome)).await), "HAZARDOUS_POST");
    let not_realised = DecisionCode::Law.into();
    let came_to_nothing = wire::DeskOutcome { not_realised, ..wire::DeskOutcome::default() };
    // Kunming never said what was forged, and would refuse what follows it.
    ruian.tap.set_cut(true);
    ruian.act(leg, Act::Outcome(came_to_nothing)).await.unwrap();
    ruian.reaches(leg, Stage::NotRealised).await;
    forger.towns.stop().await;
}
