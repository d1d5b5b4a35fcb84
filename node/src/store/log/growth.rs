//! A tree of hashes where it grows: its right edge, and the tiles that were filled.

use crate::store::error::StoreError;
use jieli_proto::tree::{Frontier, Hash, TILE_HEIGHT, TILE_WIDTH, Tile, frontier_at};

/// A tile that became full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FullTile {
    pub(crate) tile: Tile,
    /// Its entry in the tile above.
    pub(crate) root: Hash,
    pub(crate) hashes: Vec<Hash>,
}

/// The right edge of a tree, and the tiles filled since they were last taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growth {
    frontier: Frontier,
    /// By tile level: the hashes of its last tile, which is not full.
    right: Vec<Vec<Hash>>,
    tiles: Vec<FullTile>,
}

impl Growth {
    /// Goes on at a size from the unfilled tiles, lowest level first.
    pub(crate) fn resume(size: u64, right: Vec<Vec<Hash>>) -> Result<Growth, StoreError> {
        let frontier = frontier_at(size, &mut |level, index| {
            right.get(usize::from(level))?.get((index % TILE_WIDTH) as usize).copied()
        })?;
        Ok(Growth { frontier, right, tiles: Vec::new() })
    }

    /// The peaks.
    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over all leaves.
    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds a leaf by its hash.
    pub(crate) fn append(&mut self, leaf_hash: Hash) -> Result<(), StoreError> {
        for node in self.frontier.append(leaf_hash)? {
            if let Some(tile) = node.completes() {
                let full = self.right.get_mut(usize::from(tile.level)).map(std::mem::take);
                let hashes = full.ok_or(StoreError::Corrupt("a tile level is missing"))?;
                self.tiles.push(FullTile { tile, root: node.hash, hashes });
            }
            if let Some((tile, _)) = node.place() {
                let level = usize::from(tile.level);
                if level == self.right.len() {
                    self.right.push(Vec::new());
                }
                self.right[level].push(node.hash);
            }
        }
        Ok(())
    }

    /// The last, unfilled tile of each level with its hashes.
    pub(crate) fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &Vec<Hash>)> {
        self.right.iter().zip(0u8..).map(|(hashes, level)| {
            let nodes = nodes_at(self.size(), level);
            (Tile { level, index: nodes / TILE_WIDTH }, hashes)
        })
    }

    /// The tiles filled since the last time.
    pub(crate) fn take_tiles(&mut self) -> Vec<FullTile> {
        std::mem::take(&mut self.tiles)
    }
}

/// How many entries a tile level has in a tree of that size.
pub(crate) fn nodes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}
