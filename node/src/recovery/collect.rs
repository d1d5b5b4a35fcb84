//! What peers hold of this city's log: hashes in their order from the mirrors, envelopes from
//! `Fetch`. Together they must lead to the root that this city signed, or nothing is rebuilt.

use super::{Answers, Recovering, SizedRoot};
use crate::batch::leaf_of;
use crate::directory::Directory;
use crate::letters::FETCH_MAX;
use crate::recovery::largest_seen;
use crate::store::log::Edge;
use crate::store::{Conn, StoreError};
use crate::world::Post;
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::leaf::{LEAF_LEN, Leaf};
use jieli_proto::tree::{Frontier, Hash, TILE_WIDTH, leaf_hash};
use jieli_proto::wire::{self, Envelope, FetchReply, GreetReply};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Orders of the last leaves, which no mirror has yet, that are tried.
const TRIES_MAX: u32 = 200_000;

/// An envelope of a lane that a peer gave back.
#[derive(Clone, Debug)]
pub struct Found {
    /// The peer.
    pub peer: CityId,
    /// The agreement.
    pub agreement: AgreementId,
    /// The lane.
    pub lane: Lane,
    /// Its place.
    pub lane_seq: u64,
    /// The envelope.
    pub sealed: Envelope,
    /// The consents it cites.
    pub consents: Vec<Envelope>,
    /// In receipt lanes: items with their paths, and what proves them in the peer's log.
    pub proof: Option<wire::ReceiptProof>,
    /// Its leaf, the same in both logs.
    pub leaf: [u8; LEAF_LEN],
    /// Its index in the peer's log.
    pub their_index: u64,
    /// Whether it is in a lane of ours.
    pub is_ours: bool,
}

/// Why the log cannot be rebuilt from what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No peer that was reached has a mirror that leads to a head this city signed.
    #[error("no mirror leads to the head of {0} records")]
    Mirror(u64),
    /// The database has other leaves than the mirrors.
    #[error("the database is not the beginning of the log that the peers hold")]
    NotABeginning,
    /// Nobody gave this leaf.
    #[error("record {0} of the log was not given by any peer that was reached")]
    Leaf(u64),
    /// Nobody gave what this city answered to the letter of this leaf.
    #[error(
        "what was answered to record {0} of the log was not given by any peer that was reached"
    )]
    Answer(u64),
    /// The last leaves cannot be put into the order that was signed.
    #[error("the last records, from {0} on, cannot be put into the order that was signed")]
    Tail(u64),
}

/// Everything in its order, from the head found up to a head that was signed.
#[derive(Clone, Debug, Default)]
pub(super) struct Ordered {
    /// The leaves to be put back.
    pub(super) leaves: Vec<Found>,
    /// What peers hold beyond: not logged here before, or not in this epoch.
    pub(super) rest: Vec<Found>,
    /// Why the order ends before the head that is known to have been signed.
    pub(super) missing: Option<Missing>,
    /// Who gave it.
    pub(super) sources: Vec<CityId>,
}

impl Ordered {
    /// Ends the order before the first letter of which nobody can tell how it was answered, as where
    /// the other city went back too: that city still has the letter, and sends it again.
    pub(super) fn end_before_unanswered(&mut self, answers: &Answers, found: u64) {
        let Some(at) = self.leaves.iter().position(|one| !one.is_answered(answers)) else { return };
        self.rest.extend(self.leaves.split_off(at));
        self.missing = Some(Missing::Answer(found + at as u64));
    }
}

impl Found {
    /// Whether it is a letter that asks for no answer, or one whose answer is known.
    pub(super) fn is_answered(&self, answers: &Answers) -> bool {
        let place = (self.agreement, self.lane, self.lane_seq);
        self.is_ours || self.lane.kind() == Kind::Receipt || answers.contains_key(&place)
    }
}

/// What a peer said when it was greeted.
pub(super) type Said = Vec<(CityId, GreetReply)>;

