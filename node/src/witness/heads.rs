//! Signed heads of peers' exchange logs: taken from wherever they come, and held against each other.

use crate::batch::Batch;
use crate::directory::Peer;
use crate::store::{Conn, StoreError, mirror, recovery};
use jieli_proto::checkpoint::{Checkpoint, LogName};
use jieli_proto::id::CityId;
use jieli_proto::manifest::{self, Manifest};
use jieli_proto::misbehaviour::Parts;
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::recovery::epoch_of;
use jieli_proto::tree::Hash;
use std::collections::BTreeMap;

/// A head that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// Heads of one log that no mirror covers yet and that are told beside the largest.
const LOOSE_MAX: usize = 8;

/// By origin, the heads that others are told of.
pub type Heads = BTreeMap<String, LogHeads>;

/// The heads of one log that others are told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHeads {
    /// The largest that was accepted.
    pub newest: Option<Seen>,
    /// The latest others that could not be held against its hashes yet: another city may be able to.
    pub loose: Vec<Seen>,
    /// How far a signed head has tied it to what is mirrored, since the start.
    pub tied: u64,
}

impl LogHeads {
    /// Adds a head.
    pub(crate) fn add(&mut self, seen: Seen) {
        let other = match self.newest.take() {
            Some(newest) if newest.size >= seen.size => {
                self.newest = Some(newest);
                Some(seen)
            }
            older => {
                self.newest = Some(seen);
                older
            }
        };
        self.loose.extend(other);
        let from = self.loose.len().saturating_sub(LOOSE_MAX);
        self.loose.drain(..from);
    }

    /// What the mirror covers needs no telling.
    pub(crate) fn tie(&mut self, size: u64) {
        self.loose.retain(|seen| seen.size > size);
        self.tied = self.tied.max(size);
    }

    /// All, the largest first.
    pub fn all(&self) -> impl Iterator<Item = &Seen> {
        self.newest.iter().chain(&self.loose)
    }

    /// Size of the largest.
    pub fn size(&self) -> u64 {
        self.newest.as_ref().map_or(0, |newest| newest.size)
    }
}

/// The largest accepted head of each log.
pub(crate) async fn newest(conn: &mut Conn) -> Result<Heads, StoreError> {
    let sql = "SELECT h.origin, h.size, h.root, h.note FROM peer_head h WHERE h.size = \
               (SELECT MAX(p.size) FROM peer_head p WHERE p.origin = h.origin)";
    let rows = conn.rows(sql, vec![]).await?;
    let read = |row: &crate::store::Row| {
        let seen = Seen { size: row.uint(1)?, root: row.array(2)?, note: row.text(3)? };
        Ok((row.text(0)?, LogHeads { newest: Some(seen), ..LogHeads::default() }))
    };
    rows.iter().map(read).collect()
}

/// The largest accepted head of a log.
pub(crate) async fn newest_of(conn: &mut Conn, origin: &str) -> Result<Option<Seen>, StoreError> {
    let sql = "SELECT size, root, note FROM peer_head WHERE origin = $1 \
               ORDER BY size DESC LIMIT 1";
    let row = conn.maybe(sql, vec![origin.into()]).await?;
    row.map(|row| Ok(Seen { size: row.uint(0)?, root: row.array(1)?, note: row.text(2)? }))
        .transpose()
}

/// Reads a note as a head of an exchange log of this peer, signed by a log key of its newest
/// manifest that counts at this size.
pub(crate) fn open_head(peer: &Peer, note: &str) -> Option<Checkpoint> {
    open_signed(&peer.city, peer.manifests.values(), note)
}

/// Reads a note as a head of an exchange log of this city, signed by a log key of these manifests
/// that counts at its size.
pub(crate) fn open_signed<'a>(
    city: &CityId,
    manifests: impl Iterator<Item = &'a Manifest>,
    note: &str,
) -> Option<Checkpoint> {
    let note = Note::parse(note.as_bytes()).ok()?;
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    let owner = match LogName::parse(checkpoint.origin())? {
        LogName::Exchange { city, .. } => city,
        LogName::Local { .. } | LogName::Cosigner { .. } => return None,
    };
    let is_theirs = owner == city.as_str() && is_signed(manifests, &checkpoint, &note);
    is_theirs.then_some(checkpoint)
}

/// Whether a log key of these manifests that counts at its size signed a head.
pub(super) fn is_signed<'a>(
    manifests: impl Iterator<Item = &'a Manifest>,
    head: &Checkpoint,
    note: &Note,
) -> bool {
    let keys = manifest::log_keys_at(manifests, head.origin(), head.size());
    let named = |key: &PublicKey| VKey::new(head.origin(), KeyKind::Ed25519, *key).ok();
    let vkeys: Vec<VKey> = keys.iter().filter_map(named).collect();
    note.verify(&vkeys).is_ok_and(|found| !found.is_empty())
}

