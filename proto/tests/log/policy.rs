//! Policies and the proofs that are checked against them.

use crate::keys::{Key, cosigner_b, cosigner_c, log_a, log_a_next, note};
use crate::tree::leaves;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::note::{KeyKind, Note, NoteError};
use jieli_proto::policy::{ENTRIES_MAX, Policy, PolicyError};
use jieli_proto::proof::{Proof, ProofError};
use jieli_proto::tree::{Hash, TreeError, audit_path, leaf_hash, root};
use proptest::prelude::*;

const T: u64 = 1_700_000_000;

fn head(size: u64) -> String {
    let root = root(&leaves(size));
    Checkpoint::new("jieli.city-a/log/1", size, root).unwrap().text()
}

fn policy(threshold: usize) -> Policy {
    let cosigners = vec![cosigner_b().vkey, cosigner_c().vkey];
    Policy::new(vec![log_a().vkey, log_a_next().vkey], cosigners, threshold).unwrap()
}

fn signed(by: &[Key]) -> Note {
    let text = head(20);
    note(&text, by.iter().map(|key| key.sign(&text, T + u64::from(key.seed))).collect())
}

fn proof(index: usize, by: &[Key]) -> Proof {
    let hashes = audit_path(&leaves(20), index).unwrap();
    Proof { extra: Vec::new(), index: index as u64, hashes, note: signed(by) }
}

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

#[test]
fn quorum() {
    let policy = policy(1);
    let checked = policy.check(&signed(&[log_a(), cosigner_c()])).unwrap();
    assert_eq!(checked.checkpoint.size(), 20);
    assert_eq!((checked.logs, checked.cosigned), (vec![0], vec![(1, T + 4)]));
    let both = policy.check(&signed(&[log_a(), log_a_next(), cosigner_b(), cosigner_c()])).unwrap();
    assert_eq!(both.logs, [0, 1]);
    assert_eq!(both.cosigned, [(0, T + 3), (1, T + 4)]);
    assert_eq!(policy.check(&signed(&[log_a()])), Err(PolicyError::NoQuorum));
    assert_eq!(policy.check(&signed(&[cosigner_b()])), Err(PolicyError::NotTheLog));
    let all = self::policy(2);
    assert_eq!(all.check(&signed(&[log_a(), cosigner_b()])), Err(PolicyError::NoQuorum));
    assert!(all.check(&signed(&[log_a(), cosigner_b(), cosigner_c()])).is_ok());
    assert!(self::policy(0).check(&signed(&[log_a_next()])).is_ok());
}

#[test]
fn a_log_signs_only_under_its_own_name() {
    let other = Key::new("jieli.city-b/log/1", KeyKind::Ed25519, 9);
    let policy = Policy::new(vec![other.vkey.clone()], Vec::new(), 0).unwrap();
    assert_eq!(policy.check(&signed(&[other])), Err(PolicyError::NotTheLog));
    // A cosigner's key used as a log key has another id, so it is an unknown key.
    let disguised = Key::new("jieli.city-a/log/1", KeyKind::Ed25519, 3);
    let refused = self::policy(0).check(&signed(&[disguised]));
    assert_eq!(refused, Err(NoteError::NoKnownSignature.into()));
    let text = "not a checkpoint\n";
    let refused = self::policy(0).check(&note(text, vec![log_a().sign(text, 0)]));
    assert!(matches!(refused, Err(PolicyError::Checkpoint(_))));
}

#[test]
fn text_form() {
    let text = policy(1).to_string();
    let (a, next, b, c) = (log_a().vkey, log_a_next().vkey, cosigner_b().vkey, cosigner_c().vkey);
    let expected = format!(
        "log {a}\nlog {next}\nwitness {} {b}\nwitness {} {c}\n\
         group cosigners 1 {} {}\nquorum cosigners\n",
        b.name(),
        c.name(),
        b.name(),
        c.name()
    );
    assert_eq!(text, expected);
    assert_eq!(Policy::parse(&text), Ok(policy(1)));
    assert!(policy(0).to_string().ends_with("quorum none\n"));
    let loose = format!(
        "# a policy\n\n \tlog\t{a} https://log.example \nlog {next}\nwitness B {b} https://b.example\n\
         witness C {c}\ngroup inner all B\ngroup outer any inner C\nquorum outer\n"
    );
    let loose = Policy::parse(&loose).unwrap();
    assert!(loose.check(&signed(&[log_a(), cosigner_b()])).is_ok());
    assert!(loose.check(&signed(&[log_a(), cosigner_c()])).is_ok());
    assert_eq!(loose.check(&signed(&[log_a()])), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(&loose.to_string()), Ok(loose));
}

