//! Taking back does not need the agreement: the leg has fixed its offices, and they alone count.

use crate::fixtures::*;
use crate::story::{agreed, agreement, close};
use crate::world::World;
use jieli_proto::agreement::{Agreement, Asked, office_at};
use jieli_proto::bundle::{build, verify};
use jieli_proto::day::Day;
use jieli_proto::kinds::PartySide;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, MessageType as T, Purpose, Service};

fn asked(message: T) -> Asked<'static> {
    Asked {
        sender: PartySide::A,
        message,
        service: Service::Schooling,
        from_office: OFFICE_A[1],
        to_office: OFFICE_B[1],
        purpose: Purpose::Unspecified,
        holder: PartySide::A,
        on: Day::new(2026, 11, 23).unwrap(),
    }
}

#[test]
fn what_was_begun_is_taken_back_under_a_version_without_the_office() {
    let world = agreed();
    for side in 0..2 {
        let mut next = agreement(&world);
        next.version = 2;
        next.parties[side].offices.truncate(1);
        let next = Agreement::check(&next).unwrap();
        for ty in [T::Withdraw, T::WithdrawEffect, T::EraseNotice, T::EraseConfirm, T::Expire] {
            assert_eq!(next.authorise(&asked(ty)), Ok(()), "{ty:?} {side}");
        }
        for ty in [T::Offer, T::Remind, T::Void] {
            assert_eq!(next.authorise(&asked(ty)), Err(Refusal::OfficeNotCovered), "{ty:?} {side}");
        }
    }
}

/// Version 2, in which another office has taken over from B's second one.
fn merged(world: &World) -> wire::Agreement {
    let mut next = agreement(world);
    next.version = 2;
    let office = &mut next.parties[1].offices[1];
    office.succeeds = vec![office.credit_code.clone()];
    office.credit_code = HEIR.to_owned();
    next.parties[1].offices.sort_by(|a, b| a.credit_code.cmp(&b.credit_code));
    next
}

const HEIR: &str = "11999999MB00009996";

#[test]
fn who_takes_over_is_of_the_same_kind_and_the_one_before_is_gone() {
    let world = agreed();
    let first = Agreement::check(&agreement(&world)).unwrap();
    let next = merged(&world);
    let second = Agreement::check(&next).unwrap();
    assert_eq!(second.follows(Some(&first)), Ok(()));
    // Said again it still holds; said of an office that nobody knew it does not.
    assert_eq!(second.follows(Some(&second)), Ok(()));
    assert!(second.follows(None).is_err());
    let at = next.parties[1].offices.iter().position(|o| o.credit_code == HEIR).unwrap();
    let mut other = next.clone();
    other.parties[1].offices[at].kind = wire::OfficeKind::Compliance.into();
    assert!(Agreement::check(&other).unwrap().follows(Some(&first)).is_err());
    let mut still = next.clone();
    still.parties[1].offices[at].succeeds =
        vec![still.parties[1].offices[1 - at].credit_code.clone()];
    assert!(Agreement::check(&still).is_err(), "an office that is still there");
    // Back to the one before: nobody is the last.
    let mut back = next.clone();
    back.version = 3;
    back.parties[1].offices[at].credit_code = OFFICE_B[1].to_owned();
    back.parties[1].offices[at].succeeds = vec![HEIR.to_owned()];
    back.parties[1].offices.sort_by(|a, b| a.credit_code.cmp(&b.credit_code));
    let third = Agreement::check(&back).unwrap();
    assert_eq!(third.follows(Some(&second)), Ok(()));
    assert!(third.goes_on([&first, &second].into_iter()).is_err(), "a circle");
    assert_eq!(second.goes_on([&first].into_iter()), Ok(()));
    let live = [(1, first), (2, second)].into();
    let of = |span| office_at(&live, PartySide::B, OFFICE_B[1], span).to_owned();
    assert_eq!(
        (of((1, 1)), of((1, 2)), of((2, 2))),
        (OFFICE_B[1].into(), HEIR.into(), OFFICE_B[1].into())
    );
    assert_eq!(
        office_at(&live, PartySide::A, OFFICE_B[1], (1, 2)),
        OFFICE_B[1],
        "of its own side alone"
    );
}

fn withdrawn(change: impl FnOnce(&mut wire::Message)) -> Vec<String> {
    let mut world: World = agreed();
    world.deliver(PartySide::A, T::Offer, |_| ());
    world.deliver(PartySide::A, T::Withdraw, change);
    close(&mut world, false);
    let found = verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap();
    found.failures.iter().map(|failure| failure.code.name().to_owned()).collect()
}

#[test]
fn a_verifier_holds_a_withdrawal_to_the_offices_of_its_leg() {
    assert!(withdrawn(|_| ()).is_empty());
    assert_eq!(withdrawn(|m| m.to_office = OFFICE_B[0].to_owned()), ["NOT_AUTHORISED"]);
    assert_eq!(withdrawn(|m| m.from_office = OFFICE_A[0].to_owned()), ["NOT_AUTHORISED"]);
}
