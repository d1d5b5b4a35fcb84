//! The pages, one file a task.

pub(super) mod answer;
pub(super) mod help;
pub(super) mod helper;
pub(super) mod mine;
pub(super) mod paper;
pub(super) mod proxy;
pub(super) mod start;
