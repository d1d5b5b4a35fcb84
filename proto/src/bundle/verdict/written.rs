//! The verdicts as JSON.

use super::{
    Agreed, Bound, CaseVerdict, CityVerdict, Completeness, Cosigner, EpochVerdict, Gone, GoneBy,
    InLog, LegVerdict, PolicyMet, RecordVerdict, SectionVerdict, Verdicts,
};
use crate::bundle::code::Failure;
use crate::bundle::{CAVEAT_EN, CAVEAT_ZH, json};
use crate::id::CityId;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Verdicts {
    /// The verdicts as compact JSON with sorted keys.
    pub fn to_json(&self) -> String {
        let mut found = json!({
            "agreements": self.agreements.iter().map(agreed).collect::<Vec<_>>(),
            "all_hold": self.all_hold(),
            "caveat": { "en": CAVEAT_EN, "zh": CAVEAT_ZH },
            "cities": self.cities.iter().map(city).collect::<Vec<_>>(),
            "cosigned": self.policies().iter().map(policy).collect::<Map<_, _>>(),
            "cosigners_not_judged": self.not_judged.iter().map(city).collect::<Vec<_>>(),
            "epochs": self.epochs.iter().map(epoch).collect::<Vec<_>>(),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "legs": self.legs.iter().map(leg).collect::<Vec<_>>(),
            "records": self.records.iter().map(record).collect::<Vec<_>>(),
        });
        if self.within {
            found["within_one_city"] = Value::Bool(true);
        }
        json::write(&found)
    }
}

fn agreed(found: &Agreed) -> Value {
    json!({
        "env_digest": found.digest.hex(),
        "id": found.id.hex(),
        "signed_by_both": found.signed.name(),
        "version": found.version,
    })
}

pub(in crate::bundle) fn city(found: &CityVerdict) -> Value {
    json!({
        "id": found.city.as_str(),
        "manifest_version": found.manifest_version,
        "root": found.root.hex(),
    })
}

pub(in crate::bundle) fn policy(
    (city, counts): (&CityId, &BTreeMap<&'static str, u64>),
) -> (String, Value) {
    let count = |met: PolicyMet| counts.get(met.name()).copied().unwrap_or_default();
    let counts = PolicyMet::ALL.map(|met| (met.name().to_owned(), Value::from(count(met))));
    (city.to_string(), Value::Object(counts.into_iter().collect()))
}

pub(in crate::bundle) fn epoch(found: &EpochVerdict) -> Value {
    json!({
        "city": found.city.as_str(),
        "declared_unix_ms": found.declared_unix_ms,
        "ended": found.ended,
        "next": found.next,
        "reason": found.reason.as_str_name(),
        "size": found.size,
    })
}

fn bound(bound: &Option<Bound>) -> Value {
    bound.as_ref().map(|bound| json!({ "by": bound.by, "unix_s": bound.unix_s })).into()
}

fn gone(found: &Gone) -> Value {
    let mut value = json!({ "by": found.city.as_str(), "on": found.on.number() });
    match &found.by {
        GoneBy::Confirmed => value["shown_by"] = "confirmation".into(),
        GoneBy::Logged { reason, claimed_unix_ms, origin, index, not_after } => {
            value["shown_by"] = "tombstone".into();
            value["reason"] = reason.word().into();
            value["claimed_unix_ms"] = (*claimed_unix_ms).into();
            value["origin"] = origin.as_str().into();
            value["index"] = (*index).into();
            value["not_after"] = bound(not_after);
        }
    }
    value
}

fn failure(found: &Failure) -> Value {
    json!({
        "code": found.code.name(),
        "detail": found.detail,
        "en": found.code.en(),
        "file": found.file,
        "zh": found.code.zh(),
    })
}

fn leg(found: &LegVerdict) -> Value {
    let last = found.last.iter().map(|(city, seq)| (city.to_string(), Value::from(*seq)));
    let (complete, unstated) = match &found.complete {
        Completeness::Complete => ("complete", Vec::new()),
        Completeness::LaterMayExist(cities) => {
            ("later_messages_may_exist", cities.iter().map(CityId::to_string).collect())
        }
        Completeness::Gap => ("gap", Vec::new()),
    };
    let case = match &found.case {
        CaseVerdict::NotReplayed => json!({ "verdict": "not_replayed" }),
        CaseVerdict::Legal(stage) => json!({ "stage": stage, "verdict": "legal" }),
        CaseVerdict::Illegal(what) => json!({ "verdict": "illegal", "what": what }),
    };
    json!({
        "case_law": case,
        "complete": complete,
        "id": found.leg.hex(),
        "last": last.collect::<serde_json::Map<String, Value>>(),
        "unstated": unstated,
    })
}

fn record(found: &RecordVerdict) -> Value {
    let log = |log: &InLog| {
        json!({
            "city": log.city.as_str(),
            "holds": log.holds.name(),
            "index": log.index,
            "origin": log.origin,
            "policy": log.policy.name(),
            "size": log.size,
        })
    };
    let cosigner = |found: &Cosigner| {
        json!({
            "by": found.by,
            "independent": found.independent,
            "origin": found.origin,
            "unix_s": found.unix_s,
        })
    };
    let section = |(number, verdict): &(u8, SectionVerdict)| match verdict {
        SectionVerdict::Matches => json!({ "section": number, "verdict": "matches" }),
        SectionVerdict::Differs => json!({ "section": number, "verdict": "differs" }),
        SectionVerdict::NotDisclosed => json!({ "section": number, "verdict": "not_disclosed" }),
        SectionVerdict::Erased(all) => json!({
            "by": all.first().map(|gone| gone.city.as_str()),
            "erasures": all.iter().map(gone).collect::<Vec<_>>(),
            "on": all.first().map(|gone| gone.on.number()),
            "section": number,
            "verdict": "erased",
        }),
    };
    json!({
        "author": found.author.as_ref().map(CityId::as_str),
        "cosigners": found.cosigners.iter().map(cosigner).collect::<Vec<_>>(),
        "env_digest": found.digest.hex(),
        "key": found.key.name(),
        "kind": found.kind.number(),
        "lane": found.lane.map(|(lane, _)| lane),
        "lane_seq": found.lane.map(|(_, seq)| seq),
        "leg": found.leg.map(|(leg, _)| leg.hex()),
        "leg_seq": found.leg.map(|(_, seq)| seq),
        "logs": found.logs.iter().map(log).collect::<Vec<_>>(),
        "receipt": found.receipt.name(),
        "sections": found.sections.iter().map(section).collect::<Vec<_>>(),
        "signature": found.signature.name(),
        "time": {
            "claimed_unix_ms": found.time.claimed_unix_ms,
            "not_after": bound(&found.time.not_after),
            "not_before": bound(&found.time.not_before),
        },
        "what": found.what,
    })
}
