//! A city that signs with its own right keys and says what an honest node never would. It stands
//! where Kunming stood; Ruian answers it as it answers every peer.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::towns::Towns;
use crate::world::Seeded;
use jieli_node::command::{Command, Done};
use jieli_node::keys::{KeyRing, Signer};
use jieli_node::receive::{Received, is_signed};
use jieli_node::world::{Clock, Entropy, random};
use jieli_proto::agreement::purpose_of;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest, LegId, MsgId};
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, Phase, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{
    self, Envelope, ItemStatus, LegalBasis, Letter, MessageType, Method, Service,
};
use std::sync::Arc;

/// Offices of the sample agreement.
pub mod office {
    /// Kunming's labour office.
    pub const KUNMING: &str = "11999999MB0000019T";
    /// Ruian's labour office.
    pub const LABOUR: &str = "11999999MB00001154";
    /// Ruian's education office.
    pub const SCHOOLS: &str = "11999999MB0000123Y";
    /// Ruian's medical security office.
    pub const MEDICAL: &str = "11999999MB0000131R";
    /// An office of neither city.
    pub const NOBODY: &str = "91530100MA00000020";
}

/// A message with what rides beside it.
#[derive(Clone, Debug)]
pub struct Forged {
    /// The payload.
    pub message: wire::Message,
    /// The sections disclosed.
    pub sections: Vec<wire::Section>,
    /// The consents.
    pub consents: Vec<Envelope>,
}

impl Forged {
    /// The header.
    pub fn header(&mut self) -> &mut wire::Header {
        self.message.header.as_mut().unwrap()
    }

    /// The leg.
    pub fn leg(&self) -> LegId {
        LegId::from_slice(&self.message.leg_id).unwrap()
    }

    /// The message's id.
    pub fn msg(&self) -> MsgId {
        MsgId::from_slice(&self.message.msg_id).unwrap()
    }
}

/// See the module.
pub struct Forger {
    /// The cities; Kunming's own node is stopped or cut off.
    pub towns: Towns,
    /// Kunming's keys.
    pub keys: KeyRing,
    /// The key that signs.
    pub signer: Arc<dyn Signer>,
    /// The manifest that headers cite.
    pub manifest_version: u32,
    entropy: Seeded,
}

impl std::fmt::Debug for Forger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forger")
    }
}

impl Forger {
    /// In Kunming's place; its own node is stopped.
    pub async fn new() -> Forger {
        let mut towns = Towns::new().await;
        towns.settled().await;
        towns.kunming.stop().await;
        Forger::beside(towns)
    }

    /// Beside Kunming's own node, whose post is to be cut.
    pub fn beside(towns: Towns) -> Forger {
        let keys = KeyRing::load(&towns.kunming.dir, &towns.kunming.id(), None).unwrap();
        let (signer, entropy) = (keys.message(), Seeded::new(0xbad));
        Forger { towns, keys, signer, manifest_version: 1, entropy }
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        random(&self.entropy as &dyn Entropy)
    }

    /// What the next header in Kunming's message lane has to say, as Ruian sees it.
    pub async fn header(&self) -> wire::Header {
        self.header_in(0).await
    }

    /// The next header in a lane of Kunming.
    pub async fn header_in(&self, lane: u8) -> wire::Header {
        let mut conn = self.towns.ruian.node().store().read().await.unwrap();
        let sql = "SELECT last_seq, last_digest, last_created_ms FROM lane \
                   WHERE agreement_id = $1 AND lane = $2";
        let vals = vec![self.towns.agreement.to_vec().into(), lane.into()];
        let row = conn.maybe(sql, vals).await.unwrap();
        let end = row.map(|row| (row.uint(0).unwrap(), row.bytes(1).unwrap()));
        let (last, prev) = end.unwrap_or((0, vec![0; 32]));
        wire::Header {
            suite: 1,
            agreement_id: self.towns.agreement.to_vec(),
            agreement_version: 1,
            manifest_version: self.manifest_version,
            sender: "kunming.yn".to_owned(),
            recipient: "ruian.zj".to_owned(),
            lane: u32::from(lane),
            lane_seq: last + 1,
            lane_prev: prev,
            created_unix_ms: self.towns.clock.now_unix_ms(),
            seen_head: None,
        }
    }

