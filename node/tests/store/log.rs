//! Heads, leaves, tiles and proofs against the tree in memory.

use crate::support::{EXCHANGE, LOCAL, batch, head, on_both, open_batch};
use jieli_node::store::log::{self, Edge, Head, Log, LogId};
use jieli_node::store::{CommitError, StoreError};
use jieli_proto::tree::{self, Hash, Tile, leaf_hash};

fn data(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

fn hashes(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&data(index))).collect()
}

/// Sizes at which something changes: around one tile, two tiles, and a full tile of tiles.
const EDGES: [u64; 14] = [0, 1, 2, 3, 255, 256, 257, 258, 511, 512, 513, 514, 700, 1025];

#[test]
fn proofs_are_those_of_the_tree_in_memory() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        let all = hashes(1025);
        let mut size = 0;
        for (number, to) in EDGES.into_iter().enumerate() {
            let leaves: Vec<Vec<u8>> = (size..to).map(data).collect();
            let (claim, edge) = batch(&mut writer, number as u8, &leaves).await;
            assert_eq!(claim.number, number as u64 + 1);
            size = to;
            let mut conn = store.read().await.unwrap();
            let head = head(&mut conn).await;
            assert_eq!((head.size, head.root), (to, tree::root(&all[..to as usize])));
            assert!(edge.is_at(&head));
            check_proofs(&mut conn, &all, to, &edge).await;
        }
        let mut conn = store.read().await.unwrap();
        let head = head(&mut conn).await;
        for at in EDGES {
            let root = tree::root(&all[..at as usize]);
            assert_eq!(log::root_at(&mut conn, EXCHANGE, at).await.unwrap(), root);
            assert_eq!(log::recompute(&mut conn, &head, at).await.unwrap(), root);
        }
        assert!(log::inclusion(&mut conn, EXCHANGE, 5, 5).await.is_err());
        assert!(log::inclusion(&mut conn, EXCHANGE, 5, 2000).await.is_err());
        assert!(log::consistency(&mut conn, EXCHANGE, 2, 1).await.is_err());
    });
}

async fn check_proofs(conn: &mut jieli_node::store::Conn, all: &[Hash], size: u64, edge: &Edge) {
    let indexes: Vec<u64> = (0..size).filter(|at| at % 37 == 0 || size - at < 4).collect();
    let root = tree::root(&all[..size as usize]);
    for edge in [None, Some(edge)] {
        let proofs = log::inclusion_many(conn, EXCHANGE, &indexes, size, edge).await.unwrap();
        for (index, proof) in indexes.iter().zip(&proofs) {
            let hash = &all[*index as usize];
            tree::verify_inclusion(hash, *index, size, proof, &root).unwrap();
            let expected = tree::audit_path(&all[..size as usize], *index as usize).unwrap();
            assert_eq!(*proof, expected, "{index} of {size}");
        }
    }
    for old in EDGES.into_iter().filter(|old| *old <= size) {
        let proof = log::consistency(conn, EXCHANGE, old, size).await.unwrap();
        let old_root = tree::root(&all[..old as usize]);
        tree::verify_consistency(old, size, &proof, &old_root, &root).unwrap();
    }
}

#[test]
fn a_full_tile_of_tiles() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        let sizes = [65_535, 65_536, 65_537, 65_800];
        let all = hashes(65_800);
        let mut size = 0;
        for (number, to) in sizes.into_iter().enumerate() {
            let leaves: Vec<Vec<u8>> = (size..to).map(data).collect();
            let (_, edge) = batch(&mut writer, number as u8, &leaves).await;
            size = to;
            let mut conn = store.read().await.unwrap();
            let root = tree::root(&all[..to as usize]);
            assert_eq!(edge.root(), root);
            let indexes = [0, 255, 256, 32_768, 65_279, 65_280, to - 1];
            for edge in [None, Some(&edge)] {
                let proofs = log::inclusion_many(&mut conn, EXCHANGE, &indexes, to, edge).await;
                for (index, proof) in indexes.iter().zip(proofs.unwrap()) {
                    let hash = &all[*index as usize];
                    tree::verify_inclusion(hash, *index, to, &proof, &root).unwrap();
                }
            }
            for old in [1, 256, 65_535, 65_536].into_iter().filter(|old| *old <= to) {
                let proof = log::consistency(&mut conn, EXCHANGE, old, to).await.unwrap();
                let old_root = tree::root(&all[..old as usize]);
                tree::verify_consistency(old, to, &proof, &old_root, &root).unwrap();
            }
        }
        let mut conn = store.read().await.unwrap();
        let head = head(&mut conn).await;
        let root = log::recompute(&mut conn, &head, 65_536).await.unwrap();
        assert_eq!(root, tree::root(&all[..65_536]));
        let tile = Tile { level: 1, index: 0 };
        let full = log::tile_hashes(&mut conn, EXCHANGE, tile, 65_800).await.unwrap();
        assert_eq!((full.len(), full[1]), (256, tree::root(&all[256..512])));
        let part = log::tile_hashes(&mut conn, EXCHANGE, tile, 600).await.unwrap();
        assert_eq!(part, full[..2]);
        let edge = Edge::load(&mut conn, &head).await.unwrap();
        assert!(edge.is_at(&head));
    });
}

