//! Reads and verifies a pack, one bundle at a time.

use super::super::build::{borrowed, pack as zipped};
use super::super::code::{Code, Failure, Failures};
use super::super::records::Record;
use super::super::verify::{Heads, Trust, Unreadable, judge};
use super::super::zip::{Listed, Stream, ZipError, list};
use super::super::{Entry, claim, layout, parts, records, report as bundle_report};
use super::lanes::Lanes;
use super::tally::{self, Tally};
use super::verdicts::PackVerdicts;
use super::{CLAIM, FILE_LEN_MAX, SECTIONS, SHARED, SHARED_ONLY, TEXT, lines, merged, report};
use crate::id::Digest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a pack's bytes come from.
pub trait Source {
    /// How many bytes there are.
    fn total(&self) -> u64;

    /// So many bytes from a place; `None` if they cannot be read.
    fn read(&mut self, at: u64, len: usize) -> Option<Vec<u8>>;
}

impl Source for &[u8] {
    fn total(&self) -> u64 {
        self.len() as u64
    }

    fn read(&mut self, at: u64, len: usize) -> Option<Vec<u8>> {
        let at = usize::try_from(at).ok()?;
        self.get(at..at.checked_add(len)?).map(<[u8]>::to_vec)
    }
}

/// A pack that has been opened: its list of files could be read.
pub struct Pack<'s> {
    source: &'s mut dyn Source,
    files: Vec<Listed>,
    claim: Value,
    hashes: BTreeMap<String, String>,
    canonical: bool,
}

impl<'s> Pack<'s> {
    /// Reads the central directory and `pack.json`. `Ok(None)`: a container of another kind.
    pub fn open(source: &'s mut dyn Source) -> Result<Option<Pack<'s>>, Unreadable> {
        let total = source.total();
        let mut want = 64 * 1024;
        let files = loop {
            let len = want.min(usize::try_from(total).unwrap_or(usize::MAX));
            let tail = source.read(total - len as u64, len).ok_or(ZipError::NoDirectory)?;
            match list(&tail, total)? {
                Ok(files) => break files,
                // A directory of 65535 paths has at most this many bytes.
                Err(more) if more > want && more <= 65_535 * 301 + 22 => want = more,
                Err(_) => return Err(ZipError::NoDirectory.into()),
            }
        };
        let Some(last) = files.last().filter(|file| file.path == CLAIM) else { return Ok(None) };
        let bytes = Some(last).filter(|file| file.len <= FILE_LEN_MAX);
        let bytes = bytes.and_then(|file| source.read(file.at, file.len));
        let found = bytes.and_then(|bytes| claim::read(&bytes)).ok_or(Unreadable::Manifest)?;
        let (claim, hashes, canonical) = (found.claim, found.files, found.canonical);
        Ok(Some(Pack { source, files, claim, hashes, canonical }))
    }

    /// How many bundles it has.
    pub fn bundles(&self) -> usize {
        self.files.iter().filter(|file| file.path.starts_with("bundles/")).count()
    }

    /// Bundle n, from 1, as an ordinary bundle that can be handed on by itself; `None` if it is not
    /// there or has a wrong form.
    pub fn bundle(&mut self, number: usize) -> Option<Vec<u8>> {
        let mut files = BTreeMap::new();
        let own = super::bundle_path(number);
        let wanted = |path: &str| path.starts_with(SHARED) || path == own;
        for file in self.files.clone().into_iter().filter(|file| wanted(&file.path)) {
            let data = Some(&file).filter(|file| file.len <= FILE_LEN_MAX)?;
            let data = self.source.read(data.at, data.len)?;
            match file.path.strip_prefix(SHARED) {
                Some(path) => drop(files.insert(path.to_owned(), data)),
                None => files.extend(lines::read(&data)?),
            }
        }
        self.files.iter().find(|file| file.path == own)?;
        let mut failures = Failures::default();
        let parts = parts::read(&borrowed(&files), &mut failures);
        let claim = claim::of(&parts);
        let report = bundle_report::write(&claim, "jieli");
        files.insert(layout::REPORT.to_owned(), report.into_bytes());
        let manifest = claim::write(&claim, &borrowed(&files)).into_bytes();
        files.insert(layout::MANIFEST.to_owned(), manifest);
        zipped(&borrowed(&files)).ok()
    }
}

/// Verifies a pack against the root fingerprints that its reader was given on paper, at a time by
/// the reader's clock (POSIX seconds). `told` is called with the bundles done and all there are.
pub fn verify(
    pack: Pack<'_>,
    roots: &[Digest],
    now_unix_s: Option<u64>,
    told: &mut dyn FnMut(usize, usize),
) -> PackVerdicts {
    Reading::new(pack, roots, now_unix_s).run(told)
}

/// A pack while it is read from front to back.
struct Reading<'s> {
    pack: Pack<'s>,
    roots: Vec<Digest>,
    heads: Heads,
    shared: BTreeMap<String, Vec<u8>>,
    ground: Option<(Trust, Tally)>,
    lanes: Lanes,
    /// What `messages/<n>` must hold, by path.
    expected: Option<(String, String)>,
    bundles: usize,
    product: String,
    /// What is wrong with the shared files: it is said once, not with every bundle.
    said: BTreeSet<Failure>,
    found: PackVerdicts,
}

