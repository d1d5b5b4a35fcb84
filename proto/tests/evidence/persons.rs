//! A bundle of two cities that agreed to make another person of the one who said yes: the verifier
//! asks what an honest receiver would have asked.

use crate::bundle::codes;
use crate::fixtures::*;
use crate::story::{Plot, close, consent, story};
use crate::world::World;
use jieli_proto::bundle::build;
use jieli_proto::envelope::env_digest;
use jieli_proto::kinds::PartySide;
use jieli_proto::section::Value;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};

/// Of the same year as the child of the story.
const OTHER: &str = "999999201901020017";

fn text(field: u32, value: &str) -> (u32, Value) {
    (field, Value::Text(value.to_owned()))
}

/// A CORRECT of the person block, message `number` of A; `yes` tells one consent from another.
fn correct(world: &mut World, number: u8, fields: &[u32], values: &[(u32, Value)], yes: u8) {
    let sealed = world
        .city(PartySide::A)
        .message
        .seal(&wire::Consent { consent_id: vec![yes; 16], ..consent([OFFICE_A[1], OFFICE_B[1]]) });
    let cites = env_digest(&sealed);
    if !world.bundle.consents.contains(&sealed) {
        world.bundle.consents.push(sealed);
    }
    let all: [(u8, &[(u32, Value)]); 5] = [(2, &[]), (16, values), (18, &[]), (19, &[]), (33, &[])];
    let (sections, digests) = world.fill(0xd0 + number, &all);
    let said = world.deliver(PartySide::A, MessageType::Correct, |message| {
        message.section_digests = digests;
        message.consent_digest = cites.to_vec();
        message.body = Some(Body::Correct(wire::Correct {
            corrects: vec![0xab; 32],
            section: 16,
            fields: fields.to_vec(),
            ..wire::Correct::default()
        }));
    });
    let person = sections.into_iter().find(|section| section.section == 16).unwrap();
    world.bundle.sections.push((said, person));
}

/// What the verifier finds after OFFER, TAKE UP, ACCEPT, RELEASE and these corrections.
fn found(change: impl FnOnce(&mut World)) -> Vec<&'static str> {
    let mut world = story(&Plot::short());
    change(&mut world);
    close(&mut world, false);
    codes(&build(&world.bundle).unwrap(), &world.roots())
}

#[test]
fn corrections_of_one_person_under_yeses_of_their_own_hold() {
    let none: [&str; 0] = [];
    let all = found(|world| {
        correct(world, 3, &[1], &[text(1, "欧阳·娜仁乙")], 1);
        correct(world, 4, &[1, 4], &[text(1, "欧阳·娜仁"), text(4, "19900010001")], 2);
    });
    assert_eq!(all, none);
    assert_eq!(found(|world| correct(world, 3, &[3], &[text(3, OTHER)], 1)), none);
}

#[test]
fn another_person_or_one_yes_for_two_corrections_is_found() {
    let again = found(|world| {
        correct(world, 3, &[4], &[text(4, "19900010001")], 1);
        correct(world, 4, &[4], &[text(4, "19900010002")], 1);
    });
    assert_eq!(again, ["CONSENT_FALSE"]);
    let by_and_by = found(|world| {
        correct(world, 3, &[1], &[text(1, "甲乙")], 1);
        correct(world, 4, &[4], &[text(4, "19900010001")], 2);
        correct(world, 5, &[3], &[text(3, OTHER)], 3);
    });
    assert_eq!(by_and_by, ["MESSAGE_FORM"], "the chain counts, not the last step");
    let unnamed = [text(1, "甲乙"), text(3, OTHER)];
    assert_eq!(found(|world| correct(world, 3, &[4], &unnamed, 1)), ["MESSAGE_FORM"]);
}