/// Collects and orders all that is missing.
pub(super) async fn collect(
    conn: &mut Conn,
    post: &Arc<dyn Post>,
    directory: &Directory,
    state: &Recovering,
    edge: &Edge,
    said: &Said,
) -> Result<Ordered, StoreError> {
    let mut pool = fetched(conn, post, directory, said).await?;
    let mut ordered = Ordered::default();
    let mirrored = mirror(post, directory, edge, said).await;
    let mut frontier = edge.frontier().clone();
    match mirrored {
        Err(missing) => ordered.missing = Some(missing),
        Ok(None) => {}
        Ok(Some((city, hashes))) => {
            ordered.sources.push(city);
            for hash in hashes {
                let Some(found) = pool.remove(&hash) else {
                    ordered.missing = Some(Missing::Leaf(frontier.size()));
                    break;
                };
                frontier.append(hash)?;
                ordered.leaves.push(found);
            }
        }
    }
    if ordered.missing.is_none() && state.known.0 > frontier.size() {
        match tail(&frontier, &pool, state.known) {
            Some(hashes) => ordered.leaves.extend(hashes.iter().filter_map(|h| pool.remove(h))),
            None => ordered.missing = Some(Missing::Tail(frontier.size())),
        }
    }
    ordered.rest = pool.into_values().collect();
    for city in ordered.leaves.iter().map(|found| &found.peer) {
        if !ordered.sources.contains(city) {
            ordered.sources.push(city.clone());
        }
    }
    Ok(ordered)
}

/// All that the peers hold of every lane beyond what is here, by the hash of its leaf.
async fn fetched(
    conn: &mut Conn,
    post: &Arc<dyn Post>,
    directory: &Directory,
    said: &Said,
) -> Result<BTreeMap<Hash, Found>, StoreError> {
    let mut pool = BTreeMap::new();
    for (city, reply) in said {
        let known = directory.bonds.values().filter(|bond| bond.peer == *city).map(|bond| bond.id);
        let mut ids: Vec<AgreementId> = known.collect();
        ids.extend(reply.agreements.iter().filter_map(|id| AgreementId::from_slice(id)));
        ids.sort();
        ids.dedup();
        for id in ids {
            for lane in (0..6).filter_map(Lane::from_number) {
                let side = PartySide::of(directory.city.as_str(), city.as_str());
                for found in lane_of(conn, post, city, id, lane).await? {
                    let found = Found { is_ours: lane.side() == side, ..found };
                    pool.insert(leaf_hash(&found.leaf), found);
                }
            }
        }
    }
    Ok(pool)
}

/// A lane from the first place that is not here. A peer that does not give it gives nothing: what
/// is missing then is found by its hash.
async fn lane_of(
    conn: &mut Conn,
    post: &Arc<dyn Post>,
    city: &CityId,
    agreement: AgreementId,
    lane: Lane,
) -> Result<Vec<Found>, StoreError> {
    let row = conn
        .maybe(
            "SELECT last_seq FROM lane WHERE agreement_id = $1 AND lane = $2",
            vec![agreement.to_vec().into(), lane.number().into()],
        )
        .await?;
    let mut from_seq = row.map_or(Ok(0), |row| row.uint(0))? + 1;
    let mut all = Vec::new();
    loop {
        let ask = wire::FetchRequest {
            agreement_id: agreement.to_vec(),
            lane: u32::from(lane.number()),
            from_seq,
            most: FETCH_MAX as u32,
            pack: Vec::new(),
        };
        let replies = match post.fetch(city, ask).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::debug!(peer = %city, %error, lane = lane.number(), "not given");
                return Ok(all);
            }
        };
        let got = replies.len() as u64;
        for reply in replies {
            // Somebody else's places would not be found by their hash either.
            if reply.lane_seq != from_seq {
                return Ok(all);
            }
            from_seq += 1;
            match found(city, agreement, lane, reply) {
                Some(found) => all.push(found),
                None => return Ok(all),
            }
        }
        if got < FETCH_MAX {
            return Ok(all);
        }
    }
}

fn found(city: &CityId, agreement: AgreementId, lane: Lane, reply: FetchReply) -> Option<Found> {
    let sealed = reply.envelope?;
    let proof = reply.proof.map(|proof| match proof.checkpoint.is_empty() {
        true => proof,
        false => wire::ReceiptProof { checkpoint: reply.checkpoint, ..proof },
    });
    Some(Found {
        peer: city.clone(),
        agreement,
        lane,
        lane_seq: reply.lane_seq,
        leaf: leaf_of(agreement, lane, reply.lane_seq, &sealed).ok()?,
        sealed,
        consents: reply.consents,
        proof,
        their_index: reply.log_index,
        is_ours: false,
    })
}

