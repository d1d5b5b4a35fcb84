//! The files of a bundle as typed parts: forms only, nothing is verified here.

use super::code::{Code, Failures};
use super::{BundledItem, Consistency, json, layout};
use crate::checkpoint::Checkpoint;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::note::Note;
use crate::policy::Policy;
use crate::proof::Proof;
use crate::pubkey::PublicKey;
use crate::tombstone::Tombstone;
use crate::tree::PROOF_HASHES_MAX;
use crate::wire::{self, Envelope};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Envelopes by their name.
pub(super) type Sealed = BTreeMap<Digest, Envelope>;

/// All parts that have a right form.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) envelopes: Sealed,
    pub(super) items: BTreeMap<Digest, BundledItem>,
    pub(super) proofs: BTreeMap<(Digest, CityId), Proof>,
    pub(super) roots: BTreeMap<Digest, PublicKey>,
    pub(super) manifests: Sealed,
    /// Statements of a root that a log goes on in another epoch.
    pub(super) successors: Sealed,
    pub(super) agreements: Sealed,
    pub(super) consents: Sealed,
    pub(super) packs: Sealed,
    pub(super) heads: BTreeMap<String, (Note, Checkpoint)>,
    /// By city and epoch.
    pub(super) policies: BTreeMap<(CityId, u64), Policy>,
    pub(super) sections: BTreeMap<(Digest, u8), wire::Section>,
    pub(super) erasures: BTreeMap<(Digest, u8), Digest>,
    pub(super) tombstones: BTreeMap<String, Buried>,
    pub(super) consistency: BTreeMap<String, Consistency>,
}

/// A tombstone with the head and path that prove it in its city's local log.
pub(super) struct Buried {
    pub(super) stone: Tombstone,
    pub(super) city: CityId,
    pub(super) head: Checkpoint,
    pub(super) proof: Proof,
}

/// Reads every file but `manifest.json` and `REPORT.txt`.
pub(super) fn read(files: &BTreeMap<&str, &[u8]>, failures: &mut Failures) -> Parts {
    let mut parts = Parts::default();
    for (path, data) in files {
        if matches!(*path, layout::MANIFEST | layout::REPORT) {
            continue;
        }
        let directory = path.split_inclusive('/').next().unwrap_or_default();
        if !layout::DIRECTORIES.contains(&directory) {
            failures.add(Code::FileExtra, *path, "no place in the layout");
        } else if parts.add(path, directory, data).is_none() {
            failures.add(Code::FileForm, *path, "");
        }
    }
    parts
}

impl Parts {
    /// Adds a file; `None` if its form is wrong or its name is not that of its content.
    fn add(&mut self, path: &str, directory: &str, data: &[u8]) -> Option<()> {
        match directory {
            "envelopes/" => add_sealed(&mut self.envelopes, path, directory, data),
            "agreement/" => add_sealed(&mut self.agreements, path, directory, data),
            "consents/" => add_sealed(&mut self.consents, path, directory, data),
            "packs/" => add_sealed(&mut self.packs, path, directory, data),
            "keys/" if path.ends_with(".spki") => {
                let key = PublicKey::from_spki(data).ok()?;
                let fpr = Digest(key.fingerprint());
                (layout::root(&fpr) == path).then(|| self.roots.insert(fpr, key)).map(drop)
            }
            "keys/" => {
                let mut found = Sealed::new();
                add_sealed(&mut found, path, directory, data)?;
                for (digest, envelope) in found {
                    let into = match envelope::kind(&envelope) {
                        Some(Kind::Successor) => &mut self.successors,
                        Some(_) | None => &mut self.manifests,
                    };
                    into.insert(digest, envelope);
                }
                Some(())
            }
            "items/" => {
                let item = read_item(path, data)?;
                (layout::item(&item.answers) == path)
                    .then(|| self.items.insert(item.answers, item))
                    .map(drop)
            }
            "proofs/" => {
                let name = path.strip_prefix("proofs/")?.strip_suffix(".tlog-proof")?;
                let (digest, city) = name.split_once('.')?;
                let (digest, city) = (Digest::from_hex(digest)?, CityId::parse(city)?);
                let proof = Proof::parse(data).ok().filter(|proof| proof.extra.is_empty())?;
                let named = layout::proof(&digest, &city) == path;
                named.then(|| self.proofs.insert((digest, city), proof)).map(drop)
            }
            "heads/" => {
                let note = Note::parse(data).ok()?;
                let head = Checkpoint::parse(note.text()).ok()?;
                let named = layout::head(head.origin(), head.size(), &note.to_string())? == path;
                named.then(|| self.heads.insert(path.to_owned(), (note, head))).map(drop)
            }
            "policy/" => {
                let name = path.strip_prefix("policy/")?.strip_suffix(".tlog-policy")?;
                let (city, epoch) = name.split_once('+').unwrap_or((name, "1"));
                let (city, epoch) = (CityId::parse(city)?, epoch.parse().ok()?);
                let text = std::str::from_utf8(data).ok()?;
                let policy = Policy::parse(text).ok().filter(|found| found.to_string() == text)?;
                let named = layout::policy(&city, epoch) == path;
                named.then(|| self.policies.insert((city, epoch), policy)).map(drop)
            }
            "sections/" => {
                let section = read_section(data)?;
                let (digest, number) = slot(path, directory)?;
                let named = section.section == u32::from(number);
                named.then(|| self.sections.insert((digest, number), section)).map(drop)
            }
            "erasures/" if path.ends_with(".tlog-proof") => {
                let found = read_tombstone(data)?;
                let named = layout::tombstone(found.head.origin(), found.proof.index)? == path;
                named.then(|| self.tombstones.insert(path.to_owned(), found)).map(drop)
            }
            "erasures/" => {
                let (digest, number) = slot(path, directory)?;
                let [confirm, section] = json::fields(&json::read(data)?, ["confirm", "section"])?;
                let named = section.as_u64()? == u64::from(number);
                let confirm = hex_digest(&confirm)?;
                named.then(|| self.erasures.insert((digest, number), confirm)).map(drop)
            }
            layout::CONSISTENCY => {
                let found = read_consistency(data)?;
                let name = layout::consistency(&found.origin, found.old_size, found.new_size)?;
                (name == path).then(|| self.consistency.insert(name, found)).map(drop)
            }
            _ => None,
        }
    }
}

