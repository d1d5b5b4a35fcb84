//! What must come right by itself: a city that is away, answers that are lost, gaps.

use crate::harness::*;
use jieli_proto::wire::DeferReason;
use jieli_proto::wire::answer::Answer;
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_was_away_gets_everything() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.cities[B].stop().await;
    pair.a().announce(0..5).await.unwrap();
    eventually("the trouble is noted", async || {
        let sql = "SELECT COUNT(*) FROM outbox WHERE attempts > 0 AND problem <> ''";
        let tried = pair.a().count(sql, Vec::new()).await;
        let sql = "SELECT COUNT(*) FROM peer_contact WHERE trouble <> ''";
        tried == 1 && pair.a().count(sql, Vec::new()).await == 1
    })
    .await;
    pair.cities[B].start().await;
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), 5);
    let sql = "SELECT COUNT(*) FROM peer_contact WHERE trouble <> ''";
    eventually("the trouble is over", async || pair.a().count(sql, Vec::new()).await == 0).await;
    pair.stop().await;
}

/// A city that calls is there: what waits for it goes at once, long before its time.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_gets_what_waits() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().cut(true);
    for at in 0..4 {
        pair.a().announce(at..at + 1).await.unwrap();
        pair.clock.move_on(60_000);
        let sql = "SELECT COUNT(*) FROM outbox WHERE attempts > 0";
        eventually("a try", async || pair.a().count(sql, Vec::new()).await > 0).await;
    }
    pair.a().cut(false);
    pair.b().announce(0..1).await.unwrap();
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_double_nothing() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().tap.deaf.store(true, Ordering::SeqCst);
    pair.a().announce(0..10).await.unwrap();
    // The letters arrive; their receipts come as letters of their own.
    pair.settled(id).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), 10);
    pair.a().tap.deaf.store(false, Ordering::SeqCst);
    pair.a().announce(10..20).await.unwrap();
    pair.settled(id).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), 20);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_cut_for_a_week_and_then_not() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    for city in &pair.cities {
        city.cut(true);
    }
    for at in 0..5 {
        pair.a().announce(at * 10..at * 10 + 10).await.unwrap();
        pair.b().announce(at * 10..at * 10 + 10).await.unwrap();
        pair.clock.move_on(24 * 3_600_000);
    }
    for city in &pair.cities {
        city.cut(false);
    }
    pair.clock.move_on(2 * 3_600_000);
    pair.settled(id).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), 50);
    assert_eq!(pair.a().lane(id, 1).await.len(), 50);
    pair.stop().await;
}

/// Certificates are of 90 days; the clock may go further.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_year_later() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.clock.move_on(200 * 24 * 3_600_000);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    pair.cities[B].stop().await;
    pair.cities[B].start().await;
    pair.a().announce(0..3).await.unwrap();
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_deferred_with_what_is_expected() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().cut(true);
    pair.a().announce(0..3).await.unwrap();
    let letters = pair.a().letters(id, 0, 1..=3).await;
    let (post, to) = (pair.a().post(), pair.b().id());
    let done = post.deliver(&to, letters[1..].to_vec(), Vec::new()).await.unwrap();
    assert_eq!(done.answers.len(), 2);
    for (answer, seq) in done.answers.iter().zip(2..) {
        assert_eq!(answer.lane_seq, seq);
        let Some(Answer::Defer(defer)) = answer.answer else { panic!("{answer:?}") };
        assert_eq!((defer.reason(), defer.expected_seq), (DeferReason::Gap, 1));
    }
    assert_eq!(pair.b().lane(id, 0).await.len(), 0);
    let first = only(post.deliver(&to, letters[..1].to_vec(), Vec::new()).await.unwrap());
    let again = only(post.deliver(&to, letters[..1].to_vec(), Vec::new()).await.unwrap());
    let (Answer::Receipt(first), Answer::Receipt(again)) = (first, again) else { panic!() };
    assert_eq!(first.envelope, again.envelope);
    assert_eq!(first.proof.unwrap().items[0].item, again.proof.unwrap().items[0].item);
    pair.a().cut(false);
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    pair.stop().await;
}
