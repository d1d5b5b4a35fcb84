//! The house of one city: keys, store, log, writer, courier and services.

pub mod tls;
