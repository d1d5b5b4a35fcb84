//! A sheet's drafts into a node: checked, looked up, sealed, written and committed, 500 rows a time
//! as a desk hands them over; against the same rows written alone.

use super::memory;
use super::towns::Towns;
use crate::ambient::SystemClock;
use crate::cmd::import::ROWS_AT_ONCE;
use anyhow::{Result, bail, ensure};
use jieli_node::command::{DeskCommand, Done};
use jieli_node::config::Database;
use jieli_node::store::{Row, Store, StoreError, StoreOptions, Val};
use jieli_node::world::Clock as _;
use jieli_proto::wire;

/// Names of columns.
type Columns = &'static [&'static str];

/// What an import leaves behind, row by row: table, columns of numbers, of texts, of bytes.
const LEFT: &[(&str, Columns, Columns, Columns)] = &[
    ("case_file", &["opened_ms"], &["number", "city"], &["case_id", "agreement_id"]),
    (
        "leg",
        &["number", "service", "our_side", "local_state"],
        &["our_office", "their_office", "reference"],
        &["leg_id", "case_id", "agreement_id"],
    ),
    ("section_data", &["slot"], &[], &["leg_id", "msg_id", "key_id", "nonce", "ciphertext"]),
    ("blind_index", &[], &[], &["tag", "leg_id"]),
    ("phone_index", &[], &[], &["tag", "worker", "leg_id"]),
    ("timer", &["due_ms"], &["kind"], &["timer_id", "subject"]),
];

/// What the node's share of an import took.
#[derive(Clone, Debug)]
pub struct Imported {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Cases made.
    pub cases: usize,
    /// Legs made.
    pub legs: u32,
    /// From the first call to the last answer, milliseconds.
    pub elapsed_ms: u64,
    /// The same rows written alone, in as many transactions.
    pub bare_ms: u64,
    /// The most memory of this process, two nodes in it, up to the last answer; KiB. 0 where the
    /// system does not tell.
    pub peak_kib: u64,
}

/// Imports into a fresh node; rows alone go to the third database.
pub async fn import(drafts: &[wire::Draft], databases: [Database; 3]) -> Result<Imported> {
    let [first, second, third] = databases;
    let engine = super::engine(&first);
    let dir = tempfile::tempdir()?;
    let towns = Towns::start(dir.path(), [first, second]).await?;
    towns.agree().await?;
    let began_ms = SystemClock.now_unix_ms();
    let (mut cases, mut legs) = (0, 0);
    for some in drafts.chunks(ROWS_AT_ONCE) {
        let ask = wire::ImportRequest { file_name: String::new(), drafts: some.to_vec() };
        let Done::Imported(reply) = towns.kunming.desk(DeskCommand::Import(ask)).await? else {
            bail!("another answer to an import")
        };
        let refused = reply.rows.iter().find(|row| row.case_number.is_empty());
        ensure!(refused.is_none(), "a row was refused: {refused:?}");
        cases += reply.rows.len();
        legs += reply.rows.iter().map(|row| row.legs).sum::<u32>();
    }
    let elapsed_ms = SystemClock.now_unix_ms() - began_ms;
    let peak_kib = memory::peak_kib();
    let url = match &third {
        Database::Sqlite => format!("sqlite:{}", dir.path().join("rows.db").display()),
        Database::Postgres(url) => url.clone(),
    };
    let alone = Store::open(&url, StoreOptions::default()).await?;
    let bare_ms = bare(&towns.kunming.node.store(), &alone, drafts.len()).await?;
    alone.close().await;
    towns.stop().await;
    Ok(Imported { engine, cases, legs, elapsed_ms, bare_ms, peak_kib })
}

/// Writes the rows of one database into another; reading them is not counted.
async fn bare(from: &Store, to: &Store, rows: usize) -> Result<u64> {
    let mut conn = from.read().await?;
    let mut tables = Vec::new();
    for (table, numbers, texts, bytes) in LEFT {
        let columns: Vec<&'static str> = [*numbers, *texts, *bytes].concat();
        let sql = format!("SELECT {} FROM {table}", columns.join(", "));
        let (texts_from, bytes_from) = (numbers.len(), numbers.len() + texts.len());
        let read = |row: &Row| -> Result<Vec<Val>, StoreError> {
            let cell = |at: usize| match at {
                at if at < texts_from => row.int(at).map(Val::Int),
                at if at < bytes_from => row.text(at).map(Val::Text),
                at => row.bytes(at).map(Val::Bytes),
            };
            (0..columns.len()).map(cell).collect()
        };
        let all = conn.rows_many(sql, Vec::new()).await?;
        let all: Vec<Vec<Val>> = all.iter().map(read).collect::<Result<_, _>>()?;
        tables.push((*table, columns, all));
    }
    drop(conn);
    let began_ms = SystemClock.now_unix_ms();
    let times = rows.div_ceil(ROWS_AT_ONCE).max(1);
    let mut writer = to.writer();
    for time in 0..times {
        let mut tx = writer.begin().await?;
        for (table, columns, all) in &tables {
            let share = all.len().div_ceil(times).max(1);
            let some = all.iter().skip(time * share).take(share).cloned().collect();
            tx.insert_many(table, columns, some).await?;
        }
        tx.commit().await?;
    }
    Ok(SystemClock.now_unix_ms() - began_ms)
}
