//! Faults that a simulation plants, to see that it would find them. A build without debug assertions
//! has none of them, whatever is asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A batch is rolled back and answered as if it were committed.
    AnswerWithoutCommit,
    /// What is said is logged, and not put into the outbox.
    ForgetOutbox,
    /// A letter that could not be delivered is not tried again.
    DropRetry,
    /// A letter takes its place though one before it is missing.
    AcceptGap,
    /// A letter that is held already is taken as a new one.
    SkipDedup,
    /// A letter is stored, and not receipted.
    NoReceipt,
    /// A letter that was receipted stays in the outbox.
    KeepInOutbox,
    /// A database that is behind what was signed is believed.
    BelieveOldCopy,
    /// A person's stop is answered, and has no effect.
    StopWithoutEffect,
    /// A person's no is taken as a yes.
    NoIsYes,
    /// A consent does not end with its leg.
    ConsentStaysOpen,
    /// Now and then another root is signed than the log has.
    WrongRoot,
    /// An old copy goes on as if it were the log, and other cities take what it says a second time.
    AcceptFork,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 13] = [
        Fault::AnswerWithoutCommit,
        Fault::ForgetOutbox,
        Fault::DropRetry,
        Fault::AcceptGap,
        Fault::SkipDedup,
        Fault::NoReceipt,
        Fault::KeepInOutbox,
        Fault::BelieveOldCopy,
        Fault::StopWithoutEffect,
        Fault::NoIsYes,
        Fault::ConsentStaysOpen,
        Fault::WrongRoot,
        Fault::AcceptFork,
    ];

    /// Its name on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Fault::AnswerWithoutCommit => "answer-without-commit",
            Fault::ForgetOutbox => "forget-outbox",
            Fault::DropRetry => "drop-retry",
            Fault::AcceptGap => "accept-gap",
            Fault::SkipDedup => "skip-dedup",
            Fault::NoReceipt => "no-receipt",
            Fault::KeepInOutbox => "keep-in-outbox",
            Fault::BelieveOldCopy => "believe-old-copy",
            Fault::StopWithoutEffect => "stop-without-effect",
            Fault::NoIsYes => "no-is-yes",
            Fault::ConsentStaysOpen => "consent-stays-open",
            Fault::WrongRoot => "wrong-root",
            Fault::AcceptFork => "accept-fork",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(word: &str) -> Result<Fault, String> {
        let found = Fault::ALL.into_iter().find(|fault| fault.word() == word);
        found.ok_or_else(|| {
            let all: Vec<&str> = Fault::ALL.into_iter().map(Fault::word).collect();
            format!("no such fault; there are: all, {}", all.join(", "))
        })
    }
}

static PLANTED: AtomicU8 = AtomicU8::new(u8::MAX);

/// Plants a fault in this process, for good.
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u8, Ordering::Relaxed);
}

/// Whether a fault is planted.
pub(crate) fn is(fault: Fault) -> bool {
    cfg!(debug_assertions) && PLANTED.load(Ordering::Relaxed) == fault as u8
}

/// Whether a fault is planted that takes what a database has for what was signed.
pub(crate) fn believes_old_copies() -> bool {
    is(Fault::BelieveOldCopy) || is(Fault::AcceptFork)
}
