//! Images of both cities' databases, and the search through everything they keep.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use jieli_node::config::{Config, Database};
use jieli_node::keyring::{BACKUP_DIR, Ring};
use jieli_node::store::{AssertSqlSafe, Conn, Store, StoreOptions, legs};
use jieli_node::vault::{self, Place};
use jieli_proto::id::{LegId, MsgId};
use jieli_tests::{Town, Towns};
use memchr::memmem;
use sqlx::{AnyConnection, Connection, Row as _};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Ciphertexts and wrapped keys as they were before anything was erased.
#[derive(Default)]
pub(crate) struct Needles {
    ciphertexts: Vec<Vec<u8>>,
    wrapped: Vec<Vec<u8>>,
}

impl Needles {
    pub(crate) async fn of(towns: &Towns) -> Needles {
        let mut needles = Needles::default();
        for town in [&towns.kunming, &towns.ruian] {
            let mut conn = town.node().store().read().await.unwrap();
            let sql = "SELECT ciphertext, key_id FROM section_data";
            for row in conn.rows(sql, Vec::new()).await.unwrap() {
                needles.ciphertexts.push(row.bytes(0).unwrap());
                let id = row.array(1).unwrap();
                let wrapped = town.node().house().ring.wrapped(&id).await.unwrap().unwrap();
                needles.wrapped.push(wrapped[12..].to_vec());
            }
        }
        needles.wrapped.sort();
        needles.wrapped.dedup();
        needles
    }

    pub(crate) fn ciphertexts_in(&self, bytes: &[u8]) -> usize {
        self.ciphertexts.iter().filter(|needle| holds(bytes, needle)).count()
    }

    pub(crate) fn wrapped_in(&self, bytes: &[u8]) -> usize {
        self.wrapped.iter().filter(|needle| holds(bytes, needle)).count()
    }

    pub(crate) fn clear(&mut self) {
        *self = Needles::default();
    }
}

/// As raw bytes, or as the hex of a dump. A long needle is told by its first 24 bytes: what is left
/// of a page that was half written over counts too.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    let needle = &needle[..needle.len().min(24)];
    has(bytes, needle) || has(bytes, hex::encode(needle).as_bytes())
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && memmem::find(bytes, needle).is_some()
}

/// The planted values in some bytes: UTF-8, UTF-16 of both orders, hex; digits also parted by
/// blanks or hyphens, and full-width ones.
pub(crate) fn planted_in(bytes: &[u8], values: &[String]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '\u{3000}'))
        .map(|c| match c {
            '\u{ff10}'..='\u{ff19}' => char::from(b'0' + (u32::from(c) - 0xff10) as u8),
            other => other,
        })
        .collect();
    let is_in = |value: &&String| {
        let wide: Vec<u16> = value.encode_utf16().collect();
        let big: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let little: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        has(bytes, value.as_bytes())
            || has(bytes, &big)
            || has(bytes, &little)
            || has(bytes, hex::encode(value.as_bytes()).as_bytes())
            || plain.contains(value.as_str())
    };
    values.iter().filter(is_in).cloned().collect()
}

/// Every file under a directory.
pub(crate) fn files(dir: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            all.push(bytes);
        }
    }
    all
}

/// Every file of both cities, and every row of what lies on a server, with hex for bytes.
pub(crate) async fn everything(towns: &Towns) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for town in [&towns.kunming, &towns.ruian] {
        all.extend(files(&town.dir));
        let config = Config::load(&town.dir).unwrap();
        if let Database::Postgres(url) = &config.database {
            all.push(rows_of(url).await);
            all.push(rows_of(config.keyring.url.as_ref().unwrap()).await);
        }
    }
    all
}

async fn rows_of(url: &str) -> Vec<u8> {
    let mut conn = AnyConnection::connect(url).await.unwrap();
    let sql = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'";
    let mut out = String::new();
    for table in sqlx::query(sql).fetch_all(&mut conn).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("SELECT CAST(t AS TEXT) FROM {table} t");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap() {
            out += &row.get::<String, _>(0);
        }
    }
    conn.close().await.unwrap();
    out.into_bytes()
}

/// A backup of both cities, taken while they are stopped: database, high-water file, and the ring's
/// backups with the key of their epoch. The ring itself and the ledger are in no backup.
pub(crate) struct Image {
    dirs: Vec<PathBuf>,
    /// On a server: the database, and its copy.
    copies: Vec<Option<(String, String)>>,
}

const FILES: [&str; 3] = ["jieli.db", "jieli.db-wal", "high-water"];

impl Image {
    pub(crate) async fn take(towns: &mut Towns, into: &Path) -> Image {
        towns.kunming.stop().await;
        towns.ruian.stop().await;
        let (mut dirs, mut copies) = (Vec::new(), Vec::new());
        for town in [&towns.kunming, &towns.ruian] {
            let dir = into.join(town.dir.file_name().unwrap());
            fs::create_dir_all(dir.join(BACKUP_DIR)).unwrap();
            for name in FILES {
                let _ = fs::copy(town.dir.join(name), dir.join(name));
            }
            for entry in fs::read_dir(town.dir.join(BACKUP_DIR)).unwrap() {
                let path = entry.unwrap().path();
                let to = dir.join(BACKUP_DIR).join(path.file_name().unwrap());
                fs::copy(path, to).unwrap();
            }
            let config = Config::load(&town.dir).unwrap();
            copies.push(match &config.database {
                Database::Sqlite => None,
                Database::Postgres(url) => {
                    let name = into.file_name().unwrap().to_str().unwrap();
                    let copy = format!("{url}_{name}");
                    replace(url, &copy).await;
                    Some((url.clone(), copy))
                }
            });
            dirs.push(dir);
        }
        towns.ruian.start().await;
        towns.kunming.start().await;
        Image { dirs, copies }
    }

