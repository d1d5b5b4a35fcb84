//! Keys revoked by position: a log key by a size of its own log, a cosigner key by a size of the log
//! it cosigned, and keys that signed before their time.

use crate::story::played;
use crate::world::World;
use jieli_proto::bundle::{Holds, Verdicts, build, verify};
use jieli_proto::envelope::{env_digest, payload};
use jieli_proto::manifest::Manifest;
use jieli_proto::wire::{KeyManifest, LastGood, Revocation, RevocationReason};

fn verdicts(world: &World) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap()
}

fn codes(found: &Verdicts) -> Vec<&'static str> {
    let mut codes: Vec<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

fn revocation(fpr: Vec<u8>, last_good: Option<(String, u64)>) -> Revocation {
    let good = last_good.map(|(origin, index)| LastGood { origin, index });
    let reason = RevocationReason::Compromised.into();
    Revocation { fingerprint: fpr, last_good: good.into_iter().collect(), reason }
}

/// Adds a manifest of city A, or of the uninvolved city, that revokes a key.
fn revoke(world: &mut World, third: bool, revocation: Revocation) {
    let city = if third { &mut world.third } else { &mut world.cities[0] };
    let root = city.root.public;
    let mut newest: Option<Manifest> = None;
    for sealed in &city.manifests {
        newest = Some(Manifest::open(sealed, &root, newest.as_ref()).unwrap());
    }
    let next = city.root.seal(&newest.unwrap().next(Vec::new(), vec![revocation]));
    city.manifests.push(next.clone());
    world.bundle.manifests.push(next);
}

#[test]
fn a_revoked_log_key_counts_up_to_a_size_of_its_own_log() {
    let size = played().cities[0].size() as u64;
    let origin = || played().cities[0].origin();
    let holds = |last_good: Option<(String, u64)>| {
        let mut world = played();
        let fpr = world.cities[0].log.fpr().to_vec();
        revoke(&mut world, false, revocation(fpr, last_good));
        codes(&verdicts(&world))
    };
    assert_eq!(holds(Some((origin(), size))), Vec::<&str>::new());
    for bad in [Some((origin(), size - 1)), Some(("jieli.city-x/log/1".to_owned(), size)), None] {
        let found = holds(bad.clone());
        assert!(found.contains(&"PROOF_FALSE"), "{bad:?}: {found:?}");
    }
}

#[test]
fn a_revoked_cosigner_key_bounds_nothing_past_its_size() {
    let size = played().cities[0].size() as u64;
    let cosigns = |last_good: Option<(String, u64)>| {
        let mut world = played();
        let fpr = world.third.cosigner.fpr().to_vec();
        revoke(&mut world, true, revocation(fpr, last_good));
        let found = verdicts(&world);
        let origin = world.cities[0].origin();
        let counts = found.records.iter().flat_map(|record| &record.cosigners);
        counts.filter(|by| by.origin == origin && by.by.starts_with("jieli.city-c/")).count()
    };
    let origin = || played().cities[0].origin();
    let all = cosigns(Some((origin(), size)));
    assert!(all > 0);
    assert_eq!(cosigns(Some((origin(), size - 1))), 0);
    assert_eq!(cosigns(None), 0);
}

/// The rehearsal with the message key of A valid only from an instant on.
fn valid_from(not_before: u64) -> World {
    let mut world = played();
    let city = &mut world.cities[0];
    let old: Vec<KeyManifest> =
        city.manifests.iter().map(|sealed| payload(sealed).unwrap()).collect();
    let first = city.message.public.to_spki();
    city.manifests.clear();
    for mut manifest in old {
        for key in manifest.keys.iter_mut().filter(|key| key.spki == first) {
            key.not_before = not_before;
        }
        manifest.prev_digest =
            city.manifests.last().map_or(vec![0; 32], |m| env_digest(m).to_vec());
        let sealed = city.root.seal(&manifest);
        city.manifests.push(sealed);
    }
    let (ours, root) = (city.manifests.clone(), city.root.fpr());
    let others = |sealed: &jieli_proto::wire::Envelope| sealed.key_fpr != root.0;
    world.bundle.manifests.retain(others);
    world.bundle.manifests.extend(ours);
    world
}

#[test]
fn a_key_that_signed_before_its_time_is_found() {
    let claimed = |found: &Verdicts| {
        let times = found.records.iter().map(|record| record.time.claimed_unix_ms);
        times.filter(|time| *time > 0).min().unwrap()
    };
    let earliest = claimed(&verdicts(&played()));
    assert_eq!(codes(&verdicts(&valid_from(earliest))), Vec::<&str>::new());
    let found = verdicts(&valid_from(earliest + 1));
    assert_eq!(codes(&found), ["KEY_EARLY"]);
    assert!(found.records.iter().any(|record| record.key == Holds::No));
    // Whatever its author claims: a head with it was cosigned before.
    let bound = found.records.iter().filter_map(|record| record.time.not_after.as_ref());
    let bound = bound.map(|bound| bound.unix_s).max().unwrap();
    let late = verdicts(&valid_from((bound + 16 * 60) * 1_000));
    assert!(codes(&late).contains(&"KEY_EARLY"));
}
