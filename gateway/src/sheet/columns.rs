//! Finds the row of headings and judges every column before a single row is read.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jieli_proto::deny;

use super::headings::Column;
use super::refusal::{RefusedColumn, SheetRefusal};
use super::table::{RawRow, Table, cell_name};

/// The headings are looked for in so many rows: title rows may stand above them.
pub(super) const HEADING_ROWS_MAX: usize = 20;

/// Where the known columns are.
pub(super) struct Layout {
    /// The row number of the headings, from 1.
    pub(super) heading_row: u32,
    /// Column position from 0 and the heading as the sheet has it.
    pub(super) places: BTreeMap<Column, (u32, String)>,
}

/// The index of the row of headings: of the first rows the one with the most headings we know
/// (a forbidden one is one we know), at least three with a name or a number among them.
pub(super) fn heading_index(table: &Table) -> Option<usize> {
    let score = |row: &RawRow| {
        let texts: Vec<String> = row.cells.iter().map(|raw| raw.text()).collect();
        let person = texts.iter().filter_map(|text| Column::of_heading(text));
        let person = person.filter(|c| matches!(c, Column::Name | Column::Number)).count();
        let known = |text: &&String| {
            Column::of_heading(text).is_some() || deny::is_forbidden(text).is_some()
        };
        if person == 0 { 0 } else { texts.iter().filter(known).count() }
    };
    let scores = table.rows.iter().take(HEADING_ROWS_MAX).map(score).enumerate();
    // Of equals the first: a heading repeated for printing comes later.
    scores
        .max_by_key(|(index, score)| (*score, Reverse(*index)))
        .filter(|(_, score)| *score >= 3)
        .map(|(index, _)| index)
}

/// The forbidden and unknown columns of a table, from left to right. A column without a heading
/// but with something below it is unknown.
pub(super) fn refused(table: &Table, index: usize) -> Vec<RefusedColumn> {
    let headings = &table.rows[index];
    let width = table.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) as u32;
    (0..width).filter_map(|column| refused_column(table, index, headings, column)).collect()
}

fn refused_column(
    table: &Table,
    index: usize,
    headings: &RawRow,
    column: u32,
) -> Option<RefusedColumn> {
    let raw = headings.cell(column);
    let heading = raw.text();
    let topic = deny::find(&heading).map(|denied| (denied.topic_zh, denied.topic));
    let known = topic.is_none() && Column::of_heading(&heading).is_some();
    let empty = raw.is_blank() && table.rows[index + 1..].iter().all(|r| r.cell(column).is_blank());
    if known || empty {
        return None;
    }
    let cell = cell_name(headings.number, column);
    Some(RefusedColumn { cell, heading: heading.chars().take(40).collect(), topic })
}

/// The layout of a table of which no column is refused.
pub(super) fn layout(table: &Table, index: usize) -> Result<Layout, SheetRefusal> {
    let headings = &table.rows[index];
    let mut places: BTreeMap<Column, (u32, String)> = BTreeMap::new();
    for (position, raw) in headings.cells.iter().enumerate() {
        let heading = raw.text();
        let Some(column) = Column::of_heading(&heading) else { continue };
        let position = position as u32;
        if let Some((first, _)) = places.insert(column, (position, heading)) {
            let (first, cell) =
                (cell_name(headings.number, first), cell_name(headings.number, position));
            return Err(SheetRefusal::RepeatedColumn { first, cell, column });
        }
    }
    let missing: Vec<Column> =
        Column::REQUIRED.into_iter().filter(|column| !places.contains_key(column)).collect();
    if missing.is_empty() {
        Ok(Layout { heading_row: headings.number, places })
    } else {
        Err(SheetRefusal::MissingColumns(missing))
    }
}
