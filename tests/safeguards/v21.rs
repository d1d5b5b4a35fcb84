//! V21: the README and everything that leaves a city as evidence carry the one sentence.

use jieli_gateway::paper as pages;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::world::Clock as _;
use jieli_proto::bundle::{CAVEAT_EN, CAVEAT_ZH, verify, zip_read};
use jieli_proto::paper;
use jieli_proto::wire;
use jieli_proto::wire::worker_server::Worker;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use jieli_tests::{Towns, people, program};
use std::path::Path;
use std::process::Command;
use tonic::Request;

fn carries(what: &str, text: &str) {
    let zh = text.find(CAVEAT_ZH).unwrap_or_else(|| panic!("{what} lacks the Chinese sentence"));
    let en = text.find(CAVEAT_EN).unwrap_or_else(|| panic!("{what} lacks the English sentence"));
    assert!(zh < en, "{what}: Chinese first");
}

/// What `jieli verify` prints.
fn verified(words: &[&str]) -> String {
    let out = Command::new(program().unwrap()).arg("verify").args(words).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn v21_the_sentence_is_written_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> =
        ["proto/src", "node/src", "gateway/src", "deploy/jieli/src"].map(|p| root.join(p)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains(CAVEAT_ZH)) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((NOT_PROOF_OF_FREEDOM.zh, NOT_PROOF_OF_FREEDOM.en), (CAVEAT_ZH, CAVEAT_EN));
    carries("README.md", &std::fs::read_to_string(root.join("README.md")).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn v21_every_paper_and_every_check_carries_the_sentence() {
    let towns = Towns::new().await;
    let (kunming, folder) = (&towns.kunming, tempfile::tempdir().unwrap());
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let case = kunming.import(vec![people::home(3)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, jieli_proto::case::Stage::Offered).await;
    towns.settled().await;
    let roots = [kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let (ours, theirs) = (roots[0].hex(), roots[1].hex());
    // The export, the own copy, and what a stranger sees who checks them.
    let request = wire::OpenRequest { case_number: case.clone(), code: sms.code() };
    let copy = kunming.worker_door().copy(Request::new(request)).await.unwrap().into_inner();
    let now = (towns.clock.now_unix_ms() / 1_000).to_string();
    for (what, zip) in [("export", kunming.export(&case, false).await), ("copy", copy.zip)] {
        let files = zip_read(&zip).unwrap();
        let report = files.iter().find(|file| file.path == "REPORT.txt").unwrap();
        carries(what, std::str::from_utf8(report.data).unwrap());
        carries(what, &verify(&zip, &roots).unwrap().text());
        let zip = file(&format!("{what}.zip"), &zip);
        for json in [&[][..], &["--json"]] {
            let words = [&[zip.as_str(), "--root", &ours, "--root", &theirs], json].concat();
            // The towns' clock is ahead of this machine's.
            let said = verified(&[&words[..], &["--at", &now]].concat());
            assert!(said.contains(CAVEAT_ZH) && said.contains(CAVEAT_EN), "{what}");
        }
    }
    // The slip: the page, and its check from the page's own file.
    let page = pages::slip(&copy.slip.unwrap()).unwrap();
    carries("slip", &page);
    let slip = file("slip.html", page.as_bytes());
    carries("verify --slip", &verified(&["--slip", &slip, "--root", &ours]));
    // The letter.
    let page = letter(&towns).await;
    let html = pages::letter(&page).unwrap();
    carries("letter", &html);
    let letter = file("letter.html", html.as_bytes());
    let said = verified(&["--letter", &letter, "--root", &ours]);
    carries("verify --letter", &said);
    assert!(page.fields.iter().all(|field| said.contains(&field.value)), "{said}");
    assert_eq!(paper::find(&html), Some(page.qr.as_str()));
    towns.stop().await;
}

async fn letter(towns: &Towns) -> wire::LetterPage {
    let kunming = &towns.kunming;
    let mut draft = people::home(4);
    draft.city = "成都".to_owned();
    let case = kunming.import(vec![draft]).await.remove(0);
    let request = wire::LetterRequest {
        case_number: case.clone(),
        leg: 1,
        office_name: "成都市住房和城乡建设局".to_owned(),
    };
    kunming.desk(DeskCommand::AskLetter(request.clone())).await.unwrap();
    let sms = kunming.sms(&case, "纸质信").await;
    kunming.answer(&sms, &[1]).await.unwrap();
    let done = kunming.desk(DeskCommand::WriteLetter(request)).await.unwrap();
    let Done::Letter(page) = done else { panic!("{done:?}") };
    page
}
