//! Made-up evidence to measure with: two cities, and as many legs as are wanted. Every signature,
//! leaf and proof is real; keys and identifiers follow from numbers, so that a second run gives the
//! same bytes and nothing has to be kept.
//!
//! A leg has five messages: OFFER, TAKE UP and ACCEPT (one receipt), RELEASE under consent, OUTCOME;
//! each city's log has one head, and both state that the leg has ended.

use anyhow::{Context as _, Result};
use jieli_proto::bundle::{Bundle, BundledItem};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::{self, env_digest};
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::{Lane, PartySide, SUITE};
use jieli_proto::leaf::{Leaf, payload_type_tag};
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::proof::Proof;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::section;
use jieli_proto::strict::Payload;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ActType, Envelope, MessageType, Role};
use prost::Message as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// Messages of a leg.
pub(super) const LEG_MESSAGES: u32 = 5;
/// The agreement.
pub(super) const AGREEMENT: AgreementId = AgreementId([0xa0; 16]);
/// Its period: all of it.
pub(super) const PERIOD: (u32, u32) = (20_261_101, 20_261_231);

const CITIES: [&str; 2] = ["bench-a.yn", "bench-b.zj"];
const OFFICES: [&str; 2] = ["119999990000000A16", "119999990000000B17"];
/// 2026-11-23 09:00 in UTC+8.
const NINE_MS: u64 = 1_795_395_600_000;

/// A signing key; its seed is one byte 32 times.
struct Pen {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Pen {
    fn new(seed: u8) -> Result<Pen> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).ok().context("a seed")?;
        let public = PublicKey::from_bytes(pair.public_key().as_ref())?;
        Ok(Pen { pair, public })
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut sig = [0; 64];
        sig.copy_from_slice(self.pair.sign(bytes).as_ref());
        sig
    }

    fn seal<M: Payload>(&self, payload: &M) -> Envelope {
        envelope::seal(payload, Digest(self.public.fingerprint()), |bytes| self.sign(bytes))
    }
}

struct City {
    id: CityId,
    root: Pen,
    message: Pen,
    log: Pen,
}

impl City {
    fn new(side: PartySide) -> Result<City> {
        let seed = 10 + 10 * side as u8;
        let id = CityId::parse(CITIES[side as usize]).context("a city id")?;
        Ok(City {
            id,
            root: Pen::new(seed)?,
            message: Pen::new(seed + 1)?,
            log: Pen::new(seed + 2)?,
        })
    }

    fn manifest(&self) -> Envelope {
        let key = |pen: &Pen, role: Role| wire::KeyRecord {
            spki: pen.public.to_spki().to_vec(),
            suite: u32::from(SUITE),
            roles: vec![role.into()],
            not_before: 1,
        };
        self.root.seal(&wire::KeyManifest {
            city_id: self.id.to_string(),
            version: 1,
            prev_digest: vec![0; 32],
            keys: vec![key(&self.message, Role::Message), key(&self.log, Role::Log)],
            revocations: Vec::new(),
        })
    }

    fn log_key(&self) -> Result<VKey> {
        Ok(VKey::new(&self.id.exchange_origin(1), KeyKind::Ed25519, self.log.public)?)
    }

    fn head(&self, size: u64, root: Hash) -> Result<Note> {
        let text = Checkpoint::new(&self.id.exchange_origin(1), size, root)?.text();
        Ok(Note::new(&text, self.log_key()?.sign(&text, 0, &|bytes| self.log.sign(bytes)))?)
    }
}

/// The hashes of a log, level by level; both cities' logs hold the same leaves.
#[derive(Default)]
pub(super) struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = tree::node_hash(&row[row.len() - 2], &row[row.len() - 1]);
        }
    }

    fn size(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64
    }

    fn at(&self, level: u8, index: u64) -> Option<Hash> {
        let row = self.levels.get(usize::from(level) * usize::from(tree::TILE_HEIGHT))?;
        row.get(usize::try_from(index).ok()?).copied()
    }
}

/// The story of two cities, told from its beginning.
pub(super) struct Story {
    cities: [City; 2],
    lanes: [(u64, Digest); 6],
    leaves: u64,
    legs: u64,
    /// Leaf hashes since they were last taken.
    fresh: Vec<Hash>,
    bundle: Bundle,
    places: Vec<(Digest, u64)>,
}

