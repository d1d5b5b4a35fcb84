//! How long what a leg holds is kept after it has closed, and what stands against erasing it.
//!
//! The time counts from when the closed stage was settled here. The agreement's own days win where
//! it states them, but what came to nothing is never kept longer than thirty days.

use crate::batch::Batch;
use crate::keyring::Scope;
use crate::legs::{LegFile, Local, heard};
use crate::questions::Topic;
use crate::store::{StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::Outcome;
use jieli_proto::case::{Direction, Side, Stage};
use jieli_proto::day::Day;
use jieli_proto::tombstone::Reason;
use jieli_proto::wire::{KeepingDuty, Service};

const DAY_MS: u64 = 86_400_000;

/// Days for which the sections of a fulfilled leg are kept where the agreement states none.
const SECTION_DAYS: u32 = 180;

/// The same of a job.
const JOB_DAYS: u32 = 730;

/// Days for which what came to nothing is kept at most.
const NOTHING_CAME_DAYS: u32 = 30;

/// Days for which consents, and what was noted about questions, views and paper, are kept.
const METADATA_DAYS: u64 = 3 * 365;

/// How long a closed leg is kept, in days after it was settled, with what an agreement states (0:
/// nothing) about its service.
pub fn days_kept(service: Service, stage: Stage, is_stopped: bool, stated: u32) -> u32 {
    let came_to_nothing =
        if stated == 0 { NOTHING_CAME_DAYS } else { stated.min(NOTHING_CAME_DAYS) };
    match stage {
        _ if is_stopped => 0,
        Stage::Withdrawn => 0,
        Stage::NotRealised | Stage::Expired | Stage::Returned | Stage::Declined | Stage::Voided => {
            came_to_nothing
        }
        Stage::Offered
        | Stage::TakenUp
        | Stage::Waitlisted
        | Stage::Accepted
        | Stage::Released
        | Stage::Fulfilled
        | Stage::Unconfirmed
        | Stage::Completed => match (stated, service) {
            (0, Service::Employment) => JOB_DAYS,
            (0, _) => SECTION_DAYS,
            (days, _) => days,
        },
    }
}

/// The duty under which the office that gave a service keeps its record of it.
fn duty_of(service: Service) -> KeepingDuty {
    match service {
        Service::Employment => KeepingDuty::LabourRecord,
        Service::Schooling | Service::SchoolRecord => KeepingDuty::SchoolRoll,
        Service::Insurance | Service::FundTransfer => KeepingDuty::InsuranceRecord,
        Service::Housing => KeepingDuty::TenancyRecord,
        Service::Unspecified => KeepingDuty::Unspecified,
    }
}

/// `leg_closing.stage` of a leg that is closed and not settled.
const UNSETTLED: u8 = 0;

/// What is not erased on request, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptUnder {
    /// The duty.
    pub duty: KeepingDuty,
    /// Its last day.
    pub until: Day,
}

