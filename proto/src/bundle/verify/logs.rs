//! Heads, proofs and cosignatures: index, size and root come from verified checkpoints only.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Parts;
use super::super::records::{Place, Record};
use super::trust::Trust;
use crate::checkpoint::Checkpoint;
use crate::id::{CityId, Digest};
use crate::kinds::{Kind, SUITE};
use crate::leaf::{Leaf, payload_type_tag};
use crate::note::Note;
use crate::policy::{Checked, Policy, is_ahead};
use crate::proof::Proof;
use crate::tree::{Hash, verify_consistency, verify_inclusion};
use crate::wire::Role;
use std::collections::{BTreeMap, BTreeSet};

/// A record proven in a log.
pub(super) struct Proven {
    pub(super) origin: String,
    pub(super) index: u64,
    pub(super) size: u64,
}

/// A verified cosignature on a head.
#[derive(Clone, PartialEq, Eq)]
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
    policies: BTreeMap<(CityId, u64), Policy>,
    pub(super) proven: BTreeMap<(Digest, CityId), Proven>,
    /// Root of every verified head.
    pub(super) roots: BTreeMap<(String, u64), Hash>,
    pub(super) cosigned: Vec<Cosigned>,
    /// From the heads that a consistency proof extends to those that it leads to.
    links: BTreeMap<(String, u64), BTreeSet<u64>>,
    split: BTreeSet<(String, u64)>,
}

/// A verified head.
#[derive(Clone)]
struct Head {
    checkpoint: Checkpoint,
    cosigned: Vec<Cosigned>,
}

/// The most notes that are kept with what became of them.
const HEADS_KEPT_MAX: usize = 256;

/// Heads that were judged before: most proofs share one, also across the bundles of a pack.
pub(in super::super) struct Heads {
    judged: BTreeMap<(CityId, String), Result<Head, String>>,
    /// Root by log and size, of all that were judged, to find split views.
    roots: BTreeMap<String, BTreeMap<u64, Hash>>,
    now_unix_s: Option<u64>,
}

impl Heads {
    /// None yet; the reader's clock, POSIX seconds, if there is one.
    pub(in super::super) fn new(now_unix_s: Option<u64>) -> Heads {
        Heads { judged: BTreeMap::new(), roots: BTreeMap::new(), now_unix_s }
    }

    /// The reader's clock, POSIX seconds, if there is one.
    pub(super) fn now_unix_s(&self) -> Option<u64> {
        self.now_unix_s
    }
}

