//! Insurance: from when the person was without cover, and from when it is given again. The gap is
//! counted from the month after the last one that was paid, as the REQUEST says it; both cities warn
//! their desks, and the city that gives the cover tells the person.

use crate::acts::told as said;
use crate::batch::Batch;
use crate::follow::filled;
use crate::legs::{LegFile, msg_id};
use crate::questions::counted;
use crate::store::{Conn, StoreError};
use crate::timer::TimerKind;
use crate::trouble::Outcome;
use crate::vault::{Place, values_of};
use jieli_proto::case::{Side, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::section::{Phase, Value};
use jieli_proto::wire::{self, Service};

/// Days without cover after which the desks and the person are warned, once each.
pub(crate) const WARN_DAYS: [u32; 2] = [45, 60];
/// The section that says how cover is asked for, and its last paid month, yyyymm.
pub(crate) const INSURANCE: u8 = 20;
pub(crate) const LAST_PAID: u32 = 6;
const NINE_MS: u64 = 9 * 3_600_000;

/// What is known of a leg's cover here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cover {
    /// From when it is given, as the desk stated; `None` while it has not.
    pub(crate) from: Option<Day>,
    /// The days after which was warned last; 0 before that.
    pub(crate) warned: u32,
}

impl Cover {
    /// Of a leg.
    pub(crate) async fn of(conn: &mut Conn, leg: LegId) -> Result<Cover, StoreError> {
        let sql = "SELECT covered_from, warned FROM leg_cover WHERE leg_id = $1";
        let row = conn.maybe(sql, vec![leg.to_vec().into()]).await?;
        row.map_or(Ok(Cover::default()), |row| {
            let from = u32::try_from(row.int(0)?).ok().and_then(Day::from_number);
            Ok(Cover { from, warned: row.int(1)? as u32 })
        })
    }
}

/// Days without cover on a day, by the month that was paid last; 0 before there are any.
pub(crate) fn gap_days(last_paid: u32, on: Day) -> u32 {
    let from = first_day_without(last_paid);
    let days = from.map_or(0, |from| on.since_epoch() - from.since_epoch());
    u32::try_from(days).unwrap_or(0)
}

/// The first day of the month after one that was paid, yyyymm.
fn first_day_without(last_paid: u32) -> Option<Day> {
    let (year, month) = (last_paid / 100, last_paid % 100);
    if !(1..=12).contains(&month) {
        return None;
    }
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Day::new(year, month, 1)
}

/// The step of the warnings that a number of days has reached.
fn reached(days: u32) -> u32 {
    WARN_DAYS.into_iter().rev().find(|step| days >= *step).unwrap_or(0)
}

/// Whether a leg is one in which cover is still waited for.
fn waits(file: &LegFile) -> bool {
    let stage = file.law.state().stage;
    let done = matches!(stage, Stage::Fulfilled | Stage::Unconfirmed);
    file.service == Service::Insurance && !file.is_stopped() && (done || !file.law.is_closed())
}

