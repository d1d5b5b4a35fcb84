//! Packs: signed data, so that no country is built into the program. A calendar, the code lists, the
//! catalogue of items and the texts of a language each come as an envelope of type `pack`, signed
//! by the city that publishes it with its message key.
//!
//! The content is the UTF-8 JSON that [`Content::to_json`] writes, byte for byte: members in a fixed
//! order, no space, lists ascending. So two cities that hold one pack hold the same bytes, and a
//! digest names it. Labels are judged by the deny list ([`crate::deny`]): what must never exist
//! cannot come in as data either (rule V10).
//!
//! Versions of one name only grow. What a version says holds from `valid_from` to `valid_to`;
//! outside it the newest version before is used, and dates are provisional.

mod codes;
mod items;
mod language;

pub use codes::{CODES_MAX, Code, CodeList, List};
pub use items::{Catalogue, ITEMS_MAX, Item};
pub use language::{Language, TEXT_BYTES_MAX, TEXT_KEYS};

use crate::calendar::{Calendar, CalendarError, CalendarParts, NAME_BYTES_MAX};
use crate::day::Day;
use crate::deny;
use crate::envelope::{self, SealError};
use crate::wire::{self, PackKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest label in a pack, in characters.
pub const LABEL_CHARS_MAX: usize = 64;

/// Largest content of a pack, in bytes: one envelope must carry it.
pub const CONTENT_BYTES_MAX: usize = 60 * 1024;

/// Why data is no pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The envelope is not of the pack's type, or not in canonical form.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Not the JSON form of the kind.
    #[error("not the file form of this kind of pack, line {line}, column {column}: {what}")]
    Form {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// The calendar in it is none.
    #[error("calendar: {0}")]
    Calendar(#[from] CalendarError),
    /// More bytes than [`CONTENT_BYTES_MAX`].
    #[error("{0} bytes; a pack holds {CONTENT_BYTES_MAX} at most")]
    TooLarge(usize),
    /// The content is JSON of the kind but not in the one form that is signed.
    #[error(
        "the content is not in its one canonical form: `jieli pack import` of its file form writes that"
    )]
    Spelling,
    /// What the envelope says of name, version, kind or validity differs from the content.
    #[error("{0} stands otherwise in the content")]
    Differs(&'static str),
    /// The name is empty, too long, or has a byte outside `[a-z0-9.-]`.
    #[error("the name has 1 to {NAME_BYTES_MAX} of a-z 0-9 . -")]
    Name,
    /// Versions count from 1.
    #[error("versions count from 1")]
    Version,
    /// A number that is no date, or an end before its beginning.
    #[error("{0}: no such dates")]
    Dates(String),
    /// An entry that may not be, by its place in the file.
    #[error("{place}: {what}")]
    Entry {
        /// Which entry.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// A label touches what must never exist.
    #[error("{place}: {topic} must never exist, in a pack neither")]
    Denied {
        /// Which entry.
        place: String,
        /// The topic of the deny list.
        topic: &'static str,
    },
}

impl PackError {
    /// The line of the file form at which the error stands, from 1; `None` where it is about the
    /// whole file.
    pub fn line(&self, text: &str) -> Option<usize> {
        let member = |name: &str| format!("\"{name}\"");
        let (token, is_last) = match self {
            PackError::Form { line, .. } => return Some(*line),
            PackError::Seal(_)
            | PackError::TooLarge(_)
            | PackError::Spelling
            | PackError::Differs(_) => return None,
            PackError::Calendar(error) => match error {
                CalendarError::Form { line, .. } => return Some(*line),
                CalendarError::Name => (member("name"), false),
                CalendarError::Version => (member("version"), false),
                CalendarError::Zone(_) => (member("zone_offset_min"), false),
                CalendarError::Weekend => (member("weekend"), false),
                CalendarError::Date(number) => (number.to_string(), false),
                CalendarError::Range { .. } => (member("valid_to"), false),
                CalendarError::TooMany(_) => (member("off"), false),
                // The second of two that stand the wrong way round, or are the same.
                CalendarError::Order(day) | CalendarError::Both(day) => {
                    (day.number().to_string(), true)
                }
                CalendarError::Outside(day) | CalendarError::NotWeekend(day) => {
                    (day.number().to_string(), false)
                }
            },
            PackError::Name => (member("name"), false),
            PackError::Version => (member("version"), false),
            PackError::Dates(what) if what == "reviewed_on" => (member("reviewed_on"), false),
            PackError::Dates(_) => (member("valid_from"), false),
            PackError::Entry { place, .. } | PackError::Denied { place, .. } => {
                return line_of_place(text, place);
            }
        };
        let mut lines = text.lines().zip(1..).filter(|(line, _)| line.contains(&token));
        let found = if is_last { lines.last() } else { lines.next() };
        found.map(|(_, number)| number)
    }
}

/// The line of `item 12`, `code 110000` or of a member by its name.
fn line_of_place(text: &str, place: &str) -> Option<usize> {
    let last = place.split_whitespace().next_back()?;
    let is_entry = last.bytes().all(|b| b.is_ascii_digit());
    let holds = |line: &str| {
        let bare: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        match is_entry {
            true => bare.split(['{', ',', '}']).any(|part| part == format!("\"code\":{last}")),
            false => bare.contains(&format!("\"{last}\":")),
        }
    };
    text.lines().zip(1..).find(|(line, _)| holds(line)).map(|(_, number)| number)
}

/// What every content says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// 1 to [`NAME_BYTES_MAX`] bytes of `[a-z0-9.-]`.
    pub name: String,
    /// From 1.
    pub version: u32,
    /// First date it holds.
    pub valid_from: Day,
    /// Last date it holds.
    pub valid_to: Day,
}

/// The content of a pack, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Working days.
    Calendar(Calendar),
    /// Codes and their words.
    Codes(CodeList),
    /// What can be asked for, who decides it, what is brought.
    Items(Catalogue),
    /// Texts that a worker reads, in one language.
    Language(Language),
}

