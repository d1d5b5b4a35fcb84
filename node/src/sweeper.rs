//! Does in time what waits for a time: rings timers, hands notices to the carrier. Both are rows
//! that a transaction left, so a crash loses none; a notice may be handed over twice under one id.

use crate::command::Command;
use crate::courier::TICK;
use crate::house::House;
use crate::questions::Letter;
use crate::store::{Conn, Store, StoreError, legs, queue};
use crate::vault::{self, CONTACT, Place};
use crate::world::{Notice, NoticeResult};
use crate::writer::{Failure, Hand};
use futures::future::join_all;
use jieli_proto::id::{LegId, MsgId};
use std::collections::BTreeMap;
use std::fmt;
use tokio_util::sync::CancellationToken;

/// Timers rung, or notices handed over, in one go.
const AT_ONCE: u32 = 64;

/// Rows looked at, so that some which do not work cannot hide the others.
const LOOK_MAX: u32 = 512;

/// Notices on their way to the carrier at once.
const TO_CARRIER_MAX: usize = 8;

/// Ticks that something waits which did not work; doubled each time up to this shift.
const SORE_SHIFT_MAX: u32 = 9;

/// What a sweeper does. Each has one of its own, so that a slow carrier holds up no timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broom {
    /// Rings timers.
    Timers,
    /// Hands over notices.
    Notices,
}

/// See the module.
pub struct Sweeper {
    broom: Broom,
    hand: Hand,
    store: Store,
    house: House,
    stop: CancellationToken,
    /// What did not work: how often, and how many ticks it waits.
    sore: BTreeMap<[u8; 16], (u32, u32)>,
    next_due_ms: Option<u64>,
}

impl Sweeper {
    /// A sweeper of this node.
    pub fn new(
        broom: Broom,
        hand: Hand,
        store: Store,
        house: House,
        stop: CancellationToken,
    ) -> Sweeper {
        let (sore, next_due_ms) = (BTreeMap::new(), None);
        Sweeper { broom, hand, store, house, stop, sore, next_due_ms }
    }

    /// Sweeps until it is stopped.
    pub async fn run(mut self) {
        let mut published = self.hand.watch();
        let sleep = self.house.world.sleep.clone();
        let mut tick = Box::pin(sleep.sleep(TICK));
        let (mut look, mut rest) = (true, 0u32);
        loop {
            let is_whole = {
                let now = published.borrow_and_update();
                // Also where a tick at the same instant came first: looking marks it as seen.
                look |= now.has_changed();
                now.directory.recovering.is_none()
            };
            if is_whole && rest == 0 && (look || self.is_due()) {
                look = match self.round().await {
                    Ok(again) => again,
                    Err(error) => {
                        tracing::warn!(%error, "the sweeper rests");
                        rest = 8;
                        true
                    }
                };
                if look && rest == 0 && !self.stop.is_cancelled() {
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = &mut tick => {
                    tick = Box::pin(sleep.sleep(TICK));
                    rest = rest.saturating_sub(1);
                    look |= self.heal();
                }
                // Any batch may have set a timer or left a notice.
                changed = published.changed() => match changed {
                    Ok(()) => look = true,
                    Err(_) => return,
                },
            }
        }
    }

    fn is_due(&self) -> bool {
        self.next_due_ms.is_some_and(|due_ms| due_ms <= self.now_ms())
    }

    fn now_ms(&self) -> u64 {
        self.house.world.clock.now_unix_ms()
    }

    /// A tick has passed; whether something that did not work is to be tried again.
    fn heal(&mut self) -> bool {
        let mut over = false;
        for (_, ticks) in self.sore.values_mut().filter(|(_, ticks)| *ticks > 0) {
            *ticks -= 1;
            over |= *ticks == 0;
        }
        over
    }

    fn is_sore(&self, id: &[u8; 16]) -> bool {
        self.sore.get(id).is_some_and(|(_, ticks)| *ticks > 0)
    }

    fn did(&mut self, id: [u8; 16], worked: bool) {
        if worked {
            self.sore.remove(&id);
            return;
        }
        let (times, ticks) = self.sore.entry(id).or_default();
        *ticks = 8 << (*times).min(SORE_SHIFT_MAX);
        *times += 1;
    }

    /// One go. Whether there may be more at once.
    async fn round(&mut self) -> Result<bool, StoreError> {
        // One instant for the whole round: a clock that moves meanwhile must not hide what is due.
        let now_ms = self.now_ms();
        let more = match self.broom {
            Broom::Timers => self.ring(now_ms).await?,
            Broom::Notices => self.hand_over(now_ms).await?,
        };
        if more {
            return Ok(true);
        }
        let mut conn = self.store.read().await?;
        // What is due and sore wakes by its ticks, and hides nothing that falls due after it.
        self.next_due_ms = match self.broom {
            Broom::Timers => queue::next_timer_ms(&mut conn, now_ms).await?,
            Broom::Notices => next_notice_ms(&mut conn, now_ms).await?,
        };
        Ok(false)
    }

    async fn ring(&mut self, now_ms: u64) -> Result<bool, StoreError> {
        let mut conn = self.store.read().await?;
        let due = queue::timers_due(&mut conn, now_ms, LOOK_MAX).await?;
        drop(conn);
        let due = due.into_iter().map(|timer| timer.timer_id).filter(|id| !self.is_sore(id));
        let due: Vec<[u8; 16]> = due.take(AT_ONCE as usize).collect();
        // Handed over in the order in which they fell due.
        let rung = join_all(due.iter().map(|id| self.hand.perform(Command::Ring(*id)))).await;
        for (id, rung) in due.iter().zip(rung) {
            let rung = match rung {
                // It passes once the other city's calendar is here: not now, but later.
                Err(denied @ Failure::Denied(_)) if is_awaited(&denied) => Err(denied),
                // What the law or the agreement no longer allows is simply past.
                Err(Failure::Denied(denied)) => {
                    tracing::info!(code = denied.code, "a timer had nothing to do");
                    self.hand.perform(Command::Unset(*id)).await
                }
                other => other,
            };
            if let Err(error) = &rung {
                tracing::warn!(%error, "a timer could not ring");
            }
            self.did(*id, rung.is_ok());
        }
        Ok(!due.is_empty())
    }

    async fn hand_over(&mut self, now_ms: u64) -> Result<bool, StoreError> {
        let mut conn = self.store.read().await?;
        let due = due_notices(&mut conn, now_ms).await?;
        let due: Vec<_> =
            due.into_iter().filter(|(id, _)| !self.is_sore(id)).take(AT_ONCE as usize).collect();
        let mut ready = Vec::new();
        for (id, leg) in &due {
            match self.notice(&mut conn, *id, *leg).await {
                Ok(notice) => ready.push((*id, notice)),
                Err(error) => {
                    tracing::error!(%error, "a notice cannot be read");
                    self.did(*id, false);
                }
            }
        }
        // A carrier may take its time: the database is not kept waiting with it.
        drop(conn);
        for some in ready.chunks(TO_CARRIER_MAX) {
            let sent = join_all(some.iter().map(|(id, notice)| self.send(*id, notice.clone())));
            // What is cut off here goes again under its id.
            let done = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(false),
                done = sent => done,
            };
            for ((id, _), worked) in some.iter().zip(done) {
                self.did(*id, worked);
            }
        }
        Ok(!due.is_empty())
    }

