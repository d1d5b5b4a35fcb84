//! Third cities: their cosignatures count with their root, and what holds without them needs none.

use crate::fixtures::*;
use crate::story::played;
use crate::world::{City, World};
use jieli_proto::bundle::{PolicyMet, Verdicts, build, verify};
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::policy::Policy;

/// The rehearsal as a node exports it: the policies name all cosigners and ask for none.
fn exported() -> World {
    let mut world = played();
    for (_, policy) in &mut world.bundle.policies {
        let keys = policy.witnesses().iter().map(|witness| witness.key.clone()).collect();
        *policy = Policy::new(policy.logs().to_vec(), keys, 0).unwrap();
    }
    world
}

fn verdicts(world: &World, roots: &[Digest]) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), roots).unwrap()
}

fn codes(found: &Verdicts) -> Vec<&'static str> {
    let mut codes: Vec<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

/// Every policy that a log of the messages and acts is said to meet.
fn met(found: &Verdicts) -> Vec<PolicyMet> {
    let told = found.records.iter().filter(|r| matches!(r.kind, Kind::Message | Kind::Act));
    let mut met: Vec<PolicyMet> = told.flat_map(|r| &r.logs).map(|log| log.policy).collect();
    met.sort();
    met.dedup();
    met
}

#[test]
fn a_third_city_counts_with_its_root_and_is_named_without_it() {
    let world = exported();
    let [a, b, c] = <[Digest; 3]>::try_from(world.roots()).unwrap();
    let all = verdicts(&world, &[a, b, c]);
    assert_eq!((codes(&all), met(&all)), (vec![], vec![PolicyMet::Both]));
    assert!(all.not_judged.is_empty());
    let two = verdicts(&world, &[a, b]);
    assert_eq!((codes(&two), met(&two)), (vec![], vec![PolicyMet::Counterparty]));
    assert_eq!(two.not_judged.len(), 1);
    assert_eq!((two.not_judged[0].city.as_str(), two.not_judged[0].root), ("city-c", c));
    assert!(two.records.iter().flat_map(|record| &record.cosigners).all(|by| !by.independent));
    // The head that TAKE UP quotes bears the word of C alone, which bounds nothing now.
    assert!(two.records.iter().all(|record| record.time.not_before.is_none()));
    assert!(two.text().contains("only cosigns; its root was not given"));
    assert!(two.text().contains("the counterparty alone"));
    assert!(all.text().contains("the counterparty and an uninvolved city"));
    // A party's root is always needed.
    for roots in [[a, c], [b, c]] {
        assert!(codes(&verdicts(&world, &roots)).contains(&"ROOT_NOT_GIVEN"));
    }
}

#[test]
fn where_a_policy_asks_for_it_its_root_is_needed() {
    let world = played();
    let found = verdicts(&world, &world.roots()[..2]);
    assert!(codes(&found).contains(&"ROOT_NOT_GIVEN"), "{:?}", codes(&found));
}

#[test]
fn who_cosigned_is_told_for_each_log() {
    let mut world = exported();
    // Only B's log keeps C's line.
    let city_a = world.cities[0].city_id();
    let note = world.cities[0].head(world.cities[0].size(), &[(&world.cities[1], NINE / 1_000)]);
    for (_, city, proof) in &mut world.bundle.proofs {
        if *city == city_a {
            proof.note = note.clone();
        }
    }
    let found = verdicts(&world, &world.roots());
    assert_eq!(codes(&found), Vec::<&str>::new());
    let counts = found.policies();
    assert!(!counts[&city_a].contains_key("counterparty_and_uninvolved"));
    assert!(counts[&city_a]["counterparty"] > 9);
    let city_b = world.cities[1].city_id();
    assert_eq!(counts[&city_b]["counterparty_and_uninvolved"], counts[&city_a]["counterparty"]);
}

/// D is nobody: no manifest of it is here.
fn stranger(world: &World) -> (VKey, Signer) {
    assert!(world.roots().len() == 3);
    let key = Signer::new(77);
    (VKey::new("jieli.city-d/cosigner/1", KeyKind::CosignatureV1, key.public).unwrap(), key)
}

#[test]
fn a_cosignature_of_an_unnamed_city_counts_for_nothing() {
    let mut world = exported();
    let (key, signer) = stranger(&world);
    for (_, _, proof) in &mut world.bundle.proofs {
        let text = proof.note.text().to_owned();
        let line = key.sign(&text, NINE / 1_000 - 60, &|bytes| signer.sign(bytes));
        proof.note.add(line).unwrap();
    }
    let found = verdicts(&world, &world.roots());
    assert_eq!(codes(&found), Vec::<&str>::new());
    let named = found.records.iter().flat_map(|record| &record.cosigners);
    assert!(named.into_iter().all(|by| !by.by.contains("city-d")));
    // Nor may a policy name it.
    for (_, policy) in &mut world.bundle.policies {
        let mut keys: Vec<VKey> = policy.witnesses().iter().map(|w| w.key.clone()).collect();
        keys.push(key.clone());
        *policy = Policy::new(policy.logs().to_vec(), keys, 0).unwrap();
    }
    let found = codes(&verdicts(&world, &world.roots()));
    assert!(found.contains(&"POLICY_FALSE"), "{found:?}");
}

#[test]
fn nobody_passes_for_a_party_or_for_another_city() {
    // A second root that calls itself A, and is named as a cosigner only.
    let mut world = exported();
    let mut other = City::new(world.cities[0].id, 60);
    other.id = world.cities[0].id;
    world.bundle.roots.push(other.root.public);
    world.bundle.manifests.extend(other.manifests.iter().cloned());
    for roots in [world.roots(), [world.roots(), vec![other.root.fpr()]].concat()] {
        let found = codes(&verdicts(&world, &roots));
        assert!(
            found.contains(&"ROOT_NOT_GIVEN") || found.contains(&"MANIFEST_FALSE"),
            "{found:?}"
        );
    }
    // A city that nobody names has no place here.
    let mut world = exported();
    let other = City::new("city-e", 60);
    world.bundle.roots.push(other.root.public);
    world.bundle.manifests.extend(other.manifests.iter().cloned());
    assert_eq!(codes(&verdicts(&world, &world.roots())), ["ROOT_NOT_GIVEN"]);
}
