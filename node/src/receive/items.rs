//! The items of a receipt: what is held of their letters is read at once, each is judged alone, and
//! what holds is written at once.

use super::decode;
use super::receipt::hashes;
use crate::batch::{Batch, ITEM_COLUMNS, item_row, leaf_of};
use crate::directory::Bond;
use crate::legs::Standing;
use crate::plant;
use crate::store::{StoreError, Val, places};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::message::{ItemFacts, ItemVerdict, ReceiptFacts, check_item, check_receipt};
use jieli_proto::strict;
use jieli_proto::tree;
use jieli_proto::wire::{self, ItemProof, Letter};
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};

/// Rows named in one statement: SQLite looks each parameter up among those before it.
const KEYS_AT_ONCE: usize = 100;

/// Columns of `peer_proof`, in the order of [`proof_row`].
pub(super) const PROOF_COLUMNS: &[&str] =
    &["env_digest", "origin", "log_index", "head_size", "hashes"];

/// A row of `peer_proof`: the peer's log holds an envelope at an index, by its head of a size.
pub(super) fn proof_row(
    digest: &Digest,
    origin: &str,
    index: u64,
    size: u64,
    hashes: &[Vec<u8>],
) -> Vec<Val> {
    vec![digest.to_vec().into(), origin.into(), index.into(), size.into(), hashes.concat().into()]
}

/// Items that were settled, by the place of their letter in the lane.
type Items = BTreeMap<u64, Vec<u8>>;

/// What is held of the letters that a receipt answers, by their place in the lane.
#[derive(Default)]
struct Held {
    letters: BTreeMap<u64, wire::Envelope>,
    /// The leg of each message about a person.
    legs: BTreeMap<Digest, Vec<u8>>,
}

/// An item that holds.
struct Judged<'a> {
    item: ItemFacts,
    proof: &'a ItemProof,
}

/// An item with its proof; `None` where it does not decode.
type Shown<'a> = (&'a ItemProof, Option<wire::Item>);

fn opened(proof: &ItemProof) -> Shown<'_> {
    (proof, strict::decode(&proof.item).ok())
}

impl Batch<'_> {
    /// Applies the items that came with a receipt which is stored here. Each may come later and
    /// again: a receipt of many letters is answered to each of them.
    pub(super) async fn settle_items(
        &mut self,
        bond: &Bond,
        letter: &Letter,
        sealed: &wire::Envelope,
    ) -> Result<(), StoreError> {
        let (Ok(receipt), Some(proof)) = (decode::<wire::Receipt>(sealed), &letter.proof) else {
            return Ok(());
        };
        let Ok(facts) = check_receipt(&receipt) else { return Ok(()) };
        let accepted = self.accept_head(&bond.peer, &facts.origin, &proof.checkpoint).await?;
        let shown: Vec<_> = proof.items.iter().map(opened).collect();
        let places = |shown: &[Shown<'_>]| {
            let places = shown.iter().filter_map(|(_, item)| Some(item.as_ref()?.lane_seq));
            places.collect::<BTreeSet<u64>>()
        };
        let mut items = self.settled_items(bond.id, facts.answers, &places(&shown)).await?;
        // What was settled before went out again: its letter is closed, and nothing more is read.
        let (settled, open): (Vec<_>, Vec<_>) =
            shown.into_iter().partition(|(proof, item)| is_settled(&items, item.as_ref(), proof));
        let settled = settled.iter().filter_map(|(_, item)| Some(item.as_ref()?.lane_seq));
        self.close_letters(bond, facts.answers, settled.collect()).await?;
        let Some(head) = accepted else {
            // Of what was settled before, the proof may lie in an epoch that has ended.
            return match open.is_empty() {
                true => Ok(()),
                false => self.alarm("wrong-receipt", &bond.peer, "checkpoint").await,
            };
        };
        let held = self.held_letters(bond.id, facts.answers, &places(&open)).await?;
        let (mut good, asked) = (Vec::new(), open.len());
        for (proof, item) in open {
            // The first verdict stands; another one is wrong.
            let Some(item) = item.filter(|item| !items.contains_key(&item.lane_seq)) else {
                continue;
            };
            if let Some(judged) = held.judge(bond.id, &facts, &item, proof, &head)? {
                items.insert(judged.item.lane_seq, proof.item.clone());
                good.push(judged);
            }
        }
        if good.len() < asked {
            self.alarm("wrong-receipt", &bond.peer, "item").await?;
        }
        self.keep_items(bond, &facts, &env_digest(sealed), &head, &good).await?;
        for Judged { item, .. } in &good {
            let standing = match item.verdict {
                ItemVerdict::Stored => Standing::Stored,
                ItemVerdict::StoredWithheld => Standing::Withheld,
                ItemVerdict::Refused(refusal) => Standing::Refused(refusal),
            };
            if facts.answers.kind() == Kind::Message {
                let seat = (facts.answers, item.lane_seq);
                let leg = held.legs.get(&item.env_digest).map(Vec::as_slice);
                self.settle_message(bond, seat, &item.env_digest, leg, standing).await?;
            } else if facts.answers.kind() == Kind::Act {
                self.settle_act(bond, facts.answers, item.lane_seq, &item.verdict).await?;
            }
        }
        Ok(())
    }

    /// Their letters leave the outbox, the items and their proofs are kept.
    async fn keep_items(
        &mut self,
        bond: &Bond,
        facts: &ReceiptFacts,
        receipt: &Digest,
        head: &Checkpoint,
        good: &[Judged<'_>],
    ) -> Result<(), StoreError> {
        let seqs = good.iter().map(|judged| judged.item.lane_seq).collect();
        self.close_letters(bond, facts.answers, seqs).await?;
        let rows = good.iter().map(|Judged { item, proof }| {
            let (bytes, path) = (proof.item.clone(), proof.path.concat());
            item_row(bond.id, facts.answers, item.lane_seq, *receipt, bytes, path)
        });
        self.conn.insert_many("receipt_item", ITEM_COLUMNS, rows.collect()).await?;
        let rows = good.iter().map(|Judged { item, proof }| {
            let (digest, origin) = (&item.env_digest, &facts.origin);
            proof_row(digest, origin, item.log_index, head.size(), &proof.inclusion)
        });
        self.conn.insert_absent("peer_proof", PROOF_COLUMNS, rows.collect()).await
    }

    async fn settled_items(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
        seqs: &BTreeSet<u64>,
    ) -> Result<Items, StoreError> {
        let mut items = Items::new();
        for (sql, vals) in of_places("item", "receipt_item", agreement, lane, seqs) {
            for row in self.conn.rows_many(sql, vals).await? {
                items.insert(row.uint(0)?, row.bytes(1)?);
            }
        }
        Ok(items)
    }

    async fn held_letters(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
        seqs: &BTreeSet<u64>,
    ) -> Result<Held, StoreError> {
        let mut held = Held::default();
        for (sql, vals) in of_places("envelope", "envelope", agreement, lane, seqs) {
            for row in self.conn.rows_many(sql, vals).await? {
                let sealed = wire::Envelope::decode(row.bytes(1)?.as_slice());
                let sealed = sealed.map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
                held.letters.insert(row.uint(0)?, sealed);
            }
        }
        // What this very batch has logged is not written yet.
        for seq in seqs {
            if let Some(sealed) = self.logged.get(&(agreement, lane, *seq)) {
                held.letters.insert(*seq, sealed.clone());
            }
        }
        if lane.kind() == Kind::Message {
            for (sql, vals) in of_places("env_digest, leg_id", "message", agreement, lane, seqs) {
                for row in self.conn.rows_many(sql, vals).await? {
                    held.legs.insert(Digest(row.array(1)?), row.bytes(2)?);
                }
            }
        }
        Ok(held)
    }

    /// Letters that were answered leave the outbox.
    pub(crate) async fn close_letters(
        &mut self,
        bond: &Bond,
        lane: Lane,
        seqs: Vec<u64>,
    ) -> Result<(), StoreError> {
        if plant::is(plant::Fault::KeepInOutbox) && seqs.iter().any(|seq| seq.is_multiple_of(8)) {
            return Ok(());
        }
        for seqs in seqs.chunks(KEYS_AT_ONCE) {
            let sql = format!(
                "DELETE FROM outbox WHERE agreement_id = $1 AND lane = $2 AND lane_seq IN ({})",
                places(3, seqs.len())
            );
            let mut vals = vec![bond.id.to_vec().into(), lane.number().into()];
            vals.extend(seqs.iter().map(|seq| Val::from(*seq)));
            self.conn.run_many(sql, vals).await?;
        }
        Ok(())
    }
}

