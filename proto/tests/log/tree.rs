//! The tree against the definitions of RFC 6962, for every size up to 130.

use jieli_proto::tree::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// RFC 6962 section 2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => empty_root(),
        1 => leaves[0],
        n => {
            let k = half(n);
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

/// RFC 6962 section 2.1.1.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    let n = leaves.len();
    if n == 1 {
        return Vec::new();
    }
    let k = half(n);
    let (mut rest, sibling) = if m < k {
        (path(m, &leaves[..k]), mth(&leaves[k..]))
    } else {
        (path(m - k, &leaves[k..]), mth(&leaves[..k]))
    };
    rest.push(sibling);
    rest
}

/// RFC 6962 section 2.1.2.
fn subproof(m: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    let n = leaves.len();
    if m == n {
        return if is_whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = half(n);
    let (mut rest, sibling) = if m <= k {
        (subproof(m, &leaves[..k], is_whole), mth(&leaves[k..]))
    } else {
        (subproof(m - k, &leaves[k..], false), mth(&leaves[..k]))
    };
    rest.push(sibling);
    rest
}

fn half(n: usize) -> usize {
    n.next_power_of_two() / 2
}

pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// What a store keeps: leaf rows and the roots of full tiles.
struct Stored {
    hashes: BTreeMap<(u8, u64), Hash>,
    frontier: Frontier,
}

impl Stored {
    fn grow(count: u64) -> Stored {
        let mut stored = Stored { hashes: BTreeMap::new(), frontier: Frontier::new() };
        for leaf in leaves(count) {
            for node in stored.frontier.append(leaf).unwrap() {
                if let Some((tile, at)) = node.place() {
                    let index = tile.index * TILE_WIDTH + at as u64;
                    stored.hashes.insert((tile.level, index), node.hash);
                }
            }
        }
        stored
    }

    fn read(&self) -> impl FnMut(u8, u64) -> Option<Hash> + '_ {
        |level, index| self.hashes.get(&(level, index)).copied()
    }
}

/// Every way to spoil a proof that leaves it a list of hashes.
fn spoiled(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        let mut flipped = proof.to_vec();
        flipped[at][at % 32] ^= 1 << (at % 8);
        all.push(flipped);
        let mut without = proof.to_vec();
        without.remove(at);
        all.push(without);
        let mut doubled = proof.to_vec();
        doubled.insert(at, proof[at]);
        all.push(doubled);
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            all.push(swapped);
        }
    }
    for hash in [[0; 32], empty_root()] {
        all.push([proof, &[hash]].concat());
        all.push([&[hash], proof].concat());
    }
    all
}

#[test]
fn known_roots_of_rfc_6962() {
    let data = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let leaves: Vec<Hash> = data.iter().map(|hex| leaf_hash(&hex::decode(hex).unwrap())).collect();
    let mut frontier = Frontier::new();
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(hex::encode(root(&leaves[..size])), *expected);
        assert_eq!(hex::encode(frontier.root()), *expected);
        if let Some(leaf) = leaves.get(size) {
            frontier.append(*leaf).unwrap();
        }
    }
}

#[test]
fn every_root_and_inclusion_proof_up_to_130() {
    let leaves = leaves(130);
    for size in 0..=130 {
        let stored = Stored::grow(size as u64);
        let top = mth(&leaves[..size]);
        assert_eq!(root(&leaves[..size]), top);
        assert_eq!(stored.frontier.root(), top);
        assert_eq!(root_at(size as u64, &mut stored.read()), Ok(top));
        assert_eq!(frontier_at(size as u64, &mut stored.read()).as_ref(), Ok(&stored.frontier));
        let out_of_range = inclusion_proof(size as u64, size as u64, &mut stored.read());
        assert_eq!(out_of_range, Err(TreeError::OutOfRange));
        for index in 0..size {
            let (at, count) = (index as u64, size as u64);
            let proof = inclusion_proof(at, count, &mut stored.read()).unwrap();
            assert_eq!(proof, path(index, &leaves[..size]));
            assert_eq!(audit_path(&leaves[..size], index).unwrap(), proof);
            let check =
                |at, proof: &[Hash], top| verify_inclusion(&leaves[index], at, count, proof, top);
            assert_eq!(check(at, &proof, &top), Ok(()));
            assert!(spoiled(&proof).iter().all(|bad| check(at, bad, &top).is_err()));
            assert!(
                (0..size as u64 + 3)
                    .all(|other| other == at || check(other, &proof, &top).is_err())
            );
            assert!(check(at, &proof, &leaf_hash(b"another")).is_err());
            assert!(verify_inclusion(&top, at, count, &proof, &top).is_err() || size == 1);
        }
    }
}

