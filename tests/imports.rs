//! A clerk's sheets against a running city: the same sheet twice, a sheet broken off in the
//! middle, headings of the office's own, the sheet back with case numbers.

#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use jieli_gateway::drafts::draft;
use jieli_gateway::sheet::{self, Options};
use jieli_node::command::{DeskCommand, Done};
use jieli_proto::day::Day;
use jieli_proto::wire;
use jieli_tests::{Pair, Towns, people};
use prost::Message as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MESSY: &[u8] = include_bytes!("../gateway/fixtures/sheets/messy-60.xlsx");
const OWN: &[u8] = include_bytes!("../gateway/fixtures/sheets/own-headings.xlsx");
const FORBIDDEN: &[u8] = include_bytes!("../gateway/fixtures/sheets/forbidden-columns.xlsx");

struct Said {
    exit: i32,
    out: Value,
    err: Value,
}

/// Runs `jieli import` in a city's directory.
async fn import(dir: &Path, words: &[&str]) -> Result<Said> {
    let output = tokio::process::Command::new(jieli_tests::program()?)
        .args(["--json", "import", "--dir"])
        .arg(dir)
        .args(words)
        .output()
        .await?;
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let exit = output.status.code().context("an exit code")?;
    Ok(Said { exit, out: read(&output.stdout), err: read(&output.stderr) })
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<String> {
    let path = dir.join(name);
    std::fs::write(&path, bytes)?;
    Ok(path.display().to_string())
}

fn numbers(said: &Said) -> Vec<String> {
    let rows = said.out["rows"].as_array().unwrap();
    rows.iter().map(|row| row["case_number"].as_str().unwrap().to_owned()).collect()
}

fn opened(path: &str) -> sheet::Sheet {
    let bytes = std::fs::read(path).unwrap();
    sheet::read(&bytes, path, &Options::new(Day::new(2026, 11, 21).unwrap())).unwrap()
}

/// So many workers who ask for a home.
fn register(rows: usize) -> String {
    let mut text = "姓名,身份证号,手机号,意向城市,住房类型,同住人数\n".to_owned();
    for n in 0..rows {
        let body = format!("999999198{}0{}{:02}{:03}", n / 280 % 10, n / 28 % 9 + 1, n % 28 + 1, n);
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = body.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
        let check = ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][(sum % 11) as usize];
        text += &format!("王一,{body}{check},199000{n:05},瑞安,公租房,2\n");
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_imports_corrects_and_imports_again() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (city, desk) = (pair.dir().join("a"), pair.dir().join("desk"));
    std::fs::create_dir(&desk)?;
    let at = |name: &str| desk.join(name).display().to_string();

    // Tried first: everything is told, nothing is made.
    let messy = put(&desk, "messy.xlsx", MESSY)?;
    let tried = import(&city, &[&messy, "--dry-run"]).await?;
    assert_eq!((tried.exit, tried.out["drafts"].as_u64()), (3, Some(0)));
    assert_eq!(tried.out["readable_rows"].as_array().unwrap().len(), 53);

    // Imported, with the sheet back and the rows to put right.
    let (report, bad) = (at("report.xlsx"), at("bad.xlsx"));
    let first = import(&city, &[&messy, "--report", &report, "--bad-rows", &bad]).await?;
    assert_eq!((first.exit, first.out["drafts"].as_u64()), (3, Some(53)), "{}", first.out);
    let cases = numbers(&first);
    assert_eq!(cases.iter().collect::<BTreeSet<_>>().len(), 53);
    assert!(first.out["reader"]["memory_peak_kib"].as_u64().unwrap() < 128 << 10);
    let wrong = opened(&bad);
    assert_eq!((wrong.rows_read, wrong.rows.len()), (6, 0));

    // The same sheet again, as it went back: the same case numbers, no new case.
    let again = import(&city, &[&report]).await?;
    assert_eq!(again.out["drafts"].as_u64(), Some(0));
    assert_eq!((numbers(&again), again.out["duplicates"].as_u64()), (cases, Some(53)));

    // Corrected while nobody was asked: the draft is corrected, under its number.
    let homes = put(&desk, "homes.csv", register(2).as_bytes())?;
    let made = import(&city, &[&homes]).await?;
    let other = put(&desk, "more.csv", register(2).replacen("公租房,2", "公租房,3", 1).as_bytes())?;
    let corrected = import(&city, &[&other]).await?;
    let counts = ["drafts", "corrected", "duplicates"].map(|key| corrected.out[key].as_u64());
    assert_eq!((corrected.exit, counts), (0, [Some(0), Some(1), Some(1)]), "{}", corrected.out);
    assert_eq!(numbers(&corrected), numbers(&made));

    // Once the person was asked about it, no sheet changes it.
    let asked = wire::AskRequest { case_numbers: numbers(&made) };
    pair.origin().desk("clerk")?.ask(asked).await?;
    let late = import(&city, &[&homes]).await?;
    let counts = ["drafts", "corrected", "duplicates"].map(|key| late.out[key].as_u64());
    assert_eq!((late.exit, counts), (0, [Some(0), Some(0), Some(2)]), "{}", late.out);

    // A file that exists is not overwritten, and nothing is done.
    let refused = import(&city, &[&messy, "--report", &report]).await?;
    assert_eq!(refused.exit, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_vacancy_is_the_one_whose_terms_are_shown() -> Result<()> {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let mut draft = people::single(1).remove(0);
    let case = kunming.import(vec![draft.clone()]).await.remove(0);
    let leg = kunming.legs(&case).await.remove(0);
    let terms: Vec<_> = people::vacancies().into_iter().filter_map(|v| v.terms).collect();
    let before = terms.iter().find(|terms| terms.reference == leg.reference).unwrap();
    let after = terms.iter().find(|terms| terms.employer_name != before.employer_name).unwrap();
    let named = draft.legs[0].fields.iter_mut().find(|f| (f.section, f.field) == (1, 1)).unwrap();
    named.value = Some(wire::draft_field::Value::Text(after.reference.clone()));
    let sheet = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
    let done = kunming.desk(DeskCommand::Import(sheet)).await?;
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    assert_eq!((reply.rows.len(), reply.rows[0].code.as_str()), (1, "corrected"), "{reply:?}");
    assert_eq!(kunming.legs(&case).await[0].reference, after.reference);
    kunming.ask(std::slice::from_ref(&case)).await;
    let sms = kunming.sms(&case, "逐项回答").await;
    let shown = format!("{} {:?}", sms.text, kunming.open(&sms).await?);
    assert!(shown.contains(&after.employer_name), "{shown}");
    assert!(!shown.contains(&before.employer_name), "{shown}");
    towns.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_s_own_headings_are_remembered_for_it_alone() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let (city, desk) = (pair.dir().join("a"), pair.dir().join("desk"));
    std::fs::create_dir(&desk)?;
    let own = put(&desk, "own.xlsx", OWN)?;
    let refused = import(&city, &[&own]).await?;
    assert_eq!(refused.exit, 1);
    assert_eq!(refused.err["error"]["code"], "SHEET_COLUMNS");
    let maps = ["--map", "就业去向=意向城市", "--map", "拟上岗日=最早到岗日期"];
    let tried = import(&city, &[&[own.as_str(), "--dry-run"], &maps[..]].concat()).await?;
    assert_eq!((tried.exit, &tried.out["mapping_remembered"]), (0, &Value::Bool(false)));
    assert_eq!(import(&city, &[&own, "--dry-run"]).await?.exit, 1, "a trial remembers nothing");

    let done = import(&city, &[&[own.as_str()], &maps[..]].concat()).await?;
    assert_eq!((done.exit, done.out["drafts"].as_u64()), (0, Some(3)), "{}", done.err);
    let kept: Vec<PathBuf> =
        std::fs::read_dir(city.join("import"))?.map(|entry| entry.unwrap().path()).collect();
    let text = std::fs::read_to_string(&kept[0])?;
    assert!(kept.len() == 1 && text.contains("就业去向") && !text.contains("吕明"), "{text}");
    let later = import(&city, &[&own]).await?;
    assert_eq!((later.exit, later.out["duplicates"].as_u64()), (0, Some(3)));

    let forgotten = import(&city, &["--forget-mapping"]).await?;
    assert_eq!((forgotten.exit, &forgotten.out["forgotten"]), (0, &Value::Bool(true)));
    assert_eq!(import(&city, &[&own]).await?.exit, 1);

    // What is forbidden cannot be mapped, neither on the command line nor in the file.
    let forbidden = put(&desk, "forbidden.xlsx", FORBIDDEN)?;
    let sly = import(&city, &[&forbidden, "--map", "民　族=岗位编号"]).await?;
    assert_eq!(sly.exit, 2);
    std::fs::write(&kept[0], "\"民族\" = \"岗位编号\"\n")?;
    assert_eq!(import(&city, &[&forbidden]).await?.err["error"]["code"], "MAPPING");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn v11_a_refused_sheet_is_handed_back_clean_and_stores_nothing() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let (city, desk) = (pair.dir().join("a"), pair.dir().join("desk"));
    std::fs::create_dir(&desk)?;
    let sheet = put(&desk, "forbidden.xlsx", FORBIDDEN)?;
    let before: BTreeSet<_> = std::fs::read_dir(&city)?.map(|e| e.unwrap().path()).collect();
    let clean = desk.join("clean.xlsx").display().to_string();
    let refused = import(&city, &[&sheet, "--clean", &clean, "--report", "report.xlsx"]).await?;
    assert_eq!(refused.exit, 1);
    let said = refused.err["error"]["zh"].as_str().unwrap();
    assert!(said.contains("F1 民族") && said.contains("G1 政治面貌") && !said.contains("群众"));
    let after: BTreeSet<_> = std::fs::read_dir(&city)?.map(|e| e.unwrap().path()).collect();
    assert_eq!(before, after);
    assert!(!Path::new("report.xlsx").exists());
    assert_eq!(opened(&clean).rows.len(), 40);
    let cleaned = import(&city, &[&clean]).await?;
    assert_eq!((cleaned.exit, numbers(&cleaned)[0].as_str()), (0, "2026-000001"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_broken_off_is_gone_on_with() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let (city, desk) = (pair.dir().join("a"), pair.dir().join("desk"));
    std::fs::create_dir(&desk)?;
    let sheet = put(&desk, "register.csv", register(700).as_bytes())?;
    let drafts: Vec<usize> = opened(&sheet).rows.iter().map(|r| draft(r).encoded_len()).collect();
    let cut_after = drafts[..600].iter().sum::<usize>();

    // The line is cut in the middle of the second piece.
    let cut = desk.join("city");
    std::fs::create_dir(&cut)?;
    let config = std::fs::read_to_string(city.join("jieli.toml"))?;
    let node = jieli_node::config::Config::load(&city)?.listen.desk;
    let line = TcpListener::bind("127.0.0.1:0").await?;
    let config = config.replace(&node.to_string(), &line.local_addr()?.to_string());
    std::fs::write(cut.join("jieli.toml"), config)?;
    std::fs::create_dir(cut.join("tokens"))?;
    for entry in std::fs::read_dir(city.join("tokens"))? {
        let path = entry?.path();
        std::fs::copy(&path, cut.join("tokens").join(path.file_name().unwrap()))?;
    }
    let relay = async {
        let (desk, _) = line.accept().await?;
        let node = TcpStream::connect(node).await?;
        let (mut from_desk, mut to_desk) = desk.into_split();
        let (mut from_node, mut to_node) = node.into_split();
        let there = async {
            let mut left = cut_after;
            let mut piece = vec![0; 4096];
            while left > 0 {
                let read = from_desk.read(&mut piece).await?;
                if read == 0 {
                    break;
                }
                to_node.write_all(&piece[..read]).await?;
                left = left.saturating_sub(read);
            }
            Ok::<_, std::io::Error>(left)
        };
        // Both ways end with the first: the line is cut.
        tokio::select! {
            left = there => left,
            _ = tokio::io::copy(&mut from_node, &mut to_desk) => Ok(0),
        }
    };
    let words = [sheet.as_str()];
    let (broken, left) = tokio::join!(import(&cut, &words), relay);
    let broken = broken?;
    assert_eq!(left?, 0, "the register is too short for the cut");
    assert_eq!(broken.exit, 4, "{}", broken.err);
    assert_eq!(broken.out["drafts"].as_u64(), Some(500), "{}", broken.out["broken_off"]);
    assert_eq!(broken.out["broken_off"]["last_row_in"].as_u64(), Some(501));

    // The same sheet again: what is in keeps its numbers, the rest is made.
    let done = import(&city, &[&sheet]).await?;
    assert_eq!(done.exit, 0, "{}", done.err);
    assert_eq!(done.out["duplicates"].as_u64(), Some(500));
    assert_eq!(done.out["drafts"].as_u64(), Some(200));
    assert_eq!(numbers(&done)[..500], numbers(&broken)[..]);
    Ok(())
}
