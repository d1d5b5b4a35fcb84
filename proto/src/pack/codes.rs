//! Code lists: numbers with a word in Chinese and in English, each with its own validity.
//!
//! ```json
//! {"list":"divisions","name":"divisions-cn","version":1,"valid_from":20260101,"valid_to":20271231,
//!  "codes":[{"code":110000,"zh":"北京市","en":"Beijing","from":0,"to":0}]}
//! ```
//! `from` and `to` are `yyyymmdd`, 0 for open. Codes ascend strictly; a code that has ended stays in
//! the list, because old messages name it.

use super::{PackError, Title, label, shape};
use crate::day::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most codes in one list.
pub const CODES_MAX: usize = 4_000;

/// Which list it is: the places in messages where such a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Administrative divisions, six digits (GB/T 2260 in China).
    Divisions,
    /// Occupations at medium class, three digits: major class, then two of the class.
    Occupations,
    /// Occupations that nobody under 18 is sent to, by the same numbers.
    Hazardous,
    /// Social insurance schemes.
    Schemes,
    /// What a person brings to the window.
    Bring,
    /// Grounds of CLARIFY.
    Grounds,
    /// Kinds of documents a person holds.
    Documents,
}

impl List {
    /// All lists.
    pub const ALL: [List; 7] = [
        List::Divisions,
        List::Occupations,
        List::Hazardous,
        List::Schemes,
        List::Bring,
        List::Grounds,
        List::Documents,
    ];

    /// The name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            List::Divisions => "divisions",
            List::Occupations => "occupations",
            List::Hazardous => "hazardous",
            List::Schemes => "schemes",
            List::Bring => "bring",
            List::Grounds => "grounds",
            List::Documents => "documents",
        }
    }

    /// Smallest and largest code of the list.
    fn range(self) -> (u32, u32) {
        match self {
            List::Divisions => (100_000, 999_999),
            List::Occupations | List::Hazardous => (100, 999),
            List::Schemes => (1, 999),
            List::Bring | List::Grounds => (1, 9_999),
            // The document kinds of the person block are a closed list of five.
            List::Documents => (1, 5),
        }
    }
}

/// The file form of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeParts {
    list: List,
    name: String,
    version: u32,
    valid_from: u32,
    valid_to: u32,
    codes: Vec<EntryParts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryParts {
    code: u32,
    zh: String,
    en: String,
    from: u32,
    to: u32,
}

/// One code with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The word in Chinese.
    pub zh: String,
    /// The word in English.
    pub en: String,
    /// First date it stands for, if it has one.
    pub from: Option<Day>,
    /// Last date it stands for, if it has one.
    pub to: Option<Day>,
}

impl Code {
    /// Whether it stands for something on that date.
    pub fn holds_on(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// A checked list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeList {
    /// Name, version, validity.
    pub title: Title,
    /// Which list.
    pub list: List,
    codes: BTreeMap<u32, Code>,
}

impl CodeList {
    /// A code, whenever it stood for something.
    pub fn get(&self, code: u32) -> Option<&Code> {
        self.codes.get(&code)
    }

    /// All codes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Code)> {
        self.codes.iter().map(|(code, entry)| (*code, entry))
    }

    pub(super) fn from_parts(parts: CodeParts) -> Result<CodeList, PackError> {
        let title = Title::of(&parts.name, parts.version, parts.valid_from, parts.valid_to)?;
        if parts.codes.is_empty() || parts.codes.len() > CODES_MAX {
            return Err(PackError::Entry {
                place: "codes".to_owned(),
                what: format!("a list has 1 to {CODES_MAX} codes"),
            });
        }
        let mut codes = BTreeMap::new();
        for entry in parts.codes {
            let place = format!("code {}", entry.code);
            let wrong =
                |what: &str| PackError::Entry { place: place.clone(), what: what.to_owned() };
            let (least, most) = parts.list.range();
            if !(least..=most).contains(&entry.code) {
                return Err(wrong(&format!("codes of this list are {least} to {most}")));
            }
            if codes.last_key_value().is_some_and(|(last, _)| *last >= entry.code) {
                return Err(wrong("codes ascend, each once"));
            }
            label(&place, &entry.zh)?;
            // A place's name in Latin letters may sound like a denied word (Xinyang), its own does not.
            match parts.list {
                List::Divisions => shape(&place, &entry.en)?,
                List::Occupations
                | List::Hazardous
                | List::Schemes
                | List::Bring
                | List::Grounds
                | List::Documents => label(&place, &entry.en)?,
            }
            let (from, to) = (open(&place, entry.from)?, open(&place, entry.to)?);
            if from.zip(to).is_some_and(|(from, to)| to < from) {
                return Err(PackError::Dates(place));
            }
            codes.insert(entry.code, Code { zh: entry.zh, en: entry.en, from, to });
        }
        Ok(CodeList { title, list: parts.list, codes })
    }

    pub(super) fn to_parts(&self) -> CodeParts {
        let date = |day: Option<Day>| day.map_or(0, Day::number);
        let entry = |(code, entry): (&u32, &Code)| EntryParts {
            code: *code,
            zh: entry.zh.clone(),
            en: entry.en.clone(),
            from: date(entry.from),
            to: date(entry.to),
        };
        CodeParts {
            list: self.list,
            name: self.title.name.clone(),
            version: self.title.version,
            valid_from: self.title.valid_from.number(),
            valid_to: self.title.valid_to.number(),
            codes: self.codes.iter().map(entry).collect(),
        }
    }
}

/// A date, or 0 for open.
fn open(place: &str, number: u32) -> Result<Option<Day>, PackError> {
    match number {
        0 => Ok(None),
        _ => Day::from_number(number).map(Some).ok_or_else(|| PackError::Dates(place.to_owned())),
    }
}
