//! V19 within one city: the worker's own copy of what two offices of it said to each other. One root
//! checks it; what is left out, changed or unlawful shows, whoever writes the rest anew.

use crate::common::denied;
use jieli_node::command::WorkerCommand;
use jieli_node::keys::{KeyName, seal_envelope};
use jieli_node::world::Clock as _;
use jieli_proto::bundle::{
    Bundle, CaseVerdict, Code, Completeness, Verdicts, build, exit_code, verify, zip_read,
};
use jieli_proto::case::Stage;
use jieli_proto::envelope::{self, env_digest};
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::worker_server::Worker;
use jieli_proto::wire::{self, Envelope, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{HOUSING, Within, eventually, sqlite};
use tonic::Request;

/// A city with a home that was given, and the code with which its worker gets the copy.
struct Done {
    city: Within,
    case: String,
    code: String,
}

impl Done {
    async fn new() -> Done {
        let city = Within::new(sqlite()).await;
        let town = &city.town;
        let here = wire::Draft { city: "昆明市".to_owned(), ..home(1) };
        let case = town.import(vec![here]).await.remove(0);
        let leg = town.legs(&case).await[0].id;
        let code = town.ask_yes(&case).await.code();
        city.acts(HOUSING, leg, Act::TakeUp(wire::DeskTakeUp {})).await;
        city.acts(HOUSING, leg, Act::Accept(wire::DeskAccept::default())).await;
        town.reaches(leg, Stage::Released).await;
        town.sms(&case, "说您申请了").await;
        city.acts(HOUSING, leg, Act::Outcome(people::outcome(Service::Housing, ""))).await;
        town.reaches(leg, Stage::Fulfilled).await;
        Done { city, case, code }
    }

    async fn copy(&self) -> wire::CopyReply {
        let open = wire::OpenRequest { case_number: self.case.clone(), code: self.code.clone() };
        self.city.town.worker_door().copy(Request::new(open)).await.unwrap().into_inner()
    }

    fn verdicts(&self, zip: &[u8]) -> Verdicts {
        verify(zip, &[self.city.town.public.root_fpr()]).unwrap()
    }

    /// Signs as the city does.
    async fn seal(&self, message: &wire::Message) -> Envelope {
        let node = self.city.town.node();
        let directory = node.hand().published().directory.clone();
        let keys = directory.newest_message_keys(self.city.clock.now_unix_ms());
        let signer = node.house().keys.first_of(&keys).unwrap();
        seal_envelope(message, signer.as_ref()).await.unwrap()
    }

    async fn stop(self) {
        let mut town = self.city.town;
        town.stop().await;
    }
}

fn codes(verdicts: &Verdicts) -> Vec<Code> {
    verdicts.failures.iter().map(|failure| failure.code).collect()
}

/// The parts of a copy, without its sections.
fn parts(zip: &[u8]) -> Bundle {
    let mut bundle = Bundle::default();
    for file in zip_read(zip).unwrap() {
        let (directory, name) = file.path.split_once('/').unwrap_or_default();
        let sealed = || envelope::from_json(std::str::from_utf8(file.data).unwrap()).unwrap();
        match directory {
            "envelopes" => bundle.envelopes.push(sealed()),
            "consents" => bundle.consents.push(sealed()),
            "agreement" => bundle.agreements.push(sealed()),
            "keys" if name.ends_with(".spki") => {
                bundle.roots.push(PublicKey::from_spki(file.data).unwrap());
            }
            "keys" => bundle.manifests.push(sealed()),
            _ => {}
        }
    }
    bundle
}

fn message(sealed: &Envelope) -> Option<wire::Message> {
    (envelope::kind(sealed) == Some(Kind::Message)).then(|| envelope::payload(sealed).unwrap())
}

fn place_of(bundle: &Bundle, ty: MessageType) -> usize {
    let is = |sealed: &Envelope| message(sealed).is_some_and(|message| message.r#type() == ty);
    bundle.envelopes.iter().position(is).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_within_a_city_the_own_copy_holds_all_and_one_root_verifies_it() {
    let done = Done::new().await;
    let copy = done.copy().await;
    let verdicts = done.verdicts(&copy.zip);
    assert!(verdicts.all_hold(), "{}", verdicts.text());
    assert!(verdicts.within && verdicts.text().contains("by this city alone"));
    assert_eq!(verdicts.legs[0].complete, Completeness::Complete);
    assert_eq!(verdicts.legs[0].case, CaseVerdict::Legal("FULFILLED".to_owned()));
    // Both phases of what was entered, and what the other office answered.
    let files = zip_read(&copy.zip).unwrap();
    let sections: Vec<&str> =
        files.iter().map(|file| file.path).filter(|path| path.starts_with("sections/")).collect();
    for number in [".16.json", ".3.json", ".36.json"] {
        assert!(sections.iter().any(|path| path.ends_with(number)), "{number} in {sections:?}");
    }
    let report = files.iter().find(|file| file.path == "REPORT.txt").unwrap();
    let report = std::str::from_utf8(report.data).unwrap();
    assert!(report.contains("只有本市的签名") && !report.contains("协议"), "{report}");
    assert!(copy.slip.is_some());
    // Nobody's word counts but the root's that is given; a slip's code gets no copy.
    assert_eq!(exit_code(&verify(&copy.zip, &[Digest([9; 32])])), 1);
    let slip = copy.slip.unwrap().slip_code;
    let open = wire::OpenRequest { case_number: done.case.clone(), code: slip };
    assert_eq!(denied(done.city.town.worker(WorkerCommand::Copy(open)).await), "WRONG_CODE");
    done.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_within_a_city_what_is_left_out_or_changed_shows() {
    let done = Done::new().await;
    let zip = done.copy().await.zip;
    let whole = parts(&zip);
    let left = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        done.verdicts(&build(&bundle).unwrap())
    };
    let untouched = left(&|_| {});
    assert!(untouched.all_hold(), "{}", untouched.text());
    for ty in [
        MessageType::Offer,
        MessageType::TakeUp,
        MessageType::Accept,
        MessageType::Release,
        MessageType::Outcome,
    ] {
        let found = left(&|bundle| drop(bundle.envelopes.remove(place_of(bundle, ty))));
        assert!(codes(&found).contains(&Code::LegGap), "{ty:?}: {}", found.text());
    }
    let found = left(&|bundle| bundle.envelopes.retain(|sealed| message(sealed).is_some()));
    assert!(matches!(found.legs[0].complete, Completeness::LaterMayExist(_)));
    let found = left(&|bundle| {
        let at = place_of(bundle, MessageType::Accept);
        bundle.envelopes[at].sig[0] ^= 1;
    });
    assert!(codes(&found).contains(&Code::SignatureFalse), "{}", found.text());
    let found = left(&|bundle| bundle.consents.clear());
    assert!(codes(&found).contains(&Code::ConsentMissing), "{}", found.text());
    let found = left(&|bundle| bundle.agreements.clear());
    assert!(codes(&found).contains(&Code::AgreementMissing), "{}", found.text());
    // Any byte of the file itself.
    for at in (0..zip.len()).step_by(997) {
        let mut bent = zip.clone();
        bent[at] ^= 1;
        assert_ne!(exit_code(&verify(&bent, &[done.city.town.public.root_fpr()])), 0, "{at}");
    }
    done.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_within_a_city_an_unlawful_leg_shows_though_the_city_itself_signed_it() {
    let done = Done::new().await;
    let mut bundle = parts(&done.copy().await.zip);
    // Identity handed over without anybody having accepted: the city writes history anew.
    let kept = [MessageType::Offer, MessageType::TakeUp, MessageType::Release];
    let mut messages: Vec<wire::Message> = bundle.envelopes.iter().filter_map(message).collect();
    messages.retain(|message| kept.contains(&message.r#type()));
    messages.sort_by_key(|message| kept.iter().position(|ty| *ty == message.r#type()));
    bundle.envelopes.clear();
    let mut digests: Vec<Digest> = Vec::new();
    for mut message in messages {
        if message.r#type() == MessageType::Release {
            message.leg_seen = digests[1].to_vec();
        }
        let sealed = done.seal(&message).await;
        digests.push(env_digest(&sealed));
        bundle.envelopes.push(sealed);
    }
    let found = done.verdicts(&build(&bundle).unwrap());
    assert!(codes(&found).contains(&Code::CaseLaw), "{}", found.text());
    assert!(matches!(found.legs[0].case, CaseVerdict::Illegal(_)), "{}", found.text());
    done.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_within_a_city_a_key_that_was_replaced_counts_by_the_word_of_the_new_one() {
    let done = Done::new().await;
    let town = &done.city.town;
    let old = town.key(KeyName::Message);
    town.rotate(KeyName::Message).await;
    eventually("the old key to be retired", async || town.retire(old).await.is_ok()).await;
    let zip = done.copy().await.zip;
    let found = done.verdicts(&zip);
    assert!(found.all_hold(), "{}", found.text());
    // Without the new key's word anybody who has the old one could have written it since.
    let mut bundle = parts(&zip);
    bundle.envelopes.retain(|sealed| message(sealed).is_some());
    let found = done.verdicts(&build(&bundle).unwrap());
    let disputed = found.failures.iter().filter(|failure| failure.code == Code::KeyRevoked);
    assert!(disputed.count() >= bundle.envelopes.len(), "{}", found.text());
    done.stop().await;
}
