//! Dates, terms, consent, proofs: what the table leaves to the words of a message.

use jieli_proto::case::{
    Act, Direction, Duty, Illegal, Kind, Law, Leg, Proof, Rules, Side, Stage, Verb, Verdict,
};
use jieli_proto::day::Day;

use crate::world::{E, Found, I, PULL, PUSH, day, desk, expect, opened, patient, say};

type Check = fn(&'static Law) -> Found;

/// All conditions under one law; the first that is missed.
pub(crate) fn all(law: &'static Law) -> Found {
    ALL.iter().try_for_each(|(name, check)| check(law).map_err(|why| format!("{name}: {why}")))
}

macro_rules! conditions {
    ($($name:ident),* $(,)?) => {
        const ALL: &[(&str, Check)] = &[$((stringify!($name), $name)),*];
        mod named {
            $(
                #[test]
                fn $name() {
                    super::$name(&super::Law::V1).unwrap();
                }
            )*
        }
    };
}

conditions![
    release_needs_consent_slot_and_terms,
    outcome_needs_the_terms_in_force,
    only_the_examiner_corrects_terms,
    a_wait_is_renewed_before_its_day,
    a_ground_is_asked_once,
    an_answer_names_the_open_question,
    expire_needs_proof_of_silence,
    expire_belongs_to_whom_it_is_owed,
    a_terminated_agreement_needs_no_proof,
    reminders_are_spaced,
    redirects_are_counted,
    the_latest_due_date_counts,
    erase_is_asked_and_confirmed_once,
    withdraw_is_answered_once_by_the_other_side,
    nothing_is_corrected_after_erase,
    completed_after_unconfirmed,
];

const JOB: Rules = Rules { direction: Direction::Push, employment: true };
const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

fn put_on(leg: &mut Leg, by: Side, on: i64, due: Option<i64>, kind: Kind) -> Result<(), Illegal> {
    let act = Act { due: due.map(day), ..leg.draft(by, kind, day(on)) };
    leg.judge(&act, &weekdays)?;
    leg.admit(act, Verdict::Legal)
}

fn put(leg: &mut Leg, by: Side, kind: Kind) -> Result<(), Illegal> {
    put_on(leg, by, 1, None, kind)
}

/// Monday to Friday, so that the spacing of reminders can be told.
fn weekdays(_of: Side, after: Day, to: Day) -> u32 {
    let days = after.since_epoch() + 1..=to.since_epoch();
    days.filter(|n| Day::from_epoch_days(*n).weekday() < 5).count() as u32
}

fn ok(result: Result<(), Illegal>) -> Found {
    result.map_err(|why| why.to_string())
}

fn accepted_job(law: &'static Law) -> Result<Leg, String> {
    let mut leg = opened(law, JOB);
    say(&mut leg, E, Verb::TakeUp)?;
    let nameless = Kind::Accept { slot_until: Some(day(9)), terms: None };
    expect("ACCEPT without terms", put(&mut leg, E, nameless), Err(Illegal::TermsMissing))?;
    ok(put(&mut leg, E, Kind::Accept { slot_until: Some(day(9)), terms: Some(OLD) }))?;
    Ok(leg)
}

fn release_needs_consent_slot_and_terms(law: &'static Law) -> Found {
    let mut leg = accepted_job(law)?;
    let release = |consent_live, terms| Kind::Release { consent_live, terms };
    let wrong = [
        (9, release(false, Some(OLD)), Illegal::ConsentMissing),
        (9, release(true, Some(NEW)), Illegal::TermsNotAcknowledged),
        (9, release(true, None), Illegal::TermsNotAcknowledged),
        (10, release(true, Some(OLD)), Illegal::SlotPassed),
    ];
    for (on, kind, why) in wrong {
        expect("RELEASE", put_on(&mut leg, I, on, None, kind), Err(why))?;
    }
    ok(put_on(&mut leg, I, 9, None, release(true, Some(OLD))))
}

fn outcome_needs_the_terms_in_force(law: &'static Law) -> Found {
    let mut leg = accepted_job(law)?;
    // The correction and the RELEASE cross.
    let before = leg.all();
    ok(put(&mut leg, E, Kind::Correct { relevant: false, terms: Some(NEW) }))?;
    let release = Kind::Release { consent_live: true, terms: Some(OLD) };
    let release = Act { seen: before.examiner, ..leg.draft(I, release, day(1)) };
    expect("RELEASE", leg.receive(release, &patient), Ok(Verdict::Legal))?;
    expect("stage", leg.state().stage, Stage::Released)?;
    let outcome = put(&mut leg, E, Kind::OutcomeFulfilled);
    expect("OUTCOME", outcome, Err(Illegal::TermsNotAcknowledged))?;
    // The acknowledgement may be taken at either window.
    ok(put(&mut leg, E, Kind::Consent { terms: Some(NEW) }))?;
    ok(put(&mut leg, E, Kind::OutcomeFulfilled))
}

fn only_the_examiner_corrects_terms(law: &'static Law) -> Found {
    let mut leg = accepted_job(law)?;
    let correct = |relevant| Kind::Correct { relevant, terms: Some(NEW) };
    expect("plain", put(&mut leg, I, correct(false)), Err(Illegal::NotYourTerms))?;
    expect("decisive", put(&mut leg, I, correct(true)), Err(Illegal::NotYourTerms))?;
    // Relevance is about the initiator's facts: the examiner's own correction reopens nothing.
    ok(put(&mut leg, E, correct(true)))?;
    expect("stage", leg.state().stage, Stage::Accepted)
}

fn a_wait_is_renewed_before_its_day(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    say(&mut leg, E, Verb::TakeUp)?;
    let wait = |until| Kind::Waitlist { until: Some(day(until)) };
    ok(put_on(&mut leg, E, 1, None, wait(10)))?;
    ok(put_on(&mut leg, E, 9, None, wait(20)))?;
    expect("due", leg.state().due(Duty::Decide), Some(day(20)))?;
    expect("on its day", put_on(&mut leg, E, 20, None, wait(30)), Err(Illegal::WaitLapsed))?;
    // Lapsed is not closed: a late yes is legal until an EXPIRE is in its past.
    ok(put_on(&mut leg, E, 40, None, Kind::Accept { slot_until: None, terms: None }))
}

fn a_ground_is_asked_once(law: &'static Law) -> Found {
    let mut leg = opened(law, PULL);
    say(&mut leg, E, Verb::TakeUp)?;
    ok(put(&mut leg, E, Kind::Clarify { ground: 7 }))?;
    let over = put(&mut leg, E, Kind::Clarify { ground: 8 });
    expect("over an open question", over, Err(Illegal::QuestionOpen))?;
    ok(put(&mut leg, I, Kind::Supply { question: 2 }))?;
    expect("again", put(&mut leg, E, Kind::Clarify { ground: 7 }), Err(Illegal::GroundUsed))?;
    ok(put(&mut leg, E, Kind::Clarify { ground: 8 }))
}

fn an_answer_names_the_open_question(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    say(&mut leg, E, Verb::TakeUp)?;
    let none = put(&mut leg, I, Kind::Supply { question: 2 });
    expect("no question", none, Err(Illegal::NoQuestion))?;
    say(&mut leg, E, Verb::Clarify)?;
    let other = put(&mut leg, I, Kind::Supply { question: 1 });
    expect("another question", other, Err(Illegal::WrongQuestion))?;
    ok(put_on(&mut leg, I, 1, Some(9), Kind::Supply { question: 2 }))?;
    expect("the clock restarts", leg.state().due(Duty::Decide), Some(day(9)))
}

fn expire(duty: Duty, received: i64, covers: u32) -> Kind {
    Kind::Expire { duty, proof: Proof::Silence { received_on: day(received), covers } }
}

fn expire_needs_proof_of_silence(law: &'static Law) -> Found {
    let mut leg = Leg::under(law, PUSH);
    ok(put_on(&mut leg, I, 1, Some(4), Kind::Offer))?;
    let wrong = [
        (4, expire(Duty::TakeUp, 5, 0), Illegal::NotYetDue),
        (5, expire(Duty::TakeUp, 4, 0), Illegal::NoSilence),
        (5, expire(Duty::TakeUp, 5, 1), Illegal::HeardSince),
        (5, expire(Duty::Decide, 5, 0), Illegal::DutyNotOwed),
        (5, expire(Duty::Complete, 5, 0), Illegal::WrongStage),
    ];
    for (on, kind, why) in wrong {
        expect("EXPIRE", put_on(&mut leg, I, on, None, kind), Err(why))?;
    }
    // A TAKE UP without a due date leaves nothing to be late with.
    let mut taken = leg.clone();
    ok(put(&mut taken, E, Kind::TakeUp))?;
    let undated = put_on(&mut taken, I, 50, None, expire(Duty::Decide, 50, 1));
    expect("no date", undated, Err(Illegal::NoDueDate))?;
    ok(put_on(&mut leg, I, 5, None, expire(Duty::TakeUp, 5, 0)))?;
    expect("stage", leg.state().stage, Stage::Expired)
}

fn expire_belongs_to_whom_it_is_owed(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    let mut owed = |verbs: &[(Side, Verb)], duty, to: &[Side]| -> Found {
        verbs.iter().try_for_each(|(by, verb)| say(&mut leg, *by, *verb))?;
        for side in Side::BOTH {
            let act = leg.draft(side, expire(duty, 90, 0), day(90));
            let want = if to.contains(&side) { Ok(()) } else { Err(Illegal::NotOwedToYou) };
            expect(&format!("{duty:?} by {side:?}"), leg.judge(&act, &patient), want)?;
        }
        Ok(())
    };
    owed(&[], Duty::TakeUp, &[I])?;
    owed(&[(E, Verb::TakeUp)], Duty::Decide, &[I])?;
    owed(&[(E, Verb::Clarify)], Duty::Supply, &[E])?;
    owed(&[(I, Verb::Supply), (E, Verb::Waitlist)], Duty::Decide, &[I])?;
    owed(&[(E, Verb::Accept)], Duty::Release, &[E])?;
    owed(&[(I, Verb::Release)], Duty::Outcome, &[I])?;
    owed(&[(E, Verb::Clarify)], Duty::Supply, &[E])?;
    owed(&[(I, Verb::Supply), (E, Verb::OutcomeFulfilled)], Duty::Complete, &[I, E])?;
    let mut pull = opened(law, PULL);
    say(&mut pull, E, Verb::TakeUp)?;
    say(&mut pull, E, Verb::Accept)?;
    let act = pull.draft(I, expire(Duty::Outcome, 90, 0), day(90));
    expect("pull ACCEPTED", pull.judge(&act, &patient), Ok(()))
}

fn a_terminated_agreement_needs_no_proof(law: &'static Law) -> Found {
    let mut leg = Leg::under(law, PUSH);
    ok(put(&mut leg, I, Kind::Offer))?;
    let end = |duty| Kind::Expire { duty, proof: Proof::Terminated { wind_down: day(30) } };
    for side in Side::BOTH {
        ok(put(&mut leg.clone(), side, end(Duty::TakeUp)))?;
    }
    say(&mut leg, E, Verb::TakeUp)?;
    say(&mut leg, E, Verb::Accept)?;
    for side in Side::BOTH {
        let early = put_on(&mut leg.clone(), side, 29, None, end(Duty::Release));
        expect("winding down", early, Err(Illegal::WindingDown))?;
        ok(put_on(&mut leg.clone(), side, 30, None, end(Duty::Release)))?;
    }
    Ok(())
}

fn reminders_are_spaced(law: &'static Law) -> Found {
    // Day 0 is a Monday; the duty is due on Friday, day 4.
    let mut leg = Leg::under(law, PUSH);
    ok(put_on(&mut leg, I, 0, Some(4), Kind::Offer))?;
    let remind = || Kind::Remind { duty: Duty::TakeUp };
    let wrong = put_on(&mut leg, I, 3, None, Kind::Remind { duty: Duty::Decide });
    expect("another duty", wrong, Err(Illegal::DutyNotOwed))?;
    expect("not owed", put_on(&mut leg, E, 3, None, remind()), Err(Illegal::NotOwedToYou))?;
    expect("early", put_on(&mut leg, I, 2, None, remind()), Err(Illegal::RemindEarly))?;
    ok(put_on(&mut leg, I, 3, None, remind()))?;
    // Friday to Sunday is one working day; Monday is the second.
    expect("again", put_on(&mut leg, I, 6, None, remind()), Err(Illegal::RemindAgain))?;
    ok(put_on(&mut leg, I, 7, None, remind()))
}

fn redirects_are_counted(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    say(&mut leg, E, Verb::Redirect)?;
    say(&mut leg, E, Verb::TakeUp)?;
    say(&mut leg, E, Verb::Redirect)?;
    expect("third", put(&mut leg, E, Kind::Redirect), Err(Illegal::RedirectsUsed))?;
    let mut pull = opened(law, PULL);
    expect("pull", put(&mut pull, E, Kind::Redirect), Err(Illegal::WrongDirection))
}

fn the_latest_due_date_counts(law: &'static Law) -> Found {
    let mut leg = Leg::under(law, PULL);
    ok(put_on(&mut leg, I, 0, Some(4), Kind::Request))?;
    ok(put_on(&mut leg, E, 1, Some(9), Kind::TakeUp))?;
    ok(put_on(&mut leg, E, 1, Some(20), Kind::Accept { slot_until: None, terms: None }))?;
    ok(put_on(&mut leg, E, 2, Some(15), Kind::Progress))?;
    expect("not earlier", leg.state().due(Duty::Outcome), Some(day(20)))?;
    ok(put_on(&mut leg, E, 3, Some(25), Kind::Progress))?;
    expect("later", leg.state().due(Duty::Outcome), Some(day(25)))
}

fn erase_is_asked_and_confirmed_once(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    for verb in [Verb::EraseNotice, Verb::EraseConfirm] {
        let open = leg.ready(I, verb, desk());
        expect("open", open, Err(Illegal::NotClosed))?;
    }
    say(&mut leg, I, Verb::Void)?;
    expect("unasked", leg.ready(E, Verb::EraseConfirm, desk()), Err(Illegal::NothingToErase))?;
    say(&mut leg, I, Verb::EraseNotice)?;
    expect("twice", leg.ready(I, Verb::EraseNotice, desk()), Err(Illegal::EraseAsked))?;
    expect("own", leg.ready(I, Verb::EraseConfirm, desk()), Err(Illegal::NothingToErase))?;
    say(&mut leg, E, Verb::EraseConfirm)?;
    expect("twice", leg.ready(E, Verb::EraseConfirm, desk()), Err(Illegal::EraseConfirmed))?;
    // Unasked where identity had been handed over.
    let mut released = opened(law, PUSH);
    for (by, verb) in [(E, Verb::TakeUp), (E, Verb::Accept), (I, Verb::Release), (E, Verb::Return)]
    {
        say(&mut released, by, verb)?;
    }
    say(&mut released, E, Verb::EraseConfirm)
}

fn withdraw_is_answered_once_by_the_other_side(law: &'static Law) -> Found {
    let mut leg = opened(law, PUSH);
    say(&mut leg, E, Verb::Withdraw)?;
    let own = leg.ready(E, Verb::WithdrawEffect, desk());
    expect("own", own, Err(Illegal::NothingWithdrawn))?;
    for verb in Verb::ALL {
        let may = matches!(verb, Verb::WithdrawEffect | Verb::EraseNotice);
        let open = leg.ready(I, verb, desk()).is_ok();
        expect(&format!("{verb:?} after a stop"), open, may)?;
    }
    say(&mut leg, I, Verb::WithdrawEffect)?;
    let twice = leg.ready(I, Verb::WithdrawEffect, desk());
    expect("twice", twice, Err(Illegal::EffectReported))?;
    // A fact stays, but nothing is done with it any more.
    let mut fact = opened(law, PULL);
    for (by, verb) in [(E, Verb::TakeUp), (E, Verb::OutcomeFulfilled), (I, Verb::Withdraw)] {
        say(&mut fact, by, verb)?;
    }
    expect("stage", fact.state().stage, Stage::Fulfilled)?;
    expect("closed", fact.is_closed(), true)?;
    expect("RETURN", fact.ready(E, Verb::Return, desk()), Err(Illegal::Stopped))?;
    expect("COMPLETE", fact.ready(I, Verb::Complete, desk()), Err(Illegal::Stopped))
}

fn nothing_is_corrected_after_erase(law: &'static Law) -> Found {
    let mut leg = opened(law, PULL);
    say(&mut leg, I, Verb::Void)?;
    let decisive = leg.ready(I, Verb::CorrectDecisive, desk());
    expect("nobody decides any more", decisive, Err(Illegal::WrongStage))?;
    say(&mut leg, E, Verb::Correct)?;
    say(&mut leg, I, Verb::EraseNotice)?;
    for side in Side::BOTH {
        let correct = leg.ready(side, Verb::Correct, desk());
        expect("erased", correct, Err(Illegal::Erased))?;
    }
    Ok(())
}

fn completed_after_unconfirmed(law: &'static Law) -> Found {
    let mut leg = opened(law, PULL);
    for (by, verb) in [(E, Verb::TakeUp), (E, Verb::OutcomeFulfilled), (E, Verb::ExpireComplete)] {
        say(&mut leg, by, verb)?;
    }
    expect("stage", leg.state().stage, Stage::Unconfirmed)?;
    expect("closed", leg.is_closed(), true)?;
    say(&mut leg, I, Verb::Complete)?;
    expect("stage", leg.state().stage, Stage::Completed)?;
    say(&mut leg, E, Verb::Return)?;
    expect("stage", leg.state().stage, Stage::Returned)
}
