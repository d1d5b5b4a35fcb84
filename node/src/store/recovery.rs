//! What is kept about logs that fell behind what was signed: the own one, and those of peers.

use super::conn::{Conn, Row};
use super::error::StoreError;
use crate::recovery::{Cause, Recovering};
use jieli_proto::id::{AgreementId, CityId, Digest, LegId};
use jieli_proto::kinds::Lane;
use jieli_proto::tree::Hash;
use jieli_proto::wire;
use prost::Message as _;
use std::collections::BTreeMap;

/// The state of the own logs, while nothing is signed.
pub async fn recovering(conn: &mut Conn) -> Result<Option<Recovering>, StoreError> {
    let sql = "SELECT cause, since_ms, found_size, found_local, file_size, file_root, known_size, \
               known_root FROM recovery";
    let Some(row) = conn.maybe(sql, Vec::new()).await? else { return Ok(None) };
    let cause = Cause::from_word(&row.text(0)?).ok_or(StoreError::Corrupt("recovery.cause"))?;
    Ok(Some(Recovering {
        cause,
        since_ms: row.uint(1)?,
        found_size: row.uint(2)?,
        found_local: row.uint(3)?,
        file: (row.uint(4)?, row.array(5)?),
        known: (row.uint(6)?, row.array(7)?),
    }))
}

/// Enters the state, or tells more about it. An older copy may bring back a helper whom the person
/// has dismissed since: none is kept, and the person chooses anew.
pub async fn enter(conn: &mut Conn, state: &Recovering) -> Result<(), StoreError> {
    conn.run(
        "INSERT INTO recovery (one, cause, since_ms, found_size, found_local, file_size, \
         file_root, known_size, known_root) VALUES (1,$1,$2,$3,$4,$5,$6,$7,$8) \
         ON CONFLICT (one) DO UPDATE SET cause = excluded.cause, \
         known_size = excluded.known_size, known_root = excluded.known_root",
        vec![
            state.cause.word().into(),
            state.since_ms.into(),
            state.found_size.into(),
            state.found_local.into(),
            state.file.0.into(),
            state.file.1.into(),
            state.known.0.into(),
            state.known.1.into(),
        ],
    )
    .await?;
    conn.run("DELETE FROM leg_helper", Vec::new()).await.map(drop)
}

/// Leaves the state.
pub async fn leave(conn: &mut Conn) -> Result<(), StoreError> {
    conn.run("DELETE FROM recovery", Vec::new()).await?;
    Ok(())
}

/// Epoch of a place among the kept records, which becomes a place in the local log when the records
/// do.
pub const NO_EPOCH: u32 = 0;

/// The place of the next record that is kept. They count from 1: before all of them the local log's
/// next epoch tells where the last one ended.
pub async fn next_record(conn: &mut Conn) -> Result<u64, StoreError> {
    let sql = "SELECT COALESCE(MAX(number), 0) + 1 FROM kept_record";
    conn.one(sql, Vec::new()).await?.uint(0)
}

/// Erasures that were proved by a kept record are proved by the local log, at the same place.
pub async fn place_erasures(conn: &mut Conn, epoch: u32) -> Result<(), StoreError> {
    let sql = "UPDATE tombstone SET log_epoch = $1 WHERE log_epoch = $2";
    conn.run(sql, vec![epoch.into(), NO_EPOCH.into()]).await.map(drop)
}

/// Keeps records for the local log.
pub async fn keep_records(conn: &mut Conn, records: Vec<Vec<u8>>) -> Result<(), StoreError> {
    let sql = "INSERT INTO kept_record (number, record) \
               SELECT COALESCE(MAX(number), 0) + 1, $1 FROM kept_record";
    for record in records {
        conn.run(sql, vec![record.into()]).await?;
    }
    Ok(())
}

/// The records that were kept, in their order; they are forgotten.
pub async fn take_records(conn: &mut Conn) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = conn.rows("SELECT record FROM kept_record ORDER BY number", Vec::new()).await?;
    conn.run("DELETE FROM kept_record", Vec::new()).await?;
    rows.iter().map(|row| row.bytes(0)).collect()
}

/// Keeps a stop of a leg.
pub async fn keep_stop(conn: &mut Conn, leg: LegId, by_desk: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO kept_stop (number, leg_id, by_desk) \
               SELECT COALESCE(MAX(number), 0) + 1, $1, $2 FROM kept_stop";
    conn.run(sql, vec![leg.to_vec().into(), by_desk.into()]).await?;
    Ok(())
}

