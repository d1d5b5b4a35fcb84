//! The doors of a node: what comes in over the network, and who may ask for what.

pub mod access;
mod answer;
pub mod audit;
pub mod desk;
pub mod exchange;
pub mod grievance;
pub mod operate;
mod pace;
pub(crate) mod report;
pub mod rota;
pub mod stack;
pub mod window;
pub mod worker;

pub use answer::{CODE_KEY, SAYS_KEYS, says};
