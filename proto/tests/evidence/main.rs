//! What two cities sign, and the bundle that proves it later: forms, golden bytes, verification.

mod fixtures;
mod message;
