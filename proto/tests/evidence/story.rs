//! The rehearsal: A hands a school place over to B. OFFER, TAKE UP, ACCEPT, RELEASE, OUTCOME, a
//! REMIND that B refuses, WITHDRAW, WITHDRAW EFFECT, ERASE CONFIRM. A's message key is replaced on
//! the way.

use crate::fixtures::*;
use crate::world::{World, index};
use jieli_proto::bundle::Erasure;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::Value;
use jieli_proto::tree;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ActType, MessageType, Service};

/// The agreement of A and B on school places.
pub(crate) fn agreement(world: &World) -> wire::Agreement {
    let party = |side: PartySide, offices: [&str; 2], code: &str| {
        let office = |code: &str, kind: wire::OfficeKind, name: &str| wire::Office {
            credit_code: code.to_owned(),
            kind: kind.into(),
            name: name.to_owned(),
            telephone: "000-12333".to_owned(),
            succeeds: Vec::new(),
        };
        wire::Party {
            city_id: world.city(side).id.to_owned(),
            legal_name: format!("例示城市 {}", world.city(side).id),
            credit_code: code.to_owned(),
            root_fpr: world.city(side).root.fpr().to_vec(),
            end_points: vec![format!("{}.example:8443", world.city(side).id)],
            offices: vec![
                office(offices[0], wire::OfficeKind::Labour, "人社窗口"),
                office(offices[1], wire::OfficeKind::Education, "教育窗口"),
            ],
            liaison_posts: vec!["联络岗甲".to_owned(), "联络岗乙".to_owned()],
            approver_posts: vec!["分管局长".to_owned(), "科长".to_owned()],
            languages: vec!["zh".to_owned()],
            calendar: "cn".to_owned(),
            zone_offset_min: 480,
            ..wire::Party::default()
        }
    };
    let opens = wire::OfficeSections {
        kind: wire::OfficeKind::Education.into(),
        sections: vec![2, 16, 18, 19, 33],
    };
    wire::Agreement {
        agreement_id: AGREEMENT.to_vec(),
        version: 1,
        prev_digest: vec![0; 32],
        parties: vec![
            party(PartySide::A, OFFICE_A, OFFICE_A[0]),
            party(PartySide::B, OFFICE_B, OFFICE_B[0]),
        ],
        services: vec![wire::ServiceRule {
            service: Service::Schooling.into(),
            holders: vec![wire::HolderSide::A.into()],
            sections: vec![opens],
            legal_basis: wire::LegalBasis::Consent.into(),
            purposes: vec![wire::Purpose::SchoolPlace.into()],
            retention_days: 180,
            ..wire::ServiceRule::default()
        }],
        valid_from: 20_260_101,
        valid_to: 20_281_231,
        wind_down_days: 30,
        no_fee_to_person: true,
        no_target: true,
        assessment_reference: "PIA-2026-1".to_owned(),
        assessment_date: 20_260_105,
        review_dates: vec![20_270_101],
    }
}

pub(crate) fn consent(offices: [&str; 2]) -> wire::Consent {
    wire::Consent {
        consent_id: vec![0xb0; 16],
        leg_id: LEG.to_vec(),
        from_office: offices[0].to_owned(),
        to_office: offices[1].to_owned(),
        purpose: wire::Purpose::SchoolPlace.into(),
        section_numbers: vec![16, 18],
        text_hash: Digest::of(&["本人同意".as_bytes()]).to_vec(),
        language: "zh".to_owned(),
        method: wire::Method::PhoneCode.into(),
        given_unix_ms: NINE,
    }
}

/// What may be otherwise in the story.
pub(crate) struct Plot {
    /// The consent that RELEASE cites.
    pub(crate) consent: wire::Consent,
    /// How many of the leaves in B's log the retired key of A is said to lose.
    pub(crate) lost: u64,
    /// Whether B counter-signs.
    pub(crate) countersigned: bool,
    /// The agreement version that messages cite.
    pub(crate) version: u32,
    /// Whether it ends with RELEASE, and nobody cosigns.
    pub(crate) short: bool,
    /// After RELEASE the log of A goes on in a new epoch: so many records are logged again in it.
    pub(crate) again: Option<usize>,
}

impl Plot {
    /// OFFER, TAKE UP, ACCEPT and RELEASE, without cosigners.
    pub(crate) fn short() -> Plot {
        Plot { short: true, ..Plot::default() }
    }
}

impl Default for Plot {
    fn default() -> Plot {
        let consent = consent([OFFICE_A[1], OFFICE_B[1]]);
        Plot { consent, lost: 0, countersigned: true, version: 1, short: false, again: None }
    }
}

