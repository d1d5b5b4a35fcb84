//! The verifier: what holds, and that nothing that was changed still does.

use crate::fixtures::*;
use crate::story::{Plot, played, played_as};
use crate::world::World;
use jieli_proto::bundle::*;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use serde_json::Value;
use std::collections::BTreeMap;

/// The codes of what does not hold, each once.
pub(crate) fn codes(zip: &[u8], roots: &[Digest]) -> Vec<&'static str> {
    let verdicts = verify(zip, roots).unwrap();
    let mut codes: Vec<_> = verdicts.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

fn built(world: &World) -> Vec<u8> {
    build(&world.bundle).unwrap()
}

fn codes_of(world: &World) -> Vec<&'static str> {
    codes(&built(world), &world.roots())
}

pub(crate) fn files(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let entries = zip_read(zip).unwrap().into_iter();
    entries.map(|entry| (entry.path.to_owned(), entry.data.to_vec())).collect()
}

pub(crate) fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    zip_write(files.iter().map(|(path, data)| Entry { path, data })).unwrap()
}

/// What a forger does who knows the format: lists the files anew, with their new hashes.
pub(crate) fn listed_anew(mut files: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let old: Value = serde_json::from_slice(&files[0].1).unwrap();
    let hashes: BTreeMap<&str, String> =
        files[1..].iter().map(|(path, data)| (path.as_str(), Digest::of(&[data]).hex())).collect();
    let claim: BTreeMap<String, Value> = serde_json::from_value(old["claim"].clone()).unwrap();
    let sorted = BTreeMap::from([
        ("claim", serde_json::to_value(claim).unwrap()),
        ("files", serde_json::to_value(hashes).unwrap()),
    ]);
    files[0].1 = serde_json::to_vec(&sorted).unwrap();
    zipped(&files)
}

#[test]
fn a_whole_bundle_holds() {
    let world = played();
    let verdicts = verify(&built(&world), &world.roots()).unwrap();
    assert_eq!(verdicts.failures, []);
    assert_eq!(verdicts.cities.len(), 3);
    assert_eq!(verdicts.agreements[0].signed, Holds::Yes);
    assert_eq!(verdicts.legs[0].complete, Completeness::Complete);
    for record in &verdicts.records {
        assert_eq!((record.signature, record.key), (Holds::Yes, Holds::Yes), "{}", record.what);
        assert!(record.logs.iter().all(|log| log.holds == Holds::Yes));
    }
    let of = |what: &str| verdicts.records.iter().find(|record| record.what == what).unwrap();
    assert_eq!(of("REMIND").receipt, ReceiptVerdict::Refused(20));
    assert_eq!(of("OFFER").receipt, ReceiptVerdict::Stored);
    assert!(matches!(of("OFFER").sections[..], [(2, SectionVerdict::Erased { .. })]));
    let release: Vec<_> = of("RELEASE").sections.iter().map(|(_, verdict)| verdict).collect();
    let (matches, not) = (&SectionVerdict::Matches, &SectionVerdict::NotDisclosed);
    assert_eq!(release, [matches, matches, not]);
    let time = &of("TAKE_UP").time;
    assert_eq!(time.not_before.as_ref().unwrap().by, "jieli.city-c/cosigner/1");
    assert_eq!(time.not_after.as_ref().unwrap().by, "jieli.city-b/cosigner/1");
    assert!(time.not_before.as_ref().unwrap().unix_s < time.not_after.as_ref().unwrap().unix_s);
    assert_eq!(of("OFFER").cosigners.iter().filter(|found| found.independent).count(), 2);
    assert_eq!(exit_code(&Ok(verdicts)), 0);
}

#[test]
fn the_same_parts_in_any_order_make_the_same_bytes() {
    let world = played();
    let mut other = world.bundle.clone();
    other.envelopes.reverse();
    other.proofs.reverse();
    other.items.reverse();
    other.manifests.reverse();
    other.sections.reverse();
    other.envelopes.push(other.envelopes[0].clone());
    assert_eq!(build(&other).unwrap(), built(&world));
    let mut resigned = other.envelopes[0].clone();
    resigned.sig[0] ^= 1;
    other.envelopes.push(resigned);
    assert!(matches!(build(&other), Err(BuildError::TwoFiles(_))));
}

