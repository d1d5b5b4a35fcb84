//! `local.json`: messages between two offices of one city, with the refusal where the form is wrong.

use super::compare_cases;
use super::readable::Schema;
use crate::fixtures::{TYPES, message};
use jieli_proto::id::AgreementId;
use jieli_proto::message::{check_local, check_message, is_without_person};
use jieli_proto::wire::{self, MessageType, Service};
use prost::Message as _;
use serde_json::{Value, json};

type Change = fn(&mut wire::Header);

/// Who examines a leg says these alone.
const EXAMINER: [MessageType; 8] = [
    MessageType::TakeUp,
    MessageType::Clarify,
    MessageType::Accept,
    MessageType::Waitlist,
    MessageType::Decline,
    MessageType::Progress,
    MessageType::Outcome,
    MessageType::Redirect,
];

fn local(kind: MessageType, service: Service) -> wire::Message {
    let mut made = message(kind, service);
    let header = made.header.as_mut().unwrap();
    header.recipient = header.sender.clone();
    header.agreement_id = AgreementId::LOCAL.to_vec();
    header.agreement_version = 0;
    header.seen_head = None;
    header.lane = u32::from(EXAMINER.contains(&kind));
    made
}

fn case(schema: &Schema, name: &str, found: &wire::Message) -> Value {
    let bytes = found.encode_to_vec();
    let fault = check_local(found).err();
    json!({
        "name": name,
        "error": fault.map(|fault| fault.refusal.name()),
        "code": fault.map(|fault| fault.refusal.number()),
        "field": fault.map(|fault| fault.field),
        "fields": schema.read("Message", &bytes),
        "payload": hex::encode(bytes),
    })
}

#[test]
fn the_local_form() {
    let schema = Schema::load();
    let mut cases = Vec::new();
    for (kind, service) in TYPES {
        let name = kind.as_str_name().trim_start_matches("MESSAGE_TYPE_").to_lowercase();
        let good = local(kind, service);
        let holds = check_local(&good).is_ok();
        assert_eq!(holds, !is_without_person(kind), "{name}: {:?}", check_local(&good));
        // No city takes it for a message to itself.
        assert!(check_message(&good).is_err(), "{name}");
        assert!(check_local(&message(kind, service)).is_err(), "{name}: of two cities");
        cases.push(case(&schema, &name, &good));
    }
    let changes: [(&str, Change); 6] = [
        ("another recipient", |h| h.recipient = "other.city".to_owned()),
        ("an agreement", |h| h.agreement_id = vec![0xa0; 16]),
        ("the version of an agreement", |h| h.agreement_version = 1),
        ("a receipt lane", |h| h.lane = 2),
        ("no manifest", |h| h.manifest_version = 0),
        ("a head of another city", |h| {
            let origin = "jieli.other.city/log/1".to_owned();
            h.seen_head = Some(wire::SeenHead { origin, root: vec![1; 32], ..Default::default() });
        }),
    ];
    for (what, change) in changes {
        let mut wrong = local(MessageType::TakeUp, Service::Schooling);
        change(wrong.header.as_mut().unwrap());
        assert!(check_local(&wrong).is_err(), "{what}");
        cases.push(case(&schema, &format!("take_up: {what}"), &wrong));
    }
    let mut wrong = local(MessageType::Offer, Service::Schooling);
    wrong.header.as_mut().unwrap().lane = 1;
    assert_eq!(check_local(&wrong).unwrap_err().field, "lane");
    cases.push(case(&schema, "offer: in the lane of whoever examines", &wrong));
    let about = "Message payloads of the local form: both offices in one city, no agreement. `error` \
                 is null where the form is right, else the refusal (its number is `code`) and the \
                 first field at fault. None of them is right between two cities.";
    compare_cases("local.json", about, &cases);
}
