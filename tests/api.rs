//! The API over HTTP, as another system of an office uses it, in front of real cities.

#![allow(clippy::unwrap_used)]

#[path = "api/client.rs"]
mod client;
#[path = "api/desk.rs"]
mod desk;
#[path = "api/events.rs"]
mod events;
#[path = "api/hooks.rs"]
mod hooks;
#[path = "api/routes.rs"]
mod routes;
#[path = "api/tried.rs"]
mod tried;
