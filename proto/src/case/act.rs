//! A message, reduced to what the law looks at.

use super::Side;
use crate::day::Day;

/// SHA-256, as the wire carries it.
pub type Digest32 = [u8; 32];

/// One message of a leg.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Act {
    /// Its author.
    pub by: Side,
    /// Its place in its author's lane of this leg, from 1 (`leg_seq`).
    pub seq: u32,
    /// The place of the last message of the other lane its author had seen; 0 = none (`leg_seen`).
    pub seen: u32,
    /// `created_unix_ms` as a civil date in the calendar pack's zone.
    pub made_on: Day,
    /// `due_date`: the last day of the duty this message sets, if it sets one.
    pub due: Option<Day>,
    /// What it says.
    pub kind: Kind,
}

impl Act {
    /// The row of the law this message falls under.
    pub fn verb(&self) -> Verb {
        self.kind.verb(self.by)
    }
}

/// What a message says, with the fields the law reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Opens a push leg.
    Offer,
    /// Opens a pull leg.
    Request,
    /// A named office has it on the desk.
    TakeUp,
    /// A coded question.
    Clarify {
        /// The code of its ground; a ground is asked about once.
        ground: u32,
    },
    /// The answer to a question.
    Supply {
        /// `leg_seq` of the CLARIFY it answers.
        question: u32,
    },
    /// Yes, with the slot held.
    Accept {
        /// The last day the slot is held; absent = until the RELEASE duty lapses.
        slot_until: Option<Day>,
        /// The digest of the job's terms; every employment ACCEPT names one.
        terms: Option<Digest32>,
    },
    /// Not yet.
    Waitlist {
        /// The wait lapses on this day and can be renewed only before it.
        until: Option<Day>,
    },
    /// No.
    Decline,
    /// Opens the person block.
    Release {
        /// A consent that names the accepting office is attached or known and not older than 180
        /// days on `made_on`. The caller looks; the law insists.
        consent_live: bool,
        /// The digest of the terms the worker acknowledged.
        terms: Option<Digest32>,
    },
    /// Scheduled, or in progress.
    Progress,
    /// The service was given.
    OutcomeFulfilled,
    /// The service was not given.
    OutcomeNotRealised,
    /// The worker has confirmed.
    Complete,
    /// A message and field superseded.
    Correct {
        /// The code list calls the field decision-relevant. It counts on the initiator's side only.
        relevant: bool,
        /// The digest of corrected terms.
        terms: Option<Digest32>,
    },
    /// To the competent office of the same city.
    Redirect,
    /// The person takes it back.
    Withdraw,
    /// The other side's answer to WITHDRAW.
    WithdrawEffect,
    /// It ended, or was recorded in error.
    Return,
    /// An office missed a duty.
    Expire {
        /// The duty missed.
        duty: Duty,
        /// Why it is certain that it was missed.
        proof: Proof,
    },
    /// Sent in error.
    Void,
    /// A duty is nearly or already late.
    Remind {
        /// The duty.
        duty: Duty,
    },
    /// Asks the other side to erase.
    EraseNotice,
    /// Says that it has been erased.
    EraseConfirm,
    /// Consent taken at this side's window.
    Consent {
        /// The digest of terms acknowledged along with it.
        terms: Option<Digest32>,
    },
}

impl Kind {
    /// The row of the law it falls under when `by` says it.
    pub fn verb(&self, by: Side) -> Verb {
        match self {
            Kind::Offer => Verb::Offer,
            Kind::Request => Verb::Request,
            Kind::TakeUp => Verb::TakeUp,
            Kind::Clarify { .. } => Verb::Clarify,
            Kind::Supply { .. } => Verb::Supply,
            Kind::Accept { .. } => Verb::Accept,
            Kind::Waitlist { .. } => Verb::Waitlist,
            Kind::Decline => Verb::Decline,
            Kind::Release { .. } => Verb::Release,
            Kind::Progress => Verb::Progress,
            Kind::OutcomeFulfilled => Verb::OutcomeFulfilled,
            Kind::OutcomeNotRealised => Verb::OutcomeNotRealised,
            Kind::Complete => Verb::Complete,
            // Only the initiator's facts are what the examiner decided on.
            Kind::Correct { relevant: true, .. } if by == Side::Initiator => Verb::CorrectDecisive,
            Kind::Correct { .. } => Verb::Correct,
            Kind::Redirect => Verb::Redirect,
            Kind::Withdraw => Verb::Withdraw,
            Kind::WithdrawEffect => Verb::WithdrawEffect,
            Kind::Return => Verb::Return,
            Kind::Expire { duty: Duty::Complete, .. } => Verb::ExpireComplete,
            Kind::Expire { .. } => Verb::Expire,
            Kind::Void => Verb::Void,
            Kind::Remind { .. } => Verb::Remind,
            Kind::EraseNotice => Verb::EraseNotice,
            Kind::EraseConfirm => Verb::EraseConfirm,
            Kind::Consent { .. } => Verb::Consent,
        }
    }

