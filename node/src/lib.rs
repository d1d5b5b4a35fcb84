//! The house of one city.

pub mod world;
