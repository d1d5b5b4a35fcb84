//! Insurance moved over: from when cover is given stands in COMPLETE and is confirmed by the person,
//! and days without cover are warned of at 45 and at 60, at both desks and by telephone.

use crate::agreements::denied;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people::{self, number};
use jieli_tests::{HOUR_MS, Town, Towns};

const DAY_MS: u64 = 24 * HOUR_MS;
const GAP: &str = "没有缴费";
const DONE: &str = "说已办成";
const FROM: u32 = 20261201;

/// Ruian asks for a record that Kunming holds. The rehearsal begins on 2026-11-23.
async fn requested(towns: &Towns, last_paid: Option<u64>) -> (String, LegId) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut draft = people::medical();
    draft.legs[0].fields.extend(last_paid.map(|month| number(20, 6, month)));
    let case = ruian.import_as(jieli_tests::office::MEDICAL, vec![draft]).await.remove(0);
    ruian.ask_yes(&case).await;
    let leg = ruian.leg_for(&case, Service::Insurance).await;
    kunming.reaches(leg, Stage::Offered).await;
    towns.settled().await;
    (case, leg)
}

async fn gap(town: &Town, leg: LegId) -> (u32, String) {
    let desk = town.view(leg).await.line.unwrap().desk.unwrap();
    (desk.cover_gap, desk.urgency)
}

async fn warned(town: &Town, leg: LegId, days: u32) {
    jieli_tests::eventually("the warning", async || gap(town, leg).await.0 == days).await;
}

/// The dates in what COMPLETE says.
async fn covered(town: &Town, leg: LegId) -> Option<u32> {
    let file = town.leg(leg).await;
    let message = file.latest(MessageType::Complete)?.message.clone()?;
    let Some(Body::Complete(body)) = message.body else { panic!("{message:?}") };
    Some(body.covered_from)
}

fn from(covered_from: u32) -> Act {
    Act::Cover(wire::DeskCover { covered_from })
}

#[tokio::test(flavor = "multi_thread")]
async fn days_without_cover_are_warned_of_at_both_desks_and_by_telephone() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    // Paid until October: the first day without cover was 1 November.
    let (case, leg) = requested(&towns, Some(202610)).await;
    for town in [kunming, ruian] {
        assert_eq!(gap(town, leg).await.0, 0);
    }
    let clocks = "SELECT COUNT(*) FROM timer WHERE kind = 'cover-gap'";
    assert_eq!((kunming.count(clocks).await, ruian.count(clocks).await), (2, 2));
    for days in [45, 60] {
        let before = ruian.phones.about(&case, GAP).len();
        let gone = if days == 45 { 24 } else { 15 };
        towns.clock.move_on(gone * DAY_MS);
        for town in [kunming, ruian] {
            warned(town, leg, days).await;
        }
        jieli_tests::eventually("the message", async || {
            ruian.phones.about(&case, GAP).len() > before
        })
        .await;
        let sms = ruian.phones.about(&case, GAP);
        assert!(sms.iter().all(|sms| sms.text.contains("2026-11-01")), "{sms:?}");
        assert!(sms.iter().all(|sms| !sms.text.contains("确认码")), "{sms:?}");
    }
    assert_eq!(gap(ruian, leg).await.1, "needs-person");
    // The city that gives the cover tells it, once for each step.
    assert_eq!(ruian.phones.about(&case, GAP).len(), 2);
    assert!(kunming.phones.all().iter().all(|sms| !sms.text.contains(GAP)));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_last_paid_month_and_with_cover_given_there_is_no_warning() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = requested(&towns, None).await;
    let clocks = "SELECT COUNT(*) FROM timer WHERE kind = 'cover-gap'";
    assert_eq!((kunming.count(clocks).await, ruian.count(clocks).await), (0, 0));
    kunming.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    let outcome = people::outcome(Service::Insurance, "");
    kunming.act(leg, Act::Outcome(outcome)).await.unwrap();
    ruian.reaches(leg, Stage::Fulfilled).await;
    // Nobody is asked before the desk has said from when.
    let desk = ruian.view(leg).await.line.unwrap().desk.unwrap();
    assert!(desk.cover_wanted && desk.urgency == "needs-person", "{desk:?}");
    assert!(ruian.view(leg).await.next.iter().any(|step| step == "cover"));
    assert!(ruian.phones.about(&case, DONE).is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_confirms_the_date_and_complete_says_it() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = requested(&towns, Some(202610)).await;
    assert_eq!(denied(ruian.act(leg, from(FROM)).await), "ILLEGAL_STEP", "nothing is done yet");
    kunming.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    let outcome = people::outcome(Service::Insurance, "");
    kunming.act(leg, Act::Outcome(outcome)).await.unwrap();
    ruian.reaches(leg, Stage::Fulfilled).await;
    // The city that holds the record states nothing, and no date that cannot be.
    assert_eq!(denied(kunming.act(leg, from(FROM)).await), "ILLEGAL_STEP");
    for no_date in [0, 20261301, 20301201] {
        assert_eq!(denied(ruian.act(leg, from(no_date)).await), "BAD_OPTION", "{no_date}");
    }
    ruian.act(leg, from(20261101)).await.unwrap();
    let first = ruian.sms(&case, DONE).await;
    assert!(first.text.contains("2026-11-01"), "{}", first.text);
    // Another date takes its place: what was asked before confirms nothing.
    ruian.act(leg, from(FROM)).await.unwrap();
    let asked = async || ruian.phones.about(&case, "2026-12-01").len() == 1;
    jieli_tests::eventually("the second question", asked).await;
    let second = ruian.sms(&case, "2026-12-01").await;
    assert!(ruian.answer(&first, &[1]).await.is_err());
    ruian.answer(&second, &[1]).await.unwrap();
    for town in [ruian, kunming] {
        town.reaches(leg, Stage::Completed).await;
        assert_eq!(covered(town, leg).await, Some(FROM));
    }
    // Nothing is warned of any more.
    towns.clock.move_on(60 * DAY_MS);
    towns.settled().await;
    assert!(ruian.phones.about(&case, GAP).is_empty());
    towns.stop().await;
}
