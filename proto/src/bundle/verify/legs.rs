//! Legs: two lanes of messages, each numbered from 1, each naming the one before.

use super::super::code::Code;
use super::super::records::{Content, Record};
use super::super::verdict::{CaseVerdict, Completeness, LegVerdict};
use super::Scene;
use super::agreements::Agreements;
use super::replay::{self, LegHistory, Unread};
use crate::agreement::{Agreement, office_at};
use crate::id::{CityId, Digest, LegId};
use crate::kinds::{Kind, PartySide};
use crate::message::{LegPlace, examiner_office};
use crate::refusal::Refusal;
use crate::wire::MessageType;
use crate::wire::message::Body;
use std::collections::{BTreeMap, BTreeSet};

/// A leg as far as it is here.
pub(super) struct Leg {
    pub(super) verdict: LegVerdict,
    /// Who sent the OFFER or REQUEST.
    pub(super) initiator: Option<CityId>,
    /// The offices that its messages have to name.
    pub(super) offices: Option<Offices>,
}

/// The offices of a leg.
pub(super) struct Offices {
    /// The initiator's.
    initiator: String,
    /// The examiner's, by the first message.
    opened: String,
    /// The agreement version that the first message cites.
    version: u32,
    /// Those that a REDIRECT named, and the version it cites, by its place.
    redirects: BTreeMap<u32, (String, u32)>,
    /// The places of the examiner's lane.
    places: BTreeMap<Digest, u32>,
}

impl Offices {
    fn of(opening: &Record<'_>, lanes: &BTreeMap<CityId, Lane<'_>>) -> Option<Offices> {
        let (facts, _) = opening.message()?;
        let examiner = lanes.get(&facts.head.recipient)?;
        let counts = |(seq, (_, record)): (&u32, &Step<'_>)| {
            let (facts, message) = record.message().filter(|_| record.refused().is_none())?;
            let version = facts.head.agreement_version;
            match &message.body {
                Some(Body::Redirect(redirect)) => Some((*seq, (redirect.office.clone(), version))),
                Some(_) | None => None,
            }
        };
        Some(Offices {
            initiator: facts.from_office.as_str().to_owned(),
            opened: facts.to_office.as_str().to_owned(),
            version: facts.head.agreement_version,
            redirects: examiner.iter().filter_map(counts).collect(),
            places: examiner.iter().map(|(seq, (_, record))| (record.digest, *seq)).collect(),
        })
    }

    /// From where and to where a message of `sender` goes under a version of the agreement, of which
    /// `live` were in force: the offices named in the leg, or who has taken over from them since.
    pub(super) fn expected<'a>(
        &'a self,
        (sender, initiator): (PartySide, PartySide),
        place: &LegPlace,
        (live, at): (&'a BTreeMap<u32, Agreement>, u32),
    ) -> [&'a str; 2] {
        let is_initiators = sender == initiator;
        let known = match is_initiators {
            true => self.places.get(&place.seen).copied().unwrap_or(0),
            false => place.seq.saturating_sub(1),
        };
        let named =
            |(seq, (office, since)): (&u32, &'a (String, u32))| (*seq, (office.as_str(), *since));
        let redirects = self.redirects.iter().map(named);
        let (examiner, since) =
            examiner_office((self.opened.as_str(), self.version), redirects, known);
        let theirs = office_at(live, initiator, &self.initiator, (self.version, at));
        let examiner = office_at(live, initiator.other(), examiner, (since, at));
        if is_initiators { [theirs, examiner] } else { [examiner, theirs] }
    }
}

/// A message of a leg.
pub(super) type Step<'a> = (LegPlace, &'a Record<'a>);

/// The messages of one city in a leg that can be read, by `leg_seq`.
pub(super) type Lane<'a> = BTreeMap<u32, Step<'a>>;

/// Checks the lanes of every leg, their statements and the case law.
pub(super) fn check(scene: &mut Scene<'_>, agreed: &Agreements) -> Vec<Leg> {
    let mut legs: BTreeMap<LegId, Vec<Step<'_>>> = BTreeMap::new();
    for record in scene.records.values().filter(|record| record.takes_leg_place()) {
        let Some((facts, _)) = record.message() else { continue };
        if let Some(place) = facts.place {
            legs.entry(place.leg).or_default().push((place, record));
        }
    }
    legs.values_mut().for_each(without_first_tries);
    for record in scene.records.values() {
        let Some(statement) = record.statement() else { continue };
        let known = LegId::from_slice(&statement.leg_id).is_some_and(|leg| legs.contains_key(&leg));
        if !known {
            scene.failures.add(Code::Unreferenced, &record.path, "leg");
        }
    }
    let unread = Unread::of(scene);
    legs.into_iter().map(|(leg, steps)| check_leg(scene, agreed, &unread, leg, &steps)).collect()
}

/// What its opener had said before the leg was opened was refused for its key, when there was no leg
/// in which it could have kept a place; it was said again.
fn without_first_tries(steps: &mut Vec<Step<'_>>) {
    let lane_seq = |record: &Record<'_>| record.place.as_ref().map_or(0, |place| place.lane_seq);
    let opens = |(place, record): &&Step<'_>| {
        let kind = record.message().map(|(facts, _)| facts.kind);
        let is_first = place.seq == 1 && record.refused().is_none();
        is_first && matches!(kind, Some(MessageType::Offer | MessageType::Request))
    };
    let Some((_, opening)) = steps.iter().find(opens) else { return };
    let (opener, opened) = (opening.author(), lane_seq(opening));
    steps.retain(|(_, record)| {
        record.refused() != Some(Refusal::KeyRevoked.number())
            || record.author() != opener
            || lane_seq(record) > opened
    });
}

