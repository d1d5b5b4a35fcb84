//! A log that goes on in another epoch: what came before the successor statement verifies against
//! the old one, what came after against the new.

use crate::fixtures::*;
use crate::story::{Plot, played_as, successor};
use crate::world::World;
use jieli_proto::bundle::{Holds, Verdicts, build, verify};
use jieli_proto::kinds::PartySide;
use jieli_proto::wire;

/// TAKE UP, ACCEPT, their receipt, RELEASE and its receipt are logged again.
const AGAIN: usize = 5;

fn played() -> World {
    played_as(&Plot { again: Some(AGAIN), ..Plot::default() })
}

fn verdicts(world: &World) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap()
}

fn codes(found: &Verdicts) -> Vec<&'static str> {
    let mut codes: Vec<_> = found.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

#[test]
fn both_epochs_verify_each_in_its_place() {
    let world = played();
    let found = verdicts(&world);
    assert_eq!(codes(&found), Vec::<&str>::new(), "{}", found.text());
    let origins = |what: &str| {
        let record = found.records.iter().find(|record| record.what == what).unwrap();
        assert!(record.logs.iter().all(|log| log.holds == Holds::Yes));
        record.logs.iter().map(|log| log.origin.clone()).collect::<Vec<_>>()
    };
    assert_eq!(origins("OFFER"), ["jieli.city-a/log/1", "jieli.city-b/log/1"]);
    // Receipted before, logged again; and written after.
    assert_eq!(origins("TAKE_UP"), ["jieli.city-a/log/2", "jieli.city-b/log/1"]);
    assert_eq!(origins("OUTCOME"), ["jieli.city-a/log/2", "jieli.city-b/log/1"]);
    assert_eq!(found.epochs.len(), 1);
    assert_eq!(found.epochs[0].size, world.cities[0].base as u64);
    assert!(found.text().contains("goes on as jieli.city-a/log/2"));
}

/// The statement as somebody changes it, signed by whom he can.
fn stated(change: impl FnOnce(&mut wire::Successor), key: fn(&World) -> &Signer) -> Verdicts {
    let mut world = played();
    let mut said = successor(&world);
    change(&mut said);
    let sealed = key(&world).seal(&said);
    world.bundle.successors = vec![sealed];
    verdicts(&world)
}

fn root(world: &World) -> &Signer {
    &world.city(PartySide::A).root
}

#[test]
fn an_epoch_that_nobody_announced_counts_for_nothing() {
    let mut world = played();
    world.bundle.successors.clear();
    let found = codes(&verdicts(&world));
    assert!(found.contains(&"PROOF_FALSE"), "{found:?}");
    // Announced from an epoch that was not announced itself.
    let from_two = |said: &mut wire::Successor| {
        said.old_origin = "jieli.city-a/log/2".to_owned();
        said.new_origin = "jieli.city-a/log/3".to_owned();
    };
    assert!(codes(&stated(from_two, root)).contains(&"PROOF_FALSE"));
    assert_eq!(codes(&stated(|_| (), root)), Vec::<&str>::new());
}

#[test]
fn only_the_root_of_the_city_can_end_an_epoch() {
    let wrong: [fn(&World) -> &Signer; 3] = [
        |world| &world.city(PartySide::B).root,
        |world| &world.city(PartySide::A).message,
        |world| &world.city(PartySide::A).log,
    ];
    for key in wrong {
        let found = codes(&stated(|_| (), key));
        assert!(found.contains(&"SUCCESSOR_FALSE") && found.contains(&"PROOF_FALSE"), "{found:?}");
    }
    let other = |said: &mut wire::Successor| {
        said.city_id = "city-b".to_owned();
        said.old_origin = "jieli.city-b/log/1".to_owned();
        said.new_origin = "jieli.city-b/log/2".to_owned();
    };
    assert!(codes(&stated(other, root)).contains(&"SUCCESSOR_FALSE"));
}

#[test]
fn the_old_epoch_counts_up_to_its_end_and_no_further() {
    let shorter = stated(|said| said.old_size -= 1, root);
    assert!(codes(&shorter).contains(&"PROOF_FALSE"), "{:?}", codes(&shorter));
    let other_root = stated(|said| said.old_root = vec![7; 32], root);
    assert!(codes(&other_root).contains(&"PROOF_FALSE"), "{:?}", codes(&other_root));
    // It is said to have ended later: then what was receipted before its end must stand in it.
    let later = stated(
        |said| {
            said.old_size += 3;
            said.old_root = vec![7; 32];
        },
        root,
    );
    assert_eq!(codes(&later), ["ITEM_FALSE"]);
    // A head that was quoted from beyond the end is of no use.
    let world = played_as(&Plot { again: Some(AGAIN + 3), ..Plot::default() });
    let found = codes(&verdicts(&world));
    assert!(found.contains(&"HEAD_FALSE"), "{found:?}");
}

#[test]
fn one_epoch_ends_once() {
    let mut world = played();
    let mut said = successor(&world);
    said.new_origin = "jieli.city-a/log/3".to_owned();
    let second = world.city(PartySide::A).root.seal(&said);
    world.bundle.successors.push(second);
    assert!(codes(&verdicts(&world)).contains(&"SUCCESSOR_FALSE"));
}
