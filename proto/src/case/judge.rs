//! Legality: one act against the state its author saw.

use super::{
    Act, By, Direction, Duty, Guard, Illegal, Kind, Law, Proof, Rules, Side, Slot, Stage, State,
};
use crate::day::Day;

/// Working days, as the packs of the two cities tell them. The only use is the spacing of REMIND.
pub trait Calendar {
    /// How many working days there are after one date and up to and including another, in the
    /// calendar of the division of `of`. 0 if `to` is not after `after`.
    fn working_days(&self, of: Side, after: Day, to: Day) -> u32;
}

impl<F: Fn(Side, Day, Day) -> u32> Calendar for F {
    fn working_days(&self, of: Side, after: Day, to: Day) -> u32 {
        self(of, after, to)
    }
}

/// One judgement in progress.
struct Bench<'a> {
    law: &'a Law,
    rules: Rules,
    at: &'a State,
    act: &'a Act,
    calendar: &'a dyn Calendar,
}

impl Law {
    /// Judges one act against the fold of its past. Pure: same arguments, same verdict, for ever.
    /// Places in the lanes are [`Leg`](super::Leg)'s matter.
    pub fn judge(
        &self,
        rules: Rules,
        at: &State,
        act: &Act,
        calendar: &dyn Calendar,
    ) -> Result<(), Illegal> {
        let verb = act.verb();
        let row = self.row(verb);
        let stages = match rules.direction {
            Direction::Push => row.push,
            Direction::Pull => row.pull,
        };
        // A leg whose first message was refused never comes to be, not even by a second attempt.
        if verb.opens() {
            require(!at.opened, Illegal::AlreadyOpen)?;
            require(act.seq == 1, Illegal::NoSuchLeg)?;
        } else {
            require(at.opened, Illegal::NoSuchLeg)?;
        }
        require(row.by.includes(act.by), Illegal::NotYourStep)?;
        require(!stages.is_empty(), Illegal::WrongDirection)?;
        require(row.after_stop || !at.stop.any(), Illegal::Stopped)?;
        require(stages.has(at.stage), Illegal::WrongStage)?;
        let bench = Bench { law: self, rules, at, act, calendar };
        row.guards.iter().try_for_each(|guard| bench.check(*guard))
    }
}