/// The stops that were kept, in their order; they are forgotten.
pub async fn take_stops(conn: &mut Conn) -> Result<Vec<(LegId, String)>, StoreError> {
    let rows =
        conn.rows("SELECT leg_id, by_desk FROM kept_stop ORDER BY number", Vec::new()).await?;
    conn.run("DELETE FROM kept_stop", Vec::new()).await?;
    rows.iter().map(|row| Ok((LegId(row.array(0)?), row.text(1)?))).collect()
}

/// How many stops wait.
pub async fn stops(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT CAST(COUNT(*) AS BIGINT) FROM kept_stop", Vec::new()).await?.uint(0)
}

/// A statement about a log, as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Whose log.
    pub city: CityId,
    /// Its epoch, or the one that ended.
    pub epoch: u32,
    /// The head that was rebuilt, or the last one of the epoch that ended.
    pub head: (u64, Hash),
    /// The epoch in which it goes on; 0 for a recovery.
    pub next_epoch: u32,
    /// The signed bytes.
    pub sealed: wire::Envelope,
    /// Their name.
    pub digest: Digest,
}

/// Keeps a statement; the same one twice is the same one.
pub async fn keep_statement(
    conn: &mut Conn,
    statement: &Statement,
    stated_ms: u64,
) -> Result<(), StoreError> {
    conn.run(
        "INSERT INTO log_statement (env_digest, city_id, epoch, size, root, next_epoch, stated_ms, \
         envelope) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (env_digest) DO NOTHING",
        vec![
            statement.digest.to_vec().into(),
            statement.city.as_str().into(),
            statement.epoch.into(),
            statement.head.0.into(),
            statement.head.1.into(),
            statement.next_epoch.into(),
            stated_ms.into(),
            statement.sealed.encode_to_vec().into(),
        ],
    )
    .await?;
    Ok(())
}

/// A statement must be told to a peer.
pub async fn owe(conn: &mut Conn, peer: &CityId, digest: &Digest) -> Result<(), StoreError> {
    let sql = "INSERT INTO statement_owed (city_id, env_digest) VALUES ($1,$2) \
               ON CONFLICT (city_id, env_digest) DO NOTHING";
    conn.run(sql, vec![peer.as_str().into(), digest.to_vec().into()]).await?;
    Ok(())
}

/// The first own statement that a peer has not accepted yet.
pub async fn owed(conn: &mut Conn, peer: &CityId) -> Result<Option<Statement>, StoreError> {
    let sql = "SELECT s.env_digest, s.city_id, s.epoch, s.size, s.root, s.next_epoch, s.envelope \
               FROM statement_owed o JOIN log_statement s ON s.env_digest = o.env_digest \
               WHERE o.city_id = $1 ORDER BY s.stated_ms, s.env_digest LIMIT 1";
    let row = conn.maybe(sql, vec![peer.as_str().into()]).await?;
    row.map(|row| statement(&row)).transpose()
}

/// A peer has accepted a statement.
pub async fn told(conn: &mut Conn, peer: &CityId, digest: &Digest) -> Result<(), StoreError> {
    let sql = "DELETE FROM statement_owed WHERE city_id = $1 AND env_digest = $2";
    conn.run(sql, vec![peer.as_str().into(), digest.to_vec().into()]).await?;
    Ok(())
}

/// The statements of a city, oldest first.
pub async fn statements(conn: &mut Conn, city: &CityId) -> Result<Vec<Statement>, StoreError> {
    let sql = "SELECT env_digest, city_id, epoch, size, root, next_epoch, envelope \
               FROM log_statement WHERE city_id = $1 ORDER BY stated_ms, env_digest";
    let rows = conn.rows(sql, vec![city.as_str().into()]).await?;
    rows.iter().map(statement).collect()
}

fn statement(row: &Row) -> Result<Statement, StoreError> {
    let corrupt = StoreError::Corrupt;
    let epoch = |at| u32::try_from(row.int(at)?).map_err(|_| corrupt("log_statement.epoch"));
    Ok(Statement {
        digest: Digest(row.array(0)?),
        city: CityId::parse(&row.text(1)?).ok_or(corrupt("log_statement.city_id"))?,
        epoch: epoch(2)?,
        head: (row.uint(3)?, row.array(4)?),
        next_epoch: epoch(5)?,
        sealed: wire::Envelope::decode(row.bytes(6)?.as_slice())
            .map_err(|_| corrupt("log_statement.envelope"))?,
    })
}

