//! `jieli bench reconcile`: how fast two real nodes find three differences in two long lanes.
//!
//! Both nodes hold the same signed messages, written as rows with their leaves because exchanging
//! them is measured elsewhere. Then one row is changed and two are lost, and one node compares. The
//! ceiling is what no comparison from stored bytes can do without: reading both lanes once, on one
//! side, with nobody asking.

use super::towns::{Town, Towns};
use super::{A_CALL, terms, vacancy};
use crate::ambient::{SystemClock, SystemEntropy};
use anyhow::{Context, Result, ensure};
use jieli_node::batch::leaf_of;
use jieli_node::config::Database;
use jieli_node::keys::seal_envelope;
use jieli_node::lanes::{Blocks, LaneAt};
use jieli_node::reconcile::reconcile;
use jieli_node::store::log::{self, Edge};
use jieli_node::store::{AssertSqlSafe, Val, Writer};
use jieli_node::world::{Clock, random};
use jieli_proto::envelope;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::wire::{self, Envelope, Message};
use prost::Message as _;
use serde_json::{Value, json};
use std::time::Duration;

/// Messages written with one transaction.
const AT_ONCE: u64 = 2_000;

/// What was measured on one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Messages of each of the two lanes.
    pub messages: u64,
    /// From the call to the kept report, milliseconds.
    pub elapsed_ms: u64,
    /// Reading both lanes once on one side, milliseconds.
    pub ceiling_ms: u64,
    /// Rounds of the lane that took the most.
    pub rounds: u32,
    /// Calls to the other city.
    pub requests: u32,
    /// Lane, place and class of what was named.
    pub named: Vec<(u32, u64, String)>,
}

impl Compared {
    /// Ceiling over time, 0 to 1.
    pub fn ratio(&self) -> f64 {
        self.ceiling_ms as f64 / self.elapsed_ms.max(1) as f64
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let named = self.named.iter().map(|(lane, seq, class)| json!([lane, seq, class]));
        json!({
            "engine": self.engine,
            "messages_each_lane": self.messages,
            "elapsed_ms": self.elapsed_ms,
            "ceiling_ms": self.ceiling_ms,
            "ratio": (self.ratio() * 1000.0).round() / 1000.0,
            "rounds": self.rounds,
            "requests": self.requests,
            "differences": named.collect::<Vec<_>>(),
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        })
    }
}

/// Fills two lanes of two fresh nodes, makes three differences, and compares.
pub async fn compare(messages: u64, [first, second]: [Database; 2]) -> Result<Compared> {
    let engine = match &first {
        Database::Sqlite => "sqlite",
        Database::Postgres(_) => "postgres",
    };
    let dir = tempfile::tempdir()?;
    let towns = Towns::start(dir.path(), [first, second]).await?;
    let id = towns.agree().await?;
    one_message(&towns, 0).await?;
    for lane in [PartySide::A, PartySide::B].map(Lane::messages) {
        fill(&towns, id, lane, messages).await?;
    }
    // A batch of each node, after which its signed head covers what was written.
    one_message(&towns, A_CALL).await?;
    let differences = spoil(&towns, messages).await?;
    let (kunming, node) = (&towns.kunming, &towns.kunming.node);
    let ceiling_ms = pass_ms(kunming, id).await?;
    let started_ms = SystemClock.now_unix_ms();
    let told = |_, _| {};
    let report = reconcile(&node.hand(), &node.store(), node.house(), (id, 0), &told).await?;
    let elapsed_ms = SystemClock.now_unix_ms() - started_ms;
    let found = report.differences.into_iter();
    let named: Vec<(u32, u64, String)> =
        found.map(|found| (found.lane, found.lane_seq, found.class)).collect();
    let places: Vec<(u32, u64)> = named.iter().map(|(lane, seq, _)| (*lane, *seq)).collect();
    ensure!(places == differences, "named {named:?}, not {differences:?}");
    towns.stop().await;
    let (rounds, requests) = (report.rounds, report.requests);
    Ok(Compared { engine, messages, elapsed_ms, ceiling_ms, rounds, requests, named })
}

