//! The courier carries what waits in the outbox, one task a peer. It has no state of its own that a
//! crash could lose: a letter stays in the outbox until its receipt is stored.

mod carrier;
mod sorted;

use crate::house::House;
use crate::letters::Letters;
use crate::store::{StoreError, queue};
use crate::writer::Hand;
use carrier::Carrier;
use jieli_proto::id::CityId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a task looks at the clock: a clock that was moved is noticed that soon.
pub(crate) const TICK: Duration = Duration::from_millis(150);

/// Ticks between two looks at what has waited too long.
const LOOK_TICKS: u32 = 400;

/// What courier tasks share. Cheap to clone.
#[derive(Clone)]
pub struct Courier {
    /// To the writer.
    pub hand: Hand,
    /// Writes the letters.
    pub letters: Letters,
    /// Clock, post, settings.
    pub house: House,
    /// Where its tasks belong.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

impl Courier {
    /// Runs a task for every peer there is or will be, until it is stopped.
    pub async fn run(self) {
        let mut published = self.hand.watch();
        let mut known: BTreeSet<CityId> = BTreeSet::new();
        let mut watch = Watch { warned: BTreeMap::new() };
        let mut ticks = 0;
        loop {
            let directory = published.borrow_and_update().directory.clone();
            for city in directory.peers.keys() {
                if known.insert(city.clone()) {
                    let carrier = Carrier::new(self.clone(), city.clone());
                    self.tasks.spawn(carrier.run());
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
                () = self.house.world.sleep.sleep(TICK) => {
                    ticks += 1;
                    if ticks % LOOK_TICKS == 0 && let Err(error) = watch.look(&self).await {
                        tracing::warn!(%error, "the outbox could not be looked through");
                    }
                }
            }
        }
    }
}

/// What has been said about letters that wait too long.
struct Watch {
    warned: BTreeMap<CityId, Age>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Young,
    Old,
    NeedsPerson,
}

impl Watch {
    /// Says once of each peer that its letters are old, and once that a person is needed.
    async fn look(&mut self, courier: &Courier) -> Result<(), StoreError> {
        let set = &courier.house.config.courier;
        let now_ms = courier.house.world.clock.now_unix_ms();
        let mut conn = courier.letters.store().read().await?;
        let backlogs = queue::backlogs(&mut conn).await?;
        self.warned.retain(|city, _| backlogs.iter().any(|backlog| backlog.peer == *city));
        for backlog in backlogs {
            let age_s = now_ms.saturating_sub(backlog.oldest_ms) / 1000;
            let age = match age_s {
                _ if age_s >= set.person_after_s => Age::NeedsPerson,
                _ if age_s >= set.warn_after_s => Age::Old,
                _ => Age::Young,
            };
            let before = self.warned.insert(backlog.peer.clone(), age).unwrap_or(Age::Young);
            if age <= before {
                continue;
            }
            let (peer, letters, hours) = (&backlog.peer, backlog.letters, age_s / 3600);
            match age {
                Age::Young => {}
                Age::Old => tracing::warn!(%peer, letters, hours, "letters wait"),
                Age::NeedsPerson => {
                    tracing::error!(%peer, letters, hours, "letters wait: this needs a person");
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Courier")
    }
}
