//! The store, on both databases. PostgreSQL is named by `JIELI_TEST_PG`, the URL of a server on
//! which the tests may make schemas of their own; a machine of continuous integration must have one.

#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod both;
mod highwater;
mod hooks;
mod log;
mod lost;
mod open;
mod queue;
mod support;
