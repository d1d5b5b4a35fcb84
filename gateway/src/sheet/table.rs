//! The bare table of a file, before anything is understood: rows of cells with the positions the
//! clerk sees in the spreadsheet.

use std::collections::BTreeSet;

use jieli_proto::day::Day;
use jieli_proto::number::fold_char;

use super::Limits;
use super::marks::{Marks, Merge, Sweep};
use super::refusal::SheetRefusal;

/// What stands in a cell.
#[derive(Clone, PartialEq, Default)]
pub(super) enum Raw {
    #[default]
    Blank,
    Text(String),
    Number(f64),
    Date(Day),
    /// A formula error, a duration, anything that is none of the above.
    Broken,
    /// A formula that no program has worked out yet.
    Bare,
}

/// From here on a double no longer holds every integer a spreadsheet shows: 15 digits.
const EXACT_BELOW: f64 = 1e15;

impl Raw {
    /// The text of a cell, trimmed, full-width characters folded. A number beyond 15 digits comes
    /// out in scientific notation, whatever its format was: its last digits are not to be had.
    pub(super) fn text(&self) -> String {
        match self {
            Raw::Blank | Raw::Broken | Raw::Bare => String::new(),
            Raw::Text(text) => unquoted(text.chars().map(fold_char).collect::<String>().trim()),
            Raw::Number(n) if n.abs() >= EXACT_BELOW => format!("{n:E}").replace('E', "E+"),
            Raw::Number(n) => n.to_string(),
            Raw::Date(day) => day.to_string(),
        }
    }

    /// The text of a cell as it stands: for names, which keep what the document says.
    pub(super) fn verbatim(&self) -> String {
        match self {
            Raw::Text(text) => text.clone(),
            Raw::Blank | Raw::Broken | Raw::Bare | Raw::Number(_) | Raw::Date(_) => self.text(),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        match self {
            Raw::Blank => true,
            Raw::Text(text) => text.trim().is_empty(),
            Raw::Number(_) | Raw::Date(_) | Raw::Broken | Raw::Bare => false,
        }
    }
}

/// A number without what people put around it to keep it from being rounded: `'123`, `="123"`.
fn unquoted(text: &str) -> String {
    let formula = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    let inner = formula.or(text.strip_prefix(['\'', '‘', '’', '`']));
    let digits = |inner: &&str| inner.starts_with(|c: char| c.is_ascii_digit());
    inner.filter(digits).unwrap_or(text).to_owned()
}

/// One row: its number from 1, and its cells from column A.
pub(super) struct RawRow {
    pub(super) number: u32,
    pub(super) cells: Vec<Raw>,
    /// Nobody sees this row.
    pub(super) hidden: bool,
    /// The merged cells that lie over it.
    pub(super) merges: Vec<Merge>,
}

impl RawRow {
    fn new(number: u32) -> RawRow {
        RawRow { number, cells: Vec::new(), hidden: false, merges: Vec::new() }
    }

    pub(super) fn cell(&self, column: u32) -> &Raw {
        self.cells.get(column as usize).unwrap_or(&Raw::Blank)
    }

    /// The first cell of the merged ones that a cell is part of without being their first.
    pub(super) fn merged_into(&self, column: u32) -> Option<String> {
        let merge = self.merges.iter().find(|merge| merge.covers(self.number, column))?;
        let first = (merge.rows.0, merge.columns.0);
        (first != (self.number, column)).then(|| cell_name(first.0, first.1))
    }
}

/// No spreadsheet has more columns, blank or not.
const SPREADSHEET_COLUMNS: u32 = 16_384;

/// The rows of a worksheet that are not blank, in order.
pub(super) struct Table {
    pub(super) rows: Vec<RawRow>,
    /// Positions from 0 of columns nobody sees.
    pub(super) hidden_columns: Vec<u32>,
    limits: Limits,
    text_bytes: u64,
}

impl Table {
    pub(super) fn new(limits: Limits) -> Table {
        Table { rows: Vec::new(), hidden_columns: Vec::new(), limits, text_bytes: 0 }
    }

