//! From what on a count is a flag. Pure: the figures come from [`super::night`].

use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use jieli_proto::wire::RiskFlagKind;
use std::collections::{BTreeMap, BTreeSet};

/// Items that have ended, from which their share of "no" says something.
const ENDED_MIN: u64 = 200;
/// A flag may not single anybody out: nothing about what persons did is raised, or shown, under so
/// many.
pub(crate) const PERSONS_MIN: u64 = 5;
/// Confirmations within one minute that are worth a look, and of the day's the part: in a city where
/// thousands are asked on one day some answer together.
const MINUTE_MIN: u64 = 10;
const MINUTE_PART: u64 = 10;
/// Days after leaving the job in which the end of another item of that household is counted.
const LEFT_DAYS: i64 = 30;

/// What was counted of one agreement and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The agreement.
    pub agreement: AgreementId,
    /// What was counted.
    pub kind: RiskFlagKind,
    /// For which month, yyyymm.
    pub month: u32,
    /// How many.
    pub counted: u64,
    /// Of how many; 0 where that means nothing.
    pub out_of: u64,
    /// Whether it is to be raised.
    pub raised: bool,
}

/// What became of one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) case: [u8; 16],
    pub(super) job: bool,
    /// It ended, or was done.
    pub(super) ended: bool,
    /// By WITHDRAW or DECLINE.
    pub(super) said_no: bool,
    /// A job: the day on which it was said to have ended.
    pub(super) left_on: Option<Day>,
    /// Given back or declined, but for the family's own going home.
    pub(super) lost_on: Option<Day>,
    /// A job that was found: the code of the employer.
    pub(super) placed_at: Option<String>,
}

/// A yes with the code on a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Yes {
    pub(super) at_ms: u64,
    pub(super) case: [u8; 16],
    pub(super) leg: [u8; 16],
    pub(super) job: bool,
    /// A keyed tag of the phone, where this city holds it.
    pub(super) phone: Option<[u8; 32]>,
}

/// Ended, and of these by WITHDRAW or DECLINE; whether that is hardly any.
pub(super) fn few_say_no(items: &[Item]) -> (u64, u64, bool) {
    let ended = items.iter().filter(|item| item.ended).count() as u64;
    let said_no = items.iter().filter(|item| item.said_no).count() as u64;
    (said_no, ended, is_few(said_no, ended))
}

/// Whether hardly any of many that ended were ended by a no.
pub(super) fn is_few(said_no: u64, ended: u64) -> bool {
    ended >= ENDED_MIN && said_no * 100 < ended
}

/// The most by which placements at one employer go beyond its posts, and the posts it announced.
pub(super) fn beyond_posts(items: &[Item], posts: &BTreeMap<String, u64>) -> (u64, u64) {
    let mut placed: BTreeMap<&str, u64> = BTreeMap::new();
    for employer in items.iter().filter_map(|item| item.placed_at.as_deref()) {
        *placed.entry(employer).or_default() += 1;
    }
    let beyond = placed.into_iter().map(|(employer, count)| {
        let announced = posts.get(employer).copied().unwrap_or(0);
        (count.saturating_sub(announced), announced)
    });
    beyond.max_by_key(|(more, _)| *more).unwrap_or((0, 0))
}

/// Households that lost something else soon after somebody of them left the job.
pub(super) fn after_leaving(items: &[Item], month: u32) -> u64 {
    let left = items.iter().filter_map(|item| Some((item.case, item.left_on?)));
    let left: BTreeMap<[u8; 16], Day> = left.collect();
    let lost = items.iter().filter(|item| {
        let soon = |on: Day| {
            let since = left.get(&item.case).map(|left| on.since_epoch() - left.since_epoch());
            on.number() / 100 == month && since.is_some_and(|days| (0..=LEFT_DAYS).contains(&days))
        };
        item.left_on.is_none() && item.lost_on.is_some_and(soon)
    });
    lost.map(|item| item.case).collect::<BTreeSet<_>>().len() as u64
}

/// Jobs by case.
type Jobs = BTreeMap<[u8; 16], BTreeSet<[u8; 16]>>;

/// The most workers for whom one phone confirmed: cases, and in a case every further job.
pub(super) fn one_phone(yes: &[Yes]) -> u64 {
    let mut of_phone: BTreeMap<[u8; 32], Jobs> = BTreeMap::new();
    for one in yes {
        let Some(phone) = one.phone else { continue };
        let jobs = of_phone.entry(phone).or_default().entry(one.case).or_default();
        if one.job {
            jobs.insert(one.leg);
        }
    }
    let workers =
        |cases: &Jobs| -> u64 { cases.values().map(|jobs| jobs.len().max(1) as u64).sum() };
    of_phone.values().map(workers).max().unwrap_or(0)
}

