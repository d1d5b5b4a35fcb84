//! Files made to harm: archives that lie about their size, bytes changed at random.

use std::io::{Cursor, Read, Write};

use super::*;

#[test]
fn an_archive_that_lies_about_its_size_is_found_by_unpacking() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = zip::write::SimpleFileOptions::default();
    zip.start_file("xl/workbook.xml", deflated).unwrap();
    zip.start_file("xl/media/image1.png", deflated).unwrap();
    zip.write_all(&vec![b'a'; 4 << 20]).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let limits = Limits { inflated_bytes_max: 1 << 20, ..Limits::default() };
    let refuse = |bytes: &[u8]| {
        read(bytes, "x.xlsx", &Options { limits: limits.clone(), ..options() }).unwrap_err()
    };
    assert_eq!(refuse(&bytes), SheetRefusal::InflatesTooFar { bytes_max: 1 << 20 });
    // Now it declares ten bytes, in both headers.
    let honest = (4u32 << 20).to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|&i| bytes[i..i + 4] == honest).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + 4].copy_from_slice(&10u32.to_le_bytes());
    }
    let refusal = refuse(&bytes);
    assert!(
        matches!(refusal, SheetRefusal::InflatesTooFar { .. } | SheetRefusal::Damaged),
        "{refusal:?}"
    );
}

/// Numbers without a seed from outside: the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit
    }

    fn spoil(&mut self, bytes: &mut [u8]) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            // Mostly characters that mean something to XML and CSV.
            bytes[at] = *b"<>/=&\"',\n09AZ\x00\xFF".get(self.below(20)).unwrap_or(&b'1');
        }
    }
}

/// The workbook packed again with its worksheet, strings and styles changed.
pub(super) fn repacked(bytes: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut member = from.by_index(index).unwrap();
        let name = member.name().unwrap().into_owned();
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        if ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"].contains(&name.as_str())
        {
            change(&mut content);
        }
        to.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(&content).unwrap();
    }
    to.finish().unwrap().into_inner()
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut dice = Dice(7);
    for round in 0..200 {
        let mut bytes = if round % 2 == 0 { MESSY.to_vec() } else { GB_CSV.to_vec() };
        dice.spoil(&mut bytes);
        let _ = read(&bytes, "x.csv", &options());
        let _ = cleaned_copy(&bytes, "x.csv", &options(), Form::Csv);
        let _ = read(&repacked(MESSY, &mut |xml| dice.spoil(xml)), "x.xlsx", &options());
    }
}

#[test]
fn a_workbook_that_names_one_worksheet_many_times_is_refused() {
    let many = |count: usize| {
        let entry =
            |n| format!("<sheet name=\"s{n}\" sheetId=\"{n}\" state=\"visible\" r:id=\"rId1\"/>");
        let entries: String = (1..=count).map(entry).collect();
        repacked(MESSY, &mut |xml| {
            let text = String::from_utf8(xml.clone()).unwrap();
            if let (Some(from), Some(to)) = (text.find("<sheets>"), text.find("</sheets>")) {
                *xml = format!("{}<sheets>{entries}{}", &text[..from], &text[to..]).into_bytes();
            }
        })
    };
    let answer = |count| read(&many(count), "x.xlsx", &options());
    assert_eq!(answer(1).unwrap().rows.len(), 52);
    assert_eq!(answer(2).unwrap_err(), SheetRefusal::SeveralSheets);
    assert_eq!(answer(17).unwrap_err(), SheetRefusal::SeveralSheets);
}
