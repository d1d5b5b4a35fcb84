//! Tests of the calendar, against the packs of this repository and against counting one by one.

use jieli_proto::calendar::{Calendar, CalendarError, CalendarParts};
use jieli_proto::day::Day;
use proptest::prelude::*;

const CN: &str = include_str!("../packs/calendar-cn-2026.json");
const FRI_SAT: &str = include_str!("../packs/calendar-fri-sat.json");
const EU_LIKE: &str = include_str!("../packs/calendar-eu-like.json");

fn cn() -> Calendar {
    Calendar::from_json(CN).expect("a calendar")
}

fn day(number: u32) -> Day {
    Day::from_number(number).expect("a date")
}

#[test]
fn china_2026_has_33_days_off_6_made_up_and_248_worked() {
    let cn = cn();
    assert_eq!((cn.to_parts().off.len(), cn.to_parts().work.len()), (33, 6));
    assert_eq!(cn.working_days_between(day(20251231), day(20261231)), 248);
    let one_by_one = (0..365).filter(|n| cn.is_working(day(20260101).plus(*n))).count();
    assert_eq!(one_by_one, 248);
    assert_eq!((cn.name(), cn.version(), cn.zone_offset_min()), ("cn", 1, 480));
}

#[test]
fn a_term_runs_across_the_october_holiday() {
    let cn = cn();
    // Wednesday 30 September; 1 to 7 October off; Thursday 8, Friday 9, Saturday 10 (made up), Monday 12.
    assert_eq!(cn.next_working_day(day(20260930)), day(20261008));
    assert_eq!(cn.add_working_days(day(20260930), 2), day(20261009));
    assert_eq!(cn.add_working_days(day(20260930), 3), day(20261010));
    assert_eq!(cn.add_working_days(day(20260930), 4), day(20261012));
    assert_eq!(cn.add_working_days(day(20261003), 1), day(20261008));
    assert_eq!(cn.last_working_day_before(day(20261008)), day(20260930));
    assert_eq!(cn.working_days_between(day(20260930), day(20261012)), 4);
}

#[test]
fn made_up_week_end_days_are_worked() {
    let cn = cn();
    for made_up in [20260104, 20260214, 20260228, 20260509, 20260920, 20261010] {
        assert!(cn.is_working(day(made_up)), "{made_up}");
        assert!(day(made_up).weekday() >= 5);
    }
    assert_eq!(cn.last_working_day_before(day(20260224)), day(20260214));
    assert_eq!(cn.next_working_day(day(20260227)), day(20260228));
    assert!(!cn.is_working(day(20260118)));
}

#[test]
fn past_the_published_range_only_the_week_end_counts() {
    let cn = cn();
    assert_eq!((cn.published_from(), cn.published_to()), (day(20260101), day(20261231)));
    assert!(!cn.is_provisional(day(20261231)));
    assert!(cn.is_provisional(day(20270101)) && cn.is_provisional(day(20251231)));
    assert!(cn.is_working(day(20270101)));
    assert_eq!(cn.add_working_days(day(20261231), 1), day(20270101));
    assert!(!cn.is_working(day(20270102)));
}

#[test]
fn other_week_ends_need_no_other_program() {
    let fri_sat = Calendar::from_json(FRI_SAT).unwrap();
    assert_eq!(fri_sat.next_working_day(day(20260108)), day(20260111)); // Thursday -> Sunday
    assert!(fri_sat.is_working(day(20260523)));
    assert_eq!(fri_sat.next_working_day(day(20260525)), day(20260531));
    let eu_like = Calendar::from_json(EU_LIKE).unwrap();
    assert_eq!(eu_like.add_working_days(day(20260402), 1), day(20260407));
    assert_eq!(eu_like.next_working_day(day(20261231)), day(20270104));
}

#[test]
fn a_due_date_is_a_civil_date_in_the_zone_of_the_calendar() {
    let midnight_ms = day(20261001).start_unix_ms(480);
    assert_eq!(cn().day_of_unix_ms(midnight_ms), day(20261001));
    assert_eq!(cn().day_of_unix_ms(midnight_ms - 1), day(20260930));
}

#[test]
fn the_ends_of_the_supported_range_are_held() {
    let (first, last) = (day(19700101), day(99991231));
    assert_eq!(cn().next_working_day(last), last);
    assert_eq!(cn().add_working_days(last.plus(-10), u32::MAX), last);
    assert_eq!(cn().last_working_day_before(first), first);
    assert!(cn().working_days_between(first, last) > 2_000_000);
}

