//! The safeguards hold within one city too, where both offices are on one node: against a clerk of
//! either.

use crate::common::{a_while, denied, methods};
use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::vault::{self, CONTACT, DRAFT, Place};
use jieli_node::world::NoticeResult;
use jieli_proto::case::{Side, Stage};
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Method, Service};
use jieli_tests::people::{self, home, person};
use jieli_tests::{
    DISTRICT, FAR_WINDOW, HOUR_MS, HOUSING, LABOUR_HERE, SCHOOLS, Within, eventually, sqlite,
};
use prost::Message as _;

fn take_up() -> Act {
    Act::TakeUp(wire::DeskTakeUp {})
}

fn accept() -> Act {
    Act::Accept(wire::DeskAccept::default())
}

/// Somebody who asks for a home in the own city.
fn home_here(serial: u32) -> wire::Draft {
    wire::Draft { city: "昆明市".to_owned(), ..home(serial) }
}

async fn draft(city: &Within, serial: u32) -> (String, LegId) {
    let case = city.town.import(vec![home_here(serial)]).await.remove(0);
    let leg = city.town.legs(&case).await[0].id;
    (case, leg)
}

async fn stop(city: Within) {
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_within_a_city_no_window_of_either_office_below_the_other_takes_the_yes() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    for (token, why) in [
        ("own", "SENDING_OFFICE"),
        ("district-window", "SAME_KIND"),
        // The receiving office itself: it answers to the one that sends.
        (FAR_WINDOW, "SUBORDINATE"),
    ] {
        assert_eq!(denied(town.sit(token, &case, &person(1), false).await), why, "{token}");
    }
    a_while().await;
    assert!(town.stage(leg).await.is_none(), "nothing was said to the other office");
    let asked = town.sit("union", &case, &person(1), false).await.unwrap();
    assert!(asked.items[0].text.contains("昆明市住房保障中心"), "{}", asked.items[0].text);
    town.types_in("union", &asked, &[1], "").await.unwrap();
    town.reaches(leg, Stage::Offered).await;
    assert_eq!(methods(town, leg).await, [Method::OtherOffice]);
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_within_a_city_the_receiving_window_takes_it_where_it_is_another_office() {
    let mut city = Within::new(sqlite()).await;
    // Here the coordination window answers to nobody who receives.
    city.town.stop().await;
    let file = city.town.dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let above = format!("answers_to = [\"{LABOUR_HERE}\"]");
    assert!(text.contains(&above));
    std::fs::write(&file, text.replace(&above, "answers_to = []")).unwrap();
    city.town.start().await;
    let town = &city.town;
    let case = city.school().await;
    let leg = town.leg_for(&case, Service::Schooling).await;
    let worker = people::row(people::FAMILY).worker.unwrap();
    let asked = town.sit("school-window", &case, &worker, false).await.unwrap();
    town.types_in("school-window", &asked, &[1], "").await.unwrap();
    town.reaches(leg, Stage::Offered).await;
    assert_eq!(methods(town, leg).await, [Method::OtherOffice]);
    // A job that an office of another kind began: at the receiving window the day can be waived.
    let case = city.job_of(town.window_office()).await;
    let leg = town.leg_for(&case, Service::Employment).await;
    town.ask_yes(&case).await;
    city.next_working_day();
    town.reaches(leg, Stage::Offered).await;
    let office = town.leg(leg).await.their_office;
    assert_eq!(office, LABOUR_HERE);
    city.acts(&office, leg, take_up()).await;
    city.acts(&office, leg, accept()).await;
    let worker = people::single(1)[0].worker.clone().unwrap();
    town.sms(&case, "请至少看一天").await;
    let asked = town.sit("own", &case, &worker, true).await.unwrap();
    town.types_in("own", &asked, &[1], "").await.unwrap();
    city.next_working_day();
    town.reaches(leg, Stage::Released).await;
    assert!(methods(town, leg).await.contains(&Method::ReceivingWindow));
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v02_within_a_city_a_consent_names_leg_office_and_purpose() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT envelope FROM consent WHERE leg_id = $1";
    let row = conn.one(sql, vec![leg.to_vec().into()]).await.unwrap();
    let sealed = wire::Envelope::decode(row.bytes(0).unwrap().as_slice()).unwrap();
    let consent: wire::Consent = envelope::payload(&sealed).unwrap();
    assert_eq!((consent.from_office.as_str(), consent.to_office.as_str()), (LABOUR_HERE, HOUSING));
    assert_eq!(consent.purpose(), wire::Purpose::Home);
    drop(conn);
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_refuses_the_other_office_what_was_entered() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    let home = town.leg(leg).await;
    let far = home.seen_from(Side::Examiner);
    assert_eq!((far.our_office.as_str(), far.their_office.as_str()), (HOUSING, LABOUR_HERE));
    let house = town.node().house();
    let mut conn = town.node().store().read().await.unwrap();
    for slot in [DRAFT, CONTACT] {
        let place = Place::of_leg(leg, slot);
        let own = vault::reveal(&mut conn, house, &home, &place).await.unwrap();
        let other = vault::reveal(&mut conn, house, &far, &place).await.unwrap();
        assert!(own.is_some() && other.is_none(), "slot {slot}");
    }
    drop(conn);
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v03_within_a_city_a_no_in_the_ballot_ends_it_like_silence() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let add = wire::AddVacanciesRequest {
        vacancies: people::vacancies()
            .into_iter()
            .map(|vacancy| wire::Vacancy { city: "昆明".to_owned(), ..vacancy })
            .collect(),
        announce: false,
        change: false,
    };
    town.desk_of(DISTRICT, DeskCommand::AddVacancies(add)).await.unwrap();
    let mut drafts = people::single(2);
    drafts.iter_mut().for_each(|draft| draft.city = "昆明市".to_owned());
    let cases = town.import(drafts).await;
    let mut legs = Vec::new();
    for case in &cases {
        town.ask_yes(case).await;
        legs.push(town.leg_for(case, Service::Employment).await);
    }
    city.next_working_day();
    for (case, leg) in cases.iter().zip(&legs) {
        town.reaches(*leg, Stage::Offered).await;
        city.acts(DISTRICT, *leg, take_up()).await;
        city.acts(DISTRICT, *leg, accept()).await;
        let sms = town.sms(case, "请至少看一天").await;
        town.open(&sms).await.unwrap();
    }
    city.clock.move_on(24 * HOUR_MS);
    for case in &cases {
        // V4: the 24 hours are counted within a city too.
        let sms = town.sms(case, "请至少看一天").await;
        town.answer(&sms, &[1]).await.unwrap();
    }
    city.next_working_day();
    for leg in &legs {
        town.reaches(*leg, Stage::Released).await;
        let terms = hex::encode(town.leg(*leg).await.law.state().terms.unwrap_or_default());
        let outcome = people::outcome(Service::Employment, &terms);
        city.acts(DISTRICT, *leg, Act::Outcome(outcome)).await;
    }
    let ballot = town.sms(&cases[0], "私下问您").await;
    town.sms(&cases[1], "私下问您").await;
    town.answer(&ballot, &[]).await.unwrap();
    a_while().await;
    assert_eq!(town.types(legs[0]).await, town.types(legs[1]).await, "a no says nothing");
    for _ in 0..25 {
        city.next_working_day();
    }
    for leg in &legs {
        town.reaches(*leg, Stage::Withdrawn).await;
        city.holds(*leg, MessageType::WithdrawEffect).await;
        let file = town.leg(*leg).await;
        assert_eq!(file.latest(MessageType::Withdraw).unwrap().side, Side::Examiner);
        assert!(!town.types(*leg).await.contains(&MessageType::Outcome));
    }
    assert_eq!(town.types(legs[0]).await, town.types(legs[1]).await);
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_within_a_city_a_stop_at_either_desk_is_told_and_may_be_not_me() {
    for office in [LABOUR_HERE, HOUSING] {
        let city = Within::new(sqlite()).await;
        let town = &city.town;
        let (case, old) = draft(&city, 1).await;
        town.ask_yes(&case).await;
        city.acts(HOUSING, old, take_up()).await;
        city.acts(HOUSING, old, accept()).await;
        town.reaches(old, Stage::Released).await;
        town.act_of(office, old, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
        town.reaches(old, Stage::Withdrawn).await;
        city.holds(old, MessageType::WithdrawEffect).await;
        // The office that gave the place keeps it, and nothing that was disclosed is left.
        assert_eq!(town.count("SELECT COUNT(*) FROM kept_place").await, 1, "{office}");
        let disclosed = "SELECT COUNT(*) FROM section_data WHERE slot BETWEEN 1 AND 254";
        assert_eq!(town.count(disclosed).await, 0, "{office}");
        let sms = town.sms(&case, "不是我").await;
        assert!(sms.text.contains("昆明市住房保障中心"), "{}", sms.text);
        let ask = wire::NotMeRequest { case_number: sms.case(), code: sms.code() };
        town.worker(WorkerCommand::NotMe(ask)).await.unwrap();
        eventually("the new leg", async || town.legs(&case).await.len() == 2).await;
        let new = town.legs(&case).await[1].id;
        town.reaches(new, Stage::Offered).await;
        city.acts(HOUSING, new, take_up()).await;
        city.acts(HOUSING, new, accept()).await;
        town.reaches(new, Stage::Released).await;
        assert_eq!(town.stage(old).await, Some(Stage::Withdrawn));
        stop(city).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_within_a_city_nobody_asks_again_after_a_stop() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    let sms = town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    town.withdraw(&sms).await.unwrap();
    town.reaches(leg, Stage::Withdrawn).await;
    for office in [LABOUR_HERE, SCHOOLS[0], DISTRICT] {
        let request = wire::ImportRequest { file_name: String::new(), drafts: vec![home_here(1)] };
        let done = town.desk_of(office, DeskCommand::Import(request)).await.unwrap();
        let Done::Imported(reply) = done else { panic!("{done:?}") };
        assert_eq!(reply.rows[0].code, "NOT_NOW", "{office}");
    }
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v13_within_a_city_a_document_finds_nobody_before_identity_is_handed_over() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    town.ask_yes(&case).await;
    let find = async || {
        let ask = wire::FindCasesRequest {
            document: person(1).document,
            number: person(1).number,
            purpose: "test".to_owned(),
        };
        let done = town.desk_of(HOUSING, DeskCommand::FindCases(ask)).await.unwrap();
        let Done::Found(reply) = done else { panic!("{done:?}") };
        reply.case_numbers
    };
    town.reaches(leg, Stage::Offered).await;
    assert!(find().await.is_empty(), "the receiving office was told of nobody yet");
    city.acts(HOUSING, leg, take_up()).await;
    city.acts(HOUSING, leg, accept()).await;
    town.reaches(leg, Stage::Released).await;
    assert_eq!(find().await, [case]);
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_within_a_city_the_receiving_office_tells_the_person_before_any_result() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let (case, leg) = draft(&city, 1).await;
    town.ask_yes(&case).await;
    city.acts(HOUSING, leg, take_up()).await;
    // From here on the carrier takes nothing.
    town.phones.say(Some(NoticeResult::Later));
    city.acts(HOUSING, leg, accept()).await;
    town.reaches(leg, Stage::Released).await;
    let outcome = || Act::Outcome(people::outcome(Service::Housing, ""));
    assert_eq!(denied(town.act_of(HOUSING, leg, outcome()).await), "NOTICE_WAITING");
    town.phones.say(None);
    city.clock.move_on(HOUR_MS);
    let sms = town.sms(&case, "说您申请了").await;
    assert!(sms.text.contains("昆明市人力资源和社会保障局"), "{}", sms.text);
    // The code of that notice stops it.
    town.withdraw(&sms).await.unwrap();
    town.reaches(leg, Stage::Withdrawn).await;
    assert_eq!(denied(town.act_of(HOUSING, leg, outcome()).await), "ILLEGAL_STEP");
    stop(city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_within_a_city_refused_silent_and_stopped_by_a_slip_look_the_same_to_both_desks() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let mut seen = Vec::new();
    for (serial, refuses) in [(1, true), (2, false), (3, false)] {
        let (case, _) = draft(&city, serial).await;
        assert_eq!(town.ask(std::slice::from_ref(&case)).await.asked, 1);
        let sms = town.sms(&case, "逐项回答").await;
        if refuses {
            town.answer(&sms, &[]).await.unwrap();
        }
        if serial == 3 {
            // Whoever printed the slip knows its code, and must not learn by it what the person said.
            let slip_code = town.slip(&case).await.slip_code;
            let case_number = case.clone();
            let stop = wire::SlipUse { case_number, slip_code, legs: Vec::new() };
            town.worker(WorkerCommand::StopBySlip(stop)).await.unwrap();
            assert!(town.answer(&sms, &[1]).await.is_err(), "it is stopped all the same");
        }
        assert!(town.case_seen("housing-clerk", &case, "test").await.is_err());
        let view = town.case_seen("clerk", &case, "test").await.unwrap();
        let mut leg = view.legs[0].clone();
        leg.steps.clear();
        if let Some(line) = &mut leg.line {
            line.leg_id.clear();
        }
        seen.push(leg);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0].line.as_ref().unwrap().stage, "AWAITING_CONSENT");
    stop(city).await;
}
