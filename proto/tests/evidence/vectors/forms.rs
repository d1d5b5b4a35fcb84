//! `forms.json`: messages that are canonical and well signed but have a wrong form, with the
//! refusal that their receipt bears.

use super::compare_cases;
use super::readable::Schema;
use crate::fixtures::{TYPES, message};
use crate::wrong::wrong_bodies;
use jieli_proto::message::check_message;
use jieli_proto::wire;
use prost::Message as _;
use serde_json::{Value, json};

type Change = fn(&mut wire::Message);

fn case(schema: &Schema, name: &str, found: &wire::Message) -> Value {
    let bytes = found.encode_to_vec();
    let fault = check_message(found).err();
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
fn forms_of_messages() {
    let schema = Schema::load();
    let mut cases = Vec::new();
    for (kind, service) in TYPES {
        let name = kind.as_str_name().trim_start_matches("MESSAGE_TYPE_").to_lowercase();
        let good = message(kind, service);
        cases.push(case(&schema, &name, &good));
        let changes: [(&str, Change); 5] = [
            ("msg_id of 15 bytes", |m| m.msg_id.truncate(15)),
            ("the lane of the other side", |m| {
                m.header.as_mut().unwrap().lane = 1;
            }),
            ("an office in lower case", |m| m.from_office = m.from_office.to_lowercase()),
            ("a section slot too many", |m| {
                m.section_digests.push(wire::SectionDigest { section: 63, digest: vec![1; 32] });
            }),
            ("no body", |m| m.body = None),
        ];
        for (what, change) in changes {
            let mut wrong = good.clone();
            change(&mut wrong);
            assert!(check_message(&wrong).is_err(), "{name}: {what}");
            cases.push(case(&schema, &format!("{name}: {what}"), &wrong));
        }
    }
    for (kind, service, field, body) in wrong_bodies() {
        let name = kind.as_str_name().trim_start_matches("MESSAGE_TYPE_").to_lowercase();
        let wrong = wire::Message { body: Some(body), ..message(kind, service) };
        cases.push(case(&schema, &format!("{name}: {field}"), &wrong));
    }
    let about = "Message payloads that strict decode accepts. `error` is null where the form is \
                 right, else the refusal (its number is `code`) and the first field at fault.";
    compare_cases("forms.json", about, &cases);
}
