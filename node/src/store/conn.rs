//! One connection, and the few ways in which it is asked.

use super::engine::{Engine, Manner};
use super::error::{Fault, StoreError};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Arguments, AssertSqlSafe, Connection, Row as _, SqlSafeStr};
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Parameters of one statement. SQLite looks each `$n` up among the ones before it, so that a long
/// statement costs the square of its length, and has no way to go; PostgreSQL, which takes 65,535, is
/// a round trip away.
fn parameters_max(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 128,
        Engine::Postgres => 1024,
    }
}

/// A value of a column: there are no others in this schema, and no NULLs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Val {
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BLOB, BYTEA.
    Bytes(Vec<u8>),
}

/// Blind: a row may hold personal data.
impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Int(int) => write!(f, "{int}"),
            Val::Text(text) => write!(f, "text of {}", text.len()),
            Val::Bytes(bytes) => write!(f, "bytes of {}", bytes.len()),
        }
    }
}

impl From<i64> for Val {
    fn from(int: i64) -> Val {
        Val::Int(int)
    }
}

impl From<u32> for Val {
    fn from(int: u32) -> Val {
        Val::Int(i64::from(int))
    }
}

impl From<u8> for Val {
    fn from(int: u8) -> Val {
        Val::Int(i64::from(int))
    }
}

/// Saturates: sizes, sequences and times end long before `i64::MAX`, so a larger number from
/// outside finds no row.
impl From<u64> for Val {
    fn from(int: u64) -> Val {
        Val::Int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Val {
    fn from(is: bool) -> Val {
        Val::Int(i64::from(is))
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Val {
        Val::Text(text.to_owned())
    }
}

impl From<String> for Val {
    fn from(text: String) -> Val {
        Val::Text(text)
    }
}

impl From<&[u8]> for Val {
    fn from(bytes: &[u8]) -> Val {
        Val::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Val {
    fn from(bytes: [u8; N]) -> Val {
        Val::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Val {
    fn from(bytes: &[u8; N]) -> Val {
        Val::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Val {
    fn from(bytes: Vec<u8>) -> Val {
        Val::Bytes(bytes)
    }
}

/// A row of an answer. Columns are counted from 0, in the order of the SELECT.
pub struct Row(AnyRow);

impl Row {
    /// A BIGINT.
    pub fn int(&self, at: usize) -> Result<i64, StoreError> {
        Ok(self.0.try_get(at)?)
    }

    /// A BIGINT that is never negative.
    pub fn uint(&self, at: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(at)?).map_err(|_| StoreError::Corrupt("a negative number"))
    }

    /// A BIGINT that is 0 or 1.
    pub fn flag(&self, at: usize) -> Result<bool, StoreError> {
        Ok(self.int(at)? != 0)
    }

    /// A TEXT.
    pub fn text(&self, at: usize) -> Result<String, StoreError> {
        Ok(self.0.try_get(at)?)
    }

    /// A BLOB.
    pub fn bytes(&self, at: usize) -> Result<Vec<u8>, StoreError> {
        Ok(self.0.try_get(at)?)
    }

    /// A BLOB of a row that a LEFT JOIN may not have found.
    pub fn maybe_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.try_get(at)?)
    }

    /// A BLOB of exactly `N` bytes: a digest, an id.
    pub fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], StoreError> {
        let bytes: &[u8] = self.0.try_get(at)?;
        bytes.try_into().map_err(|_| StoreError::Corrupt("a value of the wrong length"))
    }
}

/// Blind: a row may hold personal data.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row of {}", self.0.len())
    }
}

/// One connection, of a writer or of the read pool.
pub struct Conn {
    inner: Held,
    engine: Engine,
    manner: Manner,
    begin: String,
    has_failed: bool,
    is_asking: bool,
    is_lost: bool,
}

enum Held {
    Own(AnyConnection),
    Pooled(PoolConnection<Any>),
    Lent(Lent),
}

/// Connections that nobody uses at the moment, in a simulation: the pool gives its own back from
/// tasks of its own, whenever their threads come to it.
pub(super) type Idle = Arc<Mutex<Vec<AnyConnection>>>;

/// A connection that goes back when it is dropped.
struct Lent {
    conn: Option<AnyConnection>,
    home: Idle,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        home.extend(self.conn.take());
    }
}

impl Conn {
    pub(super) fn own(conn: AnyConnection, engine: Engine, manner: Manner) -> Conn {
        Conn::new(Held::Own(conn), engine, manner)
    }

    pub(super) fn pooled(conn: PoolConnection<Any>, engine: Engine, manner: Manner) -> Conn {
        Conn::new(Held::Pooled(conn), engine, manner)
    }

    pub(super) fn lent(conn: AnyConnection, home: &Idle, engine: Engine) -> Conn {
        let lent = Lent { conn: Some(conn), home: Arc::clone(home) };
        Conn::new(Held::Lent(lent), engine, Manner::InPlace)
    }

    fn new(inner: Held, engine: Engine, manner: Manner) -> Conn {
        let (has_failed, is_asking, is_lost) = (false, false, false);
        let begin = "BEGIN IMMEDIATE".to_owned();
        Conn { inner, engine, manner, begin, has_failed, is_asking, is_lost }
    }

    /// Which database is behind it.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The text that begins a transaction for writing.
    pub(super) fn begin(&self) -> &str {
        &self.begin
    }

    pub(super) fn set_begin(&mut self, begin: String) {
        self.begin = begin;
    }

    /// Runs one statement with `$1, $2, ..` in it; returns how many rows it touched.
    pub async fn run(&mut self, sql: impl SqlSafeStr, vals: Vec<Val>) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, arguments(vals)?);
        let done = self.manner.answer(query.execute(self.ask())).await;
        Ok(self.heard(done)?.rows_affected())
    }

