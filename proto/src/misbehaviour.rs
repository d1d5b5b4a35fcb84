//! A city's misbehaviour, proved by its own signatures in one file that a stranger can check: two
//! histories of one log, or two messages for one place.

use crate::bundle::json;
use crate::checkpoint::{Checkpoint, LogName};
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::manifest::{Manifest, log_keys_at};
use crate::note::{KeyKind, Note, VKey};
use crate::pubkey::PublicKey;
use crate::tree::{Hash, PROOF_HASHES_MAX, verify_consistency};
use crate::wire::{self, Envelope};
use serde_json::{Value, json};

/// Media type, and the `format` of the file.
pub const FORMAT: &str = "application/vnd.jieli.misbehaviour.v1+json";

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Not the one spelling of such a file.
    #[error("not a file of this format in its one spelling")]
    Form,
    /// The root key in it was not given.
    #[error("the city's root fingerprint {0} was not given")]
    Root(Digest),
    /// Its manifests are no chain under that root.
    #[error("the key manifests are not a chain signed by the root key")]
    Manifests,
    /// Something in it is not signed by a key of the city that counts.
    #[error("not signed by a key of the city that counts there")]
    Signature,
    /// Both are signed, and nothing is wrong with that.
    #[error("what is signed does not contradict itself")]
    NoContradiction,
}

/// What is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Two roots of one size of one log.
    SplitView {
        /// The log.
        origin: String,
        /// The size.
        size: u64,
    },
    /// The smaller head is no beginning of the larger one.
    Fork {
        /// The log.
        origin: String,
        /// Size of the smaller head.
        old_size: u64,
        /// Size of the larger head.
        new_size: u64,
    },
    /// Two payloads for one place in a lane.
    TwoForOnePlace {
        /// The agreement, hex.
        agreement: String,
        /// The lane.
        lane: u32,
        /// The place in it.
        lane_seq: u64,
    },
}

impl What {
    /// Its word in the file.
    pub fn word(&self) -> &'static str {
        match self {
            What::SplitView { .. } => "split-view",
            What::Fork { .. } => "fork",
            What::TwoForOnePlace { .. } => "lane-equivocation",
        }
    }

    /// In plain words, Chinese and English.
    pub fn say(&self, city: &CityId) -> (String, String) {
        match self {
            What::SplitView { origin, size } => (
                format!("{city} 为日志 {origin} 的同一条数 {size} 签了两个不同的根"),
                format!("{city} signed two different roots of {origin} at size {size}"),
            ),
            What::Fork { origin, old_size, new_size } => (
                format!(
                    "{city} 签的日志 {origin} 在 {old_size} 条和 {new_size} 条时不是同一段历史"
                ),
                format!(
                    "{city} signed heads of {origin} at sizes {old_size} and {new_size} that are \
                     not one history"
                ),
            ),
            What::TwoForOnePlace { agreement, lane, lane_seq } => (
                format!("{city} 在协议 {agreement} 第 {lane} 道第 {lane_seq} 号签了两份不同的文书"),
                format!(
                    "{city} signed two different documents for place {lane_seq} of lane {lane} of \
                     agreement {agreement}"
                ),
            ),
        }
    }
}

/// The parts of a file, of one city.
#[derive(Clone, Debug, PartialEq)]
pub struct Misbehaviour {
    /// Its root key.
    pub root: PublicKey,
    /// Its manifests in the order of their versions, an unbroken chain.
    pub manifests: Vec<Envelope>,
    /// The contradiction.
    pub parts: Parts,
}

/// What contradicts itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts {
    /// Two signed notes of one size.
    Notes([String; 2]),
    /// Two signed notes, the smaller first, with a consistency proof that leads from another root
    /// of the smaller size to the larger head: only one root has such a proof.
    Fork {
        /// The notes.
        notes: [String; 2],
        /// The root that the larger head's tree has at the smaller size.
        old_root: Hash,
        /// Consistency from it to the larger head.
        hashes: Vec<Hash>,
    },
    /// Two envelopes for one place.
    Envelopes([Envelope; 2]),
}

