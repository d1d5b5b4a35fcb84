//! The drill: a city's machine is lost, and what was kept elsewhere brings the city back. Real
//! processes, the program's own commands, in the order of deploy/runbook.md.

#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result, ensure};
use jieli::ambient::SystemClock;
use jieli::demo::city::City;
use jieli::demo::clock::FileClock;
use jieli_node::store::{Store, mirror};
use jieli_node::world::Clock as _;
use jieli_proto::kinds::PartySide;
use jieli_proto::wire::{self, Terms, Vacancy};
use jieli_tests::{Pair, program, sqlite, until_long};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the key procedure keeps offline: the configuration, the keys, the tokens, the manifest.
/// The rest of a city's directory is lost with the machine.
const LOST: [&str; 12] = [
    "jieli.db",
    "jieli.db-wal",
    "jieli.db-shm",
    "jieli.db.lock",
    "keyring.db",
    "keyring.db-wal",
    "keyring.db-shm",
    "keyring.db.lock",
    "keyring-backup",
    "erasures",
    "high-water",
    "notices.jsonl",
];

/// Runs `jieli` in a city's directory; what it printed.
fn jieli(dir: &Path, words: &[&str]) -> Result<Value> {
    let out = Command::new(program()?).arg("--dir").arg(dir).arg("--json").args(words).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "jieli {}: {} {said}", words.join(" "), out.status);
    serde_json::from_slice(&out.stdout).context("no JSON")
}

fn path(at: &Path) -> &str {
    at.to_str().unwrap_or_default()
}

/// Until the partner has copied the hashes of all that the city to be lost has signed, which it does
/// twice an hour. What is signed later and lost can be put into no order by anybody.
async fn mirrored(pair: &Pair) -> Result<()> {
    let lost = pair.destination().desk("operator")?.status(wire::StatusRequest {}).await?;
    let lost = lost.into_inner();
    let exchange = lost.exchange.context("a log")?;
    FileClock::set(&pair.dir().join("clock"), lost.now_unix_ms + 31 * 60_000)?;
    until_long("the mirror", async || {
        let copy = pair.dir().join("look.db");
        jieli(&pair.origin().dir, &["backup", "--out", path(&copy)])?;
        let mut conn = Store::look(&copy).await?;
        let held = mirror::head(&mut conn, &exchange.origin).await?;
        fs::remove_file(&copy)?;
        Ok(held.is_some_and(|held| held.size >= exchange.size))
    })
    .await
}

/// The machine is gone.
fn lose(city: &City) -> Result<()> {
    city.crash()?;
    for name in LOST {
        let at = city.dir.join(name);
        if at.is_dir() {
            fs::remove_dir_all(&at)?;
        } else if at.exists() {
            fs::remove_file(&at)?;
        }
    }
    let left: Vec<String> = fs::read_dir(&city.dir)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    ensure!(!left.iter().any(|name| name.contains("db")), "{left:?}");
    Ok(())
}

/// Kunming asks Ruian for places, about which no person is named.
async fn ask(city: &City, stage: u32) -> Result<()> {
    let service = wire::Service::Schooling as i32;
    let cut = wire::Cut { service, stage, ..wire::Cut::default() };
    let asked = wire::AskCapacityRequest { city: "ruian.zj".to_owned(), cut: Some(cut) };
    city.desk("clerk")?.ask_capacity(asked).await?;
    Ok(())
}

/// Ruian announces vacancies.
async fn announce(city: &City, numbers: std::ops::Range<u32>) -> Result<()> {
    let vacancies = numbers.map(vacancy).collect();
    let call = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    city.desk("clerk")?.add_vacancies(call).await?;
    Ok(())
}

fn vacancy(number: u32) -> Vacancy {
    let mut terms: Terms = jieli_tests::terms();
    terms.reference = format!("V-DRILL-{number:06}");
    Vacancy { city: String::new(), terms: Some(terms), posts: 3, valid_until: 20_271_231 }
}

/// Waits until a city signs again. Where it does not by itself, two of its people have it repaired.
async fn signs_again(city: &City) -> Result<()> {
    until_long("the city to sign again", async || {
        let status = city.desk("operator")?.status(wire::StatusRequest {}).await?.into_inner();
        if !status.recovering {
            return Ok(true);
        }
        let asked = jieli(&city.dir, &["repair"])?;
        let waits = &asked["waits"];
        if let (Some(id), Some(shown)) = (waits["id"].as_str(), waits["shown_digest"].as_str()) {
            jieli(&city.dir, &["--as", "approver", "second", "approve", id, "--shown", shown])?;
            // Where the partners do not answer yet it comes to nothing, and is tried again.
            let _ = jieli(&city.dir, &["second", "carry-out", id]);
        }
        Ok(false)
    })
    .await
}

