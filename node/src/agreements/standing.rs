//! Which proposal of a version stands: derived from the acts that both cities hold.
//!
//! Of two proposals the later one stands, if its author had seen the earlier one; of two that
//! crossed, that of party A. A proposal stands for 30 days, by its own date and by that of the
//! counter-signature, so that both cities come to the same end without a clock between them.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::store::{Conn, StoreError};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::wire::{Act, ActType, Envelope};
use prost::Message as _;
use std::collections::BTreeMap;

/// How long a proposal waits for an answer, in milliseconds: 30 days.
pub(crate) const PROPOSAL_MS_MAX: u64 = 30 * 86_400_000;

/// An act that is held, by either side.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) side: PartySide,
    /// Its place in its author's act lane.
    pub(crate) seq: u64,
    pub(crate) digest: Digest,
    pub(crate) act: Act,
}

/// A proposal of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) side: PartySide,
    pub(crate) seq: u64,
    /// The other side's last act its author had seen; 0 if none.
    pub(crate) seen: u64,
    /// The agreement envelope.
    pub(crate) digest: Digest,
    pub(crate) version: u32,
    pub(crate) created_ms: u64,
    /// The two posts behind it.
    pub(crate) posts: Vec<String>,
    /// Whether it answers a proposal of the other side.
    pub(crate) is_counter: bool,
}

impl Proposal {
    /// Until when it may be answered, Unix milliseconds.
    pub(crate) fn until_ms(&self) -> u64 {
        self.created_ms.saturating_add(PROPOSAL_MS_MAX)
    }

    /// Whether a counter-signature of that moment counts.
    pub(crate) fn is_open_at(&self, unix_ms: u64) -> bool {
        unix_ms <= self.until_ms()
    }
}

/// The place of the act of `side` that another act names as seen; 0 if none.
pub(crate) fn seen_by(said: &[Said], side: PartySide, act_seen: &Digest) -> u64 {
    said.iter().find(|act| act.side == side && act.digest == *act_seen).map_or(0, |act| act.seq)
}

/// The proposals among acts. `kept`: digest and version of what was not refused.
pub(crate) fn proposals(said: &[Said], kept: &BTreeMap<Digest, u32>) -> Vec<Proposal> {
    let mut found = Vec::new();
    for one in said {
        let is_counter = one.act.act_type() == ActType::CounterPropose;
        if !is_counter && one.act.act_type() != ActType::Propose {
            continue;
        }
        let Some(carried) = &one.act.carried else { continue };
        let digest = envelope::env_digest(carried);
        let Some(version) = kept.get(&digest).copied() else { continue };
        let seen = Digest::from_slice(&one.act.act_seen).unwrap_or(Digest::ZERO);
        found.push(Proposal {
            side: one.side,
            seq: one.seq,
            seen: seen_by(said, one.side.other(), &seen),
            digest,
            version,
            created_ms: one.act.header.as_ref().map_or(0, |header| header.created_unix_ms),
            posts: one.act.approvers.clone(),
            is_counter,
        });
    }
    found
}

/// The proposal of a version that stands, of those at or before these places of A and B.
pub(crate) fn standing(all: &[Proposal], version: u32, past: [u64; 2]) -> Option<&Proposal> {
    let last = |side: PartySide| {
        all.iter()
            .filter(|p| p.version == version && p.side == side && p.seq <= past[side as usize])
            .max_by_key(|p| p.seq)
    };
    match (last(PartySide::A), last(PartySide::B)) {
        (Some(a), Some(b)) => Some(if b.seen >= a.seq { b } else { a }),
        (one, other) => one.or(other),
    }
}

/// The acts of an agreement in the store, by side and place.
pub(crate) async fn stored(conn: &mut Conn, id: AgreementId) -> Result<Vec<Said>, StoreError> {
    let rows = conn
        .rows(
            "SELECT lane, lane_seq, envelope FROM envelope WHERE agreement_id = $1 \
             AND lane IN (4, 5) ORDER BY lane, lane_seq",
            vec![id.to_vec().into()],
        )
        .await?;
    let mut said = Vec::new();
    for row in rows {
        let lane = Lane::from_number(row.int(0)? as u32).ok_or(StoreError::Corrupt("a lane"))?;
        let sealed = Envelope::decode(row.bytes(2)?.as_slice())
            .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
        said.extend(read(lane, row.uint(1)?, &sealed));
    }
    Ok(said)
}

