//! The case law, replayed from a bundle: the same word as both cities had.

use crate::fixtures::*;
use crate::story::{Plot, agreed, close, consent, played};
use crate::world::{World, index};
use jieli_proto::bundle::*;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ActType, Duty, MessageType as T};

const A: PartySide = PartySide::A;
const B: PartySide = PartySide::B;
const DAY: u64 = 86_400_000;

fn verdicts(world: &World) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap()
}

/// The codes of what does not hold, and the case law's word.
fn told(mut world: World) -> (Vec<&'static str>, CaseVerdict) {
    close(&mut world, false);
    let found = verdicts(&world);
    let mut codes: Vec<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    assert_eq!(found.legs.len(), 1);
    (codes, found.legs[0].case.clone())
}

fn legal(world: World, stage: &str) {
    assert_eq!(told(world), (Vec::new(), CaseVerdict::Legal(stage.to_owned())));
}

/// Nothing is wrong but this.
fn illegal(world: World, what: &str) {
    let (codes, case) = told(world);
    let CaseVerdict::Illegal(found) = case else { panic!("{case:?} {codes:?}") };
    assert!(found.contains(what), "{found}");
    assert_eq!(codes, ["CASE_LAW"]);
}

fn offered() -> World {
    let mut world = agreed();
    world.deliver(A, T::Offer, |_| ());
    world
}

fn taken_up() -> World {
    let mut world = offered();
    world.deliver(B, T::TakeUp, |_| ());
    world
}

fn release(world: &mut World, change: impl FnOnce(&mut wire::Message)) {
    let sealed = world.city(A).message.seal(&consent([OFFICE_A[1], OFFICE_B[1]]));
    let cited = env_digest(&sealed);
    world.bundle.consents.push(sealed);
    world.deliver(A, T::Release, |message| {
        message.consent_digest = cited.to_vec();
        change(message);
    });
}

fn refuse(world: &mut World, side: PartySide, kind: T, code: Refusal) {
    let (digest, seq) = world.send(side, kind, |_| ());
    world.receipt(Lane::messages(side), &[(digest, seq, Some(code))]);
}

fn expire(world: &mut World, receipt: Digest, change: impl FnOnce(&mut wire::Message)) {
    world.deliver(A, T::Expire, |message| {
        message.body = Some(Body::Expire(wire::Expire {
            duty: Duty::TakeUp.into(),
            receipt: receipt.to_vec(),
            terminate: Vec::new(),
        }));
        change(message);
    });
}

fn remind(world: &mut World) -> Digest {
    world.deliver(A, T::Remind, |message| {
        message.body = Some(Body::Remind(wire::Remind { duty: Duty::TakeUp.into() }));
    })
}

/// The receipt of the record answered last.
fn last_receipt(world: &World) -> Digest {
    world.bundle.items.last().unwrap().receipt
}