#[test]
fn report_and_verdicts_say_what_they_must_in_both_languages() {
    let world = played();
    let zip = built(&world);
    let (path, report) = files(&zip).pop().unwrap();
    let report = String::from_utf8(report).unwrap();
    let verdicts = verify(&zip, &world.roots()).unwrap();
    assert_eq!(path, "REPORT.txt");
    for text in [&report, &verdicts.text(), &verdicts.to_json()] {
        let (zh, en) = (text.find(CAVEAT_ZH).unwrap(), text.find(CAVEAT_EN).unwrap());
        assert!(zh < en || text.starts_with('{'));
    }
    let json: Value = serde_json::from_str(&verdicts.to_json()).unwrap();
    assert_eq!(json["all_hold"], true);
    assert_eq!(json["records"].as_array().unwrap().len(), verdicts.records.len());
    assert!(report.ends_with("\nproduct: jieli 0.1.0\n"));
    // No personal value outside `sections/`.
    for (path, data) in files(&zip) {
        let named = String::from_utf8_lossy(&data).contains("欧阳");
        assert!(!named, "{path}");
    }
    for code in Code::ALL {
        assert!(!code.zh().is_ascii() && code.en().is_ascii(), "{}", code.name());
    }
}

#[test]
fn one_root_too_few_is_named() {
    let world = played();
    let zip = built(&world);
    for missing in 0..3 {
        let mut roots = world.roots();
        roots.remove(missing);
        let found = codes(&zip, &roots);
        assert!(found.contains(&"ROOT_NOT_GIVEN"), "{missing}: {found:?}");
    }
    let outcome = verify(&zip, &[]);
    assert_eq!(exit_code(&outcome), 1);
    let verdicts = outcome.unwrap();
    assert!(verdicts.records.iter().all(|record| record.signature == Holds::No));
    let other = Signer::new(99).fpr();
    assert!(codes(&zip, &[other]).contains(&"ROOT_NOT_GIVEN"));
}

#[test]
fn a_missing_an_extra_and_a_double_file_have_their_own_codes() {
    let world = played();
    let zip = built(&world);
    let whole = files(&zip);
    for at in 1..whole.len() {
        let mut fewer = whole.clone();
        let (path, data) = fewer.remove(at);
        let found = codes(&zipped(&fewer), &world.roots());
        assert!(found.contains(&"FILE_MISSING"), "{path}: {found:?}");
        // Listed anew, without the file: what can be left out unseen is named here, no more.
        let found = codes(&listed_anew(fewer), &world.roots());
        assert!(!found.is_empty(), "{path}");
        let mut twice = whole.clone();
        twice.insert(at, (path.clone(), data));
        let found = codes(&zipped(&twice), &world.roots());
        assert!(found.contains(&"FILE_DUPLICATE"), "{path}: {found:?}");
        assert!(found.contains(&"ZIP_DIFFERS"), "{path}: {found:?}");
    }
    for extra in ["extra.txt", "envelopes/extra", "keys/x.spki", "zz/../REPORT.txt"] {
        let mut more = whole.clone();
        more.push((extra.to_owned(), b"hello".to_vec()));
        assert!(codes(&zipped(&more), &world.roots()).contains(&"FILE_EXTRA"), "{extra}");
        let found = codes(&listed_anew(more), &world.roots());
        let told = found.contains(&"FILE_EXTRA") || found.contains(&"FILE_FORM");
        assert!(told, "{extra}: {found:?}");
    }
    let outcome = verify(&zipped(&whole[1..]), &world.roots());
    assert_eq!((exit_code(&outcome), outcome.err()), (2, Some(Unreadable::Manifest)));
    assert_eq!(exit_code(&verify(&[], &world.roots())), 2);
}

/// Which parts can be left out of a bundle, claim and all, and what that changes.
#[test]
fn what_is_left_out_is_missed_or_concluded_nothing_from() {
    let world = played();
    let without = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = world.bundle.clone();
        change(&mut bundle);
        verify(&build(&bundle).unwrap(), &world.roots()).unwrap()
    };
    let has = |code: &str, change: &dyn Fn(&mut Bundle)| {
        let found = without(change).failures;
        assert!(found.iter().any(|failure| failure.code.name() == code), "{code}: {found:?}");
    };
    has("ITEM_MISSING", &|b| drop(b.items.pop()));
    has("CONSENT_MISSING", &|b| b.consents.clear());
    has("AGREEMENT_MISSING", &|b| drop(b.agreements.pop()));
    has("ROOT_MISSING", &|b| b.roots.truncate(2));
    has("POLICY_MISSING", &|b| drop(b.policies.pop()));
    has("KEY_UNKNOWN", &|b| drop(b.manifests.remove(1)));
    has("MANIFEST_MISSING", &|b| drop(b.manifests.remove(0)));
    let messages = world.bundle.items.iter().map(|item| item.answers).collect::<Vec<_>>();
    for digest in &messages {
        for city in ["city-a", "city-b"] {
            has("PROOF_MISSING", &|b| {
                b.proofs.retain(|(found, of, _)| found != digest || of.as_str() != city);
            });
        }
        // Without the envelope its item, proofs and receipt hang in the air.
        let found = without(&|b| {
            let name = jieli_proto::envelope::env_digest;
            b.envelopes.retain(|envelope| name(envelope) != *digest);
        });
        assert!(!found.all_hold());
    }
    let unsaid = without(&|b| {
        b.envelopes.retain(|envelope| !envelope.payload_type.contains("leg-statement"));
    });
    assert!(unsaid.all_hold());
    assert!(matches!(&unsaid.legs[0].complete, Completeness::LaterMayExist(c) if c.len() == 2));
    let undisclosed = without(&|b| b.sections.clear());
    assert!(undisclosed.all_hold());
    let unerased = without(&|b| b.erasures.clear());
    assert!(unerased.all_hold());
    let unbounded = without(&|b| b.heads.clear());
    assert!(unbounded.all_hold());
    assert!(unbounded.records.iter().all(|record| record.time.not_before.is_none()));
    has("NOTHING_IN_IT", &|b| *b = Bundle::default());
}

