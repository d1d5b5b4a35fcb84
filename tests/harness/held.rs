//! What a stopped city holds, read from its tables.

use anyhow::Result;
use jieli_node::store::Conn;
use jieli_node::store::log::{Log, LogId, root_at};
use jieli_proto::envelope;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::tree;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug)]
pub struct Held {
    side: PartySide,
    /// Lane and sequence to envelope.
    envelopes: BTreeMap<(u32, u64), Envelope>,
    /// Lane and sequence of everything receipted.
    receipted: Vec<(u32, u64)>,
    /// Leaf bytes by index.
    leaves: Vec<Vec<u8>>,
    heads: Vec<(String, u64, String)>,
}

impl Held {
    /// Reads a city's tables.
    pub async fn read(conn: &mut Conn, side: PartySide) -> Result<Held> {
        let mut envelopes = BTreeMap::new();
        let rows = conn.rows("SELECT lane, lane_seq, envelope FROM envelope", Vec::new()).await?;
        for row in rows {
            let sealed = Envelope::decode(row.bytes(2)?.as_slice())?;
            envelopes.insert((row.int(0)? as u32, row.uint(1)?), sealed);
        }
        let rows = conn.rows("SELECT lane, lane_seq FROM receipt_item", Vec::new()).await?;
        let receipted = rows
            .iter()
            .map(|row| Ok((row.int(0)? as u32, row.uint(1)?)))
            .collect::<Result<Vec<_>>>()?;
        let rows = conn
            .rows("SELECT data FROM log_leaf WHERE log = 'exchange' ORDER BY idx", Vec::new())
            .await?;
        let leaves = rows.iter().map(|row| Ok(row.bytes(0)?)).collect::<Result<Vec<_>>>()?;
        let rows = conn.rows("SELECT origin, size, note FROM peer_head", Vec::new()).await?;
        let heads = rows
            .iter()
            .map(|row| Ok((row.text(0)?, row.uint(1)?, row.text(2)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Held { side, envelopes, receipted, leaves, heads })
    }

    /// Every lane runs from 1 without a gap, each step naming the one before.
    pub fn no_gaps(&self) {
        for lane in 0..6_u32 {
            let lane_envelopes: Vec<_> =
                self.envelopes.iter().filter(|((l, _), _)| *l == lane).collect();
            for (at, ((_, seq), _)) in lane_envelopes.iter().enumerate() {
                assert_eq!(*seq, at as u64 + 1, "lane {lane} of {:?}", self.side);
            }
        }
    }

    /// The messages of a party.
    pub fn messages(&self, party: PartySide) -> Vec<wire::Message> {
        let lane = u32::from(Lane::messages(party).number());
        self.envelopes
            .iter()
            .filter(|((l, _), _)| *l == lane)
            .filter_map(|(_, sealed)| envelope::payload(sealed).ok())
            .collect()
    }

    /// Every message and act, given or got, has exactly one receipt item.
    pub fn every_message_is_receipted(&self) {
        for (lane, seq) in self.envelopes.keys().filter(|(lane, _)| !matches!(lane, 2 | 3)) {
            let count = self.receipted.iter().filter(|place| **place == (*lane, *seq)).count();
            assert_eq!(count, 1, "lane {lane} place {seq} of {:?}", self.side);
        }
    }

    /// Heads of the other city that this one accepted.
    pub fn accepted_heads(&self) -> impl Iterator<Item = &(String, u64, String)> {
        self.heads.iter()
    }

    /// Count and RFC 6962 root of every lane's leaves, in lane order.
    pub fn lane_roots(&self) -> BTreeMap<u32, (usize, String)> {
        let mut by_lane: BTreeMap<u32, BTreeMap<u64, tree::Hash>> = BTreeMap::new();
        for leaf in &self.leaves {
            let mut seq = [0; 8];
            seq.copy_from_slice(&leaf[24..32]);
            let lane = u32::from(leaf[6]);
            by_lane.entry(lane).or_default().insert(u64::from_be_bytes(seq), tree::leaf_hash(leaf));
        }
        by_lane
            .into_iter()
            .map(|(lane, leaves)| {
                let hashes: Vec<tree::Hash> = leaves.into_values().collect();
                (lane, (hashes.len(), hex::encode(tree::root(&hashes))))
            })
            .collect()
    }

    /// The root of the exchange log at a size.
    pub async fn root_at(conn: &mut Conn, size: u64) -> Result<String> {
        let id = LogId { log: Log::Exchange, epoch: 1 };
        Ok(hex::encode(root_at(conn, id, size).await?))
    }
}
