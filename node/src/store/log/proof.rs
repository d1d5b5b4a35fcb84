//! Proofs and roots, read from stored tiles.

use super::edge::{Edge, read_partial};
use super::growth::{FullTile, nodes_at};
use super::{Head, LogId};
use crate::store::conn::{Conn, Val, places};
use crate::store::error::StoreError;
use jieli_proto::tree::{
    self, Hash, SIZE_MAX, TILE_HEIGHT, TILE_WIDTH, Tile, TreeError, consistency_tiles, node_hash,
    root_tiles,
};
use std::collections::{BTreeMap, BTreeSet};

/// Full tiles of 8 KiB fetched with one statement.
const TILES_AT_ONCE: usize = 64;

/// Leaves read with one statement when the whole log is gone through.
const LEAVES_AT_ONCE: u64 = 1024;

/// A leaf as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRow {
    /// Its index.
    pub index: u64,
    /// Its RFC 6962 leaf hash.
    pub hash: Hash,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// The leaf at an index, if the log has one.
pub async fn leaf(conn: &mut Conn, id: LogId, index: u64) -> Result<Option<LeafRow>, StoreError> {
    Ok(leaves(conn, id, index, index.saturating_add(1)).await?.pop())
}

/// The leaves `from..to` that the log has, in order.
pub async fn leaves(
    conn: &mut Conn,
    id: LogId,
    from: u64,
    to: u64,
) -> Result<Vec<LeafRow>, StoreError> {
    let sql = "SELECT idx, hash, data FROM log_leaf \
               WHERE log = $1 AND epoch = $2 AND idx >= $3 AND idx < $4 ORDER BY idx";
    let vals = [id.vals(), vec![from.into(), to.into()]].concat();
    let rows = conn.rows(sql, vals).await?;
    rows.iter()
        .map(|row| Ok(LeafRow { index: row.uint(0)?, hash: row.array(1)?, data: row.bytes(2)? }))
        .collect()
}

/// The hashes that a tile holds at a size, 0 to 256 of them.
pub async fn tile_hashes(
    conn: &mut Conn,
    id: LogId,
    tile: Tile,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut tiles = Tiles::new(id, size)?;
    tiles.load(conn, [tile].into()).await?;
    Ok(tiles.tiles.remove(&tile).and_then(|levels| levels.into_iter().next()).unwrap_or_default())
}

/// The root at a size not beyond the head, from stored tiles.
pub async fn root_at(conn: &mut Conn, id: LogId, size: u64) -> Result<Hash, StoreError> {
    let mut tiles = Tiles::new(id, size)?;
    tiles.load(conn, root_tiles(size)?).await?;
    Ok(tree::root_at(size, &mut |level, index| tiles.entry(level, index))?)
}

/// The inclusion proof of a leaf at a size, from its sibling to the root's child.
pub async fn inclusion(
    conn: &mut Conn,
    id: LogId,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut proofs = inclusion_many(conn, id, &[index], size, None).await?;
    proofs.pop().ok_or(StoreError::Tree(TreeError::OutOfRange))
}

/// The inclusion proofs of many leaves at one size, in the order asked. Each tile is read and
/// folded once. With the `edge` at that size, its unfilled tiles are not read at all.
pub async fn inclusion_many(
    conn: &mut Conn,
    id: LogId,
    indexes: &[u64],
    size: u64,
    edge: Option<&Edge>,
) -> Result<Vec<Vec<Hash>>, StoreError> {
    let mut tiles = Tiles::new(id, size)?;
    if indexes.iter().any(|index| *index >= size) {
        return Err(StoreError::Tree(TreeError::OutOfRange));
    }
    if let Some(edge) = edge.filter(|edge| edge.head(0).id == id && edge.size() == size) {
        edge.partial_tiles().for_each(|(tile, hashes)| tiles.put(tile, hashes.clone()));
    }
    let mut wanted = BTreeSet::new();
    for level in 0u8.. {
        let nodes = nodes_at(size, level);
        if nodes == 0 {
            break;
        }
        // The right edge, and above each leaf the tile that holds its ancestor and all siblings.
        wanted.insert(Tile { level, index: nodes / TILE_WIDTH });
        wanted.extend(indexes.iter().map(|at| Tile { level, index: nodes_at(*at, level + 1) }));
    }
    tiles.load(conn, wanted).await?;
    indexes.iter().map(|index| tiles.path(*index)).collect()
}

/// The consistency proof between two sizes, neither beyond the head.
pub async fn consistency(
    conn: &mut Conn,
    id: LogId,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut tiles = Tiles::new(id, new_size)?;
    tiles.load(conn, consistency_tiles(old_size, new_size)?).await?;
    let mut read = |level, index| tiles.entry(level, index);
    Ok(tree::consistency_proof(old_size, new_size, &mut read)?)
}

/// Goes through all leaves up to a head: their bytes must give their hashes, these the stored
/// tiles, and all together the head's root. Returns the root at `size`, which is not beyond it.
pub async fn recompute(conn: &mut Conn, head: &Head, size: u64) -> Result<Hash, StoreError> {
    if size > head.size {
        return Err(StoreError::Tree(TreeError::OutOfRange));
    }
    let mut edge = Edge::new(head.id);
    let mut root = edge.root();
    while edge.size() < head.size {
        let to = head.size.min(edge.size() + LEAVES_AT_ONCE);
        for leaf in leaves(conn, head.id, edge.size(), to).await? {
            if leaf.index != edge.size() || leaf.hash != tree::leaf_hash(&leaf.data) {
                return Err(StoreError::Corrupt("a leaf does not give its hash"));
            }
            edge.push(leaf.data)?;
            if edge.size() == size {
                root = edge.root();
            }
        }
        if edge.size() != to {
            return Err(StoreError::Corrupt("a leaf is missing"));
        }
        let mut made = edge.take_tiles();
        let wanted: Vec<Tile> = made.iter().map(|full| full.tile).collect();
        let mut stored = Vec::new();
        read_full(conn, head.id, &wanted, &mut stored).await?;
        made.sort_by_key(|full| full.tile);
        stored.sort_by_key(|full| full.tile);
        if made != stored {
            return Err(StoreError::Corrupt("a tile does not hold its leaves"));
        }
    }
    match edge.root() == head.root {
        true => Ok(root),
        false => Err(StoreError::Corrupt("the leaves do not lead to the head")),
    }
}

