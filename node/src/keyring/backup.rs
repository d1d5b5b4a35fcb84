//! Backups of the key ring: kept for days, and unreadable from the next erasure on.
//!
//! They lie in `keyring-backup/`. Each is sealed under the key of its epoch, which lies beside them
//! in `epoch.key`, wrapped by the key-encryption key, and nowhere else. An erasure destroys that
//! key and every backup before it, so that a copy of a backup that was carried off opens no more.
//! The directory may be mirrored to another medium, never archived: only its newest state counts.

use crate::disk::{self, DiskError};
use crate::keys::{self, KeyRing, KeysError, NONCE_LEN, Secret, WRAPPED_LEN};
use crate::world::{Entropy, random};
use jieli_proto::id::{CityId, LegId};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directory of the backups in the node's directory.
pub const BACKUP_DIR: &str = "keyring-backup";

/// File of the key of the epoch.
const EPOCH_FILE: &str = "epoch.key";

const ENDING: &str = "ring";

/// The largest backup that is read: ten million keys.
const BYTES_MAX: u64 = 1 << 30;

const DAY_MS: u64 = 86_400_000;

/// Why a backup was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("the key ring's backup: {0}")]
    Disk(#[from] DiskError),
    /// A file could not be moved or removed.
    #[error("the key ring's backup: {0}")]
    Io(#[from] io::Error),
    /// It does not open.
    #[error(
        "this backup of the key ring does not open: it is from before an erasure, of another city, \
         or damaged. Only the newest backup beside its epoch.key opens"
    )]
    DoesNotOpen,
    /// Nothing was sealed.
    #[error("the key ring's backup: {0}")]
    Keys(#[from] KeysError),
}

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub file: PathBuf,
    /// Keys in it.
    pub keys: u64,
    /// The ring's epoch.
    pub epoch: u64,
    /// When, Unix milliseconds.
    pub at_ms: u64,
}

/// The directory.
pub(super) struct Backups {
    dir: PathBuf,
    city: String,
    days: u64,
}

impl Backups {
    pub(super) fn open(dir: &Path, city: &CityId, days: u64) -> Result<Backups, BackupError> {
        let dir = dir.join(BACKUP_DIR);
        if !dir.is_dir() {
            disk::make_private_dir(&dir)?;
        }
        disk::check_private_dir(&dir)?;
        Ok(Backups { dir, city: city.as_str().to_owned(), days })
    }

    /// Makes every backup unreadable: the key first.
    pub(super) fn forget(&mut self) -> Result<(), BackupError> {
        let key = self.dir.join(EPOCH_FILE);
        if let Ok(meta) = key.metadata() {
            // Where the file system writes in place, this is the end of it already.
            fs::write(&key, vec![0; meta.len() as usize])?;
            fs::File::open(&key)?.sync_all()?;
            fs::remove_file(&key)?;
        }
        for (_, file) in self.files()? {
            fs::remove_file(file)?;
        }
        Ok(disk::sync_dir(&self.dir)?)
    }

    /// The epoch whose key lies here.
    pub(super) fn epoch(&self) -> Option<u64> {
        let text = fs::read_to_string(self.dir.join(EPOCH_FILE)).ok()?;
        text.split_once(' ')?.0.parse().ok()
    }

    /// When the newest backup was written, Unix milliseconds.
    pub(super) fn newest_ms(&self) -> Result<Option<u64>, BackupError> {
        Ok(self.files()?.into_iter().map(|(at_ms, _)| at_ms).max())
    }

    /// Removes what is older than it may be; the newest one stays.
    pub(super) fn prune(&mut self, now_ms: u64) -> Result<(), BackupError> {
        let mut files = self.files()?;
        files.sort();
        files.pop();
        let oldest_ms = now_ms.saturating_sub(self.days * DAY_MS);
        for (_, file) in files.into_iter().filter(|(at_ms, _)| *at_ms < oldest_ms) {
            fs::remove_file(file)?;
        }
        Ok(disk::sync_dir(&self.dir)?)
    }

