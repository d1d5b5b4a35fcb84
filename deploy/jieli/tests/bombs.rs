//! Files made to harm, each given to the process that reads sheets: it refuses them with the
//! reason (or reads them without harm) and stays within its memory. Run with `--nocapture` for the
//! table of what each took.

use jieli_gateway::sheet::job::{Answer, Job, Refused, Work, packed, unpacked};
use jieli_gateway::sheet::{Limits, Mapping, SheetRefusal};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[path = "bombs/make.rs"]
mod make;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jieli");
/// What no reading may hold.
const MEMORY_KIB_MAX: u64 = 128 << 10;

/// What must come of a file.
#[derive(Debug)]
enum Must {
    /// Refused with one of these words.
    Refuse(&'static [&'static str]),
    /// Read: so many rows, so many of them drafts.
    Read(usize, usize),
    /// More memory than there is: the reader dies, `import` says why.
    Die,
}

struct Taken {
    /// `None`: it died.
    answer: Option<Answer>,
    cpu_ms: u64,
    peak_kib: u64,
}

fn reader(file: &[u8], ending: &str) -> Taken {
    let job = Job {
        work: Work::Read,
        ending: ending.to_owned(),
        today: 20_261_121,
        vacancies: None,
        mapping: Mapping::default(),
        limits: Limits { file_bytes_max: 8 << 20, rows_max: 10_000, ..Limits::default() },
    };
    let input = packed(&job, file).expect("a job");
    let mut child = Command::new(PROGRAM)
        .arg("read-sheet")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the reader starts");
    // It answers after it has read everything, and may die before.
    let _ = child.stdin.take().expect("its input").write_all(&input);
    let output = child.wait_with_output().expect("the reader ends");
    let Some((cost, rest)) = unpacked::<Value>(&output.stdout) else {
        // A panic in the depth of a library is an end with a code: to the clerk, a damaged file.
        let panicked = output.status.code().is_some();
        let answer = panicked.then(|| Answer::Refused(Refused::from(&SheetRefusal::Damaged)));
        return Taken { answer, cpu_ms: 0, peak_kib: 0 };
    };
    let (answer, _) = unpacked::<Answer>(rest).expect("an answer");
    let number = |key: &str| cost[key].as_u64().unwrap_or(0);
    let (cpu_ms, peak_kib) = (number("cpu_ms"), number("memory_peak_kib"));
    Taken { answer: Some(answer), cpu_ms, peak_kib }
}

#[test]
fn thirty_bombs_are_refused_with_the_reason_and_within_memory() {
    let bombs = make::all();
    assert!(bombs.len() >= 30, "{}", bombs.len());
    let mut faults = Vec::new();
    println!("| file | bytes | what came of it | CPU ms | peak KiB |\n|---|---|---|---|---|");
    for make::Bomb { name, ending, bytes, must } in bombs {
        let taken = reader(&bytes, ending);
        let (said, well) = match (&taken.answer, &must) {
            (None, Must::Die) => ("dies of its memory limit".to_owned(), true),
            (None, Must::Refuse(_) | Must::Read(..)) => ("died".to_owned(), false),
            (Some(Answer::Refused(refused)), must) => {
                let well = match must {
                    Must::Refuse(codes) => codes.contains(&refused.code.as_str()),
                    Must::Read(..) | Must::Die => false,
                };
                let complete = [&refused.what, &refused.remedy];
                let complete = complete.iter().all(|t| !t.zh.is_empty() && !t.en.is_empty());
                (refused.code.clone(), well && complete)
            }
            (Some(Answer::Sheet(reading)), must) => {
                let (rows, drafts) = (reading.rows_read, reading.rows.len());
                let well = matches!(must, Must::Read(r, d) if (*r, *d) == (rows, drafts));
                (format!("read: {rows} rows, {drafts} drafts"), well)
            }
            (Some(other), _) => (format!("{other:?}"), false),
        };
        let (cpu, peak) = (taken.cpu_ms, taken.peak_kib);
        println!("| {name} | {} | {said} | {cpu} | {peak} |", bytes.len());
        if !well || peak > MEMORY_KIB_MAX {
            faults.push(format!("{name}: {said} with {peak} KiB, must be {must:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn ten_thousand_rows_are_read_within_memory() {
    let out = Command::new(PROGRAM)
        .args(["import", "--measure", "10000", "--json"])
        .output()
        .expect("the program starts");
    let said: Value = serde_json::from_slice(&out.stdout).expect("figures as JSON");
    println!("{said:#}");
    assert_eq!((said["rows"].as_u64(), said["readable"].as_u64()), (Some(10_000), Some(10_000)));
    assert!(said["memory_peak_kib"].as_u64().is_some_and(|kib| kib < MEMORY_KIB_MAX), "{said}");
}

#[test]
fn the_clerk_is_told_why_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let city = dir.path().join("city");
    let made = Command::new(PROGRAM)
        .args(["init", "--unprotected", "--city", "kunming.yn", "--name", "昆明市"])
        .args(["--office", "11999999MB0000019T", "--dir"])
        .arg(&city)
        .output()
        .expect("the program starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for make::Bomb { name, ending, bytes, must } in make::all() {
        let expected: &[&str] = match must {
            Must::Die => &["TOO_MUCH_MEMORY"],
            // One that is refused in words is enough here; the table above has them all.
            Must::Refuse(codes) if name == "billion laughs" => codes,
            Must::Refuse(_) | Must::Read(..) => continue,
        };
        let file = dir.path().join(format!("sheet.{ending}"));
        std::fs::write(&file, &bytes).expect("a file");
        let out = Command::new(PROGRAM)
            .args(["import", "--dry-run", "--json", "--dir"])
            .arg(&city)
            .arg(&file)
            .output()
            .expect("the program starts");
        let said: Value = serde_json::from_slice(&out.stderr).expect("an error as JSON");
        let code = said["error"]["code"].as_str().expect("a code");
        assert_eq!(out.status.code(), Some(1), "{name}");
        assert!(expected.iter().any(|known| code == format!("SHEET_{known}")), "{name}: {said}");
        for tongue in ["zh", "en"] {
            assert!(said["error"][tongue].as_str().is_some_and(|text| text.len() > 40), "{said}");
        }
    }
    assert!(!city.join("import").exists(), "nothing is remembered of what was refused");
}
