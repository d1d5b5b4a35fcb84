//! Validly signed bytes that are not the one form of their payload.

use jieli_proto::kinds::Kind;
use jieli_proto::refusal::Refusal;
use jieli_proto::strict;
use jieli_proto::wire;
use jieli_tests::{Forger, top_fields};
use prost::Message as _;

type Fields = Vec<(u32, Vec<u8>)>;
type Spoil = fn(&mut Fields);

/// Replaces the value of a varint field.
fn put(fields: &mut Fields, number: u32, bytes: &[u8]) {
    fields.iter_mut().find(|(found, _)| *found == number).unwrap().1 = bytes.to_vec();
}

/// Ways to spoil an OFFER: `leg_seq` is field 5, `service` 9, `calendar_version` 16.
const WAYS: [(&str, Spoil); 9] = [
    ("an unknown field", |fields| fields.push((99, vec![0x98, 0x06, 1]))),
    ("an unknown field of no value", |fields| fields.push((99, vec![0x9a, 0x06, 0]))),
    ("a field twice", |fields| {
        let at = fields.iter().position(|(number, _)| *number == 16).unwrap();
        fields.insert(at, fields[at].clone());
    }),
    ("two fields in another order", |fields| {
        let at = fields.iter().position(|(number, _)| *number == 16).unwrap();
        fields.swap(at, at - 1);
    }),
    ("a long varint", |fields| put(fields, 5, &[0x28, 0x81, 0x00])),
    ("an explicit default", |fields| put(fields, 16, &[0x80, 0x01, 0x00])),
    ("an unknown service", |fields| put(fields, 9, &[0x48, 99])),
    ("an unknown type", |fields| put(fields, 8, &[0x40, 99])),
    ("two bodies", |fields| fields.push((32, vec![0x82, 0x02, 0x00]))),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_canonical_is_refused_keeps_its_place_and_blocks_nothing() {
    let forger = Forger::new().await;
    for (way, spoil) in WAYS {
        let forged = forger.offer().await;
        let right = forged.message.encode_to_vec();
        let mut fields = top_fields(&right);
        spoil(&mut fields);
        let bytes = fields.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>().concat();
        assert_ne!(bytes, right, "{way}");
        // Every protobuf reader takes them: it is the strict one that does not.
        assert!(wire::Message::decode(bytes.as_slice()).is_ok(), "{way}");
        assert!(strict::decode::<wire::Message>(&bytes).is_err(), "{way}");
        let sealed = forger.seal_bytes(Kind::Message.payload_type(), bytes).await;
        let letter = forger.framed(&forged, sealed);
        assert_eq!(forger.say_letter(letter).await, Err(Refusal::Undecodable), "{way}");
        assert!(forger.towns.ruian.find(forged.leg()).await.is_none(), "{way}");
        forger.good().await;
    }
    let alarms = forger.towns.ruian.alarms().await;
    assert_eq!(alarms, ["misbehaviour"]);
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_protobuf_and_another_payload_in_the_lane() {
    let forger = Forger::new().await;
    let forged = forger.offer().await;
    for bytes in [vec![], vec![0xff; 40], b"hello".to_vec()] {
        let mut forged = forged.clone();
        *forged.header() = forger.header().await;
        let sealed = forger.seal_bytes(Kind::Message.payload_type(), bytes).await;
        let said = forger.say_letter(forger.framed(&forged, sealed)).await;
        assert!(matches!(said, Err(Refusal::Undecodable | Refusal::BadHeader)), "{said:?}");
        forger.good().await;
    }
    let mut forged = forger.offer().await;
    let sealed = forger.seal_bytes(Kind::Consent.payload_type(), vec![]).await;
    let said = forger.say_letter(forger.framed(&forged, sealed)).await;
    assert_eq!(said, Err(Refusal::UnknownType));
    *forged.header() = forger.header().await;
    let unknown = "application/vnd.jieli.message.v2+protobuf";
    let sealed = forger.seal_bytes(unknown, forged.message.encode_to_vec()).await;
    let said = forger.say_letter(forger.framed(&forged, sealed)).await;
    assert_eq!(said, Err(Refusal::UnknownType));
    forger.good().await;
    forger.towns.stop().await;
}
