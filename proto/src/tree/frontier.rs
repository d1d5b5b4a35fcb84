//! The compact right edge: all that is needed to append.

use super::{Hash, SIZE_MAX, TILE_HEIGHT, TILE_WIDTH, Tile, TreeError, empty_root, node_hash};

/// A complete subtree and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Height: 0 is a leaf.
    pub level: u8,
    /// Number among the complete subtrees of this height.
    pub index: u64,
    /// Its RFC 6962 tree hash.
    pub hash: Hash,
}

impl Node {
    /// The full tile whose root this node is, if it is one: a tile is full at the moment this node
    /// appears, and `hash` is its entry in the tile above.
    pub fn completes(&self) -> Option<Tile> {
        let is_tile = self.level > 0 && self.level.is_multiple_of(TILE_HEIGHT);
        is_tile.then(|| Tile { level: self.level / TILE_HEIGHT - 1, index: self.index })
    }

    /// The tile and the position in it (0-255) that hold this node, if its level is a tile level.
    pub fn place(&self) -> Option<(Tile, usize)> {
        let level = self.level / TILE_HEIGHT;
        let is_stored = self.level.is_multiple_of(TILE_HEIGHT);
        is_stored.then(|| {
            let tile = Tile { level, index: self.index / TILE_WIDTH };
            (tile, (self.index % TILE_WIDTH) as usize)
        })
    }
}

/// The compact right edge of a tree: its size and the roots of its largest complete subtrees, one
/// for each bit of the size, from left (largest) to right.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// A stored right edge; the number of hashes must fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Result<Frontier, TreeError> {
        if size > SIZE_MAX {
            return Err(TreeError::TooLarge);
        }
        if size.count_ones() as usize != peaks.len() {
            return Err(TreeError::BadFrontier);
        }
        Ok(Frontier { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, from left (largest) to right.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf at index `size()`. Returns the nodes that this completes, from the leaf itself
    /// upwards; [`Node::completes`] says which of them close a tile.
    pub fn append(&mut self, leaf_hash: Hash) -> Result<Vec<Node>, TreeError> {
        if self.size >= SIZE_MAX {
            return Err(TreeError::TooLarge);
        }
        let mut node = Node { level: 0, index: self.size, hash: leaf_hash };
        let mut nodes = vec![node];
        // Every trailing 1 bit of the old size is a complete subtree waiting for its right half.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().ok_or(TreeError::BadFrontier)?;
            let hash = node_hash(&left, &node.hash);
            node = Node { level: node.level + 1, index: node.index >> 1, hash };
            nodes.push(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
        Ok(nodes)
    }

    /// The root at this size (RFC 6962 section 2.1).
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
