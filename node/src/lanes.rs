//! What a lane holds, as hashes: read from the stored bytes, never from what was derived of them,
//! so that a row that was changed or lost shows.
//!
//! A lane is kept as one hash for each block of 256 places, 32 bytes for 256 messages; whatever is
//! smaller than a block is read again. Roots are those of RFC 6962 over the leaf hashes in lane
//! order, with 32 zero bytes for a place that is not held, so that one lost row moves nothing else.

use crate::batch::leaf_of;
use crate::store::{Conn, StoreError};
use jieli_proto::envelope;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::tree::{self, Hash, leaf_hash};
use jieli_proto::wire::{Act, Envelope, Header, Message, Receipt};
use prost::Message as _;

/// Places of a block.
pub const BLOCK: u64 = 256;

/// Stands for a place that is not held.
pub const NOT_HELD: Hash = [0; 32];

/// Rows read at once.
const ROWS_AT_ONCE: u64 = 2 * BLOCK;

/// A lane of an agreement, as far as a signed head covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneAt {
    /// The agreement.
    pub agreement: AgreementId,
    /// The lane.
    pub lane: Lane,
    /// Size of the exchange log that counts: what lies beyond is not signed yet.
    pub size: u64,
}

/// Places of a lane, both ends inclusive, from 1. Empty where `to` is before `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl Range {
    /// How many places.
    pub fn len(self) -> u64 {
        self.to.saturating_add(1).saturating_sub(self.from)
    }

    /// Whether it holds no place.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether its root can be told without reading a long lane: it begins with a block, or is no
    /// longer than one.
    pub fn is_cheap(self) -> bool {
        self.from > 0 && (self.len() <= BLOCK || (self.from - 1).is_multiple_of(BLOCK))
    }
}

/// What a city holds of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Places held.
    pub count: u64,
    /// The root over all places of the range.
    pub root: Hash,
}

impl LaneAt {
    /// The last place held, 0 if none.
    pub async fn last(&self, conn: &mut Conn) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(COALESCE(MAX(lane_seq), 0) AS BIGINT) FROM envelope \
                   WHERE agreement_id = $1 AND lane = $2 AND (leaf_idx < $3 OR leaf_epoch < \
                   (SELECT epoch FROM log_head WHERE log = 'exchange'))";
        let id = self.agreement.to_vec().into();
        let vals = vec![id, self.lane.number().into(), self.size.into()];
        conn.one(sql, vals).await?.uint(0)
    }

    /// The leaf hash of every place of a range, from the stored envelopes.
    pub async fn hashes(&self, conn: &mut Conn, range: Range) -> Result<Vec<Hash>, StoreError> {
        let sql = "SELECT lane_seq, envelope FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                   AND lane_seq >= $3 AND lane_seq <= $4 AND (leaf_idx < $5 OR leaf_epoch < \
                   (SELECT epoch FROM log_head WHERE log = 'exchange')) ORDER BY lane_seq";
        let vals = vec![
            self.agreement.to_vec().into(),
            self.lane.number().into(),
            range.from.into(),
            range.to.into(),
            self.size.into(),
        ];
        let mut hashes = vec![NOT_HELD; range.len() as usize];
        for row in conn.rows(sql, vals).await? {
            let seq = row.uint(0)?;
            // Bytes that are no envelope any more are not held.
            let sealed = Envelope::decode(row.bytes(1)?.as_slice()).ok();
            let leaf =
                sealed.and_then(|sealed| leaf_of(self.agreement, self.lane, seq, &sealed).ok());
            let place = hashes.get_mut(seq.saturating_sub(range.from) as usize);
            if let (Some(leaf), Some(place)) = (leaf, place) {
                *place = leaf_hash(&leaf);
            }
        }
        Ok(hashes)
    }
}

/// The header of a payload of a lane, if it can be read.
pub fn header_of(lane: Lane, sealed: &Envelope) -> Option<Header> {
    if lane.kind() == Kind::Message {
        envelope::payload::<Message>(sealed).ok()?.header
    } else if lane.kind() == Kind::Receipt {
        envelope::payload::<Receipt>(sealed).ok()?.header
    } else {
        envelope::payload::<Act>(sealed).ok()?.header
    }
}

fn held(hashes: &[Hash]) -> Held {
    let count = hashes.iter().filter(|hash| **hash != NOT_HELD).count() as u64;
    Held { count, root: tree::root(hashes) }
}

/// The whole blocks of a lane from its beginning.
#[derive(Clone, Debug, Default)]
pub struct Blocks(Vec<Held>);

impl Blocks {
    /// Reads on, up to the last whole block that ends at `to` or before it, but no more than about
    /// `places_max` places. Whether it got there.
    pub async fn read_on(
        &mut self,
        conn: &mut Conn,
        at: &LaneAt,
        to: u64,
        places_max: &mut u64,
    ) -> Result<bool, StoreError> {
        let end = to / BLOCK * BLOCK;
        loop {
            let done = self.0.len() as u64 * BLOCK;
            if done >= end {
                return Ok(true);
            }
            if *places_max == 0 {
                return Ok(false);
            }
            let range = Range { from: done + 1, to: end.min(done + ROWS_AT_ONCE) };
            let hashes = at.hashes(conn, range).await?;
            self.0.extend(hashes.chunks(BLOCK as usize).map(held));
            *places_max = places_max.saturating_sub(range.len());
        }
    }

    /// What is held of a range that is cheap and whose whole blocks were read.
    pub async fn of(&self, conn: &mut Conn, at: &LaneAt, range: Range) -> Result<Held, StoreError> {
        if range.len() < BLOCK || !(range.from - 1).is_multiple_of(BLOCK) {
            return Ok(held(&at.hashes(conn, range).await?));
        }
        let (first, end) = ((range.from - 1) / BLOCK, range.to / BLOCK);
        let whole = self.0.get(first as usize..end as usize);
        let mut parts = whole.ok_or(StoreError::Corrupt("a block was not read"))?.to_vec();
        let rest = Range { from: end * BLOCK + 1, to: range.to };
        if !rest.is_empty() {
            parts.push(held(&at.hashes(conn, rest).await?));
        }
        // A tree over whole blocks and a rest is the tree over their leaves: RFC 6962 divides at
        // powers of two.
        let roots: Vec<Hash> = parts.iter().map(|part| part.root).collect();
        Ok(Held { count: parts.iter().map(|part| part.count).sum(), root: tree::root(&roots) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_a_rest_make_the_tree_over_their_leaves() {
        let leaf = |n: u64| tree::leaf_hash(&n.to_be_bytes());
        for len in [1_u64, 255, 256, 257, 511, 512, 513, 1024, 1025, 4000] {
            let leaves: Vec<Hash> = (0..len).map(leaf).collect();
            let roots: Vec<Hash> = leaves.chunks(BLOCK as usize).map(tree::root).collect();
            assert_eq!(tree::root(&roots), tree::root(&leaves), "{len}");
        }
    }

    #[test]
    fn a_long_range_begins_with_a_block() {
        for (from, to, cheap) in [
            (1, 100_000, true),
            (257, 100_000, true),
            (2, 257, true),
            (2, 258, false),
            (0, 5, false),
        ] {
            assert_eq!(Range { from, to }.is_cheap(), cheap, "{from} {to}");
        }
        assert!(Range { from: 1, to: 0 }.is_empty());
    }
}
