//! Sheets: what a labour office really sends, read into drafts. Pure functions over bytes: no
//! file, no clock, nothing kept.
//!
//! ```text
//! bytes -> table -> columns -> rows -> drafts + findings
//!          (whole sheet refused)       (single rows)
//! ```
//!
//! A sheet with a forbidden or unknown column is refused whole (rule V11) before one row is read.
//! Otherwise each row stands alone: one with an error gives no draft and is reported by cell.
//! **The same worker twice** (same kind and number of document): only the first row gives a
//! draft. A later row is reported as a warning that names the first; if it has the same name and
//! another child, the child's schooling leg is added to the first draft, which is how offices
//! write a second child.

use std::collections::BTreeSet;

use jieli_proto::day::Day;
use jieli_proto::number::{AgeBand, CitizenNumber, MobileNumber, OtherNumber, PersonName};
use jieli_proto::wire;
use serde::{Deserialize, Serialize};

mod back;
mod columns;
mod finding;
pub mod headings;
pub mod job;
mod mapping;
mod marks;
mod refusal;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod text;
pub mod told;
mod values;
mod weigh;
mod xlsx;

pub(crate) use back::guarded_csv;
pub use back::{Form, Note, cleaned_copy, handed_back, template};
pub use finding::{Fault, Finding, Severity, Text};
/// What no column, field or screen may be about: the list itself belongs to the law.
pub use jieli_proto::deny as forbidden;
pub use mapping::{Mapping, MappingError};
pub use refusal::{RefusedColumn, SheetRefusal};

/// Reads a sheet. The file name only tells a text file (.csv, .txt, .tsv) from anything else that
/// is not a workbook; a workbook is known by its bytes.
pub fn read(bytes: &[u8], file_name: &str, options: &Options) -> Result<Sheet, SheetRefusal> {
    let (table, index) = open(bytes, file_name, options)?;
    let refused = columns::refused(&table, index, options);
    if !refused.is_empty() {
        return Err(SheetRefusal::Columns(refused));
    }
    let layout = columns::layout(&table, index, options)?;
    let rows_max = options.limits.rows_max;
    if table.rows.len() - index - 1 > rows_max {
        return Err(SheetRefusal::TooManyRows { rows_max });
    }
    let sheet = rows::read(&table.rows[index + 1..], &table.hidden_columns, layout, options);
    if sheet.rows_read == 0 { Err(SheetRefusal::NoRows) } else { Ok(sheet) }
}

/// The table with headings and the index of their row.
fn open(
    bytes: &[u8],
    file_name: &str,
    options: &Options,
) -> Result<(table::Table, usize), SheetRefusal> {
    let limits = &options.limits;
    if bytes.len() as u64 > limits.file_bytes_max {
        return Err(SheetRefusal::FileTooLarge { bytes_max: limits.file_bytes_max });
    }
    let extension = file_name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    if bytes.starts_with(b"PK\x03\x04") {
        xlsx::table(bytes, options)
    } else if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        Err(SheetRefusal::OldOrLocked)
    } else if ["csv", "txt", "tsv"].contains(&extension.as_str()) {
        let table = text::table(bytes, limits)?;
        let index = columns::heading_index(&table, options).ok_or(SheetRefusal::NoHeadings)?;
        Ok((table, index))
    } else {
        Err(SheetRefusal::NotASheet)
    }
}

/// What the caller knows and the sheet does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Today: ages are counted on it.
    pub today: Day,
    /// The vacancy references the receiving cities have announced; `None` if not at hand, then
    /// the column is not checked and one warning says so.
    pub known_vacancies: Option<BTreeSet<String>>,
    /// What the office calls its columns.
    pub mapping: Mapping,
    /// The limits.
    pub limits: Limits,
}

impl Options {
    /// Options without a list of vacancies, with the standard limits.
    pub fn new(today: Day) -> Options {
        Options {
            today,
            known_vacancies: None,
            mapping: Mapping::default(),
            limits: Limits::default(),
        }
    }
}

/// References that a sheet may name on a day, from a node's list; `None` where nothing was announced
/// yet, so that there is nothing to check against.
pub fn known_vacancies(listed: &wire::VacancyList, today: u32) -> Option<BTreeSet<String>> {
    // A reference without a date was given by word of mouth; one that is over is known no more.
    let stands = |until: u32| until == 0 || until >= today;
    let standing = listed.vacancies.iter().filter(|vacancy| stands(vacancy.valid_until));
    let terms = standing.filter_map(|vacancy| vacancy.terms.as_ref());
    let known: BTreeSet<String> = terms.map(|terms| terms.reference.clone()).collect();
    (!known.is_empty()).then_some(known)
}

