//! Sections, erasures, consents and packs: what lies beside the signed bytes.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Parts;
use super::super::records::Record;
use super::super::verdict::{Gone, GoneBy, RecordVerdict, SectionVerdict};
use super::Scene;
use super::agreements::Agreements;
use super::content::{cited, made_on};
use super::persons;
use super::tombstones::Tombstones;
use crate::consent::{self, Needed};
use crate::day::Day;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::message::MessageFacts;
use crate::pack::Content;
use crate::section::{self, PERSON};
use crate::wire::message::Body;
use crate::wire::{self, EffectScope, Envelope};
use std::collections::{BTreeMap, BTreeSet};

/// Fills in the section verdicts and checks the consents.
pub(super) fn check(
    scene: &mut Scene<'_>,
    agreed: &Agreements,
    now_unix_s: Option<u64>,
    found: &mut [RecordVerdict],
) {
    let (parts, trust) = (scene.parts, scene.trust);
    let mut buried = Tombstones::load(parts, trust, now_unix_s, &mut scene.failures);
    for verdict in found {
        let record = &scene.records[&verdict.digest];
        if let Some((facts, _)) = record.message() {
            for (number, digest) in &facts.sections {
                let zone_of = |city: &CityId| {
                    let agreement = cited(agreed, facts)?;
                    Some(agreement.party(agreement.side_of(city)?).zone_offset_min)
                };
                let gone = buried.of(facts, digest, &zone_of);
                let said = slot(scene, agreed, (record, facts), (*number, *digest), gone);
                verdict.sections.push((*number, said));
            }
        }
    }
    strays(scene.parts, scene.records, &mut scene.failures);
    buried.strays(&mut scene.failures);
    consents(scene, agreed);
    let on = |facts: &MessageFacts| Some(made_on(cited(agreed, facts)?, facts).0);
    persons::check(scene.parts, scene.records, &mut scene.failures, &on);
    packs(scene);
}

/// Sections and erasures of messages that have no such slot, or are not here.
pub(super) fn strays(
    parts: &Parts,
    records: &BTreeMap<Digest, Record<'_>>,
    failures: &mut Failures,
) {
    let slots: BTreeSet<(Digest, u8)> = records
        .values()
        .filter_map(|record| Some((record.digest, record.message()?.0)))
        .flat_map(|(digest, facts)| facts.sections.iter().map(move |(number, _)| (digest, *number)))
        .collect();
    for (directory, keys) in [
        ("sections/", parts.sections.keys().collect::<Vec<_>>()),
        ("erasures/", parts.erasures.keys().collect()),
    ] {
        for key in keys.into_iter().filter(|key| !slots.contains(key)) {
            let path = layout::section(directory, &key.0, key.1);
            failures.add(Code::Unreferenced, path, "");
        }
    }
}

