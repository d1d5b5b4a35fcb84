//! Inclusion of every record in both logs, each at the earliest cosigned head that covers it, which
//! bounds the time from above; at the newest signed head where none does.

use super::{Export, hashes, no_peer_proof};
use crate::store::{Conn, StoreError, log, mirror};
use crate::trouble::Outcome;
use crate::witness;
use jieli_proto::id::Digest;
use jieli_proto::note::Note;
use jieli_proto::proof::Proof;
use jieli_proto::wire::SeenHead;
use std::collections::{BTreeMap, BTreeSet};

/// The earliest head of an own log with a cosignature that covers a leaf: size and note.
const OWN: &str = "SELECT h.size, h.note FROM own_head h WHERE h.origin = $1 AND h.size > $2 \
                   ORDER BY h.size LIMIT 1";

/// The same of a peer's log, within what is mirrored.
const THEIRS: &str = "SELECT h.size, h.note FROM cosignature c JOIN peer_head h \
                      ON h.origin = c.origin AND h.size = c.size WHERE c.origin = $1 \
                      AND c.size > $2 AND c.size <= $3 ORDER BY c.size LIMIT 1";

impl Export<'_> {
    /// Of every record in our own log.
    pub(super) async fn own_proofs(&mut self) -> Outcome<()> {
        let epochs: BTreeSet<u32> = self.own.values().map(|(epoch, _)| *epoch).collect();
        for epoch in epochs {
            self.own_proofs_of(epoch).await?;
        }
        Ok(())
    }

    async fn own_proofs_of(&mut self, epoch: u32) -> Outcome<()> {
        let missing = StoreError::Corrupt("log_epoch");
        let (head, checkpoint) = self.published.of_epoch(epoch).ok_or(missing)?;
        let city = self.published.directory.city.clone();
        let origin = city.exchange_origin(epoch);
        let here = self.own.iter().filter(|(_, (of, _))| *of == epoch);
        let places: Vec<(Digest, u64)> = here.map(|(d, (_, index))| (*d, *index)).collect();
        let mut at: BTreeMap<u64, (String, Vec<(Digest, u64)>)> = BTreeMap::new();
        for (digest, index) in places {
            let row = self.conn.maybe(OWN, vec![origin.as_str().into(), index.into()]).await?;
            let cosigned = row.map(|row| Ok::<_, StoreError>((row.uint(0)?, row.text(1)?)));
            let found = cosigned.transpose()?.filter(|(size, _)| *size <= head.size);
            let (size, note) = found.unwrap_or((head.size, checkpoint.to_owned()));
            at.entry(size).or_insert((note, Vec::new())).1.push((digest, index));
        }
        for (size, (note, places)) in at {
            let indexes: Vec<u64> = places.iter().map(|(_, index)| *index).collect();
            let paths = log::inclusion_many(self.conn, head.id, &indexes, size, None).await?;
            let note = cosigned(self.conn, &origin, size, &note).await?;
            for ((digest, index), hashes) in places.into_iter().zip(paths) {
                let proof = Proof { extra: Vec::new(), index, hashes, note: note.clone() };
                self.bundle.proofs.push((digest, city.clone(), proof));
            }
        }
        Ok(())
    }

    /// The cosigned head that a message quotes: nobody can have quoted it before it was cosigned.
    pub(super) async fn quoted(&mut self, seen: Option<&SeenHead>) -> Outcome<()> {
        let Some(seen) = seen.filter(|seen| !seen.cosigner.is_empty()) else { return Ok(()) };
        let sql = "SELECT note FROM own_head WHERE origin = $1 AND size = $2 AND root = $3 UNION \
                   SELECT note FROM peer_head WHERE origin = $1 AND size = $2 AND root = $3";
        let vals = vec![seen.origin.as_str().into(), seen.size.into(), seen.root.as_slice().into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(()) };
        let note = cosigned(self.conn, &seen.origin, seen.size, &row.text(0)?).await?;
        if !self.bundle.heads.contains(&note) {
            self.bundle.heads.push(note);
        }
        Ok(())
    }

    /// Of a record in the other city's log: as its receipt proved it, or as the mirror does.
    pub(super) async fn peer_proof(&mut self, digest: &Digest) -> Outcome<()> {
        let sql = "SELECT p.origin, p.log_index, p.head_size, p.hashes, h.note FROM peer_proof p \
                   JOIN peer_head h ON h.origin = p.origin AND h.size = p.head_size \
                   WHERE p.env_digest = $1";
        let row = self.conn.maybe(sql, vec![digest.to_vec().into()]).await?;
        let row = row.ok_or_else(no_peer_proof)?;
        let (origin, index) = (row.text(0)?, row.uint(1)?);
        let (mut size, mut path, mut note) = (row.uint(2)?, hashes(&row.bytes(3)?), row.text(4)?);
        let mirrored = mirror::head(self.conn, &origin).await?.map_or(0, |held| held.size);
        let vals = vec![origin.as_str().into(), index.into(), mirrored.into()];
        if let Some(row) = self.conn.maybe(THEIRS, vals).await? {
            (size, note) = (row.uint(0)?, row.text(1)?);
            path = mirror::inclusion(self.conn, &origin, index, size).await?;
        }
        let note = cosigned(self.conn, &origin, size, &note).await?;
        let proof = Proof { extra: Vec::new(), index, hashes: path, note };
        self.bundle.proofs.push((*digest, self.peer.city.clone(), proof));
        Ok(())
    }
}

/// A head with all cosignatures that are kept for it.
async fn cosigned(
    conn: &mut Conn,
    origin: &str,
    size: u64,
    note: &str,
) -> Result<Note, StoreError> {
    let note = witness::with_cosignatures(conn, origin, size, note).await?;
    Note::parse(note.as_bytes()).map_err(|_| StoreError::Corrupt("a signed head"))
}
