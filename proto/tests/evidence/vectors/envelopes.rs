//! `envelopes.json`: a sealed payload of every kind.

use super::payloads::{self, Sample};
use super::readable::Schema;
use super::{compare, compare_cases};
use crate::fixtures::Signer;
use jieli_proto::envelope::{self, env_digest, pae};
use jieli_proto::kinds::Kind;
use jieli_proto::wire::Role;
use prost::Message as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn case(schema: &Schema, sample: &Sample) -> Value {
    let Sample { name, kind, schema: message, seed, envelope } = sample;
    let key = Signer::new(*seed);
    envelope::verify(envelope, &key.public).unwrap();
    jieli_proto::strict::check(message, &envelope.payload).unwrap();
    let role = match kind.role() {
        Role::Root => "root",
        Role::Log => "log",
        Role::Unspecified | Role::Message | Role::Cosigner | Role::Tls => "message",
    };
    json!({
        "name": name,
        "error": null,
        "kind": kind.number(),
        "message": message,
        "role": role,
        "fields": schema.read(message, &envelope.payload),
        "payload_type": envelope.payload_type,
        "payload": hex::encode(&envelope.payload),
        "pae": hex::encode(pae(&envelope.payload_type, &envelope.payload)),
        "env_digest": env_digest(envelope).hex(),
        "key_seed": hex::encode([*seed; 32]),
        "key_spki": hex::encode(key.public.to_spki()),
        "key_fpr": key.fpr().hex(),
        "sig": hex::encode(&envelope.sig),
        "envelope": hex::encode(envelope.encode_to_vec()),
        "dsse_json": envelope::to_json(envelope),
    })
}

#[test]
fn envelopes_of_every_kind() {
    let schema = Schema::load();
    let samples = payloads::all();
    let kinds: BTreeSet<Kind> = samples.iter().map(|sample| sample.kind).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    for sample in &samples {
        let json = envelope::to_json(&sample.envelope);
        assert_eq!(envelope::from_json(&json).unwrap(), sample.envelope);
    }
    let cases: Vec<Value> = samples.iter().map(|sample| case(&schema, sample)).collect();
    let about = "A sealed payload of every kind and a message of every type. Byte strings are hex, \
                 64-bit numbers decimal strings; fields that are absent have their default.";
    compare_cases("envelopes.json", about, &cases);
}

#[test]
fn the_read_me_names_every_file() {
    let readme = std::fs::read_to_string(super::path("README.md")).unwrap();
    for file in ["envelopes", "refused", "forms", "sections", "paper", "receipts", "bundle"] {
        assert!(readme.contains(&format!("`{file}.json`")), "{file}");
    }
    // Blessing writes nothing here: the text is by hand.
    compare("README.md", readme.as_bytes());
}
