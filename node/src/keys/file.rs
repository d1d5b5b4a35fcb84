//! Key files: `<dir>/keys/<name>.key`, one secret of 32 bytes each.
//!
//! ```json
//! {"jieli_key":1,"city":"km.yn","key":"message","protection":"passphrase",
//!  "argon2id":{"memory_kib":65536,"passes":3,"lanes":4,"salt":"<16 bytes>"},
//!  "public":"<DER SubjectPublicKeyInfo, signing keys only>",
//!  "nonce":"<12 bytes>","sealed":"<32 bytes and a tag of 16>"}
//! ```
//!
//! One line of compact JSON with the fields in this order; bytes in base64 (RFC 4648 section 4).
//! `sealed` is AES-256-GCM under Argon2id(passphrase, salt), 32 bytes long; its associated data is
//! this same line with `"sealed":""` and without the newline, so that no byte of the file can be
//! changed or moved to another name. With `"protection":"unprotected"` the field `argon2id` is
//! absent and the wrapping key is SHA-256("jieli/unprotected/v1"): that hides nothing, and only
//! tells a damaged file from a whole one. For the demo and tests.

use super::seal::{NONCE_LEN, open_section, seal_section};
use super::secret::{Passphrase, Secret};
use super::{FileSigner, KeyName, KeysError, Signer};
use crate::disk;
use crate::world::{Entropy, random};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jieli_proto::id::CityId;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

const FILE_BYTES_MAX: u64 = 4096;

/// What deriving the wrapping key costs whoever guesses passphrases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB, at least 8 a lane.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// The cost of a new city's key files: the second choice of RFC 9106 section 4.
pub const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

/// The highest cost a key file may ask for: a changed file cannot make the node take all memory.
const COST_MAX: Cost = Cost { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// How new key files are kept.
pub enum Protection {
    /// Wrapped under a passphrase.
    Passphrase {
        /// The passphrase.
        passphrase: Passphrase,
        /// [`COST`], or a cheap one in tests.
        cost: Cost,
    },
    /// Readable by whoever reads the file: for the demo and tests.
    Unprotected,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::Passphrase { .. } => "Passphrase(..)",
            Protection::Unprotected => "Unprotected",
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    jieli_key: u32,
    city: String,
    key: String,
    protection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    argon2id: Option<Argon2id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    nonce: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Argon2id {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

impl KeyFile {
    fn line(&self) -> Vec<u8> {
        // Numbers and strings: serialising them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Derives wrapping keys. The files of a city share one salt, so this is done once.
pub(super) struct Wrapping<'a> {
    passphrase: Option<&'a Passphrase>,
    derived: Option<(Cost, [u8; 16], Secret<32>)>,
}

impl<'a> Wrapping<'a> {
    pub(super) fn new(passphrase: Option<&'a Passphrase>) -> Wrapping<'a> {
        Wrapping { passphrase, derived: None }
    }

    fn key(&mut self, cost: Cost, salt: [u8; 16], path: &Path) -> Result<&Secret<32>, KeysError> {
        let passphrase = self.passphrase.ok_or(KeysError::NoPassphrase)?;
        let fresh = match self.derived.take() {
            Some(held) if (held.0, held.1) == (cost, salt) => held,
            _ => (cost, salt, derive(passphrase, cost, &salt, path)?),
        };
        Ok(&self.derived.insert(fresh).2)
    }
}

fn derive(
    passphrase: &Passphrase,
    cost: Cost,
    salt: &[u8; 16],
    path: &Path,
) -> Result<Secret<32>, KeysError> {
    let form = || KeysError::Form { path: path.to_owned(), what: "argon2id" };
    let too_high = cost.memory_kib > COST_MAX.memory_kib
        || cost.passes > COST_MAX.passes
        || cost.lanes > COST_MAX.lanes;
    if too_high {
        return Err(form());
    }
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| form())?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, &mut key)
        .map_err(|_| form())?;
    Ok(Secret::take(&mut key))
}

fn unprotected() -> Result<Secret<32>, KeysError> {
    Secret::from_slice(digest(&SHA256, b"jieli/unprotected/v1").as_ref()).ok_or(KeysError::Seal)
}

/// Writes new key files of one city, all with the same salt.
pub(super) struct Writer<'a> {
    city: &'a CityId,
    entropy: &'a dyn Entropy,
    wrapping: Wrapping<'a>,
    argon2id: Option<(Cost, [u8; 16])>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        city: &'a CityId,
        protection: &'a Protection,
        entropy: &'a dyn Entropy,
    ) -> Writer<'a> {
        let (passphrase, argon2id) = match protection {
            Protection::Passphrase { passphrase, cost } => {
                (Some(passphrase), Some((*cost, random(entropy))))
            }
            Protection::Unprotected => (None, None),
        };
        Writer { city, entropy, wrapping: Wrapping::new(passphrase), argon2id }
    }

    /// A writer that wraps as the files do that are there, under the key derived for them.
    pub(super) fn like(
        city: &'a CityId,
        entropy: &'a dyn Entropy,
        wrapping: Wrapping<'a>,
        argon2id: Option<(Cost, [u8; 16])>,
    ) -> Writer<'a> {
        Writer { city, entropy, wrapping, argon2id }
    }

    /// Writes a new file; one that exists is never overwritten.
    pub(super) fn write(
        &mut self,
        path: &Path,
        name: KeyName,
        secret: &Secret<32>,
    ) -> Result<(), KeysError> {
        let nonce: [u8; NONCE_LEN] = random(self.entropy);
        let public = match name.is_signing() {
            true => Some(STANDARD.encode(FileSigner::from_seed(secret)?.public().to_spki())),
            false => None,
        };
        let mut file = KeyFile {
            jieli_key: 1,
            city: self.city.as_str().to_owned(),
            key: name.as_str().to_owned(),
            protection: if self.argon2id.is_some() { "passphrase" } else { "unprotected" }
                .to_owned(),
            argon2id: self.argon2id.map(|(cost, salt)| Argon2id {
                memory_kib: cost.memory_kib,
                passes: cost.passes,
                lanes: cost.lanes,
                salt: STANDARD.encode(salt),
            }),
            public,
            nonce: STANDARD.encode(nonce),
            sealed: String::new(),
        };
        let sealed = match self.argon2id {
            Some((cost, salt)) => {
                let key = self.wrapping.key(cost, salt, path)?;
                seal_section(key, nonce, &file.line(), secret.expose())?
            }
            None => seal_section(&unprotected()?, nonce, &file.line(), secret.expose())?,
        };
        file.sealed = STANDARD.encode(sealed);
        let mut line = file.line();
        line.push(b'\n');
        Ok(disk::write_new(path, &line, disk::PRIVATE)?)
    }
}

