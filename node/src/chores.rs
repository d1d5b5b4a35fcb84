//! What the node does by itself when the day or the month is new, outside of any transaction:
//! lanes are compared with the other cities, what is stored is audited, and agreements are looked at.

use crate::command::Command;
use crate::courier::TICK;
use crate::flags;
use crate::house::House;
use crate::reconcile::{Failed, reconcile};
use crate::self_audit::{self, self_audit};
use crate::store::{Store, StoreError, checks};
use crate::writer::Hand;
use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use std::collections::BTreeMap;
use std::fmt;
use tokio_util::sync::CancellationToken;

/// After midnight, when little else is done.
const BEGIN_MINUTE: u64 = 180;

/// A city that could not be reached is tried again after so long.
const AGAIN_MS: u64 = 3_600_000;

/// See the module.
pub struct Chores {
    hand: Hand,
    store: Store,
    house: House,
    stop: CancellationToken,
    looked_minute: u64,
    /// The month that was last compared, by agreement; or when to try again.
    months: BTreeMap<AgreementId, Month>,
    /// The day of the last audit, yyyymmdd.
    audited: u32,
    /// The day on which agreements were last looked at, yyyymmdd.
    measured: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Month {
    /// This month needs nothing more.
    Done(u32),
    /// Not before this instant, Unix milliseconds.
    Later(u64),
}

impl Chores {
    /// The chores of this node.
    pub fn new(hand: Hand, store: Store, house: House, stop: CancellationToken) -> Chores {
        Chores {
            hand,
            store,
            house,
            stop,
            looked_minute: 0,
            months: BTreeMap::new(),
            audited: 0,
            measured: 0,
        }
    }

    /// Does them until it is stopped.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        let sleep = self.house.world.sleep.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep.sleep(TICK) => {}
            }
            let now_ms = self.house.world.clock.now_unix_ms();
            let minute = now_ms / 60_000;
            if minute == self.looked_minute {
                continue;
            }
            self.looked_minute = minute;
            let done = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                done = self.look(now_ms) => done,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "a chore was put off");
            }
        }
    }

    async fn look(&mut self, now_ms: u64) -> Result<(), StoreError> {
        let calendar = &self.house.calendar();
        let today = calendar.day_of_unix_ms(now_ms);
        let begun_ms = today.start_unix_ms(calendar.zone_offset_min());
        let minutes = now_ms.saturating_sub(begun_ms) / 60_000;
        let month = today.number() / 100;
        let last = if month % 100 == 1 { month - 89 } else { month - 1 };
        if minutes >= BEGIN_MINUTE {
            self.audit(today.number()).await?;
            self.measure(today).await?;
        }
        let is_first = today.number() % 100 == 1;
        if is_first && minutes < BEGIN_MINUTE {
            return Ok(());
        }
        self.compare(last, now_ms).await
    }

    /// Audits what is stored, once a day. A node that has just begun has done it by starting.
    async fn audit(&mut self, today: u32) -> Result<(), StoreError> {
        let is_new = std::mem::replace(&mut self.audited, today) != today;
        if !is_new {
            return Ok(());
        }
        let told = |_: &'static str, _: u64| {};
        let report = match self_audit(&self.hand, &self.store, &self.house, &told).await {
            Ok(report) => report,
            Err(self_audit::Failed::Store(error)) => return Err(error),
            Err(self_audit::Failed::Busy(error)) => {
                tracing::warn!(%error, "what an audit found was not kept");
                return Ok(());
            }
        };
        if !report.findings.is_empty() {
            tracing::error!(
                findings = report.findings.len(),
                "stored bytes are not what was signed"
            );
        }
        Ok(())
    }

    /// V17: counts of agreements, once a day.
    async fn measure(&mut self, today: Day) -> Result<(), StoreError> {
        let published = self.hand.published();
        if self.measured == today.number() || published.directory.recovering.is_some() {
            return Ok(());
        }
        self.measured = today.number();
        let mut conn = self.store.read().await?;
        let directory = &published.directory;
        let found = flags::measure(&mut conn, &self.house, directory, today).await?;
        drop(conn);
        if found.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.hand.perform(Command::Measured(found)).await {
            tracing::warn!(%error, "what was counted of agreements was not kept");
            self.measured = 0;
        }
        Ok(())
    }

    /// Compares a month that is over, once for each agreement.
    async fn compare(&mut self, period: u32, now_ms: u64) -> Result<(), StoreError> {
        let directory = self.hand.published().directory.clone();
        for (id, bond) in directory.bonds.iter().filter(|(_, bond)| bond.version() > 0) {
            match self.months.get(id) {
                Some(Month::Done(done)) if *done == period => continue,
                Some(Month::Later(ms)) if *ms > now_ms => continue,
                Some(Month::Done(_) | Month::Later(_)) | None => {}
            }
            let mut conn = self.store.read().await?;
            let is_done = checks::has_report(&mut conn, *id, period).await?;
            drop(conn);
            if is_done {
                self.months.insert(*id, Month::Done(period));
                continue;
            }
            let told = |_, _| {};
            let ask = (*id, period);
            match reconcile(&self.hand, &self.store, &self.house, ask, &told).await {
                Ok(report) => {
                    tracing::info!(peer = %bond.peer, period, agree = report.agree, "compared");
                    self.months.insert(*id, Month::Done(period));
                }
                Err(Failed::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, peer = %bond.peer, "a month could not be compared");
                    self.months.insert(*id, Month::Later(now_ms + AGAIN_MS));
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Chores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chores")
    }
}
