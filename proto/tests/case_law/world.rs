//! Shared by the tests: acts made as favourably as their past allows, so that only author, stage and
//! order decide; dates, terms and proofs have tests of their own in `conditions`.

use jieli_proto::case::{
    Act, Calendar, Desk, Direction, Duty, Kind, Law, Leg, Past, Proof, Rules, Side, State, Verb,
    Verdict,
};
use jieli_proto::day::Day;

pub(crate) const I: Side = Side::Initiator;
pub(crate) const E: Side = Side::Examiner;

pub(crate) const PUSH: Rules = Rules { direction: Direction::Push, employment: false };
pub(crate) const PULL: Rules = Rules { direction: Direction::Pull, employment: false };

/// What a check finds wrong; the text is for whoever reads the failed test.
pub(crate) type Found = Result<(), String>;

pub(crate) fn day(n: i64) -> Day {
    Day::new(2026, 1, 5).unwrap().plus(n)
}

/// A calendar in which every wait is long enough.
pub(crate) fn patient(_of: Side, after: Day, to: Day) -> u32 {
    if to < after { 0 } else { 2 }
}

pub(crate) fn opening(rules: Rules) -> Verb {
    match rules.direction {
        Direction::Push => Verb::Offer,
        Direction::Pull => Verb::Request,
    }
}

/// The kind of a verb, its fields filled in so that no condition but the table's can fail.
pub(crate) fn kind(rules: Rules, at: &State, verb: Verb, ground: u32, made_on: Day) -> Kind {
    let silence = Proof::Silence { received_on: made_on, covers: 0 };
    let duty = at.duty(rules).map_or(Duty::Decide, |(duty, _)| duty);
    match verb {
        Verb::Offer => Kind::Offer,
        Verb::Request => Kind::Request,
        Verb::TakeUp => Kind::TakeUp,
        Verb::Clarify => Kind::Clarify { ground },
        Verb::Supply => Kind::Supply { question: at.question.unwrap_or(0) },
        Verb::Accept => Kind::Accept { slot_until: None, terms: None },
        Verb::Waitlist => Kind::Waitlist { until: None },
        Verb::Decline => Kind::Decline,
        Verb::Release => Kind::Release { consent_live: true, terms: None },
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
        Verb::Expire if duty == Duty::Complete => {
            Kind::Expire { duty: Duty::Decide, proof: silence }
        }
        Verb::Expire => Kind::Expire { duty, proof: silence },
        Verb::ExpireComplete => Kind::Expire { duty: Duty::Complete, proof: silence },
        Verb::Void => Kind::Void,
        Verb::Remind => Kind::Remind { duty },
        Verb::EraseNotice => Kind::EraseNotice,
        Verb::EraseConfirm => Kind::EraseConfirm,
        Verb::Consent => Kind::Consent { terms: None },
    }
}

/// The next message of `by`, who has seen `seen` messages of the other lane.
pub(crate) fn next_act(leg: &Leg, by: Side, verb: Verb, seen: u32) -> Act {
    let seq = leg.len(by) + 1;
    let at = leg.at(Past::of(by, seq - 1, seen));
    // Each later than the last, and all later than every due date.
    let made_on = day(1 + i64::from(leg.len(I) + leg.len(E)));
    Act {
        by,
        seq,
        seen,
        made_on,
        due: Some(day(0)),
        kind: kind(leg.rules(), &at, verb, seq, made_on),
    }
}

/// A leg that holds its OFFER or REQUEST.
pub(crate) fn opened(law: &'static Law, rules: Rules) -> Leg {
    let mut leg = Leg::under(law, rules);
    let act = next_act(&leg, I, opening(rules), 0);
    assert_eq!(leg.receive(act, &patient), Ok(Verdict::Legal));
    leg
}

/// Adds a message whose author has seen everything. It must be legal.
pub(crate) fn say(leg: &mut Leg, by: Side, verb: Verb) -> Found {
    let act = next_act(leg, by, verb, leg.len(by.other()));
    match leg.receive(act, &patient) {
        Ok(Verdict::Legal) => Ok(()),
        other => Err(format!("{by:?} {verb:?}: {other:?}")),
    }
}

/// Replays messages with their verdicts judged anew, in the order given.
pub(crate) fn replay(law: &'static Law, rules: Rules, acts: &[Act]) -> (Leg, Vec<Verdict>) {
    let mut leg = Leg::under(law, rules);
    let verdicts = acts.iter().map(|act| leg.receive(act.clone(), &patient).unwrap()).collect();
    (leg, verdicts)
}

pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Found {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}

/// A desk with every paper at hand.
pub(crate) fn desk() -> Desk<'static> {
    let calendar: &'static dyn Calendar = &patient;
    let proof = Some(Proof::Silence { received_on: day(90), covers: 0 });
    Desk { today: day(90), consent_live: true, terms: None, proof, calendar }
}
