//! A bundle of two cities that agreed to make another person of the one who said yes: the verifier
//! asks what an honest receiver would have asked.

use crate::bundle::codes;
use crate::fixtures::*;
use crate::story::{Plot, agree_on, agreement, close, consent, story};
use crate::world::World;
use jieli_proto::agreement::purpose_of;
use jieli_proto::bundle::build;
use jieli_proto::envelope::env_digest;
use jieli_proto::kinds::PartySide;
use jieli_proto::section::{self, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};

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

/// A job from OFFER to a fulfilled OUTCOME, for somebody of an age band; what the verifier finds.
fn job_of(band: u64) -> Vec<&'static str> {
    let (a, b) = (PartySide::A, PartySide::B);
    let mut world = World::new();
    let mut agreed = agreement(&world);
    let labour = wire::OfficeKind::Labour.into();
    let kinds = [MessageType::Offer, MessageType::Release, MessageType::Outcome];
    let slots = kinds.into_iter().flat_map(|kind| section::slots(kind, Service::Employment));
    let opens = slots.map(|slot| u32::from(slot.number)).collect();
    agreed.services = vec![wire::ServiceRule {
        service: Service::Employment.into(),
        sections: vec![wire::OfficeSections { kind: labour, sections: opens }],
        purposes: vec![purpose_of(Service::Employment).into()],
        ..agreed.services.remove(0)
    }];
    agree_on(&mut world, true, &agreed);
    world.version = 1;
    let job = |change: &mut wire::Message| {
        let like = message(change.r#type(), Service::Employment);
        let own = usize::from(change.from_office != OFFICE_A[1]);
        let offices = [OFFICE_A[0], OFFICE_B[0]];
        (change.from_office, change.to_office) = (offices[own].into(), offices[1 - own].into());
        (change.service, change.purpose, change.body) = (like.service, like.purpose, like.body);
    };
    let person = [
        (1, Value::Text("欧阳·娜仁".to_owned())),
        (2, Value::Number(5)),
        (3, Value::Text("X0000001".to_owned())),
        (5, Value::Number(1)),
        (6, Value::Number(band)),
    ];
    let filled = |world: &mut World, kind: MessageType, msg_id: u8| {
        let slots: Vec<u8> =
            section::slots(kind, Service::Employment).into_iter().map(|slot| slot.number).collect();
        let values = |number: u8| if number == 16 { &person[..] } else { &[] };
        let all: Vec<(u8, &[(u32, Value)])> =
            slots.into_iter().map(|number| (number, values(number))).collect();
        world.fill(msg_id, &all)
    };
    let (_, digests) = filled(&mut world, MessageType::Offer, 0xd1);
    world.deliver(a, MessageType::Offer, |m| {
        job(m);
        m.section_digests = digests;
    });
    world.deliver(b, MessageType::TakeUp, job);
    world.deliver(b, MessageType::Accept, job);
    let (sections, digests) = filled(&mut world, MessageType::Release, 0xd2);
    let yes = wire::Consent {
        purpose: purpose_of(Service::Employment).into(),
        section_numbers: digests.iter().map(|digest| digest.section).collect(),
        ..consent([OFFICE_A[0], OFFICE_B[0]])
    };
    let yes = world.city(a).message.seal(&yes);
    let cites = env_digest(&yes).to_vec();
    world.bundle.consents.push(yes);
    let released = world.deliver(a, MessageType::Release, |m| {
        job(m);
        m.section_digests = digests;
        m.consent_digest = cites;
    });
    let person = sections.into_iter().find(|section| section.section == 16).unwrap();
    world.bundle.sections.push((released, person));
    let (_, digests) = filled(&mut world, MessageType::Outcome, 0xf3);
    world.deliver(b, MessageType::Outcome, |m| {
        job(m);
        m.section_digests = digests;
    });
    close(&mut world, false);
    codes(&build(&world.bundle).unwrap(), &world.roots())
}

/// V14: what two cities agreed to do to a child is not made whole by their signatures.
#[test]
fn a_job_of_somebody_under_sixteen_is_found() {
    assert_eq!(job_of(3), [""; 0]);
    assert_eq!(job_of(4), [""; 0]);
    assert_eq!(job_of(2), ["CASE_LAW"]);
    assert_eq!(job_of(1), ["CASE_LAW"]);
}
