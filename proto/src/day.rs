//! Civil dates. On the wire a date is one number, `year * 10000 + month * 100 + day`, so that it
//! sorts, reads and compares without a calendar; 0 means absent.

use std::fmt;

/// A civil date between 1970-01-01 and 9999-12-31 (proleptic Gregorian, ISO 8601).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// The date of a year, month and day of the month, or `None` if there is no such date.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Day> {
        let ok = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        ok.then_some(Day(year * 10_000 + month * 100 + day))
    }

    /// Reads the wire form `yyyymmdd`. `None` for 0 and for dates that do not exist.
    pub fn from_number(number: u32) -> Option<Day> {
        Day::new(number / 10_000, number / 100 % 100, number % 100)
    }

    /// The wire form `yyyymmdd`.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Year, month (1-12) and day of the month (1-31).
    pub fn parts(self) -> (u32, u32, u32) {
        (self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }

    /// Days since 1970-01-01.
    pub fn since_epoch(self) -> i64 {
        // Counted from 1 March, so that the leap day is the last of its year.
        let (y, m, d) = self.parts();
        let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
        let (y, m, d) = (i64::from(y), i64::from(m), i64::from(d));
        365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719_468
    }

    /// The date so many days after 1970-01-01; outside the supported range it is clamped to it.
    pub fn from_epoch_days(days: i64) -> Day {
        let days = days.clamp(0, 2_932_896) + 719_468;
        let era = days / 146_097;
        let doe = days % 146_097;
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let m = (5 * doy + 2) / 153;
        let d = doy - (153 * m + 2) / 5 + 1;
        let (y, m) = (yoe + era * 400, if m < 10 { m + 3 } else { m - 9 });
        let y = if m <= 2 { y + 1 } else { y };
        Day((y * 10_000 + m * 100 + d) as u32)
    }

    /// The date `days` later (earlier when negative).
    pub fn plus(self, days: i64) -> Day {
        Day::from_epoch_days(self.since_epoch() + days)
    }

    /// Day of the week: 0 is Monday, 6 is Sunday.
    pub fn weekday(self) -> u32 {
        (self.since_epoch() + 3).rem_euclid(7) as u32
    }

    /// The civil date of an instant in a zone with a fixed offset from UTC.
    pub fn of_unix_ms(unix_ms: u64, zone_offset_min: i32) -> Day {
        let unix_ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
        let local_ms = unix_ms.saturating_add(i64::from(zone_offset_min) * 60_000);
        Day::from_epoch_days(local_ms.div_euclid(86_400_000))
    }

    /// 00:00 of this date in a zone with a fixed offset from UTC, in Unix milliseconds.
    pub fn start_unix_ms(self, zone_offset_min: i32) -> u64 {
        (self.since_epoch() * 86_400_000 - i64::from(zone_offset_min) * 60_000).max(0) as u64
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.parts();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_round_trips_in_order() {
        let mut last = Day::new(1970, 1, 1).unwrap();
        assert_eq!(last.since_epoch(), 0);
        assert_eq!(last.weekday(), 3);
        for n in 1..146_097 {
            let day = Day::from_epoch_days(n);
            assert!(day > last);
            assert_eq!(day.since_epoch(), n);
            assert_eq!(Day::from_number(day.number()), Some(day));
            last = day;
        }
    }

    #[test]
    fn known_dates() {
        let day = Day::new(2026, 11, 21).unwrap();
        assert_eq!(day.weekday(), 5);
        assert_eq!(day.start_unix_ms(480), 1_795_190_400_000);
        assert_eq!(Day::of_unix_ms(1_795_190_399_999, 480), day.plus(-1));
        assert_eq!(Day::from_number(20_260_229), None);
        assert_eq!(day.to_string(), "2026-11-21");
    }
}
