//! What the acts of a leg add up to.

use std::collections::BTreeSet;

use super::{Both, Digest32, Direction, Duty, Rules, Side, Stage};
use crate::day::Day;

/// The place kept for the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// None is kept.
    #[default]
    Free,
    /// Kept.
    Held {
        /// Until the end of this day, when a date was named.
        until: Option<Day>,
    },
    /// The service was given.
    Used,
}

/// The fold of a set of acts. Equal sets of legal acts give equal states, in any causal order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// An OFFER or REQUEST is in it. Without one there is no leg and nothing else means anything.
    pub opened: bool,
    /// Where the leg stands.
    pub stage: Stage,
    /// Who withdrew. Either one is `stop_further_use`, which closes any stage.
    pub stop: Both<bool>,
    /// The service was given. Never lost again.
    pub fact: bool,
    /// The place kept for the person.
    pub slot: Slot,
    /// `leg_seq` of the examiner's open question.
    pub question: Option<u32>,
    /// A RELEASE was sent: the person block has been opened to the other side.
    pub released: bool,
    /// Decision-relevant corrections by the initiator so far.
    pub corrections: u32,
    /// Redirects so far.
    pub redirects: u32,
    /// Grounds already asked about.
    pub grounds: BTreeSet<u32>,
    /// The day the last WAITLIST lapses.
    pub waitlist_until: Option<Day>,
    /// Terms in force: last named by ACCEPT or CORRECT.
    pub terms: Option<Digest32>,
    /// Terms the worker acknowledged, by RELEASE or CONSENT.
    pub acknowledged: BTreeSet<Digest32>,
    /// Per duty, the latest date any act gave it; indexed by [`Duty::index`].
    pub due: [Option<Day>; 8],
    /// Who answered the other side's WITHDRAW.
    pub effect_given: Both<bool>,
    /// Who sent ERASE NOTICE.
    pub erase_notice: Both<bool>,
    /// Who sent ERASE CONFIRM.
    pub erase_confirm: Both<bool>,
    /// The date of each side's last REMIND.
    pub reminded_on: Both<Option<Day>>,
}

impl Default for State {
    fn default() -> State {
        State {
            opened: false,
            stage: Stage::Offered,
            stop: Both::default(),
            fact: false,
            slot: Slot::Free,
            question: None,
            released: false,
            corrections: 0,
            redirects: 0,
            grounds: BTreeSet::new(),
            waitlist_until: None,
            terms: None,
            acknowledged: BTreeSet::new(),
            due: [None; 8],
            effect_given: Both::default(),
            erase_notice: Both::default(),
            erase_confirm: Both::default(),
            reminded_on: Both::default(),
        }
    }
}

/// The little an act carries out of its own past into every fold it takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The stage its author saw.
    pub stage: Stage,
    /// The decision-relevant corrections its author knew.
    pub corrections: u32,
}

impl State {
    /// Closed: by its stage, or because use was stopped.
    pub fn is_closed(&self) -> bool {
        self.stop.any() || self.stage.is_closed()
    }

    /// What an act made in this state carries along.
    pub fn at(&self) -> At {
        At { stage: self.stage, corrections: self.corrections }
    }

    /// The latest date any act gave a duty.
    pub fn due(&self, duty: Duty) -> Option<Day> {
        self.due[duty.index()]
    }

    /// Whether one side still has to answer the other side's WITHDRAW.
    pub fn owes_effect(&self, side: Side) -> bool {
        *self.stop.of(side.other()) && !*self.effect_given.of(side)
    }

    /// Whether one side still has to answer the other side's ERASE NOTICE.
    pub fn owes_erase_confirm(&self, side: Side) -> bool {
        *self.erase_notice.of(side.other()) && !*self.erase_confirm.of(side)
    }

    /// The terms in force have been acknowledged. False while none are in force.
    pub fn terms_acknowledged(&self) -> bool {
        self.terms.is_some_and(|digest| self.acknowledged.contains(&digest))
    }

    /// The duty the leg waits for, and who owes it; none once closed. An open question comes before
    /// whatever the stage asks for: nobody is late while he waits for an answer.
    pub fn duty(&self, rules: Rules) -> Option<(Duty, Side)> {
        if !self.opened || self.is_closed() {
            return None;
        }
        if self.question.is_some() {
            return Some((Duty::Supply, Side::Initiator));
        }
        match (self.stage, rules.direction) {
            (Stage::Offered, _) => Some((Duty::TakeUp, Side::Examiner)),
            (Stage::TakenUp | Stage::Waitlisted, _) => Some((Duty::Decide, Side::Examiner)),
            (Stage::Accepted, Direction::Push) => Some((Duty::Release, Side::Initiator)),
            (Stage::Accepted, Direction::Pull) | (Stage::Released, _) => {
                Some((Duty::Outcome, Side::Examiner))
            }
            (Stage::Fulfilled, _) => Some((Duty::Complete, Side::Initiator)),
            (
                Stage::Unconfirmed
                | Stage::Completed
                | Stage::Declined
                | Stage::NotRealised
                | Stage::Withdrawn
                | Stage::Returned
                | Stage::Expired
                | Stage::Voided,
                _,
            ) => None,
        }
    }
}
