//! The only windows of the house: time, randomness, the post to other cities and the notices to
//! people. Everything ambient comes through here, so that tests and the demo can stand in for it.

use async_trait::async_trait;
use jieli_proto::id::CityId;
use jieli_proto::wire;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now, in Unix milliseconds. May be moved by tests and the demo only.
    fn now_unix_ms(&self) -> u64;
}

/// Randomness. ring's own trait is sealed, hence this one.
pub trait Entropy: Send + Sync {
    /// Fills a buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Fixed-size random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// A letter could not be handed over; it stays in the outbox.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct PostError(pub String);

/// What a peer answered to the letters of one delivery.
#[derive(Debug, Default)]
pub struct Delivered {
    /// One answer a letter, in any order across lanes.
    pub answers: Vec<wire::Answer>,
    /// Signed heads and findings that the peer knows.
    pub heads: wire::Heads,
    /// Why the line broke before all were answered.
    pub broke: Option<PostError>,
}

/// Where a call to an end point ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hurdle {
    /// The name does not resolve.
    Name,
    /// It resolves to no address that may be called.
    Address,
    /// Nothing takes the connection.
    Connect,
    /// The handshake failed, or another key than the pinned one was shown.
    Tls,
    /// It took too long.
    Time,
}

/// Whether an end point was reached; where the call ended otherwise, and why.
pub type Reached = Result<(), (Hurdle, String)>;

/// What calling a peer came to.
#[derive(Debug, Default)]
pub struct Probe {
    /// The end points tried, in their order; the last one answered, if any did.
    pub tried: Vec<(String, Reached)>,
    /// What it said when it was asked for its checkpoint; `None` where none answered.
    pub checkpoint: Option<Result<wire::CheckpointReply, PostError>>,
}

/// What a peer said to a head that it was to cosign.
#[derive(Debug)]
pub enum Witnessed {
    /// Its cosignature, with the heads it knows.
    Signed(wire::CosignReply),
    /// It has cosigned another size last: this one.
    Held(u64),
}

/// The way to other cities.
#[async_trait]
pub trait Post: Send + Sync {
    /// Hands over letters in their order on one stream and waits for their answers; `noted` are
    /// receipts of this peer that came as answers before and are now stored here.
    async fn deliver(
        &self,
        to: &CityId,
        letters: Vec<wire::Letter>,
        noted: Vec<wire::Noted>,
    ) -> Result<Delivered, PostError>;

    /// Fetches records of a shared lane with their proofs in the peer's log.
    async fn fetch(
        &self,
        to: &CityId,
        ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError>;

    /// Asks a peer for consistency from an old size of its log to its newest checkpoint.
    async fn prove(
        &self,
        to: &CityId,
        ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError>;

    /// Asks a peer for its signed statements about lanes or a leg.
    async fn state(
        &self,
        to: &CityId,
        ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError>;

    /// Asks a peer for the newest signed head of its log, or what it has seen of ours.
    async fn checkpoint(
        &self,
        to: &CityId,
        ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError>;

    /// Asks a peer for a hash tile of its log, or of ours as it mirrored it.
    async fn tiles(
        &self,
        to: &CityId,
        ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError>;

    /// Asks a peer to cosign a head of a log of ours; what is known of others' heads goes along.
    async fn cosign(&self, to: &CityId, ask: wire::CosignRequest) -> Result<Witnessed, PostError>;

    /// Tells a peer where the own log stands, and hears the same of it.
    async fn greet(
        &self,
        to: &CityId,
        words: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError>;

    /// Calls a peer anew, whatever line is kept, and asks for its newest checkpoint.
    async fn probe(&self, to: &CityId) -> Probe;
}

/// A notice to a person: number, text. Blind in Debug.
#[derive(Clone)]
pub struct Notice {
    /// Stable id: handing over the same notice twice is harmless.
    pub id: String,
    /// Telephone number as entered.
    pub to: String,
    /// Which reviewed text this is, one of [`crate::notice::TEMPLATES`]: carriers in China send
    /// nothing else.
    pub template: String,
    /// What the template is filled in with.
    pub params: Params,
    /// The whole as plain text, Chinese first, for who sends without templates.
    pub text: String,
}

/// What a template is filled in with. Blind in Debug.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Case number.
    pub case: String,
    /// The code that answers and stops.
    pub code: String,
    /// A few words, Chinese: which services. At most 35 characters.
    pub about: String,
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Params(..)")
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notice({})", self.id)
    }
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeResult {
    /// Handed to the carrier.
    Sent,
    /// The number is wrong: the clerk is told "check the number", no more.
    Undeliverable,
    /// Try again later.
    Later,
}

/// The way to the persons' own phones.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Hands over one notice.
    async fn send(&self, notice: Notice) -> NoticeResult;
}

/// Waiting, so that a simulated clock can wake sleepers.
#[async_trait]
pub trait Sleep: Send + Sync {
    /// Returns after about that long.
    async fn sleep(&self, how_long: Duration);
}

/// All windows together.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Waiting.
    pub sleep: Arc<dyn Sleep>,
    /// To other cities.
    pub post: Arc<dyn Post>,
    /// To persons.
    pub notices: Arc<dyn Notices>,
    /// One thread does everything, one after the other, as a simulation wants it.
    pub in_place: bool,
}

impl World {
    /// Does what takes long on a thread of its own.
    pub async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        apart(self.in_place, work).await
    }
}

/// See [`World::apart`], before there is one.
pub(crate) async fn apart<T: Send + 'static>(
    in_place: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if in_place { Ok(work()) } else { tokio::task::spawn_blocking(work).await }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
