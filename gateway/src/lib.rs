//! The front desk: reads sheets, the console, the worker's pages, the API for other systems, the demo's start page; no persons, no keys, no protocol decision.

pub mod api;
pub mod console;
pub mod drafts;
mod html;
pub mod paper;
pub mod sealed;
pub mod sheet;
pub mod start;
pub mod worker;
