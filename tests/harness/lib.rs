//! What the rehearsals share: two real cities as processes, a private database each, and a look
//! into what they hold once they have stopped.

use anyhow::{Context, Result, bail};
use jieli::demo::city::City;
use jieli::demo::clock::FileClock;
use jieli::demo::{kunming, ruian};
use jieli_node::config::Database;
use jieli_node::store::{Conn, Store, StoreOptions};
use jieli_proto::kinds::PartySide;
use jieli_proto::wire;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

mod desk;
mod forger;
mod held;
mod keys;
mod outer;
mod packs;
pub mod people;
mod pg;
mod raw;
mod receiver;
mod road;
mod sealed;
mod stuck;
mod town;
mod towns;
mod within;
mod world;

pub use desk::WINDOW_TOKEN;
pub use forger::{Forged, Forger, office};
pub use held::Held;
pub use jieli::demo::city::Sms;
pub use keys::good;
pub use outer::LIAISON_POSTS;
pub use packs::unpacked;
pub use pg::TestPg;
pub use raw::top_fields;
pub use receiver::{Post, Receiver, Say};
pub use sealed::{complaint, give_token, random};
pub use stuck::eventually;
pub use town::{HOMES, HOMES_TOO, SCHOOLS, Town, UNION, in_hand};
pub use towns::{AGREEMENT_DRAFT, HOMES_HERE, Towns};
pub use within::{DISTRICT, FAR_WINDOW, HOUSING, LABOUR_HERE, SCHOOLS_TOO, Within, give_offices};
pub use world::{HOUR_MS, Hands, Seeded, Tap};

/// Approver posts of the sample agreement, by city.
pub const APPROVERS: [[&str; 2]; 2] = [["人社局局长", "法制科科长"], ["分管副市长", "法制科科长"]];
const AGREEMENT: &str = include_str!("../../deploy/sample/agreement.toml");
const VACANCIES: &str = include_str!("../../deploy/sample/vacancies.toml");

/// The database of a city that keeps its data in its own directory.
pub fn sqlite() -> Database {
    Database::Sqlite
}

/// Complete job terms.
pub fn terms() -> wire::Terms {
    let all = jieli_gateway::drafts::vacancies(VACANCIES).unwrap_or_default();
    all.into_iter().find_map(|vacancy| vacancy.terms).unwrap_or_default()
}

