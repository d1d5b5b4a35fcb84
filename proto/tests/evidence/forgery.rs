//! Forgeries by someone who knows the format, writes every list anew, and even holds a key.

use crate::fixtures::*;
use crate::story::{Plot, close, statement, story};
use crate::world::{World, index};
use jieli_proto::bundle::*;
use jieli_proto::envelope::env_digest;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::refusal::Refusal;
use jieli_proto::tree;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};

const A: PartySide = PartySide::A;
const B: PartySide = PartySide::B;

fn verdicts(world: &World) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap()
}

fn codes(world: &World) -> Vec<&'static str> {
    let found = verdicts(world).failures;
    let mut codes: Vec<_> = found.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

/// The rehearsal with something added before the heads are made.
fn with(change: impl FnOnce(&mut World)) -> World {
    let mut world = story(&Plot::default());
    change(&mut world);
    close(&mut world, true);
    world
}

/// The whole rehearsal, changed after.
fn after(change: impl FnOnce(&mut World)) -> Vec<&'static str> {
    let mut world = with(|_| ());
    change(&mut world);
    codes(&world)
}

fn at(world: &World, what: &str) -> usize {
    let wanted = MessageType::from_str_name(&format!("MESSAGE_TYPE_{what}")).unwrap();
    let mut envelopes = world.bundle.envelopes.iter();
    let is = |envelope: &wire::Envelope| {
        jieli_proto::envelope::payload::<wire::Message>(envelope)
            .is_ok_and(|message| message.r#type() == wanted)
    };
    envelopes.position(is).unwrap()
}

/// Changes an envelope and everything in the bundle that names it.
fn rename(world: &mut World, at: usize, change: impl FnOnce(&mut wire::Envelope)) {
    let envelope = &mut world.bundle.envelopes[at];
    let old = env_digest(envelope);
    change(envelope);
    let new = env_digest(envelope);
    let bundle = &mut world.bundle;
    let swap = |digest: &mut Digest| {
        if *digest == old {
            *digest = new;
        }
    };
    bundle.items.iter_mut().for_each(|item| {
        swap(&mut item.answers);
        swap(&mut item.receipt);
    });
    bundle.proofs.iter_mut().for_each(|proof| swap(&mut proof.0));
    bundle.sections.iter_mut().for_each(|section| swap(&mut section.0));
    bundle.erasures.iter_mut().for_each(|erasure| {
        swap(&mut erasure.message);
        swap(&mut erasure.confirm);
    });
}

#[test]
fn a_changed_or_resigned_message_is_found() {
    for byte in 0..40 {
        let found = after(|world| {
            let at = at(world, "OUTCOME");
            rename(world, at, |envelope| envelope.payload[byte] ^= 1);
        });
        assert!(found.contains(&"SIGNATURE_FALSE"), "{byte}: {found:?}");
    }
    let found = after(|world| {
        let at = at(world, "OUTCOME");
        rename(world, at, |envelope| envelope.sig[40] ^= 1);
    });
    assert!(found.contains(&"SIGNATURE_FALSE") && found.contains(&"PROOF_FALSE"), "{found:?}");
    // Another key of the same city: the signature holds, but the logs hold other bytes.
    let found = after(|world| {
        let at = at(world, "OUTCOME");
        let key = Signer::new(24);
        rename(world, at, |envelope| {
            let bytes = jieli_proto::envelope::pae(&envelope.payload_type, &envelope.payload);
            envelope.sig = key.sign(&bytes).to_vec();
            envelope.key_fpr = key.fpr().to_vec();
        });
    });
    assert!(found.contains(&"KEY_UNKNOWN") && found.contains(&"PROOF_FALSE"), "{found:?}");
    // A city signs in another's name.
    let found = after(|world| {
        let at = at(world, "OUTCOME");
        let key = Signer::new(32);
        rename(world, at, |envelope| {
            let bytes = jieli_proto::envelope::pae(&envelope.payload_type, &envelope.payload);
            envelope.sig = key.sign(&bytes).to_vec();
            envelope.key_fpr = key.fpr().to_vec();
        });
    });
    assert!(found.contains(&"KEY_OF_ANOTHER"), "{found:?}");
}

#[test]
fn proofs_of_another_record_log_or_size_do_not_pass() {
    let found = after(|world| {
        let (first, second) = (world.bundle.proofs[3].2.clone(), world.bundle.proofs[4].2.clone());
        world.bundle.proofs[3].2 = second;
        world.bundle.proofs[4].2 = first;
    });
    assert!(found.contains(&"PROOF_FALSE"), "{found:?}");
    let found = after(|world| {
        let half = world.bundle.proofs.len() / 2;
        let other = world.bundle.proofs[half + 3].2.clone();
        world.bundle.proofs[3].2 = other;
    });
    assert!(found.contains(&"PROOF_FALSE"), "{found:?}");
    let found = after(|world| world.bundle.proofs[3].2.index += 1);
    assert!(found.contains(&"PROOF_FALSE"), "{found:?}");
    let found = after(|world| world.bundle.proofs[4].0 = Digest([9; 32]));
    assert!(found.contains(&"UNREFERENCED") && found.contains(&"PROOF_MISSING"), "{found:?}");
}

#[test]
fn a_log_that_shows_two_faces_convicts_itself() {
    let found = after(|world| {
        let other = story(&Plot { consent: changed(), ..Plot::default() });
        let size = world.city(A).size();
        let fork = other.city(A).head(size, &[(&other.third, NINE / 1_000)]);
        assert_ne!(world.city(A).head(size, &[]).text(), fork.text());
        world.bundle.heads.push(fork);
    });
    assert_eq!(found, ["SPLIT_VIEW"]);
    let world = with(|world| {
        let head = world.bundle.heads[0].clone();
        let head = jieli_proto::checkpoint::Checkpoint::parse(head.text()).unwrap();
        world.deliver(B, MessageType::EraseNotice, |message| {
            message.header.as_mut().unwrap().seen_head = Some(wire::SeenHead {
                origin: head.origin().to_owned(),
                size: head.size(),
                root: vec![5; 32],
                ..wire::SeenHead::default()
            });
        });
    });
    assert_eq!(codes(&world), ["SEEN_HEAD_DIFFERS"]);
}

fn changed() -> wire::Consent {
    wire::Consent { consent_id: vec![0xb1; 16], ..Plot::default().consent }
}

#[test]
fn policies_name_only_keys_of_the_manifests() {
    let found = after(|world| {
        let stranger = Signer::new(77);
        let name = "jieli.city-c/cosigner/1";
        let key = VKey::new(name, KeyKind::CosignatureV1, stranger.public).unwrap();
        let log = world.city(A).log_key();
        world.bundle.policies[0].1 = Policy::new(vec![log], vec![key], 1).unwrap();
    });
    assert!(found.contains(&"POLICY_FALSE"), "{found:?}");
    let found = after(|world| {
        let stranger = Signer::new(77);
        let key = VKey::new("jieli.city-a/log/1", KeyKind::Ed25519, stranger.public).unwrap();
        world.bundle.policies[0].1 = Policy::new(vec![key], Vec::new(), 0).unwrap();
    });
    assert!(found.contains(&"POLICY_FALSE"), "{found:?}");
}

#[test]
fn items_belong_to_their_message_and_receipt() {
    let found = after(|world| {
        let items = &mut world.bundle.items;
        let (left, right) = (items[3].clone(), items[4].clone());
        assert_eq!(left.receipt, right.receipt);
        items[3].item = right.item;
        items[4].item = left.item;
    });
    assert_eq!(found, ["ITEM_FALSE"]);
    let found = after(|world| world.bundle.items[3].path.clear());
    assert_eq!(found, ["ITEM_FALSE"]);
    let found = after(|world| {
        let other = world.bundle.items[2].receipt;
        world.bundle.items[5].receipt = other;
    });
    assert!(found.contains(&"ITEM_FALSE"), "{found:?}");
    // "Refused" is believed on the receipt's word only.
    let mut world = with(|_| ());
    let item: &mut Vec<u8> = &mut world.bundle.items[2].item;
    let mut forged: wire::Item = jieli_proto::strict::decode(item).unwrap();
    forged.status = wire::ItemStatus::Refused.into();
    forged.code = 1;
    *item = prost::Message::encode_to_vec(&forged);
    let digest = world.bundle.items[2].answers;
    let found = verdicts(&world);
    let record = found.records.iter().find(|record| record.digest == digest).unwrap();
    assert_eq!(record.receipt, ReceiptVerdict::NotShown);
    assert!(!found.all_hold());
}

#[test]
fn legs_run_from_one_and_end_where_both_sides_say() {
    // The last message is left out, with everything that belongs to it.
    let found = after(|world| {
        let last = at(world, "ERASE_CONFIRM");
        let digest = env_digest(&world.bundle.envelopes[last]);
        let receipt =
            world.bundle.items.iter().find(|item| item.answers == digest).unwrap().receipt;
        let bundle = &mut world.bundle;
        bundle.envelopes.retain(|envelope| ![digest, receipt].contains(&env_digest(envelope)));
        bundle.proofs.retain(|(found, ..)| ![digest, receipt].contains(found));
        bundle.items.retain(|item| item.answers != digest);
        bundle.erasures.clear();
    });
    assert_eq!(found, ["LEG_GAP"]);
    let found = after(|world| {
        let mut stated = statement(world, B);
        stated.last_env_digest = vec![3; 32];
        let sealed = world.city(B).message.seal(&stated);
        world.bundle.envelopes.push(sealed);
    });
    assert_eq!(found, ["STATEMENT_FALSE"]);
    // A message after the statements: nothing false, but no longer complete.
    let mut world = with(|_| ());
    let old = world.bundle.envelopes.pop().unwrap();
    let before = wire::LegStatement { last_leg_seq: 4, ..statement(&world, B) };
    let effect = at(&world, "WITHDRAW_EFFECT");
    let named = env_digest(&world.bundle.envelopes[effect]);
    let before = wire::LegStatement { last_env_digest: named.to_vec(), ..before };
    let sealed = world.city(B).message.seal(&before);
    world.bundle.envelopes.push(sealed);
    drop(old);
    let found = verdicts(&world);
    assert!(found.all_hold(), "{:?}", found.failures);
    let late = vec![world.city(B).city_id()];
    assert_eq!(found.legs[0].complete, Completeness::LaterMayExist(late));
    for (field, change) in [
        ("leg_prev", wire::Message { leg_prev: vec![4; 32], ..Default::default() }),
        ("leg_seen", wire::Message { leg_seen: vec![4; 32], ..Default::default() }),
        ("leg_seq", wire::Message { leg_seq: 9, ..Default::default() }),
        ("leg_seq", wire::Message { leg_seq: u32::MAX, ..Default::default() }),
    ] {
        let world = with(|world| {
            world.deliver(A, MessageType::EraseNotice, |message| {
                if !change.leg_prev.is_empty() {
                    message.leg_prev.clone_from(&change.leg_prev);
                }
                if !change.leg_seen.is_empty() {
                    message.leg_seen.clone_from(&change.leg_seen);
                }
                if change.leg_seq > 0 {
                    message.leg_seq = change.leg_seq;
                }
            });
        });
        let found = codes(&world);
        assert!(found.iter().any(|code| code.starts_with("LEG_")), "{field}: {found:?}");
    }
}

#[test]
fn a_refused_message_may_be_unreadable_and_keeps_its_place() {
    let world = with(|world| {
        let lane = Lane::messages(A);
        let (digest, seq) = world.send(A, MessageType::EraseNotice, |message| {
            // A form that strict decode reads and the message check does not.
            message.body = Some(Body::Withdraw(wire::Withdraw {}));
        });
        world.receipt(lane, &[(digest, seq, Some(Refusal::BadBody))]);
        world.deliver(A, MessageType::EraseNotice, |_| ());
    });
    let found = verdicts(&world);
    assert!(found.all_hold(), "{:?}", found.failures);
    assert_eq!(found.legs[0].complete, Completeness::Complete);
    // Had the other city not refused it, it would not pass.
    let world = with(|world| {
        world.deliver(A, MessageType::EraseNotice, |message| {
            message.body = Some(Body::Withdraw(wire::Withdraw {}));
        });
    });
    assert!(codes(&world).contains(&"MESSAGE_FORM"));
}

#[test]
fn places_and_identifiers_stand_for_one_record() {
    let world = with(|world| {
        world.deliver(A, MessageType::EraseNotice, |message| message.msg_id = vec![0xd1; 16]);
    });
    assert_eq!(codes(&world), ["EQUIVOCATION"]);
    let world = with(|world| {
        world.deliver(A, MessageType::EraseNotice, |message| {
            message.header.as_mut().unwrap().lane_prev = vec![7; 32];
        });
    });
    assert_eq!(codes(&world), ["LANE_CHAIN"]);
    let world = with(|world| {
        world.deliver(A, MessageType::EraseNotice, |message| {
            message.header.as_mut().unwrap().created_unix_ms = NINE;
        });
    });
    assert_eq!(codes(&world), ["LANE_CHAIN"]);
}

#[test]
fn what_is_cited_is_here_and_what_is_here_is_cited() {
    let expire = |receipt: Vec<u8>, terminate: Vec<u8>| {
        with(|world| {
            world.deliver(A, MessageType::Expire, |message| {
                message.body = Some(Body::Expire(wire::Expire { duty: 7, receipt, terminate }));
            });
        })
    };
    assert_eq!(codes(&expire(vec![1; 32], Vec::new())), ["RECEIPT_MISSING"]);
    assert_eq!(codes(&expire(Vec::new(), vec![1; 32])), ["ACT_MISSING"]);
    let found = after(|world| {
        let consent = world.city(A).message.seal(&changed());
        world.bundle.consents.push(consent);
    });
    assert_eq!(found, ["UNREFERENCED"]);
    let found = after(|world| {
        let key = Signer::new(88);
        world.bundle.roots.push(key.public);
    });
    assert_eq!(found, ["UNREFERENCED"]);
    let found = after(|world| {
        let section = world.bundle.sections[0].1.clone();
        let take_up = at(world, "TAKE_UP");
        let digest = env_digest(&world.bundle.envelopes[take_up]);
        world.bundle.sections.push((digest, section));
    });
    assert_eq!(found, ["UNREFERENCED"]);
}

#[test]
fn the_agreement_binds_offices_and_roots() {
    let mut world = story(&Plot::short());
    world.deliver(B, MessageType::Progress, |message| {
        message.to_office = "919999990000000E12".to_owned();
    });
    close(&mut world, false);
    assert_eq!(codes(&world), ["NOT_AUTHORISED"]);
    // Another root for the same city: its keys verify nothing here.
    let world = with(|_| ());
    let mut other = world.roots();
    other[0] = Signer::new(91).fpr();
    let found = verify(&build(&world.bundle).unwrap(), &other).unwrap();
    let offer = found.records.iter().find(|record| record.what == "OFFER").unwrap();
    assert_eq!((offer.signature, offer.key), (Holds::No, Holds::No));
    assert!(found.cities.iter().all(|city| city.city.as_str() != CITY_A));
}

#[test]
fn heads_are_linked_by_consistency() {
    let mut world = with(|_| ());
    let old = world.bundle.heads[0].clone();
    let old_size = jieli_proto::checkpoint::Checkpoint::parse(old.text()).unwrap().size();
    let new_size = world.city(A).size() as u64;
    let leaves = world.city(A).leaves().to_vec();
    let hashes = tree::consistency_proof(old_size, new_size, &mut |level, at| {
        (level == 0).then(|| leaves[at as usize])
    });
    let origin = world.city(A).origin();
    let linked = Consistency { origin, old_size, new_size, hashes: hashes.unwrap() };
    world.bundle.consistency.push(linked.clone());
    assert!(codes(&world).is_empty());
    let mut bent = linked.clone();
    bent.hashes[0][0] ^= 1;
    world.bundle.consistency[0] = bent;
    assert_eq!(codes(&world), ["CONSISTENCY_FALSE"]);
    world.bundle.consistency[0] = Consistency { old_size: old_size - 1, ..linked };
    assert_eq!(codes(&world), ["CONSISTENCY_FALSE"]);
    assert_eq!(index(A), 0);
}
