//! Who the person is, and which side says what, as the messages of a leg open it: the rules that the
//! receiving node asked.

use super::super::code::{Code, Failures};
use super::super::parts::Parts;
use super::super::records::Record;
use crate::day::Day;
use crate::id::{Digest, LegId};
use crate::kinds::PartySide;
use crate::message::{LegPlace, MessageFacts, OfPerson, check_person, opens_person};
use crate::refusal::Refusal;
use crate::section::{self, MAY_WORK, PERSON, PERSON_AGE_BAND, Value};
use crate::wire;
use crate::wire::message::Body;
use std::collections::BTreeMap;

/// A message of a leg that was not refused.
struct Step<'a> {
    digest: Digest,
    path: &'a str,
    place: LegPlace,
    facts: &'a MessageFacts,
    message: &'a wire::Message,
}

impl Step<'_> {
    fn side(&self) -> PartySide {
        self.facts.head.lane.side()
    }
}

/// Checks every message that could say who somebody is. `made_on`: the civil date of a message.
pub(super) fn check(
    parts: &Parts,
    records: &BTreeMap<Digest, Record<'_>>,
    failures: &mut Failures,
    made_on: &dyn Fn(&MessageFacts) -> Option<Day>,
) {
    let mut legs: BTreeMap<LegId, Vec<Step<'_>>> = BTreeMap::new();
    for record in records.values().filter(|record| record.refused().is_none()) {
        let Some((facts, message)) = record.message() else { continue };
        let Some(place) = facts.place else { continue };
        let (digest, path) = (record.digest, record.path.as_str());
        legs.entry(place.leg).or_default().push(Step { digest, path, place, facts, message });
    }
    for steps in legs.values() {
        let opening = steps.iter().find(|step| step.place.seq == 1 && opens_leg(step));
        let Some(opening) = opening else { continue };
        let first = steps.iter().find(|step| opens_person(step.message));
        let first = first.map_or(Vec::new(), |step| opened(parts, step));
        let works = opening.message.service() == wire::Service::Employment;
        for step in steps {
            let Some(on) = made_on(step.facts) else { continue };
            let said = OfPerson {
                message: step.message,
                by_initiator: step.side() == opening.side(),
                opened: &opened(parts, step),
                first: &first,
                on,
            };
            let shown = parts.sections.keys().filter(|(of, _)| *of == step.digest);
            let numbers = shown.map(|(_, number)| *number);
            if !section::opens_own(step.facts.kind, said.by_initiator, numbers) {
                let why = Refusal::SectionNotCovered.name();
                failures.add(Code::NotAuthorised, step.path, why);
            }
            let past = steps.iter().filter(|earlier| is_before(steps, earlier, step));
            // No correction changes it.
            let band = age_band(&first);
            if works && is_fulfilled(step.message) && band.is_some_and(|band| band < MAY_WORK) {
                failures.add(Code::CaseLaw, step.path, "V14: under 16 in a job");
            }
            if let Err(refusal) = check_person(&said, past.map(|earlier| earlier.message)) {
                let code = match refusal == Refusal::ConsentInvalid {
                    true => Code::ConsentFalse,
                    false => Code::MessageForm,
                };
                failures.add(code, step.path, format!("person: {}", refusal.name()));
            }
        }
    }
}

/// The age band of a person block that is open here.
fn age_band(opened: &[(u32, Value)]) -> Option<u64> {
    opened.iter().find_map(|(field, value)| match value {
        Value::Number(band) if *field == PERSON_AGE_BAND => Some(*band),
        Value::Number(_) | Value::Text(_) | Value::Flag(_) => None,
    })
}

/// Whether it says that what was asked for has come about.
fn is_fulfilled(message: &wire::Message) -> bool {
    matches!(&message.body, Some(Body::Outcome(outcome)) if outcome.not_realised == 0)
}

fn opens_leg(step: &Step<'_>) -> bool {
    use wire::MessageType::{Offer, Request};
    matches!(step.facts.kind, Offer | Request)
}

/// What its author had said before a message, and what it had seen of the other side.
fn is_before(all: &[Step<'_>], earlier: &Step<'_>, step: &Step<'_>) -> bool {
    if earlier.side() == step.side() {
        return earlier.place.seq < step.place.seq;
    }
    let seen = all.iter().find(|other| other.digest == step.place.seen);
    seen.is_some_and(|seen| earlier.place.seq <= seen.place.seq)
}

/// What is here of the person block of a message.
fn opened(parts: &Parts, step: &Step<'_>) -> Vec<(u32, Value)> {
    let found = parts.sections.get(&(step.digest, PERSON)).zip(step.facts.section(PERSON));
    let values =
        found.and_then(|(found, signed)| section::open(&step.facts.msg_id, found, &signed).ok());
    values.unwrap_or_default()
}
