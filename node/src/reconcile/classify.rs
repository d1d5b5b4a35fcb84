//! What it means that a place differs.

use super::compare::{Place, Theirs};
use super::{Failed, Reconcile};
use crate::batch::leaf_of;
use crate::lanes::{LaneAt, header_of};
use crate::store::{StoreError, log};
use crate::witness::open_head;
use jieli_proto::envelope;
use jieli_proto::kinds::Kind;
use jieli_proto::leaf::Leaf;
use jieli_proto::tree::{self, Hash, leaf_hash};
use jieli_proto::wire::{self, Difference, Envelope};
use prost::Message as _;
use std::collections::BTreeSet;

/// A receipt that has been on its way for longer than this is lost.
const ON_ITS_WAY_MS: u64 = 600_000;

/// Leaves looked through for one that belongs to a place.
const LEAVES_MAX: u64 = 65_536;

/// Leaves read at once.
const LEAVES_AT_ONCE: u64 = 1024;

/// What a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Sent by one side, not yet at the other.
    InFlight,
    /// A receipt that its author holds and the other side does not.
    LostReceipt,
    /// The other city holds it; our log does not.
    NotLoggedHere,
    /// We hold it; the other city's log does not.
    NotLoggedThere,
    /// Two signed envelopes for one place.
    Forked,
    /// Our log has its leaf; the envelope is gone.
    ErasedHere,
    /// The other city's log has its leaf; its envelope is gone.
    ErasedThere,
    /// Our stored bytes are not what our log holds.
    DamagedHere,
    /// The other city's bytes are not what was signed.
    DamagedThere,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 9] = [
        Class::InFlight,
        Class::LostReceipt,
        Class::NotLoggedHere,
        Class::NotLoggedThere,
        Class::Forked,
        Class::ErasedHere,
        Class::ErasedThere,
        Class::DamagedHere,
        Class::DamagedThere,
    ];

    /// Its word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Class::InFlight => "in-flight",
            Class::LostReceipt => "lost-receipt",
            Class::NotLoggedHere => "not-logged-here",
            Class::NotLoggedThere => "not-logged-there",
            Class::Forked => "forked",
            Class::ErasedHere => "erased-here",
            Class::ErasedThere => "erased-there",
            Class::DamagedHere => "damaged-here",
            Class::DamagedThere => "damaged-there",
        }
    }

    /// What it is and what to do, Chinese and English.
    pub fn says(self) -> [&'static str; 2] {
        match self {
            Class::InFlight => ["正在路上，系统会自动送达", "on its way: it will arrive by itself"],
            Class::LostReceipt => [
                "回执只在一方，另一方没有收到；消息本身双方都有。请稍后再对账，仍如此则电话联系",
                "a receipt that only one side holds: compare again later, then telephone",
            ],
            Class::NotLoggedHere => [
                "对方有，本市日志没有：本市数据库可能是旧备份，请停用新业务并修复",
                "the other city holds it and our log does not: this database may be an old copy; repair it",
            ],
            Class::NotLoggedThere => [
                "本市有，对方日志没有：请电话联系对方运行人员",
                "we hold it and the other city's log does not: telephone its operators",
            ],
            Class::Forked => [
                "同一位置有两份签名不同的内容，双方证据已保存：请上报",
                "two signed envelopes for one place; both are kept as evidence: report it",
            ],
            Class::ErasedHere => [
                "本市日志里有它的存证叶，正文已不在本市",
                "our log has its leaf; the envelope is no longer here",
            ],
            Class::ErasedThere => [
                "对方日志里有它的存证叶，正文已不在对方",
                "the other city's log has its leaf; the envelope is no longer there",
            ],
            Class::DamagedHere => [
                "本市存储的内容与本市日志不符：请运行 jieli self-audit",
                "our stored bytes are not what our log holds: run jieli self-audit",
            ],
            Class::DamagedThere => [
                "对方存储的内容与其签名不符：请对方运行自查",
                "the other city's stored bytes are not what was signed: it should audit itself",
            ],
        }
    }
}

