//! The fold: what one legal act adds to a state.

use super::table::duty_dated;
use super::{Act, At, Effect, Kind, Law, Rules, Slot, Stage, State, Verb};

impl Law {
    /// Adds one legal act to a state. `at` is what the act carries out of its own past
    /// ([`State::at`]); the state may already hold concurrent acts its author had not seen.
    pub fn apply(&self, rules: Rules, state: &mut State, act: &Act, at: At) {
        self.effect(state, act, at);
        record(rules, state, act, at);
    }

    fn effect(&self, state: &mut State, act: &Act, at: At) {
        match self.row(act.verb()).effect {
            Effect::Keep => {}
            Effect::Open => state.opened = true,
            Effect::Move { from, to, frees_slot, ends_question } => {
                if from.has(state.stage) {
                    state.stage = to;
                    if frees_slot {
                        state.slot = Slot::Free;
                    }
                    if ends_question {
                        state.question = None;
                    }
                }
            }
            Effect::Accept { from } => {
                if from.has(state.stage) {
                    state.slot = Slot::Held { until: act.kind.until() };
                    state.question = None;
                    // Stale: the yes was to facts that had changed. The slot stays, the yes waits.
                    let fresh = at.corrections == state.corrections;
                    state.stage = if fresh { Stage::Accepted } else { Stage::TakenUp };
                }
            }
            Effect::Close(stage) => self.close(state, stage),
            Effect::Withdraw => {
                *state.stop.of_mut(act.by) = true;
                // What its author saw closed stays closed as it was, with a stop.
                if at.stage.is_live() {
                    self.close(state, Stage::Withdrawn);
                }
            }
            Effect::Fact => {
                state.fact = true;
                state.slot = Slot::Used;
                state.question = None;
                if state.stage != Stage::Returned {
                    state.stage = Stage::Fulfilled;
                }
            }
            Effect::Return => {
                if state.fact {
                    state.stage = Stage::Returned;
                } else {
                    self.close(state, Stage::Returned);
                }
            }
            Effect::Ask => {
                if state.stage.is_live() {
                    state.question = Some(act.seq);
                }
            }
            Effect::Answer => {
                // Only the question it names: a newer one stays open.
                if state.question == act.kind.question() {
                    state.question = None;
                }
            }
        }
    }

    /// Of two closing acts the one of higher rank stands, whichever is folded first.
    fn close(&self, state: &mut State, stage: Stage) {
        if !state.fact && self.rank(state.stage) < self.rank(stage) {
            state.stage = stage;
            state.slot = Slot::Free;
            state.question = None;
        }
    }
}

/// What the fold keeps beside the stage. Each entry is a set, a maximum, a count, or written by one
/// side only, so that the order of concurrent acts cannot matter.
fn record(rules: Rules, state: &mut State, act: &Act, at: At) {
    // A slot or a wait without a due date of its own is due when it ends.
    let due = act.due.or(act.kind.until());
    if let (Some(duty), Some(due)) = (duty_dated(rules, at.stage, act.verb()), due) {
        let latest = &mut state.due[duty.index()];
        *latest = Some(latest.map_or(due, |known| known.max(due)));
    }
    match act.kind {
        Kind::Clarify { ground } => {
            state.grounds.insert(ground);
        }
        Kind::Accept { terms, .. } => state.terms = terms.or(state.terms),
        Kind::Waitlist { until } => state.waitlist_until = until,
        Kind::Release { terms, .. } => {
            state.released = true;
            state.acknowledged.extend(terms);
        }
        Kind::Correct { terms, .. } => {
            state.terms = terms.or(state.terms);
            if act.verb() == Verb::CorrectDecisive {
                state.corrections += 1;
            }
        }
        Kind::Redirect => state.redirects += 1,
        Kind::WithdrawEffect => *state.effect_given.of_mut(act.by) = true,
        Kind::Remind { .. } => {
            let last = state.reminded_on.of_mut(act.by);
            *last = Some(last.map_or(act.made_on, |known| known.max(act.made_on)));
        }
        Kind::EraseNotice => *state.erase_notice.of_mut(act.by) = true,
        Kind::EraseConfirm => *state.erase_confirm.of_mut(act.by) = true,
        Kind::Consent { terms } => state.acknowledged.extend(terms),
        Kind::Offer
        | Kind::Request
        | Kind::TakeUp
        | Kind::Supply { .. }
        | Kind::Decline
        | Kind::Progress
        | Kind::OutcomeFulfilled
        | Kind::OutcomeNotRealised
        | Kind::Complete
        | Kind::Withdraw
        | Kind::Return
        | Kind::Expire { .. }
        | Kind::Void => {}
    }
}
