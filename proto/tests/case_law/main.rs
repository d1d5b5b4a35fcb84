//! The case law against an independent model, against its own promises, and against planted faults.

#![allow(clippy::unwrap_used)] // helpers are tests too, though the lint cannot tell

mod conditions;
mod crossings;
mod explore;
mod extensions;
mod mutants;
mod questions;
mod vectors;
mod world;
