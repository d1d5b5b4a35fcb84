//! The sample sheets of gateway/fixtures, and sheets made up to be wrong in one way each.

use std::collections::{BTreeMap, BTreeSet};

use encoding_rs::GB18030;
use jieli_proto::number::NumberError;

use super::headings::Column;
use super::*;

mod hostile;
mod make;
mod ten;

const ROSTER: &[u8] = include_bytes!("../../fixtures/sheets/roster-300.xlsx");
const MESSY: &[u8] = include_bytes!("../../fixtures/sheets/messy-60.xlsx");
const FORBIDDEN: &[u8] = include_bytes!("../../fixtures/sheets/forbidden-columns.xlsx");
const GB_CSV: &[u8] = include_bytes!("../../fixtures/sheets/roster-40-gb18030.csv");

fn options() -> Options {
    let known = ["0107", "0112", "0120", "0131", "0144", "0150"].map(|n| format!("V-2026-{n}"));
    let known_vacancies = Some(BTreeSet::from(known));
    Options { known_vacancies, ..Options::new(Day::new(2026, 11, 21).unwrap()) }
}

fn csv(text: &str) -> Result<Sheet, SheetRefusal> {
    read(text.as_bytes(), "sheet.csv", &options())
}

/// A sheet with the standard headings and these rows, each given as cells by column.
fn sheet(rows: &[&[(Column, &str)]]) -> Sheet {
    let mut text = String::from_utf8(template(Form::Csv)).unwrap();
    for row in rows {
        let row: BTreeMap<Column, &str> = row.iter().copied().collect();
        let cells = Column::TEMPLATE.iter().map(|c| row.get(c).copied().unwrap_or_default());
        text += &(cells.collect::<Vec<_>>().join(",") + "\r\n");
    }
    csv(&text).unwrap()
}

