//! The log's law: tree, notes, proofs and leaves, against the textbook and against golden bytes.

mod keys;
mod note;
mod policy;
mod tree;
mod vectors;
