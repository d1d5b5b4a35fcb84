//! Notes, verifier keys, checkpoints and cosignatures: what is taken and what is refused.

use crate::keys::{cosigner_b, log_a, log_a_next, note};
use jieli_proto::checkpoint::{Checkpoint, CheckpointError, LogName};
use jieli_proto::note::{KeyKind, Note, NoteError, SIGNATURES_MAX, VKey, Verified};
use jieli_proto::pubkey::KeyError;
use proptest::prelude::*;

fn head() -> String {
    Checkpoint::new("jieli.city-a/log/1", 20, [5; 32]).unwrap().text()
}

/// The key and signature of the package documentation of Go's sumdb/note.
#[test]
fn a_note_signed_elsewhere() {
    let key = VKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = Note::parse(format!("{text}\n{line}").as_bytes()).unwrap();
    assert_eq!(note.verify(&[key.unwrap()]), Ok(vec![Verified { key: 0, unix_s: None }]));
}

#[test]
fn signed_and_cosigned() {
    let (log, cosigner) = (log_a(), cosigner_b());
    let signed = note(&head(), vec![log.sign(&head(), 0), cosigner.sign(&head(), 1_700_000_000)]);
    let parsed = Note::parse(signed.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, signed);
    let keys = [log.vkey.clone(), cosigner.vkey.clone()];
    let both =
        vec![Verified { key: 0, unix_s: None }, Verified { key: 1, unix_s: Some(1_700_000_000) }];
    assert_eq!(parsed.verify(&keys), Ok(both));
    // A key that is not known is not missed.
    assert_eq!(parsed.verify(&keys[1..]).unwrap().len(), 1);
    assert_eq!(parsed.verify(&[]), Err(NoteError::NoKnownSignature));
    assert_eq!(parsed.verify(&[log_a_next().vkey]), Err(NoteError::NoKnownSignature));
}

#[test]
fn a_cosignature_is_bound_to_its_time_and_text() {
    let cosigner = cosigner_b();
    let line = cosigner.sign(&head(), 1_700_000_000);
    assert_eq!(cosigner.vkey.verify(&head(), line.signature()), Ok(Some(1_700_000_000)));
    let mut later = line.signature().to_vec();
    later[7] ^= 1;
    assert_eq!(cosigner.vkey.verify(&head(), &later), Err(NoteError::BadSignature));
    let far = cosigner.sign(&head(), 1 << 63);
    assert_eq!(cosigner.vkey.verify(&head(), far.signature()), Err(NoteError::BadSignature));
    let other = head().replace("20", "21");
    assert_eq!(cosigner.vkey.verify(&other, line.signature()), Err(NoteError::BadSignature));
    for length in 0..72 {
        assert!(cosigner.vkey.verify(&head(), &line.signature()[..length]).is_err());
    }
}

#[test]
fn two_lines_under_one_name() {
    let (old, new) = (log_a(), log_a_next());
    let (text, keys) = (head(), [old.vkey.clone(), new.vkey.clone()]);
    // A rotation: one name, two keys, both verify.
    let both = note(&text, vec![old.sign(&text, 0), new.sign(&text, 0)]);
    assert_eq!(both.verify(&keys).unwrap().len(), 2);
    assert_eq!(both.verify(&keys[..1]).unwrap().len(), 1);
    // A known name with another key's id and a spoiled signature is an unknown key: ignored.
    let line = new.sign(&text, 0).to_string();
    let spoiled = line.replace(&line[line.len() - 20..line.len() - 10], "AAAAAAAAAA");
    let mixed = format!("{text}\n{}\n{spoiled}\n", old.sign(&text, 0));
    let mixed = Note::parse(mixed.as_bytes()).unwrap();
    assert_eq!(mixed.verify(&keys[..1]).unwrap().len(), 1);
    assert_eq!(mixed.verify(&keys), Err(NoteError::BadSignature));
    // One key twice is never counted twice.
    let line = old.sign(&text, 0);
    let twice = Note::parse(format!("{text}\n{line}\n{line}\n").as_bytes()).unwrap();
    assert_eq!(twice.verify(&keys), Err(NoteError::DuplicateSignature));
    assert_eq!(twice.verify(&keys[1..]), Err(NoteError::NoKnownSignature));
    let mut once = note(&text, vec![line.clone()]);
    assert_eq!(once.add(line), Err(NoteError::DuplicateSignature));
}