/// Digest and version of the agreement texts that are held.
pub(crate) async fn kept(
    conn: &mut Conn,
    id: AgreementId,
) -> Result<BTreeMap<Digest, u32>, StoreError> {
    let sql = "SELECT env_digest, version FROM agreement_version WHERE agreement_id = $1";
    let rows = conn.rows(sql, vec![id.to_vec().into()]).await?;
    rows.iter().map(|row| Ok((Digest(row.array(0)?), row.int(1)? as u32))).collect()
}

/// What cannot be decoded keeps its place and says nothing.
fn read(lane: Lane, seq: u64, sealed: &Envelope) -> Option<Said> {
    let act: Act = envelope::payload(sealed).ok()?;
    Some(Said { side: lane.side(), seq, digest: envelope::env_digest(sealed), act })
}

impl Batch<'_> {
    /// The acts of an agreement, with what this batch has added.
    pub(crate) async fn said(&mut self, bond: &Bond) -> Result<Vec<Said>, StoreError> {
        let mut said = stored(self.conn, bond.id).await?;
        for side in [PartySide::A, PartySide::B] {
            let lane = Lane::acts(side);
            let added = self.logged.range((bond.id, lane, 0)..=(bond.id, lane, u64::MAX));
            let added = added.filter_map(|((_, lane, seq), sealed)| read(*lane, *seq, sealed));
            said.extend(added.collect::<Vec<_>>());
        }
        Ok(said)
    }

    /// The proposal of a version that stands now.
    pub(crate) async fn proposal_standing(
        &mut self,
        bond: &Bond,
        version: u32,
    ) -> Result<Option<Proposal>, StoreError> {
        self.standing_at(bond, version, [u64::MAX; 2]).await
    }

    /// The one that stood for whoever had seen no more than this.
    pub(crate) async fn standing_at(
        &mut self,
        bond: &Bond,
        version: u32,
        past: [u64; 2],
    ) -> Result<Option<Proposal>, StoreError> {
        let said = self.said(bond).await?;
        let kept = kept(self.conn, bond.id).await?;
        Ok(standing(&proposals(&said, &kept), version, past).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(side: PartySide, seq: u64, seen: u64) -> Proposal {
        Proposal {
            side,
            seq,
            seen,
            digest: Digest::of(&[&[side as u8], &seq.to_be_bytes()]),
            version: 1,
            created_ms: 1_000,
            posts: Vec::new(),
            is_counter: seen > 0,
        }
    }

    #[test]
    fn the_later_one_stands_and_of_two_that_crossed_that_of_a() {
        let (a, b) = (PartySide::A, PartySide::B);
        let (first, counter) = (proposal(a, 1, 0), proposal(b, 1, 1));
        let again = proposal(a, 2, 0);
        let all = [first.clone(), counter.clone(), again.clone()];
        assert_eq!(standing(&all[..1], 1, [9, 9]), Some(&first));
        assert_eq!(standing(&all[..2], 1, [9, 9]), Some(&counter));
        // A's second one had not seen the counter-proposal, nor that the second one.
        assert_eq!(standing(&all, 1, [9, 9]), Some(&again));
        // Who had seen less judges by less.
        assert_eq!(standing(&all, 1, [1, 0]), Some(&first));
        assert_eq!(standing(&all, 1, [1, 1]), Some(&counter));
        assert_eq!(standing(&all, 2, [9, 9]), None);
        // B answers the second one too.
        let last = proposal(b, 2, 2);
        assert_eq!(standing(&[again, counter, last.clone()], 1, [9, 9]), Some(&last));
    }

    #[test]
    fn a_proposal_stands_for_thirty_days() {
        let one = proposal(PartySide::A, 1, 0);
        assert!(one.is_open_at(0) && one.is_open_at(1_000 + PROPOSAL_MS_MAX));
        assert!(!one.is_open_at(1_001 + PROPOSAL_MS_MAX));
    }
}
