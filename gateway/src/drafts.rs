//! What rows of a sheet, and files written by hand, come to: the drafts and vacancies that the
//! city's own node takes. Nothing is decided here; the node checks everything again.

use crate::sheet::{Child, Document, DocumentKind, HousingKind, Leg, Row, Stage, Worker};
use jieli_proto::day::Day;
use jieli_proto::number::AgeBand;
use jieli_proto::section::{Field, FieldType, SectionKind, TABLE};
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};

pub mod agreements;
mod files;
#[cfg(test)]
mod tests;

pub use files::{case, vacancies};

/// Why a file or a field was not understood. Never repeats a value: it may be a person's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Not TOML of this form.
    #[error("the file cannot be read: {0}")]
    Form(String),
    /// An item is missing or cannot be understood.
    #[error("{item}: {what}")]
    Item {
        /// Which.
        item: String,
        /// What is expected.
        what: String,
    },
}

impl DraftError {
    fn item(item: impl Into<String>, what: impl Into<String>) -> DraftError {
        DraftError::Item { item: item.into(), what: what.into() }
    }

    /// In Chinese.
    pub fn zh(&self) -> String {
        match self {
            DraftError::Form(_) => "文件无法读取，请对照示例检查格式。".to_owned(),
            DraftError::Item { item, .. } => format!("“{item}”缺少或填写有误，请更正。"),
        }
    }
}

/// The self, in the code list of relations.
const SELF: u32 = 1;
/// A child, there.
const CHILD: u32 = 3;
/// Transfer, in the code list of ways into a school: what a sheet means unless it says otherwise.
const TRANSFER: u64 = 2;

/// A row of a sheet as the node takes it. Medical cover is pulled by the receiving city, so an
/// insurance column makes no leg here: see [`told_only`].
pub fn draft(row: &Row) -> wire::Draft {
    wire::Draft {
        row: row.number,
        worker: Some(worker(&row.worker)),
        city: row.destination.clone(),
        legs: row.legs.iter().filter_map(|asked| leg(asked, &row.worker)).collect(),
    }
}

/// Whether a row has cover to be transferred: told to the clerk, sent by nobody here.
pub fn told_only(row: &Row) -> bool {
    row.legs.iter().any(|leg| matches!(leg, Leg::Insurance { .. }))
}

fn worker(worker: &Worker) -> wire::DraftPerson {
    let phone = worker.phone.as_ref().map_or("", |phone| phone.as_str());
    let mut draft = person(worker.name.as_str(), &worker.document, phone, worker.age_band);
    if let Some(guardian) = &worker.guardian {
        draft.guardian_name = guardian.name.as_str().to_owned();
        draft.guardian_phone = guardian.phone.as_str().to_owned();
    }
    draft
}

/// A child is reached over the worker's own phone.
fn child(child: &Child, parent: &Worker) -> wire::DraftPerson {
    let phone = parent.phone.as_ref().map_or("", |phone| phone.as_str());
    person(child.name.as_str(), &child.document, phone, child.age_band)
}

fn person(
    name: &str,
    document: &Document,
    phone: &str,
    band: Option<AgeBand>,
) -> wire::DraftPerson {
    wire::DraftPerson {
        name: name.to_owned(),
        document: document_code(document.kind),
        number: document.number.as_str().to_owned(),
        phone: phone.to_owned(),
        age_band: band.map_or(0, band_code),
        ..wire::DraftPerson::default()
    }
}

fn leg(asked: &Leg, parent: &Worker) -> Option<wire::DraftLeg> {
    Some(match asked {
        Leg::Employment { vacancy_ref, occupation, skill_level, earliest_start } => {
            let start = u64::from(earliest_start.number());
            own(
                Service::Employment,
                vec![
                    text(1, 1, vacancy_ref),
                    text(1, 2, occupation),
                    number(1, 3, start),
                    number(1, 4, u64::from(*skill_level)),
                ],
            )
        }
        Leg::Schooling { child: pupil, stage, grade } => wire::DraftLeg {
            person: Some(child(pupil, parent)),
            relation: CHILD,
            ..own(
                Service::Schooling,
                vec![
                    number(2, 1, stage_code(*stage)),
                    number(2, 2, u64::from(*grade)),
                    number(2, 3, TRANSFER),
                ],
            )
        },
        Leg::Housing { kind, household_size } => own(
            Service::Housing,
            vec![number(3, 1, home_code(*kind)), number(3, 2, u64::from(*household_size))],
        ),
        Leg::Insurance { .. } => return None,
    })
}