#[test]
fn malformed_policies() {
    use PolicyError::*;
    let (a, b) = (log_a().vkey, cosigner_b().vkey);
    let as_witness = Key::new("other", KeyKind::CosignatureV1, 3).vkey;
    let bad = [
        (format!("log {a}\n"), BadQuorum),
        (format!("log {a}\nquorum none\nquorum none\n"), BadQuorum),
        (format!("log {a}\nquorum none"), Malformed),
        (format!("log {a}\r\nquorum none\r\n"), Malformed),
        (format!("logs {a}\nquorum none\n"), Malformed),
        (format!("log {a} u v\nquorum none\n"), Malformed),
        (format!("log\nlog {a}\nquorum none\n"), Malformed),
        (format!("log {b}\nquorum none\n"), WrongKind),
        (format!("witness w {a}\nquorum w\n"), WrongKind),
        (format!("log {a}\nlog {a}\nquorum none\n"), Duplicate),
        (format!("witness v {b}\nwitness w {as_witness}\nquorum v\n"), Duplicate),
        (format!("witness none {b}\nquorum none\n"), Duplicate),
        (format!("witness w {b}\ngroup w all w\nquorum w\n"), Duplicate),
        (format!("witness w {b}\ngroup g all w w\nquorum g\n"), Duplicate),
        (format!("witness w {b}\ngroup g all w\ngroup h all w\nquorum g\n"), Duplicate),
        (format!("quorum w\nwitness w {b}\n"), Undefined),
        (format!("group g all w\nwitness w {b}\nquorum g\n"), Undefined),
        (format!("witness w {b}\ngroup g all w none\nquorum g\n"), Undefined),
        ("group g all g\nquorum g\n".to_owned(), Undefined),
        (format!("witness w {b}\ngroup g 2 w\nquorum g\n"), BadThreshold),
        (format!("witness w {b}\ngroup g 0 w\nquorum g\n"), BadThreshold),
        (format!("witness w {b}\ngroup g 01 w\nquorum g\n"), BadThreshold),
        ("group g all\nquorum g\n".to_owned(), BadThreshold),
        ("log x+00+AA==\nquorum none\n".to_owned(), BadKey(NoteError::UnsupportedKind)),
    ];
    for (text, error) in bad {
        assert_eq!(Policy::parse(&text), Err(error), "{text}");
    }
    let logs = |count: u8| {
        (0..count).map(|seed| Key::new("log", KeyKind::Ed25519, seed).vkey).collect::<Vec<_>>()
    };
    assert!(Policy::new(logs(ENTRIES_MAX as u8), Vec::new(), 0).is_ok());
    assert_eq!(Policy::new(logs(ENTRIES_MAX as u8 + 1), Vec::new(), 0), Err(TooLarge));
    assert_eq!(Policy::new(logs(1), vec![b], 2), Err(BadThreshold));
}

#[test]
fn proofs() {
    let policy = policy(1);
    for index in 0..20 {
        let text = proof(index, &[log_a(), cosigner_b()]).to_string();
        let parsed = Proof::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.to_string(), text);
        let checked = parsed.verify(&leaf(index as u64), &policy).unwrap();
        assert_eq!(checked.cosigned, [(0, T + 3)]);
        let refused = parsed.verify(&leaf(index as u64 + 1), &policy);
        assert_eq!(refused, Err(TreeError::Mismatch.into()));
    }
    let with_extra = Proof { extra: b"context".to_vec(), ..proof(3, &[log_a(), cosigner_b()]) };
    let parsed = Proof::parse(with_extra.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, with_extra);
    assert!(parsed.verify(&leaf(3), &policy).is_ok());
    let unsigned = proof(3, &[log_a()]).verify(&leaf(3), &policy);
    assert_eq!(unsigned, Err(PolicyError::NoQuorum.into()));
}

#[test]
fn malformed_proofs() {
    use ProofError::*;
    let good = proof(3, &[log_a(), cosigner_b()]).to_string();
    let hash = good.lines().nth(2).unwrap().to_owned();
    let bad = [
        (good.replace("@v1", "@v2"), BadHeader),
        (good.replace('\n', "\r\n"), BadHeader),
        (good.replace("index 3", "index 03"), BadIndex),
        (good.replace("index 3", "index  3"), BadIndex),
        (good.replace("index 3", "index +3"), BadIndex),
        (good.replace("index 3\n", ""), BadIndex),
        (good.replace("index 3", "extra \nindex 3"), BadExtra),
        (good.replace("index 3", "extra AAB=\nindex 3"), BadExtra),
        (good.replace("index 3", "extra AAAA\nextra AAAA\nindex 3"), BadIndex),
        (good.replace(&hash, &hash[..43]), BadHash),
        (good.replace(&hash, &format!("{hash} ")), BadHash),
        (good.replace(&hash, "AAAA"), BadHash),
        (good.replace(&hash, &[hash.as_str(); 64].join("\n")), TooLarge),
        (good[..40].to_owned(), Truncated),
        (good.trim_end().to_owned(), Note(NoteError::Malformed)),
        (format!("{good}\n"), Note(NoteError::Malformed)),
    ];
    for (text, error) in bad {
        assert_eq!(Proof::parse(text.as_bytes()), Err(error), "{text}");
    }
    let refused = |text: String| {
        Proof::parse(text.as_bytes()).unwrap().verify(&leaf(3), &policy(1)).unwrap_err()
    };
    let doubled = format!("{hash}\n{hash}");
    assert_eq!(refused(good.replace(&hash, &doubled)), TreeError::WrongLength.into());
    assert_eq!(refused(good.replace(&format!("{hash}\n"), "")), TreeError::WrongLength.into());
    assert_eq!(refused(good.replace("index 3", "index 2")), TreeError::Mismatch.into());
    assert_eq!(refused(good.replace("index 3", "index 20")), TreeError::OutOfRange.into());
    // An extra blank line moves the checkpoint's first line: no origin.
    let shifted = refused(good.replacen("\n\n", "\n\n\n", 1));
    assert!(matches!(shifted, Policy(PolicyError::Checkpoint(_))));
    let resized = refused(good.replace("\n20\n", "\n19\n"));
    assert_eq!(resized, Policy(NoteError::BadSignature.into()));
}

proptest! {
    #[test]
    fn what_parses_is_written_back(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = proof(7, &[log_a(), cosigner_b()]).to_string().into_bytes();
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(proof) = Proof::parse(&bytes) {
            prop_assert_eq!(proof.to_string().into_bytes(), bytes.clone());
            prop_assert_eq!(proof.verify(&leaf(7), &policy(1)).is_ok(), bytes == good);
        }
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(.|\n){0,200}") {
        let _ = Proof::parse(&bytes);
        let _ = Proof::parse(text.as_bytes());
        let _ = Policy::parse(&text);
    }
}
