//! C2SP signed notes: a text, a blank line and signature lines.

mod vkey;

pub use vkey::{KeyKind, VKey};

use crate::pubkey::KeyError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The largest note in bytes.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

/// The most signature lines. The standard asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// The longest key name in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Makes an Ed25519 signature over a message with a key the caller holds.
pub type Sign<'a> = dyn Fn(&[u8]) -> [u8; 64] + 'a;

/// Why a note, a verifier key or its signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`NOTE_BYTES_MAX`], or more than [`SIGNATURES_MAX`] signature lines.
    #[error("the note is too large")]
    TooLarge,
    /// Not UTF-8, a control character (so also CR LF), no blank line, no signature, or bytes after
    /// the last line.
    #[error("malformed note")]
    Malformed,
    /// A signature line that is not `— name base64`.
    #[error("malformed signature line")]
    BadSignatureLine,
    /// A key name that is empty, too long, or holds a space, a plus or a control character.
    #[error("bad key name")]
    BadKeyName,
    /// Not `name+keyid+base64`, or the key id is not the one of this name and key.
    #[error("malformed verifier key")]
    BadVerifierKey,
    /// A signature type other than Ed25519 (01) and cosignature/v1 (04).
    #[error("unsupported signature type")]
    UnsupportedKind,
    /// The public key itself was refused.
    #[error(transparent)]
    BadKey(#[from] KeyError),
    /// A line with the name and id of a known key whose signature does not verify.
    #[error("a signature of a known key does not verify")]
    BadSignature,
    /// Two lines with the name and id of one known key.
    #[error("a known key signed twice")]
    DuplicateSignature,
    /// No known key signed.
    #[error("no known key signed")]
    NoKnownSignature,
}

/// A signature line: `— name base64(key id || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

impl SignatureLine {
    /// The key name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short key id. With the name it says which key signed; it is no fingerprint.
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// What follows the key id: for Ed25519 64 bytes, for cosignature/v1 u64be seconds and 64 bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Reads one line, without its newline.
    pub fn parse(line: &str) -> Result<SignatureLine, NoteError> {
        let rest = line.strip_prefix("— ").ok_or(NoteError::BadSignatureLine)?;
        let (name, encoded) = rest.split_once(' ').ok_or(NoteError::BadSignatureLine)?;
        if !is_key_name(name) {
            return Err(NoteError::BadKeyName);
        }
        let bytes = decode_base64(encoded).ok_or(NoteError::BadSignatureLine)?;
        match bytes.split_first_chunk() {
            Some((key_id, signature)) if !signature.is_empty() => Ok(SignatureLine {
                name: name.to_owned(),
                key_id: *key_id,
                signature: signature.to_vec(),
            }),
            _ => Err(NoteError::BadSignatureLine),
        }
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.as_slice(), &self.signature].concat();
        write!(f, "— {} {}", self.name, encode_base64(&bytes))
    }
}

/// A known key's verified signature on a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Position of the key in the list given to [`Note::verify`].
    pub key: usize,
    /// For a cosignature: its time in POSIX seconds.
    pub unix_s: Option<u64>,
}

/// A well-formed signed note. That it parses says nothing about who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// A note with its first signature. The text must end with a newline and hold no control
    /// character but newlines.
    pub fn new(text: &str, signature: SignatureLine) -> Result<Note, NoteError> {
        if !text.ends_with('\n') || text.len() > NOTE_BYTES_MAX || has_control(text) {
            return Err(NoteError::Malformed);
        }
        Ok(Note { text: text.to_owned(), signatures: vec![signature] })
    }

    /// Reads a note strictly: exactly the bytes that [`fmt::Display`] gives back.
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        if has_control(note) {
            return Err(NoteError::Malformed);
        }
        // The last blank line divides: a text may hold blank lines, signatures may not.
        let divide = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, lines) = (&note[..divide + 1], &note[divide + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::TooLarge);
            }
            signatures.push(SignatureLine::parse(line)?);
        }
        Ok(Note { text: text.to_owned(), signatures })
    }

    /// The signed text with its final newline, without the blank line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in order, known and unknown.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a signature line. One with a name and key id already there is refused, so that a key
    /// never appears twice.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteError::TooLarge);
        }
        let is_same = |old: &SignatureLine| old.name == line.name && old.key_id == line.key_id;
        if self.signatures.iter().any(is_same) {
            return Err(NoteError::DuplicateSignature);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// Verifies every line whose name and key id belong to a known key; all others are ignored,
    /// whatever their algorithm. Refused if such a line does not verify, if one known key has two
    /// lines (an honest writer never makes them, and counting or dropping either would leave the
    /// choice to whoever passes the note on), or if no known key signed.
    pub fn verify(&self, keys: &[VKey]) -> Result<Vec<Verified>, NoteError> {
        let mut verified: Vec<Verified> = Vec::new();
        for line in &self.signatures {
            let known = |key: &VKey| key.name() == line.name && key.key_id() == line.key_id;
            let Some(key) = keys.iter().position(known) else { continue };
            if verified.iter().any(|earlier| earlier.key == key) {
                return Err(NoteError::DuplicateSignature);
            }
            let unix_s = keys[key].verify(&self.text, &line.signature)?;
            verified.push(Verified { key, unix_s });
        }
        if verified.is_empty() { Err(NoteError::NoKnownSignature) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Whether a key name may stand in a signature line.
pub(crate) fn is_key_name(name: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    !name.is_empty() && name.len() <= KEY_NAME_BYTES_MAX && !name.contains(is_bad)
}

/// Base64 of RFC 4648 section 4, padded.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Strict base64: padding required, trailing bits zero, nothing else between.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A plain ASCII decimal: no sign, no leading zero.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    if is_plain && !has_leading_zero { text.parse().ok() } else { None }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}
