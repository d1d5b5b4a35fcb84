//! Lists of a desk that has many open legs: each of them went the whole road, from a draft over the
//! person's yes to an OFFER in the other city. Then pages are asked for as a desk asks, by gRPC.

use super::memory;
use super::towns::{Town, Towns};
use crate::ambient::SystemClock;
use crate::cmd::import::ROWS_AT_ONCE;
use crate::demo::city::Sms;
use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use jieli_node::command::{Command, DeskCommand, Done, WorkerCommand};
use jieli_node::config::Database;
use jieli_node::world::{Clock as _, Notice, NoticeResult, Notices};
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Ruian's office for housing.
const HOUSES: &str = "11999999MB0000140P";
/// Answers of persons that are under way at once.
const AT_ONCE: usize = 64;
/// How long notices and letters may take.
const PATIENCE_MS: u64 = 1_800_000;
/// Legs on a page.
const PAGE: u32 = 50;
/// How often each page is asked for.
const TIMES: usize = 100;

/// The messages on the phones.
#[derive(Debug, Default)]
pub(super) struct Phones(Mutex<Vec<Sms>>);

impl Phones {
    fn take(&self) -> Vec<Sms> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Notices for Phones {
    async fn send(&self, notice: Notice) -> NoticeResult {
        let sms = Sms { to: notice.to, text: notice.text };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sms);
        NoticeResult::Sent
    }
}

/// How long one kind of page took, in milliseconds.
#[derive(Clone, Debug)]
pub struct Page {
    /// What was asked for.
    pub what: &'static str,
    /// The middle one.
    pub p50_ms: u64,
    /// 95 of 100 took no longer.
    pub p95_ms: u64,
}

/// What was measured on one engine.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Open legs, at the desk that receives.
    pub cases: u32,
    /// Pages of that desk.
    pub pages: Vec<Page>,
    /// From the call to a node that answers, milliseconds.
    pub start_ms: u64,
    /// Memory after that start, in a process of two nodes; 0 where the system does not tell.
    pub idle_kib: u64,
}

/// Makes so many open legs and asks for pages of them.
pub async fn lists(cases: u32, databases: [Database; 2]) -> Result<Listed> {
    let [first, second] = databases;
    let engine = super::engine(&first);
    let dir = tempfile::tempdir()?;
    let phones = Arc::new(Phones::default());
    let windows = Arc::clone(&phones) as Arc<dyn Notices>;
    let towns = Towns::start_with(dir.path(), [first, second], (HOUSES, Some(windows))).await?;
    towns.agree().await?;
    let mut next = 0;
    while next < cases {
        let upto = (next + ROWS_AT_ONCE as u32).min(cases);
        offered(&towns.kunming, &phones, next..upto).await?;
        next = upto;
    }
    let began_ms = SystemClock.now_unix_ms();
    let there = "SELECT CAST(COUNT(*) AS BIGINT) FROM leg_open";
    while towns.ruian.row(there).await?.uint(0)? < u64::from(cases) {
        ensure!(SystemClock.now_unix_ms() - began_ms < PATIENCE_MS, "not every OFFER arrived");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let Towns { kunming, ruian } = towns;
    let (ruian, start_ms) = ruian.again(phones).await?;
    let towns = Towns { kunming, ruian };
    let idle_kib = memory::now_kib();
    let pages = pages(&towns.ruian).await?;
    towns.stop().await;
    Ok(Listed { engine, cases, pages, start_ms, idle_kib })
}

/// Drafts, questions, answers.
async fn offered(town: &Town, phones: &Phones, range: std::ops::Range<u32>) -> Result<()> {
    let drafts: Vec<wire::Draft> = range.map(home).collect();
    let asked = drafts.len();
    let ask = wire::ImportRequest { file_name: String::new(), drafts };
    let Done::Imported(reply) = town.desk(DeskCommand::Import(ask)).await? else {
        bail!("another answer to an import")
    };
    let refused = reply.rows.iter().find(|row| row.case_number.is_empty());
    ensure!(refused.is_none(), "a row was refused: {refused:?}");
    let case_numbers = reply.rows.into_iter().map(|row| row.case_number).collect();
    town.desk(DeskCommand::Ask(wire::AskRequest { case_numbers })).await?;
    let mut codes = BTreeMap::new();
    let began_ms = SystemClock.now_unix_ms();
    while codes.len() < asked {
        let all = phones.take().into_iter().filter(|sms| !sms.code().is_empty());
        codes.extend(all.map(|sms| (sms.case(), sms.code())));
        let took_ms = SystemClock.now_unix_ms() - began_ms;
        ensure!(took_ms < PATIENCE_MS, "{} of {asked} messages came", codes.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut answers = JoinSet::new();
    for (case_number, code) in codes {
        while answers.len() >= AT_ONCE {
            answers.join_next().await.context("an answer")???;
        }
        let ask = wire::AnswerRequest { case_number, code, yes: vec![1] };
        let hand = town.node.hand();
        answers.spawn(async move {
            let command = Command::Worker(WorkerCommand::Answer(ask));
            hand.perform(command).await.map(drop).context("a yes")
        });
    }
    while let Some(done) = answers.join_next().await {
        done??;
    }
    Ok(())
}

/// Somebody fictional who asks for a home in Ruian.
fn home(serial: u32) -> wire::Draft {
    let number = |field: u32, value: u64| wire::DraftField {
        section: 3,
        field,
        value: Some(Value::Number(value)),
    };
    let leg = wire::DraftLeg {
        service: Service::Housing.into(),
        relation: 1,
        fields: vec![number(1, 1), number(2, 2), number(3, 20_991_201)],
        ..wire::DraftLeg::default()
    };
    let worker = wire::DraftPerson {
        name: format!("试验{}", super::roster::hanzi(serial)),
        document: 1,
        number: super::roster::number(1960 + serial / 30_000 % 30, serial / 900, serial % 900),
        phone: format!("199{serial:08}"),
        ..wire::DraftPerson::default()
    };
    let city = "ruian.zj".to_owned();
    wire::Draft { row: serial, worker: Some(worker), city, legs: vec![leg] }
}

async fn pages(town: &Town) -> Result<Vec<Page>> {
    let first = || wire::ListCasesRequest { most: PAGE, ..wire::ListCasesRequest::default() };
    let mut deep = first();
    let mut desk = town.desk_client().await?;
    let shown = desk.list_cases(first()).await?.into_inner();
    ensure!(shown.cases.len() as u32 == PAGE, "the first page has {} cases", shown.cases.len());
    for _ in 1..20 {
        deep.after = desk.list_cases(deep.clone()).await?.into_inner().next;
    }
    let asked = [
        ("first", first()),
        ("twentieth", deep),
        ("latest first", wire::ListCasesRequest { latest_first: true, ..first() }),
        ("due this week", wire::ListCasesRequest { due: "week".to_owned(), ..first() }),
        ("overdue", wire::ListCasesRequest { due: "overdue".to_owned(), ..first() }),
        ("one service", wire::ListCasesRequest { service: Service::Housing.into(), ..first() }),
        (
            "a service that nobody asks for",
            wire::ListCasesRequest { service: Service::Insurance.into(), ..first() },
        ),
        ("of the own token", wire::ListCasesRequest { mine: true, ..first() }),
    ];
    let mut pages = Vec::new();
    for (what, ask) in asked {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let began_ms = SystemClock.now_unix_ms();
            desk.list_cases(ask.clone()).await?;
            took.push(SystemClock.now_unix_ms().saturating_sub(began_ms));
        }
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
        pages.push(Page { what, p50_ms: at(50), p95_ms: at(95) });
    }
    Ok(pages)
}
