//! Commits whose answer never came, and writers that went away.

use crate::support::{batch, head, on_both, open_batch};
use futures::stream::{FuturesUnordered, StreamExt};
use jieli_node::recovery::{Cause, Recovering};
use jieli_node::store::log::{self, Claim};
use jieli_node::store::recovery;
use jieli_node::store::{CommitError, Engine, Store, StoreOptions, Tx};
use std::cell::Cell;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ends the session behind a transaction, as an administrator would.
async fn terminate(store: &Store, tx: &mut Tx<'_>) {
    let pid = tx.one("SELECT pg_backend_pid()", vec![]).await.unwrap().int(0).unwrap();
    let mut conn = store.read().await.unwrap();
    let sql = "SELECT pg_terminate_backend(CAST($1 AS INTEGER))";
    conn.rows(sql, vec![pid.into()]).await.unwrap();
}

#[test]
fn a_session_ended_before_and_after_its_commit() {
    on_both(async |scratch| {
        if scratch.engine != Engine::Postgres {
            return;
        }
        let store = scratch.house().await;
        let mut writer = store.writer();
        for (id, is_committed) in [(1, false), (2, true)] {
            let mut tx = writer.begin().await.unwrap();
            let (claim, _) = open_batch(&mut tx, id, &[vec![id]]).await;
            if is_committed {
                tx.run("COMMIT", vec![]).await.unwrap();
            }
            terminate(&store, &mut tx).await;
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, CommitError::Unknown(_)), "{error}");
            assert_eq!(log::was_committed(&store, &claim).await.unwrap(), is_committed);
        }
        // The writer goes on with a new connection.
        batch(&mut writer, 3, &[vec![3]]).await;
        assert_eq!(head(&mut store.read().await.unwrap()).await.size, 2);
    });
}

/// A restored copy remembers a helper whom the person dismissed after it was made.
#[test]
fn who_recovers_keeps_no_helper() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let sql = "INSERT INTO leg_helper (leg_id, office, token, chosen_ms) \
                   VALUES ($1, 'office', 'helper', 1)";
        tx.run(sql, vec![[7; 16].into()]).await.unwrap();
        let (cause, none) = (Cause::Behind, (0, [0; 32]));
        let state = Recovering {
            cause,
            since_ms: 1,
            found_size: 0,
            found_local: 0,
            file: none,
            known: none,
        };
        recovery::enter(&mut tx, &state).await.unwrap();
        let left = tx.one("SELECT COUNT(*) FROM leg_helper", vec![]).await.unwrap();
        assert_eq!(left.int(0).unwrap(), 0);
        tx.commit().await.unwrap();
    });
}

#[test]
fn looking_up_a_batch_waits_out_its_transaction() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        for (id, commits) in [(1, true), (2, false)] {
            let mut writer = store.writer();
            let mut tx = writer.begin().await.unwrap();
            let (claim, _) = open_batch(&mut tx, id, &[vec![id]]).await;
            let is_over = Cell::new(false);
            let looked_up = async {
                let is_committed = log::was_committed(&store, &claim).await.unwrap();
                assert!(is_over.get());
                is_committed
            };
            let ends = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                is_over.set(true);
                match commits {
                    true => tx.commit().await.unwrap(),
                    false => drop(tx),
                }
            };
            let (is_committed, ()) = tokio::join!(looked_up, ends);
            assert_eq!(is_committed, commits);
        }
    });
}

#[test]
fn an_idle_writer_loses_the_head() {
    on_both(async |scratch| {
        if scratch.engine != Engine::Postgres {
            return;
        }
        scratch.house().await.close().await;
        let options = StoreOptions { idle_in_transaction_ms_max: 300, ..StoreOptions::default() };
        let store = Store::open(&scratch.url, options).await.unwrap();
        let (mut idle, mut busy) = (store.writer(), store.writer());
        let mut tx = idle.begin().await.unwrap();
        let (lost, _) = open_batch(&mut tx, 1, &[vec![1]]).await;
        let (next, _) = batch(&mut busy, 2, &[vec![2]]).await;
        assert_eq!(next.head.size, 0);
        assert!(matches!(tx.commit().await, Err(CommitError::Unknown(_))));
        assert!(!log::was_committed(&store, &lost).await.unwrap());
        batch(&mut idle, 3, &[vec![3]]).await;
    });
}

/// Stands between house and server; once told to, it passes on the next COMMIT (or, if `eats`, does
/// not) and then cuts the line.
async fn stand_between(listener: TcpListener, server: String, cuts: &Cell<bool>, eats: bool) {
    let mut lines = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                lines.push(relay(accepted.unwrap().0, server.clone(), cuts, eats));
            }
            Some(()) = lines.next() => {}
        }
    }
}

async fn relay(mut house: TcpStream, server: String, cuts: &Cell<bool>, eats: bool) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            read = house.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                let is_commit = up[..count].windows(6).any(|bytes| bytes == b"COMMIT");
                let is_cut = is_commit && cuts.replace(false);
                if is_cut && eats {
                    return;
                }
                server.write_all(&up[..count]).await.unwrap();
                if is_cut {
                    // The server has answered: the batch is committed, and nobody hears it.
                    assert!(server.read(&mut down).await.unwrap() > 0);
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if house.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// `host:port` of a URL, and where it stands.
fn address(url: &str) -> std::ops::Range<usize> {
    let from = url.find('@').map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
    let length = url[from..].find(['/', '?']).unwrap_or(url.len() - from);
    from..from + length
}

#[test]
fn a_line_cut_around_commit() {
    on_both(async |scratch| {
        if scratch.engine != Engine::Postgres {
            return;
        }
        let store = scratch.house().await;
        for (id, eats) in [(1, true), (2, false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let here = listener.local_addr().unwrap().to_string();
            let range = address(&scratch.url);
            let server = scratch.url[range.clone()].to_owned();
            let mut url = scratch.url.clone();
            url.replace_range(range, &here);
            let cuts = Cell::new(false);
            let write = async {
                let through = Store::open(&url, StoreOptions::default()).await.unwrap();
                let mut writer = through.writer();
                let mut tx = writer.begin().await.unwrap();
                let (claim, _) = open_batch(&mut tx, id, &[vec![id]]).await;
                cuts.set(true);
                let error = tx.commit().await.unwrap_err();
                assert!(matches!(error, CommitError::Unknown(_)), "{error}");
                claim
            };
            let claim: Claim = tokio::select! {
                claim = write => claim,
                () = stand_between(listener, server, &cuts, eats) => unreachable!(),
            };
            assert_eq!(log::was_committed(&store, &claim).await.unwrap(), !eats);
        }
        assert_eq!(head(&mut store.read().await.unwrap()).await.size, 1);
    });
}