impl Story {
    /// Up to the agreement.
    pub(super) fn begin() -> Result<Story> {
        let cities = [City::new(PartySide::A)?, City::new(PartySide::B)?];
        let mut story = Story {
            cities,
            lanes: [(0, Digest::ZERO); 6],
            leaves: 0,
            legs: 0,
            fresh: Vec::new(),
            bundle: Bundle::default(),
            places: Vec::new(),
        };
        story.agree();
        Ok(story)
    }

    /// The root fingerprints of both.
    pub(super) fn roots(&self) -> [Digest; 2] {
        [0, 1].map(|at: usize| Digest(self.cities[at].root.public.fingerprint()))
    }

    /// Adds what was logged since the last call to a tree.
    pub(super) fn grow(&mut self, tree: &mut Tree) {
        self.fresh.drain(..).for_each(|leaf| tree.push(leaf));
    }

    /// Forgets what was gathered.
    pub(super) fn forget(&mut self) {
        self.bundle = Bundle::default();
        self.places.clear();
    }

    /// What was gathered, with keys, policies and proofs; begins anew.
    pub(super) fn take(&mut self, tree: &Tree) -> Result<Bundle> {
        let mut bundle = std::mem::take(&mut self.bundle);
        bundle.product = concat!("jieli ", env!("CARGO_PKG_VERSION")).to_owned();
        let size = tree.size();
        let root = tree::root_at(size, &mut |level, index| tree.at(level, index))?;
        let places = std::mem::take(&mut self.places);
        for city in &self.cities {
            bundle.roots.push(city.root.public);
            bundle.manifests.push(city.manifest());
            let policy = Policy::new(vec![city.log_key()?], Vec::new(), 0)?;
            bundle.policies.push((city.id.clone(), policy));
        }
        bundle.agreements.push(self.agreement());
        let notes = [self.cities[0].head(size, root)?, self.cities[1].head(size, root)?];
        for (digest, index) in places {
            let hashes = tree::inclusion_proof(index, size, &mut |level, at| tree.at(level, at))?;
            for (city, note) in self.cities.iter().zip(&notes) {
                let (note, hashes) = (note.clone(), hashes.clone());
                let proof = Proof { extra: Vec::new(), index, hashes, note };
                bundle.proofs.push((digest, city.id.clone(), proof));
            }
        }
        Ok(bundle)
    }

    fn city(&self, side: PartySide) -> &City {
        &self.cities[side as usize]
    }

    fn agreement(&self) -> Envelope {
        let party = |side: PartySide| wire::Party {
            city_id: CITIES[side as usize].to_owned(),
            legal_name: CITIES[side as usize].to_owned(),
            credit_code: OFFICES[side as usize].to_owned(),
            root_fpr: self.city(side).root.public.fingerprint().to_vec(),
            offices: vec![wire::Office {
                credit_code: OFFICES[side as usize].to_owned(),
                kind: wire::OfficeKind::Education.into(),
                name: "教育窗口".to_owned(),
                telephone: "000-12333".to_owned(),
                succeeds: Vec::new(),
            }],
            liaison_posts: vec!["联络岗甲".to_owned(), "联络岗乙".to_owned()],
            approver_posts: vec!["分管局长".to_owned(), "科长".to_owned()],
            calendar: "cn".to_owned(),
            zone_offset_min: 480,
            ..wire::Party::default()
        };
        let opens = wire::OfficeSections {
            kind: wire::OfficeKind::Education.into(),
            sections: vec![2, 16, 18, 19, 33],
        };
        self.city(PartySide::A).message.seal(&wire::Agreement {
            agreement_id: AGREEMENT.to_vec(),
            version: 1,
            prev_digest: vec![0; 32],
            parties: vec![party(PartySide::A), party(PartySide::B)],
            services: vec![wire::ServiceRule {
                service: wire::Service::Schooling.into(),
                holders: vec![wire::HolderSide::A.into()],
                sections: vec![opens],
                legal_basis: wire::LegalBasis::Consent.into(),
                purposes: vec![wire::Purpose::SchoolPlace.into()],
                ..wire::ServiceRule::default()
            }],
            valid_from: 20_260_101,
            valid_to: 20_281_231,
            no_fee_to_person: true,
            no_target: true,
            ..wire::Agreement::default()
        })
    }

