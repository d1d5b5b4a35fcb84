//! The greeting: before two cities exchange anything after a start or a break, each says where its
//! own log stands and what it has seen of the other's. A log that went back shows at once.

use super::{Cause, Recovering, SizedRoot};
use crate::batch::Batch;
use crate::command::Command;
use crate::directory::{Directory, Peer};
use crate::highwater::Start;
use crate::house::House;
use crate::plant;
use crate::store::log::{self, Head};
use crate::store::recovery::{self as rows, Quarantine};
use crate::store::{Conn, Store, StoreError};
use crate::witness::{newest_of, open_signed};
use crate::world::PostError;
use crate::writer::{Failure, Hand, Published};
use jieli_proto::id::CityId;
use jieli_proto::recovery::epoch_of;
use jieli_proto::wire::{self, GreetReply, GreetRequest};

/// Letters without their sections that are asked for again, at most.
const LOST_AT_ONCE: usize = 10_000;

/// The alarm about a peer that went back.
const WENT_BACK: &str = "log-went-back";

/// What a greeting says, whoever began it.
#[derive(Clone, Debug, Default)]
pub struct Greeted {
    /// The log of who says it.
    pub origin: String,
    /// How much of it they hold.
    pub size: u64,
    /// Whether they sign nothing now.
    pub recovering: bool,
    /// Our own signed head as they hold it; empty for none.
    pub seen: String,
    /// How much of their log was held here before they said it: words that newer ones have
    /// overtaken accuse nobody.
    pub held_before: u64,
    /// What they state about their log, and what proves it.
    pub stated: Option<Box<GreetRequest>>,
}

impl Greeted {
    /// What came unasked.
    pub fn asked(said: GreetRequest, held_before: u64) -> Greeted {
        Greeted {
            origin: said.origin.clone(),
            size: said.size,
            recovering: said.recovering,
            seen: said.seen.clone(),
            held_before,
            stated: (!said.checkpoint.is_empty()).then(|| Box::new(said)),
        }
    }

    /// Whether it shows a shorter log than was held here, and proves nothing.
    pub(crate) fn may_be_overtaken(&self) -> bool {
        self.size < self.held_before && self.stated.is_none()
    }

    /// What came as an answer.
    pub fn answered(said: &GreetReply, held_before: u64) -> Greeted {
        Greeted {
            origin: said.origin.clone(),
            size: said.size,
            recovering: said.recovering,
            seen: said.seen.clone(),
            held_before,
            stated: None,
        }
    }
}

/// How much of a peer's log is held here.
pub(crate) async fn held_of(conn: &mut Conn, peer: &Peer) -> Result<u64, StoreError> {
    let seen = newest_of(conn, &peer.city.exchange_origin(peer.epoch)).await?;
    Ok(seen.map_or(0, |seen| seen.size))
}

/// Why a greeting came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unheard {
    /// The peer was not reached.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was heard could not be taken in.
    #[error(transparent)]
    Writer(#[from] Failure),
}

/// Our side of a greeting, without a statement.
pub(crate) async fn own_words(
    conn: &mut Conn,
    directory: &Directory,
    head: &Head,
    peer: &Peer,
) -> Result<GreetRequest, StoreError> {
    let seen = newest_of(conn, &peer.city.exchange_origin(peer.epoch)).await?;
    Ok(GreetRequest {
        origin: directory.city.exchange_origin(head.id.epoch),
        size: head.size,
        recovering: directory.recovering.is_some(),
        seen: seen.map_or(String::new(), |seen| seen.note),
        ..GreetRequest::default()
    })
}

