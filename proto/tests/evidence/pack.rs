//! Packs: many bundles over what they share, and nothing left out in between.

use crate::bundle::files;
use crate::fixtures::*;
use crate::story::{Plot, played, played_as};
use crate::tombstones::bury;
use crate::world::World;
use jieli_proto::bundle::pack::{About, Pack, PackVerdicts, PackWriter, Source, verify};
use jieli_proto::bundle::{self, Bundle, Entry, zip_write};
use jieli_proto::envelope::{self, env_digest};
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::Kind;
use jieli_proto::wire;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Keys, agreement, policies, and the acts with what proves them.
fn shared(world: &World) -> Bundle {
    let all = &world.bundle;
    let acts = all.envelopes.iter().filter(|found| envelope::kind(found) == Some(Kind::Act));
    let mut names: BTreeSet<Digest> = acts.map(env_digest).collect();
    let items: Vec<_> =
        all.items.iter().filter(|item| names.contains(&item.answers)).cloned().collect();
    names.extend(items.iter().map(|item| item.receipt));
    Bundle {
        roots: all.roots.clone(),
        manifests: all.manifests.clone(),
        agreements: all.agreements.clone(),
        policies: all.policies.clone(),
        successors: all.successors.clone(),
        heads: all.heads.clone(),
        envelopes: all
            .envelopes
            .iter()
            .filter(|e| names.contains(&env_digest(e)))
            .cloned()
            .collect(),
        proofs: all.proofs.iter().filter(|proof| names.contains(&proof.0)).cloned().collect(),
        items,
        ..Bundle::default()
    }
}

/// Paths and bytes.
type Files = Vec<(String, Vec<u8>)>;

pub(crate) fn about() -> About {
    let agreement = AgreementId(AGREEMENT);
    About { agreement, from: 20_260_101, to: 20_281_231, product: "jieli 0.1.0".to_owned() }
}

pub(crate) fn written(world: &World, about: About) -> Vec<u8> {
    let (mut writer, mut out) = PackWriter::new(about, &shared(world)).unwrap();
    out.extend(writer.bundle(&world.bundle).unwrap());
    out.extend(writer.finish().unwrap());
    out
}

pub(crate) fn checked(pack: &[u8], roots: &[Digest]) -> PackVerdicts {
    let mut source = pack;
    let pack = Pack::open(&mut source).unwrap().unwrap();
    verify(pack, roots, None, &mut |_, _| ())
}

/// The codes of what does not hold, each once; ["UNREADABLE"] where nothing can be read.
pub(crate) fn codes(pack: &[u8], roots: &[Digest]) -> Vec<&'static str> {
    let mut source = pack;
    let Ok(Some(pack)) = Pack::open(&mut source) else { return vec!["UNREADABLE"] };
    let found = verify(pack, roots, None, &mut |_, _| ());
    let codes: BTreeSet<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    codes.into_iter().collect()
}

/// What a forger does who knows the format: writes the list of files anew.
pub(crate) fn listed_anew(mut files: Files) -> Vec<u8> {
    let (name, old) = files.pop().unwrap();
    let claim = serde_json::from_slice::<Value>(&old).unwrap()["claim"].clone();
    let hash = |(path, data): &(String, Vec<u8>)| (path.clone(), Digest::of(&[data]).hex());
    let list: BTreeMap<String, String> = files.iter().map(hash).collect();
    let all = BTreeMap::from([("claim", claim), ("files", serde_json::to_value(list).unwrap())]);
    files.push((name, serde_json::to_vec(&all).unwrap()));
    zip_write(files.iter().map(|(path, data)| Entry { path, data })).unwrap()
}

