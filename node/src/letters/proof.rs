//! Receipts with the proof of what they answer, for the newest signed head.

use super::{KEYS_AT_ONCE, Letters, decode};
use crate::command::Seat;
use crate::store::log::inclusion_many;
use crate::store::{Conn, StoreError, Val, places};
use crate::writer::Published;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::Lane;
use jieli_proto::wire::{self, Answer, ItemProof, Letter, ReceiptProof};
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};

/// An item of a receipt as stored.
struct Row {
    receipt: Digest,
    item: Vec<u8>,
    path: Vec<u8>,
    /// What the item says.
    index: u64,
    /// Where the leaf it is about stands: elsewhere, if that log was lost and goes on in another
    /// epoch. Then there is no proof of what the item says.
    leaf: (u32, u64),
}

/// What is read of an item, with the leaf of the letter that it answers.
const ITEMS: &str = "SELECT i.lane_seq, i.receipt_digest, i.item, i.path, e.leaf_epoch, e.leaf_idx \
                     FROM receipt_item i JOIN envelope e ON e.agreement_id = i.agreement_id \
                     AND e.lane = i.lane AND e.lane_seq = i.lane_seq";

impl Letters {
    /// The receipts of letters that were taken in, each with the proof of its own item. `None`
    /// where there is no receipt that a signed head covers.
    pub async fn answers(
        &self,
        published: &Published,
        seats: &[Seat],
    ) -> Result<Vec<Option<Answer>>, StoreError> {
        let mut conn = self.store.read().await?;
        let mut items = items_at(&mut conn, seats).await?;
        items.retain(|_, row| published.covers(row.leaf.0, row.leaf.1));
        let digests: BTreeSet<Digest> = items.values().map(|row| row.receipt).collect();
        let lanes = items.keys().filter_map(|s| Some((s.agreement, s.lane.answered_in()?)));
        let lanes: BTreeSet<(AgreementId, Lane)> = lanes.collect();
        let receipts = receipts(&mut conn, digests, &lanes, published).await?;
        let rows: Vec<&Row> = items.values().collect();
        let proofs = proofs(&mut conn, published, &rows).await?;
        let mut by_seat: BTreeMap<Seat, Answer> = BTreeMap::new();
        for ((seat, row), (proof, checkpoint)) in items.iter().zip(proofs) {
            let Some(receipt) = receipts.get(&row.receipt) else { continue };
            let proof = ReceiptProof { items: vec![proof], checkpoint };
            let letter = Letter { proof: Some(proof), ..receipt.clone() };
            by_seat.insert(*seat, answer(seat, wire::answer::Answer::Receipt(letter)));
        }
        Ok(seats.iter().map(|seat| by_seat.get(seat).cloned()).collect())
    }
}

/// An answer to the letter at a seat.
pub(crate) fn answer(seat: &Seat, what: wire::answer::Answer) -> Answer {
    Answer {
        agreement_id: seat.agreement.to_vec(),
        lane: u32::from(seat.lane.number()),
        lane_seq: seat.lane_seq,
        answer: Some(what),
    }
}

/// All items of one of our receipts, with their proofs.
pub(super) async fn of_receipt(
    conn: &mut Conn,
    published: &Published,
    receipt: &Digest,
) -> Result<ReceiptProof, StoreError> {
    let rows = rows_of(conn, receipt).await?;
    let rows: Vec<&Row> = rows.iter().collect();
    let proofs = proofs(conn, published, &rows).await?;
    // One receipt answers one batch: its letters stand in one epoch.
    let checkpoint = proofs.first().map_or_else(String::new, |(_, note)| note.clone());
    let items = proofs.into_iter().filter(|(_, note)| *note == checkpoint);
    let items = items.map(|(item, _)| item).collect();
    Ok(ReceiptProof { items, checkpoint })
}

/// The items of a receipt that was given to us, with their paths, and no proof in any log.
pub(super) async fn items_of(
    conn: &mut Conn,
    receipt: &Digest,
) -> Result<ReceiptProof, StoreError> {
    let items = rows_of(conn, receipt).await?.into_iter().map(|row| ItemProof {
        item: row.item,
        path: row.path.chunks(32).map(<[u8]>::to_vec).collect(),
        inclusion: Vec::new(),
    });
    Ok(ReceiptProof { items: items.collect(), checkpoint: String::new() })
}

async fn rows_of(conn: &mut Conn, receipt: &Digest) -> Result<Vec<Row>, StoreError> {
    let sql = format!("{ITEMS} WHERE i.receipt_digest = $1 ORDER BY i.lane_seq");
    let rows = conn.rows_many(sql, vec![receipt.to_vec().into()]).await?;
    rows.iter().map(|row| Ok(read(row)?.1)).collect()
}

