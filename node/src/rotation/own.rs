//! What the old key signed and nobody has receipted: consents and receipts of ours. The same payload
//! under another key has the same name, so what cites a consent goes on to cite it.

use super::{BTreeSet, Batch, Digest, Envelope, Kind, StoreError, envelope, sealed, wire};
use crate::receive::decode;
use crate::store::packs;
use jieli_proto::consent::CONSENT_DAYS;
use prost::Message as _;

impl Batch<'_> {
    /// Consents of ours that still live are signed again: a message that cites one may be on its way
    /// to a city that has never seen it.
    pub(super) async fn seal_consents_again(
        &mut self,
        gone: &BTreeSet<Digest>,
    ) -> Result<(), StoreError> {
        let oldest = self.now_ms.saturating_sub(CONSENT_DAYS.unsigned_abs() * 86_400_000);
        let sql = "SELECT env_digest, envelope FROM consent WHERE ours = 1 AND ended_ms = 0 \
                   AND given_ms >= $1";
        for row in self.conn.rows(sql, vec![oldest.into()]).await? {
            let old = sealed(&row.bytes(1)?)?;
            if !envelope::key_fpr(&old).is_ok_and(|fpr| gone.contains(&fpr)) {
                continue;
            }
            let consent: wire::Consent =
                decode(&old).map_err(|_| StoreError::Corrupt("consent.envelope"))?;
            let new: Envelope = self.seal(&consent).await?;
            let sql = "UPDATE consent SET envelope = $2 WHERE env_digest = $1";
            let vals = vec![row.bytes(0)?.into(), new.encode_to_vec().into()];
            self.conn.run(sql, vals).await?;
        }
        Ok(())
    }

    /// Own packs are signed again: a city that fetches one later knows the old key as revoked.
    pub(super) async fn seal_packs_again(
        &mut self,
        gone: &BTreeSet<Digest>,
    ) -> Result<(), StoreError> {
        for row in packs::all(self.conn).await? {
            let is_gone = envelope::key_fpr(&row.sealed).is_ok_and(|fpr| gone.contains(&fpr));
            if row.city != self.directory.city || !is_gone {
                continue;
            }
            let pack: wire::Pack =
                decode(&row.sealed).map_err(|_| StoreError::Corrupt("pack.envelope"))?;
            let new = self.seal(&pack).await?;
            packs::sealed_again(self.conn, &new).await?;
        }
        self.reload().await
    }

    /// Receipts that the other city has not noted are given again for the same items: it will not
    /// take the old ones, which keep their place in the lane.
    pub(super) async fn receipt_again(
        &mut self,
        gone: &BTreeSet<Digest>,
    ) -> Result<(), StoreError> {
        for (id, lane, _, old) in self.outbox_signed_by(gone).await? {
            let bond = self.bond(&id).filter(|bond| lane.side() == bond.our_side);
            let Some(bond) = bond.filter(|_| lane.kind() == Kind::Receipt) else { continue };
            let said: wire::Receipt =
                decode(&old).map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
            let header = self.header(&bond, lane).await?;
            let again = wire::Receipt { header: Some(header.clone()), ..said };
            let digest = self.send(&bond, &header, &again).await?;
            let sql = "UPDATE receipt_item SET receipt_digest = $2 WHERE receipt_digest = $1";
            let vals = vec![envelope::env_digest(&old).to_vec().into(), digest.to_vec().into()];
            self.conn.run(sql, vals).await?;
        }
        Ok(())
    }
}
