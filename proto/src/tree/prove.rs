//! Roots and proofs read from stored hashes.

use super::{
    Frontier, Hash, SIZE_MAX, TILE_HEIGHT, TILE_WIDTH, Tile, TreeError, empty_root, node_hash,
    split,
};
use std::collections::BTreeSet;

/// Reads one stored hash: entry `index` of tile level `level`. Level 0 is the leaf hash of that
/// leaf; level n + 1 is the root of the full tile `index` of level n. The tree of the size asked
/// for must have it; `None` (not stored) fails the proof.
pub type Read<'a> = dyn FnMut(u8, u64) -> Option<Hash> + 'a;

/// The root at a size (RFC 6962 section 2.1).
pub fn root_at(size: u64, read: &mut Read<'_>) -> Result<Hash, TreeError> {
    check_size(size)?;
    if size == 0 { Ok(empty_root()) } else { range_root(0, size, read) }
}

/// The compact right edge at a size, to go on appending. It reads what [`root_tiles`] names.
pub fn frontier_at(size: u64, read: &mut Read<'_>) -> Result<Frontier, TreeError> {
    check_size(size)?;
    let mut peaks = Vec::new();
    let mut start = 0;
    while start < size {
        let level = (size - start).ilog2();
        peaks.push(node(level as u8, start >> level, read)?);
        start += 1 << level;
    }
    Frontier::from_parts(size, peaks)
}

/// The inclusion proof (audit path, RFC 6962 section 2.1.1) of a leaf, from its sibling to the
/// root's child.
pub fn inclusion_proof(index: u64, size: u64, read: &mut Read<'_>) -> Result<Vec<Hash>, TreeError> {
    check_size(size)?;
    if index >= size {
        return Err(TreeError::OutOfRange);
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(middle, end, read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof (RFC 6962 section 2.1.2) between two sizes of one log. It is empty when
/// they are equal or when the old tree is empty.
pub fn consistency_proof(
    old_size: u64,
    new_size: u64,
    read: &mut Read<'_>,
) -> Result<Vec<Hash>, TreeError> {
    check_size(new_size)?;
    if old_size > new_size {
        return Err(TreeError::OutOfRange);
    }
    let mut proof = Vec::new();
    if old_size == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new_size);
    while end > old_size {
        let middle = start + split(end - start);
        if old_size <= middle {
            proof.push(range_root(middle, end, read)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, read)?);
            start = middle;
        }
    }
    // The subtree that ends the old tree: the verifier knows it only if it is the whole old tree.
    if start > 0 {
        proof.push(range_root(start, end, read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The audit path of one of a list of leaf hashes held in memory.
pub fn audit_path(leaf_hashes: &[Hash], index: usize) -> Result<Vec<Hash>, TreeError> {
    // Levels above 0 are never asked for below 256 leaves, and beyond that are folded here.
    inclusion_proof(index as u64, leaf_hashes.len() as u64, &mut |level, at| {
        let width = 1usize << (u32::from(level) * u32::from(TILE_HEIGHT)).min(62);
        let start = width.checked_mul(usize::try_from(at).ok()?)?;
        leaf_hashes.get(start..start.checked_add(width)?).map(super::root)
    })
}

/// The tiles that [`root_at`] reads from, so that a store can fetch them beforehand.
pub fn root_tiles(size: u64) -> Result<BTreeSet<Tile>, TreeError> {
    recorded(|read| root_at(size, read).map(drop))
}

/// The tiles that [`inclusion_proof`] reads from, so that a store can fetch them beforehand.
pub fn inclusion_tiles(index: u64, size: u64) -> Result<BTreeSet<Tile>, TreeError> {
    recorded(|read| inclusion_proof(index, size, read).map(drop))
}

/// The tiles that [`consistency_proof`] reads from, so that a store can fetch them beforehand.
pub fn consistency_tiles(old_size: u64, new_size: u64) -> Result<BTreeSet<Tile>, TreeError> {
    recorded(|read| consistency_proof(old_size, new_size, read).map(drop))
}

fn recorded(
    run: impl FnOnce(&mut Read<'_>) -> Result<(), TreeError>,
) -> Result<BTreeSet<Tile>, TreeError> {
    let mut tiles = BTreeSet::new();
    run(&mut |level, index| {
        tiles.insert(Tile { level, index: index / TILE_WIDTH });
        Some([0; 32])
    })?;
    Ok(tiles)
}

/// The root over the leaves `start..end`, where `start` is a multiple of the largest power of two
/// not above the length: the only ranges that RFC 6962 forms.
fn range_root(start: u64, end: u64, read: &mut Read<'_>) -> Result<Hash, TreeError> {
    let length = end - start;
    if length.is_power_of_two() {
        let level = length.ilog2();
        return node(level as u8, start >> level, read);
    }
    let middle = start + split(length);
    let left = range_root(start, middle, read)?;
    let right = range_root(middle, end, read)?;
    Ok(node_hash(&left, &right))
}

/// A complete subtree, folded from the stored hashes of the tile level at or below it.
fn node(level: u8, index: u64, read: &mut Read<'_>) -> Result<Hash, TreeError> {
    let above = level % TILE_HEIGHT;
    let width = 1u64 << above;
    let mut hashes = (index * width..(index + 1) * width)
        .map(|at| read(level / TILE_HEIGHT, at).ok_or(TreeError::Missing))
        .collect::<Result<Vec<Hash>, TreeError>>()?;
    for _ in 0..above {
        hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    Ok(hashes[0])
}

fn check_size(size: u64) -> Result<(), TreeError> {
    if size > SIZE_MAX { Err(TreeError::TooLarge) } else { Ok(()) }
}
