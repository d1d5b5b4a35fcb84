//! What the console has from outside: time, randomness, and the process that reads sheets.

use crate::sheet::job::{Answer, Job};
use async_trait::async_trait;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now, in Unix milliseconds.
    fn now_unix_ms(&self) -> u64;
}

/// Randomness.
pub trait Entropy: Send + Sync {
    /// Fills a buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Fixed-size random bytes.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// The process that reads a sheet failed; nothing of the sheet is in here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the process that reads sheets gave no answer")]
pub struct NoAnswer;

/// Has a job done by a process of its own: a stranger's bytes are not understood in this one.
#[async_trait]
pub trait SheetReader: Send + Sync {
    /// What came of it, and drafts or a file.
    async fn read(&self, job: &Job, file: &[u8]) -> Result<(Answer, Vec<u8>), NoAnswer>;
}
