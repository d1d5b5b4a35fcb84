//! The receipt door: what the other city says it stored, with the proof that it logged it.

use super::{Halt, Incoming, Received, WRONG_RECEIPT, decode};
use crate::batch::{Batch, ITEM_COLUMNS, item_row};
use crate::directory::Bond;
use crate::legs::Standing;
use crate::store::{self, StoreError};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::message::{ItemVerdict, ReceiptFacts, check_item, check_receipt};
use jieli_proto::note::Note;
use jieli_proto::refusal::Refusal;
use jieli_proto::strict;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, Header, Letter};

impl Batch<'_> {
    /// Takes in a receipt. A wrong one keeps its place, has no effect and raises an alarm.
    pub(crate) async fn receive_receipt(
        &mut self,
        bond: &Bond,
        incoming: Incoming,
        key_live: bool,
    ) -> Result<Received, StoreError> {
        let checked = self.check_receipt(bond, &incoming, key_live).await;
        match checked {
            Ok(header) => {
                self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
                self.settle_items(bond, &incoming.letter, &incoming.sealed).await?;
            }
            Err(Halt::Store(error)) => return Err(error),
            Err(Halt::Stop(super::Stop::Wait(reason))) => return Ok(Received::Defer(reason, 0)),
            Err(Halt::Stop(super::Stop::Refuse(why))) => {
                let end = self.lane_end(bond.id, incoming.frame.lane).await?;
                let header = Header {
                    lane_seq: incoming.frame.lane_seq,
                    created_unix_ms: end.last_created_ms,
                    agreement_version: end.last_version,
                    ..Header::default()
                };
                self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
                let (lane, seq) = (incoming.frame.lane, incoming.frame.lane_seq);
                self.keep_evidence(WRONG_RECEIPT, bond, lane, seq, &incoming.sealed).await?;
                self.alarm(WRONG_RECEIPT, &bond.peer, why.name()).await?;
            }
        }
        Ok(Received::Noted)
    }

    async fn check_receipt(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        key_live: bool,
    ) -> Result<Header, Halt> {
        if !key_live {
            return Err(Refusal::KeyRevoked.into());
        }
        let receipt: wire::Receipt = decode(&incoming.sealed)?;
        let facts = check_receipt(&receipt)?;
        incoming.frame.check(&facts.head, None)?;
        self.check_head(bond, incoming, &facts.head).await?;
        let ours = facts.answers.side() == bond.our_side && facts.answers.kind() != Kind::Receipt;
        if !ours {
            return Err(Refusal::BadBody.into());
        }
        super::check_key_time(incoming, &facts.head)?;
        Ok(receipt.header.unwrap_or_default())
    }

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
        let mut open = Vec::new();
        for item in &proof.items {
            if !self.is_settled(bond, &facts, item).await? {
                open.push(item);
            }
        }
        let Some(checkpoint) = accepted else {
            // Of what was settled before, the proof may lie in an epoch that has ended.
            return match open.is_empty() {
                true => Ok(()),
                false => self.alarm("wrong-receipt", &bond.peer, "checkpoint").await,
            };
        };
        for item in open {
            let settled = self.settle_item(bond, sealed, &facts, item, &checkpoint).await?;
            if !settled {
                self.alarm("wrong-receipt", &bond.peer, "item").await?;
            }
        }
        Ok(())
    }

    /// Whether this very item was settled before; then its letter, which went out again, is closed.
    async fn is_settled(
        &mut self,
        bond: &Bond,
        facts: &ReceiptFacts,
        proof: &wire::ItemProof,
    ) -> Result<bool, StoreError> {
        let Ok(item) = strict::decode::<wire::Item>(&proof.item) else { return Ok(false) };
        let held = self.held_item(bond, facts.answers, item.lane_seq).await?;
        if held.as_ref() != Some(&proof.item) {
            return Ok(false);
        }
        self.close_letter(bond, facts.answers, item.lane_seq).await?;
        Ok(true)
    }

    async fn settle_item(
        &mut self,
        bond: &Bond,
        sealed: &wire::Envelope,
        facts: &ReceiptFacts,
        proof: &wire::ItemProof,
        head: &Checkpoint,
    ) -> Result<bool, StoreError> {
        let Ok(item) = strict::decode::<wire::Item>(&proof.item) else { return Ok(false) };
        let Ok(item) = check_item(&item) else { return Ok(false) };
        let (Some(path), Some(hashes)) = (hashes(&proof.path), hashes(&proof.inclusion)) else {
            return Ok(false);
        };
        let item_leaf = tree::leaf_hash(&proof.item);
        let in_receipt =
            tree::find_inclusion(&item_leaf, facts.count, &path, &facts.items_root.0).is_ok();
        let Some(leaf) = self.own_leaf(bond, facts.answers, item.lane_seq).await? else {
            return Ok(false);
        };
        if !in_receipt || leaf.env_digest != item.env_digest.0 {
            return Ok(false);
        }
        let receipt = jieli_proto::envelope::env_digest(sealed);
        if self.held_item(bond, facts.answers, item.lane_seq).await?.is_some() {
            // The first verdict stands; another one is wrong.
            return Ok(false);
        }
        let in_log =
            tree::verify_inclusion(&leaf.hash(), item.log_index, head.size(), &hashes, head.root());
        if in_log.is_err() {
            return Ok(false);
        }
        self.close_letter(bond, facts.answers, item.lane_seq).await?;
        let row = item_row(
            bond.id,
            facts.answers,
            item.lane_seq,
            receipt,
            proof.item.clone(),
            proof.path.concat(),
        );
        self.conn.insert_many("receipt_item", ITEM_COLUMNS, vec![row]).await?;
        self.keep_proof(
            &item.env_digest,
            &facts.origin,
            item.log_index,
            head.size(),
            &proof.inclusion,
        )
        .await?;
        if facts.answers.kind() == Kind::Message {
            let standing = match item.verdict {
                ItemVerdict::Stored => Standing::Stored,
                ItemVerdict::StoredWithheld => Standing::Withheld,
                ItemVerdict::Refused(refusal) => Standing::Refused(refusal),
            };
            let seat = (facts.answers, item.lane_seq);
            self.settle_message(bond, seat, &item.env_digest, standing).await?;
        } else if facts.answers.kind() == Kind::Act {
            self.settle_act(bond, facts.answers, item.lane_seq, &item.verdict).await?;
        }
        Ok(true)
    }

    async fn own_leaf(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<Option<Leaf>, StoreError> {
        let Some(stored) = self.stored(bond, lane, lane_seq).await? else { return Ok(None) };
        let bytes = crate::batch::leaf_of(bond.id, lane, lane_seq, &stored)?;
        Leaf::from_bytes(&bytes).map(Some).map_err(|_| StoreError::Corrupt("envelope"))
    }

    async fn held_item(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.conn.maybe("SELECT item FROM receipt_item WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3", vec![bond.id.to_vec().into(), i64::from(lane.number()).into(), (lane_seq as i64).into()])
        .await?;
        row.map(|row| row.bytes(0)).transpose()
    }

    /// A letter that was answered leaves the outbox.
    pub(crate) async fn close_letter(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "DELETE FROM outbox WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3",
                vec![
                    bond.id.to_vec().into(),
                    i64::from(lane.number()).into(),
                    (lane_seq as i64).into(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn keep_proof(
        &mut self,
        digest: &Digest,
        origin: &str,
        index: u64,
        size: u64,
        hashes: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO peer_proof (env_digest, origin, log_index, head_size, hashes) \
             VALUES ($1,$2,$3,$4,$5) ON CONFLICT (env_digest) DO NOTHING",
                vec![
                    digest.to_vec().into(),
                    origin.to_owned().into(),
                    (index as i64).into(),
                    (size as i64).into(),
                    hashes.concat().into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// A receipt of a lane by its name.
    pub(crate) async fn receipt_by_digest(
        &mut self,
        bond: &Bond,
        lane: Lane,
        digest: &Digest,
    ) -> Result<Option<wire::Receipt>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT lane_seq FROM envelope WHERE env_digest = $1 AND agreement_id = $2 \
             AND lane = $3",
                vec![
                    digest.to_vec().into(),
                    bond.id.to_vec().into(),
                    i64::from(lane.number()).into(),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let stored = self.stored(bond, lane, row.int(0)? as u64).await?;
        Ok(stored.and_then(|sealed| decode(&sealed).ok()))
    }

    async fn settle_message(
        &mut self,
        bond: &Bond,
        (lane, lane_seq): (Lane, u64),
        digest: &Digest,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let row = self
            .conn
            .maybe("SELECT leg_id FROM message WHERE env_digest = $1", vec![digest.to_vec().into()])
            .await?;
        let Some(row) = row else {
            // No person is in it.
            let of_key = standing == Standing::Refused(Refusal::KeyRevoked.number());
            return if of_key { self.queue_again(bond, lane, lane_seq).await } else { Ok(()) };
        };
        let leg = jieli_proto::id::LegId::from_slice(&row.bytes(0)?);
        let file = match leg {
            Some(leg) => self.take_leg(leg).await?,
            None => None,
        };
        let loses = file.as_ref().is_some_and(|file| file.loses_place(digest, standing));
        store::legs::settle(self.conn, digest, standing, loses).await?;
        let Some(mut file) = file else { return Ok(()) };
        let with = file.examiner_office(u32::MAX).to_owned();
        file.settle(digest, standing);
        if file.examiner_office(u32::MAX) != with {
            // A REDIRECT that the other city refused: the leg stays where it was.
            self.moved(&mut file).await?;
        }
        self.put_leg(file.clone());
        self.settled(&file, digest, standing).await
    }
}

fn hashes(list: &[Vec<u8>]) -> Option<Vec<Hash>> {
    (list.len() <= 63)
        .then(|| list.iter().map(|bytes| bytes.as_slice().try_into().ok()).collect())
        .flatten()
}

impl Batch<'_> {
    /// The peer's proof that its own log holds what it sent us; kept if it verifies.
    pub(crate) async fn keep_fetched(
        &mut self,
        agreement: jieli_proto::id::AgreementId,
        lane: Lane,
        reply: &wire::FetchReply,
    ) -> Result<(), StoreError> {
        let Some(bond) = self.bond(&agreement) else { return Ok(()) };
        let Some(leaf) = self.own_leaf(&bond, lane, reply.lane_seq).await? else { return Ok(()) };
        let Some(path) = hashes(&reply.inclusion) else { return Ok(()) };
        let origin = Note::parse(reply.checkpoint.as_bytes())
            .ok()
            .and_then(|note| Checkpoint::parse(note.text()).ok())
            .map(|checkpoint| checkpoint.origin().to_owned());
        let Some(origin) = origin else { return Ok(()) };
        let Some(head) = self.accept_head(&bond.peer, &origin, &reply.checkpoint).await? else {
            return Ok(());
        };
        let holds =
            tree::verify_inclusion(&leaf.hash(), reply.log_index, head.size(), &path, head.root());
        if holds.is_err() {
            return self
                .alarm("wrong-proof", &bond.peer, "the peer's log does not show its own record")
                .await;
        }
        let digest = Digest(leaf.env_digest);
        self.keep_proof(&digest, &origin, reply.log_index, head.size(), &reply.inclusion).await
    }
}
