//! The Desk and Worker services over a writer: who may call what, what a desk sees, what is
//! written down first.

#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod access;
mod capacity;
mod cases;
mod city;