fn check_leg(
    scene: &mut Scene<'_>,
    agreed: &Agreements,
    unread: &Unread,
    leg: LegId,
    steps: &[Step<'_>],
) -> Leg {
    let mut lanes: BTreeMap<CityId, Lane<'_>> = BTreeMap::new();
    for (place, record) in steps {
        for city in record.head().iter().flat_map(|head| [&head.sender, &head.recipient]) {
            lanes.entry(city.clone()).or_default();
        }
        let Some(author) = record.author() else { continue };
        let lane = lanes.entry(author).or_default();
        if lane.insert(place.seq, (*place, *record)).is_some() {
            scene.failures.add(Code::Equivocation, &record.path, "leg_seq");
        }
    }
    same_subject(scene, steps);
    let mut whole = lanes.len() == 2;
    for lane in lanes.values() {
        whole &= is_whole(scene, unread, lane);
    }
    seen(scene, &lanes);
    let opening = steps.iter().find(|(place, record)| {
        let kind = record.message().map(|(facts, _)| facts.kind);
        place.seq == 1 && matches!(kind, Some(MessageType::Offer | MessageType::Request))
    });
    if opening.is_none() {
        whole = false;
        scene.failures.add(Code::LegGap, "", format!("{} has no opening", leg.hex()));
    }
    let initiator = opening.and_then(|(_, record)| record.author());
    let offices = opening.and_then(|(_, record)| Offices::of(record, &lanes));
    let (unstated, agree) = statements(scene, leg, &lanes);
    let last = lanes
        .iter()
        .map(|(city, lane)| (city.clone(), lane.last_key_value().map_or(0, |(seq, _)| *seq)));
    let last: Vec<(CityId, u32)> = last.collect();
    let complete = match (whole && agree, unstated.is_empty()) {
        (false, _) => Completeness::Gap,
        (true, true) => Completeness::Complete,
        (true, false) => Completeness::LaterMayExist(unstated),
    };
    // Where a place is missing or taken twice, nobody can say what stood there.
    let told = complete != Completeness::Gap && is_single(&lanes, steps);
    let case = match opening.filter(|_| told) {
        Some((_, record)) => case_law(scene, agreed, unread, (record, &lanes)),
        None => CaseVerdict::NotReplayed,
    };
    Leg { verdict: LegVerdict { leg, last, complete, case }, initiator, offices }
}

/// Whether every message has a place to itself.
fn is_single(lanes: &BTreeMap<CityId, Lane<'_>>, steps: &[Step<'_>]) -> bool {
    lanes.values().map(BTreeMap::len).sum::<usize>() == steps.len()
}

/// The case law's word on a leg without holes.
fn case_law(
    scene: &mut Scene<'_>,
    agreed: &Agreements,
    unread: &Unread,
    (opening, lanes): (&Record<'_>, &BTreeMap<CityId, Lane<'_>>),
) -> CaseVerdict {
    let Some((facts, _)) = opening.message() else { return CaseVerdict::NotReplayed };
    let (initiator, agreement, service) = (facts.sender(), facts.head.agreement, facts.service);
    let history = LegHistory { initiator, agreement, service, lanes, unread };
    let replayed = replay::replay(scene, agreed, &history);
    if let CaseVerdict::Illegal(what) = &replayed.verdict {
        scene.failures.add(Code::CaseLaw, replayed.file, what);
    }
    replayed.verdict
}

