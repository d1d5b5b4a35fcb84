//! What a rental subsidy wants to know is a fact that the worker carries: months insured, told by the
//! office whose books say so, to the person alone; checked offline by whoever is shown it. No desk
//! asks another desk, nothing is sent, and nothing is a score.

use crate::agreements::denied;
use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::paper::{self, Content, StatementFacts};
use jieli_proto::section::Value;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service, StatementFact};
use jieli_tests::people::home;
use jieli_tests::{
    DISTRICT, HOMES, HOUR_MS, SCHOOLS, Sms, Towns, Within, eventually, office, program, sqlite,
};
use std::process::Command;

const ASKED: &str = "可以为您出具一份证明";

fn insured(case: &str, months: u32) -> wire::StatementRequest {
    let fact = StatementFact::InsuredMonths.into();
    wire::StatementRequest { case_number: case.to_owned(), leg: 1, fact, months, since: 0 }
}

async fn ask(towns: &Towns, request: wire::StatementRequest) -> Result<Done, Failure> {
    towns.kunming.desk_of(office::KUNMING, DeskCommand::AskStatement(request)).await
}

async fn fetch(towns: &Towns, sms: &Sms) -> Result<wire::StatementPage, Failure> {
    let request = wire::OpenRequest { case_number: sms.case(), code: sms.code() };
    let done = towns.kunming.worker(WorkerCommand::Statement(request)).await?;
    let Done::Statement(page) = done else { panic!("{done:?}") };
    Ok(page)
}

fn read(towns: &Towns, text: &str) -> StatementFacts {
    let root = towns.kunming.public.root_fpr();
    let Content::Statement(facts) = paper::open(text, &[root], None).unwrap().content else {
        panic!()
    };
    facts
}

