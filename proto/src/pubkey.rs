//! Ed25519 public keys (RFC 8032): their DER form, their fingerprint and the refusal of keys that
//! verify more than they should.

use crate::tree::{Hash, sha256};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::fmt;

/// The DER of an Ed25519 SubjectPublicKeyInfo (RFC 8410) is this prefix and the 32 key bytes.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// Length in bytes of the DER SubjectPublicKeyInfo of an Ed25519 key.
pub const SPKI_LEN: usize = 44;

/// The two y coordinates of the points of order 8 of edwards25519, little-endian, in order. Those of
/// order 4, 2 and 1 are 0, p - 1 and 1.
const ORDER_8_Y: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Why a public key or a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 key bytes, or not the DER of an Ed25519 SubjectPublicKeyInfo.
    #[error("not an Ed25519 public key")]
    BadForm,
    /// The y coordinate is not reduced modulo p.
    #[error("a non-canonical public key")]
    NonCanonical,
    /// A point of small order: it verifies signatures nobody made.
    #[error("a public key of small order")]
    SmallOrder,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
}

/// An Ed25519 public key that is canonical and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032. That they are a point of the curve shows only when a
    /// signature is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        let key: [u8; 32] = bytes.try_into().map_err(|_| KeyError::BadForm)?;
        let mut y = key;
        y[31] &= 0x7f;
        let high_is_max = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff);
        if high_is_max && y[0] >= 0xed {
            return Err(KeyError::NonCanonical);
        }
        let is_minus_one = high_is_max && y[0] == 0xec;
        let is_zero_or_one = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
        if is_minus_one || is_zero_or_one || ORDER_8_Y.contains(&y) {
            return Err(KeyError::SmallOrder);
        }
        Ok(PublicKey(key))
    }

    /// Reads the DER SubjectPublicKeyInfo: exactly 44 bytes.
    pub fn from_spki(der: &[u8]) -> Result<PublicKey, KeyError> {
        let bytes = der.strip_prefix(&SPKI_PREFIX).ok_or(KeyError::BadForm)?;
        PublicKey::from_bytes(bytes)
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The DER SubjectPublicKeyInfo (RFC 8410).
    pub fn to_spki(&self) -> [u8; SPKI_LEN] {
        let mut der = [0; SPKI_LEN];
        der[..12].copy_from_slice(&SPKI_PREFIX);
        der[12..].copy_from_slice(&self.0);
        der
    }

    /// The key's name everywhere: SHA-256 of the DER SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Hash {
        sha256(&self.to_spki())
    }

    /// Verifies a 64-byte Ed25519 signature over a message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    fn pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
    }

    /// Every encoding of the eight points of small order, canonical or not.
    fn torsion() -> Vec<[u8; 32]> {
        let mut all = Vec::new();
        let p = |low: u8| {
            let mut y = [0xff; 32];
            (y[0], y[31]) = (low, 0x7f);
            y
        };
        let mut one = [0; 32];
        one[0] = 1;
        for y in [[0; 32], one, p(0xec), p(0xed), p(0xee), ORDER_8_Y[0], ORDER_8_Y[1]] {
            let mut negative = y;
            negative[31] |= 0x80;
            all.extend([y, negative]);
        }
        all
    }

    #[test]
    fn spki_and_fingerprint_round_trip() {
        let key = PublicKey::from_bytes(pair().public_key().as_ref()).unwrap();
        assert_eq!(PublicKey::from_spki(&key.to_spki()), Ok(key));
        assert_eq!(key.fingerprint(), sha256(&key.to_spki()));
        let mut der = key.to_spki().to_vec();
        der.push(0);
        assert_eq!(PublicKey::from_spki(&der), Err(KeyError::BadForm));
        assert_eq!(PublicKey::from_spki(&der[..43]), Err(KeyError::BadForm));
        der.pop();
        der[8] = 0x6f; // X448
        assert_eq!(PublicKey::from_spki(&der), Err(KeyError::BadForm));
    }

    #[test]
    fn small_order_is_refused_though_the_library_takes_it() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        let library = UnparsedPublicKey::new(&ED25519, identity);
        assert!(library.verify(b"anything at all", &forged).is_ok());
        for bytes in torsion() {
            assert!(PublicKey::from_bytes(&bytes).is_err(), "{}", hex::encode(bytes));
        }
    }

    #[test]
    fn every_y_from_p_up_is_refused() {
        for low in 0xe0..=0xff {
            for high in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                (bytes[0], bytes[31]) = (low, high);
                let refused = match low {
                    0xed.. => Err(KeyError::NonCanonical),
                    0xec => Err(KeyError::SmallOrder),
                    _ => Ok(()),
                };
                assert_eq!(PublicKey::from_bytes(&bytes).map(drop), refused);
            }
        }
    }

    #[test]
    fn signatures_with_an_unreduced_scalar_are_refused() {
        const ORDER: [u8; 16] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14,
        ];
        let key = PublicKey::from_bytes(pair().public_key().as_ref()).unwrap();
        let mut sig = pair().sign(b"message").as_ref().to_vec();
        assert_eq!(key.verify(b"message", &sig), Ok(()));
        assert_eq!(key.verify(b"massage", &sig), Err(KeyError::BadSignature));
        assert_eq!(key.verify(b"message", &sig[..63]), Err(KeyError::BadSignature));
        // S + L is the same scalar written another way.
        let mut carry = 0u16;
        for at in 0..32 {
            let order = match at {
                0..16 => ORDER[at],
                31 => 0x10,
                _ => 0,
            };
            let sum = u16::from(sig[32 + at]) + u16::from(order) + carry;
            sig[32 + at] = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(key.verify(b"message", &sig), Err(KeyError::BadSignature));
    }
}
