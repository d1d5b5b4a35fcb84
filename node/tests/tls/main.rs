//! Real handshakes over loopback: what the peer port takes, and how it refuses the rest.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod certificates;
mod good;
mod harness;
mod limits;
mod refused;