impl Misbehaviour {
    /// The file. Two notes of one size and two envelopes are sorted, so that whoever holds the same
    /// parts writes the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = |envelopes: &[Envelope]| -> Vec<Value> {
            envelopes.iter().map(|e| Value::String(envelope::to_json(e))).collect()
        };
        let mut file = json!({
            "format": FORMAT,
            "manifests": texts(&self.manifests),
            "root": json::base64(self.root.to_spki()),
        });
        match &self.parts {
            Parts::Notes(notes) => {
                let mut notes = notes.clone();
                notes.sort();
                file["notes"] = json!(notes);
            }
            Parts::Fork { notes, old_root, hashes } => {
                file["notes"] = json!(notes);
                file["old_root"] = json::base64(old_root);
                file["hashes"] = hashes.iter().map(json::base64).collect();
            }
            Parts::Envelopes(envelopes) => {
                let mut texts = texts(envelopes);
                texts.sort_by_key(Value::to_string);
                file["envelopes"] = Value::Array(texts);
            }
        }
        json::write(&file).into_bytes()
    }

    /// Reads a file in its one spelling. That it parses proves nothing.
    pub fn parse(bytes: &[u8]) -> Result<Misbehaviour, Unproved> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Unproved::Form);
        }
        let found = read(bytes).ok_or(Unproved::Form)?;
        if found.to_bytes() == bytes { Ok(found) } else { Err(Unproved::Form) }
    }

    /// What the file proves, if the city's root is among those given. A key that the newest
    /// manifest revokes counts for a head up to its last good size, and for messages not at all.
    pub fn verify(&self, roots: &[Digest]) -> Result<(CityId, What), Unproved> {
        let root = Digest(self.root.fingerprint());
        if !roots.contains(&root) {
            return Err(Unproved::Root(root));
        }
        let mut chain: Vec<Manifest> = Vec::new();
        for sealed in &self.manifests {
            let next = Manifest::open(sealed, &self.root, chain.last());
            chain.push(next.map_err(|_| Unproved::Manifests)?);
        }
        let city = chain.last().ok_or(Unproved::Manifests)?.city.clone();
        let what = match &self.parts {
            Parts::Notes([one, other]) => {
                let (one, other) = (head(one, &city, &chain)?, head(other, &city, &chain)?);
                let differ = one.origin() == other.origin()
                    && one.size() == other.size()
                    && one.root() != other.root();
                let (origin, size) = (one.origin().to_owned(), one.size());
                differ.then_some(What::SplitView { origin, size })
            }
            Parts::Fork { notes: [old, new], old_root, hashes } => {
                let (old, new) = (head(old, &city, &chain)?, head(new, &city, &chain)?);
                let (old_size, new_size) = (old.size(), new.size());
                let leads = verify_consistency(old_size, new_size, hashes, old_root, new.root());
                let differ = old.origin() == new.origin()
                    && 0 < old_size
                    && old_size < new_size
                    && old.root() != old_root
                    && leads.is_ok();
                let origin = old.origin().to_owned();
                differ.then_some(What::Fork { origin, old_size, new_size })
            }
            Parts::Envelopes([one, other]) => {
                let place = place(one, &city, &chain)?;
                let differ = place == self::place(other, &city, &chain)?
                    && envelope::env_digest(one) != envelope::env_digest(other);
                let (agreement, lane, lane_seq) = place;
                let agreement = hex::encode(agreement);
                differ.then_some(What::TwoForOnePlace { agreement, lane, lane_seq })
            }
        };
        what.map(|what| (city, what)).ok_or(Unproved::NoContradiction)
    }
}

/// Reads a file and checks it.
pub fn verify(bytes: &[u8], roots: &[Digest]) -> Result<(CityId, What), Unproved> {
    Misbehaviour::parse(bytes)?.verify(roots)
}

