//! A peer that signs correctly and misbehaves: every letter of it is refused in the stated way,
//! keeps its place, and blocks nothing behind it.

#![allow(clippy::unwrap_used)]

#[path = "refusals/chain.rs"]
mod chain;
#[path = "refusals/consent.rs"]
mod consent;
#[path = "refusals/keys.rs"]
mod keys;
#[path = "refusals/outside.rs"]
mod outside;
#[path = "refusals/silence.rs"]
mod silence;
#[path = "refusals/strict.rs"]
mod strict;
