//! The compliance desk: its figures are those of the road that was walked, it is for one role, and
//! it never receives a personal value.

#![allow(clippy::unwrap_used)]

#[path = "audit/access.rs"]
mod access;
#[path = "audit/desk.rs"]
mod desk;
#[path = "audit/overrides.rs"]
mod overrides;
#[path = "audit/pack.rs"]
mod pack;
#[path = "audit/report.rs"]
mod report;
#[path = "audit/review.rs"]
mod review;
#[path = "audit/second.rs"]
mod second;