/// A leg about the worker.
fn own(service: Service, fields: Vec<wire::DraftField>) -> wire::DraftLeg {
    wire::DraftLeg { service: service.into(), person: None, relation: SELF, fields, item_code: 0 }
}

fn text(section: u32, field: u32, value: &str) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Text(value.to_owned())) }
}

fn number(section: u32, field: u32, value: u64) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Number(value)) }
}

fn document_code(kind: DocumentKind) -> u32 {
    match kind {
        DocumentKind::ResidentId => 1,
        DocumentKind::ResidencePermit => 2,
        DocumentKind::ForeignPermanentResidence => 3,
        DocumentKind::Passport => 4,
        DocumentKind::Other => 5,
    }
}

fn band_code(band: AgeBand) -> u32 {
    match band {
        AgeBand::Under14 => 1,
        AgeBand::From14To15 => 2,
        AgeBand::From16To17 => 3,
        AgeBand::Adult => 4,
    }
}

fn stage_code(stage: Stage) -> u64 {
    match stage {
        Stage::Kindergarten => 1,
        Stage::Primary => 2,
        Stage::Junior => 3,
        Stage::Senior => 4,
        Stage::Vocational => 5,
    }
}

fn home_code(kind: HousingKind) -> u64 {
    match kind {
        HousingKind::PublicRental => 1,
        HousingKind::AffordableRental => 2,
        HousingKind::Dormitory => 3,
        HousingKind::RentSubsidy => 4,
    }
}

/// A field written `section.field=value` with the names of the section table, as a desk types it:
/// `school_outcome.enrolled_on=2026-12-01`.
pub fn field(written: &str) -> Result<wire::DraftField, DraftError> {
    let what = "write it as section.field=value";
    let split = written.split_once('=').and_then(|(name, value)| {
        let (section, field) = name.trim().split_once('.')?;
        Some((section, field, value.trim()))
    });
    let (section, name, value) = split.ok_or_else(|| DraftError::item("field", what))?;
    let (kind, field) = named(section, name)?;
    let value = parsed(field, value).ok_or_else(|| expected(section, field))?;
    Ok(wire::DraftField {
        section: u32::from(kind.number),
        field: field.number,
        value: Some(value),
    })
}

/// The section and field of these names.
fn named(section: &str, name: &str) -> Result<(&'static SectionKind, &'static Field), DraftError> {
    let kind = TABLE.iter().find(|kind| kind.name == section);
    let kind = kind.ok_or_else(|| {
        let names: Vec<&str> = TABLE.iter().map(|kind| kind.name).collect();
        DraftError::item(section, format!("no such section; there are {}", names.join(", ")))
    })?;
    let field = kind.fields.iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| {
        let names: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        DraftError::item(
            format!("{section}.{name}"),
            format!("no such field; there are {}", names.join(", ")),
        )
    })?;
    Ok((kind, field))
}

fn parsed(field: &Field, text: &str) -> Option<Value> {
    match field.ty {
        FieldType::Text => (!text.is_empty()).then(|| Value::Text(text.to_owned())),
        FieldType::Number | FieldType::Code(_) => text.parse().ok().map(Value::Number),
        FieldType::Date => date(text).map(|day| Value::Number(u64::from(day.number()))),
        FieldType::Flag => match text {
            "yes" | "true" | "是" => Some(Value::Flag(true)),
            "no" | "false" | "否" => Some(Value::Flag(false)),
            _ => None,
        },
    }
}

fn expected(section: &str, field: &Field) -> DraftError {
    let what = match field.ty {
        FieldType::Text => "a text is needed".to_owned(),
        FieldType::Number => "a whole number is needed".to_owned(),
        FieldType::Code(top) => format!("a code from 1 to {top} is needed"),
        FieldType::Date => "a date such as 2026-12-01 is needed".to_owned(),
        FieldType::Flag => "yes or no is needed".to_owned(),
    };
    DraftError::item(format!("{section}.{}", field.name), what)
}

/// A date as `2026-12-01` or `20261201`.
pub fn date(text: &str) -> Option<Day> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let whole = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
    whole.then(|| digits.parse().ok()).flatten().and_then(Day::from_number)
}
