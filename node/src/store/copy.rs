//! Copies of a SQLite database: made while a node writes to it, looked at, and put in its place.

use super::conn::Conn;
use super::engine::{Lock, Target};
use super::error::StoreError;
use super::{Engine, Store, StoreOptions, schema};
use std::fmt;
use std::path::Path;

/// The right to a SQLite database: no node can open it meanwhile.
pub struct KeptOut {
    _lock: Option<Lock>,
}

impl fmt::Debug for KeptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptOut")
    }
}

impl Store {
    /// Copies the SQLite database `from` into `to`, an empty file or none: one consistent state,
    /// without what was deleted, while a node may be writing. The caller syncs the file.
    pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        sqlx::any::install_default_drivers();
        let target = Target::parse(&url(from)?)?;
        let mut conn = target.connect_writer(&StoreOptions::default()).await?;
        let copied = conn.run("VACUUM INTO $1", vec![text(to)?.into()]).await;
        let closed = conn.close().await;
        copied?;
        closed
    }

    /// Opens a SQLite file that no process writes, to read it. Nothing is made beside it.
    pub async fn look(file: &Path) -> Result<Conn, StoreError> {
        sqlx::any::install_default_drivers();
        Target::parse(&url(file)?)?.connect_still().await
    }

    /// The last step of the schema that a database went through, each of which this program knows.
    /// Errors: the schema is newer than this program, or one of its steps was changed.
    pub async fn last_step(conn: &mut Conn) -> Result<i64, StoreError> {
        schema::last_step(conn, &schema::steps(Engine::Sqlite)).await
    }

    /// Keeps every node out of this SQLite database. Errors: one has it open.
    pub fn keep_out(file: &Path) -> Result<KeptOut, StoreError> {
        Ok(KeptOut { _lock: Target::parse(&url(file)?)?.lock_alone()? })
    }
}

fn url(file: &Path) -> Result<String, StoreError> {
    Ok(format!("sqlite:{}", text(file)?))
}

fn text(file: &Path) -> Result<&str, StoreError> {
    file.to_str().ok_or(StoreError::BadUrl("the path is not UTF-8"))
}
