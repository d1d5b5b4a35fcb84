//! What two cities sign, and the bundle that proves it later: forms, golden bytes, verification.

mod bundle;
mod fixtures;
mod forgery;
mod message;
mod world;