    /// As [`Conn::run`], for a text whose shape varies: it is not kept as a prepared statement.
    pub async fn run_many(&mut self, sql: String, vals: Vec<Val>) -> Result<u64, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(vals)?).persistent(false);
        let done = self.manner.answer(query.execute(self.ask())).await;
        Ok(self.heard(done)?.rows_affected())
    }

    /// All rows of an answer.
    pub async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        vals: Vec<Val>,
    ) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query_with(sql, arguments(vals)?);
        let rows = self.manner.answer(query.fetch_all(self.ask())).await;
        Ok(self.heard(rows)?.into_iter().map(Row).collect())
    }

    /// As [`Conn::rows`], for a text whose shape varies: it is not kept as a prepared statement.
    pub async fn rows_many(&mut self, sql: String, vals: Vec<Val>) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(vals)?).persistent(false);
        let rows = self.manner.answer(query.fetch_all(self.ask())).await;
        Ok(self.heard(rows)?.into_iter().map(Row).collect())
    }

    /// The row of an answer that has at most one.
    pub async fn maybe(
        &mut self,
        sql: impl SqlSafeStr,
        vals: Vec<Val>,
    ) -> Result<Option<Row>, StoreError> {
        // To the end of the answer: an error may come after the first row.
        Ok(self.rows(sql, vals).await?.into_iter().next())
    }

    /// The row of an answer that always has one.
    pub async fn one(&mut self, sql: impl SqlSafeStr, vals: Vec<Val>) -> Result<Row, StoreError> {
        self.maybe(sql, vals).await?.ok_or(StoreError::Corrupt("a row is missing"))
    }

    /// Inserts rows with as few statements as the limits of both databases allow.
    pub async fn insert_many(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Val>>,
    ) -> Result<(), StoreError> {
        self.insert(table, columns, rows, "").await
    }

    /// As [`Conn::insert_many`]; rows whose key is there already are left as they are.
    pub async fn insert_absent(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Val>>,
    ) -> Result<(), StoreError> {
        self.insert(table, columns, rows, " ON CONFLICT DO NOTHING").await
    }

    async fn insert(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Val>>,
        on_conflict: &'static str,
    ) -> Result<(), StoreError> {
        let width = columns.len().max(1);
        let at_once = (parameters_max(self.engine) / width).max(1);
        let head = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let (mut text, mut vals, mut from) = (head.clone(), Vec::new(), 1);
            for row in rows.by_ref().take(at_once) {
                debug_assert_eq!(row.len(), width);
                let comma = if vals.is_empty() { "" } else { ", " };
                let _ = write!(text, "{comma}({})", places(from, row.len()));
                from += row.len();
                vals.extend(row);
            }
            text.push_str(on_conflict);
            if vals.len() == width {
                self.run(AssertSqlSafe(text), vals).await?;
            } else {
                self.run_many(text, vals).await?;
            }
        }
        Ok(())
    }

    /// Runs a text of one or more statements without values.
    pub(super) async fn script(&mut self, sql: impl SqlSafeStr) -> Result<(), StoreError> {
        let query = sqlx::raw_sql(sql);
        let done = self.manner.answer(query.execute(self.ask())).await;
        self.heard(done).map(drop)
    }

    /// Whether a statement failed since [`Conn::forgive`], or was given up half-way.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed || self.is_asking
    }

    /// Whether the connection may be in the middle of an answer, or gone: of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost || self.is_asking
    }

    /// A transaction begins.
    pub(super) fn forgive(&mut self) {
        self.has_failed = false;
    }

    /// Says goodbye to the database; a pooled connection goes back to its pool.
    pub(super) async fn close(self) -> Result<(), StoreError> {
        match self.inner {
            Held::Own(conn) => self.manner.answer(conn.close()).await,
            Held::Pooled(_) | Held::Lent(_) => Ok(()),
        }
    }

    /// The connection, for one question. Until [`Conn::heard`] the transaction counts as failed, so
    /// that a caller who gives up in between leaves it so.
    fn ask(&mut self) -> &mut AnyConnection {
        self.is_asking = true;
        match &mut self.inner {
            Held::Own(conn) | Held::Lent(Lent { conn: Some(conn), .. }) => conn,
            Held::Pooled(conn) => conn,
            Held::Lent(Lent { conn: None, .. }) => unreachable!("only a drop takes it out"),
        }
    }

    fn heard<T>(&mut self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.is_asking = false;
        if let Err(error) = &answer {
            self.has_failed = true;
            let is_late = matches!(error, StoreError::Deadline);
            self.is_lost |= is_late || error.fault() == Some(Fault::Gone);
        }
        answer
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conn({:?})", self.engine)
    }
}

/// `$from, $from+1, ..`: `count` places of values.
pub fn places(from: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * 6);
    for at in from..from + count {
        let comma = if at == from { "" } else { ", " };
        let _ = write!(text, "{comma}${at}");
    }
    text
}

fn arguments(vals: Vec<Val>) -> Result<AnyArguments, StoreError> {
    let mut arguments = AnyArguments::default();
    for val in vals {
        match val {
            Val::Int(int) => arguments.add(int),
            Val::Text(text) => arguments.add(text),
            Val::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
