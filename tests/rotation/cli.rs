//! The commands of `jieli key` against a served city, and its files.

use jieli::demo::city::free_port;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct City {
    dir: PathBuf,
    child: Child,
}

impl Drop for City {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(jieli_tests::program().unwrap());
    command.current_dir(dir).env("JIELI_LOG", "error").env("JIELI_PASSPHRASE", PASSPHRASE);
    command
}

const PASSPHRASE: &str = "a passphrase for trials";

/// Exit code, standard output, word of the refusal.
fn run(dir: &Path, words: &[&str]) -> (i32, Value, String) {
    let output = program(dir).arg("--json").args(words).output().unwrap();
    let out = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap_or(Value::Null);
    let code = error["error"]["code"].as_str().unwrap_or_default().to_owned();
    (output.status.code().unwrap(), out, code)
}

fn ok(dir: &Path, words: &[&str]) -> Value {
    let (exit, out, code) = run(dir, words);
    assert_eq!(exit, 0, "{words:?}: {code}");
    out
}

/// The same with the approval of another post: its answer once it was carried out.
fn agreed(dir: &Path, words: &[&str]) -> Value {
    let asked = ok(dir, words);
    let waits = |name: &str| asked["waits"][name].as_str().unwrap_or_default().to_owned();
    let (id, shown) = (waits("id"), waits("shown_digest"));
    assert_eq!(run(dir, &["second", "carry-out", &id]).2, "NOT_APPROVED", "{asked}");
    let approve = ["--as", "approver", "second", "approve", &id, "--shown", &shown];
    let approved = ok(dir, &approve);
    assert_ne!(approved["requests"][0]["approver_post"], "");
    ok(dir, &["second", "carry-out", &id])
}

impl City {
    fn start(parent: &Path) -> City {
        let ports = [(); 3].map(|()| free_port().unwrap().port().to_string());
        let [peer, desk, worker] = &ports;
        let init =
            ["init", "--city", "kunming.yn", "--name", "昆明市", "--office", "11999999MB0000019T"];
        let more = ["--peer-address", "127.0.0.1", "--peer-port", peer, "--desk-port", desk];
        let words: Vec<&str> = ["--dir", "km"]
            .into_iter()
            .chain(init)
            .chain(more)
            .chain(["--worker-port", worker])
            .collect();
        ok(parent, &words);
        let dir = parent.join("km");
        let mut city = City { child: serve(&dir), dir };
        city.is_up();
        city
    }

