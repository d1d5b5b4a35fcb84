//! One city's contradictions as files: what proves something, and what does not.

use crate::story::played;
use crate::world::World;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope::payload;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::manifest::Manifest;
use jieli_proto::misbehaviour::{Misbehaviour, Parts, Unproved, What, verify};
use jieli_proto::note::Note;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, LastGood, Revocation, RevocationReason};

const ROOT: Hash = [7; 32];

/// A head of city A's log with any root, signed with its log key.
fn head(world: &World, size: usize, root: Hash) -> String {
    let city = &world.cities[0];
    let text = Checkpoint::new(&city.origin(), size as u64, root).unwrap().text();
    let line = city.log_key().sign(&text, 0, &|bytes| city.log.sign(bytes));
    Note::new(&text, line).unwrap().to_string()
}

fn file(world: &World, parts: Parts) -> Misbehaviour {
    let city = &world.cities[0];
    Misbehaviour { root: city.root.public, manifests: city.manifests.clone(), parts }
}

fn fpr(world: &World) -> Digest {
    Digest(world.cities[0].root.public.fingerprint())
}

fn judged(world: &World, parts: Parts) -> Result<What, Unproved> {
    let bytes = file(world, parts).to_bytes();
    verify(&bytes, &[fpr(world)]).map(|(city, what)| {
        assert_eq!(city, world.cities[0].city_id());
        what
    })
}

fn two_roots(world: &World) -> Parts {
    let size = world.cities[0].size();
    Parts::Notes([world.cities[0].head(size, &[]).to_string(), head(world, size, ROOT)])
}

/// A smaller head with a root of its own, beside the true one of the whole log.
fn fork(world: &World, old: usize) -> Parts {
    let city = &world.cities[0];
    let (leaves, size) = (city.leaves(), city.size());
    Parts::Fork {
        notes: [head(world, old, ROOT), city.head(size, &[]).to_string()],
        old_root: tree::root(&leaves[..old]),
        hashes: consistency(leaves, old),
    }
}

/// Consistency of the first `old` leaves with all.
fn consistency(leaves: &[Hash], old: usize) -> Vec<Hash> {
    let mut read = |level: u8, index: u64| {
        let is_leaf = level == 0;
        is_leaf.then(|| leaves[index as usize])
    };
    tree::consistency_proof(old as u64, leaves.len() as u64, &mut read).unwrap()
}

#[test]
fn two_roots_of_one_size_are_proved() {
    let world = played();
    let (origin, size) = (world.cities[0].origin(), world.cities[0].size() as u64);
    let proved = Ok(What::SplitView { origin, size });
    assert_eq!(judged(&world, two_roots(&world)), proved);
    // The same file, whoever found which first.
    let Parts::Notes([one, other]) = two_roots(&world) else { panic!() };
    let turned = file(&world, Parts::Notes([other.clone(), one.clone()])).to_bytes();
    assert_eq!(turned, file(&world, two_roots(&world)).to_bytes());
    // One root, another size, another city's signature.
    let smaller = head(&world, world.cities[0].size() - 1, ROOT);
    for not in [[one.clone(), one.clone()], [one.clone(), smaller]] {
        assert_eq!(judged(&world, Parts::Notes(not)), Err(Unproved::NoContradiction));
    }
    let theirs = world.cities[1].head(world.cities[1].size(), &[]).to_string();
    let not = Parts::Notes([one, theirs]);
    assert_eq!(judged(&world, not), Err(Unproved::Signature));
    let unsigned = other.replace("\u{2014} jieli", "\u{2014} jjeli");
    let Parts::Notes([one, _]) = two_roots(&world) else { panic!() };
    assert_eq!(judged(&world, Parts::Notes([one, unsigned])), Err(Unproved::Signature));
}

#[test]
fn a_head_that_is_no_beginning_of_a_larger_one_is_proved() {
    let world = played();
    let (origin, new_size) = (world.cities[0].origin(), world.cities[0].size() as u64);
    let old = world.cities[0].size() - 3;
    let proved = Ok(What::Fork { origin, old_size: old as u64, new_size });
    assert_eq!(judged(&world, fork(&world, old)), proved);
    // A proof that fails shows nothing, and neither does one that holds for the head itself.
    let Parts::Fork { notes, old_root, hashes } = fork(&world, old) else { panic!() };
    let wrong = Parts::Fork { notes: notes.clone(), old_root: [1; 32], hashes: hashes.clone() };
    assert_eq!(judged(&world, wrong), Err(Unproved::NoContradiction));
    let mut bent = hashes.clone();
    bent[0][0] ^= 1;
    let wrong = Parts::Fork { notes: notes.clone(), old_root, hashes: bent };
    assert_eq!(judged(&world, wrong), Err(Unproved::NoContradiction));
    let honest = [world.cities[0].head(old, &[]).to_string(), notes[1].clone()];
    let wrong = Parts::Fork { notes: honest, old_root, hashes };
    assert_eq!(judged(&world, wrong), Err(Unproved::NoContradiction));
}

