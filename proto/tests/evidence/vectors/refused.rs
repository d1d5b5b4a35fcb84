//! `refused.json`: other spellings of the same payloads, and seals that do not hold.

use super::compare_cases;
use super::payloads::{self, Sample};
use crate::fixtures::Signer;
use jieli_proto::envelope::{self, SealError};
use jieli_proto::kinds::Kind;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::strict::{self, NotCanonical};
use jieli_proto::wire::Envelope;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One field of the outermost message: number, wire type, the bytes of the key, all bytes.
struct Token {
    number: u64,
    wire: u64,
    key: usize,
    bytes: Vec<u8>,
}

fn varint(bytes: &[u8]) -> (u64, usize) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value =
        bytes[..end].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, end)
}

fn tokens(mut bytes: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while !bytes.is_empty() {
        let (tag, key) = varint(bytes);
        let (value, length) = varint(&bytes[key..]);
        let data = if tag & 7 == 2 { value as usize } else { 0 };
        let (token, rest) = bytes.split_at(key + length + data);
        tokens.push(Token { number: tag >> 3, wire: tag & 7, key, bytes: token.to_vec() });
        bytes = rest;
    }
    tokens
}

fn joined<'a>(tokens: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    tokens.into_iter().flatten().copied().collect()
}

/// The first change of one field that strict decode refuses for this reason.
fn first(
    message: &'static str,
    found: &[Token],
    what: &str,
    change: impl Fn(&Token) -> Option<Vec<u8>>,
) -> Option<(Vec<u8>, NotCanonical)> {
    (0..found.len()).find_map(|at| {
        let changed = change(&found[at])?;
        let bytes =
            joined(found.iter().enumerate().map(|(i, token)| {
                if i == at { changed.as_slice() } else { token.bytes.as_slice() }
            }));
        let error = strict::check(message, &bytes).err().filter(|error| error.what == what)?;
        Some((bytes, error))
    })
}

/// Other spellings of a payload, each with what strict decode says of it.
fn spellings(sample: &Sample) -> Vec<(&'static str, Vec<u8>, NotCanonical)> {
    let payload = &sample.envelope.payload;
    let found = tokens(payload);
    let message = sample.schema;
    let refused = |bytes: Vec<u8>| {
        let error = strict::check(message, &bytes).unwrap_err();
        (bytes, error)
    };
    let mut all = Vec::new();
    let mut add = |name, made: Option<(Vec<u8>, NotCanonical)>| {
        all.extend(made.map(|(bytes, error)| (name, bytes, error)));
    };
    // Field 1000, varint 1.
    add("unknown field", Some(refused([payload, &[0xc0, 0x3e, 0x01][..]].concat())));
    add(
        "duplicate",
        first(message, &found, "field given twice", |token| Some(token.bytes.repeat(2))),
    );
    let last_first = found.iter().cycle().skip(found.len() - 1).take(found.len());
    add("reordered", Some(refused(joined(last_first.map(|token| token.bytes.as_slice())))));
    add(
        "long varint",
        first(message, &found, "long varint", |token| {
            let mut bytes = token.bytes.clone();
            bytes[token.key - 1] |= 0x80;
            bytes.insert(token.key, 0);
            Some(bytes)
        }),
    );
    add(
        "explicit default",
        first(message, &found, "explicit default", |token| {
            Some([&token.bytes[..token.key], &[0]].concat())
        }),
    );
    add(
        "unknown enum value",
        first(message, &found, "value out of range", |token| {
            (token.wire == 0).then(|| [&token.bytes[..token.key], &[99]].concat())
        }),
    );
    add(
        "wrong wire type",
        first(message, &found, "wire type", |token| {
            let mut bytes = token.bytes.clone();
            bytes[0] = bytes[0] & !7 | 5;
            Some(bytes)
        }),
    );
    add("cut short", Some(refused(payload[..payload.len() - 1].to_vec())));
    assert!(found.iter().all(|token| token.number > 0));
    all
}

fn case(name: &str, of: &Sample, envelope: &Envelope, spki: &[u8], error: &str) -> Value {
    json!({
        "name": format!("{}: {name}", of.name),
        "error": error,
        "kind": of.kind.number(),
        "payload_type": envelope.payload_type,
        "payload": hex::encode(&envelope.payload),
        "key_fpr": hex::encode(&envelope.key_fpr),
        "key_spki": hex::encode(spki),
        "sig": hex::encode(&envelope.sig),
    })
}

