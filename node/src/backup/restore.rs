//! A copy put in the place of the database.

use super::{Failed, Found, PART, beside, beside_of, check, folder, settle, sqlite_file, sync};
use crate::config::Config;
use crate::disk::{self, DiskError, PRIVATE};
use crate::store::{Store, StoreError};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the copy holds.
    pub found: Found,
    /// Where the database lies now that was there before, if one was.
    pub before: Option<PathBuf>,
}

/// Puts a copy in the place of the database of a stopped node, after it was checked. The database
/// that was there is moved aside, with the two files that belong to it; high-water file, ledger of
/// erasures and key ring stay as they are, and the next start compares with them. Where it breaks
/// off, it is done again.
pub async fn restore(config: &Config, file: &Path, now_ms: u64) -> Result<Restored, Failed> {
    let place = sqlite_file(config)?;
    let _out = match Store::keep_out(&place) {
        Ok(out) => out,
        Err(StoreError::Locked(_)) => return Err(Failed::Running),
        Err(error) => return Err(error.into()),
    };
    check(config, file).await?;
    let part = beside(&place, PART);
    let _ = fs::remove_file(&part);
    copy(file, &part)?;
    // What is put back is what was checked, and not what a disk made of it.
    let found = check(config, &part).await?;
    let before = beside(&place, &format!("before-{now_ms}"));
    let moved = set_aside(&place, &before)?;
    settle(&part, &place)?;
    Ok(Restored { found, before: moved.then_some(before) })
}

fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    let copied = (|| {
        let mut reads = File::open(from)?;
        let mut writes = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(to)?;
        io::copy(&mut reads, &mut writes)
    })();
    copied.map_err(|source| DiskError::Io { path: to.to_owned(), source })?;
    sync(to)
}

/// Moves a database and what lies beside it; whether there was one. The parts keep belonging
/// together under the new name.
fn set_aside(place: &Path, before: &Path) -> Result<bool, Failed> {
    let mut moved = false;
    for end in ["-wal", "-shm", ""] {
        let from = beside_of(place, end);
        if !from.exists() {
            continue;
        }
        let renamed = fs::rename(&from, beside_of(before, end));
        renamed.map_err(|source| DiskError::Io { path: from, source })?;
        moved = true;
    }
    disk::sync_dir(folder(place))?;
    Ok(moved)
}