/// Greets a peer, and tells it the first statement that it has not accepted yet. What was said is
/// to be handed to the writer. The second is the digest of the statement that was accepted.
async fn greet(
    house: &House,
    store: &Store,
    hand: &Hand,
    city: &CityId,
) -> Result<(Greeted, Option<jieli_proto::id::Digest>), Unheard> {
    let published = &hand.published();
    let directory = &published.directory;
    let unknown = || PostError("no accepted peer of that name".to_owned());
    let peer = directory.peers.get(city).ok_or_else(unknown)?;
    let mut conn = store.read().await?;
    let held = held_of(&mut conn, peer).await?;
    let words = own_words(&mut conn, directory, &published.exchange, peer).await?;
    // How long the log is, is said as late as can be: a newer head may reach the peer another way.
    let words = GreetRequest { size: size_now(hand, published), ..words };
    let post = &house.world.post;
    let reply = post.greet(city, words.clone()).await?;
    let mut owed = rows::owed(&mut conn, city).await?;
    let head = &published.exchange;
    let provable = largest_seen(directory, &reply.seen)
        .filter(|(epoch, (size, _))| *epoch == head.id.epoch && (1..=head.size).contains(size));
    if owed.is_none() && reply.held_back && provable.is_none() {
        // What it has seen cannot be proved from here, for instance of an epoch that has ended: the
        // last statement says it again.
        owed = rows::statements(&mut conn, &directory.city).await?.pop();
    }
    if directory.recovering.is_some() || (owed.is_none() && !reply.held_back) {
        return Ok((Greeted::answered(&reply, held), None));
    }
    // Who is held back for older words that came after newer ones shows that nothing was lost since:
    // an earlier statement would not reach as far as what was seen of the log after it.
    let mut consistency = Vec::new();
    if let Some((_, (size, _))) = provable {
        let path = log::consistency(&mut conn, head.id, size, head.size).await?;
        consistency = path.iter().map(|hash| hash.to_vec()).collect();
    }
    let statement = GreetRequest {
        statement: owed.as_ref().map(|owed| owed.sealed.clone()),
        checkpoint: published.checkpoint.clone(),
        consistency,
        lost: lost(&mut conn, city).await?,
        ..words
    };
    let held = held_of(&mut conn, peer).await?;
    let reply = post.greet(city, statement).await?;
    let told = owed.filter(|_| !reply.held_back).map(|owed| owed.digest);
    Ok((Greeted::answered(&reply, held), told))
}

/// Greets a peer and takes in what it says. Whether anything may be signed and sent after that.
pub(crate) async fn meet(
    hand: &Hand,
    house: &House,
    store: &Store,
    city: &CityId,
) -> Result<bool, Unheard> {
    let (said, told) = greet(house, store, hand, city).await?;
    hand.perform(Command::Greeted(city.clone(), Box::new(said))).await?;
    if let Some(digest) = told {
        hand.perform(Command::Told(city.clone(), digest)).await?;
    }
    // What was heard may have changed what may be sent.
    Ok(hand.published().directory.recovering.is_none())
}

/// The size of the own log by now, in the epoch of an earlier look.
fn size_now(hand: &Hand, then: &Published) -> u64 {
    let now = hand.published();
    let same = now.exchange.id == then.exchange.id;
    if same { now.exchange.size.max(then.exchange.size) } else { then.exchange.size }
}

async fn lost(conn: &mut Conn, city: &CityId) -> Result<Vec<wire::SectionsLost>, StoreError> {
    let mut room = LOST_AT_ONCE;
    let mut named = Vec::new();
    for (id, mut lane_seqs) in rows::gaps(conn, city).await? {
        lane_seqs.truncate(room);
        room -= lane_seqs.len();
        named.push(wire::SectionsLost { agreement_id: id.to_vec(), lane_seqs });
    }
    Ok(named)
}

/// Greets all peers at once; who answered, and what.
pub(crate) async fn greet_all(
    house: &House,
    conn: &mut Conn,
    directory: &Directory,
    head: &Head,
) -> Result<Vec<(CityId, GreetReply)>, StoreError> {
    let mut calls = Vec::new();
    for (city, peer) in &directory.peers {
        let words = own_words(conn, directory, head, peer).await?;
        let post = house.world.post.clone();
        calls.push(async move { (city.clone(), post.greet(city, words).await) });
    }
    let said = futures::future::join_all(calls).await;
    Ok(said.into_iter().filter_map(|(city, reply)| Some((city, reply.ok()?))).collect())
}

/// The own head that a peer shows: its epoch and size, if our own log key signed it.
pub(crate) fn largest_seen(directory: &Directory, note: &str) -> Option<(u32, SizedRoot)> {
    let head = open_signed(&directory.city, directory.own.values(), note)?;
    let epoch = epoch_of(&directory.city, head.origin())?;
    Some((epoch, (head.size(), *head.root())))
}

/// What an own head that a peer holds says about ours: `None` if all is well.
pub(crate) async fn against(
    conn: &mut Conn,
    head: &Head,
    seen: (u32, SizedRoot),
) -> Result<Option<Cause>, StoreError> {
    let (epoch, (size, root)) = seen;
    if epoch > head.id.epoch {
        return Ok(Some(Cause::Forked));
    }
    if epoch < head.id.epoch || size == 0 {
        return Ok(None);
    }
    if size > head.size {
        return Ok(Some(Cause::Behind));
    }
    let held = log::root_at(conn, head.id, size).await?;
    Ok((held != root).then_some(Cause::Forked))
}

