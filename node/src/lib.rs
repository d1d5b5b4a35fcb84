//! The house of one city.

pub mod highwater;
pub mod store;
pub mod world;
