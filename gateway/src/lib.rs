//! The front desk: reads sheets, the demo's start page; no persons, no keys, no protocol decision.

pub mod drafts;
mod html;
pub mod paper;
pub mod sealed;
pub mod sheet;
pub mod start;
