//! Sheets that go back to the clerk: the empty template, and the copy without forbidden columns.

use super::headings::Column;
use super::table::Raw;
use super::{Limits, SheetRefusal, open};

/// The empty sheet with the standard headings: CSV in UTF-8 with a mark, as spreadsheets expect.
pub fn template() -> Vec<u8> {
    written([Column::TEMPLATE.iter().map(|column| column.zh().to_owned()).collect()].into_iter())
}

/// A copy of a sheet with its known columns only, under their own headings, from the row of
/// headings on (a title may name a person, so it is left behind): CSV in UTF-8 with a mark.
/// What the known cells say is kept, right or wrong.
pub fn cleaned_copy(
    bytes: &[u8],
    file_name: &str,
    limits: &Limits,
) -> Result<Vec<u8>, SheetRefusal> {
    let (table, index) = open(bytes, file_name, limits)?;
    let known: Vec<u32> = table.rows[index]
        .cells
        .iter()
        .enumerate()
        .filter(|(_, raw)| {
            let heading = raw.text();
            Column::of_heading(&heading).is_some() && super::forbidden::find(&heading).is_none()
        })
        .map(|(position, _)| position as u32)
        .collect();
    let rows = table.rows[index..].iter().map(|row| {
        let cells = known.iter().map(|&column| guarded(row.cell(column)));
        cells.collect::<Vec<String>>()
    });
    Ok(written(rows.filter(|row| row.iter().any(|cell| !cell.is_empty()))))
}

/// The text of a cell, with a tab before what a spreadsheet would take for a formula or round to
/// 15 digits. The import reads over the tab.
fn guarded(raw: &Raw) -> String {
    let text = raw.verbatim().trim().to_owned();
    let long_number = text.len() > 11 && text.bytes().all(|b| b.is_ascii_digit() || b == b'X');
    if long_number || text.starts_with(['=', '+', '-', '@']) { format!("\t{text}") } else { text }
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
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