#[test]
fn two_messages_for_one_place_are_proved() {
    let world = played();
    let city = &world.cities[0];
    let mut sealed = world.bundle.envelopes.iter().filter(|sealed| {
        let message = payload::<wire::Message>(sealed).ok();
        let header = message.and_then(|message| message.header);
        // The key before it was retired, and counts for nothing here.
        sealed.key_fpr == city.message_next.fpr().to_vec()
            && sealed.payload_type == Kind::Message.payload_type()
            && header.is_some_and(|header| header.sender == city.id)
    });
    let (one, other) = (sealed.next().unwrap().clone(), sealed.next().unwrap().clone());
    let mut message = payload::<wire::Message>(&one).unwrap();
    let header = message.header.as_mut().unwrap();
    header.created_unix_ms += 1;
    let (lane, lane_seq) = (header.lane, header.lane_seq);
    let agreement = hex::encode(&header.agreement_id);
    let twin = city.message_next.seal(&message);
    let forged = world.cities[1].message_next.seal(&message);
    let by = |two| judged(&world, Parts::Envelopes(two));
    let proved = Ok(What::TwoForOnePlace { agreement, lane, lane_seq });
    assert_eq!(by([one.clone(), twin.clone()]), proved);
    assert_eq!(by([twin, one.clone()]), proved);
    assert_eq!(by([one.clone(), one.clone()]), Err(Unproved::NoContradiction));
    assert_eq!(by([one.clone(), other]), Err(Unproved::NoContradiction));
    assert_eq!(by([one, forged]), Err(Unproved::Signature));
}

/// A thief of the log key convicts nobody beyond the size up to which the key counts.
#[test]
fn a_revoked_log_key_counts_up_to_its_size() {
    let size = played().cities[0].size() as u64;
    for (index, proved) in [(size, true), (size - 1, false)] {
        let mut world = played();
        let parts = two_roots(&world);
        let city = &mut world.cities[0];
        let mut newest: Option<Manifest> = None;
        for sealed in &city.manifests {
            newest = Some(Manifest::open(sealed, &city.root.public, newest.as_ref()).unwrap());
        }
        let gone = Revocation {
            fingerprint: city.log.fpr().to_vec(),
            last_good: vec![LastGood { origin: city.origin(), index }],
            reason: RevocationReason::Compromised.into(),
        };
        let next = city.root.seal(&newest.unwrap().next(Vec::new(), vec![gone]));
        city.manifests.push(next);
        let found = judged(&world, parts);
        let wanted = if proved { Ok(()) } else { Err(Unproved::Signature) };
        assert_eq!(found.map(drop), wanted);
    }
}

/// One spelling, within its size, and only under a root that was given.
#[test]
fn a_file_has_one_spelling_and_one_root() {
    let world = played();
    let good = file(&world, two_roots(&world)).to_bytes();
    let roots = [fpr(&world)];
    assert!(verify(&good, &roots).is_ok());
    assert_eq!(verify(&good, &[]), Err(Unproved::Root(fpr(&world))));
    let text = String::from_utf8(good.clone()).unwrap();
    for (what, bad) in [
        ("cut short", text[..text.len() - 1].to_owned()),
        ("a space", text.replacen(':', ": ", 1)),
        ("a newline", format!("{text}\n")),
        ("another field", text.replacen('{', "{\"a\":1,", 1)),
        ("another format", text.replacen("misbehaviour", "misbehavior", 1)),
    ] {
        assert_ne!(bad, text, "{what}");
        assert_eq!(verify(bad.as_bytes(), &roots), Err(Unproved::Form), "{what}");
    }
    let mut long = good;
    long.resize(jieli_proto::misbehaviour::FILE_BYTES_MAX + 1, b' ');
    assert_eq!(verify(&long, &roots), Err(Unproved::Form));
    // Manifests that are no chain under the root.
    let mut broken = file(&world, two_roots(&world));
    broken.manifests.reverse();
    assert_eq!(verify(&broken.to_bytes(), &roots), Err(Unproved::Manifests));
    broken.manifests.clear();
    assert_eq!(verify(&broken.to_bytes(), &roots), Err(Unproved::Manifests));
}
