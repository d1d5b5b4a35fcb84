//! The verifier: bytes and root fingerprints in, verdicts out. One fault never hides the next, and
//! nothing but the roots given is trusted.

use super::code::{Code, Failures};
use super::records::Record;
use super::verdict::Verdicts;
use super::zip::{self, ZipError};
use super::{claim, layout, parts, records, report};
use crate::id::Digest;
use std::collections::{BTreeMap, BTreeSet};

mod agreements;
mod content;
mod epochs;
mod items;
mod lanes;
mod legs;
mod logs;
mod persons;
mod replay;
mod sections;
mod tombstones;
mod trust;
mod within;

pub(super) use logs::Heads;
use logs::Logs;
pub(super) use trust::Trust;

/// Neither the ZIP nor `manifest.json` tells what was meant to be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no ZIP of this form.
    #[error("the ZIP cannot be read: {0}")]
    Zip(#[from] ZipError),
    /// There is no `manifest.json`, or it is not what its name says.
    #[error("manifest.json cannot be read")]
    Manifest,
}

/// The exit code of `jieli verify`: 0 all hold; 1 something is false, missing, extra or double, or
/// a root is not given; 2 the ZIP or `manifest.json` cannot be read.
pub fn exit_code(outcome: &Result<Verdicts, Unreadable>) -> u8 {
    match outcome {
        Ok(verdicts) if verdicts.all_hold() => 0,
        Ok(_) => 1,
        Err(_) => 2,
    }
}

/// All that the checks share.
struct Scene<'a> {
    parts: &'a parts::Parts,
    records: &'a BTreeMap<Digest, Record<'a>>,
    trust: &'a Trust,
    logs: Logs,
    /// Envelopes of `envelopes/` whose signature, author and key hold, apart from revocation.
    signed: BTreeSet<Digest>,
    failures: Failures,
}

/// Verifies a bundle against the root fingerprints that its reader was given on paper. Without a
/// clock: a cosignature dated in the future passes; [`verify_at`] refuses it.
pub fn verify(zip: &[u8], roots: &[Digest]) -> Result<Verdicts, Unreadable> {
    verify_at(zip, roots, None)
}

/// Verifies a bundle at a time by its reader's clock, POSIX seconds, if there is one.
pub fn verify_at(
    zip: &[u8],
    roots: &[Digest],
    now_unix_s: Option<u64>,
) -> Result<Verdicts, Unreadable> {
    let mut failures = Failures::default();
    let files = container(zip, &mut failures)?;
    let parts = parts::read(&files.by_path, &mut failures);
    if claim::of(&parts) != files.claim {
        failures.add(Code::ClaimDiffers, layout::MANIFEST, "");
    }
    check_report(&files, &mut failures);
    let records = records::read(&parts);
    if !records.values().any(|record| record.message().is_some()) {
        failures.add(Code::NothingInIt, "", "");
    }
    let trust = Trust::load(&parts, roots, &mut failures);
    if records::are_within(&records) {
        return Ok(within::judge(&parts, &records, &trust, now_unix_s, failures));
    }
    let mut heads = Heads::new(now_unix_s);
    Ok(judge(&parts, &records, &trust, &mut heads, failures))
}

/// Judges parts whose forms are right by the keys that count.
pub(super) fn judge(
    parts: &parts::Parts,
    records: &BTreeMap<Digest, Record<'_>>,
    trust: &Trust,
    heads: &mut Heads,
    mut failures: Failures,
) -> Verdicts {
    let logs = Logs::load(parts, records, trust, heads, &mut failures);
    let signed = BTreeSet::new();
    let mut scene = Scene { parts, records, trust, logs, signed, failures };
    let mut found = lanes::check(&mut scene);
    items::check(&mut scene, &mut found);
    let agreed = agreements::check(&mut scene);
    let legs = legs::check(&mut scene, &agreed);
    content::check(&mut scene, &agreed, &legs);
    sections::check(&mut scene, &agreed, heads.now_unix_s(), &mut found);
    Verdicts {
        cities: scene.trust.verdicts(),
        not_judged: scene.trust.not_judged(),
        epochs: scene.trust.epochs.verdicts(),
        agreements: agreed.verdicts,
        records: found,
        legs: legs.into_iter().map(|leg| leg.verdict).collect(),
        within: false,
        failures: scene.failures.into_sorted(),
    }
}

/// The files of a ZIP whose list could be read.
struct Container<'a> {
    by_path: BTreeMap<&'a str, &'a [u8]>,
    claim: serde_json::Value,
}

/// Reads ZIP and `manifest.json`, compares the files with their list, and rebuilds the bytes.
fn container<'a>(zip: &'a [u8], failures: &mut Failures) -> Result<Container<'a>, Unreadable> {
    let mut by_path: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for entry in zip::read(zip)? {
        if by_path.contains_key(entry.path) {
            failures.add(Code::FileDuplicate, entry.path, "");
        } else {
            by_path.insert(entry.path, entry.data);
        }
    }
    let manifest = by_path.get(layout::MANIFEST).ok_or(Unreadable::Manifest)?;
    let manifest = claim::read(manifest).ok_or(Unreadable::Manifest)?;
    if !manifest.canonical {
        failures.add(Code::ManifestSpelling, layout::MANIFEST, "");
    }
    for (path, data) in by_path.iter().filter(|(path, _)| **path != layout::MANIFEST) {
        match manifest.files.get(*path) {
            None => failures.add(Code::FileExtra, *path, "not in manifest.json"),
            Some(hash) if *hash != Digest::of(&[data]).hex() => {
                failures.add(Code::FileHash, *path, "");
            }
            Some(_) => {}
        }
    }
    for path in manifest.files.keys().filter(|path| !by_path.contains_key(path.as_str())) {
        failures.add(Code::FileMissing, path, "");
    }
    // Order, time stamps, checksums, and whatever else a container could hide.
    if super::build::pack(&by_path)? != zip {
        failures.add(Code::ZipDiffers, "", "");
    }
    Ok(Container { by_path, claim: manifest.claim })
}

/// The report must be the one that the claim makes, for whatever program it names.
fn check_report(files: &Container<'_>, failures: &mut Failures) {
    let Some(found) = files.by_path.get(layout::REPORT) else {
        return failures.add(Code::FileMissing, layout::REPORT, "");
    };
    let text = String::from_utf8_lossy(found);
    let made = report::write(&files.claim, &report::product_of(&text));
    if made.as_bytes() != *found {
        failures.add(Code::ReportDiffers, layout::REPORT, "");
    }
}
