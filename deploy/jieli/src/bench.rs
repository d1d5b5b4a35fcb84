//! `jieli bench`: how fast two real nodes exchange messages on this machine, and how fast evidence
//! is verified, each against a ceiling measured in the same run.
//!
//! Ruian announces job terms of two kibibytes to Kunming: a message that is signed, logged in both
//! cities, committed durably, receipted, and whose receipt is verified. There is no person in it.
//! The clock runs from the first call at Ruian's desk until Ruian holds a verified receipt for
//! every message.

use crate::ambient::SystemClock;
use anyhow::{Context, Result, ensure};
use ceiling::Costs;
use jieli_node::config::Database;
use jieli_node::world::Clock;
use jieli_proto::wire::{self, Terms, Vacancy};
use serde_json::{Value, json};
use std::time::Duration;
use towns::Towns;

mod ceiling;
mod evidence;
mod import;
mod lists;
mod memory;
mod reconcile;
mod roster;
mod scratch;
mod towns;
mod verify;

pub use import::{Imported, import};
pub use lists::{Listed, Page, lists};
pub use reconcile::{Compared, compare};
pub(crate) use roster::roster;
pub use scratch::ScratchPg;
pub use verify::{Checked, one_bundle, whole_pack};

/// Vacancies announced with one call, and so messages in one batch.
const A_CALL: u32 = 256;
/// Bytes of a message's envelope that are aimed at.
const MESSAGE_BYTES: usize = 2048;
/// How long the receipts may take after the last call.
const PATIENCE_MS: u64 = 300_000;
const VACANCIES: &str = include_str!("../../sample/vacancies.toml");

/// What was measured on one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Messages exchanged.
    pub messages: u32,
    /// Mean size of a message's envelope, bytes.
    pub message_bytes: u64,
    /// From the first call to the last verified receipt, milliseconds.
    pub elapsed_ms: u64,
    /// What the parts of the work cost alone.
    pub costs: Costs,
    /// Processors the machine lets us use.
    pub cores: u32,
}

impl Figures {
    /// Messages a second that were exchanged.
    pub fn rate(&self) -> f64 {
        f64::from(self.messages) * 1000.0 / self.elapsed_ms.max(1) as f64
    }

    /// Messages a second that no program could exceed that pays these costs.
    pub fn ceiling(&self) -> f64 {
        self.costs.ceiling(self.cores)
    }

    /// Rate over ceiling, 0 to 1.
    pub fn ratio(&self) -> f64 {
        self.rate() / self.ceiling()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let short = |number: f64| (number * 1000.0).round() / 1000.0;
        json!({
            "engine": self.engine,
            "messages": self.messages,
            "message_bytes": self.message_bytes,
            "elapsed_ms": self.elapsed_ms,
            "messages_per_s": short(self.rate()),
            "ceiling_messages_per_s": short(self.ceiling()),
            "ratio": short(self.ratio()),
            "cores": self.cores,
            "costs_us": {
                "sign": short(self.costs.sign_us),
                "verify": short(self.costs.verify_us),
                "hash": short(self.costs.hash_us),
                "rows_sender": short(self.costs.rows_sender_us),
                "rows_receiver": short(self.costs.rows_receiver_us),
            },
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        })
    }
}

/// The name of an engine.
fn engine(database: &Database) -> &'static str {
    match database {
        Database::Sqlite => "sqlite",
        Database::Postgres(_) => "postgres",
    }
}

/// Exchanges messages between two fresh nodes on these databases and measures the ceiling on the
/// third, which is of the same engine.
pub async fn exchange(messages: u32, databases: [Database; 3]) -> Result<Figures> {
    let [first, second, third] = databases;
    let engine = engine(&first);
    let dir = tempfile::tempdir()?;
    let towns = Towns::start(dir.path(), [first, second]).await?;
    towns.agree().await?;
    let terms = terms()?;
    let started_ms = SystemClock.now_unix_ms();
    let mut next = 0;
    while next < messages {
        let upto = (next + A_CALL).min(messages);
        let vacancies = (next..upto).map(|number| vacancy(&terms, number)).collect();
        towns
            .announce(wire::AddVacanciesRequest { vacancies, announce: true, change: false })
            .await?;
        next = upto;
    }
    while towns.waiting().await? > 0 {
        let took_ms = SystemClock.now_unix_ms() - started_ms;
        ensure!(took_ms < PATIENCE_MS, "receipts are still missing after {took_ms} ms");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let elapsed_ms = SystemClock.now_unix_ms() - started_ms;
    let message_bytes = towns.check(u64::from(messages)).await?;
    towns.stop().await;
    let costs = Costs::measure(dir.path(), &third, message_bytes as usize, A_CALL).await?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    Ok(Figures { engine, messages, message_bytes, elapsed_ms, costs, cores })
}

/// Complete job terms, long enough that their message has the size aimed at.
fn terms() -> Result<Terms> {
    let all = jieli_gateway::drafts::vacancies(VACANCIES)?;
    let mut terms = all.into_iter().find_map(|vacancy| vacancy.terms).context("sample terms")?;
    // Header, window and posts take some 400 bytes.
    let room = MESSAGE_BYTES - 400;
    for line in 0_u32.. {
        if prost::Message::encoded_len(&terms) >= room {
            break;
        }
        terms.complaint_phones.push(format!("0577-{:08}", 99_000_000 + line));
    }
    Ok(terms)
}

fn vacancy(terms: &Terms, number: u32) -> Vacancy {
    let mut terms = terms.clone();
    terms.reference = format!("V-BENCH-{number:08}");
    Vacancy { city: String::new(), terms: Some(terms), posts: 3, valid_until: 20_991_231 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_exchanges_all_and_stays_below_its_ceiling() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let figures = exchange(40, [(); 3].map(|()| Database::Sqlite)).await.unwrap();
        assert_eq!((figures.engine, figures.messages), ("sqlite", 40));
        assert!((1_900..2_300).contains(&figures.message_bytes), "{}", figures.message_bytes);
        assert!(figures.ratio() > 0.0 && figures.ratio() < 1.0, "{figures:?}");
    }
}
