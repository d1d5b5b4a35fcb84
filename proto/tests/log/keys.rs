//! Keys made from fixed seeds, as the vectors name them.

use jieli_proto::note::{KeyKind, Note, SignatureLine, VKey};
use jieli_proto::pubkey::PublicKey;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// A signing key under a name.
pub(crate) struct Key {
    pub(crate) seed: u8,
    pub(crate) vkey: VKey,
    pair: Ed25519KeyPair,
}

impl Key {
    /// The key whose Ed25519 seed is this byte 32 times.
    pub(crate) fn new(name: &str, kind: KeyKind, seed: u8) -> Key {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = PublicKey::from_bytes(pair.public_key().as_ref()).unwrap();
        Key { seed, vkey: VKey::new(name, kind, key).unwrap(), pair }
    }

    /// Signs a note text, a cosigner at a time in POSIX seconds.
    pub(crate) fn sign(&self, text: &str, unix_s: u64) -> SignatureLine {
        let sign = |message: &[u8]| self.pair.sign(message).as_ref().try_into().unwrap();
        self.vkey.sign(text, unix_s, &sign)
    }
}

/// The log key of city A's exchange log.
pub(crate) fn log_a() -> Key {
    Key::new("jieli.city-a/log/1", KeyKind::Ed25519, 1)
}

/// The key that follows it in a planned rotation: same name, another key.
pub(crate) fn log_a_next() -> Key {
    Key::new("jieli.city-a/log/1", KeyKind::Ed25519, 2)
}

/// City B's cosigner.
pub(crate) fn cosigner_b() -> Key {
    Key::new("jieli.city-b/cosigner/1", KeyKind::CosignatureV1, 3)
}

/// City C's cosigner.
pub(crate) fn cosigner_c() -> Key {
    Key::new("jieli.city-c/cosigner/1", KeyKind::CosignatureV1, 4)
}

/// A note over a text with these signature lines.
pub(crate) fn note(text: &str, lines: Vec<SignatureLine>) -> Note {
    let mut lines = lines.into_iter();
    let mut note = Note::new(text, lines.next().unwrap()).unwrap();
    lines.for_each(|line| note.add(line).unwrap());
    note
}
