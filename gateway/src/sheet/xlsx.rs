//! Reads .xlsx, after it was weighed.

use std::io::Cursor;

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use jieli_proto::day::Day;

use super::Options;
use super::columns::{HEADING_ROWS_MAX, heading_index, join_headings};
use super::marks::{Marks, marks, part_of};
use super::refusal::SheetRefusal;
use super::table::{Raw, Table};
use super::weigh::{Archive, weighed};

/// Worksheets that are looked at. One entry of the workbook costs nothing and may name a large
/// worksheet again and again.
const WORKSHEETS_MAX: usize = 16;

/// The one visible worksheet with headings, and the index of their row. Hidden worksheets are not
/// read; notes and code lists beside the register are left after their first rows.
pub(super) fn table(bytes: &[u8], options: &Options) -> Result<(Table, usize), SheetRefusal> {
    let mut archive = weighed(bytes, &options.limits)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| SheetRefusal::Damaged)?;
    let names: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    if names.len() > WORKSHEETS_MAX {
        return Err(SheetRefusal::SeveralSheets);
    }
    let mut found = None;
    for name in names {
        let Some(next) = register(&mut archive, &mut book, &name, options)? else { continue };
        if found.replace(next).is_some() {
            return Err(SheetRefusal::SeveralSheets);
        }
    }
    found.ok_or(SheetRefusal::NoHeadings)
}

/// A worksheet if it has headings.
fn register(
    archive: &mut Archive<'_>,
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    options: &Options,
) -> Result<Option<(Table, usize)>, SheetRefusal> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|_| SheetRefusal::Damaged)?;
    let mut table = Table::new(options.limits.clone());
    let mut index = None;
    while let Some(cell) = cells.next_cell().map_err(|_| SheetRefusal::Damaged)? {
        let (row, column) = cell.get_position();
        table.put(row, column, raw(cell.get_value()))?;
        // One row more than the headings may be in: those are complete now.
        if index.is_none() && table.rows.len() > HEADING_ROWS_MAX {
            index = heading_index(&table, options);
            if index.is_none() {
                return Ok(None);
            }
        }
    }
    drop(cells);
    let Some(index) = index.or_else(|| heading_index(&table, options)) else { return Ok(None) };
    // Only now: of a sheet that is refused for its cells the rest is not looked at.
    let part = part_of(archive, name)?;
    let marks = marks(archive, &part, &options.limits)?;
    Ok(Some(finished(table, index, &marks, options)?))
}

/// The table with its marks, and two rows of headings made one.
fn finished(
    mut table: Table,
    index: usize,
    marks: &Marks,
    options: &Options,
) -> Result<(Table, usize), SheetRefusal> {
    table.mark(marks)?;
    let width = table.rows[index].cells.len() as u32;
    table.hidden_columns = (0..width).filter(|column| marks.column_hidden(*column)).collect();
    let index = join_headings(&mut table, index, options);
    Ok((table, index))
}

fn raw(value: &DataRef<'_>) -> Raw {
    match value {
        DataRef::Empty => Raw::Blank,
        DataRef::String(text) => Raw::Text(text.clone()),
        DataRef::SharedString(text) => Raw::Text((*text).to_owned()),
        DataRef::Int(number) => Raw::Number(*number as f64),
        DataRef::Float(number) => Raw::Number(*number),
        DataRef::Bool(truth) => Raw::Text(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::DateTime(date) if date.is_datetime() => {
            let (year, month, day, ..) = date.to_ymd_hms_milli();
            let day = Day::new(u32::from(year), u32::from(month), u32::from(day));
            // A number painted with a date format, too small or too large for a date.
            day.map_or(Raw::Number(date.as_f64()), Raw::Date)
        }
        DataRef::DateTimeIso(text) => Raw::Text(text.clone()),
        DataRef::DateTime(_) | DataRef::DurationIso(_) | DataRef::Error(_) => Raw::Broken,
    }
}

/// Unpacks every visible worksheet, walks over the cells and counts them.
pub(super) fn walk(bytes: &[u8]) -> Result<u64, SheetRefusal> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| SheetRefusal::Damaged)?;
    let mut count = 0;
    for name in book.sheet_names() {
        let mut cells = book.worksheet_cells_reader(&name).map_err(|_| SheetRefusal::Damaged)?;
        while cells.next_cell().map_err(|_| SheetRefusal::Damaged)?.is_some() {
            count += 1;
        }
    }
    Ok(count)
}
