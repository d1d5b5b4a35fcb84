//! A copy made while the node runs is whole, says how far it is behind, and leads back to the
//! history that was signed; what is no such copy is refused before anything is moved.

use crate::harness::*;
use crate::houses::On;
use crate::recovery::{self, goes_on};
use jieli_node::backup::{self, Failed};
use jieli_node::config::Config;
use jieli_node::disk;
use sqlx::{AnyConnection, Connection, Executor};
use std::fs;
use std::path::{Path, PathBuf};

fn config(city: &City) -> Config {
    Config::load(&city.dir).unwrap()
}

fn file(pair: &Pair, name: &str) -> PathBuf {
    pair.folder.path().join(name)
}

/// How many records of the exchange log a copy lacks.
fn behind(found: &backup::Found) -> Option<u64> {
    found.logs[0].behind
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_in_traffic_is_whole_and_leads_back() {
    let (mut pair, id) = Pair::agreed_on(On::Sqlite).await;
    let (copy, config) = (file(&pair, "copy.db"), config(pair.b()));
    // While letters come in, and answers go out.
    let (_, made) = tokio::join!(pair.a().announce(0..60), backup::make(&config, &copy));
    let made = made.unwrap();
    assert!(matches!(backup::make(&config, &copy).await, Err(Failed::Exists(_))));
    assert!(matches!(backup::restore(&config, &copy, 1).await, Err(Failed::Running)));
    pair.b().announce(60..80).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    recovery::mirrored(&pair, B).await;
    let now = backup::check(&config, &copy).await.unwrap();
    assert_eq!((now.schema, now.logs[0].size), (made.schema, made.logs[0].size));
    assert!(behind(&now).unwrap() >= 20, "{now:?}");
    assert!(!now.is_newest());

    let signed = pair.b().node().hand().published().exchange.clone();
    pair.cities[B].stop().await;
    let restored = backup::restore(&config, &copy, 7).await.unwrap();
    let before = restored.before.unwrap();
    assert!(before.ends_with("jieli.db.before-7"), "{before:?}");
    // The database that was there is whole and can be put back.
    assert!(behind(&backup::check(&config, &before).await.unwrap()) == Some(0));
    pair.cities[B].start().await;
    eventually("it signs again", async || pair.b().cause().is_none()).await;
    let after = pair.b().node().hand().published().exchange.clone();
    assert!(after.size >= signed.size);
    goes_on(&pair, id, 80).await;
    pair.stop().await;
}

/// What is no whole copy of this city's history is named as what it is, and nothing is moved.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_copy_of_this_history_is_refused() {
    let (mut pair, id) = Pair::agreed_on(On::Sqlite).await;
    pair.a().announce(0..40).await.unwrap();
    pair.settled(id).await;
    let (ours, theirs) = (config(pair.a()), config(pair.b()));
    let (good, other) = (file(&pair, "good.db"), file(&pair, "other.db"));
    backup::make(&ours, &good).await.unwrap();
    backup::make(&theirs, &other).await.unwrap();
    assert!(matches!(backup::check(&ours, &other).await, Err(Failed::OtherCity { .. })));
    let nowhere = file(&pair, "none.db");
    assert!(matches!(backup::check(&ours, &nowhere).await, Err(Failed::Missing(_))));

    let bytes = fs::read(&good).unwrap();
    let torn = file(&pair, "torn.db");
    fs::write(&torn, &bytes[..bytes.len() - 4096]).unwrap();
    is_damaged(&ours, &torn).await;
    // A record of the log, in a file that SQLite finds whole.
    fs::write(&torn, &bytes).unwrap();
    change(&torn, "UPDATE log_leaf SET data = hash WHERE log = 'exchange' AND idx = 3").await;
    is_damaged(&ours, &torn).await;
    // With something beside it that was not written into it.
    fs::write(file(&pair, "good.db-wal"), b"frames").unwrap();
    assert!(matches!(backup::check(&ours, &good).await, Err(Failed::NotAlone(_))));
    fs::remove_file(file(&pair, "good.db-wal")).unwrap();

    // Two histories: the copy went its own way, and the node another one.
    pair.cities[A].stop().await;
    let high = fs::read(pair.a().dir.join("high-water")).unwrap();
    let lines = String::from_utf8(high).unwrap();
    let bent: String = lines
        .lines()
        .map(|line| match line.rsplit_once(' ') {
            Some((head, root)) if head.starts_with("jieli.kunming.yn/log/1 ") => {
                format!("{head} {}\n", "0".repeat(root.len()))
            }
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    let own = fs::read(ours.sqlite_file()).unwrap();
    fs::write(pair.a().dir.join("high-water"), bent).unwrap();
    let refused = backup::restore(&ours, &good, 9).await;
    assert!(matches!(refused, Err(Failed::Forked { .. })), "{refused:?}");
    assert_eq!(fs::read(ours.sqlite_file()).unwrap(), own);
    fs::write(pair.a().dir.join("high-water"), lines).unwrap();
    assert!(backup::restore(&ours, &good, 9).await.is_ok());
    pair.cities[B].stop().await;
}

/// A mirror holds the newest state and nothing older, and never loses an erasure.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_forgets_what_is_gone_and_keeps_every_erasure() {
    let mut pair = Pair::new().await;
    pair.cities[A].stop().await;
    let (config, to) = (config(pair.a()), file(&pair, "mirror"));
    let ledger = pair.a().dir.join("erasures");
    let ring = pair.a().dir.join("keyring-backup");
    // What the node itself has written by now makes room for names known here.
    fs::remove_dir_all(&ring).unwrap();
    disk::make_private_dir(&ring).unwrap();
    fs::write(ring.join("1-100.ring"), b"first").unwrap();
    fs::write(ring.join("epoch.key"), b"1 aa").unwrap();
    backup::mirror(&config, &to).unwrap();
    assert_eq!(fs::read(to.join("keyring-backup/epoch.key")).unwrap(), b"1 aa");
    // After an erasure: another epoch, and a line.
    fs::remove_file(ring.join("1-100.ring")).unwrap();
    fs::write(ring.join("epoch.key"), b"2 bb").unwrap();
    fs::write(ring.join("2-200.ring"), b"second").unwrap();
    let had = fs::read(&ledger).unwrap_or_default();
    fs::write(&ledger, [had.as_slice(), b"a line\n"].concat()).unwrap();
    let mirrored = backup::mirror(&config, &to).unwrap();
    assert_eq!((mirrored.files, mirrored.removed), (2, 1));
    assert_eq!(fs::read(to.join("keyring-backup/epoch.key")).unwrap(), b"2 bb");
    assert!(!to.join("keyring-backup/1-100.ring").exists());
    assert!(fs::read(to.join("erasures")).unwrap().ends_with(b"a line\n"));
    // An older ledger never takes the place of a newer one.
    fs::write(&ledger, had).unwrap();
    assert!(matches!(backup::mirror(&config, &to), Err(Failed::LedgerBehind(_))));
    assert!(fs::read(to.join("erasures")).unwrap().ends_with(b"a line\n"));
    pair.cities[B].stop().await;
}

async fn is_damaged(config: &Config, file: &Path) {
    let found = backup::check(config, file).await;
    assert!(matches!(found, Err(Failed::Damaged { .. })), "{found:?}");
}

async fn change(file: &Path, sql: &'static str) {
    let url = format!("sqlite://{}?mode=rw", file.display());
    let mut conn = AnyConnection::connect(&url).await.unwrap();
    assert_eq!(conn.execute(sql).await.unwrap().rows_affected(), 1);
    conn.close().await.unwrap();
}