impl Batch<'_> {
    /// Takes a head of any exchange log of a city.
    pub(crate) async fn hear_head(&mut self, city: &CityId, note: &str) -> Result<(), StoreError> {
        let Some(peer) = self.directory.peers.get(city) else { return Ok(()) };
        let Some(head) = open_head(peer, note) else { return Ok(()) };
        let origin = head.origin().to_owned();
        self.accept_head(city, &origin, note).await.map(drop)
    }

    /// Takes a head of this origin signed by the peer's log key and keeps it. `None` if it is none,
    /// or if another root of that size was signed before.
    pub(crate) async fn accept_head(
        &mut self,
        city: &CityId,
        origin: &str,
        note: &str,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let Some(peer) = self.directory.peers.get(city) else { return Ok(None) };
        let Some(head) = open_head(peer, note).filter(|head| head.origin() == origin) else {
            return Ok(None);
        };
        // A new epoch counts once the root's statement about it was accepted.
        let epoch = epoch_of(city, origin).filter(|epoch| *epoch <= peer.epoch);
        let Some(epoch) = epoch else { return Ok(None) };
        // What was signed beyond the end that the root has stated does not count.
        if recovery::ended_below(self.conn, city, epoch, head.size()).await? {
            return Ok(None);
        }
        let sql = "SELECT root FROM peer_head WHERE origin = $1 AND size = $2";
        let row = self.conn.maybe(sql, vec![origin.into(), head.size().into()]).await?;
        if let Some(row) = row {
            if row.array(0)? != *head.root() {
                // Two signed roots of one size: a portable proof of misbehaviour.
                self.two_roots(city, &head, note).await?;
                return Ok(None);
            }
            self.keep_cosignatures(&head, note).await?;
            return Ok(Some(head));
        }
        let sql =
            "INSERT INTO peer_head (origin, size, root, note, seen_ms) VALUES ($1,$2,$3,$4,$5)";
        let vals = vec![
            origin.into(),
            head.size().into(),
            (*head.root()).into(),
            note.into(),
            self.now_ms.into(),
        ];
        self.conn.run(sql, vals).await?;
        self.quoted.clear();
        let seen = Seen { size: head.size(), root: *head.root(), note: note.to_owned() };
        self.heads.entry(origin.to_owned()).or_default().push(seen);
        let mirrored = mirror::head(self.conn, origin).await?;
        if mirrored.is_some_and(|mirrored| mirrored.size >= head.size())
            && mirror::root_at(self.conn, origin, head.size()).await? != *head.root()
        {
            self.not_one_history(city, origin, head.size()).await?;
            return Ok(None);
        }
        self.keep_cosignatures(&head, note).await?;
        Ok(Some(head))
    }

    /// A signed head is no beginning of the mirrored log, which leads to another signed head: only
    /// one root of that size has a proof that it does, and this is not it.
    pub(super) async fn not_one_history(
        &mut self,
        city: &CityId,
        origin: &str,
        size: u64,
    ) -> Result<(), StoreError> {
        let sql = "SELECT note FROM peer_head WHERE origin = $1 AND size = $2";
        let old = self.conn.one(sql, vec![origin.into(), size.into()]).await?.text(0)?;
        let mirrored = mirror::head(self.conn, origin).await?;
        let new = mirrored.map_or(String::new(), |mirrored| mirrored.note);
        let new_size = signed_size(&new);
        if new_size <= size {
            let detail =
                format!("{origin}: the head of size {size} is not in the history mirrored");
            return self.alarm("inconsistent-heads", city, &detail).await;
        }
        let old_root = mirror::root_at(self.conn, origin, size).await?;
        let hashes = mirror::consistency(self.conn, origin, size, new_size).await?;
        let parts = Parts::Fork { notes: [bare(&old), bare(&new)], old_root, hashes };
        self.keep_finding(city, parts).await.map(drop)
    }

    /// Another root of a size was signed before.
    pub(super) async fn two_roots(
        &mut self,
        city: &CityId,
        head: &Checkpoint,
        note: &str,
    ) -> Result<(), StoreError> {
        let sql = "SELECT note FROM peer_head WHERE origin = $1 AND size = $2 AND root <> $3";
        let vals = vec![head.origin().into(), head.size().into(), (*head.root()).into()];
        match self.conn.maybe(sql, vals).await? {
            Some(row) => {
                let notes = [bare(&row.text(0)?), bare(note)];
                self.keep_finding(city, Parts::Notes(notes)).await.map(drop)
            }
            // Of a local log, or of a head known from the high-water file alone.
            None => {
                let (origin, size) = (head.origin(), head.size());
                let detail = format!("{origin}: another root of size {size} was cosigned before");
                self.alarm("inconsistent-heads", city, &detail).await
            }
        }
    }
}

/// A head's own signature lines alone: whoever finds the same contradiction writes the same file.
fn bare(note: &str) -> String {
    let is_cosignature = |line: &str| {
        let name = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split(' ').next());
        matches!(name.and_then(LogName::parse), Some(LogName::Cosigner { .. }))
    };
    note.lines().filter(|line| !is_cosignature(line)).map(|line| format!("{line}\n")).collect()
}

/// The size of a head kept here; 0 where there is none.
pub(super) fn signed_size(note: &str) -> u64 {
    let note = Note::parse(note.as_bytes()).ok();
    let head = note.and_then(|note| Checkpoint::parse(note.text()).ok());
    head.map_or(0, |head| head.size())
}
