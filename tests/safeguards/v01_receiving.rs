//! V1: the receiving city's window takes a yes too. It travels as CONSENT; whoever it names is
//! told, and nothing of a job is released before 09:00 of the next working day.

use crate::common::{a_while, denied, methods};
use jieli_node::command::{DeskCommand, Done};
use jieli_node::window::WindowCommand;
use jieli_node::world::Clock as _;
use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::{Duty, Illegal, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Method, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{HOUR_MS, Town, Towns, eventually};

async fn sit(town: &Town, leg: &str, waive_day: bool) -> Result<wire::OpenSittingReply, Failure> {
    let in_hand = wire::InHand { slip_leg: leg.to_owned(), ..wire::InHand::default() };
    let ask = wire::OpenSittingRequest { in_hand: Some(in_hand), waive_day, ..Default::default() };
    let done = town.window("union", WindowCommand::OpenSitting(ask, None)).await?;
    let Done::Sitting(reply) = done else { panic!("{done:?}") };
    Ok(reply)
}

/// A job that Ruian accepted.
async fn accepted(towns: &Towns) -> (String, LegId) {
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    let slot = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms()).plus(21).number();
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept { slot_until: slot, window: None })).await;
    towns.kunming.sms(&case, "请至少看一天").await;
    (case, leg)
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_terms_agreed_to_at_the_receiving_window_release_the_job() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = accepted(&towns).await;
    // Read today, waived by the person: a receiving window may take that.
    let shown = sit(ruian, &leg.hex(), false).await.unwrap();
    assert_eq!(shown.items[0].number, 0);
    let sitting = sit(ruian, &leg.hex(), true).await.unwrap();
    ruian.types_in("union", &sitting, &[1], "").await.unwrap();
    a_while().await;
    assert!(!ruian.types(leg).await.contains(&MessageType::Consent), "not before nine");
    towns.next_working_day();
    kunming.holds(leg, MessageType::Consent).await;
    assert_eq!(methods(ruian, leg).await.last(), Some(&Method::ReceivingWindow));
    // Whom it names is told at home, and has until the next morning to stop it.
    kunming.sms(&case, "如果不是您本人，请用本码停止").await;
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    towns.next_working_day();
    ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_yes_made_up_over_there_is_stopped_by_whom_it_names() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = accepted(&towns).await;
    // Nobody stood there: a clerk of Ruian took the item's name from a screen.
    let sitting = sit(ruian, &leg.hex(), true).await.unwrap();
    ruian.types_in("union", &sitting, &[1], "").await.unwrap();
    towns.next_working_day();
    let sms = kunming.sms(&case, "如果不是您本人，请用本码停止").await;
    kunming.withdraw(&sms).await.unwrap();
    ruian.reaches(leg, Stage::Withdrawn).await;
    towns.next_working_day();
    a_while().await;
    assert!(!kunming.types(leg).await.contains(&MessageType::Release));
    let person = people::single(1)[0].worker.clone().unwrap();
    for secret in people::secrets([&person]) {
        let bytes = secret.as_bytes();
        let shown = towns.from_kunming();
        assert!(!shown.iter().any(|frame| frame.windows(bytes.len()).any(|part| part == bytes)));
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_consent_that_ended_is_given_anew_at_the_receiving_window() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.clock.move_on(181 * 24 * HOUR_MS);
    let slot = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms()).plus(20).number();
    ruian.act(leg, Act::Accept(wire::DeskAccept { slot_until: slot, window: None })).await.unwrap();
    kunming.reaches(leg, Stage::Accepted).await;
    // An item that is not here is counted like a wrong document.
    assert_eq!(denied(sit(ruian, &"0".repeat(32), false).await), "NO_MATCH");
    let no = sit(ruian, &leg.hex(), false).await.unwrap();
    ruian.types_in("union", &no, &[], "").await.unwrap();
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    let yes = sit(ruian, &leg.hex(), false).await.unwrap();
    assert!(yes.items[0].text.contains("昆明"), "{}", yes.items[0].text);
    ruian.types_in("union", &yes, &[1], "").await.unwrap();
    ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    let here = ruian.case_of(&ruian.leg(leg).await).await;
    // A stranger finds nothing wrong with it: the consent was taken here and cited over there.
    let bundle = ruian.export(&here, true).await;
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    assert_eq!(exit_code(&verify(&bundle, &roots)), 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_yes_over_there_that_arrives_late_is_not_taken_for_silence() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, leg) = accepted(&towns).await;
    let slot = ruian.leg(leg).await.law.state().due(Duty::Release).unwrap();
    let calendar = towns.calendar();
    let before = |day| calendar.last_working_day_before(day);
    let at = |day: Day, hour: u64| towns.clock.move_to(day.start_unix_ms(480) + hour * HOUR_MS);
    // The last day for an answer here: it is there on the next, and counts on the one after.
    let last_here = before(before(before(slot)));
    at(last_here, 16);
    let sitting = sit(ruian, &leg.hex(), true).await.unwrap();
    ruian.types_in("union", &sitting, &[1], "").await.unwrap();
    ruian.tap.set_cut(true);
    kunming.tap.set_cut(true);
    at(before(before(slot)), 10);
    eventually("the CONSENT", async || ruian.types(leg).await.contains(&MessageType::Consent))
        .await;
    // The line is down until the slot date has begun; hours later the question at home lapses.
    at(slot, 0);
    ruian.tap.set_cut(false);
    kunming.tap.set_cut(false);
    towns.clock.move_on(HOUR_MS);
    kunming.holds(leg, MessageType::Consent).await;
    at(slot, 10);
    let lapsed = "SELECT COUNT(*) FROM question WHERE kind = 'terms' AND closed = 1";
    eventually("the question to lapse", async || kunming.count(lapsed).await == 1).await;
    a_while().await;
    assert!(!kunming.types(leg).await.contains(&MessageType::Withdraw), "the person said yes");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM suppression").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_yes_over_there_that_arrives_after_the_lapse_undoes_no_stop() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, leg) = accepted(&towns).await;
    let slot = ruian.leg(leg).await.law.state().due(Duty::Release).unwrap();
    let sitting = sit(ruian, &leg.hex(), true).await.unwrap();
    ruian.types_in("union", &sitting, &[1], "").await.unwrap();
    ruian.tap.set_cut(true);
    kunming.tap.set_cut(true);
    towns.next_working_day();
    eventually("the CONSENT", async || ruian.types(leg).await.contains(&MessageType::Consent))
        .await;
    // The line is down until the question at home has lapsed: to Kunming it was never answered.
    towns.clock.move_to(slot.start_unix_ms(480) + 10 * HOUR_MS);
    kunming.reaches(leg, Stage::Withdrawn).await;
    ruian.tap.set_cut(false);
    kunming.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    kunming.holds(leg, MessageType::Consent).await;
    ruian.reaches(leg, Stage::Withdrawn).await;
    towns.next_working_day();
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Withdrawn));
    assert!(!kunming.types(leg).await.contains(&MessageType::Release));
    // Whoever over there dates a letter back lifts nobody's no.
    assert_eq!(kunming.count("SELECT COUNT(*) FROM suppression").await, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_the_receiving_window_takes_no_yes_that_would_come_too_late() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, leg) = accepted(&towns).await;
    let slot = ruian.leg(leg).await.law.state().due(Duty::Release).unwrap();
    let calendar = towns.calendar();
    let last = calendar.last_working_day_before(slot);
    let too_late = calendar.last_working_day_before(last);
    let last_here = calendar.last_working_day_before(too_late);
    towns.clock.move_to(too_late.start_unix_ms(480) + 10 * HOUR_MS);
    for waive_day in [false, true] {
        let refused = sit(ruian, &leg.hex(), waive_day).await;
        let Err(Failure::Denied(denied)) = refused else { panic!("{refused:?}") };
        assert_eq!(denied.code, "TOO_LATE_HERE");
        for said in [&denied.zh, &denied.en] {
            assert!(said.contains(&last_here.to_string()) && said.contains(&last.to_string()));
        }
    }
    // At home there still is time.
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_terms_changed_after_release_are_agreed_to_at_the_receiving_window() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = towns.job_to_released(&case).await;
    let before = towns.terms(leg).await;
    let mut vacancies = people::vacancies();
    for vacancy in &mut vacancies {
        let terms = vacancy.terms.as_mut().unwrap();
        (terms.version, terms.hours_week) = (terms.version + 1, 38);
    }
    let request = wire::AddVacanciesRequest { vacancies, announce: true, change: true };
    ruian.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    let changed =
        Act::Correct(wire::DeskCorrect { fields: Vec::new(), terms: true, ..Default::default() });
    ruian.act(leg, changed).await.unwrap();
    kunming.holds(leg, MessageType::Correct).await;
    let now = towns.terms(leg).await;
    assert_ne!(before, now);
    // Whatever the clerk has, no result counts under terms that nobody agreed to.
    let outcome = Act::Outcome(people::outcome(Service::Employment, &now));
    let early = ruian.act(leg, outcome.clone()).await;
    let Err(Failure::Denied(early)) = early else { panic!("{early:?}") };
    assert!(early.en.contains(&Illegal::TermsNotAcknowledged.to_string()), "{early:?}");
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    let person = people::single(1)[0].worker.clone().unwrap();
    let sitting = ruian.sit("union", &there, &person, true).await.unwrap();
    assert!(sitting.items[0].text.contains("38"), "{}", sitting.items[0].text);
    ruian.types_in("union", &sitting, &[1], "").await.unwrap();
    a_while().await;
    assert!(!ruian.types(leg).await.contains(&MessageType::Consent), "not before nine");
    towns.next_working_day();
    kunming.holds(leg, MessageType::Consent).await;
    kunming.sms(&case, "如果不是您本人，请用本码停止").await;
    ruian.act(leg, outcome).await.unwrap();
    towns.settled().await;
    towns.stop().await;
}