fn read(bytes: &[u8]) -> Option<Misbehaviour> {
    let value = json::read(bytes)?;
    let map = value.as_object()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts =
        |key: &str| -> Option<Vec<String>> { map.get(key)?.as_array()?.iter().map(text).collect() };
    let two = |key: &str| -> Option<[String; 2]> { texts(key)?.try_into().ok() };
    if map.get("format")?.as_str()? != FORMAT {
        return None;
    }
    let parts = if let Some(hashes) = map.get("hashes") {
        let old_root = json::bytes(map.get("old_root")?)?.try_into().ok()?;
        let hashes = json::hashes(hashes).filter(|hashes| hashes.len() <= PROOF_HASHES_MAX)?;
        Parts::Fork { notes: two("notes")?, old_root, hashes }
    } else if map.contains_key("notes") {
        Parts::Notes(two("notes")?)
    } else {
        let [one, other] = two("envelopes")?;
        Parts::Envelopes([envelope::from_json(&one).ok()?, envelope::from_json(&other).ok()?])
    };
    let manifests = texts("manifests")?;
    let manifests = manifests.iter().map(|text| envelope::from_json(text).ok());
    Some(Misbehaviour {
        root: PublicKey::from_spki(&json::bytes(map.get("root")?)?).ok()?,
        manifests: manifests.collect::<Option<_>>()?,
        parts,
    })
}

/// A head of a log of this city, signed by a log key that counts at its size.
fn head(note: &str, city: &CityId, chain: &[Manifest]) -> Result<Checkpoint, Unproved> {
    let note = Note::parse(note.as_bytes()).map_err(|_| Unproved::Form)?;
    let head = Checkpoint::parse(note.text()).map_err(|_| Unproved::Form)?;
    let owner = match LogName::parse(head.origin()) {
        Some(LogName::Exchange { city, .. } | LogName::Local { city, .. }) => city,
        Some(LogName::Cosigner { .. }) | None => return Err(Unproved::Signature),
    };
    let keys = log_keys_at(chain, head.origin(), head.size());
    let named = |key: &PublicKey| VKey::new(head.origin(), KeyKind::Ed25519, *key).ok();
    let vkeys: Vec<VKey> = keys.iter().filter_map(named).collect();
    match owner == city.as_str() && note.verify(&vkeys).is_ok() {
        true => Ok(head),
        false => Err(Unproved::Signature),
    }
}

/// The place that a signed envelope of this city names.
fn place(
    sealed: &Envelope,
    city: &CityId,
    chain: &[Manifest],
) -> Result<(Vec<u8>, u32, u64), Unproved> {
    let kind = envelope::kind(sealed).ok_or(Unproved::Form)?;
    let is_revoked = envelope::key_fpr(sealed)
        .is_ok_and(|fpr| chain.last().is_some_and(|newest| newest.is_revoked(&fpr)));
    let is_signed = chain.iter().any(|manifest| manifest.verify(sealed, kind).is_ok());
    if is_revoked || !is_signed {
        return Err(Unproved::Signature);
    }
    let form = |_| Unproved::Form;
    let header = match kind {
        Kind::Message => envelope::payload::<wire::Message>(sealed).map_err(form)?.header,
        Kind::Receipt => envelope::payload::<wire::Receipt>(sealed).map_err(form)?.header,
        Kind::Act => envelope::payload::<wire::Act>(sealed).map_err(form)?.header,
        Kind::Agreement
        | Kind::Manifest
        | Kind::Consent
        | Kind::LaneStatement
        | Kind::LegStatement
        | Kind::Recovery
        | Kind::PersonStatement
        | Kind::Slip
        | Kind::Letter
        | Kind::Successor
        | Kind::Invite
        | Kind::Pack
        | Kind::Flag => None,
    };
    let header = header.ok_or(Unproved::Form)?;
    match header.sender == city.as_str() {
        true => Ok((header.agreement_id, header.lane, header.lane_seq)),
        false => Err(Unproved::Signature),
    }
}
