//! The program as shells, service managers and clerks meet it: exit codes, languages, files.

#![allow(clippy::unwrap_used)]

use jieli_tests::program;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, language: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program().unwrap());
    command.current_dir(dir).env_remove("JIELI_LANG").env("LC_ALL", language);
    command.args(words).output().unwrap()
}

fn says(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn a_wrong_command_line_is_told_in_chinese_first_and_as_json_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    for words in [&["bogus"][..], &["case", "ask", "--yes"], &["verify"], &["case", "act", "1"]] {
        let output = run(dir.path(), "C", words);
        assert_eq!(exit(&output), 2, "{words:?}");
        assert!(says(&output).starts_with("命令行有误"), "{}", says(&output));
        assert!(says(&output).contains("Usage: jieli"), "{}", says(&output));
    }
    let output = run(dir.path(), "zh_CN.UTF-8", &["bogus"]);
    assert!(says(&output).contains("bogus"), "what is wrong is named: {}", says(&output));
    let output = run(dir.path(), "C", &["--json", "bogus"]);
    let value: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((exit(&output), &value["exit"]), (2, &Value::from(2)));
    assert!(value["error"]["zh"].as_str().unwrap().contains("命令行有误"));
    assert!(value["error"]["en"].as_str().unwrap().contains("bogus"));
    for asked in ["--help", "--version", "help"] {
        assert_eq!(exit(&run(dir.path(), "C", &[asked])), 0, "{asked}");
    }
}

#[test]
fn a_missing_file_is_named_in_the_language_of_the_clerk() {
    let dir = tempfile::tempdir().unwrap();
    let root = "0".repeat(64);
    let words = ["verify", "no-such.zip", "--root", &root];
    for (language, zh, en) in
        [("zh_CN.UTF-8", true, false), ("en_US.UTF-8", false, true), ("C", true, true)]
    {
        let output = run(dir.path(), language, &words);
        assert_eq!(exit(&output), 2);
        assert_eq!(says(&output).contains("没有找到文件 no-such.zip"), zh, "{language}");
        assert_eq!(says(&output).contains("There is no file no-such.zip"), en, "{language}");
    }
}

#[test]
fn a_node_that_does_not_run_is_not_healthy() {
    let dir = tempfile::tempdir().unwrap();
    // No city there at all is a wrong use, a city that does not run is a node that fails.
    assert_eq!(exit(&run(dir.path(), "C", &["healthcheck"])), 2);
    let ports = ["--peer-port", "9", "--desk-port", "10", "--worker-port", "11"];
    let city = ["init", "--city", "km.yn", "--name", "昆明", "--unprotected", "--office"];
    let city = [&city[..], &["11999999MB0000019T"], &ports[..]].concat();
    let made = run(dir.path(), "C", &city);
    assert_eq!(exit(&made), 0, "{}", says(&made));
    let output = run(dir.path(), "C", &["healthcheck", "--json"]);
    assert_eq!(exit(&output), 4);
    let value: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(value["error"]["code"], "UNREACHABLE");
}

#[test]
fn manual_pages_and_completions_come_from_the_program_itself() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(exit(&run(dir.path(), "C", &["man", "--out", "man1"])), 0);
    let page = std::fs::read_to_string(dir.path().join("man1/jieli-import.1")).unwrap();
    assert!(page.contains("名单.xlsx"), "its example");
    let first = std::fs::read_to_string(dir.path().join("man1/jieli.1")).unwrap();
    assert!(first.contains("退出码") && first.contains("Exit codes"));
    for shell in ["bash", "zsh", "fish"] {
        let output = run(dir.path(), "C", &["completions", shell]);
        assert_eq!(exit(&output), 0);
        assert!(String::from_utf8(output.stdout).unwrap().contains("who-looked"), "{shell}");
    }
}
