//! What two real nodes export, taken apart.

use super::ask::{Question, bytes, list};
use jieli_proto::bundle::zip_read;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::kinds::{Kind, SUITE};
use jieli_proto::leaf::{Leaf, payload_type_tag};
use jieli_proto::note::{Note, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::proof::Proof;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::tree::{Hash, verify_consistency, verify_inclusion};
use jieli_proto::wire::{self, Envelope, KeyManifest, prove_request::What};
use jieli_tests::Towns;
use serde_json::json;
use std::collections::BTreeMap;

/// A leaf with its proof, as the bundle holds it.
#[derive(Clone, Debug)]
pub(crate) struct Included {
    pub(crate) leaf: Leaf,
    pub(crate) proof: Proof,
}

/// A consistency proof, as a node gave it.
#[derive(Clone, Debug)]
pub(crate) struct Extended {
    pub(crate) old: (u64, Hash),
    pub(crate) new: (u64, Hash),
    pub(crate) hashes: Vec<Hash>,
}

/// A bundle in its parts.
#[derive(Debug)]
pub(crate) struct Exported {
    /// DSSE JSON with the key that signed it.
    pub(crate) envelopes: Vec<(String, PublicKey)>,
    /// Signed heads with the policy of their log.
    pub(crate) notes: Vec<(String, Policy)>,
    pub(crate) included: Vec<Included>,
    pub(crate) extended: Extended,
}

impl Exported {
    pub(crate) async fn of(towns: &Towns) -> Exported {
        let case = towns.main_road().await;
        towns.settled().await;
        let zip = towns.kunming.export(&case, true).await;
        let files: BTreeMap<&str, &[u8]> =
            zip_read(&zip).unwrap().into_iter().map(|file| (file.path, file.data)).collect();
        let mut sealed: BTreeMap<Digest, String> = BTreeMap::new();
        let mut keys: BTreeMap<Digest, PublicKey> = BTreeMap::new();
        let mut policies: BTreeMap<CityId, Policy> = BTreeMap::new();
        for (path, data) in &files {
            let text = std::str::from_utf8(data).unwrap_or_default();
            if path.ends_with(".dsse.json") {
                let found = envelope::from_json(text).unwrap();
                if path.starts_with("keys/") {
                    let manifest: KeyManifest = envelope::payload(&found).unwrap();
                    let of = manifest.keys.iter().map(|key| PublicKey::from_spki(&key.spki));
                    keys.extend(
                        of.map(|key| key.unwrap()).map(|key| (Digest(key.fingerprint()), key)),
                    );
                }
                sealed.insert(envelope::env_digest(&found), text.to_owned());
            } else if path.ends_with(".spki") {
                let key = PublicKey::from_spki(data).unwrap();
                keys.insert(Digest(key.fingerprint()), key);
            } else if let Some(city) = path.strip_prefix("policy/") {
                let city = CityId::parse(city.strip_suffix(".tlog-policy").unwrap()).unwrap();
                policies.insert(city, Policy::parse(text).unwrap());
            }
        }
        let mut exported = Exported {
            envelopes: Vec::new(),
            notes: Vec::new(),
            included: Vec::new(),
            extended: extended(towns, &files).await,
        };
        for (path, data) in &files {
            let Some(name) = path.strip_prefix("proofs/") else { continue };
            let (digest, city) = name.strip_suffix(".tlog-proof").unwrap().split_once('.').unwrap();
            let proof = Proof::parse(data).unwrap();
            let found = envelope::from_json(&sealed[&Digest::from_hex(digest).unwrap()]).unwrap();
            let note = (proof.note.to_string(), policies[&CityId::parse(city).unwrap()].clone());
            if !exported.notes.contains(&note) {
                exported.notes.push(note);
            }
            exported.included.push(Included { leaf: leaf(&found), proof });
        }
        for text in sealed.into_values() {
            let key = keys[&envelope::key_fpr(&envelope::from_json(&text).unwrap()).unwrap()];
            exported.envelopes.push((text, key));
        }
        exported
    }

    /// Everything as it was exported.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut all = Vec::new();
        for (text, key) in &self.envelopes {
            all.push(sealed("as exported", text.as_bytes(), key));
        }
        for (text, policy) in &self.notes {
            all.push(note("as exported", text.as_bytes(), policy.logs()));
        }
        all.extend(self.included.iter().map(|found| included("as exported", found)));
        all.push(consistent("as exported", &self.extended));
        all
    }
}

/// From the oldest head of Ruian's log in the bundle to its newest, as Ruian proves it.
async fn extended(towns: &Towns, files: &BTreeMap<&str, &[u8]>) -> Extended {
    let city = towns.ruian.id();
    let of_ruian = files.iter().filter(|(path, _)| path.ends_with(&format!(".{city}.tlog-proof")));
    let heads = of_ruian
        .map(|(_, data)| Checkpoint::parse(Proof::parse(data).unwrap().note.text()).unwrap());
    let old = heads.min_by_key(Checkpoint::size).unwrap();
    let ask = wire::ProveRequest { what: Some(What::OldSize(old.size())) };
    let post = &towns.kunming.node().house().world.post;
    let reply = post.prove(&city, ask).await.unwrap();
    let new = Note::parse(reply.checkpoint.as_bytes()).unwrap();
    let new = Checkpoint::parse(new.text()).unwrap();
    assert!(old.size() < new.size() && !reply.hashes.is_empty(), "a proof worth checking");
    let hashes = reply.hashes.iter().map(|hash| hash[..].try_into().unwrap()).collect();
    Extended { old: (old.size(), *old.root()), new: (new.size(), *new.root()), hashes }
}

