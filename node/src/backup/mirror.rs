//! The newest state of the ledger of erasures and of the key ring's backups on another medium. It
//! is a mirror and no archive: what is gone here goes there too, for an old key keeps what was erased.

use super::Failed;
use crate::config::Config;
use crate::disk::{self, DiskError, PRIVATE};
use crate::keyring::{BACKUP_DIR, FILE as LEDGER_FILE};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// The largest file that is mirrored: a key ring's backup of ten million keys.
const BYTES_MAX: u64 = 1 << 30;

/// What a mirror holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Bytes of the ledger of erasures.
    pub ledger_bytes: u64,
    /// Files of the key ring's backups, the key of their epoch among them.
    pub files: usize,
    /// Files that were there and are not any more.
    pub removed: usize,
}

/// Brings `to`, a directory for its owner alone, to the present state: first what was erased, then
/// the key that opens the backups from before, and only then what is new.
pub fn mirror(config: &Config, to: &Path) -> Result<Mirrored, Failed> {
    disk::make_private_dir(to)?;
    let ledger = whole(&config.dir.join(LEDGER_FILE))?;
    let there = to.join(LEDGER_FILE);
    if !ledger.starts_with(&whole(&there)?) {
        return Err(Failed::LedgerBehind(there));
    }
    disk::replace(&there, &ledger, PRIVATE)?;
    let (from, into) = (config.dir.join(BACKUP_DIR), to.join(BACKUP_DIR));
    disk::make_private_dir(&into)?;
    let wanted = names(&from)?;
    let mut removed = 0;
    for name in names(&into)? {
        // The key of the epoch goes in any case where it is another one.
        let is_same = || -> Result<bool, DiskError> {
            let [here, there] = [from.join(&name), into.join(&name)];
            Ok(disk::read(&here, BYTES_MAX)? == disk::read(&there, BYTES_MAX)?)
        };
        if !wanted.contains(&name) || !is_same()? {
            destroy(&into.join(&name))?;
            removed += usize::from(!wanted.contains(&name));
        }
    }
    for name in &wanted {
        if !into.join(name).exists() {
            disk::replace(&into.join(name), &disk::read(&from.join(name), BYTES_MAX)?, PRIVATE)?;
        }
    }
    disk::sync_dir(&into)?;
    Ok(Mirrored { ledger_bytes: ledger.len() as u64, files: wanted.len(), removed })
}

/// A whole file, empty where there is none yet.
fn whole(path: &Path) -> Result<Vec<u8>, DiskError> {
    if path.exists() { disk::read(path, BYTES_MAX) } else { Ok(Vec::new()) }
}

/// The plain files of a directory; none where there is no directory yet.
fn names(dir: &Path) -> Result<BTreeSet<OsString>, DiskError> {
    let failed = |source: io::Error| DiskError::Io { path: dir.to_owned(), source };
    let mut all = BTreeSet::new();
    if dir.is_dir() {
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_file() {
                all.insert(entry.file_name());
            }
        }
    }
    Ok(all)
}

/// Overwrites a file before it goes: where the file system writes in place, that is its end.
fn destroy(path: &Path) -> Result<(), DiskError> {
    let failed = |source: io::Error| DiskError::Io { path: path.to_owned(), source };
    let bytes = path.metadata().map_err(failed)?.len();
    fs::write(path, vec![0; bytes as usize]).map_err(failed)?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    disk::remove(path)
}