    fn agree(&mut self) {
        let proposed = self.agreement();
        let posts = vec!["分管局长".to_owned(), "科长".to_owned()];
        let subject = env_digest(&proposed).to_vec();
        let propose = wire::Act {
            act_seen: vec![0; 32],
            act_type: ActType::Propose.into(),
            approvers: posts.clone(),
            carried: Some(proposed),
            ..wire::Act::default()
        };
        let first = self.act(PartySide::A, propose);
        let countersign = wire::Act {
            act_seen: first.to_vec(),
            act_type: ActType::Countersign.into(),
            approvers: posts,
            subject,
            ..wire::Act::default()
        };
        self.act(PartySide::B, countersign);
    }

    fn act(&mut self, side: PartySide, act: wire::Act) -> Digest {
        let lane = Lane::acts(side);
        let act = wire::Act { header: Some(self.header(side, lane, 0)), ..act };
        let found = self.log(side, lane, &act);
        self.receipt(lane, &[found]);
        found.0
    }

    fn header(&self, side: PartySide, lane: Lane, version: u32) -> wire::Header {
        let (seq, prev) = self.lanes[usize::from(lane.number())];
        wire::Header {
            suite: u32::from(SUITE),
            agreement_id: AGREEMENT.to_vec(),
            agreement_version: version,
            manifest_version: 1,
            sender: CITIES[side as usize].to_owned(),
            recipient: CITIES[side.other() as usize].to_owned(),
            lane: u32::from(lane.number()),
            lane_seq: seq + 1,
            lane_prev: prev.to_vec(),
            // Ten a second.
            created_unix_ms: NINE_MS + self.leaves * 100,
            seen_head: None,
        }
    }

    /// Signs, and writes the leaf into both logs. Name, place in the lane, place in the logs.
    fn log<M: Payload>(&mut self, side: PartySide, lane: Lane, payload: &M) -> (Digest, u64, u64) {
        let envelope = self.city(side).message.seal(payload);
        let digest = env_digest(&envelope);
        let (seq, last) = &mut self.lanes[usize::from(lane.number())];
        (*seq, *last) = (*seq + 1, digest);
        let mut leaf = Leaf {
            kind: lane.kind().number(),
            suite: SUITE,
            lane: lane.number(),
            agreement_id: AGREEMENT.0,
            lane_seq: *seq,
            env_digest: digest.0,
            key_fpr: [0; 32],
            sig: [0; 64],
            payload_type_tag: payload_type_tag(&envelope.payload_type),
        };
        leaf.key_fpr.copy_from_slice(&envelope.key_fpr);
        leaf.sig.copy_from_slice(&envelope.sig);
        let place = (digest, *seq, self.leaves);
        self.leaves += 1;
        self.fresh.push(leaf.hash());
        self.bundle.envelopes.push(envelope);
        place
    }

    /// The other city's receipt for records of one lane, which are then proven.
    fn receipt(&mut self, lane: Lane, answered: &[(Digest, u64, u64)]) {
        let side = lane.side().other();
        let item = |(digest, lane_seq, log_index): &(Digest, u64, u64)| {
            let item = wire::Item {
                lane_seq: *lane_seq,
                env_digest: digest.to_vec(),
                log_index: *log_index,
                status: wire::ItemStatus::Stored.into(),
                code: 0,
            };
            item.encode_to_vec()
        };
        let items: Vec<Vec<u8>> = answered.iter().map(item).collect();
        let (root, paths) = tree::items_root(&items);
        let version = u32::from(lane.kind() == jieli_proto::kinds::Kind::Message);
        let receipt = wire::Receipt {
            header: Some(self.header(side, Lane::receipts(side), version)),
            answers_lane: u32::from(lane.number()),
            count: items.len() as u32,
            items_root: root.to_vec(),
            origin: self.city(side).id.exchange_origin(1),
            received_unix_ms: NINE_MS + self.leaves * 100,
            own_lane_seq: self.lanes[usize::from(Lane::messages(side).number())].0,
        };
        let (receipt, _, _) = self.log(side, Lane::receipts(side), &receipt);
        for ((digest, _, index), (item, path)) in answered.iter().zip(items.into_iter().zip(paths))
        {
            self.bundle.items.push(BundledItem { answers: *digest, receipt, item, path });
            self.places.push((*digest, *index));
        }
    }

