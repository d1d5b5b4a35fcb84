//! What a worksheet says beside its values: rows and columns nobody sees, cells merged into one,
//! formulas without a result. Read in one pass over the unpacked stream.

use std::collections::BTreeSet;
use std::io::BufReader;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Limits;
use super::refusal::SheetRefusal;
use super::weigh::Archive;

/// Cells merged into one; rows from 1, columns from 0, all inclusive. The value stands in the
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Merge {
    pub(super) rows: (u32, u32),
    pub(super) columns: (u32, u32),
}

impl Merge {
    pub(super) fn covers(&self, row: u32, column: u32) -> bool {
        (self.rows.0..=self.rows.1).contains(&row)
            && (self.columns.0..=self.columns.1).contains(&column)
    }
}

/// The marks of a worksheet.
#[derive(Default)]
pub(super) struct Marks {
    /// Rows from 1 that are hidden, filtered out or of no height.
    pub(super) hidden_rows: BTreeSet<u32>,
    /// Hidden columns from 0, inclusive.
    pub(super) hidden_columns: Vec<(u32, u32)>,
    /// By their first row.
    pub(super) merges: Vec<Merge>,
    /// Row from 1 and column from 0 of formulas that no program has worked out.
    pub(super) bare: BTreeSet<(u32, u32)>,
}

impl Marks {
    pub(super) fn column_hidden(&self, column: u32) -> bool {
        self.hidden_columns.iter().any(|(from, to)| (*from..=*to).contains(&column))
    }
}

/// Where the archive keeps the worksheet of this name.
pub(super) fn part_of(archive: &mut Archive<'_>, name: &str) -> Result<String, SheetRefusal> {
    let mut id = None;
    each(archive, "xl/workbook.xml", |tag| {
        if tag.local_name().as_ref() == "sheet" && text(tag, "name").as_deref() == Some(name) {
            id = id.take().or(text(tag, "id"));
        }
    })?;
    let mut target = None;
    each(archive, "xl/_rels/workbook.xml.rels", |tag| {
        if tag.local_name().as_ref() == "Relationship" && text(tag, "Id") == id {
            target = target.take().or(text(tag, "Target"));
        }
    })?;
    let target = target.filter(|_| id.is_some()).ok_or(SheetRefusal::Damaged)?;
    let from_root = target.strip_prefix('/').map(str::to_owned);
    Ok(from_root.unwrap_or_else(|| format!("xl/{}", target.trim_start_matches("./"))))
}

/// The marks of the worksheet in this part of the archive.
pub(super) fn marks(
    archive: &mut Archive<'_>,
    part: &str,
    limits: &Limits,
) -> Result<Marks, SheetRefusal> {
    let mut marks = Marks::default();
    let mut at = At { columns_max: limits.columns_max as u32, ..At::default() };
    each(archive, part, |tag| at.read(tag, &mut marks))?;
    at.close_cell(&mut marks);
    marks.merges.sort_unstable();
    Ok(marks)
}

/// Where the pass stands.
#[derive(Default)]
struct At {
    row: u32,
    column: u32,
    in_cell: bool,
    formula: bool,
    value: bool,
    columns_max: u32,
}

