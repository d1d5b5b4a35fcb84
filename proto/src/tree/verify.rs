//! Verification of proofs. Each walks from the root down to the place in question, which fixes how
//! many hashes there must be, and then folds the hashes back up.

use super::{BATCH_MAX, Hash, SIZE_MAX, TreeError, empty_root, node_hash, split};

/// On which side of the walk the proof's hash lies.
#[derive(Clone, Copy)]
enum Sibling {
    Left,
    Right,
}

/// Checks that `leaf_hash` is leaf `index` of the tree with this size and root (RFC 6962 section
/// 2.1.1). The path runs from the leaf's sibling to the root's child and must have exactly the
/// number of hashes that this place has.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), TreeError> {
    let turns = turns_to_leaf(index, size)?;
    if turns.len() != path.len() {
        return Err(TreeError::WrongLength);
    }
    let top = turns.iter().rev().zip(path).fold(*leaf_hash, join);
    if top == *root { Ok(()) } else { Err(TreeError::Mismatch) }
}

/// Finds the place of an item in a small batch of which only the count is known (a receipt's item
/// travels with its audit path and no index). At most [`BATCH_MAX`] items.
pub fn find_inclusion(
    leaf_hash: &Hash,
    count: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<u64, TreeError> {
    if count > BATCH_MAX {
        return Err(TreeError::TooLarge);
    }
    // No place of a batch lies deeper: nothing is hashed for a path that fits nowhere.
    if path.len() > BATCH_MAX.ilog2() as usize {
        return Err(TreeError::Mismatch);
    }
    let holds = |index: &u64| verify_inclusion(leaf_hash, *index, count, path, root).is_ok();
    (0..count).find(holds).ok_or(TreeError::Mismatch)
}

/// Checks that the tree with the new size and root extends the one with the old size and root (RFC
/// 6962 section 2.1.2). Equal sizes need equal roots and no hashes; the empty tree is extended by
/// every tree, again with no hashes.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), TreeError> {
    if new_size > SIZE_MAX {
        return Err(TreeError::TooLarge);
    }
    if old_size > new_size {
        return Err(TreeError::OutOfRange);
    }
    let mismatched = |old_size: u64, root: &Hash| old_size == 0 && *root != empty_root();
    if mismatched(old_size, old_root) || mismatched(new_size, new_root) {
        return Err(TreeError::Mismatch);
    }
    if old_size == 0 {
        return if proof.is_empty() { Ok(()) } else { Err(TreeError::WrongLength) };
    }
    let (turns, is_left_edge) = turns_to_old_edge(old_size, new_size);
    // On the left edge the walk ends at the whole old tree, whose root is known.
    let (seed, rest) = match (is_left_edge, proof.split_first()) {
        (true, _) => (*old_root, proof),
        (false, Some((first, rest))) => (*first, rest),
        (false, None) => return Err(TreeError::WrongLength),
    };
    if turns.len() != rest.len() {
        return Err(TreeError::WrongLength);
    }
    let (mut old, mut new) = (seed, seed);
    for step in turns.iter().rev().zip(rest) {
        new = join(new, step);
        if let (Sibling::Left, hash) = step {
            old = node_hash(hash, &old);
        }
    }
    if old == *old_root && new == *new_root { Ok(()) } else { Err(TreeError::Mismatch) }
}

fn join(below: Hash, (side, hash): (&Sibling, &Hash)) -> Hash {
    match side {
        Sibling::Left => node_hash(hash, &below),
        Sibling::Right => node_hash(&below, hash),
    }
}

/// The turns from the root down to a leaf.
fn turns_to_leaf(index: u64, size: u64) -> Result<Vec<Sibling>, TreeError> {
    if size > SIZE_MAX {
        return Err(TreeError::TooLarge);
    }
    if index >= size {
        return Err(TreeError::OutOfRange);
    }
    let (mut start, mut end) = (0, size);
    let mut turns = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            turns.push(Sibling::Right);
            end = middle;
        } else {
            turns.push(Sibling::Left);
            start = middle;
        }
    }
    Ok(turns)
}

/// The turns from the new root down to the complete subtree that ends the old tree, and whether the
/// walk never left the left edge. Needs `0 < old_size <= new_size`.
fn turns_to_old_edge(old_size: u64, new_size: u64) -> (Vec<Sibling>, bool) {
    let (mut start, mut end) = (0, new_size);
    let mut turns = Vec::new();
    while end > old_size {
        let middle = start + split(end - start);
        if old_size <= middle {
            turns.push(Sibling::Right);
            end = middle;
        } else {
            turns.push(Sibling::Left);
            start = middle;
        }
    }
    (turns, start == 0)
}
