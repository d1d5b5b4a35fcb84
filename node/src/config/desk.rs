//! Table `desk`: tokens, windows, and the minutes in which an act can be undone.

use super::{DeskToken, credit_code};
use jieli_proto::number::CreditCode;
use jieli_proto::wire;
use serde::{Deserialize, Deserializer, de};

/// Minutes that an act of a desk waits before it goes out, where nothing else is said.
pub const UNDO_MINUTES: u64 = 5;

/// Table `desk`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desk {
    /// Minutes that an act waits and can be undone, 0 to 30; 0 sends at once. Default 5.
    pub undo_minutes: u64,
    /// One entry a token; see [`crate::tokens`]. Default: none, so nobody may call.
    pub tokens: Vec<DeskToken>,
    /// Where persons go, one entry an office. Default: none; then the telephone that the agreement
    /// names for the office, and 09:00 to 17:00.
    pub windows: Vec<DeskWindow>,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { undo_minutes: UNDO_MINUTES, tokens: Vec::new(), windows: Vec::new() }
    }
}

impl Desk {
    /// The window of an office, as ACCEPT and CLARIFY tell it.
    pub fn window(&self, office: &str) -> Option<wire::Window> {
        let found = self.windows.iter().find(|window| window.office.as_str() == office)?;
        Some(wire::Window {
            telephone: found.telephone.clone(),
            opens_min: found.opens,
            closes_min: found.closes,
            bring: found.bring.clone(),
        })
    }

    pub(super) fn ranges(&self) -> Vec<super::limits::Range> {
        vec![("desk.undo_minutes", self.undo_minutes, 0, 30)]
    }

    /// What cannot stand in a window.
    pub(super) fn window_problem(&self) -> Option<(String, String)> {
        let says = |what: String| Some(("desk.windows".to_owned(), what));
        for (at, window) in self.windows.iter().enumerate() {
            let office = window.office.as_str();
            if self.windows[..at].iter().any(|other| other.office == window.office) {
                return says(format!("has two entries for the office {office}: keep one"));
            }
            if !is_telephone(&window.telephone) {
                return says(format!(
                    "must name a telephone of digits, + and - for the office {office}"
                ));
            }
            if window.opens >= window.closes {
                return says(format!("must open before it closes at the office {office}"));
            }
            if let Some(wrong) = wrong_district(&window.districts) {
                let what = format!(
                    "has \"{wrong}\" for the office {office}: a district has 1 to 64 characters, no \
                     blanks at its ends, and stands once"
                );
                return Some(("desk.windows.districts".to_owned(), what));
            }
            let known = |code: &u32| jieli_proto::words::bring(*code).is_some();
            let rising = window.bring.windows(2).all(|pair| pair[0] < pair[1]);
            if !rising || !window.bring.iter().all(known) {
                return says(format!(
                    "must list codes of the what-to-bring list, ascending, for the office {office}"
                ));
            }
        }
        None
    }
}

fn wrong_district(all: &[String]) -> Option<&String> {
    let mut places = all.iter().enumerate();
    places
        .find(|(at, name)| !super::check::is_city_name(name) || all[..*at].contains(name))
        .map(|(_, name)| name)
}

/// Digits, `+` and `-`, with three digits at least and 32 characters at most.
pub(super) fn is_telephone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-');
    digits >= 3 && text.len() <= 32 && text.bytes().all(plain)
}

/// An entry of `desk.windows`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskWindow {
    /// Credit code of the office.
    #[serde(deserialize_with = "credit_code")]
    pub office: CreditCode,
    /// The first handler's desk telephone: digits, `+` and `-`.
    pub telephone: String,
    /// Opens, `HH:MM`; held as minutes after midnight. Default 09:00.
    #[serde(default = "nine", deserialize_with = "time")]
    pub opens: u32,
    /// Closes, `HH:MM`. Default 17:00.
    #[serde(default = "five", deserialize_with = "time")]
    pub closes: u32,
    /// Codes of what to bring, ascending. Default: none.
    #[serde(default)]
    pub bring: Vec<u32>,
    /// Districts that the office serves, as OFFERs name them: an OFFER for one of them is handed to
    /// it. Default: none.
    #[serde(default)]
    pub districts: Vec<String>,
}

fn nine() -> u32 {
    9 * 60
}

fn five() -> u32 {
    17 * 60
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let text = String::deserialize(from)?;
    let split = text.split_once(':').filter(|(hour, minute)| hour.len() <= 2 && minute.len() == 2);
    let parsed = split.and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    parsed.ok_or_else(|| de::Error::custom("a time is written 09:00"))
}
