//! The form of messages, receipts, items and acts.

use crate::fixtures::*;
use crate::wrong::wrong_bodies;
use jieli_proto::id::{AgreementId, Digest, LegId};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::message::*;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, ActType, MessageType, Service};
use prost::Message as _;

fn refused(message: &wire::Message) -> (Refusal, &'static str) {
    let fault = check_message(message).unwrap_err();
    (fault.refusal, fault.field)
}

#[test]
fn every_type_has_a_form_that_passes_and_reads_back() {
    for (kind, service) in TYPES {
        let message = message(kind, service);
        let facts = check_message(&message).unwrap_or_else(|fault| panic!("{kind:?}: {fault}"));
        assert_eq!((facts.kind, facts.service), (kind, service));
        assert_eq!(facts.place.is_none(), is_without_person(kind), "{kind:?}");
        assert_eq!(facts.sender().as_str(), CITY_A);
        assert_eq!(facts.needs_consent(), facts.consent.is_some() && kind != MessageType::Consent);
        let bytes = message.encode_to_vec();
        assert_eq!(jieli_proto::strict::decode::<wire::Message>(&bytes).unwrap(), message);
    }
}

#[test]
fn a_body_of_another_type_is_refused() {
    for (kind, service) in TYPES {
        for (other, at) in TYPES {
            let bodies = (message(kind, service).body, message(other, at).body);
            let same = std::mem::discriminant(bodies.0.as_ref().unwrap())
                == std::mem::discriminant(bodies.1.as_ref().unwrap());
            let mut changed = message(kind, service);
            changed.body = bodies.1;
            assert!(same || check_message(&changed).is_err(), "{kind:?} with {other:?}");
        }
        let mut empty = message(kind, service);
        empty.body = None;
        assert_eq!(check_message(&empty).unwrap_err().refusal, Refusal::BadBody, "{kind:?}");
    }
}