/// The hashes of the leaves behind the head found, from the peer that has mirrored most, checked
/// against a head that this city signed. `None` where nobody has mirrored more than there is.
async fn mirror(
    post: &Arc<dyn Post>,
    directory: &Directory,
    edge: &Edge,
    said: &Said,
) -> Result<Option<(CityId, Vec<Hash>)>, Missing> {
    let head = edge.head(0);
    let origin = directory.city.exchange_origin(head.id.epoch);
    let mut held: Vec<(SizedRoot, &CityId)> = Vec::new();
    for (city, _) in said {
        let ask = wire::CheckpointRequest { origin: origin.clone() };
        let Ok(reply) = post.checkpoint(city, ask).await else { continue };
        let mirrored = largest_seen(directory, &reply.mirrored);
        let more = mirrored.filter(|(at, (size, _))| *at == head.id.epoch && *size > head.size);
        held.extend(more.map(|(_, mirrored)| (mirrored, city)));
    }
    held.sort();
    let Some(((largest, _), _)) = held.last() else { return Ok(None) };
    let mut missing = Missing::Mirror(*largest);
    while let Some((target, city)) = held.pop() {
        let Some(hashes) = tiles(post, city, &origin, head.size, target.0).await else { continue };
        let mut frontier: Frontier = edge.frontier().clone();
        let grown = hashes.iter().try_for_each(|hash| frontier.append(*hash).map(drop));
        if grown.is_ok() && frontier.root() == target.1 {
            return Ok(Some((city.clone(), hashes)));
        }
        missing = Missing::NotABeginning;
    }
    Err(missing)
}

/// The leaf hashes `from..to` of our log out of a peer's mirror.
async fn tiles(
    post: &Arc<dyn Post>,
    city: &CityId,
    origin: &str,
    from: u64,
    to: u64,
) -> Option<Vec<Hash>> {
    let mut all = Vec::new();
    for index in from / TILE_WIDTH..=(to - 1) / TILE_WIDTH {
        let ask = wire::TilesRequest { level: 0, index, origin: origin.to_owned() };
        let reply = post.tiles(city, ask).await.ok()?;
        let first = index * TILE_WIDTH;
        for (at, hash) in (first..).zip(reply.hashes.chunks(32)) {
            if (from..to).contains(&at) {
                all.push(hash.try_into().ok()?);
            }
        }
    }
    (all.len() as u64 == to - from).then_some(all)
}

/// Puts the last leaves, which no mirror has yet, into the order that leads to a root we signed.
/// Lanes keep their order; how they interleave is found by trying.
fn tail(frontier: &Frontier, pool: &BTreeMap<Hash, Found>, known: SizedRoot) -> Option<Vec<Hash>> {
    let mut lanes: BTreeMap<(AgreementId, Lane), Vec<(u64, Hash)>> = BTreeMap::new();
    for (hash, found) in pool {
        let lane = lanes.entry((found.agreement, found.lane)).or_default();
        lane.push((found.lane_seq, *hash));
    }
    let mut queues: Vec<VecDeque<Hash>> = Vec::new();
    for mut lane in lanes.into_values() {
        lane.sort();
        queues.push(lane.into_iter().map(|(_, hash)| hash).collect());
    }
    let mut tries = TRIES_MAX;
    let mut order = Vec::new();
    try_orders(frontier, &mut queues, known, &mut order, &mut tries).then_some(order)
}

fn try_orders(
    frontier: &Frontier,
    queues: &mut [VecDeque<Hash>],
    known: SizedRoot,
    order: &mut Vec<Hash>,
    tries: &mut u32,
) -> bool {
    if frontier.size() == known.0 {
        return frontier.root() == known.1;
    }
    for at in 0..queues.len() {
        if *tries == 0 {
            return false;
        }
        let Some(hash) = queues[at].pop_front() else { continue };
        *tries -= 1;
        let mut longer = frontier.clone();
        order.push(hash);
        if longer.append(hash).is_ok() && try_orders(&longer, queues, known, order, tries) {
            return true;
        }
        order.pop();
        queues[at].push_front(hash);
    }
    false
}

/// The leaf as the two logs hold it.
pub(super) fn leaf(found: &Found) -> Result<Leaf, StoreError> {
    Leaf::from_bytes(&found.leaf).map_err(|_| StoreError::Corrupt("a leaf"))
}