impl At {
    fn read(&mut self, tag: &BytesStart<'_>, marks: &mut Marks) {
        match tag.local_name().as_ref() {
            "row" => self.row(tag, marks),
            "c" => self.cell(tag, marks),
            "f" => self.formula = true,
            "v" | "is" => self.value = true,
            "col" => {
                let hidden = truth(tag, "hidden") || is_zero(tag, "width");
                if let (true, Some(min), Some(max)) =
                    (hidden, number(tag, "min"), number(tag, "max"))
                {
                    marks.hidden_columns.push((min.saturating_sub(1), max.saturating_sub(1)));
                }
            }
            "mergeCell" => {
                let range = text(tag, "ref");
                let corners = range.as_deref().and_then(|range| range.split_once(':'));
                let corners = corners.and_then(|(a, b)| Some((place(a)?, place(b)?)));
                if let Some(((row, column), (row_end, column_end))) = corners {
                    let (rows, columns) = ((row, row_end), (column, column_end));
                    marks.merges.push(Merge { rows, columns });
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, tag: &BytesStart<'_>, marks: &mut Marks) {
        self.close_cell(marks);
        self.row = number(tag, "r").unwrap_or(self.row.saturating_add(1));
        self.column = 0;
        if truth(tag, "hidden") || is_zero(tag, "ht") {
            marks.hidden_rows.insert(self.row);
        }
    }

    fn cell(&mut self, tag: &BytesStart<'_>, marks: &mut Marks) {
        self.close_cell(marks);
        let named = attribute(tag, "r").and_then(|name| place(&name.value));
        self.column = named.map_or(self.column, |(_, column)| column);
        self.in_cell = true;
    }

    fn close_cell(&mut self, marks: &mut Marks) {
        let bare = self.in_cell && self.formula && !self.value;
        if bare && self.column < self.columns_max {
            marks.bare.insert((self.row, self.column));
        }
        if self.in_cell {
            self.column = self.column.saturating_add(1);
        }
        (self.in_cell, self.formula, self.value) = (false, false, false);
    }
}

/// Calls for each opening tag of a part; an element without content is one too.
fn each(
    archive: &mut Archive<'_>,
    part: &str,
    mut see: impl FnMut(&BytesStart<'_>),
) -> Result<(), SheetRefusal> {
    let member = archive.by_name(part).map_err(|_| SheetRefusal::Damaged)?;
    let mut reader = Reader::from_reader(BufReader::new(member));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|_| SheetRefusal::Damaged)? {
            Event::Start(tag) | Event::Empty(tag) => see(&tag),
            Event::Eof => return Ok(()),
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

fn attribute<'a>(tag: &'a BytesStart<'_>, name: &str) -> Option<Attribute<'a>> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
}

fn text(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = attribute(tag, name)?;
    value.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

fn number(tag: &BytesStart<'_>, name: &str) -> Option<u32> {
    attribute(tag, name)?.value.parse().ok()
}

fn truth(tag: &BytesStart<'_>, name: &str) -> bool {
    matches!(attribute(tag, name).as_ref().map(|a| &*a.value), Some("1" | "true"))
}

fn is_zero(tag: &BytesStart<'_>, name: &str) -> bool {
    attribute(tag, name).and_then(|a| a.value.parse::<f64>().ok()) == Some(0.0)
}

/// Row from 1 and column from 0 of a cell's name.
fn place(name: &str) -> Option<(u32, u32)> {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    let column = name[..letters].bytes().try_fold(0u32, |sum, letter| {
        sum.checked_mul(26)?.checked_add(u32::from(letter - b'A') + 1)
    })?;
    Some((name[letters..].parse().ok()?, column.checked_sub(1)?))
}

/// The merges that cover some cell of a row, row by row from the top.
pub(super) struct Sweep<'a> {
    waiting: std::slice::Iter<'a, Merge>,
    next: Option<Merge>,
    active: Vec<Merge>,
    active_max: usize,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(merges: &'a [Merge], active_max: usize) -> Sweep<'a> {
        let mut waiting = merges.iter();
        let next = waiting.next().copied();
        Sweep { waiting, next, active: Vec::new(), active_max }
    }

    /// Of this row, which lies below those asked before. Merges that lie over each other, more of
    /// them in one row than there can be columns, are nobody's sheet.
    pub(super) fn of_row(&mut self, row: u32) -> Result<Vec<Merge>, SheetRefusal> {
        self.active.retain(|merge| merge.rows.1 >= row);
        while let Some(merge) = self.next.filter(|merge| merge.rows.0 <= row) {
            if merge.rows.1 >= row {
                self.active.push(merge);
            }
            self.next = self.waiting.next().copied();
            if self.active.len() > self.active_max {
                return Err(SheetRefusal::TooManyMerges { merges_max: self.active_max });
            }
        }
        Ok(self.active.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_their_names() {
        assert_eq!(place("A1"), Some((1, 0)));
        assert_eq!(place("AA10"), Some((10, 26)));
        for wrong in ["", "7", "A", "a1", "ZZZZZZZZZZZZ1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn merges_are_told_row_by_row() {
        let merge = |rows, columns| Merge { rows, columns };
        let all = [merge((1, 1), (0, 9)), merge((3, 5), (2, 2)), merge((4, 4), (3, 4))];
        let mut sweep = Sweep::new(&all, 3);
        assert_eq!(sweep.of_row(2).unwrap(), []);
        assert_eq!(sweep.of_row(4).unwrap(), [all[1], all[2]]);
        assert_eq!(sweep.of_row(5).unwrap(), [all[1]]);
        let over = vec![merge((1, 9), (0, 1)); 4];
        assert!(Sweep::new(&over, 3).of_row(1).is_err());
    }
}