/// Statements that read columns of a lane's places, after `lane_seq`.
fn of_places(
    columns: &str,
    table: &str,
    agreement: AgreementId,
    lane: Lane,
    seqs: &BTreeSet<u64>,
) -> Vec<(String, Vec<Val>)> {
    let seqs: Vec<u64> = seqs.iter().copied().collect();
    let statement = |seqs: &[u64]| {
        let sql = format!(
            "SELECT lane_seq, {columns} FROM {table} WHERE agreement_id = $1 AND lane = $2 \
             AND lane_seq IN ({})",
            places(3, seqs.len())
        );
        let mut vals = vec![agreement.to_vec().into(), lane.number().into()];
        vals.extend(seqs.iter().map(|seq| Val::from(*seq)));
        (sql, vals)
    };
    seqs.chunks(KEYS_AT_ONCE).map(statement).collect()
}

/// Whether this very item was settled before.
fn is_settled(items: &Items, item: Option<&wire::Item>, proof: &ItemProof) -> bool {
    item.is_some_and(|item| items.get(&item.lane_seq) == Some(&proof.item))
}

impl Held {
    /// Whether an item is in its receipt and about the letter that was sent, and the peer's log
    /// holds that letter.
    fn judge<'a>(
        &self,
        agreement: AgreementId,
        facts: &ReceiptFacts,
        item: &wire::Item,
        proof: &'a ItemProof,
        head: &Checkpoint,
    ) -> Result<Option<Judged<'a>>, StoreError> {
        let Ok(item) = check_item(item) else { return Ok(None) };
        let Some(sealed) = self.letters.get(&item.lane_seq) else { return Ok(None) };
        let leaf = leaf_of(agreement, facts.answers, item.lane_seq, sealed)?;
        let leaf = Leaf::from_bytes(&leaf).map_err(|_| StoreError::Corrupt("envelope"))?;
        let holds = || {
            let (path, inclusion) = (hashes(&proof.path)?, hashes(&proof.inclusion)?);
            let shown = tree::leaf_hash(&proof.item);
            tree::find_inclusion(&shown, facts.count, &path, &facts.items_root.0).ok()?;
            let (index, size) = (item.log_index, head.size());
            tree::verify_inclusion(&leaf.hash(), index, size, &inclusion, head.root()).ok()
        };
        let same = leaf.env_digest == item.env_digest.0;
        Ok((same && holds().is_some()).then_some(Judged { item, proof }))
    }
}
