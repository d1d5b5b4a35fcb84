//! Keys that verify what nobody signed are refused at every entry; the chain of manifests only ever
//! takes keys away, and never back.

#![allow(clippy::unwrap_used)] // a helper of a test may panic like the test itself

use jieli_proto::bundle::{Code, verify, zip_write};
use jieli_proto::envelope::{self, SealError};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::invite::{InviteError, Invited};
use jieli_proto::manifest::{Manifest, ManifestError, cosigner_number, log_keys_at};
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::{
    Envelope, Invite, KeyManifest, KeyRecord, LastGood, Revocation, RevocationReason, Role,
};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// The encodings of the eight points of small order, canonical or not, that circulate: y of orders
/// 1, 2, 4 and 8, with either sign, and those not reduced modulo p.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

struct Key(Ed25519KeyPair, PublicKey);

impl Key {
    fn new(seed: u8) -> Key {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = PublicKey::from_bytes(pair.public_key().as_ref()).unwrap();
        Key(pair, public)
    }

    fn fpr(&self) -> Digest {
        Digest(self.1.fingerprint())
    }

    fn seal<M: jieli_proto::strict::Payload>(&self, payload: &M) -> Envelope {
        envelope::seal(payload, self.fpr(), |bytes| self.0.sign(bytes).as_ref().try_into().unwrap())
    }
}

fn spki(bytes: &[u8]) -> Vec<u8> {
    [&PREFIX, bytes].concat()
}

fn record(spki: Vec<u8>, role: Role) -> KeyRecord {
    KeyRecord { spki, suite: 1, roles: vec![role.into()], not_before: 1 }
}

fn first(keys: Vec<KeyRecord>) -> KeyManifest {
    KeyManifest {
        city_id: "city-a".to_owned(),
        version: 1,
        prev_digest: vec![0; 32],
        keys,
        revocations: Vec::new(),
    }
}

fn of(key: &Key, role: Role) -> KeyRecord {
    record(key.1.to_spki().to_vec(), role)
}

