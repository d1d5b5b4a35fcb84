//! Samples, sign-offs and figures for others, for people and as JSON.

use super::super::Fail;
use super::super::say::Out;
use jieli_proto::wire::{self, ReviewFinding};
use jieli_proto::words;
use serde_json::{Value, json};

pub(super) fn sample_json(found: &wire::SampleReply) -> Value {
    let items = found.items.iter().map(|item| {
        json!({
            "leaf_hash": item.leaf_hash,
            "log_index": item.log_index,
            "env_digest": item.env_digest,
            "case": item.case_number,
            "leg": item.leg,
            "service": words::service(item.service()).en,
        })
    });
    json!({
        "population": found.population,
        "items": items.collect::<Vec<_>>(),
        "seeds": found.seeds,
    })
}

pub(super) fn sample_text(found: &wire::SampleReply, out: Out) -> String {
    let (drawn, all) = (found.items.len(), found.population);
    let mut lines = vec![
        out.say(&format!("从 {all} 件中抽取 {drawn} 件。"), &format!("{drawn} of {all} items.")),
    ];
    for item in &found.items {
        let service = words::service(item.service());
        let service = out.say(service.zh, service.en);
        lines.push(format!("  {} {} {service} {}", item.case_number, item.leg, item.leaf_hash));
    }
    if found.seeds.len() > 1 {
        let (count, all) = (found.seeds.len(), found.seeds.join(" · "));
        lines.push(out.say(
            &format!("本期间已抽取 {count} 次，种子依次为：{all}"),
            &format!("Drawn {count} times for this period, with the seeds: {all}"),
        ));
    }
    lines.join("\n")
}

pub(super) fn statistics_json(found: &wire::StatisticsReply) -> Value {
    let lines = found.lines.iter().map(|line| {
        json!({
            "month": line.month,
            "service": words::service(line.service()).en,
            "opened": line.opened,
            "fulfilled": line.fulfilled,
            "not_given": line.not_given,
            "taken_up": line.taken_up,
            "accepted": line.accepted,
            "stopped": line.stopped,
            "codes": line.codes.iter().map(|one| json!({
                "code": words::decision(one.code()).en, "count": one.count,
            })).collect::<Vec<_>>(),
        })
    });
    json!({ "lines": lines.collect::<Vec<_>>(), "zero_means": "under 10" })
}

pub(super) fn statistics_text(found: &wire::StatisticsReply, out: Out) -> String {
    let mut lines = vec![out.say("不足 10 的不显示。", "Nothing under 10 is shown.")];
    for line in &found.lines {
        let service = words::service(line.service());
        let count = |count: u64| if count == 0 { "<10".to_owned() } else { count.to_string() };
        let (opened, done, not) =
            (count(line.opened), count(line.fulfilled), count(line.not_given));
        lines.push(out.say(
            &format!("{} {}：新开 {opened}，办成 {done}，未成 {not}", line.month, service.zh),
            &format!(
                "{} {}: opened {opened}, fulfilled {done}, not given {not}",
                line.month, service.en
            ),
        ));
    }
    lines.join("\n")
}

/// The code of a finding as it is typed.
pub(super) fn finding(text: &str) -> Result<i32, Fail> {
    let name = format!("REVIEW_FINDING_{}", text.trim().replace('-', "_").to_uppercase());
    let known =
        ReviewFinding::from_str_name(&name).filter(|code| *code != ReviewFinding::Unspecified);
    known.map(i32::from).ok_or_else(|| {
        Fail::usage(
            format!("选项 --note-code：没有“{text}”，见 --help。"),
            format!("Option --note-code: there is no “{text}”; --help names them."),
        )
    })
}

pub(super) fn signed_text(found: &wire::SignOffReply, file: &str, out: Out) -> String {
    out.lines(
        &format!("已签署并记入本地日志，写入 {file}。摘要 {}", found.digest),
        &format!("Signed and logged, written to {file}. Digest {}", found.digest),
    )
}
