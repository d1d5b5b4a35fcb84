//! Where everything lies. A path follows from the content, so that there is one place for a thing.

use crate::checkpoint::LogName;
use crate::id::{CityId, Digest};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const REPORT: &str = "REPORT.txt";

/// The directories in the order of the ZIP; `manifest.json` comes before them, `REPORT.txt` after.
pub(super) const DIRECTORIES: [&str; 12] = [
    "envelopes/",
    "items/",
    "proofs/",
    "keys/",
    "agreement/",
    "consents/",
    "packs/",
    "heads/",
    "policy/",
    "sections/",
    "erasures/",
    CONSISTENCY,
];

pub(super) const CONSISTENCY: &str = "consistency/";

/// Sorts paths into the order of the ZIP. What has no place comes last.
pub(super) fn rank(path: &str) -> (usize, &str) {
    let directory = DIRECTORIES.iter().position(|directory| path.starts_with(directory));
    let rank = match (path, directory) {
        (MANIFEST, _) => 0,
        (_, Some(at)) => at + 1,
        (REPORT, _) => 98,
        (_, None) => 99,
    };
    (rank, path)
}

pub(super) fn dsse(directory: &str, digest: &Digest) -> String {
    format!("{directory}{digest}.dsse.json")
}

pub(super) fn item(digest: &Digest) -> String {
    format!("items/{digest}.json")
}

pub(super) fn proof(digest: &Digest, city: &CityId) -> String {
    format!("proofs/{digest}.{city}.tlog-proof")
}

pub(super) fn root(fpr: &Digest) -> String {
    format!("keys/{fpr}.spki")
}

/// The policy of a city's exchange log in one epoch. No city id has a plus sign.
pub(super) fn policy(city: &CityId, epoch: u64) -> String {
    match epoch {
        1 => format!("policy/{city}.tlog-policy"),
        _ => format!("policy/{city}+{epoch}.tlog-policy"),
    }
}

/// A tombstone: by its place in a local log.
pub(super) fn tombstone(origin: &str, index: u64) -> Option<String> {
    let (city, epoch) = local(origin)?;
    Some(format!("erasures/{city}.{epoch}.{index}.tlog-proof"))
}

pub(super) fn section(directory: &str, digest: &Digest, section: u8) -> String {
    format!("{directory}{digest}.{section}.json")
}

/// The city and epoch of an exchange log's origin.
pub(super) fn exchange(origin: &str) -> Option<(CityId, u64)> {
    match LogName::parse(origin)? {
        LogName::Exchange { city, epoch } => Some((CityId::parse(&city)?, epoch)),
        LogName::Local { .. } | LogName::Cosigner { .. } => None,
    }
}

/// The city and epoch of a local log's origin.
pub(super) fn local(origin: &str) -> Option<(CityId, u64)> {
    match LogName::parse(origin)? {
        LogName::Local { city, epoch } => Some((CityId::parse(&city)?, epoch)),
        LogName::Exchange { .. } | LogName::Cosigner { .. } => None,
    }
}

/// The city of a cosigner's key name.
pub(super) fn cosigner(name: &str) -> Option<CityId> {
    match LogName::parse(name)? {
        LogName::Cosigner { city, .. } => CityId::parse(&city),
        LogName::Exchange { .. } | LogName::Local { .. } => None,
    }
}

/// A head: by city, epoch and size, and by the hash of the note, for one head may be there with
/// other cosignatures.
pub(super) fn head(origin: &str, size: u64, note: &str) -> Option<String> {
    let (city, epoch) = exchange(origin)?;
    let tag = hex::encode(&Digest::of(&[note.as_bytes()]).0[..8]);
    Some(format!("heads/{city}.{epoch}.{size}.{tag}.note"))
}

pub(super) fn consistency(origin: &str, old_size: u64, new_size: u64) -> Option<String> {
    let (city, epoch) = exchange(origin)?;
    Some(format!("{CONSISTENCY}{city}.{epoch}.{old_size}.{new_size}.json"))
}
