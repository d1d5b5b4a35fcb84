//! What verifying costs: one bundle in this process, a whole pack in a process of its own whose
//! memory is watched. Beside it, what the signatures, hashes and proofs of the same evidence cost
//! alone: no verifier can be faster.

use super::evidence::{AGREEMENT, LEG_MESSAGES, PERIOD, Story, Tree};
use super::memory;
use crate::ambient::SystemClock;
use anyhow::{Context, Result, ensure};
use jieli_node::world::Clock as _;
use jieli_proto::bundle::pack::{About, BUNDLE_MESSAGES, PackWriter};
use jieli_proto::bundle::{self, Bundle};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::tree::verify_inclusion;
use jieli_proto::wire::{Envelope, KeyManifest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The smallest of so many runs counts: others work on this machine too.
const RUNS: usize = 5;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Messages in the evidence.
    pub messages: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// Verifying it, milliseconds.
    pub elapsed_ms: f64,
    /// The signatures, hashes and proofs in it alone, milliseconds.
    pub bare_ms: f64,
    /// The most memory that the verifying process had, KiB; for a pack.
    pub peak_kib: Option<u64>,
}

impl Checked {
    /// The ceiling over what was reached, 0 to 1.
    pub fn ratio(&self) -> f64 {
        self.bare_ms / self.elapsed_ms
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let short = |number: f64| (number * 1000.0).round() / 1000.0;
        json!({
            "messages": self.messages,
            "bytes": self.bytes,
            "elapsed_ms": short(self.elapsed_ms),
            "bare_ms": short(self.bare_ms),
            "ratio": short(self.ratio()),
            "memory_peak_kib": self.peak_kib,
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        })
    }
}

fn now_ms() -> u64 {
    SystemClock.now_unix_ms()
}

/// The shortest of some runs, milliseconds. Each run is long enough for the clock.
fn shortest_ms(mut turn: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut shortest = f64::MAX;
    for _ in 0..RUNS {
        let (began_ms, mut turns) = (now_ms(), 0_u32);
        let took_ms = loop {
            turn()?;
            turns += 1;
            let took_ms = now_ms().saturating_sub(began_ms);
            if took_ms >= 100 {
                break took_ms;
            }
        };
        shortest = shortest.min(took_ms as f64 / f64::from(turns));
    }
    Ok(shortest)
}

/// Verifies one bundle of so many messages.
pub fn one_bundle(messages: u32) -> Result<Checked> {
    let mut story = Story::begin()?;
    (0..messages.div_ceil(LEG_MESSAGES)).for_each(|_| story.leg());
    let mut tree = Tree::default();
    story.grow(&mut tree);
    let parts = story.take(&tree)?;
    let (zip, roots) = (bundle::build(&parts)?, story.roots());
    let first = bundle::verify(&zip, &roots)?;
    ensure!(first.all_hold(), "{}", first.text());
    let elapsed_ms = shortest_ms(|| {
        ensure!(bundle::verify(&zip, &roots)?.all_hold(), "another verdict");
        Ok(())
    })?;
    let bare_ms = shortest_ms(|| bare(&parts, &zip))?;
    let messages = messages.div_ceil(LEG_MESSAGES) * LEG_MESSAGES;
    Ok(Checked { messages, bytes: zip.len() as u64, elapsed_ms, bare_ms, peak_kib: None })
}

/// Every signature, every leaf's path and every byte, once.
fn bare(parts: &Bundle, bytes: &[u8]) -> Result<()> {
    let mut keys: BTreeMap<Digest, PublicKey> = BTreeMap::new();
    for manifest in &parts.manifests {
        for key in envelope::payload::<KeyManifest>(manifest)?.keys {
            let key = PublicKey::from_spki(&key.spki)?;
            keys.insert(Digest(key.fingerprint()), key);
        }
    }
    let signed = |found: &Envelope| -> Result<()> {
        let key = keys.get(&envelope::key_fpr(found)?).context("a key")?;
        Ok(envelope::verify(found, key)?)
    };
    for found in parts.envelopes.iter().chain(&parts.consents).chain(&parts.agreements) {
        signed(found)?;
    }
    let leaf = [7; 32];
    for (_, _, proof) in &parts.proofs {
        let head = Checkpoint::parse(proof.note.text())?;
        // Another leaf: the path is folded to its end and does not match.
        let wrong = verify_inclusion(&leaf, proof.index, head.size(), &proof.hashes, head.root());
        ensure!(wrong.is_err(), "a wrong leaf was proven");
    }
    ensure!(Digest::of(&[bytes]) != Digest::ZERO, "a digest of zeros");
    Ok(())
}

