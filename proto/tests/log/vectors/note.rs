use super::Cases;
use crate::keys::{Key, cosigner_b, cosigner_c, log_a, log_a_next};
use jieli_proto::checkpoint::{Checkpoint, CheckpointError, LogName, cosignature_message};
use jieli_proto::note::{Note, NoteError, VKey, Verified};
use jieli_proto::pubkey::PublicKey;
use serde_json::{Value, json};

const T: u64 = 1_700_000_000;

fn text() -> String {
    Checkpoint::new("jieli.city-a/log/1", 20, [5; 32]).unwrap().text()
}

/// What a reader of a peer's head does: note, checkpoint, signatures.
fn open(note: &str, keys: &[VKey]) -> Result<Vec<Verified>, NoteOrHead> {
    let note = Note::parse(note.as_bytes()).map_err(NoteOrHead::Note)?;
    Checkpoint::parse(note.text()).map_err(NoteOrHead::Checkpoint)?;
    note.verify(keys).map_err(NoteOrHead::Note)
}

#[derive(Debug)]
#[expect(dead_code, reason = "the vectors hold its Debug form")]
enum NoteOrHead {
    Note(NoteError),
    Checkpoint(CheckpointError),
}

#[test]
fn note_json() {
    let mut cases = Cases::new(
        "C2SP signed notes that carry C2SP checkpoints. kind: key (a verifier key; seed is the Ed25519 \
         seed) | spki (DER, hex) | name (a log's or cosigner's name) | note (accepted if note and \
         checkpoint are well-formed and every line of a known key verifies and at least one does; \
         verified lists positions in keys, and the seconds of a cosignature).",
    );
    keys(&mut cases);
    names(&mut cases);
    good_notes(&mut cases);
    refused_notes(&mut cases);
    cases.check("note.json");
}

fn keys(cases: &mut Cases) {
    for key in [log_a(), log_a_next(), cosigner_b(), cosigner_c()] {
        let vkey = key.vkey.to_string();
        let inputs = json!({
            "kind": "key", "seed": hex::encode([key.seed; 32]), "key_name": key.vkey.name(),
            "key_id": hex::encode(key.vkey.key_id()), "vkey": vkey,
            "public_key": hex::encode(key.vkey.key().as_bytes()),
            "spki": hex::encode(key.vkey.key().to_spki()),
            "fingerprint": hex::encode(key.vkey.key().fingerprint()),
        });
        cases.add(&format!("key {}", key.seed), true, inputs, VKey::parse(&vkey));
    }
    let good = log_a().vkey.to_string();
    let (head, encoded) = good.rsplit_once('+').unwrap();
    for (name, vkey) in [
        ("another name", good.replace("city-a", "city-b")),
        ("another key id", good.replace(&head[head.len() - 8..], "00000000")),
        ("unknown type", format!("{head}+Bg{}", &encoded[2..])),
        ("no padding or too short", format!("{head}+{}", &encoded[..43])),
        ("small order", format!("{head}+AQ{}", "A".repeat(42))),
        ("a space", good.replacen("jieli", "ji eli", 1)),
    ] {
        let outcome = VKey::parse(&vkey);
        cases.add(
            &format!("verifier key, {name}"),
            false,
            json!({ "kind": "key", "vkey": vkey }),
            outcome,
        );
    }
    let spki = log_a().vkey.key().to_spki();
    let with = |y: &[u8]| [&spki[..12], y].concat();
    let mut high = [0xff; 32];
    high[31] = 0x7f;
    for (name, der) in [
        ("truncated", spki[..43].to_vec()),
        ("extended", [&spki[..], &[0]].concat()),
        ("X25519", spki.map(|byte| if byte == 0x70 { 0x6e } else { byte }).to_vec()),
        ("y = 0", with(&[0; 32])),
        ("y = 2^255 - 1", with(&high)),
    ] {
        let inputs = json!({ "kind": "spki", "spki": hex::encode(&der) });
        cases.add(&format!("SPKI, {name}"), false, inputs, PublicKey::from_spki(&der));
    }
}

fn names(cases: &mut Cases) {
    let mut add = |name: &str, is_valid| {
        let outcome = LogName::parse(name).ok_or("BadName");
        cases.add(name, is_valid, json!({ "kind": "name", "text": name }), outcome);
    };
    add("jieli.city-a/log/1", true);
    add("jieli.city-a/local/2", true);
    add("jieli.a.b.example/cosigner/18", true);
    for name in ["jieli.City/log/1", "jieli.ab/log/1", "jieli.city-a/log/0", "jieli.city-a/log/01"]
    {
        add(name, false);
    }
}

fn add_note(cases: &mut Cases, name: &str, is_valid: bool, note: String, keys: &[&Key]) {
    let vkeys: Vec<VKey> = keys.iter().map(|key| key.vkey.clone()).collect();
    let outcome = open(&note, &vkeys);
    let verified: Option<Vec<Value>> = outcome.as_ref().ok().map(|list| {
        list.iter().map(|one| json!({ "key": one.key, "unix_s": one.unix_s })).collect()
    });
    let keys: Vec<String> = vkeys.iter().map(VKey::to_string).collect();
    let inputs = json!({ "kind": "note", "note": note, "keys": keys, "verified": verified });
    cases.add(name, is_valid, inputs, outcome);
}

