//! Heads, proofs and cosignatures: index, size and root come from verified checkpoints only.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Parts;
use super::super::records::{Place, Record};
use super::trust::Trust;
use crate::checkpoint::{Checkpoint, LogName};
use crate::id::{CityId, Digest};
use crate::kinds::{Kind, SUITE};
use crate::leaf::{Leaf, payload_type_tag};
use crate::note::Note;
use crate::policy::{Checked, Policy};
use crate::proof::Proof;
use crate::tree::{Hash, verify_consistency, verify_inclusion};
use crate::wire::Role;
use std::collections::{BTreeMap, BTreeSet};

/// A record proven in a log.
pub(super) struct Proven {
    pub(super) origin: String,
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) cosigned: Vec<Cosigned>,
}

/// A verified cosignature on a head.
#[derive(Clone)]
pub(super) struct Cosigned {
    pub(super) by: String,
    pub(super) city: CityId,
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) unix_s: u64,
    /// SHA-256 of the 64-byte cosignature, as a seen_head quotes it.
    pub(super) sha256: Digest,
}

/// What the logs show.
#[derive(Default)]
pub(super) struct Logs {
    policies: BTreeMap<CityId, Policy>,
    pub(super) proven: BTreeMap<(Digest, CityId), Proven>,
    /// Root of every verified head.
    pub(super) roots: BTreeMap<(String, u64), Hash>,
    pub(super) cosigned: Vec<Cosigned>,
    heads: BTreeMap<(CityId, String), Result<Head, String>>,
    split: BTreeSet<(String, u64)>,
}

/// A verified head.
#[derive(Clone)]
struct Head {
    checkpoint: Checkpoint,
    cosigned: Vec<Cosigned>,
}

impl Logs {
    /// Verifies policies, heads, proofs and consistency.
    pub(super) fn load(
        parts: &Parts,
        records: &BTreeMap<Digest, Record<'_>>,
        trust: &Trust,
        failures: &mut Failures,
    ) -> Logs {
        let mut logs = Logs::default();
        for (city, policy) in &parts.policies {
            match check_policy(city, policy, trust) {
                None => drop(logs.policies.insert(city.clone(), policy.clone())),
                Some(key) => failures.add(Code::PolicyFalse, layout::policy(city), key),
            }
        }
        for (path, (note, head)) in &parts.heads {
            let city = layout::exchange(head.origin()).map(|(city, _)| city);
            let verified = city.ok_or("origin".to_owned());
            let verified = verified.and_then(|city| logs.head(&city, note, trust));
            if let Err(why) = verified {
                failures.add(Code::HeadFalse, path, why);
            }
        }
        for ((digest, city), proof) in &parts.proofs {
            let path = layout::proof(digest, city);
            let record = records.get(digest);
            let placed = record.and_then(|record| Some((record, record.place.as_ref()?)));
            let Some((record, place)) = placed else {
                failures.add(Code::Unreferenced, path, "");
                continue;
            };
            if !logs.policies.contains_key(city) {
                failures.add(Code::PolicyMissing, layout::policy(city), "");
                continue;
            }
            match logs.prove(city, proof, &leaf(record, place).hash(), trust) {
                Ok(proven) => drop(logs.proven.insert((*digest, city.clone()), proven)),
                Err(why) => failures.add(Code::ProofFalse, path, why),
            }
        }
        logs.split_views(failures);
        logs.consistency(parts, failures);
        logs
    }

    /// Verifies a head of a city's log by its policy. Most proofs share one: each note is verified
    /// once.
    fn head(&mut self, city: &CityId, note: &Note, trust: &Trust) -> Result<Head, String> {
        let key = (city.clone(), note.to_string());
        if let Some(known) = self.heads.get(&key) {
            return known.clone();
        }
        let verified = self.check_head(city, note, trust);
        if let Ok(head) = &verified {
            let place = (head.checkpoint.origin().to_owned(), head.checkpoint.size());
            let root = *head.checkpoint.root();
            if *self.roots.entry(place.clone()).or_insert(root) != root {
                self.split.insert(place);
            }
            self.cosigned.extend(head.cosigned.iter().cloned());
        }
        self.heads.insert(key, verified.clone());
        verified
    }

    fn check_head(&self, city: &CityId, note: &Note, trust: &Trust) -> Result<Head, String> {
        let policy = self.policies.get(city).ok_or("no policy of this log")?;
        let checked = policy.check(note).map_err(|error| error.to_string())?;
        let head = &checked.checkpoint;
        let of_city = layout::exchange(head.origin()).is_some_and(|(found, _)| found == *city);
        // A log key that was revoked counts up to a size of its own log.
        let counts = |log: &usize| {
            let fpr = Digest(policy.logs()[*log].key().fingerprint());
            trust.last_good(city, &fpr, head.origin()).is_some_and(|last| head.size() <= last)
        };
        if !of_city || !checked.logs.iter().any(counts) {
            return Err("not signed by a key of this log that counts at this size".to_owned());
        }
        let cosigned = cosignatures(policy, &checked, note, trust);
        Ok(Head { checkpoint: checked.checkpoint, cosigned })
    }

