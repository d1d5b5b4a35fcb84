//! The windows of a city that runs inside a test: a clock that tests move, seeded entropy, phones
//! that keep what reached them, and a post that tests can cut and look into.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::Sms;
use async_trait::async_trait;
use jieli::demo::city::real_now_ms;
use jieli_node::world::{
    Clock, Delivered, Entropy, Notice, NoticeResult, Notices, Post, PostError, Probe, Sleep,
    Witnessed,
};
use jieli_proto::calendar::Calendar;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::wire::{self, answer};
use prost::Message;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An hour in milliseconds.
pub const HOUR_MS: u64 = 3_600_000;
/// Monday 2026-11-23, 10:00 in China.
const START_MS: u64 = 1_795_399_200_000;

/// Runs on from a Monday morning; tests move it on. Both cities read the same one.
#[derive(Debug)]
pub struct Hands {
    began_ms: u64,
    moved_ms: AtomicU64,
}

impl Hands {
    /// At the beginning.
    pub fn start() -> Arc<Hands> {
        Arc::new(Hands { began_ms: real_now_ms(), moved_ms: AtomicU64::new(0) })
    }

    /// Moves it on.
    pub fn move_on(&self, ms: u64) {
        self.moved_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves it on to an instant, Unix milliseconds.
    pub fn move_to(&self, unix_ms: u64) {
        self.move_on(unix_ms.checked_sub(self.now_unix_ms()).unwrap());
    }

    /// To an hour and minute of the next working day.
    pub fn next_working_day(&self, calendar: &Calendar, hour: u64, minute: u64) {
        let today = calendar.day_of_unix_ms(self.now_unix_ms());
        let next = calendar.add_working_days(today, 1).start_unix_ms(calendar.zone_offset_min());
        self.move_to(next + hour * HOUR_MS + minute * 60_000);
    }
}

impl Clock for Hands {
    fn now_unix_ms(&self) -> u64 {
        let since = real_now_ms().saturating_sub(self.began_ms);
        START_MS + since + self.moved_ms.load(Ordering::SeqCst)
    }
}

/// Bytes that differ at every call, from a seed.
#[derive(Debug)]
pub struct Seeded(AtomicU64, u64);

impl Seeded {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Seeded {
        Seeded(AtomicU64::new(0), seed)
    }
}

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = Digest::of(&[&self.1.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&digest.0[..chunk.len()]);
        }
    }
}

/// Sleeps as long as it is told.
#[derive(Debug)]
pub(crate) struct RealSleep;

#[async_trait]
impl Sleep for RealSleep {
    async fn sleep(&self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
    }
}

/// Sleeps as shortly as can be, so that a tick falls into everything.
#[derive(Debug)]
pub(crate) struct Restless;

#[async_trait]
impl Sleep for Restless {
    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

/// What reached the phones of a city's people.
#[derive(Debug, Default)]
pub struct Phones(Mutex<Vec<Sms>>, Mutex<Option<NoticeResult>>);

impl Phones {
    /// From now on nothing is taken over, and this is said instead; `None`: all is taken again.
    pub fn say(&self, instead: Option<NoticeResult>) {
        *self.1.lock().unwrap() = instead;
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<Sms> {
        self.0.lock().unwrap().clone()
    }

    /// All about a case with a word in it, newest first.
    pub fn about(&self, case: &str, word: &str) -> Vec<Sms> {
        let mut all = self.all();
        all.retain(|sms| sms.case() == case && sms.text.contains(word));
        all.reverse();
        all
    }
}

#[async_trait]
impl Notices for Phones {
    async fn send(&self, notice: Notice) -> NoticeResult {
        if let Some(instead) = *self.1.lock().unwrap() {
            return instead;
        }
        self.0.lock().unwrap().push(Sms { to: notice.to, text: notice.text });
        NoticeResult::Sent
    }
}

/// What passes between two cities, as encoded on the wire, and a switch to cut it.
#[derive(Debug, Default)]
pub struct Tap {
    /// Nothing of this city gets through.
    pub cut: AtomicBool,
    /// Letters of act lanes do not get through.
    acts_cut: AtomicBool,
    /// Letters that were tried in vain.
    refused: AtomicU64,
    /// What this city said by itself.
    said: Mutex<Vec<Vec<u8>>>,
    /// What this city was answered.
    answered: Mutex<Vec<Vec<u8>>>,
}

impl Tap {
    /// Cuts the line, or mends it.
    pub fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// How often letters, or the greeting before them, were tried in vain: what was on its way before
    /// is then over.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Holds back the letters of act lanes, or lets them go.
    pub fn hold_acts(&self, hold: bool) {
        self.acts_cut.store(hold, Ordering::SeqCst);
    }

