//! The sheets made here, each with another way of offices: that they are what their maker writes,
//! and that each behaves as the table of fixtures/sheets/README.md says.

use super::*;
use std::path::Path;

#[test]
fn ten_sheets_are_what_their_maker_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sheets");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for (name, bytes) in make::all() {
        let path = folder.join(name);
        if std::env::var_os("JIELI_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} is not what is checked in");
        assert!(table.contains(&format!("| {name} |")), "{name} is not in the table");
    }
}

fn file(name: &str) -> (Vec<u8>, String) {
    let found = make::all().into_iter().find(|(known, _)| *known == name);
    (found.unwrap().1, name.to_owned())
}

fn opened(name: &str) -> Sheet {
    let (bytes, name) = file(name);
    read(&bytes, &name, &options()).unwrap()
}

/// Everything but that a skill level is blank, or that there is no column for it.
fn told(sheet: &Sheet) -> Vec<(&str, Fault)> {
    let of_skill = |fault: &Fault| matches!(fault, Fault::SkillBlank | Fault::SkillAbsent);
    faults(sheet).into_iter().filter(|(_, fault)| !of_skill(fault)).collect()
}

#[test]
fn a_column_that_is_not_there_is_told_once_and_not_for_every_row() {
    let sheet = opened("dates.xlsx");
    let of_skill: Vec<(&str, Fault)> = faults(&sheet)
        .into_iter()
        .filter(|(_, fault)| matches!(fault, Fault::SkillBlank | Fault::SkillAbsent))
        .collect();
    assert_eq!(of_skill, [("E1", Fault::SkillAbsent)]);
}

fn rows(sheet: &Sheet) -> Vec<u32> {
    sheet.rows.iter().map(|row| row.number).collect()
}

#[test]
fn other_words_for_the_same_columns() {
    let sheet = opened("other-headings.xlsx");
    assert_eq!((sheet.heading_row, rows(&sheet), faults(&sheet)), (3, vec![4, 5, 6, 7], vec![]));
    assert_eq!(sheet.rows[0].legs.len(), 4);
}

#[test]
fn headings_of_the_office_alone_are_refused_until_they_are_mapped() {
    let (bytes, name) = file("own-headings.xlsx");
    let refusal = read(&bytes, &name, &options()).unwrap_err();
    let SheetRefusal::Columns(columns) = refusal else { panic!("{refusal:?}") };
    let named: Vec<&str> = columns.iter().map(|column| column.heading.as_str()).collect();
    assert_eq!(named, ["就业去向", "拟上岗日"]);
    let mut options = options();
    options.mapping.add_written("就业去向=意向城市").unwrap();
    options.mapping.add_written("拟 上岗日*=Earliest start").unwrap();
    let sheet = read(&bytes, &name, &options).unwrap();
    assert_eq!((rows(&sheet), told(&sheet)), (vec![2, 3, 4], vec![]));
}

#[test]
fn merged_cells_say_what_they_say_once() {
    let sheet = opened("merged-cells.xlsx");
    assert_eq!(told(&sheet), [("D4", Fault::MergedCell), ("D5", Fault::MergedCell)]);
    assert_eq!(rows(&sheet), [3, 6]);
}

#[test]
fn two_rows_of_headings_are_read_as_one() {
    let sheet = opened("two-heading-rows.xlsx");
    assert_eq!((sheet.heading_row, rows(&sheet), faults(&sheet)), (2, vec![3, 4], vec![]));
    assert!(matches!(sheet.rows[1].legs[0], Leg::Schooling { grade: 2, .. }));
}

#[test]
fn hidden_rows_are_named_and_not_imported() {
    let sheet = opened("hidden-rows.xlsx");
    let expected =
        [("C1", Fault::HiddenColumn), ("A3", Fault::HiddenRow), ("A5", Fault::HiddenRow)];
    assert_eq!(told(&sheet), expected);
    assert_eq!((rows(&sheet), sheet.rows_read), (vec![2, 4, 6], 5));
}

#[test]
fn formulas_count_by_what_was_worked_out() {
    let sheet = opened("formulas.xlsx");
    assert_eq!(told(&sheet), [("E4", Fault::Broken), ("B5", Fault::Broken)]);
    assert_eq!(rows(&sheet), [2, 3]);
    let Leg::Employment { earliest_start, .. } = &sheet.rows[1].legs[0] else { panic!() };
    assert_eq!(earliest_start.to_string(), "2026-12-09");
}

