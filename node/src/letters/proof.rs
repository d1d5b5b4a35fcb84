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
    index: u64,
}

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
        items.retain(|_, row| row.index < published.exchange.size);
        let digests: BTreeSet<Digest> = items.values().map(|row| row.receipt).collect();
        let lanes = items.keys().filter_map(|s| Some((s.agreement, s.lane.answered_in()?)));
        let lanes: BTreeSet<(AgreementId, Lane)> = lanes.collect();
        let receipts = receipts(&mut conn, digests, &lanes, published.exchange.size).await?;
        let rows: Vec<&Row> = items.values().collect();
        let proofs = proofs(&mut conn, published, &rows).await?;
        let mut by_seat: BTreeMap<Seat, Answer> = BTreeMap::new();
        for ((seat, row), proof) in items.iter().zip(proofs) {
            let Some(receipt) = receipts.get(&row.receipt) else { continue };
            let proof =
                ReceiptProof { items: vec![proof], checkpoint: published.checkpoint.clone() };
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
    let items = proofs(conn, published, &rows).await?;
    Ok(ReceiptProof { items, checkpoint: published.checkpoint.clone() })
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
    let sql = "SELECT lane_seq, receipt_digest, item, path FROM receipt_item \
               WHERE receipt_digest = $1 ORDER BY lane_seq";
    let rows = conn.rows(sql, vec![receipt.to_vec().into()]).await?;
    rows.iter().map(|row| Ok(read(row)?.1)).collect()
}

async fn proofs(
    conn: &mut Conn,
    published: &Published,
    rows: &[&Row],
) -> Result<Vec<ItemProof>, StoreError> {
    let head = &published.exchange;
    let indexes: Vec<u64> = rows.iter().map(|row| row.index).collect();
    let paths = inclusion_many(conn, head.id, &indexes, head.size, None).await?;
    let proofs = rows.iter().zip(paths).map(|(row, inclusion)| ItemProof {
        item: row.item.clone(),
        path: row.path.chunks(32).map(<[u8]>::to_vec).collect(),
        inclusion: inclusion.iter().map(|hash| hash.to_vec()).collect(),
    });
    Ok(proofs.collect())
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
                "SELECT lane_seq, receipt_digest, item, path FROM receipt_item \
                 WHERE agreement_id = $1 AND lane = $2 AND lane_seq IN ({})",
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
    Ok((row.uint(0)?, Row { receipt, item, path: row.bytes(3)?, index: decoded.log_index }))
}

/// Receipts by name, as letters without a proof. Only ours, in the lanes that answer: a peer may
/// have signed the same bytes with its own key.
async fn receipts(
    conn: &mut Conn,
    digests: BTreeSet<Digest>,
    lanes: &BTreeSet<(AgreementId, Lane)>,
    size: u64,
) -> Result<BTreeMap<Digest, Letter>, StoreError> {
    let digests: Vec<Digest> = digests.into_iter().collect();
    let mut found = BTreeMap::new();
    for digests in digests.chunks(KEYS_AT_ONCE) {
        let sql = format!(
            "SELECT env_digest, agreement_id, lane, lane_seq, envelope, leaf_idx FROM envelope \
             WHERE env_digest IN ({})",
            places(1, digests.len())
        );
        let vals = digests.iter().map(|digest| Val::from(digest.to_vec())).collect();
        for row in conn.rows_many(sql, vals).await? {
            let number = u32::try_from(row.int(2)?).ok();
            let lane = number.and_then(Lane::from_number).ok_or(StoreError::Corrupt("a lane"))?;
            if row.uint(5)? >= size || !lanes.contains(&(AgreementId(row.array(1)?), lane)) {
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
