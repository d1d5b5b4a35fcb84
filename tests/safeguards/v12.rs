//! V12: no batch ACCEPT, RELEASE or OUTCOME; one person per leg; no list of names to be filled.

use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service};
use jieli_tests::Towns;
use jieli_tests::people::home;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::path::Path;

fn files() -> FileDescriptorSet {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let found = std::fs::read_dir(root.join("jieli/v1")).unwrap();
    let paths: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    protox::compile(paths, [root]).unwrap()
}

/// Fields of a message that repeat.
fn repeated(message: &DescriptorProto) -> Vec<&str> {
    let many = message.field.iter().filter(|field| field.label() == Label::Repeated);
    many.map(|field| field.name()).collect()
}

fn message<'a>(set: &'a FileDescriptorSet, name: &str) -> &'a DescriptorProto {
    let mut all = set.file.iter().flat_map(|file| &file.message_type);
    all.find(|message| message.name() == name).unwrap()
}

#[test]
fn v12_no_call_acts_on_more_than_one_leg_of_one_case() {
    let set = files();
    for name in ["ActRequest", "AnswerSittingRequest", "OpenSittingRequest", "InHand", "Message"] {
        let many = repeated(message(&set, name));
        let allowed: &[&str] = match name {
            // Numbers of the items of one person; digests of one message's own slots.
            "AnswerSittingRequest" => &["yes"],
            "Message" => &["section_digests"],
            _ => &[],
        };
        assert_eq!(many, allowed, "{name}");
    }
    // What a desk says in an act holds no list of persons, cases or legs.
    let act = message(&set, "ActRequest");
    for field in &act.field {
        let Some(body) = field.type_name().rsplit('.').next().filter(|name| !name.is_empty())
        else {
            continue;
        };
        for many in repeated(message(&set, body)) {
            // Fields of one person's leg, of its terms, and of what to bring to one window.
            let allowed =
                [("DeskOutcome", "fields"), ("DeskSupply", "fields"), ("DeskCorrect", "fields")];
            assert!(allowed.contains(&(body, many)), "{body}.{many}");
        }
    }
}

#[test]
fn v12_no_message_streams_acts_and_none_names_a_quota() {
    let set = files();
    for service in set.file.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let call = format!("{}.{}", service.name(), method.name());
            let streams = method.client_streaming() || method.server_streaming();
            // Between cities; and three long answers about the log, which act on nothing.
            let known = service.name() == "Exchange"
                || (!method.client_streaming()
                    && ["Audit.Pack", "Desk.Reconcile", "Desk.SelfAudit"].contains(&call.as_str()));
            assert!(!streams || known, "{call}");
        }
    }
    let words = ["quota", "target", "batch", "tally", "goal"];
    for message in set.file.iter().flat_map(|file| &file.message_type) {
        for field in &message.field {
            let name = field.name();
            let found = words.iter().find(|word| name.contains(**word));
            // "no_target" certifies that there is none.
            assert!(found.is_none() || name == "no_target", "{}.{name}", message.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v12_what_is_decided_for_one_leg_decides_no_other() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    let mut legs = Vec::new();
    for case in &cases {
        kunming.ask_yes(case).await;
        legs.push(kunming.leg_for(case, Service::Housing).await);
    }
    for leg in &legs {
        towns.ruian_acts(*leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    }
    ruian.act(legs[0], Act::Accept(wire::DeskAccept::default())).await.unwrap();
    ruian.reaches(legs[0], Stage::Released).await;
    assert_eq!(ruian.stage(legs[1]).await, Some(Stage::TakenUp));
    assert_eq!(kunming.stage(legs[1]).await, Some(Stage::TakenUp));
    let person = "SELECT COUNT(DISTINCT leg_id) FROM blind_index";
    assert_eq!(ruian.count(person).await, 1, "one person was disclosed, with one leg");
    towns.stop().await;
}