    /// The day an ACCEPT holds the slot until, or a WAITLIST lapses.
    pub fn until(&self) -> Option<Day> {
        if let Kind::Accept { slot_until: until, .. } | Kind::Waitlist { until } = self {
            *until
        } else {
            None
        }
    }

    /// The question a SUPPLY names.
    pub fn question(&self) -> Option<u32> {
        if let Kind::Supply { question } = self { Some(*question) } else { None }
    }

    /// The duty an EXPIRE or REMIND names.
    pub fn duty(&self) -> Option<Duty> {
        if let Kind::Expire { duty, .. } | Kind::Remind { duty } = self {
            Some(*duty)
        } else {
            None
        }
    }
}

/// A row of the law. Two kinds have two rows, because they have two effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the variants are the words of `Kind`
pub enum Verb {
    Offer,
    Request,
    TakeUp,
    Clarify,
    Supply,
    Accept,
    Waitlist,
    Decline,
    Release,
    Progress,
    OutcomeFulfilled,
    OutcomeNotRealised,
    Complete,
    Correct,
    /// CORRECT of a decision-relevant field by the initiator.
    CorrectDecisive,
    Redirect,
    Withdraw,
    WithdrawEffect,
    Return,
    Expire,
    /// EXPIRE of the duty COMPLETE: the fact stands, nobody confirmed.
    ExpireComplete,
    Void,
    Remind,
    EraseNotice,
    EraseConfirm,
    Consent,
}

impl Verb {
    /// Every verb, in the order of the table.
    pub const ALL: [Verb; 26] = [
        Verb::Offer,
        Verb::Request,
        Verb::TakeUp,
        Verb::Clarify,
        Verb::Supply,
        Verb::Accept,
        Verb::Waitlist,
        Verb::Decline,
        Verb::Release,
        Verb::Progress,
        Verb::OutcomeFulfilled,
        Verb::OutcomeNotRealised,
        Verb::Complete,
        Verb::Correct,
        Verb::CorrectDecisive,
        Verb::Redirect,
        Verb::Withdraw,
        Verb::WithdrawEffect,
        Verb::Return,
        Verb::Expire,
        Verb::ExpireComplete,
        Verb::Void,
        Verb::Remind,
        Verb::EraseNotice,
        Verb::EraseConfirm,
        Verb::Consent,
    ];

    /// Its index in [`Verb::ALL`] and in the table.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// OFFER or REQUEST: the only messages that open a leg.
    pub fn opens(self) -> bool {
        matches!(self, Verb::Offer | Verb::Request)
    }
}

/// What an office owes, by a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// The examiner: put it on a desk.
    TakeUp,
    /// The examiner: ACCEPT, WAITLIST or DECLINE.
    Decide,
    /// The initiator: answer the open question.
    Supply,
    /// The initiator of a push leg: RELEASE.
    Release,
    /// The examiner: OUTCOME.
    Outcome,
    /// The initiator: the worker's confirmation.
    Complete,
    /// The side that did not withdraw: say what was erased or kept.
    WithdrawEffect,
    /// The side asked to erase: confirm.
    EraseConfirm,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Duty; 8] = [
        Duty::TakeUp,
        Duty::Decide,
        Duty::Supply,
        Duty::Release,
        Duty::Outcome,
        Duty::Complete,
        Duty::WithdrawEffect,
        Duty::EraseConfirm,
    ];

    /// Its index in [`Duty::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Who owes it; `None` where that depends on who withdrew or asked.
    pub fn debtor(self) -> Option<Side> {
        match self {
            Duty::TakeUp | Duty::Decide | Duty::Outcome => Some(Side::Examiner),
            Duty::Supply | Duty::Release | Duty::Complete => Some(Side::Initiator),
            Duty::WithdrawEffect | Duty::EraseConfirm => None,
        }
    }
}

/// What makes an EXPIRE certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// The agreement was terminated: needs neither due date nor silence.
    Terminated {
        /// The wind-down date of the TERMINATE it cites: legs already accepted run until then.
        wind_down: Day,
    },
    /// A receipt signed by the other city in this agreement.
    Silence {
        /// Its `received_unix_ms` as a civil date in the calendar pack's zone.
        received_on: Day,
        /// The last `leg_seq` of the other side in this leg whose `lane_seq` is not above the
        /// receipt's `own_lane_seq`; 0 = none. All of these must be in the past of the EXPIRE, so
        /// that a timely act cannot cross it.
        covers: u32,
    },
}