/// How large a sheet may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Size of the file, in bytes.
    pub file_bytes_max: u64,
    /// Size of all that it unpacks to, in bytes.
    pub inflated_bytes_max: u64,
    /// Rows below the headings that are not blank.
    pub rows_max: usize,
    /// Columns.
    pub columns_max: usize,
    /// Characters of one cell.
    pub cell_chars_max: usize,
    /// Different texts of a workbook.
    pub strings_max: usize,
    /// Merged cells of a workbook.
    pub merges_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes_max: 20 << 20,
            inflated_bytes_max: 64 << 20,
            rows_max: 20_000,
            columns_max: 64,
            cell_chars_max: 1_000,
            strings_max: 300_000,
            merges_max: 10_000,
        }
    }
}

/// What a sheet became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The drafts, in the order of the rows.
    pub rows: Vec<Row>,
    /// The findings, by row and then by column.
    pub findings: Vec<Finding>,
    /// How many rows were read, drafts or not.
    pub rows_read: usize,
    /// The row of the headings, from 1.
    pub heading_row: u32,
}

impl Sheet {
    /// The rows with an error: the ones to put right and import again.
    pub fn faulty_rows(&self) -> BTreeSet<u32> {
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error);
        errors.map(|finding| finding.row).collect()
    }
}

/// A draft: one worker, where to, and what is asked for. At least one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row in the spreadsheet, from 1.
    pub number: u32,
    /// The worker.
    pub worker: Worker,
    /// The city as the sheet names it; which node that is, the caller knows. 1 to 50 characters.
    pub destination: String,
    /// The legs in the order of the columns.
    pub legs: Vec<Leg>,
}

/// The worker of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Full name as on the document.
    pub name: PersonName,
    /// Kind and number of the document.
    pub document: Document,
    /// Mobile number, if any.
    pub phone: Option<MobileNumber>,
    /// The age band on the day of the import: from the number, else as the sheet states it.
    pub age_band: Option<AgeBand>,
    /// Who is told before a job of somebody of 16 or 17; never of an adult.
    pub guardian: Option<Guardian>,
}

/// A guardian, told on a phone of the own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardian {
    /// Full name.
    pub name: PersonName,
    /// Mobile number.
    pub phone: MobileNumber,
}

/// A child who comes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Full name as on the document.
    pub name: PersonName,
    /// Kind and number of the document.
    pub document: Document,
    /// The age band on the day of the import: from the number, else as the sheet states it.
    pub age_band: Option<AgeBand>,
}

/// A document by kind and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// The kind.
    pub kind: DocumentKind,
    /// The number, in the form of its kind.
    pub number: DocumentNumber,
}

/// The kinds of document of the person block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// Resident identity card (GB 11643 number).
    ResidentId,
    /// Residence permit of Hong Kong, Macao and Taiwan residents (GB 11643 number).
    ResidencePermit,
    /// Foreign permanent resident's card.
    ForeignPermanentResidence,
    /// Passport.
    Passport,
    /// Any other.
    Other,
}

/// The number of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentNumber {
    /// Of a resident identity card or a residence permit.
    Citizen(CitizenNumber),
    /// Of all others.
    Other(OtherNumber),
}

impl DocumentNumber {
    /// The number in its normal form. Personal.
    pub fn as_str(&self) -> &str {
        match self {
            DocumentNumber::Citizen(number) => number.as_str(),
            DocumentNumber::Other(number) => number.as_str(),
        }
    }
}

/// One service asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// A post.
    Employment {
        /// Reference issued by the receiving city, 1 to 50 characters, as written.
        vacancy_ref: String,
        /// Occupation as the sheet names it, 1 to 50 characters.
        occupation: String,
        /// 0 to 5; 0 is none, 5 初级工, 1 高级技师.
        skill_level: u8,
        /// The earliest day of work.
        earliest_start: Day,
    },
    /// A school place.
    Schooling {
        /// The child.
        child: Child,
        /// Stage of school.
        stage: Stage,
        /// Grade within the stage, from 1.
        grade: u8,
    },
    /// Medical insurance.
    Insurance {
        /// The scheme.
        scheme: Scheme,
    },
    /// A home.
    Housing {
        /// The kind.
        kind: HousingKind,
        /// Persons, 1 to 20.
        household_size: u32,
    },
}

/// Stages of school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Kindergarten, grades 1 to 3.
    Kindergarten,
    /// Primary, grades 1 to 6.
    Primary,
    /// Junior middle, grades 1 to 3.
    Junior,
    /// Senior middle, grades 1 to 3.
    Senior,
    /// Secondary vocational, grades 1 to 3.
    Vocational,
}

/// Schemes of medical insurance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// 310 职工基本医疗保险.
    Employees,
    /// 390 城乡居民基本医疗保险.
    Residents,
    /// Any other.
    Other,
}

impl Scheme {
    /// The code of the national catalogue; `None` for other.
    pub fn code(self) -> Option<u32> {
        match self {
            Scheme::Employees => Some(310),
            Scheme::Residents => Some(390),
            Scheme::Other => None,
        }
    }
}

/// Kinds of home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HousingKind {
    /// 公租房.
    PublicRental,
    /// 保障性租赁住房.
    AffordableRental,
    /// 职工宿舍.
    Dormitory,
    /// 租房补贴.
    RentSubsidy,
}
