//! A pack: the evidence of one agreement and period, for a reviewer without an account.
//!
//! It is many bundles over the files that they have in common, so that nothing is there a hundred
//! thousand times; written and read piece by piece, so that memory does not grow with it.
//!
//! | file | content |
//! |---|---|
//! | `shared/<path of a bundle>` | keys, agreement, policies, acts with their items and proofs, heads, consistency |
//! | `bundles/<n>.jsonl` | n = 00001 and on: the other files of bundle n, one `{"data":text,"path":path}` a line, in the order of the bundle; a leg is whole in one of them |
//! | `messages/<n>.jsonl` | a line for each message of bundle n; follows from it |
//! | `REPORT.txt`, `REPORT.html` | for people, zh then en; follow from the claim |
//! | `verify.sh` | how to check it |
//! | `pack.json` | `{"claim":{..},"files":{path: sha256 hex}}` |
//!
//! Bundle n with the shared files is an ordinary bundle: [`verify::Pack::bundle`] writes it out.
//! What a pack adds is that *nothing is left out in between*: the messages of each lane are all
//! there, from the first to the last that it claims, each naming the one before.

use super::build::{BuildError, borrowed, files_of};
use super::code::Failures;
use super::{Bundle, Entry, layout, parts, records, zip};
use crate::id::{AgreementId, Digest};
use std::collections::BTreeMap;

mod lanes;
mod lines;
mod report;
mod tally;
mod verdicts;
mod verify;

pub use lanes::LanePart;
pub use verdicts::PackVerdicts;
pub use verify::{Pack, Source, verify};

/// The media type of a pack.
pub const MEDIA_TYPE: &str = "application/vnd.jieli.pack.v1+zip";

/// The largest file in a pack, in bytes: what a reader must hold at once.
pub const FILE_LEN_MAX: usize = 64 * 1024 * 1024;

/// So many messages make a bundle full; a leg that has begun in it is finished.
pub const BUNDLE_MESSAGES: usize = 200;

const SHARED: &str = "shared/";
const CLAIM: &str = "pack.json";
const TEXT: &str = "REPORT.txt";
const PAGE: &str = "REPORT.html";
const SCRIPT: &str = "verify.sh";

/// The directories of a bundle whose files a pack keeps once; no bundle of it has others.
const SHARED_ONLY: [&str; 3] = ["keys/", "agreement/", "policy/"];

/// What no bundle of a pack has.
const SECTIONS: &str = "sections/";

/// What a pack is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The agreement.
    pub agreement: AgreementId,
    /// First day, yyyymmdd, in the zone of each message's author.
    pub from: u32,
    /// Last day.
    pub to: u32,
    /// Name and version of the program.
    pub product: String,
}

/// Writes a pack. Every call gives the bytes that come next; the same parts give the same bytes.
#[derive(Debug)]
pub struct PackWriter {
    about: About,
    zip: zip::Stream,
    shared: BTreeMap<String, Vec<u8>>,
    hashes: BTreeMap<String, String>,
    tally: tally::Tally,
    bundles: usize,
}

impl PackWriter {
    /// Begins with what all its bundles share: acts with their items, receipts and proofs, keys,
    /// agreements, policies, heads and consistency.
    pub fn new(about: About, shared: &Bundle) -> Result<(PackWriter, Vec<u8>), BuildError> {
        let shared = files_of(shared)?;
        let mut failures = Failures::default();
        let parts = parts::read(&borrowed(&shared), &mut failures);
        let mut writer = PackWriter {
            zip: zip::Stream::new(u64::from(u32::MAX)),
            shared: BTreeMap::new(),
            hashes: BTreeMap::new(),
            tally: tally::Tally::new(&about, &parts),
            about,
            bundles: 0,
        };
        let mut out = Vec::new();
        let mut paths: Vec<&String> = shared.keys().collect();
        paths.sort_by_key(|path| layout::rank(path));
        for path in paths {
            writer.add(&mut out, &format!("{SHARED}{path}"), &shared[path])?;
        }
        writer.shared = shared;
        Ok((writer, out))
    }

    /// The next bundle. What is shared may be among its parts and is left out; so are sections: a
    /// pack holds no personal data.
    pub fn bundle(&mut self, bundle: &Bundle) -> Result<Vec<u8>, BuildError> {
        let mut files = files_of(bundle)?;
        files.retain(|path, data| {
            !path.starts_with(SECTIONS) && self.shared.get(path) != Some(data)
        });
        let lines = lines::write(&files);
        let (all, mut failures) = (merged(&self.shared, &files), Failures::default());
        let parts = parts::read(&all, &mut failures);
        if let Some(first) = failures.into_sorted().into_iter().next() {
            return Err(BuildError::Part(first));
        }
        let records = records::read(&parts);
        self.tally.add(&records);
        self.bundles += 1;
        let mut out = Vec::new();
        self.add(&mut out, &bundle_path(self.bundles), lines.as_bytes())?;
        let messages = lines::messages(&parts, &records);
        self.add(&mut out, &messages_path(self.bundles), messages.as_bytes())?;
        Ok(out)
    }

    /// Reports, claim and the end of the container.
    pub fn finish(mut self) -> Result<Vec<u8>, BuildError> {
        let mut failures = Failures::default();
        let parts = parts::read(&borrowed(&self.shared), &mut failures);
        let claim = tally::claim(&self.about, &parts, &self.tally, self.bundles);
        let mut out = Vec::new();
        for (path, text) in report::files(&claim, &self.about.product) {
            self.add(&mut out, path, text.as_bytes())?;
        }
        let manifest = tally::write(&claim, &self.hashes);
        self.add(&mut out, CLAIM, manifest.as_bytes())?;
        out.extend(self.zip.end()?);
        Ok(out)
    }

    fn add(&mut self, out: &mut Vec<u8>, path: &str, data: &[u8]) -> Result<(), BuildError> {
        if data.len() > FILE_LEN_MAX {
            return Err(BuildError::Zip(zip::ZipError::TooLarge));
        }
        out.extend(self.zip.header(&Entry { path, data })?);
        out.extend(data);
        self.hashes.insert(path.to_owned(), Digest::of(&[data]).hex());
        Ok(())
    }
}

fn bundle_path(number: usize) -> String {
    format!("bundles/{number:05}.jsonl")
}

fn messages_path(number: usize) -> String {
    format!("messages/{number:05}.jsonl")
}

/// The files of one bundle: what is shared, and its own.
fn merged<'a>(
    shared: &'a BTreeMap<String, Vec<u8>>,
    own: &'a BTreeMap<String, Vec<u8>>,
) -> BTreeMap<&'a str, &'a [u8]> {
    let mut all = borrowed(shared);
    all.extend(borrowed(own));
    all
}
