//! What two cities sign, and the bundle that proves it later: forms, golden bytes, verification.
#![allow(clippy::unwrap_used)] // a helper of a test may panic like the test itself

mod bundle;
mod case_law;
mod cosigners;
mod epochs;
mod fixtures;
mod forgery;
mod message;
mod misbehaviour;
mod offices;
mod pack;
mod persons;
mod revoked;
mod story;
mod tombstones;
mod vectors;
mod world;
mod wrong;
