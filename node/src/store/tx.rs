//! One writer, one transaction at a time.

use super::Store;
use super::conn::Conn;
use super::error::{CommitError, StoreError};
use sqlx::AssertSqlSafe;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A connection of its own for writing. It is opened when first needed and thrown away after any
/// error at begin, commit or rollback, and when a transaction is dropped half-way.
pub struct Writer {
    store: Store,
    conn: Option<Conn>,
}

impl Writer {
    pub(super) fn new(store: Store) -> Writer {
        Writer { store, conn: None }
    }

    /// Begins a transaction: `BEGIN IMMEDIATE` on SQLite, `BEGIN READ WRITE` on PostgreSQL.
    pub async fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.store.connect().await?,
        };
        if begin(&mut conn).await.is_err() {
            // Nothing was at stake yet: the server may have closed an idle session.
            conn = self.store.connect().await?;
            begin(&mut conn).await?;
        }
        conn.forgive();
        Ok(Tx { home: &mut self.conn, conn })
    }

    /// The store it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Throws the connection away, so that the next transaction has a new one.
    pub fn discard(&mut self) {
        self.conn = None;
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({:?})", self.store.engine())
    }
}

/// One transaction. Dropped without [`Tx::commit`] or [`Tx::rollback`], its connection is closed,
/// which rolls it back.
///
/// A statement that failed cannot be passed over: the transaction can then only be rolled back, on
/// SQLite as on PostgreSQL.
#[must_use]
pub struct Tx<'w> {
    home: &'w mut Option<Conn>,
    conn: Conn,
}

impl Tx<'_> {
    /// Commits. `Ok` means known to be committed.
    pub async fn commit(self) -> Result<(), CommitError> {
        if self.conn.has_failed() {
            let _ = self.rollback().await;
            return Err(CommitError::RolledBack(StoreError::Failed));
        }
        let Tx { home, mut conn } = self;
        // PostgreSQL answers COMMIT of a broken transaction with a quiet rollback: the statement
        // before it makes that an error.
        conn.script("SELECT 1; COMMIT").await.map_err(CommitError::Unknown)?;
        *home = Some(conn);
        Ok(())
    }

    /// Rolls back. After an error, and when an answer is outstanding, the connection is closed, and
    /// with it the transaction ends.
    pub async fn rollback(self) -> Result<(), StoreError> {
        let Tx { home, mut conn } = self;
        if conn.is_lost() {
            return Ok(());
        }
        conn.script("ROLLBACK").await?;
        *home = Some(conn);
        Ok(())
    }
}

impl Deref for Tx<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tx")
    }
}

pub(super) async fn begin(conn: &mut Conn) -> Result<(), StoreError> {
    let begin = AssertSqlSafe(conn.begin().to_owned());
    conn.script(begin).await
}