/// A home that was handed over, and the case in Kunming.
async fn released(towns: &Towns, serial: u32) -> String {
    let case = towns.kunming.import_as(office::KUNMING, vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    towns.kunming.reaches(leg, Stage::Released).await;
    towns.quiet().await;
    case
}

/// Within one city the office that received states from its own books, once it was told who it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_office_that_received_within_the_city_states_too() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let case = city.job().await;
    let leg = town.leg_for(&case, Service::Employment).await;
    let ask = async |office: &str| {
        town.desk_of(office, DeskCommand::AskStatement(insured(&case, 37))).await
    };
    assert_eq!(denied(ask(DISTRICT).await), "NOT_FOUND", "nothing has been said to it");
    town.ask_yes(&case).await;
    city.next_working_day();
    town.reaches(leg, Stage::Offered).await;
    assert_eq!(denied(ask(DISTRICT).await), "NOBODY_KNOWN", "identity comes with RELEASE");
    assert_eq!(denied(ask(SCHOOLS[0]).await), "NOT_FOUND", "a third office");
    city.acts(DISTRICT, leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    city.acts(DISTRICT, leg, Act::Accept(wire::DeskAccept::default())).await;
    let sms = town.sms(&case, "请至少看一天").await;
    town.open(&sms).await.unwrap();
    city.clock.move_on(24 * HOUR_MS);
    town.answer(&sms, &[1]).await.unwrap();
    city.next_working_day();
    town.reaches(leg, Stage::Released).await;
    ask(DISTRICT).await.unwrap();
    let sms = town.sms(&case, ASKED).await;
    assert!(sms.text.contains("盘龙区人力资源和社会保障局"), "{}", sms.text);
    town.answer(&sms, &[1]).await.unwrap();
    let request = wire::OpenRequest { case_number: sms.case(), code: sms.code() };
    let done = town.worker(WorkerCommand::Statement(request)).await.unwrap();
    let Done::Statement(page) = done else { panic!("{done:?}") };
    let root = town.public.root_fpr();
    let Content::Statement(facts) = paper::open(&page.qr, &[root], None).unwrap().content else {
        panic!()
    };
    assert_eq!((facts.office.as_str(), facts.months), (DISTRICT, 37));
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rental_subsidy_is_shown_a_fact_that_the_worker_carries() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    let case = released(&towns, 1).await;
    let sent = towns.sent().await;
    ask(&towns, insured(&case, 37)).await.unwrap();
    let sms = kunming.sms(&case, ASKED).await;
    // What goes over the phone and lies in the clear names the kind of fact, never what it says.
    assert!(sms.text.contains("累计参保月数") && !sms.text.contains("37"), "{}", sms.text);
    let clear = "SELECT COUNT(*) FROM question WHERE text LIKE '%37%'";
    assert_eq!(kunming.count(clear).await, 0);
    let shown = kunming.open(&sms).await.unwrap();
    assert!(shown.text.contains("累计参保月数 37 个月"), "{}", shown.text);
    // Nothing is signed before the yes, and nobody is asked twice at a time.
    assert_eq!(denied(fetch(&towns, &sms).await), "NO_STATEMENT");
    assert_eq!(denied(ask(&towns, insured(&case, 38)).await), "ASKED_ALREADY");
    kunming.answer(&sms, &[1]).await.unwrap();
    let page = fetch(&towns, &sms).await.unwrap();
    assert_eq!(fetch(&towns, &sms).await.unwrap(), page, "fetched again, it is the same");
    let facts = read(&towns, &page.qr);
    assert_eq!((facts.fact, facts.months, facts.since), (StatementFact::InsuredMonths, 37, None));
    assert_eq!(facts.office.as_str(), office::KUNMING);
    assert_eq!(facts.valid_until.number(), page.valid_until);
    // Of the person stands there the name and the document, and nothing else.
    let person = home(1).worker.unwrap();
    let fields: Vec<u32> = facts.person.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, [1, 2, 3]);
    assert_eq!(facts.person[0].1, Value::Text(person.name.clone()));
    assert_eq!(facts.person[2].1, Value::Text(person.number.clone()));
    // Nothing of it went anywhere.
    assert_eq!(towns.sent().await, sent);
    let told = towns.from_kunming().iter().any(|frame| holds(frame, &facts.statement.0));
    assert!(!told, "no city hears that there is one");
    // The desk that is shown it checks it with one command, until its last day.
    let (good, out) = checked(&towns, &page.qr, page.valid_until, 0);
    assert!(good && out.contains("累计参保月数 37 个月") && out.contains(&person.name), "{out}");
    let (good, out) = checked(&towns, &page.qr, page.valid_until, 1);
    assert!(!good && out.contains("RUN_OUT"), "{out}");
    let mut other = page.qr.clone();
    let last = other.pop().unwrap();
    other.push(if last == 'A' { 'B' } else { 'A' });
    assert!(!checked(&towns, &other, page.valid_until, 0).0);
    // What the person holds outlives what the city holds.
    let leg = kunming.legs(&case).await[0].id;
    kunming.withdraw(&sms).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    towns.quiet().await;
    let sealed = "SELECT CAST(COUNT(*) AS BIGINT) FROM section_data WHERE slot IN (249, 250)";
    assert_eq!(kunming.count(sealed).await, 0, "erased with the leg");
    assert_eq!(denied(fetch(&towns, &sms).await), "NO_STATEMENT");
    assert_eq!(read(&towns, &page.qr), facts);
    towns.stop().await;
}

