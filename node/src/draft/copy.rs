//! An agreement back into the form in which people draft one, for the next partner or version.

use super::{Draft, Office, Party, Rule};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, HolderSide, Service};
use jieli_proto::words;

/// What a copy begins with.
const HEAD: &str = "\
# 依据现有协议制作的草案；新协议不写 agreement_id 和 version。地址和根密钥指纹由节点填写。
# A draft made from an agreement. A new one names no agreement_id and no version; end points and root
# fingerprints are filled in by the node.
";

/// The TOML of an agreement, without its id and version: proposed as it is, it would be a new one
/// with the same text. `None` if it cannot be written so.
pub fn copy(found: &wire::Agreement) -> Option<String> {
    let day = |number| Day::from_number(number).map(|day| day.to_string());
    let ids: Vec<&str> = found.parties.iter().map(|party| party.city_id.as_str()).collect();
    let draft = Draft {
        agreement_id: None,
        version: 1,
        valid_from: day(found.valid_from)?,
        valid_to: day(found.valid_to)?,
        wind_down_days: found.wind_down_days,
        no_fee_to_person: found.no_fee_to_person,
        no_target: found.no_target,
        assessment_reference: found.assessment_reference.clone(),
        assessment_date: day(found.assessment_date),
        review_dates: found.review_dates.iter().filter_map(|on| day(*on)).collect(),
        party: found.parties.iter().map(party).collect(),
        service: found.services.iter().map(|found| rule(found, &ids)).collect(),
    };
    let text = toml::to_string(&draft).ok()?;
    Some(format!("{HEAD}\n{text}"))
}

fn party(found: &wire::Party) -> Party {
    let office = |office: &wire::Office| Office {
        credit_code: office.credit_code.clone(),
        kind: word(office.kind().as_str_name(), "OFFICE_KIND_"),
        name: office.name.clone(),
        telephone: office.telephone.clone(),
        succeeds: office.succeeds.clone(),
    };
    Party {
        city: found.city_id.clone(),
        legal_name: found.legal_name.clone(),
        credit_code: found.credit_code.clone(),
        liaison_posts: found.liaison_posts.clone(),
        approver_posts: found.approver_posts.clone(),
        grievance_bodies: found.grievance_bodies.clone(),
        languages: found.languages.clone(),
        sub_processors: found.sub_processors.clone(),
        calendar: found.calendar.clone(),
        zone_offset_min: found.zone_offset_min,
        office: found.offices.iter().map(office).collect(),
    }
}

fn rule(found: &wire::ServiceRule, ids: &[&str]) -> Rule {
    let holder = |side: HolderSide| match side {
        HolderSide::Unspecified | HolderSide::A => ids.first(),
        HolderSide::B => ids.get(1),
    };
    let level = |level: &wire::ServiceLevel| {
        (word(level.duty().as_str_name(), "DUTY_"), level.working_days)
    };
    let handler = words::kind_of_service(found.service());
    let all = found.sections.iter().find(|allowed| allowed.kind() == handler);
    let decides = |allowed: &&wire::OfficeSections| {
        found.service() == Service::Insurance
            && allowed.kind() != handler
            && all.is_some_and(|all| all.sections == allowed.sections)
    };
    let also = found.sections.iter().filter(decides);
    Rule {
        kind: word(found.service().as_str_name(), "SERVICE_"),
        holders: found.holders().filter_map(holder).map(|id| (*id).to_owned()).collect(),
        divisions: found.divisions.clone(),
        retention_days: found.retention_days,
        ceiling_open_cases: found.ceiling_open_cases,
        also_decided_by: also
            .map(|allowed| word(allowed.kind().as_str_name(), "OFFICE_KIND_"))
            .collect(),
        working_days: found.levels.iter().map(level).collect(),
    }
}

/// "OFFICE_KIND_LABOUR" as people write it.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}
