//! The road to other cities: one kept connection a peer, over pinned TLS, to the end points of
//! accepted peers only.

use crate::directory::{Directory, Peer};
use crate::tls::{DialError, Dialer, Pins};
use crate::wire_limits as limits;
use crate::witness::Told;
use crate::world::{Delivered, Hurdle, Post, PostError, Probe, Reached, Witnessed};
use crate::writer::Published;
use async_trait::async_trait;
use jieli_proto::id::CityId;
use jieli_proto::wire::answer::Answer as What;
use jieli_proto::wire::deliver_frame::Frame;
use jieli_proto::wire::exchange_client::ExchangeClient;
use jieli_proto::wire::{self, DeliverFrame, Letter, Noted};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

/// The directory as doors and road see it: that of the last batch, or of the start before there
/// was one.
#[derive(Debug)]
pub struct Pinboard {
    first: Mutex<Arc<Directory>>,
    watch: OnceLock<watch::Receiver<Arc<Published>>>,
}

impl Pinboard {
    /// Starts with what the database holds.
    pub fn new(first: Arc<Directory>) -> Pinboard {
        Pinboard { first: Mutex::new(first), watch: OnceLock::new() }
    }

    /// Another directory, before there is a writer.
    pub fn replace(&self, first: Directory) {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(first);
    }

    /// From now on what the writer publishes counts.
    pub fn follow(&self, published: watch::Receiver<Arc<Published>>) {
        // Set once, at the start; a second call would name the same writer.
        let _ = self.watch.set(published);
    }

