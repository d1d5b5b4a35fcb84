//! Generated from `jieli/v1/*.proto`; `tests/wire.rs` regenerates and compares it.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::disallowed_types)]
#![allow(clippy::wildcard_enum_match_arm)]
#![allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)] // comments of the .proto files
#![cfg_attr(rustfmt, rustfmt_skip)]

pub mod schema;

include!("jieli.v1.rs");
