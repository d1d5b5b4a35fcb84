//! The windows of a simulated city: its clock, its randomness, its people's phones, the simulated
//! network, and a road on which letters come twice, in disorder, or without an answer.

use async_trait::async_trait;
use jieli_node::net::{Line, Listening, Net, Socket};
use jieli_node::world::{
    Clock, Delivered, Notice, NoticeResult, Notices, Post, PostError, Probe, Sleep, Witnessed,
};
use jieli_proto::id::CityId;
use jieli_proto::wire;
use jieli_tests::{Random, Sms};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Monday 2026-11-23, 10:00 in China.
pub(crate) const START_MS: u64 = 1_795_399_200_000;

/// What a panicking thread has left is still what it is.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Simulated time, moved on for all cities or for one.
#[derive(Debug, Default)]
pub(crate) struct SimClock {
    /// For all cities.
    pub(crate) moved_ms: Arc<AtomicU64>,
    /// Of this city alone.
    pub(crate) skew_ms: AtomicI64,
}

impl Clock for SimClock {
    fn now_unix_ms(&self) -> u64 {
        let since = turmoil::sim_elapsed().unwrap_or_default().as_millis() as u64;
        let all = START_MS + since + self.moved_ms.load(Ordering::SeqCst);
        all.saturating_add_signed(self.skew_ms.load(Ordering::SeqCst))
    }
}

/// Sleeps in simulated time.
pub(crate) struct SimSleep;

#[async_trait]
impl Sleep for SimSleep {
    async fn sleep(&self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
    }
}

/// What reached the phones of a city's people, and how much of it was read.
#[derive(Debug, Default)]
pub(crate) struct Phones {
    unread: Mutex<Vec<Sms>>,
    read: Mutex<Vec<Sms>>,
}

impl Phones {
    /// One message that asks for something, taken out.
    pub(crate) fn take(&self, pick: u64) -> Option<Sms> {
        let mut unread = lock(&self.unread);
        let at = (pick as usize).checked_rem(unread.len())?;
        let sms = unread.remove(at);
        lock(&self.read).push(sms.clone());
        Some(sms)
    }

    /// One that was read before: its code still stops.
    pub(crate) fn again(&self, pick: u64) -> Option<Sms> {
        let read = lock(&self.read);
        let at = (pick as usize).checked_rem(read.len())?;
        read.get(at).cloned()
    }
}

#[async_trait]
impl Notices for Phones {
    async fn send(&self, notice: Notice) -> NoticeResult {
        let sms = Sms { to: notice.to, text: notice.text };
        if !sms.code().is_empty() {
            lock(&self.unread).push(sms);
        }
        NoticeResult::Sent
    }
}

/// The simulated network.
pub(crate) struct SimNet;

#[async_trait]
impl Net for SimNet {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::new(turmoil::lookup(host), port)])
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<(Line, SocketAddr)> {
        let stream = turmoil::net::TcpStream::connect(to).await?;
        let remote = stream.peer_addr()?;
        Ok((Line::Other(Box::new(stream)), remote))
    }

    async fn bind(&self, at: SocketAddr) -> io::Result<Socket> {
        Ok(Socket::new(SimListener(turmoil::net::TcpListener::bind(at).await?)))
    }
}

struct SimListener(turmoil::net::TcpListener);

#[async_trait]
impl Listening for SimListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Line, SocketAddr)> {
        let (stream, remote) = self.0.accept().await?;
        Ok((Line::Other(Box::new(stream)), remote))
    }
}

/// How rough the road of a city is, in percent of deliveries.
#[derive(Debug)]
pub(crate) struct Rough {
    pub(crate) twice: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) disorder: AtomicU64,
    random: Mutex<Random>,
}

impl Rough {
    pub(crate) fn new(seed: u64) -> Rough {
        Rough {
            twice: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            disorder: AtomicU64::new(0),
            random: Mutex::new(Random::new(seed)),
        }
    }

    pub(crate) fn smooth(&self) {
        for knob in [&self.twice, &self.unanswered, &self.disorder] {
            knob.store(0, Ordering::SeqCst);
        }
    }

    fn happens(&self, knob: &AtomicU64) -> bool {
        lock(&self.random).below(100) < knob.load(Ordering::SeqCst)
    }
}

/// A post over that road; what is delivered is told.
pub(crate) struct RoughPost {
    pub(crate) post: Arc<dyn Post>,
    pub(crate) rough: Arc<Rough>,
    pub(crate) told: Arc<dyn Fn(String) + Send + Sync>,
}

impl RoughPost {
    fn in_disorder(&self, letters: &mut [wire::Letter]) {
        let mut random = lock(&self.rough.random);
        for at in (1..letters.len()).rev() {
            letters.swap(at, random.below(at as u64 + 1) as usize);
        }
    }
}

#[async_trait]
impl Post for RoughPost {
    async fn deliver(
        &self,
        to: &CityId,
        mut letters: Vec<wire::Letter>,
        noted: Vec<wire::Noted>,
    ) -> Result<Delivered, PostError> {
        if self.rough.happens(&self.rough.disorder) {
            self.in_disorder(&mut letters);
        }
        let count = letters.len();
        if self.rough.happens(&self.rough.twice) {
            let _ = self.post.deliver(to, letters.clone(), noted.clone()).await;
        }
        let loses = self.rough.happens(&self.rough.unanswered);
        let done = self.post.deliver(to, letters, noted).await;
        let word = done.as_ref().map_or(-1, |done| done.answers.len() as i64);
        (self.told)(format!("delivers {count} to {to}, answered {word}, lost {loses}"));
        if loses { Err(PostError("the answer was lost".to_owned())) } else { done }
    }

    async fn fetch(
        &self,
        to: &CityId,
        ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError> {
        self.post.fetch(to, ask).await
    }

    async fn prove(
        &self,
        to: &CityId,
        ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError> {
        self.post.prove(to, ask).await
    }

    async fn state(
        &self,
        to: &CityId,
        ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError> {
        self.post.state(to, ask).await
    }

    async fn checkpoint(
        &self,
        to: &CityId,
        ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError> {
        self.post.checkpoint(to, ask).await
    }

    async fn tiles(
        &self,
        to: &CityId,
        ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError> {
        self.post.tiles(to, ask).await
    }

    async fn cosign(&self, to: &CityId, ask: wire::CosignRequest) -> Result<Witnessed, PostError> {
        self.post.cosign(to, ask).await
    }

    async fn greet(
        &self,
        to: &CityId,
        words: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError> {
        self.post.greet(to, words).await
    }

    async fn probe(&self, to: &CityId) -> Probe {
        self.post.probe(to).await
    }
}
