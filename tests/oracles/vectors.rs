//! The golden bytes of proto/vectors, put to others as well.

use super::ask::{Question, bytes, list};
use super::exported::{is_signed, note, sealed};
use jieli_proto::envelope;
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::tree::{Hash, verify_consistency, verify_inclusion};
use jieli_proto::wire::Envelope;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn questions() -> Vec<Question> {
    let mut all = notes();
    all.extend(trees());
    all.extend(envelopes());
    all
}

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/vectors").join(file);
    let found: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    found["cases"].as_array().unwrap().clone()
}

fn text(case: &Value, key: &str) -> String {
    case[key].as_str().unwrap().to_owned()
}

fn raw(case: &Value, key: &str) -> Vec<u8> {
    hex::decode(text(case, key)).unwrap()
}

/// What the vectors accept is "as in the vectors"; what they refuse has a row of its own.
fn row(case: &Value, name: &str) -> String {
    if case["error"].is_null() { "as in the vectors".to_owned() } else { format!("vector: {name}") }
}

fn notes() -> Vec<Question> {
    let mut all = Vec::new();
    for case in cases("note.json").iter().filter(|case| case["kind"] == "note") {
        let parsed = |key: &Value| VKey::parse(key.as_str().unwrap()).unwrap();
        let keys: Vec<VKey> = case["keys"].as_array().unwrap().iter().map(parsed).collect();
        let (note_text, name) = (text(case, "note"), text(case, "name"));
        assert_eq!(is_signed(note_text.as_bytes(), &keys), case["error"].is_null(), "{name}");
        // sumdb/note knows no cosignature: it is asked where logs alone sign.
        let logs = keys.iter().filter(|key| key.kind() == KeyKind::Ed25519).count();
        if logs == keys.len() {
            all.push(note(&row(case, &name), note_text.as_bytes(), &keys));
        }
    }
    all
}

fn hash(case: &Value, key: &str) -> Hash {
    raw(case, key).try_into().unwrap()
}

fn path(case: &Value, key: &str) -> Vec<Hash> {
    let read = |hash: &Value| hex::decode(hash.as_str().unwrap()).unwrap().try_into().unwrap();
    case[key].as_array().unwrap().iter().map(read).collect()
}

fn trees() -> Vec<Question> {
    let mut all = Vec::new();
    for case in cases("tree.json") {
        let number = |key: &str| case[key].as_u64().unwrap();
        // "leaf 3 of 7, path extended": how it is spoiled.
        let name = text(&case, "name");
        let spoiled = name.split_once(", ").map_or(name.as_str(), |(_, how)| how).to_owned();
        let mut item = row(&case, &spoiled);
        if case["kind"] == "inclusion" {
            let (leaf, at) = (hash(&case, "leaf_hash"), (number("index"), number("size")));
            let (hashes, root) = (path(&case, "path"), hash(&case, "root"));
            let asked = json!({
                "LeafHash": bytes(leaf), "Index": at.0, "Size": at.1,
                "Path": list(&hashes), "Root": bytes(root),
            });
            let ours = verify_inclusion(&leaf, at.0, at.1, &hashes, &root).is_ok();
            all.push(Question { kind: "inclusion", item, asked, ours });
        } else if case["kind"] == "consistency" {
            let sizes = (number("old_size"), number("new_size"));
            if sizes.0 == 0 {
                item.push_str(", from size 0");
            }
            let (hashes, roots) =
                (path(&case, "proof"), (hash(&case, "old_root"), hash(&case, "new_root")));
            let asked = json!({
                "OldSize": sizes.0, "NewSize": sizes.1, "Path": list(&hashes),
                "OldRoot": bytes(roots.0), "NewRoot": bytes(roots.1),
            });
            let ours = verify_consistency(sizes.0, sizes.1, &hashes, &roots.0, &roots.1).is_ok();
            all.push(Question { kind: "consistency", item, asked, ours });
        }
    }
    all
}

fn envelopes() -> Vec<Question> {
    let mut all = Vec::new();
    for case in cases("envelopes.json") {
        let key = PublicKey::from_spki(&raw(&case, "key_spki")).unwrap();
        all.push(sealed("as in the vectors", text(&case, "dsse_json").as_bytes(), &key));
    }
    for case in cases("refused.json") {
        let error = text(&case, "error");
        // A key that is no key can be given to nobody.
        let Ok(key) = PublicKey::from_spki(&raw(&case, "key_spki")) else { continue };
        let json = envelope::to_json(&Envelope {
            payload_type: text(&case, "payload_type"),
            payload: raw(&case, "payload"),
            key_fpr: raw(&case, "key_fpr"),
            sig: raw(&case, "sig"),
        });
        all.push(sealed(&row(&case, &error), json.as_bytes(), &key));
    }
    all
}
