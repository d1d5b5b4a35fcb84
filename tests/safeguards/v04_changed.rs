//! V4 against a modified receiver: neither a short slot nor other terms take the worker's day away.

use crate::common::a_while;
use crate::modified::ruian_says;
use jieli_node::world::Clock as _;
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::message::terms_digest;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ItemStatus, MessageType, Service};
use jieli_tests::people;
use jieli_tests::{Forger, HOUR_MS, Towns, eventually, office};

/// A job that Ruian took up; from then on its own node is cut off.
async fn taken_up(towns: &Towns) -> (String, LegId) {
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.kunming.reaches(leg, Stage::TakenUp).await;
    towns.settled().await;
    towns.ruian.tap.set_cut(true);
    // Nor does it hear of what is said in its name.
    towns.kunming.tap.set_cut(true);
    (case, leg)
}

fn terms() -> wire::Terms {
    people::vacancies().remove(0).terms.unwrap()
}

/// An ACCEPT of a job with a slot so many days away.
fn accept(towns: &Towns, days: i64) -> (Body, u32) {
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    let slot_until = today.plus(days).number();
    let window = wire::Window {
        telephone: "0577-60000115".to_owned(),
        opens_min: 540,
        closes_min: 1_020,
        bring: Vec::new(),
    };
    let body = wire::Accept {
        slot_until,
        window: Some(window),
        terms_digest: terms_digest(&terms()).to_vec(),
        terms: Some(terms()),
    };
    (Body::Accept(body), slot_until)
}

/// A CORRECT that lowers the pay.
async fn correct(towns: &Towns, leg: LegId) -> ([u8; 32], Body) {
    let lower = wire::Terms { version: 2, pay_fen_month_min: 1, ..terms() };
    let digest = terms_digest(&lower);
    let file = towns.kunming.leg(leg).await;
    let corrects = file.latest(MessageType::Accept).unwrap().env_digest.to_vec();
    let body = wire::Correct {
        corrects,
        terms_digest: digest.to_vec(),
        terms: Some(lower),
        ..wire::Correct::default()
    };
    (digest.0, Body::Correct(body))
}

/// The worker reads for a day and says yes to the newest terms; the next working day begins.
async fn reads(towns: &Towns, case: &str, notices: usize) {
    let word = "请至少看一天";
    eventually("the terms", async || towns.kunming.phones.about(case, word).len() == notices).await;
    let sms = towns.kunming.sms(case, word).await;
    towns.kunming.open(&sms).await.unwrap();
    towns.clock.move_on(24 * HOUR_MS);
    towns.kunming.answer(&sms, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_modified_receiver_cannot_make_the_worker_decide_in_a_hurry() {
    let towns = Towns::new().await;
    let (case, leg) = taken_up(&towns).await;
    let kunming = &towns.kunming;
    let (body, due) = accept(&towns, 1);
    // No clock of ours makes it illegal: it is taken in, and nobody is asked.
    assert_eq!(ruian_says(&towns, leg, MessageType::Accept, body, due).await, ItemStatus::Stored);
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    eventually("the alarm", async || kunming.alarms().await.contains(&"slot-too-soon".to_owned()))
        .await;
    for _ in 0..4 {
        towns.next_working_day();
    }
    a_while().await;
    assert!(kunming.phones.about(&case, "请至少看一天").is_empty());
    let said = kunming.types(leg).await;
    assert!(!said.contains(&MessageType::Withdraw) && !said.contains(&MessageType::Release));
    assert_eq!(kunming.count("SELECT COUNT(*) FROM suppression").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_changed_terms_are_read_anew_before_anything_is_released() {
    let towns = Towns::new().await;
    let (case, leg) = taken_up(&towns).await;
    let kunming = &towns.kunming;
    let (body, due) = accept(&towns, 21);
    assert_eq!(ruian_says(&towns, leg, MessageType::Accept, body, due).await, ItemStatus::Stored);
    reads(&towns, &case, 1).await;
    // Before nine the pay is lowered: the yes was to other terms.
    let (digest, body) = correct(&towns, leg).await;
    assert_eq!(ruian_says(&towns, leg, MessageType::Correct, body, 0).await, ItemStatus::Stored);
    towns.next_working_day();
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted), "nothing is released on it");
    reads(&towns, &case, 2).await;
    towns.next_working_day();
    kunming.reaches(leg, Stage::Released).await;
    let file = kunming.leg(leg).await;
    let release = file.latest(MessageType::Release).unwrap().message.clone().unwrap();
    let Some(Body::Release(release)) = release.body else { panic!("{release:?}") };
    assert_eq!(release.terms_digest, digest);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_terms_changed_after_release_are_acknowledged_by_a_consent() {
    let towns = Towns::new().await;
    let (case, leg) = taken_up(&towns).await;
    let kunming = &towns.kunming;
    let (body, due) = accept(&towns, 21);
    ruian_says(&towns, leg, MessageType::Accept, body, due).await;
    reads(&towns, &case, 1).await;
    towns.next_working_day();
    kunming.reaches(leg, Stage::Released).await;
    let (digest, body) = correct(&towns, leg).await;
    assert_eq!(ruian_says(&towns, leg, MessageType::Correct, body, 0).await, ItemStatus::Stored);
    assert!(!kunming.leg(leg).await.law.state().terms_acknowledged());
    reads(&towns, &case, 2).await;
    towns.next_working_day();
    kunming.holds(leg, MessageType::Consent).await;
    let state = kunming.leg(leg).await.law.state().clone();
    assert!(state.terms_acknowledged());
    assert_eq!(state.terms, Some(digest));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_consent_names_the_initiators_office_first_whoever_says_it() {
    let forger = Forger::new().await;
    let leg = forger.good().await.leg();
    let right = forger.consent(leg, office::SCHOOLS, Service::Schooling).await;
    let mut wrong = right.clone();
    std::mem::swap(&mut wrong.from_office, &mut wrong.to_office);
    for (consent, taken) in [(wrong, false), (right, true)] {
        let body = Body::ConsentTaken(wire::ConsentTaken::default());
        let mut forged = forger.next_in(leg, MessageType::Consent, body).await;
        let sealed = forger.seal(&consent).await;
        forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
        forged.consents = vec![sealed];
        assert_eq!(forger.say(&forged).await.is_ok(), taken);
    }
    forger.towns.stop().await;
}