/// Ruian announces a vacancy, and Kunming has it.
async fn one_message(towns: &Towns, number: u32) -> Result<()> {
    let vacancies = vec![vacancy(&terms()?, number)];
    let ask = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    towns.announce(ask).await?;
    while towns.waiting().await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Writes the same signed messages into both houses, at the end of a lane and of their logs.
async fn fill(towns: &Towns, id: AgreementId, lane: Lane, messages: u64) -> Result<()> {
    let both = [&towns.kunming, &towns.ruian];
    let author = both[lane.side() as usize];
    let signer = author.node.house().keys.message();
    let sql = "SELECT envelope FROM envelope WHERE lane = 1 AND lane_seq = 1";
    let sealed = Envelope::decode(towns.ruian.row(sql).await?.bytes(0)?.as_slice())?;
    let mut message: Message = envelope::payload(&sealed)?;
    let mut header = message.header.take().context("a header")?;
    header.lane = u32::from(lane.number());
    if lane.side() == PartySide::A {
        std::mem::swap(&mut header.sender, &mut header.recipient);
    } else {
        header.lane_seq = 1;
        header.lane_prev = envelope::env_digest(&sealed).to_vec();
    }
    let begun = if lane.side() == PartySide::A { 0 } else { 1 };
    let mut writers: Vec<Writer> = both.map(|town| town.node.store().writer()).into();
    let mut next = begun + 1;
    while next <= messages {
        let to = messages.min(next + AT_ONCE - 1);
        let mut some = Vec::new();
        for seq in next..=to {
            header.lane_seq = seq;
            message.header = Some(header.clone());
            message.msg_id = random::<16>(&SystemEntropy::new()).to_vec();
            let sealed = seal_envelope(&message, signer.as_ref()).await?;
            header.lane_prev = envelope::env_digest(&sealed).to_vec();
            some.push((seq, sealed));
        }
        for writer in &mut writers {
            put(writer, id, lane, &some, header.created_unix_ms).await?;
        }
        next = to + 1;
    }
    Ok(())
}

/// Envelopes, leaves, the moved head and the end of the lane, in one transaction.
async fn put(
    writer: &mut Writer,
    id: AgreementId,
    lane: Lane,
    some: &[(u64, Envelope)],
    created_ms: u64,
) -> Result<()> {
    let mut tx = writer.begin().await?;
    let claim = log::claim(&mut tx, &random(&SystemEntropy::new())).await?;
    let mut edge = Edge::load(&mut tx, &claim.head).await?;
    let mut rows = Vec::new();
    for (seq, sealed) in some {
        let index = edge.push(leaf_of(id, lane, *seq, sealed)?.to_vec())?;
        rows.push(vec![
            id.to_vec().into(),
            lane.number().into(),
            (*seq).into(),
            envelope::env_digest(sealed).to_vec().into(),
            sealed.encode_to_vec().into(),
            index.into(),
            created_ms.into(),
        ]);
    }
    let columns =
        ["agreement_id", "lane", "lane_seq", "env_digest", "envelope", "leaf_idx", "stored_ms"];
    tx.insert_many("envelope", &columns, rows).await?;
    let head = edge.head(claim.head.generation);
    edge.write(&mut tx).await?;
    log::store_head(&mut tx, &claim.head, &head).await?;
    let (seq, sealed) = some.last().context("messages")?;
    let sql = "INSERT INTO lane (agreement_id, lane, last_seq, last_digest, last_created_ms, \
               last_version) VALUES ($1,$2,$3,$4,$5,1) ON CONFLICT (agreement_id, lane) DO UPDATE \
               SET last_seq = excluded.last_seq, last_digest = excluded.last_digest";
    let digest = envelope::env_digest(sealed).to_vec();
    let vals = vec![
        id.to_vec().into(),
        lane.number().into(),
        (*seq).into(),
        digest.into(),
        created_ms.into(),
    ];
    tx.run(sql, vals).await?;
    tx.commit().await?;
    Ok(())
}

/// One envelope of Kunming's lane is lost in Ruian, and of Ruian's lane one is changed there and
/// one lost in Kunming. Returns their places.
async fn spoil(towns: &Towns, messages: u64) -> Result<Vec<(u32, u64)>> {
    let at = [messages / 3, messages / 2, messages - messages / 7];
    let lost = "DELETE FROM envelope WHERE lane = $1 AND lane_seq = $2";
    let changed = "UPDATE envelope SET envelope = $3 WHERE lane = $1 AND lane_seq = $2";
    let sql = format!("SELECT envelope FROM envelope WHERE lane = 1 AND lane_seq = {}", at[1]);
    let mut conn = towns.ruian.node.store().read().await?;
    let mut bytes = conn.one(AssertSqlSafe(sql), Vec::new()).await?.bytes(0)?;
    drop(conn);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let place = |lane: u8, seq: u64| vec![Val::from(lane), Val::from(seq)];
    let all = [
        (&towns.ruian, lost, place(0, at[0])),
        (&towns.ruian, changed, [place(1, at[1]), vec![bytes.into()]].concat()),
        (&towns.kunming, lost, place(1, at[2])),
    ];
    for (town, sql, vals) in all {
        let mut writer = town.node.store().writer();
        let mut tx = writer.begin().await?;
        ensure!(tx.run(sql, vals).await? == 1, "no row was spoiled");
        tx.commit().await?;
    }
    Ok(vec![(0, at[0]), (1, at[1]), (1, at[2])])
}

/// Reads both message lanes once.
async fn pass_ms(town: &Town, id: AgreementId) -> Result<u64> {
    let size = town.node.hand().published().exchange.size;
    let mut conn = town.node.store().read().await?;
    let began_ms = SystemClock.now_unix_ms();
    for lane in [PartySide::A, PartySide::B].map(Lane::messages) {
        let at = LaneAt { agreement: id, lane, size };
        let last = at.last(&mut conn).await?;
        let mut all = u64::MAX;
        Blocks::default().read_on(&mut conn, &at, last, &mut all).await?;
    }
    Ok(SystemClock.now_unix_ms() - began_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_names_its_three_differences() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let found = compare(900, [Database::Sqlite, Database::Sqlite]).await.unwrap();
        let classes: Vec<&str> = found.named.iter().map(|(_, _, class)| class.as_str()).collect();
        assert_eq!(classes, ["not-logged-there", "damaged-there", "erased-here"]);
        assert!(found.rounds <= 5 && found.requests < 60, "{found:?}");
    }
}
