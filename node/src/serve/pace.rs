//! How fast one peer may ask.

use crate::world::World;
use jieli_proto::id::CityId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one sleeps who has to wait.
const NAP_MS: u64 = 20;

/// A rate for each peer. Who goes too fast waits; of those who wait, only so many are let in.
#[derive(Clone)]
pub(crate) struct Pace {
    world: World,
    per_s: u64,
    waiting_max: usize,
    buckets: Arc<Mutex<BTreeMap<CityId, Arc<Bucket>>>>,
}

struct Bucket {
    waiting: AtomicUsize,
    level: tokio::sync::Mutex<Level>,
}

struct Level {
    /// Thousandths of a pass.
    passes: u64,
    at_ms: u64,
}

impl Pace {
    pub(crate) fn new(world: World, per_s: u64, waiting_max: usize) -> Pace {
        Pace { world, per_s, waiting_max, buckets: Arc::default() }
    }

    /// Waits for a pass; `false` if too many of this peer wait already.
    pub(crate) async fn pass(&self, city: &CityId) -> bool {
        let bucket = self.bucket(city);
        if bucket.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            bucket.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let waiting = Waiting(&bucket);
        let mut level = bucket.level.lock().await;
        let now_ms = self.world.clock.now_unix_ms();
        let since_ms = now_ms.saturating_sub(level.at_ms);
        self.fill(&mut level, since_ms);
        while level.passes < 1000 {
            self.world.sleep.sleep(Duration::from_millis(NAP_MS)).await;
            // The nap itself counts, also where a test holds the clock still.
            self.fill(&mut level, NAP_MS);
        }
        level.passes -= 1000;
        level.at_ms = self.world.clock.now_unix_ms();
        drop(level);
        drop(waiting);
        true
    }

    /// A second's worth at most is saved up.
    fn fill(&self, level: &mut Level, ms: u64) {
        let more = self.per_s.saturating_mul(ms.min(1000));
        level.passes = (level.passes + more).min(self.per_s * 1000);
    }

    fn bucket(&self, city: &CityId) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // Accepted peers only get here, so it never grows beyond the directory.
        let new = || {
            let at_ms = self.world.clock.now_unix_ms();
            let level = Level { passes: self.per_s * 1000, at_ms };
            Arc::new(Bucket { waiting: AtomicUsize::new(0), level: level.into() })
        };
        Arc::clone(buckets.entry(city.clone()).or_insert_with(new))
    }
}

struct Waiting<'a>(&'a Bucket);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pace({} a second)", self.per_s)
    }
}
