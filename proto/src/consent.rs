//! A person's consent: to one leg, one recipient office, one purpose, named sections.

use crate::day::Day;
use crate::id::{Digest, LegId};
use crate::wire::{self, Method, Purpose};

/// Days after which a consent ends by itself.
pub const CONSENT_DAYS: i64 = 180;

/// What a consent has to cover for a section to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Needed<'a> {
    /// The leg.
    pub leg: LegId,
    /// Office that holds the data.
    pub from_office: &'a str,
    /// Office that will read it.
    pub to_office: &'a str,
    /// Purpose cited.
    pub purpose: Purpose,
    /// Sections to be opened.
    pub sections: &'a [u8],
    /// Date of the message that cites it.
    pub on: Day,
    /// Offset of the calendar's zone.
    pub zone_offset_min: i32,
}

/// Why a consent does not cover what is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentGap {
    /// A field has a wrong form.
    #[error("the consent's {0} has a wrong form")]
    Form(&'static str),
    /// It is about something else.
    #[error("the consent names another {0}")]
    Other(&'static str),
    /// It was given later than the message, or more than 180 days before.
    #[error("the consent is not live on that day")]
    NotLive,
}

/// Checks the form of a consent.
pub fn check(consent: &wire::Consent) -> Result<(), ConsentGap> {
    let ascending = consent.section_numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let checks = [
        (consent.consent_id.len() == 16, "consent_id"),
        (consent.leg_id.len() == 16, "leg_id"),
        (Digest::from_slice(&consent.text_hash).is_some(), "text hash"),
        (ascending && !consent.section_numbers.is_empty(), "section numbers"),
        (consent.purpose() != Purpose::Unspecified, "purpose"),
        (consent.method() != Method::Unspecified, "method"),
        ((2..=35).contains(&consent.language.len()), "language"),
        (consent.given_unix_ms > 0, "given_unix_ms"),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(ConsentGap::Form(what)),
        None => Ok(()),
    }
}

/// Whether a consent covers what is needed, on the day of the message that cites it.
pub fn covers(consent: &wire::Consent, needed: &Needed<'_>) -> Result<(), ConsentGap> {
    check(consent)?;
    let named = |section: &u8| consent.section_numbers.contains(&u32::from(*section));
    let checks = [
        (consent.leg_id == needed.leg.0, "leg"),
        (consent.from_office == needed.from_office, "holding office"),
        (consent.to_office == needed.to_office, "receiving office"),
        (consent.purpose() == needed.purpose, "purpose"),
        (needed.sections.iter().all(named), "section"),
    ];
    if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
        return Err(ConsentGap::Other(what));
    }
    let given = Day::of_unix_ms(consent.given_unix_ms, needed.zone_offset_min);
    let live = given <= needed.on && needed.on <= given.plus(CONSENT_DAYS);
    if live { Ok(()) } else { Err(ConsentGap::NotLive) }
}
