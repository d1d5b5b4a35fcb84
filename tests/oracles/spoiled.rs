//! The negative list: each thing that is exported, spoiled in every way that somebody might try.

use super::ask::{Question, bytes};
use super::exported::{
    Exported, Extended, Included, consistent, included, inclusion, note, sealed,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::policy::{Policy, is_ahead};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::Envelope;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

/// The reader's clock, POSIX seconds.
const NOW: u64 = 1_700_000_000;

pub(crate) fn questions(exported: &Exported) -> Vec<Question> {
    let mut all = envelopes(exported);
    all.extend(notes(exported));
    all.extend(cosignatures(exported));
    all.extend(trees(exported));
    all
}

/// A key of nobody: what it signs, it truly signs.
struct Pen(Ed25519KeyPair);

impl Pen {
    fn new(seed: u8) -> Pen {
        Pen(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.public_key().as_ref()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }

    fn seal(&self, payload_type: &str, payload: &[u8]) -> String {
        envelope::to_json(&Envelope {
            payload_type: payload_type.to_owned(),
            payload: payload.to_vec(),
            key_fpr: self.key().fingerprint().to_vec(),
            sig: self.sign(&envelope::pae(payload_type, payload)).to_vec(),
        })
    }
}

fn envelopes(exported: &Exported) -> Vec<Question> {
    // Its signature is spelled otherwise in the other alphabet.
    let of_message = |(text, _): &&(String, PublicKey)| {
        let sig = text.rsplit('"').nth(1).unwrap();
        text.contains("jieli.message.v1") && sig.contains(['+', '/'])
    };
    let (text, key) = exported.envelopes.iter().find(of_message).unwrap();
    let (found, pen) = (envelope::from_json(text).unwrap(), Pen::new(7));
    let payload = STANDARD.encode(&found.payload);
    let sig = STANDARD.encode(&found.sig);
    let mut flipped = found.clone();
    flipped.payload[20] ^= 1;
    let mut other_type = found.clone();
    other_type.payload_type = Kind::Consent.payload_type().to_owned();
    let twice = text.replace("\"signatures\":[", "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"},");
    let twice = twice.replace(
        "{\"keyid\":\"\",\"sig\":\"\"}",
        text.split_once('[').unwrap().1.strip_suffix("]}").unwrap(),
    );
    // Field 15 of length 0, and the header's own first field once more.
    let unknown = [&found.payload[..], &[0xfa, 0x3e, 0x00]].concat();
    let head = 2 + usize::from(found.payload[1]);
    let duplicate = [&found.payload[..head], &found.payload[..]].concat();
    let ty = &found.payload_type;
    let mine = |payload: &[u8]| pen.seal(ty, payload);
    let theirs = [
        ("flipped payload byte", envelope::to_json(&flipped)),
        ("wrong type string", envelope::to_json(&other_type)),
        ("blank line behind it", format!("{text}\n\n")),
        ("CR LF within", text.replace(",\"payloadType\"", ",\r\n\"payloadType\"")),
        ("base64 without padding", unpadded(text, &found)),
        ("base64 of the URL alphabet", text.replace(&sig, &URL_SAFE.encode(&found.sig))),
        ("base64 with trailing bits", text.replace(&sig, &trailing(&sig))),
        ("base64 with a line break", text.replace(&payload, &broken(&payload))),
        ("unknown JSON field", text.replace("{\"payload\":", "{\"more\":1,\"payload\":")),
        ("duplicated JSON field", text.replace("{\"payload\":", "{\"payload\":\"\",\"payload\":")),
        ("two signatures of one key", twice),
    ];
    let mut all: Vec<Question> = Vec::new();
    for (item, json) in theirs {
        assert_ne!(json, *text, "{item}");
        all.push(sealed(item, json.as_bytes(), key));
    }
    all.push(sealed("as signed with a key of nobody", mine(&found.payload).as_bytes(), &pen.key()));
    all.push(sealed("another key", mine(&found.payload).as_bytes(), key));
    for (item, json) in [
        ("unknown field, truly signed", mine(&unknown)),
        ("duplicated field, truly signed", mine(&duplicate)),
        ("wrong type string, truly signed", pen.seal(Kind::Receipt.payload_type(), &found.payload)),
        ("unknown type string, truly signed", pen.seal("text/plain", &found.payload)),
    ] {
        all.push(sealed(item, json.as_bytes(), &pen.key()));
    }
    all
}

/// The signature of 64 bytes always ends in `==`.
fn unpadded(text: &str, found: &Envelope) -> String {
    text.replace(&STANDARD.encode(&found.sig), &STANDARD_NO_PAD.encode(&found.sig))
}

/// The same bytes, with a bit set that belongs to none of them.
fn trailing(encoded: &str) -> String {
    let body = encoded.strip_suffix("==").unwrap();
    let (rest, last) = body.split_at(body.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{rest}{next}==")
}

fn broken(encoded: &str) -> String {
    let (left, right) = encoded.split_at(8);
    format!("{left}\\n{right}")
}

fn notes(exported: &Exported) -> Vec<Question> {
    // The log's own line alone: cosignatures may stand behind it, and have items of their own.
    let own = |text: &str| {
        let (body, lines) = text.split_once("\n\n").unwrap();
        format!("{body}\n\n{}\n", lines.lines().next().unwrap())
    };
    let all = exported.notes.iter().map(|(text, policy)| (own(text), policy));
    let is_spelled_otherwise =
        |(text, _): &(String, &Policy)| text.rsplit(' ').next().unwrap().contains(['+', '/']);
    let (text, policy) = &all.into_iter().find(is_spelled_otherwise).unwrap();
    let keys = policy.logs();
    let (body, line) = text.split_once("\n\n").unwrap();
    let encoded = line.trim_end().rsplit(' ').next().unwrap();
    let raw = STANDARD.decode(encoded).unwrap();
    let size = body.lines().nth(1).unwrap();
    let mut false_one = raw.clone();
    false_one[40] ^= 1;
    let again = line.replace(encoded, &STANDARD.encode(&false_one));
    let mut flipped = text.clone().into_bytes();
    let last = body.len() - 5;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let unpadded = encoded.trim_end_matches('=').to_owned();
    let spoiled: Vec<(&str, Vec<u8>)> = vec![
        ("flipped byte of the text", flipped),
        ("another size", text.replacen(size, &format!("{size}0"), 1).into()),
        ("extra blank line before the signature", text.replace("\n\n", "\n\n\n").into()),
        ("extra blank line behind it", format!("{text}\n").into()),
        ("CR LF", text.replace('\n', "\r\n").into()),
        ("base64 without padding", text.replace(encoded, &unpadded).into()),
        ("base64 of the URL alphabet", text.replace(encoded, &URL_SAFE.encode(&raw)).into()),
        ("one key's line twice", format!("{text}{line}").into()),
        ("one key's line twice, the second false", format!("{text}{again}").into()),
    ];
    let mut all: Vec<Question> =
        spoiled.iter().map(|(item, text)| note(item, text, keys)).collect();
    let twice = [keys[0].clone(), keys[0].clone()];
    let mut equal = note("as exported, its key known twice", text.as_bytes(), &twice);
    equal.ours = text_is_by_two(text, &twice);
    equal.item = "two keys of one name and key id known".to_owned();
    all.push(equal);
    // Two different keys of one name are what a rotation looks like.
    let (pen, name) = (Pen::new(9), keys[0].name());
    let other = VKey::new(name, KeyKind::Ed25519, pen.key()).unwrap();
    let both = [keys[0].clone(), other.clone()];
    all.push(note("as exported, another key of the same name known", text.as_bytes(), &both));
    let mut signed = Note::parse(text.as_bytes()).unwrap();
    signed.add(other.sign(signed.text(), 0, &|message| pen.sign(message))).unwrap();
    all.push(note("as signed by two keys of one name", signed.to_string().as_bytes(), &both));
    // A log's key that signs a head of another log, in its own name.
    let head = Checkpoint::new("jieli.somewhere/log/1", 3, [5; 32]).unwrap().text();
    let line = other.sign(&head, 0, &|message| pen.sign(message));
    let foreign = Note::new(&head, line).unwrap().to_string();
    let mut question = note("another log's head", foreign.as_bytes(), std::slice::from_ref(&other));
    let policy = Policy::new(vec![other], Vec::new(), 0).unwrap();
    question.ours = policy.check(&Note::parse(foreign.as_bytes()).unwrap()).is_ok();
    all.push(question);
    all
}

/// A policy names a key once.
fn text_is_by_two(text: &str, keys: &[VKey]) -> bool {
    let policy = Policy::new(keys.to_vec(), Vec::new(), 0);
    policy.is_ok_and(|policy| policy.check(&Note::parse(text.as_bytes()).unwrap()).is_ok())
}

/// Cosignatures of a cosigner of nobody under a head that a real node signed.
fn cosignatures(exported: &Exported) -> Vec<Question> {
    let (text, policy) = &exported.notes[0];
    let pen = Pen::new(8);
    let cosigner =
        VKey::new("jieli.somewhere/cosigner/1", KeyKind::CosignatureV1, pen.key()).unwrap();
    let sign = |message: &[u8]| pen.sign(message);
    let policy = Policy::new(policy.logs().to_vec(), vec![cosigner.clone()], 1).unwrap();
    let body = Note::parse(text.as_bytes()).unwrap().text().to_owned();
    let with = |line| format!("{text}{line}\n");
    let made = cosigner.line(NOW, &sign(&cosigner.message(&body, NOW)));
    let mut flipped = sign(&cosigner.message(&body, NOW));
    flipped[3] ^= 1;
    let plain = cosigner.line(NOW, &sign(body.as_bytes()));
    let far = NOW + 3_600;
    let rows = [
        ("as cosigned", with(made.to_string())),
        ("flipped byte", with(cosigner.line(NOW, &flipped).to_string())),
        (
            "another time",
            with(cosigner.line(NOW - 60, &sign(&cosigner.message(&body, NOW))).to_string()),
        ),
        ("signed like a log's line", with(plain.to_string())),
        (
            "of another head",
            with(
                cosigner
                    .line(NOW, &sign(&cosigner.message("jieli.x.y/log/1\n1\n", NOW)))
                    .to_string(),
            ),
        ),
        (
            "in the future, truly signed",
            with(cosigner.line(far, &sign(&cosigner.message(&body, far))).to_string()),
        ),
        ("one cosigner twice", with(format!("{made}\n{made}"))),
    ];
    rows.map(|(item, text)| cosigned(item, text.as_bytes(), &policy)).into()
}

/// Whether a head is cosigned as its policy asks, at a time that is not yet to come.
fn cosigned(item: &str, note: &[u8], policy: &Policy) -> Question {
    let vkey = policy.witnesses()[0].key.to_string();
    let asked = json!({ "Note": bytes(note), "VKeys": [vkey] });
    let ours = Note::parse(note).is_ok_and(|note| {
        let checked = policy.check(&note);
        checked.is_ok_and(|found| found.cosigned.iter().all(|(_, unix_s)| !is_ahead(*unix_s, NOW)))
    });
    Question { kind: "cosignature", item: item.to_owned(), asked, ours }
}

fn trees(exported: &Exported) -> Vec<Question> {
    let long = |found: &&Included| found.proof.hashes.len() > 3;
    let found = exported.included.iter().find(long).unwrap();
    let head = Checkpoint::parse(found.proof.note.text()).unwrap();
    let (index, size, root) = (found.proof.index, head.size(), head.root());
    let (leaf, path) = (found.leaf.to_bytes(), &found.proof.hashes);
    let mut agreement = found.clone();
    agreement.leaf.agreement_id = [9; 16];
    let mut signature = found.clone();
    signature.leaf.sig[0] ^= 1;
    let mut swapped = path.clone();
    swapped.swap(0, 1);
    let truncated = &path[..path.len() - 1];
    let extended = [&path[..], &[Digest::ZERO.0]].concat();
    let mut all = vec![
        included("leaf of another agreement", &agreement),
        included("leaf with another signature", &signature),
        inclusion("swapped sibling", &leaf, (index, size), &swapped, root),
        inclusion("truncated path", &leaf, (index, size), truncated, root),
        inclusion("extended path", &leaf, (index, size), &extended, root),
        inclusion("index is the size", &leaf, (size, size), path, root),
        inclusion("index beyond the size", &leaf, (size + 7, size), path, root),
        inclusion("size 0", &leaf, (0, 0), &[], root),
        inclusion("another index", &leaf, (index ^ 1, size), path, root),
    ];
    let found = &exported.extended;
    let with = |change: &dyn Fn(&mut Extended)| {
        let mut other = found.clone();
        change(&mut other);
        other
    };
    all.extend([
        consistent(
            "truncated proof",
            &with(&|found| found.hashes.truncate(found.hashes.len() - 1)),
        ),
        consistent("extended proof", &with(&|found| found.hashes.push([0; 32]))),
        consistent("swapped sibling", &with(&|found| found.hashes.reverse())),
        consistent("another old root", &with(&|found| found.old.1[0] ^= 1)),
        consistent("another new root", &with(&|found| found.new.1[0] ^= 1)),
        consistent("backwards", &with(&|found| std::mem::swap(&mut found.old, &mut found.new))),
        consistent("to size 0", &with(&|found| found.new.0 = 0)),
    ]);
    all
}
