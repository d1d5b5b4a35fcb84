//! `sections.json`: personal data beside the signed bytes.

use super::{compare_cases, hexes};
use jieli_proto::id::{Digest, MsgId};
use jieli_proto::section::{self, FieldType, SectionError, SectionKind, TABLE, Value as Field};
use jieli_proto::wire;
use prost::Message as _;
use serde_json::{Value, json};

const MSG_ID: [u8; 16] = [0xd5; 16];

/// A value for a field; nobody's.
fn value(ty: FieldType, number: u32) -> Field {
    match ty {
        FieldType::Text => Field::Text(format!("例{number}·x")),
        FieldType::Number => Field::Number(u64::from(number) * 300),
        FieldType::Code(top) => Field::Number(top),
        FieldType::Date => Field::Number(20_261_201),
        FieldType::Flag => Field::Flag(number.is_multiple_of(2)),
    }
}

/// Random bytes that are not: the n-th draw is filled with the byte n, from 1.
fn draws() -> impl FnMut(&mut [u8]) {
    let mut n = 0_u8;
    move |buffer| {
        n = n.wrapping_add(1);
        buffer.fill(n);
    }
}

fn built(kind: &'static SectionKind, with_optional: bool) -> wire::Section {
    let fields = kind.fields.iter().filter(|field| field.required || with_optional);
    let values: Vec<(u32, Field)> =
        fields.map(|field| (field.number, value(field.ty, field.number))).collect();
    section::build(kind, &values, &mut draws()).unwrap()
}

fn case(name: &str, section: &wire::Section, signed: &Digest) -> Value {
    let outcome = section::open(&MsgId(MSG_ID), section, signed);
    let values = outcome.as_ref().ok().map(|values| {
        let shown = values.iter().map(|(field, value)| {
            let value = match value {
                Field::Text(text) => json!(text),
                Field::Number(number) => json!(number.to_string()),
                Field::Flag(flag) => json!(flag),
            };
            json!({ "field": field, "value": value })
        });
        shown.collect::<Vec<_>>()
    });
    json!({
        "name": name,
        "error": outcome.err().map(|error| format!("{error:?}")),
        "msg_id": hex::encode(MSG_ID),
        "section": section.section,
        "field_digests": hexes(&section.field_digests),
        "disclosures": hexes(&section.disclosures),
        "section_digest": signed.hex(),
        "values": values,
    })
}

fn good_cases() -> Vec<Value> {
    let mut cases = Vec::new();
    for kind in TABLE {
        for (name, with_optional) in [("all fields", true), ("required fields", false)] {
            let section = built(kind, with_optional);
            let signed = section::digest_of(&MsgId(MSG_ID), &section).unwrap();
            cases.push(case(&format!("{}: {name}", kind.name), &section, &signed));
        }
        let empty = section::build(kind, &[], &mut draws()).unwrap();
        let signed = section::digest_of(&MsgId(MSG_ID), &empty).unwrap();
        cases.push(case(&format!("{}: empty slot", kind.name), &empty, &signed));
        let mut withheld = built(kind, true);
        withheld.disclosures.clear();
        let signed = section::digest_of(&MsgId(MSG_ID), &withheld).unwrap();
        cases.push(case(&format!("{}: nothing disclosed", kind.name), &withheld, &signed));
    }
    cases
}

#[test]
fn sections_and_disclosures() {
    let mut cases = good_cases();
    assert!(cases.iter().all(|case| case["error"].is_null()));
    let kind = SectionKind::of(2).unwrap();
    let good = built(kind, true);
    let signed = section::digest_of(&MsgId(MSG_ID), &good).unwrap();
    let mut bad = |name: &str, error: SectionError, change: &dyn Fn(&mut wire::Section)| {
        let mut section = good.clone();
        change(&mut section);
        let case = case(name, &section, &signed);
        assert_eq!(case["error"], format!("{error:?}"), "{name}");
        cases.push(case);
    };
    bad("salt flipped", SectionError::FieldDigest, &|s| s.disclosures[0][2] ^= 1);
    bad("value flipped", SectionError::FieldDigest, &|s| {
        let last = s.disclosures[1].len() - 1;
        s.disclosures[1][last] ^= 1;
    });
    bad("field digest flipped", SectionError::SectionDigest, &|s| s.field_digests[0][0] ^= 1);
    bad("disclosures swapped", SectionError::Disclosure, &|s| s.disclosures.swap(0, 1));
    bad("disclosure twice", SectionError::Disclosure, &|s| {
        let first = s.disclosures[0].clone();
        s.disclosures.insert(0, first);
    });
    bad("one digest too few", SectionError::Shape, &|s| drop(s.field_digests.pop()));
    bad("no such section", SectionError::Unknown, &|s| s.section = 4);
    bad("another section", SectionError::SectionDigest, &|s| s.section = 3);
    bad("unknown field in a disclosure", SectionError::Disclosure, &|s| {
        s.disclosures[0].extend([0x30, 1]);
    });
    let redisclosed = |number: u64, salt: usize| {
        move |s: &mut wire::Section| {
            s.disclosures[0] = wire::Disclosure {
                salt: vec![1; salt],
                field: 1,
                value: Some(wire::disclosure::Value::Number(number)),
            }
            .encode_to_vec();
        }
    };
    bad("a salt of 15 bytes", SectionError::Disclosure, &redisclosed(5, 15));
    bad("a code outside its list", SectionError::Disclosure, &redisclosed(6, 16));
    bad("a value of another type", SectionError::Disclosure, &|s| {
        s.disclosures[0] = wire::Disclosure {
            salt: vec![1; 16],
            field: 1,
            value: Some(wire::disclosure::Value::Flag(true)),
        }
        .encode_to_vec();
    });
    let about = "Sections as they travel, with the digest that the message signs. The n-th random \
                 draw (salt of 16 bytes, or digest of an absent field of 32) is the byte n repeated.";
    compare_cases("sections.json", about, &cases);
}
