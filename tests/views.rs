//! What desks see of a leg from beginning to end, over two real processes: the sender sees stages
//! and not the school (V20), a window sees no person, and the page closes.

#![allow(clippy::unwrap_used)]

use anyhow::Result;
use jieli::demo::city::{City, Desk};
use jieli::demo::clock::FileClock;
use jieli_node::world::Clock;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};
use jieli_tests::{Pair, TestPg, until};

const CHILD: &str = "施·示例";
const SCHOOL: &str = "9999990001";

fn draft() -> wire::Draft {
    let number =
        |field, value| wire::DraftField { section: 2, field, value: Some(Value::Number(value)) };
    let worker = wire::DraftPerson {
        name: "吕·示例".to_owned(),
        document: 1,
        number: "999999199001010016".to_owned(),
        phone: "19900000016".to_owned(),
        ..wire::DraftPerson::default()
    };
    let child = wire::DraftPerson {
        name: CHILD.to_owned(),
        document: 4,
        number: "E12345678".to_owned(),
        age_band: 1,
        ..worker.clone()
    };
    let school = wire::DraftLeg {
        service: Service::Schooling.into(),
        person: Some(child),
        relation: 3,
        fields: vec![number(1, 2), number(2, 3), number(3, 2)],
        ..wire::DraftLeg::default()
    };
    wire::Draft { row: 0, worker: Some(worker), city: "瑞安".to_owned(), legs: vec![school] }
}

async fn show(mut desk: Desk, case: &str, purpose: &str) -> Result<wire::LegView, tonic::Status> {
    let (case_number, purpose) = (case.to_owned(), purpose.to_owned());
    let ask = wire::CaseRef { case_number, purpose, sections: false };
    Ok(desk.show_case(ask).await?.into_inner().legs.remove(0))
}

async fn reaches(city: &City, case: &str, stage: &str) -> Result<()> {
    until(stage, async || {
        let leg = show(city.desk("window")?, case, "").await?;
        Ok(leg.line.unwrap().stage == stage)
    })
    .await
}

async fn act(city: &City, case: &str, act: Act) -> Result<()> {
    city.act(case, 1, act).await
}

/// The case of the only leg, as the destination numbers it, once it is there.
async fn arrived(city: &City) -> Result<String> {
    let mut case = String::new();
    until("the offer", async || {
        let ask = wire::ListCasesRequest::default();
        let list = city.desk("window")?.list_cases(ask).await?.into_inner();
        case = list.cases.first().map_or(String::new(), |line| line.case_number.clone());
        Ok(!case.is_empty())
    })
    .await?;
    Ok(case)
}

async fn export(city: &City, token: &str, case: &str, sections: bool) -> Result<(), tonic::Status> {
    let case_number = case.to_owned();
    let ask = wire::CaseRef { case_number, purpose: "本人申请副本".to_owned(), sections };
    let mut desk = city.desk(token).unwrap();
    desk.export_case(ask).await.map(drop)
}

/// With sections, once the approver has approved what was shown.
async fn approved(city: &City, case: &str) -> Result<(), tonic::Status> {
    let (case_number, purpose) = (case.to_owned(), "答复投诉".to_owned());
    let ask = wire::CaseRef { case_number, purpose, sections: true };
    let asked = city.desk("clerk").unwrap().ask_second(ask).await?.into_inner();
    let (id, shown_digest) = (asked.id.clone(), asked.shown_digest);
    let approve = wire::ApproveSecondRequest { id: asked.id, shown_digest };
    city.desk("approver").unwrap().approve_second(approve).await?;
    city.desk("clerk").unwrap().export_approved(wire::SecondRef { id }).await.map(drop)
}

fn sections(leg: &wire::LegView) -> Vec<u32> {
    let mut all: Vec<u32> = leg.fields.iter().map(|field| field.section).collect();
    all.dedup();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn v20_the_sender_sees_stages_and_the_page_closes() -> Result<()> {
    // The sender on PostgreSQL where there is one: the desks' own queries run on both.
    let has_server = std::env::var_os("JIELI_TEST_PG").is_some();
    let postgres = if has_server { Some(TestPg::create("views").await?) } else { None };
    let database = postgres.as_ref().map_or_else(jieli_tests::sqlite, TestPg::database);
    let mut pair = Pair::start(database, jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft()] };
    let case = us.desk("clerk")?.import(ask).await?.into_inner().rows.remove(0).case_number;
    us.desk("clerk")?.ask(wire::AskRequest::default()).await?;
    us.answer(&us.sms(&case, "逐项回答").await?, &[1]).await?;
    let there = arrived(them).await?;
    act(them, &there, Act::TakeUp(wire::DeskTakeUp {})).await?;
    act(them, &there, Act::Accept(wire::DeskAccept::default())).await?;
    reaches(them, &there, "RELEASED").await?;
    // The window hands every leg on, and reads no person, whatever purpose it states.
    let seen = show(them.desk("window")?, &there, "看看").await?;
    assert!(seen.fields.is_empty() && seen.next.iter().any(|step| step == "outcome"));
    assert_eq!(show(them.desk("medical")?, &there, "看看").await.unwrap_err().code(), NOT_FOUND);
    let fields = vec![
        wire::DraftField { section: 33, field: 1, value: Some(Value::Text(SCHOOL.to_owned())) },
        wire::DraftField { section: 33, field: 2, value: Some(Value::Number(20_261_201)) },
    ];
    act(them, &there, Act::Outcome(wire::DeskOutcome { fields, ..Default::default() })).await?;
    reaches(us, &case, "FULFILLED").await?;
    us.answer(&us.sms(&case, "说已办成").await?, &[1]).await?;
    reaches(us, &case, "COMPLETED").await?;
    let sender = show(us.desk("clerk")?, &case, "跟进").await?;
    assert_eq!(sections(&sender), [2, 16], "what was entered, and not the school");
    assert!(sender.fields.iter().any(|field| field.value == CHILD));
    assert!(!format!("{sender:?}").contains(SCHOOL));
    until("both to know that it is settled", async || {
        let leg = show(us.desk("clerk")?, &case, "").await?;
        Ok(leg.line.unwrap().settled)
    })
    .await?;
    export(us, "compliance", &case, false).await?;
    let alone = export(us, "clerk", &case, true).await.unwrap_err();
    assert!(alone.message().contains("jieli second"), "{alone:?}");
    approved(us, &case).await?;
    assert!(export(us, "compliance", &case, true).await.is_err(), "no person for the reviewer");
    assert!(export(them, "window", &there, true).await.is_err(), "nor for the window");
    let clock = pair.dir().join("clock");
    let later = FileClock::open(&clock).now_unix_ms() + 31 * 86_400_000;
    FileClock::set(&clock, later)?;
    assert_eq!(show(us.desk("clerk")?, &case, "跟进").await.unwrap_err().code(), NOT_FOUND);
    assert!(show(us.desk("compliance")?, &case, "").await.is_ok(), "the reviewer sees stages");
    Ok(())
}

const NOT_FOUND: tonic::Code = tonic::Code::NotFound;