#[test]
fn a_pack_holds_and_says_what_is_in_it() {
    let world = played();
    let pack = written(&world, about());
    assert_eq!(pack, written(&world, about()));
    let found = checked(&pack, &world.roots());
    assert_eq!(found.failures, []);
    assert_eq!((found.messages, found.bundles, found.legs), (9, 1, [1, 0, 0]));
    assert_eq!((found.case_law, found.cosigned), ([1, 0, 0], 9));
    let lanes: Vec<_> = found.lanes.iter().map(|l| (l.first, l.last, l.whole, l.stated)).collect();
    assert_eq!(lanes, [(1, 4, true, 4), (1, 5, true, 3)]);
    let all = files(&pack);
    let text = |name: &str| {
        let found = all.iter().find(|(path, _)| path == name).unwrap();
        String::from_utf8(found.1.clone()).unwrap()
    };
    for report in ["REPORT.txt", "REPORT.html"] {
        assert!(
            text(report).contains(bundle::CAVEAT_ZH) && text(report).contains(bundle::CAVEAT_EN)
        );
    }
    assert_eq!(text("messages/00001.jsonl").lines().count(), 9);
    // Nothing of a person, although the bundle that was handed over discloses it.
    assert!(
        !world.bundle.sections.is_empty() && !text("bundles/00001.jsonl").contains("sections/")
    );
    assert_eq!(found.exit_code(), 0);
    assert!(found.text().contains("none is missing"));
    assert_eq!(serde_json::from_str::<Value>(&found.to_json()).unwrap()["all_hold"], true);
}

/// The rehearsal in two epochs, after A has erased what it released.
pub(crate) fn erased_in_two_epochs() -> World {
    let mut world = played_as(&Plot { again: Some(5), ..Plot::default() });
    bury(&mut world);
    world
}

#[test]
fn a_pack_says_what_was_erased_and_where_an_epoch_ended() {
    let world = erased_in_two_epochs();
    let pack = written(&world, about());
    let found = checked(&pack, &world.roots());
    assert_eq!(found.failures, []);
    // Two of the RELEASE, and that of the OFFER which B confirmed.
    assert_eq!((found.erased, found.epochs.len()), (3, 1));
    assert!(found.text().contains("3 sections were erased"));
    let shared = |(path, _): &(String, Vec<u8>)| path.starts_with("shared/policy/city-a+2.");
    assert!(files(&pack).iter().any(shared), "what bundles have in common is there once");
    let without = fewer_lines(&pack, |line| line.contains("\"path\":\"erasures/city-a."));
    assert_eq!(checked(&without, &world.roots()).erased, 1);
}

#[test]
fn each_bundle_of_a_pack_stands_alone() {
    let world = played();
    let pack = written(&world, about());
    let mut source = pack.as_slice();
    let mut pack = Pack::open(&mut source).unwrap().unwrap();
    assert_eq!(pack.bundles(), 1);
    let one = pack.bundle(1).unwrap();
    assert_eq!(bundle::verify(&one, &world.roots()).unwrap().failures, []);
    assert_eq!((pack.bundle(0), pack.bundle(2)), (None, None));
}

#[test]
fn no_root_less_and_no_other_period() {
    let world = played();
    let pack = written(&world, about());
    let roots = world.roots();
    for fewer in [&roots[1..], &roots[..1], &[]] {
        assert!(codes(&pack, fewer).contains(&"ROOT_NOT_GIVEN"));
    }
    // A period without a message claims nothing of the lanes, and counts none.
    let early = About { from: 20_200_101, to: 20_200_102, ..about() };
    let found = checked(&written(&world, early), &roots);
    assert_eq!(found.failures, []);
    assert!(found.lanes.iter().all(|lane| (lane.first, lane.last) == (0, 0)));
}

#[test]
fn any_byte_changed_is_found() {
    let world = played();
    let (pack, roots) = (written(&world, about()), world.roots());
    for at in (0..pack.len()).step_by(1_009) {
        let mut bad = pack.clone();
        bad[at] ^= 4;
        assert!(!codes(&bad, &roots).is_empty(), "byte {at}");
    }
    for cut in [0, 1, 21, 22, pack.len() / 2, pack.len() - 1] {
        assert!(!codes(&pack[..cut], &roots).is_empty(), "{cut}");
    }
    assert_eq!(codes(&[&pack[..], b"x"].concat(), &roots), ["UNREADABLE"]);
}

