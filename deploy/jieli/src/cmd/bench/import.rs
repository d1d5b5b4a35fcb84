//! `jieli bench import`: a sheet from its bytes to committed drafts.

use crate::bench::{Imported, ScratchPg, import};
use crate::cmd::import::{measured, measuring};
use crate::cmd::say::{OK, Out};
use crate::cmd::{Done, Fail};
use clap::Args;
use jieli_node::config::Database;
use serde_json::{Value, json};

#[derive(Args, Debug)]
pub(in crate::cmd) struct Import {
    /// How many rows.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rows: u32,
    /// A PostgreSQL server, as for `exchange`.
    #[arg(long, env = "JIELI_TEST_PG", hide_env_values = true, value_name = "URL")]
    postgres: Option<String>,
}

/// One engine, with what reading took before.
struct Told {
    read_ms: u64,
    walk_ms: u64,
    reader_kib: u64,
    node: Imported,
}

impl Told {
    fn elapsed_ms(&self) -> u64 {
        self.read_ms + self.node.elapsed_ms
    }

    /// Walking over the cells and writing the rows, and nothing else.
    fn bare_ms(&self) -> u64 {
        self.walk_ms + self.node.bare_ms
    }

    fn ratio(&self) -> f64 {
        self.bare_ms() as f64 / self.elapsed_ms().max(1) as f64
    }

    fn json(&self, rows: u32) -> Value {
        json!({
            "engine": self.node.engine,
            "rows": rows,
            "cases": self.node.cases,
            "legs": self.node.legs,
            "elapsed_ms": self.elapsed_ms(),
            "reading_ms": self.read_ms,
            "node_ms": self.node.elapsed_ms,
            "ceiling_ms": self.bare_ms(),
            "walk_ms": self.walk_ms,
            "rows_alone_ms": self.node.bare_ms,
            "ratio": (self.ratio() * 1000.0).round() / 1000.0,
            "reader_peak_kib": self.reader_kib,
            "process_peak_kib": self.node.peak_kib,
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        })
    }

    fn text(&self, rows: u32, out: Out) -> String {
        let Told { read_ms, node, reader_kib, .. } = self;
        let Imported { engine, legs, elapsed_ms: node_ms, peak_kib, .. } = node;
        let (all_ms, bare_ms, ratio) = (self.elapsed_ms(), self.bare_ms(), self.ratio() * 100.0);
        out.say(
            &format!(
                "{engine}：{rows} 行（{legs} 个事项）用时 {all_ms} 毫秒，其中读表 {read_ms} 毫秒（内存峰值 \
                 {reader_kib} KiB）、节点 {node_ms} 毫秒（两个节点的进程峰值 {peak_kib} KiB）；仅走过各格并写\
                 入各行需 {bare_ms} 毫秒，达到 {ratio:.0}%。"
            ),
            &format!(
                "{engine}: {rows} rows ({legs} legs) in {all_ms} ms: reading {read_ms} ms \
                 ({reader_kib} KiB at most), the node {node_ms} ms (a process of two nodes, \
                 {peak_kib} KiB at most); walking over the cells and writing the rows alone takes \
                 {bare_ms} ms: {ratio:.0} % of it."
            ),
        )
    }
}

impl Import {
    pub(super) async fn run(self, out: Out) -> Result<Done, Fail> {
        let Import { rows, postgres } = self;
        let read = measured(measuring(), rows).await?;
        let sqlite = [Database::Sqlite, Database::Sqlite, Database::Sqlite];
        let mut nodes = vec![import(&read.drafts, sqlite).await?];
        if let Some(server) = postgres {
            let scratch = ScratchPg::create(&server).await?;
            let found = import(&read.drafts, scratch.databases()?).await;
            scratch.drop_all().await?;
            nodes.push(found?);
        }
        let told = |node| Told {
            read_ms: read.elapsed_ms,
            walk_ms: read.walk_ms,
            reader_kib: read.peak_kib,
            node,
        };
        let all: Vec<Told> = nodes.into_iter().map(told).collect();
        let value = Value::Array(all.iter().map(|found| found.json(rows)).collect());
        out.show(&value, || {
            all.iter().map(|found| found.text(rows, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}
