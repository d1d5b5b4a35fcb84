//! The law of Jieli: all that two cities must agree on, byte for byte. No I/O, no clock, no
//! randomness: a stranger can verify Jieli with this crate alone.

pub mod agreement;
pub mod bundle;
pub mod calendar;
pub mod case;
pub mod checkpoint;
pub mod consent;
pub mod day;
pub mod deny;
pub mod envelope;
pub mod id;
pub mod invite;
pub mod kinds;
pub mod leaf;
pub mod manifest;
pub mod message;
pub mod misbehaviour;
pub mod note;
pub mod number;
pub mod pack;
pub mod paper;
pub mod policy;
pub mod proof;
pub mod pubkey;
pub mod recovery;
pub mod refusal;
pub mod sample;
pub mod sealed;
pub mod section;
pub mod strict;
pub mod tombstone;
pub mod tree;
pub mod wire;
pub mod words;