/// Writes a pack of so many messages into a directory. Gives the roots, and what one bundle of it
/// costs bare, milliseconds.
fn write_pack(messages: u32, path: &Path) -> Result<([Digest; 2], f64)> {
    let legs = messages.div_ceil(LEG_MESSAGES);
    let mut tree = Tree::default();
    let mut first = Story::begin()?;
    for _ in 0..legs {
        first.leg();
        first.forget();
        first.grow(&mut tree);
    }
    let mut story = Story::begin()?;
    let about = About {
        agreement: AGREEMENT,
        from: PERIOD.0,
        to: PERIOD.1,
        product: concat!("jieli ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let mut file = File::create_new(path)?;
    let (mut writer, bytes) = PackWriter::new(about, &story.take(&tree)?)?;
    file.write_all(&bytes)?;
    let (in_one, mut bare_ms) = (BUNDLE_MESSAGES as u32 / LEG_MESSAGES, 0.0);
    for leg in 1..=legs {
        story.leg();
        if leg % in_one == 0 || leg == legs {
            let parts = story.take(&tree)?;
            let bytes = writer.bundle(&parts)?;
            file.write_all(&bytes)?;
            if leg == in_one.min(legs) {
                bare_ms = shortest_ms(|| bare(&parts, &bytes))?;
            }
        }
    }
    file.write_all(&writer.finish()?)?;
    Ok((story.roots(), bare_ms))
}

/// Verifies a pack of so many messages: `program verify FILE --root FPR --root FPR`, in a process
/// of its own.
pub fn whole_pack(messages: u32, program: &Path) -> Result<Checked> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("pack.zip");
    let (roots, one_ms) = write_pack(messages, &path)?;
    let bytes = path.metadata()?.len();
    let began_ms = now_ms();
    let mut child = Command::new(program)
        .arg("verify")
        .arg(&path)
        .args(roots.iter().flat_map(|root| ["--root".to_owned(), root.hex()]))
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak_kib = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        peak_kib = peak_kib.max(memory::of(&status.unwrap_or_default(), "VmHWM"));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let elapsed_ms = now_ms().saturating_sub(began_ms) as f64;
    ensure!(status.success(), "the pack does not verify");
    let legs = messages.div_ceil(LEG_MESSAGES);
    let bundles = f64::from(legs * LEG_MESSAGES) / BUNDLE_MESSAGES as f64;
    let bare_ms = one_ms * bundles.max(1.0);
    let messages = legs * LEG_MESSAGES;
    Ok(Checked { messages, bytes, elapsed_ms, bare_ms, peak_kib: Some(peak_kib) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_proto::bundle::pack::{Pack, verify};
    use jieli_proto::bundle::{Entry, zip_read};

    #[test]
    fn a_pack_of_many_bundles_holds_and_each_left_out_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack.zip");
        let (roots, _) = write_pack(610, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let mut source = bytes.as_slice();
        let pack = Pack::open(&mut source).unwrap().unwrap();
        assert_eq!(pack.bundles(), 4);
        let found = verify(pack, &roots, None, &mut |_, _| ());
        assert_eq!(found.failures, []);
        assert_eq!((found.messages, found.legs, found.case_law), (610, [122, 0, 0], [122, 0, 0]));
        let lanes: Vec<_> = found.lanes.iter().map(|l| (l.first, l.last, l.whole)).collect();
        assert_eq!(lanes, [(1, 244, true), (1, 366, true)]);
        // Whoever leaves a bundle out and numbers the others anew leaves a hole in both lanes.
        let anew = |path: &str| path.replace("/00003.", "/00002.").replace("/00004.", "/00003.");
        let files = zip_read(&bytes).unwrap().into_iter();
        let kept: Vec<(String, &[u8])> = files
            .filter(|file| !file.path.ends_with("/00002.jsonl"))
            .map(|file| (anew(file.path), file.data))
            .collect();
        let kept = kept.iter().map(|(path, data)| Entry { path, data });
        let fewer = bundle::zip_write(kept).unwrap();
        let mut source = fewer.as_slice();
        let pack = Pack::open(&mut source).unwrap().unwrap();
        let found = verify(pack, &roots, None, &mut |_, _| ());
        let gaps = found.failures.iter().filter(|failure| failure.code.name() == "PACK_LANE_GAP");
        assert_eq!(gaps.count(), 2, "{}", found.text());
        assert!(found.lanes.iter().all(|lane| !lane.whole));
    }

    #[test]
    fn a_small_bundle_is_measured() {
        let checked = one_bundle(10).unwrap();
        assert_eq!((checked.messages, checked.peak_kib), (10, None));
        assert!(checked.bare_ms > 0.0 && checked.elapsed_ms > 0.0);
    }
}
