//! Cosigning a peer's heads with the semantics of C2SP tlog-witness, and keeping what peers cosign.
//! The cosignature is stored and the high-water file written before anybody sees it.

use super::heads::Seen;
use crate::batch::Batch;
use crate::directory::{Directory, Peer};
use crate::store::{Conn, StoreError, mirror};
use crate::wire_limits::NOTE_BYTES_MAX;
use jieli_proto::checkpoint::{Checkpoint, LogName};
use jieli_proto::id::CityId;
use jieli_proto::manifest::Manifest;
use jieli_proto::note::{KeyKind, Note, SignatureLine, VKey};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::tree::{Hash, PROOF_HASHES_MAX, empty_root, verify_consistency};
use jieli_proto::wire::{self, Role};
use std::collections::BTreeMap;

/// What a request for a cosignature came to, with the status of C2SP tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CosignWord {
    /// 200: the signature line.
    Signed(String),
    /// 400: not a checkpoint, too many hashes, or an old size beyond the new one.
    Malformed,
    /// 404: not a log of the caller.
    Unknown,
    /// 403: not signed by a log key of the caller.
    NotSigned,
    /// 409: another size was cosigned last, this one; or its root was another.
    Held(u64),
    /// 422: the proof does not lead from the head cosigned last to this one, or this one is not in
    /// the history held here.
    NotProved,
    /// 503: the heads known here are not linked to it yet.
    NotYet,
}

/// A head that this city cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastCosigned {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// The largest head of a log that this city has cosigned.
pub(crate) async fn last_cosigned(
    conn: &mut Conn,
    origin: &str,
) -> Result<Option<LastCosigned>, StoreError> {
    let sql = "SELECT size, root FROM cosigned WHERE origin = $1 ORDER BY size DESC LIMIT 1";
    let row = conn.maybe(sql, vec![origin.into()]).await?;
    row.map(|row| Ok(LastCosigned { size: row.uint(0)?, root: row.array(1)? })).transpose()
}

/// Remembers a head as cosigned; one root a size, the first line.
pub(crate) async fn remember_cosigned(
    conn: &mut Conn,
    origin: &str,
    size: u64,
    root: &Hash,
    line: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO cosigned (origin, size, root, line) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (origin, size) DO NOTHING";
    conn.run(sql, vec![origin.into(), size.into(), root.into(), line.into()]).await.map(drop)
}

/// The largest head of an own log that somebody has cosigned, with all cosignatures on it.
pub(crate) async fn own_cosigned(
    conn: &mut Conn,
    origin: &str,
) -> Result<Option<Seen>, StoreError> {
    let sql = "SELECT size, root, note FROM own_head WHERE origin = $1 ORDER BY size DESC LIMIT 1";
    let Some(row) = conn.maybe(sql, vec![origin.into()]).await? else { return Ok(None) };
    let (size, root) = (row.uint(0)?, row.array(1)?);
    let note = with_cosignatures(conn, origin, size, &row.text(2)?).await?;
    Ok(Some(Seen { size, root, note }))
}

/// A signed head with the cosignatures kept for it.
pub(crate) async fn with_cosignatures(
    conn: &mut Conn,
    origin: &str,
    size: u64,
    note: &str,
) -> Result<String, StoreError> {
    let corrupt = |_| StoreError::Corrupt("a signed head");
    let mut note = Note::parse(note.as_bytes()).map_err(corrupt)?;
    let sql = "SELECT line FROM cosignature WHERE origin = $1 AND size = $2 ORDER BY cosigner";
    for row in conn.rows(sql, vec![origin.into(), size.into()]).await? {
        let line = SignatureLine::parse(&row.text(0)?).map_err(corrupt)?;
        // One that the note came with is there already.
        let _ = note.add(line);
    }
    Ok(note.to_string())
}

/// A verified cosignature.
struct Cosignature {
    cosigner: String,
    unix_s: u64,
    line: String,
}

/// The cosignatures on a head by cosigner keys that this city knows.
fn known_cosignatures(directory: &Directory, note: &Note) -> Vec<Cosignature> {
    let verified = |line: &SignatureLine| {
        let unix_s = cosigned_at(directory, note.text(), line)?;
        Some(Cosignature { cosigner: line.name().to_owned(), unix_s, line: line.to_string() })
    };
    note.signatures().iter().filter_map(verified).collect()
}

