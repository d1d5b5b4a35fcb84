//! The gate of the storm: a seed is one history, and a history is not empty.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn storm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jieli-storm")).args(args).output().unwrap()
}

fn history(seed: &str, more: &[&str]) -> Vec<String> {
    let done = storm(&[&["one", seed], more].concat());
    let cried = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "seed {seed}: {cried}");
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What a history must have in it to be one, by a word of its lines.
const EVENTS: [&str; 4] = [" runs", " delivers ", " refers: ", " leaves, root "];

#[test]
fn the_same_seed_is_the_same_history_and_another_seed_is_another() {
    for seed in ["5", "17"] {
        let (once, again) = (history(seed, &[]), history(seed, &[]));
        for word in EVENTS {
            assert!(
                once.iter().any(|line| line.contains(word)),
                "seed {seed}: no line has {word:?}"
            );
        }
        let differs = once.iter().zip(&again).find(|(one, two)| one != two);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(once.len(), again.len(), "seed {seed}");
    }
    assert_ne!(history("5", &[]), history("17", &[]));
}

#[test]
fn a_planted_fault_is_found_and_what_is_left_out_does_not_happen() {
    let done = storm(&["one", "1", "--plant", "no-receipt"]);
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(!done.status.success());
    assert!(told.contains("\nWRONG "), "{told}");
    let all: Vec<String> = (0..200).map(|at: u32| at.to_string()).collect();
    let quiet = history("1", &["--without", &all.join(",")]);
    assert!(!quiet.iter().any(|line| line.contains(" refers: ")), "{quiet:#?}");
}

#[test]
fn an_unknown_fault_is_named_with_those_there_are() {
    let done = storm(&["--plant", "gremlins", "--seeds", "1"]);
    let cried = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success());
    assert!(cried.contains("no such fault") && cried.contains("skip-dedup"), "{cried}");
}
