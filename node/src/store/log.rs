//! The two logs in the database: heads, leaves, tiles, and the claim that makes one writer at a time.

mod edge;
mod growth;
mod proof;

pub use edge::Edge;
pub(crate) use growth::{FullTile, Growth, nodes_at};
pub use proof::{
    LeafRow, consistency, inclusion, inclusion_many, leaf, leaves, recompute, root_at, tile_hashes,
};

use super::Store;
use super::conn::{Conn, Row, Val};
use super::error::StoreError;
use super::tx::Tx;
use jieli_proto::tree::{Hash, empty_root};

/// How many committed batches the database remembers.
const BATCHES_KEPT: u64 = 65_536;

/// Names a batch: random, drawn by its writer.
pub type BatchId = [u8; 16];

/// Which of a city's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// What two cities share.
    Exchange,
    /// Access to personal data, tombstones, operator acts.
    Local,
}

impl Log {
    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Log::Exchange => "exchange",
            Log::Local => "local",
        }
    }
}

/// A log in one of its epochs: what an origin names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogId {
    /// Which log.
    pub log: Log,
    /// Its epoch, from 1.
    pub epoch: u32,
}

impl LogId {
    fn vals(self) -> Vec<Val> {
        vec![self.log.as_str().into(), self.epoch.into()]
    }
}

/// The unsigned head of a log as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log, in which epoch.
    pub id: LogId,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
    /// Counts agreement, key and revocation acts: a replica that finds it changed reloads.
    pub generation: u64,
}

/// A batch in the middle of its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The head it found.
    pub head: Head,
    /// Its id.
    pub batch_id: BatchId,
    /// Its number among the batches.
    pub number: u64,
}

/// Makes a log's head row: an empty tree in this epoch.
pub async fn create(tx: &mut Tx<'_>, id: LogId) -> Result<Head, StoreError> {
    let head = Head { id, size: 0, root: empty_root(), generation: 0 };
    let sql = "INSERT INTO log_head (log, epoch, size, root, batch_id, number, generation) \
               VALUES ($1, $2, 0, $3, $4, 0, 0)";
    let mut vals = id.vals();
    vals.extend([head.root.into(), [0; 16].into()]);
    tx.run(sql, vals).await?;
    Ok(head)
}

/// Claims the exchange log's head row for a batch. On PostgreSQL this is where the writers of all
/// replicas queue; on SQLite the transaction itself did that.
pub async fn claim(tx: &mut Tx<'_>, batch_id: &BatchId) -> Result<Claim, StoreError> {
    let sql = "UPDATE log_head SET batch_id = $1, number = number + 1 WHERE log = 'exchange' \
               RETURNING epoch, size, root, generation, number";
    let row = tx.one(sql, vec![batch_id.into()]).await?;
    let (head, number) = (read_head(Log::Exchange, &row)?, row.uint(4)?);
    let sql = "INSERT INTO log_batch (slot, batch_id) VALUES ($1, $2) \
               ON CONFLICT (slot) DO UPDATE SET batch_id = excluded.batch_id";
    tx.run(sql, vec![(number % BATCHES_KEPT).into(), batch_id.into()]).await?;
    Ok(Claim { head, batch_id: *batch_id, number })
}

/// The head of a log, if it was created.
pub async fn head(conn: &mut Conn, log: Log) -> Result<Option<Head>, StoreError> {
    let sql = "SELECT epoch, size, root, generation FROM log_head WHERE log = $1";
    let row = conn.maybe(sql, vec![log.as_str().into()]).await?;
    row.map(|row| read_head(log, &row)).transpose()
}

/// Moves a head. `old` is what was claimed or read in this transaction; that the row still says so
/// is checked.
pub async fn store_head(tx: &mut Tx<'_>, old: &Head, new: &Head) -> Result<(), StoreError> {
    let sql = "UPDATE log_head SET epoch = $1, size = $2, root = $3, generation = $4 \
               WHERE log = $5 AND epoch = $6 AND size = $7 AND root = $8 AND generation = $9";
    let vals = vec![
        new.id.epoch.into(),
        new.size.into(),
        new.root.into(),
        new.generation.into(),
        old.id.log.as_str().into(),
        old.id.epoch.into(),
        old.size.into(),
        old.root.into(),
        old.generation.into(),
    ];
    match tx.run(sql, vals).await? {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt("the head moved under its claim")),
    }
}

/// Closes an epoch and opens the next: an empty tree. The old leaves and tiles stay, and proofs in
/// the old epoch can still be made.
pub async fn open_epoch(tx: &mut Tx<'_>, old: &Head, epoch: u32) -> Result<Head, StoreError> {
    let sql = "INSERT INTO log_epoch (log, epoch, size, root) VALUES ($1, $2, $3, $4)";
    let mut vals = old.id.vals();
    vals.extend([old.size.into(), old.root.into()]);
    tx.run(sql, vals).await?;
    let id = LogId { log: old.id.log, epoch };
    let new = Head { id, size: 0, root: empty_root(), generation: old.generation + 1 };
    store_head(tx, old, &new).await?;
    Ok(new)
}

/// The heads at which epochs of a log were closed, oldest first.
pub async fn closed(conn: &mut Conn, log: Log) -> Result<Vec<Head>, StoreError> {
    let sql = "SELECT epoch, size, root FROM log_epoch WHERE log = $1 ORDER BY epoch";
    let rows = conn.rows(sql, vec![log.as_str().into()]).await?;
    let read = |row: &Row| {
        let epoch = u32::try_from(row.int(0)?).map_err(|_| StoreError::Corrupt("an epoch"))?;
        let id = LogId { log, epoch };
        Ok(Head { id, size: row.uint(1)?, root: row.array(2)?, generation: 0 })
    };
    rows.iter().map(read).collect()
}

/// After an error at commit: whether the batch was committed. It opens a new connection and claims
/// the head row on it, which waits out the old back end. An error here means still unknown: ask
/// again, and neither sign nor answer anything before.
pub async fn was_committed(store: &Store, claim: &Claim) -> Result<bool, StoreError> {
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    let sql = "UPDATE log_head SET number = number WHERE log = 'exchange' RETURNING number";
    let number = tx.one(sql, vec![]).await?.uint(0)?;
    if number < claim.number {
        tx.rollback().await?;
        return Ok(false);
    }
    if number - claim.number >= BATCHES_KEPT {
        return Err(StoreError::TooLate);
    }
    let sql = "SELECT batch_id FROM log_batch WHERE slot = $1";
    let row = tx.one(sql, vec![(claim.number % BATCHES_KEPT).into()]).await?;
    let is_ours = row.array::<16>(0)? == claim.batch_id;
    tx.rollback().await?;
    Ok(is_ours)
}

fn read_head(log: Log, row: &Row) -> Result<Head, StoreError> {
    let epoch = u32::try_from(row.int(0)?).map_err(|_| StoreError::Corrupt("an epoch"))?;
    Ok(Head {
        id: LogId { log, epoch },
        size: row.uint(1)?,
        root: row.array(2)?,
        generation: row.uint(3)?,
    })
}
