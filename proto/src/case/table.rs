//! The table: who may do what in which stage, and what it leads to.
//!
//! It is data. It reads like the page it was taken from, and the tests of this crate change one
//! entry at a time and demand that some test notices.

use super::{Direction, Duty, Rules, Side, Stage, Stages, Verb};
use Stage::{Accepted, Completed, Fulfilled, Offered, Released, TakenUp, Unconfirmed, Waitlisted};

/// Whose act it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The initiator's alone.
    Initiator,
    /// The examiner's alone.
    Examiner,
    /// Either side's.
    Either,
}

impl By {
    /// Whether it is this side's.
    pub fn includes(self, side: Side) -> bool {
        match self {
            By::Initiator => side == Side::Initiator,
            By::Examiner => side == Side::Examiner,
            By::Either => true,
        }
    }
}

impl From<Side> for By {
    fn from(side: Side) -> By {
        match side {
            Side::Initiator => By::Initiator,
            Side::Examiner => By::Examiner,
        }
    }
}

/// One row: a kind of message and everything the law says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The kind of message.
    pub verb: Verb,
    /// Who may send it.
    pub by: By,
    /// The stages of a push leg it is legal in.
    pub push: Stages,
    /// The stages of a pull leg it is legal in.
    pub pull: Stages,
    /// Legal even with `stop_further_use` in the past.
    pub after_stop: bool,
    /// What must hold besides, checked in this order.
    pub guards: &'static [Guard],
    /// What it does to stage, slot, fact and question.
    pub effect: Effect,
}

/// A condition beside author and stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// The leg is closed, by its stage or by a stop.
    Closed,
    /// No side has sent ERASE NOTICE or ERASE CONFIRM.
    NothingErased,
    /// No question is open.
    NoQuestion,
    /// The ground was not asked about before.
    NewGround,
    /// It names the open question.
    AnswersQuestion,
    /// An employment ACCEPT names its terms.
    TermsNamed,
    /// A renewal is made before the day the wait lapses.
    RenewedInTime,
    /// Made on or before the slot date.
    SlotDate,
    /// Under a live consent.
    ConsentLive,
    /// For a job, it carries the acknowledgement of the terms in force.
    CarriesTerms,
    /// For a job, the terms in force have been acknowledged.
    TermsAcknowledged,
    /// Terms are the examiner's fact: only the examiner corrects them.
    OwnTerms,
    /// A redirect is left.
    RedirectLeft,
    /// The other side withdrew and has not been answered.
    WithdrawUnanswered,
    /// The first of its kind by this side.
    FirstEraseNotice,
    /// The other side asked, or the leg closed over a RELEASE; and not confirmed before.
    EraseToConfirm,
    /// It names the duty the leg waits for, and its author is owed it.
    Owed,
    /// The due date is past with proof of silence, or the agreement was terminated.
    Overdue,
    /// The due date is past or at most one working day away.
    NearDue,
    /// Two working days after the same side's last one.
    Spaced,
}

/// What a legal act does to stage, slot, fact and question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Keep,
    /// The leg exists, in OFFERED.
    Open,
    /// From one of these stages to another; in any other stage nothing happens.
    Move {
        /// Where it takes effect.
        from: Stages,
        /// Where it leads.
        to: Stage,
        /// The slot is given up.
        frees_slot: bool,
        /// The open question falls away.
        ends_question: bool,
    },
    /// ACCEPT: the slot is held; ACCEPTED, unless a decision-relevant correction had not been seen.
    Accept {
        /// Where it takes effect.
        from: Stages,
    },
    /// Closes the leg by rank, unless a fact stands.
    Close(Stage),
    /// WITHDRAW: stop; closes as well what its author saw live.
    Withdraw,
    /// OUTCOME (fulfilled): the fact stands against everything.
    Fact,
    /// RETURN: of a fact, always; else closes by rank.
    Return,
    /// CLARIFY: its question is open.
    Ask,
    /// SUPPLY: the question it names is closed, and no other.
    Answer,
}

