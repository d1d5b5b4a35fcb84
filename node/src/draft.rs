//! An agreement draft as people write it: TOML, an unknown key is an error.

use crate::batch::Batch;
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::section::{Phase, TABLE};
use jieli_proto::wire::{self, Duty, HolderSide, LegalBasis, OfficeKind, Service};
use jieli_proto::{agreement, words};
use serde::{Deserialize, Serialize};

mod copy;

pub use copy::copy;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// Continue this agreement with its next version; absent for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement_id: Option<String>,
    #[serde(default = "one", skip_serializing_if = "is_first")]
    version: u32,
    valid_from: String,
    valid_to: String,
    #[serde(default = "thirty")]
    wind_down_days: u32,
    no_fee_to_person: bool,
    no_target: bool,
    #[serde(default)]
    assessment_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment_date: Option<String>,
    #[serde(default)]
    review_dates: Vec<String>,
    party: Vec<Party>,
    service: Vec<Rule>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Party {
    city: String,
    legal_name: String,
    credit_code: String,
    liaison_posts: Vec<String>,
    approver_posts: Vec<String>,
    #[serde(default)]
    grievance_bodies: Vec<String>,
    #[serde(default = "languages")]
    languages: Vec<String>,
    #[serde(default)]
    sub_processors: Vec<String>,
    #[serde(default = "calendar")]
    calendar: String,
    #[serde(default = "zone")]
    zone_offset_min: i32,
    office: Vec<Office>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Office {
    credit_code: String,
    kind: String,
    name: String,
    telephone: String,
    /// Offices of this city that it takes over from; they stood in the version before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    succeeds: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    kind: String,
    /// City ids that may hold the record or send the person.
    holders: Vec<String>,
    #[serde(default)]
    divisions: Vec<String>,
    #[serde(default = "retention")]
    retention_days: u32,
    #[serde(default, skip_serializing_if = "is_none")]
    ceiling_open_cases: u32,
    /// Kinds of offices that decide items of the service beside the one that handles it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also_decided_by: Vec<String>,
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    working_days: std::collections::BTreeMap<String, u32>,
}

fn is_first(version: &u32) -> bool {
    *version == 1
}

fn is_none(ceiling: &u32) -> bool {
    *ceiling == 0
}

fn one() -> u32 {
    1
}

fn thirty() -> u32 {
    30
}

fn retention() -> u32 {
    180
}

fn languages() -> Vec<String> {
    vec!["zh-CN".to_owned()]
}

fn calendar() -> String {
    "cn".to_owned()
}

fn zone() -> i32 {
    480
}

/// Parses a draft. End points and root fingerprints come from what this node knows of the cities,
/// so that nobody can mistype them into a contract.
/// `of` is the agreement it has to be a text of, whatever the draft says.
pub fn parse(text: &str, batch: &Batch<'_>, of: Option<AgreementId>) -> Outcome<wire::Agreement> {
    let draft: Draft = toml::from_str(text)
        .map_err(|error| Denied::new("BAD_DRAFT", "协议草案无法读取。", error.to_string()))?;
    let id = match (of, &draft.agreement_id) {
        (Some(id), _) => id,
        (None, Some(text)) => {
            let id = AgreementId::from_hex(text)
                .ok_or_else(|| bad("agreement_id", "32 hex digits are needed"))?;
            batch.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?.id
        }
        (None, None) => AgreementId(batch.random()),
    };
    let before = batch.bond(&id).and_then(|bond| bond.digests.values().next_back().copied());
    let mut parties = Vec::new();
    for party in &draft.party {
        parties.push(party_of(party, batch)?);
    }
    parties.sort_by(|a, b| a.city_id.as_bytes().cmp(b.city_id.as_bytes()));
    let ids: Vec<&str> = parties.iter().map(|party| party.city_id.as_str()).collect();
    let mut services = Vec::new();
    for rule in &draft.service {
        services.push(rule_of(rule, &ids)?);
    }
    services.sort_by_key(|rule| rule.service);
    let mut review_dates = Vec::new();
    for date in &draft.review_dates {
        review_dates.push(day("review_dates", date)?);
    }
    review_dates.sort_unstable();
    Ok(wire::Agreement {
        agreement_id: id.to_vec(),
        version: draft.version,
        prev_digest: before.unwrap_or(Digest::ZERO).to_vec(),
        parties,
        services,
        valid_from: day("valid_from", &draft.valid_from)?,
        valid_to: day("valid_to", &draft.valid_to)?,
        wind_down_days: draft.wind_down_days,
        no_fee_to_person: draft.no_fee_to_person,
        no_target: draft.no_target,
        assessment_reference: draft.assessment_reference,
        assessment_date: match &draft.assessment_date {
            Some(date) => day("assessment_date", date)?,
            None => 0,
        },
        review_dates,
    })
}

fn party_of(party: &Party, batch: &Batch<'_>) -> Outcome<wire::Party> {
    let directory = &batch.directory;
    let (root, end_points) = if party.city == directory.city.as_str() {
        let root = directory.manifest().map(|manifest| manifest.root.fingerprint());
        (root, batch.house.config.end_points.clone())
    } else {
        let peer = CityId::parse(&party.city).and_then(|city| directory.peers.get(&city));
        (peer.map(|p| p.root.fingerprint()), peer.map_or(Vec::new(), |p| p.end_points.clone()))
    };
    let root = root.ok_or_else(|| bad(&party.city, "no accepted peer of that id: add it first"))?;
    let mut offices = Vec::new();
    for office in &party.office {
        let kind = crate::config::office_kind(&office.kind);
        offices.push(wire::Office {
            credit_code: office.credit_code.clone(),
            // V15: a kind outside the closed list does not parse.
            kind: kind.ok_or_else(|| bad(&office.kind, "not an office kind"))?.into(),
            name: office.name.clone(),
            telephone: office.telephone.clone(),
            succeeds: {
                let mut codes = office.succeeds.clone();
                codes.sort();
                codes
            },
        });
    }
    offices.sort_by(|a, b| a.credit_code.cmp(&b.credit_code));
    Ok(wire::Party {
        city_id: party.city.clone(),
        legal_name: party.legal_name.clone(),
        credit_code: party.credit_code.clone(),
        root_fpr: root.to_vec(),
        end_points,
        offices,
        liaison_posts: party.liaison_posts.clone(),
        approver_posts: party.approver_posts.clone(),
        grievance_bodies: party.grievance_bodies.clone(),
        languages: party.languages.clone(),
        sub_processors: party.sub_processors.clone(),
        calendar: party.calendar.clone(),
        zone_offset_min: party.zone_offset_min,
    })
}

fn rule_of(rule: &Rule, ids: &[&str]) -> Outcome<wire::ServiceRule> {
    let service = Service::from_str_name(&format!("SERVICE_{}", upper(&rule.kind)))
        .filter(|service| *service != Service::Unspecified)
        .ok_or_else(|| bad(&rule.kind, "not a service"))?;
    let mut holders = Vec::new();
    for holder in &rule.holders {
        let side = match ids.iter().position(|id| id == holder) {
            Some(0) => HolderSide::A,
            Some(_) => HolderSide::B,
            None => return Err(bad(holder, "not a party of this agreement")),
        };
        holders.push(side.into());
    }
    holders.sort_unstable();
    let mut levels = Vec::new();
    for (duty, days) in &rule.working_days {
        let duty = Duty::from_str_name(&format!("DUTY_{}", upper(duty)))
            .filter(|duty| *duty != Duty::Unspecified)
            .ok_or_else(|| bad(duty, "not a duty"))?;
        levels.push(wire::ServiceLevel { duty: duty.into(), working_days: *days });
    }
    levels.sort_by_key(|level| level.duty);
    // The offices that decide the service read its sections, and no other: not even the window.
    let sections: Vec<u32> = TABLE
        .iter()
        .filter(|kind| kind.serves(service))
        .map(|kind| u32::from(kind.number))
        .collect();
    let outcome = TABLE
        .iter()
        .filter(|kind| kind.serves(service) && kind.phase == Phase::C)
        .map(|kind| u32::from(kind.number))
        .collect();
    let handler = words::kind_of_service(service);
    let mut deciders = vec![handler];
    for text in &rule.also_decided_by {
        let kind =
            crate::config::office_kind(text).ok_or_else(|| bad(text, "not a kind of office"))?;
        // Only items of insurance name who decides them: nobody else's sections are opened further.
        if service != Service::Insurance {
            return Err(bad("also_decided_by", "only insurance has items that others decide"));
        }
        if deciders.contains(&kind) {
            return Err(bad(text, "this kind of office decides the service already"));
        }
        deciders.push(kind);
    }
    let entry = |kind: &OfficeKind| wire::OfficeSections {
        kind: (*kind).into(),
        sections: sections.clone(),
    };
    let mut allowed: Vec<wire::OfficeSections> = deciders.iter().map(entry).collect();
    if !deciders.contains(&OfficeKind::Labour) {
        // The office that sent the person reads how it ended.
        allowed.push(wire::OfficeSections { kind: OfficeKind::Labour.into(), sections: outcome });
    }
    allowed.sort_by_key(|entry| entry.kind);
    Ok(wire::ServiceRule {
        service: service.into(),
        holders,
        divisions: rule.divisions.clone(),
        sections: allowed,
        legal_basis: LegalBasis::Consent.into(),
        purposes: vec![agreement::purpose_of(service).into()],
        levels,
        retention_days: rule.retention_days,
        ceiling_open_cases: rule.ceiling_open_cases,
    })
}

fn upper(text: &str) -> String {
    text.trim().replace(['-', ' '], "_").to_uppercase()
}

fn day(item: &str, text: &str) -> Outcome<u32> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits
        .parse()
        .ok()
        .and_then(Day::from_number)
        .map(Day::number)
        .ok_or_else(|| bad(item, "a date such as 2026-11-23 is needed"))
}

fn bad(item: &str, what: &str) -> crate::trouble::Trouble {
    Denied::new("BAD_DRAFT", format!("协议草案有误，见 {item}。"), format!("{item}: {what}."))
        .into()
}
