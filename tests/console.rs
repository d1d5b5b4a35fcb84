//! The console and the worker's pages over HTTP, as a browser without scripts uses it, in front of real cities: accounts,
//! the access tables, the sending, the
//! receiving and the compliance desk, the person's own pages.

#![allow(clippy::unwrap_used)]

#[path = "console/access.rs"]
mod access;
#[path = "console/accounts.rs"]
mod accounts;
#[path = "console/approvals.rs"]
mod approvals;
#[path = "console/browser.rs"]
mod browser;
#[path = "console/desks.rs"]
mod desks;
#[path = "console/figures.rs"]
mod figures;
#[path = "console/names.rs"]
mod names;
#[path = "console/oidc.rs"]
mod oidc;
#[path = "console/posts.rs"]
mod posts;
#[path = "console/provider.rs"]
mod provider;
#[path = "console/review.rs"]
mod review;
#[path = "console/rota.rs"]
mod rota;
#[path = "console/system.rs"]
mod system;
#[path = "console/window.rs"]
mod window;
#[path = "console/worker.rs"]
mod worker;