/// The newest epoch that each peer's successor statements have opened; those without one are in
/// their first.
pub async fn epochs(conn: &mut Conn) -> Result<BTreeMap<CityId, u32>, StoreError> {
    let sql = "SELECT city_id, MAX(next_epoch) FROM log_statement WHERE next_epoch > 0 \
               GROUP BY city_id";
    let mut found = BTreeMap::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let city = CityId::parse(&row.text(0)?);
        let city = city.ok_or(StoreError::Corrupt("log_statement.city_id"))?;
        found.insert(city, row.uint(1)? as u32);
    }
    Ok(found)
}

/// Whether a city's root has stated that this epoch of its log ended at a smaller size.
pub async fn ended_below(
    conn: &mut Conn,
    city: &CityId,
    epoch: u32,
    size: u64,
) -> Result<bool, StoreError> {
    let sql = "SELECT size FROM log_statement WHERE city_id = $1 AND epoch = $2 \
               AND next_epoch > 0 AND size < $3";
    let vals = vec![city.as_str().into(), epoch.into(), size.into()];
    Ok(conn.maybe(sql, vals).await?.is_some())
}

/// A peer of which nothing new is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when, in Unix milliseconds.
    pub since_ms: u64,
    /// Size of the head of theirs that is held here.
    pub seen_size: u64,
    /// What they showed later.
    pub shown_size: u64,
}

/// All of them.
pub async fn quarantines(conn: &mut Conn) -> Result<BTreeMap<CityId, Quarantine>, StoreError> {
    let sql = "SELECT city_id, since_ms, seen_size, shown_size FROM quarantine";
    let mut found = BTreeMap::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let city = CityId::parse(&row.text(0)?);
        let city = city.ok_or(StoreError::Corrupt("quarantine.city_id"))?;
        let (since_ms, seen_size, shown_size) = (row.uint(1)?, row.uint(2)?, row.uint(3)?);
        found.insert(city, Quarantine { since_ms, seen_size, shown_size });
    }
    Ok(found)
}

/// Takes nothing new of a peer from now on. Whether that is new.
pub async fn quarantine(
    conn: &mut Conn,
    city: &CityId,
    cause: &str,
    found: &Quarantine,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO quarantine (city_id, since_ms, cause, seen_size, shown_size) \
               VALUES ($1,$2,$3,$4,$5) ON CONFLICT (city_id) DO NOTHING";
    let vals = vec![
        city.as_str().into(),
        found.since_ms.into(),
        cause.into(),
        found.seen_size.into(),
        found.shown_size.into(),
    ];
    Ok(conn.run(sql, vals).await? == 1)
}

/// Takes letters of a peer again.
pub async fn release(conn: &mut Conn, city: &CityId) -> Result<(), StoreError> {
    conn.run("DELETE FROM quarantine WHERE city_id = $1", vec![city.as_str().into()]).await?;
    Ok(())
}

/// A message was rebuilt without its sections.
pub async fn gap(
    conn: &mut Conn,
    agreement: AgreementId,
    lane: Lane,
    lane_seq: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO section_gap (agreement_id, lane, lane_seq) VALUES ($1,$2,$3) \
               ON CONFLICT (agreement_id, lane, lane_seq) DO NOTHING";
    conn.run(sql, gap_vals(agreement, lane, lane_seq)).await?;
    Ok(())
}

/// Closes a gap. Whether there was one.
pub async fn close_gap(
    conn: &mut Conn,
    agreement: AgreementId,
    lane: Lane,
    lane_seq: u64,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM section_gap WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3";
    Ok(conn.run(sql, gap_vals(agreement, lane, lane_seq)).await? == 1)
}

fn gap_vals(agreement: AgreementId, lane: Lane, lane_seq: u64) -> Vec<super::Val> {
    vec![agreement.to_vec().into(), lane.number().into(), lane_seq.into()]
}

/// Messages of a peer that were rebuilt without their sections, by agreement.
pub async fn gaps(
    conn: &mut Conn,
    peer: &CityId,
) -> Result<BTreeMap<AgreementId, Vec<u64>>, StoreError> {
    let sql = "SELECT g.agreement_id, g.lane_seq FROM section_gap g \
               JOIN agreement a ON a.agreement_id = g.agreement_id WHERE a.peer = $1 \
               ORDER BY g.agreement_id, g.lane_seq";
    let mut found: BTreeMap<AgreementId, Vec<u64>> = BTreeMap::new();
    for row in conn.rows(sql, vec![peer.as_str().into()]).await? {
        found.entry(AgreementId(row.array(0)?)).or_default().push(row.uint(1)?);
    }
    Ok(found)
}
