//! The sheet that a clerk has in hand, from its upload to its result: in memory alone, one a
//! session, gone after an hour or when the session ends.

use crate::sheet::job::{Job, Reading, Refused};
use axum::body::Bytes;
use jieli_proto::wire;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const KEPT_MS: i64 = 3_600_000;
/// Bytes of all sheets together.
const BYTES_MAX: usize = 192 << 20;

/// A sheet and what came of it so far.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) job: Job,
    pub(crate) file: Bytes,
    pub(crate) state: State,
    at_ms: i64,
}

/// How far it is.
#[derive(Clone)]
pub(crate) enum State {
    /// Refused whole.
    Refused(Arc<Refused>),
    /// Read; nothing was sent.
    Read { reading: Arc<Reading>, drafts: Arc<Vec<wire::Draft>> },
    /// Sent; what the node made of its rows. `whole` unless it broke off.
    Sent { reading: Arc<Reading>, rows: Arc<Vec<wire::ImportedRow>>, whole: bool },
}

impl Held {
    pub(crate) fn new(job: Job, file: Bytes, state: State, at_ms: i64) -> Held {
        Held { job, file, state, at_ms }
    }
}

/// All sheets in hand.
#[derive(Default)]
pub(crate) struct Tray(Mutex<BTreeMap<String, Held>>);

impl Tray {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a sheet in the place of an older one; `false` where there is no room.
    pub(crate) fn put(&self, place: String, held: Held) -> bool {
        let mut all = self.lock();
        all.retain(|key, older| *key != place && held.at_ms - older.at_ms < KEPT_MS);
        let bytes: usize = all.values().map(|older| older.file.len()).sum();
        let fits = bytes + held.file.len() <= BYTES_MAX;
        if fits {
            all.insert(place, held);
        }
        fits
    }

    /// The sheet of a session.
    pub(crate) fn get(&self, place: &str, now_ms: i64) -> Option<Held> {
        self.lock().get(place).filter(|held| now_ms - held.at_ms < KEPT_MS).cloned()
    }

    /// Takes a sheet that was read out of the tray, so that it is sent once.
    pub(crate) fn take(&self, place: &str) -> Option<Held> {
        self.lock().remove(place)
    }
}