#[test]
fn identifiers_and_places_have_exact_lengths() {
    let change = |change: &dyn Fn(&mut wire::Message)| {
        let mut changed = message(MessageType::TakeUp, Service::Schooling);
        change(&mut changed);
        refused(&changed)
    };
    let header = Refusal::BadHeader;
    assert_eq!(change(&|m| m.header = None), (header, "header"));
    assert_eq!(change(&|m| m.msg_id.truncate(15)), (header, "msg_id"));
    assert_eq!(change(&|m| m.case_id.push(0)), (header, "case_id"));
    assert_eq!(change(&|m| m.leg_id.clear()), (header, "leg_id"));
    assert_eq!(change(&|m| m.leg_seq = 0), (Refusal::BadChain, "leg_seq"));
    assert_eq!(change(&|m| m.leg_seq = 2), (Refusal::BadChain, "leg_prev"));
    assert_eq!(change(&|m| m.leg_prev = vec![1; 32]), (Refusal::BadChain, "leg_prev"));
    assert_eq!(change(&|m| m.leg_seen.truncate(31)), (header, "leg_seen"));
    assert_eq!(change(&|m| m.r#type = 0), (Refusal::UnknownType, "type"));
    assert_eq!(change(&|m| m.service = 0), (Refusal::BadBody, "service"));
    assert_eq!(change(&|m| m.to_office.clone_from(&m.from_office)), (header, "to_office"));
    assert_eq!(change(&|m| m.from_office = m.from_office.to_lowercase()), (header, "from_office"));
    assert_eq!(change(&|m| m.purpose = 1), (Refusal::BadBody, "purpose"));
    assert_eq!(change(&|m| m.legal_basis = 0), (Refusal::BadBody, "legal_basis"));
    assert_eq!(change(&|m| m.consent_digest = vec![0; 32]), (Refusal::BadBody, "consent_digest"));
    assert_eq!(change(&|m| m.due_date = 0), (Refusal::BadBody, "due_date"));
    assert_eq!(change(&|m| m.due_date = 20_260_229), (Refusal::BadBody, "due_date"));
    assert_eq!(change(&|m| m.calendar_version = 0), (Refusal::BadBody, "calendar_version"));
}

#[test]
fn headers_name_the_parties_and_their_lane() {
    let change = |change: &dyn Fn(&mut wire::Header)| {
        let mut header = header(PartySide::A, Lane::messages(PartySide::A), 1, &[0; 32]);
        change(&mut header);
        Head::read(&header, Kind::Message).map(drop).map_err(|fault| fault.field)
    };
    assert_eq!(change(&|_| ()), Ok(()));
    assert_eq!(change(&|h| h.suite = 2), Err("suite"));
    assert_eq!(change(&|h| h.agreement_id.clear()), Err("agreement_id"));
    assert_eq!(change(&|h| h.manifest_version = 0), Err("manifest_version"));
    assert_eq!(change(&|h| h.sender = "City-A".to_owned()), Err("sender"));
    assert_eq!(change(&|h| h.recipient.clone_from(&h.sender)), Err("recipient"));
    for lane in [1, 2, 3, 4, 5, 6, 256] {
        assert_eq!(change(&|h| h.lane = lane), Err("lane"), "{lane}");
    }
    assert_eq!(change(&|h| h.lane_seq = 0), Err("lane_seq"));
    assert_eq!(change(&|h| h.lane_seq = u64::MAX), Err("lane_seq"));
    assert_eq!(change(&|h| h.lane_seq = 2), Err("lane_prev"));
    assert_eq!(change(&|h| h.lane_prev = vec![1; 32]), Err("lane_prev"));
    assert_eq!(change(&|h| h.created_unix_ms = 0), Err("created_unix_ms"));
    assert_eq!(change(&|h| h.created_unix_ms = u64::MAX), Err("created_unix_ms"));
    let head = |origin: &str, cosigner: &str| wire::SeenHead {
        origin: origin.to_owned(),
        size: 7,
        root: vec![1; 32],
        cosigner: cosigner.to_owned(),
        cosigned_unix: u64::from(!cosigner.is_empty()),
        cosignature_sha256: if cosigner.is_empty() { Vec::new() } else { vec![2; 32] },
    };
    let seen = |head: wire::SeenHead| change(&|h| h.seen_head = Some(head.clone()));
    assert_eq!(seen(head("jieli.city-b/log/1", "")), Ok(()));
    assert_eq!(seen(head("jieli.city-b/log/1", "jieli.city-c/cosigner/1")), Ok(()));
    assert_eq!(seen(head("jieli.city-a/log/1", "")), Err("seen_head.origin"));
    assert_eq!(seen(head("jieli.city-b/local/1", "")), Err("seen_head.origin"));
    let not_a_cosigner = head("jieli.city-b/log/1", "jieli.city-c/log/1");
    assert_eq!(seen(not_a_cosigner), Err("seen_head.cosigner"));
    let half = wire::SeenHead { cosigned_unix: 4, ..head("jieli.city-b/log/1", "") };
    assert_eq!(seen(half), Err("seen_head.cosigner"));
}

#[test]
fn the_frame_repeats_the_header() {
    let found = header(PartySide::A, Lane::messages(PartySide::A), 1, &[0; 32]);
    let leg = Some((LegId(LEG), 1));
    let frame = Frame {
        agreement: AgreementId(AGREEMENT),
        lane: Lane::messages(PartySide::A),
        lane_seq: 1,
        leg,
    };
    assert!(check_header(&found, Kind::Message, &frame, leg).is_ok());
    let other = |frame: Frame, leg| {
        check_header(&found, Kind::Message, &frame, leg).map_err(Refusal::from).unwrap_err()
    };
    for bad in [
        Frame { agreement: AgreementId([1; 16]), ..frame },
        Frame { lane: Lane::messages(PartySide::B), ..frame },
        Frame { lane_seq: 2, ..frame },
        Frame { leg: Some((LegId(LEG), 2)), ..frame },
        Frame { leg: None, ..frame },
    ] {
        assert_eq!(other(bad, leg), Refusal::FrameMismatch);
    }
    let letter = wire::Letter {
        agreement_id: AGREEMENT.to_vec(),
        lane: 0,
        lane_seq: 1,
        leg_id: LEG.to_vec(),
        leg_seq: 1,
        ..wire::Letter::default()
    };
    assert_eq!(Frame::read(&letter), Ok(frame));
    for bad in [
        wire::Letter { leg_seq: 0, ..letter.clone() },
        wire::Letter { leg_id: Vec::new(), ..letter.clone() },
        wire::Letter { lane: 9, ..letter.clone() },
        wire::Letter { lane_seq: 0, ..letter },
    ] {
        assert!(Frame::read(&bad).is_err());
    }
}

#[test]
fn push_and_pull_open_with_their_own_word() {
    let offered = message(MessageType::Offer, Service::Schooling);
    for service in [Service::Insurance, Service::SchoolRecord, Service::FundTransfer] {
        let wrong = wire::Message { service: service.into(), ..offered.clone() };
        assert_eq!(refused(&wrong), (Refusal::BadBody, "service"));
    }
    let asked = message(MessageType::Request, Service::Insurance);
    for service in [Service::Employment, Service::Schooling, Service::Housing] {
        let wrong = wire::Message { service: service.into(), ..asked.clone() };
        assert_eq!(refused(&wrong), (Refusal::BadBody, "service"));
    }
    let uncited = wire::Message { consent_digest: Vec::new(), ..asked };
    assert_eq!(refused(&uncited), (Refusal::ConsentInvalid, "consent_digest"));
}

#[test]
fn section_slots_are_all_there_in_order() {
    let good = message(MessageType::Release, Service::Schooling);
    assert_eq!(check_message(&good).unwrap().section_numbers(), [16, 18, 19]);
    let change = |change: &dyn Fn(&mut Vec<wire::SectionDigest>)| {
        let mut changed = good.clone();
        change(&mut changed.section_digests);
        assert_eq!(refused(&changed), (Refusal::BadBody, "section_digests"));
    };
    change(&|digests| digests.swap(0, 1));
    change(&|digests| drop(digests.pop()));
    change(&|digests| digests.push(digests[0].clone()));
    change(&|digests| digests[0].digest = vec![0; 32]);
    change(&|digests| digests[0].digest.truncate(16));
    change(&|digests| digests[0].section = 17);
}

#[test]
fn a_withdrawal_says_nothing() {
    let good = message(MessageType::Withdraw, Service::Schooling);
    let digest = wire::SectionDigest { section: 16, digest: vec![1; 32] };
    for wrong in [
        wire::Message { purpose: 2, ..good.clone() },
        wire::Message { legal_basis: 1, ..good.clone() },
        wire::Message { consent_digest: vec![1; 32], ..good.clone() },
        wire::Message { due_date: 20_261_201, calendar_version: 1, ..good.clone() },
        wire::Message { calendar_version: 1, ..good.clone() },
        wire::Message { codelist_version: 1, ..good.clone() },
        wire::Message { section_digests: vec![digest], ..good.clone() },
    ] {
        assert_eq!(refused(&wrong).0, Refusal::BadBody);
    }
}

#[test]
fn what_names_no_person_names_no_leg() {
    for (kind, service) in TYPES.into_iter().filter(|(kind, _)| is_without_person(*kind)) {
        let good = message(kind, service);
        for wrong in [
            wire::Message { case_id: CASE.to_vec(), ..good.clone() },
            wire::Message { leg_id: LEG.to_vec(), ..good.clone() },
            wire::Message { leg_seq: 1, ..good.clone() },
            wire::Message { leg_prev: vec![0; 32], ..good.clone() },
            wire::Message { leg_seen: vec![0; 32], ..good.clone() },
        ] {
            assert_eq!(refused(&wrong), (Refusal::BadHeader, "leg_id"));
        }
        let cites = wire::Message { consent_digest: vec![1; 32], ..good };
        assert_eq!(refused(&cites), (Refusal::BadBody, "consent_digest"));
    }
}

#[test]
fn every_wrong_field_is_named() {
    for (kind, service, field, body) in wrong_bodies() {
        let wrong = wire::Message { body: Some(body), ..message(kind, service) };
        let (refusal, named) = refused(&wrong);
        assert_eq!(named, field, "{kind:?}");
        let about_terms = field.contains("terms") && service == Service::Employment;
        let expected = if about_terms { Refusal::TermsMissing } else { Refusal::BadBody };
        assert_eq!(refusal, expected, "{kind:?} {field}");
    }
}

fn receipt() -> wire::Receipt {
    wire::Receipt {
        header: Some(header(PartySide::B, Lane::receipts(PartySide::B), 1, &[0; 32])),
        answers_lane: 0,
        count: 2,
        items_root: vec![7; 32],
        origin: "jieli.city-b/log/1".to_owned(),
        received_unix_ms: NINE,
        own_lane_seq: 0,
    }
}

#[test]
fn receipts_answer_the_other_sides_lanes() {
    assert_eq!(check_receipt(&receipt()).unwrap().count, 2);
    let most = wire::Receipt { count: 256, ..receipt() };
    assert_eq!(check_receipt(&most).unwrap().count, 256);
    for lane in 0..7 {
        let answers = wire::Receipt { answers_lane: lane, ..receipt() };
        assert_eq!(check_receipt(&answers).is_ok(), lane == 0 || lane == 4, "{lane}");
    }
    for wrong in [
        wire::Receipt { header: None, ..receipt() },
        wire::Receipt { count: 0, ..receipt() },
        wire::Receipt { count: 257, ..receipt() },
        wire::Receipt { items_root: vec![7; 31], ..receipt() },
        wire::Receipt { origin: "jieli.city-a/log/1".to_owned(), ..receipt() },
        wire::Receipt { origin: "jieli.city-b/local/1".to_owned(), ..receipt() },
        wire::Receipt { received_unix_ms: 0, ..receipt() },
        wire::Receipt { own_lane_seq: u64::MAX, ..receipt() },
    ] {
        assert!(check_receipt(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn an_item_has_a_code_if_and_only_if_it_refuses() {
    let item = |status, code| wire::Item {
        lane_seq: 1,
        env_digest: vec![7; 32],
        log_index: 0,
        status,
        code,
    };
    let verdict = |status, code| check_item(&item(status, code)).ok().map(|facts| facts.verdict);
    assert_eq!(verdict(1, 0), Some(ItemVerdict::Stored));
    assert_eq!(verdict(2, 0), Some(ItemVerdict::StoredWithheld));
    assert_eq!(verdict(3, 20), Some(ItemVerdict::Refused(20)));
    assert_eq!([verdict(0, 0), verdict(1, 20), verdict(2, 1), verdict(3, 0)], [None; 4]);
    assert!(check_item(&wire::Item { lane_seq: 0, ..item(1, 0) }).is_err());
    assert!(check_item(&wire::Item { env_digest: vec![0; 32], ..item(1, 0) }).is_err());
}

#[test]
fn acts_carry_or_name_what_they_are_about() {
    let act = |act_type: ActType| {
        let flags = matches!(act_type, ActType::Flag | ActType::AnswerFlag);
        let other = if act_type == ActType::Manifest { Kind::Manifest } else { Kind::Agreement };
        let kind = if flags { Kind::Flag } else { other };
        let carries = matches!(
            act_type,
            ActType::Propose
                | ActType::CounterPropose
                | ActType::Manifest
                | ActType::Flag
                | ActType::AnswerFlag
        );
        let names = matches!(
            act_type,
            ActType::Countersign | ActType::Resume | ActType::Pack | ActType::AnswerFlag
        );
        wire::Act {
            header: Some(header(PartySide::A, Lane::acts(PartySide::A), 1, &[0; 32])),
            act_seen: vec![0; 32],
            act_type: act_type.into(),
            approvers: vec!["局长".to_owned(), "科长".to_owned()],
            subject: if names { vec![5; 32] } else { Vec::new() },
            wind_down_on: if act_type == ActType::Terminate { 20_270_101 } else { 0 },
            carried: carries.then(|| wire::Envelope {
                payload_type: kind.payload_type().to_owned(),
                payload: Vec::new(),
                key_fpr: vec![1; 32],
                sig: vec![2; 64],
            }),
        }
    };
    for number in 1..=10 {
        let kind = ActType::try_from(number).unwrap();
        let good = act(kind);
        let facts = check_act(&good).unwrap_or_else(|fault| panic!("{kind:?}: {fault}"));
        assert_eq!(facts.subject, (!good.subject.is_empty()).then_some(Digest([5; 32])));
        assert_eq!(facts.wind_down_on.is_some(), kind == ActType::Terminate);
        let carried = act(if good.carried.is_some() { ActType::Pack } else { ActType::Propose });
        let flipped = wire::Act { carried: carried.carried, ..good.clone() };
        assert_eq!(check_act(&flipped).unwrap_err().field, "carried", "{kind:?}");
        let subject = if good.subject.is_empty() { vec![5; 32] } else { Vec::new() };
        let flipped = wire::Act { subject, ..good.clone() };
        assert_eq!(check_act(&flipped).unwrap_err().field, "subject", "{kind:?}");
        let dated = if good.wind_down_on == 0 { 20_270_101 } else { 0 };
        let flipped = wire::Act { wind_down_on: dated, ..good.clone() };
        assert_eq!(check_act(&flipped).unwrap_err().field, "wind_down_on", "{kind:?}");
        let twice = vec!["科长".to_owned(), "科长".to_owned()];
        let flipped = wire::Act { approvers: twice, ..good };
        assert_eq!(check_act(&flipped).unwrap_err().field, "approvers", "{kind:?}");
    }
    let alone = wire::Act { approvers: vec!["科长".to_owned()], ..act(ActType::Countersign) };
    assert_eq!(check_act(&alone).unwrap_err().field, "approvers");
    let at_once = wire::Act { approvers: Vec::new(), ..act(ActType::Suspend) };
    assert!(check_act(&at_once).is_ok());
    assert_eq!(check_act(&act(ActType::Unspecified)).unwrap_err().field, "act_type");
}
