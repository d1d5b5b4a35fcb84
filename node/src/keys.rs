//! The keys of one city: five that sign, four that keep its own secrets.
//!
//! | file in `<dir>/keys` | what it does |
//! |---|---|
//! | `root.key` | signs key manifests; belongs offline once the city is made |
//! | `message.key` | signs messages, receipts, acts, agreements, consents |
//! | `log.key` | signs the checkpoints of both logs |
//! | `cosigner.key` | cosigns other cities' checkpoints |
//! | `tls.key` | answers and calls on the peer port |
//! | `kek.key` | wraps the keys of sections at rest |
//! | `index.key` | blind index: the same person again, inside this city |
//! | `suppression.key` | the 90-day memory of a refusal |
//! | `code.key` | hides the codes sent to workers |
//! | `message-<16 hex>.key` and so on | a message, log, cosigner or TLS key made later, beside the first; the digits begin its fingerprint |
//!
//! Which of several keys of a role signs, the manifest tells and what other cities hold of it: see
//! [`crate::directory::Directory`]. The ring only has them.

mod file;
mod later;
mod passphrase;
mod seal;
mod secret;
mod signer;

pub use file::{COST, Cost, Protection};
pub use later::{destroy, load_root, make_beside};
pub use passphrase::{CREDENTIAL, PassphraseSource, Places, VARIABLE};
pub use seal::{NONCE_LEN, TAG_LEN, open_section, seal_section};
pub use secret::{PASSPHRASE_CHARS_MIN, Passphrase, Secret};
pub use signer::{FileSigner, Signer, seal_envelope};

use crate::disk::{self, DiskError};
use crate::world::{Entropy, random};
use file::{Loaded, Wrapping, Writer};
use jieli_proto::id::{CityId, Digest, LegId};
use jieli_proto::manifest::Manifest;
use jieli_proto::strict::Payload;
use jieli_proto::wire::{Envelope, Role};
use ring::hmac;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Purpose of a wrapped key: a section or what is kept like one.
pub const PURPOSE_SECTION: &str = "section";

/// Length in bytes of a wrapped key: nonce, key, tag.
pub const WRAPPED_LEN: usize = NONCE_LEN + 32 + TAG_LEN;

/// Why keys could not be made, read or used. No variant carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory could not be read or written, or others may read it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file has a wrong form.
    #[error("{path}: {what} has a wrong form; restore the file from its backup", path = .path.display())]
    Form {
        /// File.
        path: PathBuf,
        /// The field.
        what: &'static str,
    },
    /// The file belongs to another city or holds another key.
    #[error("{path} holds the {key} key of {city}: it was copied to the wrong place", path = .path.display())]
    Other {
        /// File.
        path: PathBuf,
        /// City it names.
        city: String,
        /// Key it names.
        key: String,
    },
    /// No passphrase was found.
    #[error(
        "the key files need a passphrase: give it as the systemd credential {CREDENTIAL}, in the \
         variable {VARIABLE}, or in a file named by keys.passphrase_file"
    )]
    NoPassphrase,
    /// A passphrase for a new city is too short.
    #[error("the passphrase is too short: give it {PASSPHRASE_CHARS_MIN} characters or more")]
    ShortPassphrase,
    /// The file was wrapped under another passphrase, or changed.
    #[error("{path} does not open: another passphrase, or the file was changed", path = .path.display())]
    DoesNotOpen {
        /// File.
        path: PathBuf,
    },
    /// A signing key that no Ed25519 key belongs to.
    #[error("a signing key is unusable")]
    BadSeed,
    /// The file of none of the keys that may sign is here.
    #[error("no key that may sign now is in the key directory: restore its file from the backup")]
    NoSigner,
    /// What is sealed does not open: another key or place, or changed bytes.
    #[error("a sealed value does not open")]
    Seal,
    /// A key is not in the manifest in force.
    #[error(
        "the {0} key in the key directory is not in the city's key manifest, or is revoked there"
    )]
    NotInManifest(KeyName),
}

/// A key file of a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyName {
    /// Signs key manifests.
    Root,
    /// Signs what is said to other cities.
    Message,
    /// Signs checkpoints.
    Log,
    /// Cosigns others' checkpoints.
    Cosigner,
    /// Proves the city on the wire.
    Tls,
    /// Wraps keys of sections at rest.
    Kek,
    /// Keys the blind index.
    Index,
    /// Keys the memory of refusals.
    Suppression,
    /// Keys the stored form of workers' codes.
    Code,
}

