use super::Cases;
use jieli_proto::leaf::{LEAF_LEN, Leaf, payload_type_tag};
use proptest::prelude::*;
use serde_json::json;

fn leaf(lane: u8, lane_seq: u64, payload_type: &str) -> Leaf {
    Leaf {
        kind: lane + 1,
        suite: 1,
        lane,
        agreement_id: [0xa0 + lane; 16],
        lane_seq,
        env_digest: [0xd1; 32],
        key_fpr: [0xf2; 32],
        sig: [0x53; 64],
        payload_type_tag: payload_type_tag(payload_type),
    }
}

#[test]
fn leaf_json() {
    let mut cases = Cases::new(
        "The 168-byte leaf of the exchange log and its RFC 6962 leaf hash. Byte strings are hex.",
    );
    for (lane, lane_seq, name) in
        [(0, 1, "message"), (3, 256, "receipt"), (4, 1, "act"), (5, u64::MAX, "act")]
    {
        let payload_type = format!("application/vnd.jieli.{name}.v1+protobuf");
        let leaf = leaf(lane, lane_seq, &payload_type);
        let bytes = leaf.to_bytes();
        assert_eq!(Leaf::from_bytes(&bytes).as_ref(), Ok(&leaf));
        let inputs = json!({
            "kind": leaf.kind, "suite": leaf.suite, "lane": lane,
            "agreement_id": hex::encode(leaf.agreement_id),
            "lane_seq": lane_seq.to_string(),
            "env_digest": hex::encode(leaf.env_digest),
            "key_fpr": hex::encode(leaf.key_fpr),
            "sig": hex::encode(leaf.sig),
            "payload_type": payload_type,
            "leaf": hex::encode(bytes),
            "leaf_hash": hex::encode(leaf.hash()),
        });
        cases.add(&format!("{name} in lane {lane}"), true, inputs, Leaf::from_bytes(&bytes));
    }
    let good = leaf(0, 1, "application/vnd.jieli.message.v1+protobuf").to_bytes();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        bytes
    };
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("one byte short", good[..167].to_vec()),
        ("one byte long", [&good[..], &[0]].concat()),
        ("another magic", changed(3, b'2')),
        ("reserved byte set", changed(7, 1)),
        ("no such lane", changed(6, 6)),
        ("sequence 0", changed(31, 0)),
    ] {
        cases.add(name, false, json!({ "leaf": hex::encode(&bytes) }), Leaf::from_bytes(&bytes));
    }
    cases.check("leaf.json");
}

proptest! {
    #[test]
    fn what_parses_is_written_back(mut bytes in prop::collection::vec(any::<u8>(), LEAF_LEN), lane in 0u8..8) {
        bytes[..4].copy_from_slice(b"JL01");
        (bytes[6], bytes[7]) = (lane, 0);
        match Leaf::from_bytes(&bytes) {
            Ok(leaf) => prop_assert_eq!(leaf.to_bytes().to_vec(), bytes),
            Err(_) => prop_assert!(lane > 5 || bytes[24..32] == [0; 8]),
        }
    }
}
