//! Files written by hand: one case, or the vacancies of a city. An unknown key is an error.

use super::{DraftError, expected, named};
use jieli_proto::section::{Field, FieldType};
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Payer, Service};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One case as a form: a worker, the other city, and what is asked for.
pub fn case(text: &str) -> Result<wire::Draft, DraftError> {
    let case: CaseFile = read(text)?;
    let legs = case.leg.into_iter().map(LegFile::draft).collect::<Result<_, _>>()?;
    Ok(wire::Draft { row: 0, worker: Some(case.worker.draft()?), city: case.city, legs })
}

/// The vacancies of a file.
pub fn vacancies(text: &str) -> Result<Vec<wire::Vacancy>, DraftError> {
    let file: VacancyFile = read(text)?;
    file.vacancy.into_iter().map(VacancyItem::vacancy).collect()
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, DraftError> {
    toml::from_str(text).map_err(|mut error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        // Neither the line nor a value is repeated: it may be a person's number.
        error.set_input(None);
        let said = error.to_string();
        let names_a_key = ["unknown field", "missing field"].iter().any(|w| said.starts_with(w));
        let what = if names_a_key { said.trim_end() } else { "not what is needed there" };
        DraftError::Form(format!("line {line}: {what}"))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    city: String,
    worker: PersonItem,
    leg: Vec<LegFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonItem {
    name: String,
    document: String,
    number: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    age_band: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    guardian_name: String,
    #[serde(default)]
    guardian_phone: String,
}

impl PersonItem {
    fn draft(self) -> Result<wire::DraftPerson, DraftError> {
        let document = code("document", &self.document, &DOCUMENTS)?;
        let age_band =
            if self.age_band.is_empty() { 0 } else { code("age_band", &self.age_band, &BANDS)? };
        Ok(wire::DraftPerson {
            name: self.name,
            document,
            number: self.number,
            phone: self.phone,
            age_band,
            language: self.language,
            guardian_name: self.guardian_name,
            guardian_phone: self.guardian_phone,
        })
    }
}

#[derive(Deserialize)]
struct LegFile {
    service: String,
    person: Option<PersonItem>,
    #[serde(default = "myself")]
    relation: String,
    /// Of the item catalogue, for insurance.
    #[serde(default)]
    item_code: u32,
    /// Everything else is a section with its fields.
    #[serde(flatten)]
    sections: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

fn myself() -> String {
    "self".to_owned()
}

impl LegFile {
    fn draft(self) -> Result<wire::DraftLeg, DraftError> {
        let upper = self.service.trim().replace('-', "_").to_uppercase();
        let service = Service::from_str_name(&format!("SERVICE_{upper}"))
            .filter(|service| *service != Service::Unspecified);
        let service = service.ok_or_else(|| {
            DraftError::item(
                "service",
                "employment, schooling, school-record, insurance, housing or fund-transfer",
            )
        })?;
        let mut fields = Vec::new();
        for (section, values) in &self.sections {
            for (name, value) in values {
                let (kind, field) = named(section, name)?;
                let value = taken(field, value).ok_or_else(|| expected(section, field))?;
                fields.push(wire::DraftField {
                    section: u32::from(kind.number),
                    field: field.number,
                    value: Some(value),
                });
            }
        }
        Ok(wire::DraftLeg {
            service: service.into(),
            person: self.person.map(PersonItem::draft).transpose()?,
            relation: code("relation", &self.relation, &RELATIONS)?,
            fields,
            item_code: self.item_code,
        })
    }
}

/// A value of a file, if it fits the field.
fn taken(field: &Field, value: &toml::Value) -> Option<Value> {
    match field.ty {
        FieldType::Text => value.as_str().map(|text| Value::Text(text.to_owned())),
        FieldType::Number | FieldType::Code(_) => {
            value.as_integer().and_then(|number| number.try_into().ok()).map(Value::Number)
        }
        FieldType::Date => day(value).map(|number| Value::Number(u64::from(number))),
        FieldType::Flag => value.as_bool().map(Value::Flag),
    }
}

/// A date, with or without quotes, as `yyyymmdd`.
fn day(value: &toml::Value) -> Option<u32> {
    let text = value.as_str().map(str::to_owned);
    let text = text.or_else(|| value.as_datetime().map(ToString::to_string))?;
    super::date(&text).map(|day| day.number())
}

const DOCUMENTS: [&str; 5] =
    ["resident-id", "residence-permit", "foreign-permanent-residence", "passport", "other"];
const BANDS: [&str; 4] = ["under-14", "14-15", "16-17", "adult"];
const RELATIONS: [&str; 5] = ["self", "spouse", "child", "ward", "parent"];

fn code(item: &str, text: &str, words: &[&str]) -> Result<u32, DraftError> {
    let at = words.iter().position(|word| *word == text.trim());
    let at = at.ok_or_else(|| DraftError::item(item, format!("one of {}", words.join(", "))))?;
    Ok(at as u32 + 1)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VacancyFile {
    vacancy: Vec<VacancyItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VacancyItem {
    /// Of the city that has the post; absent: the own one.
    #[serde(default)]
    city: String,
    posts: u32,
    valid_until: toml::Value,
    reference: String,
    #[serde(default = "one")]
    version: u32,
    employer_code: String,
    employer_name: String,
    #[serde(default)]
    agency_code: String,
    #[serde(default)]
    agency_name: String,
    occupation: u32,
    workplace_division: String,
    pay_fen_month_min: u32,
    pay_fen_month_max: u32,
    payday: u32,
    #[serde(default)]
    deductions: Vec<DeductionItem>,
    #[serde(default)]
    advances_fen_max: u32,
    hours_week: u32,
    rest_days_month: u32,
    insurances: Vec<u32>,
    #[serde(default = "no_lodging")]
    lodging: String,
    #[serde(default)]
    lodging_fen_month: u32,
    term_months: u32,
    probation_months: u32,
    notice_days: u32,
    travel_there: String,
    travel_home: String,
    complaint_phones: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeductionItem {
    code: u32,
    fen_month: u32,
}

fn one() -> u32 {
    1
}

fn no_lodging() -> String {
    "none".to_owned()
}

impl VacancyItem {
    fn vacancy(self) -> Result<wire::Vacancy, DraftError> {
        let until = day(&self.valid_until);
        let valid_until = until.ok_or_else(|| {
            DraftError::item("valid_until", "a date such as 2026-12-31 is needed")
        })?;
        // Position 0 is "none" here.
        let lodging = code("lodging", &self.lodging, &["none", "dormitory", "allowance"])? - 1;
        let deductions = self.deductions.iter();
        let deductions =
            deductions.map(|d| wire::Deduction { code: d.code, fen_month: d.fen_month }).collect();
        let terms = wire::Terms {
            reference: self.reference,
            version: self.version,
            employer_code: self.employer_code,
            employer_name: self.employer_name,
            agency_code: self.agency_code,
            agency_name: self.agency_name,
            occupation: self.occupation,
            workplace_division: self.workplace_division,
            pay_fen_month_min: self.pay_fen_month_min,
            pay_fen_month_max: self.pay_fen_month_max,
            payday: self.payday,
            deductions,
            advances_fen_max: self.advances_fen_max,
            hours_week: self.hours_week,
            rest_days_month: self.rest_days_month,
            insurances: self.insurances,
            lodging,
            lodging_fen_month: self.lodging_fen_month,
            term_months: self.term_months,
            probation_months: self.probation_months,
            notice_days: self.notice_days,
            travel_there: payer("travel_there", &self.travel_there)?.into(),
            travel_home: payer("travel_home", &self.travel_home)?.into(),
            complaint_phones: self.complaint_phones,
        };
        Ok(wire::Vacancy { city: self.city, terms: Some(terms), posts: self.posts, valid_until })
    }
}

fn payer(item: &str, text: &str) -> Result<Payer, DraftError> {
    Payer::from_str_name(&format!("PAYER_{}", text.trim().to_uppercase()))
        .filter(|payer| *payer != Payer::Unspecified)
        .ok_or_else(|| DraftError::item(item, "employer, agency, public or worker"))
}
