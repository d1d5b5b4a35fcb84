//! The front desk: reads sheets, the console, the worker's pages, the demo's start page; no persons, no keys, no protocol decision.

pub mod console;
pub mod drafts;
mod html;
pub mod paper;
pub mod sealed;
pub mod sheet;
pub mod start;
pub mod worker;