impl KeyName {
    /// All of them; those that sign come first.
    pub const ALL: [KeyName; 9] = [
        KeyName::Root,
        KeyName::Message,
        KeyName::Log,
        KeyName::Cosigner,
        KeyName::Tls,
        KeyName::Kek,
        KeyName::Index,
        KeyName::Suppression,
        KeyName::Code,
    ];

    /// The name in file names and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyName::Root => "root",
            KeyName::Message => "message",
            KeyName::Log => "log",
            KeyName::Cosigner => "cosigner",
            KeyName::Tls => "tls",
            KeyName::Kek => "kek",
            KeyName::Index => "index",
            KeyName::Suppression => "suppression",
            KeyName::Code => "code",
        }
    }

    /// Whether it is an Ed25519 key.
    pub fn is_signing(self) -> bool {
        matches!(
            self,
            KeyName::Root | KeyName::Message | KeyName::Log | KeyName::Cosigner | KeyName::Tls
        )
    }

    /// The file of the first key of this name in a city's directory.
    pub fn path(self, dir: &Path) -> PathBuf {
        dir.join("keys").join(format!("{}.key", self.as_str()))
    }

    /// The file of a later one.
    pub fn later_path(self, dir: &Path, fpr: &Digest) -> PathBuf {
        let name = format!("{}-{}.key", self.as_str(), &fpr.hex()[..FPR_HEX_LEN]);
        dir.join("keys").join(name)
    }

    /// The role that a manifest gives it; none for the secrets that sign nothing.
    pub fn role(self) -> Option<Role> {
        match self {
            KeyName::Root => Some(Role::Root),
            KeyName::Message => Some(Role::Message),
            KeyName::Log => Some(Role::Log),
            KeyName::Cosigner => Some(Role::Cosigner),
            KeyName::Tls => Some(Role::Tls),
            KeyName::Kek | KeyName::Index | KeyName::Suppression | KeyName::Code => None,
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of keys that are replaced while the city runs.
pub const ROTATING: [KeyName; 4] =
    [KeyName::Message, KeyName::Log, KeyName::Cosigner, KeyName::Tls];

/// Digits of a fingerprint in the file name of a later key.
const FPR_HEX_LEN: usize = 16;

/// A key that signs, as its file holds it.
#[derive(Clone)]
struct Held {
    name: KeyName,
    signer: Arc<dyn Signer>,
    /// Kept for TLS alone, whose library wants the key itself.
    seed: Option<Arc<Secret<32>>>,
}

/// All keys of a running city.
pub struct KeyRing {
    dir: PathBuf,
    city: CityId,
    source: Option<PassphraseSource>,
    /// Last instant of the certificate shown, Unix milliseconds; 0 before one is.
    certificate_until: AtomicU64,
    root: Option<Arc<FileSigner>>,
    /// In the order of their files, of each name at least one.
    signing: RwLock<Vec<Held>>,
    message: Arc<dyn Signer>,
    log: Arc<dyn Signer>,
    cosigner: Arc<dyn Signer>,
    tls: Arc<dyn Signer>,
    kek: Secret<32>,
    index: Secret<32>,
    suppression: Secret<32>,
    code: Secret<32>,
    unprotected: Vec<KeyName>,
}

impl KeyRing {
    /// Makes the nine keys of a new city and their files in `<dir>/keys`. Files that exist are
    /// never overwritten. Takes a good part of a second: derives the wrapping key.
    pub fn create(
        dir: &Path,
        city: &CityId,
        protection: &Protection,
        entropy: &dyn Entropy,
    ) -> Result<KeyRing, KeysError> {
        let passphrase = match protection {
            Protection::Passphrase { passphrase, .. } if !passphrase.is_long_enough() => {
                return Err(KeysError::ShortPassphrase);
            }
            Protection::Passphrase { passphrase, .. } => Some(passphrase),
            Protection::Unprotected => None,
        };
        let keys = dir.join("keys");
        disk::make_private_dir(&keys)?;
        let mut writer = Writer::new(city, protection, entropy);
        for name in KeyName::ALL {
            writer.write(&name.path(dir), name, &Secret::random(entropy))?;
        }
        disk::sync_dir(&keys)?;
        // Read back what was written: a file that does not open is found now, not next year.
        KeyRing::load(dir, city, passphrase)
    }

    /// Reads the key files of a city. `root.key` may be absent. Takes a good part of a second:
    /// derives the wrapping key.
    pub fn load(
        dir: &Path,
        city: &CityId,
        passphrase: Option<&Passphrase>,
    ) -> Result<KeyRing, KeysError> {
        disk::check_private_dir(&dir.join("keys"))?;
        let mut wrapping = Wrapping::new(passphrase);
        let mut unprotected = Vec::new();
        let mut load = |name: KeyName, path: &Path| -> Result<Secret<32>, KeysError> {
            let Loaded { secret, argon2id } = file::load(path, city, name, &mut wrapping)?;
            if argon2id.is_none() && !unprotected.contains(&name) {
                unprotected.push(name);
            }
            Ok(secret)
        };
        let root_path = KeyName::Root.path(dir);
        let root = match root_path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            _ => Some(Arc::new(FileSigner::from_seed(&load(KeyName::Root, &root_path)?)?)),
        };
        let signing = later::signing(dir, &mut load)?;
        let first = |name: KeyName| -> Result<Arc<dyn Signer>, KeysError> {
            let held = signing.iter().find(|held| held.name == name);
            Ok(Arc::clone(&held.ok_or(KeysError::BadSeed)?.signer))
        };
        let (message, log) = (first(KeyName::Message)?, first(KeyName::Log)?);
        let (cosigner, tls) = (first(KeyName::Cosigner)?, first(KeyName::Tls)?);
        let mut secret = |name: KeyName| load(name, &name.path(dir));
        let (kek, index) = (secret(KeyName::Kek)?, secret(KeyName::Index)?);
        let (suppression, code) = (secret(KeyName::Suppression)?, secret(KeyName::Code)?);
        Ok(KeyRing {
            dir: dir.to_owned(),
            city: city.clone(),
            source: None,
            certificate_until: AtomicU64::new(0),
            root,
            signing: RwLock::new(signing),
            message,
            log,
            cosigner,
            tls,
            kek,
            index,
            suppression,
            code,
            unprotected,
        })
    }

    /// The same for a node that runs on: the passphrase can be found again when keys are added.
    pub fn start(
        dir: &Path,
        city: &CityId,
        source: Option<PassphraseSource>,
    ) -> Result<KeyRing, KeysError> {
        let passphrase = source.as_ref().map_or(Ok(None), |source| source())?;
        let ring = KeyRing::load(dir, city, passphrase.as_ref())?;
        Ok(KeyRing { source, ..ring })
    }

    /// Reads the files of the keys that sign anew: those made since are there from now on. Takes a
    /// good part of a second where they are wrapped.
    pub fn reload(&self) -> Result<(), KeysError> {
        let passphrase = self.source.as_ref().map_or(Ok(None), |source| source())?;
        let mut wrapping = Wrapping::new(passphrase.as_ref());
        let mut load = |name: KeyName, path: &Path| -> Result<Secret<32>, KeysError> {
            file::load(path, &self.city, name, &mut wrapping).map(|loaded| loaded.secret)
        };
        let signing = later::signing(&self.dir, &mut load)?;
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = signing;
        Ok(())
    }

    /// That of every role a key is at hand that the manifest lists and does not revoke.
    pub fn check(&self, manifest: &Manifest) -> Result<(), KeysError> {
        if self.root.as_ref().is_some_and(|root| root.public() != manifest.root) {
            return Err(KeysError::NotInManifest(KeyName::Root));
        }
        for name in ROTATING {
            let role = name.role().unwrap_or_default();
            let live = manifest.live_keys(role);
            if !live.iter().any(|key| self.signer(&key.fpr).is_some()) {
                return Err(KeysError::NotInManifest(name));
            }
        }
        Ok(())
    }

    /// The signer of a key, if its file is here.
    pub fn signer(&self, fpr: &Digest) -> Option<Arc<dyn Signer>> {
        self.held(fpr).map(|held| held.signer)
    }

    /// The signer of the first of these keys whose file is here.
    pub fn first_of(&self, keys: &[Digest]) -> Option<Arc<dyn Signer>> {
        keys.iter().find_map(|fpr| self.signer(fpr))
    }

    /// Signs a payload with the first of these keys whose file is here.
    pub async fn seal<M: Payload>(
        &self,
        keys: &[Digest],
        payload: &M,
    ) -> Result<Envelope, KeysError> {
        let signer = self.first_of(keys).ok_or(KeysError::NoSigner)?;
        seal_envelope(payload, signer.as_ref()).await
    }

    /// The TLS key of a fingerprint, if its file is here.
    pub fn tls_seed(&self, fpr: &Digest) -> Option<Arc<Secret<32>>> {
        self.held(fpr)?.seed
    }

    /// Names and fingerprints of all keys that can sign.
    pub fn signing(&self) -> Vec<(KeyName, Digest)> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        signing.iter().map(|held| (held.name, held.signer.fingerprint())).collect()
    }

    fn held(&self, fpr: &Digest) -> Option<Held> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        signing.iter().find(|held| held.signer.fingerprint() == *fpr).cloned()
    }

    /// Signs manifests, where the root key is at hand.
    pub fn root(&self) -> Option<Arc<FileSigner>> {
        self.root.clone()
    }

    /// The first message key. It is the one of a new city; which key signs later, see
    /// [`crate::directory::Directory::message_keys`].
    pub fn message(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.message)
    }

    /// The first log key.
    pub fn log(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.log)
    }

    /// The first cosigner key.
    pub fn cosigner(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.cosigner)
    }

    /// The first TLS key.
    pub fn tls(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.tls)
    }

    /// Until when the certificate counts that is shown with the TLS key, Unix milliseconds; 0
    /// before there is one.
    pub fn certificate_until(&self) -> u64 {
        self.certificate_until.load(Ordering::Relaxed)
    }

    pub(crate) fn set_certificate_until(&self, unix_ms: u64) {
        self.certificate_until.store(unix_ms, Ordering::Relaxed);
    }

    /// Keys whose files are not protected by a passphrase: status warns of them.
    pub fn unprotected(&self) -> &[KeyName] {
        &self.unprotected
    }

    /// Wraps a section's key under the key-encryption key, for one purpose, leg and slot:
    /// `nonce(12) || ciphertext(32) || tag(16)`.
    pub fn wrap_key(
        &self,
        entropy: &dyn Entropy,
        purpose: &str,
        leg: LegId,
        slot: u8,
        key: &Secret<32>,
    ) -> Result<Vec<u8>, KeysError> {
        let nonce = random(entropy);
        let sealed = seal_section(&self.kek, nonce, &wrap_aad(purpose, leg, slot), key.expose())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Unwraps a key for the purpose, leg and slot it was wrapped for; anything else is
    /// [`KeysError::Seal`].
    pub fn unwrap_key(
        &self,
        purpose: &str,
        leg: LegId,
        slot: u8,
        wrapped: &[u8],
    ) -> Result<Secret<32>, KeysError> {
        let (nonce, sealed) = wrapped.split_first_chunk().ok_or(KeysError::Seal)?;
        let key = open_section(&self.kek, *nonce, &wrap_aad(purpose, leg, slot), sealed)?;
        Secret::from_slice(&key).ok_or(KeysError::Seal)
    }

    /// Blind index of a document: HMAC-SHA-256(index key, u32be kind || normalised number).
    pub fn blind_tag(&self, document_kind: u32, number: &str) -> [u8; 32] {
        tag(&self.index, &[&document_kind.to_be_bytes(), number.as_bytes()])
    }

    /// Memory of a refusal: HMAC-SHA-256(suppression key, u32be service || u32be kind ||
    /// normalised number).
    pub fn suppression_tag(&self, service: u32, document_kind: u32, number: &str) -> [u8; 32] {
        let (service, kind) = (service.to_be_bytes(), document_kind.to_be_bytes());
        tag(&self.suppression, &[&service, &kind, number.as_bytes()])
    }

    /// The stored form of a worker's code: HMAC-SHA-256(code key, code).
    pub fn code_hmac(&self, code: &str) -> [u8; 32] {
        tag(&self.code, &[code.as_bytes()])
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing(message {:?})", self.message.fingerprint())
    }
}

/// `"jieli/wrap/v1" 00 || purpose || 00 || leg id || u8 slot`.
fn wrap_aad(purpose: &str, leg: LegId, slot: u8) -> Vec<u8> {
    [b"jieli/wrap/v1\0".as_slice(), purpose.as_bytes(), &[0], &leg.0, &[slot]].concat()
}

fn tag(key: &Secret<32>, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

#[cfg(test)]
pub(crate) mod tests;
