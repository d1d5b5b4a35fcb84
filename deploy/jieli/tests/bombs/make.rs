//! The files, made here and stored nowhere.

use super::Must;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    pub(crate) ending: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) must: Must,
}

const HEAD: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>姓名</t></is></c>\
    <c r=\"B1\" t=\"inlineStr\"><is><t>身份证号</t></is></c>\
    <c r=\"C1\" t=\"inlineStr\"><is><t>意向城市</t></is></c>\
    <c r=\"D1\" t=\"inlineStr\"><is><t>住房类型</t></is></c>\
    <c r=\"E1\" t=\"inlineStr\"><is><t>同住人数</t></is></c></row>";
const WORKER: &str = "<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>吕明</t></is></c>\
    <c r=\"B2\" t=\"inlineStr\"><is><t>999999197903243717</t></is></c>\
    <c r=\"C2\" t=\"inlineStr\"><is><t>瑞安</t></is></c>\
    <c r=\"D2\" t=\"inlineStr\"><is><t>公租房</t></is></c><c r=\"E2\"><v>2</v></c></row>";
const TEXT_HEAD: &str = "姓名,身份证号,意向城市\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Parts of a workbook by their names, the later ones in place of the earlier.
struct Book(Vec<(String, Vec<u8>)>);

impl Book {
    /// With this between the tags of its sheetData.
    fn of_rows(rows: &str) -> Book {
        Book::of_sheet(&format!("<sheetData>{rows}</sheetData>"))
    }

    fn of_sheet(inside: &str) -> Book {
        let sheet = format!("<worksheet xmlns=\"{MAIN}\">{inside}</worksheet>");
        Book::of_sheets("<sheet name=\"a\" sheetId=\"1\" r:id=\"rId1\"/>")
            .with("xl/worksheets/sheet1.xml", &sheet)
    }

    fn of_sheets(sheets: &str) -> Book {
        let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
            <Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>";
        let book = format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{sheets}</sheets></workbook>"
        );
        let relation = format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
             <Relationship Id=\"rId1\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
             </Relationships>"
        );
        let package = relation
            .replace("/worksheet\"", "/officeDocument\"")
            .replace("worksheets/sheet1.xml", "xl/workbook.xml");
        Book(Vec::new())
            .with("[Content_Types].xml", types)
            .with("_rels/.rels", &package)
            .with("xl/workbook.xml", &book)
            .with("xl/_rels/workbook.xml.rels", &relation)
    }

    fn with(self, name: &str, text: &str) -> Book {
        self.with_bytes(name, text.as_bytes().to_vec())
    }

    fn with_bytes(mut self, name: &str, bytes: Vec<u8>) -> Book {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), bytes));
        self
    }

    fn strings(self, inside: &str) -> Book {
        self.with("xl/sharedStrings.xml", &format!("<sst xmlns=\"{MAIN}\">{inside}</sst>"))
    }

    fn zip(&self) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let packed = SimpleFileOptions::default().compression_level(Some(1));
        for (name, bytes) in &self.0 {
            zip.start_file(name.as_str(), packed).expect("a member");
            zip.write_all(bytes).expect("its bytes");
        }
        zip.finish().expect("an archive").into_inner()
    }
}

/// Every place where these bytes stand.
fn places(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    bytes
        .windows(wanted.len())
        .enumerate()
        .filter(|(_, w)| *w == wanted)
        .map(|(at, _)| at)
        .collect()
}

