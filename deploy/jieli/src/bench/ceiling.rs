//! What one message costs at least: signing, verifying, hashing, and its rows with their share of
//! a durable commit. Each is measured alone, one after the other, on an idle program.

use crate::ambient::{SystemClock, SystemEntropy};
use anyhow::{Context, Result, ensure};
use jieli_node::config::Database;
use jieli_node::store::{Store, StoreOptions, Tx, Val, Writer};
use jieli_node::world::{Clock, random};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::tree::{leaf_hash, node_hash, sha256};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::hint::black_box;
use std::path::Path;

/// Bytes of a log leaf (protocol section 3).
const LEAF_BYTES: usize = 168;
/// At least this long is measured, so that the clock's millisecond does not show.
const MEASURE_MS: u64 = 300;

/// Microseconds a message, each part alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// One Ed25519 signature over a message.
    pub sign_us: f64,
    /// One verification.
    pub verify_us: f64,
    /// The digest of an envelope, its leaf's hash and one inner node.
    pub hash_us: f64,
    /// The rows of a message at its sender, with their share of the commits.
    pub rows_sender_us: f64,
    /// The same at its receiver.
    pub rows_receiver_us: f64,
    /// Messages that share one receipt envelope.
    pub batch: u32,
}

impl Costs {
    /// Measures them, rows on this database.
    pub async fn measure(
        dir: &Path,
        database: &Database,
        message_bytes: usize,
        batch: u32,
    ) -> Result<Costs> {
        let entropy = SystemEntropy::new();
        let seed: [u8; 32] = random(&entropy);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok().context("a key")?;
        let key = PublicKey::from_bytes(pair.public_key().as_ref())?;
        let message = vec![7; message_bytes];
        let signature = pair.sign(&message);
        let sign_us = each_us(|| {
            black_box(pair.sign(black_box(&message)));
        });
        ensure!(key.verify(&message, signature.as_ref()).is_ok(), "an own signature");
        let verify_us = each_us(|| {
            black_box(key.verify(black_box(&message), signature.as_ref()).is_ok());
        });
        let leaf = [7; LEAF_BYTES];
        let hash_us = each_us(|| {
            let hash = leaf_hash(black_box(&leaf));
            black_box((sha256(black_box(&message)), node_hash(&hash, &hash)));
        });
        let url = match database {
            Database::Sqlite => format!("sqlite:{}", dir.join("rows.db").display()),
            Database::Postgres(url) => url.clone(),
        };
        let store = Store::open(&url, StoreOptions::default()).await?;
        let mut rows = Rows { writer: store.writer(), message_bytes, batch, next: 0 };
        let rows_sender_us = rows.each_us(Side::Sender).await?;
        let rows_receiver_us = rows.each_us(Side::Receiver).await?;
        drop(rows);
        store.close().await;
        Ok(Costs { sign_us, verify_us, hash_us, rows_sender_us, rows_receiver_us, batch })
    }

    /// Messages a second that cannot be exceeded on so many processors: the slower of the two
    /// writers works alone on its side, and both sides share the processors.
    pub fn ceiling(&self, cores: u32) -> f64 {
        let share = 1.0 / f64::from(self.batch);
        let sender = self.sign_us
            + self.hash_us
            + self.rows_sender_us
            + share * (self.verify_us + self.hash_us);
        let receiver = self.verify_us
            + self.hash_us
            + self.rows_receiver_us
            + share * (self.sign_us + self.hash_us);
        let busiest = sender.max(receiver).max((sender + receiver) / f64::from(cores.max(1)));
        1e6 / busiest
    }
}