/// A worker who asks for a dormitory, with more cells.
fn worker<'a>(
    name: &'a str,
    number: &'a str,
    more: &[(Column, &'a str)],
) -> Vec<(Column, &'a str)> {
    let mut cells = vec![
        (Column::Name, name),
        (Column::Number, number),
        (Column::City, "瑞安"),
        (Column::HousingWanted, "是"),
        (Column::HousingKind, "职工宿舍"),
        (Column::HouseholdSize, "1"),
    ];
    cells.extend(more);
    cells
}

const POST: [(Column, &str); 4] = [
    (Column::Vacancy, "V-2026-0107"),
    (Column::Occupation, "缝纫工"),
    (Column::Skill, "3"),
    (Column::Start, "2026-12-09"),
];

fn faults(sheet: &Sheet) -> Vec<(&str, Fault)> {
    sheet.findings.iter().map(|finding| (finding.cell.as_str(), finding.fault)).collect()
}

#[test]
fn roster_gives_three_hundred_drafts() {
    let sheet = read(ROSTER, "roster-300.xlsx", &options()).unwrap();
    assert_eq!((sheet.rows.len(), sheet.rows_read, sheet.heading_row), (300, 300, 2));
    assert_eq!(sheet.faulty_rows(), BTreeSet::new());
    assert_eq!(sheet.rows[0].number, 3);
    let count =
        |is: fn(&Leg) -> bool| sheet.rows.iter().flat_map(|r| &r.legs).filter(|l| is(l)).count();
    assert_eq!(count(|leg| matches!(leg, Leg::Employment { .. })), 300);
    assert_eq!(count(|leg| matches!(leg, Leg::Schooling { .. })), 97);
    assert_eq!(count(|leg| matches!(leg, Leg::Insurance { .. })), 202);
    assert_eq!(count(|leg| matches!(leg, Leg::Housing { .. })), 137);
    let names: BTreeSet<&str> = sheet.rows.iter().map(|row| row.worker.name.as_str()).collect();
    assert!(names.contains("王𬱖") && names.contains("欧阳·娜仁"));
    // Nothing that is printed for debugging shows a person.
    let debug = format!("{sheet:?}");
    assert!(!debug.contains("999999") && !debug.contains("王𬱖") && !debug.contains("199470"));
}

#[test]
fn the_gb18030_csv_reads_as_the_first_forty_of_the_roster() {
    let roster = read(ROSTER, "roster-300.xlsx", &options()).unwrap();
    let csv = read(GB_CSV, "roster-40-gb18030.csv", &options()).unwrap();
    assert_eq!((csv.rows.len(), csv.heading_row), (40, 1));
    for (from_csv, from_xlsx) in csv.rows.iter().zip(&roster.rows) {
        // The roster has a title row more.
        assert_eq!(from_csv.number + 1, from_xlsx.number);
        assert_eq!(Row { number: from_xlsx.number, ..from_csv.clone() }, *from_xlsx);
    }
    let utf8 = GB18030.decode(GB_CSV).0.into_owned();
    assert_eq!(read(utf8.as_bytes(), "x.CSV", &options()).unwrap(), csv);
    assert_eq!(read(format!("\u{FEFF}{utf8}").as_bytes(), "x.csv", &options()).unwrap(), csv);
}

#[test]
fn messy_is_reported_by_cell_and_the_rest_is_read() {
    let sheet = read(MESSY, "messy-60.xlsx", &options()).unwrap();
    let expected = [
        ("D7", Fault::Number(NumberError::Rounded)),
        ("D11", Fault::Number(NumberError::Rounded)),
        ("D14", Fault::Number(NumberError::CheckDigit)),
        ("D22", Fault::Number(NumberError::CheckDigit)),
        ("M27", Fault::UnknownGrade),
        ("G28", Fault::UnknownVacancy),
        ("D32", Fault::RepeatedNumber { first_row: 31 }),
        ("D35", Fault::Number(NumberError::CheckDigit)),
    ];
    assert_eq!(faults(&sheet), expected);
    assert_eq!((sheet.rows_read, sheet.rows.len()), (60, 52));
    let row = |number| sheet.rows.iter().find(|row| row.number == number).unwrap();
    let start = |number| match &row(number).legs[0] {
        Leg::Employment { earliest_start, .. } => earliest_start.to_string(),
        Leg::Schooling { .. } | Leg::Insurance { .. } | Leg::Housing { .. } => panic!("no post"),
    };
    assert_eq!(row(17).worker.document.number.as_str(), "999999197909179963");
    assert_eq!(start(18), "2025-12-31");
    assert_eq!(start(19), "2026-12-09");
    assert!(row(23).worker.phone.as_ref().is_some_and(|phone| phone.as_str() == "19912345678"));
    for finding in &sheet.findings {
        let said = format!("{finding:?}{:?}{:?}", finding.what(), finding.remedy());
        assert!(!said.contains("999999") && !said.contains("E+17"), "{said}");
        assert!(!finding.what().zh.is_empty() && !finding.remedy().en.is_empty());
    }
}

#[test]
fn without_a_list_of_vacancies_there_is_one_warning() {
    let unchecked = Options { known_vacancies: None, ..options() };
    let sheet = read(MESSY, "messy-60.xlsx", &unchecked).unwrap();
    assert_eq!(sheet.findings[0].cell, "G2");
    assert_eq!(sheet.findings[0].fault, Fault::VacanciesUnchecked);
    assert_eq!((sheet.findings.len(), sheet.rows.len()), (8, 53));
}

#[test]
fn a_sheet_with_forbidden_columns_is_refused_whole_and_goes_back_cleaned() {
    let refusal = read(FORBIDDEN, "forbidden-columns.xlsx", &options()).unwrap_err();
    let SheetRefusal::Columns(columns) = &refusal else { panic!("{refusal:?}") };
    let named: Vec<_> = columns.iter().map(|c| (c.cell.as_str(), c.heading.as_str())).collect();
    assert_eq!(named, [("F1", "民族"), ("G1", "政治面貌")]);
    assert!(columns.iter().all(|column| column.topic.is_some()));
    assert!(refusal.what().zh.contains("F1 民族") && refusal.what().en.contains("ethnicity"));

    let clean = cleaned_copy(FORBIDDEN, "forbidden-columns.xlsx", &options(), Form::Csv).unwrap();
    let text = String::from_utf8(clean.clone()).unwrap();
    assert!(!text.contains("民族") && !text.contains("群众"));
    let cleaned = read(&clean, "clean.csv", &options()).unwrap();
    let roster = read(ROSTER, "roster-300.xlsx", &options()).unwrap();
    assert_eq!(cleaned.rows.len(), 40);
    assert_eq!(cleaned.rows[7].worker, roster.rows[7].worker);
}

#[test]
fn unknown_columns_refuse_too_with_or_without_a_heading() {
    let refusal = csv("姓名,身份证号,意向城市,学历,,姓名（民族）\n,,,,x,\n").unwrap_err();
    let SheetRefusal::Columns(columns) = &refusal else { panic!("{refusal:?}") };
    let cells: Vec<_> = columns.iter().map(|c| (c.cell.as_str(), c.topic.is_some())).collect();
    assert_eq!(cells, [("D1", false), ("E1", false), ("F1", true)]);
    assert!(refusal.what().zh.contains("E1 （无表头）"));
    // A forbidden heading over nothing is still a forbidden column.
    assert!(matches!(csv("姓名,身份证号,意向城市,民族\n"), Err(SheetRefusal::Columns(_))));
}

#[test]
fn an_underage_worker_is_refused_and_a_minor_needs_a_guardian() {
    let guardian = |name, phone| {
        let cells = [(Column::GuardianName, name), (Column::GuardianPhone, phone)];
        [&POST[..], &[(Column::Phone, "19912340009")], &cells].concat()
    };
    let number = "999999200906120012";
    let child = worker("王小", "999999201702094814", &POST);
    let youth = worker("王中", number, &guardian("吕明", "19912340001"));
    let no_post = worker("王小", "999999201702094814", &[]);
    let nobody = worker("王大", "999999200906120039", &POST);
    let no_phone = worker("王三", "999999200906120055", &guardian("吕明", ""));
    let own_phone = worker("王四", "999999200906120071", &guardian("吕明", "19912340009"));
    let adult = worker("王五", "999999197903243717", &guardian("吕明", "19912340001"));
    let read = sheet(&[&child, &youth, &no_post, &nobody, &no_phone, &own_phone, &adult]);
    assert_eq!(
        faults(&read),
        [
            ("D2", Fault::UnderAge),
            ("D3", Fault::GuardianNotice),
            ("D4", Fault::ChildAlone),
            ("T5", Fault::NoGuardian),
            ("U6", Fault::NoGuardian),
            ("U7", Fault::NoGuardian),
            ("E8", Fault::SharedPhone { first_row: 3 }),
            ("T8", Fault::GuardianNotNeeded),
        ]
    );
    assert_eq!(read.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 8]);
    assert_eq!(read.faulty_rows(), BTreeSet::from([2, 4, 5, 6, 7]));
    let told = read.rows[0].worker.guardian.as_ref().map(|guardian| guardian.phone.as_str());
    assert_eq!((told, read.rows[1].worker.guardian.is_some()), (Some("19912340001"), false));
    // A sheet without the columns is told which one is missing.
    let text = format!(
        "姓名,身份证号,意向城市,岗位编号,意向工种,最早到岗日期\n王中,{number},瑞安,V-2026-0107,缝纫工,\
         2026-12-09\n"
    );
    let read = csv(&text).unwrap();
    let finding = read.findings.iter().find(|found| found.fault == Fault::NoGuardian).unwrap();
    assert_eq!(finding.heading, "监护人姓名");
    assert!(finding.fault.what().en.contains("NO_GUARDIAN"));
}

