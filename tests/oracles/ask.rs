//! The questions, and how they are put to the other programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One thing that holds or does not.
#[derive(Debug)]
pub(crate) struct Question {
    /// envelope, note, cosignature, inclusion or consistency.
    pub(crate) kind: &'static str,
    /// Its row in the table.
    pub(crate) item: String,
    /// What the other programs are given.
    pub(crate) asked: Value,
    /// Whether Jieli accepts it.
    pub(crate) ours: bool,
}

/// What one program said to one question.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Position of the question.
    pub(crate) question: usize,
    /// Column of the table.
    pub(crate) oracle: String,
    /// Whether it accepts.
    pub(crate) holds: bool,
    /// Its reason to refuse.
    pub(crate) why: String,
}

/// Bytes as both programs read them.
pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// A list of byte strings.
pub(crate) fn list<T: AsRef<[u8]>>(all: &[T]) -> Value {
    all.iter().map(bytes).collect()
}

/// Puts all questions to both programs.
pub(crate) fn ask(questions: &[Question]) -> Vec<Answer> {
    let all: Vec<usize> = (0..questions.len()).collect();
    // No package of theirs knows trees.
    let (python, go) = (|kind: &str| !matches!(kind, "inclusion" | "consistency"), |_: &str| true);
    let of = |knows: &dyn Fn(&str) -> bool| -> Vec<usize> {
        all.iter().copied().filter(|at| knows(questions[*at].kind)).collect()
    };
    let mut answers = run(&mut Command::new(built_go()), questions, &of(&go));
    let interpreter = std::env::var_os("JIELI_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut script = Command::new(interpreter);
    answers.extend(run(script.arg(source("check.py")), questions, &of(&python)));
    answers
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles").join(name)
}

/// Builds the Go program from Debian's source tree: no module is downloaded.
fn built_go() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = directory.join("oracle-go");
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(source("check.go"))
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", directory.join("go-cache"))
        .status();
    let status = status.expect("the package golang-go is missing: tests/run installs it");
    assert!(status.success(), "golang-golang-x-mod-dev is missing: tests/run installs it");
    program
}

fn run(command: &mut Command, questions: &[Question], asked: &[usize]) -> Vec<Answer> {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.expect("tests/run installs what the oracles need");
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = asked
        .iter()
        .map(|at| {
            let mut line = questions[*at].asked.clone();
            line["Kind"] = json!(questions[*at].kind);
            format!("{line}\n")
        })
        .collect();
    // Its answers must be read while it is asked, or both would wait for ever.
    let writer =
        std::thread::Builder::new().spawn(move || input.write_all(lines.concat().as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.unwrap().join().unwrap().unwrap();
    assert!(output.status.success(), "securesystemslib or cryptography is missing: see tests/run");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), asked.len(), "one answer to each question");
    let answer = |(question, line): (&usize, &str)| {
        let said: Value = serde_json::from_str(line).unwrap();
        Answer {
            question: *question,
            oracle: said["oracle"].as_str().unwrap().to_owned(),
            holds: said["holds"].as_bool().unwrap(),
            why: said["why"].as_str().unwrap().to_owned(),
        }
    };
    asked.iter().zip(text.lines()).map(answer).collect()
}