/// Tiles in memory, each folded once: by tile, by height in it, the nodes from the left.
struct Tiles {
    id: LogId,
    size: u64,
    tiles: BTreeMap<Tile, Vec<Vec<Hash>>>,
}

impl Tiles {
    fn new(id: LogId, size: u64) -> Result<Tiles, StoreError> {
        match size <= SIZE_MAX {
            true => Ok(Tiles { id, size, tiles: BTreeMap::new() }),
            false => Err(StoreError::Tree(TreeError::TooLarge)),
        }
    }

    async fn load(&mut self, conn: &mut Conn, wanted: BTreeSet<Tile>) -> Result<(), StoreError> {
        let mut full = Vec::new();
        for tile in wanted {
            match tile.width_at(self.size) {
                _ if self.tiles.contains_key(&tile) => {}
                TILE_WIDTH => full.push(tile),
                width => {
                    let hashes = read_partial(conn, self.id, tile, width).await?;
                    self.put(tile, hashes);
                }
            }
        }
        let mut read = Vec::new();
        read_full(conn, self.id, &full, &mut read).await?;
        read.into_iter().for_each(|full| self.put(full.tile, full.hashes));
        Ok(())
    }

    fn put(&mut self, tile: Tile, hashes: Vec<Hash>) {
        let mut levels = vec![hashes];
        for height in 0..usize::from(TILE_HEIGHT) - 1 {
            let above = levels[height].chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1]));
            levels.push(above.collect());
        }
        self.tiles.insert(tile, levels);
    }

    /// Entry `index` of a tile level, as the tree functions ask for it.
    fn entry(&self, level: u8, index: u64) -> Option<Hash> {
        self.node(level * TILE_HEIGHT, index).ok()
    }

    /// The complete subtree `index` of tree level `level`.
    fn node(&self, level: u8, index: u64) -> Result<Hash, TreeError> {
        let height = level % TILE_HEIGHT;
        let tile = Tile { level: level / TILE_HEIGHT, index: index >> (TILE_HEIGHT - height) };
        let first = tile.index << (TILE_HEIGHT - height);
        let nodes = self.tiles.get(&tile).and_then(|levels| levels.get(usize::from(height)));
        let node = nodes.and_then(|nodes| nodes.get((index - first) as usize));
        node.copied().ok_or(TreeError::Missing)
    }

    /// The audit path of a leaf: the sibling of each ancestor that has one.
    fn path(&self, index: u64) -> Result<Vec<Hash>, StoreError> {
        let mut path = Vec::new();
        for level in 0u8.. {
            let last = (self.size - 1) >> level;
            if last == 0 {
                break;
            }
            let sibling = (index >> level) ^ 1;
            if sibling < last || (sibling == last && self.size == (last + 1) << level) {
                path.push(self.node(level, sibling)?);
            } else if sibling == last {
                path.push(self.rest(last << level)?);
            }
        }
        Ok(path)
    }

    /// The root over the leaves from `start` to the end, where `start` begins an incomplete subtree.
    fn rest(&self, mut start: u64) -> Result<Hash, TreeError> {
        let mut peaks = Vec::new();
        while start < self.size {
            let level = (self.size - start).ilog2();
            peaks.push(self.node(level as u8, start >> level)?);
            start += 1 << level;
        }
        let whole = peaks.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
        whole.ok_or(TreeError::OutOfRange)
    }
}

/// Reads full tiles, in any order.
async fn read_full(
    conn: &mut Conn,
    id: LogId,
    tiles: &[Tile],
    into: &mut Vec<FullTile>,
) -> Result<(), StoreError> {
    let mut by_level: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    tiles.iter().for_each(|tile| by_level.entry(tile.level).or_default().push(tile.index));
    for (level, indexes) in by_level {
        for indexes in indexes.chunks(TILES_AT_ONCE) {
            let sql = format!(
                "SELECT idx, root, hashes FROM log_tile \
                 WHERE log = $1 AND epoch = $2 AND level = $3 AND idx IN ({})",
                places(4, indexes.len())
            );
            let mut vals = id.vals();
            vals.push(level.into());
            vals.extend(indexes.iter().map(|index| Val::from(*index)));
            let rows = conn.rows_many(sql, vals).await?;
            if rows.len() != indexes.len() {
                return Err(StoreError::Corrupt("a tile is missing"));
            }
            for row in rows {
                let tile = Tile { level, index: row.uint(0)? };
                let hashes = row.bytes(2)?;
                let (hashes, rest) = hashes.as_chunks::<32>();
                if hashes.len() as u64 != TILE_WIDTH || !rest.is_empty() {
                    return Err(StoreError::Corrupt("a tile of the wrong length"));
                }
                into.push(FullTile { tile, root: row.array(1)?, hashes: hashes.to_vec() });
            }
        }
    }
    Ok(())
}
