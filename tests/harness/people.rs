//! The people of the rehearsals: the sheet of the demo, and some made up one by one. All of them
//! are fictional (region 999999 does not exist).

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use jieli_gateway::drafts;
use jieli_gateway::sheet::{self, Options};
use jieli_proto::day::Day;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};
use std::sync::OnceLock;

const SHEET: &[u8] = include_bytes!("../../gateway/fixtures/sheets/roster-300.xlsx");
const VACANCIES: &str = include_str!("../../deploy/sample/vacancies.toml");
const MEDICAL: &str = include_str!("../../deploy/sample/case-medical.toml");

/// Row of the family of the demo: a job, a school place, a home.
pub const FAMILY: u32 = 3;
/// Row of the family whose school is full.
pub const FULL_SCHOOL: u32 = 16;
/// Row of the worker who stops.
pub const STOPS: u32 = 4;

/// The 300 rows of the demo's sheet.
pub fn roster() -> &'static [wire::Draft] {
    static ROWS: OnceLock<Vec<wire::Draft>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let today = Day::new(2026, 11, 23).unwrap();
        let sheet = sheet::read(SHEET, "roster-300.xlsx", &Options::new(today)).unwrap();
        sheet.rows.iter().map(drafts::draft).collect()
    })
}

/// A row of the sheet.
pub fn row(number: u32) -> wire::Draft {
    roster().iter().find(|draft| draft.row == number).unwrap().clone()
}

/// Rows that ask for a job in Ruian and nothing else.
pub fn single(count: usize) -> Vec<wire::Draft> {
    let alone = |draft: &&wire::Draft| {
        draft.city.contains("瑞安")
            && draft.legs.len() == 1
            && draft.legs[0].service() == Service::Employment
    };
    let found: Vec<_> = roster().iter().filter(alone).skip(10).take(count).cloned().collect();
    assert_eq!(found.len(), count);
    found
}

/// The vacancies of the demo.
pub fn vacancies() -> Vec<wire::Vacancy> {
    drafts::vacancies(VACANCIES).unwrap()
}

/// The medical case of the demo, as a window in Ruian enters it.
pub fn medical() -> wire::Draft {
    drafts::case(MEDICAL).unwrap()
}

/// Somebody with a valid number and telephone.
pub fn person(serial: u32) -> wire::DraftPerson {
    person_born(serial, 1990)
}

/// Somebody born on the first of January of a year.
pub fn person_born(serial: u32, year: u32) -> wire::DraftPerson {
    let body = format!("999999{year}0101{serial:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.chars().zip(weights).map(|(c, w)| c.to_digit(10).unwrap() * w).sum();
    let check = b"10X98765432"[sum as usize % 11] as char;
    wire::DraftPerson {
        name: format!("买买提·试验{}", char::from_u32(0x7532 + serial % 64).unwrap()),
        document: 1,
        number: format!("{body}{check}"),
        phone: format!("1990001{serial:04}"),
        ..wire::DraftPerson::default()
    }
}

/// Somebody who asks for a home in Ruian.
pub fn home(serial: u32) -> wire::Draft {
    let leg = wire::DraftLeg {
        service: Service::Housing.into(),
        relation: 1,
        fields: vec![number(3, 1, 1), number(3, 2, 2), number(3, 3, 20_261_201)],
        ..wire::DraftLeg::default()
    };
    let worker = Some(person(serial));
    wire::Draft { row: serial, worker, city: "ruian.zj".to_owned(), legs: vec![leg] }
}

/// A field that holds a text.
pub fn text(section: u32, field: u32, value: &str) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Text(value.to_owned())) }
}

/// A field that holds a number.
pub fn number(section: u32, field: u32, value: u64) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Number(value)) }
}

/// Phase C of a service, as a clerk would fill it in; `terms` is the digest of a job's terms.
pub fn outcome(service: Service, terms: &str) -> wire::DeskOutcome {
    let fields = match service {
        Service::Employment => vec![
            text(32, 1, "91999999MA0000218Q"),
            number(32, 2, 1),
            number(32, 3, 20_261_130),
            number(32, 4, 20_261_201),
            text(32, 6, terms),
        ],
        Service::Schooling => vec![text(33, 1, "9999990001"), number(33, 2, 20_261_201)],
        Service::Housing => vec![number(36, 1, 2), number(36, 2, 20_261_201), number(36, 3, 12)],
        Service::Insurance => {
            vec![text(35, 1, "999999"), number(35, 2, 310), text(35, 3, "ZY-2026-0001")]
        }
        Service::SchoolRecord | Service::FundTransfer | Service::Unspecified => Vec::new(),
    };
    wire::DeskOutcome { fields, ..wire::DeskOutcome::default() }
}

/// Names, numbers and phones of some people.
pub fn secrets<'a>(people: impl IntoIterator<Item = &'a wire::DraftPerson>) -> Vec<String> {
    let mut all: Vec<String> = people
        .into_iter()
        .flat_map(|person| [person.name.clone(), person.number.clone(), person.phone.clone()])
        .filter(|text| !text.is_empty())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Everybody named in a row.
pub fn people(draft: &wire::Draft) -> impl Iterator<Item = &wire::DraftPerson> {
    draft.worker.iter().chain(draft.legs.iter().filter_map(|leg| leg.person.as_ref()))
}
