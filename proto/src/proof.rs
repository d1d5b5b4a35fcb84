//! C2SP tlog-proof: a text that proves offline that a log holds a leaf.

use crate::note::{NOTE_BYTES_MAX, Note, NoteError, decode_base64, encode_base64, parse_decimal};
use crate::policy::{Checked, Policy, PolicyError};
use crate::tree::{Hash, PROOF_HASHES_MAX, TreeError, verify_inclusion};
use std::fmt;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The largest proof text in bytes.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + 16 * 1024;

/// Why a proof was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Larger than [`PROOF_BYTES_MAX`], or more than [`PROOF_HASHES_MAX`] hashes.
    #[error("the proof is too large")]
    TooLarge,
    /// Another first line.
    #[error("not a tlog-proof of version 1")]
    BadHeader,
    /// An `extra` line without the base64 of at least one byte.
    #[error("bad extra line")]
    BadExtra,
    /// No `index` line with a plain decimal.
    #[error("bad index line")]
    BadIndex,
    /// A line that is not the base64 of 32 bytes.
    #[error("bad hash line")]
    BadHash,
    /// No blank line before the checkpoint.
    #[error("truncated proof")]
    Truncated,
    /// The signed checkpoint is malformed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint does not satisfy the policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The leaf is not at this index of this tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A proof: index, inclusion path and the signed checkpoint that gives size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Opaque bytes that no signature covers. Of use only where they are the leaf itself.
    pub extra: Vec<u8>,
    /// Index of the leaf, from 0.
    pub index: u64,
    /// Inclusion path, from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The checkpoint with its signature and cosignatures.
    pub note: Note,
}

impl Proof {
    /// Reads a proof strictly: exactly the bytes that [`fmt::Display`] gives back.
    pub fn parse(bytes: &[u8]) -> Result<Proof, ProofError> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(ProofError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        let mut rest = text;
        let mut next = || {
            let (line, after) = rest.split_once('\n').ok_or(ProofError::Truncated)?;
            rest = after;
            Ok::<&str, ProofError>(line)
        };
        if next()? != HEADER {
            return Err(ProofError::BadHeader);
        }
        let mut line = next()?;
        let mut extra = Vec::new();
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = decode_base64(encoded).ok_or(ProofError::BadExtra)?;
            if extra.is_empty() {
                return Err(ProofError::BadExtra);
            }
            line = next()?;
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal);
        let index = index.ok_or(ProofError::BadIndex)?;
        let mut hashes = Vec::new();
        loop {
            let line = next()?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(ProofError::TooLarge);
            }
            let hash = decode_base64(line).and_then(|bytes| bytes.try_into().ok());
            hashes.push(hash.ok_or(ProofError::BadHash)?);
        }
        let note = Note::parse(rest.as_bytes())?;
        Ok(Proof { extra, index, hashes, note })
    }

    /// Verifies that the log holds a leaf with this hash at [`Proof::index`]. Size and root come
    /// from the checkpoint only after the policy accepted its signatures.
    pub fn verify(&self, leaf_hash: &Hash, policy: &Policy) -> Result<Checked, ProofError> {
        let checked = policy.check(&self.note)?;
        let head = &checked.checkpoint;
        verify_inclusion(leaf_hash, self.index, head.size(), &self.hashes, head.root())?;
        Ok(checked)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", encode_base64(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", encode_base64(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}
