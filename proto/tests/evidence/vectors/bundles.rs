//! `bundle.zip`, and `bundle.json`: its roots, its verdicts, and changed ones that must not pass.

use super::{compare, compare_cases};
use crate::bundle::{files, listed_anew, zipped};
use crate::story::played;
use jieli_proto::bundle::*;
use jieli_proto::id::Digest;
use serde_json::{Value, json};

/// What turns `bundle.zip` into other bytes: from each `at`, `remove` bytes give way to `insert`.
pub(super) fn splices(from: &[u8], to: &[u8]) -> Vec<Value> {
    let splice = |at: usize, removed: usize, insert: &[u8]| json!({ "at": at, "remove": removed, "insert": hex::encode(insert) });
    let same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| {
        pairs.take_while(|(left, right)| left == right).count()
    };
    let mut found = Vec::new();
    if from.len() == to.len() {
        let mut at = 0;
        while at < from.len() {
            at += same(&mut from[at..].iter().zip(&to[at..]));
            // Runs that lie close together are one.
            let gap =
                |end: &usize| from[*end..].iter().zip(&to[*end..]).take(8).all(|(l, r)| l == r);
            let end = (at..from.len()).find(gap).unwrap_or(from.len());
            if end > at {
                found.push(splice(at, end - at, &to[at..end]));
            }
            at = end;
        }
        return found;
    }
    let at = same(&mut from.iter().zip(to));
    let (left, right) = (&from[at..], &to[at..]);
    let tail = same(&mut left.iter().rev().zip(right.iter().rev()));
    found.push(splice(at, left.len() - tail, &right[..right.len() - tail]));
    found
}

fn case(name: &str, zip: &[u8], bytes: &[u8], roots: &[Digest]) -> Value {
    let outcome = verify(bytes, roots);
    let mut codes: Vec<&str> = Vec::new();
    if let Ok(verdicts) = &outcome {
        codes.extend(verdicts.failures.iter().map(|failure| failure.code.name()));
        codes.dedup();
    }
    json!({
        "name": name,
        "exit": exit_code(&outcome),
        "codes": codes,
        "error": outcome.as_ref().err().map(|error| format!("{error:?}")),
        "roots": roots.iter().map(Digest::hex).collect::<Vec<_>>(),
        "splices": splices(zip, bytes),
        "sha256": Digest::of(&[bytes]).hex(),
    })
}

#[test]
fn a_bundle_and_its_changed_copies() {
    let world = played();
    let zip = build(&world.bundle).unwrap();
    let roots = world.roots();
    compare("bundle.zip", &zip);
    let mut whole = case("as it is", &zip, &zip, &roots);
    assert_eq!(whole["exit"], 0);
    let verdicts = verify(&zip, &roots).unwrap().to_json();
    whole["verdicts"] = serde_json::from_str(&verdicts).unwrap();
    let mut cases = vec![whole];
    for (i, root) in roots.iter().enumerate() {
        let fewer: Vec<Digest> = roots.iter().filter(|found| *found != root).copied().collect();
        cases.push(case(&format!("without root {i}"), &zip, &zip, &fewer));
    }
    let listed = files(&zip);
    for directory in ["envelopes/", "items/", "proofs/", "keys/", "agreement/", "consents/"] {
        let at = listed.iter().position(|(path, _)| path.starts_with(directory)).unwrap();
        let mut flipped = listed.clone();
        flipped[at].1[40] ^= 1;
        cases.push(case(&format!("{directory}: flipped"), &zip, &zipped(&flipped), &roots));
        cases.push(case(
            &format!("{directory}: flipped and listed anew"),
            &zip,
            &listed_anew(flipped),
            &roots,
        ));
    }
    let at = listed.iter().position(|(path, _)| path.starts_with("sections/")).unwrap();
    let mut fewer = listed.clone();
    let (path, data) = fewer.remove(at);
    cases.push(case("a file missing", &zip, &zipped(&fewer), &roots));
    fewer.insert(at, (path.clone(), data.clone()));
    fewer.insert(at, (path, data));
    cases.push(case("a file twice", &zip, &zipped(&fewer), &roots));
    let mut more = listed.clone();
    more.push(("extra.txt".to_owned(), b"hello".to_vec()));
    cases.push(case("a file too many", &zip, &zipped(&more), &roots));
    let mut renamed = zip.clone();
    renamed[30] = b'M';
    cases.push(case("another name in a local header", &zip, &renamed, &roots));
    let mut unlisted = listed.clone();
    unlisted[0].0 = "manifest.JSON".to_owned();
    cases.push(case("no manifest.json", &zip, &zipped(&unlisted), &roots));
    let mut dated = zip.clone();
    dated[12] = 0x21;
    cases.push(case("a date in the first local header", &zip, &dated, &roots));
    cases.push(case("a byte behind", &zip, &[&zip[..], &[0]].concat(), &roots));
    cases.push(case("cut in half", &zip, &zip[..zip.len() / 2], &roots));
    assert!(cases[1..].iter().all(|case| case["exit"] != 0));
    let about = "`bundle.zip` with the roots of its three cities and its verdicts, then changed \
                 copies: apply the splices to bundle.zip to get the bytes of that SHA-256.";
    compare_cases("bundle.json", about, &cases);
}
