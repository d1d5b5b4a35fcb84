//! A peer's sign of life: what waited for it need not wait any longer.

use crate::harness::*;

/// Letters that did not reach the peer go at its next call, however soon it comes after an earlier
/// one, and not only when their pause is over.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_missed_is_heard_at_the_next_call() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.clock.stand_still();
    // A first call, which is noted; then a letter that misses the peer.
    pair.clock.move_on(10_001);
    calls(&pair, 0).await;
    pair.a().cut(true);
    pair.a().announce(0..1).await.unwrap();
    let now_ms = pair.a().clock_ms();
    eventually("it is put off", async || {
        let waiting = pair.a().heads_waiting().await;
        waiting.iter().any(|letter| letter.due_ms > now_ms + 5_000)
    })
    .await;
    // A second call, soon after and long before the pause is over.
    pair.a().cut(false);
    pair.clock.move_on(1_001);
    calls(&pair, 1).await;
    eventually("the letter went", async || pair.a().heads_waiting().await.is_empty()).await;
    pair.stop().await;
}

/// Ruian writes to Kunming.
async fn calls(pair: &Pair, number: u32) {
    pair.b().announce(number..number + 1).await.unwrap();
    eventually("it arrived", async || pair.b().heads_waiting().await.is_empty()).await;
}