#[test]
fn unknown_lines_are_ignored_and_bounded() {
    let log = log_a();
    let (text, line) = (head(), log.sign(&head(), 0));
    // An ML-DSA-44 cosignature is 4 + 8 + 2420 bytes; here only its length matters.
    let unknown = |n: usize| format!("— witness.example/{n} {}\n", "AAAA".repeat(811));
    for count in [15, SIGNATURES_MAX - 1] {
        let lines: String = (0..count).map(unknown).collect();
        let note = Note::parse(format!("{text}\n{lines}{line}\n").as_bytes()).unwrap();
        assert_eq!(note.signatures().len(), count + 1);
        assert_eq!(note.verify(std::slice::from_ref(&log.vkey)).unwrap().len(), 1);
    }
    let lines: String = (0..SIGNATURES_MAX).map(unknown).collect();
    let note = Note::parse(format!("{text}\n{lines}{line}\n").as_bytes());
    assert_eq!(note, Err(NoteError::TooLarge));
}

#[test]
fn malformed_notes() {
    let (text, line) = (head(), log_a().sign(&head(), 0).to_string());
    let good = format!("{text}\n{line}\n");
    assert!(Note::parse(good.as_bytes()).is_ok());
    let dash = line.replace("— ", "- ");
    let bad = [
        ("no newline at the end", format!("{text}\n{line}")),
        ("no blank line", format!("{text}{line}\n")),
        ("no signature", format!("{text}\n")),
        ("blank line after the signatures", format!("{good}\n")),
        ("text after the signatures", format!("{good}x\n")),
        ("CR LF", good.replace('\n', "\r\n")),
        ("CR before the last newline", format!("{text}\n{line}\r\n")),
        ("a tab", good.replacen(' ', "\t", 1)),
        ("a NUL", good.replace("20", "2\0")),
        ("a hyphen", format!("{text}\n{dash}\n")),
        ("two spaces after the dash", good.replace("— ", "—  ")),
        ("two spaces after the name", good.replace("/1 ", "/1  ")),
        ("a space at the end", format!("{text}\n{line} \n")),
        ("no name", format!("{text}\n—  {}\n", line.rsplit(' ').next().unwrap())),
        ("a plus in the name", good.replace("— jieli", "— ji+eli")),
        ("a no-break space in the name", good.replace("— jieli", "— ji\u{a0}eli")),
        ("no base64", format!("{text}\n— name \n")),
        ("only a key id", format!("{text}\n— name AAAAAA==\n")),
        ("no padding", format!("{text}\n— name AAAAAAA\n")),
        ("trailing bits", format!("{text}\n— name AAAAAAB=\n")),
        ("too much padding", format!("{text}\n— name AAAAAAA==\n")),
        ("URL alphabet", format!("{text}\n— name AAAAAA-_\n")),
        ("empty", String::new()),
    ];
    for (why, bytes) in bad {
        assert!(Note::parse(bytes.as_bytes()).is_err(), "{why}");
    }
    // The last blank line divides, so here the first signature is text: no checkpoint, unsigned.
    let divided = Note::parse(format!("{good}\n{line}\n").as_bytes()).unwrap();
    assert_eq!(divided.signatures().len(), 1);
    assert_eq!(divided.verify(&[log_a().vkey]), Err(NoteError::BadSignature));
    assert_eq!(Checkpoint::parse(divided.text()), Err(CheckpointError::BadExtension));
    let mut latin = good.into_bytes();
    latin[0] = 0xe9;
    assert_eq!(Note::parse(&latin), Err(NoteError::Malformed));
    let line = log_a().sign("x", 0);
    assert!(Note::new("no newline", line.clone()).is_err());
    assert!(Note::new("carriage return\r\n", line).is_err());
}