fn good_notes(cases: &mut Cases) {
    let (a, next, b) = (&log_a(), &log_a_next(), &cosigner_b());
    let text = text();
    let (by_a, by_b) = (a.sign(&text, 0), b.sign(&text, T));
    let message = hex::encode(cosignature_message(T, &text));
    let inputs = json!({ "kind": "cosignature", "text": text, "unix_s": T, "message": message });
    let outcome = b.vkey.verify(&text, by_b.signature());
    cases.add("message of a cosignature", true, inputs, outcome);
    let signed = format!("{text}\n{by_a}\n");
    let both = format!("{signed}{by_b}\n");
    add_note(cases, "signed", true, signed.clone(), &[a]);
    add_note(cases, "signed and cosigned", true, both.clone(), &[a, b]);
    add_note(cases, "the cosigner is not known", true, both.clone(), &[a]);
    add_note(cases, "only the cosigner is known", true, both, &[b]);
    let rotated = format!("{signed}{}\n", next.sign(&text, 0));
    add_note(cases, "two keys of one name", true, rotated.clone(), &[a, next]);
    add_note(cases, "two keys of one name, one known", true, rotated, &[next]);
    let unknown = |n: usize| format!("— witness.example/{n} {}\n", "AAAA".repeat(20));
    let sixteen: String = (0..15).map(unknown).collect();
    add_note(cases, "sixteen lines", true, format!("{text}\n{sixteen}{by_a}\n"), &[a]);
    let extended = format!("{text}an extension line\n");
    let note = format!("{extended}\n{}\n", a.sign(&extended, 0));
    add_note(cases, "an extension line", true, note, &[a]);
    let empty = Checkpoint::new("jieli.city-a/log/1", 0, jieli_proto::tree::empty_root());
    let empty = empty.unwrap().text();
    add_note(cases, "an empty log", true, format!("{empty}\n{}\n", a.sign(&empty, 0)), &[a]);
}

fn refused_notes(cases: &mut Cases) {
    let (a, next, b) = (&log_a(), &log_a_next(), &cosigner_b());
    let text = text();
    let (by_a, by_b) = (a.sign(&text, 0).to_string(), b.sign(&text, T).to_string());
    let signed = format!("{text}\n{by_a}\n");
    let signed_text = |text: &str| format!("{text}\n{}\n", a.sign(text, 0));
    let root = text.lines().nth(2).unwrap();
    let refused = [
        ("no known key", format!("{text}\n{}\n", next.sign(&text, 0))),
        ("one key twice", format!("{signed}{by_a}\n")),
        ("another text", signed.replace("\n20\n", "\n21\n")),
        ("CR LF", signed.replace('\n', "\r\n")),
        ("extra blank line before the signatures", signed.replace("\n\n", "\n\n\n")),
        ("extra blank line signed as text", signed_text(&format!("{text}\n"))),
        ("blank line after the signatures", format!("{signed}\n")),
        ("blank line between signatures", format!("{signed}\n{by_a}\n")),
        ("no blank line", signed.replace("\n\n", "\n")),
        ("no newline at the end", signed.trim_end().to_owned()),
        ("no signature", format!("{text}\n")),
        ("hyphen for dash", signed.replace("— ", "- ")),
        ("base64 without padding", signed.replace("=\n", "\n")),
        ("another base64 alphabet", format!("{signed}— name AAAAAA-_\n")),
        ("an unknown line with trailing bits", format!("{signed}— name AAAAAAB=\n")),
        ("an unknown line with no signature", format!("{signed}— name AAAAAA==\n")),
        ("a space at the end of a line", format!("{signed}— name AAAAAAAA \n")),
        ("size with a leading zero", signed_text(&text.replace("\n20\n", "\n020\n"))),
        ("size with a sign", signed_text(&text.replace("\n20\n", "\n+20\n"))),
        ("no size", signed_text(&text.replace("\n20\n", "\n\n"))),
        (
            "root of 31 bytes",
            signed_text(&text.replace(root, "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQ==")),
        ),
        ("root with trailing bits", signed_text(&text.replace("BQU=", "BQV="))),
        ("no root", signed_text("jieli.city-a/log/1\n20\n")),
        ("no origin", signed_text(&text.replace("jieli.city-a/log/1", ""))),
    ];
    for (name, note) in refused {
        add_note(cases, name, false, note, &[a]);
    }
    let mut other_time = b.sign(&text, T).signature().to_vec();
    other_time[7] += 1;
    let signature: [u8; 64] = other_time[8..].try_into().unwrap();
    let retimed = b.vkey.line(T + 1, &signature);
    add_note(
        cases,
        "a cosignature with another time",
        false,
        format!("{signed}{retimed}\n"),
        &[a, b],
    );
    let late = b.sign(&text, 1 << 63);
    add_note(cases, "a cosignature after 2^63 - 1", false, format!("{signed}{late}\n"), &[a, b]);
    let twice = format!("{signed}{by_b}\n{}\n", b.sign(&text, T + 60));
    add_note(cases, "a cosigner twice", false, twice, &[a, b]);
}
