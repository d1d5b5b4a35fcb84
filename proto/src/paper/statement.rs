//! A statement: one fact about a person, signed for the person to carry. No recipient, never a
//! score.

use super::{PaperError, digest};
use crate::day::Day;
use crate::id::MsgId;
use crate::number::CreditCode;
use crate::section::{self, PERSON, SectionError, Value};
use crate::wire::{self, OfficeKind, StatementFact};

/// Days for which a statement is good, at most, from the day it was signed.
pub const STATEMENT_DAYS: i64 = 90;

/// Most months that a statement of insured months tells: a working life.
const MONTHS_MAX: u32 = 720;

/// What a verified statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFacts {
    /// The statement; it salts the section digest.
    pub statement: MsgId,
    /// What it is about.
    pub fact: StatementFact,
    /// Months, of INSURED_MONTHS; else 0.
    pub months: u32,
    /// Since when, or when finished; `None` of INSURED_MONTHS.
    pub since: Option<Day>,
    /// The office whose books say so.
    pub office: CreditCode,
    /// The last day on which it counts.
    pub valid_until: Day,
    /// Of whom, as far as it is disclosed on the paper, by field of the person section.
    pub person: Vec<(u32, Value)>,
}

/// Kinds of offices whose own books say a fact: no other may state it.
pub fn stated_by(fact: StatementFact) -> &'static [OfficeKind] {
    match fact {
        StatementFact::Unspecified => &[],
        StatementFact::InsuredMonths => &[OfficeKind::Labour, OfficeKind::MedicalSecurity],
        StatementFact::CourseFinished => &[OfficeKind::Labour, OfficeKind::Education],
        StatementFact::ResidenceRegisteredSince => &[OfficeKind::Housing, OfficeKind::Coordination],
        StatementFact::EnrolledSince => &[OfficeKind::Education],
    }
}

/// Checks the value of a fact: months of INSURED_MONTHS, a day of all others. Names the field.
pub fn check_fact(
    fact: StatementFact,
    months: u32,
    since: u32,
) -> Result<Option<Day>, &'static str> {
    let day = Day::from_number(since);
    match fact {
        StatementFact::Unspecified => Err("fact"),
        StatementFact::InsuredMonths if !(1..=MONTHS_MAX).contains(&months) => Err("months"),
        StatementFact::InsuredMonths if since != 0 => Err("since"),
        StatementFact::InsuredMonths => Ok(None),
        StatementFact::CourseFinished
        | StatementFact::ResidenceRegisteredSince
        | StatementFact::EnrolledSince => match (months, day) {
            (0, Some(day)) => Ok(Some(day)),
            (0, None) => Err("since"),
            _ => Err("months"),
        },
    }
}

pub(super) fn facts(
    signed: &wire::PersonStatement,
    sections: &[wire::Section],
) -> Result<StatementFacts, PaperError> {
    let form = PaperError::Form;
    let statement = MsgId::from_slice(&signed.statement_id).ok_or(form("statement_id"))?;
    let since = check_fact(signed.fact(), signed.months, signed.since).map_err(form)?;
    let office = CreditCode::parse(&signed.office).ok();
    let office = office.filter(|code| code.as_str() == signed.office).ok_or(form("office"))?;
    let valid_until = Day::from_number(signed.valid_until).ok_or(form("valid_until"))?;
    if since.is_some_and(|since| since > valid_until) {
        return Err(form("since"));
    }
    let named = digest(&signed.section_digest).ok_or(form("section_digest"))?;
    let person = match sections {
        [] => Vec::new(),
        [found] if found.section == u32::from(PERSON) => {
            section::open(&statement, found, &named)
                .map_err(|error| PaperError::Section(found.section, error))?
        }
        [found, ..] => return Err(PaperError::Section(found.section, SectionError::Unknown)),
    };
    // Whose it is, whole or not at all: half of it fits somebody else too.
    if !matches!(person.as_slice(), [] | [(1, _), (2, _), (3, _)]) {
        return Err(form("sections"));
    }
    Ok(StatementFacts {
        statement,
        fact: signed.fact(),
        months: signed.months,
        since,
        office,
        valid_until,
        person,
    })
}