#[test]
fn a_second_child_joins_the_first_row_and_a_repeated_one_does_not() {
    let child = |name, number| {
        [(Column::ChildName, name), (Column::ChildNumber, number), (Column::Grade, "2")]
    };
    let (mei, li) = (child("吕梅", "999999201702094814"), child("吕力", "999999201604246941"));
    let first = worker("吕明", "999999197903243717", &mei);
    let second = worker("吕明", "999999197903243717", &li);
    let other_parent = worker("华梅", "999999198011111801", &li);
    let read = sheet(&[&first, &second, &second, &other_parent]);
    assert_eq!(
        faults(&read),
        [
            ("D3", Fault::ChildAdded { first_row: 2 }),
            ("D4", Fault::RepeatedWorker { first_row: 2 }),
            ("L4", Fault::RepeatedChild { first_row: 2 }),
            ("L5", Fault::RepeatedChild { first_row: 2 }),
        ]
    );
    assert_eq!(read.rows.iter().map(|row| row.legs.len()).collect::<Vec<_>>(), [3, 1]);
    let own = worker("吕明", "999999197903243717", &child("吕明", "999999197903243717"));
    assert_eq!(faults(&sheet(&[&own])), [("L2", Fault::ChildIsWorker)]);
}

#[test]
fn every_wrong_cell_of_a_row_is_named() {
    let row = [
        (Column::Name, "19900000000"),
        (Column::DocumentKind, "士兵证"),
        (Column::Number, "999999199001010017"),
        (Column::Phone, "12"),
        (Column::Vacancy, "V-2026-0107"),
        (Column::Skill, "9"),
        (Column::Start, "12/9/2026"),
        (Column::ChildName, "吕梅"),
        (Column::Insurance, "商业保险"),
        (Column::HousingWanted, "是"),
        (Column::HousingKind, "别墅"),
    ];
    let cells: Vec<_> = sheet(&[&row]).findings.into_iter().map(|f| f.cell).collect();
    let expected = ["B2", "C2", "E2", "F2", "H2", "I2", "J2", "L2", "M2", "N2", "P2", "Q2"];
    assert_eq!(cells, expected);
}

