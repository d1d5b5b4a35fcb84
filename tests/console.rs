//! The console over HTTP, as a browser without scripts uses it, in front of real cities: accounts,
//! the access table, the sending and the receiving desk.

#![allow(clippy::unwrap_used)]

#[path = "console/access.rs"]
mod access;
#[path = "console/accounts.rs"]
mod accounts;
#[path = "console/browser.rs"]
mod browser;
#[path = "console/desks.rs"]
mod desks;
#[path = "console/names.rs"]
mod names;
