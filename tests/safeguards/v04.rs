//! V4: job terms are read for a day before anything is released, at a window too; codes do not
//! live longer than 72 hours; a slot that leaves no time is nobody's no.

use crate::common::{a_while, denied, methods};
use jieli_node::world::Clock as _;
use jieli_proto::case::{Duty, Stage};
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Method, Service};
use jieli_tests::people::{self};
use jieli_tests::{HOUR_MS, Towns, eventually};

/// A job that Ruian accepted; the worker is asked about its terms.
async fn accepted(towns: &Towns) -> (String, wire::DraftPerson, LegId) {
    let draft = people::single(1).remove(0);
    let worker = draft.worker.clone().unwrap();
    let case = towns.kunming.import(vec![draft]).await.remove(0);
    // At a window, where the terms were shown for the first time.
    let sitting = towns.kunming.sit("union", &case, &worker, false).await.unwrap();
    towns.kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_accepts(leg).await;
    towns.kunming.reaches(leg, Stage::Accepted).await;
    (case, worker, leg)
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_yes_at_a_window_counts_from_nine_next_working_day_too() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let draft = people::single(1).remove(0);
    let worker = draft.worker.clone().unwrap();
    let case = kunming.import(vec![draft]).await.remove(0);
    let sitting = kunming.sit("union", &case, &worker, false).await.unwrap();
    assert!(sitting.items[0].text.contains("用工条件告知单"), "{}", sitting.items[0].text);
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    // Taken back unseen, at the same window.
    let sitting = kunming.sit("union", &case, &worker, false).await.unwrap();
    kunming.types_in("union", &sitting, &[], "").await.unwrap();
    towns.next_working_day();
    a_while().await;
    assert_eq!(towns.sent().await, 0, "the newest word counts");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_terms_at_a_window_wait_a_day_unless_the_person_waives_it_there() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let draft = people::single(1).remove(0);
    let worker = draft.worker.clone().unwrap();
    let case = kunming.import(vec![draft]).await.remove(0);
    // Answered from the text of the notice: the terms in it were not opened.
    assert_eq!(kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    let sms = kunming.sms(&case, "逐项回答").await;
    kunming.answer(&sms, &[1]).await.unwrap();
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_accepts(leg).await;
    kunming.sms(&case, "请至少看一天").await;
    // To be read today, not to be answered: the same whatever would have been typed.
    let shown = kunming.sit("union", &case, &worker, false).await.unwrap();
    assert_eq!((shown.items.len(), shown.items[0].number), (1, 0));
    assert_eq!(denied(kunming.types_in("union", &shown, &[1], "").await), "NO_SUCH_NUMBER");
    // The union may take a waiver; the schools' window may not even be asked by this officer.
    let sitting = kunming.sit("union", &case, &worker, true).await.unwrap();
    assert_eq!(sitting.items[0].number, 1);
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    // That it was waived, and where, stands in a consent of its own.
    assert_eq!(methods(kunming, leg).await, [Method::PhoneCode, Method::OtherOffice]);
    a_while().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted), "not before nine");
    towns.next_working_day();
    towns.ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_only_some_windows_take_a_waiver() {
    let towns = Towns::new().await;
    let (case, worker, _) = accepted(&towns).await;
    let refused = towns.kunming.sit("medical", &case, &worker, true).await;
    assert_eq!(denied(refused), "NO_WAIVER");
    towns.kunming.sit("union", &case, &worker, true).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_code_for_terms_lives_72_hours_and_is_renewed_once() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let draft = people::single(1).remove(0);
    let case = kunming.import(vec![draft]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    let slot = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms()).plus(21).number();
    let accept = wire::DeskAccept { slot_until: slot, window: None };
    towns.ruian_acts(leg, Act::Accept(accept)).await;
    let first = kunming.sms(&case, "请至少看一天").await;
    kunming.open(&first).await.unwrap();
    towns.clock.move_on(72 * HOUR_MS);
    assert_eq!(denied(kunming.answer(&first, &[1]).await), "WRONG_CODE");
    eventually("another code", async || kunming.phones.about(&case, "请至少看一天").len() == 2)
        .await;
    let second = kunming.sms(&case, "请至少看一天").await;
    assert_ne!(first.code(), second.code());
    kunming.answer(&second, &[1]).await.unwrap();
    // Who was silent through both gets no third; and an old code still stops.
    towns.clock.move_on(73 * HOUR_MS);
    a_while().await;
    assert_eq!(kunming.phones.about(&case, "请至少看一天").len(), 2);
    kunming.withdraw(&first).await.unwrap();
    eventually("the stop", async || kunming.leg(leg).await.law.state().stop.any()).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_slot_that_leaves_no_time_to_read_is_nobodys_no() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let draft = people::single(1).remove(0);
    let case = kunming.import(vec![draft]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    // The ACCEPT is right when it is made and comes when there is no day left.
    ruian.receipted(leg).await;
    ruian.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    let slot = ruian.leg(leg).await.law.state().due(Duty::Release).unwrap();
    let last = towns.calendar().last_working_day_before(slot);
    let late = last.start_unix_ms(480) + 20 * HOUR_MS;
    towns.clock.move_on(late - towns.clock.now_unix_ms());
    ruian.tap.set_cut(false);
    towns.clock.move_on(HOUR_MS);
    kunming.reaches(leg, Stage::Accepted).await;
    eventually("the alarm", async || kunming.alarms().await.contains(&"slot-too-soon".to_owned()))
        .await;
    assert!(kunming.phones.about(&case, "请至少看一天").is_empty());
    towns.next_working_day();
    towns.next_working_day();
    a_while().await;
    assert!(!kunming.types(leg).await.contains(&MessageType::Withdraw), "nobody said no");
    let kept = kunming.count("SELECT COUNT(*) FROM suppression").await;
    assert_eq!(kept, 0, "and nothing is held against the person");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_notice_that_leaves_tomorrow_counts_its_hours_from_then() {
    let mut towns = Towns::new().await;
    let draft = people::single(1).remove(0);
    let case = towns.kunming.import(vec![draft]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.ruian.receipted(leg).await;
    towns.ruian.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    towns.kunming.stop().await;
    towns.kunming.spread_minutes = 120;
    towns.kunming.start().await;
    let slot = towns.ruian.leg(leg).await.law.state().due(Duty::Release).unwrap();
    let last = towns.calendar().last_working_day_before(slot);
    // 21:00 of the day before the last: a notice leaves on the last one, and a day is not left.
    towns.clock.move_to(last.plus(-1).start_unix_ms(480) + 21 * HOUR_MS);
    towns.ruian.tap.set_cut(false);
    towns.clock.move_on(HOUR_MS);
    let kunming = &towns.kunming;
    kunming.reaches(leg, Stage::Accepted).await;
    eventually("the alarm", async || kunming.alarms().await.contains(&"slot-too-soon".to_owned()))
        .await;
    for _ in 0..3 {
        towns.next_working_day();
        towns.clock.move_on(3 * HOUR_MS);
    }
    a_while().await;
    assert!(kunming.phones.about(&case, "请至少看一天").is_empty());
    assert!(!kunming.types(leg).await.contains(&MessageType::Withdraw), "nobody said no");
    towns.stop().await;
}
