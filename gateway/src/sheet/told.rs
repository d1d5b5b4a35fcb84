//! What a clerk is told of each row, in the sheet that goes back.

use super::Note;
use super::job::{Reading, Said};
use jieli_proto::wire;
use std::collections::{BTreeMap, BTreeSet};

/// Chooses the language: Chinese, English.
pub type Say<'a> = &'a dyn Fn(&str, &str) -> String;

/// How far an import came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Read, nothing sent.
    Tried,
    /// Sent in part.
    BrokenOff,
    /// Sent.
    Whole,
}

/// One note a row that has something to be said about.
pub fn notes(
    reading: &Reading,
    rows: &[wire::ImportedRow],
    progress: Progress,
    say: Say<'_>,
) -> Vec<Note> {
    let mut notes: BTreeMap<u32, Note> = BTreeMap::new();
    let faulty: BTreeSet<u32> = reading.faulty_rows();
    for said in reading.findings.iter().filter(|said| said.row > reading.heading_row) {
        let note = notes.entry(said.row).or_insert_with(|| empty(said.row));
        if !note.remedy.is_empty() {
            note.remedy += "\n";
        }
        note.remedy += &finding(said, say);
        note.wrong = faulty.contains(&said.row);
        note.outcome = if note.wrong {
            say("未导入，请更正后重新导入", "not imported: correct it and import it again")
        } else {
            say("没有另建办件", "no case of its own")
        };
    }
    for row in &reading.rows {
        let note = notes.entry(*row).or_insert_with(|| empty(*row));
        note.outcome = match progress {
            Progress::Tried => say("可以导入", "can be imported"),
            Progress::BrokenOff => say("尚未导入", "not in yet"),
            Progress::Whole => say("仅告知医保，不建办件", "insurance only: told, no case"),
        };
    }
    for row in rows {
        let note = notes.entry(row.row).or_insert_with(|| empty(row.row));
        came_to(note, row, say);
    }
    notes.into_values().collect()
}

fn came_to(note: &mut Note, row: &wire::ImportedRow, say: Say<'_>) {
    note.case_number.clone_from(&row.case_number);
    note.outcome = say(&row.say_zh, &row.say_en);
    if row.code == "duplicate" {
        let case = &row.case_number;
        note.remedy = say(
            &format!(
                "本行没有改写该办件：已询问本人、已发出或事项不同的办件不由表格更正，请在办件中处理（jieli case show {case}）"
            ),
            &format!(
                "This row changed nothing there: what a person was asked, what has left, or a \
                 case with other services is not changed by a sheet; see to it in the case \
                 (jieli case show {case})."
            ),
        );
    }
    if row.case_number.is_empty() {
        note.wrong = true;
        note.outcome = say("未导入", "not imported");
        note.remedy = say(&row.say_zh, &row.say_en);
    }
}

fn empty(row: u32) -> Note {
    Note { row, ..Note::default() }
}

/// A finding as one sentence: the cell, what is wrong, what to do.
pub fn finding(said: &Said, say: Say<'_>) -> String {
    let (zh, en) = if said.error { ("错误", "error") } else { ("提示", "warning") };
    let (what, remedy) = (&said.what, &said.remedy);
    let place = format!("{}（{}）", said.cell, said.heading);
    say(
        &format!("{place}{zh}：{}。{}。", what.zh, remedy.zh),
        &format!("{place} {en}: {}; {}.", what.en, remedy.en),
    )
}