impl Logs {
    /// Verifies policies, heads, proofs and consistency.
    pub(super) fn load(
        parts: &Parts,
        records: &BTreeMap<Digest, Record<'_>>,
        trust: &Trust,
        heads: &mut Heads,
        failures: &mut Failures,
    ) -> Logs {
        let mut logs = Logs::default();
        for (of, policy) in &parts.policies {
            match check_policy(of, policy, trust) {
                None => drop(logs.policies.insert(of.clone(), policy.clone())),
                Some(key) => failures.add(Code::PolicyFalse, layout::policy(&of.0, of.1), key),
            }
        }
        for (path, (note, head)) in &parts.heads {
            let city = layout::exchange(head.origin()).map(|(city, _)| city);
            let verified = city.ok_or("origin".to_owned());
            let verified = verified.and_then(|city| logs.head(&city, note, trust, heads));
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
            let epoch = epoch_of(&proof.note).unwrap_or(1);
            if !logs.policies.contains_key(&(city.clone(), epoch)) {
                failures.add(Code::PolicyMissing, layout::policy(city, epoch), "");
                continue;
            }
            match logs.prove((city, proof), &leaf(record, place).hash(), trust, heads) {
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
    fn head(
        &mut self,
        city: &CityId,
        note: &Note,
        trust: &Trust,
        heads: &mut Heads,
    ) -> Result<Head, String> {
        let key = (city.clone(), note.to_string());
        let known = heads.judged.get(&key).cloned();
        let verified =
            known.unwrap_or_else(|| self.check_head(city, note, trust, heads.now_unix_s));
        if let Ok(head) = &verified {
            let place = (head.checkpoint.origin().to_owned(), head.checkpoint.size());
            let root = *head.checkpoint.root();
            let known = heads.roots.entry(place.0.clone()).or_default();
            if *known.entry(place.1).or_insert(root) != root {
                self.split.insert(place.clone());
            }
            self.roots.insert(place, root);
            for found in &head.cosigned {
                if !self.cosigned.contains(found) {
                    self.cosigned.push(found.clone());
                }
            }
        }
        if heads.judged.len() >= HEADS_KEPT_MAX {
            heads.judged.clear();
        }
        heads.judged.insert(key, verified.clone());
        verified
    }

    fn check_head(
        &self,
        city: &CityId,
        note: &Note,
        trust: &Trust,
        now_unix_s: Option<u64>,
    ) -> Result<Head, String> {
        let epoch = epoch_of(note).ok_or("origin")?;
        let policy = self.policies.get(&(city.clone(), epoch)).ok_or("no policy of this log")?;
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
        trust.epochs.check(city, epoch, (head.size(), head.root()))?;
        let is_ahead = |unix_s: u64| now_unix_s.is_some_and(|now| is_ahead(unix_s, now));
        if checked.cosigned.iter().any(|(_, unix_s)| is_ahead(*unix_s)) {
            return Err("a cosignature is dated after this machine's clock".to_owned());
        }
        let cosigned = cosignatures(policy, &checked, note, trust);
        Ok(Head { checkpoint: checked.checkpoint, cosigned })
    }

    fn prove(
        &mut self,
        (city, proof): (&CityId, &Proof),
        leaf: &Hash,
        trust: &Trust,
        heads: &mut Heads,
    ) -> Result<Proven, String> {
        let Head { checkpoint, .. } = self.head(city, &proof.note, trust, heads)?;
        let (index, size) = (proof.index, checkpoint.size());
        verify_inclusion(leaf, index, size, &proof.hashes, checkpoint.root())
            .map_err(|error| error.to_string())?;
        Ok(Proven { origin: checkpoint.origin().to_owned(), index, size })
    }

    /// Same origin and size, another root, both signed.
    fn split_views(&self, failures: &mut Failures) {
        for (origin, size) in &self.split {
            failures.add(Code::SplitView, "", format!("{origin} {size}"));
        }
    }

    fn consistency(&mut self, parts: &Parts, failures: &mut Failures) {
        for (path, found) in &parts.consistency {
            let root = |size: u64| self.roots.get(&(found.origin.clone(), size));
            let (from, to) = (found.old_size, found.new_size);
            let holds = match (root(from), root(to)) {
                (Some(old), Some(new)) => {
                    verify_consistency(from, to, &found.hashes, old, new).is_ok()
                }
                (None, _) | (_, None) => false,
            };
            if holds {
                self.links.entry((found.origin.clone(), from)).or_default().insert(to);
            } else {
                failures.add(Code::ConsistencyFalse, path, "");
            }
        }
    }

    /// The cosignatures under heads that hold what is proven: the head that proves it, and those
    /// that are known to be of one history with it.
    pub(super) fn covering(&self, proven: &Proven) -> Vec<&Cosigned> {
        let ours = self.later(&proven.origin, proven.size);
        let is_linked = |size: u64| {
            ours.contains(&size)
                || self.links.contains_key(&(proven.origin.clone(), size))
                    && !ours.is_disjoint(&self.later(&proven.origin, size))
        };
        let holds = |found: &&Cosigned| {
            found.origin == proven.origin && found.size > proven.index && is_linked(found.size)
        };
        self.cosigned.iter().filter(holds).collect()
    }

    /// This head and those that extend it. Two heads with one of these in common are of one
    /// history: the shorter is a part of the longer.
    fn later(&self, origin: &str, size: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::from([size]);
        let mut left = vec![size];
        while let Some(next) = left.pop() {
            for after in self.links.get(&(origin.to_owned(), next)).into_iter().flatten() {
                if found.insert(*after) {
                    left.push(*after);
                }
            }
        }
        found
    }
}

/// The epoch of the exchange log that a note is of.
fn epoch_of(note: &Note) -> Option<u64> {
    let (origin, _) = note.text().split_once('\n')?;
    layout::exchange(origin).map(|(_, epoch)| epoch)
}

/// The first key of a policy that is not what the manifests say, or `None`.
fn check_policy(of: &(CityId, u64), policy: &Policy, trust: &Trust) -> Option<String> {
    let city = &of.0;
    for log in policy.logs() {
        let named = layout::exchange(log.name()).is_some_and(|found| found == *of);
        if !named || !trust.has_key(city, log.key(), Role::Log) {
            return Some(log.name().to_owned());
        }
    }
    for witness in policy.witnesses() {
        let of = layout::cosigner(witness.key.name());
        let known = of.is_some_and(|of| trust.has_cosigner(&of, witness.key.key()));
        if !known || witness.name != witness.key.name() {
            return Some(witness.key.name().to_owned());
        }
    }
    None
}

/// The cosignatures that the policy check verified, without those of keys revoked before.
fn cosignatures(policy: &Policy, checked: &Checked, note: &Note, trust: &Trust) -> Vec<Cosigned> {
    let head: &Checkpoint = &checked.checkpoint;
    let found = checked.cosigned.iter().filter_map(|(witness, unix_s)| {
        let key = &policy.witnesses()[*witness].key;
        let city = layout::cosigner(key.name())?;
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