#[test]
fn small_things_are_warnings() {
    let passport = worker("Anna Li", "E12345678", &POST);
    let mut passport = passport;
    passport.extend([
        (Column::DocumentKind, "护照"),
        (Column::AgeBand, "成年"),
        (Column::Skill, ""),
        (Column::HousingWanted, "否"),
    ]);
    let phone = [(Column::Phone, "+86 199 1234 5678")];
    let (a, b) = (
        worker("吕明", "999999197903243717", &phone),
        worker("华梅", "999999198011111801", &phone),
    );
    let nothing: &[(Column, &str)] =
        &[(Column::Name, "朱华海"), (Column::Number, "999999200612202506"), (Column::City, "成都")];
    let read = sheet(&[&passport, &a, &b, nothing]);
    assert_eq!(
        faults(&read),
        [
            ("I2", Fault::SkillBlank),
            ("O2", Fault::HousingNotAsked),
            ("E4", Fault::SharedPhone { first_row: 3 }),
            ("B5", Fault::NothingAsked),
        ]
    );
    assert_eq!(read.rows.len(), 3);
}

#[test]
fn a_document_that_does_not_tell_the_age_needs_the_age_band() {
    let with = |band: &'static str| {
        let more = [(Column::DocumentKind, "护照"), (Column::AgeBand, band)];
        let row = [worker("Anna Li", "E12345678", &POST), more.to_vec()].concat();
        sheet(&[&row])
    };
    assert_eq!(faults(&with("")), [("R2", Fault::AgeMissing)]);
    assert_eq!(faults(&with("18周岁以上")), []);
    assert_eq!(faults(&with("14至15岁")), [("D2", Fault::UnderAge)]);
    assert!(matches!(faults(&with("三十"))[..], [("R2", Fault::UnknownChoice(_))]));
    assert_eq!(with("成年").rows[0].worker.age_band, Some(AgeBand::Adult));
    // Without the column the number's cell says so.
    let text = "姓名,证件类型,证件号码,意向城市,医保类型\nAnna Li,护照,E12345678,瑞安,居民医保\n";
    assert_eq!(faults(&csv(text).unwrap()), [("C2", Fault::AgeMissing)]);
}

#[test]
fn totals_and_signatures_are_no_workers() {
    let text = "姓名,身份证号,意向城市,住房类型,同住人数\n\
                吕明,999999197903243717,瑞安,公租房,3\n\
                合 计,,,,3\n填表人：某某,,,,\n";
    let read = csv(text).unwrap();
    assert_eq!((read.rows_read, read.findings.len()), (1, 0));
}

#[test]
fn titles_fillers_and_repeated_headings_are_read_over() {
    let head = "序号,姓名,身份证号,意向城市,医保类型";
    let row = "1,吕明,999999197903243717,瑞安,居民医保";
    let text = format!(
        "2026年登记表,,,,\n制表单位：某某局\n\n{head}\n{row}\n2,,,,\n{head}\n填表人：某某,,,,\n"
    );
    let read = csv(&text).unwrap();
    assert_eq!((read.heading_row, read.rows_read, read.rows[0].number), (4, 1, 5));
    assert_eq!(read.findings.len(), 0);
}

