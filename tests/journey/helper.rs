//! A helper whom the worker names: sees how that one item stands, for as long as the worker wants it,
//! and nothing else.

use crate::agreements::denied;
use jieli_node::command::{Done, WorkerCommand};
use jieli_node::serve::CODE_KEY;
use jieli_node::serve::desk::help::HelpDoor;
use jieli_node::tokens::Tokens;
use jieli_node::window::WindowCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::help_server::Help as _;
use jieli_proto::wire::{self, DecisionCode, Service};
use jieli_tests::people::{self, FAMILY, home};
use jieli_tests::{HOUR_MS, Sms, Town, Towns, UNION};
use std::sync::Arc;

fn door(town: &Town) -> HelpDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    HelpDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
}

/// What a helper's list holds, as case and item.
async fn list(town: &Town, token: &str) -> Vec<(String, u32)> {
    let ask = town.with_token(token, wire::ListGivenRequest {});
    let legs = door(town).list_given(ask).await.unwrap().into_inner().legs;
    legs.into_iter().map(|line| (line.case_number, line.leg)).collect()
}

async fn show(town: &Town, token: &str, case: &str, leg: u32) -> Result<wire::GivenView, String> {
    let ask = wire::GivenRef { case_number: case.to_owned(), leg };
    let shown = door(town).show_given(town.with_token(token, ask)).await;
    shown
        .map(tonic::Response::into_inner)
        .map_err(|status| status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned())
}

/// A helper sees nothing of this item, and cannot tell why.
async fn sees_nothing(town: &Town, token: &str, case: &str, leg: u32) {
    assert_eq!(list(town, token).await, []);
    assert_eq!(show(town, token, case, leg).await.unwrap_err(), "NOT_FOUND");
}

async fn helpers(
    town: &Town,
    command: WorkerCommand,
) -> Result<Vec<(String, String, Vec<u32>)>, Failure> {
    let done = town.worker(command).await?;
    let Done::Helpers(list) = done else { panic!("{done:?}") };
    let line = |one: wire::HelperLine| (one.helper, one.office, one.legs);
    Ok(list.helpers.into_iter().map(line).collect())
}

fn choose(sms: &Sms, leg: u32, helper: &str) -> WorkerCommand {
    let (case_number, code, helper) = (sms.case(), sms.code(), helper.to_owned());
    WorkerCommand::ChooseHelper(wire::ChooseHelperRequest { case_number, code, leg, helper })
}

fn dismiss(sms: &Sms, leg: u32) -> WorkerCommand {
    let (case_number, code) = (sms.case(), sms.code());
    WorkerCommand::DismissHelper(wire::DismissHelperRequest { case_number, code, leg })
}