    fn prove(
        &mut self,
        city: &CityId,
        proof: &Proof,
        leaf: &Hash,
        trust: &Trust,
    ) -> Result<Proven, String> {
        let Head { checkpoint, cosigned } = self.head(city, &proof.note, trust)?;
        let (index, size) = (proof.index, checkpoint.size());
        verify_inclusion(leaf, index, size, &proof.hashes, checkpoint.root())
            .map_err(|error| error.to_string())?;
        Ok(Proven { origin: checkpoint.origin().to_owned(), index, size, cosigned })
    }

    /// Same origin and size, another root, both signed.
    fn split_views(&self, failures: &mut Failures) {
        for (origin, size) in &self.split {
            failures.add(Code::SplitView, "", format!("{origin} {size}"));
        }
    }

    fn consistency(&self, parts: &Parts, failures: &mut Failures) {
        for (path, found) in &parts.consistency {
            let root = |size: u64| self.roots.get(&(found.origin.clone(), size));
            let holds = match (root(found.old_size), root(found.new_size)) {
                (Some(old), Some(new)) => {
                    let (from, to) = (found.old_size, found.new_size);
                    verify_consistency(from, to, &found.hashes, old, new).is_ok()
                }
                (None, _) | (_, None) => false,
            };
            if !holds {
                failures.add(Code::ConsistencyFalse, path, "");
            }
        }
    }
}

/// The first key of a policy that is not what the manifests say, or `None`.
fn check_policy(city: &CityId, policy: &Policy, trust: &Trust) -> Option<String> {
    for log in policy.logs() {
        let named = layout::exchange(log.name()).is_some_and(|(found, _)| found == *city);
        if !named || !trust.has_key(city, log.key(), Role::Log) {
            return Some(log.name().to_owned());
        }
    }
    for witness in policy.witnesses() {
        let of = cosigner_city(witness.key.name());
        let known = of.is_some_and(|of| trust.has_key(&of, witness.key.key(), Role::Cosigner));
        if !known || witness.name != witness.key.name() {
            return Some(witness.key.name().to_owned());
        }
    }
    None
}

fn cosigner_city(name: &str) -> Option<CityId> {
    match LogName::parse(name)? {
        LogName::Cosigner { city, .. } => CityId::parse(&city),
        LogName::Exchange { .. } | LogName::Local { .. } => None,
    }
}

/// The cosignatures that the policy check verified, without those of keys revoked before.
fn cosignatures(policy: &Policy, checked: &Checked, note: &Note, trust: &Trust) -> Vec<Cosigned> {
    let head: &Checkpoint = &checked.checkpoint;
    let found = checked.cosigned.iter().filter_map(|(witness, unix_s)| {
        let key = &policy.witnesses()[*witness].key;
        let city = cosigner_city(key.name())?;
        let fpr = Digest(key.key().fingerprint());
        let last = trust.last_good(&city, &fpr, head.origin())?;
        let line = note
            .signatures()
            .iter()
            .find(|line| line.name() == key.name() && line.key_id() == key.key_id())?;
        // u64be seconds, then the 64 bytes.
        let sha256 = Digest::of(&[line.signature().get(8..)?]);
        (head.size() <= last).then(|| Cosigned {
            by: key.name().to_owned(),
            city,
            origin: head.origin().to_owned(),
            size: head.size(),
            unix_s: *unix_s,
            sha256,
        })
    });
    found.collect()
}

/// The 168 bytes that stand for an envelope in both logs.
pub(super) fn leaf(record: &Record<'_>, place: &Place) -> Leaf {
    let envelope = record.envelope;
    let mut sig = [0; 64];
    if envelope.sig.len() == 64 {
        sig.copy_from_slice(&envelope.sig);
    }
    let kind = Kind::from_payload_type(&envelope.payload_type);
    Leaf {
        kind: kind.map_or(0, Kind::number),
        suite: SUITE,
        lane: place.lane.number(),
        agreement_id: place.agreement.0,
        lane_seq: place.lane_seq,
        env_digest: record.digest.0,
        key_fpr: Digest::from_slice(&envelope.key_fpr).unwrap_or_default().0,
        sig,
        payload_type_tag: payload_type_tag(&envelope.payload_type),
    }
}