fn add_sealed(into: &mut Sealed, path: &str, directory: &str, data: &[u8]) -> Option<()> {
    let envelope = envelope::from_json(std::str::from_utf8(data).ok()?).ok()?;
    let digest = envelope::env_digest(&envelope);
    let named = layout::dsse(directory, &digest) == path;
    named.then(|| into.insert(digest, envelope)).map(drop)
}

/// The lower-case hex of 32 bytes.
fn hex_digest(value: &Value) -> Option<Digest> {
    let text = value.as_str()?;
    Digest::from_hex(text).filter(|digest| digest.hex() == text)
}

/// The message and section of `<directory><env_digest>.<section>.json`.
fn slot(path: &str, directory: &str) -> Option<(Digest, u8)> {
    let name = path.strip_prefix(directory)?.strip_suffix(".json")?;
    let (digest, section) = name.split_once('.')?;
    let (digest, section) = (Digest::from_hex(digest)?, section.parse().ok()?);
    (layout::section(directory, &digest, section) == path).then_some((digest, section))
}

/// `{"item":base64,"path":[base64],"receipt":hex}`.
pub(super) fn write_item(item: &BundledItem) -> String {
    let path: Vec<Value> = item.path.iter().map(json::base64).collect();
    let item =
        json!({ "item": json::base64(&item.item), "path": path, "receipt": item.receipt.hex() });
    json::write(&item)
}

fn read_item(path: &str, data: &[u8]) -> Option<BundledItem> {
    let name = path.strip_prefix("items/")?.strip_suffix(".json")?;
    let [item, hashes, receipt] = json::fields(&json::read(data)?, ["item", "path", "receipt"])?;
    let path = json::hashes(&hashes).filter(|path| path.len() <= PROOF_HASHES_MAX)?;
    let (answers, receipt) = (Digest::from_hex(name)?, hex_digest(&receipt)?);
    Some(BundledItem { answers, receipt, item: json::bytes(&item)?, path })
}

/// `{"disclosures":[base64],"field_digests":[base64],"section":number}`.
pub(super) fn write_section(section: &wire::Section) -> String {
    let list = |items: &[Vec<u8>]| items.iter().map(json::base64).collect::<Vec<Value>>();
    json::write(&json!({
        "disclosures": list(&section.disclosures),
        "field_digests": list(&section.field_digests),
        "section": section.section,
    }))
}

fn read_section(data: &[u8]) -> Option<wire::Section> {
    let [disclosures, field_digests, section] =
        json::fields(&json::read(data)?, ["disclosures", "field_digests", "section"])?;
    Some(wire::Section {
        section: u32::try_from(section.as_u64()?).ok()?,
        field_digests: json::list(&field_digests)?,
        disclosures: json::list(&disclosures)?,
    })
}

/// `{"confirm":hex,"section":number}`.
pub(super) fn write_erasure(section: u8, confirm: &Digest) -> String {
    json::write(&json!({ "confirm": confirm.hex(), "section": section }))
}

/// A tlog-proof whose `extra` is the record.
fn read_tombstone(data: &[u8]) -> Option<Buried> {
    let proof = Proof::parse(data).ok()?;
    let stone = Tombstone::parse(&proof.extra)?;
    let head = Checkpoint::parse(proof.note.text()).ok()?;
    let (city, _) = layout::local(head.origin())?;
    Some(Buried { stone, city, head, proof })
}

/// `{"hashes":[base64],"new_size":n,"old_size":n,"origin":text}`.
pub(super) fn write_consistency(found: &Consistency) -> String {
    let hashes: Vec<Value> = found.hashes.iter().map(json::base64).collect();
    json::write(&json!({
        "hashes": hashes,
        "new_size": found.new_size,
        "old_size": found.old_size,
        "origin": found.origin,
    }))
}

fn read_consistency(data: &[u8]) -> Option<Consistency> {
    let keys = ["hashes", "new_size", "old_size", "origin"];
    let [hashes, new_size, old_size, origin] = json::fields(&json::read(data)?, keys)?;
    Some(Consistency {
        origin: origin.as_str()?.to_owned(),
        old_size: old_size.as_u64()?,
        new_size: new_size.as_u64()?,
        hashes: json::hashes(&hashes).filter(|hashes| hashes.len() <= PROOF_HASHES_MAX)?,
    })
}
