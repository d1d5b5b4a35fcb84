//! What the agreement allows, and what cites or is cited.

use super::super::code::Code;
use super::Scene;
use super::agreements::Agreements;
use super::legs::{Leg, Offices};
use crate::agreement::{Agreement, Asked};
use crate::day::Day;
use crate::id::{AgreementId, CityId, LegId};
use crate::kinds::PartySide;
use crate::message::MessageFacts;
use crate::refusal::Refusal;
use crate::section;
use crate::wire;
use crate::wire::message::Body;
use std::collections::BTreeMap;

/// What the first message of a leg has fixed.
struct Opening<'a> {
    initiator: &'a CityId,
    offices: &'a Offices,
}

/// Every message that was not refused cites an agreement version that is here and allows it.
pub(super) fn check(scene: &mut Scene<'_>, agreed: &Agreements, legs: &[Leg]) {
    let openings: BTreeMap<LegId, Opening<'_>> = legs
        .iter()
        .filter_map(|leg| {
            let (initiator, offices) = (leg.initiator.as_ref()?, leg.offices.as_ref()?);
            Some((leg.verdict.leg, Opening { initiator, offices }))
        })
        .collect();
    let mut live: BTreeMap<AgreementId, BTreeMap<u32, Agreement>> = BTreeMap::new();
    for ((id, version), agreement) in &agreed.by_version {
        live.entry(*id).or_default().insert(*version, agreement.clone());
    }
    let none = BTreeMap::new();
    for record in scene.records.values().filter(|record| record.refused().is_none()) {
        let Some((facts, message)) = record.message() else { continue };
        let Some(agreement) = cited(agreed, facts) else {
            let version = format!("version {}", facts.head.agreement_version);
            scene.failures.add(Code::AgreementMissing, &record.path, version);
            continue;
        };
        let live = live.get(&facts.head.agreement).unwrap_or(&none);
        if let Err(why) = authorised((agreement, live), (facts, message), &openings) {
            scene.failures.add(Code::NotAuthorised, &record.path, why);
        }
    }
}

/// The agreement version that a message cites.
pub(super) fn cited<'a>(agreed: &'a Agreements, facts: &MessageFacts) -> Option<&'a Agreement> {
    agreed.by_version.get(&(facts.head.agreement, facts.head.agreement_version))
}

/// The civil date of a message, in the zone of its sender's calendar.
pub(super) fn made_on(agreement: &Agreement, facts: &MessageFacts) -> (Day, i32) {
    let side = agreement.side_of(facts.sender()).unwrap_or(PartySide::A);
    let zone = agreement.party(side).zone_offset_min;
    (Day::of_unix_ms(facts.head.created_unix_ms, zone), zone)
}

fn authorised(
    (agreement, live): (&Agreement, &BTreeMap<u32, Agreement>),
    (facts, message): (&MessageFacts, &wire::Message),
    openings: &BTreeMap<LegId, Opening<'_>>,
) -> Result<(), String> {
    let side = |city: &CityId| agreement.side_of(city).ok_or_else(|| format!("{city} is no party"));
    let (sender, _) = (side(facts.sender())?, side(&facts.head.recipient)?);
    // Without a leg there is no holder to compare with.
    let Some(place) = facts.place else { return Ok(()) };
    let Some(opening) = openings.get(&place.leg) else { return Ok(()) };
    let initiator = side(opening.initiator)?;
    let at = facts.head.agreement_version;
    let expected = opening.offices.expected((sender, initiator), &place, (live, at));
    let competent = match &message.body {
        Some(Body::Redirect(to)) => agreement.is_competent(sender, &to.office, facts.service),
        Some(_) | None => true,
    };
    if [facts.from_office.as_str(), facts.to_office.as_str()] != expected || !competent {
        return Err(Refusal::OfficeNotCovered.name().to_owned());
    }
    let holder = if section::is_pull(facts.service) { initiator.other() } else { initiator };
    let asked = Asked {
        sender,
        message: facts.kind,
        service: facts.service,
        from_office: facts.from_office.as_str(),
        to_office: facts.to_office.as_str(),
        purpose: facts.purpose,
        holder,
        on: made_on(agreement, facts).0,
    };
    agreement.authorise(&asked).map_err(|refusal| refusal.name().to_owned())
}
