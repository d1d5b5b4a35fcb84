//! What a pack claims: counted, so that a verifier counts it again.

use super::super::parts::Parts;
use super::super::records::Record;
use super::super::{claim, json};
use super::About;
use crate::day::Day;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::{Kind, PartySide};
use crate::message::ItemVerdict;
use crate::wire::message::Body;
use crate::wire::{self, MessageType};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The messages of one side in the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lane {
    /// First and last `lane_seq` of what was stored; 0 where there is none.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    period: Option<Period>,
    lanes: BTreeMap<u8, Lane>,
    counts: BTreeMap<&'static str, u64>,
    /// By type and author.
    types: BTreeMap<(&'static str, String), u64>,
    /// Decision codes of DECLINE and of an OUTCOME that came to nothing.
    decisions: BTreeMap<&'static str, u64>,
}

/// The days, in the zone of each party.
#[derive(Clone, Debug)]
struct Period {
    from: u32,
    to: u32,
    zones: BTreeMap<String, i32>,
}

impl Tally {
    /// Nothing counted yet. The zones are those of the agreement's newest version here.
    pub(super) fn new(about: &About, shared: &Parts) -> Tally {
        let found = shared.agreements.values();
        let found = found.filter_map(|found| envelope::payload::<wire::Agreement>(found).ok());
        let newest = found
            .filter(|found| found.agreement_id == about.agreement.0)
            .max_by_key(|found| found.version);
        let parties = newest.map(|found| found.parties).unwrap_or_default();
        let zones = parties.into_iter().map(|party| (party.city_id, party.zone_offset_min));
        let period = Period { from: about.from, to: about.to, zones: zones.collect() };
        Tally { period: Some(period), ..Tally::default() }
    }

    /// Counts the messages of a bundle.
    pub(super) fn add(&mut self, records: &BTreeMap<Digest, Record<'_>>) {
        let mut legs = BTreeSet::new();
        for record in records.values().filter(|record| record.kind() == Kind::Message) {
            let Some((facts, found)) = record.message() else {
                self.count("unreadable");
                continue;
            };
            if let Some(place) = facts.place {
                legs.insert(place.leg);
            }
            if !self.is_in(&facts.head.sender, facts.head.created_unix_ms) {
                self.count("outside_the_period");
                continue;
            }
            self.count("messages");
            match record.item.map(|item| item.verdict) {
                Some(ItemVerdict::Refused(_)) => {
                    self.count("refused");
                    continue;
                }
                Some(ItemVerdict::StoredWithheld) => self.count("withheld"),
                Some(ItemVerdict::Stored) | None => {}
            }
            self.stored(facts.head.lane.number(), facts.head.lane_seq);
            let kind = facts.kind.as_str_name().trim_start_matches("MESSAGE_TYPE_");
            *self.types.entry((kind, facts.sender().to_string())).or_default() += 1;
            if matches!(facts.kind, MessageType::Release | MessageType::Request) {
                self.count("released");
                self.counts.entry("released_under_consent").or_default();
                if facts.consent.is_some() {
                    self.count("released_under_consent");
                }
            }
            self.decision(found);
        }
        *self.counts.entry("legs").or_default() += legs.len() as u64;
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn stored(&mut self, lane: u8, seq: u64) {
        let lane = self.lanes.entry(lane).or_insert(Lane { first: seq, last: seq });
        *lane = Lane { first: lane.first.min(seq), last: lane.last.max(seq) };
    }

    fn decision(&mut self, found: &wire::Message) {
        let code = match &found.body {
            Some(Body::Decline(decline)) => decline.decision(),
            Some(Body::Outcome(outcome)) => outcome.not_realised(),
            Some(_) | None => return,
        };
        if code != wire::DecisionCode::Unspecified {
            let name = code.as_str_name().trim_start_matches("DECISION_CODE_");
            *self.decisions.entry(name).or_default() += 1;
        }
    }

    /// Whether what a city dates so lies in the period.
    pub(super) fn is_in(&self, city: &CityId, unix_ms: u64) -> bool {
        let Some(period) = &self.period else { return false };
        let zone = period.zones.get(city.as_str()).copied().unwrap_or_default();
        (period.from..=period.to).contains(&Day::of_unix_ms(unix_ms, zone).number())
    }

    /// What it counted of a message lane.
    pub(super) fn lane(&self, side: PartySide) -> Lane {
        let lane = crate::kinds::Lane::messages(side).number();
        self.lanes.get(&lane).copied().unwrap_or_default()
    }
}

/// The claim. It holds what was counted, and whose keys and logs the shared files name.
pub(super) fn claim(about: &About, shared: &Parts, tally: &Tally, bundles: usize) -> Value {
    let mut types: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for ((kind, city), n) in &tally.types {
        types.entry(kind).or_default().insert(city.clone(), Value::from(*n));
    }
    let lanes = [PartySide::A, PartySide::B].map(|side| {
        let Lane { first, last } = tally.lane(side);
        json!({ "first": first, "lane": crate::kinds::Lane::messages(side).number(), "last": last })
    });
    let mut whole = claim::of(shared);
    json!({
        "agreement": about.agreement.hex(),
        "agreements": whole["agreements"].take(),
        "bundles": bundles,
        "cities": whole["cities"].take(),
        "counts": tally.counts,
        "decisions": tally.decisions,
        "format": super::MEDIA_TYPE,
        "from": about.from,
        "lanes": lanes,
        "to": about.to,
        "types": types,
    })
}

/// `pack.json`.
pub(super) fn write(claim: &Value, hashes: &BTreeMap<String, String>) -> String {
    json::write(&json!({ "claim": claim, "files": hashes }))
}

/// What a claim says it is about; the name of the program stands in the report alone.
pub(super) fn about(claim: &Value, product: String) -> Option<About> {
    let number = |key: &str| u32::try_from(claim.get(key)?.as_u64()?).ok();
    let agreement = hex::decode(claim.get("agreement")?.as_str()?).ok()?;
    Some(About {
        agreement: crate::id::AgreementId::from_slice(&agreement)?,
        from: number("from")?,
        to: number("to")?,
        product,
    })
}
