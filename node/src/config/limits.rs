//! Limits and rhythms, with the defaults of the protocol (section 9 and section 4).

use serde::Deserialize;
use std::time::Duration;

/// Table `limits`: what an open port takes. Sizes and proof hashes are law and not configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Concurrent streams of one connection. Default 256.
    pub streams_max: u64,
    /// Connections of one peer. Default 16.
    pub connections_per_peer_max: u64,
    /// Connections of a listener, known and not yet known. Default 512.
    pub connections_max: u64,
    /// Time for a handshake. Default 10.
    pub handshake_s_max: u64,
    /// Time for a request; for `Deliver`, between a letter and its answer. Default 30.
    pub request_s_max: u64,
    /// Silence before a keep-alive ping. Default 30.
    pub keep_alive_s: u64,
    /// Time for its answer. Default 10.
    pub keep_alive_answer_s_max: u64,
    /// Age at which a connection is asked to close. Default 3600.
    pub connection_age_s_max: u64,
    /// Requests in work before more are shed. Default 512.
    pub requests_max: u64,
    /// Requests of one peer a second. Default 100.
    pub requests_per_peer_s_max: u64,
    /// Letters of one peer a second. Default 2000.
    pub letters_per_peer_s_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            streams_max: 256,
            connections_per_peer_max: 16,
            connections_max: 512,
            handshake_s_max: 10,
            request_s_max: 30,
            keep_alive_s: 30,
            keep_alive_answer_s_max: 10,
            connection_age_s_max: 3600,
            requests_max: 512,
            requests_per_peer_s_max: 100,
            letters_per_peer_s_max: 2000,
        }
    }
}

impl Limits {
    /// Time for a handshake.
    pub fn handshake_max(&self) -> Duration {
        Duration::from_secs(self.handshake_s_max)
    }

    /// Time for a request.
    pub fn request_max(&self) -> Duration {
        Duration::from_secs(self.request_s_max)
    }

    /// Silence before a keep-alive ping.
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_s)
    }

    /// Time for its answer.
    pub fn keep_alive_answer_max(&self) -> Duration {
        Duration::from_secs(self.keep_alive_answer_s_max)
    }

    /// Age at which a connection is asked to close.
    pub fn connection_age_max(&self) -> Duration {
        Duration::from_secs(self.connection_age_s_max)
    }

    pub(super) fn ranges(&self) -> Vec<Range> {
        vec![
            ("limits.streams_max", self.streams_max, 1, 1024),
            ("limits.connections_per_peer_max", self.connections_per_peer_max, 1, 256),
            ("limits.connections_max", self.connections_max, 1, 65_536),
            ("limits.handshake_s_max", self.handshake_s_max, 1, 60),
            ("limits.request_s_max", self.request_s_max, 1, 600),
            ("limits.keep_alive_s", self.keep_alive_s, 1, 3600),
            ("limits.keep_alive_answer_s_max", self.keep_alive_answer_s_max, 1, 600),
            ("limits.connection_age_s_max", self.connection_age_s_max, 10, 86_400),
            ("limits.requests_max", self.requests_max, 1, 65_536),
            ("limits.requests_per_peer_s_max", self.requests_per_peer_s_max, 1, 100_000),
            ("limits.letters_per_peer_s_max", self.letters_per_peer_s_max, 1, 100_000),
        ]
    }
}

/// A key, its value, the least and the most it may be.
pub(super) type Range = (&'static str, u64, u64, u64);

/// Table `courier`: how letters that found no answer are sent again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Courier {
    /// Age of a letter at which status warns. Default 14400, four hours.
    pub warn_after_s: u64,
    /// Age at which it needs a person. Never dropped. Default 259200, three days.
    pub person_after_s: u64,
}

impl Default for Courier {
    fn default() -> Courier {
        Courier { warn_after_s: 4 * 3600, person_after_s: 72 * 3600 }
    }
}

impl Courier {
    pub(super) fn ranges(&self) -> Vec<Range> {
        vec![
            ("courier.warn_after_s", self.warn_after_s, 60, 30 * 86_400),
            ("courier.person_after_s", self.person_after_s, self.warn_after_s, 90 * 86_400),
        ]
    }
}

/// Table `import`: what a sheet may be before it is refused unread.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Import {
    /// Size of the file. Default 8 MiB.
    pub file_bytes_max: u64,
    /// Rows of workers. Default 10,000.
    pub rows_max: u64,
}

impl Default for Import {
    fn default() -> Import {
        Import { file_bytes_max: 8 * 1024 * 1024, rows_max: 10_000 }
    }
}

impl Import {
    pub(super) fn ranges(&self) -> Vec<Range> {
        vec![
            ("import.file_bytes_max", self.file_bytes_max, 1024, 64 * 1024 * 1024),
            ("import.rows_max", self.rows_max, 1, 20_000),
        ]
    }
}
