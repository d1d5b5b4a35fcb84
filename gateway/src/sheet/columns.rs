//! Finds the row of headings and judges every column before a single row is read.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jieli_proto::deny;

use super::Options;
use super::headings::Column;
use super::refusal::{RefusedColumn, SheetRefusal};
use super::table::{Raw, RawRow, Table, cell_name};

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
pub(super) fn heading_index(table: &Table, options: &Options) -> Option<usize> {
    let mapping = &options.mapping;
    let score = |row: &RawRow| {
        let texts: Vec<String> = row.cells.iter().map(|raw| raw.text()).collect();
        let person = texts.iter().filter_map(|text| mapping.column(text));
        let person = person.filter(|c| matches!(c, Column::Name | Column::Number)).count();
        let known =
            |text: &&String| mapping.column(text).is_some() || deny::is_forbidden(text).is_some();
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
pub(super) fn refused(table: &Table, index: usize, options: &Options) -> Vec<RefusedColumn> {
    let headings = &table.rows[index];
    let width = table.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) as u32;
    let judge = |column| refused_column(table, index, headings, column, options);
    (0..width).filter_map(judge).collect()
}

fn refused_column(
    table: &Table,
    index: usize,
    headings: &RawRow,
    column: u32,
    options: &Options,
) -> Option<RefusedColumn> {
    let raw = headings.cell(column);
    let heading = raw.text();
    let topic = deny::find(&heading).map(|denied| (denied.topic_zh, denied.topic));
    let known = topic.is_none() && options.mapping.column(&heading).is_some();
    let empty = raw.is_blank() && table.rows[index + 1..].iter().all(|r| r.cell(column).is_blank());
    if known || empty {
        return None;
    }
    let cell = cell_name(headings.number, column);
    Some(RefusedColumn { cell, heading: heading.chars().take(40).collect(), topic })
}

/// The layout of a table of which no column is refused.
pub(super) fn layout(
    table: &Table,
    index: usize,
    options: &Options,
) -> Result<Layout, SheetRefusal> {
    let headings = &table.rows[index];
    let mut places: BTreeMap<Column, (u32, String)> = BTreeMap::new();
    for (position, raw) in headings.cells.iter().enumerate() {
        let heading = raw.text();
        let Some(column) = options.mapping.column(&heading) else { continue };
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

/// Rows of headings that are merged over each other, at most.
const HEADING_BLOCK_MAX: u32 = 3;

/// Where headings reach over several rows (`姓名` merged downwards beside a group `随行子女` over
/// its own columns), makes the lowest of these rows the row of headings: a merged one comes down,
/// and a group's name goes before the names under it where that makes a heading we know. Returns
/// the index of that row.
pub(super) fn join_headings(table: &mut Table, index: usize, options: &Options) -> usize {
    let top = &table.rows[index];
    let own = top.merges.iter().filter(|merge| merge.rows.0 == top.number);
    let last = own.map(|merge| merge.rows.1).max().unwrap_or(top.number);
    let down = if last > top.number && last - top.number < HEADING_BLOCK_MAX {
        table.rows.iter().position(|row| row.number == last).unwrap_or(index)
    } else {
        index
    };
    let groups = down.checked_sub(1).filter(|above| {
        // Right above, or it is no group but a title or a note.
        table.rows[*above].number + 1 == table.rows[down].number
    });
    let width = table.rows[index].cells.len().max(table.rows[down].cells.len()) as u32;
    let heading = |column: u32| {
        let text = |row: usize, column: u32| table.rows[row].cell(column).text();
        let own = text(down, column);
        let above = groups.and_then(|above| {
            let row = &table.rows[above];
            let merge = row.merges.iter().find(|merge| merge.covers(row.number, column))?;
            Some((merge.rows.1 > row.number, text(above, merge.columns.0)))
        });
        match above {
            Some((true, merged)) if own.is_empty() => Some(merged),
            Some((false, group)) if !own.is_empty() => {
                let joined = format!("{group}{own}");
                let known = options.mapping.column(&joined).is_some()
                    || deny::is_forbidden(&joined).is_some();
                known.then_some(joined)
            }
            Some(_) | None => None,
        }
    };
    let joined: Vec<Option<String>> = (0..width).map(heading).collect();
    let row = &mut table.rows[down];
    for (column, text) in joined.into_iter().enumerate() {
        let Some(text) = text else { continue };
        if row.cells.len() <= column {
            row.cells.resize(column + 1, Raw::Blank);
        }
        row.cells[column] = Raw::Text(text);
    }
    down
}
