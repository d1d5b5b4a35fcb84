//! Cosigning a peer's heads with the semantics of C2SP tlog-witness, and keeping what peers cosign.
//! The cosignature is stored and the high-water file written before anybody sees it.

use super::ages::Ages;
use super::heads::{Seen, is_signed};
use crate::batch::Batch;
use crate::directory::{Directory, Peer};
use crate::store::{Conn, StoreError, mirror};
use crate::wire_limits::NOTE_BYTES_MAX;
use jieli_proto::checkpoint::{Checkpoint, LogName};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::manifest::{Manifest, cosigner_number};
use jieli_proto::note::{KeyKind, Note, SignatureLine, VKey};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::recovery::epoch_of;
use jieli_proto::tree::{Hash, PROOF_HASHES_MAX, SIZE_MAX, empty_root, verify_consistency};
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

/// Every log that this city has cosigned, with the largest size.
pub(crate) async fn cosigned_sizes(conn: &mut Conn) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT origin, MAX(size) FROM cosigned GROUP BY origin";
    let rows = conn.rows(sql, Vec::new()).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.uint(1)?))).collect()
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

/// What a line says of a head.
enum Said {
    /// A cosigner key that counts there cosigned it then, POSIX seconds.
    Cosigned(u64),
    /// Its key is not known, or does not count there: as if it were not there.
    Nothing,
    /// Its signature is false.
    False,
}

/// The cosignatures on a head by cosigner keys that count there.
fn known_cosignatures(directory: &Directory, head: &Checkpoint, note: &Note) -> Vec<Cosignature> {
    let verified = |line: &SignatureLine| match said(directory, head, line) {
        Said::Cosigned(unix_s) => {
            Some(Cosignature { cosigner: line.name().to_owned(), unix_s, line: line.to_string() })
        }
        Said::Nothing | Said::False => None,
    };
    note.signatures().iter().filter_map(verified).collect()
}

fn said(directory: &Directory, head: &Checkpoint, line: &SignatureLine) -> Said {
    let Some(LogName::Cosigner { city, .. }) = LogName::parse(line.name()) else {
        return Said::Nothing;
    };
    let Some(city) = CityId::parse(&city) else { return Said::Nothing };
    let Some(manifests) = manifests_of(directory, &city) else { return Said::Nothing };
    let named = |key: &&VKey| key.name() == line.name() && key.key_id() == line.key_id();
    let keys = cosigner_keys(&city, manifests);
    let key = keys.iter().find(named).filter(|key| counts(manifests, key, head));
    let Some(key) = key else { return Said::Nothing };
    match key.verify(&head.text(), line.signature()) {
        Ok(Some(unix_s)) => Said::Cosigned(unix_s),
        Ok(None) | Err(_) => Said::False,
    }
}

/// The key manifests of this city or of a peer.
pub(crate) fn manifests_of<'a>(
    directory: &'a Directory,
    city: &CityId,
) -> Option<&'a BTreeMap<u32, Manifest>> {
    match directory.peers.get(city) {
        Some(peer) => Some(&peer.manifests),
        None => Some(directory.own.as_ref()).filter(|_| *city == directory.city),
    }
}

/// A key that was revoked counts up to the size to which the newest manifest says so.
fn counts(manifests: &BTreeMap<u32, Manifest>, key: &VKey, head: &Checkpoint) -> bool {
    let fpr = Digest(key.key().fingerprint());
    let newest = manifests.values().next_back();
    let last = newest.and_then(|newest| newest.last_good(&fpr, head.origin()));
    last.is_some_and(|last| head.size() <= last)
}

/// A city's cosigner keys, those that were replaced too, under their names.
pub(crate) fn cosigner_keys(city: &CityId, manifests: &BTreeMap<u32, Manifest>) -> Vec<VKey> {
    let mut named = BTreeMap::new();
    for key in manifests.values().flat_map(|manifest| manifest.keys_of(Role::Cosigner)) {
        if let Some(number) = cosigner_number(manifests.values(), &key.fpr) {
            named.insert(number, key.public);
        }
    }
    named.into_iter().filter_map(|(number, key)| cosigner_key(city, number, key)).collect()
}

