//! Key manifests: a city's keys, signed by its root, each version naming the one before.

use crate::envelope::{self, SealError};
use crate::id::{CityId, Digest};
use crate::kinds::{Kind, SUITE};
use crate::pubkey::PublicKey;
use crate::wire::{self, Envelope, KeyManifest, Role};

/// Why a manifest is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not signed by the pinned root, or not decodable.
    #[error("the manifest is not signed by the pinned root key: {0}")]
    Seal(#[from] SealError),
    /// A field has a wrong form.
    #[error("the manifest's {0} has a wrong form")]
    Form(&'static str),
    /// It does not follow the version held.
    #[error("the manifest does not follow version {held}: it must name that version's digest")]
    Chain {
        /// Version held.
        held: u32,
    },
}

/// One key of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its public key.
    pub public: PublicKey,
    /// Its fingerprint.
    pub fpr: Digest,
    /// Suite of what it signs.
    pub suite: u8,
    /// What it may sign.
    pub roles: Vec<Role>,
    /// Not valid before, Unix milliseconds.
    pub not_before_unix_ms: u64,
}

/// An accepted manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The city it belongs to.
    pub city: CityId,
    /// From 1.
    pub version: u32,
    /// The root key that signed it.
    pub root: PublicKey,
    /// Its name: what the next version cites.
    pub env_digest: Digest,
    /// The keys in force.
    pub keys: Vec<Key>,
    /// Keys that no longer count, and up to where they did.
    pub revocations: Vec<wire::Revocation>,
    /// The envelope as received.
    pub envelope: Envelope,
}

impl Manifest {
    /// Verifies a manifest by the pinned root key and, where one is held, the version before.
    pub fn open(
        envelope: &Envelope,
        root: &PublicKey,
        before: Option<&Manifest>,
    ) -> Result<Manifest, ManifestError> {
        let found: KeyManifest = envelope::open(envelope, root)?;
        let form = ManifestError::Form;
        let city = CityId::parse(&found.city_id).ok_or(form("city id"))?;
        let prev = Digest::from_slice(&found.prev_digest).ok_or(form("prev_digest"))?;
        match before {
            None if found.version == 0 => return Err(form("version")),
            None if found.version == 1 && !prev.is_zero() => return Err(form("prev_digest")),
            Some(held)
                if held.city != city
                    || found.version != held.version + 1
                    || prev != held.env_digest =>
            {
                return Err(ManifestError::Chain { held: held.version });
            }
            None | Some(_) => {}
        }
        let keys: Vec<Key> = found.keys.iter().map(key).collect::<Result<_, _>>()?;
        let distinct = keys.iter().all(|key| {
            key.fpr.0 != root.fingerprint() && keys.iter().filter(|k| k.fpr == key.fpr).count() == 1
        });
        if !distinct {
            return Err(form("list of keys"));
        }
        if found.revocations.iter().any(|r| Digest::from_slice(&r.fingerprint).is_none()) {
            return Err(form("list of revocations"));
        }
        Ok(Manifest {
            city,
            version: found.version,
            root: *root,
            env_digest: envelope::env_digest(envelope),
            keys,
            revocations: found.revocations,
            envelope: envelope.clone(),
        })
    }

    /// The key of a fingerprint if it has that role.
    pub fn key(&self, fpr: &Digest, role: Role) -> Option<&Key> {
        self.keys.iter().find(|key| key.fpr == *fpr && key.roles.contains(&role))
    }

    /// The keys of a role, in manifest order.
    pub fn keys_of(&self, role: Role) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.roles.contains(&role))
    }

    /// Whether a key is revoked or retired.
    pub fn is_revoked(&self, fpr: &Digest) -> bool {
        self.revocations.iter().any(|revocation| revocation.fingerprint == fpr.0)
    }

    /// The last index in `origin`'s log at which a revoked key still counts; `None` where none
    /// does. `Some(u64::MAX)` for a key that is not revoked.
    pub fn last_good(&self, fpr: &Digest, origin: &str) -> Option<u64> {
        let Some(found) = self.revocations.iter().find(|r| r.fingerprint == fpr.0) else {
            return Some(u64::MAX);
        };
        found.last_good.iter().find(|good| good.origin == origin).map(|good| good.index)
    }

    /// Verifies an envelope by the key it names, which must have the role its kind asks for.
    pub fn verify(&self, envelope: &Envelope, kind: Kind) -> Result<(), SealError> {
        let fpr = envelope::key_fpr(envelope)?;
        let key = self.key(&fpr, kind.role()).ok_or(SealError::OtherKey)?;
        envelope::verify(envelope, &key.public)
    }
}

fn key(record: &wire::KeyRecord) -> Result<Key, ManifestError> {
    let form = ManifestError::Form;
    let public = PublicKey::from_spki(&record.spki).map_err(|_| form("public key"))?;
    let roles: Vec<Role> = record.roles().collect();
    let ascending = roles.windows(2).all(|pair| pair[0] < pair[1]);
    let allowed = !roles.is_empty() && ascending && !roles.contains(&Role::Root);
    if !allowed {
        return Err(form("list of roles"));
    }
    if record.suite != u32::from(SUITE) {
        return Err(form("suite"));
    }
    Ok(Key {
        public,
        fpr: Digest(public.fingerprint()),
        suite: SUITE,
        roles,
        not_before_unix_ms: record.not_before,
    })
}
