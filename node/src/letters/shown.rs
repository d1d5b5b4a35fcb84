//! What `Fetch` shows of a lane: envelopes, consents and proofs; never a section.

use super::{Letters, Place, consent, proof, stored};
use crate::directory::Bond;
use crate::store::{Conn, StoreError};
use crate::writer::Published;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::wire::{self, FetchReply};
use std::ops::Range;

/// Records of one answer at most.
pub const FETCH_MAX: u64 = 256;

impl Letters {
    /// The records of a lane in a range of sequence numbers, in order, as far as a signed head
    /// covers them.
    pub async fn shown(
        &self,
        published: &Published,
        bond: &Bond,
        lane: Lane,
        seqs: Range<u64>,
    ) -> Result<Vec<FetchReply>, StoreError> {
        let mut conn = self.store.read().await?;
        let end = seqs.end.min(seqs.start.saturating_add(FETCH_MAX));
        let wanted: Vec<Place> = (seqs.start..end)
            .map(|lane_seq| Place { agreement_id: bond.id, lane, lane_seq })
            .collect();
        let mut rows = stored(&mut conn, &wanted).await?;
        rows.retain(|_, row| published.covers(row.epoch, row.index));
        let leaves: Vec<(u32, u64)> = rows.values().map(|row| (row.epoch, row.index)).collect();
        let paths = proof::inclusions(&mut conn, published, &leaves).await?;
        let mut replies = Vec::new();
        for ((place, row), (path, checkpoint)) in rows.into_iter().zip(paths) {
            let mut reply = FetchReply {
                lane_seq: place.lane_seq,
                log_index: row.index,
                inclusion: path,
                checkpoint,
                ..FetchReply::default()
            };
            if lane.kind() == Kind::Receipt {
                reply.proof = Some(match lane.side() == bond.our_side {
                    true => proof::of_receipt(&mut conn, published, &row.digest).await?,
                    // Its own receipt, for a city that has lost it: what it had said of our letters.
                    false => proof::items_of(&mut conn, &row.digest).await?,
                });
            }
            reply.consents = cited(&mut conn, lane, &row.sealed).await?;
            reply.envelope = Some(row.sealed);
            replies.push(reply);
        }
        Ok(replies)
    }
}

async fn cited(
    conn: &mut Conn,
    lane: Lane,
    sealed: &wire::Envelope,
) -> Result<Vec<wire::Envelope>, StoreError> {
    if lane.kind() != Kind::Message {
        return Ok(Vec::new());
    }
    let Ok(message) = envelope::payload::<wire::Message>(sealed) else { return Ok(Vec::new()) };
    let Some(digest) = Digest::from_slice(&message.consent_digest) else { return Ok(Vec::new()) };
    Ok(consent(conn, &digest).await?.map(|consent| consent.sealed).into_iter().collect())
}