/// A cosigner key under its name.
fn cosigner_key(city: &CityId, number: u32, key: PublicKey) -> Option<VKey> {
    let name = LogName::Cosigner { city: city.as_str().to_owned(), number: number.into() };
    VKey::new(&name.to_string(), KeyKind::CosignatureV1, key).ok()
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
        if !is_signed(peer.manifests.values(), &head, &note) {
            return Ok(CosignWord::NotSigned);
        }
        if is_exchange && epoch_of(city, origin).is_none_or(|epoch| epoch > peer.epoch) {
            // Its root's statement about this epoch has not come yet.
            return Ok(CosignWord::NotYet);
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
        self.sign_head(&head).await
    }

    /// Whether every head of that log accepted up to this one is in one history with it. A city
    /// that only dials out cannot be mirrored: there the proofs it gives are all there is.
    async fn is_linked(&mut self, peer: &Peer, head: &Checkpoint) -> Result<bool, StoreError> {
        let mirrored = mirror::head(self.conn, head.origin()).await?;
        let is_mirrored = mirrored.is_some_and(|mirrored| mirrored.size >= head.size());
        Ok(is_mirrored || peer.end_points.is_empty())
    }

    async fn sign_head(&mut self, head: &Checkpoint) -> Result<CosignWord, StoreError> {
        let keys = self.directory.cosigner_keys(self.now_ms).into_iter();
        let mut held = keys.filter_map(|(fpr, n)| Some((self.house.keys.signer(&fpr)?, n)));
        let Some((signer, number)) = held.next() else { return Ok(CosignWord::NotYet) };
        let key = cosigner_key(&self.directory.city, number, signer.public());
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
        Ok(CosignWord::Signed(line))
    }

    async fn keep_cosignature(
        &mut self,
        origin: &str,
        size: u64,
        found: &Cosignature,
    ) -> Result<(), StoreError> {
        self.quoted.clear();
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
        for found in known_cosignatures(&self.directory, head, &note) {
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
        let Some(line) = line.filter(by) else { return Ok(()) };
        let unix_s = match said(&self.directory, &head, &line) {
            Said::Cosigned(unix_s) => unix_s,
            // A key that this city has not been told of, or no longer believes.
            Said::Nothing => return Ok(()),
            Said::False => {
                let detail = format!("{}: its cosignature does not verify", head.origin());
                return self.alarm("bad-cosignature", city, &detail).await;
            }
        };
        let (origin, size) = (head.origin(), head.size());
        let sql = "INSERT INTO own_head (origin, size, root, note) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (origin, size) DO NOTHING";
        let vals = vec![origin.into(), size.into(), (*head.root()).into(), note.into()];
        self.conn.run(sql, vals).await?;
        let found =
            Cosignature { cosigner: line.name().to_owned(), unix_s, line: line.to_string() };
        self.keep_cosignature(origin, size, &found).await?;
        let before = Ages::read(self.conn, origin).await?;
        let sql = "INSERT INTO cosign_last (origin, city, size, at_ms) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (origin, city) DO UPDATE SET size = excluded.size, \
                   at_ms = excluded.at_ms";
        let vals = vec![origin.into(), city.as_str().into(), size.into(), self.now_ms.into()];
        self.conn.run(sql, vals).await?;
        if origin == self.directory.city.exchange_origin(self.head.id.epoch) {
            self.own_cosigned = Some(own_cosigned(self.conn, origin).await?);
            if before.is_paused(city, self.now_ms) {
                self.offers_go_on().await?;
            }
        }
        Ok(())
    }

    /// A manifest with revocations was taken in: cosignatures that no longer count are dropped, and
    /// ages that rested on them.
    pub(crate) async fn uncount_cosignatures(
        &mut self,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        self.quoted.clear();
        let city = manifest.city.clone();
        let Some(manifests) = manifests_of(&self.directory, &city) else { return Ok(()) };
        let mut manifests = manifests.clone();
        manifests.insert(manifest.version, manifest.clone());
        for key in cosigner_keys(&city, &manifests) {
            let fpr = Digest(key.key().fingerprint());
            if !manifest.is_revoked(&fpr) {
                continue;
            }
            let sql = "SELECT DISTINCT origin FROM cosignature WHERE cosigner = $1";
            let rows = self.conn.rows(sql, vec![key.name().into()]).await?;
            for row in rows {
                let origin = row.text(0)?;
                // A head has a size from 1: 0 leaves none.
                let last = manifest.last_good(&fpr, &origin).unwrap_or(0).min(SIZE_MAX);
                let sql =
                    "DELETE FROM cosignature WHERE cosigner = $1 AND origin = $2 AND size > $3";
                let vals = vec![key.name().into(), origin.into(), last.into()];
                self.conn.run(sql, vals).await?;
            }
        }
        let sql = "DELETE FROM own_head WHERE NOT EXISTS (SELECT 1 FROM cosignature c \
                   WHERE c.origin = own_head.origin AND c.size = own_head.size)";
        self.conn.run(sql, Vec::new()).await?;
        let sql = "DELETE FROM cosign_last WHERE city = $1 AND NOT EXISTS \
                   (SELECT 1 FROM cosignature c WHERE c.origin = cosign_last.origin \
                   AND c.size = cosign_last.size AND c.cosigner LIKE $2)";
        let ours = format!("jieli.{city}/cosigner/%");
        self.conn.run(sql, vec![city.as_str().into(), ours.into()]).await?;
        let origin = self.directory.city.exchange_origin(self.head.id.epoch);
        self.own_cosigned = Some(own_cosigned(self.conn, &origin).await?);
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