#[test]
fn dates_in_seven_spellings_and_one_that_nobody_can_tell() {
    let sheet = opened("dates.xlsx");
    assert_eq!(told(&sheet), [("G9", Fault::NotADate)]);
    assert_eq!(sheet.rows.len(), 7);
    for row in &sheet.rows {
        let Leg::Employment { earliest_start, .. } = &row.legs[0] else { panic!() };
        assert_eq!(earliest_start.to_string(), "2026-12-01", "row {}", row.number);
    }
}

#[test]
fn numbers_as_text_and_text_as_numbers() {
    let sheet = opened("numbers.xlsx");
    let expected = [
        ("B2", Fault::Number(NumberError::Rounded)),
        ("B4", Fault::Number(NumberError::Rounded)),
        ("H5", Fault::UnknownSkill),
    ];
    assert_eq!(told(&sheet), expected);
    assert_eq!(rows(&sheet), [3, 6]);
    assert_eq!(sheet.rows[0].worker.phone.as_ref().unwrap().as_str(), "19912340002");
}

#[test]
fn totals_passports_tabs_and_unicode_text() {
    let sheet = opened("totals.xlsx");
    assert_eq!((sheet.heading_row, rows(&sheet), faults(&sheet)), (3, vec![4, 5, 6], vec![]));
    let sheet = opened("passports.xlsx");
    assert_eq!((rows(&sheet), faults(&sheet)), (vec![2, 4], vec![("D3", Fault::AgeMissing)]));
    let sheet = opened("tabs-with-mark.csv");
    assert_eq!((rows(&sheet), faults(&sheet)), (vec![2, 3, 4], vec![]));
    let sheet = opened("unicode-text.csv");
    assert_eq!((rows(&sheet).len(), faults(&sheet)), (5, vec![]));
}

#[test]
fn v11_forbidden_columns_stay_away_from_every_sheet_that_goes_back() {
    let hidden = "姓名,身份证号,意向城市,民\u{200B}族,备　注,min_zu,住房类型,同住人数,学历\n\
                  吕明,999999197903243717,瑞安,甲,乙,丙,公租房,2,丁\n";
    let refusal = read(hidden.as_bytes(), "a.csv", &options()).unwrap_err();
    let SheetRefusal::Columns(columns) = &refusal else { panic!("{refusal:?}") };
    assert_eq!(columns.iter().filter(|column| column.topic.is_some()).count(), 3);
    assert_eq!(columns.len(), 4);
    for form in [Form::Csv, Form::Xlsx] {
        let clean = cleaned_copy(hidden.as_bytes(), "a.csv", &options(), form).unwrap();
        let again = read(&clean, "a.csv", &options()).unwrap();
        assert_eq!((again.rows.len(), again.findings.len()), (1, 0));
        let mut text = String::from_utf8_lossy(&clean).into_owned();
        if form == Form::Xlsx {
            let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&clean)).unwrap();
            let mut strings = archive.by_name("xl/sharedStrings.xml").unwrap();
            text.clear();
            std::io::Read::read_to_string(&mut strings, &mut text).unwrap();
        }
        assert!(
            text.contains("吕明") && !text.contains(['甲', '乙', '丙', '丁', '族']),
            "{form:?}"
        );
    }
    let note = Note { row: 2, wrong: true, ..Note::default() };
    for wrong_only in [false, true] {
        let notes = std::slice::from_ref(&note);
        let back = handed_back(hidden.as_bytes(), "a.csv", &options(), notes, wrong_only);
        assert!(matches!(back, Err(SheetRefusal::Columns(_))));
    }
}

