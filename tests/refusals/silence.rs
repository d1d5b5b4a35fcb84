//! EXPIRE without a proof of silence, and receipts that say what is not so.

use jieli_node::receive::Received;
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DeferReason, Duty, ItemStatus, MessageType};
use jieli_tests::{Forged, Forger};

async fn expire(forger: &Forger, leg: LegId, receipt: Vec<u8>) -> Forged {
    let body = wire::Expire { duty: Duty::TakeUp.into(), receipt, terminate: Vec::new() };
    forger.next_in(leg, MessageType::Expire, Body::Expire(body)).await
}

/// The name of the newest receipt that Ruian signed.
async fn newest_receipt(forger: &Forger) -> Vec<u8> {
    let receipts = forger.towns.ruian.lane(forger.towns.agreement, 3).await;
    envelope::env_digest(receipts.last().unwrap()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expire_without_proof_of_silence_is_refused() {
    let forger = Forger::new().await;
    let ruian = &forger.towns.ruian;
    let leg = forger.good().await.leg();
    let too_early = newest_receipt(&forger).await;
    let forged = expire(&forger, leg, too_early.clone()).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::IllegalStep), "before the date");
    for _ in 0..4 {
        forger.towns.next_working_day();
    }
    let forged = expire(&forger, leg, too_early).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::IllegalStep), "a receipt from before it");
    let forged = expire(&forger, leg, forger.nothing().to_vec()).await;
    let before = forger.trace().await;
    let put_off = forger.post(forger.letter(&forged).await).await;
    assert_eq!(put_off, Received::Defer(DeferReason::CitedNotHeld, 0));
    assert_eq!(forger.trace().await, before);
    let body = Body::Remind(wire::Remind { duty: Duty::TakeUp.into() });
    let remind = forger.next_in(leg, MessageType::Remind, body).await;
    assert_eq!(forger.say(&remind).await, Ok(ItemStatus::Stored));
    let proof = newest_receipt(&forger).await;
    // It proves the silence about what was owed, not about something else.
    let body =
        wire::Expire { duty: Duty::Decide.into(), receipt: proof.clone(), terminate: vec![] };
    let other = forger.next_in(leg, MessageType::Expire, Body::Expire(body)).await;
    assert_eq!(forger.say(&other).await, Err(Refusal::IllegalStep));
    let forged = expire(&forger, leg, proof).await;
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
    assert_eq!(ruian.stage(leg).await, Some(Stage::Expired));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_does_not_hold_keeps_its_place_has_no_effect_and_raises_an_alarm() {
    let forger = Forger::new().await;
    let ruian = &forger.towns.ruian;
    let agreement = forger.towns.agreement;
    let proofs = "SELECT COUNT(*) FROM peer_proof";
    let before = ruian.count(proofs).await;
    let header = forger.header_in(2).await;
    let receipt = wire::Receipt {
        header: Some(header.clone()),
        answers_lane: 1,
        count: 1,
        items_root: forger.nothing().to_vec(),
        origin: "jieli.kunming.yn/log/1".to_owned(),
        received_unix_ms: header.created_unix_ms,
        own_lane_seq: 0,
    };
    let item = wire::Item {
        lane_seq: 1,
        env_digest: forger.nothing().to_vec(),
        log_index: 3,
        status: ItemStatus::Refused.into(),
        code: Refusal::BadBody.number(),
    };
    let item = prost::Message::encode_to_vec(&item);
    let proof = wire::ReceiptProof {
        items: vec![wire::ItemProof { item, ..wire::ItemProof::default() }],
        checkpoint: "nothing".to_owned(),
    };
    let letter = wire::Letter {
        agreement_id: header.agreement_id,
        lane: header.lane,
        lane_seq: header.lane_seq,
        envelope: Some(forger.seal(&receipt).await),
        proof: Some(proof),
        ..wire::Letter::default()
    };
    assert_eq!(forger.post(letter).await, Received::Noted);
    let held = ruian.lane(agreement, 2).await;
    assert_eq!(held.len() as u64, header.lane_seq, "it keeps its place");
    assert_eq!(ruian.count(proofs).await, before);
    assert_eq!(ruian.alarms().await.len(), 1, "{:?}", ruian.alarms().await);
    // The messages it is about are as they were.
    let sql = "SELECT COUNT(*) FROM message WHERE lane = 1 AND status = 3";
    assert_eq!(ruian.count(sql).await, 0);
    forger.good().await;
    forger.towns.stop().await;
}
