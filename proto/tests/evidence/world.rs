//! Two cities and a third that cosigns, with fixed seeds: keys, logs, lanes and receipts.

use crate::fixtures::*;
use jieli_proto::bundle::{Bundle, BundledItem};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::{CityId, Digest, MsgId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::leaf::{Leaf, payload_type_tag};
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::proof::Proof;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::strict::Payload;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, Envelope, ItemStatus, MessageType, Role, Service};
use prost::Message as _;

/// The five keys of a city, and the next message key. Seeds: 10 * city + 1..=5.
pub(crate) struct City {
    pub(crate) id: &'static str,
    pub(crate) root: Signer,
    pub(crate) message: Signer,
    pub(crate) message_next: Signer,
    pub(crate) log: Signer,
    pub(crate) cosigner: Signer,
    pub(crate) manifests: Vec<Envelope>,
    leaves: Vec<Hash>,
    /// The epoch of its log, and how many leaves stand in the one before.
    pub(crate) epoch: u32,
    pub(crate) base: usize,
}

impl City {
    pub(crate) fn new(id: &'static str, seed: u8) -> City {
        let key = |n: u8| Signer::new(seed + n);
        let mut city = City {
            id,
            root: key(1),
            message: key(2),
            message_next: key(3),
            log: key(4),
            cosigner: key(5),
            manifests: Vec::new(),
            leaves: Vec::new(),
            epoch: 1,
            base: 0,
        };
        let keys = city.keys(&[&city.message]);
        city.publish(keys, Vec::new());
        city
    }

    pub(crate) fn keys(&self, messages: &[&Signer]) -> Vec<wire::KeyRecord> {
        let record = |key: &Signer, role: Role| wire::KeyRecord {
            spki: key.public.to_spki().to_vec(),
            suite: 1,
            roles: vec![role.into()],
            not_before: NINE - 86_400_000,
        };
        let mut keys: Vec<wire::KeyRecord> =
            messages.iter().map(|key| record(key, Role::Message)).collect();
        keys.push(record(&self.log, Role::Log));
        keys.push(record(&self.cosigner, Role::Cosigner));
        keys
    }

    pub(crate) fn publish(
        &mut self,
        keys: Vec<wire::KeyRecord>,
        revocations: Vec<wire::Revocation>,
    ) {
        let prev = self.manifests.last().map_or(Digest::ZERO, env_digest);
        let manifest = wire::KeyManifest {
            city_id: self.id.to_owned(),
            version: self.manifests.len() as u32 + 1,
            prev_digest: prev.to_vec(),
            keys,
            revocations,
        };
        self.manifests.push(self.root.seal(&manifest));
    }

    pub(crate) fn origin(&self) -> String {
        self.city_id().exchange_origin(self.epoch)
    }

    pub(crate) fn city_id(&self) -> CityId {
        CityId::parse(self.id).unwrap()
    }

    pub(crate) fn log_key(&self) -> VKey {
        VKey::new(&self.origin(), KeyKind::Ed25519, self.log.public).unwrap()
    }

    pub(crate) fn cosigner_key(&self) -> VKey {
        let name = format!("jieli.{}/cosigner/1", self.id);
        VKey::new(&name, KeyKind::CosignatureV1, self.cosigner.public).unwrap()
    }

    /// The head at a size, cosigned.
    pub(crate) fn head(&self, size: usize, cosigners: &[(&City, u64)]) -> Note {
        self.signed(&self.origin(), &self.leaves[self.base..self.base + size], cosigners)
    }

    /// The head with which the epoch before ended.
    pub(crate) fn ended(&self, cosigners: &[(&City, u64)]) -> Note {
        let origin = self.city_id().exchange_origin(self.epoch - 1);
        self.signed(&origin, &self.leaves[..self.base], cosigners)
    }

    /// The head of a log with these leaves, cosigned.
    pub(crate) fn signed(&self, origin: &str, leaves: &[Hash], cosigners: &[(&City, u64)]) -> Note {
        let root = tree::root(leaves);
        let text = Checkpoint::new(origin, leaves.len() as u64, root).unwrap().text();
        let key = VKey::new(origin, KeyKind::Ed25519, self.log.public).unwrap();
        let line = key.sign(&text, 0, &|bytes| self.log.sign(bytes));
        let mut note = Note::new(&text, line).unwrap();
        for (city, unix_s) in cosigners {
            let sign = |bytes: &[u8]| city.cosigner.sign(bytes);
            note.add(city.cosigner_key().sign(&text, *unix_s, &sign)).unwrap();
        }
        note
    }

    pub(crate) fn leaves(&self) -> &[Hash] {
        &self.leaves[self.base..]
    }

