//! Notices over HTTP to a carrier of the test's own, on loopback.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod posts;
mod stub;
