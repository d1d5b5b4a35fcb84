//! The house of one city.

pub mod store;
pub mod world;