/// Both cities work on, hold the same, and no size of any log ever had two roots.
async fn is_whole(pair: &mut Pair, roots: &mut BTreeMap<(String, u64), String>) -> Result<()> {
    announce(pair.destination(), 9_000..9_003).await?;
    ask(pair.origin(), 3).await?;
    pair.settle().await?;
    pair.note_roots(roots).await?;
    pair.crash()?;
    for ((origin, size), root) in roots.iter() {
        ensure!(&pair.root_at(origin, *size).await? == root, "{origin} at {size}");
    }
    for side in [PartySide::A, PartySide::B] {
        let held = pair.held(side).await?;
        held.no_gaps();
        held.every_message_is_receipted();
    }
    ensure!(pair.lane_roots(PartySide::A).await? == pair.lane_roots(PartySide::B).await?);
    Ok(())
}

async fn begun() -> Result<(Pair, BTreeMap<(String, u64), String>)> {
    let mut pair = Pair::start(sqlite(), sqlite()).await?;
    pair.agree().await?;
    ask(pair.origin(), 1).await?;
    announce(pair.destination(), 0..40).await?;
    pair.settle().await?;
    let mut roots = BTreeMap::new();
    pair.note_roots(&mut roots).await?;
    Ok((pair, roots))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_machine_comes_back_from_its_copy() -> Result<()> {
    let (mut pair, mut roots) = begun().await?;
    let elsewhere = pair.dir().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    let (copy, mirror) = (elsewhere.join("copy.db"), elsewhere.join("mirror"));
    let dir = pair.destination().dir.clone();
    let made = jieli(&dir, &["backup", "--out", path(&copy), "--mirror", path(&mirror)])?;
    ensure!(made["mirror"]["ring_is_new"] == Value::Bool(true), "{made}");
    // What was signed since is not in the copy.
    announce(pair.destination(), 40..60).await?;
    ask(pair.origin(), 2).await?;
    pair.settle().await?;
    pair.note_roots(&mut roots).await?;
    mirrored(&pair).await?;
    lose(pair.destination())?;

    let began_ms = SystemClock.now_unix_ms();
    let found = jieli(&dir, &["backup", "verify", path(&copy)])?;
    ensure!(found["logs"][0]["behind"].is_null(), "nobody here knows: {found}");
    jieli(&dir, &["restore", path(&copy)])?;
    fs::copy(mirror.join("erasures"), dir.join("erasures"))?;
    let ring = dir.join("keyring-backup");
    fs::create_dir(&ring)?;
    private(&ring)?;
    let mut newest = PathBuf::new();
    for entry in fs::read_dir(mirror.join("keyring-backup"))? {
        let entry = entry?;
        let to = ring.join(entry.file_name());
        fs::copy(entry.path(), &to)?;
        if to.extension().is_some_and(|end| end == "ring") {
            newest = newest.max(to);
        }
    }
    jieli(&dir, &["keyring", "restore", path(&newest)])?;
    pair.destination().restart().await?;
    signs_again(pair.destination()).await?;
    println!("back after {} ms", SystemClock.now_unix_ms() - began_ms);
    is_whole(&mut pair, &mut roots).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_machine_without_any_copy_comes_back_from_its_partners() -> Result<()> {
    let (mut pair, mut roots) = begun().await?;
    mirrored(&pair).await?;
    lose(pair.destination())?;

    let began_ms = SystemClock.now_unix_ms();
    let dir = pair.destination().dir.clone();
    pair.destination().restart().await?;
    let status = pair.destination().desk("operator")?.status(wire::StatusRequest {}).await?;
    ensure!(status.into_inner().recovering, "it must sign nothing before it knows what it signed");
    let partner = pair.origin().dir.join("public.json");
    let root = pair.origin().public.root_fpr().hex();
    jieli(&dir, &["peer", "add", path(&partner), "--root-fpr", &root])?;
    signs_again(pair.destination()).await?;
    println!("back after {} ms", SystemClock.now_unix_ms() - began_ms);
    is_whole(&mut pair, &mut roots).await
}

fn private(dir: &Path) -> Result<()> {
    Ok(fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?)
}