impl<'s> Reading<'s> {
    fn new(pack: Pack<'s>, roots: &[Digest], now_unix_s: Option<u64>) -> Reading<'s> {
        Reading {
            pack,
            roots: roots.to_vec(),
            heads: Heads::new(now_unix_s),
            shared: BTreeMap::new(),
            ground: None,
            lanes: Lanes::default(),
            expected: None,
            bundles: 0,
            product: String::new(),
            said: BTreeSet::new(),
            found: PackVerdicts::default(),
        }
    }

    fn run(mut self, told: &mut dyn FnMut(usize, usize)) -> PackVerdicts {
        let (files, total) = (std::mem::take(&mut self.pack.files), self.pack.bundles_of());
        if !self.pack.canonical {
            self.fail(Code::ManifestSpelling, CLAIM, "");
        }
        let mut zip = Stream::new(u64::from(u32::MAX));
        let (mut differs, mut before) = (false, None);
        let mut texts = BTreeMap::new();
        for file in &files {
            let place = place(&file.path);
            if before.as_ref().is_some_and(|before| *before == place) {
                self.fail(Code::FileDuplicate, &file.path, "");
            }
            differs |= before.as_ref().is_some_and(|before| *before > place);
            before = Some(place);
            let Some(data) = self.bytes(file, &mut zip, &mut differs) else { continue };
            self.check_hash(&file.path, &data);
            if let Some(path) = file.path.strip_prefix(SHARED) {
                self.shared.insert(path.to_owned(), data);
            } else if file.path == super::bundle_path(self.bundles + 1) {
                self.bundles += 1;
                self.bundle(&file.path, &data);
                told(self.bundles, total);
            } else if self.expected.as_ref().is_some_and(|(path, _)| *path == file.path) {
                let same = self.expected.take().is_some_and(|(_, text)| text.as_bytes() == data);
                if !same {
                    self.fail(Code::ReportDiffers, &file.path, "");
                }
            } else if [super::PAGE, TEXT, super::SCRIPT].contains(&file.path.as_str()) {
                texts.insert(file.path.clone(), data);
            } else if file.path != CLAIM {
                self.fail(Code::FileExtra, &file.path, "no place in the layout");
            }
        }
        differs |= !self.ends_so(zip);
        if differs {
            self.fail(Code::ZipDiffers, "", "");
        }
        self.close(&files, &texts)
    }

    /// A file's data, compared with the bytes that stand before it.
    fn bytes(&mut self, file: &Listed, zip: &mut Stream, differs: &mut bool) -> Option<Vec<u8>> {
        let header = 30 + file.path.len();
        let whole = Some(file).filter(|file| file.len <= FILE_LEN_MAX);
        let whole = whole
            .and_then(|file| self.pack.source.read(file.at - header as u64, header + file.len));
        let Some(mut whole) = whole else {
            self.fail(Code::FileForm, &file.path, "too large");
            return None;
        };
        let data = whole.split_off(header);
        *differs |= zip.header(&Entry { path: &file.path, data: &data }).as_ref() != Ok(&whole);
        Some(data)
    }

    fn ends_so(&mut self, zip: Stream) -> bool {
        let Ok(end) = zip.end() else { return false };
        let total = self.pack.source.total();
        let at = total.checked_sub(end.len() as u64);
        at.and_then(|at| self.pack.source.read(at, end.len())).as_ref() == Some(&end)
    }

    fn check_hash(&mut self, path: &str, data: &[u8]) {
        if path == CLAIM {
            return;
        }
        match self.pack.hashes.get(path) {
            None => self.fail(Code::FileExtra, path, "not in pack.json"),
            Some(hash) if *hash != Digest::of(&[data]).hex() => self.fail(Code::FileHash, path, ""),
            Some(_) => {}
        }
    }

    /// Judges what is shared, once, before the first bundle.
    fn ground(&mut self) -> (Trust, Tally) {
        if let Some(ground) = self.ground.take() {
            return ground;
        }
        let mut failures = Failures::default();
        let parts = parts::read(&borrowed(&self.shared), &mut failures);
        let mut trust = Trust::load(&parts, &self.roots, &mut failures);
        let records = records::read(&parts);
        let verdicts = judge(&parts, &records, &trust, &mut self.heads, failures);
        trust.remember(parts.envelopes.values().chain(parts.agreements.values()));
        let shared = |mut failure: Failure| {
            if !failure.file.is_empty() {
                failure.file = format!("{SHARED}{}", failure.file);
            }
            failure
        };
        self.said = verdicts.failures.iter().cloned().collect();
        self.found.fail(verdicts.failures.into_iter().map(shared));
        (self.found.cities, self.found.agreements) = (verdicts.cities, verdicts.agreements);
        (self.found.not_judged, self.found.epochs) = (verdicts.not_judged, verdicts.epochs);
        self.found.about = tally::about(&self.pack.claim, String::new());
        let tally = self.found.about.as_ref().map(|about| Tally::new(about, &parts));
        (trust, tally.unwrap_or_default())
    }

    fn bundle(&mut self, path: &str, data: &[u8]) {
        let (trust, mut tally) = self.ground();
        let own = lines::read(data);
        if let Some(own) = &own {
            self.judge(path, own, &trust, &mut tally);
        } else {
            self.fail(Code::FileForm, path, "");
        }
        self.ground = Some((trust, tally));
    }

    fn judge(
        &mut self,
        path: &str,
        own: &BTreeMap<String, Vec<u8>>,
        trust: &Trust,
        tally: &mut Tally,
    ) {
        let mut failures = Failures::default();
        for file in own.keys() {
            let is_shared = self.shared.contains_key(file);
            if file.starts_with(SECTIONS) {
                failures.add(Code::FileExtra, file, "a pack holds no personal data");
            } else if is_shared || SHARED_ONLY.iter().any(|directory| file.starts_with(directory)) {
                failures.add(Code::FileExtra, file, "what is shared stands in shared/");
            }
        }
        let shared = std::mem::take(&mut self.shared);
        let parts = parts::read(&merged(&shared, own), &mut failures);
        let records = records::read(&parts);
        let verdicts = judge(&parts, &records, trust, &mut self.heads, failures);
        self.found.count(&verdicts);
        let own_faults = verdicts.failures.into_iter().filter(|found| !self.said.contains(found));
        let own_faults: Vec<Failure> = own_faults
            .map(|mut failure| {
                failure.file = format!("{path} {}", failure.file).trim_end().to_owned();
                failure
            })
            .collect();
        self.found.fail(own_faults);
        let is_own = |record: &&Record<'_>| own.contains_key(&record.path);
        let about = self.found.about.as_ref().map(|about| about.agreement);
        self.lanes.add(records.values().filter(is_own), about, tally);
        tally.add(&records);
        let number = self.bundles;
        self.expected = Some((super::messages_path(number), lines::messages(&parts, &records)));
        self.shared = shared;
    }

    /// Lanes, claim and reports, once all bundles were read.
    fn close(mut self, files: &[Listed], texts: &BTreeMap<String, Vec<u8>>) -> PackVerdicts {
        let (_, tally) = self.ground();
        let missing: Vec<String> = self
            .pack
            .hashes
            .keys()
            .filter(|path| !files.iter().any(|file| file.path == **path))
            .cloned()
            .collect();
        for path in missing {
            self.fail(Code::FileMissing, &path, "");
        }
        if let Some((path, _)) = self.expected.take() {
            self.fail(Code::FileMissing, &path, "");
        }
        if self.found.messages == 0 {
            self.fail(Code::NothingInIt, "", "");
        }
        let text = texts.get(TEXT).map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
        self.product = report::made_by(&text);
        let Some(about) = tally::about(&self.pack.claim, self.product.clone()) else {
            self.fail(Code::ClaimDiffers, CLAIM, "");
            return self.found;
        };
        let mut failures = Failures::default();
        let parts = parts::read(&borrowed(&self.shared), &mut failures);
        if tally::claim(&about, &parts, &tally, self.bundles) != self.pack.claim {
            self.fail(Code::ClaimDiffers, CLAIM, "");
        }
        for (path, made) in report::files(&self.pack.claim, &self.product) {
            match texts.get(path) {
                None => self.fail(Code::FileMissing, path, ""),
                Some(found) if made.as_bytes() != *found => {
                    self.fail(Code::ReportDiffers, path, "")
                }
                Some(_) => {}
            }
        }
        self.found.about = Some(about);
        let (lanes, mut failures) = (std::mem::take(&mut self.lanes), Failures::default());
        self.found.lanes = lanes.close(&self.found.agreements, &parts, &tally, &mut failures);
        self.found.fail(failures.into_sorted());
        self.found
    }

    fn fail(&mut self, code: Code, file: &str, detail: &str) {
        let failure = Failure { code, file: file.to_owned(), detail: detail.to_owned() };
        self.found.fail([failure]);
    }
}

impl Pack<'_> {
    fn bundles_of(&self) -> usize {
        self.hashes.keys().filter(|path| path.starts_with("bundles/")).count()
    }
}

/// Where a file stands in the container.
fn place(path: &str) -> (u8, usize, u8, String) {
    let numbered = |directory: &str| {
        let number = path.strip_prefix(directory)?.strip_suffix(".jsonl")?.parse().ok();
        number.filter(|_| path.len() <= super::super::PATH_LEN_MAX)
    };
    if let Some(path) = path.strip_prefix(SHARED) {
        let (rank, path) = layout::rank(path);
        return (0, rank, 0, path.to_owned());
    }
    let (group, number, kind) = match (numbered("bundles/"), numbered("messages/")) {
        (Some(number), _) => (1, number, 0),
        (None, Some(number)) => (1, number, 1),
        (None, None) => (2, 0, u8::from(path == CLAIM)),
    };
    (group, number, kind, path.to_owned())
}
