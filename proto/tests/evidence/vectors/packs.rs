//! `pack.zip`, and `pack.json`: its roots, its verdicts, and changed ones that must not pass.

use super::bundles::splices;
use super::{compare, compare_cases};
use crate::bundle::files;
use crate::pack::{about, checked, codes, erased_in_two_epochs, listed_anew, written};
use jieli_proto::id::Digest;
use serde_json::{Value, json};

fn case(name: &str, zip: &[u8], bytes: &[u8], roots: &[Digest]) -> Value {
    let codes = codes(bytes, roots);
    let exit = match codes[..] {
        [] => 0,
        ["UNREADABLE"] => 2,
        _ => 1,
    };
    json!({
        "name": name,
        "exit": exit,
        "codes": codes,
        "roots": roots.iter().map(Digest::hex).collect::<Vec<_>>(),
        "splices": splices(zip, bytes),
        "sha256": Digest::of(&[bytes]).hex(),
    })
}

#[test]
fn a_pack_and_its_changed_copies() {
    let world = erased_in_two_epochs();
    let (zip, roots) = (written(&world, about()), world.roots());
    compare("pack.zip", &zip);
    let mut whole = case("as it is", &zip, &zip, &roots);
    assert_eq!(whole["exit"], 0);
    whole["verdicts"] = serde_json::from_str(&checked(&zip, &roots).to_json()).unwrap();
    let mut cases = vec![whole];
    for (i, root) in roots.iter().enumerate() {
        let fewer: Vec<Digest> = roots.iter().filter(|found| *found != root).copied().collect();
        cases.push(case(&format!("without root {i}"), &zip, &zip, &fewer));
    }
    let listed = files(&zip);
    let at = |start: &str| listed.iter().position(|(path, _)| path.starts_with(start)).unwrap();
    for start in ["shared/keys/", "shared/policy/", "messages/", "REPORT.html", "verify.sh"] {
        let mut fewer = listed.clone();
        fewer.remove(at(start));
        cases.push(case(&format!("{start}: one missing"), &zip, &listed_anew(fewer), &roots));
    }
    // Lines of the only bundle that are left out, with the list written anew.
    let bundle = at("bundles/");
    let lines = String::from_utf8(listed[bundle].1.clone()).unwrap();
    let answered = lines.split("\"path\":\"items/").nth(1).unwrap()[..64].to_owned();
    for file in ["envelopes/", "items/", "proofs/"].map(|of| format!("{of}{answered}")) {
        let mark = format!("\"path\":\"{file}");
        let gone = lines.lines().find(|line| line.contains(&mark)).unwrap();
        let kept = lines.lines().filter(|line| *line != gone);
        let mut fewer = listed.clone();
        fewer[bundle].1 = kept.map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        let name = format!("{}: a line missing", &file[..file.len() - 64]);
        cases.push(case(&name, &zip, &listed_anew(fewer), &roots));
    }
    // Another time in the tombstone.
    let other = tombstone_of_another_time(&lines);
    let mut forged = listed.clone();
    forged[bundle].1 = other.into_bytes();
    let forged = case("a tombstone of another time", &zip, &listed_anew(forged), &roots);
    assert_eq!(forged["codes"], json!(["ERASURE_FALSE"]));
    cases.push(forged);
    cases.push(case("a byte behind", &zip, &[&zip[..], &[0]].concat(), &roots));
    cases.push(case("cut in half", &zip, &zip[..zip.len() / 2], &roots));
    assert!(cases[1..].iter().all(|case| case["exit"] != 0));
    let about = "`pack.zip` with the roots of its three cities and its verdicts, then changed \
                 copies: apply the splices to pack.zip to get the bytes of that SHA-256.";
    compare_cases("pack.json", about, &cases);
}

fn tombstone_of_another_time(lines: &str) -> String {
    let start = lines.find("\\nextra ").unwrap() + "\\nextra ".len();
    let end = start + lines[start..].find("\\n").unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut record = base64.decode(&lines[start..end]).unwrap();
    // "JL-LOCAL1", 32 random bytes, u64 milliseconds.
    record[9 + 32 + 7] ^= 1;
    format!("{}{}{}", &lines[..start], base64.encode(record), &lines[end..])
}
