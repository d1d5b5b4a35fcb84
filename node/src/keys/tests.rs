use super::*;
use crate::disk::PRIVATE;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Bytes that differ at every call, the same in every run.
pub(crate) struct Counter(std::sync::Mutex<u64>);

impl Counter {
    pub(crate) fn new(seed: u64) -> Counter {
        Counter(std::sync::Mutex::new(seed << 32))
    }
}

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            let digest = ring::digest::digest(&ring::digest::SHA256, &count.to_be_bytes());
            chunk.copy_from_slice(&digest.as_ref()[..chunk.len()]);
        }
    }
}

/// A cost for tests alone.
pub(crate) const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

fn city() -> CityId {
    CityId::parse("km.yn").unwrap()
}

fn phrase(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

fn protected() -> Protection {
    Protection::Passphrase { passphrase: phrase("correct horse battery"), cost: CHEAP }
}

fn made(protection: &Protection) -> (tempfile::TempDir, KeyRing) {
    let dir = tempfile::tempdir().unwrap();
    let ring = KeyRing::create(dir.path(), &city(), protection, &Counter::new(1)).unwrap();
    (dir, ring)
}

#[test]
fn keys_read_back() {
    let (dir, made) = made(&protected());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&dir.path().join("keys")), 0o700);
    for name in KeyName::ALL {
        assert_eq!(mode(&name.path(dir.path())), PRIVATE, "{name}");
    }
    let right = phrase("correct horse battery");
    let ring = KeyRing::load(dir.path(), &city(), Some(&right)).unwrap();
    assert_eq!(ring.message().fingerprint(), made.message().fingerprint());
    let seed = |ring: &KeyRing| *ring.tls_seed(&ring.tls().fingerprint()).unwrap().expose();
    assert_eq!(seed(&ring), seed(&made));
    assert_eq!(ring.blind_tag(1, "x"), made.blind_tag(1, "x"));
    assert!(ring.unprotected().is_empty());
    let all = [ring.message(), ring.log(), ring.cosigner(), ring.tls(), ring.root().unwrap()];
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other.fingerprint() != one.fingerprint()));
    }
    let shown = format!("{ring:?}");
    assert!(shown.len() < 40, "{shown}");
}

#[test]
fn keys_read_back_at_the_real_cost() {
    let passphrase = phrase("correct horse battery");
    let (dir, made) = made(&Protection::Passphrase { passphrase, cost: COST });
    let right = phrase("correct horse battery");
    let ring = KeyRing::load(dir.path(), &city(), Some(&right)).unwrap();
    assert_eq!(ring.log().fingerprint(), made.log().fingerprint());
}

#[test]
fn the_root_may_be_offline_and_nothing_else() {
    let (dir, _) = made(&Protection::Unprotected);
    fs::remove_file(KeyName::Root.path(dir.path())).unwrap();
    assert!(KeyRing::load(dir.path(), &city(), None).unwrap().root().is_none());
    for name in &KeyName::ALL[1..] {
        let path = name.path(dir.path());
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(KeyRing::load(dir.path(), &city(), None).is_err(), "{name}");
        disk::write_new(&path, &bytes, PRIVATE).unwrap();
    }
}

#[test]
fn a_wrong_or_absent_passphrase_opens_nothing() {
    let (dir, _) = made(&protected());
    let load = |passphrase: Option<&Passphrase>| KeyRing::load(dir.path(), &city(), passphrase);
    assert!(matches!(load(None), Err(KeysError::NoPassphrase)));
    let wrong = load(Some(&phrase("correct horse batterz")));
    assert!(matches!(wrong, Err(KeysError::DoesNotOpen { .. })));
    let short = Protection::Passphrase { passphrase: phrase("short"), cost: CHEAP };
    let other = tempfile::tempdir().unwrap();
    let refused = KeyRing::create(other.path(), &city(), &short, &Counter::new(1));
    assert!(matches!(refused, Err(KeysError::ShortPassphrase)));
}

#[test]
fn open_permissions_are_refused() {
    let (dir, _) = made(&Protection::Unprotected);
    let load = || KeyRing::load(dir.path(), &city(), None);
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in KeyName::ALL {
        for mode in [0o640, 0o604] {
            chmod(&name.path(dir.path()), mode);
            assert!(matches!(load(), Err(KeysError::Disk(DiskError::Open { .. }))), "{name}");
        }
        chmod(&name.path(dir.path()), 0o600);
    }
    assert!(load().is_ok());
    chmod(&dir.path().join("keys"), 0o755);
    assert!(matches!(load(), Err(KeysError::Disk(DiskError::Open { .. }))));
}

