//! The front desk: reads sheets, speaks to its own node; no persons, no keys, no protocol decision.

pub mod drafts;
pub mod paper;
pub mod sheet;
