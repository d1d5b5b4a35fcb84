//! Coordinates of C2SP tlog-tiles, height 8.

use super::{Hash, SIZE_MAX, TreeError, root};
use std::fmt;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// One tile. Its hashes are the nodes `index * 256 ..` of tree level `8 * level`; a full tile holds
/// 256 of them (8192 bytes) and never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Tile level: 0 holds leaf hashes, each level above the roots of full tiles of the one below.
    pub level: u8,
    /// Number of the tile within its level.
    pub index: u64,
}

impl Tile {
    /// How many hashes this tile holds in a tree of that size: 0 (absent) to 256 (full).
    pub fn width_at(self, size: u64) -> u64 {
        let shift = u32::from(self.level) * u32::from(TILE_HEIGHT);
        let nodes = size.checked_shr(shift).unwrap_or(0);
        let before = self.index.saturating_mul(TILE_WIDTH);
        nodes.saturating_sub(before).min(TILE_WIDTH)
    }

    /// The index of the first leaf under this tile and the one after its last when full; `None` if
    /// the tile lies outside the largest tree.
    pub fn span(self) -> Option<(u64, u64)> {
        let shift = u32::from(self.level).checked_add(1)?.checked_mul(u32::from(TILE_HEIGHT))?;
        let leaves = 1u64.checked_shl(shift)?;
        let start = self.index.checked_mul(leaves)?;
        let end = start.checked_add(leaves)?;
        (end <= SIZE_MAX).then_some((start, end))
    }

    /// The path of C2SP tlog-tiles without the log's prefix; `width` 256 names the full tile.
    pub fn path(self, width: u64) -> String {
        let partial = if width < TILE_WIDTH { format!(".p/{width}") } else { String::new() };
        format!("{self}{partial}")
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let digits = self.index.to_string();
        let digits = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
        let last = digits.len() - 3;
        for at in (0..last).step_by(3) {
            write!(f, "x{}/", &digits[at..at + 3])?;
        }
        f.write_str(&digits[last..])
    }
}

/// The tiles of every level that become full when a log grows from one size to another, lowest
/// level first, in order of index.
pub fn completed_tiles(from: u64, to: u64) -> Result<Vec<Tile>, TreeError> {
    if to > SIZE_MAX {
        return Err(TreeError::TooLarge);
    }
    if from > to {
        return Err(TreeError::OutOfRange);
    }
    let mut tiles = Vec::new();
    for level in 0..SIZE_MAX.ilog2() as u8 / TILE_HEIGHT {
        let shift = (level + 1) * TILE_HEIGHT;
        tiles.extend((from >> shift..to >> shift).map(|index| Tile { level, index }));
    }
    Ok(tiles)
}

/// The root of a full tile: the entry it has in the tile above. `None` unless there are 256 hashes.
pub fn tile_root(hashes: &[Hash]) -> Option<Hash> {
    (hashes.len() as u64 == TILE_WIDTH).then(|| root(hashes))
}
