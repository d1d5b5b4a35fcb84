//! Personal data on the road: it travels with the letters of a leg that nothing has stopped, and
//! with no other.

use crate::harness::*;
use jieli_node::command::{Command, DeskCommand, Done, WorkerCommand};
use jieli_proto::kinds::Lane;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};

fn number(section: u32, field: u32, value: u64) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Number(value)) }
}

pub(crate) fn draft() -> wire::Draft {
    let worker = wire::DraftPerson {
        name: "欧阳·娜仁".to_owned(),
        document: 1,
        number: "999999199001010016".to_owned(),
        phone: "19912345678".to_owned(),
        ..wire::DraftPerson::default()
    };
    let child = wire::DraftPerson {
        document: 4,
        number: "E12345678".to_owned(),
        age_band: 1,
        ..worker.clone()
    };
    let leg = wire::DraftLeg {
        service: Service::Schooling.into(),
        person: Some(child),
        relation: 3,
        fields: vec![number(2, 1, 2), number(2, 2, 3), number(2, 3, 2)],
        item_code: 0,
    };
    wire::Draft { row: 3, worker: Some(worker), city: IDS[B].to_owned(), legs: vec![leg] }
}

/// Imports a case in Kunming and asks the person; gives number and code of the notice.
pub(crate) async fn asked(pair: &Pair) -> (String, String) {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft()] };
    let Done::Imported(reply) = pair.a().perform(DeskCommand::Import(request)).await else {
        panic!()
    };
    assert_eq!(reply.rows[0].code, "draft", "{:?}", reply.rows);
    let case = reply.rows[0].case_number.clone();
    let request = wire::AskRequest { case_numbers: vec![case.clone()] };
    let Done::Asked(reply) = pair.a().perform(DeskCommand::Ask(request)).await else { panic!() };
    assert_eq!(reply.asked, 1, "{:?}", reply.why);
    eventually("the notice", async || !pair.a().phones.0.lock().unwrap().is_empty()).await;
    let text = pair.a().phones.0.lock().unwrap()[0].text.clone();
    let code = text.split_once("确认码 ").unwrap().1;
    (case, code.chars().take_while(char::is_ascii_digit).collect())
}

async fn worker(city: &City, command: WorkerCommand) -> Done {
    city.node().hand().perform(Command::Worker(command)).await.unwrap()
}

async fn says_yes(pair: &Pair, case: &str, code: &str) {
    let (case_number, code) = (case.to_owned(), code.to_owned());
    let request = wire::OpenRequest { case_number: case_number.clone(), code: code.clone() };
    let Done::Opened(shown) = worker(pair.a(), WorkerCommand::Open(request)).await else {
        panic!()
    };
    let yes = shown.legs.iter().map(|leg| leg.number).collect();
    let request = wire::AnswerRequest { case_number, code, yes };
    worker(pair.a(), WorkerCommand::Answer(request)).await;
}

async fn act(city: &City, office: &str, case: &str, act: Act) {
    let request = wire::ActRequest { case_number: case.to_owned(), leg: 1, act: Some(act) };
    city.perform_as(office, DeskCommand::Act(request)).await.unwrap();
}

async fn sections(city: &City) -> i64 {
    let sql = "SELECT COUNT(*) FROM section_data WHERE slot BETWEEN 1 AND 253";
    city.count(sql, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_travel_with_a_yes_and_end_with_a_stop() {
    let (pair, id) = Pair::agreed().await;
    let (case, code) = asked(&pair).await;
    says_yes(&pair, &case, &code).await;
    eventually("the offer", async || sections(pair.b()).await == 1).await;
    pair.settled(id).await;
    let (office, theirs) = (OFFICES[B][1], "2026-000001");
    act(pair.b(), office, theirs, Act::TakeUp(wire::DeskTakeUp {})).await;
    act(pair.b(), office, theirs, Act::Accept(wire::DeskAccept::default())).await;
    // The node releases by itself, and the receiving node tells the person.
    eventually("the release", async || sections(pair.b()).await > 1).await;
    eventually("the person is told", async || {
        let told = pair.b().phones.0.lock().unwrap();
        told.iter().any(|notice| notice.to == "19912345678")
    })
    .await;
    pair.settled(id).await;
    // After the query for places and the OFFER.
    let before = pair.a().letters(id, 0, 3..=3).await.remove(0);
    assert!(!before.sections.is_empty() && before.consents.len() == 1);
    let request = wire::WithdrawRequest { case_number: case, code, legs: Vec::new() };
    worker(pair.a(), WorkerCommand::Withdraw(request)).await;
    eventually("it is gone there too", async || sections(pair.b()).await == 0).await;
    pair.settled(id).await;
    assert_eq!(sections(pair.a()).await, 0);
    // The same letter again has nothing in it.
    let after = pair.a().letters(id, 0, 3..=3).await.remove(0);
    assert!(after.sections.is_empty());
    assert_eq!(after.envelope, before.envelope);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_before_the_letter_left_is_not_in_it() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let (case, code) = asked(&pair).await;
    pair.a().cut(true);
    says_yes(&pair, &case, &code).await;
    eventually("the offer is made", async || pair.a().lane(id, 0).await.len() == 2).await;
    let request = wire::WithdrawRequest { case_number: case, code, legs: Vec::new() };
    worker(pair.a(), WorkerCommand::Withdraw(request)).await;
    pair.a().cut(false);
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    let sql = "SELECT COUNT(*) FROM message WHERE lane = 0 AND status = 2";
    assert_eq!(pair.a().count(sql, Vec::new()).await, 1, "stored withheld");
    assert_eq!(sections(pair.b()).await, 0);
    // A query for places, OFFER and WITHDRAW; answered by CAPACITY ANSWER and WITHDRAW EFFECT.
    eventually("the effect", async || pair.a().lane(id, 1).await.len() == 2).await;
    pair.settled(id).await;
    assert_eq!(pair.a().lane(id, Lane::from_number(0).unwrap().number()).await.len(), 3);
    pair.stop().await;
}

/// A consent lives 180 days: what waits longer goes without what it allowed, and is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_waited_longer_than_the_consent() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let (case, code) = asked(&pair).await;
    pair.a().cut(true);
    says_yes(&pair, &case, &code).await;
    eventually("the offer is made", async || pair.a().lane(id, 0).await.len() == 2).await;
    pair.clock.move_on(181 * 24 * 3_600_000);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let letter = pair.a().letters(id, 0, 2..=2).await.remove(0);
    assert!(letter.sections.is_empty());
    assert_eq!(letter.consents.len(), 1);
    pair.a().cut(false);
    pair.clock.move_on(3_600_000);
    eventually("it is taken back", async || pair.b().lane(id, 0).await.len() == 3).await;
    pair.settled(id).await;
    assert_eq!(sections(pair.b()).await, 0);
    pair.stop().await;
}
