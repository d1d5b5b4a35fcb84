//! What stands in for time, randomness, phones and post.

use async_trait::async_trait;
use jieli_node::world::{
    Clock, Delivered, Entropy, Notice, NoticeResult, Notices, Post, PostError, Sleep,
};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::wire;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Runs on from 2026-11-23, 10:00 in China; tests move it on.
pub(crate) struct Hands {
    now_ms: AtomicU64,
    stands: AtomicBool,
}

/// How often the clock moves by itself.
const STEP_MS: u64 = 5;

impl Hands {
    /// A clock that runs as long as somebody holds it.
    pub(crate) fn running() -> Arc<Hands> {
        let now_ms = AtomicU64::new(1_795_399_200_000);
        let hands = Arc::new(Hands { now_ms, stands: AtomicBool::new(false) });
        let held = Arc::downgrade(&hands);
        TaskTracker::new().spawn(async move {
            while let Some(hands) = held.upgrade() {
                if !hands.stands.load(Ordering::SeqCst) {
                    hands.move_on(STEP_MS);
                }
                drop(hands);
                tokio::time::sleep(Duration::from_millis(STEP_MS)).await;
            }
        });
        hands
    }

    pub(crate) fn move_on(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// From now on it moves by hand alone.
    pub(crate) fn stand_still(&self) {
        self.stands.store(true, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now_unix_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

/// Bytes that differ at every call.
pub(crate) struct Counter(pub(crate) AtomicU64, pub(crate) u64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = Digest::of(&[&self.1.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&digest.0[..chunk.len()]);
        }
    }
}

pub(crate) struct RealSleep;

#[async_trait]
impl Sleep for RealSleep {
    async fn sleep(&self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
    }
}

/// What reached the phones.
#[derive(Default)]
pub(crate) struct Phones(pub(crate) Mutex<Vec<Notice>>);

#[async_trait]
impl Notices for Phones {
    async fn send(&self, notice: Notice) -> NoticeResult {
        self.0.lock().unwrap().push(notice);
        NoticeResult::Sent
    }
}

/// What a test does to the post of a city: it can cut it, and still use it itself.
#[derive(Default)]
pub(crate) struct Tap {
    /// Delivery fails.
    pub(crate) cut: AtomicBool,
    /// Answers are lost on the way back.
    pub(crate) deaf: AtomicBool,
    /// Hash tiles come with one bit changed.
    pub(crate) twist: AtomicBool,
    /// Checkpoints seen, by origin and size.
    pub(crate) heads: Mutex<BTreeMap<String, String>>,
}

pub(crate) struct Tapped(pub(crate) Arc<dyn Post>, pub(crate) Arc<Tap>);

#[async_trait]
impl Post for Tapped {
    async fn deliver(
        &self,
        to: &CityId,
        letters: Vec<wire::Letter>,
        noted: Vec<wire::Noted>,
    ) -> Result<Delivered, PostError> {
        let lost = || PostError("cut by the test".to_owned());
        if self.1.cut.load(Ordering::SeqCst) {
            return Err(lost());
        }
        for letter in &letters {
            self.1.look(letter.proof.as_ref());
        }
        let done = self.0.deliver(to, letters, noted).await?;
        if self.1.deaf.load(Ordering::SeqCst) {
            return Err(lost());
        }
        for answer in &done.answers {
            if let Some(wire::answer::Answer::Receipt(letter)) = &answer.answer {
                self.1.look(letter.proof.as_ref());
            }
        }
        Ok(done)
    }

    async fn fetch(
        &self,
        to: &CityId,
        ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError> {
        self.0.fetch(to, ask).await
    }

    async fn prove(
        &self,
        to: &CityId,
        ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError> {
        self.0.prove(to, ask).await
    }

    async fn state(
        &self,
        to: &CityId,
        ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError> {
        self.0.state(to, ask).await
    }

    async fn checkpoint(
        &self,
        to: &CityId,
        ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError> {
        if self.1.cut.load(Ordering::SeqCst) {
            return Err(PostError("cut by the test".to_owned()));
        }
        self.0.checkpoint(to, ask).await
    }

    async fn tiles(
        &self,
        to: &CityId,
        ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError> {
        let mut reply = self.0.tiles(to, ask).await?;
        if self.1.twist.load(Ordering::SeqCst) {
            *reply.hashes.last_mut().unwrap() ^= 1;
        }
        Ok(reply)
    }

    async fn cosign(
        &self,
        to: &CityId,
        ask: wire::CosignRequest,
    ) -> Result<jieli_node::world::Witnessed, PostError> {
        if self.1.cut.load(Ordering::SeqCst) {
            return Err(PostError("cut by the test".to_owned()));
        }
        self.0.cosign(to, ask).await
    }

    async fn greet(
        &self,
        to: &CityId,
        words: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError> {
        if self.1.cut.load(Ordering::SeqCst) {
            return Err(PostError("cut by the test".to_owned()));
        }
        self.0.greet(to, words).await
    }

    async fn probe(&self, to: &CityId) -> jieli_node::world::Probe {
        self.0.probe(to).await
    }
}

impl Tap {
    /// Two roots of one size are a lie.
    fn look(&self, proof: Option<&wire::ReceiptProof>) {
        let Some(proof) = proof else { return };
        let mut lines = proof.checkpoint.lines();
        let key = format!("{} {}", lines.next().unwrap(), lines.next().unwrap());
        let root = lines.next().unwrap().to_owned();
        let before = self.heads.lock().unwrap().insert(key.clone(), root.clone());
        assert!(before.is_none_or(|before| before == root), "two roots of {key}");
    }
}
