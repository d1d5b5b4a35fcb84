//! The house of one city.

pub mod config;
pub mod disk;
pub mod highwater;
pub mod init;
pub mod keys;
pub mod notice;
pub mod public;
pub mod store;
pub mod tokens;
pub mod world;
