//! V22: the receiving city itself tells the person what arrived under that name, before anything is
//! reported as done.

use crate::common::released_as;
use jieli_node::command::Command;
use jieli_node::world::NoticeResult;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, ItemStatus, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{Forger, HOUR_MS, Town, Towns, eventually};

fn code<T: std::fmt::Debug>(done: Result<T, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        other => panic!("{other:?}"),
    }
}

/// A result for a leg, as Ruian's window would enter it.
async fn result(towns: &Towns, leg: LegId, told_in_person: bool) -> Act {
    let service = towns.ruian.leg(leg).await.service;
    let outcome = people::outcome(service, &towns.terms(leg).await);
    Act::Outcome(wire::DeskOutcome { told_in_person, ..outcome })
}

/// A home that Kunming has released to Ruian.
async fn released(towns: &Towns, draft: wire::Draft) -> LegId {
    let case = towns.kunming.import(vec![draft]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    towns.ruian.reaches(leg, Stage::Released).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_a_forged_consent_is_found_by_the_person_it_names_and_stopping_works() {
    // Kunming's node is modified: in the slot of somebody who asked for a home, it hands over a
    // person whom nobody asked.
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.kunming.receipted(leg).await;
    towns.kunming.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    towns.ruian.receipted(leg).await;
    let forger = Forger::beside(towns);
    let ruian = &forger.towns.ruian;
    let victim = people::person(7);
    let forged = released_as(&forger, leg, &victim, 4).await;
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
    // Every signature is right; the person alone can know that it is a lie, and is told.
    let here = ruian.case_of(&ruian.leg(leg).await).await;
    let sms = ruian.sms(&here, "说您申请了").await;
    assert_eq!(sms.to, victim.phone);
    assert!(sms.text.contains("昆明市") && sms.text.contains("住房"), "{}", sms.text);
    assert!(sms.text.contains("says you asked for"), "{}", sms.text);
    ruian.withdraw(&sms).await.unwrap();
    assert!(ruian.leg(leg).await.is_stopped());
    let kept = "SELECT COUNT(*) FROM section_data WHERE slot BETWEEN 1 AND 253";
    assert_eq!(ruian.count(kept).await, 0, "nothing of the person is kept");
    // Kunming's node knows of no such hand-over and refuses the stop: here it holds all the same.
    eventually("the refusal", async || ruian.leg(leg).await.stop_refused).await;
    assert!(ruian.view(leg).await.line.is_some_and(|line| line.stop));
    let refused = ruian.act(leg, result(&forger.towns, leg, true).await).await;
    assert_eq!(code(refused), "ILLEGAL_STEP");
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_a_result_waits_until_the_carrier_has_the_persons_notice() {
    let mut towns = Towns::new().await;
    towns.ruian.patience = 0;
    towns.ruian.phones.say(Some(NoticeResult::Later));
    let leg = released(&towns, home(1)).await;
    let early = towns.ruian.act(leg, result(&towns, leg, false).await).await;
    assert_eq!(code(early), "NOTICE_WAITING");
    // A clerk's word does not stand in for a notice that can still go out.
    let told = towns.ruian.act(leg, result(&towns, leg, true).await).await;
    assert_eq!(code(told), "NOTICE_WAITING");
    // That it came to nothing can be said at once: nobody has got anything under that name.
    towns.ruian.phones.say(None);
    towns.clock.move_on(HOUR_MS);
    let handed = "SELECT COUNT(*) FROM notice WHERE state = 1";
    eventually("the notice", async || towns.ruian.count(handed).await == 1).await;
    towns.ruian.act(leg, result(&towns, leg, false).await).await.unwrap();
    towns.kunming.reaches(leg, Stage::Fulfilled).await;
    let types = towns.ruian.types(leg).await;
    assert_eq!(types.last(), Some(&MessageType::Outcome));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_a_report_that_overtakes_the_hand_over_counts() {
    let mut towns = Towns::new().await;
    towns.ruian.patience = 0;
    let ruian = &towns.ruian;
    ruian.phones.say(Some(NoticeResult::Later));
    let leg = released(&towns, home(1)).await;
    // The carrier had it, its answer was lost; it reports that the number does not exist.
    let tried = "SELECT COUNT(*) FROM notice WHERE state = 0 AND attempts > 0";
    eventually("an attempt", async || ruian.count(tried).await == 1).await;
    let mut conn = ruian.node().store().read().await.unwrap();
    let row = conn.one("SELECT notice_id FROM notice WHERE state = 0", Vec::new()).await.unwrap();
    let id: [u8; 16] = row.array(0).unwrap();
    drop(conn);
    ruian.node().hand().perform(Command::NoticeReported(id, false)).await.unwrap();
    ruian.phones.say(None);
    ruian.node().hand().perform(Command::NoticeDone(id, NoticeResult::Sent)).await.unwrap();
    let refused = ruian.act(leg, result(&towns, leg, false).await).await;
    assert_eq!(code(refused), "TELL_IN_PERSON");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_who_cannot_be_reached_is_told_at_the_window_first() {
    let towns = Towns::new().await;
    let mut silent = home(2);
    let phoneless = |draft: &mut wire::Draft| {
        // A person of their own without a phone; the worker's answers.
        let mut person = people::person(3);
        person.phone = String::new();
        draft.legs[0].person = Some(person);
    };
    phoneless(&mut silent);
    towns.ruian.phones.say(Some(NoticeResult::Undeliverable));
    for draft in [home(1), silent] {
        let leg = released(&towns, draft).await;
        eventually("the carrier's word", async || {
            let waiting = "SELECT COUNT(*) FROM notice WHERE state = 0";
            towns.ruian.count(waiting).await == 0
        })
        .await;
        let refused = towns.ruian.act(leg, result(&towns, leg, false).await).await;
        let Err(Failure::Denied(denied)) = refused else { panic!("{refused:?}") };
        assert_eq!(denied.code, "TELL_IN_PERSON");
        assert!(denied.zh.contains("窗口") && denied.en.contains("window"), "{denied}");
        let before = local_records(&towns.ruian);
        towns.ruian.act(leg, result(&towns, leg, true).await).await.unwrap();
        assert!(local_records(&towns.ruian) > before, "who told the person is on record");
        towns.kunming.reaches(leg, Stage::Fulfilled).await;
    }
    towns.stop().await;
}

fn local_records(town: &Town) -> u64 {
    town.node().hand().published().local.size
}

#[tokio::test(flavor = "multi_thread")]
async fn v22_the_holder_tells_the_person_whose_record_is_asked_for() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = towns.pull_medical().await;
    ruian.ask_yes(&case).await;
    let leg = ruian.leg_for(&case, Service::Insurance).await;
    eventually("the REQUEST", async || kunming.find(leg).await.is_some()).await;
    let here = kunming.case_of(&kunming.leg(leg).await).await;
    let sms = kunming.sms(&here, "说您申请了").await;
    assert!(sms.text.contains("瑞安市"), "{}", sms.text);
    kunming.withdraw(&sms).await.unwrap();
    ruian.reaches(leg, Stage::Withdrawn).await;
    towns.stop().await;
}
