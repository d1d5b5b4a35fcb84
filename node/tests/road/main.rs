//! Two cities in one process, over real TLS on loopback.

#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod agree;
mod backup;
mod cases;
mod contact;
mod crash;
mod evidence;
mod forged;
mod harness;
mod houses;
mod limits;
mod lost;
mod mirror;
mod partners;
mod reconcile;
mod recovery;
mod reports;
mod start;
mod windows;
mod witness;
