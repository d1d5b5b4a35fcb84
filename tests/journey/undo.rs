//! What a desk enters waits: it can be undone, it is judged again before it goes, and no crash
//! sends it twice or loses it.

use jieli_node::writer::{CrashAt, Failure, Step};
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people::{self, home};
use jieli_tests::{Sms, Towns, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const MINUTE_MS: u64 = 60_000;

/// A home offered to Ruian, with the worker's code; five minutes to undo in both cities.
async fn offered() -> (Towns, LegId, Sms) {
    let towns = Towns::new().await.with_undo(5).await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    eventually("the leg in Ruian", async || towns.ruian.find(leg).await.is_some()).await;
    (towns, leg, sms)
}

fn take_up() -> Act {
    Act::TakeUp(wire::DeskTakeUp {})
}

fn accept() -> Act {
    Act::Accept(wire::DeskAccept::default())
}

fn code(result: Result<wire::ActReply, Failure>) -> &'static str {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    assert!(!denied.zh.is_empty() && !denied.en.is_empty());
    denied.code
}

/// Enters an act and lets its time pass.
async fn sent(towns: &Towns, leg: LegId, act: Act) {
    towns.ruian.act(leg, act).await.unwrap();
    towns.clock.move_on(6 * MINUTE_MS);
    towns.ruian.nothing_pends().await;
    towns.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_waits_five_minutes_and_can_be_undone() {
    let (towns, leg, _) = offered().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let reply = ruian.act(leg, take_up()).await.unwrap();
    assert!(reply.env_digest.is_empty() && reply.say_en.contains("case undo"), "{reply:?}");
    let view = ruian.view(leg).await;
    assert_eq!(view.next, ["undo", "withdraw"]);
    let desk = view.line.unwrap().desk.unwrap();
    let pending = desk.pending.unwrap();
    assert_eq!((pending.step.as_str(), desk.handler.as_str()), ("take-up", ""));
    assert!(reply.say_zh.contains(&pending.goes_out_at), "{reply:?}");
    assert_eq!(code(ruian.act(leg, accept()).await), "ACT_PENDING");
    // What the law forbids is told at once, not in five minutes.
    towns.clock.move_on(4 * MINUTE_MS);
    let undone = ruian.undo(leg).await.unwrap();
    assert!(undone.say_en.contains("take-up"));
    assert_eq!(code(ruian.undo(leg).await), "NOTHING_TO_UNDO");
    assert_eq!(code(ruian.act(leg, accept()).await), "ILLEGAL_STEP");
    towns.clock.move_on(10 * MINUTE_MS);
    // Entered anew, it has five minutes of its own.
    ruian.act(leg, take_up()).await.unwrap();
    towns.clock.move_on(4 * MINUTE_MS);
    assert_eq!(ruian.stage(leg).await, Some(Stage::Offered));
    assert_eq!(kunming.types(leg).await, [MessageType::Offer]);
    towns.clock.move_on(2 * MINUTE_MS);
    kunming.reaches(leg, Stage::TakenUp).await;
    let desk = ruian.desk_view(leg).await;
    assert!(desk.pending.is_none() && desk.not_sent.is_none());
    assert_eq!(desk.handler, "test", "who took it up is the first handler");
    assert_eq!(code(ruian.hand_over(leg, "nobody").await), "BAD_OPTION");
    assert_eq!(code(ruian.hand_over(leg, "operator").await), "BAD_OPTION");
    assert_eq!(ruian.desk_view(leg).await.handler, "test", "never without a first handler");
    let mine = wire::ListCasesRequest { mine: true, ..Default::default() };
    assert_eq!(ruian.queue("test", mine.clone()).await.cases.len(), 1);
    assert!(ruian.queue("window", mine).await.cases.is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_goes_at_once_and_takes_what_waits_with_it() {
    let (towns, leg, _) = offered().await;
    let ruian = &towns.ruian;
    ruian.act(leg, take_up()).await.unwrap();
    ruian.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    towns.kunming.reaches(leg, Stage::Withdrawn).await;
    towns.clock.move_on(10 * MINUTE_MS);
    towns.quiet().await;
    assert!(!ruian.types(leg).await.contains(&MessageType::TakeUp));
    let desk = ruian.desk_view(leg).await;
    assert!(desk.pending.is_none() && desk.not_sent.is_none(), "the desk did that itself");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_of_the_other_city_stops_what_waits_here() {
    let (towns, leg, _) = offered().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let void = wire::DeskVoid { code: wire::VoidCode::SentInError.into() };
    kunming.act(leg, Act::Void(void)).await.unwrap();
    ruian.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    // What was entered here is kept for "not me"; the act that waited goes with the disclosed.
    kunming.sms(&kunming.case_of(&kunming.leg(leg).await).await, "不是我").await;
    assert_eq!(kunming.count("SELECT COUNT(*) FROM pending_act").await, 0);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM section_data WHERE slot = 253").await, 0);
    let unsent = kunming.desk_view(leg).await.not_sent.unwrap();
    assert_eq!((unsent.step.as_str(), unsent.code.as_str()), ("void", "ILLEGAL_STEP"));
    towns.clock.move_on(10 * MINUTE_MS);
    towns.quiet().await;
    assert!(!kunming.types(leg).await.contains(&MessageType::Void));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_that_was_overtaken_is_not_sent_and_the_desk_is_told() {
    let (towns, leg, sms) = offered().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    sent(&towns, leg, take_up()).await;
    sent(&towns, leg, accept()).await;
    kunming.reaches(leg, Stage::Released).await;
    ruian.reaches(leg, Stage::Released).await;
    // It holds fields about the person's home: nothing of them stands in the clear.
    let outcome = people::outcome(wire::Service::Housing, "");
    ruian.act(leg, Act::Outcome(outcome)).await.unwrap();
    assert_eq!(ruian.count("SELECT COUNT(*) FROM section_data WHERE slot = 253").await, 1);
    kunming.withdraw(&sms).await.unwrap();
    ruian.reaches(leg, Stage::Withdrawn).await;
    towns.clock.move_on(10 * MINUTE_MS);
    towns.quiet().await;
    assert!(!ruian.types(leg).await.contains(&MessageType::Outcome));
    assert_eq!(ruian.count("SELECT COUNT(*) FROM section_data WHERE slot = 253").await, 0);
    let unsent = ruian.desk_view(leg).await.not_sent.unwrap();
    assert_eq!((unsent.step.as_str(), unsent.code.as_str()), ("outcome", "ILLEGAL_STEP"));
    assert!(unsent.say_zh.contains("撤回") && unsent.say_en.contains("withdrew"), "{unsent:?}");
    let list = ruian.queue("window", wire::ListCasesRequest::default()).await;
    assert!(list.cases[0].legs[0].desk.as_ref().unwrap().not_sent.is_some());
    ruian.undo(leg).await.unwrap();
    assert!(ruian.desk_view(leg).await.not_sent.is_none(), "read, and gone");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_that_the_other_side_made_illegal_is_judged_again() {
    let (towns, leg, _) = offered().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let void = wire::DeskVoid { code: wire::VoidCode::SentInError.into() };
    kunming.act(leg, Act::Void(void)).await.unwrap();
    // Legal when it is entered, and no more when Kunming's VOID has come first.
    towns.clock.move_on(3 * MINUTE_MS);
    ruian.act(leg, take_up()).await.unwrap();
    towns.clock.move_on(3 * MINUTE_MS);
    ruian.reaches(leg, Stage::Voided).await;
    towns.clock.move_on(3 * MINUTE_MS);
    towns.quiet().await;
    let unsent = ruian.desk_view(leg).await.not_sent.unwrap();
    assert_eq!(unsent.step, "take-up");
    assert!(!ruian.types(leg).await.contains(&MessageType::TakeUp));
    towns.stop().await;
}

/// Dies once at a step, after it was armed.
fn crash(step: Step, armed: &Arc<AtomicBool>, skip: u64) -> CrashAt {
    let (armed, seen) = (Arc::clone(armed), AtomicU64::new(0));
    Arc::new(move |at| {
        at == step && armed.load(Ordering::SeqCst) && seen.fetch_add(1, Ordering::SeqCst) == skip
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_neither_loses_an_act_nor_sends_it_twice() {
    for step in Step::ALL {
        let (mut towns, leg, _) = offered().await;
        towns.quiet().await;
        let armed = Arc::new(AtomicBool::new(false));
        towns.ruian.stop().await;
        towns.ruian.start_to_crash(Some(crash(step, &armed, 0))).await;
        towns.ruian.act(leg, take_up()).await.unwrap();
        // Dies in the transaction that sends it, or in one beside it.
        armed.store(true, Ordering::SeqCst);
        towns.clock.move_on(6 * MINUTE_MS);
        towns.ruian.dies().await;
        towns.ruian.start().await;
        towns.ruian.nothing_pends().await;
        towns.clock.move_on(60 * MINUTE_MS);
        towns.kunming.reaches(leg, Stage::TakenUp).await;
        towns.quiet().await;
        for town in [&towns.kunming, &towns.ruian] {
            assert_eq!(
                town.types(leg).await,
                [MessageType::Offer, MessageType::TakeUp],
                "{step:?}"
            );
        }
        assert_eq!(towns.ruian.desk_view(leg).await.handler, "test");
        towns.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ballot_of_a_job_begins_when_the_outcome_goes_out() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let job = towns.job_to_released(&case).await;
    let mut towns = towns.with_undo(5).await;
    towns.ruian_reports(job).await;
    let held = "SELECT COUNT(*) FROM held_outcome";
    assert_eq!(towns.ruian.count(held).await, 0);
    // What waits outlives a stop of the node.
    towns.ruian.stop().await;
    towns.ruian.start().await;
    assert_eq!(towns.ruian.desk_view(job).await.pending.unwrap().step, "outcome");
    towns.clock.move_on(6 * MINUTE_MS);
    towns.ruian.nothing_pends().await;
    assert_eq!(towns.ruian.count(held).await, 1);
    let here = towns.ruian.case_of(&towns.ruian.leg(job).await).await;
    let ballot = towns.ruian.sms(&here, "私下问您").await;
    towns.ruian.answer(&ballot, &[1]).await.unwrap();
    towns.kunming.reaches(job, Stage::Fulfilled).await;
    towns.stop().await;
}
