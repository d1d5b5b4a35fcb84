//! Sample sheets and sample files, as drafts.

use super::*;
use crate::sheet::{Options, read};
use jieli_proto::message::check_terms;
use std::collections::BTreeSet;

const ROSTER: &[u8] = include_bytes!("../../fixtures/sheets/roster-300.xlsx");
const MESSY: &[u8] = include_bytes!("../../fixtures/sheets/messy-60.xlsx");
const GB_CSV: &[u8] = include_bytes!("../../fixtures/sheets/roster-40-gb18030.csv");
const VACANCIES: &str = include_str!("../../../deploy/sample/vacancies.toml");
const MEDICAL: &str = include_str!("../../../deploy/sample/case-medical.toml");

fn drafts(bytes: &[u8], name: &str) -> Vec<wire::Draft> {
    let options = Options::new(Day::new(2026, 11, 21).unwrap());
    read(bytes, name, &options).unwrap().rows.iter().map(draft).collect()
}

/// Every section a leg carries is complete, but for the person, whom the node adds.
fn complete(leg: &wire::DraftLeg) -> bool {
    let numbers: BTreeSet<u32> = leg.fields.iter().map(|field| field.section).collect();
    !numbers.is_empty()
        && numbers.into_iter().all(|number| {
            let kind = SectionKind::of(number).unwrap();
            let has = |field: &&Field| {
                leg.fields.iter().any(|f| f.section == number && f.field == field.number)
            };
            kind.serves(leg.service()) && kind.fields.iter().filter(|f| f.required).all(|f| has(&f))
        })
}

#[test]
fn the_roster_gives_three_hundred_drafts() {
    let all = drafts(ROSTER, "roster-300.xlsx");
    assert_eq!(all.len(), 300);
    let legs: Vec<&wire::DraftLeg> = all.iter().flat_map(|draft| &draft.legs).collect();
    let of = |service: Service| legs.iter().filter(|leg| leg.service() == service).count();
    assert_eq!(of(Service::Employment), 300);
    assert_eq!(of(Service::Schooling), 97);
    assert_eq!(of(Service::Housing), 137);
    assert_eq!(of(Service::Insurance), 0, "pulled by the receiving city");
    assert!(legs.iter().all(|leg| complete(leg)));
    for draft in &all {
        let worker = draft.worker.as_ref().unwrap();
        assert!(!worker.name.is_empty() && worker.document == 1 && worker.age_band >= 3);
        for leg in &draft.legs {
            let child = leg.service() == Service::Schooling;
            assert_eq!((leg.person.is_some(), leg.relation), (child, if child { 3 } else { 1 }));
        }
    }
}

#[test]
fn a_row_reads_the_same_from_a_gb18030_text() {
    let (csv, xlsx) = (drafts(GB_CSV, "a.csv"), drafts(ROSTER, "a.xlsx"));
    for (mut one, two) in csv.into_iter().zip(xlsx) {
        one.row = two.row;
        assert_eq!(one, two);
    }
}

#[test]
fn rows_with_an_error_give_none() {
    assert_eq!(drafts(MESSY, "messy-60.xlsx").len(), 53);
}

#[test]
fn the_six_vacancies_have_complete_terms() {
    let all = vacancies(VACANCIES).unwrap();
    let references: Vec<&str> =
        all.iter().map(|vacancy| vacancy.terms.as_ref().unwrap().reference.as_str()).collect();
    let expected = ["0107", "0112", "0120", "0131", "0144", "0150"].map(|n| format!("V-2026-{n}"));
    assert_eq!(references, expected);
    for vacancy in &all {
        assert_eq!(check_terms(vacancy.terms.as_ref().unwrap()), Ok(()));
        assert!(vacancy.posts > 0 && Day::from_number(vacancy.valid_until).is_some());
    }
}

#[test]
fn the_medical_case_reads() {
    let draft = case(MEDICAL).unwrap();
    assert_eq!((draft.row, draft.city.as_str(), draft.legs.len()), (0, "kunming.yn", 1));
    assert_eq!(draft.legs[0].service(), Service::Insurance);
    assert!(complete(&draft.legs[0]));
}

#[test]
fn wrong_files_name_the_item_and_no_value() {
    let bad = MEDICAL.replace("scheme =", "schema =");
    assert!(case(&bad).unwrap_err().to_string().contains("insurance_request.schema"));
    let bad = MEDICAL.replace("resident-id", "library-card");
    let said = case(&bad).unwrap_err();
    assert!(said.to_string().starts_with("document") && !said.to_string().contains("library"));
    assert!(!said.zh().is_empty());
    let bad = format!("religion = 1\n{MEDICAL}");
    assert!(matches!(case(&bad), Err(DraftError::Form(_))));
    let bad = VACANCIES.replacen("posts", "fee_to_worker = 1\nposts", 1);
    assert!(matches!(vacancies(&bad), Err(DraftError::Form(_))));
    let said = case("city = \"a\"\nworker = 999999199001010016\n").unwrap_err().to_string();
    assert!(!said.contains("999999"), "{said}");
}

#[test]
fn fields_as_a_desk_types_them() {
    let date = field("school_outcome.enrolled_on=2026-12-01").unwrap();
    assert_eq!((date.section, date.field), (33, 2));
    assert_eq!(date.value, Some(Value::Number(20_261_201)));
    assert_eq!(field("home_outcome.months = 12").unwrap().value, Some(Value::Number(12)));
    assert_eq!(field("support_need.support_need=no").unwrap().value, Some(Value::Flag(false)));
    for wrong in [
        "",
        "school_outcome",
        "school_outcome.enrolled_on",
        "school_outcome.enrolled_on=soon",
        "school_outcome.marks=1",
        "diary.text=1",
        "home_outcome.months=-1",
        "job_outcome.employer_code=",
    ] {
        assert!(field(wrong).is_err(), "{wrong}");
    }
}
