//! The safeguards of casework section 7, each under its number.

#![allow(clippy::unwrap_used)]

#[path = "safeguards/v19.rs"]
mod v19;
#[path = "safeguards/v21.rs"]
mod v21;