fn key(sms: &Sms) -> wire::WorkerRequest {
    wire::WorkerRequest { case_number: sms.case(), code: sms.code() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_has_a_named_helper_for_the_school_place_and_nobody_else_sees_it() {
    let towns = Towns::new().await;
    let (kunming, draft) = (&towns.kunming, people::row(FAMILY));
    let case = kunming.import(vec![draft.clone()]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Schooling).await;
    let school = kunming.leg(leg).await.number;
    towns.ruian.reaches(leg, Stage::Offered).await;
    sees_nothing(kunming, "helper", &case, school).await;

    let office = UNION[0].to_owned();
    let nobody = |name: &str| (name.to_owned(), office.clone(), Vec::new());
    let known = helpers(kunming, WorkerCommand::ShowHelpers(key(&sms))).await.unwrap();
    assert_eq!(known, [nobody("helper"), nobody("helper-2")]);
    // Only a helper, only for an item of this message, and never with what a desk has printed.
    for name in ["clerk", "union", "operator", "nobody", ""] {
        let none = helpers(kunming, choose(&sms, school, name)).await;
        assert_eq!(denied(none.map(drop)), "NO_SUCH_HELPER", "{name}");
    }
    let other = helpers(kunming, choose(&sms, 99, "helper")).await;
    assert_eq!(denied(other.map(drop)), "NO_SUCH_NUMBER");
    let code = kunming.slip(&case).await.slip_code;
    let helper = "helper".to_owned();
    let printed =
        wire::ChooseHelperRequest { case_number: case.clone(), code, leg: school, helper };
    let printed = helpers(kunming, WorkerCommand::ChooseHelper(printed)).await;
    assert_eq!(denied(printed.map(drop)), "WRONG_CODE");
    sees_nothing(kunming, "helper", &case, school).await;

    let chosen = helpers(kunming, choose(&sms, school, "helper")).await.unwrap();
    assert_eq!(chosen[0].2, [school]);
    assert_eq!(chosen[1], nobody("helper-2"));
    assert_eq!(list(kunming, "helper").await, [(case.clone(), school)]);
    sees_nothing(kunming, "helper-2", &case, school).await;
    for file in kunming.legs(&case).await.iter().filter(|file| file.id != leg) {
        let other = show(kunming, "helper", &case, file.number).await;
        assert_eq!(other.unwrap_err(), "NOT_FOUND", "another item of the same family");
    }

    // The helper reads what the worker reads, where to go and what to bring; nobody's particulars.
    let window = Some(wire::Window { bring: vec![1, 4], ..wire::Window::default() });
    let bring = wire::DeskAccept { window, ..wire::DeskAccept::default() };
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.ruian_acts(leg, Act::Accept(bring)).await;
    kunming.reaches(leg, Stage::Released).await;
    let view = show(kunming, "helper", &case, school).await.unwrap();
    let own = kunming.status(key(&sms)).await.unwrap().legs;
    assert_eq!(view.leg, own.into_iter().find(|line| line.number == school));
    let told = view.window.clone().unwrap();
    assert_eq!(told.bring, [1, 4]);
    assert!(!told.telephone.is_empty());
    let shown = format!("{view:?}");
    for secret in people::secrets(people::people(&draft)) {
        assert!(!shown.contains(&secret), "{secret} is in {shown}");
    }
    // The worker reads who looked; no section was opened.
    let looks = kunming.who_looked(key(&sms)).await.unwrap().looks;
    let look = looks.iter().find(|look| look.view == "helper").unwrap();
    assert_eq!((look.office.as_str(), look.system.as_str()), (UNION[0], "helper"));
    assert_eq!(look.legs, [school]);
    assert_eq!(
        looks.iter().filter(|look| look.view == "helper").count(),
        1,
        "denied ones are none"
    );
    let opened = "SELECT CAST(COUNT(*) AS BIGINT) FROM looked_section s JOIN looked k \
                  ON k.looked_id = s.looked_id AND k.leg_id = s.leg_id WHERE k.what = 'helper'";
    assert_eq!(kunming.count(opened).await, 0);

    // Another one takes its place; then nobody, at once and with a code that is too old to choose.
    let next = helpers(kunming, choose(&sms, school, "helper-2")).await.unwrap();
    assert_eq!((next[0].2.as_slice(), next[1].2.as_slice()), (&[][..], &[school][..]));
    sees_nothing(kunming, "helper", &case, school).await;
    assert_eq!(list(kunming, "helper-2").await, [(case.clone(), school)]);
    towns.quiet().await;
    towns.clock.move_on(73 * HOUR_MS);
    let late = helpers(kunming, choose(&sms, school, "helper")).await;
    assert_eq!(denied(late.map(drop)), "WRONG_CODE");
    let gone = helpers(kunming, dismiss(&sms, 0)).await.unwrap();
    assert_eq!(gone, [nobody("helper"), nobody("helper-2")]);
    sees_nothing(kunming, "helper-2", &case, school).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_ends_with_the_item() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    let mut asked = Vec::new();
    for case in &cases {
        let sms = kunming.ask_yes(case).await;
        let leg = kunming.legs(case).await[0].id;
        towns.ruian.reaches(leg, Stage::Offered).await;
        helpers(kunming, choose(&sms, 1, "helper")).await.unwrap();
        show(kunming, "helper", case, 1).await.unwrap();
        asked.push((sms, leg));
    }
    // One is declined, the other is stopped by its worker.
    towns.ruian_acts(asked[0].1, Act::TakeUp(wire::DeskTakeUp {})).await;
    let decision = DecisionCode::Capacity.into();
    let full = wire::DeskDecline { decision, ..wire::DeskDecline::default() };
    towns.ruian_acts(asked[0].1, Act::Decline(full)).await;
    kunming.reaches(asked[0].1, Stage::Declined).await;
    assert_eq!(list(kunming, "helper").await, [(cases[1].clone(), 1)]);
    kunming.withdraw(&asked[1].0).await.unwrap();
    for (case, (sms, _)) in cases.iter().zip(&asked) {
        sees_nothing(kunming, "helper", case, 1).await;
        let over = helpers(kunming, choose(sms, 1, "helper")).await;
        assert_eq!(denied(over.map(drop)), "NO_SUCH_NUMBER");
        let shown = helpers(kunming, WorkerCommand::ShowHelpers(key(sms))).await.unwrap();
        assert!(shown.iter().all(|(_, _, legs)| legs.is_empty()), "{shown:?}");
    }
    // Nor is it kept whom they had chosen.
    assert_eq!(kunming.count("SELECT COUNT(*) FROM leg_helper").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_cannot_tell_a_no_from_silence() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    assert_eq!(kunming.ask(&cases).await.asked, 2);
    let mut seen = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let sms = kunming.sms(case, "逐项回答").await;
        helpers(kunming, choose(&sms, 1, "helper")).await.unwrap();
        if at == 0 {
            kunming.open(&sms).await.unwrap();
            kunming.answer(&sms, &[]).await.unwrap();
        }
        seen.push(show(kunming, "helper", case, 1).await.unwrap());
    }
    assert_eq!(list(kunming, "helper").await.len(), 2);
    assert_eq!((&seen[0].leg, &seen[0].window), (&seen[1].leg, &seen[1].window));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_shared_phone_chooses_nobody_and_every_code_of_the_case_dismisses() {
    let towns = Towns::new().await;
    let (kunming, draft) = (&towns.kunming, people::row(FAMILY));
    let case = kunming.import(vec![draft.clone()]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let school = kunming.leg_for(&case, Service::Schooling).await;
    let school = kunming.leg(school).await.number;
    helpers(kunming, choose(&sms, school, "helper")).await.unwrap();
    towns.next_working_day();
    let job = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_accepts(job).await;
    kunming.reaches(job, Stage::Accepted).await;
    // The code of another message, about another item.
    let terms = kunming.sms(&case, "请至少看一天").await;
    let shown = helpers(kunming, WorkerCommand::ShowHelpers(key(&terms))).await.unwrap();
    assert_eq!(shown[0].2, [school]);
    let unknown = helpers(kunming, dismiss(&terms, 99)).await;
    assert_eq!(denied(unknown.map(drop)), "NO_SUCH_NUMBER");
    let gone = helpers(kunming, dismiss(&terms, school)).await.unwrap();
    assert!(gone.iter().all(|(_, _, legs)| legs.is_empty()), "{gone:?}");
    sees_nothing(kunming, "helper", &case, school).await;
    // Another household gives the same number.
    let mut other = home(9);
    other.worker.as_mut().unwrap().phone = draft.worker.unwrap().phone;
    kunming.import(vec![other]).await;
    let job = kunming.leg(job).await.number;
    let shared = helpers(kunming, choose(&terms, job, "helper")).await;
    assert_eq!(denied(shared.map(drop)), "WINDOW_ONLY");
    towns.stop().await;
}

/// Who has no phone names a helper at a window with the document in hand: never at the office that
/// sends, nor one of that window's own; and ends it anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_helper_is_named_at_a_window_by_whoever_stands_there() {
    let towns = Towns::new().await;
    let (kunming, draft) = (&towns.kunming, home(91));
    let worker = draft.worker.clone().unwrap();
    let case = kunming.import(vec![draft]).await.remove(0);
    kunming.ask_yes(&case).await;
    let pin = std::cell::RefCell::new(String::new());
    let at = async |token: &str, number: &str, leg, helper: &str, dismiss| {
        let person = wire::DraftPerson { number: number.to_owned(), ..worker.clone() };
        let in_hand = Some(jieli_tests::in_hand(&case, &person));
        let helper = helper.to_owned();
        let pin = pin.borrow().clone();
        let ask = wire::HelperAtWindowRequest { in_hand, leg, helper, dismiss, pin };
        match kunming.window(token, WindowCommand::Helper(ask)).await {
            Ok(Done::Helpers(list)) => {
                Ok(list.helpers.into_iter().map(|one| (one.helper, one.legs)).collect::<Vec<_>>())
            }
            Ok(other) => panic!("{other:?}"),
            Err(failure) => Err(denied(Err::<(), _>(failure))),
        }
    };
    let own = worker.number.as_str();
    let nobody = || vec![("helper".to_owned(), vec![]), ("helper-2".to_owned(), vec![])];
    assert_eq!(at("medical", own, 0, "", false).await.unwrap(), nobody());
    for (token, number, leg, helper, why) in [
        ("medical", people::person(92).number.as_str(), 1, "helper", "NO_MATCH"),
        ("medical", own, 9, "helper", "NO_SUCH_NUMBER"),
        ("medical", own, 1, "clerk", "NO_SUCH_HELPER"),
        ("union", own, 1, "helper", "OWN_HELPER"),
        ("own", own, 1, "helper", "SENDING_OFFICE"),
        ("below", own, 1, "helper", "SUBORDINATE"),
    ] {
        let found = at(token, number, leg, helper, false).await;
        assert_eq!(found.unwrap_err(), why, "{token} {helper}");
        sees_nothing(kunming, "helper", &case, 1).await;
    }
    // A slip alone names nobody, and where the person has a PIN, the PIN is asked for.
    let slip_leg = kunming.legs(&case).await[0].id.hex();
    let in_hand = Some(wire::InHand { slip_leg, ..wire::InHand::default() });
    let by_slip = wire::HelperAtWindowRequest {
        in_hand,
        leg: 1,
        helper: "helper".to_owned(),
        ..wire::HelperAtWindowRequest::default()
    };
    let by_slip = kunming.window("medical", WindowCommand::Helper(by_slip)).await;
    assert_eq!(denied(by_slip), "DOCUMENT_FIRST");
    let in_hand = Some(jieli_tests::in_hand(&case, &worker));
    let set = wire::SetWindowPinRequest { in_hand, pin: "482910".to_owned() };
    kunming.window("medical", WindowCommand::SetPin(set)).await.unwrap();
    assert_eq!(at("medical", own, 1, "helper", false).await.unwrap_err(), "WRONG_PIN");
    sees_nothing(kunming, "helper", &case, 1).await;
    "482910".clone_into(&mut pin.borrow_mut());
    let chosen = at("medical", own, 1, "helper", false).await.unwrap();
    assert_eq!(chosen[0], ("helper".to_owned(), vec![1]));
    assert_eq!(list(kunming, "helper").await, [(case.clone(), 1)]);
    // Ending it works at every window, also where naming does not.
    assert_eq!(at("own", own, 0, "", true).await.unwrap(), nobody());
    sees_nothing(kunming, "helper", &case, 1).await;
    towns.stop().await;
}
