//! `manifest.json`: every file with its SHA-256, and the claim: only what a verifier works out
//! again from the files. It proves nothing by itself.

use super::parts::Parts;
use super::records::{self, Record};
use super::{MEDIA_TYPE, MEDIA_TYPE_WITHIN, json, layout};
use crate::checkpoint::Checkpoint;
use crate::envelope;
use crate::id::Digest;
use crate::kinds::Kind;
use crate::tree::Hash;
use crate::wire;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `manifest.json`, read.
pub(super) struct ManifestJson {
    /// The claim as found.
    pub(super) claim: Value,
    /// Path to lower-case hex of SHA-256, as found.
    pub(super) files: BTreeMap<String, String>,
    /// Whether the bytes are the one spelling.
    pub(super) canonical: bool,
}

/// Reads `manifest.json`; `None` if it cannot be read at all.
pub(super) fn read(bytes: &[u8]) -> Option<ManifestJson> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let canonical = json::write(&value).as_bytes() == bytes;
    let [claim, files] = json::fields(&value, ["claim", "files"])?;
    let files = files.as_object()?.iter();
    let files: Option<BTreeMap<String, String>> =
        files.map(|(path, hash)| Some((path.clone(), hash.as_str()?.to_owned()))).collect();
    Some(ManifestJson { claim: claim.is_object().then_some(claim)?, files: files?, canonical })
}

/// Writes `manifest.json` for a claim and all other files.
pub(super) fn write(claim: &Value, files: &BTreeMap<&str, &[u8]>) -> String {
    let hashes = files.iter().filter(|(path, _)| **path != layout::MANIFEST);
    let hashes: Map<String, Value> = hashes
        .map(|(path, data)| ((*path).to_owned(), Value::String(Digest::of(&[data]).hex())))
        .collect();
    json::write(&json!({ "claim": claim, "files": hashes }))
}

/// The claim of these parts.
pub(super) fn of(parts: &Parts) -> Value {
    let records = records::read(parts);
    let count = |kind: Kind| records.values().filter(|record| record.kind() == kind).count();
    json!({
        "agreements": agreements(parts),
        "cases": cases(&records),
        "cities": cities(parts),
        "counts": {
            "acts": count(Kind::Act),
            "consents": parts.consents.len(),
            "consistency": parts.consistency.len(),
            "erasures": parts.erasures.len(),
            "heads": parts.heads.len(),
            "items": parts.items.len(),
            "messages": count(Kind::Message),
            "packs": parts.packs.len(),
            "proofs": parts.proofs.len(),
            "receipts": count(Kind::Receipt),
            "sections": parts.sections.len(),
            "statements": count(Kind::LegStatement),
        },
        "format": if records::are_within(&records) { MEDIA_TYPE_WITHIN } else { MEDIA_TYPE },
        "heads": heads(parts),
        "legs": legs(&records),
    })
}

/// By id and version.
fn agreements(parts: &Parts) -> Value {
    let mut found: Vec<(String, u32, String)> = Vec::new();
    for (digest, envelope) in &parts.agreements {
        if let Ok(agreement) = envelope::payload::<wire::Agreement>(envelope) {
            let id = hex::encode(&agreement.agreement_id);
            found.push((id, agreement.version, digest.hex()));
        }
    }
    found.sort();
    let object = |(id, version, digest): (String, u32, String)| json!({ "env_digest": digest, "id": id, "version": version });
    found.into_iter().map(object).collect()
}

fn cases(records: &BTreeMap<Digest, Record<'_>>) -> Value {
    let cases = records.values().filter_map(|record| record.message()?.0.place);
    let cases: BTreeSet<String> = cases.map(|place| place.case.hex()).collect();
    cases.into_iter().map(Value::String).collect()
}

/// The newest manifest version here of each city, and the root that signs it.
fn cities(parts: &Parts) -> Value {
    let mut found: BTreeMap<(String, String), u32> = BTreeMap::new();
    for manifest in parts.manifests.values() {
        if let Ok(keys) = envelope::payload::<wire::KeyManifest>(manifest) {
            let newest = found.entry((keys.city_id, hex::encode(&manifest.key_fpr))).or_default();
            *newest = keys.version.max(*newest);
        }
    }
    let object = |((id, root), version): ((String, String), u32)| json!({ "id": id, "manifest_version": version, "root": root });
    found.into_iter().map(object).collect()
}

/// The largest head here of each log.
fn heads(parts: &Parts) -> Value {
    let proven =
        parts.proofs.values().filter_map(|proof| Checkpoint::parse(proof.note.text()).ok());
    let mut found: BTreeMap<String, (u64, Hash)> = BTreeMap::new();
    for head in parts.heads.values().map(|(_, head)| head.clone()).chain(proven) {
        let newest = found.entry(head.origin().to_owned()).or_insert((head.size(), *head.root()));
        if head.size() > newest.0 {
            *newest = (head.size(), *head.root());
        }
    }
    let object = |(origin, (size, root)): (String, (u64, Hash))| json!({ "origin": origin, "root": hex::encode(root), "size": size });
    found.into_iter().map(object).collect()
}

/// Each leg with the last `leg_seq` of each city, or within one city the number of messages.
fn legs(records: &BTreeMap<Digest, Record<'_>>) -> Value {
    let mut found: BTreeMap<String, (&str, BTreeMap<String, u32>)> = BTreeMap::new();
    for record in records.values().filter(|record| record.takes_leg_place()) {
        let Some((facts, _)) = record.message() else { continue };
        let Some(place) = facts.place else { continue };
        let service = facts.service.as_str_name();
        let leg = found.entry(place.leg.hex()).or_insert((service, BTreeMap::new()));
        let last = leg.1.entry(facts.sender().to_string()).or_default();
        // Within one city both offices speak in its name.
        *last = if facts.head.agreement.is_local() { *last + 1 } else { place.seq.max(*last) };
    }
    let object = |(id, (service, last)): (String, (&str, BTreeMap<String, u32>))| json!({ "id": id, "last": last, "service": service });
    found.into_iter().map(object).collect()
}
