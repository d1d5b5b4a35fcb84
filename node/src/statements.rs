//! Signed statements about lanes and legs: given to a party that asks, and taken from one that was
//! asked.

use crate::batch::Batch;
use crate::directory::{Bond, Peer};
use crate::house::House;
use crate::lanes::{Blocks, Held, LaneAt, NOT_HELD, Range};
use crate::legs::Local;
use crate::store::{Conn, Store, StoreError, checks};
use crate::writer::Published;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest, LegId};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::tree::empty_root;
use jieli_proto::wire::{self, LaneStatement, LegStatement, StateReply, StateRequest};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ranges of one request.
pub const RANGES_MAX: usize = 64;

/// Places of lanes that are read for one request; who asks for more asks again.
pub const PLACES_A_REQUEST: u64 = 32_768;

/// How long what was read of a lane is told without reading it again.
const KEPT_MS: u64 = 60_000;

/// Gives statements to other cities. Cheap to clone.
#[derive(Clone)]
pub struct Statements {
    store: Store,
    house: House,
    kept: Arc<Mutex<BTreeMap<CityId, Arc<tokio::sync::Mutex<Kept>>>>>,
}

/// Lanes that were read for a city, and when the reading began.
type Kept = BTreeMap<(AgreementId, Lane), (u64, Blocks)>;

/// One answer for what is unknown, not the caller's, or wrongly asked.
#[derive(Debug, thiserror::Error)]
pub enum Unstated {
    /// Not yours, or not so.
    #[error("denied")]
    Denied,
    /// The store or the key failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Statements {
    /// Statements of this house.
    pub fn new(store: Store, house: House) -> Statements {
        Statements { store, house, kept: Arc::default() }
    }

    /// Answers a city that has this agreement with us.
    pub async fn answer(
        &self,
        published: &Published,
        bond: &Bond,
        ask: &StateRequest,
    ) -> Result<StateReply, Unstated> {
        if ask.leg_id.is_empty() {
            return self.of_lanes(published, bond, ask).await;
        }
        let leg = LegId::from_slice(&ask.leg_id).filter(|_| ask.ranges.is_empty());
        let mut conn = self.store.read().await?;
        let last = match leg {
            Some(leg) => last_said(&mut conn, bond.id, leg).await?,
            None => None,
        };
        let (Some(leg), Some((last_leg_seq, last_env_digest))) = (leg, last) else {
            return Err(Unstated::Denied);
        };
        let statement = LegStatement {
            leg_id: leg.to_vec(),
            side: published.directory.city.as_str().to_owned(),
            last_leg_seq,
            last_env_digest: last_env_digest.to_vec(),
            stated_unix_ms: self.house.world.clock.now_unix_ms(),
        };
        let keys = published.directory.message_keys(&bond.peer, statement.stated_unix_ms).keys;
        let sealed = self.house.keys.seal(&keys, &statement).await;
        let sealed = sealed.map_err(|_| StoreError::Corrupt("message key"))?;
        Ok(StateReply { statements: vec![sealed], again: false })
    }

    async fn of_lanes(
        &self,
        published: &Published,
        bond: &Bond,
        ask: &StateRequest,
    ) -> Result<StateReply, Unstated> {
        if ask.ranges.is_empty() || ask.ranges.len() > RANGES_MAX {
            return Err(Unstated::Denied);
        }
        let kept = {
            let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(bond.peer.clone()).or_default())
        };
        // One reading at a time for a peer, so that asking much costs no more than asking once.
        let mut kept = kept.lock().await;
        let mut conn = self.store.read().await?;
        let (mut reply, mut places_max) = (StateReply::default(), PLACES_A_REQUEST);
        for asked in &ask.ranges {
            let lane = Lane::from_number(asked.lane).ok_or(Unstated::Denied)?;
            if bond.version() == 0 && lane.kind() == Kind::Message {
                return Err(Unstated::Denied);
            }
            let at = LaneAt { agreement: bond.id, lane, size: published.exchange.size };
            let last = at.last(&mut conn).await?;
            let to = if asked.to == 0 { last } else { asked.to.min(last) };
            let range = Range { from: asked.from, to };
            let reversed = asked.to != 0 && asked.to < asked.from;
            if reversed || !range.is_cheap() {
                return Err(Unstated::Denied);
            }
            let blocks = self.blocks(&mut kept, (bond.id, lane));
            if !blocks.read_on(&mut conn, &at, to, &mut places_max).await? {
                return Ok(StateReply { statements: Vec::new(), again: true });
            }
            let held = blocks.of(&mut conn, &at, range).await?;
            let sealed = lane_statement(&self.house, published, &at, range, held).await?;
            reply.statements.push(sealed);
        }
        Ok(reply)
    }

    /// What was read of a lane not long ago, or nothing.
    fn blocks<'a>(&self, kept: &'a mut Kept, lane: (AgreementId, Lane)) -> &'a mut Blocks {
        let now_ms = self.house.world.clock.now_unix_ms();
        let (since_ms, blocks) = kept.entry(lane).or_insert_with(|| (now_ms, Blocks::default()));
        if now_ms.abs_diff(*since_ms) > KEPT_MS {
            (*since_ms, *blocks) = (now_ms, Blocks::default());
        }
        blocks
    }
}

