//! Two cities and a third that cosigns: a rehearsal with fixed seeds that ends in a bundle.
//!
//! City A hands a school place over to B: OFFER, TAKE UP, ACCEPT, RELEASE, OUTCOME, a REMIND that
//! B refuses, WITHDRAW, WITHDRAW EFFECT, ERASE CONFIRM. A's message key is replaced on the way.

use crate::fixtures::*;
use jieli_proto::bundle::{Bundle, BundledItem, Erasure};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::{CityId, Digest, MsgId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::leaf::{Leaf, payload_type_tag};
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::proof::Proof;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::strict::Payload;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ActType, Envelope, ItemStatus, MessageType, Role, Service};
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
}

impl City {
    fn new(id: &'static str, seed: u8) -> City {
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
        };
        let keys = city.keys(&[&city.message]);
        city.publish(keys, Vec::new());
        city
    }

    fn keys(&self, messages: &[&Signer]) -> Vec<wire::KeyRecord> {
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

    fn publish(&mut self, keys: Vec<wire::KeyRecord>, revocations: Vec<wire::Revocation>) {
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
        format!("jieli.{}/log/1", self.id)
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
        let root = tree::root(&self.leaves[..size]);
        let text = Checkpoint::new(&self.origin(), size as u64, root).unwrap().text();
        let line = self.log_key().sign(&text, 0, &|bytes| self.log.sign(bytes));
        let mut note = Note::new(&text, line).unwrap();
        for (city, unix_s) in cosigners {
            let sign = |bytes: &[u8]| city.cosigner.sign(bytes);
            note.add(city.cosigner_key().sign(&text, *unix_s, &sign)).unwrap();
        }
        note
    }

    pub(crate) fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    pub(crate) fn size(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn prove(&self, index: usize, note: &Note) -> Proof {
        let size = Checkpoint::parse(note.text()).unwrap().size() as usize;
        let hashes = tree::audit_path(&self.leaves[..size], index).unwrap();
        Proof { extra: Vec::new(), index: index as u64, hashes, note: note.clone() }
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
    leg: [(u32, Digest); 2],
    random: u8,
    seen_head: Option<wire::SeenHead>,
    version: u32,
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

    fn header(&mut self, side: PartySide, lane: Lane) -> wire::Header {
        let (seq, prev) = self.lanes[usize::from(lane.number())];
        let version = self.city(side).manifests.len() as u32;
        let is_live = !self.bundle.agreements.is_empty();
        let live = if is_live { self.version } else { 0 };
        wire::Header {
            agreement_version: live,
            manifest_version: version,
            seen_head: self.seen_head.take(),
            created_unix_ms: NINE + self.logged.len() as u64 * 60_000,
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
        self.logged.push((digest, [self.cities[0].size(), self.cities[1].size()]));
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
                    log_index: logged.1[index(side)] as u64,
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
            received_unix_ms: NINE + self.logged.len() as u64 * 60_000,
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
    fn fill(
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

    fn act(&mut self, side: PartySide, act: wire::Act) -> Digest {
        let lane = Lane::acts(side);
        let act = wire::Act { header: Some(self.header(side, lane)), ..act };
        let digest = self.log(side, lane, &act);
        let seq = self.lanes[usize::from(lane.number())].0;
        self.receipt(lane, &[(digest, seq, None)]);
        digest
    }
}

/// The agreement of A and B on school places.
pub(crate) fn agreement(world: &World) -> wire::Agreement {
    let party = |side: PartySide, offices: [&str; 2], code: &str| {
        let office = |code: &str, kind: wire::OfficeKind, name: &str| wire::Office {
            credit_code: code.to_owned(),
            kind: kind.into(),
            name: name.to_owned(),
            telephone: "000-12333".to_owned(),
        };
        wire::Party {
            city_id: world.city(side).id.to_owned(),
            legal_name: format!("例示城市 {}", world.city(side).id),
            credit_code: code.to_owned(),
            root_fpr: world.city(side).root.fpr().to_vec(),
            end_points: vec![format!("{}.example:8443", world.city(side).id)],
            offices: vec![
                office(offices[0], wire::OfficeKind::Labour, "人社窗口"),
                office(offices[1], wire::OfficeKind::Education, "教育窗口"),
            ],
            liaison_posts: vec!["联络岗甲".to_owned(), "联络岗乙".to_owned()],
            approver_posts: vec!["分管局长".to_owned(), "科长".to_owned()],
            languages: vec!["zh".to_owned()],
            calendar: "cn".to_owned(),
            zone_offset_min: 480,
            ..wire::Party::default()
        }
    };
    let opens = wire::OfficeSections {
        kind: wire::OfficeKind::Education.into(),
        sections: vec![2, 16, 18, 19, 33],
    };
    wire::Agreement {
        agreement_id: AGREEMENT.to_vec(),
        version: 1,
        prev_digest: vec![0; 32],
        parties: vec![
            party(PartySide::A, OFFICE_A, OFFICE_A[0]),
            party(PartySide::B, OFFICE_B, OFFICE_B[0]),
        ],
        services: vec![wire::ServiceRule {
            service: Service::Schooling.into(),
            holders: vec![wire::HolderSide::A.into()],
            sections: vec![opens],
            legal_basis: wire::LegalBasis::Consent.into(),
            purposes: vec![wire::Purpose::SchoolPlace.into()],
            retention_days: 180,
            ..wire::ServiceRule::default()
        }],
        valid_from: 20_260_101,
        valid_to: 20_281_231,
        wind_down_days: 30,
        no_fee_to_person: true,
        no_target: true,
        assessment_reference: "PIA-2026-1".to_owned(),
        assessment_date: 20_260_105,
        review_dates: vec![20_270_101],
    }
}

pub(crate) fn consent(offices: [&str; 2]) -> wire::Consent {
    wire::Consent {
        consent_id: vec![0xb0; 16],
        leg_id: LEG.to_vec(),
        from_office: offices[0].to_owned(),
        to_office: offices[1].to_owned(),
        purpose: wire::Purpose::SchoolPlace.into(),
        section_numbers: vec![16, 18],
        text_hash: Digest::of(&["本人同意".as_bytes()]).to_vec(),
        language: "zh".to_owned(),
        method: wire::Method::PhoneCode.into(),
        given_unix_ms: NINE,
    }
}

/// What may be otherwise in the story.
pub(crate) struct Plot {
    /// The consent that RELEASE cites.
    pub(crate) consent: wire::Consent,
    /// How many of the leaves in B's log the retired key of A is said to lose.
    pub(crate) lost: u64,
    /// Whether B counter-signs.
    pub(crate) countersigned: bool,
    /// The agreement version that messages cite.
    pub(crate) version: u32,
    /// Whether it ends with RELEASE, and nobody cosigns.
    pub(crate) short: bool,
}

impl Plot {
    /// OFFER, TAKE UP, ACCEPT and RELEASE, without cosigners.
    pub(crate) fn short() -> Plot {
        Plot { short: true, ..Plot::default() }
    }
}

impl Default for Plot {
    fn default() -> Plot {
        let consent = consent([OFFICE_A[1], OFFICE_B[1]]);
        Plot { consent, lost: 0, countersigned: true, version: 1, short: false }
    }
}

/// The whole story, before heads and proofs.
pub(crate) fn story(plot: &Plot) -> World {
    use MessageType as T;
    let (a, b) = (PartySide::A, PartySide::B);
    let mut world = World::new();
    agree(&mut world, plot.countersigned);
    world.version = plot.version;
    let values = [(1, Value::Number(2)), (2, Value::Number(3)), (3, Value::Number(1))];
    let (_, offered) = world.fill(0xd1, &[(2, &values)]);
    let offer = offered[0].digest.clone();
    let offered_in = world.deliver(a, T::Offer, |m| m.section_digests = offered);
    if !plot.short {
        quote_head(&mut world);
    }
    // One receipt for two messages.
    let taken = world.send(b, T::TakeUp, |_| ());
    let accepted = world.send(b, T::Accept, |_| ());
    world.receipt(Lane::messages(b), &[(taken.0, taken.1, None), (accepted.0, accepted.1, None)]);
    let consent = world.city(a).message.seal(&plot.consent);
    let cites = env_digest(&consent);
    world.bundle.consents.push(consent);
    let person = [
        (1, Value::Text("欧阳·娜仁".to_owned())),
        (2, Value::Number(1)),
        (3, Value::Text("999999201901010018".to_owned())),
        (5, Value::Number(3)),
        (6, Value::Number(1)),
    ];
    let school = [(1, Value::Text("9999990001".to_owned()))];
    let (sections, digests) = world.fill(0xd2, &[(16, &person), (18, &school), (19, &[])]);
    let released = world.deliver(a, T::Release, |m| {
        m.section_digests = digests;
        m.consent_digest = cites.to_vec();
    });
    for section in sections.into_iter().filter(|section| section.section != 19) {
        world.bundle.sections.push((released, section));
    }
    if plot.short {
        return world;
    }
    rotate(&mut world, plot.lost);
    world.deliver(b, T::Outcome, |_| ());
    let (reminded, seq) = world.send(a, T::Remind, |_| ());
    world.receipt(Lane::messages(a), &[(reminded, seq, Some(Refusal::IllegalStep))]);
    world.deliver(a, T::Withdraw, |_| ());
    world.deliver(b, T::WithdrawEffect, |_| ());
    let confirm = world.deliver(b, T::EraseConfirm, |m| {
        m.body = Some(Body::EraseConfirm(wire::EraseConfirm {
            scope: wire::EffectScope::Erased.into(),
            digests: vec![offer],
            ..wire::EraseConfirm::default()
        }));
    });
    world.bundle.erasures.push(Erasure { message: offered_in, section: 2, confirm });
    world
}

fn agree(world: &mut World, countersigned: bool) {
    let proposed = world.city(PartySide::A).message.seal(&agreement(world));
    let digest = env_digest(&proposed);
    let posts = vec!["分管局长".to_owned(), "科长".to_owned()];
    let first = world.act(
        PartySide::A,
        wire::Act {
            act_seen: vec![0; 32],
            act_type: ActType::Propose.into(),
            approvers: posts.clone(),
            carried: Some(proposed.clone()),
            ..wire::Act::default()
        },
    );
    let answer = wire::Act {
        act_seen: first.to_vec(),
        act_type: ActType::Countersign.into(),
        approvers: posts,
        subject: digest.to_vec(),
        ..wire::Act::default()
    };
    if countersigned {
        world.act(PartySide::B, answer);
    }
    world.bundle.agreements.push(proposed);
}

/// B's next message quotes a head of A's log that C has cosigned.
fn quote_head(world: &mut World) {
    let city = world.city(PartySide::A);
    let unix_s = NINE / 1_000 + 700;
    let note = city.head(city.size(), &[(&world.third, unix_s)]);
    let line = &note.signatures()[1];
    world.seen_head = Some(wire::SeenHead {
        origin: city.origin(),
        size: city.size() as u64,
        root: tree::root(&city.leaves).to_vec(),
        cosigner: line.name().to_owned(),
        cosigned_unix: unix_s,
        cosignature_sha256: Digest::of(&[&line.signature()[8..]]).to_vec(),
    });
    world.bundle.heads.push(note);
}

/// A's message key is retired as of what B's log holds now.
fn rotate(world: &mut World, lost: u64) {
    let size = world.city(PartySide::B).size() as u64;
    let origin = world.city(PartySide::B).origin();
    let city = &mut world.cities[0];
    let keys = city.keys(&[&city.message, &city.message_next]);
    let retired = wire::Revocation {
        fingerprint: city.message.fpr().to_vec(),
        last_good: vec![wire::LastGood { origin, index: size - 1 - lost }],
        reason: wire::RevocationReason::Retired.into(),
    };
    city.publish(keys, vec![retired]);
}

/// The leg statement of a side.
pub(crate) fn statement(world: &World, side: PartySide) -> wire::LegStatement {
    let (last_leg_seq, digest) = world.leg[index(side)];
    wire::LegStatement {
        leg_id: LEG.to_vec(),
        side: world.city(side).id.to_owned(),
        last_leg_seq,
        last_env_digest: digest.to_vec(),
        stated_unix_ms: NINE + 86_400_000,
    }
}

/// Adds keys, policies, statements, heads and proofs.
pub(crate) fn close(world: &mut World, cosigned: bool) {
    for side in [PartySide::A, PartySide::B] {
        let stated = statement(world, side);
        let city = world.city(side);
        let key = if city.manifests.len() > 1 { &city.message_next } else { &city.message };
        let stated = key.seal(&stated);
        world.bundle.envelopes.push(stated);
    }
    for city in world.cities.iter().chain(cosigned.then_some(&world.third)) {
        world.bundle.roots.push(city.root.public);
        world.bundle.manifests.extend(city.manifests.iter().cloned());
    }
    let later = NINE / 1_000 + 3_600;
    for side in [PartySide::A, PartySide::B] {
        let (city, other) = (world.city(side), world.city(side.other()));
        let id = city.city_id();
        let mut cosigners = vec![(other, later), (&world.third, later + 60)];
        cosigners.truncate(if cosigned { 2 } else { 0 });
        let keys = cosigners.iter().map(|(city, _)| city.cosigner_key()).collect();
        let policy = Policy::new(vec![city.log_key()], keys, usize::from(cosigned)).unwrap();
        let note = city.head(city.size(), &cosigners);
        let mut proofs = Vec::new();
        for (digest, indices) in &world.logged {
            proofs.push((*digest, city.city_id(), city.prove(indices[index(side)], &note)));
        }
        world.bundle.proofs.extend(proofs);
        world.bundle.policies.push((id, policy));
    }
}

/// The rehearsal with everything in it.
pub(crate) fn played() -> World {
    played_as(&Plot::default())
}

/// The rehearsal as a plot has it.
pub(crate) fn played_as(plot: &Plot) -> World {
    let mut world = story(plot);
    close(&mut world, !plot.short);
    world
}

impl World {
    /// The root fingerprints of A, B and C.
    pub(crate) fn roots(&self) -> Vec<Digest> {
        self.cities.iter().chain([&self.third]).map(|city| city.root.fpr()).collect()
    }
}
