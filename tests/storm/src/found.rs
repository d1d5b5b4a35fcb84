//! What was found: histories that once failed, as short as they got, and the seeds that find each
//! planted fault.

use crate::op::{Act, Op, Says, Word};
use jieli_node::plant::Fault;

/// Histories by name.
pub(crate) const FOUND: &[(&str, &[Op])] = &[
    // The audit of the sender took the time of a refused letter for a changed row.
    (
        "offer-refused-across-a-suspension",
        &[
            Op::Wait { ms: 100 },
            Op::At(0, Act::Refer { person: 0, to: 2 }),
            Op::Wait { ms: 600 },
            Op::Cut { a: 0, b: 2 },
            Op::At(2, Act::Agreement { pick: 0, word: Word::Suspend }),
            Op::At(2, Act::Agreement { pick: 1, word: Word::Suspend }),
            Op::At(0, Act::Read { pick: 0, says: Says::Yes }),
            Op::Wait { ms: 1_500 },
        ],
    ),
    // What was erased while the log was rebuilt named a place of the old local log.
    (
        "erased-while-the-log-is-rebuilt",
        &[
            Op::Wait { ms: 400 },
            Op::At(0, Act::Refer { person: 1, to: 2 }),
            Op::Wait { ms: 77 },
            Op::Copy { city: 0 },
            Op::At(0, Act::Read { pick: 11, says: Says::Yes }),
            Op::Wait { ms: 310 },
            Op::At(2, Act::Desk { pick: 28, choice: 6 }),
            Op::Wait { ms: 125 },
            Op::Restore { city: 0, whole: false },
        ],
    ),
];

/// A kept history.
pub(crate) fn found(name: &str) -> Option<&'static [Op]> {
    FOUND.iter().find(|(kept, _)| *kept == name).map(|(_, ops)| *ops)
}

/// The seed that finds each planted fault.
pub(crate) const FOUND_BY: &[(Fault, u64)] = &[
    (Fault::AnswerWithoutCommit, 1),
    (Fault::ForgetOutbox, 2),
    (Fault::DropRetry, 1),
    (Fault::AcceptGap, 34),
    (Fault::SkipDedup, 8),
    (Fault::NoReceipt, 1),
    (Fault::KeepInOutbox, 1),
    (Fault::BelieveOldCopy, 14),
    (Fault::StopWithoutEffect, 8),
    (Fault::NoIsYes, 3),
    (Fault::ConsentStaysOpen, 8),
    (Fault::WrongRoot, 1),
    (Fault::AcceptFork, 14),
];