/// Microseconds of one turn.
fn each_us(mut turn: impl FnMut()) -> f64 {
    let began_ms = SystemClock.now_unix_ms();
    let mut turns = 0_u64;
    loop {
        for _ in 0..64 {
            turn();
        }
        turns += 64;
        let took_ms = SystemClock.now_unix_ms().saturating_sub(began_ms);
        if took_ms >= MEASURE_MS {
            return took_ms as f64 * 1000.0 / turns as f64;
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Sender,
    Receiver,
}

/// Writes the rows that a message leaves behind, of the sizes it really has, and nothing else.
struct Rows {
    writer: Writer,
    message_bytes: usize,
    batch: u32,
    next: u64,
}

impl Rows {
    async fn each_us(&mut self, side: Side) -> Result<f64> {
        // Once unmeasured: connections are opened, statements prepared.
        self.batch(side).await?;
        let began_ms = SystemClock.now_unix_ms();
        let mut messages = 0_u64;
        loop {
            self.batch(side).await?;
            messages += u64::from(self.batch);
            let took_ms = SystemClock.now_unix_ms().saturating_sub(began_ms);
            if took_ms >= MEASURE_MS {
                return Ok(took_ms as f64 * 1000.0 / messages as f64);
            }
        }
    }

    async fn batch(&mut self, side: Side) -> Result<()> {
        let from = self.next;
        let all: Vec<u64> = (from..from + u64::from(self.batch)).collect();
        self.next += u64::from(self.batch);
        let mut tx = self.writer.begin().await?;
        said(&mut tx, &all, self.message_bytes).await?;
        match side {
            Side::Sender => {
                waiting(&mut tx, &all).await?;
                tx.commit().await?;
                tx = self.writer.begin().await?;
                receipted(&mut tx, &all).await?;
                proven(&mut tx, &all).await?;
                settled(&mut tx, from).await?;
            }
            Side::Receiver => receipted(&mut tx, &all).await?,
        }
        tx.commit().await?;
        Ok(())
    }
}

fn digest(number: u64) -> Val {
    Val::from(sha256(&number.to_be_bytes()))
}

fn id(number: u64) -> Val {
    Val::from(u128::from(number).to_be_bytes())
}

fn blob(bytes: usize) -> Val {
    Val::Bytes(vec![7; bytes])
}

/// Envelope, leaf, and the vacancy it tells of.
async fn said(tx: &mut Tx<'_>, all: &[u64], message_bytes: usize) -> Result<()> {
    let agreement = || id(0);
    let rows = |row: &dyn Fn(u64) -> Vec<Val>| all.iter().map(|n| row(*n)).collect::<Vec<_>>();
    let columns =
        ["agreement_id", "lane", "lane_seq", "env_digest", "envelope", "leaf_idx", "stored_ms"];
    let row = |n: u64| {
        vec![
            agreement(),
            Val::Int(0),
            n.into(),
            digest(n),
            blob(message_bytes),
            n.into(),
            Val::Int(0),
        ]
    };
    tx.insert_many("envelope", &columns, rows(&row)).await?;
    let row = |n: u64| vec!["exchange".into(), Val::Int(1), n.into(), digest(n), blob(LEAF_BYTES)];
    tx.insert_many("log_leaf", &["log", "epoch", "idx", "hash", "data"], rows(&row)).await?;
    let row =
        |n: u64| vec!["b".into(), format!("V-{n}").into(), digest(n), Val::Int(3), Val::Int(0)];
    let columns = ["city", "reference", "terms_digest", "posts", "valid_until"];
    tx.insert_many("vacancy", &columns, rows(&row)).await?;
    let row = |n: u64| vec![digest(n), "b".into(), format!("V-{n}").into(), blob(message_bytes)];
    tx.insert_many("terms", &["digest", "city", "reference", "bytes"], rows(&row)).await?;
    Ok(())
}

async fn waiting(tx: &mut Tx<'_>, all: &[u64]) -> Result<()> {
    let columns =
        "agreement_id lane lane_seq peer due_ms attempts tried_ms since_ms problem".split(' ');
    let columns: Vec<&str> = columns.collect();
    let zero = || Val::Int(0);
    let row = |n: &u64| {
        vec![id(0), zero(), (*n).into(), "a".into(), zero(), zero(), zero(), zero(), "".into()]
    };
    Ok(tx.insert_many("outbox", &columns, all.iter().map(row).collect()).await?)
}

async fn receipted(tx: &mut Tx<'_>, all: &[u64]) -> Result<()> {
    let columns = ["agreement_id", "lane", "lane_seq", "receipt_digest", "item", "path"];
    // An item, and eight hashes up to the root of 256 items.
    let row = |n: &u64| vec![id(0), Val::Int(0), (*n).into(), digest(0), blob(44), blob(256)];
    Ok(tx.insert_many("receipt_item", &columns, all.iter().map(row).collect()).await?)
}

async fn proven(tx: &mut Tx<'_>, all: &[u64]) -> Result<()> {
    let columns = ["env_digest", "origin", "log_index", "head_size", "hashes"];
    let row = |n: &u64| vec![digest(*n), "a".into(), (*n).into(), (*n).into(), blob(480)];
    Ok(tx.insert_many("peer_proof", &columns, all.iter().map(row).collect()).await?)
}

async fn settled(tx: &mut Tx<'_>, from: u64) -> Result<()> {
    let sql = "DELETE FROM outbox WHERE agreement_id = $1 AND lane = 0 AND lane_seq >= $2";
    tx.run(sql, vec![id(0), from.into()]).await?;
    Ok(())
}
