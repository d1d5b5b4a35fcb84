//! Sheets that go back to the clerk: the empty template, the copy without forbidden columns, and
//! the office's own sheet with what became of each row. Every cell is written as text, so that
//! nothing a sheet says is ever worked out as a formula, and no long number is rounded.

use std::collections::BTreeMap;

use jieli_proto::day::Day;
use rust_xlsxwriter::{
    Color, DataValidation, DocProperties, ExcelDateTime, Format, IgnoreError, Workbook, Worksheet,
    XlsxError,
};
use serde::{Deserialize, Serialize};

use super::headings::Column;
use super::table::{Raw, RawRow, Table};
use super::{Options, SheetRefusal, open};

mod guide;

/// How a sheet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// A workbook.
    Xlsx,
    /// Text in UTF-8 with a mark, as spreadsheets expect.
    Csv,
}

/// What became of a row. Holds nothing of what the row says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The row in the spreadsheet, from 1.
    pub row: u32,
    /// The case number; empty if there is none.
    pub case_number: String,
    /// What came of it.
    pub outcome: String,
    /// Which cell is wrong, and what to do.
    pub remedy: String,
    /// Whether it is to be put right and imported again.
    pub wrong: bool,
}

/// The empty sheet with the standard headings. As a workbook with lists to choose from and a
/// second worksheet that says how to fill it in.
pub fn template(form: Form) -> Vec<u8> {
    let headings: Vec<String> = Column::TEMPLATE.iter().map(|c| c.zh().to_owned()).collect();
    match form {
        Form::Csv => csv([headings].into_iter()),
        // What goes in is ours and within every limit of a workbook.
        Form::Xlsx => guide::workbook(&headings).unwrap_or_default(),
    }
}

/// A copy of a sheet with its known columns only, from the row of headings on (a title may name a
/// person, so it is left behind). What the known cells say is kept, right or wrong.
pub fn cleaned_copy(
    bytes: &[u8],
    file_name: &str,
    options: &Options,
    form: Form,
) -> Result<Vec<u8>, SheetRefusal> {
    let (table, index) = open(bytes, file_name, options)?;
    let known: Vec<u32> = positions(&table, index, |heading| {
        let column = options.mapping.column(heading);
        column.is_some_and(|column| column == Column::Serial || !column.is_read_over())
            && super::forbidden::find(heading).is_none()
    });
    let rows = table.rows[index..].iter().map(|row| {
        let cells = known.iter().map(|&column| row.cell(column).verbatim().trim().to_owned());
        cells.collect::<Vec<String>>()
    });
    let rows = rows.filter(|row| row.iter().any(|cell| !cell.is_empty()));
    match form {
        Form::Csv => Ok(guarded_csv(rows)),
        Form::Xlsx => {
            let rows =
                rows.enumerate().map(|(at, cells)| Line { at: at as u32, cells, wrong: false });
            written(rows, 0, options.today)
        }
    }
}

/// The office's own sheet as a workbook, each cell where it was, with three columns more: case
/// number, what came of the row, what to do. With `wrong_only` the headings and the rows to be put
/// right: these can be corrected and imported again.
pub fn handed_back(
    bytes: &[u8],
    file_name: &str,
    options: &Options,
    notes: &[Note],
    wrong_only: bool,
) -> Result<Vec<u8>, SheetRefusal> {
    let (table, index) = open(bytes, file_name, options)?;
    // Of a sheet with forbidden columns nothing is written but the cleaned copy.
    let refused = super::columns::refused(&table, index, options);
    if !refused.is_empty() {
        return Err(SheetRefusal::Columns(refused));
    }
    let width = table.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) as u32;
    let own = [Column::CaseNumber, Column::Outcome, Column::Remedy];
    let mut free = width;
    let places = own.map(|column| {
        let there = positions(&table, index, |h| options.mapping.column(h) == Some(column));
        there.first().copied().unwrap_or_else(|| {
            free += 1;
            free - 1
        })
    });
    let notes: BTreeMap<u32, &Note> = notes.iter().map(|note| (note.row, note)).collect();
    let line = |position: usize, row: &RawRow| {
        let note = notes.get(&row.number);
        let mut cells: Vec<String> =
            (0..free).map(|column| row.cell(column).verbatim().trim().to_owned()).collect();
        for (which, place) in places.iter().enumerate() {
            cells[*place as usize] = match (position == index, note) {
                (true, _) => own[which].zh().to_owned(),
                (false, Some(note)) => {
                    [&note.case_number, &note.outcome, &note.remedy][which].clone()
                }
                (false, None) => String::new(),
            };
        }
        Line { at: row.number - 1, cells, wrong: note.is_some_and(|note| note.wrong) }
    };
    let lines = table.rows.iter().enumerate().map(|(position, row)| line(position, row));
    if !wrong_only {
        return written(lines, table.rows[index].number - 1, options.today);
    }
    let heading_at = table.rows[index].number - 1;
    let kept = lines.filter(|line| line.wrong || line.at == heading_at).enumerate();
    written(kept.map(|(at, line)| Line { at: at as u32, ..line }), 0, options.today)
}

