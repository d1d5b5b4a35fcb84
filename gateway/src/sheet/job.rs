//! What the process that reads a sheet is told, and what it answers. That process has the bytes
//! of a stranger in its hands: it gets them on its standard input, has no file, no network and
//! little memory, and is believed no more than a sheet is.
//!
//! ```text
//! input:  Job as JSON, one line | the bytes of the file
//! output: Answer as JSON, one line | drafts (an ImportRequest) or the bytes of a file, if any
//! ```

use std::collections::BTreeSet;

use jieli_proto::day::Day;
use jieli_proto::wire;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::finding::Text;
use super::{
    Finding, Form, Limits, Mapping, Note, Options, Severity, Sheet, SheetRefusal, cleaned_copy,
    handed_back, read,
};
use crate::drafts;

/// What is to be done with a sheet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The work.
    pub work: Work,
    /// The ending of the file's name, without the dot: the name itself may be a person's.
    pub ending: String,
    /// Today, `yyyymmdd`.
    pub today: u32,
    /// References of vacancies, if they are known.
    pub vacancies: Option<BTreeSet<String>>,
    /// The headings of the office.
    pub mapping: Mapping,
    /// The limits.
    pub limits: Limits,
}

/// Kinds of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Drafts and findings.
    Read,
    /// The copy without forbidden and unknown columns.
    Clean(Form),
    /// The sheet with what became of its rows.
    HandBack {
        /// Row by row.
        notes: Vec<Note>,
        /// The rows to be put right alone.
        wrong_only: bool,
    },
    /// Unpacks and walks over the cells, and understands nothing: what reading is measured by.
    Walk,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The whole sheet is refused.
    Refused(Refused),
    /// It was read; the drafts follow.
    Sheet(Reading),
    /// A file follows.
    File,
    /// So many cells.
    Walked(u64),
    /// The job was not understood.
    NoJob,
}

/// Why a whole sheet is refused, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Stable word, see [`SheetRefusal::code`].
    pub code: String,
    /// What is wrong.
    pub what: Text,
    /// What to do.
    pub remedy: Text,
    /// The refused columns, from left to right.
    pub columns: Vec<ColumnSaid>,
}

/// A refused column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSaid {
    /// The cell of its heading.
    pub cell: String,
    /// The heading, at most 40 characters.
    pub heading: String,
    /// The topic of the deny list; absent for a merely unknown one.
    pub topic: Option<Text>,
}

/// A sheet that was read, without what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Rows read, drafts or not.
    pub rows_read: usize,
    /// The row of the headings.
    pub heading_row: u32,
    /// Rows that can become drafts.
    pub rows: Vec<u32>,
    /// Of these, rows that name medical insurance, which nobody sends from here.
    pub insurance_rows: usize,
    /// The findings, by row and column.
    pub findings: Vec<Said>,
}

/// A finding, in words. Says which cell, never what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Whether the row gives no draft.
    pub error: bool,
    /// The row.
    pub row: u32,
    /// The cell: `D7`.
    pub cell: String,
    /// The heading of its column.
    pub heading: String,
    /// What is wrong.
    pub what: Text,
    /// What to do.
    pub remedy: Text,
}

impl Reading {
    /// The rows with an error.
    pub fn faulty_rows(&self) -> BTreeSet<u32> {
        self.findings.iter().filter(|said| said.error).map(|said| said.row).collect()
    }
}

impl From<&SheetRefusal> for Refused {
    fn from(refusal: &SheetRefusal) -> Refused {
        let columns: &[_] = if let SheetRefusal::Columns(all) = refusal { all } else { &[] };
        let columns = columns.iter().map(|column| ColumnSaid {
            cell: column.cell.clone(),
            heading: column.heading.clone(),
            topic: column.topic.map(|(zh, en)| Text { zh: zh.to_owned(), en: en.to_owned() }),
        });
        Refused {
            code: refusal.code().to_owned(),
            what: refusal.what(),
            remedy: refusal.remedy(),
            columns: columns.collect(),
        }
    }
}

impl From<&Finding> for Said {
    fn from(finding: &Finding) -> Said {
        Said {
            error: finding.severity == Severity::Error,
            row: finding.row,
            cell: finding.cell.clone(),
            heading: finding.heading.chars().take(40).collect(),
            what: finding.what(),
            remedy: finding.remedy(),
        }
    }
}

/// A job with its file, as the reading process takes it.
pub fn packed(job: &Job, file: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut input = serde_json::to_vec(job)?;
    input.push(b'\n');
    input.extend_from_slice(file);
    Ok(input)
}

/// Does a packed job; returns a packed answer.
pub fn perform(input: &[u8]) -> Vec<u8> {
    let (answer, body) = match unpacked::<Job>(input) {
        Some((job, file)) => match done(job, file) {
            Ok(done) => done,
            Err(refusal) => (Answer::Refused(Refused::from(&refusal)), Vec::new()),
        },
        None => (Answer::NoJob, Vec::new()),
    };
    let mut output = serde_json::to_vec(&answer).unwrap_or_default();
    output.push(b'\n');
    output.extend(body);
    output
}

/// The first line, understood, and what follows it.
pub fn unpacked<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&bytes[..line]).ok()?, &bytes[line + 1..]))
}

fn done(job: Job, file: &[u8]) -> Result<(Answer, Vec<u8>), SheetRefusal> {
    let name = format!("sheet.{}", job.ending);
    let today = Day::from_number(job.today).ok_or(SheetRefusal::Damaged)?;
    let (vacancies, mapping, limits) = (job.vacancies, job.mapping, job.limits);
    let options = Options { today, known_vacancies: vacancies, mapping, limits };
    Ok(match job.work {
        Work::Read => {
            let sheet = read(file, &name, &options)?;
            (Answer::Sheet(reading(&sheet)), drafts_of(sheet))
        }
        Work::Clean(form) => (Answer::File, cleaned_copy(file, &name, &options, form)?),
        Work::HandBack { notes, wrong_only } => {
            (Answer::File, handed_back(file, &name, &options, &notes, wrong_only)?)
        }
        Work::Walk => (Answer::Walked(super::xlsx::walk(file)?), Vec::new()),
    })
}

fn reading(sheet: &Sheet) -> Reading {
    Reading {
        rows_read: sheet.rows_read,
        heading_row: sheet.heading_row,
        rows: sheet.rows.iter().map(|row| row.number).collect(),
        insurance_rows: sheet.rows.iter().filter(|row| drafts::told_only(row)).count(),
        findings: sheet.findings.iter().map(Said::from).collect(),
    }
}

/// The drafts one by one, so that a row and its draft are never held twice for all rows.
fn drafts_of(sheet: Sheet) -> Vec<u8> {
    let rows = sheet.rows.into_iter();
    let drafts = rows.map(|row| drafts::draft(&row)).filter(|draft| !draft.legs.is_empty());
    let request = wire::ImportRequest { file_name: String::new(), drafts: drafts.collect() };
    request.encode_to_vec()
}
