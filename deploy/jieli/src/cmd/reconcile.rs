//! `jieli reconcile`: whether both cities hold the same.

use super::dial::At;
use super::say::{OK, Out, REFUSED, time};
use super::{Done, Fail};
use clap::Args;
use jieli_node::config::DeskRole;
use jieli_proto::envelope::to_json;
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::wire::{self, Difference, LaneCompared, LaneSide, ReconcileReport};
use serde_json::{Value, json};

/// Differences shown as text; `--json` has all that are named.
const SHOWN_MAX: usize = 40;

/// Compares signed statements of both cities about the lanes of an agreement.
#[derive(Args, Debug)]
pub(super) struct Reconcile {
    /// Id of the agreement.
    #[arg(long, required_unless_present = "list", value_name = "ID")]
    agreement: Option<String>,
    /// Only what was signed in this month, like 2026-11; else everything.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    period: Option<u32>,
    /// Shows what was found before and asks nobody: of one agreement, or the last of each.
    #[arg(long, conflicts_with = "period")]
    list: bool,
}

fn month(text: &str) -> Result<u32, String> {
    let parsed = text.split_once('-').and_then(|(year, month)| {
        let right = year.len() == 4 && month.len() == 2;
        let numbers = year.parse::<u32>().ok().zip(month.parse::<u32>().ok());
        numbers.filter(|(year, month)| right && *year >= 1970 && (1..=12).contains(month))
    });
    parsed
        .map(|(year, month)| year * 100 + month)
        .ok_or_else(|| "月份格式 2026-11 / a month like 2026-11".to_owned())
}

impl Reconcile {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let agreement_id = self.agreement.unwrap_or_default();
        if self.list {
            let ask = wire::ListReconciledRequest { agreement_id };
            let reports = desk.list_reconciled(ask).await?.into_inner().reports;
            out.show(&Value::Array(reports.iter().map(value).collect()), || {
                let none = || out.say("还没有对过账。", "Nothing was compared yet.");
                if reports.is_empty() {
                    return none();
                }
                reports.iter().map(|report| text(report, out)).collect::<Vec<_>>().join("\n\n")
            });
            return Ok(OK);
        }
        let ask = wire::ReconcileRequest { agreement_id, period: self.period.unwrap_or(0) };
        let mut steps = desk.reconcile(ask).await?.into_inner();
        let mut report = None;
        while let Some(step) = steps.message().await? {
            report = step.report.or(report);
        }
        let report = report.ok_or_else(|| {
            Fail::new(
                super::FAILED,
                "BROKE_OFF",
                "对账中断，请再试一次。",
                "It broke off: try again.",
            )
        })?;
        out.show(&value(&report), || text(&report, out));
        Ok(if report.agree { OK } else { Done(REFUSED) })
    }
}

fn text(report: &ReconcileReport, out: Out) -> String {
    let (peer, made) = (&report.peer, time(report.made_unix_ms));
    let period = match report.period {
        0 => out.say("全部", "everything"),
        month => format!("{}-{:02}", month / 100, month % 100),
    };
    let mut lines = vec![out.say(
        &format!("对账：与 {peer}，{made}，范围：{period}"),
        &format!("Compared with {peer}, {made}: {period}"),
    )];
    let ours = PartySide::of(&report.city_id, peer);
    lines.extend(report.lanes.iter().map(|lane| lane_text(lane, ours, out)));
    let (places, rounds, requests) = (report.places, report.rounds, report.requests);
    lines.push(out.say(
        &format!("共比较 {places} 条，最多 {rounds} 轮，{requests} 次请求。"),
        &format!("{places} compared in at most {rounds} rounds, {requests} requests."),
    ));
    if report.differences.is_empty() {
        lines.push(out.say("双方一致。", "Both cities hold the same."));
        return lines.join("\n");
    }
    let (count, more) = (report.differences.len(), if report.more { "+" } else { "" });
    lines
        .push(out.say(&format!("差异 {count}{more} 处："), &format!("{count}{more} differences:")));
    lines.extend(report.differences.iter().take(SHOWN_MAX).map(|found| {
        let place = format!("  {}/{} [{}]", found.lane, found.lane_seq, found.class);
        format!("{place} {}", out.say(&format!("{}。", found.zh), &format!("{}.", found.en)))
    }));
    if count > SHOWN_MAX {
        lines.push(out.say("其余见 --json。", "The others are in --json."));
    }
    if report.agree {
        lines.push(out.say(
            "只有在途的差异：双方一致。",
            "Nothing but what is on its way: both cities hold the same.",
        ));
    }
    lines.join("\n")
}

fn lane_text(line: &LaneCompared, us: PartySide, out: Out) -> String {
    let lane = Lane::from_number(line.lane);
    let ours = lane.is_some_and(|lane| lane.side() == us);
    let kind = match lane.map(Lane::kind) {
        Some(Kind::Receipt) => ["回执", "receipts"],
        Some(Kind::Act) => ["协议文书", "acts"],
        _ => ["消息", "messages"],
    };
    let (zh, en) = if ours { ("本市", "our") } else { ("对方", "their") };
    let count = |side: &Option<LaneSide>| side.as_ref().map_or(0, |side| side.count);
    let (number, here, there, rounds) =
        (line.lane, count(&line.ours), count(&line.theirs), line.rounds);
    out.say(
        &format!(
            "  通道 {number}（{zh}{}）：本市 {here} 条，对方 {there} 条，{rounds} 轮",
            kind[0]
        ),
        &format!("  Lane {number} ({en} {}): {here} here, {there} there, {rounds} rounds", kind[1]),
    )
}

fn value(report: &ReconcileReport) -> Value {
    let side = |side: &Option<LaneSide>| {
        let side = side.clone().unwrap_or_default();
        json!({
            "to": side.to, "count": side.count, "root": side.root,
            "statement": side.statement.as_ref().map(to_json),
        })
    };
    let lane = |line: &LaneCompared| {
        json!({
            "lane": line.lane, "from": line.from, "to": line.to, "rounds": line.rounds,
            "requests": line.requests, "ours": side(&line.ours), "theirs": side(&line.theirs),
        })
    };
    let difference = |found: &Difference| {
        json!({
            "lane": found.lane, "lane_seq": found.lane_seq, "class": found.class,
            "ours": found.ours, "theirs": found.theirs, "zh": found.zh, "en": found.en,
        })
    };
    json!({
        "agreement_id": report.agreement_id,
        "city_id": report.city_id,
        "peer": report.peer,
        "period": report.period,
        "made_unix_ms": report.made_unix_ms,
        "agree": report.agree,
        "rounds": report.rounds,
        "requests": report.requests,
        "places": report.places,
        "more": report.more,
        "lanes": report.lanes.iter().map(lane).collect::<Vec<_>>(),
        "differences": report.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}
