//! The law of Jieli: all that two cities must agree on, byte for byte. No I/O, no clock, no
//! randomness: a stranger can verify Jieli with this crate alone.

pub mod calendar;
pub mod day;
pub mod deny;
pub mod id;
pub mod kinds;
pub mod number;
pub mod refusal;
pub mod strict;
pub mod wire;
