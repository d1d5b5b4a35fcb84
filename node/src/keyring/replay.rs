//! At every start, before anything serves: what the ledger names is destroyed again, wherever an
//! old copy brought it back; what a batch left in the ring is swept, be it that it was rolled back or
//! that it ended before it gave up what it had used.

use super::{HOUSE_TABLES, KeyId, Line, Ring, RingError, epoch, lost, row_of};
use crate::store::{Conn, Store, StoreError, log};
use jieli_proto::id::{LegId, MsgId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// Keys and rows looked at in one statement.
const AT_ONCE: u32 = 4096;

/// Tables with rows of a leg that a scope may name.
const LEG_TABLES: [&str; 3] = ["blind_index", "held_outcome", "phone_index"];

/// What an old copy had brought back and was destroyed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Whose leg.
    pub leg: LegId,
    /// The values, by slot and message.
    pub places: Vec<(u8, MsgId)>,
}

/// Brings ring, ledger and database into agreement. Nobody may be served before.
///
/// Errors: the ring opens nothing of what the database holds, so it is not this database's.
pub async fn replay(
    ring: &Ring,
    store: &Store,
    batch_id: &[u8; 16],
) -> Result<Vec<Again>, RingError> {
    let lines = ring.lines().await?;
    let destroyed: BTreeSet<KeyId> = lines.iter().flat_map(|line| &line.keys).copied().collect();
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    // No other replica is between its ring and its commit meanwhile.
    log::claim(&mut tx, batch_id).await?;
    move_keys(ring, &mut tx).await?;
    let (again, held) = erase_again(&mut tx, &lines, &destroyed).await?;
    let ring_keys = keys_of(&mut ring.inner.store.read().await?, "section_key").await?;
    let missing = held.difference(&ring_keys).count() as u64;
    if missing > 0 && missing == held.len() as u64 {
        return Err(RingError::WrongRing(missing));
    }
    if missing > 0 {
        tracing::error!(
            missing,
            "the key ring does not open everything: restore its newest backup"
        );
    }
    let gone = ring_keys.iter().filter(|id| destroyed.contains(*id) || !held.contains(*id));
    forget_keys(ring, gone.copied().collect()).await?;
    tx.commit().await.map_err(lost)?;
    // Also what a crash left between an erasure's commit and its scrub.
    if !(store.scrub(&HOUSE_TABLES).await? && ring.inner.store.scrub(&super::TABLES).await?) {
        tracing::warn!("somebody reads the database: it is scrubbed later");
    }
    if !again.is_empty() {
        tracing::warn!(legs = again.len(), "an old copy had brought back what was erased");
    }
    Ok(again)
}

/// Keys from before there was a ring move into it: there first, away here afterwards.
async fn move_keys(ring: &Ring, tx: &mut Conn) -> Result<(), RingError> {
    let sql = "SELECT key_id, sealed FROM section_key_before";
    let rows = tx.rows(sql, Vec::new()).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut into = ring.inner.writer.lock().await;
    let mut ring_tx = into.begin().await?;
    for row in &rows {
        let wrapped = [row.bytes(0)?, row.bytes(1)?].concat();
        let sql = "INSERT INTO section_key (key_id, sealed) VALUES ($1, $2) \
                   ON CONFLICT (key_id) DO NOTHING";
        ring_tx.run(sql, row_of(&wrapped)).await?;
    }
    ring_tx.commit().await.map_err(lost)?;
    tx.run("DELETE FROM section_key_before", Vec::new()).await?;
    tracing::info!(keys = rows.len(), "the keys of sections moved into the key ring");
    Ok(())
}

/// Deletes what the ledger names; what it was, and the keys of all that stays.
async fn erase_again(
    tx: &mut Conn,
    lines: &[Line],
    destroyed: &BTreeSet<KeyId>,
) -> Result<(Vec<Again>, BTreeSet<KeyId>), StoreError> {
    let all = keys_of(tx, "section_data").await?;
    let mut again: BTreeMap<LegId, Vec<(u8, MsgId)>> = BTreeMap::new();
    for id in all.intersection(destroyed) {
        let sql = "DELETE FROM section_data WHERE key_id = $1 RETURNING leg_id, slot, msg_id";
        for row in tx.rows(sql, vec![id.as_slice().into()]).await? {
            let place = (row.int(1)? as u8, MsgId(row.array(2)?));
            again.entry(LegId(row.array(0)?)).or_default().push(place);
        }
    }
    let scopes: BTreeMap<LegId, BTreeSet<&str>> =
        lines.iter().fold(BTreeMap::new(), |mut found, line: &Line| {
            found.entry(line.leg).or_default().extend(line.scope.tables());
            found
        });
    for table in LEG_TABLES {
        let sql = format!("SELECT DISTINCT leg_id FROM {table}");
        for row in tx.rows_many(sql, Vec::new()).await? {
            let leg = LegId(row.array(0)?);
            if scopes.get(&leg).is_some_and(|tables| tables.contains(table)) {
                let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
                tx.run_many(sql, vec![leg.to_vec().into()]).await?;
                again.entry(leg).or_default();
            }
        }
    }
    let again = again.into_iter().map(|(leg, places)| Again { leg, places }).collect();
    Ok((again, all.difference(destroyed).copied().collect()))
}

/// Deletes keys out of the ring, and makes every backup that may have them unreadable: an old copy
/// of the ring is here, or a crash came before the key of a used-up value went.
async fn forget_keys(ring: &Ring, gone: Vec<KeyId>) -> Result<(), RingError> {
    let mut writer = ring.inner.writer.lock().await;
    let mut tx = writer.begin().await?;
    for id in &gone {
        tx.run("DELETE FROM section_key WHERE key_id = $1", vec![id.as_slice().into()]).await?;
    }
    if !gone.is_empty() {
        tx.run("UPDATE ring SET epoch = epoch + 1 WHERE one = 1", Vec::new()).await?;
    }
    let now = epoch(&mut tx).await?;
    tx.commit().await.map_err(lost)?;
    let mut backups = ring.inner.backups.lock().unwrap_or_else(PoisonError::into_inner);
    if backups.epoch().is_some_and(|epoch| epoch != now) {
        backups.forget()?;
    }
    Ok(())
}

/// The keys that a table names, some at a time.
async fn keys_of(conn: &mut Conn, table: &str) -> Result<BTreeSet<KeyId>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT key_id FROM {table} WHERE key_id > $1 ORDER BY key_id LIMIT {AT_ONCE}"
    );
    let mut all = BTreeSet::new();
    let mut after: Vec<u8> = Vec::new();
    loop {
        let rows = conn.rows_many(sql.clone(), vec![after.clone().into()]).await?;
        for row in &rows {
            all.insert(row.array(0)?);
        }
        match rows.last() {
            Some(row) => after = row.bytes(0)?,
            None => return Ok(all),
        }
    }
}