/// The state that file and peers together ask for; `None` if everything may be signed.
/// `file`: what the start rule says of the exchange log and of the local one.
pub(crate) async fn standing(
    conn: &mut Conn,
    directory: &Directory,
    heads: (&Head, &Head),
    file: (Start, Start),
    mark: Option<SizedRoot>,
    said: &[(CityId, GreetReply)],
    now_ms: u64,
) -> Result<Option<Recovering>, StoreError> {
    let (head, local) = heads;
    let mut known = mark.unwrap_or_else(super::nothing);
    let mut cause = match file.0 {
        Start::Good | Start::Advance => None,
        Start::Recovering { .. } => Some(Cause::Behind),
        Start::RootDiffers => Some(Cause::Forked),
        Start::NoFile => Some(Cause::NoFile),
    };
    for (_, reply) in said {
        let Some(seen) = largest_seen(directory, &reply.seen) else { continue };
        let found = against(conn, head, seen).await?;
        if cause != Some(Cause::Forked) {
            cause = found.or(cause);
        }
        if seen.0 == head.id.epoch && seen.1.0 > known.0 {
            known = seen.1;
        }
    }
    // The local log is mirrored by nobody: it goes on in its next epoch.
    let local_is_good = matches!(file.1, Start::Good | Start::Advance);
    if cause.is_none() && !local_is_good {
        cause = Some(Cause::Behind);
    }
    Ok(cause.map(|cause| Recovering {
        cause,
        since_ms: now_ms,
        found_size: head.size,
        found_local: local.size,
        file: mark.unwrap_or_else(super::nothing),
        known,
    }))
}

impl Batch<'_> {
    /// What a peer said in a greeting, about our log and about its own.
    pub(crate) async fn greeted(
        &mut self,
        city: &CityId,
        said: &Greeted,
    ) -> Result<(), StoreError> {
        if plant::is(plant::Fault::AcceptFork) {
            return Ok(());
        }
        self.look_at_own(city, &said.seen).await?;
        let Some(peer) = self.directory.peers.get(city).cloned() else { return Ok(()) };
        if let Some(stated) = &said.stated {
            return self.stated(&peer, stated).await;
        }
        let seen = said.held_before;
        let epoch = epoch_of(city, &said.origin).unwrap_or(0);
        let went_back = epoch < peer.epoch || (epoch == peer.epoch && said.size < seen);
        if went_back {
            return self.hold_back(city, "behind", seen, said.size).await;
        }
        if epoch > peer.epoch {
            // The root's statement about it has to come first.
            return self.hold_back(city, "epoch", seen, said.size).await;
        }
        Ok(())
    }

    /// Whether a peer has seen more of our log than there is.
    async fn look_at_own(&mut self, city: &CityId, note: &str) -> Result<(), StoreError> {
        let Some(seen) = largest_seen(&self.directory, note) else { return Ok(()) };
        let head = self.head.clone();
        let Some(cause) = against(self.conn, &head, seen).await? else { return Ok(()) };
        let local = log::head(self.conn, log::Log::Local).await?;
        let found_local = local.map_or(0, |local| local.size);
        let mut state = self.directory.recovering.clone().unwrap_or(Recovering {
            cause,
            since_ms: self.now_ms,
            found_size: head.size,
            found_local,
            file: super::nothing(),
            known: super::nothing(),
        });
        let more = seen.0 == head.id.epoch && seen.1.0 > state.known.0;
        if self.directory.recovering.is_some() && !more {
            return Ok(());
        }
        if more {
            state.known = seen.1;
        }
        rows::enter(self.conn, &state).await?;
        let (found, shown) = (head.size, seen.1.0);
        let detail = format!(
            "该城市持有本市签署的 {shown} 条存证的日志头，本市数据库只有 {found} 条或内容不同。 It \
             holds a head of {shown} records that this city signed; the database has {found}, or \
             others."
        );
        self.alarm("own-log-went-back", city, &detail).await?;
        self.reload().await
    }

    /// From now on nothing new of a peer is taken.
    pub(crate) async fn hold_back(
        &mut self,
        city: &CityId,
        cause: &str,
        seen: u64,
        shown: u64,
    ) -> Result<(), StoreError> {
        let found = Quarantine { since_ms: self.now_ms, seen_size: seen, shown_size: shown };
        if !rows::quarantine(self.conn, city, cause, &found).await? {
            return Ok(());
        }
        let detail = format!(
            "该城市的日志只有 {shown} 条，而本市持有其签署的 {seen} 条：对方数据库是旧的备份。在对方还原\
             并声明之前，不收其新的信件，什么也不会丢。 Its log has {shown} records, but a head of \
             {seen} that it signed is held here: its database is an old copy. Nothing new of it is \
             taken until it has rebuilt its log and said so; nothing is lost."
        );
        self.alarm(WENT_BACK, city, &detail).await?;
        self.record("peer held back", city.as_str().as_bytes());
        self.reload().await
    }
}
