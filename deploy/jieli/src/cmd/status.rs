//! `jieli status`.

use super::dial::At;
use super::say::{OK, Out};
use super::{Done, Fail};
use jieli_node::config::DeskRole;
use jieli_proto::{wire, words};
use serde_json::{Value, json};

/// Asks the node how it is.
pub(super) async fn run(at: &At, out: Out) -> Result<Done, Fail> {
    let mut desk = at.desk(DeskRole::Operator).await?;
    let status = desk.status(wire::StatusRequest {}).await?.into_inner();
    out.show(&value(&status), || text(&status, out));
    Ok(OK)
}

fn text(status: &wire::StatusReply, out: Out) -> String {
    let log = status.exchange.clone().unwrap_or_default();
    let age_s = status.oldest_waiting_ms / 1000;
    let mut lines = vec![
        format!("{}（{}）", status.name, status.city_id),
        out.say(
            &format!("根密钥指纹 {}", status.root_fpr),
            &format!("Root fingerprint {}", status.root_fpr),
        ),
        out.say(&status.state_zh, &status.state_en),
        out.say(
            &format!("存证日志 {} 条，根 {}", log.size, log.root),
            &format!("Log of {} records, root {}", log.size, log.root),
        ),
        out.say(
            &format!("待发 {} 封，最久 {age_s} 秒", status.letters_waiting),
            &format!("{} letters waiting, the oldest for {age_s} s", status.letters_waiting),
        ),
    ];
    if status.alarms.is_empty() && status.raised.is_empty() {
        lines.push(out.say("没有警报。", "No alarm."));
    }
    lines.extend(
        status.expiries.iter().map(|end| format!("！{}", out.say(&end.say_zh, &end.say_en))),
    );
    lines.extend(status.alarms.iter().map(|alarm| format!("！{}", out.part(alarm))));
    lines.extend(status.raised.iter().map(|one| {
        let says = words::alarm(&one.kind);
        let says = says.map_or(String::new(), |word| out.say(word.zh, word.en));
        format!("！{}（{}）{says} {}", one.kind, one.city, out.part(&one.detail))
    }));
    lines.join("\n")
}

fn value(status: &wire::StatusReply) -> Value {
    let log = |log: &Option<wire::LogStatus>| {
        let log = log.clone().unwrap_or_default();
        json!({
            "origin": log.origin, "size": log.size, "root": log.root, "checkpoint": log.checkpoint,
        })
    };
    let lanes = status.lanes.iter().map(|lane| {
        json!({
            "agreement_id": lane.agreement_id, "lane": lane.lane, "count": lane.count,
            "leaves_root": lane.leaves_root,
        })
    });
    json!({
        "city_id": status.city_id,
        "name": status.name,
        "root_fpr": status.root_fpr,
        "recovering": status.recovering,
        "state_zh": status.state_zh,
        "state_en": status.state_en,
        "exchange": log(&status.exchange),
        "local": log(&status.local),
        "letters_waiting": status.letters_waiting,
        "oldest_waiting_ms": status.oldest_waiting_ms,
        "alarms": status.alarms,
        "raised": status.raised.iter().map(alarm).collect::<Vec<_>>(),
        "now_unix_ms": status.now_unix_ms,
        "lanes": lanes.collect::<Vec<_>>(),
        "expiries": expiries(status),
    })
}

fn alarm(one: &wire::Alarm) -> Value {
    json!({
        "kind": one.kind, "city": one.city, "detail": one.detail,
        "raised_unix_ms": one.raised_unix_ms,
    })
}

/// What ends soon.
pub(super) fn expiries(status: &wire::StatusReply) -> Vec<Value> {
    let line = |end: &wire::Expiry| {
        json!({
            "what": end.what, "subject": end.subject, "on": end.on, "days_left": end.days_left,
            "warn_days": end.warn_days,
        })
    };
    status.expiries.iter().map(line).collect()
}
