//! Key manifests: a city's keys, signed by its root, each version naming the one before.

use crate::envelope::{self, SealError};
use crate::id::{CityId, Digest};
use crate::kinds::{Kind, SUITE};
use crate::pubkey::PublicKey;
use crate::wire::{self, Envelope, KeyManifest, KeyRecord, Role};

/// The longest log name in a revocation, in bytes.
const ORIGIN_LEN_MAX: usize = 128;

/// Why a manifest is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not signed by the pinned root, or not decodable.
    #[error("the manifest is not signed by the pinned root key: {0}")]
    Seal(#[from] SealError),
    /// A field has a wrong form.
    #[error("the manifest's {0} has a wrong form")]
    Form(&'static str),
    /// It lets a revoked key count again, or further.
    #[error("the manifest takes back what version {held} revoked")]
    TakenBack {
        /// Version held.
        held: u32,
    },
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
        if !are_revocations(&found.revocations) {
            return Err(form("list of revocations"));
        }
        if let Some(held) = before
            && !held.revocations.iter().all(|old| still_stands(old, &found.revocations))
        {
            return Err(ManifestError::TakenBack { held: held.version });
        }
        // A key that is no longer listed is revoked, so that everybody knows up to where it counts.
        let is_told = |key: &Key| {
            keys.iter().any(|kept| kept.fpr == key.fpr)
                || found.revocations.iter().any(|gone| gone.fingerprint == key.fpr.0)
        };
        if before.is_some_and(|held| !held.keys.iter().all(is_told)) {
            return Err(form("list of keys"));
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

    /// Why a key no longer counts everywhere; `None` for one that is not revoked. A reason that is
    /// not in the list is Unspecified.
    pub fn revoked_for(&self, fpr: &Digest) -> Option<wire::RevocationReason> {
        let found = self.revocations.iter().find(|revoked| revoked.fingerprint == fpr.0);
        found.map(wire::Revocation::reason)
    }

    /// The last index in `origin`'s log at which a revoked key still counts; `None` where none
    /// does. `Some(u64::MAX)` for a key that is not revoked.
    pub fn last_good(&self, fpr: &Digest, origin: &str) -> Option<u64> {
        let Some(found) = self.revocations.iter().find(|r| r.fingerprint == fpr.0) else {
            return Some(u64::MAX);
        };
        found.last_good.iter().find(|good| good.origin == origin).map(|good| good.index)
    }

    /// The keys of a role that are not revoked here, the newest first: what an owner prefers.
    pub fn live_keys(&self, role: Role) -> Vec<&Key> {
        let mut keys: Vec<&Key> =
            self.keys_of(role).filter(|key| !self.is_revoked(&key.fpr)).collect();
        keys.reverse();
        keys
    }

    /// The next version, for the root to sign: these keys added behind the others, these revoked
    /// and no longer listed. A revocation of a key revoked before takes its place.
    pub fn next(&self, add: Vec<KeyRecord>, revoke: Vec<wire::Revocation>) -> KeyManifest {
        let gone = |fpr: &[u8]| revoke.iter().any(|found| found.fingerprint == fpr);
        let kept = self.keys.iter().filter(|key| !gone(&key.fpr.0)).map(record);
        let before = self.revocations.iter().filter(|found| !gone(&found.fingerprint)).cloned();
        let mut revocations: Vec<wire::Revocation> = before.collect();
        let keys = kept.chain(add).collect();
        revocations.extend(revoke);
        KeyManifest {
            city_id: self.city.as_str().to_owned(),
            version: self.version + 1,
            prev_digest: self.env_digest.to_vec(),
            keys,
            revocations,
        }
    }

    /// Verifies an envelope by the key it names, which must have the role its kind asks for.
    pub fn verify(&self, envelope: &Envelope, kind: Kind) -> Result<(), SealError> {
        let fpr = envelope::key_fpr(envelope)?;
        let key = self.key(&fpr, kind.role()).ok_or(SealError::OtherKey)?;
        envelope::verify(envelope, &key.public)
    }
}

/// The log keys of a chain, ascending by version, that count on a head of this size: one that was
/// revoked counts up to a size of its own log.
pub fn log_keys_at<'a>(
    chain: impl IntoIterator<Item = &'a Manifest>,
    origin: &str,
    size: u64,
) -> Vec<PublicKey> {
    let chain: Vec<&Manifest> = chain.into_iter().collect();
    let Some(newest) = chain.last() else { return Vec::new() };
    let mut found: Vec<PublicKey> = Vec::new();
    for key in chain.iter().flat_map(|manifest| manifest.keys_of(Role::Log)) {
        let counts = newest.last_good(&key.fpr, origin).is_some_and(|last| size <= last);
        if counts && !found.contains(&key.public) {
            found.push(key.public);
        }
    }
    found
}

/// Which number a cosigner key has in its key name `jieli.<city id>/cosigner/<n>`: its place among
/// all cosigner keys of the chain, from 1, in the order in which they were first named. `None` for
/// a key that no version here names.
pub fn cosigner_number<'a>(
    chain: impl IntoIterator<Item = &'a Manifest>,
    fpr: &Digest,
) -> Option<u32> {
    let mut known: Vec<Digest> = Vec::new();
    for key in chain.into_iter().flat_map(|manifest| manifest.keys_of(Role::Cosigner)) {
        if !known.contains(&key.fpr) {
            known.push(key.fpr);
        }
    }
    let at = known.iter().position(|key| key == fpr)?;
    u32::try_from(at + 1).ok()
}

/// Each names a key, each key once, and each origin once.
fn are_revocations(list: &[wire::Revocation]) -> bool {
    let origins = |found: &wire::Revocation| {
        let named: Vec<&str> = found.last_good.iter().map(|good| good.origin.as_str()).collect();
        named.iter().enumerate().all(|(at, origin)| {
            !origin.is_empty() && origin.len() <= ORIGIN_LEN_MAX && !named[..at].contains(origin)
        })
    };
    list.iter().enumerate().all(|(at, found)| {
        let again = list[..at].iter().any(|other| other.fingerprint == found.fingerprint);
        Digest::from_slice(&found.fingerprint).is_some() && !again && origins(found)
    })
}

/// Whether what was revoked is revoked still, and counts no further anywhere.
fn still_stands(old: &wire::Revocation, list: &[wire::Revocation]) -> bool {
    let Some(new) = list.iter().find(|new| new.fingerprint == old.fingerprint) else {
        return false;
    };
    new.last_good.iter().all(|good| {
        let before = old.last_good.iter().find(|before| before.origin == good.origin);
        before.is_some_and(|before| good.index <= before.index)
    })
}

fn record(key: &Key) -> KeyRecord {
    KeyRecord {
        spki: key.public.to_spki().to_vec(),
        suite: u32::from(key.suite),
        roles: key.roles.iter().map(|role| (*role).into()).collect(),
        not_before: key.not_before_unix_ms,
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