    /// A consent as Kunming would sign it.
    pub async fn consent(&self, leg: LegId, to: &str, service: Service) -> wire::Consent {
        let before = |kind: &&section::SectionKind| kind.serves(service) && kind.phase != Phase::C;
        let numbers = section::TABLE.iter().filter(before).map(|kind| u32::from(kind.number));
        wire::Consent {
            consent_id: self.random::<16>().to_vec(),
            leg_id: leg.to_vec(),
            from_office: office::KUNMING.to_owned(),
            to_office: to.to_owned(),
            purpose: purpose_of(service).into(),
            section_numbers: numbers.collect(),
            text_hash: self.random::<32>().to_vec(),
            language: "zh-CN".to_owned(),
            method: Method::PhoneCode.into(),
            given_unix_ms: self.towns.clock.now_unix_ms(),
        }
    }

    /// Signs a payload.
    pub async fn seal<M: jieli_proto::strict::Payload>(&self, payload: &M) -> Envelope {
        self.seal_bytes(M::KIND.payload_type(), payload.encode_to_vec()).await
    }

    /// Signs any bytes.
    pub async fn seal_bytes(&self, payload_type: &str, payload: Vec<u8>) -> Envelope {
        let signer = &self.signer;
        let sig = signer.sign(&envelope::pae(payload_type, &payload)).await.unwrap();
        Envelope {
            payload_type: payload_type.to_owned(),
            payload,
            key_fpr: signer.fingerprint().to_vec(),
            sig: sig.to_vec(),
        }
    }

    /// A complete and right OFFER of a school place, in a leg of its own.
    pub async fn offer(&self) -> Forged {
        let leg = LegId(self.random());
        let consent =
            self.seal(&self.consent(leg, office::SCHOOLS, Service::Schooling).await).await;
        let msg = MsgId(self.random());
        let kind = section::slots(MessageType::Offer, Service::Schooling)[0];
        let values = [1, 2, 3, 4].map(|field| match field {
            4 => (4, Value::Number(20_261_201)),
            other => (other, Value::Number(1)),
        });
        let values: Vec<_> =
            values.into_iter().filter(|(field, _)| kind.field(*field).is_some()).collect();
        let mut fill = |buffer: &mut [u8]| self.entropy.fill(buffer);
        let built = section::build(kind, &values, &mut fill).unwrap();
        let digest = section::digest_of(&msg, &built).unwrap();
        let opening = wire::Opening { filed_on: 20_261_123, ..wire::Opening::default() };
        let message = wire::Message {
            header: Some(self.header().await),
            msg_id: msg.to_vec(),
            case_id: self.random::<16>().to_vec(),
            leg_id: leg.to_vec(),
            leg_seq: 1,
            leg_prev: vec![0; 32],
            leg_seen: vec![0; 32],
            r#type: MessageType::Offer.into(),
            service: Service::Schooling.into(),
            from_office: office::KUNMING.to_owned(),
            to_office: office::SCHOOLS.to_owned(),
            purpose: purpose_of(Service::Schooling).into(),
            legal_basis: LegalBasis::Consent.into(),
            consent_digest: envelope::env_digest(&consent).to_vec(),
            due_date: 20_261_125,
            calendar_version: 1,
            codelist_version: 1,
            section_digests: vec![wire::SectionDigest {
                section: u32::from(kind.number),
                digest: digest.to_vec(),
            }],
            body: Some(Body::Opening(opening)),
        };
        Forged { message, sections: vec![built], consents: vec![consent] }
    }

    /// The next message of Kunming in a leg that Ruian holds, with nothing in it yet.
    pub async fn next_in(&self, leg: LegId, ty: MessageType, body: Body) -> Forged {
        use jieli_proto::case::Side;
        let file = self.towns.ruian.leg(leg).await;
        let slots = section::slots(ty, file.service);
        let digests = slots.iter().map(|kind| wire::SectionDigest {
            section: u32::from(kind.number),
            digest: self.random::<32>().to_vec(),
        });
        let message = wire::Message {
            header: Some(self.header().await),
            msg_id: self.random::<16>().to_vec(),
            case_id: file.case.to_vec(),
            leg_id: leg.to_vec(),
            leg_seq: file.law.len(Side::Initiator) + 1,
            leg_prev: file.last_of(Side::Initiator).to_vec(),
            leg_seen: file.last_of(Side::Examiner).to_vec(),
            r#type: ty.into(),
            service: file.service.into(),
            from_office: file.their_office.clone(),
            to_office: file.our_office.clone(),
            purpose: purpose_of(file.service).into(),
            legal_basis: LegalBasis::Consent.into(),
            calendar_version: 1,
            codelist_version: 1,
            section_digests: digests.collect(),
            body: Some(body),
            ..wire::Message::default()
        };
        Forged { message, sections: Vec::new(), consents: Vec::new() }
    }

