//! The agreement: proposed by one city, counter-signed by the other, both acts in both logs.

use super::super::code::Code;
use super::super::layout;
use super::super::records::Record;
use super::super::verdict::{Agreed, Holds};
use super::Scene;
use crate::agreement::Agreement;
use crate::envelope;
use crate::id::{AgreementId, CityId, Digest};
use crate::kinds::Kind;
use crate::wire::{self, ActType, Envelope};
use std::collections::BTreeMap;

/// The agreements that hold, by id and version.
pub(super) struct Agreements {
    pub(super) by_version: BTreeMap<(AgreementId, u32), Agreement>,
    pub(super) verdicts: Vec<Agreed>,
}

/// Checks every agreement version here.
pub(super) fn check(scene: &mut Scene<'_>) -> Agreements {
    let mut found = Agreements { by_version: BTreeMap::new(), verdicts: Vec::new() };
    for (digest, envelope) in &scene.parts.agreements {
        let path = layout::dsse("agreement/", digest);
        let agreement = match open(scene, envelope) {
            Ok(agreement) => agreement,
            Err((code, why)) => {
                scene.failures.add(code, path, why);
                continue;
            }
        };
        let (id, version) = (agreement.id, agreement.wire.version);
        let signed = match countersigned(scene, digest, envelope, &agreement) {
            Ok(()) => true,
            Err(why) => {
                scene.failures.add(Code::AgreementNotSigned, &path, why);
                false
            }
        };
        found.verdicts.push(Agreed { id, version, digest: *digest, signed: Holds::of(signed) });
        if found.by_version.insert((id, version), agreement).is_some() {
            scene.failures.add(Code::Equivocation, path, "agreement version");
        }
    }
    for ((id, version), agreement) in &found.by_version {
        let before = found.by_version.get(&(*id, version.saturating_sub(1)));
        let earlier = found.by_version.range((*id, 0)..(*id, *version)).map(|(_, found)| found);
        if let Err(why) = agreement.follows(before).and_then(|()| agreement.goes_on(earlier)) {
            scene.failures.add(Code::AgreementFalse, "", why.to_string());
        }
    }
    found
}

fn open(scene: &Scene<'_>, envelope: &Envelope) -> Result<Agreement, (Code, String)> {
    let signer = scene.trust.signer(envelope, Kind::Agreement, None);
    let signer = signer.map_err(|code| (code, String::new()))?;
    signer.allowed.map_err(|code| (code, String::new()))?;
    let found: wire::Agreement =
        envelope::payload(envelope).map_err(|error| (Code::AgreementFalse, error.to_string()))?;
    let agreement =
        Agreement::check(&found).map_err(|flaw| (Code::AgreementFalse, flaw.to_string()))?;
    if agreement.side_of(&signer.city).is_none() {
        return Err((Code::AgreementFalse, "signed by a city that is no party".to_owned()));
    }
    for (city, party) in agreement.cities.iter().zip(&agreement.wire.parties) {
        // The paper agreement binds a city id to its root; so does this.
        match scene.trust.root(city) {
            None => return Err((Code::RootNotGiven, city.to_string())),
            Some(root) if root.0 != *party.root_fpr => {
                return Err((Code::AgreementFalse, format!("root_fpr of {city}")));
            }
            Some(_) => {}
        }
    }
    Ok(agreement)
}

fn countersigned(
    scene: &Scene<'_>,
    digest: &Digest,
    envelope: &Envelope,
    agreement: &Agreement,
) -> Result<(), &'static str> {
    let acts = || {
        scene.records.values().filter(|record| {
            let of_this = record.head().is_some_and(|head| head.agreement == agreement.id);
            of_this && record.refused().is_none() && scene.signed.contains(&record.digest)
        })
    };
    let proposed = acts().find(|record| {
        record.act().is_some_and(|act| {
            matches!(act.act, ActType::Propose | ActType::CounterPropose)
                && act.carried.as_ref() == Some(envelope)
        })
    });
    let proposer = proposed.and_then(Record::author).ok_or("no act proposes it")?;
    let countersigned = acts().find(|record| {
        let names = record
            .act()
            .is_some_and(|act| act.act == ActType::Countersign && act.subject == Some(*digest));
        names && record.author().is_some_and(|author| author != proposer)
    });
    let countersigned = countersigned.ok_or("the other city has not counter-signed it")?;
    let in_both = |record: &Record<'_>| {
        let shown = |city: &CityId| scene.logs.proven.contains_key(&(record.digest, city.clone()));
        agreement.cities.iter().all(shown)
    };
    let party = |record: &Record<'_>| {
        record.author().is_some_and(|author| agreement.side_of(&author).is_some())
    };
    let both = proposed.into_iter().chain([countersigned]).all(|act| in_both(act) && party(act));
    if both { Ok(()) } else { Err("an act is not proven in both logs") }
}
