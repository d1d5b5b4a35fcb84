use super::{Cases, hex_of};
use crate::tree::leaves;
use jieli_proto::tree::*;
use serde_json::json;
use std::collections::BTreeSet;

/// Sizes on both sides of every boundary that matters, a full tile's too.
const SIZES: [u64; 8] = [1, 2, 3, 5, 7, 8, 130, 257];

#[test]
fn tree_json() {
    let mut cases = Cases::new(
        "RFC 6962 trees over SHA-256. Leaf i of the tree of a case without leaves is the eight bytes of \
         i, big-endian. Hashes and leaves are hex. kind: root | inclusion (leaf_hash at index of the tree \
         with size and root; path from the leaf up) | consistency | batch (items_root and the audit path \
         of each item) | tiles (C2SP tlog-tiles that become full between two sizes).",
    );
    roots(&mut cases);
    for size in SIZES {
        for index in BTreeSet::from([0, size / 2, size - 1]) {
            inclusion(&mut cases, index, size);
        }
        for old in BTreeSet::from([0, 1, size / 2, size - 1, size]) {
            consistency(&mut cases, old, size);
        }
    }
    batches(&mut cases);
    for (from, to) in [(0, 255), (0, 256), (255, 513), (65_280, 65_536), (70_000, 70_400)] {
        let tiles = completed_tiles(from, to).unwrap();
        let paths: Vec<String> = tiles.iter().map(|tile| tile.path(TILE_WIDTH)).collect();
        let inputs = json!({ "kind": "tiles", "from": from, "to": to, "full": paths });
        cases.add(&format!("tiles from {from} to {to}"), true, inputs, Ok::<_, TreeError>(()));
    }
    cases.check("tree.json");
}

fn roots(cases: &mut Cases) {
    let data = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
    for size in 0..=data.len() {
        let leaves: Vec<Hash> =
            data[..size].iter().map(|hex| leaf_hash(&hex::decode(hex).unwrap())).collect();
        let inputs =
            json!({ "kind": "root", "leaves": data[..size], "root": hex::encode(root(&leaves)) });
        cases.add(&format!("root of {size} leaves"), true, inputs, Ok::<_, TreeError>(()));
    }
    for size in SIZES {
        let root = hex::encode(root(&leaves(size)));
        let inputs = json!({ "kind": "root", "size": size, "root": root });
        cases.add(&format!("root of size {size}"), true, inputs, Ok::<_, TreeError>(()));
    }
}

fn inclusion(cases: &mut Cases, index: u64, size: u64) {
    let leaves = leaves(size);
    let (root, leaf) = (root(&leaves), leaves[index as usize]);
    let path = audit_path(&leaves, index as usize).unwrap();
    let mut add = |what: &str, is_valid, leaf: &Hash, index, size, path: &[Hash], root: &Hash| {
        let inputs = json!({
            "kind": "inclusion", "index": index, "size": size, "leaf_hash": hex::encode(leaf),
            "path": hex_of(path), "root": hex::encode(root),
        });
        let outcome = verify_inclusion(leaf, index, size, path, root);
        cases.add(&format!("leaf {index} of {size}{what}"), is_valid, inputs, outcome);
    };
    add("", true, &leaf, index, size, &path, &root);
    add(", index is the size", false, &leaf, size, size, &path, &root);
    add(", empty tree", false, &leaf, 0, 0, &[], &empty_root());
    add(", path extended", false, &leaf, index, size, &[&path[..], &[root]].concat(), &root);
    add(", another root", false, &leaf, index, size, &path, &empty_root());
    if let [first, second, ..] = path[..] {
        let mut swapped = path.clone();
        (swapped[0], swapped[1]) = (second, first);
        add(", siblings swapped", false, &leaf, index, size, &swapped, &root);
    }
    if let Some((last, shorter)) = path.split_last() {
        add(", path truncated", false, &leaf, index, size, shorter, &root);
        add(
            ", neighbour's index",
            false,
            &leaf,
            if index > 0 { index - 1 } else { 1 },
            size,
            &path,
            &root,
        );
        add(", an inner node as leaf", false, &node_hash(&leaf, last), index, size, shorter, &root);
    }
    if (index, size) == (0, 257) {
        add(", 64 hashes", false, &leaf, index, size, &[[7; 32]; 64], &root);
    }
}

fn consistency(cases: &mut Cases, old: u64, new: u64) {
    let leaves = leaves(new);
    let (from, to) = (root(&leaves[..old as usize]), root(&leaves));
    let proof = consistency_proof(old, new, &mut |level, at| match level {
        0 => leaves.get(at as usize).copied(),
        _ => tile_root(leaves.get(at as usize * 256..at as usize * 256 + 256)?),
    })
    .unwrap();
    let mut add = |what: &str, is_valid, old, new, proof: &[Hash], from: &Hash, to: &Hash| {
        let inputs = json!({
            "kind": "consistency", "old_size": old, "new_size": new, "proof": hex_of(proof),
            "old_root": hex::encode(from), "new_root": hex::encode(to),
        });
        let outcome = verify_consistency(old, new, proof, from, to);
        cases.add(&format!("{old} to {new}{what}"), is_valid, inputs, outcome);
    };
    add("", true, old, new, &proof, &from, &to);
    add(", proof extended", false, old, new, &[&proof[..], &[to]].concat(), &from, &to);
    add(", another old root", false, old, new, &proof, &[7; 32], &to);
    if old > 0 {
        add(", another new root", false, old, new, &proof, &from, &[7; 32]);
    }
    if old < new {
        add(", backwards", false, new, old, &proof, &to, &from);
    }
    if let Some((_, shorter)) = proof.split_first() {
        add(", proof truncated", false, old, new, shorter, &from, &to);
    }
    if let [.., a, b] = proof[..] {
        let mut swapped = proof.clone();
        let last = swapped.len() - 1;
        (swapped[last - 1], swapped[last]) = (b, a);
        add(", hashes swapped", false, old, new, &swapped, &from, &to);
    }
}

fn batches(cases: &mut Cases) {
    for count in [0, 1, 2, 3, 5] {
        let items: Vec<String> = (0..count).map(|item| format!("item {item}")).collect();
        let (root, paths) = items_root(&items);
        for (index, path) in paths.iter().enumerate() {
            let found = find_inclusion(&leaf_hash(items[index].as_bytes()), count, path, &root);
            assert_eq!(found, Ok(index as u64));
        }
        let paths: Vec<Vec<String>> = paths.iter().map(|path| hex_of(path)).collect();
        let inputs = json!({
            "kind": "batch", "items": hex_of(&items), "root": hex::encode(root), "paths": paths,
        });
        cases.add(&format!("batch of {count}"), true, inputs, Ok::<_, TreeError>(()));
    }
}
