//! The house of one city.

pub mod disk;
pub mod keys;
pub mod world;
