//! A writer that dies at any of its steps: after the next start nothing is lost, nothing is doubled,
//! and no size ever has two signed roots.

use crate::harness::*;
use jieli_node::writer::{CrashAt, Step, Stopped};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Dies when a step is reached for the n-th time.
fn crash_at(step: Step, n: u64) -> CrashAt {
    let reached = AtomicU64::new(0);
    Arc::new(move |at| at == step && reached.fetch_add(1, Ordering::SeqCst) + 1 == n)
}

async fn dies_and_comes_back(which: usize, step: Step, n: u64) {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.cities[which].stop().await;
    pair.cities[which].start_to_crash(Some(crash_at(step, n))).await;
    let mut told = [0, 0];
    for at in 0..6 {
        for (city, told) in pair.cities.iter().zip(&mut told) {
            // No answer means: perhaps done, perhaps not.
            *told += usize::from(city.announce(at * 3..at * 3 + 3).await.is_ok()) * 3;
        }
    }
    let died = async {
        pair.cities[which].node().ended().await;
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), died).await.unwrap();
    let why = pair.cities[which].stop().await;
    assert!(matches!(why, Stopped::Crashed(at) if at == step), "{why}");
    pair.cities[which].start().await;
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    for (lane, told) in told.into_iter().enumerate() {
        let held = pair.a().lane(id, lane as u8).await.len();
        assert!(held >= told && held <= 18 && held.is_multiple_of(3), "{held} of {told}");
        let other = told == 18 || lane == which;
        assert!(other, "only the city that died may leave a call unanswered");
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claimed() {
    dies_and_comes_back(A, Step::Claimed, 1).await;
    dies_and_comes_back(B, Step::Claimed, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn written() {
    dies_and_comes_back(A, Step::Written, 2).await;
    dies_and_comes_back(B, Step::Written, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn committed() {
    dies_and_comes_back(A, Step::Committed, 1).await;
    dies_and_comes_back(B, Step::Committed, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marked() {
    dies_and_comes_back(A, Step::Marked, 2).await;
    dies_and_comes_back(B, Step::Marked, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed() {
    dies_and_comes_back(A, Step::Signed, 1).await;
    dies_and_comes_back(B, Step::Signed, 3).await;
}