/// Signs the bytes as they are.
fn seal(key: &Signer, payload_type: &str, payload: Vec<u8>) -> Envelope {
    let sig = key.sign(&envelope::pae(payload_type, &payload)).to_vec();
    Envelope { payload_type: payload_type.to_owned(), payload, key_fpr: key.fpr().to_vec(), sig }
}

/// A seal that does not hold: by the key, by the bytes, by the type.
fn broken_seals(sample: &Sample, cases: &mut Vec<Value>) {
    let key = Signer::new(sample.seed);
    let spki = key.public.to_spki();
    let good = &sample.envelope;
    let mut bad = |name, envelope: Envelope, expected: SealError, error| {
        assert_eq!(envelope::verify(&envelope, &key.public), Err(expected), "{name}");
        cases.push(case(name, sample, &envelope, &spki, error));
    };
    let mut flipped = good.clone();
    flipped.payload[2] ^= 1;
    bad("flipped byte of the payload", flipped, SealError::Signature, "signature");
    let mut flipped = good.clone();
    flipped.sig[63] ^= 0x10;
    bad("flipped byte of the signature", flipped, SealError::Signature, "signature");
    let mut short = good.clone();
    short.sig.pop();
    bad("short signature", short, SealError::Form("signature"), "form");
    let mut other = good.clone();
    other.key_fpr[0] ^= 1;
    bad("another key named", other, SealError::OtherKey, "other key");
    let mut retyped = good.clone();
    retyped.payload_type = good.payload_type.replace(".v1+", ".v2+");
    bad("another payload type", retyped, SealError::Signature, "signature");
    // Well signed, but of a type that this version does not know, or of another kind.
    let unknown = good.payload_type.replace(".v1+", ".v2+");
    assert_eq!(Kind::from_payload_type(&unknown), None);
    let signed = seal(&key, &unknown, good.payload.clone());
    cases.push(case("unknown payload type, signed", sample, &signed, &spki, "payload type"));
    for wrong in [good.payload_type.to_uppercase(), good.payload_type.replace("+protobuf", "")] {
        assert_eq!(Kind::from_payload_type(&wrong), None);
        let signed = seal(&key, &wrong, good.payload.clone());
        cases.push(case("misspelt payload type, signed", sample, &signed, &spki, "payload type"));
    }
}

/// Keys that verify what nobody signed: the signature is R = A = a point of small order, S = 0.
fn weak_keys(sample: &Sample, cases: &mut Vec<Value>) {
    let prefix = &Signer::new(1).public.to_spki()[..12];
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut above = [0xff; 32];
    (above[0], above[31]) = (0xee, 0x7f);
    for (name, point) in [
        ("small order key (1)", one),
        ("small order key (0)", [0; 32]),
        ("small order key (p - 1)", minus_one),
        ("non-canonical key (p + 1)", above),
    ] {
        let spki = [prefix, &point].concat();
        let error = PublicKey::from_spki(&spki).unwrap_err();
        let envelope = Envelope {
            key_fpr: jieli_proto::id::Digest::of(&[&spki]).to_vec(),
            sig: [point, [0; 32]].concat(),
            ..sample.envelope.clone()
        };
        cases.push(case(name, sample, &envelope, &spki, &format!("key: {error}")));
    }
}

#[test]
fn refused_spellings_and_seals() {
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    for sample in payloads::all().iter().filter(|sample| seen.insert(sample.kind)) {
        let key = Signer::new(sample.seed);
        for (name, payload, error) in spellings(sample) {
            // Signed as it stands: the seal holds, the payload does not.
            let envelope = seal(&key, &sample.envelope.payload_type, payload);
            envelope::verify(&envelope, &key.public).unwrap();
            let spki = key.public.to_spki();
            let mut case =
                case(name, sample, &envelope, &spki, &format!("payload: {}", error.what));
            case["field"] = json!(error.field);
            case["message"] = json!(error.message);
            cases.push(case);
            names.insert((name, sample.kind));
        }
        broken_seals(sample, &mut cases);
        weak_keys(sample, &mut cases);
    }
    for kind in Kind::ALL {
        let has = |name| names.contains(&(name, kind));
        let all = ["unknown field", "duplicate", "reordered", "long varint", "explicit default"];
        assert!(all.into_iter().all(has), "{kind:?}");
    }
    let about = "For each kind, what must be refused: first other spellings of the payload, each \
                 truly signed; then seals that do not hold. `error` starts with the step that \
                 refuses: key, form, other key, signature, payload type, payload.";
    compare_cases("refused.json", about, &cases);
}
