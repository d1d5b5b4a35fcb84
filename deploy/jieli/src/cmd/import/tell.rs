//! What is told of an import: row by row, the cell, what is wrong and what to do.

use super::reader::Cost;
use crate::cmd::Fail;
use crate::cmd::say::Out;
use jieli_gateway::sheet::job::{Reading, Said};
use jieli_gateway::sheet::told::{self, Progress};
use jieli_gateway::sheet::{Mapping, Note};
use jieli_proto::wire;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything an import came to.
pub(super) struct Told<'a> {
    pub(super) reading: &'a Reading,
    pub(super) rows: &'a [wire::ImportedRow],
    pub(super) broken_off: Option<&'a Fail>,
    pub(super) dry_run: bool,
    pub(super) mapping: &'a Mapping,
    pub(super) remembered: bool,
    pub(super) cost: Cost,
    pub(super) files: &'a [String],
}

/// Rows by what became of them.
pub(super) struct Count {
    pub(super) drafts: usize,
    pub(super) duplicates: usize,
    pub(super) corrected: usize,
    pub(super) refused: usize,
}

impl Told<'_> {
    pub(super) fn count(&self) -> Count {
        let of = |code: &str| self.rows.iter().filter(|row| row.code == code).count();
        let (drafts, duplicates, corrected) = (of("draft"), of("duplicate"), of("corrected"));
        let in_all = drafts + duplicates + corrected;
        let refused = self.reading.faulty_rows().len() + self.rows.len() - in_all;
        Count { drafts, duplicates, corrected, refused }
    }

    pub(super) fn show(&self, out: Out) {
        out.show(&self.json(), || self.lines(out).join("\n"));
    }

    fn json(&self) -> Value {
        let count = self.count();
        let last = self.rows.last().map_or(0, |row| row.row);
        let broken = self.broken_off.map(
            |fail| json!({ "last_row_in": last, "code": fail.code, "zh": fail.zh, "en": fail.en }),
        );
        let mapping: BTreeMap<&str, &str> =
            self.mapping.entries().map(|(heading, column)| (heading, column.zh())).collect();
        json!({
            "dry_run": self.dry_run,
            "rows_read": self.reading.rows_read,
            "readable": self.reading.rows.len(),
            "readable_rows": self.reading.rows,
            "drafts": count.drafts,
            "duplicates": count.duplicates,
            "corrected": count.corrected,
            "refused": count.refused,
            "insurance_rows_told_only": self.reading.insurance_rows,
            "rows": self.rows.iter().map(row_json).collect::<Vec<_>>(),
            "findings": self.reading.findings.iter().map(finding_json).collect::<Vec<_>>(),
            "broken_off": broken,
            "mapping": mapping,
            "mapping_remembered": self.remembered,
            "files": self.files,
            "reader": { "cpu_ms": self.cost.cpu_ms, "memory_peak_kib": self.cost.memory_peak_kib },
        })
    }

    fn lines(&self, out: Out) -> Vec<String> {
        let mut lines: Vec<String> =
            self.reading.findings.iter().map(|said| finding_text(said, out)).collect();
        if self.dry_run {
            let ready = self.reading.rows.iter().map(|row| {
                out.say(&format!("第{row}行：可以导入。"), &format!("Row {row}: can be imported."))
            });
            lines.extend(ready);
        }
        lines.extend(self.rows.iter().map(|row| row_text(row, out)));
        for (heading, column) in self.mapping.entries() {
            let (zh, en) = (column.zh(), column.en());
            lines.push(out.say(
                &format!("表头“{heading}”按“{zh}”读取。"),
                &format!("The heading \"{heading}\" was read as \"{en}\"."),
            ));
        }
        if self.remembered {
            lines.push(out.say(
                "以上对应关系已为本机构记住，可用 --forget-mapping 删除。",
                "This is remembered for the office; --forget-mapping forgets it.",
            ));
        }
        lines.push(self.sum(out));
        if self.reading.insurance_rows > 0 {
            let rows = self.reading.insurance_rows;
            lines.push(out.say(
                &format!("{rows} 行填写了医保：由转入地窗口申请转入，本表不发出。"),
                &format!(
                    "{rows} rows name medical insurance: the receiving city asks for it; nothing \
                     is sent from here."
                ),
            ));
        }
        for file in self.files {
            lines.push(out.say(&format!("已写出：{file}"), &format!("Written: {file}")));
        }
        if self.broken_off.is_some() {
            let last = self.rows.last().map_or(0, |row| row.row);
            lines.push(out.say(
                &format!(
                    "导入中断：第{last}行及以前的已有结果（见上），其余未导入。重新导入同一张表即可接着做，已建的不会重复。"
                ),
                &format!(
                    "Broken off: rows up to {last} are told above, the others are not in. Import \
                     the same sheet again to go on; what is in is not made twice."
                ),
            ));
        }
        lines
    }

    fn sum(&self, out: Out) -> String {
        let (count, read) = (self.count(), self.reading.rows_read);
        let ready = self.reading.rows.len();
        let Count { drafts, duplicates, corrected, refused } = count;
        if self.dry_run {
            return out.say(
                &format!("试读 {read} 行：可导入 {ready}，有错误 {refused}。没有发送任何内容。"),
                &format!("Tried {read} rows: {ready} can be imported, {refused} cannot. Nothing was sent."),
            );
        }
        out.say(
            &format!(
                "读到 {read} 行：可用 {ready}，草稿 {drafts}，更正 {corrected}，重复 {duplicates}，未导入 {refused}。"
            ),
            &format!(
                "{read} rows: {ready} readable, {drafts} drafts, {corrected} corrected, {duplicates} already here, \
                 {refused} refused."
            ),
        )
    }

    /// What each row is told in the sheet that goes back.
    pub(super) fn notes(&self, out: Out) -> Vec<Note> {
        let progress = match (self.dry_run, self.broken_off.is_some()) {
            (true, _) => Progress::Tried,
            (false, true) => Progress::BrokenOff,
            (false, false) => Progress::Whole,
        };
        told::notes(self.reading, self.rows, progress, &|zh, en| out.say(zh, en))
    }
}

pub(crate) fn row_json(row: &wire::ImportedRow) -> Value {
    json!({
        "row": row.row,
        "case_number": row.case_number,
        "code": row.code,
        "say_zh": row.say_zh,
        "say_en": row.say_en,
        "legs": row.legs,
    })
}

fn row_text(row: &wire::ImportedRow, out: Out) -> String {
    let (number, case) = (row.row, &row.case_number);
    let say = out.say(&row.say_zh, &row.say_en);
    let place = out.say(&format!("第{number}行"), &format!("row {number}"));
    let case = if case.is_empty() { String::new() } else { format!("{case} ") };
    format!("{place}: {case}{say}")
}

fn finding_json(said: &Said) -> Value {
    json!({
        "severity": if said.error { "error" } else { "warning" },
        "row": said.row,
        "cell": said.cell,
        "heading": said.heading,
        "what_zh": said.what.zh,
        "what_en": said.what.en,
        "remedy_zh": said.remedy.zh,
        "remedy_en": said.remedy.en,
    })
}

fn finding_text(said: &Said, out: Out) -> String {
    told::finding(said, &|zh, en| out.say(zh, en))
}
