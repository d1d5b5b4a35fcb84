//! What can go wrong between the house and its database.

use jieli_proto::tree::TreeError;
use std::path::PathBuf;

/// What kind of refusal a database gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A unique key or primary key is taken.
    Unique,
    /// A foreign key names nothing.
    Foreign,
    /// A check or a NOT NULL failed.
    Check,
    /// The disk did not confirm what was written. The process must end.
    Fsync,
    /// A lock could not be had in time, or two transactions waited for each other.
    Busy,
    /// The connection is gone.
    Gone,
    /// Anything else.
    Other,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, or the way to it broke.
    #[error("the database: {message}")]
    Database {
        /// What kind of refusal.
        fault: Fault,
        /// The database's own words, without its detail (which may quote rows).
        message: String,
    },
    /// Not `sqlite:<path>` and not `postgres://..`.
    #[error("not a database address: {0}")]
    BadUrl(&'static str),
    /// Another process has this SQLite file open.
    #[error("{0} is held by another process")]
    Locked(PathBuf),
    /// Earlier SQLite versions can corrupt a file in WAL mode.
    #[error("SQLite {0} is too old: 3.51.3 is needed")]
    OldSqlite(String),
    /// A commit would not survive a power cut.
    #[error("the database runs with {setting}={value}: a commit would not survive a power cut")]
    NotDurable {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// A newer program made this schema.
    #[error("the schema has version {found}, this program knows only {known}")]
    NewerSchema {
        /// Version in the database.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// A step of the schema that is already in the database has another text in this program.
    #[error("step {0} of the schema is not the one this database was made with")]
    ChangedSchema(i64),
    /// What was stored cannot be so.
    #[error("the database holds something impossible: {0}")]
    Corrupt(&'static str),
    /// An earlier statement of this transaction failed, so it cannot be committed.
    #[error("an earlier statement of this transaction failed")]
    Failed,
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    Deadline,
    /// The log moved on too far to tell whether a batch was committed.
    #[error("too many batches since: it cannot be told whether this one was committed")]
    TooLate,
    /// A tree operation was refused.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file operation failed.
    #[error("the lock file: {0}")]
    Io(#[from] std::io::Error),
}

impl StoreError {
    /// What kind of refusal, if a database gave it.
    pub fn fault(&self) -> Option<Fault> {
        if let StoreError::Database { fault, .. } = self { Some(*fault) } else { None }
    }

    /// Whether a unique key or primary key was taken.
    pub fn is_unique_violation(&self) -> bool {
        self.fault() == Some(Fault::Unique)
    }

    /// Whether the process must end, because it cannot know any more what the disk holds.
    pub fn must_end_process(&self) -> bool {
        self.fault() == Some(Fault::Fsync)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let fault = match error.as_database_error() {
            Some(database) if database.is_unique_violation() => Fault::Unique,
            Some(database) if database.is_foreign_key_violation() => Fault::Foreign,
            Some(database) if database.is_check_violation() => Fault::Check,
            Some(database) => match database.code().as_deref() {
                Some("23502") => Fault::Check,
                Some("1299") => Fault::Check,
                // SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC.
                Some("1034" | "1290") => Fault::Fsync,
                // SQLITE_BUSY and its kin; lock_timeout, serialization and deadlock.
                Some("5" | "261" | "517" | "55P03" | "40001" | "40P01") => Fault::Busy,
                // Ended by an administrator, by a crash, by a time-out.
                Some("57P01" | "57P02" | "57P03" | "25P03") => Fault::Gone,
                _ => Fault::Other,
            },
            None if matches!(error, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => Fault::Gone,
            None => Fault::Other,
        };
        StoreError::Database { fault, message: error.to_string() }
    }
}

/// Why a commit did not say yes.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was committed: COMMIT was never sent.
    #[error("rolled back: {0}")]
    RolledBack(#[source] StoreError),
    /// COMMIT was sent and no yes came back. The connection is gone; ask
    /// [`crate::store::log::was_committed`] before anything is signed or answered.
    #[error("not known to be committed: {0}")]
    Unknown(#[source] StoreError),
}
