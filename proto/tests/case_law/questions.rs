//! What a city asks of a leg: the next steps, what is owed, whether it is settled, whether a refusal
//! is misbehaviour.

use jieli_proto::case::{Act, Desk, Duty, Heard, Illegal, Kind, Law, Leg, Past, Verb, Verdict};

use crate::world::{E, I, PULL, PUSH, day, desk, opened, patient, say};

#[test]
fn a_desk_is_offered_legal_steps_only() {
    let mut leg = opened(&Law::V1, PUSH);
    let early = [Verb::Correct, Verb::CorrectDecisive, Verb::Withdraw, Verb::Void, Verb::Consent];
    let silent = Desk { proof: None, today: day(-10), ..desk() };
    for verb in early {
        assert!(leg.next(I, silent).contains(&verb), "{verb:?}");
    }
    assert!(!leg.next(E, silent).contains(&Verb::CorrectDecisive));
    assert!(!leg.next(I, silent).contains(&Verb::Expire));
    assert!(leg.next(I, desk()).contains(&Verb::Expire));
    say(&mut leg, E, Verb::TakeUp).unwrap();
    say(&mut leg, E, Verb::Accept).unwrap();
    assert!(leg.next(I, desk()).contains(&Verb::Release));
    assert!(!leg.next(I, Desk { consent_live: false, ..desk() }).contains(&Verb::Release));
    let owed = leg.owed();
    assert_eq!((owed[0].duty, owed[0].by, owed[0].due), (Duty::Release, I, Some(day(0))));
    say(&mut leg, E, Verb::Withdraw).unwrap();
    let owed = leg.owed();
    assert_eq!((owed.len(), owed[0].duty, owed[0].by), (1, Duty::WithdrawEffect, I));
}

#[test]
fn a_closed_leg_is_settled_once_both_know() {
    let mut leg = opened(&Law::V1, PUSH);
    say(&mut leg, E, Verb::TakeUp).unwrap();
    say(&mut leg, I, Verb::Void).unwrap();
    // The initiator does not know that the VOID arrived; the examiner holds it.
    assert!(!leg.settled(I, Heard::default()));
    assert!(leg.settled(E, Heard::default()));
    // A receipt tells, but only once everything sent before it is here.
    assert!(!leg.settled(I, Heard { own: 2, theirs: 2 }));
    assert!(leg.settled(I, Heard { own: 2, theirs: 1 }));
    say(&mut leg, E, Verb::EraseNotice).unwrap();
    assert!(leg.settled(I, Heard::default()));
}

#[test]
fn a_leg_whose_first_message_was_refused_does_not_exist() {
    let mut leg = Leg::new(PUSH);
    let offer = leg.draft(I, Kind::Offer, day(0));
    leg.admit(offer, Verdict::Technical).unwrap();
    assert!(!leg.exists());
    for (by, kind) in [(E, Kind::TakeUp), (I, Kind::Offer), (I, Kind::Withdraw)] {
        let act = leg.draft(by, kind, day(1));
        assert_eq!(leg.judge(&act, &patient), Err(Illegal::NoSuchLeg));
        assert!(!leg.misbehaves(&act, &patient));
    }
    // Nor does a leg opened the wrong way round, or by the wrong side.
    let leg = Leg::new(PULL);
    let offer = leg.draft(I, Kind::Offer, day(0));
    assert_eq!(leg.judge(&offer, &patient), Err(Illegal::WrongDirection));
    let request = leg.draft(E, Kind::Request, day(0));
    assert_eq!(leg.judge(&request, &patient), Err(Illegal::NotYourStep));
}

#[test]
fn who_did_not_know_of_a_refusal_does_not_misbehave() {
    let mut leg = opened(&Law::V1, PUSH);
    let take_up = leg.draft(E, Kind::TakeUp, day(1));
    leg.admit(take_up, Verdict::Technical).unwrap();
    let accept = leg.draft(E, Kind::Accept { slot_until: None, terms: None }, day(1));
    assert_eq!(leg.judge(&accept, &patient), Err(Illegal::WrongStage));
    assert!(!leg.misbehaves(&accept, &patient));
    let outcome = leg.draft(E, Kind::OutcomeFulfilled, day(1));
    assert!(leg.misbehaves(&outcome, &patient));
    // What cannot be read cannot be held against its author's next message.
    let mut leg = opened(&Law::V1, PUSH);
    leg.admit_unreadable(E);
    let accept = leg.draft(E, Kind::Accept { slot_until: None, terms: None }, day(1));
    assert!(leg.judge(&accept, &patient).is_err());
    assert!(!leg.misbehaves(&accept, &patient));
    assert!(leg.misbehaves(&leg.draft(I, Kind::TakeUp, day(1)), &patient));
}

#[test]
fn a_message_has_one_place() {
    let mut leg = opened(&Law::V1, PUSH);
    let void = leg.draft(I, Kind::Void, day(1));
    let gap = Act { seq: 3, ..void.clone() };
    let ahead = Act { seen: 1, ..void };
    assert_eq!(leg.judge(&gap, &patient), Err(Illegal::BadChain));
    assert_eq!(leg.judge(&ahead, &patient), Err(Illegal::SeenUnknown));
    assert_eq!(leg.admit(gap, Verdict::Legal), Err(Illegal::BadChain));
    assert_eq!(leg.all(), Past { initiator: 1, examiner: 0 });
    say(&mut leg, E, Verb::TakeUp).unwrap();
    say(&mut leg, I, Verb::Correct).unwrap();
    let back = Act { seen: 0, ..leg.draft(I, Kind::Void, day(1)) };
    assert_eq!(leg.judge(&back, &patient), Err(Illegal::SeenWentBack));
    assert!(Illegal::SeenWentBack.takes_place() && !Illegal::SeenUnknown.takes_place());
}