/// The minute in which the largest part of a day's workers confirmed, of those with so many that it
/// counts; else the fullest one. How many, and of how many that day.
pub(super) fn same_minute(yes: &[Yes], day_of: &dyn Fn(u64) -> Day) -> (u64, u64) {
    let (mut minutes, mut days) = (BTreeMap::new(), BTreeMap::new());
    for one in yes {
        let day = day_of(one.at_ms);
        minutes.entry((day, one.at_ms / 60_000)).or_insert_with(BTreeSet::new).insert(one.case);
        days.entry(day).or_insert_with(BTreeSet::new).insert(one.case);
    }
    let counted = minutes.iter().map(|((day, _), cases)| {
        let all = days.get(day).map_or(0, BTreeSet::len) as u64;
        (cases.len() as u64, all)
    });
    counted.max_by_key(|(count, all)| (in_one_minute(*count, *all), *count)).unwrap_or((0, 0))
}

/// Whether so many of a day's confirmations in one minute are worth a look.
pub(super) fn in_one_minute(count: u64, of_day: u64) -> bool {
    count >= MINUTE_MIN && count * MINUTE_PART >= of_day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(ended: usize, said_no: usize) -> Vec<Item> {
        let item = |at| Item { ended: true, said_no: at < said_no, ..Item::default() };
        (0..ended).map(item).collect()
    }

    fn yes(at_ms: u64, case: u8, phone: u8) -> Yes {
        let phone = (phone > 0).then_some([phone; 32]);
        Yes { at_ms, case: [case; 16], leg: [case; 16], job: true, phone }
    }

    #[test]
    fn under_one_percent_of_two_hundred_ended_items() {
        assert!(!few_say_no(&items(199, 0)).2);
        assert_eq!(few_say_no(&items(200, 1)), (1, 200, true));
        assert!(!few_say_no(&items(200, 2)).2, "one percent is not under it");
        let mut open = items(199, 0);
        open.push(Item::default());
        assert!(!few_say_no(&open).2, "what still waits says nothing yet");
    }

    #[test]
    fn placements_are_counted_by_employer_against_its_posts() {
        let at = |employer: &str| Item { placed_at: Some(employer.to_owned()), ..Item::default() };
        let placed = [at("A"), at("A"), at("A"), at("B"), at("B")];
        let posts = BTreeMap::from([("A".to_owned(), 3), ("B".to_owned(), 1)]);
        assert_eq!(beyond_posts(&placed, &posts), (1, 1));
        assert_eq!(beyond_posts(&placed[..3], &posts).0, 0);
        assert_eq!(beyond_posts(&placed[..3], &BTreeMap::new()), (3, 0));
    }

    #[test]
    fn what_a_household_loses_within_thirty_days_of_leaving_the_job() {
        let day = |number| Day::from_number(number).unwrap();
        let left = |case: u8, on| Item {
            case: [case; 16],
            job: true,
            left_on: Some(day(on)),
            lost_on: Some(day(on)),
            ..Item::default()
        };
        let lost =
            |case: u8, on| Item { case: [case; 16], lost_on: Some(day(on)), ..Item::default() };
        let all = [
            left(1, 20_261_101),
            lost(1, 20_261_130),
            lost(1, 20_261_130),
            left(2, 20_261_101),
            lost(2, 20_261_202),
            left(3, 20_261_130),
            lost(3, 20_261_110),
            lost(4, 20_261_111),
        ];
        assert_eq!(after_leaving(&all, 202_611), 1, "once a household; neither before nor late");
        assert_eq!(after_leaving(&all, 202_612), 0);
    }

    #[test]
    fn one_phone_counts_workers_and_not_items() {
        let mut all: Vec<Yes> = (1..=6).map(|case| yes(0, case, 1)).collect();
        all.extend([yes(9, 1, 1), yes(0, 7, 2), yes(0, 8, 0), yes(0, 9, 0)]);
        assert_eq!(one_phone(&all), 6);
        let bundled: Vec<Yes> = (1..=4).map(|leg| Yes { leg: [leg; 16], ..yes(0, 1, 3) }).collect();
        assert_eq!(one_phone(&bundled), 4, "jobs bundled into one household");
    }

    #[test]
    fn a_minute_is_measured_against_its_day() {
        let day_of = |ms: u64| Day::of_unix_ms(ms, 480);
        let mut all: Vec<Yes> = (0..12).map(|case| yes(1_000, case, 0)).collect();
        assert_eq!(same_minute(&all, &day_of), (12, 12));
        all.extend((12..200).map(|case| yes(u64::from(case) * 60_000, case, 0)));
        assert_eq!(same_minute(&all, &day_of), (12, 200));
        assert!(in_one_minute(12, 120) && !in_one_minute(12, 121) && !in_one_minute(9, 9));
    }
}