impl Batch<'_> {
    /// Notes that a leg has closed and settled, and when what it holds is to go. Called for every
    /// leg that a batch has touched.
    pub(crate) async fn note_closing(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.local != Local::OnTheRoad || !file.law.is_closed() {
            return Ok(());
        }
        let bond = self.bond_of(file);
        let heard = heard(self.conn, bond.as_ref(), file).await?;
        let settled = file.law.settled(file.our_side, heard);
        let stage = if settled { stage_number(file) } else { UNSETTLED };
        let sql = "SELECT stage FROM leg_closing WHERE leg_id = $1";
        let known = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        let known = known.map(|row| row.int(0)).transpose()?;
        if known == Some(i64::from(stage)) {
            return Ok(());
        }
        // What settles it may be a message about something else: it is looked at every day.
        let days = if settled { self.days_of(file) } else { 1 };
        let erase_ms = self.now_ms + u64::from(days) * DAY_MS;
        let sql = "INSERT INTO leg_closing (leg_id, stage, settled_ms, erase_ms) \
                   VALUES ($1,$2,$3,$4) ON CONFLICT (leg_id) DO UPDATE SET \
                   stage = excluded.stage, settled_ms = excluded.settled_ms, \
                   erase_ms = excluded.erase_ms";
        let vals: Vec<Val> =
            vec![file.id.to_vec().into(), stage.into(), self.now_ms.into(), erase_ms.into()];
        self.conn.run(sql, vals).await?;
        if settled {
            let later_ms = self.now_ms + METADATA_DAYS * DAY_MS;
            self.timer(later_ms, TimerKind::ForgetMetadata, &file.id.0).await?;
            self.timer(self.now_ms, TimerKind::EraseAsked, &file.id.0).await?;
        }
        self.timer(erase_ms, TimerKind::Retention, &file.id.0).await
    }

    fn days_of(&self, file: &LegFile) -> u32 {
        let state = file.law.state();
        let bond = self.bond_of(file);
        let stated = bond.as_ref().and_then(|bond| bond.in_force()).and_then(|agreement| {
            let rule = agreement.rule(file.service)?;
            Some(rule.retention_days)
        });
        days_kept(file.service, state.stage, file.is_stopped(), stated.unwrap_or(0))
    }

    /// The time a leg was kept for is over, or was when this was set.
    pub(crate) async fn retention(&mut self, file: &mut LegFile) -> Outcome<()> {
        if file.local != Local::OnTheRoad || !file.law.is_closed() {
            return Ok(());
        }
        self.note_closing(file).await?;
        let sql = "SELECT stage, erase_ms FROM leg_closing WHERE leg_id = $1";
        let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        let Some(row) = row else { return Ok(()) };
        if row.int(0)? == i64::from(UNSETTLED) {
            let tomorrow_ms = self.now_ms + DAY_MS;
            return Ok(self.timer(tomorrow_ms, TimerKind::Retention, &file.id.0).await?);
        }
        if row.uint(1)? > self.now_ms {
            return Ok(());
        }
        if self.may_say_not_me(file).await? {
            return Ok(());
        }
        let why = if file.is_stopped() { Reason::Withdrawn } else { Reason::Retention };
        self.erase(file.id, Scope::All, why).await?;
        Ok(self.request_is_done(file.id).await?)
    }

    /// Whether what was entered is kept for the person's "not me"; its own timer ends that.
    async fn may_say_not_me(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        let open = self.open_question_about(file.id, Topic::Stopped, &[]).await?;
        Ok(open.is_some_and(|question| question.answered_ms == 0))
    }

    /// Three years after a leg has settled: its consents, and what was noted about questions, views
    /// and paper. The envelopes stay: both cities' logs and every proof rest on them, and they name
    /// nobody.
    pub(crate) async fn forget_metadata(&mut self, file: &LegFile) -> Outcome<()> {
        let sql = "SELECT settled_ms FROM leg_closing WHERE leg_id = $1 AND stage > 0";
        let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        let Some(row) = row else { return Ok(()) };
        let over_ms = row.uint(0)? + METADATA_DAYS * DAY_MS;
        if over_ms > self.now_ms {
            return Ok(());
        }
        if let Some(until_ms) = self.held_until(file.id).await? {
            return Ok(self.timer(until_ms, TimerKind::ForgetMetadata, &file.id.0).await?);
        }
        let leg = || vec![file.id.to_vec().into()];
        let sql = "DELETE FROM question WHERE question_id IN \
                   (SELECT question_id FROM question_leg WHERE leg_id = $1) AND NOT EXISTS \
                   (SELECT 1 FROM question_leg other WHERE other.question_id = question.question_id \
                   AND other.leg_id <> $1)";
        self.conn.run(sql, leg()).await?;
        for table in [
            "consent",
            "looked",
            "question_leg",
            "slip_leg",
            "paper_letter",
            "asked_about",
            "leg_helper",
            "leg_employer",
        ] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
            self.conn.run(sqlx::AssertSqlSafe(sql), leg()).await?;
        }
        self.record("metadata forgotten", &file.id.0);
        Ok(())
    }

    /// The last day on which a legal hold keeps a leg.
    pub(crate) async fn hold_day(
        &mut self,
        leg: jieli_proto::id::LegId,
    ) -> Result<Option<Day>, StoreError> {
        let until_ms = self.held_until(leg).await?;
        Ok(until_ms.map(|ms| self.house.calendar().day_of_unix_ms(ms.saturating_sub(1))))
    }

    /// What stands against erasing a closed leg on request: a legal hold; or that this side gave the
    /// service and its record is still owed.
    pub(crate) async fn kept_under(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<KeptUnder>, StoreError> {
        if let Some(until) = self.hold_day(file.id).await? {
            return Ok(Some(KeptUnder { duty: KeepingDuty::LegalHold, until }));
        }
        let state = file.law.state();
        if !state.fact || file.is_stopped() || state.stage == Stage::Returned || !is_provider(file)
        {
            return Ok(None);
        }
        let sql = "SELECT erase_ms FROM leg_closing WHERE leg_id = $1 AND stage > 0";
        let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        let until_ms = match row {
            Some(row) => row.uint(0)?,
            None => self.now_ms + u64::from(self.days_of(file)) * DAY_MS,
        };
        if until_ms <= self.now_ms {
            return Ok(None);
        }
        let until = self.house.calendar().day_of_unix_ms(until_ms);
        Ok(Some(KeptUnder { duty: duty_of(file.service), until }))
    }
}