/// A leg is one service for one person in one case, between two cities.
fn same_subject(scene: &mut Scene<'_>, steps: &[Step<'_>]) {
    let subject = |(place, record): &Step<'_>| {
        let (facts, _) = record.message()?;
        let head = &facts.head;
        let mut cities = [head.sender.clone(), head.recipient.clone()];
        cities.sort();
        Some((place.case, facts.service, head.agreement, cities))
    };
    let Some(first) = steps.first() else { return };
    for step in steps {
        if subject(step) != subject(first) && step.1.refused().is_none() {
            scene.failures.add(Code::LegChain, &step.1.path, "case, service or parties");
        }
    }
}

/// Whether a lane runs from 1 without a hole, each naming the one before. A refused message that
/// cannot be read keeps its place; the one after it names it.
fn is_whole(scene: &mut Scene<'_>, unread: &Unread, lane: &Lane<'_>) -> bool {
    let mut whole = true;
    let mut expected = 1;
    let mut last: Option<&Record<'_>> = None;
    for (seq, (place, record)) in lane {
        let before = last.map_or(Digest::ZERO, |record| record.digest);
        let skipped = *seq > expected;
        if skipped && !unread.fills(last, (*place, record), *seq - expected) {
            let missing = format!("leg_seq {expected}");
            scene.failures.add(Code::LegGap, &record.path, missing);
            whole = false;
        } else if !skipped && place.prev != before {
            scene.failures.add(Code::LegChain, &record.path, "leg_prev");
            whole = false;
        }
        expected = seq.saturating_add(1);
        last = Some(record);
    }
    whole
}

fn is_refused_unreadable(scene: &Scene<'_>, digest: &Digest) -> bool {
    scene.records.get(digest).is_some_and(|record| {
        matches!(record.content, Content::Unreadable(Kind::Message, _))
            && record.refused().is_some()
    })
}

/// What an author says it had seen of the other side is here, and never goes back.
fn seen(scene: &mut Scene<'_>, lanes: &BTreeMap<CityId, Lane<'_>>) {
    let place: BTreeMap<Digest, (&CityId, u32)> = lanes
        .iter()
        .flat_map(|(city, lane)| lane.iter().map(move |(seq, step)| (step.1.digest, (city, *seq))))
        .collect();
    for (city, lane) in lanes {
        let mut latest = 0;
        for (step, record) in lane.values() {
            if step.seen.is_zero() && latest == 0 || is_refused_unreadable(scene, &step.seen) {
                continue;
            }
            match place.get(&step.seen) {
                Some((other, seq)) if *other != city && *seq >= latest => latest = *seq,
                // A refused message has no effect whatever it says it saw.
                Some(_) | None if record.refused().is_some() => {}
                Some(_) | None => scene.failures.add(Code::LegChain, &record.path, "leg_seen"),
            }
        }
    }
}

/// The cities that have not stated that the last message here is their last, and whether what is
/// stated agrees with what is here.
fn statements(
    scene: &mut Scene<'_>,
    leg: LegId,
    lanes: &BTreeMap<CityId, Lane<'_>>,
) -> (Vec<CityId>, bool) {
    let mut unstated: BTreeSet<CityId> = lanes.keys().cloned().collect();
    let mut agree = true;
    for record in scene.records.values() {
        let Some(statement) = record.statement() else { continue };
        if statement.leg_id != leg.0 || !scene.signed.contains(&record.digest) {
            continue;
        }
        let side = record.author().and_then(|side| lanes.get_key_value(&side));
        let Some((side, lane)) = side else {
            scene.failures.add(Code::StatementFalse, &record.path, "side");
            continue;
        };
        let last = lane.last_key_value().map_or(0, |(seq, _)| *seq);
        let stated = statement.last_leg_seq;
        let here = lane.get(&stated).map_or(Digest::ZERO, |step| step.1.digest);
        if stated > last {
            agree = false;
            let missing = format!("{side} states leg_seq {stated}");
            scene.failures.add(Code::LegGap, &record.path, missing);
        } else if here.0 != *statement.last_env_digest {
            agree = false;
            scene.failures.add(Code::StatementFalse, &record.path, side.as_str());
        } else if stated == last {
            unstated.remove(side);
        }
    }
    (unstated.into_iter().collect(), agree)
}