    /// One leg, from OFFER to OUTCOME.
    pub(super) fn leg(&mut self) {
        let (a, b) = (PartySide::A, PartySide::B);
        self.legs += 1;
        let mut leg = Leg {
            id: id(0xe0, self.legs),
            case: id(0xc0, self.legs),
            ends: [(0, Digest::ZERO); 2],
        };
        let opening = wire::Opening { filed_on: 20_261_123, ..wire::Opening::default() };
        let offer = self.say(&mut leg, a, MessageType::Offer, Body::Opening(opening), None);
        self.receipt(Lane::messages(a), &[offer]);
        let taken = self.say(&mut leg, b, MessageType::TakeUp, Body::TakeUp(window()), None);
        let accept = wire::Accept {
            slot_until: 20_261_209,
            window: Some(window()),
            ..wire::Accept::default()
        };
        let accepted = self.say(&mut leg, b, MessageType::Accept, Body::Accept(accept), None);
        self.receipt(Lane::messages(b), &[taken, accepted]);
        let consent = self.city(a).message.seal(&wire::Consent {
            consent_id: id(0xb0, self.legs).to_vec(),
            leg_id: leg.id.to_vec(),
            from_office: OFFICES[0].to_owned(),
            to_office: OFFICES[1].to_owned(),
            purpose: wire::Purpose::SchoolPlace.into(),
            section_numbers: vec![16, 18],
            text_hash: Digest::of(&["本人同意".as_bytes()]).to_vec(),
            language: "zh".to_owned(),
            method: wire::Method::PhoneCode.into(),
            given_unix_ms: NINE_MS,
        });
        let cited = env_digest(&consent);
        self.bundle.consents.push(consent);
        let body = Body::Release(wire::Release::default());
        let release = self.say(&mut leg, a, MessageType::Release, body, Some(cited));
        self.receipt(Lane::messages(a), &[release]);
        let body = wire::Outcome {
            handled_in: wire::HandledIn::ThisOffice.into(),
            ..wire::Outcome::default()
        };
        let outcome = self.say(&mut leg, b, MessageType::Outcome, Body::Outcome(body), None);
        self.receipt(Lane::messages(b), &[outcome]);
        for side in [a, b] {
            let (last_leg_seq, digest) = leg.ends[side as usize];
            let stated = self.city(side).message.seal(&wire::LegStatement {
                leg_id: leg.id.to_vec(),
                side: CITIES[side as usize].to_owned(),
                last_leg_seq,
                last_env_digest: digest.to_vec(),
                stated_unix_ms: NINE_MS + 86_400_000,
            });
            self.bundle.envelopes.push(stated);
        }
    }

    fn say(
        &mut self,
        leg: &mut Leg,
        side: PartySide,
        kind: MessageType,
        body: Body,
        consent: Option<Digest>,
    ) -> (Digest, u64, u64) {
        let lane = Lane::messages(side);
        let (own, other) = (leg.ends[side as usize], leg.ends[side.other() as usize]);
        let service = wire::Service::Schooling;
        let digests = section::slots(kind, service).into_iter().map(|slot| wire::SectionDigest {
            section: u32::from(slot.number),
            digest: vec![slot.number + 0x50; 32],
        });
        let is_due = kind != MessageType::Accept;
        let message = wire::Message {
            header: Some(self.header(side, lane, 1)),
            msg_id: id(0xd0, self.leaves + 1).to_vec(),
            case_id: leg.case.to_vec(),
            leg_id: leg.id.to_vec(),
            leg_seq: own.0 + 1,
            leg_prev: own.1.to_vec(),
            leg_seen: other.1.to_vec(),
            r#type: kind.into(),
            service: service.into(),
            from_office: OFFICES[side as usize].to_owned(),
            to_office: OFFICES[side.other() as usize].to_owned(),
            purpose: wire::Purpose::SchoolPlace.into(),
            legal_basis: wire::LegalBasis::Consent.into(),
            consent_digest: consent.map(|digest| digest.to_vec()).unwrap_or_default(),
            due_date: if is_due { 20_261_201 } else { 0 },
            calendar_version: 1,
            codelist_version: 1,
            section_digests: digests.collect(),
            body: Some(body),
        };
        let said = self.log(side, lane, &message);
        leg.ends[side as usize] = (own.0 + 1, said.0);
        said
    }
}

/// A leg under way: what each side said last.
struct Leg {
    id: [u8; 16],
    case: [u8; 16],
    ends: [(u32, Digest); 2],
}

fn id(kind: u8, number: u64) -> [u8; 16] {
    let mut id = [kind; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

fn window() -> wire::Window {
    let telephone = "000-12333".to_owned();
    wire::Window { telephone, opens_min: 540, closes_min: 1_020, bring: vec![1, 3] }
}
