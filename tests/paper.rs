//! Letters to a city without a node: asked for, written, carried, answered on paper, stopped.

#![allow(clippy::unwrap_used)]

use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::config::Database;
use jieli_node::legs::Local;
use jieli_node::world::NoticeResult;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::paper::{self, Content};
use jieli_proto::section::PERSON;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{home, person, single};
use jieli_tests::{AGREEMENT_DRAFT, HOMES_HERE, HOUR_MS, Sms, TestPg, Town, Towns, eventually};

const OFFICE: &str = "成都市住房和城乡建设局";

fn denied(result: Result<Done, Failure>) -> &'static str {
    match result {
        Err(Failure::Denied(denied)) => denied.code,
        other => panic!("not denied: {other:?}"),
    }
}

fn request(case: &str) -> wire::LetterRequest {
    wire::LetterRequest { case_number: case.to_owned(), leg: 1, office_name: OFFICE.to_owned() }
}

fn answer(case: &str, accepted: bool, code: &str) -> DeskCommand {
    DeskCommand::AnswerLetter(wire::LetterAnswer {
        case_number: case.to_owned(),
        leg: 1,
        accepted,
        code: code.to_owned(),
        stamped: code.is_empty(),
    })
}

async fn write(city: &Town, case: &str) -> wire::LetterPage {
    let done = city.desk(DeskCommand::WriteLetter(request(case))).await.unwrap();
    let Done::Letter(page) = done else { panic!("{done:?}") };
    page
}

/// A home in a city without an agreement, about which the person has been asked.
async fn asked(city: &Town, serial: u32) -> (String, Sms) {
    let mut draft = home(serial);
    draft.city = "成都".to_owned();
    let case = city.import(vec![draft]).await.remove(0);
    city.desk(DeskCommand::AskLetter(request(&case))).await.unwrap();
    let sms = city.sms(&case, "纸质信").await;
    assert!(sms.text.contains(OFFICE), "the person is told where to");
    (case, sms)
}