/// The whole law. [`Law::V1`] is in force; other values exist to test the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// One row per verb, at [`Verb::index`].
    pub rows: [Row; 26],
    /// How strongly each stage closes a leg, at [`Stage::index`]; 0 = does not.
    pub rank: [u8; 14],
    /// How often a leg may be redirected.
    pub redirects_max: u32,
    /// Working days between two REMINDs of one side.
    pub remind_gap_working_days: u32,
    /// How many working days before the due date a REMIND may come.
    pub remind_ahead_working_days: u32,
}

impl Law {
    /// The law in force.
    pub const V1: Law = Law {
        rows: ROWS,
        rank: RANK,
        redirects_max: 2,
        remind_gap_working_days: 2,
        remind_ahead_working_days: 1,
    };

    /// The row of a verb.
    pub fn row(&self, verb: Verb) -> &Row {
        &self.rows[verb.index()]
    }

    /// The rank of a stage.
    pub fn rank(&self, stage: Stage) -> u8 {
        self.rank[stage.index()]
    }
}

/// WITHDRAWN 6 > VOIDED 5 > DECLINED = NOT_REALISED 4 > RETURNED 3 > EXPIRED 2 > live 0. A stage
/// that stands on a fact needs no rank: the fact protects it.
const RANK: [u8; 14] = {
    let mut rank = [0; 14];
    rank[Stage::Withdrawn.index()] = 6;
    rank[Stage::Voided.index()] = 5;
    rank[Stage::Declined.index()] = 4;
    rank[Stage::NotRealised.index()] = 4;
    rank[Stage::Returned.index()] = 3;
    rank[Stage::Expired.index()] = 2;
    rank
};

const NONE: Stages = Stages::NONE;
const ALL: Stages = Stages::ALL;
const LIVE: Stages = Stages::LIVE;
const OPEN: Stages = Stages::OPEN;
const fn set(list: &[Stage]) -> Stages {
    Stages::of(list)
}
const fn go(from: Stages, to: Stage) -> Effect {
    Effect::Move { from, to, frees_slot: false, ends_question: false }
}

/// Stages in which the examiner has it on the desk.
const DESK: Stages = set(&[TakenUp, Waitlisted, Accepted, Released]);
/// Stages in which the examiner decides.
const WAITING: Stages = set(&[TakenUp, Waitlisted]);
/// Stages before identity has travelled.
const EARLY: Stages = set(&[Offered, TakenUp, Waitlisted, Accepted]);
/// Stages after identity or a fact has travelled.
const LATE: Stages = set(&[Released, Fulfilled, Unconfirmed, Completed]);

const fn row(
    verb: Verb,
    by: By,
    push: Stages,
    pull: Stages,
    guards: &'static [Guard],
    effect: Effect,
) -> Row {
    Row { verb, by, push, pull, after_stop: false, guards, effect }
}

/// A row that a stop does not bar: the answers to WITHDRAW and the two ERASE.
const fn always(verb: Verb, guards: &'static [Guard]) -> Row {
    let open_row = row(verb, By::Either, ALL, ALL, guards, Effect::Keep);
    Row { after_stop: true, ..open_row }
}

