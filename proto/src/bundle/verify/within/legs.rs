//! The legs: two lanes of messages in the name of one city, of whoever began the leg and of whoever
//! examines it.

use super::super::super::code::Code;
use super::super::super::records::Record;
use super::super::super::verdict::{CaseVerdict, Completeness, LegVerdict};
use super::super::content::made_on;
use super::super::replay::{Packless, stage_of};
use super::Scene;
use crate::agreement::{Agreement, Asked};
use crate::case::{self, Both, Proof, Side, Verdict};
use crate::day::Day;
use crate::id::{CityId, Digest, LegId};
use crate::kinds::PartySide;
use crate::message::{Context, LegPlace, MessageFacts, act_of, duty_of, examiner_office, rules};
use crate::refusal::Refusal;
use crate::section;
use crate::wire::message::Body;
use crate::wire::{self, MessageType};
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// A message that can be read.
#[derive(Clone, Copy)]
struct Step<'a> {
    place: LegPlace,
    facts: &'a MessageFacts,
    message: &'a wire::Message,
    record: &'a Record<'a>,
}

/// The messages of a side by `leg_seq`.
type Lane<'a> = BTreeMap<u32, Step<'a>>;

/// A leg as far as it is here.
struct History<'a> {
    leg: LegId,
    lanes: Both<Lane<'a>>,
    known: BTreeMap<Digest, (Side, u32)>,
}

