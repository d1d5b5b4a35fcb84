//! The figures of a report, for people and as JSON.

use super::super::grievance::show;
use super::super::say::{Out, date, time};
use super::flags;
use jieli_proto::wire::{self, MessageType};
use jieli_proto::words::{self, Word};
use serde_json::{Value, json};

pub(super) fn json(found: &wire::AuditReport) -> Value {
    let consents = found.consents.clone().unwrap_or_default();
    json!({
        "agreement_id": found.agreement_id,
        "city": found.city,
        "peer": found.peer,
        "from": date(found.from),
        "to": date(found.to),
        "legs": found.legs,
        "messages": found.messages.iter().map(|one| json!({
            "type": words::message(one.r#type()).en,
            "ours": one.ours,
            "count": one.count,
            "refused": one.refused,
            "withheld": one.withheld,
        })).collect::<Vec<_>>(),
        "deadlines": found.deadlines.iter().map(|one| json!({
            "duty": duty(one.duty()).en,
            "ours": one.ours,
            "met": one.met,
            "late": one.late,
            "missed": one.missed,
            "ended": one.ended,
            "waiting": one.waiting,
            "overdue": one.overdue,
        })).collect::<Vec<_>>(),
        "consents": {
            "opened": consents.opened,
            "covered": consents.covered,
            "uncovered": consents.uncovered,
        },
        "decisions": found.decisions.iter().map(|one| json!({
            "type": words::message(one.r#type()).en,
            "ours": one.ours,
            "code": one.code().as_str_name().trim_start_matches("DECISION_CODE_"),
            "count": one.count,
        })).collect::<Vec<_>>(),
        "heads": found.heads.iter().map(|one| json!({
            "origin": one.origin, "size": one.size, "seen": time(one.seen_unix_ms),
        })).collect::<Vec<_>>(),
        "alarms": found.alarms.iter().map(event_json).collect::<Vec<_>>(),
        "misbehaviour": found.misbehaviour.iter().map(event_json).collect::<Vec<_>>(),
        "cosigned": found.cosigned.iter().map(|one| json!({
            "city": one.city,
            "of_agreement": one.of_agreement,
            "size": one.size,
            "at": time(one.at_unix_ms),
            "age_minutes": age(found, one),
        })).collect::<Vec<_>>(),
        "call_backs": found.call_backs.iter().map(show::call_back_value).collect::<Vec<_>>(),
        "grievances": found.grievances.iter().map(grievances_json).collect::<Vec<_>>(),
        "flags": found.flags.iter().map(flags::value).collect::<Vec<_>>(),
        "overrides": found.overrides.iter().map(override_json).collect::<Vec<_>>(),
        "flows": found.flows.iter().map(|one| json!({
            "service": words::service(one.service()).en, "ours": one.ours, "open": one.open,
            "fulfilled": one.fulfilled, "not_given": one.not_given, "ended": one.ended,
        })).collect::<Vec<_>>(),
        "paces": found.paces.iter().map(|one| json!({
            "type": words::message(one.r#type()).en, "ours": one.ours, "within_1": one.within_1,
            "within_5": one.within_5, "within_15": one.within_15, "within_60": one.within_60,
            "longer": one.longer,
        })).collect::<Vec<_>>(),
    })
}

/// What became of the legs that were opened, and how long the first steps took.
fn flows(found: &wire::AuditReport, out: Out) -> Vec<String> {
    let who = |ours: bool| if ours { found.city.as_str() } else { found.peer.as_str() };
    let mut lines = vec![out.say("新开事项现在的情况", "How the legs opened stand now")];
    lines.extend(found.flows.iter().map(|one| {
        let word = words::service(one.service());
        let said = out.say(
            &format!(
                "{}：在办 {}，办成 {}，未予或未办成 {}，另行结束 {}",
                word.zh, one.open, one.fulfilled, one.not_given, one.ended
            ),
            &format!(
                "{}: open {}, fulfilled {}, not given {}, ended otherwise {}",
                word.en, one.open, one.fulfilled, one.not_given, one.ended
            ),
        );
        format!("  {} {said}", who(one.ours))
    }));
    lines.extend(found.paces.iter().map(|one| {
        let word = words::message(one.r#type());
        let said = out.say(
            &format!(
                "{}用时（天）：1 内 {}，5 内 {}，15 内 {}，60 内 {}，更久 {}",
                word.zh, one.within_1, one.within_5, one.within_15, one.within_60, one.longer
            ),
            &format!(
                "days until {}: within 1 {}, 5 {}, 15 {}, 60 {}, longer {}",
                word.en, one.within_1, one.within_5, one.within_15, one.within_60, one.longer
            ),
        );
        format!("  {} {said}", who(one.ours))
    }));
    lines
}

fn event_json(one: &wire::AuditEvent) -> Value {
    json!({ "at": time(one.at_unix_ms), "kind": one.kind, "city": one.city })
}

fn override_json(one: &wire::AuditOverride) -> Value {
    json!({
        "id": one.id,
        "kind": one.kind,
        "asked": time(one.asked_unix_ms),
        "token": one.token,
        "approver_post": one.approver_post,
        "approved": time(one.approved_unix_ms),
        "done": time(one.done_unix_ms),
        "shown_digest": one.shown_digest,
    })
}

fn override_text(one: &wire::AuditOverride, out: Out) -> String {
    let (zh, en) = match one.kind.as_str() {
        "keys" => ("更换密钥", "change of keys"),
        "repair" => ("还原日志", "repair of the log"),
        "new-epoch" => ("新的日志期", "new epoch of the log"),
        "keys-emergency" => ("紧急停用密钥", "emergency revocation"),
        _ => ("启动时采用目录中的密钥清单", "key manifest of the directory, at a start"),
    };
    let by = match (one.approver_post.as_str(), one.done_unix_ms) {
        ("", 0) => out.say("等待批准", "not approved yet"),
        ("", _) => out.say("未经第二人批准", "approved by nobody"),
        (post, 0) => {
            out.say(&format!("“{post}”已批准，未执行"), &format!("approved by {post}, not done"))
        }
        (post, _) => out.say(&format!("“{post}”批准"), &format!("approved by {post}")),
    };
    let what = out.say(zh, en);
    format!("  {} {what} {} {by} {}", time(one.asked_unix_ms), one.token, one.shown_digest)
}

fn duty(duty: wire::Duty) -> Word {
    use jieli_proto::case::Duty;
    match duty {
        wire::Duty::Unspecified => Word { zh: "未定", en: "-" },
        wire::Duty::TakeUp => words::duty(Duty::TakeUp),
        wire::Duty::Decide => words::duty(Duty::Decide),
        wire::Duty::Supply => words::duty(Duty::Supply),
        wire::Duty::Release => words::duty(Duty::Release),
        wire::Duty::Outcome => words::duty(Duty::Outcome),
        wire::Duty::Complete => words::duty(Duty::Complete),
        wire::Duty::WithdrawEffect => words::duty(Duty::WithdrawEffect),
    }
}

pub(super) fn text(found: &wire::AuditReport, out: Out) -> String {
    let (from, to) = (date(found.from), date(found.to));
    let mut lines = vec![
        out.lines(
            &format!(
                "协议 {} 审查报告：{} 与 {}，{from} 至 {to}",
                found.agreement_id, found.city, found.peer
            ),
            &format!(
                "Audit report of agreement {}: {} and {}, {from} to {to}",
                found.agreement_id, found.city, found.peer
            ),
        ),
        out.say(&format!("新开事项 {} 件。", found.legs), &format!("Legs opened: {}.", found.legs)),
    ];
    let who = |ours: bool| if ours { found.city.as_str() } else { found.peer.as_str() };
    lines.push(out.say("消息", "Messages"));
    for one in &found.messages {
        let ty = words::message(one.r#type());
        let name = if one.r#type() == MessageType::Unspecified {
            out.say("无法读取", "cannot be read")
        } else {
            out.say(ty.zh, ty.en)
        };
        let counts = out.say(
            &format!("{}，其中被拒 {}，未附信息 {}", one.count, one.refused, one.withheld),
            &format!("{}; refused {}, withheld {}", one.count, one.refused, one.withheld),
        );
        lines.push(format!("  {} {name}: {counts}", who(one.ours)));
    }
    lines.extend(flows(found, out));
    lines.push(out.say("期限（在此期间到期）", "Deadlines (due in this period)"));
    for one in &found.deadlines {
        let duty = duty(one.duty());
        let counts = out.say(
            &format!(
                "按时 {}，逾期办理 {}，逾期关闭 {}，已另行结束 {}，未到期 {}，已逾期 {}",
                one.met, one.late, one.missed, one.ended, one.waiting, one.overdue
            ),
            &format!(
                "met {}, late {}, missed {}, ended otherwise {}, waiting {}, overdue {}",
                one.met, one.late, one.missed, one.ended, one.waiting, one.overdue
            ),
        );
        lines.push(format!("  {} {}: {counts}", who(one.ours), out.say(duty.zh, duty.en)));
    }
    lines.extend(consents(found, out));
    lines.push(out.say("未予接收、未办成的理由", "Declined and not realised, by code"));
    for one in &found.decisions {
        let (ty, code) = (words::message(one.r#type()), words::decision(one.code()));
        let (ty, code) = (out.say(ty.zh, ty.en), out.say(code.zh, code.en));
        lines.push(format!("  {} {ty}: {code}: {}", who(one.ours), one.count));
    }
    lines.push(out.say("对方日志的最新签名头", "Newest heads of the other city's log"));
    for one in &found.heads {
        lines.push(format!("  {} {} {}", one.origin, one.size, time(one.seen_unix_ms)));
    }
    lines.extend(cosigned(found, out));
    lines.push(out.say("回访", "Call-backs"));
    lines.extend(found.call_backs.iter().map(|one| show::call_back_text(one, out)));
    lines.extend(grievances(found, out));
    lines.push(out.say("风险提示", "Flags on the agreement"));
    lines.extend(found.flags.iter().map(|one| flags::text(one, out)));
    lines.push(out.say("警报", "Alarms"));
    lines.extend(found.alarms.iter().map(event_text));
    lines.push(out.say("留存的违规证据", "Evidence of misbehaviour kept"));
    lines.extend(found.misbehaviour.iter().map(event_text));
    lines.push(
        out.say("管理员越过常规的操作（全市）", "Overrides by operators (of the whole city)"),
    );
    lines.extend(found.overrides.iter().map(|one| override_text(one, out)));
    lines.join("\n")
}

fn grievances_json(one: &wire::GrievanceCounts) -> Value {
    json!({
        "office": one.office, "office_name": one.office_name, "received": one.received,
        "waiting": one.waiting, "overdue": one.overdue,
        "months": one.months.iter().map(|month| json!({
            "month": month.month, "late": month.late,
            "lines": month.lines.iter().map(show::figure_value).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// Of this city's bodies, whatever the agreement: nothing says what a grievance is about.
fn grievances(found: &wire::AuditReport, out: Out) -> Vec<String> {
    let mut lines = vec![out.say("投诉（本市各受理机构）", "Grievances (of this city's bodies)")];
    for one in &found.grievances {
        let (received, waiting, overdue) = (one.received, one.waiting, one.overdue);
        let said = out.say(
            &format!("收到 {received}，等待受理 {waiting}，其中逾期 {overdue}"),
            &format!("received {received}, waiting {waiting}, of these overdue {overdue}"),
        );
        lines.push(format!("  {} {}: {said}", one.office, one.office_name));
        for month in &one.months {
            let late = month.late;
            let said = out.say(
                &format!("{} 逾期答复 {late}", month.month),
                &format!("{} answered late {late}", month.month),
            );
            lines.push(format!("  {said}"));
            lines.extend(month.lines.iter().map(|line| show::figure_text(line, out)));
        }
    }
    lines
}

/// Minutes since a cosignature.
fn age(found: &wire::AuditReport, one: &wire::AuditCosigned) -> u64 {
    found.made_unix_ms.saturating_sub(one.at_unix_ms) / 60_000
}

fn cosigned(found: &wire::AuditReport, out: Out) -> Vec<String> {
    let mut lines = vec![out.say("本市日志的最近联署", "Newest cosignatures on this city's log")];
    if found.cosigned.is_empty() {
        lines.push(format!("  {}", out.say("还没有联署。", "Not cosigned yet.")));
    }
    lines.extend(found.cosigned.iter().map(|one| {
        let (zh, en) = match one.of_agreement {
            true => ("协议对方", "the other party"),
            false => ("不相关的城市", "an uninvolved city"),
        };
        let minutes = age(found, one);
        let said = out.say(
            &format!("{zh}，{} 条，{minutes} 分钟前", one.size),
            &format!("{en}, at size {}, {minutes} minutes ago", one.size),
        );
        format!("  {} {} {said}", one.city, time(one.at_unix_ms))
    }));
    lines
}

fn consents(found: &wire::AuditReport, out: Out) -> Vec<String> {
    let consents = found.consents.clone().unwrap_or_default();
    let mut lines = vec![out.say(
        &format!(
            "同意书：移交和转入申请 {} 件，其中有有效同意 {} 件。",
            consents.opened, consents.covered
        ),
        &format!(
            "Consents: {} RELEASE and REQUEST, {} of them under a live consent.",
            consents.opened, consents.covered
        ),
    )];
    lines.extend(consents.uncovered.iter().map(|digest| {
        out.say(&format!("  没有有效同意：{digest}"), &format!("  No live consent: {digest}"))
    }));
    lines
}

fn event_text(one: &wire::AuditEvent) -> String {
    format!("  {} {} {}", time(one.at_unix_ms), one.city, one.kind)
}