    /// Every frame this city handed to its post, and its requests.
    pub fn said(&self) -> Vec<Vec<u8>> {
        self.said.lock().unwrap().clone()
    }

    /// Every answer this city got, which is what the other city sent on this city's streams.
    pub fn answered(&self) -> Vec<Vec<u8>> {
        self.answered.lock().unwrap().clone()
    }

    fn open(&self, what: Vec<u8>) -> Result<(), PostError> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(PostError("cut by the test".to_owned()));
        }
        self.said.lock().unwrap().push(what);
        Ok(())
    }

    /// The same by who carries letters, one try after the other.
    fn tried(&self, what: Vec<u8>) -> Result<(), PostError> {
        let done = self.open(what);
        self.refused.fetch_add(u64::from(done.is_err()), Ordering::SeqCst);
        done
    }

    fn heard(&self, what: Vec<u8>) {
        self.answered.lock().unwrap().push(what);
    }
}

/// A post with a tap on it.
pub(crate) struct Tapped(pub Arc<dyn Post>, pub Arc<Tap>);

impl std::fmt::Debug for Tapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tapped")
    }
}

#[async_trait]
impl Post for Tapped {
    async fn deliver(
        &self,
        to: &CityId,
        mut letters: Vec<wire::Letter>,
        noted: Vec<wire::Noted>,
    ) -> Result<Delivered, PostError> {
        if self.1.acts_cut.load(Ordering::SeqCst) {
            let of_acts = |lane| Lane::from_number(lane).is_some_and(|l| l.kind() == Kind::Act);
            letters.retain(|letter| !of_acts(letter.lane));
        }
        let frames = letters.iter().map(Message::encode_to_vec);
        for frame in frames.chain(noted.iter().map(Message::encode_to_vec)) {
            self.1.tried(frame)?;
        }
        let done = self.0.deliver(to, letters, noted).await?;
        for answer in &done.answers {
            debug_assert!(!matches!(answer.answer, Some(answer::Answer::Reject(_))));
            self.1.heard(answer.encode_to_vec());
        }
        Ok(done)
    }

    async fn fetch(
        &self,
        to: &CityId,
        ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError> {
        self.1.open(ask.encode_to_vec())?;
        let replies = self.0.fetch(to, ask).await?;
        replies.iter().for_each(|reply| self.1.heard(reply.encode_to_vec()));
        Ok(replies)
    }

    async fn prove(
        &self,
        to: &CityId,
        ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError> {
        self.1.open(ask.encode_to_vec())?;
        let reply = self.0.prove(to, ask).await?;
        self.1.heard(reply.encode_to_vec());
        Ok(reply)
    }

    async fn state(
        &self,
        to: &CityId,
        ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError> {
        self.1.open(ask.encode_to_vec())?;
        let reply = self.0.state(to, ask).await?;
        self.1.heard(reply.encode_to_vec());
        Ok(reply)
    }

    async fn checkpoint(
        &self,
        to: &CityId,
        ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError> {
        self.1.open(ask.encode_to_vec())?;
        let reply = self.0.checkpoint(to, ask).await?;
        self.1.heard(reply.encode_to_vec());
        Ok(reply)
    }

    async fn tiles(
        &self,
        to: &CityId,
        ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError> {
        self.1.open(ask.encode_to_vec())?;
        let reply = self.0.tiles(to, ask).await?;
        self.1.heard(reply.encode_to_vec());
        Ok(reply)
    }

    async fn cosign(&self, to: &CityId, ask: wire::CosignRequest) -> Result<Witnessed, PostError> {
        self.1.open(ask.encode_to_vec())?;
        self.0.cosign(to, ask).await
    }

    async fn greet(
        &self,
        to: &CityId,
        words: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError> {
        self.1.tried(words.encode_to_vec())?;
        let reply = self.0.greet(to, words).await?;
        self.1.heard(reply.encode_to_vec());
        Ok(reply)
    }

    async fn probe(&self, to: &CityId) -> Probe {
        if self.1.cut.load(Ordering::SeqCst) {
            return Probe::default();
        }
        self.0.probe(to).await
    }
}