#[test]
fn every_broken_pack_is_refused_by_its_name() {
    let broken = |change: fn(&mut CalendarParts)| {
        let mut parts = cn().to_parts();
        change(&mut parts);
        Calendar::from_parts(parts).unwrap_err()
    };
    assert_eq!(broken(|p| p.name.clear()), CalendarError::Name);
    assert_eq!(broken(|p| p.name = "x".repeat(64)), CalendarError::Name);
    assert_eq!(broken(|p| p.name = "CN 2026".into()), CalendarError::Name);
    assert_eq!(broken(|p| p.version = 0), CalendarError::Version);
    assert_eq!(broken(|p| p.zone_offset_min = 841), CalendarError::Zone(841));
    assert_eq!(broken(|p| p.weekend = vec![6, 5]), CalendarError::Weekend);
    assert_eq!(broken(|p| p.weekend = vec![5, 5]), CalendarError::Weekend);
    assert_eq!(broken(|p| p.weekend = vec![7]), CalendarError::Weekend);
    assert_eq!(broken(|p| p.weekend = (0..7).collect()), CalendarError::Weekend);
    assert_eq!(broken(|p| p.off[0] = 20260229), CalendarError::Date(20260229));
    assert_eq!(broken(|p| p.valid_to = 0), CalendarError::Date(0));
    let (from, to) = (day(20260101), day(20251231));
    assert_eq!(broken(|p| p.valid_to = 20251231), CalendarError::Range { from, to });
    assert_eq!(broken(|p| p.off = vec![20260101; 1_025]), CalendarError::TooMany(1_025));
    assert_eq!(broken(|p| p.off[1] = 20260101), CalendarError::Order(day(20260101)));
    assert_eq!(broken(|p| p.off.swap(0, 1)), CalendarError::Order(day(20260101)));
    assert_eq!(broken(|p| p.off.push(20270101)), CalendarError::Outside(day(20270101)));
    assert_eq!(broken(|p| p.work[0] = 20260105), CalendarError::NotWeekend(day(20260105)));
    assert_eq!(broken(|p| p.work[0] = 20260103), CalendarError::Both(day(20260103)));
}

#[test]
fn the_file_form_is_strict() {
    assert_eq!(Calendar::from_parts(cn().to_parts()), Ok(cn()));
    let text = serde_json::to_string(&cn().to_parts()).unwrap();
    assert_eq!(Calendar::from_json(&text), Ok(cn()));
    for bad in [
        "",
        "[]",
        &CN.replace("\"version\": 1,", ""),
        &CN.replace("\"version\": 1,", "\"version\": 1, \"note\": 1,"),
        &CN.replace("\"version\": 1,", "\"version\": 1, \"version\": 1,"),
        &CN.replace("\"version\": 1,", "\"version\": 1.0,"),
        &CN.replace("\"version\": 1,", "\"version\": -1,"),
        &format!("{CN} {{}}"),
    ] {
        let refused = Calendar::from_json(bad);
        assert!(matches!(refused, Err(CalendarError::Form { .. })), "{bad}");
    }
}

prop_compose! {
    /// Any calendar over 2026 and 2027, together with two dates in and around it.
    fn calendars()(
        weekend in prop::collection::btree_set(0u32..7, 0..=6),
        marks in prop::collection::btree_map(0i64..730, any::<bool>(), 0..120),
        start in -400i64..1_200,
        n in 0u32..80,
    ) -> (Calendar, Day, u32) {
        let first = day(20260101);
        let (mut off, mut work) = (Vec::new(), Vec::new());
        for (days, is_off) in marks {
            let date = first.plus(days);
            if is_off {
                off.push(date.number());
            } else if weekend.contains(&date.weekday()) {
                work.push(date.number());
            }
        }
        let parts = CalendarParts {
            name: "any".into(), version: 1, zone_offset_min: 0,
            weekend: weekend.into_iter().collect(), off, work,
            valid_from: 20260101, valid_to: 20271231,
        };
        (Calendar::from_parts(parts).expect("a calendar"), first.plus(start), n)
    }
}

proptest! {
    #[test]
    fn a_term_and_its_count_agree((calendar, start, n) in calendars()) {
        let due = calendar.add_working_days(start, n);
        prop_assert_eq!(calendar.working_days_between(start, due), n);
        prop_assert!(n == 0 || calendar.is_working(due));
        let counted = (start.since_epoch() + 1..=due.since_epoch())
            .filter(|d| calendar.is_working(Day::from_epoch_days(*d)))
            .count();
        prop_assert_eq!(counted, n as usize);
    }

    #[test]
    fn counting_by_weeks_equals_counting_by_days(
        (calendar, start, _) in calendars(),
        days in -40i64..900,
    ) {
        let end = start.plus(days);
        let counted = (start.since_epoch() + 1..=end.since_epoch())
            .filter(|d| calendar.is_working(Day::from_epoch_days(*d)))
            .count();
        prop_assert_eq!(calendar.working_days_between(start, end), counted as u32);
    }

    #[test]
    fn the_neighbours_are_neighbours((calendar, start, _) in calendars()) {
        let next = calendar.next_working_day(start);
        let back = calendar.last_working_day_before(start);
        prop_assert!(back < start && start < next);
        prop_assert!(calendar.is_working(next) && calendar.is_working(back));
        let between = calendar.working_days_between(back, next);
        prop_assert_eq!(between, 1 + u32::from(calendar.is_working(start)));
        prop_assert_eq!(calendar.last_working_day_before(next.plus(1)), next);
    }

    #[test]
    fn a_calendar_has_one_form((calendar, _, _) in calendars()) {
        prop_assert_eq!(Calendar::from_parts(calendar.to_parts()), Ok(calendar));
    }
}