    /// Puts a cell in its place (row and column from 0); rows come in order. Blank cells take no
    /// room, so that a format painted over a million rows costs nothing.
    pub(super) fn put(&mut self, row: u32, column: u32, raw: Raw) -> Result<(), SheetRefusal> {
        if raw.is_blank() && column < SPREADSHEET_COLUMNS {
            return Ok(());
        }
        let number = row.saturating_add(1);
        let limits = &self.limits;
        if column as usize >= limits.columns_max {
            let (cell, columns_max) = (cell_name(number, column), limits.columns_max);
            return Err(SheetRefusal::TooManyColumns { cell, columns_max });
        }
        if let Raw::Text(text) = &raw {
            self.text_bytes += text.len() as u64;
            if text.len() > limits.cell_chars_max && text.chars().count() > limits.cell_chars_max {
                let (cell, chars_max) = (cell_name(number, column), limits.cell_chars_max);
                return Err(SheetRefusal::CellTooLong { cell, chars_max });
            }
            // One shared string may stand in every cell: what is unpacked is counted again here.
            if self.text_bytes > limits.inflated_bytes_max {
                return Err(SheetRefusal::InflatesTooFar { bytes_max: limits.inflated_bytes_max });
            }
        }
        if self.rows.last().is_none_or(|last| last.number < number) {
            // The rows above the headings are not counted against the clerk.
            if self.rows.len() >= limits.rows_max + super::columns::HEADING_ROWS_MAX {
                return Err(SheetRefusal::TooManyRows { rows_max: limits.rows_max });
            }
            self.rows.push(RawRow { number, cells: Vec::new(), hidden: false, merges: Vec::new() });
        }
        let Some(last) = self.rows.last_mut().filter(|last| last.number == number) else {
            return Err(SheetRefusal::Damaged);
        };
        let column = column as usize;
        if last.cells.len() <= column {
            last.cells.resize(column + 1, Raw::Blank);
        }
        last.cells[column] = raw;
        Ok(())
    }

    /// Formulas without a result, which the reader of cells passes over: they stand in rows of
    /// the table, or are rows of their own below the first.
    fn put_bare(&mut self, bare: &BTreeSet<(u32, u32)>) {
        let Some(first) = self.rows.first().map(|row| row.number) else { return };
        let rows: BTreeSet<u32> = bare.iter().map(|(row, _)| *row).filter(|r| *r > first).collect();
        let known: BTreeSet<u32> = self.rows.iter().map(|row| row.number).collect();
        let more = rows.difference(&known).take(self.limits.rows_max);
        self.rows.extend(more.map(|number| RawRow::new(*number)));
        self.rows.sort_by_key(|row| row.number);
        for row in &mut self.rows {
            for (_, column) in bare.range((row.number, 0)..=(row.number, u32::MAX)) {
                let column = *column as usize;
                if row.cells.len() <= column {
                    row.cells.resize(column + 1, Raw::Blank);
                }
                if row.cells[column].is_blank() {
                    row.cells[column] = Raw::Bare;
                }
            }
        }
    }

    /// Tells the rows what is marked about them.
    pub(super) fn mark(&mut self, marks: &Marks) -> Result<(), SheetRefusal> {
        self.put_bare(&marks.bare);
        let mut sweep = Sweep::new(&marks.merges, self.limits.columns_max * 4);
        for row in &mut self.rows {
            row.hidden = marks.hidden_rows.contains(&row.number);
            row.merges = sweep.of_row(row.number)?;
        }
        Ok(())
    }
}

/// The name of a cell as the spreadsheet shows it: row from 1, column from 0.
pub(super) fn cell_name(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect::<String>() + &row.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_names_of_the_spreadsheet() {
        for (column, name) in [
            (0, "A7"),
            (25, "Z7"),
            (26, "AA7"),
            (51, "AZ7"),
            (52, "BA7"),
            (701, "ZZ7"),
            (702, "AAA7"),
        ] {
            assert_eq!(cell_name(7, column), name);
        }
    }

    #[test]
    fn a_number_keeps_its_digits_or_says_that_it_has_lost_them() {
        assert_eq!(Raw::Number(19_912_345_678.0).text(), "19912345678");
        assert_eq!(Raw::Number(1.1010519e17).text(), "1.1010519E+17");
        assert_eq!(Raw::Number(2.5).text(), "2.5");
        assert_eq!(Raw::Text("\t１２ ".into()).text(), "12");
    }
}
