//! The door between cities. Who calls is known from the connection; what may be asked follows from
//! the agreements with that city, and "unknown" and "not yours" are one answer.

mod deliver;

use super::pace::Pace;
use crate::command::{Command, Done};
use crate::config::Limits;
use crate::directory::{Bond, Directory};
use crate::house::House;
use crate::letters::{FETCH_MAX, Letters};
use crate::recovery::{Greeted, Unheard, held_of, meet, own_words};
use crate::statements::{Statements, Unstated};
use crate::store::log::{consistency, inclusion, leaf, tile_hashes};
use crate::store::{StoreError, mirror, packs};
use crate::tls::PeerInfo;
use crate::wire_limits as limits;
use crate::witness::{self, CosignWord, Told};
use crate::world::World;
use crate::writer::{Hand, Published};
use jieli_proto::checkpoint::LogName;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::tree::{PROOF_HASHES_MAX, Tile};
use jieli_proto::wire::exchange_server::{Exchange, ExchangeServer};
use jieli_proto::wire::{
    self, Answer, CheckpointReply, CheckpointRequest, CosignReply, CosignRequest, DeliverFrame,
    FetchReply, FetchRequest, GreetReply, GreetRequest, Heads, ProveReply, ProveRequest,
    StateReply, StateRequest, TilesReply, TilesRequest, prove_request::What,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// Streams of `Deliver` and `Fetch` that one peer may have open.
const STREAMS_PER_PEER_MAX: usize = 8;

/// Requests of one peer for a cosignature that may wait for the mirror: more are answered at once.
const COSIGNS_PER_PEER_MAX: usize = 2;

/// Requests of one peer that may wait for their turn.
const WAITING_MAX: usize = 32;

/// A peer's contact is noted at most so often.
const HEARD_MS: u64 = 10_000;

/// How long a request for a cosignature waits for the mirror.
const LINK_MAX: Duration = Duration::from_secs(5);

/// What another replica mirrored is seen after so long.
const LINK_AGAIN: Duration = Duration::from_secs(1);

/// A finding that went with an answer goes again after so long.
const TELL_AGAIN_MS: u64 = 10 * 60_000;

/// A peer that could not be called is called again at its next stream after so long.
const MEET_AGAIN_MS: u64 = 60_000;

/// How long a peer that greets may be asked back before its own words count.
const ASK_BACK_MAX: Duration = Duration::from_secs(2);

/// Records read at once for a `Fetch`.
const FETCH_AT_ONCE: u64 = 32;

/// The `Exchange` service.
#[derive(Clone)]
pub struct ExchangeDoor {
    hand: Hand,
    letters: Letters,
    statements: Statements,
    world: World,
    set: Limits,
    requests: Pace,
    incoming: Pace,
    streams: Places,
    cosigns: Places,
    heard: Arc<Mutex<BTreeMap<CityId, u64>>>,
    /// Until when a peer need not be greeted before its letters are taken.
    met: Arc<Mutex<BTreeMap<CityId, u64>>>,
    /// Findings that were in an answer.
    told: Arc<Told>,
    house: House,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// So many places for each peer.
type Places = Arc<Mutex<BTreeMap<CityId, Arc<Semaphore>>>>;

fn place_of(places: &Places, city: &CityId, most: usize) -> Option<OwnedSemaphorePermit> {
    let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || Arc::new(Semaphore::new(most));
    let of_city = Arc::clone(places.entry(city.clone()).or_insert_with(new));
    of_city.try_acquire_owned().ok()
}

/// The service with the limits of its messages, for the peer port alone.
pub fn exchange(
    hand: Hand,
    letters: Letters,
    statements: Statements,
    house: House,
    set: Limits,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> ExchangeServer<ExchangeDoor> {
    let world = house.world.clone();
    let requests = Pace::new(world.clone(), set.requests_per_peer_s_max, WAITING_MAX);
    let incoming =
        Pace::new(world.clone(), set.letters_per_peer_s_max, STREAMS_PER_PEER_MAX * limits::WINDOW);
    let (streams, cosigns) = (Arc::default(), Arc::default());
    let (heard, met) = (Arc::default(), Arc::default());
    let door = ExchangeDoor {
        hand,
        letters,
        statements,
        world,
        set,
        requests,
        incoming,
        streams,
        cosigns,
        heard,
        met,
        told: Arc::default(),
        house,
        tasks,
        stop,
    };
    ExchangeServer::new(door)
        .max_decoding_message_size(limits::LETTER_BYTES_MAX)
        .max_encoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// What decides whether a peer's head can be cosigned: keys, agreements and epochs, and how far its
/// logs are tied to their mirrors.
#[derive(PartialEq, Eq)]
struct Known {
    generation: i64,
    tied: Vec<(String, u64)>,
}

impl Known {
    fn of(published: &Published, city: &CityId) -> Known {
        let theirs = published.heads.iter().filter(|(origin, _)| {
            LogName::parse(origin).is_some_and(|name| name.city() == city.as_str())
        });
        let tied = theirs.map(|(origin, heads)| (origin.clone(), heads.tied)).collect();
        Known { generation: published.directory.generation, tied }
    }
}

/// Who calls, and what held when the call came.
struct Caller {
    city: CityId,
    published: Arc<Published>,
}

impl Caller {
    fn directory(&self) -> &Directory {
        &self.published.directory
    }

    /// An agreement with the caller.
    fn bond(&self, id: &AgreementId) -> Option<&Bond> {
        self.directory().bonds.get(id).map(Arc::as_ref).filter(|bond| bond.peer == self.city)
    }

    /// Only of its own logs is a caller told what is held here.
    fn owns(&self, origin: &str) -> Result<(), Status> {
        match LogName::parse(origin) {
            Some(LogName::Exchange { city, .. }) if city == self.city.as_str() => Ok(()),
            Some(_) | None => Err(denied()),
        }
    }

    /// Whether some agreement with the caller is live.
    fn has_live(&self) -> bool {
        let mut bonds = self.directory().bonds.values();
        bonds.any(|bond| bond.peer == self.city && bond.version() > 0)
    }
}

impl ExchangeDoor {
    /// Who calls; its requests are paced, and its contact is noted.
    async fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let info = request.extensions().get::<PeerInfo>().ok_or_else(denied)?;
        let city = CityId::parse(&info.city).ok_or_else(denied)?;
        let published = self.hand.published();
        if !published.directory.peers.contains_key(&city) {
            return Err(denied());
        }
        if !self.requests.pass(&city).await {
            return Err(Status::resource_exhausted("too many requests"));
        }
        self.note_contact(&city);
        Ok(Caller { city, published })
    }

    /// The peer is there: what waits for it need not wait. Not with every call, but always with the
    /// first one after letters did not reach it.
    fn note_contact(&self, city: &CityId) {
        let now_ms = self.world.clock.now_unix_ms();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last_ms = heard.get(city).copied();
        let lately = last_ms.is_some_and(|last_ms| now_ms.abs_diff(last_ms) < HEARD_MS);
        if lately && !self.hand.had_missed(city) {
            return;
        }
        if self.hand.submit(Command::Heard(city.clone())).is_ok() {
            heard.insert(city.clone(), now_ms);
        }
    }

    /// Before the first letters of a peer since the start: both say where their logs stand, so that
    /// none goes on from a log that went back. A peer that cannot be called is taken as it is.
    async fn meet(&self, city: &CityId) -> Result<(), Status> {
        let now_ms = self.world.clock.now_unix_ms();
        let until_ms = {
            let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
            met.get(city).copied().unwrap_or(0)
        };
        if now_ms < until_ms {
            return Ok(());
        }
        let until_ms = match meet(&self.hand, &self.house, self.letters.store(), city).await {
            Ok(_) => u64::MAX,
            Err(Unheard::Store(error)) => return Err(internal(error)),
            Err(Unheard::Writer(_)) => return Err(Status::unavailable("")),
            Err(Unheard::Post(_)) => now_ms.saturating_add(MEET_AGAIN_MS),
        };
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.insert(city.clone(), until_ms);
        Ok(())
    }

    /// A greeting may be overtaken on its way by newer words, and seem to show a log that went back;
    /// an answer is never older than its question. Whether the peer could be asked, and was heard.
    async fn asked_back(&self, city: &CityId) -> bool {
        let asked = meet(&self.hand, &self.house, self.letters.store(), city);
        tokio::select! {
            biased;
            heard = asked => heard.is_ok(),
            () = self.world.sleep.sleep(ASK_BACK_MAX) => false,
        }
    }

    /// Waits until more of a peer is known than was, or until another replica may know more. Every
    /// batch publishes, also the one that asked in vain: that alone is no reason to ask again.
    async fn more_known(&self, city: &CityId, known: &Known) -> Result<(), Status> {
        let mut published = self.hand.watch();
        let more = async {
            while Known::of(&published.borrow_and_update(), city) == *known {
                published.changed().await.map_err(|_| Status::unavailable(""))?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            more = more => more,
            () = self.world.sleep.sleep(LINK_AGAIN) => Ok(()),
        }
    }

    /// The heads that an answer carries. Whether it arrives nobody knows: findings come again.
    fn heads_for(&self, city: &CityId) -> Heads {
        let now_ms = self.world.clock.now_unix_ms();
        let (heads, ids) = self.told.heads_for(&self.hand.published(), city, now_ms);
        self.told.mark(city, ids, now_ms.saturating_add(TELL_AGAIN_MS));
        heads
    }

    async fn hear(&self, city: &CityId, said: Greeted) -> Result<(), Status> {
        let heard = Command::Greeted(city.clone(), Box::new(said));
        self.hand.perform(heard).await.map(drop).map_err(|_| Status::unavailable(""))
    }

    /// One of the peer's places for streams.
    fn stream_of(&self, city: &CityId) -> Result<OwnedSemaphorePermit, Status> {
        let place = place_of(&self.streams, city, STREAMS_PER_PEER_MAX);
        place.ok_or_else(|| Status::resource_exhausted("too many streams"))
    }

    async fn inclusion_of(&self, caller: &Caller, index: u64) -> Result<ProveReply, Status> {
        let head = &caller.published.exchange;
        if index >= head.size {
            return Err(denied());
        }
        let mut conn = self.letters.store().read().await.map_err(internal)?;
        let row = leaf(&mut conn, head.id, index).await.map_err(internal)?.ok_or_else(denied)?;
        let shared = Leaf::from_bytes(&row.data).map_err(|_| denied())?;
        let bond = caller.bond(&AgreementId(shared.agreement_id)).ok_or_else(denied)?;
        if bond.version() == 0 {
            return Err(denied());
        }
        let path = inclusion(&mut conn, head.id, index, head.size).await.map_err(internal)?;
        Ok(proof(&caller.published, path))
    }

    /// A pack that was announced in this agreement. Unknown and not announced are one answer.
    async fn pack(
        &self,
        bond: &Bond,
        digest: &[u8],
    ) -> Result<Response<ReceiverStream<Result<FetchReply, Status>>>, Status> {
        let digest = Digest::from_slice(digest).ok_or_else(denied)?;
        let mut conn = self.letters.store().read().await.map_err(internal)?;
        let found = packs::announced(&mut conn, bond.id, &digest).await.map_err(internal)?;
        let envelope = Some(found.ok_or_else(denied)?);
        let (send, replies) = tokio::sync::mpsc::channel(1);
        // There is room for the one reply.
        let _ = send.try_send(Ok(FetchReply { envelope, ..FetchReply::default() }));
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn consistency_from(&self, caller: &Caller, old: u64) -> Result<ProveReply, Status> {
        let head = &caller.published.exchange;
        if old > head.size || !caller.has_live() {
            return Err(denied());
        }
        let mut conn = self.letters.store().read().await.map_err(internal)?;
        let path = consistency(&mut conn, head.id, old, head.size).await.map_err(internal)?;
        Ok(proof(&caller.published, path))
    }
}

#[tonic::async_trait]
impl Exchange for ExchangeDoor {
    type DeliverStream = ReceiverStream<Result<Answer, Status>>;
    type FetchStream = ReceiverStream<Result<FetchReply, Status>>;

    async fn deliver(
        &self,
        request: Request<Streaming<DeliverFrame>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let caller = self.caller(&request).await?;
        let place = self.stream_of(&caller.city)?;
        self.meet(&caller.city).await?;
        let answers = deliver::start(self.clone(), caller.city, request.into_inner(), place);
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn fetch(
        &self,
        request: Request<FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let caller = self.caller(&request).await?;
        let ask = request.into_inner();
        let id = AgreementId::from_slice(&ask.agreement_id).ok_or_else(denied)?;
        let bond = caller.bond(&id).ok_or_else(denied)?.clone();
        if !ask.pack.is_empty() {
            return self.pack(&bond, &ask.pack).await;
        }
        let lane = Lane::from_number(ask.lane).ok_or_else(denied)?;
        if ask.from_seq == 0 || (bond.version() == 0 && lane.kind() == Kind::Message) {
            return Err(denied());
        }
        let place = self.stream_of(&caller.city)?;
        let most = u64::from(ask.most).min(FETCH_MAX);
        let end = ask.from_seq.saturating_add(most);
        let (send, replies) = tokio::sync::mpsc::channel(FETCH_AT_ONCE as usize);
        let door = self.clone();
        self.tasks.spawn(async move {
            let _place = place;
            let mut from = ask.from_seq;
            while from < end {
                let seqs = from..end.min(from.saturating_add(FETCH_AT_ONCE));
                let wanted = seqs.end - seqs.start;
                let shown = door.letters.shown(&caller.published, &bond, lane, seqs).await;
                let shown = match shown {
                    Ok(shown) => shown.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(internal(error))],
                };
                let got = shown.len() as u64;
                for reply in shown {
                    let sent = tokio::time::timeout(door.set.request_max(), send.send(reply));
                    if !matches!(sent.await, Ok(Ok(()))) {
                        return;
                    }
                }
                if got < wanted {
                    return;
                }
                from += wanted;
            }
        });
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn checkpoint(
        &self,
        request: Request<CheckpointRequest>,
    ) -> Result<Response<CheckpointReply>, Status> {
        let caller = self.caller(&request).await?;
        let origin = request.into_inner().origin;
        let now_unix_ms = self.world.clock.now_unix_ms();
        let mut reply = CheckpointReply { now_unix_ms, ..CheckpointReply::default() };
        if origin.is_empty() {
            self.meet(&caller.city).await?;
            reply.checkpoint = self.hand.published().checkpoint.clone();
        } else {
            caller.owns(&origin)?;
            let mut conn = self.letters.store().read().await.map_err(internal)?;
            let seen = witness::newest_of(&mut conn, &origin).await.map_err(internal)?;
            reply.checkpoint = seen.map_or(String::new(), |seen| seen.note);
            let mirrored = mirror::head(&mut conn, &origin).await.map_err(internal)?;
            reply.mirrored = mirrored.map_or(String::new(), |mirrored| mirrored.note);
        }
        Ok(Response::new(reply))
    }

    async fn prove(&self, request: Request<ProveRequest>) -> Result<Response<ProveReply>, Status> {
        let caller = self.caller(&request).await?;
        let reply = match request.into_inner().what {
            Some(What::LeafIndex(index)) => self.inclusion_of(&caller, index).await?,
            Some(What::OldSize(size)) => self.consistency_from(&caller, size).await?,
            None => return Err(denied()),
        };
        Ok(Response::new(reply))
    }

    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        let caller = self.caller(&request).await?;
        let city = caller.city;
        let mut conn = self.letters.store().read().await.map_err(internal)?;
        let peer = caller.published.directory.peers.get(&city).ok_or_else(denied)?;
        let held = held_of(&mut conn, peer).await.map_err(internal)?;
        let mut said = Greeted::asked(request.into_inner(), held);
        if said.may_be_overtaken() && self.asked_back(&city).await {
            // What it answered counts.
            said.held_before = 0;
        }
        self.hear(&city, said).await?;
        let published = self.hand.published();
        let directory = &published.directory;
        let peer = directory.peers.get(&city).ok_or_else(denied)?;
        let words = own_words(&mut conn, directory, &published.exchange, peer);
        let words = words.await.map_err(internal)?;
        let shared = directory.bonds.values().filter(|bond| bond.peer == city);
        Ok(Response::new(GreetReply {
            origin: words.origin,
            size: words.size,
            recovering: words.recovering,
            seen: words.seen,
            agreements: shared.map(|bond| bond.id.to_vec()).collect(),
            held_back: peer.quarantine.is_some(),
        }))
    }

    async fn tiles(&self, request: Request<TilesRequest>) -> Result<Response<TilesReply>, Status> {
        let caller = self.caller(&request).await?;
        let ask = request.into_inner();
        let level = u8::try_from(ask.level).map_err(|_| denied())?;
        let tile = Tile { level, index: ask.index };
        let mut conn = self.letters.store().read().await.map_err(internal)?;
        let hashes = if ask.origin.is_empty() {
            let head = &caller.published.exchange;
            has(tile, head.size)?;
            tile_hashes(&mut conn, head.id, tile, head.size).await
        } else {
            caller.owns(&ask.origin)?;
            let held = mirror::head(&mut conn, &ask.origin).await.map_err(internal)?;
            let size = held.map_or(0, |held| held.size);
            has(tile, size)?;
            mirror::tile(&mut conn, &ask.origin, tile, size).await
        };
        let hashes = hashes.map_err(internal)?;
        Ok(Response::new(TilesReply { hashes: hashes.concat() }))
    }

    /// Statuses are those of C2SP tlog-witness; PROTOCOL.md section 11 has the table.
    async fn cosign(
        &self,
        request: Request<CosignRequest>,
    ) -> Result<Response<CosignReply>, Status> {
        let caller = self.caller(&request).await?;
        let ask = request.into_inner();
        let heads = ask.heads.clone().unwrap_or_default();
        if !witness::fits(&heads) {
            return Err(Status::invalid_argument(""));
        }
        self.meet(&caller.city).await?;
        // What cannot be taken now is told again with the next exchange.
        let _ = witness::hear(&self.hand, &caller.city, &heads);
        let place = place_of(&self.cosigns, &caller.city, COSIGNS_PER_PEER_MAX);
        let linked = async {
            loop {
                // Before it is asked, so that no step of the mirror in between is slept through.
                let known = Known::of(&self.hand.published(), &caller.city);
                let ask = Box::new(wire::CosignRequest { heads: None, ..ask.clone() });
                let done = self.hand.perform(Command::Cosign(caller.city.clone(), ask)).await;
                match done {
                    Ok(Done::Cosign(CosignWord::NotYet)) => {}
                    Ok(Done::Cosign(word)) => return Ok(word),
                    Ok(_) | Err(_) => return Err(Status::unavailable("")),
                }
                // Who waits holds one of the listener's places, so not many of one peer may.
                if place.is_none() {
                    return Ok(CosignWord::NotYet);
                }
                self.more_known(&caller.city, &known).await?;
            }
        };
        let word = tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(CosignWord::NotYet),
            word = tokio::time::timeout(LINK_MAX, linked) => word.unwrap_or(Ok(CosignWord::NotYet)),
        };
        match word? {
            CosignWord::Signed(cosignature) => {
                let heads = Some(self.heads_for(&caller.city));
                Ok(Response::new(CosignReply { cosignature, heads }))
            }
            CosignWord::Malformed => Err(Status::invalid_argument("")),
            CosignWord::Unknown => Err(Status::not_found("")),
            CosignWord::NotSigned => Err(denied()),
            CosignWord::Held(size) => Err(Status::aborted(size.to_string())),
            CosignWord::NotProved => Err(Status::failed_precondition("")),
            CosignWord::NotYet => Err(Status::unavailable("")),
        }
    }

    async fn state(&self, request: Request<StateRequest>) -> Result<Response<StateReply>, Status> {
        let caller = self.caller(&request).await?;
        let ask = request.into_inner();
        let id = AgreementId::from_slice(&ask.agreement_id).ok_or_else(denied)?;
        let bond = caller.bond(&id).ok_or_else(denied)?;
        let _place = self.stream_of(&caller.city)?;
        let reply = self.statements.answer(&caller.published, bond, &ask).await;
        reply.map(Response::new).map_err(|unstated| match unstated {
            Unstated::Denied => denied(),
            Unstated::Store(error) => internal(error),
        })
    }
}

/// Whether a tree of that size has the tile.
fn has(tile: Tile, size: u64) -> Result<(), Status> {
    match tile.span().is_some() && tile.width_at(size) > 0 {
        true => Ok(()),
        false => Err(denied()),
    }
}

fn proof(published: &Published, path: Vec<[u8; 32]>) -> ProveReply {
    debug_assert!(path.len() <= PROOF_HASHES_MAX);
    let hashes = path.iter().map(|hash| hash.to_vec()).collect();
    ProveReply { checkpoint: published.checkpoint.clone(), hashes }
}

/// The one answer to what is unknown and to what is not the caller's.
fn denied() -> Status {
    Status::permission_denied("")
}

/// Something failed here; the peer learns no more.
fn internal(error: StoreError) -> Status {
    tracing::error!(%error, "a peer's request failed");
    Status::unavailable("")
}

impl fmt::Debug for ExchangeDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExchangeDoor")
    }
}
