//! Reads .csv: UTF-8 with or without a mark, UTF-16 with a mark (the "Unicode text" of Excel),
//! else GB 18030; separated by commas, semicolons or tabs.

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::Limits;
use super::refusal::SheetRefusal;
use super::table::{Raw, Table};

/// One line, in bytes.
const LINE_BYTES_MAX: usize = 256 << 10;

/// The table of a text file.
pub(super) fn table(bytes: &[u8], limits: &Limits) -> Result<Table, SheetRefusal> {
    // One kind of line end, and one behind the last line: the row numbers are counted from it.
    let text = decode(bytes)?;
    let endless = text.split(['\n', '\r']).any(|line| line.len() > LINE_BYTES_MAX);
    if text.contains('\0') {
        return Err(SheetRefusal::NotASheet);
    }
    if endless {
        return Err(SheetRefusal::LongText { bytes_max: LINE_BYTES_MAX });
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n") + "\n";
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut table = Table::new(limits.clone());
    let mut record = csv::StringRecord::new();
    let mut inner_lines = 0;
    while reader.read_record(&mut record).map_err(|_| SheetRefusal::Damaged)? {
        inner_lines += record.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
        // The reader stands on the line behind the record. It has passed blank lines, which the
        // spreadsheet counts, and lines inside quotes, which it does not.
        let row = reader.position().line().saturating_sub(2 + inner_lines);
        for (column, field) in record.iter().enumerate() {
            table.put(row as u32, column as u32, Raw::Text(field.to_owned()))?;
        }
    }
    Ok(table)
}

fn decode(bytes: &[u8]) -> Result<String, SheetRefusal> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return String::from_utf8(rest.to_vec()).map_err(|_| SheetRefusal::Encoding);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let encoding = match bytes {
        [0xFF, 0xFE, ..] => UTF_16LE,
        [0xFE, 0xFF, ..] => UTF_16BE,
        _ => GB18030,
    };
    let (text, _, had_errors) = encoding.decode(bytes);
    if had_errors { Err(SheetRefusal::Encoding) } else { Ok(text.into_owned()) }
}

/// The separator that most of the first lines are cut by.
fn delimiter(text: &str) -> u8 {
    let head = || text.lines().take(super::columns::HEADING_ROWS_MAX);
    let count = |separator: char| head().map(|line| line.matches(separator).count()).max();
    // Among equals the last is taken, so the comma stands last.
    [('\t', b'\t'), (';', b';'), (',', b',')]
        .into_iter()
        .max_by_key(|(separator, _)| count(*separator))
        .map_or(b',', |(_, byte)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        let table = table(bytes, &Limits::default()).unwrap_or_else(|_| panic!("not read"));
        let texts = |cells: &[Raw]| cells.iter().map(Raw::text).collect();
        table.rows.iter().map(|row| (row.number, texts(&row.cells))).collect()
    }

    #[test]
    fn rows_have_the_numbers_of_the_spreadsheet() {
        let text = "a,b\r\n\r\n\r\n\"x\ny\",2\r\n\r\nz,\"3\"\"\"";
        let expected: Vec<(u32, Vec<String>)> = vec![
            (1, vec!["a".into(), "b".into()]),
            (4, vec!["x\ny".into(), "2".into()]),
            (6, vec!["z".into(), "3\"".into()]),
        ];
        assert_eq!(rows(text.as_bytes()), expected);
        assert_eq!(rows(text.replace("\r\n", "\n").as_bytes()), expected);
        assert_eq!(rows(format!("\u{FEFF}{text}\r\n").as_bytes()), expected);
    }

    #[test]
    fn encodings_and_separators() {
        let expected: Vec<(u32, Vec<String>)> = vec![(1, vec!["姓名".into(), "王𬱖·李".into()])];
        assert_eq!(rows("姓名;王𬱖·李".as_bytes()), expected);
        let (gb, _, _) = GB18030.encode("姓名\t王𬱖·李");
        assert_eq!(rows(&gb), expected);
        let mut utf16 = vec![0xFF, 0xFE];
        utf16.extend("姓名\t王𬱖·李".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(rows(&utf16), expected);
        assert_eq!(decode(b"\xFFabc").unwrap_err(), SheetRefusal::Encoding);
        assert!(table(b"a\0b", &Limits::default()).is_err());
    }
}