#[test]
fn a_sheet_that_went_back_can_be_corrected_and_imported_again() {
    let note = |row, case_number: &str| Note {
        row,
        case_number: case_number.to_owned(),
        outcome: "已建草稿".to_owned(),
        remedy: "D7 第一行\n第二行".to_owned(),
        wrong: case_number.is_empty(),
    };
    let notes: Vec<Note> =
        (3..=61).map(|row| note(row, if row % 9 == 0 { "" } else { "2026-000001" })).collect();
    let before = read(MESSY, "a.xlsx", &options()).unwrap();
    let back = handed_back(MESSY, "a.xlsx", &options(), &notes, false).unwrap();
    let after = read(&back, "a.xlsx", &options()).unwrap();
    // Every cell stands where it stood, so what is said of it holds.
    assert_eq!(faults(&after), faults(&before));
    assert_eq!(after.rows, before.rows);
    // And once more: its own columns are written over, not doubled.
    let twice = handed_back(&back, "a.xlsx", &options(), &notes, false).unwrap();
    assert_eq!(read(&twice, "a.xlsx", &options()).unwrap().rows, before.rows);
    let wrong = handed_back(MESSY, "a.xlsx", &options(), &notes, true).unwrap();
    let wrong = read(&wrong, "a.xlsx", &options()).unwrap();
    assert_eq!(wrong.rows_read, notes.iter().filter(|note| note.wrong).count());
}

#[test]
fn no_cell_becomes_a_formula_on_its_way_back() {
    let text = "姓名,身份证号,意向城市,住房类型,同住人数\n\
                \"=HYPERLINK(\"\"http://x.example\"\",\"\"a\"\")\",+1,-2,@SUM(A1),\"\t=1+1\"\n";
    let csv = cleaned_copy(text.as_bytes(), "a.csv", &options(), Form::Csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    for cell in csv.lines().nth(1).unwrap().split(',') {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
    }
    let book = cleaned_copy(text.as_bytes(), "a.csv", &options(), Form::Xlsx).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&book)).unwrap();
    let mut sheet = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut sheet, &mut text).unwrap();
    assert!(!text.contains("<f>") && !text.contains("hyperlink"));
}

#[test]
fn the_template_as_a_workbook_reads_when_it_is_filled_in() {
    let empty = template(Form::Xlsx);
    assert_eq!(read(&empty, "a.xlsx", &options()).unwrap_err(), SheetRefusal::NoRows);
    let row = "<row r=\"2\"><c r=\"B2\" t=\"inlineStr\"><is><t>吕明</t></is></c>\
               <c r=\"D2\" t=\"inlineStr\"><is><t>999999197903243717</t></is></c>\
               <c r=\"F2\" t=\"inlineStr\"><is><t>瑞安</t></is></c>\
               <c r=\"P2\" t=\"inlineStr\"><is><t>公租房</t></is></c>\
               <c r=\"Q2\"><v>2</v></c></row></sheetData>";
    let filled = hostile::repacked(&empty, &mut |xml| {
        let text = String::from_utf8(xml.clone()).unwrap();
        *xml = text.replace("</sheetData>", row).into_bytes();
    });
    let sheet = read(&filled, "a.xlsx", &options()).unwrap();
    assert_eq!((rows(&sheet), faults(&sheet)), (vec![2], vec![]));
}

#[test]
fn the_reader_answers_in_words_and_never_with_what_a_cell_says() {
    use crate::sheet::job::{Answer, Job, Work, packed, perform, unpacked};
    let job = |work| Job {
        work,
        ending: "xlsx".to_owned(),
        today: 20_261_121,
        vacancies: options().known_vacancies,
        mapping: Mapping::default(),
        limits: Limits::default(),
    };
    let answer = |work, bytes: &[u8]| {
        let output = perform(&packed(&job(work), bytes).unwrap());
        let (answer, body) = unpacked::<Answer>(&output).unwrap();
        (answer, body.to_vec())
    };
    let (Answer::Sheet(reading), drafts) = answer(Work::Read, MESSY) else { panic!() };
    assert_eq!((reading.rows_read, reading.rows.len(), reading.faulty_rows().len()), (60, 52, 7));
    let drafts: jieli_proto::wire::ImportRequest = prost::Message::decode(&drafts[..]).unwrap();
    assert_eq!(drafts.drafts.len(), 52);
    assert!(!format!("{reading:?}").contains("999999"));
    let (Answer::Refused(refused), body) = answer(Work::Read, FORBIDDEN) else { panic!() };
    assert_eq!((refused.code.as_str(), refused.columns.len(), body.len()), ("COLUMNS", 2, 0));
    assert_eq!(answer(Work::Clean(Form::Xlsx), FORBIDDEN).0, Answer::File);
    assert_eq!(unpacked::<Answer>(&perform(b"{}\nabc")).unwrap().0, Answer::NoJob);
}