#[test]
fn every_consistency_proof_up_to_130() {
    let leaves = leaves(130);
    let stored = Stored::grow(130);
    let roots: Vec<Hash> = (0..=130).map(|size| mth(&leaves[..size])).collect();
    for new in 0..=130 {
        for old in 0..=new {
            let proof = consistency_proof(old as u64, new as u64, &mut stored.read()).unwrap();
            let expected = if old == 0 { Vec::new() } else { subproof(old, &leaves[..new], true) };
            assert_eq!(proof, expected);
            let check = |proof: &[Hash], from: &Hash, to: &Hash| {
                verify_consistency(old as u64, new as u64, proof, from, to)
            };
            let (from, to) = (&roots[old], &roots[new]);
            assert_eq!(check(&proof, from, to), Ok(()), "{old} {new}");
            assert!(spoiled(&proof).iter().all(|bad| check(bad, from, to).is_err()));
            let other = leaf_hash(b"another");
            assert!(check(&proof, &other, to).is_err());
            // Only the empty tree is extended by every root.
            assert_eq!(check(&proof, from, &other).is_err(), old > 0 || new == 0);
            if old != new {
                assert!(old == 0 || check(&proof, to, from).is_err());
                let back = verify_consistency(new as u64, old as u64, &proof, to, from);
                assert_eq!(back, Err(TreeError::OutOfRange));
            }
        }
    }
}

#[test]
fn proofs_come_from_tiles() {
    let size = 70_000;
    let stored = Stored::grow(size);
    // The example of C2SP tlog-tiles.
    assert_eq!(Tile { level: 0, index: 273 }.width_at(size), 112);
    assert_eq!(Tile { level: 1, index: 0 }.width_at(size), 256);
    assert_eq!(Tile { level: 1, index: 1 }.width_at(size), 17);
    assert_eq!(Tile { level: 2, index: 0 }.width_at(size), 1);
    assert_eq!(Tile { level: 2, index: 1 }.width_at(size), 0);
    assert_eq!(completed_tiles(0, size).unwrap().len(), 274);
    let top = stored.frontier.root();
    assert_eq!(root_at(size, &mut stored.read()), Ok(top));
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let tiles = inclusion_tiles(index, size).unwrap();
        assert!(tiles.iter().all(|tile| tile.width_at(size) > 0));
        let mut read = |level, at: u64| {
            assert!(tiles.contains(&Tile { level, index: at / TILE_WIDTH }));
            stored.hashes.get(&(level, at)).copied()
        };
        let proof = inclusion_proof(index, size, &mut read).unwrap();
        let leaf = leaf_hash(&index.to_be_bytes());
        assert_eq!(verify_inclusion(&leaf, index, size, &proof, &top), Ok(()));
        let proof = consistency_proof(index, size, &mut stored.read()).unwrap();
        let old = root_at(index, &mut stored.read()).unwrap();
        assert_eq!(verify_consistency(index, size, &proof, &old, &top), Ok(()));
    }
    assert_eq!(inclusion_proof(0, size + 1, &mut stored.read()), Err(TreeError::Missing));
}

#[test]
fn tiles_become_full_when_their_root_appears() {
    let mut frontier = Frontier::new();
    for (size, leaf) in leaves(66_000).into_iter().enumerate() {
        let nodes = frontier.append(leaf).unwrap();
        let full: Vec<Tile> = nodes.iter().filter_map(Node::completes).collect();
        assert_eq!(completed_tiles(size as u64, size as u64 + 1).unwrap(), full);
    }
    assert_eq!(completed_tiles(1, 0), Err(TreeError::OutOfRange));
    assert_eq!(completed_tiles(0, SIZE_MAX + 1), Err(TreeError::TooLarge));
    let hashes = leaves(256);
    assert_eq!(tile_root(&hashes), Some(mth(&hashes)));
    assert_eq!(tile_root(&hashes[1..]), None);
}

#[test]
fn tile_paths() {
    let path = |level, index, width| Tile { level, index }.path(width);
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(3, 1000, 7), "tile/3/x001/000.p/7");
    assert_eq!(Tile { level: 0, index: 2 }.span(), Some((512, 768)));
    assert_eq!(Tile { level: 1, index: 1 }.span(), Some((65_536, 131_072)));
    assert_eq!(Tile { level: 200, index: 0 }.span(), None);
    assert_eq!(Tile { level: 200, index: 0 }.width_at(u64::MAX), 0);
}

