//! The Merkle tree of RFC 6962 section 2.1 over SHA-256, laid out in tiles as in C2SP tlog-tiles.
//!
//! A *node* is a complete subtree: `level` is its height (0 = leaf) and `index` its number among the
//! complete subtrees of that height, so it covers the leaves `index << level .. (index + 1) << level`.
//! A *tile* (height 8) holds 256 nodes of one of the levels 0, 8, 16, ...

mod frontier;
mod prove;
mod tile;
mod verify;

pub use frontier::{Frontier, Node};
pub use prove::{
    Read, audit_path, consistency_proof, consistency_tiles, frontier_at, inclusion_proof,
    inclusion_tiles, root_at, root_tiles,
};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, Tile, completed_tiles, tile_root};
pub use verify::{find_inclusion, verify_consistency, verify_inclusion};

use ring::digest::{Context, SHA256, digest};

/// A SHA-256 digest: a leaf hash, a node hash or a root.
pub type Hash = [u8; 32];

/// The most hashes any proof may hold (protocol.md section 9).
pub const PROOF_HASHES_MAX: usize = 63;

/// The largest tree. With it no inclusion proof is longer than 62 hashes and no consistency proof
/// longer than [`PROOF_HASHES_MAX`], and every size and index fits a signed 64-bit column.
pub const SIZE_MAX: u64 = 1 << 62;

/// The most items of a receipt: what a node answers in one batch. Their paths do not tell their
/// index ([`find_inclusion`] tries each), so this bounds what a hostile receipt can cost.
pub const BATCH_MAX: u64 = 256;

/// Why a tree operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tree, or a batch, larger than [`SIZE_MAX`] or [`BATCH_MAX`].
    #[error("the tree is too large")]
    TooLarge,
    /// An index at or beyond the size, or an old size beyond the new one.
    #[error("the index or the old size lies outside the tree")]
    OutOfRange,
    /// A proof with more or fewer hashes than this place in this tree needs.
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Mismatch,
    /// The reader had no hash where the tree of this size must have one.
    #[error("a hash of the tree is missing")]
    Missing,
    /// A compact right edge whose number of hashes does not fit its size.
    #[error("the right edge does not fit the size")]
    BadFrontier,
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    fixed(digest(&SHA256, bytes).as_ref())
}

/// The leaf hash of RFC 6962: SHA-256(00 || leaf).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(leaf);
    fixed(context.finish().as_ref())
}

/// The node hash of RFC 6962: SHA-256(01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root of a list of leaf hashes held in memory (RFC 6962 section 2.1).
pub fn root(leaf_hashes: &[Hash]) -> Hash {
    match leaf_hashes {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaf_hashes.split_at(split(leaf_hashes.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

/// The root and, for each item in order, the audit path (leaf to root) of a small batch, as a
/// receipt carries it: `items_root` is the RFC 6962 root over the encoded items.
pub fn items_root<T: AsRef<[u8]>>(items: &[T]) -> (Hash, Vec<Vec<Hash>>) {
    let leaves: Vec<Hash> = items.iter().map(|item| leaf_hash(item.as_ref())).collect();
    let paths = (0..leaves.len()).filter_map(|index| audit_path(&leaves, index).ok()).collect();
    (root(&leaves), paths)
}

/// The largest power of two smaller than `size`, where RFC 6962 divides a list of two or more.
fn split(size: u64) -> u64 {
    debug_assert!(size > 1);
    1 << (63 - (size - 1).leading_zeros())
}

fn fixed(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(bytes);
    hash
}