#[rustfmt::skip] // a table
const ROWS: [Row; 26] = {
    use By::{Either, Examiner, Initiator};
    use Effect::{Accept, Answer, Ask, Close, Fact, Keep, Move, Open, Return, Withdraw};
    use Guard as G;
    let desk_move = set(&[Offered, TakenUp]);
    let pull_out = set(&[TakenUp, Accepted]);
    let done = set(&[Fulfilled, Unconfirmed]);
    let redirect = Move { from: desk_move, to: Offered, frees_slot: true, ends_question: false };
    let wait = Move { from: set(&[TakenUp]), to: Waitlisted, frees_slot: true, ends_question: true };
    [
        row(Verb::Offer, Initiator, OPEN, NONE, &[], Open),
        row(Verb::Request, Initiator, NONE, OPEN, &[], Open),
        row(Verb::TakeUp, Examiner, set(&[Offered]), set(&[Offered]), &[], go(set(&[Offered]), TakenUp)),
        row(Verb::Clarify, Examiner, DESK, DESK, &[G::NoQuestion, G::NewGround], Ask),
        row(Verb::Supply, Initiator, LIVE, LIVE, &[G::AnswersQuestion], Answer),
        row(Verb::Accept, Examiner, WAITING, WAITING, &[G::TermsNamed], Accept { from: WAITING }),
        row(Verb::Waitlist, Examiner, WAITING, WAITING, &[G::RenewedInTime], wait),
        row(Verb::Decline, Examiner, EARLY, EARLY, &[], Close(Stage::Declined)),
        row(Verb::Release, Initiator, set(&[Accepted]), NONE, &[G::SlotDate, G::ConsentLive, G::CarriesTerms], go(set(&[Accepted]), Released)),
        row(Verb::Progress, Examiner, set(&[Released]), set(&[Accepted]), &[], Keep),
        row(Verb::OutcomeFulfilled, Examiner, set(&[Released]), pull_out, &[G::TermsAcknowledged], Fact),
        row(Verb::OutcomeNotRealised, Examiner, set(&[Released]), pull_out, &[], Close(Stage::NotRealised)),
        row(Verb::Complete, Initiator, done, done, &[], go(done, Completed)),
        row(Verb::Correct, Either, ALL, ALL, &[G::NothingErased, G::OwnTerms], Keep),
        row(Verb::CorrectDecisive, Initiator, OPEN, OPEN, &[G::NothingErased, G::OwnTerms], go(set(&[Accepted]), TakenUp)),
        row(Verb::Redirect, Examiner, desk_move, NONE, &[G::RedirectLeft], redirect),
        row(Verb::Withdraw, Either, ALL, ALL, &[], Withdraw),
        always(Verb::WithdrawEffect, &[G::WithdrawUnanswered]),
        row(Verb::Return, Either, LATE, LATE, &[], Return),
        row(Verb::Expire, Either, LIVE, LIVE, &[G::Owed, G::Overdue], Close(Stage::Expired)),
        row(Verb::ExpireComplete, Either, set(&[Fulfilled]), set(&[Fulfilled]), &[G::Owed, G::Overdue], go(set(&[Fulfilled]), Unconfirmed)),
        row(Verb::Void, Initiator, EARLY, EARLY, &[], Close(Stage::Voided)),
        row(Verb::Remind, Either, OPEN, OPEN, &[G::Owed, G::NearDue, G::Spaced], Keep),
        always(Verb::EraseNotice, &[G::Closed, G::FirstEraseNotice]),
        always(Verb::EraseConfirm, &[G::Closed, G::EraseToConfirm]),
        row(Verb::Consent, Either, OPEN, OPEN, &[], Keep),
    ]
};

/// The duty whose last day a message's `due_date` names, seen from the stage its author saw.
pub(super) fn duty_dated(rules: Rules, seen: Stage, verb: Verb) -> Option<Duty> {
    match verb {
        Verb::Offer | Verb::Request | Verb::Redirect => Some(Duty::TakeUp),
        Verb::TakeUp | Verb::Waitlist | Verb::CorrectDecisive => Some(Duty::Decide),
        Verb::Clarify => Some(Duty::Supply),
        // The answer restarts the clock of what the examiner was at when it asked.
        Verb::Supply => {
            let decided = seen == Stage::Released
                || seen == Stage::Accepted && rules.direction == Direction::Pull;
            Some(if decided { Duty::Outcome } else { Duty::Decide })
        }
        Verb::Accept => match rules.direction {
            Direction::Push => Some(Duty::Release),
            Direction::Pull => Some(Duty::Outcome),
        },
        Verb::Release | Verb::Progress => Some(Duty::Outcome),
        Verb::OutcomeFulfilled => Some(Duty::Complete),
        Verb::Withdraw => Some(Duty::WithdrawEffect),
        Verb::EraseNotice => Some(Duty::EraseConfirm),
        Verb::Decline
        | Verb::OutcomeNotRealised
        | Verb::Complete
        | Verb::Correct
        | Verb::WithdrawEffect
        | Verb::Return
        | Verb::Expire
        | Verb::ExpireComplete
        | Verb::Void
        | Verb::Remind
        | Verb::EraseConfirm
        | Verb::Consent => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_verbs_point() {
        for (i, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb.index(), i);
            assert_eq!(Law::V1.row(verb).verb, verb);
        }
        for (i, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage.index(), i);
        }
        for (i, duty) in Duty::ALL.into_iter().enumerate() {
            assert_eq!(duty.index(), i);
        }
    }
}
