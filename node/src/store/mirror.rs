//! Hashes of peers' logs as mirrored here. What is stored was recomputed to a signed root first.

use super::conn::{Conn, Val};
use super::error::StoreError;
use super::log::{FullTile, Growth, nodes_at};
use jieli_proto::tree::{
    self, Hash, TILE_WIDTH, Tile, TreeError, consistency_tiles, inclusion_tiles, root_tiles,
};
use std::collections::{BTreeMap, BTreeSet};

/// How far a log is mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Leaves whose hashes are here.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The newest signed head whose hashes are all here; empty before the first.
    pub note: String,
}

/// How far a log is mirrored; `None` if not at all.
pub async fn head(conn: &mut Conn, origin: &str) -> Result<Option<Mirrored>, StoreError> {
    let sql = "SELECT size, root, note FROM mirror_head WHERE origin = $1";
    let row = conn.maybe(sql, vec![origin.into()]).await?;
    let read = |row: super::Row| {
        Ok(Mirrored { size: row.uint(0)?, root: row.array(1)?, note: row.text(2)? })
    };
    row.map(read).transpose()
}

/// The hashes that a tile of a mirrored log holds at a size that is mirrored: 0 to 256 of them.
pub async fn tile(
    conn: &mut Conn,
    origin: &str,
    tile: Tile,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let width = tile.width_at(size);
    if width == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT hashes FROM mirror_tile WHERE origin = $1 AND level = $2 AND idx = $3";
    let row = conn.one(sql, vec![origin.into(), tile.level.into(), tile.index.into()]).await?;
    let bytes = row.bytes(0)?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    match hashes.get(..width as usize) {
        Some(hashes) if rest.is_empty() => Ok(hashes.to_vec()),
        Some(_) | None => Err(StoreError::Corrupt("mirror_tile")),
    }
}

/// The root at a size that is mirrored.
pub async fn root_at(conn: &mut Conn, origin: &str, size: u64) -> Result<Hash, StoreError> {
    let tiles = tiles(conn, origin, root_tiles(size)?, size).await?;
    Ok(tree::root_at(size, &mut |level, index| entry(&tiles, level, index))?)
}

/// The inclusion proof of a leaf at a size that is mirrored.
pub async fn inclusion(
    conn: &mut Conn,
    origin: &str,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let tiles = tiles(conn, origin, inclusion_tiles(index, size)?, size).await?;
    Ok(tree::inclusion_proof(index, size, &mut |level, index| entry(&tiles, level, index))?)
}

/// The consistency proof between two sizes that are mirrored.
pub async fn consistency(
    conn: &mut Conn,
    origin: &str,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, StoreError> {
    let tiles = tiles(conn, origin, consistency_tiles(old, new)?, new).await?;
    Ok(tree::consistency_proof(old, new, &mut |level, index| entry(&tiles, level, index))?)
}

/// Reads an entry of loaded tiles, as the tree functions ask for it.
pub(crate) fn entry(tiles: &BTreeMap<Tile, Vec<Hash>>, level: u8, index: u64) -> Option<Hash> {
    let hashes = tiles.get(&Tile { level, index: index / TILE_WIDTH })?;
    hashes.get((index % TILE_WIDTH) as usize).copied()
}

async fn tiles(
    conn: &mut Conn,
    origin: &str,
    wanted: BTreeSet<Tile>,
    size: u64,
) -> Result<BTreeMap<Tile, Vec<Hash>>, StoreError> {
    let mut found = BTreeMap::new();
    for wanted in wanted {
        found.insert(wanted, tile(conn, origin, wanted, size).await?);
    }
    Ok(found)
}

/// The right edge of what is mirrored, to go on. It must lead to the root that is stored.
pub(crate) async fn resume(
    conn: &mut Conn,
    origin: &str,
    at: Option<&Mirrored>,
) -> Result<Growth, StoreError> {
    let Some(at) = at else { return Ok(Growth::default()) };
    let mut right = Vec::new();
    for level in 0u8.. {
        let nodes = nodes_at(at.size, level);
        if nodes == 0 {
            break;
        }
        right.push(tile(conn, origin, Tile { level, index: nodes / TILE_WIDTH }, at.size).await?);
    }
    let growth = Growth::resume(at.size, right)?;
    match growth.root() == at.root {
        true => Ok(growth),
        false => Err(StoreError::Corrupt("the mirrored tiles do not lead to their head")),
    }
}

/// Stores what a log has grown by, and how far it is mirrored now.
pub(crate) async fn store(
    conn: &mut Conn,
    origin: &str,
    growth: &mut Growth,
    note: &str,
) -> Result<(), StoreError> {
    for FullTile { tile, hashes, .. } in growth.take_tiles() {
        store_tile(conn, origin, tile, &hashes).await?;
    }
    for (tile, hashes) in growth.partial_tiles().filter(|(_, hashes)| !hashes.is_empty()) {
        store_tile(conn, origin, tile, hashes).await?;
    }
    let sql = "INSERT INTO mirror_head (origin, size, root, note) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, \
               note = CASE WHEN excluded.note = '' THEN mirror_head.note ELSE excluded.note END";
    let vals = vec![origin.into(), growth.size().into(), growth.root().into(), note.into()];
    conn.run(sql, vals).await.map(drop)
}

/// A tile only grows: one that is full is never written again.
async fn store_tile(
    conn: &mut Conn,
    origin: &str,
    tile: Tile,
    hashes: &[Hash],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO mirror_tile (origin, level, idx, width, hashes) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (origin, level, idx) DO UPDATE \
               SET width = excluded.width, hashes = excluded.hashes \
               WHERE mirror_tile.width < excluded.width";
    let width = Val::from(hashes.len() as u64);
    let vals =
        vec![origin.into(), tile.level.into(), tile.index.into(), width, hashes.concat().into()];
    conn.run(sql, vals).await.map(drop)
}

/// The hashes of an answer to `Tiles`, cut to what a tree of that size has; `None` if there are
/// fewer, or bytes that are none.
pub(crate) fn hashes_of(bytes: &[u8], tile: Tile, size: u64) -> Result<Vec<Hash>, TreeError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let wanted = hashes.get(..tile.width_at(size) as usize);
    match wanted {
        Some(hashes) if rest.is_empty() => Ok(hashes.to_vec()),
        Some(_) | None => Err(TreeError::Missing),
    }
}