impl Bench<'_> {
    fn check(&self, guard: Guard) -> Result<(), Illegal> {
        let (at, act) = (self.at, self.act);
        match guard {
            Guard::Closed => require(at.is_closed(), Illegal::NotClosed),
            Guard::NothingErased => {
                require(!at.erase_notice.any() && !at.erase_confirm.any(), Illegal::Erased)
            }
            Guard::NoQuestion => require(at.question.is_none(), Illegal::QuestionOpen),
            Guard::NewGround => self.new_ground(),
            Guard::AnswersQuestion => self.answers_question(),
            Guard::TermsNamed => {
                let named = matches!(act.kind, Kind::Accept { terms: Some(_), .. });
                require(named || !self.rules.employment, Illegal::TermsMissing)
            }
            Guard::RenewedInTime => match at.waitlist_until {
                Some(until) if at.stage == Stage::Waitlisted => {
                    require(act.made_on < until, Illegal::WaitLapsed)
                }
                Some(_) | None => Ok(()),
            },
            Guard::SlotDate => match at.slot {
                Slot::Held { until: Some(until) } => {
                    require(act.made_on <= until, Illegal::SlotPassed)
                }
                Slot::Held { until: None } | Slot::Free | Slot::Used => Ok(()),
            },
            Guard::ConsentLive => {
                let live = matches!(act.kind, Kind::Release { consent_live: true, .. });
                require(live, Illegal::ConsentMissing)
            }
            Guard::CarriesTerms => self.carries_terms(),
            Guard::TermsAcknowledged => {
                let ready = at.terms_acknowledged() || !self.rules.employment;
                require(ready, Illegal::TermsNotAcknowledged)
            }
            Guard::OwnTerms => {
                let names = matches!(act.kind, Kind::Correct { terms: Some(_), .. });
                require(!names || act.by == Side::Examiner, Illegal::NotYourTerms)
            }
            Guard::RedirectLeft => {
                require(at.redirects < self.law.redirects_max, Illegal::RedirectsUsed)
            }
            Guard::WithdrawUnanswered => {
                require(*at.stop.of(act.by.other()), Illegal::NothingWithdrawn)?;
                require(!*at.effect_given.of(act.by), Illegal::EffectReported)
            }
            Guard::FirstEraseNotice => require(!*at.erase_notice.of(act.by), Illegal::EraseAsked),
            Guard::EraseToConfirm => {
                require(!*at.erase_confirm.of(act.by), Illegal::EraseConfirmed)?;
                let asked = *at.erase_notice.of(act.by.other());
                require(asked || at.released, Illegal::NothingToErase)
            }
            Guard::Owed => self.owed(),
            Guard::Overdue => self.overdue(),
            Guard::NearDue => self.near_due(),
            Guard::Spaced => self.spaced(),
        }
    }

    fn new_ground(&self) -> Result<(), Illegal> {
        let Kind::Clarify { ground } = self.act.kind else {
            return Ok(());
        };
        require(!self.at.grounds.contains(&ground), Illegal::GroundUsed)
    }

    fn answers_question(&self) -> Result<(), Illegal> {
        let open = self.at.question.ok_or(Illegal::NoQuestion)?;
        require(self.act.kind.question() == Some(open), Illegal::WrongQuestion)
    }

    /// RELEASE carries the acknowledgement itself, so that the page the worker read and the page in
    /// force are compared in one message.
    fn carries_terms(&self) -> Result<(), Illegal> {
        if !self.rules.employment {
            return Ok(());
        }
        let carried = matches!(
            self.act.kind,
            Kind::Release { terms: Some(digest), .. } if self.at.terms == Some(digest)
        );
        require(carried, Illegal::TermsNotAcknowledged)
    }

    fn owed(&self) -> Result<(), Illegal> {
        let (duty, debtor) = self.at.duty(self.rules).ok_or(Illegal::DutyNotOwed)?;
        require(self.act.kind.duty() == Some(duty), Illegal::DutyNotOwed)?;
        // A terminated agreement ends the leg for both; nobody has to have missed anything.
        let terminated =
            matches!(self.act.kind, Kind::Expire { proof: Proof::Terminated { .. }, .. });
        let creditor = creditor(duty, debtor);
        require(terminated || creditor.includes(self.act.by), Illegal::NotOwedToYou)
    }

    fn overdue(&self) -> Result<(), Illegal> {
        let Kind::Expire { duty, proof } = self.act.kind else {
            return Ok(());
        };
        match proof {
            Proof::Terminated { wind_down } => {
                let at_once =
                    matches!(self.at.stage, Stage::Offered | Stage::TakenUp | Stage::Waitlisted);
                require(at_once || self.act.made_on >= wind_down, Illegal::WindingDown)
            }
            Proof::Silence { received_on, covers } => {
                let due = self.at.due(duty).ok_or(Illegal::NoDueDate)?;
                require(self.act.made_on > due, Illegal::NotYetDue)?;
                require(received_on > due, Illegal::NoSilence)?;
                require(self.act.seen >= covers, Illegal::HeardSince)
            }
        }
    }

    fn near_due(&self) -> Result<(), Illegal> {
        let Some((duty, debtor)) = self.at.duty(self.rules) else {
            return Err(Illegal::DutyNotOwed);
        };
        let due = self.at.due(duty).ok_or(Illegal::NoDueDate)?;
        let ahead = self.calendar.working_days(debtor, self.act.made_on, due);
        require(ahead <= self.law.remind_ahead_working_days, Illegal::RemindEarly)
    }

    fn spaced(&self) -> Result<(), Illegal> {
        let Some(last) = *self.at.reminded_on.of(self.act.by) else {
            return Ok(());
        };
        // Counted in the calendar of the office that is to answer.
        let of = self.at.duty(self.rules).map_or(self.act.by.other(), |(_, debtor)| debtor);
        let since = self.calendar.working_days(of, last, self.act.made_on);
        require(since >= self.law.remind_gap_working_days, Illegal::RemindAgain)
    }
}

/// Who may act on a missed duty. COMPLETE waits for the worker, so nobody is owed it by the other
/// office, and either may close the books.
pub(super) fn creditor(duty: Duty, debtor: Side) -> By {
    match duty {
        Duty::Complete => By::Either,
        Duty::TakeUp
        | Duty::Decide
        | Duty::Supply
        | Duty::Release
        | Duty::Outcome
        | Duty::WithdrawEffect
        | Duty::EraseConfirm => By::from(debtor.other()),
    }
}

fn require(holds: bool, otherwise: Illegal) -> Result<(), Illegal> {
    if holds { Ok(()) } else { Err(otherwise) }
}