/// Positions of the headings for which this holds.
fn positions(table: &Table, index: usize, holds: impl Fn(&str) -> bool) -> Vec<u32> {
    let headings = table.rows[index].cells.iter().map(Raw::text).enumerate();
    headings.filter(|(_, heading)| holds(heading)).map(|(position, _)| position as u32).collect()
}

struct Line {
    /// From 0.
    at: u32,
    cells: Vec<String>,
    wrong: bool,
}

/// A workbook of these lines. `heading_at` is the line of the headings.
fn written(
    lines: impl Iterator<Item = Line>,
    heading_at: u32,
    today: Day,
) -> Result<Vec<u8>, SheetRefusal> {
    // Every cell has passed the limits of a sheet, which are narrower than those of a workbook.
    workbook(lines, heading_at, today).map_err(|_| SheetRefusal::Damaged)
}

fn workbook(
    lines: impl Iterator<Item = Line>,
    heading_at: u32,
    today: Day,
) -> Result<Vec<u8>, XlsxError> {
    let plain = Format::new().set_num_format("@");
    let bold = plain.clone().set_bold();
    let wrong = plain.clone().set_background_color(Color::RGB(0x00FF_E5E5));
    let mut book = Workbook::new();
    book.set_properties(&properties(today)?);
    let sheet = book.add_worksheet();
    let (mut last, mut width) = (0, 1);
    for line in lines {
        let format = match (line.at == heading_at, line.wrong) {
            (true, _) => &bold,
            (false, true) => &wrong,
            (false, false) => &plain,
        };
        for (column, cell) in line.cells.iter().enumerate() {
            if !cell.is_empty() {
                sheet.write_string_with_format(line.at, column as u16, cell, format)?;
            }
        }
        last = last.max(line.at);
        width = width.max(line.cells.len() as u16);
    }
    finish(sheet, heading_at, last, width)?;
    book.save_to_buffer()
}

fn finish(sheet: &mut Worksheet, heading_at: u32, last: u32, width: u16) -> Result<(), XlsxError> {
    sheet.set_freeze_panes(heading_at + 1, 0)?;
    sheet.ignore_error_range(0, 0, last, width - 1, IgnoreError::NumberStoredAsText)?;
    for column in 0..width {
        sheet.set_column_width(column, 18)?;
    }
    Ok(())
}

/// The same bytes from the same sheet on the same day: no clock of the machine.
fn properties(today: Day) -> Result<DocProperties, XlsxError> {
    let (year, month, day) = today.parts();
    let made = ExcelDateTime::from_ymd(year as u16, month as u8, day as u8)?;
    Ok(DocProperties::new().set_author("Jieli").set_creation_datetime(&made))
}

/// A cell with a tab before what a spreadsheet would take for a formula or round to 15 digits.
/// The import reads over the tab.
fn guarded(cell: &str) -> String {
    let text = cell.trim();
    let long_number = text.len() > 11 && text.bytes().all(|b| b.is_ascii_digit() || b == b'X');
    let formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if long_number || formula { format!("\t{text}") } else { text.to_owned() }
}

/// Rows as text that a spreadsheet opens and takes for no formula.
pub(crate) fn guarded_csv(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    csv(rows.map(|row| row.iter().map(|cell| guarded(cell)).collect()))
}

fn csv(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut out = "\u{FEFF}".to_owned();
    for row in rows {
        let cells = row.into_iter().map(|cell| {
            let plain = !cell.contains([',', '"', '\n', '\r']);
            if plain { cell } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
        });
        out += &cells.collect::<Vec<_>>().join(",");
        out += "\r\n";
    }
    out.into_bytes()
}