#[test]
fn no_byte_of_a_key_file_can_be_changed() {
    for protection in [protected(), Protection::Unprotected] {
        let (dir, _) = made(&protection);
        let right = phrase("correct horse battery");
        for name in [KeyName::Message, KeyName::Kek] {
            let path = name.path(dir.path());
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() - 1 {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                fs::write(&path, &changed).unwrap();
                let loaded = KeyRing::load(dir.path(), &city(), Some(&right));
                assert!(loaded.is_err(), "{name} {at} {}", String::from_utf8_lossy(&changed));
            }
            fs::write(&path, &whole).unwrap();
        }
        assert!(KeyRing::load(dir.path(), &city(), Some(&right)).is_ok());
    }
}

#[test]
fn a_key_file_stays_in_its_place() {
    let (dir, _) = made(&Protection::Unprotected);
    let other = CityId::parse("wz.zj").unwrap();
    assert!(matches!(
        KeyRing::load(dir.path(), &other, None),
        Err(KeysError::Other { key, .. }) if key == "root"
    ));
    fs::copy(KeyName::Log.path(dir.path()), KeyName::Cosigner.path(dir.path())).unwrap();
    assert!(matches!(
        KeyRing::load(dir.path(), &city(), None),
        Err(KeysError::Other { key, .. }) if key == "log"
    ));
}

#[test]
fn a_file_cannot_ask_for_all_memory() {
    let (dir, _) = made(&protected());
    let path = KeyName::Root.path(dir.path());
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"memory_kib\":8", "\"memory_kib\":4000000000")).unwrap();
    let right = phrase("correct horse battery");
    assert!(matches!(
        KeyRing::load(dir.path(), &city(), Some(&right)),
        Err(KeysError::Form { what: "argon2id", .. })
    ));
}

#[test]
fn unprotected_keys_are_flagged() {
    let (dir, ring) = made(&Protection::Unprotected);
    assert_eq!(ring.unprotected(), KeyName::ALL);
    let text = fs::read_to_string(KeyName::Kek.path(dir.path())).unwrap();
    assert!(text.contains("\"protection\":\"unprotected\""), "{text}");
}

#[test]
fn a_wrapped_key_opens_for_its_leg_and_slot_only() {
    let (_dir, ring) = made(&Protection::Unprotected);
    let entropy = Counter::new(2);
    let (key, leg) = (Secret::random(&entropy), LegId([1; 16]));
    let wrapped = ring.wrap_key(&entropy, PURPOSE_SECTION, leg, 3, &key).unwrap();
    assert_eq!(wrapped.len(), WRAPPED_LEN);
    let open = |purpose, leg, slot, wrapped: &[u8]| ring.unwrap_key(purpose, leg, slot, wrapped);
    assert_eq!(open(PURPOSE_SECTION, leg, 3, &wrapped).unwrap().expose(), key.expose());
    assert!(open("other", leg, 3, &wrapped).is_err());
    assert!(open(PURPOSE_SECTION, LegId([2; 16]), 3, &wrapped).is_err());
    assert!(open(PURPOSE_SECTION, leg, 4, &wrapped).is_err());
    assert!(open(PURPOSE_SECTION, leg, 3, &wrapped[..11]).is_err());
    let again = ring.wrap_key(&entropy, PURPOSE_SECTION, leg, 3, &key).unwrap();
    assert_ne!(again, wrapped);
}

#[test]
fn tags_are_stable_and_apart() {
    let (_dir, ring) = made(&Protection::Unprotected);
    // Rows of a running city depend on these bytes: they may never change.
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, ring.index.expose()),
        b"\x00\x00\x00\x01110101199003070011",
    );
    assert_eq!(ring.blind_tag(1, "110101199003070011"), tag.as_ref());
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, ring.suppression.expose()),
        b"\x00\x00\x00\x02\x00\x00\x00\x01E12345678",
    );
    assert_eq!(ring.suppression_tag(2, 1, "E12345678"), tag.as_ref());
    assert_ne!(ring.blind_tag(1, "E12345678"), ring.blind_tag(2, "E12345678"));
    assert_ne!(ring.suppression_tag(1, 2, "E1"), ring.suppression_tag(2, 1, "E1"));
    assert_ne!(ring.code_hmac("12345678"), ring.code_hmac("12345679"));
    let (_dir, other) = {
        let dir = tempfile::tempdir().unwrap();
        let made = KeyRing::create(dir.path(), &city(), &Protection::Unprotected, &Counter::new(9));
        (dir, made.unwrap())
    };
    assert_ne!(ring.blind_tag(1, "E12345678"), other.blind_tag(1, "E12345678"));
}