    /// The letter of a message.
    pub async fn letter(&self, forged: &Forged) -> Letter {
        let sealed = self.seal(&forged.message).await;
        self.framed(forged, sealed)
    }

    /// A letter whose frame is that of a message, whatever the envelope holds.
    pub fn framed(&self, forged: &Forged, sealed: Envelope) -> Letter {
        let header = forged.message.header.clone().unwrap();
        Letter {
            agreement_id: header.agreement_id,
            lane: header.lane,
            lane_seq: header.lane_seq,
            leg_id: forged.message.leg_id.clone(),
            leg_seq: forged.message.leg_seq,
            envelope: Some(sealed),
            sections: forged.sections.clone(),
            consents: forged.consents.clone(),
            proof: None,
        }
    }

    /// An act at the end of Kunming's act lane, as a letter.
    pub async fn act(&self, act: wire::Act) -> Letter {
        let acts = self.towns.ruian.lane(self.towns.agreement, 5).await;
        let header = self.header_in(4).await;
        let act_seen = envelope::env_digest(acts.last().unwrap()).to_vec();
        let act = wire::Act { header: Some(header.clone()), act_seen, ..act };
        Letter {
            agreement_id: header.agreement_id,
            lane: header.lane,
            lane_seq: header.lane_seq,
            envelope: Some(self.seal(&act).await),
            ..Letter::default()
        }
    }

    /// Hands a letter to Ruian as its peer door does.
    pub async fn post(&self, letter: Letter) -> Received {
        let hand = self.towns.ruian.node().hand();
        let city = self.towns.kunming.id();
        if !is_signed(&hand.published().directory.peers[&city], &letter) {
            return Received::Reject;
        }
        let done = hand.perform(Command::Receive(city, Box::new(letter))).await.unwrap();
        let Done::Received(received, _) = done else { panic!("{done:?}") };
        received
    }

    /// Hands over a message and tells how Ruian's receipt calls it.
    pub async fn say(&self, forged: &Forged) -> Result<ItemStatus, Refusal> {
        self.say_letter(self.letter(forged).await).await
    }

    /// Hands over a letter and tells how Ruian's receipt calls it.
    pub async fn say_letter(&self, letter: Letter) -> Result<ItemStatus, Refusal> {
        let id = AgreementId::from_slice(&letter.agreement_id).unwrap();
        let (lane, seq) = (letter.lane as u8, letter.lane_seq);
        let digest = envelope::env_digest(letter.envelope.as_ref().unwrap());
        assert_eq!(self.post(letter).await, Received::Receipted);
        let item = self.towns.ruian.item(id, lane, seq).await.unwrap();
        assert_eq!(item.env_digest, digest.to_vec(), "the receipt is for these bytes");
        let stored = self.towns.ruian.lane(id, lane).await;
        assert_eq!(envelope::env_digest(&stored[seq as usize - 1]), digest, "it keeps its place");
        if item.status() == ItemStatus::Refused {
            return Err(Refusal::from_number(item.code).unwrap());
        }
        Ok(item.status())
    }

    /// That a right OFFER is taken in, whatever came before it.
    pub async fn good(&self) -> Forged {
        let offer = self.offer().await;
        assert_eq!(self.say(&offer).await, Ok(ItemStatus::Stored));
        assert!(self.towns.ruian.leg(offer.leg()).await.law.exists());
        offer
    }

    /// How large Ruian's log is, and how many alarms and pieces of evidence it holds: what a
    /// letter without trace must not change.
    pub async fn trace(&self) -> (u64, i64, i64, i64) {
        let ruian = &self.towns.ruian;
        let size = ruian.node().hand().published().exchange.size;
        let alarms = ruian.count("SELECT COUNT(*) FROM alarm").await;
        let evidence = ruian.count("SELECT COUNT(*) FROM evidence").await;
        (size, alarms, evidence, ruian.count("SELECT COUNT(*) FROM leg").await)
    }

    /// A digest that nothing has.
    pub fn nothing(&self) -> Digest {
        Digest(self.random())
    }
}
