//! `jieli bench lists`: the pages of a desk that has many open legs.

use crate::bench::{Listed, ScratchPg, lists};
use crate::cmd::say::{OK, Out};
use crate::cmd::{Done, Fail};
use clap::Args;
use jieli_node::config::Database;
use serde_json::{Value, json};

#[derive(Args, Debug)]
pub(in crate::cmd) struct Lists {
    /// How many open legs.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=800_000))]
    cases: u32,
    /// A PostgreSQL server, as for `exchange`.
    #[arg(long, env = "JIELI_TEST_PG", hide_env_values = true, value_name = "URL")]
    postgres: Option<String>,
}

impl Lists {
    pub(super) async fn run(self, out: Out) -> Result<Done, Fail> {
        let Lists { cases, postgres } = self;
        let mut all = vec![lists(cases, [Database::Sqlite, Database::Sqlite]).await?];
        if let Some(server) = postgres {
            let scratch = ScratchPg::create(&server).await?;
            let [first, second, _] = scratch.databases()?;
            let found = lists(cases, [first, second]).await;
            scratch.drop_all().await?;
            all.push(found?);
        }
        let value = Value::Array(all.iter().map(told).collect());
        out.show(&value, || {
            all.iter().map(|found| text(found, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn told(found: &Listed) -> Value {
    let page = |page: &crate::bench::Page| json!({ "page": page.what, "p50_ms": page.p50_ms, "p95_ms": page.p95_ms });
    json!({
        "engine": found.engine,
        "cases": found.cases,
        "pages": found.pages.iter().map(page).collect::<Vec<_>>(),
        "start_ms": found.start_ms,
        "two_nodes_idle_kib": found.idle_kib,
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

fn text(found: &Listed, out: Out) -> String {
    let Listed { engine, cases, start_ms, idle_kib, .. } = found;
    let pages: Vec<String> = found
        .pages
        .iter()
        .map(|page| format!("{}: p50 {}, p95 {} ms", page.what, page.p50_ms, page.p95_ms))
        .collect();
    let pages = pages.join("; ");
    out.say(
        &format!(
            "{engine}：{cases} 个未结事项；启动到可用 {start_ms} 毫秒，其后两个节点占内存 {idle_kib} KiB。\
             各页：{pages}。"
        ),
        &format!(
            "{engine}: {cases} open legs; {start_ms} ms from the start to a node that answers, with \
             {idle_kib} KiB for two nodes after it. Pages: {pages}."
        ),
    )
}