#[test]
fn whole_sheets_are_refused_with_a_reason() {
    let head = "姓名,身份证号,意向城市";
    assert_eq!(csv("").unwrap_err(), SheetRefusal::NoHeadings);
    assert_eq!(csv("a,b,c\n1,2,3\n").unwrap_err(), SheetRefusal::NoHeadings);
    assert_eq!(csv(head).unwrap_err(), SheetRefusal::NoRows);
    assert_eq!(
        csv("姓名,身份证号,工种\n").unwrap_err(),
        SheetRefusal::MissingColumns(vec![Column::City])
    );
    let repeated = csv(&format!("{head},证件号码\n")).unwrap_err();
    assert!(matches!(repeated, SheetRefusal::RepeatedColumn { cell, .. } if cell == "D1"));
    let read = |bytes: &[u8], name| read(bytes, name, &options()).unwrap_err();
    assert_eq!(read(b"\xD0\xCF\x11\xE0....", "old.xls"), SheetRefusal::OldOrLocked);
    assert_eq!(read(b"%PDF-1.7", "list.pdf"), SheetRefusal::NotASheet);
    assert_eq!(read(b"PK\x03\x04....", "x.xlsx"), SheetRefusal::Damaged);
    assert_eq!(read(&ROSTER[..20_000], "cut.xlsx"), SheetRefusal::Damaged);
    assert_eq!(read(b"\xFF\xFF", "x.csv"), SheetRefusal::Encoding);
}

#[test]
fn each_limit_is_named() {
    let limited = |bytes: &[u8], limits: Limits| {
        read(bytes, "x.csv", &Options { limits, ..options() }).unwrap_err()
    };
    let standard = Limits::default;
    assert_eq!(
        limited(ROSTER, Limits { file_bytes_max: 1 << 10, ..standard() }),
        SheetRefusal::FileTooLarge { bytes_max: 1 << 10 }
    );
    assert_eq!(
        limited(ROSTER, Limits { inflated_bytes_max: 1 << 17, ..standard() }),
        SheetRefusal::InflatesTooFar { bytes_max: 1 << 17 }
    );
    assert_eq!(
        limited(ROSTER, Limits { rows_max: 299, ..standard() }),
        SheetRefusal::TooManyRows { rows_max: 299 }
    );
    assert!(
        read(ROSTER, "x", &Options { limits: Limits { rows_max: 300, ..standard() }, ..options() })
            .is_ok()
    );
    let refusal = limited(ROSTER, Limits { columns_max: 16, ..standard() });
    assert!(matches!(refusal, SheetRefusal::TooManyColumns { cell, .. } if cell == "Q2"));
    let long = format!("姓名,身份证号,意向城市\n吕明,{},瑞安\n", "9".repeat(1_001));
    assert!(matches!(csv(&long), Err(SheetRefusal::CellTooLong { cell, .. }) if cell == "B2"));
}

#[test]
fn what_people_do_to_keep_a_number_from_being_rounded_is_read_over() {
    let text = "姓名,身份证号,意向城市,医保类型\n\
                吕明,=\"999999197903243717\",瑞安,居民医保\n\
                华梅,'999999198011111801,瑞安,居民医保\n";
    let read = csv(text).unwrap();
    assert_eq!((read.rows.len(), read.findings.len()), (2, 0));
    assert_eq!(read.rows[0].worker.document.number.as_str(), "999999197903243717");
}

#[test]
fn no_number_hides_in_a_field_that_travels_without_identity() {
    let mut post = POST.to_vec();
    post.extend([(Column::Occupation, "焊工19912345678"), (Column::Vacancy, "999999197903243717")]);
    let read = sheet(&[&worker("吕明", "999999197903243717", &post)]);
    assert_eq!(faults(&read)[..1], [("G2", Fault::BadText)]);
    assert!(faults(&read).contains(&("H2", Fault::BadText)) && read.rows.is_empty());
}

#[test]
fn ten_thousand_rows() {
    let mut text = "姓名,证件类型,证件号码,意向城市,医保类型,年龄段\n".to_owned();
    for n in 0..10_000 {
        text += &format!("王一,护照,E{n:08},瑞安,居民医保,成年\n");
    }
    assert_eq!(csv(&text).unwrap().rows.len(), 10_000);
}

#[test]
fn the_template_is_empty_and_fits() {
    assert_eq!(
        read(&template(Form::Csv), "template.csv", &options()).unwrap_err(),
        SheetRefusal::NoRows
    );
    assert!(template(Form::Csv).starts_with("\u{FEFF}序号,姓名,证件类型,身份证号".as_bytes()));
}