/// A small seeded generator, so that a failing run can be run again.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below a bound (SplitMix64).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// The `jieli` program beside the test binaries.
pub fn program() -> Result<PathBuf> {
    let mut dir = std::env::current_exe()?;
    while dir.pop() {
        let program = dir.join("jieli");
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("build the program first: cargo build -p jieli")
}

/// Two cities as processes, with the clock they share.
pub struct Pair {
    dir: tempfile::TempDir,
    cities: [City; 2],
    down: Option<PartySide>,
}

impl Pair {
    /// Kunming (party A) and Ruian (party B) on these databases, at 10:00 of 2026-11-23.
    pub async fn start(a: Database, b: Database) -> Result<Pair> {
        let dir = tempfile::tempdir()?;
        let clock = dir.path().join("clock");
        FileClock::set(&clock, 1_795_399_200_000)?;
        let program = program()?;
        let first = City::start(&dir.path().join("a"), &clock, kunming(&program, a)).await?;
        let second = City::start(&dir.path().join("b"), &clock, ruian(&program, b)).await?;
        Ok(Pair { dir, cities: [first, second], down: None })
    }

    /// Kunming.
    pub fn origin(&self) -> &City {
        &self.cities[0]
    }

    /// Ruian.
    pub fn destination(&self) -> &City {
        &self.cities[1]
    }

    /// The directory of everything.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Peers, proposal, counter-signature.
    pub async fn agree(&mut self) -> Result<String> {
        for (us, them) in [(0, 1), (1, 0)] {
            let peer = &self.cities[them].public;
            let ask = wire::AddPeerRequest {
                manifest: Some(peer.manifest.envelope.clone()),
                root_fpr: peer.root_fpr().hex(),
                name: peer.name.clone(),
                end_points: peer.end_points.clone(),
                root_spki: peer.manifest.root.to_spki().to_vec(),
                accepted_city: String::new(),
            };
            self.cities[us].desk("operator")?.add_peer(ask).await?;
        }
        let id = self.origin().propose(AGREEMENT).await?;
        until("the proposal", async || Ok(self.destination().countersign(&id, 1).await.is_ok()))
            .await?;
        let mut asks = self.origin().desk("approver")?;
        let named = wire::AgreementRef { agreement_id: id.clone() };
        until("the counter-signature", async || {
            Ok(asks.show_agreement(named.clone()).await?.into_inner().state == "ACTIVE")
        })
        .await?;
        Ok(id)
    }

    /// Kills one of the two with SIGKILL after a while.
    pub async fn kill_after(&mut self, delay: Duration, first: bool) -> Result<()> {
        tokio::time::sleep(delay).await;
        let side = if first { PartySide::A } else { PartySide::B };
        self.cities[side as usize].crash()?;
        self.down = Some(side);
        Ok(())
    }

    /// Starts the killed one again.
    pub async fn revive(&mut self) -> Result<()> {
        if let Some(side) = self.down.take() {
            self.cities[side as usize].crash_and_restart().await?;
        }
        Ok(())
    }

    /// Waits until no letter is waiting and both lanes are equal.
    pub async fn settle(&self) -> Result<()> {
        let (mut a, mut b) =
            (self.origin().desk("operator")?, self.destination().desk("operator")?);
        until_long("all letters to be answered", async || {
            let a = a.status(wire::StatusRequest {}).await?.into_inner();
            let b = b.status(wire::StatusRequest {}).await?.into_inner();
            Ok(a.letters_waiting + b.letters_waiting == 0 && lanes(&a) == lanes(&b))
        })
        .await
    }

    /// Remembers the roots that both cities show as signed; another root of a size fails.
    pub async fn note_roots(&self, roots: &mut BTreeMap<(String, u64), String>) -> Result<()> {
        for city in &self.cities {
            let status = city.desk("operator")?.status(wire::StatusRequest {}).await?.into_inner();
            let log = status.exchange.context("a log")?;
            let before = roots.insert((log.origin.clone(), log.size), log.root.clone());
            if before.is_some_and(|root| root != log.root) {
                bail!("{} has two signed roots at {}", log.origin, log.size);
            }
        }
        Ok(())
    }

    /// Ends both.
    pub fn crash(&mut self) -> Result<()> {
        self.cities.iter().try_for_each(City::crash)
    }

    async fn conn(&self, side: PartySide) -> Result<Conn> {
        let city = &self.cities[side as usize];
        let url = match &city.plan.database {
            Database::Sqlite => format!("sqlite:{}", city.dir.join("jieli.db").display()),
            Database::Postgres(url) => url.clone(),
        };
        Ok(Store::open(&url, StoreOptions::default()).await?.read().await?)
    }

    /// What a stopped city holds.
    pub async fn held(&self, side: PartySide) -> Result<Held> {
        Held::read(&mut self.conn(side).await?, side).await
    }

    /// The root that a log of one of the two has at a size, recomputed from its leaves.
    pub async fn root_at(&self, origin: &str, size: u64) -> Result<String> {
        let first = origin.contains(self.cities[0].plan.id);
        let side = if first { PartySide::A } else { PartySide::B };
        Held::root_at(&mut self.conn(side).await?, size).await
    }

    /// RFC 6962 roots of the lanes of a stopped city, from its leaves.
    pub async fn lane_roots(&self, side: PartySide) -> Result<BTreeMap<u32, (usize, String)>> {
        Ok(self.held(side).await?.lane_roots())
    }
}

/// Lane, count and root, as a city shows them.
pub fn lanes(status: &wire::StatusReply) -> Vec<(u32, u64, String)> {
    let mut all: Vec<_> =
        status.lanes.iter().map(|l| (l.lane, l.count, l.leaves_root.clone())).collect();
    all.sort();
    all
}

/// Waits up to 30 s for something.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    wait(what, 600, holds).await
}

/// Waits up to two minutes for something.
pub async fn until_long(what: &str, holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    wait(what, 2_400, holds).await
}

async fn wait(what: &str, times: u32, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..times {
        if holds().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("waited too long for {what}")
}