/// When a line cosigned a head, by a cosigner key that its city's newest manifest does not revoke.
fn cosigned_at(directory: &Directory, text: &str, line: &SignatureLine) -> Option<u64> {
    let LogName::Cosigner { city, .. } = LogName::parse(line.name())? else { return None };
    let city = CityId::parse(&city)?;
    let manifests = match directory.peers.get(&city) {
        Some(peer) => &peer.manifests,
        None => Some(&directory.own).filter(|_| city == directory.city)?,
    };
    let newest = manifests.values().next_back()?;
    let keys = manifests.values().flat_map(|manifest| manifest.keys_of(Role::Cosigner));
    let keys = keys.filter(|key| !newest.is_revoked(&key.fpr));
    let mut named =
        keys.filter_map(|key| VKey::new(line.name(), KeyKind::CosignatureV1, key.public).ok());
    let key = named.find(|key| key.key_id() == line.key_id())?;
    key.verify(text, line.signature()).ok().flatten()
}

/// A city's cosigner keys under their names: the number counts them in the order in which its
/// manifests brought them.
pub(crate) fn cosigner_keys(city: &CityId, manifests: &BTreeMap<u32, Manifest>) -> Vec<VKey> {
    let mut known: Vec<PublicKey> = Vec::new();
    for found in manifests.values().flat_map(|manifest| manifest.keys_of(Role::Cosigner)) {
        if !known.contains(&found.public) {
            known.push(found.public);
        }
    }
    let named = |(key, number): (&PublicKey, u64)| {
        let name = LogName::Cosigner { city: city.as_str().to_owned(), number };
        VKey::new(&name.to_string(), KeyKind::CosignatureV1, *key).ok()
    };
    known.iter().zip(1..).filter_map(named).collect()
}

/// A head of one of a peer's two logs, signed by a log key of its newest manifest that counts at
/// this size.
fn open_any(peer: &Peer, head: &Checkpoint, note: &Note) -> bool {
    let Some(newest) = peer.newest() else { return false };
    let counts = |fpr| newest.last_good(fpr, head.origin()).is_some_and(|l| head.size() <= l);
    let keys = newest.keys_of(Role::Log).filter(|key| counts(&key.fpr));
    let keys: Vec<VKey> = keys
        .filter_map(|key| VKey::new(head.origin(), KeyKind::Ed25519, key.public).ok())
        .collect();
    note.verify(&keys).is_ok()
}

