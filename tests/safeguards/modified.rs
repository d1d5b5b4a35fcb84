//! A receiving city that signs with its own right keys and says what an honest node never would.
//! Its own node is cut off or stopped; Kunming answers it as it answers every peer.

use jieli_node::command::{Command, Done};
use jieli_node::keys::KeyRing;
use jieli_node::legs::Standing;
use jieli_node::receive::Received;
use jieli_node::world::{Clock as _, Entropy as _};
use jieli_proto::agreement::purpose_of;
use jieli_proto::case::Side;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::section;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Envelope, ItemStatus, LegalBasis, Letter, MessageType};
use jieli_tests::{Seeded, Towns};
use prost::Message as _;

/// Says something in a leg in the name of Ruian; how Kunming's receipt calls it.
pub(crate) async fn ruian_says(
    towns: &Towns,
    leg: LegId,
    ty: MessageType,
    body: Body,
    due_date: u32,
) -> ItemStatus {
    let kunming = &towns.kunming;
    let file = kunming.leg(leg).await;
    let mut msg_id = [0; 16];
    Seeded::new(towns.clock.now_unix_ms()).fill(&mut msg_id);
    let slots = section::slots(ty, file.service);
    let digests = slots.iter().map(|kind| wire::SectionDigest {
        section: u32::from(kind.number),
        digest: vec![kind.number; 32],
    });
    // What it has not receipted it cannot have seen: the two cross.
    let mut known = file.entries.iter().filter(|entry| entry.side == Side::Initiator);
    let seen = known.rfind(|entry| entry.standing != Standing::Provisional).unwrap();
    let header = header(towns).await;
    let seq = header.lane_seq;
    let message = wire::Message {
        header: Some(header),
        msg_id: msg_id.to_vec(),
        case_id: file.case.to_vec(),
        leg_id: leg.to_vec(),
        leg_seq: file.law.len(Side::Examiner) + 1,
        leg_prev: file.last_of(Side::Examiner).to_vec(),
        leg_seen: seen.env_digest.to_vec(),
        r#type: ty.into(),
        service: file.service.into(),
        from_office: file.their_office.clone(),
        to_office: file.our_office.clone(),
        purpose: purpose_of(file.service).into(),
        legal_basis: LegalBasis::Consent.into(),
        due_date,
        calendar_version: 1,
        codelist_version: 1,
        section_digests: digests.collect(),
        body: Some(body),
        ..wire::Message::default()
    };
    let letter = Letter {
        agreement_id: towns.agreement.to_vec(),
        lane: 1,
        lane_seq: seq,
        leg_id: message.leg_id.clone(),
        leg_seq: message.leg_seq,
        envelope: Some(seal(towns, &message).await),
        ..Letter::default()
    };
    let command = Command::Receive(towns.ruian.id(), Box::new(letter));
    let done = kunming.node().hand().perform(command).await.unwrap();
    assert!(matches!(done, Done::Received(Received::Receipted, _)), "{done:?}");
    kunming.item(towns.agreement, 1, seq).await.unwrap().status()
}

async fn header(towns: &Towns) -> wire::Header {
    let mut conn = towns.kunming.node().store().read().await.unwrap();
    let sql = "SELECT last_seq, last_digest FROM lane WHERE agreement_id = $1 AND lane = 1";
    let row = conn.maybe(sql, vec![towns.agreement.to_vec().into()]).await.unwrap();
    let end = row.map(|row| (row.uint(0).unwrap(), row.bytes(1).unwrap()));
    let (last, prev) = end.unwrap_or((0, vec![0; 32]));
    wire::Header {
        suite: 1,
        agreement_id: towns.agreement.to_vec(),
        agreement_version: 1,
        manifest_version: 1,
        sender: "ruian.zj".to_owned(),
        recipient: "kunming.yn".to_owned(),
        lane: 1,
        lane_seq: last + 1,
        lane_prev: prev,
        created_unix_ms: towns.clock.now_unix_ms(),
        seen_head: None,
    }
}

async fn seal(towns: &Towns, message: &wire::Message) -> Envelope {
    let keys = KeyRing::load(&towns.ruian.dir, &towns.ruian.id(), None).unwrap();
    let (signer, payload) = (keys.message(), message.encode_to_vec());
    let payload_type = jieli_proto::kinds::Kind::Message.payload_type();
    let sig = signer.sign(&envelope::pae(payload_type, &payload)).await.unwrap();
    Envelope {
        payload_type: payload_type.to_owned(),
        payload,
        key_fpr: signer.fingerprint().to_vec(),
        sig: sig.to_vec(),
    }
}