impl Content {
    /// Reads the file form of a kind, spaces and line breaks allowed.
    pub fn from_json(kind: PackKind, text: &str) -> Result<Content, PackError> {
        if text.len() > CONTENT_BYTES_MAX {
            return Err(PackError::TooLarge(text.len()));
        }
        Ok(match kind {
            PackKind::Unspecified => return Err(PackError::Differs("the kind")),
            PackKind::Calendar => {
                Content::Calendar(Calendar::from_parts(parse::<CalendarParts>(text)?)?)
            }
            PackKind::CodeList => Content::Codes(CodeList::from_parts(parse(text)?)?),
            PackKind::ItemCatalogue => Content::Items(Catalogue::from_parts(parse(text)?)?),
            PackKind::Language => Content::Language(Language::from_parts(parse(text)?)?),
        })
    }

    /// Which kind a file is, told by its members; then as [`Content::from_json`].
    pub fn guess(text: &str) -> Result<Content, PackError> {
        let found: serde_json::Map<String, serde_json::Value> = parse(text)?;
        let kinds = [
            ("weekend", PackKind::Calendar),
            ("codes", PackKind::CodeList),
            ("items", PackKind::ItemCatalogue),
            ("texts", PackKind::Language),
        ];
        let kind = kinds.iter().find(|(member, _)| found.contains_key(*member));
        let kind = kind.ok_or_else(|| PackError::Entry {
            place: "the file".to_owned(),
            what: "it has none of weekend, codes, items, texts, one of which tells its kind".into(),
        })?;
        Content::from_json(kind.1, text)
    }

