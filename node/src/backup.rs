//! Copies of the database of a node on SQLite: made while it runs, checked, and put back while it
//! is stopped. What must not be restored together with a database is never in one: the high-water
//! file, the ledger of erasures, the key ring and its backups. The newest state of the last three
//! can be mirrored beside it.

mod mirror;
mod restore;

pub use mirror::{Mirrored, mirror};
pub use restore::{Restored, restore};

use crate::boot::rule;
use crate::config::{Config, Database};
use crate::disk::{self, DiskError};
use crate::highwater::{Disk, FILE, HighWater, HighWaterError, Start};
use crate::store::log::{self, Log};
use crate::store::{Store, StoreError};
use jieli_proto::tree::Hash;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Behind the name of a file that is not whole yet.
const PART: &str = "part";

/// Why a copy was not made, is not believed, or was not put back.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// PostgreSQL has tools of its own.
    #[error(
        "this node's database is on PostgreSQL: copy it with pg_dump or its archive, never the key \
         ring's database; see \"Backup and restore\" in the runbook"
    )]
    Postgres,
    /// A copy is never written over another file.
    #[error("{0} exists already: name a new file, a copy is never written over another one")]
    Exists(PathBuf),
    /// No such copy, or no database yet.
    #[error("{0} is not there")]
    Missing(PathBuf),
    /// More than the one file belongs to it.
    #[error(
        "{0} belongs to the copy and is not empty: what it holds is not in the copy's own file. Copy \
         with `jieli backup`, or while the node is stopped"
    )]
    NotAlone(PathBuf),
    /// The database says that it is damaged.
    #[error("{file} is damaged: {said}. Take another copy", file = .file.display())]
    Damaged {
        /// The copy.
        file: PathBuf,
        /// First of what SQLite found.
        said: String,
    },
    /// Another city's database.
    #[error("{file} is the database of {found}, not of {stated}", file = .file.display())]
    OtherCity {
        /// The copy.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose directory this is.
        stated: String,
    },
    /// It holds other records than were signed.
    #[error(
        "{file} holds other records of {origin} than this city has signed: it is no copy of this \
         node's history, and putting it back would make two histories. Take another one, from before \
         the two parted",
        file = .file.display()
    )]
    Forked {
        /// The copy.
        file: PathBuf,
        /// Which log.
        origin: String,
    },
    /// A mirror knows of erasures that this node does not.
    #[error(
        "{0} holds lines that this node's ledger of erasures lacks: the newer ledger is the true one. \
         Put it back into the node's directory while the node is stopped, then mirror again"
    )]
    LedgerBehind(PathBuf),
    /// The node runs.
    #[error("the node of this directory is running: stop it first, then do this again")]
    Running,
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The high-water file cannot be read.
    #[error("{0}; see the runbook before anything is moved")]
    HighWater(#[from] HighWaterError),
}

/// One log of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFound {
    /// Its name.
    pub origin: String,
    /// Records in it.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// Records that were signed since, by the high-water file; `None` if that file does not know.
    pub behind: Option<u64>,
}

/// What a copy holds: whole, this city's, and a part of its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bytes of its file.
    pub bytes: u64,
    /// The last step of the schema that it went through.
    pub schema: i64,
    /// The exchange log and the local log.
    pub logs: [LogFound; 2],
}

impl Found {
    /// Whether everything that was signed is in it.
    pub fn is_newest(&self) -> bool {
        self.logs.iter().all(|log| log.behind == Some(0))
    }
}

/// Copies the database into `to`, a new file, while the node may be running, and checks the copy.
/// The file gets its name when it is whole and on the disk.
pub async fn make(config: &Config, to: &Path) -> Result<Found, Failed> {
    let from = sqlite_file(config)?;
    if !from.is_file() {
        return Err(Failed::Missing(from));
    }
    if to.exists() {
        return Err(Failed::Exists(to.to_owned()));
    }
    let part = beside(to, PART);
    // What an attempt left that broke off. The empty file gives the copy its mode.
    let _ = fs::remove_file(&part);
    disk::write_new(&part, &[], disk::PRIVATE)?;
    match filled(config, &from, &part).await {
        Ok(found) => {
            settle(&part, to)?;
            Ok(found)
        }
        Err(failed) => {
            let _ = fs::remove_file(&part);
            Err(failed)
        }
    }
}

