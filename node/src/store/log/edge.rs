//! The right edge of a log, where it grows.

use super::growth::{FullTile, Growth, nodes_at};
use super::{Head, LogId};
use crate::store::conn::{Conn, Val};
use crate::store::error::StoreError;
use crate::store::tx::Tx;
use jieli_proto::tree::{Frontier, Hash, TILE_WIDTH, Tile, leaf_hash};

/// The right edge of a log at some head, and what was added since. A writer keeps it between
/// batches: clone it, [`Edge::push`], [`Edge::write`], and take the clone only after a known commit.
#[derive(Clone, Debug)]
pub struct Edge {
    id: LogId,
    growth: Growth,
    leaves: Vec<NewLeaf>,
}

#[derive(Clone, Debug)]
struct NewLeaf {
    index: u64,
    hash: Hash,
    data: Vec<u8>,
}

impl Edge {
    /// The edge of an empty log.
    pub fn new(id: LogId) -> Edge {
        Edge { id, growth: Growth::default(), leaves: Vec::new() }
    }

    /// Reads the edge at a head. It must lead to the head's root.
    pub async fn load(conn: &mut Conn, head: &Head) -> Result<Edge, StoreError> {
        let mut right = Vec::new();
        let mut level = 0;
        while nodes_at(head.size, level) > 0 {
            let nodes = nodes_at(head.size, level);
            let tile = Tile { level, index: nodes / TILE_WIDTH };
            right.push(read_partial(conn, head.id, tile, nodes % TILE_WIDTH).await?);
            level += 1;
        }
        let growth = Growth::resume(head.size, right)?;
        if growth.root() != head.root {
            return Err(StoreError::Corrupt("the tiles do not lead to the head"));
        }
        Ok(Edge { id: head.id, growth, leaves: Vec::new() })
    }

    /// Whether this is the edge of that head, so that it need not be loaded again.
    pub fn is_at(&self, head: &Head) -> bool {
        self.id == head.id && self.size() == head.size && self.root() == head.root
    }

    /// Number of leaves, those not yet written included. The next leaf has this index.
    pub fn size(&self) -> u64 {
        self.growth.size()
    }

    /// The tree's peaks, to try out what it would grow to.
    pub fn frontier(&self) -> &Frontier {
        self.growth.frontier()
    }

    /// The root over all leaves, those not yet written included.
    pub fn root(&self) -> Hash {
        self.growth.root()
    }

    /// The head that this edge leads to.
    pub fn head(&self, generation: u64) -> Head {
        Head { id: self.id, size: self.size(), root: self.root(), generation }
    }

    /// Adds a leaf in memory. Returns its index.
    pub fn push(&mut self, data: Vec<u8>) -> Result<u64, StoreError> {
        let (index, hash) = (self.size(), leaf_hash(&data));
        self.growth.append(hash)?;
        self.leaves.push(NewLeaf { index, hash, data });
        Ok(index)
    }

    /// Writes the leaves added since the last time, and the tiles that they filled. The head is
    /// moved separately, with [`super::store_head`].
    pub async fn write(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let with_id = |vals: Vec<Val>| [self.id.vals(), vals].concat();
        let rows = self.leaves.iter().map(|leaf| {
            with_id(vec![leaf.index.into(), leaf.hash.into(), leaf.data.as_slice().into()])
        });
        let columns = ["log", "epoch", "idx", "hash", "data"];
        tx.insert_many("log_leaf", &columns, rows.collect()).await?;
        let rows = self.growth.take_tiles();
        let rows = rows.iter().map(|full| {
            let (level, index) = (full.tile.level.into(), full.tile.index.into());
            with_id(vec![level, index, full.root.into(), full.hashes.concat().into()])
        });
        let columns = ["log", "epoch", "level", "idx", "root", "hashes"];
        tx.insert_many("log_tile", &columns, rows.collect()).await?;
        self.leaves.clear();
        Ok(())
    }

    /// The last, unfilled tile of each level with its hashes, of the leaves that were written.
    pub(super) fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &Vec<Hash>)> {
        self.growth.partial_tiles()
    }

    /// Takes the tiles filled since the last time and forgets the leaves.
    pub(super) fn take_tiles(&mut self) -> Vec<FullTile> {
        self.leaves.clear();
        self.growth.take_tiles()
    }
}

/// The first `width` hashes of a tile that is not full: from the leaves, or from the roots of the
/// full tiles below.
pub(super) async fn read_partial(
    conn: &mut Conn,
    id: LogId,
    tile: Tile,
    width: u64,
) -> Result<Vec<Hash>, StoreError> {
    if width == 0 {
        return Ok(Vec::new());
    }
    let from = tile.index * TILE_WIDTH;
    let mut vals = id.vals();
    vals.extend([from.into(), (from + width).into()]);
    let rows = if tile.level == 0 {
        let sql = "SELECT hash FROM log_leaf \
                   WHERE log = $1 AND epoch = $2 AND idx >= $3 AND idx < $4 ORDER BY idx";
        conn.rows(sql, vals).await?
    } else {
        vals.push((tile.level - 1).into());
        let sql = "SELECT root FROM log_tile \
                   WHERE log = $1 AND epoch = $2 AND level = $5 AND idx >= $3 AND idx < $4 \
                   ORDER BY idx";
        conn.rows(sql, vals).await?
    };
    let hashes = rows.iter().map(|row| row.array(0)).collect::<Result<Vec<Hash>, StoreError>>()?;
    match hashes.len() as u64 == width {
        true => Ok(hashes),
        false => Err(StoreError::Corrupt("a hash of the log is missing")),
    }
}
