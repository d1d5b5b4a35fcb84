//! A test of the tests: faults planted in the law one at a time, each of which some check must find.

use jieli_proto::case::{Effect, Guard, Law, Stage, Stages, Verb};
use serde_json::Value;

use crate::world::{Found, PULL, PUSH};
use crate::{conditions, crossings, explore, vectors};

type Fault = fn(&mut Law);

/// Each is one line of the page read wrong.
const FAULTS: &[(&str, Fault)] = &[
    ("RELEASE before ACCEPT", |law| law.rows[Verb::Release.index()].push = TAKEN_OR_ACCEPTED),
    ("RETURN after WITHDRAW", |law| law.rows[Verb::Return.index()].after_stop = true),
    ("WITHDRAW yields to VOID", |law| law.rank[Stage::Withdrawn.index()] = 4),
    ("EXPIRE beats RETURN", |law| law.rank[Stage::Expired.index()] = 4),
    ("DECLINE beats VOID", |law| law.rank[Stage::Declined.index()] = 6),
    ("a stale ACCEPT counts", |law| {
        law.rows[Verb::Accept.index()].effect = Effect::Move {
            from: Stages::of(&[Stage::TakenUp, Stage::Waitlisted]),
            to: Stage::Accepted,
            frees_slot: false,
            ends_question: true,
        };
    }),
    ("a correction leaves ACCEPTED", |law| {
        law.rows[Verb::CorrectDecisive.index()].effect = Effect::Keep;
    }),
    ("a correction reopens RELEASED", |law| {
        law.rows[Verb::CorrectDecisive.index()].effect =
            step(&[Stage::Accepted, Stage::Released], Stage::TakenUp, false);
    }),
    ("an EXPIRE undoes a fact", |law| {
        law.rows[Verb::Expire.index()].effect =
            step(&[Stage::Released, Stage::Fulfilled], Stage::Expired, true);
    }),
    ("OUTCOME is an ordinary move", |law| {
        law.rows[Verb::OutcomeFulfilled.index()].effect =
            step(&[Stage::Released, Stage::TakenUp, Stage::Accepted], Stage::Fulfilled, false);
    }),
    ("RETURN cannot return a fact", |law| {
        law.rows[Verb::Return.index()].effect = Effect::Close(Stage::Returned);
    }),
    ("WITHDRAW does not stop", |law| {
        law.rows[Verb::Withdraw.index()].effect = Effect::Close(Stage::Withdrawn);
    }),
    ("WITHDRAW only while live", |law| law.rows[Verb::Withdraw.index()].push = Stages::LIVE),
    ("a stop bars WITHDRAW EFFECT", |law| {
        law.rows[Verb::WithdrawEffect.index()].after_stop = false;
    }),
    ("WITHDRAW EFFECT twice", |law| law.rows[Verb::WithdrawEffect.index()].guards = &[]),
    ("any SUPPLY answers", |law| law.rows[Verb::Supply.index()].guards = &[]),
    ("CLARIFY over an open question", |law| {
        law.rows[Verb::Clarify.index()].guards = &[Guard::NewGround];
    }),
    ("one ground asked twice", |law| law.rows[Verb::Clarify.index()].guards = &[Guard::NoQuestion]),
    ("WAITLIST keeps the slot", |law| {
        law.rows[Verb::Waitlist.index()].effect = step(&[Stage::TakenUp], Stage::Waitlisted, false);
    }),
    ("three redirects", |law| law.redirects_max = 3),
    ("one redirect", |law| law.redirects_max = 1),
    ("REDIRECT keeps the slot", |law| {
        law.rows[Verb::Redirect.index()].effect =
            step(&[Stage::Offered, Stage::TakenUp], Stage::Offered, false);
    }),
    ("EXPIRE by whom nothing is owed", |law| {
        law.rows[Verb::Expire.index()].guards = &[Guard::Overdue];
    }),
    ("EXPIRE without proof", |law| law.rows[Verb::Expire.index()].guards = &[Guard::Owed]),
    ("EXPIRE of COMPLETE confirms", |law| {
        law.rows[Verb::ExpireComplete.index()].effect =
            step(&[Stage::Fulfilled], Stage::Completed, false);
    }),
    ("no COMPLETE after UNCONFIRMED", |law| {
        law.rows[Verb::Complete.index()].pull = Stages::of(&[Stage::Fulfilled]);
        law.rows[Verb::Complete.index()].push = Stages::of(&[Stage::Fulfilled]);
    }),
    ("ERASE while open", |law| {
        law.rows[Verb::EraseNotice.index()].guards = &[Guard::FirstEraseNotice];
    }),
    ("CORRECT after ERASE", |law| law.rows[Verb::Correct.index()].guards = &[Guard::OwnTerms]),
    ("OUTCOME on unread terms", |law| law.rows[Verb::OutcomeFulfilled.index()].guards = &[]),
    ("RELEASE without consent", |law| {
        law.rows[Verb::Release.index()].guards = &[Guard::SlotDate, Guard::CarriesTerms];
    }),
    ("RELEASE on old terms", |law| {
        law.rows[Verb::Release.index()].guards = &[Guard::SlotDate, Guard::ConsentLive];
    }),
    ("RELEASE after the slot date", |law| {
        law.rows[Verb::Release.index()].guards = &[Guard::ConsentLive, Guard::CarriesTerms];
    }),
    ("REMIND every working day", |law| law.remind_gap_working_days = 1),
    ("REMIND a week ahead", |law| law.remind_ahead_working_days = 5),
];