async fn filled(config: &Config, from: &Path, part: &Path) -> Result<Found, Failed> {
    Store::copy(from, part).await?;
    sync(part)?;
    check(config, part).await
}

/// Works out anew what a copy holds: that SQLite finds it whole, that this program knows its
/// schema, that it is this city's, that every record gives its hash and all of them the head, and
/// that it holds nothing but what was signed. Writes nothing.
pub async fn check(config: &Config, file: &Path) -> Result<Found, Failed> {
    let Ok(meta) = fs::metadata(file) else { return Err(Failed::Missing(file.to_owned())) };
    let wal = beside_of(file, "-wal");
    if fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
        return Err(Failed::NotAlone(wal));
    }
    let damaged = |said: String| Failed::Damaged { file: file.to_owned(), said };
    let torn = |error: StoreError| {
        let is_torn = matches!(error, StoreError::Database { .. } | StoreError::Corrupt(_));
        if is_torn { damaged(error.to_string()) } else { Failed::Store(error) }
    };
    let mut conn = Store::look(file).await?;
    let said = conn.one("PRAGMA integrity_check(1)", vec![]).await.map_err(torn)?.text(0)?;
    if said != "ok" {
        return Err(damaged(said));
    }
    if conn.maybe("PRAGMA foreign_key_check", vec![]).await?.is_some() {
        return Err(damaged("a row names one that is not there".to_owned()));
    }
    let schema = Store::last_step(&mut conn).await.map_err(torn)?;
    let city = &config.city.id;
    let known = conn.maybe("SELECT city_id FROM city", vec![]).await?;
    let whose = known.map_or(Ok(String::new()), |row| row.text(0))?;
    if whose != city.as_str() {
        let (file, stated) = (file.to_owned(), city.as_str().to_owned());
        return Err(Failed::OtherCity { file, found: whose, stated });
    }
    let marks = HighWater::open(&config.dir.join(FILE), Box::new(Disk))?;
    let marks = marks.unwrap_or_else(|| HighWater::lost(&config.dir.join(FILE), Box::new(Disk)));
    let mut logs = Vec::new();
    for which in [Log::Exchange, Log::Local] {
        let head = log::head(&mut conn, which).await?;
        let head = head.ok_or_else(|| damaged("a log has no head".to_owned()))?;
        let origin = match which {
            Log::Exchange => city.exchange_origin(head.id.epoch),
            Log::Local => city.local_origin(head.id.epoch),
        };
        log::recompute(&mut conn, &head, head.size).await.map_err(torn)?;
        let behind = match rule(&mut conn, &marks, &origin, &head).await.map_err(torn)? {
            Start::Good | Start::Advance => Some(0),
            Start::Recovering { file_size, head_size } => Some(file_size - head_size),
            Start::NoFile => None,
            Start::RootDiffers => return Err(Failed::Forked { file: file.to_owned(), origin }),
        };
        logs.push(LogFound { origin, size: head.size, root: head.root, behind });
    }
    let [exchange, local] = logs.try_into().unwrap_or_else(|_| unreachable!("two logs"));
    Ok(Found { bytes: meta.len(), schema, logs: [exchange, local] })
}

fn sqlite_file(config: &Config) -> Result<PathBuf, Failed> {
    match &config.database {
        Database::Sqlite => Ok(config.sqlite_file()),
        Database::Postgres(_) => Err(Failed::Postgres),
    }
}

/// `file.end`.
fn beside(file: &Path, end: &str) -> PathBuf {
    beside_of(file, &format!(".{end}"))
}

fn beside_of(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn sync(file: &Path) -> Result<(), Failed> {
    let synced = File::open(file).and_then(|open| open.sync_all());
    Ok(synced.map_err(|source| DiskError::Io { path: file.to_owned(), source })?)
}

/// Gives a file its name, for good.
fn settle(part: &Path, to: &Path) -> Result<(), Failed> {
    let renamed = fs::rename(part, to);
    renamed.map_err(|source| DiskError::Io { path: to.to_owned(), source })?;
    Ok(disk::sync_dir(folder(to))?)
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