    fn is_up(&mut self) {
        for _ in 0..600 {
            if run(&self.dir, &["status"]).0 == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the node does not answer");
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = serve(&self.dir);
        self.is_up();
    }

    /// The fingerprint of the key of a kind that is in use.
    fn key(&self, role: &str) -> String {
        let list = ok(&self.dir, &["key", "list"]);
        let keys = list["keys"].as_array().unwrap();
        let used = keys.iter().find(|key| key["roles"][0] == role && key["state"] == "in-use");
        used.unwrap_or_else(|| panic!("{role}: {list}"))["fpr"].as_str().unwrap().to_owned()
    }
}

fn serve(dir: &Path) -> Child {
    let mut serve = program(dir);
    serve.args(["node", "serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn every_command_does_what_the_runbook_says() {
    let parent = tempfile::tempdir().unwrap();
    let mut city = City::start(parent.path());
    let dir = city.dir.clone();
    // The root on a medium of its own, no longer on the node.
    let root = parent.path().join("offline.key");
    std::fs::rename(dir.join("keys/root.key"), &root).unwrap();
    let root = root.to_str().unwrap();
    let old = city.key("message");
    assert_eq!(run(&dir, &["key", "rotate", "--key", "message"]).2, "KEYS");
    assert_eq!(ok(&dir, &["key", "list"])["version"], 1, "no key was made for nothing");
    let list = agreed(&dir, &["key", "rotate", "--key", "message", "--root", root]);
    assert_eq!((&list["version"], list["keys"].as_array().unwrap().len()), (&Value::from(2), 5));
    let new = city.key("message");
    assert_ne!(new, old);
    let later = dir.join(format!("keys/message-{}.key", &new[..16]));
    assert!(later.exists() && dir.join("keys/message.key").exists());
    agreed(&dir, &["key", "retire", "--key", &old, "--root", root]);
    assert!(!dir.join("keys/message.key").exists(), "the retired key is gone");
    let public: Value =
        serde_json::from_slice(&std::fs::read(dir.join("public.json")).unwrap()).unwrap();
    assert_eq!(public["city_id"], "kunming.yn");
    assert_eq!(run(&dir, &["key", "retire", "--key", &old, "--root", root]).2, "NOT_FOUND");

    // The root elsewhere: a request, a signature, and the way back.
    let file = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    let (asked, signed) = (file("request.json"), file("signed.json"));
    let log = city.key("log");
    let shown = ok(&dir, &["key", "request", "--key", "log", "--key", "tls", "--out", &asked]);
    assert_eq!(shown["version"], 4);
    let elsewhere = tempfile::tempdir().unwrap();
    let shown = ok(elsewhere.path(), &["key", "sign", &asked, "--root", root, "--out", &signed]);
    assert_eq!(shown["keys"].as_array().unwrap().len(), 6);
    // What is shown is what is signed.
    let text = std::fs::read_to_string(&asked).unwrap();
    std::fs::write(file("changed.json"), text.replace("\"version\": 4", "\"version\": 5")).unwrap();
    let changed = ["key", "sign", &file("changed.json"), "--root", root, "--out", &file("no.json")];
    assert_eq!(run(elsewhere.path(), &changed).0, 2);
    // What can wait is not taken in past the second person.
    assert_eq!(run(&dir, &["key", "install", &signed, "--stopped"]).2, "NEEDS_SECOND");
    let list = agreed(&dir, &["key", "install", &signed]);
    assert_eq!(list["version"], 4);
    let both = list["keys"].as_array().unwrap().iter().filter(|key| key["state"] == "signs-too");
    assert_eq!(both.count(), 2, "{list}");
    let status = ok(&dir, &["status"]);
    let note = status["exchange"]["checkpoint"].as_str().unwrap().to_owned();
    assert_eq!(note.matches("\n\u{2014} jieli.kunming.yn/log/1 ").count(), 2, "both sign: {note}");

    // Stolen, with the node stopped: it takes the manifest in before anything else.
    city.stop();
    let asked = file("revoke.json");
    let good = "jieli.kunming.yn/log/1=0";
    let words = [
        "key",
        "revoke",
        "--key",
        &log,
        "--reason",
        "compromised",
        "--last-good",
        good,
        "--out",
        &asked,
    ];
    ok(&dir, &words);
    let stolen = ["key", "revoke", "--key", &new, "--reason", "compromised", "--root", root];
    assert_eq!(run(&dir, &stolen).2, "UNREACHABLE", "the node is stopped");
    let signed = file("revoked.json");
    ok(elsewhere.path(), &["key", "sign", &asked, "--root", root, "--out", &signed]);
    assert_eq!(ok(&dir, &["key", "install", &signed, "--stopped"])["version"], 5);
    city.start_again();
    let list = ok(&dir, &["key", "list"]);
    assert_eq!(
        (&list["version"], &list["revoked"][1]["fpr"]),
        (&Value::from(5), &Value::from(log))
    );
    let status = ok(&dir, &["status"]);
    let note = status["exchange"]["checkpoint"].as_str().unwrap();
    assert_eq!(note.matches("\n\u{2014} jieli.kunming.yn/log/1 ").count(), 1, "{note}");
    assert_eq!(ok(&dir, &["key", "disputed"])["disputed"], Value::Array(Vec::new()));
    let shown = ok(&dir, &["key", "show", "--out", &file("manifest.json")]);
    assert_eq!(shown["revocations"].as_array().unwrap().len(), 2);
    // The last of its kind is replaced by the same command. A thief waits for no colleague.
    assert_eq!(ok(&dir, &stolen)["version"], 6);
    assert_ne!(city.key("message"), new);
    let health = ok(&dir, &["healthcheck"]);
    assert_eq!(health["expiries"], Value::Array(Vec::new()));
}