/// The place of a file's data in the ZIP.
fn range(zip: &[u8], path: &str) -> std::ops::Range<usize> {
    let entries = zip_read(zip).unwrap();
    let entry = entries.iter().find(|entry| entry.path == path).unwrap();
    let start = entry.data.as_ptr() as usize - zip.as_ptr() as usize;
    start..start + entry.data.len()
}

fn path_of(zip: &[u8], prefix: &str) -> String {
    let entries = zip_read(zip).unwrap();
    entries.iter().find(|entry| entry.path.starts_with(prefix)).unwrap().path.to_owned()
}

/// Every byte of a file: once flipped as it stands, once with the list written anew.
fn flip_every_byte(world: &World, directory: &str) {
    let (zip, roots) = (built(world), world.roots());
    let whole = files(&zip);
    let path = path_of(&zip, directory);
    let at = whole.iter().position(|(found, _)| *found == path).unwrap();
    for (i, byte) in range(&zip, &path).enumerate() {
        let mut bad = zip.clone();
        bad[byte] ^= 1 << (i % 8);
        let found = codes(&bad, &roots);
        assert!(found.contains(&"FILE_HASH"), "{path} byte {i}: {found:?}");
    }
    for i in 0..signed_end(&whole[at].1) {
        let mut forged = whole.clone();
        forged[at].1[i] ^= 1 << (i % 8);
        let found = codes(&listed_anew(forged), &roots);
        let of_lists = ["CLAIM_DIFFERS", "REPORT_DIFFERS", "FILE_HASH", "ZIP_DIFFERS"];
        let content = found.iter().any(|code| !of_lists.contains(code));
        assert!(content, "{path} byte {i}: {found:?}");
    }
}

#[test]
fn no_byte_of_an_envelope_can_be_flipped() {
    flip_every_byte(&played_as(&Plot::short()), "envelopes/");
}

#[test]
fn no_byte_of_an_item_can_be_flipped() {
    flip_every_byte(&played_as(&Plot::short()), "items/");
}

#[test]
fn no_byte_of_a_proof_can_be_flipped() {
    flip_every_byte(&played_as(&Plot::short()), "proofs/");
}

#[test]
fn no_byte_of_a_checkpoint_can_be_flipped() {
    flip_every_byte(&played(), "heads/");
}

#[test]
fn no_byte_of_a_section_can_be_flipped() {
    flip_every_byte(&played_as(&Plot::short()), "sections/");
}

/// In a note, the lines after the log's own signature may be left out by anyone.
fn signed_end(data: &[u8]) -> usize {
    let text = String::from_utf8_lossy(data);
    match text.find("— jieli.") {
        None => data.len(),
        Some(line) => line + text[line..].find('\n').unwrap(),
    }
}

#[test]
fn no_byte_elsewhere_can_be_flipped() {
    let world = played();
    let (zip, roots) = (built(&world), world.roots());
    let mut state = 0x6a69_656c_6900_0001_u64;
    for _ in 0..500 {
        // xorshift64: the same 500 places everywhere.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 3) as usize % zip.len();
        let mut bad = zip.clone();
        bad[at] ^= 1 << (state % 8);
        let outcome = verify(&bad, &roots);
        let code = exit_code(&outcome);
        assert_ne!(code, 0, "byte {at}");
        if code == 2 {
            let manifest = range(&zip, "manifest.json");
            let in_list = manifest.contains(&at);
            assert!(in_list || outcome.err() != Some(Unreadable::Manifest), "byte {at}");
        }
    }
    for cut in [1, 22, 100, zip.len() / 2, zip.len() - 1] {
        assert_ne!(exit_code(&verify(&zip[..cut], &roots)), 0, "{cut}");
    }
    let longer = [&zip[..], b"\0"].concat();
    assert_ne!(exit_code(&verify(&longer, &roots)), 0);
}

