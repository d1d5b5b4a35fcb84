//! Inclusion of every record in both logs, each at the earliest cosigned head that covers it, which
//! bounds the time from above; at the newest signed head where none does.

use super::{Export, hashes, no_peer_proof};
use crate::store::log::LogId;
use crate::store::{Conn, StoreError, Val, log, mirror};
use crate::trouble::Outcome;
use crate::witness;
use jieli_proto::bundle::Consistency;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::note::Note;
use jieli_proto::proof::Proof;
use jieli_proto::wire::SeenHead;
use std::collections::{BTreeMap, BTreeSet};

/// Whose log: an own one, in an epoch, or the peer's.
#[derive(Clone, Copy)]
enum Of {
    Own(LogId),
    Peer,
}

/// A cosignature by the city that $4 names; by one that neither $4 nor $5 does.
const COSIGNED_BY: [&str; 2] =
    ["c.cosigner LIKE $4", "c.cosigner NOT LIKE $4 AND c.cosigner NOT LIKE $5"];

/// The earliest head of a log with a cosignature that covers a leaf, not beyond a size.
const THEIRS: &str = "SELECT h.size, h.note FROM cosignature c JOIN peer_head h \
                      ON h.origin = c.origin AND h.size = c.size WHERE c.origin = $1 \
                      AND c.size > $2 AND c.size <= $3 ORDER BY c.size LIMIT 1";

/// The same of an own log: only what somebody has cosigned is kept.
pub(super) async fn first_cosigned(
    conn: &mut Conn,
    origin: &str,
    index: u64,
    size_max: u64,
) -> Result<Option<(u64, String)>, StoreError> {
    let sql = "SELECT size, note FROM own_head WHERE origin = $1 AND size > $2 AND size <= $3 \
               ORDER BY size LIMIT 1";
    let row = conn.maybe(sql, vec![origin.into(), index.into(), size_max.into()]).await?;
    row.map(|row| Ok((row.uint(0)?, row.text(1)?))).transpose()
}

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
            let found = first_cosigned(self.conn, &origin, index, head.size).await?;
            let (size, note) = found.unwrap_or((head.size, checkpoint.to_owned()));
            at.entry(size).or_insert((note, Vec::new())).1.push((digest, index));
        }
        for (size, (note, places)) in at {
            let indexes: Vec<u64> = places.iter().map(|(_, index)| *index).collect();
            let paths = log::inclusion_many(self.conn, head.id, &indexes, size, None).await?;
            let note = cosigned(self.conn, &origin, size, &note).await?;
            self.more_cosigners(Of::Own(head.id), (&origin, size, head.size)).await?;
            for ((digest, index), hashes) in places.into_iter().zip(paths) {
                let proof = Proof { extra: Vec::new(), index, hashes, note: note.clone() };
                self.bundle.proofs.push((digest, city.clone(), proof));
            }
        }
        Ok(())
    }

    /// Where a head that proves a record lacks the counterparty's cosignature, or that of an
    /// uninvolved city: the next head that has it, and that this one is its beginning.
    async fn more_cosigners(
        &mut self,
        of: Of,
        (origin, size, size_max): (&str, u64, u64),
    ) -> Outcome<()> {
        if !self.linked.insert((origin.to_owned(), size)) {
            return Ok(());
        }
        let named = |city: &CityId| format!("jieli.{city}/cosigner/%");
        let (own, peer) = (named(&self.published.directory.city), named(&self.peer.city));
        let (table, owner, other) = match of {
            Of::Own(_) => ("own_head", own, peer),
            Of::Peer => ("peer_head", peer, own),
        };
        for by in COSIGNED_BY {
            let sql = format!(
                "SELECT h.size, h.note FROM {table} h JOIN cosignature c ON c.origin = h.origin \
                 AND c.size = h.size WHERE h.origin = $1 AND h.size >= $2 AND h.size <= $3 \
                 AND {by} ORDER BY h.size LIMIT 1"
            );
            let mut vals: Vec<Val> = vec![origin.into(), size.into(), size_max.into()];
            vals.push(other.as_str().into());
            vals.extend(by.contains("$5").then(|| Val::from(owner.as_str())));
            let row = self.conn.rows_many(sql, vals).await?.into_iter().next();
            let Some(row) = row else { continue };
            let later = row.uint(0)?;
            if later == size {
                continue;
            }
            let note = cosigned(self.conn, origin, later, &row.text(1)?).await?;
            let hashes = match of {
                Of::Own(id) => log::consistency(self.conn, id, size, later).await?,
                Of::Peer => mirror::consistency(self.conn, origin, size, later).await?,
            };
            let (old_size, new_size) = (size, later);
            let link = Consistency { origin: origin.to_owned(), old_size, new_size, hashes };
            if !self.bundle.consistency.contains(&link) {
                self.bundle.consistency.push(link);
            }
            if !self.bundle.heads.contains(&note) {
                self.bundle.heads.push(note);
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
        let end = self.ends.get(&seen.origin).copied().unwrap_or(u64::MAX);
        let row = self.conn.maybe(sql, vals).await?.filter(|_| seen.size <= end);
        let Some(row) = row else { return Ok(()) };
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
        // What was signed for an epoch beyond its end counts for nothing.
        let end = self.ends.get(&origin).copied().unwrap_or(u64::MAX);
        if index >= end || size > end {
            return Err(no_peer_proof().into());
        }
        let known = mirrored.min(end);
        let vals = vec![origin.as_str().into(), index.into(), known.into()];
        if let Some(row) = self.conn.maybe(THEIRS, vals).await? {
            (size, note) = (row.uint(0)?, row.text(1)?);
            path = mirror::inclusion(self.conn, &origin, index, size).await?;
        }
        let note = cosigned(self.conn, &origin, size, &note).await?;
        self.more_cosigners(Of::Peer, (&origin, size, known)).await?;
        let proof = Proof { extra: Vec::new(), index, hashes: path, note };
        self.bundle.proofs.push((*digest, self.peer.city.clone(), proof));
        Ok(())
    }
}

/// A head with all cosignatures that are kept for it.
pub(super) async fn cosigned(
    conn: &mut Conn,
    origin: &str,
    size: u64,
    note: &str,
) -> Result<Note, StoreError> {
    let note = witness::with_cosignatures(conn, origin, size, note).await?;
    Note::parse(note.as_bytes()).map_err(|_| StoreError::Corrupt("a signed head"))
}
