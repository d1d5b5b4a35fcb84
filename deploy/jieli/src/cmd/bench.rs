//! `jieli bench`: measures on this machine, and says against what.

use super::say::{OK, Out};
use super::{Done, Fail};
use crate::bench::{
    Checked, Compared, Figures, ScratchPg, compare, exchange, one_bundle, whole_pack,
};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use jieli_node::config::Database;
use serde_json::Value;

mod import;
mod lists;

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Exchanges messages of 2 KiB between two real nodes: mutual TLS, durable commits, receipts
    /// verified. On SQLite, and on PostgreSQL where a server is named.
    Exchange(Exchange),
    /// Reads a made-up sheet as a desk does, and imports it into a real node.
    Import(import::Import),
    /// Makes open legs over the whole road, and asks for pages of them.
    Lists(lists::Lists),
    /// Finds three differences in two long lanes of two real nodes.
    Reconcile(Reconcile),
    /// Verifies one evidence bundle, made up for it.
    Verify {
        /// How many messages.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        messages: u32,
    },
    /// Verifies one audit pack, made up for it, in a process whose memory is watched.
    Pack {
        /// How many messages.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        messages: u32,
    },
}

#[derive(Args, Debug)]
pub(super) struct Exchange {
    /// How many messages.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
    /// A PostgreSQL server, postgres://user:password@host:port/database, of a role that may create
    /// databases: three are made and dropped again.
    #[arg(long, env = "JIELI_TEST_PG", hide_env_values = true, value_name = "URL")]
    postgres: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Reconcile {
    /// How many messages each of the two lanes has.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    messages: u64,
    /// A PostgreSQL server, as for `exchange`.
    #[arg(long, env = "JIELI_TEST_PG", hide_env_values = true, value_name = "URL")]
    postgres: Option<String>,
}

impl BenchCommand {
    pub(super) async fn run(self, out: Out) -> Result<Done, Fail> {
        match self {
            BenchCommand::Exchange(exchange) => exchange.run(out).await,
            BenchCommand::Import(import) => import.run(out).await,
            BenchCommand::Lists(lists) => lists.run(out).await,
            BenchCommand::Reconcile(reconcile) => reconcile.run(out).await,
            BenchCommand::Verify { messages } => {
                let found = tokio::task::spawn_blocking(move || one_bundle(messages)).await;
                show(&found.context("the run")??, out)
            }
            BenchCommand::Pack { messages } => {
                let program = std::env::current_exe().context("this program")?;
                let run = move || whole_pack(messages, &program);
                let found = tokio::task::spawn_blocking(run).await;
                show(&found.context("the run")??, out)
            }
        }
    }
}

impl Reconcile {
    async fn run(self, out: Out) -> Result<Done, Fail> {
        let mut all = vec![compare(self.messages, [Database::Sqlite, Database::Sqlite]).await?];
        if let Some(server) = self.postgres {
            let scratch = ScratchPg::create(&server).await?;
            let [first, second, _] = scratch.databases()?;
            let found = compare(self.messages, [first, second]).await;
            scratch.drop_all().await?;
            all.push(found?);
        }
        let value = Value::Array(all.iter().map(Compared::json).collect());
        out.show(&value, || {
            all.iter().map(|found| compared(found, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn compared(found: &Compared, out: Out) -> String {
    let Compared { engine, messages, elapsed_ms, ceiling_ms, rounds, requests, named } = found;
    let (count, ratio) = (named.len(), found.ratio() * 100.0);
    out.say(
        &format!(
            "{engine}：两条通道各 {messages} 条，{elapsed_ms} 毫秒找出全部 {count} 处差异，{rounds} 轮，\
             {requests} 次请求；单方只读一遍需 {ceiling_ms} 毫秒，达到 {ratio:.0}%。"
        ),
        &format!(
            "{engine}: two lanes of {messages}, all {count} differences named in {elapsed_ms} ms, \
             {rounds} rounds, {requests} requests; reading once on one side takes {ceiling_ms} ms, \
             {ratio:.0} % of it."
        ),
    )
}

impl Exchange {
    async fn run(self, out: Out) -> Result<Done, Fail> {
        let Exchange { messages, postgres } = self;
        let sqlite = [Database::Sqlite, Database::Sqlite, Database::Sqlite];
        let mut all = vec![exchange(messages, sqlite).await?];
        if let Some(server) = postgres {
            let scratch = ScratchPg::create(&server).await?;
            let figures = exchange(messages, scratch.databases()?).await;
            scratch.drop_all().await?;
            all.push(figures?);
        }
        let value = Value::Array(all.iter().map(Figures::json).collect());
        out.show(&value, || {
            all.iter().map(|figures| text(figures, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn show(found: &Checked, out: Out) -> Result<Done, Fail> {
    let Checked { messages, bytes, elapsed_ms, bare_ms, peak_kib } = found;
    let ratio = found.ratio() * 100.0;
    let (zh, en) = match peak_kib {
        None => (String::new(), String::new()),
        Some(peak) => (format!("，内存峰值 {peak} KiB"), format!(", {peak} KiB of memory at most")),
    };
    out.show(&found.json(), || {
        out.say(
            &format!(
                "{messages} 条消息（{bytes} 字节）核验用时 {elapsed_ms:.1} 毫秒{zh}；仅验签、散列和存在证明需 \
                 {bare_ms:.1} 毫秒，达到 {ratio:.0}%。"
            ),
            &format!(
                "{messages} messages ({bytes} bytes) verified in {elapsed_ms:.1} ms{en}; signatures, \
                 hashes and proofs alone take {bare_ms:.1} ms: {ratio:.0} % of it."
            ),
        )
    });
    Ok(OK)
}

fn text(figures: &Figures, out: Out) -> String {
    let Figures { engine, messages, message_bytes, elapsed_ms, .. } = figures;
    let (rate, ceiling, ratio) = (figures.rate(), figures.ceiling(), figures.ratio() * 100.0);
    let costs = &figures.costs;
    let parts = format!(
        "{:.0} / {:.0} / {:.0} / {:.0} / {:.0} µs",
        costs.sign_us, costs.verify_us, costs.hash_us, costs.rows_sender_us, costs.rows_receiver_us
    );
    out.say(
        &format!(
            "{engine}：{messages} 条消息（每条 {message_bytes} 字节）用时 {elapsed_ms} 毫秒，每秒 \
             {rate:.0} 条；上限每秒 {ceiling:.0} 条（签名／验签／散列／发方行／收方行：{parts}），\
             达到 {ratio:.0}%。"
        ),
        &format!(
            "{engine}: {messages} messages of {message_bytes} bytes in {elapsed_ms} ms, {rate:.0} a \
             second; ceiling {ceiling:.0} a second (sign / verify / hash / sender's rows / \
             receiver's rows: {parts}); {ratio:.0} % of it."
        ),
    )
}