async fn state(city: &Town, case: &str) -> (Local, i64, i64) {
    let leg = city.leg_for(case, Service::Housing).await;
    let mut conn = city.node().store().read().await.unwrap();
    let sql = "SELECT answer, how FROM paper_letter WHERE leg_id = $1";
    let row = conn.one(sql, vec![leg.to_vec().into()]).await.unwrap();
    (city.leg(leg).await.local, row.int(0).unwrap(), row.int(1).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_written_after_the_yes_and_answered_once() {
    written_and_answered(Towns::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgres() {
    let pg = TestPg::create("paper").await.unwrap();
    let towns = Towns::with(pg.database(), Database::Sqlite, AGREEMENT_DRAFT).await;
    written_and_answered(towns).await;
}

async fn written_and_answered(towns: Towns) {
    let kunming = &towns.kunming;
    let sent = towns.sent().await;
    let (case, sms) = asked(kunming, 11).await;
    assert_eq!(denied(kunming.desk(DeskCommand::WriteLetter(request(&case))).await), "NO_YES_YET");
    kunming.answer(&sms, &[1]).await.unwrap();
    let other = wire::LetterRequest { office_name: "某局".to_owned(), ..request(&case) };
    assert_eq!(denied(kunming.desk(DeskCommand::WriteLetter(other)).await), "ANOTHER_OFFICE");
    let page = write(kunming, &case).await;
    let root = kunming.public.root_fpr();
    let checked = paper::open(&page.qr, &[root], None).unwrap();
    let Content::Letter(letter) = checked.content else { panic!() };
    assert_eq!((letter.to_office.as_str(), letter.service), (OFFICE, Service::Housing));
    // Exactly what is asked for, and the person: phases A and B of a home, nothing else.
    let numbers: Vec<u8> = letter.sections.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [3, PERSON]);
    let name = home(11).worker.unwrap().name;
    assert!(page.fields.iter().any(|field| field.value == name));
    // Printed again, the content is the same and the codes are new.
    let again = write(kunming, &case).await;
    assert_eq!(again.qr, page.qr);
    assert_ne!(again.accept_code, page.accept_code);
    // The codes of the first print, and the code of the other answer, are wrong.
    for (accepted, code) in [(true, &page.accept_code), (true, &again.decline_code)] {
        assert_eq!(denied(kunming.desk(answer(&case, accepted, code)).await), "WRONG_CODE");
    }
    assert_eq!(state(kunming, &case).await, (Local::OnPaper, 0, 0));
    kunming.desk(answer(&case, true, &again.accept_code)).await.unwrap();
    assert_eq!(state(kunming, &case).await, (Local::OnPaper, 1, 1));
    assert_eq!(denied(kunming.desk(answer(&case, false, "")).await), "ANSWERED");
    assert_eq!(denied(kunming.desk(DeskCommand::WriteLetter(request(&case))).await), "ANSWERED");
    // The slip tells it, and its code reads the same lines.
    let slip = kunming.slip(&case).await;
    assert_eq!(slip.legs[0].stage_en, "answered on paper: accepted");
    let look = wire::SlipUse { case_number: case, slip_code: slip.slip_code, legs: Vec::new() };
    let done = kunming.worker(WorkerCommand::LookBySlip(look)).await.unwrap();
    let Done::SlipStatus(status) = done else { panic!("{done:?}") };
    assert_eq!(status.legs, slip.legs);
    // Nothing of it went anywhere.
    assert_eq!(towns.sent().await, sent);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_leave_only_the_stamped_slip() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = asked(kunming, 12).await;
    kunming.answer(&sms, &[1]).await.unwrap();
    let page = write(kunming, &case).await;
    for _ in 0..5 {
        assert_eq!(
            denied(kunming.desk(answer(&case, true, &page.decline_code)).await),
            "WRONG_CODE"
        );
    }
    assert_eq!(denied(kunming.desk(answer(&case, true, &page.accept_code)).await), "WRONG_CODE");
    kunming.desk(answer(&case, false, "")).await.unwrap();
    assert_eq!(state(kunming, &case).await, (Local::OnPaper, 2, 2));
    // Declined there: the person may be asked about another office, once more.
    let elsewhere = wire::LetterRequest { office_name: "另一局".to_owned(), ..request(&case) };
    kunming.desk(DeskCommand::AskLetter(elsewhere)).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_and_silence_are_one_and_a_stop_ends_the_letter() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (no, sms) = asked(kunming, 13).await;
    let (silent, _) = asked(kunming, 14).await;
    let (stopped, stop) = asked(kunming, 15).await;
    kunming.answer(&sms, &[]).await.unwrap();
    kunming.withdraw(&stop).await.unwrap();
    for case in [&no, &silent, &stopped] {
        let write = kunming.desk(DeskCommand::WriteLetter(request(case))).await;
        assert_eq!(denied(write), "NO_YES_YET");
    }
    // A letter that is out is stopped by the slip; its sections are gone.
    let (case, sms) = asked(kunming, 16).await;
    kunming.answer(&sms, &[1]).await.unwrap();
    let page = write(kunming, &case).await;
    let code = kunming.slip(&case).await.slip_code;
    let stop = wire::SlipUse { case_number: case.clone(), slip_code: code, legs: vec![1] };
    kunming.worker(WorkerCommand::StopBySlip(stop)).await.unwrap();
    assert_eq!(denied(kunming.desk(answer(&case, true, &page.accept_code)).await), "STOPPED");
    assert_eq!(denied(kunming.desk(DeskCommand::WriteLetter(request(&case))).await), "STOPPED");
    assert_eq!(denied(kunming.desk(DeskCommand::AskLetter(request(&case))).await), "STOPPED");
    let leg = kunming.leg_for(&case, Service::Housing).await;
    let mut conn = kunming.node().store().read().await.unwrap();
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM section_data WHERE leg_id = $1 AND slot > 0 AND slot < 255";
    let left = conn.one(sql, vec![leg.to_vec().into()]).await.unwrap().int(0).unwrap();
    assert_eq!(left, 0);
    drop(conn);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_an_agreement_the_node_is_used() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(17)]).await.remove(0);
    for command in
        [DeskCommand::AskLetter(request(&case)), DeskCommand::WriteLetter(request(&case))]
    {
        assert_eq!(denied(kunming.desk(command).await), "HAS_NODE");
    }
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // Another office's desk does not get the letter of this one.
    let (other, _) = asked(kunming, 18).await;
    let asked = kunming.desk_of("11999999MB0000043B", DeskCommand::WriteLetter(request(&other)));
    assert_eq!(denied(asked.await), "NOT_FOUND");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_letter_waits_for_the_next_morning() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let mut draft = single(1).remove(0);
    draft.city = "成都".to_owned();
    let case = kunming.import(vec![draft]).await.remove(0);
    kunming.desk(DeskCommand::AskLetter(request(&case))).await.unwrap();
    let sms = kunming.sms(&case, "纸质信").await;
    kunming.answer(&sms, &[1]).await.unwrap();
    let write = async || kunming.desk(DeskCommand::WriteLetter(request(&case))).await;
    assert_eq!(denied(write().await), "NO_YES_YET");
    towns.next_working_day();
    jieli_tests::eventually("the yes to take effect", async || write().await.is_ok()).await;
    towns.stop().await;
}

/// A home in a city without an agreement.
fn far(serial: u32) -> wire::Draft {
    wire::Draft { city: "成都".to_owned(), ..home(serial) }
}

/// The same person has stopped the same service at another office of this city.
async fn stops_elsewhere(city: &Town, serial: u32) {
    let case = city.import_as(HOMES_HERE, vec![home(serial)]).await.remove(0);
    let sms = city.ask_yes(&case).await;
    city.withdraw(&sms).await.unwrap();
}

async fn not_me(city: &Town, case: &str) {
    let sms = city.sms(case, "不是我").await;
    let ask = wire::NotMeRequest { case_number: sms.case(), code: sms.code() };
    city.worker(WorkerCommand::NotMe(ask)).await.unwrap();
    assert_eq!(city.legs(case).await.len(), 2, "opened again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_asked_for_behind_the_same_gates_as_a_message() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    // One phone for two households asks nobody.
    let mut same_phone = far(22);
    same_phone.worker.as_mut().unwrap().phone = person(21).phone;
    for case in kunming.import(vec![far(21), same_phone]).await {
        let ask = kunming.desk(DeskCommand::AskLetter(request(&case))).await;
        assert_eq!(denied(ask), "WINDOW_ONLY");
    }
    // Who has stopped it elsewhere is not asked; the desk sees what it sees of a silent one.
    let [closed, silent] = [23, 24].map(far);
    let cases = kunming.import(vec![closed, silent]).await;
    stops_elsewhere(kunming, 23).await;
    let mut said = Vec::new();
    for case in &cases {
        said.push(kunming.desk(DeskCommand::AskLetter(request(case))).await.unwrap());
    }
    assert_eq!(format!("{:?}", said[0]), format!("{:?}", said[1]));
    kunming.sms(&cases[1], "纸质信").await;
    assert!(kunming.phones.about(&cases[0], "纸质信").is_empty(), "nobody was asked");
    for case in &cases {
        assert_eq!(state(kunming, case).await, (Local::Asked, 0, 0));
        let write = kunming.desk(DeskCommand::WriteLetter(request(case))).await;
        assert_eq!(denied(write), "NO_YES_YET");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_a_letter_that_cannot_be_written_is_answered_like_a_no() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    let (yes, first) = asked(kunming, 25).await;
    let (_, second) = asked(kunming, 26).await;
    stops_elsewhere(kunming, 25).await;
    let said =
        [kunming.answer(&first, &[1]).await.unwrap(), kunming.answer(&second, &[]).await.unwrap()];
    assert_eq!(said[0], said[1]);
    assert_eq!(denied(kunming.desk(DeskCommand::WriteLetter(request(&yes))).await), "NO_YES_YET");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_at_a_desk_is_no_letter_again_but_by_the_person() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![far(27)]).await.remove(0);
    let leg = kunming.leg_for(&case, Service::Housing).await;
    kunming.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    assert_eq!(denied(kunming.desk(DeskCommand::AskLetter(request(&case))).await), "OVER");
    assert_eq!(kunming.leg(leg).await.local, Local::Dropped);
    not_me(kunming, &case).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_stopped_at_a_desk_is_kept_as_long_as_the_code_of_not_me() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = asked(kunming, 28).await;
    kunming.answer(&sms, &[1]).await.unwrap();
    write(kunming, &case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    // The carrier takes the notice hours after the stop: the code's 72 hours begin then.
    kunming.phones.say(Some(NoticeResult::Later));
    kunming.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    let tried = "SELECT COUNT(*) FROM notice WHERE state = 0 AND attempts > 0";
    eventually("the carrier to be busy", async || kunming.count(tried).await == 1).await;
    kunming.phones.say(None);
    towns.clock.move_on(8 * HOUR_MS);
    kunming.sms(&case, "不是我").await;
    // After the hours counted from the stop, before the end of those counted from the notice.
    towns.clock.move_on(66 * HOUR_MS);
    let due = "SELECT COUNT(*) FROM timer WHERE due_ms < (SELECT MAX(asked_ms) FROM question) \
               + 73 * 3600000";
    eventually("what was due to be done", async || kunming.count(due).await == 0).await;
    not_me(kunming, &case).await;
    towns.stop().await;
}
