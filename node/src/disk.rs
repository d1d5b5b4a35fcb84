//! Files that nobody else may read: made with their final mode, synced, and refused on load when
//! they have become readable by others.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of a file for the node's own user alone.
pub const PRIVATE: u32 = 0o600;

/// Mode of a file anybody may read.
pub const PUBLIC: u32 = 0o644;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The system said no.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Group or world may read or write it.
    #[error("{path} has mode {mode:04o}, so others may read it: run `chmod {wanted:o} {path}` and consider its content known", path = .path.display())]
    Open {
        /// File or directory.
        path: PathBuf,
        /// Mode found.
        mode: u32,
        /// Mode wanted.
        wanted: u32,
    },
    /// A link, a directory or a device stands where a file or directory should.
    #[error("{path} is not a plain {wanted}", path = .path.display())]
    Kind {
        /// File or directory.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Larger than anything it could rightly hold.
    #[error("{path} is larger than {bytes_max} bytes", path = .path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DiskError + '_ {
    move |source| DiskError::Io { path: path.to_owned(), source }
}

/// Makes a directory with mode 0700; one that exists must have it already.
pub fn make_private_dir(path: &Path) -> Result<(), DiskError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_private_dir(path),
        Err(error) => Err(io_error(path)(error)),
    }
}

/// Refuses a directory that group or world may enter or list, and a link to one.
pub fn check_private_dir(path: &Path) -> Result<(), DiskError> {
    let meta = fs::symlink_metadata(path).map_err(io_error(path))?;
    if !meta.is_dir() {
        return Err(DiskError::Kind { path: path.to_owned(), wanted: "directory" });
    }
    check_mode(path, &meta, 0o700)
}

fn check_mode(path: &Path, meta: &fs::Metadata, wanted: u32) -> Result<(), DiskError> {
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(DiskError::Open { path: path.to_owned(), mode, wanted })
}

/// Reads a whole file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
    read_open(path, File::open(path).map_err(io_error(path))?, bytes_max)
}

/// Reads a whole plain file that neither group nor world may read.
pub fn read_private(path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
    if !fs::symlink_metadata(path).map_err(io_error(path))?.is_file() {
        return Err(DiskError::Kind { path: path.to_owned(), wanted: "file" });
    }
    let file = File::open(path).map_err(io_error(path))?;
    check_private_file(path, &file)?;
    read_open(path, file, bytes_max)
}

/// Refuses an open file that group or world may read or write.
pub fn check_private_file(path: &Path, file: &File) -> Result<(), DiskError> {
    check_mode(path, &file.metadata().map_err(io_error(path))?, PRIVATE)
}

fn read_open(path: &Path, file: File, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
    // Room for all of it at once: growing would leave copies of a secret behind.
    let len = file.metadata().map_err(io_error(path))?.len().min(bytes_max) as usize;
    let mut bytes = Vec::with_capacity(len + 1);
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(io_error(path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(DiskError::TooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// Writes a new file with its final mode and syncs it; one that exists is never overwritten.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(mode).open(path).map_err(io_error(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error(path))
}

/// Writes a file whole in the place of an older one: whoever reads it finds the one or the other.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let newer = path.with_file_name(name);
    // What a crash left of an earlier attempt.
    let _ = fs::remove_file(&newer);
    write_new(&newer, bytes, mode)?;
    fs::rename(&newer, path).map_err(io_error(path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file for good; that its bytes cannot be read off the disk is for the disk's
/// encryption to see to.
pub fn remove(path: &Path) -> Result<(), DiskError> {
    fs::remove_file(path).map_err(io_error(path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Syncs a directory, so that the names of new files in it last.
pub fn sync_dir(path: &Path) -> Result<(), DiskError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(io_error(path))
}

/// Writes a few bytes to a file of this name, reads them back and removes it: whether the disk
/// still works.
pub fn try_out(path: &Path) -> Result<(), DiskError> {
    const BYTES: [u8; 4096] = [0x5a; 4096];
    let _ = fs::remove_file(path);
    write_new(path, &BYTES, PRIVATE)?;
    let back = read(path, BYTES.len() as u64)?;
    fs::remove_file(path).map_err(io_error(path))?;
    if back == BYTES {
        return Ok(());
    }
    let other = io::Error::new(io::ErrorKind::InvalidData, "other bytes came back");
    Err(DiskError::Io { path: path.to_owned(), source: other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_works_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".health");
        try_out(&path).unwrap();
        fs::write(&path, b"left by a crash").unwrap();
        try_out(&path).unwrap();
        assert!(!path.exists());
        assert!(try_out(&dir.path().join("no/such")).is_err());
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_its_owner_may_read_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_new(&path, b"secret", PRIVATE).unwrap();
        assert_eq!(read_private(&path, 6).unwrap(), b"secret");
        assert!(matches!(read_private(&path, 5), Err(DiskError::TooLarge { .. })));
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
            chmod(&path, mode);
            assert!(matches!(read_private(&path, 6), Err(DiskError::Open { .. })), "{mode:o}");
        }
        chmod(&path, 0o400);
        assert!(read_private(&path, 6).is_ok());
        assert!(matches!(write_new(&path, b"other", PRIVATE), Err(DiskError::Io { .. })));

        let link = dir.path().join("b");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link, 6), Err(DiskError::Kind { .. })));
        assert!(matches!(read_private(dir.path(), 6), Err(DiskError::Kind { .. })));
    }

    #[test]
    fn only_its_owner_may_enter_a_private_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        make_private_dir(&path).unwrap();
        make_private_dir(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        chmod(&path, 0o750);
        assert!(matches!(check_private_dir(&path), Err(DiskError::Open { .. })));
        assert!(matches!(make_private_dir(&path), Err(DiskError::Open { .. })));
    }
}