/// A secret read from its file.
pub(super) struct Loaded {
    pub(super) secret: Secret<32>,
    /// How its wrapping key is derived; none where it is not protected.
    pub(super) argon2id: Option<(Cost, [u8; 16])>,
}

/// Reads a key file that only its owner may read.
pub(super) fn load(
    path: &Path,
    city: &CityId,
    name: KeyName,
    wrapping: &mut Wrapping<'_>,
) -> Result<Loaded, KeysError> {
    let form = |what| KeysError::Form { path: path.to_owned(), what };
    let bytes = disk::read_private(path, FILE_BYTES_MAX)?;
    let mut file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| form("JSON"))?;
    if file.jieli_key != 1 {
        return Err(form("jieli_key"));
    }
    if file.city != city.as_str() || file.key != name.as_str() {
        return Err(KeysError::Other { path: path.to_owned(), city: file.city, key: file.key });
    }
    let nonce = array(&file.nonce).ok_or(form("nonce"))?;
    let sealed = STANDARD.decode(std::mem::take(&mut file.sealed)).map_err(|_| form("sealed"))?;
    let aad = file.line();
    let (argon2id, opened) = match (file.protection.as_str(), &file.argon2id) {
        ("passphrase", Some(argon2id)) => {
            let Argon2id { memory_kib, passes, lanes, ref salt } = *argon2id;
            let salt = array(salt).ok_or(form("salt"))?;
            let cost = Cost { memory_kib, passes, lanes };
            let key = wrapping.key(cost, salt, path)?;
            (Some((cost, salt)), open_section(key, nonce, &aad, &sealed))
        }
        ("unprotected", None) => (None, open_section(&unprotected()?, nonce, &aad, &sealed)),
        _ => return Err(form("protection")),
    };
    let opened = opened.map_err(|_| KeysError::DoesNotOpen { path: path.to_owned() })?;
    let secret = Secret::from_slice(&opened).ok_or(form("sealed"))?;
    if name.is_signing() {
        let public = STANDARD.encode(FileSigner::from_seed(&secret)?.public().to_spki());
        if file.public != Some(public) {
            return Err(form("public"));
        }
    }
    Ok(Loaded { secret, argon2id })
}

fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