impl Reconcile<'_> {
    /// Names the places.
    pub(super) async fn classify(
        &mut self,
        at: &LaneAt,
        places: Vec<Place>,
    ) -> Result<Vec<Difference>, Failed> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let waiting = self.waiting(at).await?;
        let mut named = Vec::new();
        for place in places {
            let stored = match place.ours {
                Some(_) => self.stored(at, place.seq).await?,
                None => None,
            };
            let (class, theirs) = match (place.ours, place.theirs) {
                (Some(hash), None) => {
                    (self.only_ours(at, place.seq, hash, &stored, &waiting).await?, None)
                }
                (None, Some(theirs)) => self.only_theirs(at, place.seq, theirs).await?,
                (Some(_), Some(theirs)) => self.both(at, place.seq, &stored, theirs).await?,
                (None, None) => continue,
            };
            let name = |sealed: &Envelope| envelope::env_digest(sealed).hex();
            let [zh, en] = class.says();
            named.push(Difference {
                lane: u32::from(at.lane.number()),
                lane_seq: place.seq,
                class: class.word().to_owned(),
                ours: stored.as_ref().map(|(sealed, _)| name(sealed)).unwrap_or_default(),
                theirs: theirs.as_ref().map(name).unwrap_or_default(),
                zh: zh.to_owned(),
                en: en.to_owned(),
            });
        }
        Ok(named)
    }

    /// Own letters of the lane that wait for an answer.
    async fn waiting(&mut self, at: &LaneAt) -> Result<BTreeSet<u64>, StoreError> {
        let sql = "SELECT lane_seq FROM outbox WHERE agreement_id = $1 AND lane = $2";
        let vals = vec![at.agreement.to_vec().into(), at.lane.number().into()];
        self.conn.rows(sql, vals).await?.iter().map(|row| row.uint(0)).collect()
    }

    async fn stored(
        &mut self,
        at: &LaneAt,
        seq: u64,
    ) -> Result<Option<(Envelope, u64)>, StoreError> {
        let sql = "SELECT envelope, leaf_idx FROM envelope \
                   WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3";
        let vals = vec![at.agreement.to_vec().into(), at.lane.number().into(), seq.into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(None) };
        let sealed = Envelope::decode(row.bytes(0)?.as_slice()).ok();
        Ok(sealed.map(|sealed| (sealed, row.uint(1).unwrap_or(u64::MAX))))
    }

    async fn only_ours(
        &mut self,
        at: &LaneAt,
        seq: u64,
        hash: Hash,
        stored: &Option<(Envelope, u64)>,
        waiting: &BTreeSet<u64>,
    ) -> Result<Class, Failed> {
        if at.lane.side() == self.bond.our_side {
            if waiting.contains(&seq) {
                return Ok(Class::InFlight);
            }
            if at.lane.kind() == Kind::Receipt {
                return Ok(Class::LostReceipt);
            }
        }
        let logged = match stored {
            Some((sealed, _)) => self.is_in_their_log(sealed, &hash).await?,
            None => false,
        };
        Ok(if logged { Class::ErasedThere } else { Class::NotLoggedThere })
    }

    /// Whether the other city proves that its log holds the leaf of what it no longer shows.
    async fn is_in_their_log(
        &mut self,
        sealed: &Envelope,
        hash: &Hash,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT origin, log_index FROM peer_proof WHERE env_digest = $1";
        let digest = envelope::env_digest(sealed).to_vec();
        let Some(row) = self.conn.maybe(sql, vec![digest.into()]).await? else { return Ok(false) };
        let (origin, index) = (row.text(0)?, row.uint(1)?);
        let what = Some(wire::prove_request::What::LeafIndex(index));
        self.requests += 1;
        let ask = wire::ProveRequest { what };
        let Ok(reply) = self.house.world.post.prove(&self.peer.city, ask).await else {
            return Ok(false);
        };
        let head = open_head(&self.peer, &reply.checkpoint).filter(|head| head.origin() == origin);
        let path: Option<Vec<Hash>> =
            reply.hashes.iter().map(|hash| hash.as_slice().try_into().ok()).collect();
        Ok(head.zip(path).is_some_and(|(head, path)| {
            tree::verify_inclusion(hash, index, head.size(), &path, head.root()).is_ok()
        }))
    }

    async fn only_theirs(
        &mut self,
        at: &LaneAt,
        seq: u64,
        theirs: Theirs,
    ) -> Result<(Class, Option<Envelope>), Failed> {
        let given = self.fetched(at, seq).await;
        if self.is_in_our_log(at, seq).await? {
            return Ok((Class::ErasedHere, given));
        }
        let is_beyond = matches!(theirs, Theirs::Beyond);
        let is_theirs = at.lane.side() != self.bond.our_side;
        let is_receipt = at.lane.kind() == Kind::Receipt;
        let class = match (is_theirs, is_beyond) {
            (true, true) if is_receipt && self.is_late(at, given.as_ref()) => Class::LostReceipt,
            (true, true) => Class::InFlight,
            (true, false) if is_receipt => Class::LostReceipt,
            (true | false, _) => Class::NotLoggedHere,
        };
        Ok((class, given))
    }

    /// Whether a receipt should have arrived long ago, by its author's clock.
    fn is_late(&self, at: &LaneAt, given: Option<&Envelope>) -> bool {
        let now_ms = self.house.world.clock.now_unix_ms();
        let header = given.and_then(|given| header_of(at.lane, given));
        header.is_some_and(|made| now_ms.saturating_sub(made.created_unix_ms) > ON_ITS_WAY_MS)
    }

    /// The leaf of a place stands between those of its neighbours in the lane.
    async fn is_in_our_log(&mut self, at: &LaneAt, seq: u64) -> Result<bool, StoreError> {
        let vals = || vec![at.agreement.to_vec().into(), at.lane.number().into(), seq.into()];
        let before = "SELECT leaf_idx FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                      AND lane_seq < $3 ORDER BY lane_seq DESC LIMIT 1";
        let after = "SELECT leaf_idx FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                     AND lane_seq > $3 ORDER BY lane_seq LIMIT 1";
        let from = self.conn.maybe(before, vals()).await?.map(|row| row.uint(0)).transpose()?;
        let to = self.conn.maybe(after, vals()).await?.map(|row| row.uint(0)).transpose()?;
        let id = self.published.exchange.id;
        let mut from = from.map_or(0, |index| index + 1);
        let end = to.unwrap_or(at.size).min(from.saturating_add(LEAVES_MAX));
        while from < end {
            let next = end.min(from + LEAVES_AT_ONCE);
            for row in log::leaves(&mut self.conn, id, from, next).await? {
                let place = Leaf::from_bytes(&row.data)
                    .map(|leaf| (leaf.agreement_id, leaf.lane, leaf.lane_seq));
                if place == Ok((at.agreement.0, at.lane.number(), seq)) {
                    return Ok(true);
                }
            }
            from = next;
        }
        Ok(false)
    }

    async fn both(
        &mut self,
        at: &LaneAt,
        seq: u64,
        stored: &Option<(Envelope, u64)>,
        theirs: Theirs,
    ) -> Result<(Class, Option<Envelope>), Failed> {
        let given = self.fetched(at, seq).await;
        let ours_hold = match stored {
            Some((sealed, index)) => self.holds(at, seq, sealed, *index).await?,
            None => false,
        };
        if !ours_hold {
            return Ok((Class::DamagedHere, given));
        }
        let stated = match theirs {
            Theirs::Stated(hash) => Some(hash),
            Theirs::Beyond => None,
        };
        let leaf = given.as_ref().and_then(|given| leaf_of(at.agreement, at.lane, seq, given).ok());
        let is_as_stated = leaf.map(|leaf| leaf_hash(&leaf)) == stated;
        let Some(given) = given.filter(|given| is_as_stated && self.is_signed(at, given)) else {
            return Ok((Class::DamagedThere, None));
        };
        self.forks.push((at.lane, seq, given.clone()));
        Ok((Class::Forked, Some(given)))
    }

    /// Whether a stored envelope is signed, and is what its leaf says.
    async fn holds(
        &mut self,
        at: &LaneAt,
        seq: u64,
        sealed: &Envelope,
        index: u64,
    ) -> Result<bool, StoreError> {
        let leaf = log::leaf(&mut self.conn, self.published.exchange.id, index).await?;
        let bytes = leaf_of(at.agreement, at.lane, seq, sealed)?;
        Ok(self.is_signed(at, sealed) && leaf.is_some_and(|leaf| leaf.data == bytes))
    }

    /// Whether the lane's author signed an envelope, with a key of any manifest.
    fn is_signed(&self, at: &LaneAt, sealed: &Envelope) -> bool {
        let kind = at.lane.kind();
        let key = if at.lane.side() == self.bond.our_side {
            let Ok(fpr) = envelope::key_fpr(sealed) else { return false };
            let own = self.published.directory.own.values().rev();
            own.filter_map(|manifest| manifest.key(&fpr, kind.role())).map(|key| key.public).next()
        } else {
            self.peer.key_for(sealed, kind).map(|(key, _)| key)
        };
        key.is_some_and(|key| envelope::verify(sealed, &key).is_ok())
    }

    /// The other city's envelope of a place, as it gives it.
    async fn fetched(&mut self, at: &LaneAt, seq: u64) -> Option<Envelope> {
        self.requests += 1;
        let ask = wire::FetchRequest {
            agreement_id: at.agreement.to_vec(),
            lane: u32::from(at.lane.number()),
            from_seq: seq,
            most: 1,
            pack: Vec::new(),
        };
        let replies = self.house.world.post.fetch(&self.peer.city, ask).await.ok()?;
        replies.into_iter().find(|reply| reply.lane_seq == seq)?.envelope
    }
}
