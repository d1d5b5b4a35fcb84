//! A bundle, checked by a stranger who has nothing but two fingerprints; whole, and with one byte
//! changed.

use anyhow::{Context, Result};
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::id::Digest;

/// Where a bundle keeps its messages.
const MESSAGES: &str = "envelopes/";

/// What a verifier said.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Bytes of the bundle.
    pub bytes: usize,
    /// The byte that was changed, if one was.
    pub changed_at: Option<usize>,
    /// 0 all holds, 1 something does not, 2 unreadable.
    pub exit: u8,
    /// Where something does not hold: the file, what is wrong in Chinese and in English.
    pub places: Vec<(String, &'static str, &'static str)>,
}

/// Verifies a bundle, with one byte of a signed message changed if that is wanted.
pub fn prove(zip: &[u8], roots: &[Digest], change: bool) -> Result<Proof> {
    let mut zip = zip.to_vec();
    let changed_at = change.then(|| inside_a_message(&zip)).transpose()?;
    if let Some(at) = changed_at {
        zip[at] ^= 1;
    }
    let verdict = verify(&zip, roots);
    let exit = exit_code(&verdict);
    let failures = verdict.map(|verdicts| verdicts.failures).unwrap_or_default();
    let places = failures.into_iter().map(|f| (f.file, f.code.zh(), f.code.en()));
    let mut places: Vec<(String, &str, &str)> = places.collect();
    // First the message itself, last what concerns the file as a whole.
    places.sort_by_key(|(file, ..)| (!file.starts_with(MESSAGES), file.is_empty()));
    Ok(Proof { bytes: zip.len(), changed_at, exit, places })
}

/// The middle of the first message of the bundle. Members are stored as they are; before a name
/// stand its length, that of an extra field, and the length of the content (APPNOTE 4.3.7).
fn inside_a_message(zip: &[u8]) -> Result<usize> {
    let is_header = |at: &usize| zip[*at..].starts_with(b"PK\x03\x04");
    let names_a_message = |at: &usize| zip[*at + 30..].starts_with(MESSAGES.as_bytes());
    let mut places = 0..zip.len().saturating_sub(64);
    let at = places.find(|at| is_header(at) && names_a_message(at));
    let at = at.context("the bundle holds no message")? + 30;
    let short = |from: usize| usize::from(u16::from_le_bytes([zip[from], zip[from + 1]]));
    let content = at + short(at - 4) + short(at - 2);
    let size = short(at - 12) + (short(at - 10) << 16);
    let middle = content + size / 2;
    if middle < zip.len() { Ok(middle) } else { anyhow::bail!("the bundle is cut off") }
}
