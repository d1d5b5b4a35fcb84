//! Where the passphrase comes from.

use super::KeysError;
use super::secret::Passphrase;
use crate::disk::{self, DiskError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the systemd credential: `LoadCredentialEncrypted=jieli-passphrase:<file>` in the unit.
pub const CREDENTIAL: &str = "jieli-passphrase";

/// Name of the environment variable.
pub const VARIABLE: &str = "JIELI_PASSPHRASE";

/// Finds the passphrase whenever key files have to be opened: at the start, and again when keys
/// were made beside the old ones. `None` where there is none.
pub type PassphraseSource = Arc<dyn Fn() -> Result<Option<Passphrase>, KeysError> + Send + Sync>;

const PASSPHRASE_BYTES_MAX: u64 = 1024;

/// The places to look in, in this order. The program fills this in from its environment.
#[derive(Debug, Default)]
pub struct Places {
    /// `$CREDENTIALS_DIRECTORY`, whose file `jieli-passphrase` is read. systemd guards it, often
    /// with an access list that looks like mode 0440: its mode is not checked.
    pub credentials_dir: Option<PathBuf>,
    /// Content of `$JIELI_PASSPHRASE`. Children and whoever may read `/proc` see it: prefer a
    /// credential.
    pub variable: Option<Passphrase>,
    /// `keys.passphrase_file` of the configuration: for the owner's eyes alone.
    pub file: Option<PathBuf>,
}

impl Places {
    /// The passphrase of the first place that has one, or `None`.
    pub fn find(self) -> Result<Option<Passphrase>, KeysError> {
        if let Some(dir) = self.credentials_dir {
            let path = dir.join(CREDENTIAL);
            match disk::read(&path, PASSPHRASE_BYTES_MAX) {
                Ok(bytes) => return not_empty(path, bytes),
                Err(DiskError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        match (self.variable, self.file) {
            (Some(passphrase), _) => Ok(Some(passphrase)),
            (None, Some(path)) => {
                let bytes = disk::read_private(&path, PASSPHRASE_BYTES_MAX)?;
                not_empty(path, bytes)
            }
            (None, None) => Ok(None),
        }
    }
}

fn not_empty(path: PathBuf, bytes: Vec<u8>) -> Result<Option<Passphrase>, KeysError> {
    match Passphrase::new(bytes) {
        Some(passphrase) => Ok(Some(passphrase)),
        None => Err(KeysError::Form { path, what: "passphrase" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn found(places: Places) -> Option<Vec<u8>> {
        places.find().unwrap().map(|passphrase| passphrase.expose().to_vec())
    }

    #[test]
    fn the_first_place_wins() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passphrase");
        disk::write_new(&file, b"from the file\n", disk::PRIVATE).unwrap();
        let all = || Places {
            credentials_dir: Some(dir.path().to_owned()),
            variable: Passphrase::new(b"from the variable".to_vec()),
            file: Some(file.clone()),
        };
        assert_eq!(found(all()).unwrap(), b"from the variable");
        assert_eq!(found(Places { variable: None, ..all() }).unwrap(), b"from the file");
        assert_eq!(found(Places::default()), None);
        fs::write(dir.path().join(CREDENTIAL), "from systemd\n").unwrap();
        assert_eq!(found(all()).unwrap(), b"from systemd");
    }

    #[test]
    fn an_open_or_empty_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passphrase");
        disk::write_new(&file, b"\n", disk::PRIVATE).unwrap();
        let places = || Places { file: Some(file.clone()), ..Places::default() };
        assert!(matches!(places().find(), Err(KeysError::Form { .. })));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(places().find(), Err(KeysError::Disk(DiskError::Open { .. }))));
    }
}
