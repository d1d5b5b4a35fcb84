//! Reads .xlsx. The archive is weighed before it is opened: what it says it unpacks to and what it
//! really unpacks to, so that a small file cannot fill the memory.

use std::io::{Cursor, Read, copy, sink};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use jieli_proto::day::Day;

use super::Limits;
use super::columns::{HEADING_ROWS_MAX, heading_index};
use super::refusal::SheetRefusal;
use super::table::{Raw, Table};

/// Worksheets that are looked at. One entry of the workbook costs nothing and may name a large
/// worksheet again and again.
const WORKSHEETS_MAX: usize = 16;

/// The one visible worksheet with headings, and the index of their row. Hidden worksheets are not
/// read; notes and code lists beside the register are left after their first rows.
pub(super) fn table(bytes: &[u8], limits: &Limits) -> Result<(Table, usize), SheetRefusal> {
    weigh(bytes, limits.inflated_bytes_max)?;
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
        let Some(next) = register(&mut book, &name, limits)? else { continue };
        if found.replace(next).is_some() {
            return Err(SheetRefusal::SeveralSheets);
        }
    }
    found.ok_or(SheetRefusal::NoHeadings)
}

/// A worksheet if it has headings.
fn register(
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    limits: &Limits,
) -> Result<Option<(Table, usize)>, SheetRefusal> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|_| SheetRefusal::Damaged)?;
    let mut table = Table::new(limits.clone());
    let mut index = None;
    while let Some(cell) = cells.next_cell().map_err(|_| SheetRefusal::Damaged)? {
        let (row, column) = cell.get_position();
        table.put(row, column, raw(cell.get_value()))?;
        // One row more than the headings may be in: those are complete now.
        if index.is_none() && table.rows.len() > HEADING_ROWS_MAX {
            index = heading_index(&table);
            if index.is_none() {
                return Ok(None);
            }
        }
    }
    Ok(index.or_else(|| heading_index(&table)).map(|index| (table, index)))
}

/// More members than this has no workbook of an office.
const MEMBERS_MAX: usize = 2_000;

fn weigh(bytes: &[u8], bytes_max: u64) -> Result<(), SheetRefusal> {
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| SheetRefusal::Damaged)?;
    if archive.len() > MEMBERS_MAX {
        return Err(SheetRefusal::Damaged);
    }
    let mut declared = 0u64;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|_| SheetRefusal::Damaged)?;
        declared = declared.saturating_add(member.size());
    }
    if declared > bytes_max {
        return Err(SheetRefusal::InflatesTooFar { bytes_max });
    }
    let mut left = bytes_max;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|_| SheetRefusal::Damaged)?;
        let read =
            copy(&mut member.take(left + 1), &mut sink()).map_err(|_| SheetRefusal::Damaged)?;
        left = left.checked_sub(read).ok_or(SheetRefusal::InflatesTooFar { bytes_max })?;
    }
    Ok(())
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
