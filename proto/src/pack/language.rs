//! Texts that a worker reads, in one language, reviewed before they are signed.
//!
//! ```json
//! {"name":"terms-es","version":1,"valid_from":20260101,"valid_to":20281231,
//!  "language":"es","own_name":"Español","right_to_left":false,
//!  "reviewed_by":"11999999MB0000123Y","reviewed_on":20260110,
//!  "texts":{"terms.employer":"Empresa: {employer}", "..":".."}}
//! ```
//! Every key of [`TEXT_KEYS`] has a text, and no other; a text holds each of its places once, in any
//! order, and no other brace. The texts stand in the order of the keys, so a pack has one form.

use super::{PackError, Title, denied, is_hidden};
use crate::day::Day;
use crate::number::CreditCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_000;

/// What a pack says, by key, and the places that each text fills. Ascending.
pub const TEXT_KEYS: &[(&str, &[&str])] = &[
    ("consent.ask", &[]),
    ("consent.child", &["office", "service"]),
    ("consent.own", &["office", "service"]),
    ("lodging.allowance", &[]),
    ("lodging.dormitory", &[]),
    ("lodging.none", &[]),
    ("payer.agency", &[]),
    ("payer.employer", &[]),
    ("payer.public", &[]),
    ("payer.unstated", &[]),
    ("payer.worker", &[]),
    ("place.office", &["city", "office"]),
    ("service.employment", &[]),
    ("service.fund_transfer", &[]),
    ("service.housing", &[]),
    ("service.insurance", &[]),
    ("service.school_record", &[]),
    ("service.schooling", &[]),
    ("terms.agency", &["agency"]),
    ("terms.agency.none", &[]),
    ("terms.answer", &["until"]),
    ("terms.deductions", &["yuan"]),
    ("terms.employer", &["employer"]),
    ("terms.hours", &["hours", "rest"]),
    ("terms.lodging", &["lodging", "yuan"]),
    ("terms.no_fee", &[]),
    ("terms.notice", &["notice"]),
    ("terms.pay", &["high", "low", "payday"]),
    ("terms.term", &["probation", "term"]),
    ("terms.title", &["reference"]),
    ("terms.travel", &["home", "there"]),
];

/// The file form of a language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageParts {
    name: String,
    version: u32,
    valid_from: u32,
    valid_to: u32,
    language: String,
    own_name: String,
    right_to_left: bool,
    reviewed_by: String,
    reviewed_on: u32,
    texts: BTreeMap<String, String>,
}

/// Checked texts of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// Name, version, validity.
    pub title: Title,
    /// BCP 47: two or three letters, and no more than a script or region after it.
    pub language: String,
    /// The language's name in itself.
    pub own_name: String,
    /// Whether it is written from right to left.
    pub right_to_left: bool,
    /// The office that had it read through.
    pub reviewed_by: CreditCode,
    /// When that was.
    pub reviewed_on: Day,
    texts: BTreeMap<String, String>,
}

impl Language {
    /// A text with its places filled; a place that is not among the text's own is left out.
    /// `None` where [`TEXT_KEYS`] has no such key.
    pub fn say(&self, key: &str, values: &[(&str, &str)]) -> Option<String> {
        let mut rest = self.texts.get(key)?.as_str();
        let mut said = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            let (place, behind) = after.split_once('}')?;
            said.push_str(before);
            said.push_str(values.iter().find(|(name, _)| *name == place)?.1);
            rest = behind;
        }
        said.push_str(rest);
        Some(said)
    }

    pub(super) fn from_parts(parts: LanguageParts) -> Result<Language, PackError> {
        let title = Title::of(&parts.name, parts.version, parts.valid_from, parts.valid_to)?;
        let wrong = |place: &str, what: &str| PackError::Entry {
            place: place.to_owned(),
            what: what.to_owned(),
        };
        if !is_tag(&parts.language) {
            return Err(wrong("language", "a tag of BCP 47 such as es, ug or zh-Hant"));
        }
        super::label("own_name", &parts.own_name)?;
        let reviewed_by = parts
            .reviewed_by
            .parse::<CreditCode>()
            .map_err(|_| wrong("reviewed_by", "the credit code of the office that reviewed it"))?;
        let reviewed_on = Day::from_number(parts.reviewed_on)
            .ok_or_else(|| PackError::Dates("reviewed_on".to_owned()))?;
        if let Some(key) = parts.texts.keys().find(|key| places_of(key).is_none()) {
            return Err(wrong(key, "no such text"));
        }
        for (key, places) in TEXT_KEYS {
            let text = parts.texts.get(*key).ok_or_else(|| wrong(key, "the text is missing"))?;
            check(key, text, places)?;
        }
        Ok(Language {
            title,
            language: parts.language,
            own_name: parts.own_name,
            right_to_left: parts.right_to_left,
            reviewed_by,
            reviewed_on,
            texts: parts.texts,
        })
    }

    pub(super) fn to_parts(&self) -> LanguageParts {
        LanguageParts {
            name: self.title.name.clone(),
            version: self.title.version,
            valid_from: self.title.valid_from.number(),
            valid_to: self.title.valid_to.number(),
            language: self.language.clone(),
            own_name: self.own_name.clone(),
            right_to_left: self.right_to_left,
            reviewed_by: self.reviewed_by.to_string(),
            reviewed_on: self.reviewed_on.number(),
            texts: self.texts.clone(),
        }
    }
}

fn places_of(key: &str) -> Option<&'static [&'static str]> {
    TEXT_KEYS.iter().find(|(known, _)| *known == key).map(|(_, places)| *places)
}

/// `es`, `uig`, `zh-Hant`, `pt-BR`.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let letters = |part: &str, from: usize, to: usize| {
        (from..=to).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let main = parts
        .next()
        .is_some_and(|part| letters(part, 2, 3) && part.bytes().all(|b| b.is_ascii_lowercase()));
    main && parts.next().is_none_or(|part| letters(part, 2, 4)) && parts.next().is_none()
}

/// A text has some letters, each of its places once and no other brace.
fn check(key: &str, text: &str, places: &[&str]) -> Result<(), PackError> {
    let wrong = |what: String| PackError::Entry { place: key.to_owned(), what };
    if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(is_hidden) {
        return Err(wrong(format!(
            "a text has 1 to {TEXT_BYTES_MAX} bytes and no control character or hidden mark"
        )));
    }
    for place in places {
        if text.matches(&format!("{{{place}}}")).count() != 1 {
            return Err(wrong(format!("{{{place}}} stands in it once")));
        }
    }
    let braces = text.matches(['{', '}']).count();
    if braces != 2 * places.len() {
        return Err(wrong("no braces but those of its places".to_owned()));
    }
    denied(key, text)
}