/// Our own statement about a range.
pub async fn lane_statement(
    house: &House,
    published: &Published,
    at: &LaneAt,
    range: Range,
    held: Held,
) -> Result<wire::Envelope, StoreError> {
    let statement = LaneStatement {
        agreement_id: at.agreement.to_vec(),
        lane: u32::from(at.lane.number()),
        from: range.from,
        to: range.to,
        count: held.count,
        root: held.root.to_vec(),
        city_id: published.directory.city.as_str().to_owned(),
        stated_unix_ms: house.world.clock.now_unix_ms(),
    };
    let bond = published.directory.bonds.get(&at.agreement);
    let bond = bond.ok_or(StoreError::Corrupt("agreement"))?;
    let keys = published.directory.message_keys(&bond.peer, statement.stated_unix_ms).keys;
    let sealed = house.keys.seal(&keys, &statement).await;
    sealed.map_err(|_| StoreError::Corrupt("message key"))
}

/// A peer's statement about a range of a lane that it was asked for; `to` may be less than asked.
pub fn open_lane(
    peer: &Peer,
    at: &LaneAt,
    asked: Range,
    sealed: &wire::Envelope,
) -> Option<(Range, Held)> {
    if !peer.has_signed(sealed, Kind::LaneStatement) {
        return None;
    }
    let said: LaneStatement = envelope::payload(sealed).ok()?;
    let range = Range { from: said.from, to: said.to };
    let root = said.root.as_slice().try_into().ok()?;
    let fits = said.agreement_id == at.agreement.0
        && said.lane == u32::from(at.lane.number())
        && said.city_id == peer.city.as_str()
        && said.from == asked.from
        && (asked.to == 0 || said.to <= asked.to)
        && said.count <= range.len();
    let nothing = range.is_empty() && root != empty_root();
    let single = range.len() == 1 && (root == NOT_HELD) != (said.count == 0);
    (fits && !nothing && !single).then_some((range, Held { count: said.count, root }))
}

/// A peer's statement about a leg.
pub fn open_leg(peer: &Peer, leg: LegId, sealed: &wire::Envelope) -> Option<LegStatement> {
    if !peer.has_signed(sealed, Kind::LegStatement) {
        return None;
    }
    let said: LegStatement = envelope::payload(sealed).ok()?;
    let digest = Digest::from_slice(&said.last_env_digest)?;
    let fits = said.leg_id == leg.0 && said.side == peer.city.as_str();
    (fits && (said.last_leg_seq == 0) == digest.is_zero()).then_some(said)
}

impl Batch<'_> {
    /// Keeps a peer's statement about a leg if the peer signed it.
    pub(crate) async fn keep_leg_statement(
        &mut self,
        agreement: AgreementId,
        leg: LegId,
        sealed: &wire::Envelope,
    ) -> Result<(), StoreError> {
        let Some(bond) = self.bond(&agreement) else { return Ok(()) };
        let peer = self.directory.peers.get(&bond.peer);
        let Some(said) = peer.and_then(|peer| open_leg(peer, leg, sealed)) else {
            return self.alarm("wrong-statement", &bond.peer, "a leg").await;
        };
        let digest = envelope::env_digest(sealed);
        checks::keep_leg_statement(self.conn, leg, said.stated_unix_ms, digest, sealed).await
    }
}

/// Our last message with a place in a leg of this agreement; `None` where there is no such leg.
async fn last_said(
    conn: &mut Conn,
    agreement: AgreementId,
    leg: LegId,
) -> Result<Option<(u32, Digest)>, StoreError> {
    let sql = "SELECT our_side FROM leg WHERE leg_id = $1 AND agreement_id = $2 \
               AND local_state = $3";
    let on_the_road = Local::OnTheRoad.number().into();
    let vals = vec![leg.to_vec().into(), agreement.to_vec().into(), on_the_road];
    let Some(row) = conn.maybe(sql, vals).await? else { return Ok(None) };
    let sql = "SELECT leg_seq, env_digest FROM message WHERE leg_id = $1 AND side = $2 \
               AND leg_seq > 0 ORDER BY leg_seq DESC LIMIT 1";
    let vals = vec![leg.to_vec().into(), row.int(0)?.into()];
    Ok(Some(match conn.maybe(sql, vals).await? {
        Some(row) => (row.uint(0)? as u32, Digest(row.array(1)?)),
        None => (0, Digest::ZERO),
    }))
}

impl std::fmt::Debug for Statements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Statements")
    }
}
