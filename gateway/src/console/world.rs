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

/// A request to the provider of log-ins: a GET, or a POST where there is a form.
#[derive(Clone)]
pub struct WebAsk {
    /// The whole address.
    pub url: String,
    /// The fields, as a form is sent.
    pub form: Option<String>,
    /// Name and secret for HTTP basic authentication, in base64.
    pub basic: Option<String>,
}

impl WebAsk {
    pub(crate) fn get(url: &str) -> WebAsk {
        WebAsk { url: url.to_owned(), form: None, basic: None }
    }
}

/// Blind: there may be a code and a secret in it.
impl std::fmt::Debug for WebAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebAsk").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The way to the provider of log-ins. It follows no redirect, and limits time and size.
#[async_trait]
pub trait Web: Send + Sync {
    /// Status and body, or why there are none.
    async fn ask(&self, ask: WebAsk) -> Result<(u16, Vec<u8>), String>;
}