/// Cuts, doublings and strange bytes anywhere, listed anew: refused, never a panic.
#[test]
fn nothing_made_of_rubbish_holds_or_panics() {
    let world = played_as(&Plot::short());
    let roots = world.roots();
    let whole = files(&built(&world));
    let mut state = 0x6a69_656c_6900_0002_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 3) as usize % below
    };
    for round in 0..300 {
        let mut bad = whole.clone();
        let file = 1 + random(bad.len() - 2);
        let data = &mut bad[file].1;
        let at = random(data.len());
        match round % 4 {
            0 => data.truncate(at),
            1 => drop(data.splice(at..at, [b'9'; 20])),
            2 => drop(data.splice(at..at, data[..at].to_vec())),
            _ => data[at] = random(256) as u8 ^ 0x80,
        }
        let outcome = verify(&listed_anew(bad.clone()), &roots);
        assert_ne!(exit_code(&outcome), 0, "{round} {}", bad[file].0);
    }
    let mut steering = whole.clone();
    steering.push(("\u{1b}[2J\u{202e}x".to_owned(), Vec::new()));
    let text = verify(&zipped(&steering), &roots).unwrap().text();
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("[2J"));
}

#[test]
fn the_list_has_one_spelling_and_the_claim_is_worked_out_again() {
    let world = played();
    let whole = files(&built(&world));
    let with = |from: &str, to: &str| {
        let mut changed = whole.clone();
        let text = String::from_utf8(changed[0].1.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        changed[0].1 = text.replacen(from, to, 1).into_bytes();
        codes(&zipped(&changed), &world.roots())
    };
    assert_eq!(with("{\"claim\":", "{ \"claim\":"), ["MANIFEST_SPELLING"]);
    assert_eq!(with("\"messages\":9", "\"messages\":8"), ["CLAIM_DIFFERS", "REPORT_DIFFERS"]);
    assert_eq!(with("\"city-a\":4", "\"city-a\":3"), ["CLAIM_DIFFERS", "REPORT_DIFFERS"]);
    let mut swapped = whole.clone();
    swapped.swap(1, 2);
    assert_eq!(codes(&zipped(&swapped), &world.roots()), ["ZIP_DIFFERS"]);
    let mut told = whole.clone();
    let report = told.last_mut().unwrap();
    report.1 = String::from_utf8(report.1.clone()).unwrap().replace("do not", "do").into_bytes();
    assert_eq!(codes(&listed_anew(told), &world.roots()), ["REPORT_DIFFERS"]);
}

#[test]
fn consents_cover_what_was_opened() {
    let good = Plot::default().consent;
    let with = |consent: wire::Consent| codes_of(&played_as(&Plot { consent, ..Plot::default() }));
    assert!(with(good.clone()).is_empty());
    for bad in [
        wire::Consent { leg_id: vec![1; 16], ..good.clone() },
        wire::Consent { to_office: OFFICE_B[0].to_owned(), ..good.clone() },
        wire::Consent { from_office: OFFICE_A[0].to_owned(), ..good.clone() },
        wire::Consent { purpose: 1, ..good.clone() },
        wire::Consent { section_numbers: vec![16], ..good.clone() },
        wire::Consent { section_numbers: vec![18], ..good.clone() },
        wire::Consent { given_unix_ms: NINE + 86_400_000, ..good.clone() },
        wire::Consent { given_unix_ms: NINE - 181 * 86_400_000, ..good.clone() },
        wire::Consent { given_unix_ms: u64::MAX, ..good.clone() },
        wire::Consent { consent_id: vec![1; 15], ..good },
    ] {
        assert_eq!(with(bad), ["CONSENT_FALSE"]);
    }
}

#[test]
fn keys_count_up_to_a_place_in_the_other_log() {
    assert!(codes_of(&played_as(&Plot { lost: 0, ..Plot::default() })).is_empty());
    // One leaf less, and A's receipt before the change of keys is not covered; then RELEASE.
    let found = codes_of(&played_as(&Plot { lost: 3, ..Plot::default() }));
    assert_eq!(found, ["KEY_REVOKED"]);
}

#[test]
fn the_agreement_is_signed_by_both_and_cited() {
    let alone = codes_of(&played_as(&Plot { countersigned: false, ..Plot::default() }));
    assert_eq!(alone, ["AGREEMENT_NOT_SIGNED"]);
    let other = codes_of(&played_as(&Plot { version: 2, ..Plot::default() }));
    assert_eq!(other, ["AGREEMENT_MISSING", "ERASURE_FALSE"]);
}
