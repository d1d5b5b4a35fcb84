//! The law of Jieli: all that two cities must agree on, byte for byte. No I/O, no clock, no
//! randomness: a stranger can verify Jieli with this crate alone.

pub mod day;

// The log: what is recorded, and how anyone checks it.
pub mod checkpoint;
pub mod leaf;
pub mod note;
pub mod policy;
pub mod proof;
pub mod pubkey;
pub mod tree;