impl Batch<'_> {
    /// Cosigns a head of a peer, if everything holds; the order of the checks is that of C2SP
    /// tlog-witness.
    pub(crate) async fn cosign(
        &mut self,
        city: &CityId,
        ask: &wire::CosignRequest,
    ) -> Result<CosignWord, StoreError> {
        let Some(hashes) = hashes_of(&ask.hashes) else { return Ok(CosignWord::Malformed) };
        let Some((note, head)) = checkpoint_of(&ask.checkpoint) else {
            return Ok(CosignWord::Malformed);
        };
        let origin = head.origin();
        let is_exchange = match LogName::parse(origin) {
            Some(LogName::Exchange { city: owner, .. }) if owner == city.as_str() => true,
            Some(LogName::Local { city: owner, .. }) if owner == city.as_str() => false,
            Some(_) | None => return Ok(CosignWord::Unknown),
        };
        let Some(peer) = self.directory.peers.get(city).cloned() else {
            return Ok(CosignWord::Unknown);
        };
        if !open_any(&peer, &head, &note) {
            return Ok(CosignWord::NotSigned);
        }
        if ask.old_size > head.size() {
            return Ok(CosignWord::Malformed);
        }
        let first = LastCosigned { size: 0, root: empty_root() };
        let held = last_cosigned(self.conn, origin).await?.unwrap_or(first);
        if ask.old_size != held.size {
            return Ok(CosignWord::Held(held.size));
        }
        if held.size == head.size() && held.root != *head.root() {
            self.two_roots(city, &head, &ask.checkpoint).await?;
            return Ok(CosignWord::Held(held.size));
        }
        let (old, new) = (held.size, head.size());
        if verify_consistency(old, new, &hashes, &held.root, head.root()).is_err() {
            let detail = format!(
                "{origin}: no proof that the head of size {new} continues the one of size {old}; \
                 by itself this proves nothing against the city"
            );
            self.alarm("consistency-not-proved", city, &detail).await?;
            return Ok(CosignWord::NotProved);
        }
        if is_exchange {
            if self.accept_head(city, origin, &ask.checkpoint).await?.is_none() {
                return Ok(CosignWord::NotProved);
            }
            if !self.is_linked(&peer, &head).await? {
                return Ok(CosignWord::NotYet);
            }
        }
        self.sign_head(&head).await.map(CosignWord::Signed)
    }

    /// Whether every head of that log accepted up to this one is in one history with it. A city
    /// that only dials out cannot be mirrored: there the proofs it gives are all there is.
    async fn is_linked(&mut self, peer: &Peer, head: &Checkpoint) -> Result<bool, StoreError> {
        let mirrored = mirror::head(self.conn, head.origin()).await?;
        let is_mirrored = mirrored.is_some_and(|mirrored| mirrored.size >= head.size());
        Ok(is_mirrored || peer.end_points.is_empty())
    }

    async fn sign_head(&mut self, head: &Checkpoint) -> Result<String, StoreError> {
        let signer = self.house.keys.cosigner();
        let own = cosigner_keys(&self.directory.city, &self.directory.own);
        let key = own.into_iter().find(|key| *key.key() == signer.public());
        let key = key.ok_or(StoreError::Corrupt("cosigner key"))?;
        let (text, unix_s) = (head.text(), self.now_ms / 1000);
        let sig = signer.sign(&key.message(&text, unix_s)).await;
        let sig = sig.map_err(|_| StoreError::Corrupt("cosigner key"))?;
        let line = key.line(unix_s, &sig).to_string();
        let (origin, size) = (head.origin(), head.size());
        remember_cosigned(self.conn, origin, size, head.root(), &line).await?;
        let cosigner = key.name().to_owned();
        let found = Cosignature { cosigner, unix_s, line: line.clone() };
        self.keep_cosignature(origin, size, &found).await?;
        self.cosigned.push((origin.to_owned(), size, *head.root()));
        Ok(line)
    }

    async fn keep_cosignature(
        &mut self,
        origin: &str,
        size: u64,
        found: &Cosignature,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO cosignature (origin, size, cosigner, unix_s, line) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (origin, size, cosigner) DO NOTHING";
        let vals = vec![
            origin.into(),
            size.into(),
            found.cosigner.as_str().into(),
            found.unix_s.into(),
            found.line.as_str().into(),
        ];
        self.conn.run(sql, vals).await.map(drop)
    }

    /// Keeps what known cosigners say on a peer's head, from wherever it came.
    pub(super) async fn keep_cosignatures(
        &mut self,
        head: &Checkpoint,
        note: &str,
    ) -> Result<(), StoreError> {
        let Ok(note) = Note::parse(note.as_bytes()) else { return Ok(()) };
        for found in known_cosignatures(&self.directory, &note) {
            self.keep_cosignature(head.origin(), head.size(), &found).await?;
        }
        Ok(())
    }

    /// A peer's cosignature on an own head, which this city signed with that note.
    pub(crate) async fn cosignature_got(
        &mut self,
        city: &CityId,
        note: &str,
        line: &str,
    ) -> Result<(), StoreError> {
        let Some((_, head)) = checkpoint_of(note) else { return Ok(()) };
        let line = SignatureLine::parse(line).ok();
        let by = |line: &SignatureLine| {
            let name = LogName::parse(line.name());
            name.is_some_and(|name| name.city() == city.as_str())
        };
        let line = line.filter(by);
        let at = line.as_ref().and_then(|l| cosigned_at(&self.directory, &head.text(), l));
        let (Some(line), Some(unix_s)) = (line, at) else {
            let detail = format!("{}: its cosignature does not verify", head.origin());
            return self.alarm("bad-cosignature", city, &detail).await;
        };
        let (origin, size) = (head.origin(), head.size());
        let sql = "INSERT INTO own_head (origin, size, root, note) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (origin, size) DO NOTHING";
        let vals = vec![origin.into(), size.into(), (*head.root()).into(), note.into()];
        self.conn.run(sql, vals).await?;
        let found =
            Cosignature { cosigner: line.name().to_owned(), unix_s, line: line.to_string() };
        self.keep_cosignature(origin, size, &found).await?;
        let sql = "INSERT INTO cosign_last (origin, city, size, at_ms) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (origin, city) DO UPDATE SET size = excluded.size, \
                   at_ms = excluded.at_ms";
        let vals = vec![origin.into(), city.as_str().into(), size.into(), self.now_ms.into()];
        self.conn.run(sql, vals).await?;
        if origin == self.directory.city.exchange_origin(self.head.id.epoch) {
            self.own_cosigned = own_cosigned(self.conn, origin).await?;
        }
        Ok(())
    }
}

fn hashes_of(list: &[Vec<u8>]) -> Option<Vec<Hash>> {
    let hashes = list.iter().map(|hash| hash.as_slice().try_into().ok());
    (list.len() <= PROOF_HASHES_MAX).then(|| hashes.collect()).flatten()
}

fn checkpoint_of(note: &str) -> Option<(Note, Checkpoint)> {
    if note.len() > NOTE_BYTES_MAX {
        return None;
    }
    let note = Note::parse(note.as_bytes()).ok()?;
    let head = Checkpoint::parse(note.text()).ok()?;
    Some((note, head))
}