#[test]
fn the_rehearsal_is_legal_and_ends_fulfilled_and_stopped() {
    let found = verdicts(&played());
    assert_eq!(found.legs[0].case, CaseVerdict::Legal("FULFILLED + stop".to_owned()));
    assert!(found.to_json().contains(r#""stage":"FULFILLED + stop""#));
    let short = verdicts(&crate::story::played_as(&Plot::short()));
    assert_eq!(short.legs[0].case, CaseVerdict::Legal("RELEASED".to_owned()));
}

#[test]
fn release_needs_an_accept_in_its_past() {
    let mut world = taken_up();
    release(&mut world, |_| ());
    illegal(world, "initiator city-a, leg_seq 2, RELEASE: 9 ");
    // There is one, but it crossed.
    let mut world = taken_up();
    let seen = world.leg[index(B)].1;
    world.deliver(B, T::Accept, |_| ());
    release(&mut world, |message| message.leg_seen = seen.to_vec());
    illegal(world, "initiator city-a, leg_seq 2, RELEASE: 9 ");
    let mut world = taken_up();
    world.deliver(B, T::Accept, |_| ());
    release(&mut world, |_| ());
    legal(world, "RELEASED");
}

#[test]
fn dates_are_those_of_the_authors_zone() {
    // The slot is held until 2026-12-09; the cities' zone is UTC+8.
    for (hours, may) in [(18 * 24 + 14, true), (18 * 24 + 15, false)] {
        let mut world = taken_up();
        world.deliver(B, T::Accept, |_| ());
        world.late_ms = hours * 3_600_000;
        release(&mut world, |_| ());
        if may { legal(world, "RELEASED") } else { illegal(world, "RELEASE: 18 ") }
    }
}

#[test]
fn crossings_give_one_result_in_both_orders() {
    for withdraw_first in [true, false] {
        let mut world = taken_up();
        let (by_a, by_b) = (world.leg[index(A)].1, world.leg[index(B)].1);
        let withdraw = |world: &mut World| {
            world.deliver(A, T::Withdraw, |message| message.leg_seen = by_b.to_vec());
        };
        let accept = |world: &mut World| {
            world.deliver(B, T::Accept, |message| message.leg_seen = by_a.to_vec());
        };
        if withdraw_first {
            withdraw(&mut world);
            accept(&mut world);
        } else {
            accept(&mut world);
            withdraw(&mut world);
        }
        world.deliver(B, T::WithdrawEffect, |_| ());
        legal(world, "WITHDRAWN + stop");
    }
    let mut world = taken_up();
    world.deliver(A, T::Withdraw, |_| ());
    world.deliver(B, T::Accept, |_| ());
    illegal(world, "examiner city-b, leg_seq 2, ACCEPT: 8 ");
    // A fact is never lost: OUTCOME against WITHDRAW.
    let mut world = taken_up();
    world.deliver(B, T::Accept, |_| ());
    release(&mut world, |_| ());
    let seen = world.leg[index(A)].1;
    world.deliver(A, T::Withdraw, |_| ());
    world.deliver(B, T::Outcome, |message| message.leg_seen = seen.to_vec());
    legal(world, "FULFILLED + stop");
}

#[test]
fn a_refusal_by_the_law_must_be_right() {
    for code in [Refusal::IllegalStep, Refusal::FollowsRefused] {
        let mut world = taken_up();
        refuse(&mut world, A, T::Withdraw, code);
        illegal(world, "initiator city-a, leg_seq 2, WITHDRAW: refused by the case law");
        let mut world = taken_up();
        refuse(&mut world, B, T::TakeUp, code);
        legal(world, "TAKEN_UP");
    }
    // Technical: no effect, and not the law's business.
    let mut world = offered();
    refuse(&mut world, B, T::TakeUp, Refusal::KeyRevoked);
    world.deliver(B, T::TakeUp, |_| ());
    legal(world, "TAKEN_UP");
    let mut world = agreed();
    refuse(&mut world, A, T::Offer, Refusal::Suspended);
    legal(world, "NOT_OPENED");
    // Some keep no place in the leg: the next message has it.
    let mut world = taken_up();
    let place = world.leg[index(A)];
    refuse(&mut world, A, T::EraseNotice, Refusal::Equivocation);
    world.leg[index(A)] = place;
    world.deliver(A, T::Withdraw, |_| ());
    legal(world, "WITHDRAWN + stop");
    let mut world = agreed();
    refuse(&mut world, A, T::Offer, Refusal::Suspended);
    world.deliver(A, T::Withdraw, |_| ());
    illegal(world, "WITHDRAW: 1 ");
}

#[test]
fn expire_needs_the_silence_of_the_other_city() {
    // Due on 2026-12-01.
    let late = |days: u64| {
        let mut world = offered();
        let early = last_receipt(&world);
        world.late_ms = days * DAY;
        remind(&mut world);
        let receipt = last_receipt(&world);
        (world, early, receipt)
    };
    let (mut world, _, receipt) = late(11);
    expire(&mut world, receipt, |_| ());
    legal(world, "EXPIRED");
    let (mut world, early, _) = late(11);
    expire(&mut world, early, |_| ());
    illegal(world, "EXPIRE: 32 ");
    let (mut world, _, receipt) = late(10);
    expire(&mut world, receipt, |_| ());
    illegal(world, "EXPIRE: 31 ");
    // B had taken it up before it signed the receipt.
    let mut world = offered();
    world.late_ms = 11 * DAY;
    let (taken, seq) = world.send(B, T::TakeUp, |_| ());
    world.deliver(A, T::Remind, |message| {
        message.leg_seen = vec![0; 32];
        message.body = Some(Body::Remind(wire::Remind { duty: Duty::TakeUp.into() }));
    });
    let receipt = last_receipt(&world);
    world.receipt(Lane::messages(B), &[(taken, seq, None)]);
    expire(&mut world, receipt, |message| message.leg_seen = vec![0; 32]);
    illegal(world, "EXPIRE: 33 ");
    // A's own receipt says nothing of B's silence.
    let mut world = offered();
    world.late_ms = 11 * DAY;
    world.deliver(B, T::TakeUp, |_| ());
    let mine = last_receipt(&world);
    expire(&mut world, mine, |_| ());
    illegal(world, "EXPIRE: what it cites proves nothing");
}

#[test]
fn expire_by_the_end_of_the_agreement() {
    let ended = |mut world: World, kind: ActType| {
        let act = wire::Act {
            act_seen: vec![0; 32],
            act_type: kind.into(),
            approvers: vec!["分管局长".to_owned(), "科长".to_owned()],
            wind_down_on: if kind == ActType::Terminate { 20_261_231 } else { 0 },
            ..wire::Act::default()
        };
        let act = world.act(B, act);
        (world, act)
    };
    let expire = |world: &mut World, duty: Duty, act: Digest| {
        world.deliver(B, T::Expire, |message| {
            message.body = Some(Body::Expire(wire::Expire {
                duty: duty.into(),
                receipt: Vec::new(),
                terminate: act.to_vec(),
            }));
        });
    };
    let (mut world, act) = ended(taken_up(), ActType::Terminate);
    expire(&mut world, Duty::Decide, act);
    legal(world, "EXPIRED");
    // Legs already accepted run until the wind-down date.
    for (days, may) in [(39, false), (40, true)] {
        let mut world = taken_up();
        world.deliver(B, T::Accept, |_| ());
        let (mut world, act) = ended(world, ActType::Terminate);
        world.late_ms = days * DAY;
        expire(&mut world, Duty::Release, act);
        if may { legal(world, "EXPIRED") } else { illegal(world, "EXPIRE: 34 ") }
    }
    let (mut world, act) = ended(taken_up(), ActType::Suspend);
    expire(&mut world, Duty::Decide, act);
    illegal(world, "EXPIRE: what it cites proves nothing");
}

#[test]
fn reminders_are_judged_for_every_calendar_at_once() {
    // Ten days ahead: a calendar may have them all off.
    let mut world = offered();
    remind(&mut world);
    legal(world, "OFFERED");
    // Two days apart are two working days somewhere; on one day they are not.
    for (days, may) in [(2, true), (1, false), (0, false)] {
        let mut world = offered();
        remind(&mut world);
        world.late_ms = days * DAY;
        remind(&mut world);
        if may { legal(world, "OFFERED") } else { illegal(world, "REMIND: 36 ") }
    }
    // So a refusal is wrong only if no calendar could be behind it.
    for (days, may) in [(8, true), (9, false), (11, false)] {
        let mut world = offered();
        world.late_ms = days * DAY;
        let (digest, seq) = world.send(A, T::Remind, |message| {
            message.body = Some(Body::Remind(wire::Remind { duty: Duty::TakeUp.into() }));
        });
        world.receipt(Lane::messages(A), &[(digest, seq, Some(Refusal::IllegalStep))]);
        if may { legal(world, "OFFERED") } else { illegal(world, "REMIND: refused by the") }
    }
}

/// A message that nobody can read, and that was refused.
fn rubbish(world: &mut World, side: PartySide) {
    let (digest, seq) = world.send(side, T::EraseNotice, |message| {
        message.body = Some(Body::Withdraw(wire::Withdraw {}));
    });
    world.receipt(Lane::messages(side), &[(digest, seq, Some(Refusal::BadBody))]);
}

#[test]
fn what_cannot_be_read_keeps_its_place() {
    let mut world = taken_up();
    rubbish(&mut world, A);
    rubbish(&mut world, A);
    world.deliver(B, T::Accept, |_| ());
    rubbish(&mut world, A);
    world.deliver(A, T::Withdraw, |_| ());
    rubbish(&mut world, B);
    world.deliver(B, T::WithdrawEffect, |_| ());
    legal(world, "WITHDRAWN + stop");
    // At the end nothing in its own lane names it, only the other side.
    let mut world = taken_up();
    rubbish(&mut world, A);
    rubbish(&mut world, A);
    world.deliver(B, T::Accept, |_| ());
    let (_, case) = told(world);
    assert_eq!(case, CaseVerdict::NotReplayed, "A states a last message that is not readable");
}

#[test]
fn no_message_hides_behind_one_that_cannot_be_read() {
    let mut world = taken_up();
    let hidden = world.deliver(A, T::Withdraw, |_| ());
    rubbish(&mut world, A);
    world.deliver(A, T::EraseNotice, |_| ());
    let receipt = last_of(&world, hidden);
    close(&mut world, false);
    let bundle = &mut world.bundle;
    bundle.envelopes.retain(|envelope| ![hidden, receipt].contains(&env_digest(envelope)));
    bundle.proofs.retain(|(found, ..)| ![hidden, receipt].contains(found));
    bundle.items.retain(|item| item.answers != hidden);
    let found = verdicts(&world);
    let codes: Vec<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    assert_eq!(codes, ["LEG_GAP"]);
    assert_eq!(found.legs[0].complete, Completeness::Gap);
    assert_eq!(found.legs[0].case, CaseVerdict::NotReplayed);
}

fn last_of(world: &World, message: Digest) -> Digest {
    world.bundle.items.iter().find(|item| item.answers == message).unwrap().receipt
}

#[test]
fn what_is_not_signed_or_not_here_is_not_replayed() {
    let world = played();
    let mut roots = world.roots();
    roots.remove(0);
    let found = verify(&build(&world.bundle).unwrap(), &roots).unwrap();
    assert_eq!(found.legs[0].case, CaseVerdict::NotReplayed);
    let mut world = played();
    world.bundle.agreements.clear();
    assert_eq!(verdicts(&world).legs[0].case, CaseVerdict::NotReplayed);
    let mut world = offered();
    world.late_ms = 11 * DAY;
    expire(&mut world, Digest([1; 32]), |_| ());
    assert_eq!(told(world), (vec!["RECEIPT_MISSING"], CaseVerdict::NotReplayed));
}