/// Whether this city's office gives the service of a leg.
pub(crate) fn is_provider(file: &LegFile) -> bool {
    if file.is_local() {
        return true;
    }
    match file.law.rules().direction {
        Direction::Push => file.our_side == Side::Examiner,
        Direction::Pull => file.our_side == Side::Initiator,
    }
}

/// A stage with its stop, as a number of this table alone: when it changes, time counts anew.
fn stage_number(file: &LegFile) -> u8 {
    let stage = match file.law.state().stage {
        Stage::Offered => 1,
        Stage::TakenUp => 2,
        Stage::Waitlisted => 3,
        Stage::Accepted => 4,
        Stage::Released => 5,
        Stage::Fulfilled => 6,
        Stage::Unconfirmed => 7,
        Stage::Completed => 8,
        Stage::Declined => 9,
        Stage::NotRealised => 10,
        Stage::Withdrawn => 11,
        Stage::Returned => 12,
        Stage::Expired => 13,
        Stage::Voided => 14,
    };
    if file.is_stopped() { stage + 32 } else { stage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_case_law() {
        let kept = |service, stage| days_kept(service, stage, false, 0);
        assert_eq!(kept(Service::Employment, Stage::Completed), 730);
        assert_eq!(kept(Service::Schooling, Stage::Completed), 180);
        assert_eq!(kept(Service::Housing, Stage::Unconfirmed), 180);
        for stage in [Stage::NotRealised, Stage::Expired, Stage::Returned] {
            assert_eq!(kept(Service::Employment, stage), 30);
        }
        assert_eq!(kept(Service::Employment, Stage::Withdrawn), 0);
        assert_eq!(days_kept(Service::Housing, Stage::Fulfilled, true, 365), 0, "a stop closes it");
    }

    #[test]
    fn what_the_agreement_states_wins_but_never_keeps_longer_what_came_to_nothing() {
        assert_eq!(days_kept(Service::Schooling, Stage::Completed, false, 365), 365);
        assert_eq!(days_kept(Service::Employment, Stage::Completed, false, 90), 90);
        assert_eq!(days_kept(Service::Schooling, Stage::Expired, false, 365), 30);
        assert_eq!(days_kept(Service::Schooling, Stage::Expired, false, 10), 10);
    }
}
