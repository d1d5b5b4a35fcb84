//! Whether what is stored is still what was signed: logs, lanes, receipts, agreements, keys, legs
//! and sections are worked out anew from the stored bytes and compared with what stands beside
//! them. It only reads, a few rows at a time, and rests in between, so that traffic goes on.

mod agreements;
mod cosigned;
mod kept;
mod lanes;
mod legs;
mod logs;
mod papers;
mod tables;

use crate::batch::Batch;
use crate::command::Command;
use crate::house::House;
use crate::store::{Conn, Row, Store, StoreError, Val, checks};
use crate::writer::{Failure, Hand, Published};
use jieli_proto::envelope;
use jieli_proto::kinds::Kind;
use jieli_proto::wire::{Envelope, Finding, SelfAuditReport};
use prost::Message as _;
use std::sync::Arc;
use std::time::Duration;

pub use tables::{COVERED, UNCOVERED};

/// Rows read at once.
const ROWS_AT_ONCE: u32 = 256;

/// How long it rests after them.
const REST: Duration = Duration::from_millis(2);

/// Findings that are named.
const NAMED_MAX: usize = 200;

/// A finding is looked at again after this before it is told: traffic may have moved a row.
const AGAIN: Duration = Duration::from_millis(200);

/// Told of the table at work and the rows looked at so far.
pub type Progress<'a> = &'a (dyn Fn(&'static str, u64) + Send + Sync);

/// Why an audit came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The report could not be kept.
    #[error(transparent)]
    Busy(#[from] Failure),
}

/// Audits the node and keeps the report; what is found is an alarm.
pub async fn self_audit(
    hand: &Hand,
    store: &Store,
    house: &House,
    told: Progress<'_>,
) -> Result<SelfAuditReport, Failed> {
    let mut report = once(hand, store, house, told).await?;
    if !report.findings.is_empty() {
        house.world.sleep.sleep(AGAIN).await;
        let again = once(hand, store, house, told).await?;
        let same = |found: &Finding| {
            let place = |f: &Finding| (f.table.clone(), f.key.clone(), f.column.clone());
            again.findings.iter().any(|other| place(other) == place(found))
        };
        report.findings.retain(same);
        report.more &= again.more;
    }
    // The writer signs nothing behind a head row that is wrong, and ends: it is not called there.
    if report.findings.iter().any(|found| found.table == "log_head") {
        tracing::error!("a head of the log is not what was signed: run the start rule");
        return Ok(report);
    }
    hand.perform(Command::SelfAudited(Box::new(report.clone()))).await?;
    Ok(report)
}

async fn once(
    hand: &Hand,
    store: &Store,
    house: &House,
    told: Progress<'_>,
) -> Result<SelfAuditReport, StoreError> {
    let published = hand.published();
    let now_ms = || house.world.clock.now_unix_ms();
    let report = SelfAuditReport {
        city_id: house.config.city.id.as_str().to_owned(),
        begun_unix_ms: now_ms(),
        exchange_size: published.exchange.size,
        local_size: published.local.size,
        ..SelfAuditReport::default()
    };
    let conn = store.read().await?;
    let mut audit = Audit { house, published, conn, report, table: "", told };
    audit.logs().await?;
    audit.lanes().await?;
    audit.agreements().await?;
    audit.papers().await?;
    audit.cosigned().await?;
    audit.kept().await?;
    audit.legs().await?;
    audit.report.ended_unix_ms = now_ms();
    Ok(audit.report)
}

/// One walk over everything.
struct Audit<'a> {
    house: &'a House,
    published: Arc<Published>,
    conn: Conn,
    report: SelfAuditReport,
    table: &'static str,
    told: Progress<'a>,
}

impl Audit<'_> {
    /// From now on it is about this table.
    fn at(&mut self, table: &'static str) {
        self.table = table;
        (self.told)(table, self.report.rows);
    }

    /// Reads some rows, and rests.
    async fn rows(&mut self, sql: &'static str, vals: Vec<Val>) -> Result<Vec<Row>, StoreError> {
        let rows = self.conn.rows(sql, vals).await?;
        self.report.rows += rows.len() as u64;
        if rows.len() as u32 >= ROWS_AT_ONCE {
            (self.told)(self.table, self.report.rows);
            self.house.world.sleep.sleep(REST).await;
        }
        Ok(rows)
    }

    /// Something is wrong in the present table.
    fn found(&mut self, key: impl Into<String>, column: &str, why: [&str; 2]) {
        self.found_in(self.table, key, column, why);
    }

    fn found_in(
        &mut self,
        table: &'static str,
        key: impl Into<String>,
        column: &str,
        [zh, en]: [&str; 2],
    ) {
        if self.report.findings.len() >= NAMED_MAX {
            self.report.more = true;
            return;
        }
        let (table, column) = (table.to_owned(), column.to_owned());
        let (zh, en) = (zh.to_owned(), en.to_owned());
        self.report.findings.push(Finding { table, key: key.into(), column, zh, en });
    }

    /// Notes a wrong value unless it holds.
    fn expect(&mut self, holds: bool, key: &str, column: &str) {
        if !holds {
            self.found(key, column, DIFFERS);
        }
    }

    /// Whether a city that this one knows signed an envelope, with a key of any manifest.
    fn is_signed(&self, sealed: &Envelope, kind: Kind) -> bool {
        let directory = &self.published.directory;
        let Ok(fpr) = envelope::key_fpr(sealed) else { return false };
        let peers = directory.peers.values().flat_map(|peer| peer.manifests.values());
        let all = directory.own.values().chain(peers);
        let mut keys = all.filter_map(|manifest| manifest.key(&fpr, kind.role()));
        keys.any(|key| envelope::verify(sealed, &key.public).is_ok())
    }
}

/// What was worked out is not what is stored.
const DIFFERS: [&str; 2] = ["与重新计算的不符", "it is not what was worked out anew"];
const UNREADABLE: [&str; 2] = ["无法读出", "it cannot be read"];
const UNSIGNED: [&str; 2] = ["签名不成立", "its signature does not hold"];
const MISSING: [&str; 2] = ["记录缺失", "the row is missing"];

fn sealed(bytes: &[u8]) -> Option<Envelope> {
    Envelope::decode(bytes).ok().filter(|sealed| sealed.encode_to_vec() == bytes)
}

/// Kind of the alarms.
const ALARM: &str = "self-audit";

impl Batch<'_> {
    /// Keeps an audit's report; what was found is told to the operators.
    pub(crate) async fn keep_self_audit(
        &mut self,
        report: &SelfAuditReport,
    ) -> Result<(), StoreError> {
        checks::keep_audit(self.conn, report).await?;
        let city = self.directory.city.clone();
        for found in &report.findings {
            let Finding { table, key, column, zh, en } = found;
            let detail =
                format!("{table} [{key}] {column}：{zh}。 {table} [{key}] {column}: {en}.");
            self.alarm(ALARM, &city, &detail).await?;
        }
        if !report.findings.is_empty() {
            let count = report.findings.len() as u64;
            self.record(ALARM, &count.to_be_bytes());
        }
        Ok(())
    }
}
