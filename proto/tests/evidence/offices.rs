//! Taking back does not need the agreement: the leg has fixed its offices, and they alone count.

use crate::fixtures::*;
use crate::story::{agreed, agreement, close};
use crate::world::World;
use jieli_proto::agreement::{Agreement, Asked};
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
        for ty in [T::Withdraw, T::WithdrawEffect, T::EraseNotice, T::EraseConfirm] {
            assert_eq!(next.authorise(&asked(ty)), Ok(()), "{ty:?} {side}");
        }
        for ty in [T::Offer, T::Remind, T::Void] {
            assert_eq!(next.authorise(&asked(ty)), Err(Refusal::OfficeNotCovered), "{ty:?} {side}");
        }
    }
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
