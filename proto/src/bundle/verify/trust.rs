//! From the roots given to the keys that count.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Parts;
use super::super::verdict::CityVerdict;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::manifest::{Key, Manifest};
use crate::pubkey::PublicKey;
use crate::wire::{Envelope, KeyManifest, Role};
use std::collections::{BTreeMap, BTreeSet};

/// A city whose root was given, with its chain of manifests, ascending and without gaps.
pub(super) struct City {
    pub(super) root: Digest,
    chain: Vec<Manifest>,
}

/// The cities that can be trusted.
#[derive(Default)]
pub(in super::super) struct Trust {
    cities: BTreeMap<CityId, City>,
    /// Signatures that were verified before: many bundles of one pack share an envelope.
    seals: BTreeSet<Seal>,
}

/// Signed bytes, the key and the signature.
type Seal = (Digest, Vec<u8>, Vec<u8>);

/// A signature that verifies, by a key of this city.
pub(super) struct Signer {
    pub(super) city: CityId,
    pub(super) fpr: Digest,
    /// The key may sign this kind under the manifest version cited; else why not.
    pub(super) allowed: Result<(), Code>,
}

impl Trust {
    /// Opens the chains of the roots given.
    pub(in super::super) fn load(
        parts: &Parts,
        roots: &[Digest],
        failures: &mut Failures,
    ) -> Trust {
        let mut by_root: BTreeMap<Digest, Vec<(&Digest, &Envelope)>> = BTreeMap::new();
        for (digest, envelope) in &parts.manifests {
            match envelope::key_fpr(envelope) {
                Ok(root) => by_root.entry(root).or_default().push((digest, envelope)),
                Err(_) => failures.add(Code::FileForm, layout::dsse("keys/", digest), "keyid"),
            }
        }
        let mut trust = Trust::default();
        for (root, manifests) in &by_root {
            let file = layout::root(root);
            let Some(key) = parts.roots.get(root) else {
                failures.add(Code::RootMissing, file, "");
                continue;
            };
            if !roots.contains(root) {
                failures.add(Code::RootNotGiven, file, root.hex());
                continue;
            }
            let chain = chain(key, manifests, failures);
            let Some(city) = chain.first().map(|manifest| manifest.city.clone()) else { continue };
            if trust.cities.insert(city.clone(), City { root: *root, chain }).is_some() {
                failures.add(Code::ManifestFalse, file, format!("{city} has two roots"));
            }
        }
        for root in parts.roots.keys().filter(|root| !by_root.contains_key(root)) {
            failures.add(Code::Unreferenced, layout::root(root), "");
        }
        trust
    }

    /// Remembers which of these envelopes are truly signed.
    pub(in super::super) fn remember<'e>(&mut self, envelopes: impl Iterator<Item = &'e Envelope>) {
        for envelope in envelopes {
            let key = envelope::key_fpr(envelope).ok().and_then(|fpr| self.find(&fpr));
            if key.is_some_and(|(_, key)| envelope::verify(envelope, &key.public).is_ok()) {
                self.seals.insert(seal(envelope));
            }
        }
    }

    /// What is said of the cities.
    pub(in super::super) fn verdicts(&self) -> Vec<CityVerdict> {
        let verdict = |(city, found): (&CityId, &City)| CityVerdict {
            city: city.clone(),
            root: found.root,
            manifest_version: found.chain.last().map_or(0, |manifest| manifest.version),
        };
        self.cities.iter().map(verdict).collect()
    }

    /// The root of a city.
    pub(super) fn root(&self, city: &CityId) -> Option<Digest> {
        self.cities.get(city).map(|city| city.root)
    }

    /// Whether a public key is a key of that city with that role, in any version here.
    pub(super) fn has_key(&self, city: &CityId, key: &PublicKey, role: Role) -> bool {
        let fpr = Digest(key.fingerprint());
        let Some(city) = self.cities.get(city) else { return false };
        city.chain.iter().any(|manifest| manifest.key(&fpr, role).is_some())
    }

    /// The last index, or size, up to which a key of a city counts in a log.
    pub(super) fn last_good(&self, city: &CityId, fpr: &Digest, origin: &str) -> Option<u64> {
        self.cities.get(city)?.chain.last()?.last_good(fpr, origin)
    }

    /// Whether a key of a city has been revoked or retired.
    pub(super) fn is_revoked(&self, city: &CityId, fpr: &Digest) -> bool {
        let newest = self.cities.get(city).and_then(|city| city.chain.last());
        newest.is_some_and(|manifest| manifest.is_revoked(fpr))
    }

    /// From when on a key may sign, Unix milliseconds; 0 for one that no manifest here names.
    pub(super) fn not_before(&self, fpr: &Digest) -> u64 {
        self.find(fpr).map_or(0, |(_, key)| key.not_before_unix_ms)
    }

    /// Finds the key an envelope names among all that count and verifies the signature.
    pub(super) fn signer(
        &self,
        envelope: &Envelope,
        kind: Kind,
        version: Option<u32>,
    ) -> Result<Signer, Code> {
        let fpr = envelope::key_fpr(envelope).map_err(|_| Code::KeyUnknown)?;
        let (city, key) = self.find(&fpr).ok_or(Code::KeyUnknown)?;
        if self.seals.is_empty() || !self.seals.contains(&seal(envelope)) {
            envelope::verify(envelope, &key.public).map_err(|_| Code::SignatureFalse)?;
        }
        let chain = &self.cities[city].chain;
        let may = |manifest: &Manifest| manifest.key(&fpr, kind.role()).is_some();
        let allowed = match version {
            None if chain.iter().any(may) => Ok(()),
            None => Err(Code::KeyUnknown),
            Some(version) => match chain.iter().find(|manifest| manifest.version == version) {
                None => Err(Code::ManifestMissing),
                Some(manifest) if may(manifest) => Ok(()),
                Some(_) => Err(Code::KeyUnknown),
            },
        };
        Ok(Signer { city: city.clone(), fpr, allowed })
    }

    fn find(&self, fpr: &Digest) -> Option<(&CityId, &Key)> {
        self.cities.iter().find_map(|(id, city)| {
            let mut keys = city.chain.iter().flat_map(|manifest| &manifest.keys);
            keys.find(|key| key.fpr == *fpr).map(|key| (id, key))
        })
    }
}

fn seal(envelope: &Envelope) -> Seal {
    (envelope::env_digest(envelope), envelope.key_fpr.clone(), envelope.sig.clone())
}

/// The manifests of one root, each following the one before.
fn chain(
    root: &PublicKey,
    manifests: &[(&Digest, &Envelope)],
    failures: &mut Failures,
) -> Vec<Manifest> {
    let mut opened: Vec<(u32, &Digest, &Envelope)> = Vec::new();
    for (digest, envelope) in manifests {
        match envelope::open::<KeyManifest>(envelope, root) {
            Ok(found) => opened.push((found.version, digest, envelope)),
            Err(error) => {
                let file = layout::dsse("keys/", digest);
                failures.add(Code::ManifestFalse, file, error.to_string());
            }
        }
    }
    opened.sort_by_key(|(version, digest, _)| (*version, **digest));
    let mut chain: Vec<Manifest> = Vec::new();
    for (_, digest, envelope) in opened {
        match Manifest::open(envelope, root, chain.last()) {
            Ok(manifest) => chain.push(manifest),
            Err(error) => {
                let file = layout::dsse("keys/", digest);
                failures.add(Code::ManifestFalse, file, error.to_string());
            }
        }
    }
    chain
}
