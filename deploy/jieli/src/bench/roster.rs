//! Fictional workers by the thousand.

use jieli_gateway::sheet::headings::Column;
use rust_xlsxwriter::{Workbook, XlsxError};

/// A register of fictional workers, everything filled in.
pub(crate) fn roster(rows: u32) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (position, column) in Column::TEMPLATE.iter().enumerate() {
        sheet.write_string(0, position as u16, column.zh())?;
    }
    for row in 1..=rows {
        let (day, order) = (row / 900, row % 900);
        let adult = number(1980, day, order);
        let child = number(2016, day, order);
        let cells = [
            row.to_string(),
            format!("王{}", hanzi(row)),
            "居民身份证".to_owned(),
            adult,
            format!("199{row:08}"),
            "瑞安".to_owned(),
            format!("V-2026-{:04}", 100 + row % 50),
            "缝纫工".to_owned(),
            (row % 6).to_string(),
            "2026-12-09".to_owned(),
            format!("王{}", hanzi(row + 7)),
            child,
            (row % 9 + 1).to_string(),
            "职工医保".to_owned(),
            "是".to_owned(),
            "公租房".to_owned(),
            (row % 5 + 1).to_string(),
        ];
        for (position, cell) in cells.iter().enumerate() {
            sheet.write_string(row, position as u16, cell)?;
        }
    }
    book.save_to_buffer()
}

/// Two letters.
pub(super) fn hanzi(row: u32) -> String {
    let letter = |n: u32| char::from_u32(0x4E00 + n % 0x4000).unwrap_or('一');
    [letter(row), letter(row.wrapping_mul(31))].iter().collect()
}

/// A citizen number of the impossible region 999999, with its check digit (GB 11643).
pub(super) fn number(year: u32, day: u32, order: u32) -> String {
    let (month, day) = (day / 28 % 12 + 1, day % 28 + 1);
    let body = format!("999999{year}{month:02}{day:02}{order:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let check = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'][(sum % 11) as usize];
    format!("{body}{check}")
}
