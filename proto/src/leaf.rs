//! The leaf of the exchange log: 168 bytes, the same in both cities' logs.

use crate::tree::{Hash, leaf_hash, sha256};

/// Length of an encoded leaf in bytes.
pub const LEAF_LEN: usize = 168;

/// The highest lane: 0/1 messages by A/B, 2/3 receipts by A/B, 4/5 agreement acts by A/B.
pub const LANE_MAX: u8 = 5;

const MAGIC: [u8; 4] = *b"JL01";

/// Why 168 bytes are not a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not exactly 168 bytes.
    #[error("a leaf is 168 bytes")]
    BadLength,
    /// The first four bytes are not `JL01`.
    #[error("not a leaf of the exchange log")]
    BadMagic,
    /// The byte after the lane is not zero.
    #[error("the reserved byte is not zero")]
    BadReserved,
    /// No such lane.
    #[error("no such lane")]
    BadLane,
    /// Sequences start at 1.
    #[error("a lane sequence starts at 1")]
    BadSequence,
}

/// One record of the exchange log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Number of the message kind, from the payload type; 0 if the payload type names none.
    pub kind: u8,
    /// Algorithm suite of the signing key's record: 1 = Ed25519, SHA-256, AES-256-GCM.
    pub suite: u8,
    /// Lane within the agreement, 0 to [`LANE_MAX`].
    pub lane: u8,
    /// Random id of the agreement.
    pub agreement_id: [u8; 16],
    /// Place in the lane, from 1.
    pub lane_seq: u64,
    /// SHA-256 of the envelope's DSSE pre-authentication encoding.
    pub env_digest: Hash,
    /// Fingerprint of the key that signed the envelope.
    pub key_fpr: Hash,
    /// The envelope's signature.
    pub sig: [u8; 64],
    /// First 8 bytes of the SHA-256 of the payload type; see [`payload_type_tag`].
    pub payload_type_tag: [u8; 8],
}

impl Leaf {
    /// The 168 bytes: `"JL01" | kind | suite | lane | 00 | agreement_id | lane_seq u64be |
    /// env_digest | key_fpr | sig | SHA-256(payload_type)[0..8]`.
    pub fn to_bytes(&self) -> [u8; LEAF_LEN] {
        let mut bytes = [0; LEAF_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind;
        bytes[5] = self.suite;
        bytes[6] = self.lane;
        bytes[8..24].copy_from_slice(&self.agreement_id);
        bytes[24..32].copy_from_slice(&self.lane_seq.to_be_bytes());
        bytes[32..64].copy_from_slice(&self.env_digest);
        bytes[64..96].copy_from_slice(&self.key_fpr);
        bytes[96..160].copy_from_slice(&self.sig);
        bytes[160..].copy_from_slice(&self.payload_type_tag);
        bytes
    }

    /// Reads a leaf. `kind` and `suite` are not checked against their tables here: a leaf made
    /// under a later table must still be readable.
    pub fn from_bytes(bytes: &[u8]) -> Result<Leaf, LeafError> {
        let bytes: &[u8; LEAF_LEN] = bytes.try_into().map_err(|_| LeafError::BadLength)?;
        if bytes[..4] != MAGIC {
            return Err(LeafError::BadMagic);
        }
        if bytes[7] != 0 {
            return Err(LeafError::BadReserved);
        }
        let leaf = Leaf {
            kind: bytes[4],
            suite: bytes[5],
            lane: bytes[6],
            agreement_id: array(&bytes[8..24]),
            lane_seq: u64::from_be_bytes(array(&bytes[24..32])),
            env_digest: array(&bytes[32..64]),
            key_fpr: array(&bytes[64..96]),
            sig: array(&bytes[96..160]),
            payload_type_tag: array(&bytes[160..]),
        };
        if leaf.lane > LANE_MAX {
            return Err(LeafError::BadLane);
        }
        if leaf.lane_seq == 0 {
            return Err(LeafError::BadSequence);
        }
        Ok(leaf)
    }

    /// The RFC 6962 leaf hash: SHA-256(00 || leaf).
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

/// The last eight bytes of a leaf: SHA-256(payload_type)[0..8].
pub fn payload_type_tag(payload_type: &str) -> [u8; 8] {
    array(&sha256(payload_type.as_bytes())[..8])
}

/// A fixed-length copy; the callers' ranges are constants of that length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}