const TAKEN_OR_ACCEPTED: Stages = Stages::of(&[Stage::TakenUp, Stage::Accepted]);

const fn step(from: &[Stage], to: Stage, frees_slot: bool) -> Effect {
    Effect::Move { from: Stages::of(from), to, frees_slot, ends_question: false }
}

#[test]
fn every_planted_fault_is_found() {
    let histories = vectors::load();
    suite(&Law::V1, &histories).unwrap();
    let missed: Vec<&str> = FAULTS
        .iter()
        .filter(|(_, plant)| {
            let mut law = Law::V1;
            plant(&mut law);
            assert_ne!(law, Law::V1);
            suite(Box::leak(Box::new(law)), &histories).is_ok()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The properties alone, without the other model's verdicts and without the named crossings: these
/// faults break a promise, not only a table.
#[test]
fn broken_promises_are_found_without_examples() {
    let broken: &[Fault] = &[
        |law| law.rows[Verb::Release.index()].push = TAKEN_OR_ACCEPTED,
        |law| law.rows[Verb::Return.index()].after_stop = true,
        |law| law.rank[Stage::NotRealised.index()] = 3,
        |law| {
            law.rows[Verb::Accept.index()].effect = step(&[Stage::TakenUp], Stage::Accepted, false)
        },
        |law| law.rows[Verb::Return.index()].effect = Effect::Close(Stage::Returned),
        |law| {
            law.rows[Verb::Expire.index()].effect =
                step(&[Stage::Released, Stage::Fulfilled], Stage::Expired, true)
        },
        |law| law.rows[Verb::Void.index()].push = Stages::NONE,
        |law| law.rows[Verb::Complete.index()].push = Stages::NONE,
        |law| law.redirects_max = 3,
        |law| law.rows[Verb::Withdraw.index()].effect = Effect::Close(Stage::Withdrawn),
    ];
    for (n, plant) in broken.iter().enumerate() {
        let mut law = Law::V1;
        plant(&mut law);
        assert!(properties(&law).is_err(), "fault {n} is not found");
    }
}

fn suite(law: &'static Law, histories: &[Value]) -> Found {
    vectors::all(law, histories)?;
    crossings::all(law)?;
    conditions::all(law)
}

fn properties(law: &Law) -> Found {
    explore::fixpoint(law, PUSH, 1).and_then(|_| explore::fixpoint(law, PULL, 1)).map(|_| ())
}