#[test]
fn a_changed_leaf_or_tile_is_found() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        let leaves: Vec<Vec<u8>> = (0..300).map(data).collect();
        batch(&mut writer, 1, &leaves).await;
        for harm in [
            "UPDATE log_leaf SET data = (SELECT data FROM log_leaf WHERE idx = 8) WHERE idx = 7",
            "UPDATE log_leaf SET hash = (SELECT hash FROM log_leaf WHERE idx = 8) WHERE idx = 7",
            "UPDATE log_tile SET root = (SELECT hash FROM log_leaf WHERE idx = 8)",
            "DELETE FROM log_leaf WHERE idx = 299",
        ] {
            let mut tx = writer.begin().await.unwrap();
            assert_eq!(tx.run(harm, vec![]).await.unwrap(), 1);
            let head = head(&mut tx).await;
            let error = log::recompute(&mut tx, &head, 300).await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{harm}: {error}");
            tx.rollback().await.unwrap();
        }
        let mut conn = store.read().await.unwrap();
        let head = head(&mut conn).await;
        log::recompute(&mut conn, &head, 0).await.unwrap();
        let wrong = Head { root: [7; 32], ..head };
        assert!(Edge::load(&mut conn, &wrong).await.is_err());
    });
}

#[test]
fn the_local_log_and_a_new_epoch() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        batch(&mut writer, 1, &[data(0)]).await;
        let mut tx = writer.begin().await.unwrap();
        let claim = log::claim(&mut tx, &[2; 16]).await.unwrap();
        let old = log::head(&mut tx, Log::Local).await.unwrap().unwrap();
        assert_eq!((old.id, old.size), (LOCAL, 0));
        let mut edge = Edge::new(LOCAL);
        edge.push(data(5)).unwrap();
        edge.write(&mut tx).await.unwrap();
        let local = edge.head(0);
        log::store_head(&mut tx, &old, &local).await.unwrap();
        // The same row again: a head moves only from where it was seen.
        assert!(log::store_head(&mut tx, &old, &local).await.is_err());
        let new = log::open_epoch(&mut tx, &claim.head, 2).await.unwrap();
        let mut edge = Edge::new(new.id);
        edge.push(data(9)).unwrap();
        edge.write(&mut tx).await.unwrap();
        log::store_head(&mut tx, &new, &edge.head(new.generation)).await.unwrap();
        tx.commit().await.unwrap();
        let mut conn = store.read().await.unwrap();
        let second = LogId { log: Log::Exchange, epoch: 2 };
        assert_eq!(head(&mut conn).await.id, second);
        let first = log::leaf(&mut conn, EXCHANGE, 0).await.unwrap().unwrap();
        assert_eq!((first.index, first.data), (0, data(0)));
        assert_eq!(log::leaf(&mut conn, second, 0).await.unwrap().unwrap().data, data(9));
        assert_eq!(log::leaf(&mut conn, LOCAL, 0).await.unwrap().unwrap().data, data(5));
        assert_eq!(log::leaf(&mut conn, LOCAL, 1).await.unwrap(), None);
    });
}

#[test]
fn a_commit_without_an_answer_is_looked_up() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        // The COMMIT arrives, its answer does not.
        let mut tx = writer.begin().await.unwrap();
        let (claim, _) = open_batch(&mut tx, 1, &[data(0)]).await;
        tx.run("COMMIT", vec![]).await.unwrap();
        // SQLite sees at once that there is nothing to commit; PostgreSQL only warns.
        match tx.commit().await {
            Err(error) => assert!(matches!(error, CommitError::Unknown(_)), "{error}"),
            Ok(()) => assert_eq!(scratch.engine, jieli_node::store::Engine::Postgres),
        }
        assert!(log::was_committed(&store, &claim).await.unwrap());
        // The COMMIT never arrives, and another writer takes the same number.
        let mut tx = writer.begin().await.unwrap();
        let (lost, _) = open_batch(&mut tx, 2, &[data(1)]).await;
        drop(tx);
        assert!(!log::was_committed(&store, &lost).await.unwrap());
        let (next, _) = batch(&mut writer, 3, &[data(1)]).await;
        assert_eq!(next.number, lost.number);
        assert!(!log::was_committed(&store, &lost).await.unwrap());
        // Later batches do not hide an earlier one.
        for id in 4..9 {
            batch(&mut writer, id, &[]).await;
        }
        assert!(log::was_committed(&store, &claim).await.unwrap());
        assert!(log::was_committed(&store, &next).await.unwrap());
    });
}
