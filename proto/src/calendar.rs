//! Working days. A calendar is a *pack*: signed data that a division publishes, never a constant
//! of this program, so that two cities with another week-end count days with the same binary.
//!
//! The pack says which weekdays are the week-end, which dates are off and which week-end dates are
//! worked after all, between `valid_from` and `valid_to`. Outside that range nothing was published:
//! the week-end rule alone counts there and the result is provisional.
//!
//! File form, every member required and no other allowed (the wire form has the same members):
//! ```json
//! {
//!   "name": "cn", "version": 1,
//!   "zone_offset_min": 480,
//!   "weekend": [5, 6],
//!   "off": [20260101], "work": [20260104],
//!   "valid_from": 20260101, "valid_to": 20261231
//! }
//! ```
//! Weekdays count from Monday = 0, dates are `yyyymmdd`, lists ascend strictly. One calendar has
//! exactly one such form, so two cities that hold it hold the same bytes.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Included};

use serde::{Deserialize, Serialize};

use crate::day::Day;

/// Longest calendar name, in bytes.
pub const NAME_BYTES_MAX: usize = 63;
/// Most dates in either list of a pack (ten years of it, and far below one envelope).
pub const DATES_MAX: usize = 1_024;

/// What a calendar pack carries, before it is checked: the members of the wire message and of the
/// file form, in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarParts {
    /// 1 to [`NAME_BYTES_MAX`] bytes of `[a-z0-9.-]`.
    pub name: String,
    /// Counts from 1; quoted in every message that carries a due date.
    pub version: u32,
    /// Offset of the zone from UTC in minutes, -720 to 840.
    pub zone_offset_min: i32,
    /// Weekdays of the week-end, 0 = Monday; at most six, so that some day is worked.
    pub weekend: Vec<u32>,
    /// Dates off, `yyyymmdd`. A published list may name week-end dates too.
    pub off: Vec<u32>,
    /// Week-end dates worked after all, `yyyymmdd`.
    pub work: Vec<u32>,
    /// First published date, `yyyymmdd`.
    pub valid_from: u32,
    /// Last published date, `yyyymmdd`.
    pub valid_to: u32,
}

/// Why a calendar pack is not a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The file form is not JSON of that shape.
    #[error("not the file form of a calendar, line {line}, column {column}")]
    Form {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
    /// The name is empty, too long, or has a byte outside `[a-z0-9.-]`.
    #[error("calendar name")]
    Name,
    /// Versions count from 1.
    #[error("calendar version 0")]
    Version,
    /// No civil zone has this offset.
    #[error("zone offset of {0} minutes")]
    Zone(i32),
    /// Not strictly ascending weekdays 0 to 6, or all seven of them.
    #[error("week-end")]
    Weekend,
    /// A number that is no date.
    #[error("{0} is no date")]
    Date(u32),
    /// `valid_to` lies before `valid_from`.
    #[error("published from {from} to {to}")]
    Range {
        /// First published date.
        from: Day,
        /// Last published date.
        to: Day,
    },
    /// More than [`DATES_MAX`] dates in one list.
    #[error("{0} dates in one list")]
    TooMany(usize),
    /// The date does not come after the one before it.
    #[error("{0} is out of order or listed twice")]
    Order(Day),
    /// The date lies outside the published range.
    #[error("{0} is outside the published range")]
    Outside(Day),
    /// A worked date must be a week-end date: any other day is worked anyway.
    #[error("{0} is no week-end date")]
    NotWeekend(Day),
    /// The date is both off and worked.
    #[error("{0} is both off and worked")]
    Both(Day),
}

/// A checked working-day calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    version: u32,
    zone_offset_min: i32,
    weekend: BTreeSet<u32>,
    off: BTreeSet<Day>,
    work: BTreeSet<Day>,
    published_from: Day,
    published_to: Day,
}

impl Calendar {
    /// Checks the members of a pack.
    pub fn from_parts(parts: CalendarParts) -> Result<Calendar, CalendarError> {
        let name_ok = (1..=NAME_BYTES_MAX).contains(&parts.name.len())
            && parts.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if !name_ok {
            return Err(CalendarError::Name);
        }
        if parts.version == 0 {
            return Err(CalendarError::Version);
        }
        if !(-720..=840).contains(&parts.zone_offset_min) {
            return Err(CalendarError::Zone(parts.zone_offset_min));
        }
        let ascending = parts.weekend.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || parts.weekend.len() > 6 || parts.weekend.iter().any(|&w| w > 6) {
            return Err(CalendarError::Weekend);
        }
        let (from, to) = (date(parts.valid_from)?, date(parts.valid_to)?);
        if to < from {
            return Err(CalendarError::Range { from, to });
        }
        let calendar = Calendar {
            off: dates(&parts.off, from, to)?,
            work: dates(&parts.work, from, to)?,
            name: parts.name,
            version: parts.version,
            zone_offset_min: parts.zone_offset_min,
            weekend: parts.weekend.into_iter().collect(),
            published_from: from,
            published_to: to,
        };
        if let Some(&day) = calendar.work.iter().find(|day| !calendar.is_weekend(**day)) {
            return Err(CalendarError::NotWeekend(day));
        }
        if let Some(&day) = calendar.work.intersection(&calendar.off).next() {
            return Err(CalendarError::Both(day));
        }
        Ok(calendar)
    }

