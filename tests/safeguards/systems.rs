//! V13, V1 and V19 for an office's other systems: one office, one section of one leg at a time, for a
//! purpose that the person reads; no person is listed, and nothing is said in a person's name.

use jieli_node::serve::desk::systems::SystemsDoor;
use jieli_node::tokens::Tokens;
use jieli_proto::case::Stage;
use jieli_proto::section::PERSON;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::systems_server::Systems as _;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::home;
use jieli_tests::{Town, Towns, office};
use std::sync::Arc;

/// A system of the labour office, which is the one that imports.
const ROLL: &str = "records";
/// One of the coordination window, which acts for every office of the city.
const COUNTER: &str = "counter";
const PURPOSE: &str = "办理业务";

fn door(town: &Town) -> SystemsDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    SystemsDoor::new(node.hand().clone(), node.store().clone(), node.house().clone(), tokens)
}

/// The word of a denial.
fn word<T: std::fmt::Debug>(reply: Result<tonic::Response<T>, tonic::Status>) -> String {
    let status = reply.unwrap_err();
    status.metadata().get("jieli-code").unwrap().to_str().unwrap().to_owned()
}

async fn open(town: &Town, token: &str, case: &str, purpose: &str) -> Result<usize, String> {
    let ask = wire::SectionRequest {
        case_number: case.to_owned(),
        leg: 1,
        section: u32::from(PERSON),
        purpose: purpose.to_owned(),
    };
    match door(town).open_section(town.signed(token, ask)).await {
        Ok(reply) => Ok(reply.into_inner().fields.len()),
        Err(status) => Err(word::<()>(Err(status))),
    }
}

async fn listed(town: &Town, token: &str) -> usize {
    let ask = wire::ListCasesRequest::default();
    door(town).list_legs(town.signed(token, ask)).await.unwrap().into_inner().cases.len()
}

async fn shown(
    town: &Town,
    token: &str,
    case: &str,
    purpose: &str,
) -> Result<wire::CaseView, String> {
    let (case_number, purpose) = (case.to_owned(), purpose.to_owned());
    let ask = wire::CaseRef { case_number, purpose, ..wire::CaseRef::default() };
    let reply = door(town).show_legs(town.signed(token, ask)).await;
    reply.map(tonic::Response::into_inner).map_err(|status| word::<()>(Err(status)))
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_see_their_own_office_and_open_one_section_that_the_person_reads_about() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    assert_eq!(kunming.legs(&case).await[0].our_office, office::KUNMING);
    // Of the own office, and of no other although that office acts for this one.
    assert_eq!((listed(kunming, ROLL).await, listed(kunming, COUNTER).await), (1, 0));
    assert_eq!(shown(kunming, COUNTER, &case, "").await.unwrap_err(), "NOT_FOUND");
    assert_eq!(open(kunming, COUNTER, &case, PURPOSE).await.unwrap_err(), "NOT_FOUND");
    // No person with the stages, and none for the asking.
    let view = shown(kunming, ROLL, &case, "").await.unwrap();
    assert!(view.legs.iter().all(|leg| leg.fields.is_empty()));
    assert_eq!(shown(kunming, ROLL, &case, PURPOSE).await.unwrap_err(), "ONE_SECTION");
    // For a purpose of the list, written down before it is shown.
    let local = || kunming.node().hand().published().local.size;
    for purpose in ["", "随便看看"] {
        assert_eq!(open(kunming, ROLL, &case, purpose).await.unwrap_err(), "NO_PURPOSE");
    }
    let before = local();
    assert!(open(kunming, ROLL, &case, PURPOSE).await.unwrap() >= 3);
    assert_eq!(local(), before + 1);
    // While the person is asked and has not answered, nobody is shown (V23).
    let sms = kunming.ask_yes(&case).await;
    let ask = wire::WorkerRequest { code: sms.code(), case_number: case };
    let looks = kunming.who_looked(ask).await.unwrap().looks;
    let look = looks.iter().find(|look| look.view == "section").unwrap();
    assert_eq!((look.system.as_str(), look.purpose.as_str()), (ROLL, PURPOSE));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_are_shown_nobody_who_has_been_asked_and_hear_of_no_answer() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    kunming.ask(&cases).await;
    for case in &cases {
        assert_eq!(open(kunming, ROLL, case, PURPOSE).await.unwrap_err(), "NOT_FOUND");
    }
    let sms = kunming.sms(&cases[0], "逐项回答").await;
    kunming.open(&sms).await.unwrap();
    kunming.answer(&sms, &[]).await.unwrap();
    let changes = || async {
        let ask = wire::ChangesRequest { after: 0, most: 100 };
        door(kunming).list_changes(kunming.signed(ROLL, ask)).await.unwrap().into_inner()
    };
    // Neither the no nor the silence is a change, in a list or in a number.
    assert_eq!((changes().await.changes.len(), changes().await.latest), (0, 0));
    assert_eq!(listed(kunming, ROLL).await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_say_nothing_in_a_persons_name() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    ruian.reaches(leg, Stage::Offered).await;
    let view = shown(kunming, ROLL, &case, "").await.unwrap();
    for closed in ["withdraw", "ask", "undo", "again"] {
        assert!(view.legs.iter().all(|leg| !leg.next.iter().any(|step| step == closed)));
    }
    let closed = [
        Act::Withdraw(wire::DeskWithdraw {}),
        Act::Supply(wire::DeskSupply { at_window: true, ..Default::default() }),
        Act::Outcome(wire::DeskOutcome { told_in_person: true, ..Default::default() }),
        Act::Correct(wire::DeskCorrect { as_asked: true, ..Default::default() }),
        Act::Correct(wire::DeskCorrect { not_as_asked: true, ..Default::default() }),
    ];
    for act in closed {
        let ask = wire::ActRequest { case_number: case.clone(), leg: 1, act: Some(act) };
        let reply = door(kunming).take_step(kunming.signed(ROLL, ask)).await;
        assert_eq!(word(reply), "NOT_FOR_SYSTEM");
    }
    // Nor does it act in a leg that another office handles, through an office that acts for all.
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    let act = Some(Act::TakeUp(wire::DeskTakeUp {}));
    let ask = wire::ActRequest { case_number: there, leg: 1, act };
    let reply = door(ruian).take_step(ruian.signed(COUNTER, ask)).await;
    assert_eq!(word(reply), "NOT_FOUND");
    assert_eq!(ruian.stage(leg).await, Some(Stage::Offered));
    let cut = wire::Cut { service: Service::Housing.into(), home_kind: 1, ..Default::default() };
    let (cut, valid_until) = (Some(cut), 20_261_231);
    let ask = wire::SetCapacityRequest { cut, places: 5, valid_until, ..Default::default() };
    let reply = door(ruian).announce_capacity(ruian.signed(COUNTER, ask)).await;
    assert_eq!(word(reply), "NOT_FOR_SYSTEM");
    towns.stop().await;
}
