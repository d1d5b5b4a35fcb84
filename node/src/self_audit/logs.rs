//! Both logs: every leaf gives its hash, every full tile holds its hashes, all lead to the head.

use super::{Audit, DIFFERS, MISSING};
use crate::store::log::{self, Head, LeafRow, Log, LogId};
use crate::store::{Row, StoreError, Val};
use jieli_proto::tree::{self, Frontier, Hash, TILE_WIDTH, leaf_hash};

/// What is known of a log while it is walked: the trees over the stored hashes and over those
/// worked out from the data, and the tiles of each level that are not full yet.
struct Walk {
    id: LogId,
    stored: Frontier,
    made: Frontier,
    levels: Vec<(u64, Vec<Hash>)>,
    /// Leaves whose hash is not that of their data.
    torn: Vec<u64>,
}

impl Audit<'_> {
    pub(super) async fn logs(&mut self) -> Result<(), StoreError> {
        for which in [Log::Exchange, Log::Local] {
            let published = match which {
                Log::Exchange => self.published.exchange.clone(),
                Log::Local => self.published.local.clone(),
            };
            self.head_row(which, &published).await?;
            self.tree(published.id, published.size, published.root).await?;
        }
        self.at("log_epoch");
        let sql = "SELECT log, epoch, size, root FROM log_epoch ORDER BY log, epoch";
        for row in self.rows(sql, Vec::new()).await? {
            let name = row.text(0)?;
            let found = [Log::Exchange, Log::Local].into_iter().find(|log| log.as_str() == name);
            let epoch = u32::try_from(row.int(1)?).ok();
            let Some((log, epoch)) = found.zip(epoch) else {
                self.found(name, "log", DIFFERS);
                continue;
            };
            let before = self.report.findings.len();
            let root = row.array(3).unwrap_or_default();
            self.tree(LogId { log, epoch }, row.uint(2)?, root).await?;
            for finding in &mut self.report.findings[before..] {
                if finding.table == "log_head" {
                    finding.table = "log_epoch".to_owned();
                }
            }
        }
        Ok(())
    }

    /// The head row says at least what was signed, and agrees with its batch and its leaves.
    async fn head_row(&mut self, which: Log, signed: &Head) -> Result<(), StoreError> {
        self.at("log_head");
        let sql = "SELECT h.epoch, h.size, h.root, h.generation, h.number, h.batch_id, \
                   COALESCE(b.batch_id, h.root), \
                   (SELECT CAST(COALESCE(MAX(l.idx) + 1, 0) AS BIGINT) FROM log_leaf l \
                    WHERE l.log = h.log AND l.epoch = $2) \
                   FROM log_head h LEFT JOIN log_batch b ON b.slot = h.number % 65536 \
                   WHERE h.log = $1";
        let name = which.as_str();
        let vals: Vec<Val> = vec![name.into(), signed.id.epoch.into()];
        let Some(row) = self.rows(sql, vals).await?.into_iter().next() else {
            self.found(name, "log", MISSING);
            return Ok(());
        };
        self.expect(row.int(0)? == i64::from(signed.id.epoch), name, "epoch");
        let size = row.uint(1).unwrap_or(0);
        self.expect(size == row.uint(7)? && size >= signed.size, name, "size");
        let root: Hash = row.array(2).unwrap_or_default();
        let is_new = size > signed.size;
        self.expect(is_new || root == signed.root, name, "root");
        let claimed = which == Log::Exchange;
        let generation = row.uint(3).unwrap_or(0);
        let expected = self.published.directory.generation as u64;
        self.expect(
            !claimed || generation >= expected && generation <= expected + 64,
            name,
            "generation",
        );
        let started = row.uint(4).unwrap_or(0) > 0;
        let (batch, kept) = (row.bytes(5)?, row.bytes(6)?);
        let agrees = !claimed || !started || batch == kept;
        self.expect(agrees, name, "number, batch_id (or log_batch)");
        Ok(())
    }

    async fn tree(&mut self, id: LogId, size: u64, root: Hash) -> Result<(), StoreError> {
        self.at("log_leaf");
        let before = self.report.findings.len();
        let (stored, made) = (Frontier::new(), Frontier::new());
        let mut walk = Walk { id, stored, made, levels: Vec::new(), torn: Vec::new() };
        let mut next = 0;
        while next < size {
            let to = size.min(next + TILE_WIDTH);
            let leaves = log::leaves(&mut self.conn, id, next, to).await?;
            self.report.rows += leaves.len() as u64;
            self.house.world.sleep.sleep(super::REST).await;
            if !self.whole(id, next, to, &leaves) {
                // Without it nothing that stands above can be worked out.
                return Ok(());
            }
            let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf.hash).collect();
            for leaf in &leaves {
                let hash = leaf_hash(&leaf.data);
                if hash != leaf.hash {
                    walk.torn.push(leaf.index);
                }
                walk.stored.append(leaf.hash)?;
                walk.made.append(hash)?;
            }
            if hashes.len() as u64 == TILE_WIDTH {
                let made: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(&leaf.data)).collect();
                self.tile(&mut walk, 0, next / TILE_WIDTH, [hashes, made]).await?;
            }
            next = to;
        }
        self.at("log_leaf");
        self.torn(&walk, &root);
        let whole = self.report.findings.len() == before;
        if whole && walk.stored.root() != root {
            let key = id.log.as_str();
            self.found_in("log_head", key, "root", DIFFERS);
        }
        Ok(())
    }

    /// Whether the leaves `from..to` are all there.
    fn whole(&mut self, id: LogId, from: u64, to: u64, leaves: &[LeafRow]) -> bool {
        let there = leaves.iter().map(|leaf| leaf.index);
        if there.eq(from..to) {
            return true;
        }
        let missing = (from..to).find(|index| leaves.iter().all(|leaf| leaf.index != *index));
        let at = missing.unwrap_or(from);
        self.found_in("log_leaf", key(id, at), "idx", MISSING);
        false
    }

    /// Names what is wrong of the leaves whose hash is not that of their data: the root tells.
    fn torn(&mut self, walk: &Walk, root: &Hash) {
        let column = if walk.stored.root() == *root {
            "data"
        } else if walk.made.root() == *root {
            "hash"
        } else {
            "data, hash"
        };
        for index in &walk.torn {
            self.found(key(walk.id, *index), column, DIFFERS);
        }
    }

    /// Compares a full tile with its row, and goes on with the tile above it. `made` are its
    /// entries as stored below and as worked out from the data.
    async fn tile(
        &mut self,
        walk: &mut Walk,
        level: u8,
        index: u64,
        [below, made]: [Vec<Hash>; 2],
    ) -> Result<(), StoreError> {
        let (mut level, mut index, mut entries) = (level, index, [below, made]);
        loop {
            let row = self.tile_row(walk.id, level, index).await?;
            let name = format!("{}/{}/{level}/{index}", walk.id.log.as_str(), walk.id.epoch);
            let [below, made] = &entries;
            let Some(row) = row else {
                self.found_in("log_tile", name, "idx", MISSING);
                return Ok(());
            };
            let (root, hashes) = (row.array::<32>(0).unwrap_or_default(), row.bytes(1)?);
            if hashes != below.concat() && hashes != made.concat() {
                self.found_in("log_tile", name.as_str(), "hashes", DIFFERS);
            }
            let roots = [tree::root(below), tree::root(made)];
            if !roots.contains(&root) {
                self.found_in("log_tile", name, "root", DIFFERS);
            }
            let above = usize::from(level) + 1;
            if walk.levels.len() < above {
                walk.levels.push((0, Vec::new()));
            }
            let (first, open) = &mut walk.levels[above - 1];
            // What is true of the two, where they differ, the root at the end tells.
            open.push(if root == roots[1] { roots[1] } else { roots[0] });
            if (open.len() as u64) < TILE_WIDTH {
                return Ok(());
            }
            let full = std::mem::take(open);
            (level, index, entries) = (level + 1, *first, [full.clone(), full]);
            *first += 1;
        }
    }

    async fn tile_row(
        &mut self,
        id: LogId,
        level: u8,
        index: u64,
    ) -> Result<Option<Row>, StoreError> {
        let sql = "SELECT root, hashes FROM log_tile \
                   WHERE log = $1 AND epoch = $2 AND level = $3 AND idx = $4";
        let vals = vec![id.log.as_str().into(), id.epoch.into(), level.into(), index.into()];
        self.report.rows += 1;
        self.conn.maybe(sql, vals).await
    }
}

fn key(id: LogId, index: u64) -> String {
    format!("{}/{}/{index}", id.log.as_str(), id.epoch)
}
