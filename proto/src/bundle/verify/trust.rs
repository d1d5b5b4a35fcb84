//! From the roots given to the keys that count.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Parts;
use super::super::verdict::CityVerdict;
use super::epochs::Epochs;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::manifest::{Key, Manifest, cosigner_number, log_keys_at};
use crate::note::{KeyKind, VKey};
use crate::pubkey::PublicKey;
use crate::wire::{self, Envelope, KeyManifest, Role};
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
    /// Cities that only cosign, and whose root was not given: their words are not judged.
    strangers: BTreeMap<CityId, City>,
    /// Where epochs of their logs ended.
    pub(super) epochs: Epochs,
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
        let named = named_cosigners(parts);
        for (root, manifests) in &by_root {
            let file = layout::root(root);
            let Some(key) = parts.roots.get(root) else {
                failures.add(Code::RootMissing, file, "");
                continue;
            };
            let is_given = roots.contains(root);
            let may_be_unknown = |manifest: &KeyManifest| named.contains(&manifest.city_id);
            let only_cosigns = manifests.iter().all(|(_, envelope)| {
                envelope::payload::<KeyManifest>(envelope).is_ok_and(|found| may_be_unknown(&found))
            });
            if !is_given && !only_cosigns {
                failures.add(Code::RootNotGiven, file, root.hex());
                continue;
            }
            let chain = chain(key, manifests, failures);
            let Some(city) = chain.first().map(|manifest| manifest.city.clone()) else { continue };
            let twice = trust.cities.contains_key(&city) || trust.strangers.contains_key(&city);
            let into = if is_given { &mut trust.cities } else { &mut trust.strangers };
            into.insert(city.clone(), City { root: *root, chain });
            if twice {
                failures.add(Code::ManifestFalse, file, format!("{city} has two roots"));
            }
        }
        let root_of = |fpr: &Digest| {
            let city = trust.cities.iter().find(|(_, city)| city.root == *fpr)?.0;
            Some((city.clone(), parts.roots.get(fpr)?))
        };
        trust.epochs = Epochs::load(&parts.successors, &root_of, failures);
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
        self.cities.iter().map(City::verdict).collect()
    }

    /// The cities whose cosignatures are not judged.
    pub(in super::super) fn not_judged(&self) -> Vec<CityVerdict> {
        self.strangers.iter().map(City::verdict).collect()
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

    /// The same of a cosigner's key, also of a city whose root was not given.
    pub(super) fn has_cosigner(&self, city: &CityId, key: &PublicKey) -> bool {
        let fpr = Digest(key.fingerprint());
        let stranger = self.strangers.get(city).into_iter().flat_map(|city| &city.chain);
        self.has_key(city, key, Role::Cosigner)
            || stranger.into_iter().any(|manifest| manifest.key(&fpr, Role::Cosigner).is_some())
    }

    /// The keys that count on a head of a city's log, under its origin.
    pub(super) fn log_keys(&self, city: &CityId, origin: &str, size: u64) -> Vec<VKey> {
        let chain = self.cities.get(city).into_iter().flat_map(|city| &city.chain);
        let keys = log_keys_at(chain, origin, size).into_iter();
        keys.filter_map(|key| VKey::new(origin, KeyKind::Ed25519, key).ok()).collect()
    }

    /// The cosigner keys of all cities that count on a head, under their names.
    pub(super) fn cosigner_keys(&self, origin: &str, size: u64) -> Vec<VKey> {
        let mut found: Vec<VKey> = Vec::new();
        for (id, City { chain, .. }) in &self.cities {
            for key in chain.iter().flat_map(|manifest| manifest.keys_of(Role::Cosigner)) {
                let counts = self.last_good(id, &key.fpr, origin).is_some_and(|last| size <= last);
                let number = cosigner_number(chain, &key.fpr).filter(|_| counts);
                let name = number.map(|number| format!("jieli.{id}/cosigner/{number}"));
                let key = name.and_then(|n| VKey::new(&n, KeyKind::CosignatureV1, key.public).ok());
                found.extend(key.filter(|key| !found.contains(key)));
            }
        }
        found
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

impl City {
    fn verdict((city, found): (&CityId, &City)) -> CityVerdict {
        CityVerdict {
            city: city.clone(),
            root: found.root,
            manifest_version: found.chain.last().map_or(0, |manifest| manifest.version),
        }
    }
}

/// Cities that do nothing here but cosign, where no policy asks for a cosignature: what is here
/// holds without them, so their root need not be given.
fn named_cosigners(parts: &Parts) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for policy in parts.policies.values() {
        let cities = policy.witnesses().iter();
        let cities = cities.filter_map(|witness| layout::cosigner(witness.key.name()));
        let into = if policy.has_quorum() { &mut needed } else { &mut named };
        into.extend(cities.map(|city| city.to_string()));
    }
    let agreements = parts.agreements.values();
    let parties = agreements.filter_map(|found| envelope::payload::<wire::Agreement>(found).ok());
    needed.extend(parties.flat_map(|found| found.parties).map(|party| party.city_id));
    &named - &needed
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