#[test]
fn what_a_forger_lists_anew_is_found() {
    let world = played();
    let (pack, roots) = (written(&world, about()), world.roots());
    let all = files(&pack);
    assert!(codes(&listed_anew(all.clone()), &roots).is_empty());
    let at = |name: &str| all.iter().position(|(path, _)| path.starts_with(name)).unwrap();
    type Change<'a> = &'a dyn Fn(&mut Files);
    let with = |change: Change<'_>| {
        let mut other = all.clone();
        change(&mut other);
        codes(&listed_anew(other), &roots)
    };
    let without = |name: &str| with(&|files| drop(files.remove(at(name))));
    assert!(without("bundles/").contains(&"NOTHING_IN_IT"));
    assert_eq!(without("messages/"), ["FILE_MISSING"]);
    assert_eq!(without("REPORT.html"), ["FILE_MISSING"]);
    assert_eq!(without("verify.sh"), ["FILE_MISSING"]);
    assert!(without("shared/agreement/").contains(&"AGREEMENT_MISSING"));
    assert!(without("shared/policy/").contains(&"POLICY_MISSING"));
    assert!(with(&|files| files.insert(0, ("more".to_owned(), vec![1]))).contains(&"FILE_EXTRA"));
    assert_eq!(with(&|files| files[at("REPORT.txt")].1[3] ^= 1), ["REPORT_DIFFERS"]);
    assert_eq!(with(&|files| files[at("messages/")].1[9] ^= 1), ["REPORT_DIFFERS"]);
    assert_eq!(with(&|files| files.swap(0, 1)), ["ZIP_DIFFERS"]);
    // What is shared has one place.
    let twice = with(&|files| {
        let (path, data) = files[at("shared/agreement/")].clone();
        let line = [
            ("data", String::from_utf8(data).unwrap()),
            ("path", path.trim_start_matches("shared/").to_owned()),
        ];
        let line = serde_json::to_string(&BTreeMap::from(line)).unwrap();
        let lines = String::from_utf8(files[at("bundles/")].1.clone()).unwrap();
        let (agreement, rest): (Vec<&str>, Vec<&str>) =
            lines.lines().partition(|line| line.contains("\"path\":\"consents/"));
        let all = [rest, vec![&line], agreement].concat();
        files[at("bundles/")].1 = format!("{}\n", all.join("\n")).into_bytes();
    });
    assert!(!twice.is_empty(), "{twice:?}");
}

/// The lines of the only bundle without those that a rule names.
fn fewer_lines(pack: &[u8], leaves_out: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut all = files(pack);
    let at = all.iter().position(|(path, _)| path.starts_with("bundles/")).unwrap();
    let lines = String::from_utf8(all[at].1.clone()).unwrap();
    let kept: Vec<&str> = lines.lines().filter(|line| !leaves_out(line)).collect();
    all[at].1 = format!("{}\n", kept.join("\n")).into_bytes();
    listed_anew(all)
}

#[test]
fn a_message_left_out_leaves_a_hole_in_its_lane() {
    let world = played();
    let (pack, roots) = (written(&world, about()), world.roots());
    let is_refused = |found: &&wire::Envelope| {
        let message = envelope::payload::<wire::Message>(found);
        message.is_ok_and(|message| message.r#type() == wire::MessageType::Remind)
    };
    let refused = world.bundle.envelopes.iter().find(is_refused).unwrap();
    let name = env_digest(refused).hex();
    let found = codes(&fewer_lines(&pack, |line| line.contains(&name)), &roots);
    assert!(found.contains(&"PACK_LANE_GAP"), "{found:?}");
    // A signature of the city alone does not make the rest whole.
    assert!(found.contains(&"CLAIM_DIFFERS"), "{found:?}");
}

#[test]
fn a_source_that_fails_is_no_pack() {
    struct Broken(Vec<u8>);
    impl Source for Broken {
        fn total(&self) -> u64 {
            self.0.len() as u64
        }
        fn read(&mut self, at: u64, len: usize) -> Option<Vec<u8>> {
            // Its middle cannot be read.
            let whole = self.0.as_slice().read(at, len)?;
            (at > 4_000 || len > 2_000).then_some(whole)
        }
    }
    let world = played();
    let mut source = Broken(written(&world, about()));
    let pack = Pack::open(&mut source).unwrap().unwrap();
    assert!(!verify(pack, &world.roots(), None, &mut |_, _| ()).all_hold());
}
