//! The house of one city.

pub mod config;
pub mod disk;
pub mod keys;
pub mod store;
pub mod world;