/// The whole story, before heads and proofs.
pub(crate) fn story(plot: &Plot) -> World {
    use MessageType as T;
    let (a, b) = (PartySide::A, PartySide::B);
    let mut world = World::new();
    agree(&mut world, plot.countersigned);
    world.version = plot.version;
    let values = [(1, Value::Number(2)), (2, Value::Number(3)), (3, Value::Number(1))];
    let (_, offered) = world.fill(0xd1, &[(2, &values)]);
    let offer = offered[0].digest.clone();
    let offered_in = world.deliver(a, T::Offer, |m| m.section_digests = offered);
    if !plot.short {
        quote_head(&mut world);
    }
    // One receipt for two messages.
    let taken = world.send(b, T::TakeUp, |_| ());
    let accepted = world.send(b, T::Accept, |_| ());
    world.receipt(Lane::messages(b), &[(taken.0, taken.1, None), (accepted.0, accepted.1, None)]);
    let consent = world.city(a).message.seal(&plot.consent);
    let cites = env_digest(&consent);
    world.bundle.consents.push(consent);
    let person = [
        (1, Value::Text("欧阳·娜仁".to_owned())),
        (2, Value::Number(1)),
        (3, Value::Text("999999201901010018".to_owned())),
        (5, Value::Number(3)),
        (6, Value::Number(1)),
    ];
    let school = [(1, Value::Text("9999990001".to_owned()))];
    let (sections, digests) = world.fill(0xd2, &[(16, &person), (18, &school), (19, &[])]);
    let released = world.deliver(a, T::Release, |m| {
        m.section_digests = digests;
        m.consent_digest = cites.to_vec();
    });
    for section in sections.into_iter().filter(|section| section.section != 19) {
        world.bundle.sections.push((released, section));
    }
    if plot.short {
        return world;
    }
    rotate(&mut world, plot.lost);
    if let Some(again) = plot.again {
        begin_epoch(&mut world, again);
    }
    world.deliver(b, T::Outcome, |_| ());
    let (reminded, seq) = world.send(a, T::Remind, |_| ());
    world.receipt(Lane::messages(a), &[(reminded, seq, Some(Refusal::IllegalStep))]);
    world.deliver(a, T::Withdraw, |_| ());
    world.deliver(b, T::WithdrawEffect, |_| ());
    let confirm = world.deliver(b, T::EraseConfirm, |m| {
        m.body = Some(Body::EraseConfirm(wire::EraseConfirm {
            scope: wire::EffectScope::Erased.into(),
            digests: vec![offer],
            ..wire::EraseConfirm::default()
        }));
    });
    world.bundle.erasures.push(Erasure { message: offered_in, section: 2, confirm });
    world
}

/// A and B under their agreement, before the first message.
pub(crate) fn agreed() -> World {
    let mut world = World::new();
    agree(&mut world, true);
    world
}

fn agree(world: &mut World, countersigned: bool) {
    let agreed = agreement(world);
    agree_on(world, countersigned, &agreed);
}

/// The same under another text.
pub(crate) fn agree_on(world: &mut World, countersigned: bool, agreed: &wire::Agreement) {
    let proposed = world.city(PartySide::A).message.seal(agreed);
    let digest = env_digest(&proposed);
    let posts = vec!["分管局长".to_owned(), "科长".to_owned()];
    let first = world.act(
        PartySide::A,
        wire::Act {
            act_seen: vec![0; 32],
            act_type: ActType::Propose.into(),
            approvers: posts.clone(),
            carried: Some(proposed.clone()),
            ..wire::Act::default()
        },
    );
    let answer = wire::Act {
        act_seen: first.to_vec(),
        act_type: ActType::Countersign.into(),
        approvers: posts,
        subject: digest.to_vec(),
        ..wire::Act::default()
    };
    if countersigned {
        world.act(PartySide::B, answer);
    }
    world.bundle.agreements.push(proposed);
}

/// B's next message quotes a head of A's log that C has cosigned.
fn quote_head(world: &mut World) {
    let city = world.city(PartySide::A);
    let unix_s = NINE / 1_000 + 700;
    let note = city.head(city.size(), &[(&world.third, unix_s)]);
    let line = &note.signatures()[1];
    world.seen_head = Some(wire::SeenHead {
        origin: city.origin(),
        size: city.size() as u64,
        root: tree::root(city.leaves()).to_vec(),
        cosigner: line.name().to_owned(),
        cosigned_unix: unix_s,
        cosignature_sha256: Digest::of(&[&line.signature()[8..]]).to_vec(),
    });
    world.bundle.heads.push(note);
}

