//! Keys that are made after the first ones, beside them, and the root key from wherever it is kept.

use super::file::{self, Loaded, Wrapping, Writer};
use super::{FileSigner, Held, KeyName, KeysError, Passphrase, ROTATING, Secret, Signer};
use crate::disk::{self, DiskError};
use crate::world::Entropy;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::pubkey::PublicKey;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes a message, log, cosigner or TLS key beside those that are there and writes its file,
/// wrapped like the others. Nothing uses it before a manifest names it. Opens an old file first, so
/// that no key is wrapped under a passphrase that opens nothing else.
pub fn make_beside(
    dir: &Path,
    city: &CityId,
    name: KeyName,
    passphrase: Option<&Passphrase>,
    entropy: &dyn Entropy,
) -> Result<PublicKey, KeysError> {
    disk::check_private_dir(&dir.join("keys"))?;
    let mut wrapping = Wrapping::new(passphrase);
    let kek = KeyName::Kek.path(dir);
    let Loaded { argon2id, .. } = file::load(&kek, city, KeyName::Kek, &mut wrapping)?;
    let secret = Secret::random(entropy);
    let signer = FileSigner::from_seed(&secret)?;
    let path = name.later_path(dir, &signer.fingerprint());
    let mut writer = Writer::like(city, entropy, wrapping, argon2id);
    writer.write(&path, name, &secret)?;
    disk::sync_dir(&dir.join("keys"))?;
    Ok(signer.public())
}

/// The root key from its file, which may lie on any medium; only its owner may read it.
pub fn load_root(
    path: &Path,
    city: &CityId,
    passphrase: Option<&Passphrase>,
) -> Result<FileSigner, KeysError> {
    let mut wrapping = Wrapping::new(passphrase);
    let Loaded { secret, .. } = file::load(path, city, KeyName::Root, &mut wrapping)?;
    FileSigner::from_seed(&secret)
}

/// Removes the files of keys that sign no more. Returns those that were here.
pub fn destroy(
    dir: &Path,
    city: &CityId,
    keys: &[Digest],
    passphrase: Option<&Passphrase>,
) -> Result<Vec<PathBuf>, KeysError> {
    let mut wrapping = Wrapping::new(passphrase);
    let mut gone = Vec::new();
    for name in ROTATING {
        for path in files(dir, name)? {
            let Loaded { secret, .. } = file::load(&path, city, name, &mut wrapping)?;
            if keys.contains(&FileSigner::from_seed(&secret)?.fingerprint()) {
                disk::remove(&path)?;
                gone.push(path);
            }
        }
    }
    Ok(gone)
}

/// All keys that sign and may be replaced, in the order of their files.
pub(super) fn signing(
    dir: &Path,
    load: &mut dyn FnMut(KeyName, &Path) -> Result<Secret<32>, KeysError>,
) -> Result<Vec<Held>, KeysError> {
    let mut all = Vec::new();
    for name in ROTATING {
        for path in files(dir, name)? {
            let secret = load(name, &path)?;
            let signer: Arc<dyn Signer> = Arc::new(FileSigner::from_seed(&secret)?);
            let seed = (name == KeyName::Tls).then(|| Arc::new(secret));
            all.push(Held { name, signer, seed });
        }
    }
    Ok(all)
}

/// The key files of a name: the first, then the later ones by their digits.
fn files(dir: &Path, name: KeyName) -> Result<Vec<PathBuf>, KeysError> {
    let keys = dir.join("keys");
    let io = |source| DiskError::Io { path: keys.clone(), source };
    let (first, prefix) = (name.path(dir), format!("{}-", name.as_str()));
    let mut later = Vec::new();
    for entry in fs::read_dir(&keys).map_err(io)? {
        let entry = entry.map_err(io)?.file_name();
        let is_one = entry.to_str().is_some_and(|file| {
            let digits = file.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".key"));
            digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        });
        if is_one {
            later.push(keys.join(entry));
        }
    }
    later.sort();
    // Once it is retired and removed, the first may be missing as long as another is there.
    let has_first = first.symlink_metadata().is_ok();
    let first = (has_first || later.is_empty()).then_some(first);
    Ok(first.into_iter().chain(later).collect())
}