    /// Everything in it, but what lies on a server.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.dirs.iter().flat_map(|dir| files(dir)).collect()
    }

    /// What of the planted values it gives up to the key-encryption key with every backup of the
    /// ring that there is now. Backups of the image itself, carried off before an erasure, do not
    /// open any more beside today's key of the epoch.
    pub(crate) async fn opened(
        &self,
        towns: &Towns,
        values: &[String],
        erased: bool,
    ) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let towns = [&towns.kunming, &towns.ruian];
        for ((town, dir), copy) in towns.into_iter().zip(&self.dirs).zip(&self.copies) {
            let ring = all_backups(town, dir, erased).await;
            let url = match copy {
                None => {
                    // Opening it changes it.
                    let scratch = dir.join("scratch");
                    fs::create_dir_all(&scratch).unwrap();
                    for name in FILES {
                        let _ = fs::copy(dir.join(name), scratch.join(name));
                    }
                    format!("sqlite:{}", scratch.join("jieli.db").display())
                }
                Some((_, copy)) => copy.clone(),
            };
            let store = Store::open(&url, StoreOptions::default()).await.unwrap();
            let mut conn = store.read().await.unwrap();
            found.extend(opened(&mut conn, town, ring, values).await);
            drop(conn);
            store.close().await;
        }
        found
    }

    /// Puts it back in place of what there is, and serves from it. The high-water file goes back
    /// with it here, which nobody may do, so that the node serves at all.
    pub(crate) async fn restore(&self, towns: &mut Towns) {
        towns.kunming.stop().await;
        towns.ruian.stop().await;
        let both = [&towns.kunming, &towns.ruian];
        for ((town, dir), copy) in both.into_iter().zip(&self.dirs).zip(&self.copies) {
            for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
                let _ = fs::remove_file(town.dir.join(name));
            }
            for name in FILES {
                let _ = fs::copy(dir.join(name), town.dir.join(name));
            }
            if let Some((url, copy)) = copy {
                replace(copy, url).await;
            }
        }
        towns.ruian.start().await;
        towns.kunming.start().await;
    }
}

/// A ring with the keys of every backup of a city's ring.
async fn all_backups(town: &Town, image: &Path, erased: bool) -> Ring {
    let house = town.node().house();
    let dir = image.join("ring");
    fs::create_dir_all(&dir).unwrap();
    let city = &house.config.city.id;
    let url = format!("sqlite:{}", dir.join("keyring.db").display());
    let ring = Ring::open(&url, StoreOptions::default(), &dir, city, 30).await.unwrap();
    let copy = |from: &Path| {
        let mut all = Vec::new();
        for entry in fs::read_dir(from.join(BACKUP_DIR)).unwrap() {
            let path = entry.unwrap().path();
            let to = dir.join(BACKUP_DIR).join(path.file_name().unwrap());
            fs::copy(&path, &to).unwrap();
            if to.extension().is_some_and(|ending| ending == "ring") {
                all.push(to);
            }
        }
        all
    };
    let old = copy(image);
    for file in copy(&town.dir) {
        ring.restore(&house.keys, &file).await.unwrap();
    }
    assert!(!old.is_empty());
    for file in old {
        let opens = ring.restore(&house.keys, &file).await;
        assert_eq!(opens.is_err(), erased, "{opens:?}");
    }
    ring
}

async fn opened(conn: &mut Conn, town: &Town, ring: Ring, values: &[String]) -> BTreeSet<String> {
    let mut house = town.node().house().clone();
    house.ring = ring;
    let sql = "SELECT leg_id, slot, msg_id FROM section_data";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    assert!(rows.len() > 20, "the image holds values");
    let mut found = BTreeSet::new();
    for row in rows {
        let leg = LegId(row.array(0).unwrap());
        let msg = MsgId(row.array(2).unwrap());
        let place = Place { leg, slot: row.int(1).unwrap() as u8, msg };
        let file = legs::load(conn, leg, &house.shelf()).await.unwrap().unwrap();
        if let Some(plain) = vault::reveal(conn, &house, &file, &place).await.unwrap() {
            found.extend(planted_in(&plain, values));
        }
    }
    found
}

/// Makes one database of a server a copy of another.
async fn replace(from: &str, to: &str) {
    let name = |url: &str| {
        let base = url.split('?').next().unwrap();
        base.rsplit('/').next().unwrap().to_owned()
    };
    let server = std::env::var("JIELI_TEST_PG").unwrap();
    let mut conn = AnyConnection::connect(&server).await.unwrap();
    for sql in [
        format!("DROP DATABASE IF EXISTS {}", name(to)),
        format!("CREATE DATABASE {} TEMPLATE {}", name(to), name(from)),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
}