impl Batch<'_> {
    /// Starts or sets right the clock of a leg, where a last paid month was said.
    pub(crate) async fn watch_cover(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.service != Service::Insurance {
            return Ok(());
        }
        let Some(from) = self.last_paid(file).await?.and_then(first_day_without) else {
            return Ok(());
        };
        let zone = self.house.calendar().zone_offset_min();
        for days in WARN_DAYS {
            let at = from.plus(i64::from(days)).start_unix_ms(zone) + NINE_MS;
            self.timer(at, TimerKind::CoverGap, &file.id.0).await?;
        }
        Ok(())
    }

    /// The month that was paid last: as it was entered here, or as it came.
    async fn last_paid(&mut self, file: &LegFile) -> Result<Option<u32>, StoreError> {
        let mut found = None;
        let mut read = |values: &[(u32, Value)]| {
            for (field, value) in values {
                if let (LAST_PAID, Value::Number(month)) = (*field, value) {
                    found = u32::try_from(*month).ok();
                }
            }
        };
        if let Some(draft) = self.draft(file).await? {
            for (kind, values) in filled(&draft, Phase::B) {
                if kind.number == INSURANCE {
                    read(&values);
                }
            }
            return Ok(found);
        }
        for (_, message) in counted(file) {
            let Some(msg) = msg_id(message) else { continue };
            let place = Place { leg: file.id, slot: INSURANCE, msg };
            let bytes = self.reveal(file, &place).await?;
            let Some(opened) = bytes.and_then(|bytes| values_of(&bytes, &msg)) else { continue };
            read(&opened);
        }
        Ok(found)
    }

    /// The timer behind the warnings: once for each step, while cover is waited for.
    pub(crate) async fn cover_gap(&mut self, file: &LegFile) -> Outcome<()> {
        let cover = Cover::of(self.conn, file.id).await?;
        let Some(last_paid) = self.last_paid(file).await? else { return Ok(()) };
        let days = gap_days(last_paid, self.today);
        let step = reached(days);
        if !waits(file) || cover.from.is_some() || step <= cover.warned {
            return Ok(());
        }
        let sql = "INSERT INTO leg_cover (leg_id, covered_from, stated_ms, token, warned) \
                   VALUES ($1,0,0,'',$2) ON CONFLICT (leg_id) DO UPDATE SET \
                   warned = excluded.warned";
        self.conn.run(sql, vec![file.id.to_vec().into(), step.into()]).await?;
        self.record("cover gap", format!("{} {step}", file.id.hex()).as_bytes());
        if let (Side::Initiator, Some(from)) = (file.our_side, first_day_without(last_paid)) {
            self.tell_cover_gap(file, from, days).await?;
        }
        Ok(())
    }

    /// From when cover is given: the person is asked whether that is so, with the date.
    pub(crate) async fn state_cover(
        &mut self,
        token: &str,
        file: &LegFile,
        from: u32,
    ) -> Outcome<wire::ActReply> {
        self.conn
            .run(
                "INSERT INTO leg_cover (leg_id, covered_from, stated_ms, token, warned) \
                 VALUES ($1,$2,$3,$4,0) ON CONFLICT (leg_id) DO UPDATE SET \
                 covered_from = excluded.covered_from, stated_ms = excluded.stated_ms, \
                 token = excluded.token",
                vec![file.id.to_vec().into(), from.into(), self.now_ms.into(), token.into()],
            )
            .await?;
        self.record("cover stated", format!("{} {from}", file.id.hex()).as_bytes());
        // A date that was asked about before is no more to be confirmed.
        self.close_complete(file.id).await?;
        self.timer(self.now_ms, TimerKind::AskComplete, &file.id.0).await?;
        Ok(said(
            "已登记起保日期，正请本人确认；本人确认后由系统发出办结。",
            "The date is noted and the person is asked; COMPLETE goes out after the person's yes.",
        ))
    }

    /// What is no more waited for is not kept.
    pub(crate) async fn forget_cover(&mut self, leg: LegId) -> Result<(), StoreError> {
        let sql = "DELETE FROM leg_cover WHERE leg_id = $1";
        self.conn.run(sql, vec![leg.to_vec().into()]).await.map(drop)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn day(number: u32) -> Day {
        Day::from_number(number).unwrap()
    }

    #[test]
    fn the_gap_begins_with_the_month_after_the_last_one_paid() {
        assert_eq!(first_day_without(202609), Some(day(20261001)));
        assert_eq!(first_day_without(202612), Some(day(20270101)));
        for no_month in [0, 202600, 202613] {
            assert_eq!(first_day_without(no_month), None, "{no_month}");
        }
    }

    #[test]
    fn days_without_cover_warn_at_45_and_60() {
        assert_eq!(gap_days(202609, day(20260930)), 0);
        assert_eq!(gap_days(202609, day(20261115)), 45);
        assert_eq!(gap_days(0, day(20261115)), 0);
        assert_eq!([44, 45, 59, 60, 900].map(reached), [0, 45, 45, 60, 60]);
    }
}
