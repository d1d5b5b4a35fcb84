//! Safeguards by their names: one test for each rule that the software enforces.

#![allow(clippy::unwrap_used)]

#[path = "safeguards/v06_capacity.rs"]
mod v06_capacity;