/// The archive says of every member that it unpacks to ten bytes.
fn lying(mut bytes: Vec<u8>, honest: u32) -> Vec<u8> {
    for at in places(&bytes, &honest.to_le_bytes()) {
        bytes[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
    }
    bytes
}

/// All members of the directory but the first name the packed bytes of the second.
fn overlapping(mut bytes: Vec<u8>) -> Vec<u8> {
    let entries = places(&bytes, b"PK\x01\x02");
    let second: [u8; 4] = bytes[entries[1] + 42..entries[1] + 46].try_into().expect("an offset");
    for at in &entries[1..] {
        bytes[at + 42..at + 46].copy_from_slice(&second);
    }
    bytes
}

/// Every member says that it is encrypted.
fn encrypted(mut bytes: Vec<u8>) -> Vec<u8> {
    for (mark, flags) in [(&b"PK\x01\x02"[..], 8), (b"PK\x03\x04", 6)] {
        for at in places(&bytes, mark) {
            bytes[at + flags] |= 1;
        }
    }
    bytes
}

fn numbered(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(crate) fn all() -> Vec<Bomb> {
    let book = |name, book: Book, must| Bomb { name, ending: "xlsx", bytes: book.zip(), must };
    let mut all = archives();
    all.extend(texts());
    all.extend(wrong_files());
    let rows = |inside: &str| Book::of_rows(&format!("{HEAD}{WORKER}{inside}"));
    all.extend([
        book(
            "a range of A1:XFD1048576",
            Book::of_sheet(&format!(
                "<dimension ref=\"A1:XFD1048576\"/><sheetData>{HEAD}{WORKER}</sheetData>"
            )),
            Must::Read(1, 1),
        ),
        book(
            "a cell in column XFD",
            rows("<row r=\"3\"><c r=\"XFD3\"><v>1</v></c></row>"),
            Must::Refuse(&["TOO_MANY_COLUMNS"]),
        ),
        book(
            "a cell beyond every column",
            rows("<row r=\"3\"><c r=\"ZZZZZZZZ3\"><v>1</v></c></row>"),
            Must::Refuse(&["TOO_MANY_COLUMNS", "DAMAGED"]),
        ),
        book(
            "a million rows",
            rows(&numbered(1_000_000, |n| {
                format!("<row r=\"{0}\"><c r=\"A{0}\"><v>1</v></c></row>", n + 3)
            })),
            Must::Refuse(&["TOO_MANY_ROWS", "INFLATES_TOO_FAR"]),
        ),
        book("a million empty rows", rows(&"<row/>".repeat(1_000_000)), Must::Read(1, 1)),
        book(
            "a million empty cells",
            rows(&numbered(1_000_000, |n| {
                format!("<row r=\"{0}\"><c r=\"A{0}\" s=\"1\"/></row>", n + 3)
            })),
            Must::Read(1, 1),
        ),
        book(
            "two million formulas without a result",
            rows(&format!("<row r=\"3\">{}</row>", "<c><f>A1</f></c>".repeat(2_000_000))),
            Must::Refuse(&["TOO_MANY_COLUMNS"]),
        ),
        book(
            "formulas and nothing else",
            Book::of_rows(&format!(
                "{HEAD}<row r=\"2\">{}</row>",
                ["A2", "B2", "C2", "D2", "E2"]
                    .map(|c| format!("<c r=\"{c}\"><f>Z9</f></c>"))
                    .concat()
            )),
            Must::Read(1, 0),
        ),
        book(
            "a formula that calls a program",
            Book::of_rows(&format!(
                "{HEAD}{}",
                WORKER.replace("<v>2</v>", "<f>cmd|'/c calc'!A0</f><v>2</v>")
            )),
            Must::Read(1, 1),
        ),
        book(
            "values of another workbook",
            Book::of_rows(&format!(
                "{HEAD}{}",
                WORKER.replace("<v>2</v>", "<f>[1]a!A1</f><v>2</v>")
            ))
            .with(
                "xl/externalLinks/_rels/externalLink1.xml.rels",
                "<Relationships><Relationship Id=\"rId1\" TargetMode=\"External\" \
                     Target=\"http://127.0.0.1:9/a.xlsx\"/></Relationships>",
            ),
            Must::Read(1, 1),
        ),
        book(
            "macros",
            rows("").with_bytes("xl/vbaProject.bin", vec![0xD0, 0xCF, 0x11, 0xE0]),
            Must::Refuse(&["MACROS"]),
        ),
        book(
            "merged cells over merged cells",
            Book::of_sheet(&format!(
                "<sheetData>{HEAD}{WORKER}</sheetData><mergeCells>{}</mergeCells>",
                numbered(9_000, |n| format!("<mergeCell ref=\"A{}:E1048576\"/>", n + 2))
            )),
            Must::Read(1, 1),
        ),
        book(
            "merged cells, all of them over every row",
            Book::of_sheet(&format!(
                "<sheetData>{HEAD}{WORKER}</sheetData><mergeCells>{}</mergeCells>",
                "<mergeCell ref=\"A1:E1048576\"/>".repeat(9_000)
            )),
            Must::Refuse(&["TOO_MANY_MERGES"]),
        ),
        book(
            "half a million merged cells",
            Book::of_sheet(&format!(
                "<sheetData>{HEAD}{WORKER}</sheetData><mergeCells>{}</mergeCells>",
                numbered(500_000, |n| format!("<mergeCell ref=\"A{0}:B{0}\"/>", n + 3))
            )),
            Must::Refuse(&["TOO_MANY_MERGES"]),
        ),
        book(
            "one worksheet named a hundred times",
            Book::of_sheets(&numbered(100, |n| {
                format!("<sheet name=\"s{n}\" sheetId=\"{}\" r:id=\"rId1\"/>", n + 1)
            }))
            .with(
                "xl/worksheets/sheet1.xml",
                &format!(
                    "<worksheet xmlns=\"{MAIN}\"><sheetData>{HEAD}{WORKER}</sheetData></worksheet>"
                ),
            ),
            Must::Refuse(&["SEVERAL_SHEETS"]),
        ),
        book(
            "ten million formats",
            rows("").with(
                "xl/styles.xml",
                &format!(
                    "<styleSheet xmlns=\"{MAIN}\"><cellXfs>{}</cellXfs></styleSheet>",
                    "<xf/>".repeat(10_000_000)
                ),
            ),
            Must::Die,
        ),
    ]);
    all
}

fn archives() -> Vec<Bomb> {
    let bomb = |name, bytes, must| Bomb { name, ending: "xlsx", bytes, must };
    let rows = || Book::of_rows(&format!("{HEAD}{WORKER}"));
    let zeros = rows().with_bytes("xl/media/image1.png", vec![0; 200 << 20]).zip();
    let inner = Book(Vec::new()).with_bytes("a", vec![0; 8 << 20]).zip();
    let nested = (0..20)
        .fold(Book(Vec::new()), |book, n| book.with_bytes(&format!("{n}.zip"), inner.clone()));
    let many = (0..3_000).fold(rows().0, |mut parts, n| {
        parts.push((format!("xl/media/{n}"), Vec::new()));
        parts
    });
    let cut = rows().zip();
    vec![
        bomb("200 MiB of nothing", zeros.clone(), Must::Refuse(&["INFLATES_TOO_FAR"])),
        bomb(
            "200 MiB that say they are ten bytes",
            lying(zeros, 200 << 20),
            Must::Refuse(&["INFLATES_TOO_FAR", "DAMAGED"]),
        ),
        bomb("archives in an archive", nested.zip(), Must::Refuse(&["NOT_A_SHEET"])),
        bomb("three thousand members", Book(many).zip(), Must::Refuse(&["TOO_MANY_PARTS"])),
        bomb(
            "members over each other",
            overlapping(rows().zip()),
            Must::Refuse(&["OVERLAPPING", "DAMAGED"]),
        ),
        bomb("encrypted members", encrypted(rows().zip()), Must::Refuse(&["OLD_OR_LOCKED"])),
        bomb("half an archive", cut[..cut.len() / 2].to_vec(), Must::Refuse(&["DAMAGED"])),
    ]
}

/// Bombs in the XML and in texts.
fn texts() -> Vec<Bomb> {
    let book = |name, book: Book, must| Bomb { name, ending: "xlsx", bytes: book.zip(), must };
    let csv = |name, bytes, must| Bomb { name, ending: "csv", bytes, must };
    let rows = || Book::of_rows(&format!("{HEAD}{WORKER}"));
    let laughs = "<!DOCTYPE sst [<!ENTITY a \"haha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
        <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><sst><si><t>&c;</t></si></sst>";
    let outside = "<!DOCTYPE sst SYSTEM \"file:///etc/hostname\"><sst><si><t>a</t></si></sst>";
    let long = "a".repeat(50 << 20);
    let column = |mut text: String| {
        text.insert_str(0, TEXT_HEAD);
        text.into_bytes()
    };
    vec![
        book(
            "four hundred thousand shared texts",
            rows().strings(&"<si><t>a</t></si>".repeat(400_000)),
            Must::Refuse(&["TOO_MANY_STRINGS"]),
        ),
        book(
            "one shared text of 50 MiB",
            rows().strings(&format!("<si><t>{long}</t></si>")),
            Must::Refuse(&["LONG_TEXT"]),
        ),
        book(
            "one cell of 50 MiB",
            Book::of_rows(&format!(
                "{HEAD}<row r=\"2\"><c r=\"A2\" t=\"str\"><v>{long}</v></c></row>"
            )),
            Must::Refuse(&["LONG_TEXT"]),
        ),
        book(
            "one attribute of 50 MiB",
            Book::of_rows(&format!("{HEAD}<row r=\"2\" x=\"{long}\"/>")),
            Must::Refuse(&["LONG_TEXT"]),
        ),
        book(
            "one text in ten thousand pieces",
            Book::of_rows(&format!("{HEAD}<row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c></row>"))
                .strings(&format!(
                    "<si>{}</si>",
                    format!("<r><t>{}</t></r>", "a".repeat(4_000)).repeat(10_000)
                )),
            Must::Refuse(&["LONG_TEXT", "CELL_TOO_LONG"]),
        ),
        book(
            "a million elements in each other",
            Book::of_rows(&"<a>".repeat(1_000_000)),
            Must::Refuse(&["TOO_DEEP"]),
        ),
        book(
            "billion laughs",
            rows().with("xl/sharedStrings.xml", laughs),
            Must::Refuse(&["ENTITIES"]),
        ),
        book(
            "an entity from outside",
            rows().with("xl/sharedStrings.xml", outside),
            Must::Refuse(&["ENTITIES"]),
        ),
        csv(
            "one line without an end",
            column("9,".repeat(4 << 20)),
            Must::Refuse(&["LONG_TEXT", "FILE_TOO_LARGE"]),
        ),
        csv("one line of 7 MiB", column("a".repeat(7 << 20)), Must::Refuse(&["LONG_TEXT"])),
        csv(
            "a hundred thousand columns",
            column(",".repeat(100_000) + "x"),
            Must::Refuse(&["TOO_MANY_COLUMNS"]),
        ),
        csv(
            "a quote that never ends",
            column("\"".to_owned() + &"a\n".repeat(3 << 20)),
            Must::Refuse(&["CELL_TOO_LONG"]),
        ),
        csv(
            "three million rows",
            column("1\n".repeat(3_000_000)),
            Must::Refuse(&["TOO_MANY_ROWS"]),
        ),
        csv(
            "a million quoted line ends",
            column("\"x\n\",".repeat(1_200_000)),
            Must::Refuse(&["TOO_MANY_COLUMNS"]),
        ),
    ]
}

/// Files that are something else.
fn wrong_files() -> Vec<Bomb> {
    let bomb = |name, ending, bytes: Vec<u8>, must| Bomb { name, ending, bytes, must };
    let ods = Book(Vec::new())
        .with("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        .with("content.xml", "<a/>");
    let gb = [TEXT_HEAD.as_bytes(), &[0x81, 0xFF, 0xFF, 0x0A]].concat();
    vec![
        bomb(
            "an old .xls",
            "xlsx",
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".repeat(64),
            Must::Refuse(&["OLD_OR_LOCKED"]),
        ),
        bomb("an .ods", "xlsx", ods.zip(), Must::Refuse(&["NOT_A_SHEET"])),
        bomb(
            "a .pdf",
            "xlsx",
            b"%PDF-1.7\n%\xE2\xE3\xCF\xD3".to_vec(),
            Must::Refuse(&["NOT_A_SHEET"]),
        ),
        bomb(
            "a program",
            "csv",
            b"MZ\x90\x00\x03\x00\x00\x00PE\x00\x00".repeat(9),
            Must::Refuse(&["NOT_A_SHEET", "ENCODING"]),
        ),
        bomb("nothing", "xlsx", Vec::new(), Must::Refuse(&["NOT_A_SHEET"])),
        bomb("zero bytes", "csv", vec![0; 7 << 20], Must::Refuse(&["NOT_A_SHEET"])),
        bomb(
            "UTF-16 without a mark",
            "csv",
            utf16(TEXT_HEAD),
            Must::Refuse(&["NOT_A_SHEET", "ENCODING"]),
        ),
        bomb("broken GB 18030", "csv", gb, Must::Refuse(&["ENCODING"])),
    ]
}
