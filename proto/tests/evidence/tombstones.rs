//! Tombstones of a local log: what was erased, when, and that nobody can say it of another section.

use crate::bundle::{files, listed_anew};
use crate::fixtures::*;
use crate::story::{Plot, played, played_as};
use crate::world::World;
use jieli_proto::bundle::{Gone, GoneBy, SectionVerdict, Verdicts, build, verify};
use jieli_proto::envelope::payload;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::proof::Proof;
use jieli_proto::tombstone::{Reason, Tombstone};
use jieli_proto::wire::{self, MessageType};

/// When A erased, and when B cosigned its local log.
const ERASED_MS: u64 = NINE + 2 * 86_400_000;
const COSIGNED_S: u64 = ERASED_MS / 1_000 + 600;

/// The section digests that RELEASE names, by number.
fn released(world: &World) -> Vec<(u32, Digest)> {
    let messages = world.bundle.envelopes.iter().filter_map(|e| payload::<wire::Message>(e).ok());
    let mut released = messages.filter(|message| message.r#type() == MessageType::Release);
    let slots = released.next().unwrap().section_digests.into_iter();
    slots.map(|slot| (slot.section, Digest::from_slice(&slot.digest).unwrap())).collect()
}

fn stone(world: &World) -> Tombstone {
    Tombstone {
        salt: [9; 32],
        at_unix_ms: ERASED_MS,
        leg: LegId(LEG),
        reason: Reason::Retention,
        sections: released(world).into_iter().map(|(_, digest)| digest).take(2).collect(),
    }
}

/// The tombstone among other records of A, at index 1 of 3.
fn proven(world: &World, stone: &Tombstone) -> Proof {
    let records = [vec![1; 80], stone.to_bytes(), vec![2; 80]];
    world.cities[0].buried(&records, 1, &[(&world.cities[1], COSIGNED_S)])
}

/// The rehearsal after A has erased what it released: nothing of it is disclosed.
fn erased(change: impl FnOnce(&mut World)) -> World {
    let mut world = played();
    bury(&mut world);
    change(&mut world);
    world
}

/// A erases what it released.
pub(crate) fn bury(world: &mut World) {
    world.bundle.sections.clear();
    let proof = proven(world, &stone(world));
    world.bundle.tombstones.push(proof);
}

fn verdicts(world: &World) -> Verdicts {
    verify(&build(&world.bundle).unwrap(), &world.roots()).unwrap()
}

fn codes(world: &World) -> Vec<&'static str> {
    let mut codes: Vec<_> =
        verdicts(world).failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

/// What is said of the sections of RELEASE.
fn said(found: &Verdicts) -> Vec<(u8, SectionVerdict)> {
    let release = found.records.iter().find(|record| record.what == "RELEASE").unwrap();
    release.sections.clone()
}

#[test]
fn it_says_what_was_erased_when_by_whom_and_why() {
    let found = verdicts(&erased(|_| ()));
    assert_eq!(found.failures, [], "{}", found.text());
    let [(16, first), (18, second), (19, SectionVerdict::NotDisclosed)] = &said(&found)[..] else {
        panic!("{:?}", said(&found))
    };
    let SectionVerdict::Erased(all) = first else { panic!("{first:?}") };
    assert_eq!(first, second);
    let [Gone { on, city, by: GoneBy::Logged { reason, claimed_unix_ms, not_after, .. } }] =
        &all[..]
    else {
        panic!("{all:?}")
    };
    assert_eq!((on.number(), city.as_str()), (20_261_123, "city-a"));
    assert_eq!((*reason, *claimed_unix_ms), (Reason::Retention, ERASED_MS));
    let bound = not_after.as_ref().unwrap();
    assert_eq!((bound.unix_s, bound.by.as_str()), (COSIGNED_S, "jieli.city-b/cosigner/1"));
    let text = found.text();
    assert!(text.contains("by city-a (its time was over), logged in jieli.city-a/local/1 at 1"));
    assert!(text.contains("保存期满"));
    assert!(found.to_json().contains("\"shown_by\":\"tombstone\""));
}

#[test]
fn what_is_shown_is_shown_whatever_else_was_erased() {
    let sections = played().bundle.sections;
    let found = verdicts(&erased(|world| world.bundle.sections = sections));
    assert_eq!(found.failures, []);
    assert_eq!(said(&found)[0].1, SectionVerdict::Matches);
}

#[test]
fn both_cities_can_have_erased() {
    let world = erased(|world| {
        let mut stone = stone(world);
        stone.reason = Reason::OtherCityAsked;
        stone.at_unix_ms += 86_400_000;
        let later = (&world.cities[0], COSIGNED_S + 86_400);
        let proof = world.cities[1].buried(&[stone.to_bytes()], 0, &[later]);
        world.bundle.tombstones.push(proof);
    });
    let found = verdicts(&world);
    assert_eq!(found.failures, []);
    let SectionVerdict::Erased(all) = &said(&found)[0].1 else { panic!() };
    let cities: Vec<&str> = all.iter().map(|gone| gone.city.as_str()).collect();
    assert_eq!(cities, ["city-a", "city-b"]);
}

#[test]
fn a_tombstone_moved_to_another_section_is_false() {
    // The record names another section than the one that was logged.
    let moved = erased(|world| {
        let mut stone = stone(world);
        stone.sections = vec![released(world)[2].1];
        world.bundle.tombstones[0].extra = stone.to_bytes();
    });
    assert_eq!(codes(&moved), ["ERASURE_FALSE"]);
    assert!(said(&verdicts(&moved)).iter().all(|(_, s)| *s == SectionVerdict::NotDisclosed));
    // Truly logged, of a leg or section that is not here.
    let changes: [fn(&mut Tombstone); 2] =
        [|stone| stone.leg = LegId([5; 16]), |stone| stone.sections = vec![Digest([5; 32])]];
    for change in changes {
        let other = erased(|world| {
            let mut stone = stone(world);
            change(&mut stone);
            world.bundle.tombstones = vec![proven(world, &stone)];
        });
        assert_eq!(codes(&other), ["UNREFERENCED"]);
    }
}

#[test]
fn a_forged_time_is_false() {
    for ms in [0, 1, ERASED_MS - 86_400_000, u64::MAX] {
        let forged = erased(|world| {
            let mut stone = stone(world);
            stone.at_unix_ms = ms;
            world.bundle.tombstones[0].extra = stone.to_bytes();
        });
        assert_eq!(codes(&forged), ["ERASURE_FALSE"], "{ms}");
    }
    // The city itself dates it later than another one has cosigned a head with it.
    for (ms, holds) in [(15 * 60_000, true), (15 * 60_000 + 1, false)] {
        let late = erased(|world| {
            let mut stone = stone(world);
            stone.at_unix_ms = COSIGNED_S * 1_000 + ms;
            world.bundle.tombstones = vec![proven(world, &stone)];
        });
        assert_eq!(codes(&late).is_empty(), holds, "{ms}");
    }
}

#[test]
fn only_the_local_log_of_a_party_shows_it() {
    type Change = fn(&World, &Tombstone) -> Proof;
    let wrong: [(Change, &str); 4] = [
        // B signs in the name of A's log, and C cosigns it.
        (
            |world, stone| {
                let origin = world.cities[0].city_id().local_origin(1);
                let leaf = jieli_proto::tree::leaf_hash(&stone.to_bytes());
                let note = world.cities[1].signed(&origin, &[leaf], &[(&world.third, COSIGNED_S)]);
                Proof { extra: stone.to_bytes(), index: 0, hashes: Vec::new(), note }
            },
            "ERASURE_FALSE",
        ),
        // C is no party.
        (|world, stone| world.third.buried(&[stone.to_bytes()], 0, &[]), "UNREFERENCED"),
        // Another place than its own.
        (
            |world, stone| {
                let mut proof = proven(world, stone);
                proof.index = 2;
                proof
            },
            "ERASURE_FALSE",
        ),
        (
            |world, stone| {
                let mut proof = proven(world, stone);
                proof.hashes.pop();
                proof
            },
            "ERASURE_FALSE",
        ),
    ];
    for (change, code) in wrong {
        let world = erased(|world| world.bundle.tombstones = vec![change(world, &stone(world))]);
        assert_eq!(codes(&world), [code]);
    }
    // In the exchange log it has no place.
    let mut world = erased(|_| ());
    let leaf = jieli_proto::tree::leaf_hash(&stone(&world).to_bytes());
    let note = world.cities[0].signed("jieli.city-a/log/1", &[leaf], &[]);
    let extra = stone(&world).to_bytes();
    world.bundle.tombstones = vec![Proof { extra, index: 0, hashes: Vec::new(), note }];
    assert!(build(&world.bundle).is_err());
}

#[test]
fn two_heads_of_one_size_are_a_split_view() {
    let world = erased(|world| {
        let stone = stone(world);
        let other = [stone.to_bytes(), vec![3; 80], vec![4; 80]];
        let proof = world.cities[0].buried(&other, 0, &[]);
        world.bundle.tombstones.push(proof);
    });
    assert_eq!(codes(&world), ["SPLIT_VIEW"]);
}

#[test]
fn no_byte_of_it_can_be_flipped() {
    let mut world = played_as(&Plot::short());
    world.bundle.sections.clear();
    let stone = stone(&world);
    let proof = world.cities[0].buried(&[vec![1; 80], stone.to_bytes()], 1, &[]);
    world.bundle.tombstones.push(proof);
    let whole = files(&build(&world.bundle).unwrap());
    let at = whole.iter().position(|(path, _)| path.starts_with("erasures/")).unwrap();
    assert_eq!(whole[at].0, "erasures/city-a.1.1.tlog-proof");
    for byte in 0..whole[at].1.len() {
        let mut forged = whole.clone();
        forged[at].1[byte] ^= 1 << (byte % 8);
        let found = verify(&listed_anew(forged), &world.roots()).unwrap();
        assert!(!found.all_hold(), "byte {byte}");
    }
}
