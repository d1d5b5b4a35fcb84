//! A key that was rolled over: what it signed stands, what it signs from then on does not.

use jieli_node::keys::{FileSigner, Secret, Signer, seal_envelope};
use jieli_node::world::Clock as _;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ItemStatus, MessageType};
use jieli_tests::{Forger, office};
use std::sync::Arc;

/// The next manifest of Kunming: another message key, the old one retired.
async fn next(forger: &Forger, newer: &dyn Signer, root: &dyn Signer) -> wire::Envelope {
    let held = &forger.towns.kunming.public.manifest;
    let mut payload: wire::KeyManifest =
        jieli_proto::envelope::open(&held.envelope, &held.root).unwrap();
    payload.version = 2;
    payload.prev_digest = held.env_digest.to_vec();
    let old = forger.keys.message();
    payload.keys.push(wire::KeyRecord {
        spki: newer.public().to_spki().to_vec(),
        suite: 1,
        roles: vec![wire::Role::Message.into()],
        not_before: 0,
    });
    payload.revocations.push(wire::Revocation {
        fingerprint: old.fingerprint().to_vec(),
        last_good: Vec::new(),
        reason: wire::RevocationReason::Retired.into(),
    });
    seal_envelope(&payload, root).await.unwrap()
}

fn manifest(carried: wire::Envelope) -> wire::Act {
    let act_type = wire::ActType::Manifest.into();
    wire::Act { act_type, carried: Some(carried), ..wire::Act::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_signs_no_more_and_what_it_signed_before_stands() {
    let mut forger = Forger::new().await;
    let offer = forger.good().await;
    let newer: Arc<dyn Signer> =
        Arc::new(FileSigner::from_seed(&Secret::take(&mut [77; 32])).unwrap());
    let old = forger.keys.message();
    // Only the root makes a manifest.
    let carried = next(&forger, newer.as_ref(), old.as_ref()).await;
    let letter = forger.act(manifest(carried)).await;
    assert_eq!(forger.say_letter(letter).await, Err(Refusal::ManifestUnknown));
    let root = forger.keys.root().unwrap();
    let carried = next(&forger, newer.as_ref(), root.as_ref()).await;
    (forger.signer, forger.manifest_version) = (Arc::clone(&newer), 2);
    let letter = forger.act(manifest(carried)).await;
    assert_eq!(forger.say_letter(letter).await, Ok(ItemStatus::Stored));
    let good = forger.good().await;
    // By the old key: refused, to be sent again.
    forger.signer = Arc::clone(&old);
    let forged = forger.offer().await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::KeyRevoked));
    // A consent that the old key signed now is none, though the message is signed by the new one.
    let consent = forger.consent(good.leg(), office::SCHOOLS, wire::Service::Schooling).await;
    let late = forger.seal(&consent).await;
    forger.signer = newer;
    let void = Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() });
    let mut forged = forger.next_in(good.leg(), MessageType::Void, void.clone()).await;
    forged.message.consent_digest = jieli_proto::envelope::env_digest(&late).to_vec();
    forged.consents = vec![late];
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid));
    // One that was taken in while the old key counted goes on to count.
    let mut forged = forger.next_in(offer.leg(), MessageType::Void, void).await;
    forged.message.consent_digest = offer.message.consent_digest.clone();
    forged.consents = offer.consents.clone();
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_signs_nothing_before_its_time() {
    let mut forger = Forger::new().await;
    let root = forger.keys.root().unwrap();
    let newer: Arc<dyn Signer> =
        Arc::new(FileSigner::from_seed(&Secret::take(&mut [78; 32])).unwrap());
    let held = forger.towns.kunming.public.manifest.clone();
    let from = forger.towns.clock.now_unix_ms() + 3_600_000;
    let record = wire::KeyRecord {
        spki: newer.public().to_spki().to_vec(),
        suite: 1,
        roles: vec![wire::Role::Message.into()],
        not_before: from,
    };
    let carried = seal_envelope(&held.next(vec![record], Vec::new()), root.as_ref()).await.unwrap();
    forger.manifest_version = 2;
    let letter = forger.act(manifest(carried)).await;
    assert_eq!(forger.say_letter(letter).await, Ok(ItemStatus::Stored));
    forger.signer = newer;
    let early = forger.offer().await;
    assert_eq!(forger.say(&early).await, Err(Refusal::BadHeader));
    forger.towns.clock.move_on(3_600_000);
    forger.good().await;
    forger.towns.stop().await;
}