async fn proofs(
    conn: &mut Conn,
    published: &Published,
    rows: &[&Row],
) -> Result<Vec<(ItemProof, String)>, StoreError> {
    let leaves: Vec<(u32, u64)> = rows.iter().map(|row| row.leaf).collect();
    let paths = inclusions(conn, published, &leaves).await?;
    let proofs = rows.iter().zip(paths).map(|(row, (inclusion, checkpoint))| {
        let stands = row.index == row.leaf.1;
        let item = ItemProof {
            item: row.item.clone(),
            path: row.path.chunks(32).map(<[u8]>::to_vec).collect(),
            inclusion: if stands { inclusion } else { Vec::new() },
        };
        (item, checkpoint)
    });
    Ok(proofs.collect())
}

/// Inclusion of leaves, each at the last signed head of its epoch, with that checkpoint.
pub(super) async fn inclusions(
    conn: &mut Conn,
    published: &Published,
    leaves: &[(u32, u64)],
) -> Result<Vec<(Vec<Vec<u8>>, String)>, StoreError> {
    let mut found = vec![(Vec::new(), String::new()); leaves.len()];
    let epochs: BTreeSet<u32> = leaves.iter().map(|(epoch, _)| *epoch).collect();
    for epoch in epochs {
        let Some((head, checkpoint)) = published.of_epoch(epoch) else { continue };
        let here: Vec<(usize, u64)> = leaves
            .iter()
            .enumerate()
            .filter(|(_, (of, index))| *of == epoch && *index < head.size)
            .map(|(at, (_, index))| (at, *index))
            .collect();
        let indexes: Vec<u64> = here.iter().map(|(_, index)| *index).collect();
        let paths = inclusion_many(conn, head.id, &indexes, head.size, None).await?;
        for ((at, _), path) in here.into_iter().zip(paths) {
            let path = path.iter().map(|hash| hash.to_vec()).collect();
            found[at] = (path, checkpoint.to_owned());
        }
    }
    Ok(found)
}

async fn items_at(conn: &mut Conn, seats: &[Seat]) -> Result<BTreeMap<Seat, Row>, StoreError> {
    let mut by_lane: BTreeMap<(AgreementId, Lane), BTreeSet<u64>> = BTreeMap::new();
    for seat in seats {
        by_lane.entry((seat.agreement, seat.lane)).or_default().insert(seat.lane_seq);
    }
    let mut found = BTreeMap::new();
    for ((agreement, lane), seqs) in by_lane {
        let seqs: Vec<u64> = seqs.into_iter().collect();
        for seqs in seqs.chunks(KEYS_AT_ONCE) {
            let sql = format!(
                "{ITEMS} WHERE i.agreement_id = $1 AND i.lane = $2 AND i.lane_seq IN ({})",
                places(3, seqs.len())
            );
            let mut vals = vec![agreement.to_vec().into(), lane.number().into()];
            vals.extend(seqs.iter().map(|seq| Val::from(*seq)));
            for row in conn.rows_many(sql, vals).await? {
                let (lane_seq, row) = read(&row)?;
                found.insert(Seat { agreement, lane, lane_seq }, row);
            }
        }
    }
    Ok(found)
}

fn read(row: &crate::store::Row) -> Result<(u64, Row), StoreError> {
    let item = row.bytes(2)?;
    let decoded = wire::Item::decode(item.as_slice())
        .map_err(|_| StoreError::Corrupt("receipt_item.item"))?;
    let receipt = Digest(row.array(1)?);
    let leaf = (row.uint(4)? as u32, row.uint(5)?);
    Ok((row.uint(0)?, Row { receipt, item, path: row.bytes(3)?, index: decoded.log_index, leaf }))
}

/// Receipts by name, as letters without a proof. Only ours, in the lanes that answer: a peer may
/// have signed the same bytes with its own key.
async fn receipts(
    conn: &mut Conn,
    digests: BTreeSet<Digest>,
    lanes: &BTreeSet<(AgreementId, Lane)>,
    published: &Published,
) -> Result<BTreeMap<Digest, Letter>, StoreError> {
    let digests: Vec<Digest> = digests.into_iter().collect();
    let mut found = BTreeMap::new();
    for digests in digests.chunks(KEYS_AT_ONCE) {
        let sql = format!(
            "SELECT env_digest, agreement_id, lane, lane_seq, envelope, leaf_idx, leaf_epoch \
             FROM envelope \
             WHERE env_digest IN ({})",
            places(1, digests.len())
        );
        let vals = digests.iter().map(|digest| Val::from(digest.to_vec())).collect();
        for row in conn.rows_many(sql, vals).await? {
            let number = u32::try_from(row.int(2)?).ok();
            let lane = number.and_then(Lane::from_number).ok_or(StoreError::Corrupt("a lane"))?;
            let is_covered = published.covers(row.uint(6)? as u32, row.uint(5)?);
            if !is_covered || !lanes.contains(&(AgreementId(row.array(1)?), lane)) {
                continue;
            }
            let letter = Letter {
                agreement_id: row.bytes(1)?,
                lane: u32::from(lane.number()),
                lane_seq: row.uint(3)?,
                envelope: Some(decode(&row.bytes(4)?, "envelope.envelope")?),
                ..Letter::default()
            };
            found.insert(Digest(row.array(0)?), letter);
        }
    }
    Ok(found)
}
