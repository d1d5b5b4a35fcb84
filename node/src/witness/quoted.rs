//! The head of the other city's log that every payload quotes: a cosigned one bounds its time.

use super::ages::cosigner_city;
use crate::batch::Batch;
use crate::store::StoreError;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::note::SignatureLine;
use jieli_proto::wire;

impl Batch<'_> {
    /// The head of a peer's log that a payload to it quotes.
    pub(crate) async fn seen_head(
        &mut self,
        peer: &CityId,
    ) -> Result<Option<wire::SeenHead>, StoreError> {
        if let Some(known) = self.quoted.get(peer) {
            return Ok(known.clone());
        }
        let mut newest = None;
        // Two seeks an epoch, by the keys of the tables.
        for epoch in 1.. {
            let origin = peer.exchange_origin(epoch);
            let row = self
                .conn
                .maybe(
                    "SELECT size, root FROM peer_head WHERE origin = $1 \
                     ORDER BY size DESC LIMIT 1",
                    vec![origin.as_str().into()],
                )
                .await?;
            let Some(row) = row else { break };
            let (size, root) = (row.uint(0)?, row.bytes(1)?);
            let seen = wire::SeenHead { origin, size, root, ..wire::SeenHead::default() };
            newest = Some(self.cosigned_head(&seen.origin).await?.unwrap_or(seen));
        }
        self.quoted.insert(peer.clone(), newest.clone());
        Ok(newest)
    }

    /// The newest cosigned head of a peer's log, cosigned by another city if one of the latest is:
    /// who quotes it cannot have written before. The own word is better than none.
    async fn cosigned_head(&mut self, origin: &str) -> Result<Option<wire::SeenHead>, StoreError> {
        let sql = "SELECT c.size, h.root, c.cosigner, c.unix_s, c.line FROM cosignature c \
                   JOIN peer_head h ON h.origin = c.origin AND h.size = c.size \
                   WHERE c.origin = $1 ORDER BY c.size DESC, c.cosigner LIMIT 4";
        let mut best = None;
        for row in self.conn.rows(sql, vec![origin.into()]).await? {
            let (cosigner, line) = (row.text(2)?, row.text(4)?);
            let line = SignatureLine::parse(&line);
            let line = line.map_err(|_| StoreError::Corrupt("cosignature.line"))?;
            // u64 seconds, then the 64 bytes.
            let Some(sig) = line.signature().get(8..) else { continue };
            let is_own = cosigner_city(&cosigner).as_ref() == Some(&self.directory.city);
            let seen = wire::SeenHead {
                origin: origin.to_owned(),
                size: row.uint(0)?,
                root: row.bytes(1)?,
                cosigner,
                cosigned_unix: row.uint(3)?,
                cosignature_sha256: Digest::of(&[sig]).to_vec(),
            };
            if !is_own {
                return Ok(Some(seen));
            }
            best = best.or(Some(seen));
        }
        Ok(best)
    }
}
