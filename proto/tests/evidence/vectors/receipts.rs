//! `receipts.json`: items, their root and their audit paths.

use super::{compare_cases, hexes};
use jieli_proto::tree::{self, Hash, find_inclusion, leaf_hash};
use jieli_proto::wire::{self, ItemStatus};
use prost::Message as _;
use serde_json::{Value, json};

fn item(n: u64) -> Vec<u8> {
    let (status, code) = match n % 3 {
        0 => (ItemStatus::Refused, 20),
        1 => (ItemStatus::Stored, 0),
        _ => (ItemStatus::StoredWithheld, 0),
    };
    wire::Item {
        lane_seq: n,
        env_digest: vec![n as u8; 32],
        log_index: 100 + n,
        status: status.into(),
        code,
    }
    .encode_to_vec()
}

fn case(name: &str, item: &[u8], count: u64, path: &[Hash], root: &Hash) -> Value {
    let found = find_inclusion(&leaf_hash(item), count, path, root);
    json!({
        "name": name,
        "error": found.as_ref().err().map(|error| format!("{error:?}")),
        "item": hex::encode(item),
        "leaf_hash": hex::encode(leaf_hash(item)),
        "count": count,
        "path": hexes(path),
        "items_root": hex::encode(root),
        "index": found.ok(),
    })
}

#[test]
fn items_and_paths() {
    let mut cases = Vec::new();
    for count in [1_u64, 2, 3, 5, 8] {
        let items: Vec<Vec<u8>> = (1..=count).map(item).collect();
        let (root, paths) = tree::items_root(&items);
        for (i, (item, path)) in items.iter().zip(&paths).enumerate() {
            let good = case(&format!("{count} items, number {i}"), item, count, path, &root);
            assert_eq!(good["index"], i);
            cases.push(good);
        }
        let last = &items[items.len() - 1];
        let mut bad = |name: &str, item: &[u8], count: u64, path: &[Hash], root: &Hash| {
            let case = case(name, item, count, path, root);
            assert!(case["index"].is_null(), "{name}");
            cases.push(case);
        };
        let path = &paths[paths.len() - 1];
        let longer = [path.as_slice(), &[[7; 32]]].concat();
        bad(&format!("{count} items, a hash too many"), last, count, &longer, &root);
        bad(&format!("{count} items, an item not among them"), &item(99), count, path, &root);
        bad(&format!("{count} items, another root"), last, count, path, &[7; 32]);
        bad(&format!("{count} items, far too many said"), last, 1 << 20, path, &root);
        if let Some((_, shorter)) = path.split_last() {
            bad(&format!("{count} items, a hash too few"), last, count, shorter, &root);
        }
    }
    let about = "Encoded items of a receipt, the RFC 6962 root over them and the audit path of one, \
                 leaf to root. The index is not given: it is the one place where the path fits.";
    compare_cases("receipts.json", about, &cases);
}
