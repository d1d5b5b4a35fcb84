//! What a message is judged by that was written under one version of an agreement and arrives under
//! another: the version it cites, as long as its author could not know better.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::receive::{Halt, Stop};
use crate::store::StoreError;
use jieli_proto::agreement::{Agreement, takes_back};
use jieli_proto::id::Digest;
use jieli_proto::kinds::Lane;
use jieli_proto::message::MessageFacts;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{ActType, DeferReason};

impl Batch<'_> {
    /// The version that a message cites, if it may. One that is not live here waits for the
    /// COUNTERSIGN that is on its way. An earlier one counts until its lane has cited a later one (no
    /// lane goes back), and until the day is over on which its author signed that it holds the next: its own
    /// COUNTERSIGN, or its receipt for ours. What takes back counts under every version.
    pub(crate) async fn cited(
        &mut self,
        bond: &Bond,
        facts: &MessageFacts,
    ) -> Result<Agreement, Halt> {
        let version = facts.head.agreement_version;
        if version > bond.version() {
            return Err(Stop::Wait(DeferReason::CitedNotHeld).into());
        }
        let found = bond.live.get(&version).cloned().ok_or(Refusal::NoAgreement)?;
        // What is put back from the logs was judged when it came.
        if version == bond.version() || takes_back(facts.kind) || self.stands.is_some() {
            return Ok(found);
        }
        let made_on = self.day_of_sender(bond, facts.head.created_unix_ms);
        match self.held_by_peer_since(bond, version + 1).await? {
            Some(held_ms) if made_on > self.day_of_sender(bond, held_ms) => {
                Err(Refusal::NoAgreement.into())
            }
            Some(_) | None => Ok(found),
        }
    }

    /// When, by its own clock, the other city signed that it holds a version that is live here;
    /// `None` where nothing of that is held yet.
    async fn held_by_peer_since(
        &mut self,
        bond: &Bond,
        version: u32,
    ) -> Result<Option<u64>, StoreError> {
        let Some(digest) = bond.digests.get(&version) else { return Ok(None) };
        let said = self.said(bond).await?;
        let countersigned = said
            .into_iter()
            .find(|one| one.act.act_type() == ActType::Countersign && one.act.subject == digest.0);
        let Some(signed) = countersigned else { return Ok(None) };
        if signed.side != bond.our_side {
            return Ok(signed.act.header.map(|header| header.created_unix_ms));
        }
        let lane = Lane::acts(bond.our_side);
        let sql = "SELECT receipt_digest FROM receipt_item WHERE agreement_id = $1 AND lane = $2 \
                   AND lane_seq = $3";
        let vals =
            vec![bond.id.to_vec().into(), i64::from(lane.number()).into(), signed.seq.into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(None) };
        let receipts = Lane::receipts(bond.our_side.other());
        let named = Digest(row.array(0)?);
        let receipt = self.receipt_by_digest(bond, receipts, &named).await?;
        Ok(receipt.map(|receipt| receipt.received_unix_ms))
    }
}
