//! Verifier keys of C2SP signed notes and how each kind signs.

use super::{NoteError, Sign, SignatureLine, decode_base64, encode_base64, is_key_name};
use crate::checkpoint::cosignature_message;
use crate::pubkey::PublicKey;
use crate::tree::sha256;
use std::fmt;

/// Signature types of C2SP signed notes that Jieli knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// 01: Ed25519 over the note text. A log signs its checkpoints with it.
    Ed25519 = 1,
    /// 04: C2SP Ed25519 cosignature/v1, with a time.
    CosignatureV1 = 4,
}

/// A verifier key: a name, a signature type and an Ed25519 public key. Its text form is
/// `name+<key id, 8 hex digits>+base64(type || key)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VKey {
    name: String,
    kind: KeyKind,
    key: PublicKey,
}

impl VKey {
    /// A key under a name.
    pub fn new(name: &str, kind: KeyKind, key: PublicKey) -> Result<VKey, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::BadKeyName);
        }
        Ok(VKey { name: name.to_owned(), kind, key })
    }

    /// Reads the text form strictly. The key id must be the one of this name, type and key.
    pub fn parse(text: &str) -> Result<VKey, NoteError> {
        let mut parts = text.splitn(3, '+');
        let mut next = || parts.next().ok_or(NoteError::BadVerifierKey);
        let (name, key_id, encoded) = (next()?, next()?, next()?);
        let bytes = decode_base64(encoded).ok_or(NoteError::BadVerifierKey)?;
        let (kind, key) = bytes.split_first().ok_or(NoteError::BadVerifierKey)?;
        let kind = match kind {
            1 => KeyKind::Ed25519,
            4 => KeyKind::CosignatureV1,
            _ => return Err(NoteError::UnsupportedKind),
        };
        let vkey = VKey::new(name, kind, PublicKey::from_bytes(key)?)?;
        if hex::encode(vkey.key_id()) == key_id { Ok(vkey) } else { Err(NoteError::BadVerifierKey) }
    }

    /// The key name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature type.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256(name || 0A || type || 32-byte key)[0..4].
    pub fn key_id(&self) -> [u8; 4] {
        let kind = [b'\n', self.kind as u8];
        let hash = sha256(&[self.name.as_bytes(), &kind, self.key.as_bytes()].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The bytes this key signs for a note text. A cosignature covers its time in POSIX seconds;
    /// for an Ed25519 key `unix_s` is not used.
    pub fn message(&self, text: &str, unix_s: u64) -> Vec<u8> {
        match self.kind {
            KeyKind::Ed25519 => text.as_bytes().to_vec(),
            KeyKind::CosignatureV1 => cosignature_message(unix_s, text),
        }
    }

    /// The line for a signature over [`VKey::message`].
    pub fn line(&self, unix_s: u64, signature: &[u8; 64]) -> SignatureLine {
        let signature = match self.kind {
            KeyKind::Ed25519 => signature.to_vec(),
            KeyKind::CosignatureV1 => [&unix_s.to_be_bytes()[..], signature].concat(),
        };
        SignatureLine { name: self.name.clone(), key_id: self.key_id(), signature }
    }

    /// Signs a text at a time (see [`VKey::message`]) where the key is at hand.
    pub fn sign(&self, text: &str, unix_s: u64, sign: &Sign<'_>) -> SignatureLine {
        self.line(unix_s, &sign(&self.message(text, unix_s)))
    }

    /// Verifies what follows the key id in a signature line; a cosignature gives its time in POSIX
    /// seconds.
    pub fn verify(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, NoteError> {
        let (unix_s, signature) = match self.kind {
            KeyKind::Ed25519 => (None, signature),
            KeyKind::CosignatureV1 => {
                let (time, signature) =
                    signature.split_first_chunk().ok_or(NoteError::BadSignature)?;
                let unix_s = u64::from_be_bytes(*time);
                if unix_s > i64::MAX as u64 {
                    return Err(NoteError::BadSignature);
                }
                (Some(unix_s), signature)
            }
        };
        let message = self.message(text, unix_s.unwrap_or_default());
        self.key.verify(&message, signature).map_err(|_| NoteError::BadSignature)?;
        Ok(unix_s)
    }
}

impl fmt::Display for VKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind as u8][..], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.key_id()), encode_base64(&bytes))
    }
}
