//! What has to be done after erasures, and once a day: the files scrubbed, the ring backed up.

use super::{HOUSE_TABLES, Ring, RingError, TABLES, epoch};
use crate::courier::TICK;
use crate::house::House;
use crate::store::Store;
use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

/// Ticks between two backups at least: after an erasure there is none until then.
const BACKUP_TICKS: u32 = 200;

/// Ticks between two looks at the ring's epoch, which another replica may have moved.
const LOOK_TICKS: u32 = 8;

/// Ticks between two scrubs at least.
const SCRUB_TICKS: u32 = 4;

/// A backup is that old at most, in milliseconds.
const BACKUP_MS_MAX: u64 = 86_400_000;

/// Minds one node's files; run it as one task.
pub struct Keeper {
    house: House,
    store: Store,
    stop: CancellationToken,
}

impl Keeper {
    /// The keeper of a node.
    pub fn new(house: House, store: Store, stop: CancellationToken) -> Keeper {
        Keeper { house, store, stop }
    }

    /// Works until it is stopped.
    pub async fn run(self) {
        let (mut scrub_in, mut look_in, mut back_up_in) = (0u32, 0u32, 0u32);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.house.world.sleep.sleep(TICK) => {}
            }
            scrub_in = scrub_in.saturating_sub(1);
            look_in = look_in.saturating_sub(1);
            back_up_in = back_up_in.saturating_sub(1);
            if scrub_in == 0 && self.house.ring.is_dirty() {
                scrub_in = SCRUB_TICKS;
                if let Err(error) = self.house.ring.scrub(&self.store).await {
                    tracing::warn!(%error, "what was erased is not scrubbed yet");
                }
            }
            if look_in == 0 {
                look_in = LOOK_TICKS;
                match self.mind_backups(back_up_in == 0).await {
                    Ok(true) => back_up_in = BACKUP_TICKS,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the key ring is not backed up");
                        back_up_in = BACKUP_TICKS;
                    }
                }
            }
        }
    }

    /// Whether a backup was written.
    async fn mind_backups(&self, may_write: bool) -> Result<bool, RingError> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let newest_ms = self.house.ring.newest_backup_ms().await?;
        let is_fresh = newest_ms.is_some_and(|at_ms| now_ms < at_ms + BACKUP_MS_MAX);
        if is_fresh || !may_write {
            return Ok(false);
        }
        let entropy = self.house.world.entropy.as_ref();
        self.house.ring.back_up(&self.house.keys, entropy, now_ms).await?;
        Ok(true)
    }
}

impl Ring {
    /// Whether something was destroyed since the last scrub.
    pub fn is_dirty(&self) -> bool {
        let inner = &self.inner;
        inner.scrubbed.load(Ordering::SeqCst) != inner.destroyed.load(Ordering::SeqCst)
    }

    /// Takes the last traces of what was destroyed out of both databases' files.
    pub async fn scrub(&self, store: &Store) -> Result<(), RingError> {
        // What is destroyed from here on is scrubbed next time.
        let destroyed = self.inner.destroyed.load(Ordering::SeqCst);
        let done = store.scrub(&HOUSE_TABLES).await? & self.inner.store.scrub(&TABLES).await?;
        if done {
            self.inner.scrubbed.store(destroyed, Ordering::SeqCst);
        }
        Ok(())
    }

    /// When the newest backup that opens was written. Backups of an epoch that is over are made
    /// unreadable: another replica has destroyed something.
    pub(super) async fn newest_backup_ms(&self) -> Result<Option<u64>, RingError> {
        let now = epoch(&mut self.inner.store.read().await?).await?;
        let mut backups = self.inner.backups.lock().unwrap_or_else(PoisonError::into_inner);
        match backups.epoch() {
            Some(epoch) if epoch == now => backups.newest_ms().map_err(RingError::from),
            Some(_) => {
                backups.forget()?;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}