#[test]
fn a_key_of_small_order_comes_in_nowhere() {
    let (root, message) = (Key::new(1), Key::new(2));
    for text in SMALL_ORDER {
        let bytes = hex::decode(text).unwrap();
        assert!(PublicKey::from_bytes(&bytes).is_err(), "{text}");
        // A manifest, for every role.
        for role in [Role::Message, Role::Log, Role::Cosigner, Role::Tls] {
            let sealed = root.seal(&first(vec![record(spki(&bytes), role)]));
            let refused = Manifest::open(&sealed, &root.1, None).unwrap_err();
            assert_eq!(refused, ManifestError::Form("public key"), "{text}");
        }
        // An invitation whose root key it is.
        let manifest = root.seal(&first(vec![of(&message, Role::Message)]));
        let invite = Invite {
            city_id: "city-a".to_owned(),
            name: "A".to_owned(),
            end_points: Vec::new(),
            root_spki: spki(&bytes),
            manifest: Some(manifest),
            nonce: vec![1; 16],
            not_after: 2,
        };
        let refused = Invited::open(&message.seal(&invite)).unwrap_err();
        assert_eq!(refused, InviteError::Form("root key"), "{text}");
        // A verifier key of a policy.
        for (kind, number) in [(KeyKind::Ed25519, 1), (KeyKind::CosignatureV1, 4)] {
            let typed = [&[number], bytes.as_slice()].concat();
            let id = Digest::of(&[b"jieli.city-a/log/1\n", &typed]).hex();
            let typed = base64(&typed);
            let text = format!("jieli.city-a/log/1+{}+{typed}", &id[..8]);
            assert!(VKey::parse(&text).is_err(), "{kind:?} {text}");
        }
        // The root key of a bundle.
        let path = format!("keys/{}.spki", Digest::of(&[&spki(&bytes)]).hex());
        let found = bundle_with(&path, &spki(&bytes));
        assert!(found.contains(&Code::FileForm), "{text}: {found:?}");
    }
    // The same entries take a good key.
    let good = Key::new(3);
    let sealed = root.seal(&first(vec![of(&good, Role::Message)]));
    assert!(Manifest::open(&sealed, &root.1, None).is_ok());
    let vkey = VKey::new("jieli.city-a/log/1", KeyKind::Ed25519, good.1).unwrap();
    assert!(VKey::parse(&vkey.to_string()).is_ok());
    let path = format!("keys/{}.spki", good.fpr().hex());
    assert!(!bundle_with(&path, &good.1.to_spki()).contains(&Code::FileForm));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What is wrong with a bundle that holds this file alone.
fn bundle_with(path: &str, data: &[u8]) -> Vec<Code> {
    let manifest =
        format!("{{\"claim\":{{}},\"files\":{{\"{path}\":\"{}\"}}}}", Digest::of(&[data]).hex());
    let entry = |path, data| jieli_proto::bundle::Entry { path, data };
    let files = [entry("manifest.json", manifest.as_bytes()), entry(path, data)];
    let verdicts = verify(&zip_write(files).unwrap(), &[]).unwrap();
    verdicts.failures.iter().map(|failure| failure.code).collect()
}

fn retired(key: &Key, last_good: &[(&str, u64)]) -> Revocation {
    let good =
        |(origin, index): &(&str, u64)| LastGood { origin: (*origin).to_owned(), index: *index };
    Revocation {
        fingerprint: key.fpr().to_vec(),
        last_good: last_good.iter().map(good).collect(),
        reason: RevocationReason::Retired.into(),
    }
}

#[test]
fn what_is_revoked_stays_revoked_and_counts_no_further() {
    let (root, old, new) = (Key::new(1), Key::new(2), Key::new(3));
    let open = |payload: &KeyManifest, before: Option<&Manifest>| {
        Manifest::open(&root.seal(payload), &root.1, before)
    };
    let one = open(&first(vec![of(&old, Role::Message)]), None).unwrap();
    let both = open(&one.next(vec![of(&new, Role::Message)], Vec::new()), Some(&one)).unwrap();
    assert_eq!(both.live_keys(Role::Message)[0].fpr, new.fpr(), "the newest first");
    let (a, b) = ("jieli.city-b/log/1", "jieli.city-c/log/1");
    let gone = open(&both.next(Vec::new(), vec![retired(&old, &[(a, 9), (b, 4)])]), Some(&both));
    let gone = gone.unwrap();
    assert!(gone.is_revoked(&old.fpr()) && gone.key(&old.fpr(), Role::Message).is_none());
    assert_eq!((gone.last_good(&old.fpr(), a), gone.last_good(&old.fpr(), "x")), (Some(9), None));
    // Less may count later, and nothing more.
    for (revoke, holds) in [
        (vec![(a, 9), (b, 4)], true),
        (vec![(a, 8)], true),
        (vec![], true),
        (vec![(a, 10), (b, 4)], false),
        (vec![(a, 9), ("jieli.city-d/log/1", 1)], false),
    ] {
        let next = open(&gone.next(Vec::new(), vec![retired(&old, &revoke)]), Some(&gone));
        assert_eq!(next.is_ok(), holds, "{revoke:?}");
    }
    let mut forgot = gone.next(Vec::new(), Vec::new());
    forgot.revocations.clear();
    let refused = open(&forgot, Some(&gone)).unwrap_err();
    assert_eq!(refused, ManifestError::TakenBack { held: 3 });
    // No key goes without a word.
    let mut dropped = both.next(Vec::new(), Vec::new());
    dropped.keys.remove(0);
    assert_eq!(open(&dropped, Some(&both)).unwrap_err(), ManifestError::Form("list of keys"));
    for twice in
        [vec![retired(&old, &[]), retired(&old, &[])], vec![retired(&old, &[(a, 1), (a, 2)])]]
    {
        let next = KeyManifest { revocations: twice, ..both.next(Vec::new(), Vec::new()) };
        let refused = open(&next, Some(&both)).unwrap_err();
        assert_eq!(refused, ManifestError::Form("list of revocations"));
    }
    let stranger = Key::new(9);
    let forged = stranger.seal(&both.next(Vec::new(), Vec::new()));
    let refused = Manifest::open(&forged, &root.1, Some(&both)).unwrap_err();
    assert_eq!(refused, ManifestError::Seal(SealError::OtherKey));
    assert_eq!(CityId::parse("city-a").unwrap(), both.city);
}

#[test]
fn log_keys_count_up_to_a_size_and_cosigners_are_numbered() {
    let (root, old, new) = (Key::new(1), Key::new(2), Key::new(3));
    let (third, fourth) = (Key::new(4), Key::new(5));
    let origin = "jieli.city-a/log/1";
    let keys = vec![of(&old, Role::Log), of(&third, Role::Cosigner)];
    let one = Manifest::open(&root.seal(&first(keys)), &root.1, None).unwrap();
    let add = vec![of(&new, Role::Log), of(&fourth, Role::Cosigner)];
    let two = one.next(add, vec![retired(&third, &[])]);
    let two = Manifest::open(&root.seal(&two), &root.1, Some(&one)).unwrap();
    // Listed no more, it counts on the heads of its time.
    let three = two.next(Vec::new(), vec![retired(&old, &[(origin, 100)])]);
    let three = Manifest::open(&root.seal(&three), &root.1, Some(&two)).unwrap();
    let chain = [one, two, three];
    assert_eq!(log_keys_at(&chain[..2], origin, 1 << 40), [old.1, new.1]);
    assert_eq!(log_keys_at(&chain, origin, 100), [old.1, new.1]);
    assert_eq!(log_keys_at(&chain, origin, 101), [new.1]);
    assert_eq!(log_keys_at(&chain, "jieli.city-a/log/2", 1), [new.1]);
    assert_eq!(cosigner_number(&chain, &third.fpr()), Some(1));
    assert_eq!(cosigner_number(&chain, &fourth.fpr()), Some(2));
    assert_eq!(cosigner_number(&chain, &old.fpr()), None);
}