    /// What the writer published last, once there is one.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.watch.get().map(|watch| Arc::clone(&watch.borrow()))
    }

    /// The directory in force.
    pub fn directory(&self) -> Arc<Directory> {
        match self.watch.get() {
            Some(watch) => Arc::clone(&watch.borrow().directory),
            None => Arc::clone(&self.first.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Pins for Pinboard {
    fn city_of(&self, spki_fpr: &[u8; 32]) -> Option<String> {
        let directory = self.directory();
        let pinned = |peer: &&Arc<Peer>| peer.tls_keys().iter().any(|key| key.0 == *spki_fpr);
        directory.peers.values().find(pinned).map(|peer| peer.city.as_str().to_owned())
    }
}

/// How long the road waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoadLimits {
    /// For the next answer, in each step of a call.
    pub answer_max: Duration,
    /// Silence before a keep-alive ping.
    pub keep_alive: Duration,
    /// For its answer.
    pub keep_alive_answer_max: Duration,
}

/// [`Post`] over gRPC.
pub struct Peers {
    dialer: Dialer,
    board: Arc<Pinboard>,
    limits: RoadLimits,
    lines: Mutex<BTreeMap<CityId, Line>>,
    /// Findings that each peer has taken.
    told: Told,
}

/// A kept connection and the end point it goes to.
#[derive(Clone)]
struct Line {
    channel: Channel,
    end_point: String,
}

impl Peers {
    /// The road of this node.
    pub fn new(dialer: Dialer, board: Arc<Pinboard>, limits: RoadLimits) -> Peers {
        Peers { dialer, board, limits, lines: Mutex::default(), told: Told::default() }
    }

    /// Drops the kept connections.
    pub fn hang_up(&self) {
        self.lines().clear();
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, BTreeMap<CityId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line to a peer: the kept one, or the first end point that answers.
    async fn line(&self, to: &CityId) -> Result<Line, PostError> {
        let directory = self.board.directory();
        let unknown = || PostError("no accepted peer of that name".to_owned());
        let peer = directory.peers.get(to).ok_or_else(unknown)?;
        let kept = self.lines().get(to).cloned();
        if let Some(line) = kept.filter(|line| peer.end_points.contains(&line.end_point)) {
            return Ok(line);
        }
        let mut last = PostError("the peer has no end point: it only dials out".to_owned());
        for end_point in &peer.end_points {
            match self.connect(to, end_point).await {
                Ok(channel) => {
                    let line = Line { channel, end_point: end_point.clone() };
                    self.lines().insert(to.clone(), line.clone());
                    return Ok(line);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect(&self, to: &CityId, end_point: &str) -> Result<Channel, PostError> {
        let wrong = |what: &dyn fmt::Display| PostError(format!("{end_point}: {what}"));
        let connector =
            self.dialer.connector(to.as_str(), end_point).map_err(|error| wrong(&error))?;
        let channel = Endpoint::from_shared(connector.uri())
            .map_err(|error| wrong(&error))?
            .http2_keep_alive_interval(self.limits.keep_alive)
            .keep_alive_timeout(self.limits.keep_alive_answer_max)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
            .max_frame_size(limits::FRAME_BYTES_MAX)
            .http2_adaptive_window(false);
        let channel = channel.connect_with_connector(connector).await;
        channel.map_err(|error| wrong(&innermost(&error)))
    }

    /// A call over a line; a line that broke is dropped, so that the next call makes a new one.
    async fn call<T, F>(&self, to: &CityId, run: impl FnOnce(Client) -> F) -> Result<T, PostError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let line = self.line(to).await?;
        let client = ExchangeClient::new(line.channel.clone())
            .max_decoding_message_size(limits::ANSWER_BYTES_MAX)
            .max_encoding_message_size(limits::LETTER_BYTES_MAX);
        match run(client).await {
            Ok(done) => Ok(done),
            Err(status) => {
                self.drop_line(to, &line, &status);
                Err(told(&status))
            }
        }
    }

    /// The heads that travel with an exchange, and the findings that this peer was not told yet.
    fn heads_for(&self, to: &CityId) -> (Option<wire::Heads>, Vec<[u8; 16]>) {
        let Some(published) = self.board.published() else { return (None, Vec::new()) };
        let (heads, ids) = self.told.heads_for(&published, to, 0);
        (Some(heads), ids)
    }

    fn drop_line(&self, to: &CityId, line: &Line, status: &Status) {
        let broke = matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
        );
        if broke {
            self.lines().retain(|city, kept| city != to || kept.end_point != line.end_point);
        }
    }
}

type Client = ExchangeClient<Channel>;

#[async_trait]
impl Post for Peers {
    async fn deliver(
        &self,
        to: &CityId,
        letters: Vec<Letter>,
        noted: Vec<Noted>,
    ) -> Result<Delivered, PostError> {
        let wanted = letters.len();
        let noted = noted.into_iter().map(Frame::Noted);
        let letters = letters.into_iter().map(Frame::Letter);
        let (heads, told) = self.heads_for(to);
        let heads = heads.map(Frame::Heads).into_iter();
        let frames: Vec<DeliverFrame> = heads
            .chain(noted)
            .chain(letters)
            .map(|frame| DeliverFrame { frame: Some(frame) })
            .collect();
        let limit = self.limits.answer_max;
        let mut delivered = Delivered::default();
        let done = self
            .call(to, async |mut client: Client| {
                let stream = within(limit, client.deliver(tokio_stream::iter(frames))).await?;
                collect(stream.into_inner(), limit, wanted, &mut delivered).await
            })
            .await;
        if done.is_ok() {
            self.told.mark(to, told, u64::MAX);
        }
        match done {
            Ok(()) => Ok(delivered),
            Err(error) if delivered.answers.is_empty() => Err(error),
            Err(error) => {
                delivered.broke = Some(error);
                Ok(delivered)
            }
        }
    }

    async fn fetch(
        &self,
        to: &CityId,
        ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError> {
        let limit = self.limits.answer_max;
        // One pack is asked for by its name.
        let most = if ask.pack.is_empty() { ask.most.min(256) as usize } else { 1 };
        self.call(to, async |mut client: Client| {
            let mut stream = within(limit, client.fetch(ask)).await?.into_inner();
            let mut replies = Vec::new();
            while let Some(reply) = within(limit, stream.message()).await? {
                if replies.len() >= most {
                    return Err(Status::internal("more records than were asked for"));
                }
                replies.push(reply);
            }
            Ok(replies)
        })
        .await
    }

    async fn prove(
        &self,
        to: &CityId,
        ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError> {
        let limit = self.limits.answer_max;
        self.call(to, async |mut client: Client| {
            Ok(within(limit, client.prove(ask)).await?.into_inner())
        })
        .await
    }

    async fn state(
        &self,
        to: &CityId,
        ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError> {
        let limit = self.limits.answer_max;
        self.call(to, async |mut client: Client| {
            Ok(within(limit, client.state(ask)).await?.into_inner())
        })
        .await
    }

    async fn checkpoint(
        &self,
        to: &CityId,
        ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError> {
        let limit = self.limits.answer_max;
        self.call(to, async |mut client: Client| {
            Ok(within(limit, client.checkpoint(ask)).await?.into_inner())
        })
        .await
    }

    async fn tiles(
        &self,
        to: &CityId,
        ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError> {
        let limit = self.limits.answer_max;
        self.call(to, async |mut client: Client| {
            Ok(within(limit, client.tiles(ask)).await?.into_inner())
        })
        .await
    }

    async fn cosign(&self, to: &CityId, ask: wire::CosignRequest) -> Result<Witnessed, PostError> {
        let limit = self.limits.answer_max;
        let (heads, told) = self.heads_for(to);
        let ask = wire::CosignRequest { heads, ..ask };
        let asked = self.call(to, async |mut client: Client| {
            match within(limit, client.cosign(ask)).await {
                Ok(reply) => Ok(Witnessed::Signed(reply.into_inner())),
                Err(status) if status.code() == Code::Aborted => {
                    let size = status.message().parse().map_err(|_| status)?;
                    Ok(Witnessed::Held(size))
                }
                Err(status) => Err(status),
            }
        });
        let asked = asked.await;
        if asked.is_ok() {
            self.told.mark(to, told, u64::MAX);
        }
        asked
    }

    async fn greet(
        &self,
        to: &CityId,
        words: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError> {
        let limit = self.limits.answer_max;
        self.call(to, async |mut client: Client| {
            Ok(within(limit, client.greet(words)).await?.into_inner())
        })
        .await
    }

    async fn probe(&self, to: &CityId) -> Probe {
        let mut probe = Probe::default();
        let directory = self.board.directory();
        let Some(peer) = directory.peers.get(to) else { return probe };
        for end_point in &peer.end_points {
            let reached = self.reach(to, end_point).await;
            let is_there = reached.is_ok();
            probe.tried.push((end_point.clone(), reached));
            if is_there {
                probe.checkpoint = Some(self.checkpoint_at(to, end_point).await);
                return probe;
            }
        }
        probe
    }
}

impl Peers {
    /// Resolving, connecting, shaking hands, and no more.
    async fn reach(&self, to: &CityId, end_point: &str) -> Reached {
        let connector = self
            .dialer
            .connector(to.as_str(), end_point)
            .map_err(|error| (Hurdle::Address, error.to_string()))?;
        connector.connect().await.map(drop).map_err(|error| {
            let hurdle = match &error {
                DialError::Unresolved(_) => Hurdle::Name,
                DialError::AddressRefused => Hurdle::Address,
                DialError::Connect(_) => Hurdle::Connect,
                DialError::Handshake(..) | DialError::Refused(_) => Hurdle::Tls,
                DialError::TimedOut => Hurdle::Time,
            };
            (hurdle, error.to_string())
        })
    }

    /// The checkpoint over a connection of its own.
    async fn checkpoint_at(
        &self,
        to: &CityId,
        end_point: &str,
    ) -> Result<wire::CheckpointReply, PostError> {
        let channel = self.connect(to, end_point).await?;
        let mut client =
            ExchangeClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX);
        let asked = client.checkpoint(wire::CheckpointRequest::default());
        let reply = within(self.limits.answer_max, asked).await;
        reply.map(tonic::Response::into_inner).map_err(|status| told(&status))
    }
}

/// Collects answers until the stream ends or all are there; the time allowed starts anew with each.
async fn collect(
    mut stream: Streaming<wire::Answer>,
    limit: Duration,
    wanted: usize,
    delivered: &mut Delivered,
) -> Result<(), Status> {
    while let Some(answer) = within(limit, stream.message()).await? {
        match answer.answer {
            Some(What::Heads(heads)) => delivered.heads = heads,
            Some(_) | None if delivered.answers.len() == wanted => {
                return Err(Status::internal("more answers than letters"));
            }
            Some(_) | None => delivered.answers.push(answer),
        }
    }
    if delivered.answers.len() < wanted {
        return Err(Status::unavailable("the peer ended the delivery"));
    }
    Ok(())
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(limit, step).await {
        Ok(done) => done,
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}

/// What an operator reads; a peer's own words are not trusted with more than a line.
fn told(status: &Status) -> PostError {
    let words: String = status.message().chars().filter(|c| !c.is_control()).take(200).collect();
    PostError(format!("{:?}: {words}", status.code()))
}

/// The error at the bottom of a chain: tonic's own says only "transport error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({} lines)", self.lines().len())
    }
}
