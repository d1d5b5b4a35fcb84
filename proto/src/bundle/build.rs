//! From parts to bytes.

use super::code::{Failure, Failures};
use super::zip::{self, Entry, ZipError};
use super::{Bundle, claim, layout, parts, report};
use crate::envelope;
use crate::id::Digest;
use crate::wire::Envelope;
use std::collections::BTreeMap;

/// A bundle that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two different contents for one path: the same signed bytes under another key or signature.
    #[error("two different files for {0}")]
    TwoFiles(String),
    /// A part with a wrong form.
    #[error("{0}")]
    Part(Failure),
    /// A head or consistency proof that is not of an exchange log, or a tombstone not of a local one.
    #[error("not the origin of such a log: {0}")]
    Origin(String),
    /// Too many or too large files.
    #[error(transparent)]
    Zip(#[from] ZipError),
}

/// Writes the bundle. The same parts in any order give the same bytes; a part given twice is
/// written once.
pub fn build(bundle: &Bundle) -> Result<Vec<u8>, BuildError> {
    let mut files = files_of(bundle)?;
    let mut failures = Failures::default();
    let parts = parts::read(&borrowed(&files), &mut failures);
    if let Some(first) = failures.into_sorted().into_iter().next() {
        return Err(BuildError::Part(first));
    }
    let claim = claim::of(&parts);
    let report = report::write(&claim, &bundle.product).into_bytes();
    files.insert(layout::REPORT.to_owned(), report);
    let manifest = claim::write(&claim, &borrowed(&files));
    files.insert(layout::MANIFEST.to_owned(), manifest.into_bytes());
    Ok(pack(&borrowed(&files))?)
}

/// The files of these parts, by path, without `manifest.json` and `REPORT.txt`.
pub(super) fn files_of(bundle: &Bundle) -> Result<BTreeMap<String, Vec<u8>>, BuildError> {
    let mut files = Files::default();
    files.envelopes("envelopes/", &bundle.envelopes)?;
    files.envelopes("keys/", &bundle.manifests)?;
    files.envelopes("keys/", &bundle.successors)?;
    files.envelopes("agreement/", &bundle.agreements)?;
    files.envelopes("consents/", &bundle.consents)?;
    files.envelopes("packs/", &bundle.packs)?;
    for root in &bundle.roots {
        files.add(layout::root(&Digest(root.fingerprint())), root.to_spki().to_vec())?;
    }
    for item in &bundle.items {
        files.add(layout::item(&item.answers), parts::write_item(item).into_bytes())?;
    }
    for (digest, city, proof) in &bundle.proofs {
        files.add(layout::proof(digest, city), proof.to_string().into_bytes())?;
    }
    for note in &bundle.heads {
        let text = note.to_string();
        let head = crate::checkpoint::Checkpoint::parse(note.text()).ok();
        let path = head.and_then(|head| layout::head(head.origin(), head.size(), &text));
        let path = path.ok_or_else(|| BuildError::Origin(note.text().to_owned()))?;
        files.add(path, text.into_bytes())?;
    }
    for (city, policy) in &bundle.policies {
        let log = policy.logs().first().and_then(|log| layout::exchange(log.name()));
        let epoch = log.map_or(1, |(_, epoch)| epoch);
        files.add(layout::policy(city, epoch), policy.to_string().into_bytes())?;
    }
    for (digest, section) in &bundle.sections {
        let path = layout::section("sections/", digest, section.section as u8);
        files.add(path, parts::write_section(section).into_bytes())?;
    }
    for erasure in &bundle.erasures {
        let path = layout::section("erasures/", &erasure.message, erasure.section);
        files.add(path, parts::write_erasure(erasure.section, &erasure.confirm).into_bytes())?;
    }
    for proof in &bundle.tombstones {
        let head = crate::checkpoint::Checkpoint::parse(proof.note.text()).ok();
        let path = head.and_then(|head| layout::tombstone(head.origin(), proof.index));
        let path = path.ok_or_else(|| BuildError::Origin(proof.note.text().to_owned()))?;
        files.add(path, proof.to_string().into_bytes())?;
    }
    for proof in &bundle.consistency {
        let path = layout::consistency(&proof.origin, proof.old_size, proof.new_size);
        let path = path.ok_or_else(|| BuildError::Origin(proof.origin.clone()))?;
        files.add(path, parts::write_consistency(proof).into_bytes())?;
    }
    Ok(files.0)
}

#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn add(&mut self, path: String, data: Vec<u8>) -> Result<(), BuildError> {
        match self.0.get(&path) {
            Some(found) if *found != data => Err(BuildError::TwoFiles(path)),
            Some(_) => Ok(()),
            None => {
                self.0.insert(path, data);
                Ok(())
            }
        }
    }

    fn envelopes(&mut self, directory: &str, envelopes: &[Envelope]) -> Result<(), BuildError> {
        for found in envelopes {
            let path = layout::dsse(directory, &envelope::env_digest(found));
            self.add(path, envelope::to_json(found).into_bytes())?;
        }
        Ok(())
    }
}

pub(super) fn borrowed(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, &[u8]> {
    files.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect()
}

/// The ZIP of these files, in the order of the layout.
pub(super) fn pack(files: &BTreeMap<&str, &[u8]>) -> Result<Vec<u8>, ZipError> {
    let mut entries: Vec<Entry<'_>> =
        files.iter().map(|(path, data)| Entry { path, data }).collect();
    entries.sort_by(|a, b| layout::rank(a.path).cmp(&layout::rank(b.path)));
    zip::write(entries)
}