    /// Hands one over; whether what became of it is stored.
    async fn send(&self, id: [u8; 16], notice: Option<Notice>) -> bool {
        let result = match notice {
            Some(notice) => self.house.world.notices.send(notice).await,
            // Erased since: there is nobody to tell, and no wrong number either.
            None => NoticeResult::Sent,
        };
        self.hand.perform(Command::NoticeDone(id, result)).await.is_ok()
    }

    /// A notice with its number and text, out of the slot they are hidden in.
    async fn notice(
        &self,
        conn: &mut Conn,
        id: [u8; 16],
        mut leg: LegId,
    ) -> Result<Option<Notice>, StoreError> {
        loop {
            let Some(file) = legs::load(conn, leg, &self.house.shelf()).await? else {
                return Ok(None);
            };
            let place = Place { leg, slot: CONTACT, msg: MsgId(id) };
            let plain = vault::reveal(conn, &self.house, &file, &place).await?;
            if let Some(plain) = plain {
                return Ok(Some(Letter::parse(&plain)?.notice(id)));
            }
            // It may have moved, meanwhile, to another of the legs that it is about.
            match leg_of_notice(conn, id).await? {
                Some(now) if now != leg => leg = now,
                Some(_) | None => return Ok(None),
            }
        }
    }
}

fn is_awaited(failure: &Failure) -> bool {
    matches!(failure, Failure::Denied(denied) if denied.code == crate::packs::NOT_YET)
}

async fn due_notices(conn: &mut Conn, now_ms: u64) -> Result<Vec<([u8; 16], LegId)>, StoreError> {
    let sql = "SELECT notice_id, leg_id FROM notice WHERE state = 0 AND due_ms <= $1 \
               ORDER BY due_ms, notice_id LIMIT $2";
    let rows = conn.rows(sql, vec![now_ms.into(), LOOK_MAX.into()]).await?;
    rows.iter().map(|row| Ok((row.array(0)?, LegId(row.array(1)?)))).collect()
}

async fn leg_of_notice(conn: &mut Conn, id: [u8; 16]) -> Result<Option<LegId>, StoreError> {
    let sql = "SELECT leg_id FROM notice WHERE notice_id = $1";
    let row = conn.maybe(sql, vec![(&id).into()]).await?;
    row.map(|row| Ok(LegId(row.array(0)?))).transpose()
}

async fn next_notice_ms(conn: &mut Conn, after_ms: u64) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT due_ms FROM notice WHERE state = 0 AND due_ms > $1 ORDER BY due_ms LIMIT 1";
    conn.maybe(sql, vec![after_ms.into()]).await?.map(|row| row.uint(0)).transpose()
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sweeper")
    }
}