/// What is disclosed of a section, if it is.
pub(super) fn disclosed(
    parts: &Parts,
    failures: &mut Failures,
    (record, facts): (&Record<'_>, &MessageFacts),
    (number, signed): (u8, Digest),
) -> Option<SectionVerdict> {
    let found = parts.sections.get(&(record.digest, number))?;
    Some(match section::open(&facts.msg_id, found, &signed) {
        Ok(_) => SectionVerdict::Matches,
        Err(error) => {
            let path = layout::section("sections/", &record.digest, number);
            failures.add(Code::SectionFalse, path, error.to_string());
            SectionVerdict::Differs
        }
    })
}

fn slot(
    scene: &mut Scene<'_>,
    agreed: &Agreements,
    (record, facts): (&Record<'_>, &MessageFacts),
    (number, signed): (u8, Digest),
    mut gone: Vec<Gone>,
) -> SectionVerdict {
    if let Some(confirm) = scene.parts.erasures.get(&(record.digest, number)) {
        match erasure(scene, agreed, confirm, &signed, facts) {
            Some((on, city)) => gone.push(Gone { on, city, by: GoneBy::Confirmed }),
            None => {
                let path = layout::section("erasures/", &record.digest, number);
                scene.failures.add(Code::ErasureFalse, path, confirm.hex());
            }
        }
    }
    let of = (record, facts);
    let shown = disclosed(scene.parts, &mut scene.failures, of, (number, signed));
    shown.unwrap_or_else(|| not_shown(gone))
}

/// What is said of a section that is not in the bundle.
pub(super) fn not_shown(mut gone: Vec<Gone>) -> SectionVerdict {
    gone.sort();
    match gone.is_empty() {
        true => SectionVerdict::NotDisclosed,
        false => SectionVerdict::Erased(gone),
    }
}

/// When and by whom an ERASE CONFIRM says that a section is gone.
fn erasure(
    scene: &Scene<'_>,
    agreed: &Agreements,
    confirm: &Digest,
    signed: &Digest,
    of: &MessageFacts,
) -> Option<(Day, CityId)> {
    let record = scene.records.get(confirm).filter(|record| record.refused().is_none())?;
    let (facts, message) = record.message()?;
    let Some(Body::EraseConfirm(found)) = &message.body else { return None };
    let names = found.digests.iter().any(|digest| *digest == signed.0);
    let same_leg = facts.place.map(|place| place.leg) == of.place.map(|place| place.leg);
    let gone = found.scope() == EffectScope::Erased;
    let holds = names && same_leg && gone && scene.signed.contains(confirm);
    let on = made_on(cited(agreed, facts)?, facts).0;
    holds.then(|| (on, facts.sender().clone()))
}

/// Every consent cited is here, signed by one of the two cities, and covers what it opened.
fn consents(scene: &mut Scene<'_>, agreed: &Agreements) {
    let mut used = BTreeSet::new();
    for record in scene.records.values() {
        let Some((facts, _)) = record.message() else { continue };
        let Some(digest) = facts.consent else { continue };
        used.insert(digest);
        if record.refused().is_some() {
            continue;
        }
        let path = layout::dsse("consents/", &digest);
        if !scene.parts.consents.contains_key(&digest) {
            scene.failures.add(Code::ConsentMissing, path, record.digest.hex());
        } else if let Err((code, why)) = covers(scene, agreed, record, facts, &digest) {
            scene.failures.add(code, path, why);
        }
    }
    for digest in scene.parts.consents.keys().filter(|digest| !used.contains(digest)) {
        scene.failures.add(Code::Unreferenced, layout::dsse("consents/", digest), "");
    }
}

fn covers(
    scene: &Scene<'_>,
    agreed: &Agreements,
    record: &Record<'_>,
    facts: &MessageFacts,
    digest: &Digest,
) -> Result<(), (Code, String)> {
    let envelope = &scene.parts.consents[digest];
    let signer = scene.trust.signer(envelope, Kind::Consent, None);
    let signer = signer.map_err(|code| (code, String::new()))?;
    signer.allowed.map_err(|code| (code, String::new()))?;
    if ![facts.sender(), &facts.head.recipient].contains(&&signer.city) {
        return Err((Code::KeyOfAnother, signer.city.to_string()));
    }
    if scene.trust.is_revoked(&signer.city, &signer.fpr) {
        // It counts where the message that cites it still did, in the other city's log.
        let other = [facts.sender(), &facts.head.recipient].into_iter();
        let mut other = other.filter(|city| **city != signer.city).cloned();
        let good = other.any(|city| {
            let shown = scene.logs.proven.get(&(record.digest, city));
            shown.is_some_and(|proven| {
                let last = scene.trust.last_good(&signer.city, &signer.fpr, &proven.origin);
                last.is_some_and(|last| proven.index <= last)
            })
        });
        if !good {
            return Err((Code::KeyRevoked, signer.fpr.hex()));
        }
    }
    let cited = cited(agreed, facts).map(|agreement| made_on(agreement, facts));
    says_yes(scene.parts, (record, facts), envelope, cited)
}

/// Whether a consent is about the leg of a message, and covers what the message opens. `on`: the
/// civil date of the message, and its zone.
pub(super) fn says_yes(
    parts: &Parts,
    (record, facts): (&Record<'_>, &MessageFacts),
    envelope: &Envelope,
    on: Option<(Day, i32)>,
) -> Result<(), (Code, String)> {
    let fail = |why: String| (Code::ConsentFalse, why);
    let found: wire::Consent =
        envelope::payload(envelope).map_err(|error| fail(error.to_string()))?;
    consent::check(&found).map_err(|gap| fail(gap.to_string()))?;
    let place = facts.place.ok_or(fail("leg".to_owned()))?;
    if !facts.needs_consent() {
        let same = found.leg_id == place.leg.0;
        return if same { Ok(()) } else { Err(fail("leg".to_owned())) };
    }
    let (on, zone_offset_min) = on.ok_or((Code::AgreementMissing, String::new()))?;
    // Empty slots cannot be told from filled ones: the person block is filled for certain, others
    // where they are disclosed here.
    let disclosed = |number: &u8| {
        let shown = parts.sections.get(&(record.digest, *number));
        *number == PERSON || shown.is_some_and(|section| !section.disclosures.is_empty())
    };
    let sections: Vec<u8> = facts.section_numbers().into_iter().filter(disclosed).collect();
    let needed = Needed {
        leg: place.leg,
        from_office: facts.from_office.as_str(),
        to_office: facts.to_office.as_str(),
        purpose: facts.purpose,
        sections: &sections,
        on,
        zone_offset_min,
    };
    consent::covers(&found, &needed).map_err(|gap| fail(gap.to_string()))
}

fn packs(scene: &mut Scene<'_>) {
    for (digest, envelope) in &scene.parts.packs {
        let path = layout::dsse("packs/", digest);
        match scene.trust.signer(envelope, Kind::Pack, None) {
            Err(code) => scene.failures.add(code, &path, ""),
            Ok(signer) => {
                if let Err(code) = signer.allowed {
                    scene.failures.add(code, &path, "");
                }
            }
        }
        if let Err(error) = Content::of_envelope(envelope) {
            scene.failures.add(Code::FileForm, &path, error.to_string());
        }
    }
}
