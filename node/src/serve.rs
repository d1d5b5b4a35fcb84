//! The doors of a node: what comes in over the network, and who may ask for what.

pub mod exchange;
mod pace;
pub mod stack;