/// The 168 bytes, from the header that the payload begins with.
fn leaf(found: &Envelope) -> Leaf {
    let kind = envelope::kind(found).unwrap();
    let header = if kind == Kind::Message {
        envelope::payload::<wire::Message>(found).unwrap().header
    } else {
        assert_eq!(kind, Kind::Act, "only messages and acts have a proof here");
        envelope::payload::<wire::Act>(found).unwrap().header
    };
    let header = header.unwrap();
    Leaf {
        kind: kind.number(),
        suite: SUITE,
        lane: header.lane as u8,
        agreement_id: header.agreement_id[..].try_into().unwrap(),
        lane_seq: header.lane_seq,
        env_digest: envelope::env_digest(found).0,
        key_fpr: found.key_fpr[..].try_into().unwrap(),
        sig: found.sig[..].try_into().unwrap(),
        payload_type_tag: payload_type_tag(&found.payload_type),
    }
}

/// Whether an envelope in its JSON form is signed by this key and decodes as its kind.
pub(crate) fn sealed(item: &str, json: &[u8], key: &PublicKey) -> Question {
    let asked = json!({ "Envelope": bytes(json), "Public": bytes(key.as_bytes()) });
    let read = || {
        let found = envelope::from_json(std::str::from_utf8(json).ok()?).ok()?;
        envelope::verify(&found, key).ok()?;
        decodes(&found)
    };
    Question { kind: "envelope", item: item.to_owned(), asked, ours: read().is_some() }
}

/// The strict decoder of the envelope's own kind.
fn decodes(found: &Envelope) -> Option<()> {
    let outcome = match envelope::kind(found)? {
        Kind::Message => envelope::payload::<wire::Message>(found).map(drop),
        Kind::Receipt => envelope::payload::<wire::Receipt>(found).map(drop),
        Kind::Act => envelope::payload::<wire::Act>(found).map(drop),
        Kind::Agreement => envelope::payload::<wire::Agreement>(found).map(drop),
        Kind::Manifest => envelope::payload::<KeyManifest>(found).map(drop),
        Kind::Consent => envelope::payload::<wire::Consent>(found).map(drop),
        Kind::LaneStatement => envelope::payload::<wire::LaneStatement>(found).map(drop),
        Kind::LegStatement => envelope::payload::<wire::LegStatement>(found).map(drop),
        Kind::Recovery => envelope::payload::<wire::Recovery>(found).map(drop),
        Kind::PersonStatement => envelope::payload::<wire::PersonStatement>(found).map(drop),
        Kind::Slip => envelope::payload::<wire::Slip>(found).map(drop),
        Kind::Letter => envelope::payload::<wire::PaperLetter>(found).map(drop),
        Kind::Successor => envelope::payload::<wire::Successor>(found).map(drop),
        Kind::Invite => envelope::payload::<wire::Invite>(found).map(drop),
        Kind::Pack => envelope::payload::<wire::Pack>(found).map(drop),
        Kind::Flag => envelope::payload::<wire::RiskFlag>(found).map(drop),
    };
    outcome.ok()
}

/// Whether a note is a checkpoint that one of these keys signed and none of them falsely.
pub(crate) fn note(item: &str, note: &[u8], keys: &[VKey]) -> Question {
    let vkeys: Vec<String> = keys.iter().map(VKey::to_string).collect();
    let asked = json!({ "Note": bytes(note), "VKeys": vkeys });
    Question { kind: "note", item: item.to_owned(), asked, ours: is_signed(note, keys) }
}

/// Ours on a note.
pub(crate) fn is_signed(note: &[u8], keys: &[VKey]) -> bool {
    let read = || {
        let note = Note::parse(note).ok()?;
        Checkpoint::parse(note.text()).ok()?;
        note.verify(keys).ok()
    };
    read().is_some()
}

/// Whether a leaf is where its proof says.
pub(crate) fn included(item: &str, found: &Included) -> Question {
    let head = Checkpoint::parse(found.proof.note.text()).unwrap();
    let place = (found.proof.index, head.size());
    inclusion(item, &found.leaf.to_bytes(), place, &found.proof.hashes, head.root())
}

/// The same with each part given.
pub(crate) fn inclusion(
    item: &str,
    leaf: &[u8],
    (index, size): (u64, u64),
    path: &[Hash],
    root: &Hash,
) -> Question {
    let asked = json!({
        "Leaf": bytes(leaf), "Index": index, "Size": size, "Path": list(path), "Root": bytes(root),
    });
    let leaf_hash = jieli_proto::tree::leaf_hash(leaf);
    let ours = verify_inclusion(&leaf_hash, index, size, path, root).is_ok();
    Question { kind: "inclusion", item: item.to_owned(), asked, ours }
}

/// Whether one head extends another.
pub(crate) fn consistent(item: &str, found: &Extended) -> Question {
    let (old, new) = (found.old, found.new);
    let asked = json!({
        "OldSize": old.0, "NewSize": new.0, "Path": list(&found.hashes),
        "OldRoot": bytes(old.1), "NewRoot": bytes(new.1),
    });
    let ours = verify_consistency(old.0, new.0, &found.hashes, &old.1, &new.1).is_ok();
    Question { kind: "consistency", item: item.to_owned(), asked, ours }
}