/// Checks every leg.
pub(super) fn check(scene: &mut Scene<'_>) -> Vec<LegVerdict> {
    let mut legs: BTreeMap<LegId, Vec<(Side, Step<'_>)>> = BTreeMap::new();
    for record in scene.records.values() {
        let Some((facts, message)) = record.message() else { continue };
        let Some(place) = facts.place else { continue };
        let side = match facts.head.lane.side() {
            PartySide::A => Side::Initiator,
            PartySide::B => Side::Examiner,
        };
        let step = Step { place, facts, message, record };
        legs.entry(place.leg).or_default().push((side, step));
    }
    for record in scene.records.values() {
        let Some(statement) = record.statement() else { continue };
        let known = LegId::from_slice(&statement.leg_id).is_some_and(|leg| legs.contains_key(&leg));
        if !known {
            scene.failures.add(Code::Unreferenced, &record.path, "leg");
        }
    }
    legs.into_iter().map(|(leg, steps)| check_leg(scene, leg, steps)).collect()
}

fn check_leg<'a>(scene: &mut Scene<'a>, leg: LegId, steps: Vec<(Side, Step<'a>)>) -> LegVerdict {
    let mut lanes = Both { initiator: Lane::new(), examiner: Lane::new() };
    let mut known = BTreeMap::new();
    let (total, mut doubled) = (steps.len(), false);
    for (side, step) in steps {
        known.insert(step.record.digest, (side, step.place.seq));
        let lane = match side {
            Side::Initiator => &mut lanes.initiator,
            Side::Examiner => &mut lanes.examiner,
        };
        if lane.insert(step.place.seq, step).is_some() {
            scene.failures.add(Code::Equivocation, &step.record.path, "leg_seq");
            doubled = true;
        }
    }
    let history = History { leg, lanes, known };
    let mut whole = !doubled;
    for side in Side::BOTH {
        whole &= is_whole(scene, history.lanes.of(side));
        whole &= has_seen(scene, &history, side);
    }
    let opening = history.lanes.initiator.get(&1).copied();
    let opens =
        |step: &Step<'_>| matches!(step.facts.kind, MessageType::Offer | MessageType::Request);
    let Some(opening) = opening.filter(opens) else {
        scene.failures.add(Code::LegGap, "", format!("{} has no opening", leg.hex()));
        return verdict(leg, Vec::new(), Completeness::Gap, CaseVerdict::NotReplayed);
    };
    same_subject(scene, &history, &opening);
    let (stated, agree) = statements(scene, &history);
    let city = opening.facts.sender().clone();
    let complete = match (whole && agree, stated) {
        (false, _) => Completeness::Gap,
        (true, true) => Completeness::Complete,
        (true, false) => Completeness::LaterMayExist(vec![city.clone()]),
    };
    let told = complete != Completeness::Gap;
    let case = match scene.law.clone().filter(|_| told) {
        Some(law) => replay(scene, &law, &history, &opening),
        None => CaseVerdict::NotReplayed,
    };
    verdict(leg, vec![(city, total as u32)], complete, case)
}

fn verdict(
    leg: LegId,
    last: Vec<(CityId, u32)>,
    complete: Completeness,
    case: CaseVerdict,
) -> LegVerdict {
    LegVerdict { leg, last, complete, case }
}

/// Whether a lane runs from 1 without a hole, each naming the one before.
fn is_whole(scene: &mut Scene<'_>, lane: &Lane<'_>) -> bool {
    let mut last = (0, Digest::ZERO);
    let mut whole = true;
    for (seq, step) in lane {
        let path = &step.record.path;
        if *seq != last.0 + 1 {
            scene.failures.add(Code::LegGap, path, format!("leg_seq {}", last.0 + 1));
            whole = false;
        } else if step.place.prev != last.1 {
            scene.failures.add(Code::LegChain, path, "leg_prev");
            whole = false;
        }
        last = (*seq, step.record.digest);
    }
    whole
}

/// Whether what the messages of a side had seen of the other one is here, and never goes back.
fn has_seen(scene: &mut Scene<'_>, history: &History<'_>, side: Side) -> bool {
    let (mut latest, mut whole) = (0, true);
    for step in history.lanes.of(side).values() {
        match history.seen(side, step) {
            Some(seen) if seen >= latest => latest = seen,
            Some(_) | None => {
                scene.failures.add(Code::LegChain, &step.record.path, "leg_seen");
                whole = false;
            }
        }
    }
    whole
}

/// A leg is one service for one person in one case, between two offices; which one examines it
/// changes with a REDIRECT.
fn same_subject(scene: &mut Scene<'_>, history: &History<'_>, opening: &Step<'_>) {
    let of = |step: &Step<'_>| (step.place.case, step.facts.service, step.facts.sender().clone());
    let first = of(opening);
    let (initiator, opened) =
        (opening.facts.from_office.as_str(), opening.facts.to_office.as_str());
    for side in Side::BOTH {
        for step in history.lanes.of(side).values() {
            let known = match side {
                Side::Initiator => history.seen(side, step).unwrap_or(0),
                Side::Examiner => step.place.seq.saturating_sub(1),
            };
            let examiner = examiner_office(opened, history.redirects(), known);
            let offices = match side {
                Side::Initiator => (initiator, examiner),
                Side::Examiner => (examiner, initiator),
            };
            let named = (step.facts.from_office.as_str(), step.facts.to_office.as_str());
            if of(step) != first || named != offices {
                let what = "case, service, city or offices";
                scene.failures.add(Code::LegChain, &step.record.path, what);
            }
        }
    }
}

/// Whether the city has stated of both lanes that the last message here is their last, and whether
/// what it stated agrees with what is here. Vouches for the lanes it stated.
fn statements(scene: &mut Scene<'_>, history: &History<'_>) -> (bool, bool) {
    let (mut stated, mut agree) = (BTreeSet::new(), true);
    for record in scene.records.values() {
        let Some(statement) = record.statement() else { continue };
        let counts = scene.signed.contains(&record.digest);
        if statement.leg_id != history.leg.0 || !counts {
            continue;
        }
        let seq = statement.last_leg_seq;
        let named = Digest::from_slice(&statement.last_env_digest);
        let known = named.and_then(|digest| history.known.get(&digest));
        match known {
            // Of the examiner, who has not spoken: the leg exists because the other side has.
            None if seq == 0 => {
                if history.lanes.examiner.is_empty() {
                    stated.insert(Side::Examiner);
                }
            }
            None => {
                agree = false;
                scene.failures.add(Code::LegGap, &record.path, format!("states leg_seq {seq}"));
            }
            Some((_, at)) if *at != seq => {
                agree = false;
                scene.failures.add(Code::StatementFalse, &record.path, "leg_seq");
            }
            Some((side, at)) => {
                let lane = history.lanes.of(*side);
                if lane.last_key_value().is_some_and(|(last, _)| last == at) {
                    stated.insert(*side);
                }
                if !scene.old_key.contains(&record.digest) {
                    let before = lane.range(..=*at).map(|(_, step)| step.record.digest);
                    scene.vouched.extend(before);
                }
            }
        }
    }
    (stated.len() == 2, agree)
}

/// The case law, asked once more.
fn replay(
    scene: &mut Scene<'_>,
    law: &Agreement,
    history: &History<'_>,
    opening: &Step<'_>,
) -> CaseVerdict {
    let mut leg = case::Leg::new(rules(opening.facts.service));
    let ready = |leg: &case::Leg, side: &Side| {
        let step = history.lanes.of(*side).get(&(leg.len(*side) + 1));
        step.and_then(|step| history.seen(*side, step))
            .is_some_and(|seen| seen <= leg.len(side.other()))
    };
    while let Some(side) = Side::BOTH.into_iter().find(|side| ready(&leg, side)) {
        let step = history.lanes.of(side)[&(leg.len(side) + 1)];
        let Some(judged) = judge(scene, law, history, &leg, (side, &step)) else {
            return CaseVerdict::NotReplayed;
        };
        let admitted = match judged {
            Ok(act) => leg.admit(act, Verdict::Legal).is_ok(),
            Err(why) => {
                let kind = words::message(step.facts.kind).en;
                let what = format!("lane {side:?}, leg_seq {}, {kind}: {why}", step.place.seq);
                scene.failures.add(Code::CaseLaw, &step.record.path, &what);
                return CaseVerdict::Illegal(what);
            }
        };
        if !admitted {
            return CaseVerdict::NotReplayed;
        }
    }
    let all = history.lanes.initiator.len() + history.lanes.examiner.len();
    match leg.places().count() == all {
        true => CaseVerdict::Legal(stage_of(&leg)),
        false => CaseVerdict::NotReplayed,
    }
}

/// The next message of a side as the law's act, or why it is none. `None` if it is not signed.
fn judge(
    scene: &mut Scene<'_>,
    law: &Agreement,
    history: &History<'_>,
    leg: &case::Leg,
    (side, step): (Side, &Step<'_>),
) -> Option<Result<case::Act, String>> {
    if !scene.signed.contains(&step.record.digest) {
        return None;
    }
    let (on, _) = made_on(law, step.facts);
    if let Err(why) = authorised(law, side, step, on) {
        scene.failures.add(Code::NotAuthorised, &step.record.path, why);
    }
    let proof = match &step.message.body {
        Some(Body::Expire(expire)) => history.silence(law, leg, side, expire),
        Some(_) | None => None,
    };
    let consent_live = !step.message.consent_digest.is_empty();
    let context = Context { made_on: on, consent_live, proof };
    let question = |digest: &Digest| history.known.get(digest).map(|(_, seq)| *seq);
    let seen = history.seen(side, step)?;
    let act = act_of(step.message, side, step.place.seq, seen, context, &question);
    let Ok(act) = act else { return Some(Err("what it cites proves nothing".to_owned())) };
    let calendar = Packless { made_on: on, strict: false };
    Some(leg.judge(&act, &calendar).map(|()| act).map_err(|why| format!("{} {why}", why.number())))
}

fn authorised(law: &Agreement, side: Side, step: &Step<'_>, on: Day) -> Result<(), &'static str> {
    let facts = step.facts;
    let sender = match side {
        Side::Initiator => PartySide::A,
        Side::Examiner => PartySide::B,
    };
    if let Some(Body::Redirect(to)) = &step.message.body
        && !law.is_competent(sender, &to.office, facts.service)
    {
        return Err(Refusal::OfficeNotCovered.name());
    }
    let holder = if section::is_pull(facts.service) { PartySide::B } else { PartySide::A };
    let asked = Asked {
        sender,
        message: facts.kind,
        service: facts.service,
        from_office: facts.from_office.as_str(),
        to_office: facts.to_office.as_str(),
        purpose: facts.purpose,
        holder,
        on,
    };
    law.authorise(&asked).map_err(|refusal| refusal.name())
}

impl History<'_> {
    /// Place and office of every REDIRECT.
    fn redirects(&self) -> impl Iterator<Item = (u32, &str)> {
        self.lanes.examiner.iter().filter_map(|(seq, step)| match &step.message.body {
            Some(Body::Redirect(redirect)) => Some((*seq, redirect.office.as_str())),
            Some(_) | None => None,
        })
    }

    /// The place in the other lane that a message has seen; `None` if it names nothing there.
    fn seen(&self, by: Side, step: &Step<'_>) -> Option<u32> {
        if step.place.seen.is_zero() {
            return Some(0);
        }
        let (side, seq) = self.known.get(&step.place.seen)?;
        (*side == by.other()).then_some(*seq)
    }

    /// What stands behind an EXPIRE: a REMIND of the same side about the same duty.
    fn silence(
        &self,
        law: &Agreement,
        leg: &case::Leg,
        by: Side,
        expire: &wire::Expire,
    ) -> Option<Proof> {
        let named = Digest::from_slice(&expire.receipt)?;
        let (_, seq) = self.known.get(&named).filter(|(side, _)| *side == by)?;
        let act = leg.place(by, *seq)?.legal()?;
        let duty = duty_of(expire.duty());
        let case::Kind::Remind { duty: about } = act.kind else { return None };
        let step = self.lanes.of(by).get(seq)?;
        let (received_on, _) = made_on(law, step.facts);
        (Some(about) == duty).then_some(Proof::Silence { received_on, covers: act.seen })
    }
}
