//! The demo's clock: a file that all processes of a demo read, so that "next working day" is one
//! write. Only the demo and tests can move time; `jieli node serve` cannot be given this clock.

use crate::ambient::SystemClock;
use jieli_node::world::Clock;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A clock that runs on from the instant last written to a file.
#[derive(Debug)]
pub struct FileClock {
    path: PathBuf,
    /// The last pair read, for the instant in which the file is being replaced.
    last: Mutex<(u64, u64)>,
}

impl FileClock {
    /// The clock of a file.
    pub fn open(path: &Path) -> FileClock {
        FileClock { path: path.to_owned(), last: Mutex::new((0, 0)) }
    }

    /// Moves the clock to an instant, Unix milliseconds.
    pub fn set(path: &Path, unix_ms: u64) -> std::io::Result<()> {
        let scratch = path.with_extension("new");
        std::fs::write(&scratch, format!("{unix_ms} {}", SystemClock.now_unix_ms()))?;
        std::fs::rename(scratch, path)
    }
}

impl Clock for FileClock {
    fn now_unix_ms(&self) -> u64 {
        let read = std::fs::read_to_string(&self.path).ok().and_then(|text| {
            let (shown, real) = text.split_once(' ')?;
            Some((shown.parse().ok()?, real.parse().ok()?))
        });
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = read.unwrap_or(*last);
        last.0 + SystemClock.now_unix_ms().saturating_sub(last.1)
    }
}
