//! What a desk asks of a leg: the legal next steps, and who owes what by when.

use super::judge::creditor;
use super::{Act, By, Calendar, Digest32, Duty, Illegal, Kind, Leg, Proof, Side, Verb};
use crate::day::Day;

/// What a desk has at hand when it asks for the next steps.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The date a message made now would carry.
    pub today: Day,
    /// A live consent names the accepting office.
    pub consent_live: bool,
    /// The digest of the terms the worker acknowledged.
    pub terms: Option<Digest32>,
    /// The best proof at hand for an EXPIRE.
    pub proof: Option<Proof>,
    /// Working days.
    pub calendar: &'a dyn Calendar,
}

/// A duty that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// What.
    pub duty: Duty,
    /// Who owes it.
    pub by: Side,
    /// Who may remind, or let it expire.
    pub to: By,
    /// By the end of which day; absent if no message named one.
    pub due: Option<Day>,
}

impl Leg {
    /// The steps that are legal for one side now, in the order of the table. A step with a field
    /// still to be filled in (a ground, a slot date, terms) is listed if it can be filled in.
    pub fn next(&self, side: Side, desk: Desk<'_>) -> Vec<Verb> {
        let legal = |verb: &Verb| self.ready(side, *verb, desk).is_ok();
        Verb::ALL.into_iter().filter(legal).collect()
    }

    /// Why a step is not offered, or that it is.
    ///
    /// RELEASE is in the list when it is legal, but no clerk decides on it: the node sends it.
    pub fn ready(&self, side: Side, verb: Verb, desk: Desk<'_>) -> Result<(), Illegal> {
        let Some(kind) = self.sketch(verb, desk) else {
            return Err(Illegal::NoSilence);
        };
        let act = self.draft(side, kind, desk.today);
        // The same words from the other side can be another step.
        if act.verb() != verb {
            return Err(Illegal::NotYourStep);
        }
        self.judge(&act, desk.calendar)
    }

    /// The next message of one side, made on a day, by an author who has seen all that is here.
    pub fn draft(&self, by: Side, kind: Kind, made_on: Day) -> Act {
        let (seq, seen) = (self.len(by) + 1, self.len(by.other()));
        Act { by, seq, seen, made_on, due: None, kind }
    }

    /// All duties open now.
    pub fn owed(&self) -> Vec<Owed> {
        let state = self.state();
        let owed = |(duty, by)| Owed { duty, by, to: creditor(duty, by), due: state.due(duty) };
        let mut all: Vec<Owed> = state.duty(self.rules()).map(owed).into_iter().collect();
        for side in Side::BOTH {
            if state.owes_effect(side) {
                all.push(owed((Duty::WithdrawEffect, side)));
            }
            if state.owes_erase_confirm(side) {
                all.push(owed((Duty::EraseConfirm, side)));
            }
        }
        all
    }

    /// A message of a verb, its fields filled in as favourably as the desk's papers allow.
    fn sketch(&self, verb: Verb, desk: Desk<'_>) -> Option<Kind> {
        let state = self.state();
        let duty = state.duty(self.rules()).map_or(Duty::Decide, |(duty, _)| duty);
        Some(match verb {
            Verb::Offer => Kind::Offer,
            Verb::Request => Kind::Request,
            Verb::TakeUp => Kind::TakeUp,
            Verb::Clarify => {
                let ground = (0..).find(|ground| !state.grounds.contains(ground))?;
                Kind::Clarify { ground }
            }
            Verb::Supply => Kind::Supply { question: state.question.unwrap_or(0) },
            Verb::Accept => {
                Kind::Accept { slot_until: None, terms: desk.terms.or(Some(Digest32::default())) }
            }
            Verb::Waitlist => Kind::Waitlist { until: None },
            Verb::Decline => Kind::Decline,
            Verb::Release => Kind::Release { consent_live: desk.consent_live, terms: desk.terms },
            Verb::Progress => Kind::Progress,
            Verb::OutcomeFulfilled => Kind::OutcomeFulfilled,
            Verb::OutcomeNotRealised => Kind::OutcomeNotRealised,
            Verb::Complete => Kind::Complete,
            Verb::Correct => Kind::Correct { relevant: false, terms: None },
            Verb::CorrectDecisive => Kind::Correct { relevant: true, terms: None },
            Verb::Redirect => Kind::Redirect,
            Verb::Withdraw => Kind::Withdraw,
            Verb::WithdrawEffect => Kind::WithdrawEffect,
            Verb::Return => Kind::Return,
            Verb::Expire if duty == Duty::Complete => return None,
            Verb::Expire => Kind::Expire { duty, proof: desk.proof? },
            Verb::ExpireComplete => Kind::Expire { duty: Duty::Complete, proof: desk.proof? },
            Verb::Void => Kind::Void,
            Verb::Remind => Kind::Remind { duty },
            Verb::EraseNotice => Kind::EraseNotice,
            Verb::EraseConfirm => Kind::EraseConfirm,
            Verb::Consent => Kind::Consent { terms: desk.terms },
        })
    }
}
