//! What was found: histories that once failed, as short as they got, and the seeds that find each
//! planted fault.

use crate::op::Op;
use jieli_node::plant::Fault;

/// Histories by name.
pub(crate) const FOUND: &[(&str, &[Op])] = &[];

/// A kept history.
pub(crate) fn found(name: &str) -> Option<&'static [Op]> {
    FOUND.iter().find(|(kept, _)| *kept == name).map(|(_, ops)| *ops)
}

/// The seed that finds each planted fault.
pub(crate) const FOUND_BY: &[(Fault, u64)] = &[
    (Fault::AnswerWithoutCommit, 1),
    (Fault::ForgetOutbox, 1),
    (Fault::DropRetry, 1),
    (Fault::NoReceipt, 1),
    (Fault::WrongRoot, 1),
];
