//! The table of crossings: two lanes that met on the way, folded in both orders.

use jieli_proto::case::{Law, Leg, Rules, Side, Slot, Stage, Verb, Verdict};

use crate::world::{E, Found, I, PULL, PUSH, expect, next_act, opened, patient, say};

/// One crossing: what both had seen, what each then said without the other, and what comes of it.
struct Crossing {
    name: &'static str,
    rules: Rules,
    before: &'static [(Side, Verb)],
    initiator: &'static [Verb],
    examiner: &'static [Verb],
    stage: Stage,
    slot: Slot,
    stop: bool,
    fact: bool,
    question: bool,
    /// The last act of each side, whether it was overridden.
    overridden: (bool, bool),
}

const HELD: Slot = Slot::Held { until: None };
const TAKEN: &[(Side, Verb)] = &[(E, Verb::TakeUp)];
const ACCEPTED: &[(Side, Verb)] = &[(E, Verb::TakeUp), (E, Verb::Accept)];
const RELEASED: &[(Side, Verb)] = &[(E, Verb::TakeUp), (E, Verb::Accept), (I, Verb::Release)];
const FULFILLED: &[(Side, Verb)] =
    &[(E, Verb::TakeUp), (E, Verb::Accept), (I, Verb::Release), (E, Verb::OutcomeFulfilled)];
const PULL_ACCEPTED: &[(Side, Verb)] = &[(E, Verb::TakeUp), (E, Verb::Accept)];

/// A crossing in which no fact, stop or question is left.
const fn plain(
    name: &'static str,
    rules: Rules,
    before: &'static [(Side, Verb)],
    initiator: &'static [Verb],
    examiner: &'static [Verb],
    stage: Stage,
) -> Crossing {
    Crossing {
        name,
        rules,
        before,
        initiator,
        examiner,
        stage,
        slot: Slot::Free,
        stop: false,
        fact: false,
        question: false,
        overridden: (false, false),
    }
}

impl Crossing {
    const fn slot(self, slot: Slot) -> Crossing {
        Crossing { slot, ..self }
    }
    const fn stop(self) -> Crossing {
        Crossing { stop: true, ..self }
    }
    const fn fact(self) -> Crossing {
        Crossing { fact: true, slot: Slot::Used, ..self }
    }
    const fn question(self) -> Crossing {
        Crossing { question: true, ..self }
    }
    const fn initiator_overridden(self) -> Crossing {
        Crossing { overridden: (true, self.overridden.1), ..self }
    }
    const fn examiner_overridden(self) -> Crossing {
        Crossing { overridden: (self.overridden.0, true), ..self }
    }

    fn check(&self, law: &'static Law) -> Found {
        let first = self.play(law, I)?;
        let second = self.play(law, E)?;
        let told = |what: &str| format!("{} {what}", self.name);
        expect(&told("in the other order"), second.state(), first.state())?;
        let state = first.state();
        expect(&told("stage"), state.stage, self.stage)?;
        expect(&told("slot"), state.slot, self.slot)?;
        expect(&told("stop"), state.stop.any(), self.stop)?;
        expect(&told("fact"), state.fact, self.fact)?;
        expect(&told("question"), state.question.is_some(), self.question)?;
        for leg in [&first, &second] {
            let last = |side| leg.overridden(side, leg.len(side));
            expect(&told("overridden"), (last(I), last(E)), self.overridden)?;
        }
        Ok(())
    }

    /// Folds one side's messages before the other's.
    fn play(&self, law: &'static Law, ahead: Side) -> Result<Leg, String> {
        let mut leg = opened(law, self.rules);
        for (by, verb) in self.before {
            say(&mut leg, *by, *verb)?;
        }
        let common = leg.all();
        for by in [ahead, ahead.other()] {
            let verbs = if by == I { self.initiator } else { self.examiner };
            for verb in verbs {
                let act = next_act(&leg, by, *verb, common.depth(by.other()));
                let act = jieli_proto::case::Act { made_on: crate::world::day(50), ..act };
                let verdict = leg.receive(act, &patient);
                if verdict != Ok(Verdict::Legal) {
                    return Err(format!("{}: {by:?} {verb:?} is {verdict:?}", self.name));
                }
            }
        }
        Ok(leg)
    }
}

/// All crossings under one law; the first that comes out otherwise.
pub(crate) fn all(law: &'static Law) -> Found {
    ALL.iter().try_for_each(|crossing| crossing.check(law))
}

macro_rules! crossings {
    ($($name:ident: $make:expr;)*) => {
        const ALL: &[Crossing] = &[$(Crossing { name: stringify!($name), ..$make }),*];
        mod named {
            $(
                #[test]
                fn $name() {
                    let crossing = super::ALL.iter().find(|c| c.name == stringify!($name));
                    crossing.unwrap().check(&super::Law::V1).unwrap();
                }
            )*
        }
    };
}

