//! `jieli self-audit`: whether what this city stores is still what was signed.

use super::dial::At;
use super::say::{OK, Out, REFUSED, time};
use super::{Done, Fail};
use clap::Args;
use jieli_node::config::DeskRole;
use jieli_proto::wire::{Finding, SelfAuditReport, SelfAuditRequest};
use serde_json::{Value, json};

/// Works out logs, lanes, receipts and legs anew from the stored bytes. The node goes on meanwhile.
#[derive(Args, Debug)]
pub(super) struct SelfAudit {
    /// Shows what was found last and looks at nothing.
    #[arg(long)]
    last: bool,
}

impl SelfAudit {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let ask = SelfAuditRequest { last: self.last };
        let mut steps = desk.self_audit(ask).await?.into_inner();
        let mut report = None;
        while let Some(step) = steps.message().await? {
            report = step.report.or(report);
        }
        let report = report.ok_or_else(|| {
            Fail::new(
                super::FAILED,
                "BROKE_OFF",
                "自查中断，请再试一次。",
                "It broke off: try again.",
            )
        })?;
        out.show(&value(&report), || text(&report, out));
        Ok(if report.findings.is_empty() { OK } else { Done(REFUSED) })
    }
}

fn text(report: &SelfAuditReport, out: Out) -> String {
    let (begun, rows) = (time(report.begun_unix_ms), report.rows);
    let took_ms = report.ended_unix_ms.saturating_sub(report.begun_unix_ms);
    let (exchange, local) = (report.exchange_size, report.local_size);
    let mut lines = vec![out.say(
        &format!("自查：{begun}，{rows} 行，{took_ms} 毫秒；存证日志 {exchange} 条，本地日志 {local} 条。"),
        &format!(
            "Self-audit: {begun}, {rows} rows in {took_ms} ms; {exchange} records of the exchange \
             log, {local} of the local log."
        ),
    )];
    if report.findings.is_empty() {
        lines.push(
            out.say(
                "存储的内容与签名和日志一致。",
                "What is stored is what was signed and logged.",
            ),
        );
        return lines.join("\n");
    }
    let more = if report.more { "+" } else { "" };
    let count = report.findings.len();
    lines.push(out.say(
        &format!("发现 {count}{more} 处，请保留数据库原样并联系运行人员："),
        &format!("{count}{more} findings; keep the database as it is and call the operators:"),
    ));
    lines.extend(report.findings.iter().map(|found| {
        let Finding { table, key, column, zh, en } = found;
        format!("  {table} [{key}] {column}: {}", out.say(&format!("{zh}。"), &format!("{en}.")))
    }));
    lines.join("\n")
}

fn value(report: &SelfAuditReport) -> Value {
    let finding = |found: &Finding| {
        json!({
            "table": found.table, "key": found.key, "column": found.column,
            "zh": found.zh, "en": found.en,
        })
    };
    json!({
        "city_id": report.city_id,
        "begun_unix_ms": report.begun_unix_ms,
        "ended_unix_ms": report.ended_unix_ms,
        "rows": report.rows,
        "exchange_size": report.exchange_size,
        "local_size": report.local_size,
        "more": report.more,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