    pub(super) fn write(
        &mut self,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        epoch: u64,
        now_ms: u64,
        wrapped: &[Vec<u8>],
    ) -> Result<Kept, BackupError> {
        if self.epoch() != Some(epoch) {
            self.forget()?;
            self.new_epoch(keys, entropy, epoch)?;
        }
        let key = self.epoch_key(keys)?.1;
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let sealed = keys::seal_section(&key, nonce, &self.aad(epoch), &wrapped.concat())?;
        let file = self.dir.join(format!("{epoch}-{now_ms}.{ENDING}"));
        let head = format!("jieli key ring {epoch}\n");
        self.put(&file, &[head.as_bytes(), &nonce, &sealed].concat())?;
        self.prune(now_ms)?;
        Ok(Kept { file, keys: wrapped.len() as u64, epoch, at_ms: now_ms })
    }

    /// The wrapped keys of a backup.
    pub(super) fn open_file(
        &self,
        keys: &KeyRing,
        file: &Path,
    ) -> Result<Vec<Vec<u8>>, BackupError> {
        let bytes = disk::read(file, BYTES_MAX)?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, rest) = bytes.split_at(end.ok_or(BackupError::DoesNotOpen)? + 1);
        let (epoch, key) = self.epoch_key(keys)?;
        if head != format!("jieli key ring {epoch}\n").as_bytes() {
            return Err(BackupError::DoesNotOpen);
        }
        let (nonce, sealed) = rest.split_first_chunk().ok_or(BackupError::DoesNotOpen)?;
        let plain = keys::open_section(&key, *nonce, &self.aad(epoch), sealed)
            .map_err(|_| BackupError::DoesNotOpen)?;
        Ok(plain.chunks_exact(WRAPPED_LEN).map(<[u8]>::to_vec).collect())
    }

    fn new_epoch(
        &self,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        epoch: u64,
    ) -> Result<(), BackupError> {
        let key = Secret::random(entropy);
        let wrapped = keys.wrap_key(entropy, &purpose(epoch), LegId([0; 16]), 0, &key)?;
        let line = format!("{epoch} {}\n", hex::encode(wrapped));
        self.put(&self.dir.join(EPOCH_FILE), line.as_bytes())
    }

    fn epoch_key(&self, keys: &KeyRing) -> Result<(u64, Secret<32>), BackupError> {
        let bytes = disk::read_private(&self.dir.join(EPOCH_FILE), 4096)?;
        let bad = || BackupError::DoesNotOpen;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        let (epoch, wrapped) = text.trim_end().split_once(' ').ok_or_else(bad)?;
        let epoch: u64 = epoch.parse().map_err(|_| bad())?;
        let wrapped = hex::decode(wrapped).map_err(|_| bad())?;
        let key = keys.unwrap_key(&purpose(epoch), LegId([0; 16]), 0, &wrapped);
        Ok((epoch, key.map_err(|_| bad())?))
    }

    fn aad(&self, epoch: u64) -> Vec<u8> {
        format!("jieli/ring-backup/v1\0{}\0{epoch}", self.city).into_bytes()
    }

    /// The backups with the times in their names.
    fn files(&self) -> Result<Vec<(u64, PathBuf)>, BackupError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let at_ms = stem.split_once('-').and_then(|(_, at_ms)| at_ms.parse().ok());
            if path.extension().is_some_and(|ending| ending == ENDING) {
                all.push((at_ms.unwrap_or(0), path));
            }
        }
        Ok(all)
    }

    /// Whole or not at all.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        disk::write_new(&new, bytes, disk::PRIVATE)?;
        fs::rename(&new, path)?;
        Ok(disk::sync_dir(&self.dir)?)
    }
}

fn purpose(epoch: u64) -> String {
    format!("ring-epoch-{epoch}")
}
