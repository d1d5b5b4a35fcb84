//! Two strangers become partners on the command line, as two processes: invitation, telephone,
//! answer, test call, and an agreement with two approvers on each side.

#![allow(clippy::unwrap_used)]

use jieli::demo::city::free_port;
use jieli_node::keys::{KeyRing, Signer as _};
use jieli_node::public::own_manifest;
use jieli_node::store::Store;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::misbehaviour::{Misbehaviour, Parts};
use jieli_proto::note::{KeyKind, Note, VKey};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const AGREEMENT: &str = include_str!("../deploy/sample/agreement.toml");
/// Id, name, labour office, the posts of its two approvers.
const CITIES: [(&str, &str, &str, [&str; 2]); 2] = [
    ("kunming.yn", "昆明市", "11999999MB0000019T", ["人社局局长", "法制科科长"]),
    ("ruian.zj", "瑞安市", "11999999MB00001154", ["分管副市长", "法制科科长"]),
];

/// A city made and served by the program alone.
struct City {
    dir: PathBuf,
    spoken: String,
    child: Child,
}

impl Drop for City {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command came to.
struct Ran {
    exit: i32,
    out: Value,
    err: String,
}

impl Ran {
    fn ok(self) -> Value {
        assert_eq!(self.exit, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The word of a refusal.
    fn refused(self, exit: i32) -> String {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        let error: Value = serde_json::from_str(&self.err).unwrap();
        let said = format!("{}{}", error["error"]["zh"], error["error"]["en"]);
        assert!(said.contains('。'), "{said}");
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(jieli_tests::program().unwrap());
    command.current_dir(dir).env("JIELI_LOG", "error").env("LC_ALL", "C.UTF-8");
    command
}

fn ran(output: Output) -> Ran {
    Ran {
        exit: output.status.code().unwrap(),
        out: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn serve(dir: &Path) -> Child {
    let mut serve = program(dir);
    serve.args(["node", "serve"]).stdout(Stdio::null()).stderr(Stdio::null());
    serve.spawn().unwrap()
}

impl City {
    fn start(parent: &Path, at: usize) -> City {
        let (id, name, office, posts) = CITIES[at];
        let dir = parent.join(id);
        let ports = [(); 3].map(|()| free_port().unwrap());
        let [peer, desk, worker] = ports.map(|address: SocketAddr| address.port().to_string());
        let mut init = program(parent);
        init.args(["--json", "--dir", id, "init", "--city", id, "--name", name]);
        init.args(["--office", office, "--unprotected", "--peer-address", "127.0.0.1"]);
        init.args(["--end-point", &format!("127.0.0.1:{peer}"), "--peer-port", &peer]);
        init.args(["--desk-port", &desk, "--worker-port", &worker]);
        for post in posts {
            init.args(["--approver-post", post]);
        }
        let made = ran(init.output().unwrap()).ok();
        assert_eq!(made["approver_tokens"][1]["token"], "approver-2");
        assert_eq!(made["approver_tokens"][1]["post"], posts[1]);
        let spoken = made["root_spoken"].as_str().unwrap().to_owned();
        let city = City { spoken, child: serve(&dir), dir };
        city.until("its desk to answer", &["status"], |ran| ran.exit == 0);
        city
    }

    fn start_again(&mut self) {
        self.child = serve(&self.dir);
        self.until("its desk to answer", &["status"], |ran| ran.exit == 0);
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn run(&self, words: &[&str]) -> Ran {
        ran(program(&self.dir).arg("--json").args(words).output().unwrap())
    }

    /// Text for people, both languages.
    fn text(&self, words: &[&str]) -> String {
        String::from_utf8(program(&self.dir).args(words).output().unwrap().stdout).unwrap()
    }

    fn until(&self, what: &str, words: &[&str], holds: impl Fn(&Ran) -> bool) -> Value {
        for _ in 0..600 {
            let ran = self.run(words);
            if holds(&ran) {
                return ran.out;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited too long for {what}")
    }

    fn peers(&self) -> usize {
        self.run(&["peer", "list"]).ok().as_array().unwrap().len()
    }

    /// Enters an act with the first token and approves it with the second.
    fn two(&self, words: &[&str]) -> Value {
        let entered = self.run(words).ok();
        let draft = entered["waiting"][0]["draft_id"].as_str().unwrap().to_owned();
        let once = self.run(&["agreement", "approve", &draft]);
        assert_eq!(once.refused(1), "SAME_TOKEN");
        self.run(&["--as", "approver-2", "agreement", "approve", &draft]).ok()
    }
}

#[test]
fn two_strangers_become_partners() {
    let parent = tempfile::tempdir().unwrap();
    let (km, ra) = (City::start(parent.path(), 0), City::start(parent.path(), 1));
    assert_eq!(km.run(&["peer", "test", "ruian.zj"]).refused(1), "NOT_FOUND");

    // The invitation, over any channel; changed, misheard or unread it adds nothing.
    let invite = parent.path().join("invite.json");
    let file = invite.to_str().unwrap();
    let made = km.run(&["peer", "invite", "--days", "7", "--out", file]).ok();
    assert_eq!(made["spoken"].as_str().unwrap(), km.spoken);
    assert_eq!(km.run(&["peer", "invite", "--out", file]).refused(2), "USAGE");
    let whole = std::fs::read_to_string(&invite).unwrap();
    let changed = parent.path().join("changed.json");
    let middle = whole.len() / 2;
    let byte = if whole.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let text = format!("{}{byte}{}", &whole[..middle], &whole[middle + 1..]);
    std::fs::write(&changed, text).unwrap();
    let accept = |file: &Path, groups: &str| {
        ra.run(&["peer", "accept", file.to_str().unwrap(), "--groups", groups])
    };
    assert_eq!(accept(&changed, &km.spoken).refused(1), "BAD_INVITE");
    let look = ra.run(&["peer", "accept", file]).ok();
    assert_eq!((&look["accepted"], &look["peer"]["name"]), (&Value::Bool(false), &"昆明市".into()));
    let shown = ra.text(&["peer", "accept", file]);
    // Its groups are heard, not read: only the own ones are shown.
    assert!(!shown.contains(&km.spoken) && shown.contains(&ra.spoken), "{shown}");
    assert_eq!((&look["peer"]["spoken"], &look["peer"]["root_fpr"]), (&"".into(), &"".into()));
    assert_eq!(accept(&invite, &ra.spoken).refused(1), "WRONG_GROUPS");
    assert_eq!((km.peers(), ra.peers()), (0, 0));

    // The groups as heard; the answer goes back and is taken in the same way.
    let accepted = accept(&invite, &km.spoken).ok();
    assert_eq!(accepted["accepted"], true);
    let answer = ra.dir.join(accepted["answer"].as_str().unwrap());
    assert_eq!(accept(&invite, &km.spoken).refused(1), "INVITE_USED");
    let take =
        |groups: &str| km.run(&["peer", "accept", answer.to_str().unwrap(), "--groups", groups]);
    assert_eq!(take(&km.spoken).refused(1), "WRONG_GROUPS");
    let back = take(&ra.spoken).ok();
    assert_eq!((&back["accepted"], &back["answer"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(take(&ra.spoken).refused(1), "INVITE_USED");
    let list = km.text(&["peer", "list"]);
    assert!(list.contains(&ra.spoken) && list.contains("只能往来协议文书"), "{list}");

    // Everything between them works, before there is an agreement.
    let tested = km.run(&["peer", "test", "瑞安"]).ok();
    let names: Vec<&str> =
        tested["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let all = ["address", "tls", "keys", "checkpoint", "clock", "agreement", "letters"];
    assert_eq!(names, all);
    assert_eq!(tested["checks"][5]["result"], "warn");

    // The agreement, two tokens on each side.
    std::fs::write(km.dir.join("agreement.toml"), AGREEMENT).unwrap();
    let proposed = km.two(&["agreement", "propose", "agreement.toml"]);
    assert_eq!(proposed["state"], "PROPOSED");
    let id = proposed["agreement_id"].as_str().unwrap().to_owned();
    ra.until("the proposal", &["agreement", "show", &id], |ran| ran.exit == 0);
    let listed = ra.text(&["agreement", "list"]);
    for part in
        ["昆明市提出了第1版（人社局局长、法制科科长）", "等待瑞安市两个岗位会签", "逾期作废"]
    {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    ra.two(&["agreement", "countersign", &id, "--version", "1"]);
    let live = |ran: &Ran| ran.out["state"] == "ACTIVE";
    let shown = km.until("the counter-signature", &["agreement", "show", &id], live);
    let state = shown["state_zh"].as_str().unwrap();
    assert!(state.contains("瑞安市会签（分管副市长、法制科科长）"), "{state}");
    let tested = km.run(&["peer", "test", "ruian.zj"]).ok();
    assert_eq!((&tested["ok"], &tested["checks"][5]["result"]), (&true.into(), &"ok".into()));

    // A next version without the last service: what differs is told in words.
    let (before, _) = AGREEMENT.rsplit_once("[[service]]").unwrap();
    let next = format!("agreement_id = \"{id}\"\nversion = 2\n{before}");
    std::fs::write(ra.dir.join("next.toml"), next).unwrap();
    let entered = ra.run(&["agreement", "propose", "next.toml"]).ok();
    let text = entered["text_zh"].as_str().unwrap();
    assert!(text.contains("与上一版相比") && text.contains("删去事项："), "{text}");

    // The same text as a draft again: nothing differs; for another partner, nothing of this one.
    let copy = |more: &[&str]| {
        let words = [&["agreement", "copy", &id], more].concat();
        km.run(&words).ok()["draft_toml"].as_str().unwrap().to_owned()
    };
    std::fs::write(km.dir.join("copy.toml"), copy(&["--next"])).unwrap();
    let entered = km.run(&["agreement", "propose", "copy.toml"]).ok();
    assert!(entered["text_zh"].as_str().unwrap().contains("内容相同"), "{entered}");
    let other = copy(&["--for", "chengdu.sc"]);
    assert!(other.contains("chengdu.sc") && other.contains("昆明市教育体育局"), "{other}");
    assert!(!other.contains("ruian.zj") && !other.contains("瑞安"), "{other}");
    std::fs::write(km.dir.join("other.toml"), other).unwrap();
    assert_eq!(km.run(&["agreement", "propose", "other.toml"]).refused(1), "BAD_DRAFT");

    // A second start in one directory, and a peer that is gone.
    let second = ra.run(&["node", "serve"]);
    assert_eq!(second.refused(4), "ALREADY_RUNNING");
    drop(ra);
    let gone = km.run(&["peer", "test", "ruian.zj"]);
    assert_eq!((gone.exit, &gone.out["checks"][0]["result"]), (1, &"bad".into()));
    assert_eq!(gone.out["checks"][1]["result"], "skipped");
}

/// A proof that Kunming signed two roots of one size.
async fn two_roots(dir: &Path) -> (Vec<u8>, Digest) {
    let city = CityId::parse("kunming.yn").unwrap();
    let keys = KeyRing::load(dir, &city, None).unwrap();
    let origin = city.exchange_origin(1);
    let key = VKey::new(&origin, KeyKind::Ed25519, keys.log().public()).unwrap();
    let mut notes = [String::new(), String::new()];
    for (note, root) in notes.iter_mut().zip([[1; 32], [2; 32]]) {
        let text = Checkpoint::new(&origin, 7, root).unwrap().text();
        let sig = keys.log().sign(&key.message(&text, 0)).await.unwrap();
        *note = Note::new(&text, key.line(0, &sig)).unwrap().to_string();
    }
    let root = keys.root().unwrap().public();
    let manifests = vec![own_manifest(dir, &city).unwrap().envelope];
    let found = Misbehaviour { root, manifests, parts: Parts::Notes(notes) };
    (found.to_bytes(), Digest(root.fingerprint()))
}

/// What a city holds against another one is listed, exported, and confirmed by a stranger.
#[tokio::test]
async fn a_proof_of_misbehaviour_is_exported_and_verified() {
    let parent = tempfile::tempdir().unwrap();
    let (km, mut ra) = (City::start(parent.path(), 0), City::start(parent.path(), 1));
    let (proof, root) = two_roots(&km.dir).await;
    let public = km.dir.join("public.json");
    ra.run(&["peer", "add", public.to_str().unwrap(), "--root-fpr", &root.hex()]).ok();
    assert_eq!(ra.run(&["misbehaviour", "list"]).ok().as_array().unwrap().len(), 0);
    ra.stop();
    let url = format!("sqlite:{}", ra.dir.join("jieli.db").display());
    let store = Store::open(&url, Default::default()).await.unwrap();
    let mut writer = store.writer();
    let mut tx = writer.begin().await.unwrap();
    let sql = "INSERT INTO evidence (evidence_id, found_ms, kind, peer, agreement_id, lane, \
               lane_seq, bytes) VALUES ($1, 1, 'misbehaviour', 'kunming.yn', $1, 0, 0, $2)";
    tx.run(sql, vec![vec![5; 16].into(), proof.clone().into()]).await.unwrap();
    let mut bent = proof.clone();
    bent[proof.len() / 2] ^= 1;
    tx.run(sql, vec![vec![6; 16].into(), bent.into()]).await.unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    store.close().await;
    ra.start_again();
    let listed = ra.run(&["misbehaviour", "list"]).ok();
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!((listed[0]["city"].as_str().unwrap(), id), ("kunming.yn", &*"05".repeat(16)));
    // A damaged row is named, accuses nobody, and hides no other.
    assert_eq!(listed[0]["unreadable"], false);
    assert_eq!(
        (&listed[1]["id"], &listed[1]["unreadable"]),
        (&"06".repeat(16).into(), &true.into())
    );
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let text = ra.text(&["--lang", "both", "misbehaviour", "list"]);
    assert!(text.contains("proves nothing") && text.contains(&"06".repeat(16)), "{text}");
    assert!(text.contains("两个不同的根") && text.contains("two different roots"), "{text}");
    let missing = ra.run(&["misbehaviour", "export", "00", "--out", "none.json"]);
    assert_eq!(missing.refused(2), "USAGE");
    let export = || ra.run(&["misbehaviour", "export", id, "--out", "proof.json"]);
    export().ok();
    assert_eq!(export().refused(2), "BAD_FILE", "a file is not overwritten");
    assert_eq!(std::fs::read(ra.dir.join("proof.json")).unwrap(), proof);
    // A stranger: no node, no account, the file and the fingerprint of the paper agreement.
    let stranger = tempfile::tempdir().unwrap();
    let file = stranger.path().join("proof.json");
    let verify = |bytes: &[u8], root: &Digest| {
        std::fs::write(&file, bytes).unwrap();
        let mut command = program(stranger.path());
        command.args(["--json", "verify", "proof.json", "--root", &root.hex()]);
        ran(command.output().unwrap())
    };
    let proved = verify(&proof, &root).ok();
    assert_eq!(
        (&proved["proved"], &proved["kind"], &proved["city"]),
        (&true.into(), &"split-view".into(), &"kunming.yn".into())
    );
    let other = verify(&proof, &Digest([9; 32]));
    assert_eq!((other.exit, &other.out["proved"]), (1, &false.into()));
    for at in (0..proof.len()).step_by(7) {
        let mut bent = proof.clone();
        bent[at] ^= 1;
        assert_ne!(verify(&bent, &root).exit, 0, "byte {at}");
    }
}
