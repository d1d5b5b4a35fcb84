//! Names that paper world and screens often break: through sheet, node, page and the sheet that
//! goes back, character for character.

use crate::browser::Console;
use anyhow::Result;
use jieli_gateway::paper;
use jieli_gateway::sheet::{self, Options};
use jieli_proto::day::Day;
use jieli_proto::wire;
use jieli_tests::{Pair, people};

/// Forty, beside the one that is refused: rare hanzi beyond the BMP, middle dots, one character,
/// thirty, Latin, apostrophes and hyphens, other scripts.
fn names() -> Vec<String> {
    let mut all: Vec<String> = [
        "𠮷",
        "𠮷田",
        "王𠮷",
        "𡋾永",
        "𣲗清",
        "𦈡玉",
        "𨱏明",
        "𬭎伟",
        "𪾢之",
        "𤩽文",
        "㛃洁",
        "䶮飞",
        "㑇",
        "〇一",
        "王〇",
        "买买提·艾力",
        "阿卜杜热合曼·买买提明",
        "才让·卓玛",
        "欧阳·示例·丙",
        "A",
        "Li",
        "Ana María",
        "Jean-Luc",
        "O'Neil",
        "Müller",
        "Łukasz",
        "Nguyễn Văn Anh",
        "İbrahim",
        "Søren",
        "Zoë",
        "Ёлкин Иван",
        "محمد",
        "محمد علي",
        "דוד",
        "สมชาย",
        "한지민",
        "さくら",
        "Đặng Thị Hoa",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("热".repeat(30));
    all.push(format!("{}·{}", "古丽".repeat(7), "阿依".repeat(7)));
    assert_eq!(all.len(), 40);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_names_come_back_as_they_went() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.origin(), false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    let mut text = "姓名,证件号码,意向城市,需要住房,住房类型,同住人数,手机号码\r\n".to_owned();
    for (at, name) in (0..).zip(names()) {
        text += &format!("{name},{},瑞安,是,公租房,2,\r\n", people::person(100 + at).number);
    }
    // A mark that turns the direction of reading is told by its cell, not dropped in silence; so is
    // what a spreadsheet would take for a formula.
    let more = people::person(190).number;
    text += &format!("示例\u{200F}丁,{more},瑞安,是,公租房,2,\r\n");
    for (at, begin) in (191..).zip(["=1+1", "+1", "-1", "@x", "\t=1"]) {
        text += &format!("{begin},{},瑞安,是,公租房,2,\r\n", people::person(at).number);
    }
    clerk.upload("forty.csv", text.as_bytes())?;
    let page = clerk.open("/sheet/check")?;
    assert!(page.contains("<dd>40</dd>") && page.contains("<dd>6</dd>"), "{page}");
    assert!(page.contains("A42 "), "the mark is told by its cell");
    let back = clerk.get("/sheet/files/back.xlsx")?.bytes;
    let wrong = clerk.get("/sheet/files/wrong.xlsx")?.bytes;
    clerk.open("/sheet/check")?;
    let page = clerk.send("/sheet/send", &[])?;
    let cases: Vec<String> = page
        .split("<a href=\"/cases/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(cases.len(), 40);
    for (case, name) in cases.iter().zip(names()) {
        clerk.open(&format!("/cases/{case}"))?;
        let page = clerk.send(&format!("/cases/{case}"), &[("purpose", "核对信息")])?;
        let shown = format!("<bdi>{}</bdi>", name.replace('\'', "&#39;"));
        assert!(page.contains(&shown), "{name}: {page}");
    }
    // A form that was not complete gives back what was typed, and a page to print says it whole;
    // also with a mark that turns the direction of reading.
    let letter = format!("/cases/{}/1/letter", cases[0]);
    for name in names().into_iter().chain(["示例\u{200F}丁".to_owned()]) {
        let safe = name.replace('\'', "&#39;");
        clerk.open(&letter)?;
        let refused = clerk.post(&letter, &[("office", name.as_str())])?;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains(&format!("value=\"{safe}\"")), "{name}: form");
        let field = |value: String| wire::LetterField {
            name_zh: "姓名".to_owned(),
            name_en: "full name".to_owned(),
            value,
        };
        let qr = "JIELI1:AAAA".to_owned();
        let fields = vec![field(name.clone())];
        let page =
            wire::LetterPage { qr: qr.clone(), fields: fields.clone(), ..Default::default() };
        let printed = [
            paper::letter(&page)?,
            paper::statement(&wire::StatementPage { qr, fields, ..Default::default() })?,
        ];
        for html in printed {
            assert!(html.contains(&format!("<td>{safe}</td>")), "{name}: print {html}");
        }
    }
    // The sheet that went back reads as the same forty names, and no cell of it is a formula.
    let today = Day::new(2026, 11, 23).unwrap();
    let again = sheet::read(&back, "back.xlsx", &Options::new(today)).unwrap();
    let read: Vec<String> = again.rows.iter().map(|r| r.worker.name.as_str().to_owned()).collect();
    assert_eq!(read, names());
    for book in [&back, &wrong] {
        for part in unpacked(book)? {
            assert!(!part.contains("<f>") && !part.contains("<f "), "a formula");
        }
    }
    let first = unpacked(&wrong)?.concat();
    assert!(first.contains("=1+1") && first.contains("@x"), "kept as text, to be put right");
    Ok(())
}

/// The XML of a workbook's sheets and texts.
fn unpacked(book: &[u8]) -> Result<Vec<String>> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(book))?;
    let mut all = Vec::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at)?;
        if file.name()?.ends_with(".xml") {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut file, &mut text)?;
            all.push(text);
        }
    }
    assert!(all.len() > 3);
    Ok(all)
}
