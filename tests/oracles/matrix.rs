//! The table: rows are items, columns are programs.

use super::ask::{Answer, Question};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The programs, in the order of the columns; `jieli` is ours.
const ORACLES: [&str; 6] =
    ["go-note", "go-tlog", "go-ed25519", "py-securesystemslib", "py-cryptography", "jieli"];

/// What a row says: who refuses.
type Row = BTreeMap<String, bool>;

/// Compares every cell with the table. `JIELI_BLESS=1` writes what was found, to be read before it
/// is checked in; it never writes a table in which ours accepts what is spoiled.
pub(crate) fn compare(questions: &[Question], answers: &[Answer]) {
    let mut found: BTreeMap<String, Row> = BTreeMap::new();
    let mut enter = |question: &Question, oracle: &str, refuses: bool, why: &str| {
        let name = format!("{} | {}", question.kind, question.item);
        let row = found.entry(name.clone()).or_default();
        let before = *row.entry(oracle.to_owned()).or_insert(refuses);
        assert_eq!(before, refuses, "{oracle} judges two of one row apart: {name} ({why})");
    };
    for answer in answers {
        enter(&questions[answer.question], &answer.oracle, !answer.holds, &answer.why);
    }
    for question in questions {
        enter(question, "jieli", !question.ours, "");
    }
    for (name, row) in &found {
        let true_one = name.contains("| as ");
        assert_eq!(row["jieli"], !true_one, "ours on {name}");
        // Somebody else was asked too.
        assert!(row.len() > 1, "{name}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles/matrix.txt");
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let table = write(&found, &notes(&checked_in));
    if std::env::var_os("JIELI_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let differs = table.lines().zip(checked_in.lines()).find(|(left, right)| left != right);
    assert!(table == checked_in, "not what matrix.txt says: {differs:?}\n{table}");
}

/// The lines of the head, and the remark behind each row.
fn notes(text: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let head = text.lines().take_while(|line| line.starts_with('#')).map(str::to_owned).collect();
    let remark = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let remark = cells.get(ORACLES.len() + 2)?;
        Some((format!("{} | {}", cells[0], cells[1]), (*remark).to_owned()))
    };
    (head, text.lines().filter_map(remark).collect())
}

fn write(found: &BTreeMap<String, Row>, notes: &(Vec<String>, BTreeMap<String, String>)) -> String {
    let mut out = String::new();
    for line in &notes.0 {
        let _ = writeln!(out, "{line}");
    }
    for (name, row) in found {
        let _ = write!(out, "{name}");
        for oracle in ORACLES {
            let word = match row.get(oracle) {
                None => "-",
                Some(true) => "refuses",
                Some(false) => "accepts",
            };
            let _ = write!(out, " | {word}");
        }
        match notes.1.get(name) {
            Some(remark) if !remark.is_empty() => {
                let _ = writeln!(out, " | {remark}");
            }
            Some(_) | None => out.push('\n'),
        }
    }
    out
}