    /// Reads the file form (see the head of this module).
    pub fn from_json(text: &str) -> Result<Calendar, CalendarError> {
        let parts: CalendarParts = serde_json::from_str(text)
            .map_err(|e| CalendarError::Form { line: e.line(), column: e.column() })?;
        Calendar::from_parts(parts)
    }

    /// The members of the pack: `from_parts(c.to_parts()) == Ok(c)`.
    pub fn to_parts(&self) -> CalendarParts {
        CalendarParts {
            name: self.name.clone(),
            version: self.version,
            zone_offset_min: self.zone_offset_min,
            weekend: self.weekend.iter().copied().collect(),
            off: self.off.iter().map(|day| day.number()).collect(),
            work: self.work.iter().map(|day| day.number()).collect(),
            valid_from: self.published_from.number(),
            valid_to: self.published_to.number(),
        }
    }

    /// Name of the calendar.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Offset of the calendar's zone from UTC, in minutes.
    pub fn zone_offset_min(&self) -> i32 {
        self.zone_offset_min
    }

    /// First date the pack speaks of.
    pub fn published_from(&self) -> Day {
        self.published_from
    }

    /// Last date the pack speaks of.
    pub fn published_to(&self) -> Day {
        self.published_to
    }

    /// The civil date of an instant in this calendar's zone.
    pub fn day_of_unix_ms(&self, unix_ms: u64) -> Day {
        Day::of_unix_ms(unix_ms, self.zone_offset_min)
    }

    /// Whether offices work on this date.
    pub fn is_working(&self, day: Day) -> bool {
        if self.is_weekend(day) { self.work.contains(&day) } else { !self.off.contains(&day) }
    }

    /// Whether nothing was published for this date, so that only the week-end rule counts.
    pub fn is_provisional(&self, day: Day) -> bool {
        day < self.published_from || day > self.published_to
    }

    /// The first working day after `day`. At the end of the supported range that end itself.
    pub fn next_working_day(&self, day: Day) -> Day {
        self.walk(day, 1)
    }

    /// The last working day before `day`. At the start of the supported range that start itself.
    pub fn last_working_day_before(&self, day: Day) -> Day {
        self.walk(day, -1)
    }

    /// The due date of a term of `n` working days that runs from `day`: the n-th working day after
    /// it; `day` itself when `n` is 0. Never past the end of the supported range.
    pub fn add_working_days(&self, day: Day, n: u32) -> Day {
        let mut due = day;
        for _ in 0..n {
            let next = self.next_working_day(due);
            if next == due {
                break;
            }
            due = next;
        }
        due
    }

    /// How many working days lie after `from` up to and including `to`; 0 unless `to` is later.
    /// The reverse of [`Calendar::add_working_days`]. Costs no more for a far date than for a near
    /// one, because dates come from peers.
    pub fn working_days_between(&self, from: Day, to: Day) -> u32 {
        if to <= from {
            return 0;
        }
        let days = to.since_epoch() - from.since_epoch();
        let of_week = |weekday: u32| {
            // How often that weekday falls within the `days` days after `from`.
            let first = (i64::from(weekday) - i64::from(from.weekday()) - 1).rem_euclid(7);
            if days > first { (days - first - 1) / 7 + 1 } else { 0 }
        };
        let by_rule: i64 = (0..7).filter(|w| !self.weekend.contains(w)).map(of_week).sum();
        let range = (Excluded(from), Included(to));
        let taken = self.off.range(range).filter(|day| !self.is_weekend(**day)).count();
        let given = self.work.range(range).count();
        (by_rule + given as i64 - taken as i64) as u32
    }

    fn is_weekend(&self, day: Day) -> bool {
        self.weekend.contains(&day.weekday())
    }

    /// The nearest working day in one direction, or the end of the supported range.
    fn walk(&self, day: Day, step: i64) -> Day {
        let mut day = day;
        loop {
            let next = day.plus(step);
            if next == day || self.is_working(next) {
                return next;
            }
            day = next;
        }
    }
}

fn date(number: u32) -> Result<Day, CalendarError> {
    Day::from_number(number).ok_or(CalendarError::Date(number))
}

fn dates(numbers: &[u32], from: Day, to: Day) -> Result<BTreeSet<Day>, CalendarError> {
    if numbers.len() > DATES_MAX {
        return Err(CalendarError::TooMany(numbers.len()));
    }
    let mut set = BTreeSet::new();
    for &number in numbers {
        let day = date(number)?;
        if day < from || day > to {
            return Err(CalendarError::Outside(day));
        }
        if set.last().is_some_and(|last| *last >= day) {
            return Err(CalendarError::Order(day));
        }
        set.insert(day);
    }
    Ok(set)
}
