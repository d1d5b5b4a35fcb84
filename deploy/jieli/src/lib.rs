//! The one program. Only here are the real clock, randomness and environment.

pub mod ambient;
pub mod bench;
pub mod cmd;
mod consoles;
pub mod demo;
mod web;
