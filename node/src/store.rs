//! The database of one house: SQLite or PostgreSQL behind one SQL text.
//!
//! [`Store::open`] brings the schema up and refuses a database that cannot keep a promise. Every
//! write goes through a [`Writer`], one transaction ([`Tx`]) at a time; reads may come from the pool
//! of [`Store::read`]. Both hand out a [`Conn`], so that a query is written once.

pub mod checks;
mod conn;
mod copy;
pub mod desk_queue;
mod engine;
mod error;
pub mod hooks;
pub mod legs;
pub mod log;
pub mod mirror;
pub(crate) mod packs;
pub mod queue;
pub mod recovery;
mod schema;
mod tx;

pub use conn::{Conn, Row, Val, places};
pub use copy::KeptOut;
pub use engine::Engine;
pub use error::{CommitError, Fault, StoreError};
/// Asserts that a text built at run time holds no outside data.
pub use sqlx::AssertSqlSafe;
pub use tx::{Tx, Writer};

use sqlx::AnyPool;
use std::fmt;
use std::sync::{Arc, PoisonError};

/// How a store is opened. The defaults suit both engines.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections that only read.
    pub read_connections_max: u32,
    /// How long one statement may run (PostgreSQL).
    pub statement_ms_max: u64,
    /// How long a statement may wait for a lock: longer than a lost writer can keep the head row.
    pub lock_ms_max: u64,
    /// How long a session may sit inside a transaction (PostgreSQL).
    pub idle_in_transaction_ms_max: u64,
    /// The thread waits for each answer, and nothing else of its runtime goes on meanwhile: for
    /// simulations, whose time must not pass while a database works.
    pub in_place: bool,
}

impl StoreOptions {
    /// For simulations: see the field. There is no limit of connections that read.
    pub fn in_place() -> StoreOptions {
        StoreOptions { in_place: true, ..StoreOptions::default() }
    }
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            read_connections_max: 8,
            statement_ms_max: 30_000,
            lock_ms_max: 20_000,
            idle_in_transaction_ms_max: 10_000,
            in_place: false,
        }
    }
}

/// The database. Cheap to clone; all clones share one lock file and one read pool.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    target: engine::Target,
    options: StoreOptions,
    reads: AnyPool,
    idle: conn::Idle,
    /// Held as long as the process may touch a SQLite file.
    _lock: Option<engine::Lock>,
}

impl Store {
    /// Opens a database, takes its lock, checks its promises and brings its schema up.
    ///
    /// `url` is `sqlite:<file path>` or `postgres://..`. Errors: another process holds the SQLite
    /// file; SQLite is older than 3.51.3; PostgreSQL runs with `fsync` or `synchronous_commit` off;
    /// the schema is newer than this program, or one of its steps was changed.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Store, StoreError> {
        Store::open_with(url, options, schema::steps).await
    }

    /// Opens a key ring: the same promises, another schema. An address that holds the database of
    /// a house is refused as a changed schema.
    pub async fn open_ring(url: &str, options: StoreOptions) -> Result<Store, StoreError> {
        Store::open_with(url, options, schema::ring_steps).await
    }

    async fn open_with(
        url: &str,
        options: StoreOptions,
        steps: fn(Engine) -> Vec<schema::Step>,
    ) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let target = engine::Target::parse(url)?;
        let lock = target.lock()?;
        let mut conn = target.connect_writer(&options).await?;
        target.check_promises(&mut conn).await?;
        schema::bring_up(&mut conn, &steps(target.engine())).await?;
        conn.close().await?;
        let reads = target.read_pool(&options)?;
        Ok(Store {
            inner: Arc::new(Inner {
                target,
                options,
                reads,
                idle: Default::default(),
                _lock: lock,
            }),
        })
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        self.inner.target.engine()
    }

    /// A writer with a connection of its own, opened when it is first needed.
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone())
    }

    /// A connection of the read pool. Its statements cannot write.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        let manner = engine::Manner::of(self.engine(), &self.inner.options);
        if self.inner.options.in_place {
            let kept = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = match kept {
                Some(conn) => conn,
                None => self.inner.target.connect_reader(&self.inner.options).await?,
            };
            return Ok(Conn::lent(conn, &self.inner.idle, self.engine()));
        }
        let conn = manner.answer(self.inner.reads.acquire()).await?;
        Ok(Conn::pooled(conn, self.engine(), manner))
    }

    /// Closes the read pool and waits for it; the lock is released with the last clone.
    pub async fn close(self) {
        self.inner.reads.close().await;
    }

    /// After an erasure: empties SQLite's write-ahead log, whose old pages still hold what was
    /// deleted (`secure_delete` has zeroed it in the file). On PostgreSQL vacuums these tables, so
    /// that their dead rows are given up; the server's own write-ahead log and its archive keep
    /// what they hold until the server drops them. `false` if a reader was in the way: try again.
    pub async fn scrub(&self, tables: &[&str]) -> Result<bool, StoreError> {
        match self.engine() {
            Engine::Postgres => {
                let mut conn = self.connect().await?;
                conn.script("SET statement_timeout = 0").await?;
                for table in tables {
                    conn.script(AssertSqlSafe(format!("VACUUM {table}"))).await?;
                }
                conn.close().await?;
                Ok(true)
            }
            Engine::Sqlite => {
                let mut conn = self.connect().await?;
                let row = conn.one("PRAGMA wal_checkpoint(TRUNCATE)", vec![]).await?;
                let is_busy = row.flag(0)?;
                conn.close().await?;
                Ok(!is_busy)
            }
        }
    }

    pub(crate) async fn connect(&self) -> Result<Conn, StoreError> {
        self.inner.target.connect_writer(&self.inner.options).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.engine())
    }
}