/// A's message key is retired as of what B's log holds now.
fn rotate(world: &mut World, lost: u64) {
    let size = world.city(PartySide::B).size() as u64;
    let origin = world.city(PartySide::B).origin();
    let city = &mut world.cities[0];
    let keys = city.keys(&[&city.message, &city.message_next]);
    let retired = wire::Revocation {
        fingerprint: city.message.fpr().to_vec(),
        last_good: vec![wire::LastGood { origin, index: size - 1 - lost }],
        reason: wire::RevocationReason::Retired.into(),
    };
    city.publish(keys, vec![retired]);
}

/// The log of A has lost its last records; what B holds of them is logged again in a new epoch.
fn begin_epoch(world: &mut World, again: usize) {
    let city = &mut world.cities[0];
    (city.base, city.epoch) = (city.size() - again, 2);
    let successor = successor(world);
    let sealed = world.city(PartySide::A).root.seal(&successor);
    world.bundle.successors.push(sealed);
}

/// What the root of A says of the epoch that ended.
pub(crate) fn successor(world: &World) -> wire::Successor {
    let city = world.city(PartySide::A);
    let ended = Checkpoint::parse(city.ended(&[]).text()).unwrap();
    wire::Successor {
        city_id: city.id.to_owned(),
        old_origin: ended.origin().to_owned(),
        old_size: ended.size(),
        old_root: ended.root().to_vec(),
        new_origin: city.origin(),
        declared_unix_ms: NINE,
        reason: wire::SuccessorReason::HistoryLost.into(),
    }
}

/// The leg statement of a side.
pub(crate) fn statement(world: &World, side: PartySide) -> wire::LegStatement {
    let (last_leg_seq, digest) = world.leg[index(side)];
    wire::LegStatement {
        leg_id: LEG.to_vec(),
        side: world.city(side).id.to_owned(),
        last_leg_seq,
        last_env_digest: digest.to_vec(),
        stated_unix_ms: NINE + 86_400_000,
    }
}

/// Adds keys, policies, statements, heads and proofs.
pub(crate) fn close(world: &mut World, cosigned: bool) {
    for side in [PartySide::A, PartySide::B] {
        let stated = statement(world, side);
        let city = world.city(side);
        let key = if city.manifests.len() > 1 { &city.message_next } else { &city.message };
        let stated = key.seal(&stated);
        world.bundle.envelopes.push(stated);
    }
    for city in world.cities.iter().chain(cosigned.then_some(&world.third)) {
        world.bundle.roots.push(city.root.public);
        world.bundle.manifests.extend(city.manifests.iter().cloned());
    }
    let later = NINE / 1_000 + 3_600;
    for side in [PartySide::A, PartySide::B] {
        let (city, other) = (world.city(side), world.city(side.other()));
        let id = city.city_id();
        let mut cosigners = vec![(other, later), (&world.third, later + 60)];
        cosigners.truncate(if cosigned { 2 } else { 0 });
        let keys: Vec<VKey> = cosigners.iter().map(|(city, _)| city.cosigner_key()).collect();
        let quorum = usize::from(cosigned);
        let mut policies = vec![Policy::new(vec![city.log_key()], keys.clone(), quorum).unwrap()];
        let note = city.head(city.size(), &cosigners);
        let before = (city.epoch > 1).then(|| city.ended(&cosigners));
        if let Some(before) = &before {
            let origin = Checkpoint::parse(before.text()).unwrap().origin().to_owned();
            let key = VKey::new(&origin, KeyKind::Ed25519, city.log.public).unwrap();
            policies.push(Policy::new(vec![key], keys, quorum).unwrap());
        }
        let mut proofs = Vec::new();
        for (digest, places) in &world.logged {
            let place = places[index(side)];
            let note = before.as_ref().filter(|_| place < city.base).unwrap_or(&note);
            proofs.push((*digest, city.city_id(), city.prove(place, note)));
        }
        world.bundle.proofs.extend(proofs);
        world.bundle.policies.extend(policies.into_iter().map(|policy| (id.clone(), policy)));
    }
}

/// The rehearsal with everything in it.
pub(crate) fn played() -> World {
    played_as(&Plot::default())
}

/// The rehearsal as a plot has it.
pub(crate) fn played_as(plot: &Plot) -> World {
    let mut world = story(plot);
    close(&mut world, !plot.short);
    world
}