    pub(crate) fn size(&self) -> usize {
        self.leaves().len()
    }

    /// Of a leaf by its place among all leaves, in the epoch in which it stands.
    pub(crate) fn prove(&self, place: usize, note: &Note) -> Proof {
        let head = Checkpoint::parse(note.text()).unwrap();
        let base = if head.origin() == self.origin() { self.base } else { 0 };
        let (index, size) = (place - base, head.size() as usize);
        let hashes = tree::audit_path(&self.leaves[base..base + size], index).unwrap();
        Proof { extra: Vec::new(), index: index as u64, hashes, note: note.clone() }
    }

    /// A tombstone among the records of its local log, proven by a cosigned head.
    pub(crate) fn buried(
        &self,
        records: &[Vec<u8>],
        index: usize,
        cosigners: &[(&City, u64)],
    ) -> Proof {
        let leaves: Vec<Hash> = records.iter().map(|record| tree::leaf_hash(record)).collect();
        let note = self.signed(&self.city_id().local_origin(1), &leaves, cosigners);
        let hashes = tree::audit_path(&leaves, index).unwrap();
        Proof { extra: records[index].clone(), index: index as u64, hashes, note }
    }
}

/// What became of the envelopes so far.
pub(crate) struct World {
    pub(crate) cities: [City; 2],
    pub(crate) third: City,
    pub(crate) bundle: Bundle,
    /// Envelope and its index in A's and B's log.
    pub(crate) logged: Vec<(Digest, [usize; 2])>,
    /// By lane: last sequence and digest.
    lanes: [(u64, Digest); 6],
    /// By side: last leg_seq and digest in the leg, and last of the other side seen.
    pub(crate) leg: [(u32, Digest); 2],
    random: u8,
    pub(crate) seen_head: Option<wire::SeenHead>,
    pub(crate) version: u32,
    /// How much later than the story everything from now on happens.
    pub(crate) late_ms: u64,
}

pub(crate) fn index(side: PartySide) -> usize {
    side as usize
}

impl World {
    pub(crate) fn new() -> World {
        World {
            cities: [City::new(CITY_A, 10), City::new(CITY_B, 20)],
            third: City::new("city-c", 30),
            bundle: Bundle { product: "jieli 0.1.0".to_owned(), ..Bundle::default() },
            logged: Vec::new(),
            lanes: [(0, Digest::ZERO); 6],
            leg: [(0, Digest::ZERO); 2],
            random: 0,
            seen_head: None,
            version: 1,
            late_ms: 0,
        }
    }

    pub(crate) fn city(&self, side: PartySide) -> &City {
        &self.cities[index(side)]
    }

