//! Sections filled from what was entered.

use crate::speak::Filled;
use jieli_proto::section::{PERSON, Phase, SUPPORT_NEED, SectionKind, TABLE, Value};
use jieli_proto::wire::{self, Service};

/// The sections of a phase, filled from what was entered.
pub(crate) fn filled(draft: &wire::DraftLeg, phase: Phase) -> Vec<Filled> {
    let serves = |kind: &&SectionKind| kind.serves(draft.service()) && kind.phase == phase;
    let mut all = Vec::new();
    for kind in TABLE.iter().filter(serves) {
        let values = if kind.number == PERSON {
            draft.person.as_ref().map_or(Vec::new(), |person| person_values(person, draft.relation))
        } else {
            field_values(&draft.fields, kind.number)
        };
        if !values.is_empty() {
            all.push((kind, values));
        }
    }
    all
}

/// The values of one section among entered fields.
pub(crate) fn field_values(fields: &[wire::DraftField], section: u8) -> Vec<(u32, Value)> {
    let mut values: Vec<(u32, Value)> = fields
        .iter()
        .filter(|field| field.section == u32::from(section))
        .filter_map(|field| {
            let value = match field.value.clone()? {
                wire::draft_field::Value::Text(text) => Value::Text(text),
                wire::draft_field::Value::Number(number) => Value::Number(number),
                wire::draft_field::Value::Flag(flag) => Value::Flag(flag),
            };
            Some((field.field, value))
        })
        .collect();
    values.sort_by_key(|(field, _)| *field);
    values.dedup_by_key(|(field, _)| *field);
    values
}

/// The person block of somebody as entered.
pub(crate) fn person_values(person: &wire::DraftPerson, relation: u32) -> Vec<(u32, Value)> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::Text(text.to_owned()));
    let code = |code: u32| (code > 0).then(|| Value::Number(u64::from(code)));
    [
        (1, text(&person.name)),
        (2, code(person.document)),
        (3, text(&person.number)),
        (4, text(&person.phone)),
        (5, code(relation.max(1))),
        (6, code(person.age_band)),
        (7, text(&person.guardian_name)),
        (8, text(&person.guardian_phone)),
        (9, text(&person.language)),
    ]
    .into_iter()
    .filter_map(|(field, value)| value.map(|value| (field, value)))
    .collect()
}

/// All sections that a consent to a leg names: what travels before an outcome.
pub(crate) fn consented_sections(service: Service) -> Vec<u32> {
    // The support need of a child is asked for by itself, under a consent of its own.
    let before = |kind: &&SectionKind| {
        kind.serves(service) && kind.phase != Phase::C && kind.number != SUPPORT_NEED
    };
    TABLE.iter().filter(before).map(|kind| u32::from(kind.number)).collect()
}
