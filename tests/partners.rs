//! Two strangers become partners on the command line, as two processes: invitation, telephone,
//! answer, test call, and an agreement with two approvers on each side.

#![allow(clippy::unwrap_used)]

use jieli::demo::city::free_port;
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
        let mut serve = program(&dir);
        serve.args(["node", "serve"]).stdout(Stdio::null()).stderr(Stdio::null());
        let city = City { spoken, child: serve.spawn().unwrap(), dir };
        city.until("its desk to answer", &["status"], |ran| ran.exit == 0);
        city
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
    assert!(shown.contains(&km.spoken) && shown.contains(&ra.spoken), "{shown}");
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

    // A second start in one directory, and a peer that is gone.
    let second = ra.run(&["node", "serve"]);
    assert_eq!(second.refused(4), "ALREADY_RUNNING");
    drop(ra);
    let gone = km.run(&["peer", "test", "ruian.zj"]);
    assert_eq!((gone.exit, &gone.out["checks"][0]["result"]), (1, &"bad".into()));
    assert_eq!(gone.out["checks"][1]["result"], "skipped");
}
