//! The family's evidence, exported from living nodes, and every way to spoil it.

#![allow(clippy::unwrap_used)]

use jieli_node::command::DeskCommand;
use jieli_node::evidence::Exported;
use jieli_proto::bundle::{
    CAVEAT_ZH, Completeness, Entry, LegVerdict, exit_code, verify, zip_read, zip_write,
};
use jieli_proto::case::Stage;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use jieli_proto::wire::act_request::Act;
use jieli_tests::people::{self, FAMILY};
use jieli_tests::{AGREEMENT_DRAFT, HOUR_MS, Random, Towns, eventually};
use std::ops::Range;

/// Random positions that are flipped besides whole files.
const ELSEWHERE: usize = 500;

struct Bundle {
    zip: Vec<u8>,
    roots: [Digest; 2],
}

impl Bundle {
    fn exit(&self) -> u8 {
        exit_code(&verify(&self.zip, &self.roots))
    }

    fn files(&self) -> Vec<Entry<'_>> {
        zip_read(&self.zip).unwrap()
    }

    /// Where a file's bytes are in the ZIP.
    fn range(&self, file: &Entry<'_>) -> Range<usize> {
        let from = file.data.as_ptr() as usize - self.zip.as_ptr() as usize;
        from..from + file.data.len()
    }

    /// The smallest file of a directory.
    fn smallest(&self, directory: &str) -> (String, Range<usize>) {
        let files = self.files();
        let of_it = files.iter().filter(|file| file.path.starts_with(directory));
        let file = of_it.min_by_key(|file| file.data.len()).unwrap();
        (file.path.to_owned(), self.range(file))
    }

    /// The exit code after one byte is changed.
    fn flipped(&self, at: usize) -> u8 {
        let mut zip = self.zip.clone();
        zip[at] ^= 1 << (at % 8);
        exit_code(&verify(&zip, &self.roots))
    }

    fn written(&self, files: &[Entry<'_>]) -> u8 {
        exit_code(&verify(&zip_write(files.iter().copied()).unwrap(), &self.roots))
    }
}