crossings! {
    // Two closing acts, no fact: by rank; the lower one is overridden; slot freed.
    withdraw_beats_decline: plain("", PUSH, ACCEPTED, &[Verb::Withdraw], &[Verb::Decline], Stage::Withdrawn).stop().examiner_overridden();
    withdraw_beats_void: plain("", PUSH, ACCEPTED, &[Verb::Void], &[Verb::Withdraw], Stage::Withdrawn).stop().initiator_overridden();
    withdraw_beats_expire: plain("", PUSH, ACCEPTED, &[Verb::Withdraw], &[Verb::Expire], Stage::Withdrawn).stop().examiner_overridden();
    withdraw_beats_return: plain("", PUSH, RELEASED, &[Verb::Return], &[Verb::Withdraw], Stage::Withdrawn).stop().initiator_overridden();
    withdraw_beats_not_realised: plain("", PUSH, RELEASED, &[Verb::Withdraw], &[Verb::OutcomeNotRealised], Stage::Withdrawn).stop().examiner_overridden();
    withdraw_x_withdraw: plain("", PUSH, ACCEPTED, &[Verb::Withdraw], &[Verb::Withdraw], Stage::Withdrawn).stop();
    void_beats_decline: plain("", PUSH, ACCEPTED, &[Verb::Void], &[Verb::Decline], Stage::Voided).examiner_overridden();
    void_beats_expire: plain("", PUSH, ACCEPTED, &[Verb::Void], &[Verb::Expire], Stage::Voided).examiner_overridden();
    void_beats_not_realised: plain("", PULL, PULL_ACCEPTED, &[Verb::Void], &[Verb::OutcomeNotRealised], Stage::Voided).examiner_overridden();
    decline_beats_expire: plain("", PUSH, TAKEN, &[Verb::Expire], &[Verb::Decline], Stage::Declined).initiator_overridden();
    not_realised_beats_return: plain("", PUSH, RELEASED, &[Verb::Return], &[Verb::OutcomeNotRealised], Stage::NotRealised).initiator_overridden();
    not_realised_beats_expire: plain("", PUSH, RELEASED, &[Verb::Expire], &[Verb::OutcomeNotRealised], Stage::NotRealised).initiator_overridden();
    return_beats_expire: plain("", PUSH, RELEASED, &[Verb::Expire], &[Verb::Return], Stage::Returned).initiator_overridden();
    return_x_return: plain("", PUSH, RELEASED, &[Verb::Return], &[Verb::Return], Stage::Returned);
    a_withdraw_of_what_was_seen_closed_only_stops: plain("", PUSH, TAKEN, &[Verb::Void, Verb::Withdraw], &[Verb::Decline], Stage::Voided).stop().examiner_overridden();

    // Closing act x open act: the closing act; slot freed.
    void_x_take_up: plain("", PUSH, &[], &[Verb::Void], &[Verb::TakeUp], Stage::Voided).examiner_overridden();
    void_x_accept: plain("", PUSH, TAKEN, &[Verb::Void], &[Verb::Accept], Stage::Voided).examiner_overridden();
    void_x_clarify: plain("", PUSH, TAKEN, &[Verb::Void], &[Verb::Clarify], Stage::Voided);
    withdraw_x_accept: plain("", PUSH, TAKEN, &[Verb::Withdraw], &[Verb::Accept], Stage::Withdrawn).stop().examiner_overridden();
    withdraw_x_waitlist: plain("", PUSH, TAKEN, &[Verb::Withdraw], &[Verb::Waitlist], Stage::Withdrawn).stop().examiner_overridden();
    expire_x_accept: plain("", PUSH, TAKEN, &[Verb::Expire], &[Verb::Accept], Stage::Expired).examiner_overridden();
    decline_x_release: plain("", PUSH, ACCEPTED, &[Verb::Release], &[Verb::Decline], Stage::Declined).initiator_overridden();
    expire_x_release: plain("", PUSH, ACCEPTED, &[Verb::Release], &[Verb::Expire], Stage::Expired).initiator_overridden();
    withdraw_x_release: plain("", PUSH, ACCEPTED, &[Verb::Release], &[Verb::Withdraw], Stage::Withdrawn).stop().initiator_overridden();

    // OUTCOME (fulfilled) x anything: the fact stands.
    outcome_x_withdraw: plain("", PUSH, RELEASED, &[Verb::Withdraw], &[Verb::OutcomeFulfilled], Stage::Fulfilled).fact().stop();
    outcome_x_return: plain("", PUSH, RELEASED, &[Verb::Return], &[Verb::OutcomeFulfilled], Stage::Returned).fact();
    outcome_x_expire: plain("", PUSH, RELEASED, &[Verb::Expire], &[Verb::OutcomeFulfilled], Stage::Fulfilled).fact().initiator_overridden();
    outcome_x_void: plain("", PULL, PULL_ACCEPTED, &[Verb::Void], &[Verb::OutcomeFulfilled], Stage::Fulfilled).fact().initiator_overridden();
    outcome_x_correct: plain("", PULL, PULL_ACCEPTED, &[Verb::CorrectDecisive], &[Verb::OutcomeFulfilled], Stage::Fulfilled).fact().initiator_overridden();
    outcome_x_supply: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Accept), (I, Verb::Release), (E, Verb::Clarify)], &[Verb::Supply], &[Verb::OutcomeFulfilled], Stage::Fulfilled).fact();

    // COMPLETE x WITHDRAW / RETURN / EXPIRE: COMPLETED + stop / RETURNED / COMPLETED.
    complete_x_withdraw: plain("", PUSH, FULFILLED, &[Verb::Complete], &[Verb::Withdraw], Stage::Completed).fact().stop();
    complete_x_return: plain("", PUSH, FULFILLED, &[Verb::Complete], &[Verb::Return], Stage::Returned).fact().initiator_overridden();
    complete_x_expire: plain("", PUSH, FULFILLED, &[Verb::Complete], &[Verb::ExpireComplete], Stage::Completed).fact().examiner_overridden();
    expire_x_expire_of_complete: plain("", PUSH, FULFILLED, &[Verb::ExpireComplete], &[Verb::ExpireComplete], Stage::Unconfirmed).fact();
    expire_of_complete_x_return: plain("", PUSH, FULFILLED, &[Verb::ExpireComplete], &[Verb::Return], Stage::Returned).fact().initiator_overridden();
    expire_of_complete_x_withdraw: plain("", PUSH, FULFILLED, &[Verb::Withdraw], &[Verb::ExpireComplete], Stage::Unconfirmed).fact().stop();

    // CORRECT x ACCEPT.
    correct_x_accept: plain("", PUSH, TAKEN, &[Verb::Correct], &[Verb::Accept], Stage::Accepted).slot(HELD);
    decisive_correct_x_accept: plain("", PUSH, TAKEN, &[Verb::CorrectDecisive], &[Verb::Accept], Stage::TakenUp).slot(HELD).examiner_overridden();
    decisive_correct_x_accept_from_the_list: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Waitlist)], &[Verb::CorrectDecisive], &[Verb::Accept], Stage::TakenUp).slot(HELD).examiner_overridden();
    two_corrects_x_accept: plain("", PULL, TAKEN, &[Verb::CorrectDecisive, Verb::CorrectDecisive], &[Verb::Accept], Stage::TakenUp).slot(HELD).examiner_overridden();
    decisive_correct_x_waitlist: plain("", PUSH, TAKEN, &[Verb::CorrectDecisive], &[Verb::Waitlist], Stage::Waitlisted).initiator_overridden();

    // REDIRECT x SUPPLY, CORRECT: the answer follows the leg to the new office.
    redirect_x_supply: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Clarify)], &[Verb::Supply], &[Verb::Redirect], Stage::Offered);
    redirect_x_correct: plain("", PUSH, TAKEN, &[Verb::CorrectDecisive], &[Verb::Redirect], Stage::Offered).initiator_overridden();
    redirect_keeps_the_question: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Clarify)], &[Verb::Correct], &[Verb::Redirect], Stage::Offered).question();
    redirect_gives_up_the_slot: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Accept), (I, Verb::CorrectDecisive)], &[Verb::Correct], &[Verb::Redirect], Stage::Offered);

    // RELEASE x CLARIFY: RELEASED, the question stays open.
    release_x_clarify: plain("", PUSH, ACCEPTED, &[Verb::Release], &[Verb::Clarify], Stage::Released).slot(HELD).question();
    // Correction of the job terms x RELEASE: RELEASED (the OUTCOME rule is in `conditions`).
    release_x_correct: plain("", PUSH, ACCEPTED, &[Verb::Release], &[Verb::Correct], Stage::Released).slot(HELD);
    a_late_correction_does_not_reopen: plain("", PUSH, ACCEPTED, &[Verb::Release, Verb::CorrectDecisive], &[Verb::Clarify], Stage::Released).slot(HELD).question();

    // An answer closes the question it names, and no other.
    supply_x_a_newer_question: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Clarify)], &[Verb::Supply], &[Verb::Accept, Verb::Clarify], Stage::Accepted).slot(HELD).question();
    supply_x_waitlist: plain("", PUSH, &[(E, Verb::TakeUp), (E, Verb::Clarify)], &[Verb::Supply], &[Verb::Waitlist], Stage::Waitlisted);
}
