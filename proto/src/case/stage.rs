//! The stages of a leg, and sets of them.

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Sent; no office has it on the desk.
    Offered,
    /// On a named desk; the legal clock runs.
    TakenUp,
    /// Waiting for a slot.
    Waitlisted,
    /// Yes, with the slot held.
    Accepted,
    /// Identity handed over (push only).
    Released,
    /// The service was given; the worker has not confirmed yet. Open.
    Fulfilled,
    /// The service was given; nobody confirmed in time. Never counted as confirmed.
    Unconfirmed,
    /// The worker confirmed.
    Completed,
    /// The examiner said no.
    Declined,
    /// The service was not given.
    NotRealised,
    /// The person took it back, refused, or did not answer: nobody can tell which.
    Withdrawn,
    /// It ended after identity or a fact had travelled.
    Returned,
    /// An office missed a duty.
    Expired,
    /// Sent in error.
    Voided,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Stage; 14] = [
        Stage::Offered,
        Stage::TakenUp,
        Stage::Waitlisted,
        Stage::Accepted,
        Stage::Released,
        Stage::Fulfilled,
        Stage::Unconfirmed,
        Stage::Completed,
        Stage::Declined,
        Stage::NotRealised,
        Stage::Withdrawn,
        Stage::Returned,
        Stage::Expired,
        Stage::Voided,
    ];

    /// Its index in [`Stage::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Before any outcome: OFFERED, TAKEN_UP, WAITLISTED, ACCEPTED, RELEASED.
    pub fn is_live(self) -> bool {
        Stages::LIVE.has(self)
    }

    /// Closed by itself. FULFILLED is neither live nor closed, unless use was stopped.
    pub fn is_closed(self) -> bool {
        !Stages::OPEN.has(self)
    }
}

/// A set of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stages(u16);

impl Stages {
    /// No stage.
    pub const NONE: Stages = Stages(0);
    /// Every stage.
    pub const ALL: Stages = Stages::of(&Stage::ALL);
    /// Stages before any outcome.
    pub const LIVE: Stages = Stages::of(&[
        Stage::Offered,
        Stage::TakenUp,
        Stage::Waitlisted,
        Stage::Accepted,
        Stage::Released,
    ]);
    /// Stages that are not closed.
    pub const OPEN: Stages = Stages::LIVE.and(&[Stage::Fulfilled]);

    /// The set of the stages listed.
    pub const fn of(list: &[Stage]) -> Stages {
        Stages::NONE.and(list)
    }

    /// This set and the stages listed.
    pub const fn and(self, list: &[Stage]) -> Stages {
        let mut bits = self.0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i].index();
            i += 1;
        }
        Stages(bits)
    }

    /// Whether it holds a stage.
    pub const fn has(self, stage: Stage) -> bool {
        self.0 & (1 << stage.index()) != 0
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