    fn random(&mut self) -> impl FnMut(&mut [u8]) + '_ {
        |buffer| {
            self.random += 1;
            buffer.fill(self.random);
        }
    }

    /// A minute later with every record.
    fn now(&self) -> u64 {
        NINE + self.late_ms + self.logged.len() as u64 * 60_000
    }

    fn header(&mut self, side: PartySide, lane: Lane) -> wire::Header {
        let (seq, prev) = self.lanes[usize::from(lane.number())];
        let version = self.city(side).manifests.len() as u32;
        let is_live = !self.bundle.agreements.is_empty();
        let live = if is_live { self.version } else { 0 };
        wire::Header {
            agreement_version: live,
            manifest_version: version,
            seen_head: self.seen_head.take(),
            created_unix_ms: self.now(),
            ..header(side, lane, seq + 1, &prev.to_vec())
        }
    }

    /// Signs with the side's newest message key and writes the leaf into both logs.
    pub(crate) fn log<M: Payload>(&mut self, side: PartySide, lane: Lane, payload: &M) -> Digest {
        let city = self.city(side);
        let next = city.manifests.len() > 1;
        let key = if next { &city.message_next } else { &city.message };
        let envelope = key.seal(payload);
        self.log_envelope(lane, envelope)
    }

    pub(crate) fn log_envelope(&mut self, lane: Lane, envelope: Envelope) -> Digest {
        let digest = env_digest(&envelope);
        let (seq, last) = &mut self.lanes[usize::from(lane.number())];
        *seq += 1;
        *last = digest;
        let leaf = Leaf {
            kind: lane.kind().number(),
            suite: 1,
            lane: lane.number(),
            agreement_id: AGREEMENT,
            lane_seq: *seq,
            env_digest: digest.0,
            key_fpr: envelope.key_fpr.as_slice().try_into().unwrap(),
            sig: envelope.sig.as_slice().try_into().unwrap(),
            payload_type_tag: payload_type_tag(&envelope.payload_type),
        };
        self.logged.push((digest, [0, 1].map(|side| self.cities[side].leaves.len())));
        self.cities.iter_mut().for_each(|city| city.leaves.push(leaf.hash()));
        self.bundle.envelopes.push(envelope);
        digest
    }

    /// The other side's receipt for a batch of envelopes of one lane.
    pub(crate) fn receipt(&mut self, lane: Lane, answered: &[(Digest, u64, Option<Refusal>)]) {
        let side = lane.side().other();
        let items: Vec<Vec<u8>> = answered
            .iter()
            .map(|(digest, lane_seq, refused)| {
                let logged = self.logged.iter().find(|(found, _)| found == digest).unwrap();
                wire::Item {
                    lane_seq: *lane_seq,
                    env_digest: digest.to_vec(),
                    log_index: (logged.1[index(side)] - self.city(side).base) as u64,
                    status: match refused {
                        None => ItemStatus::Stored.into(),
                        Some(_) => ItemStatus::Refused.into(),
                    },
                    code: refused.map_or(0, Refusal::number),
                }
                .encode_to_vec()
            })
            .collect();
        let (root, paths) = tree::items_root(&items);
        let own = self.lanes[usize::from(Lane::messages(side).number())].0;
        let receipt = wire::Receipt {
            header: Some(self.header(side, Lane::receipts(side))),
            answers_lane: u32::from(lane.number()),
            count: items.len() as u32,
            items_root: root.to_vec(),
            origin: self.city(side).origin(),
            received_unix_ms: self.now(),
            own_lane_seq: own,
        };
        let receipt = self.log(side, Lane::receipts(side), &receipt);
        for ((digest, _, _), (item, path)) in answered.iter().zip(items.into_iter().zip(paths)) {
            self.bundle.items.push(BundledItem { answers: *digest, receipt, item, path });
        }
    }

    /// A message of the leg, not yet receipted.
    pub(crate) fn send(
        &mut self,
        side: PartySide,
        kind: MessageType,
        change: impl FnOnce(&mut wire::Message),
    ) -> (Digest, u64) {
        let lane = Lane::messages(side);
        let number = self.lanes[usize::from(lane.number())].0 as u8 + 1;
        let offices = [OFFICE_A[1], OFFICE_B[1]];
        let (own, other) = (self.leg[index(side)], self.leg[index(side.other())]);
        let mut message = wire::Message {
            header: Some(self.header(side, lane)),
            msg_id: vec![0xd0 + 0x10 * lane.number() + number; 16],
            leg_seq: own.0 + 1,
            leg_prev: own.1.to_vec(),
            leg_seen: other.1.to_vec(),
            from_office: offices[index(side)].to_owned(),
            to_office: offices[index(side.other())].to_owned(),
            ..message(kind, Service::Schooling)
        };
        change(&mut message);
        let digest = self.log(side, lane, &message);
        self.leg[index(side)] = (own.0 + 1, digest);
        (digest, self.lanes[usize::from(lane.number())].0)
    }

    /// A message of the leg with its receipt.
    pub(crate) fn deliver(
        &mut self,
        side: PartySide,
        kind: MessageType,
        change: impl FnOnce(&mut wire::Message),
    ) -> Digest {
        let (digest, seq) = self.send(side, kind, change);
        self.receipt(Lane::messages(side), &[(digest, seq, None)]);
        digest
    }

    /// Fills sections; gives their digests for a message id.
    pub(crate) fn fill(
        &mut self,
        msg_id: u8,
        sections: &[(u8, &[(u32, Value)])],
    ) -> (Vec<wire::Section>, Vec<wire::SectionDigest>) {
        let mut built = Vec::new();
        let mut digests = Vec::new();
        for (number, values) in sections {
            let kind = SectionKind::of(u32::from(*number)).unwrap();
            let section = section::build(kind, values, &mut self.random()).unwrap();
            let digest = section::digest_of(&MsgId([msg_id; 16]), &section).unwrap();
            digests
                .push(wire::SectionDigest { section: (*number).into(), digest: digest.to_vec() });
            built.push(section);
        }
        (built, digests)
    }

    pub(crate) fn act(&mut self, side: PartySide, act: wire::Act) -> Digest {
        let lane = Lane::acts(side);
        let act = wire::Act { header: Some(self.header(side, lane)), ..act };
        let digest = self.log(side, lane, &act);
        let seq = self.lanes[usize::from(lane.number())].0;
        self.receipt(lane, &[(digest, seq, None)]);
        digest
    }
}

impl World {
    /// The root fingerprints of A, B and C.
    pub(crate) fn roots(&self) -> Vec<Digest> {
        self.cities.iter().chain([&self.third]).map(|city| city.root.fpr()).collect()
    }
}