fn holds(frame: &[u8], part: &[u8]) -> bool {
    frame.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_fetch_any_more_nobody_keeps() {
    let towns = Towns::with_two_senders().await;
    let kept = "SELECT COUNT(*) FROM section_data WHERE slot IN (249, 250)";
    for (serial, yes) in [(6, [1].as_slice()), (7, [].as_slice())] {
        let case = released(&towns, serial).await;
        ask(&towns, insured(&case, 12)).await.unwrap();
        let sms = towns.kunming.sms(&case, ASKED).await;
        towns.kunming.answer(&sms, yes).await.unwrap();
        assert!(towns.kunming.count(kept).await > 0);
        towns.clock.move_on(73 * HOUR_MS);
        for _ in 0..3 {
            towns.next_working_day();
        }
        eventually("nothing to be kept", async || towns.kunming.count(kept).await == 0).await;
        assert!(fetch(&towns, &sms).await.is_err());
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_statement_goes_to_no_phone_that_another_household_gave_too() {
    let towns = Towns::with_two_senders().await;
    let case = released(&towns, 4).await;
    let mut other = home(5);
    other.worker.as_mut().unwrap().phone = home(4).worker.unwrap().phone;
    towns.kunming.import_as(office::KUNMING, vec![other]).await;
    assert_eq!(denied(ask(&towns, insured(&case, 12)).await), "NO_OWN_PHONE");
    assert!(towns.kunming.phones.about(&case, ASKED).is_empty());
    towns.stop().await;
}

/// What the program says of a paper so many days after its last.
fn checked(towns: &Towns, text: &str, until: u32, days: i64) -> (bool, String) {
    let day = jieli_proto::day::Day::from_number(until).unwrap().plus(days);
    // Noon in China.
    let at = (day.start_unix_ms(480) + 12 * HOUR_MS) / 1_000;
    let done = Command::new(program().unwrap())
        .args(["verify", "--statement", text, "--at", &at.to_string(), "--root"])
        .arg(towns.kunming.public.root_fpr().hex())
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_of_the_own_books_and_only_with_a_yes() {
    let towns = Towns::with_two_senders().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = released(&towns, 2).await;
    let with = |change: fn(&mut wire::StatementRequest)| {
        let mut request = insured(&case, 12);
        change(&mut request);
        request
    };
    let enrolled: fn(&mut wire::StatementRequest) = |it| {
        (it.fact, it.months, it.since) = (StatementFact::EnrolledSince.into(), 0, 20_260_901);
    };
    let course: fn(&mut wire::StatementRequest) = |it| {
        (it.fact, it.months, it.since) = (StatementFact::CourseFinished.into(), 0, 20_991_231);
    };
    for (request, code) in [
        (with(enrolled), "NOT_IN_ITS_BOOKS"),
        (with(|it| it.fact = 0), "NOT_IN_ITS_BOOKS"),
        (with(|it| it.fact = 9), "NOT_IN_ITS_BOOKS"),
        (with(|it| it.months = 0), "BAD_FACT"),
        (with(|it| it.months = 721), "BAD_FACT"),
        (with(|it| it.since = 20_260_901), "BAD_FACT"),
        (with(course), "BAD_FACT"),
    ] {
        assert_eq!(denied(ask(&towns, request.clone()).await), code, "{request:?}");
    }
    // A draft: nobody has said yes to anything yet.
    let draft = kunming.import_as(office::KUNMING, vec![home(3)]).await.remove(0);
    assert_eq!(denied(ask(&towns, insured(&draft, 12)).await), "NOT_OPEN");
    // Another office's item is not there for it.
    let command = DeskCommand::AskStatement(with(enrolled));
    let other = kunming.desk_of(jieli_tests::HOMES_HERE, command).await;
    assert!(matches!(other, Err(Failure::Denied(_))));
    // A no leaves nothing to fetch, and looks like silence.
    ask(&towns, insured(&case, 12)).await.unwrap();
    let sms = kunming.sms(&case, ASKED).await;
    kunming.answer(&sms, &[]).await.unwrap();
    assert_eq!(denied(fetch(&towns, &sms).await), "NO_STATEMENT");
    assert_eq!(denied(ask(&towns, insured(&case, 12)).await), "ASKED_ALREADY");
    // Asked again and again is not asked.
    for _ in 0..2 {
        towns.clock.move_on(73 * HOUR_MS);
        ask(&towns, insured(&case, 12)).await.unwrap();
        // Its hours count from when it went out.
        kunming.sms(&case, ASKED).await;
        towns.quiet().await;
    }
    towns.clock.move_on(73 * HOUR_MS);
    assert_eq!(denied(ask(&towns, insured(&case, 12)).await), "ASKED_OFTEN");
    // The receiving city states what its own books say, to the same person, over its own phone.
    let leg = kunming.legs(&case).await[0].id;
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    let lives = wire::StatementRequest {
        case_number: there.clone(),
        fact: StatementFact::ResidenceRegisteredSince.into(),
        months: 0,
        since: 20_260_301,
        ..insured(&there, 0)
    };
    ruian.desk_of(HOMES, DeskCommand::AskStatement(lives)).await.unwrap();
    let sms = ruian.sms(&there, ASKED).await;
    ruian.answer(&sms, &[1]).await.unwrap();
    let request = wire::OpenRequest { case_number: sms.case(), code: sms.code() };
    let done = ruian.worker(WorkerCommand::Statement(request)).await.unwrap();
    let Done::Statement(page) = done else { panic!("{done:?}") };
    let root = ruian.public.root_fpr();
    let checked = paper::open(&page.qr, &[root], None).unwrap();
    assert_eq!(checked.issued_unix_ms, None);
    towns.stop().await;
}