#[test]
fn limits() {
    let mut read = |_: u8, _: u64| Some([0; 32]);
    for size in [SIZE_MAX + 1, u64::MAX] {
        assert_eq!(inclusion_proof(0, size, &mut read), Err(TreeError::TooLarge));
        assert_eq!(consistency_proof(0, size, &mut read), Err(TreeError::TooLarge));
        assert_eq!(verify_inclusion(&[0; 32], 0, size, &[], &[0; 32]), Err(TreeError::TooLarge));
        let refused = verify_consistency(1, size, &[], &[0; 32], &[0; 32]);
        assert_eq!(refused, Err(TreeError::TooLarge));
        assert_eq!(Frontier::from_parts(size, Vec::new()), Err(TreeError::TooLarge));
    }
    let longest = consistency_proof(SIZE_MAX - 1, SIZE_MAX, &mut read).unwrap();
    assert_eq!(longest.len(), PROOF_HASHES_MAX);
    assert_eq!(inclusion_proof(0, SIZE_MAX, &mut read).unwrap().len(), 62);
    assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), Err(TreeError::BadFrontier));
    assert!(Frontier::from_parts(SIZE_MAX, vec![[0; 32]]).unwrap().append([0; 32]).is_err());
    assert_eq!(verify_inclusion(&[0; 32], 0, 0, &[], &empty_root()), Err(TreeError::OutOfRange));
    let refused = find_inclusion(&[0; 32], BATCH_MAX + 1, &[], &[0; 32]);
    assert_eq!(refused, Err(TreeError::TooLarge));
}

#[test]
fn batches() {
    for count in (0..=40u64).chain([255, 256]) {
        let items: Vec<Vec<u8>> = (0..count).map(|item| item.to_be_bytes().to_vec()).collect();
        let (top, paths) = items_root(&items);
        assert_eq!(top, mth(&leaves(count)));
        assert_eq!(paths.len() as u64, count);
        for (index, path) in paths.iter().enumerate() {
            let leaf = leaf_hash(&items[index]);
            assert_eq!(find_inclusion(&leaf, count, path, &top), Ok(index as u64));
            assert!(find_inclusion(&leaf_hash(b"another"), count, path, &top).is_err());
        }
    }
}

/// A path no batch has is refused at any length, and no count above a batch's is searched.
#[test]
fn a_hostile_batch_costs_little() {
    let leaf = leaf_hash(b"item");
    for length in [9, 63, 100_000] {
        let path = vec![[7; 32]; length];
        let refused = find_inclusion(&leaf, BATCH_MAX, &path, &[0; 32]);
        assert_eq!(refused, Err(TreeError::Mismatch));
    }
    for count in [BATCH_MAX + 1, 4096, SIZE_MAX, u64::MAX] {
        assert_eq!(find_inclusion(&leaf, count, &[], &leaf), Err(TreeError::TooLarge));
    }
    assert_eq!(find_inclusion(&leaf, 1, &[], &leaf), Ok(0));
    assert_eq!(find_inclusion(&leaf, 0, &[], &leaf), Err(TreeError::Mismatch));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_size(size in 1u64..3000, at in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let (index, old) = (at.index(size as usize), old.index(size as usize + 1));
        let mut read = |level: u8, at: u64| {
            let width = 1 << (8 * u32::from(level));
            leaves.get(at as usize * width..(at as usize + 1) * width).map(mth)
        };
        let proof = inclusion_proof(index as u64, size, &mut read).unwrap();
        prop_assert_eq!(&proof, &path(index, &leaves));
        let top = mth(&leaves);
        prop_assert!(verify_inclusion(&leaves[index], index as u64, size, &proof, &top).is_ok());
        let proof = consistency_proof(old as u64, size, &mut read).unwrap();
        let from = mth(&leaves[..old]);
        prop_assert!(verify_consistency(old as u64, size, &proof, &from, &top).is_ok());
    }

    #[test]
    fn nothing_random_verifies(
        index in any::<u64>(), size in any::<u64>(), proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)
    ) {
        prop_assert!(verify_inclusion(&[1; 32], index, size, &proof, &[2; 32]).is_err());
        let refused = verify_consistency(index, size, &proof, &[1; 32], &[2; 32]);
        prop_assert!(refused.is_err());
    }
}
