//! The log's law: tree, notes, proofs and leaves, against the textbook and against golden bytes.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod keys;
mod note;
mod policy;
mod tree;
mod vectors;
