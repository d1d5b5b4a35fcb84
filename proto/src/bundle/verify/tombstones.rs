//! Tombstones: that a city's local log holds the record of an erasure, and what went.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::{Buried, Parts};
use super::super::verdict::{Bound, Gone, GoneBy};
use super::trust::Trust;
use crate::day::Day;
use crate::id::{CityId, Digest};
use crate::invite::INVITE_SLACK_MS as CLOCK_SLACK_MS;
use crate::message::MessageFacts;
use crate::note::VKey;
use crate::policy::is_ahead;
use crate::tombstone::Tombstone;
use crate::tree::{Hash, leaf_hash, verify_inclusion};
use std::collections::{BTreeMap, BTreeSet};

/// The end of the year 9999.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// A tombstone that is proven.
struct Proven<'a> {
    path: &'a str,
    city: &'a CityId,
    stone: &'a Tombstone,
    by: GoneBy,
}

/// Those that hold, and which of them were of use.
#[derive(Default)]
pub(super) struct Tombstones<'a> {
    proven: Vec<Proven<'a>>,
    used: BTreeSet<&'a str>,
}

impl<'a> Tombstones<'a> {
    /// Verifies every one of them by the keys of its city, at a time by the reader's clock.
    pub(super) fn load(
        parts: &'a Parts,
        trust: &Trust,
        now_unix_s: Option<u64>,
        failures: &mut Failures,
    ) -> Tombstones<'a> {
        let mut found = Tombstones::default();
        let mut roots: BTreeMap<(&str, u64), Hash> = BTreeMap::new();
        for (path, buried) in &parts.tombstones {
            let not_after = match open(buried, trust, now_unix_s) {
                Ok(not_after) => not_after,
                Err(why) => {
                    failures.add(Code::ErasureFalse, path, why);
                    continue;
                }
            };
            let (head, stone) = (&buried.head, &buried.stone);
            let known = roots.entry((head.origin(), head.size())).or_insert(*head.root());
            if known != head.root() {
                let place = format!("{} {}", head.origin(), head.size());
                failures.add(Code::SplitView, "", place);
            }
            let by = GoneBy::Logged {
                reason: stone.reason,
                claimed_unix_ms: stone.at_unix_ms,
                origin: head.origin().to_owned(),
                index: buried.proof.index,
                not_after,
            };
            found.proven.push(Proven { path, city: &buried.city, stone, by });
        }
        found
    }

    /// Who has erased a section of a message. `zone_of`: the zone of a city that is a party
    /// to it, minutes.
    pub(super) fn of(
        &mut self,
        facts: &MessageFacts,
        signed: &Digest,
        zone_of: &dyn Fn(&CityId) -> Option<i32>,
    ) -> Vec<Gone> {
        let leg = facts.place.map(|place| place.leg);
        let mut gone = Vec::new();
        for Proven { path, city, stone, by } in &self.proven {
            let names = leg == Some(stone.leg) && stone.sections.contains(signed);
            let zone = zone_of(city).filter(|_| names);
            let Some(zone) = zone else { continue };
            self.used.insert(path);
            let on = Day::of_unix_ms(stone.at_unix_ms, zone);
            gone.push(Gone { on, city: (*city).clone(), by: by.clone() });
        }
        gone
    }

    /// Those that name no section of a message here.
    pub(super) fn strays(self, failures: &mut Failures) {
        for found in self.proven.iter().filter(|found| !self.used.contains(found.path)) {
            failures.add(Code::Unreferenced, found.path, "");
        }
    }
}

/// Verifies head, path and time; gives the earliest cosignature, which bounds the time from above.
fn open(buried: &Buried, trust: &Trust, now_unix_s: Option<u64>) -> Result<Option<Bound>, String> {
    let Buried { stone, city, head, proof } = buried;
    let (origin, size) = (head.origin(), head.size());
    if !(1..=UNIX_MS_MAX).contains(&stone.at_unix_ms) {
        return Err("its time is none".to_owned());
    }
    let logs = trust.log_keys(city, origin, size);
    let keys: Vec<VKey> = logs.iter().cloned().chain(trust.cosigner_keys(origin, size)).collect();
    let lines = proof.note.verify(&keys).map_err(|error| error.to_string())?;
    if !lines.iter().any(|line| line.key < logs.len()) {
        return Err("not signed by a key of this log that counts at this size".to_owned());
    }
    verify_inclusion(&leaf_hash(&proof.extra), proof.index, size, &proof.hashes, head.root())
        .map_err(|error| error.to_string())?;
    let mut earliest: Option<Bound> = None;
    for line in lines {
        let Some(unix_s) = line.unix_s else { continue };
        if now_unix_s.is_some_and(|now| is_ahead(unix_s, now)) {
            return Err("a cosignature is dated after this machine's clock".to_owned());
        }
        let by = keys[line.key].name();
        // A city bounds nothing of its own.
        let is_own = layout::cosigner(by).is_some_and(|by| by == *city);
        if !is_own && earliest.as_ref().is_none_or(|bound| unix_s < bound.unix_s) {
            earliest = Some(Bound { unix_s, by: by.to_owned() });
        }
    }
    let latest_ms =
        |bound: &Bound| bound.unix_s.saturating_mul(1_000).saturating_add(CLOCK_SLACK_MS);
    if earliest.as_ref().is_some_and(|bound| stone.at_unix_ms > latest_ms(bound)) {
        return Err("it is dated after a cosigned head that holds it".to_owned());
    }
    Ok(earliest)
}
