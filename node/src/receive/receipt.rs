//! The receipt door: what the other city says it stored, with the proof that it logged it.

use super::items::{PROOF_COLUMNS, proof_row};
use super::{Halt, Incoming, Received, WRONG_RECEIPT, decode};
use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::Standing;
use crate::store::{self, StoreError};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::message::check_receipt;
use jieli_proto::note::Note;
use jieli_proto::refusal::Refusal;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, Header};

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

    /// A message of ours has its receipt; `leg` is whose it is, or `None` where it has no person in it.
    pub(super) async fn settle_message(
        &mut self,
        bond: &Bond,
        (lane, lane_seq): (Lane, u64),
        digest: &Digest,
        leg: Option<&[u8]>,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let Some(leg) = leg else {
            let of_key = standing == Standing::Refused(Refusal::KeyRevoked.number());
            return if of_key { self.queue_again(bond, lane, lane_seq).await } else { Ok(()) };
        };
        let leg = jieli_proto::id::LegId::from_slice(leg);
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

pub(super) fn hashes(list: &[Vec<u8>]) -> Option<Vec<Hash>> {
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
        let row = proof_row(&digest, &origin, reply.log_index, head.size(), &reply.inclusion);
        self.conn.insert_absent("peer_proof", PROOF_COLUMNS, vec![row]).await
    }
}