    /// The one form that is signed.
    pub fn to_json(&self) -> String {
        match self {
            Content::Calendar(calendar) => spell(&calendar.to_parts()),
            Content::Codes(list) => spell(&list.to_parts()),
            Content::Items(catalogue) => spell(&catalogue.to_parts()),
            Content::Language(language) => spell(&language.to_parts()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> PackKind {
        match self {
            Content::Calendar(_) => PackKind::Calendar,
            Content::Codes(_) => PackKind::CodeList,
            Content::Items(_) => PackKind::ItemCatalogue,
            Content::Language(_) => PackKind::Language,
        }
    }

    /// Name, version and validity.
    pub fn title(&self) -> Title {
        match self {
            Content::Calendar(calendar) => Title {
                name: calendar.name().to_owned(),
                version: calendar.version(),
                valid_from: calendar.published_from(),
                valid_to: calendar.published_to(),
            },
            Content::Codes(list) => list.title.clone(),
            Content::Items(catalogue) => catalogue.title.clone(),
            Content::Language(language) => language.title.clone(),
        }
    }

    /// The message that is signed: the title twice, so that a reader of the envelope alone knows
    /// what it is.
    pub fn to_wire(&self) -> wire::Pack {
        let title = self.title();
        wire::Pack {
            pack_kind: self.kind().into(),
            name: title.name,
            version: title.version,
            valid_from: title.valid_from.number(),
            valid_to: title.valid_to.number(),
            content: self.to_json().into_bytes(),
        }
    }

    /// Reads a signed message strictly: title and spelling must be those of [`Content::to_wire`].
    /// Who signed it is for the caller to judge.
    pub fn of_wire(found: &wire::Pack) -> Result<Content, PackError> {
        let kind =
            PackKind::try_from(found.pack_kind).map_err(|_| PackError::Differs("the kind"))?;
        let text = std::str::from_utf8(&found.content).map_err(|_| PackError::Spelling)?;
        let content = Content::from_json(kind, text)?;
        let made = content.to_wire();
        let differs = [
            ("the name", made.name != found.name),
            ("the version", made.version != found.version),
            ("valid_from", made.valid_from != found.valid_from),
            ("valid_to", made.valid_to != found.valid_to),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(PackError::Differs(what)),
            None if made.content != found.content => Err(PackError::Spelling),
            None => Ok(content),
        }
    }

    /// Reads an envelope as [`Content::of_wire`] does. The signature is not judged here.
    pub fn of_envelope(sealed: &wire::Envelope) -> Result<Content, PackError> {
        Content::of_wire(&envelope::payload::<wire::Pack>(sealed)?)
    }
}

impl Title {
    /// Checks what every content begins with.
    fn of(name: &str, version: u32, valid_from: u32, valid_to: u32) -> Result<Title, PackError> {
        if !is_name(name) {
            return Err(PackError::Name);
        }
        if version == 0 {
            return Err(PackError::Version);
        }
        let bad = || PackError::Dates(format!("valid_from {valid_from}, valid_to {valid_to}"));
        let from = Day::from_number(valid_from).ok_or_else(bad)?;
        let to = Day::from_number(valid_to).ok_or_else(bad)?;
        if to < from {
            return Err(bad());
        }
        Ok(Title { name: name.to_owned(), version, valid_from: from, valid_to: to })
    }
}

/// Whether a pack may be called so.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, PackError> {
    serde_json::from_str(text).map_err(|error| PackError::Form {
        line: error.line(),
        column: error.column(),
        what: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })
}

/// Serde writes structs in the order of their members, without a space.
fn spell<T: Serialize>(parts: &T) -> String {
    serde_json::to_string(parts).unwrap_or_default()
}

/// A label a person reads, with nothing in it that must never exist.
fn label(place: &str, text: &str) -> Result<(), PackError> {
    shape(place, text)?;
    denied(place, text)
}

/// Some characters, none of them a control or a hidden mark.
fn shape(place: &str, text: &str) -> Result<(), PackError> {
    let entry = |what: &str| PackError::Entry { place: place.to_owned(), what: what.to_owned() };
    if text.trim() != text || text.is_empty() || text.chars().count() > LABEL_CHARS_MAX {
        return Err(entry("a label has 1 to 64 characters and no space at its ends"));
    }
    if text.chars().any(|c| is_hidden(c) || matches!(c, '\u{200c}' | '\u{200d}')) {
        return Err(entry("a label holds no control character and no hidden mark"));
    }
    Ok(())
}

fn denied(place: &str, text: &str) -> Result<(), PackError> {
    match deny::is_forbidden(text) {
        Some(topic) => Err(PackError::Denied { place: place.to_owned(), topic }),
        None => Ok(()),
    }
}

/// Controls, and marks that a reader does not see but that change the order of what he sees.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