#[test]
fn malformed_checkpoints() {
    let root = "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=";
    assert_eq!(head(), format!("jieli.city-a/log/1\n20\n{root}\n"));
    let parse = |text: &str| Checkpoint::parse(text).map(drop);
    for size in ["", "020", "00", "+20", "-1", "2 0", " 20", "0x20", "4611686018427387905", "２"] {
        assert_eq!(parse(&head().replace("20", size)), Err(CheckpointError::BadSize), "{size}");
    }
    assert!(parse(&head().replace("20", "0")).is_ok());
    let roots = [
        "",
        "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU",
        "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQV=",
        "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF",
        "BQUF",
    ];
    for bad in roots {
        assert_eq!(parse(&head().replace(root, bad)), Err(CheckpointError::BadRoot), "{bad}");
    }
    assert_eq!(parse(""), Err(CheckpointError::Truncated));
    assert_eq!(parse("origin\n"), Err(CheckpointError::Truncated));
    assert_eq!(parse("origin\n1\n"), Err(CheckpointError::Truncated));
    assert_eq!(parse(head().trim_end()), Err(CheckpointError::Truncated));
    assert_eq!(parse(&format!("{}\n", head())), Err(CheckpointError::BadExtension));
    assert_eq!(parse(&format!("{}x\r\n", head())), Err(CheckpointError::BadExtension));
    assert_eq!(parse(&format!("\n{}", head())), Err(CheckpointError::BadSize));
    assert_eq!(parse(&head().replace("jieli.city-a/log/1", "")), Err(CheckpointError::BadOrigin));
    for origin in ["", "two\nlines", "ret\r", &"x".repeat(256)] {
        assert_eq!(Checkpoint::new(origin, 1, [0; 32]), Err(CheckpointError::BadOrigin));
    }
}

#[test]
fn verifier_keys() {
    for key in [log_a().vkey, cosigner_b().vkey] {
        assert_eq!(VKey::parse(&key.to_string()), Ok(key.clone()));
    }
    assert_ne!(log_a().vkey.key_id(), log_a_next().vkey.key_id());
    let text = log_a().vkey.to_string();
    let (name, rest) = text.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    let bad = [
        (format!("{name}+{id}"), NoteError::BadVerifierKey),
        (format!("{name}+00000000+{key}"), NoteError::BadVerifierKey),
        (format!("{name}+{}+{key}", id.to_uppercase()), NoteError::BadVerifierKey),
        (format!("{name}+0{id}+{key}"), NoteError::BadVerifierKey),
        (format!("other+{id}+{key}"), NoteError::BadVerifierKey),
        (format!("{name}+{id}+{key}="), NoteError::BadVerifierKey),
        (format!("{name}+{id}+"), NoteError::BadVerifierKey),
        (format!("+{id}+{key}"), NoteError::BadKeyName),
        (format!("{name}+{id}+Bg{}", &key[2..]), NoteError::UnsupportedKind),
        (format!("{name}+{id}+AQ=="), NoteError::BadKey(KeyError::BadForm)),
        (format!("{name}+{id}+AQ{}A==", "A".repeat(41)), NoteError::BadVerifierKey),
        (format!("{name}+{id}+AQ{}", "A".repeat(42)), NoteError::BadKey(KeyError::SmallOrder)),
    ];
    for (text, error) in bad {
        assert_eq!(VKey::parse(&text), Err(error), "{text}");
    }
    let key = *log_a().vkey.key();
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", &"x".repeat(256)] {
        assert_eq!(VKey::new(name, KeyKind::Ed25519, key), Err(NoteError::BadKeyName));
    }
}

#[test]
fn names_are_key_names() {
    let name = LogName::Cosigner { city: "city-b".into(), number: 1 };
    assert_eq!(name.to_string(), cosigner_b().vkey.name());
    assert_eq!(name.city(), "city-b");
}

proptest! {
    #[test]
    fn what_parses_is_written_back(mut bytes in Just(cosigned()), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes.clone());
            if let Ok(head) = Checkpoint::parse(note.text()) {
                prop_assert_eq!(head.text(), note.text());
            }
            let is_same = bytes == cosigned();
            let keys = [log_a().vkey, cosigner_b().vkey];
            prop_assert_eq!(note.verify(&keys).is_ok_and(|verified| verified.len() == 2), is_same);
        }
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(.|\n){0,200}") {
        let _ = Note::parse(&bytes);
        let _ = Note::parse(text.as_bytes());
        let _ = Checkpoint::parse(&text);
        let _ = VKey::parse(&text);
        let _ = LogName::parse(&text);
    }
}

fn cosigned() -> Vec<u8> {
    let lines = vec![log_a().sign(&head(), 0), cosigner_b().sign(&head(), 1_700_000_000)];
    note(&head(), lines).to_string().into_bytes()
}
