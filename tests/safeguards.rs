//! Safeguards of CASEWORK section 9, each with the attempt that it has to withstand.

#![allow(clippy::unwrap_used)]

#[path = "safeguards/v22.rs"]
mod v22;
#[path = "safeguards/v23.rs"]
mod v23;
