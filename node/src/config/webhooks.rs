//! Table `webhooks`: how other systems of an office are told of changes.

use super::limits::Range;
use serde::Deserialize;
use std::path::PathBuf;

/// Table `webhooks`. The addresses themselves are no settings: `jieli webhook add`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Certificates (PEM) that a receiver's is checked against; else the public roots.
    pub ca_file: Option<PathBuf>,
    /// Seconds for one delivery, the answer included. Default 10.
    pub timeout_s: u64,
    /// Days after which a delivery that nobody took is given up. Default 3.
    pub give_up_days: u64,
}

impl Default for Webhooks {
    fn default() -> Webhooks {
        Webhooks { ca_file: None, timeout_s: 10, give_up_days: 3 }
    }
}

impl Webhooks {
    pub(super) fn ranges(&self) -> Vec<Range> {
        vec![
            ("webhooks.timeout_s", self.timeout_s, 1, 30),
            ("webhooks.give_up_days", self.give_up_days, 1, 14),
        ]
    }
}