async fn family(sections: bool) -> (Towns, Bundle, Bundle) {
    let towns = Towns::new().await;
    let case = towns.main_road().await;
    towns.settled().await;
    let roots = [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let zip = towns.kunming.export(&case, sections).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    let there = towns.ruian.case_of(&towns.ruian.leg(leg).await).await;
    let theirs = towns.ruian.export(&there, sections).await;
    (towns, Bundle { zip, roots }, Bundle { zip: theirs, roots })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_family_is_proven_by_the_two_roots_and_by_nothing_less() {
    let (towns, bundle, theirs) = family(true).await;
    for side in [&bundle, &theirs] {
        let verdicts = verify(&side.zip, &side.roots).unwrap();
        assert_eq!(side.exit(), 0, "{}", verdicts.text());
        assert_eq!(verdicts.legs.len(), 3);
        let complete = |leg: &LegVerdict| leg.complete == Completeness::Complete;
        assert!(verdicts.legs.iter().all(complete), "{}", verdicts.text());
        let [a, b] = side.roots;
        assert_eq!(exit_code(&verify(&side.zip, &[b, a])), 0);
        for fewer in [vec![a], vec![b], vec![a, a], vec![], vec![a, Digest([7; 32])]] {
            assert_eq!(exit_code(&verify(&side.zip, &fewer)), 1, "{fewer:?}");
        }
        let files = side.files();
        let report = files.iter().find(|file| file.path == "REPORT.txt").unwrap();
        assert!(String::from_utf8_lossy(report.data).contains(CAVEAT_ZH));
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sections_the_evidence_names_nobody_and_still_holds() {
    let (towns, bundle, _) = family(false).await;
    assert_eq!(bundle.exit(), 0);
    let named = people::secrets(people::people(&people::row(FAMILY)));
    for file in bundle.files() {
        assert!(!file.path.starts_with("sections/"), "{}", file.path);
        let decoded = unpacked(file.data);
        for secret in &named {
            let found = decoded.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.path);
        }
    }
    towns.stop().await;
}

/// A file's bytes, and what its texts hold in base64.
fn unpacked(data: &[u8]) -> Vec<u8> {
    let mut all = data.to_vec();
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(data) {
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            match value {
                serde_json::Value::Array(items) => left.extend(items),
                serde_json::Value::Object(items) => left.extend(items.into_values()),
                serde_json::Value::String(text) => all.extend(base64_of(&text)),
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_) => {}
            }
        }
    }
    all
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_byte_changed_anywhere_is_found() {
    let (towns, bundle, _) = family(true).await;
    towns.stop().await;
    let mut inside: Vec<(String, usize)> = Vec::new();
    // A checkpoint stands in every proof; its key stands in the policy.
    for directory in ["envelopes/", "items/", "proofs/", "policy/", "sections/"] {
        let (path, range) = bundle.smallest(directory);
        inside.extend(range.map(|at| (path.clone(), at)));
    }
    let whole: Vec<Range<usize>> = bundle
        .files()
        .iter()
        .filter(|file| file.path != "manifest.json")
        .map(|file| bundle.range(file))
        .collect();
    let mut random = Random::new(20_261_121);
    let elsewhere = std::iter::from_fn(|| Some(random.below(bundle.zip.len() as u64) as usize));
    let taken = |at: &usize| inside.iter().any(|(_, other)| other == at);
    let elsewhere: Vec<usize> = elsewhere.filter(|at| !taken(at)).take(ELSEWHERE).collect();
    let mut all = inside;
    all.extend(elsewhere.into_iter().map(|at| ("somewhere".to_owned(), at)));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(threads)) {
            let (bundle, whole) = (&bundle, &whole);
            scope.spawn(move || {
                for (path, at) in part {
                    let exit = bundle.flipped(*at);
                    // Only where the ZIP itself or manifest.json can no longer be read.
                    let unreadable = !whole.iter().any(|range| range.contains(at));
                    assert!(exit == 1 || (exit == 2 && unreadable), "{path} at {at}: {exit}");
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_an_extra_or_a_double_file_is_found() {
    let (towns, bundle, _) = family(true).await;
    towns.stop().await;
    let files = bundle.files();
    assert_eq!(bundle.written(&files), 0, "written again it is the same");
    for at in 0..files.len() {
        let mut fewer = files.clone();
        let gone = fewer.remove(at);
        let exit = bundle.written(&fewer);
        assert_eq!(exit, if gone.path == "manifest.json" { 2 } else { 1 }, "{} gone", gone.path);
    }
    let mut directories: Vec<&str> = Vec::new();
    for at in 0..files.len() {
        let directory = files[at].path.split('/').next().unwrap();
        if directories.contains(&directory) {
            continue;
        }
        directories.push(directory);
        let mut double = files.clone();
        double.insert(at, files[at]);
        assert_eq!(bundle.written(&double), 1, "{} twice", files[at].path);
    }
    assert!(directories.len() >= 9, "{directories:?}");
    for path in ["extra.txt", "sections/extra.json", "zzz"] {
        let mut more = files.clone();
        more.push(Entry { path, data: b"more" });
        assert_eq!(bundle.written(&more), 1, "{path}");
    }
    let mut turned = files.clone();
    turned.swap(1, 2);
    assert_eq!(bundle.written(&turned), 1, "in another order");
    assert_eq!(exit_code(&verify(b"no zip", &bundle.roots)), 2);
    let cut = &bundle.zip[..bundle.zip.len() - 1];
    assert_eq!(exit_code(&verify(cut, &bundle.roots)), 2);
}

/// The sample agreement as the next version, with another end.
fn next(towns: &Towns, year: u32) -> String {
    let (id, text) = (towns.agreement.hex(), AGREEMENT_DRAFT);
    assert!(text.contains("2029-10-31"));
    let text = text.replace("2029-10-31", &format!("{year}-10-31"));
    format!("agreement_id = \"{id}\"\nversion = 2\n{text}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_under_a_countered_version_is_proven_like_any_other() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let propose = wire::ProposeRequest { draft_toml: next(&towns, 2027) };
    kunming.two_approve(DeskCommand::Propose(propose)).await.unwrap();
    let agreement_id = towns.agreement.hex();
    let draft_toml = next(&towns, 2028);
    let counter = wire::CounterProposeRequest { agreement_id: agreement_id.clone(), draft_toml };
    eventually("the proposal", async || {
        ruian.two_approve(DeskCommand::CounterPropose(counter.clone())).await.is_ok()
    })
    .await;
    let sign = wire::CountersignRequest { agreement_id, version: 2 };
    eventually("the counter-proposal", async || {
        kunming.two_approve(DeskCommand::Countersign(sign.clone())).await.is_ok()
    })
    .await;
    eventually("version 2 in both", async || {
        [kunming, ruian].iter().all(|town| {
            let published = town.node().hand().published();
            published.directory.bonds[&towns.agreement].version() == 2
        })
    })
    .await;
    let case = towns.main_road().await;
    towns.settled().await;
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    let bundle = Bundle { zip: kunming.export(&case, false).await, roots };
    let verdicts = verify(&bundle.zip, &roots).unwrap();
    assert_eq!(bundle.exit(), 0, "{}", verdicts.text());
    towns.stop().await;
}

/// A bundle is complete when both cities have said that they sent no more, also when the other one
/// said so earlier; else the bundle and the exporter say what is missing, and all else holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_complete_with_the_word_of_both_cities() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.reaches(leg, Stage::TakenUp).await;
    towns.settled().await;
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    let later = Completeness::LaterMayExist(vec![ruian.id()]);
    let found = |made: &Exported| {
        let verdicts = verify(&made.zip, &roots).unwrap();
        assert_eq!(exit_code(&Ok(verdicts.clone())), 0, "{}", verdicts.text());
        let [leg] = <[LegVerdict; 1]>::try_from(verdicts.legs).unwrap();
        leg.complete
    };
    let made = kunming.exported(&case, false).await;
    assert_eq!((found(&made), made.notes), (Completeness::Complete, Vec::new()));
    // What it said is kept: it need not be reached again.
    kunming.tap.set_cut(true);
    let made = kunming.exported(&case, false).await;
    assert_eq!((found(&made), made.notes), (Completeness::Complete, Vec::new()));
    kunming.tap.set_cut(false);
    // Ruian says that it has sent more than has come here.
    ruian.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    let made = kunming.exported(&case, false).await;
    assert_eq!(found(&made), later);
    assert!(
        made.notes.len() == 1 && made.notes[0].contains("还有消息没有到达"),
        "{:?}",
        made.notes
    );
    ruian.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    kunming.reaches(leg, Stage::Released).await;
    towns.settled().await;
    // The proofs of what came are fetched while Ruian answers; then it is silent, and what it
    // had said is of no use any more.
    kunming.exported(&case, false).await;
    let mut writer = kunming.node().store().writer();
    let mut tx = writer.begin().await.unwrap();
    tx.run("DELETE FROM leg_statement", Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    kunming.tap.set_cut(true);
    let made = kunming.exported(&case, false).await;
    assert_eq!(found(&made), later);
    assert!(made.notes.len() == 1 && made.notes[0].contains("联系不上"), "{:?}", made.notes);
    towns.stop().await;
}
