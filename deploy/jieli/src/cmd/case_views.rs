//! Cases as text and as JSON.

use super::say::{Out, date};
use jieli_proto::case::Stage;
use jieli_proto::wire;
use jieli_proto::words;
use serde_json::{Value, json};

pub(super) fn line_json(line: &wire::CaseLine) -> Value {
    json!({
        "case_number": line.case_number,
        "peer": line.peer,
        "legs": line.legs.iter().map(leg_json).collect::<Vec<_>>(),
    })
}

fn leg_json(leg: &wire::LegLine) -> Value {
    json!({
        "number": leg.number,
        "service": leg.service().as_str_name().trim_start_matches("SERVICE_").to_lowercase(),
        "direction": leg.direction,
        "our_side": leg.our_side,
        "stage": leg.stage,
        "settled": leg.settled,
        "question_open": leg.question_open,
        "stop": leg.stop,
        "due_date": date(leg.due_date),
        "duty": leg.duty,
        "leg_id": leg.leg_id,
    })
}

pub(super) fn case_json(view: &wire::CaseView) -> Value {
    let line = view.line.clone().unwrap_or_default();
    let legs = view.legs.iter().map(|leg| {
        let mut value = leg_json(&leg.line.clone().unwrap_or_default());
        value["messages"] = leg.messages.iter().map(message_json).collect();
        value["fields"] = leg.fields.iter().map(field_json).collect();
        value["next"] = json!(leg.next);
        value["person_told"] = json!(leg.person_told);
        value
    });
    json!({
        "case_number": line.case_number,
        "peer": line.peer,
        "legs": legs.collect::<Vec<_>>(),
    })
}

fn message_json(message: &wire::MessageLine) -> Value {
    json!({
        "type": message.r#type,
        "from": message.from,
        "created_unix_ms": message.created_unix_ms,
        "status": message.status,
        "refusal": message.refusal,
        "overridden": message.overridden,
        "env_digest": message.env_digest,
        "due_date": date(message.due_date),
    })
}

fn field_json(field: &wire::FieldView) -> Value {
    json!({
        "section": field.section,
        "field": field.field,
        "name_zh": field.name_zh,
        "name_en": field.name_en,
        "value": field.value,
    })
}

pub(super) fn line_text(line: &wire::CaseLine) -> String {
    let legs: Vec<String> = line.legs.iter().map(leg_text).collect();
    format!("{}  {}\n{}", line.case_number, line.peer, legs.join("\n"))
}

fn leg_text(leg: &wire::LegLine) -> String {
    let service = words::service(leg.service());
    let stage = Stage::ALL.into_iter().find(|stage| words::stage(*stage).en == leg.stage);
    let zh = match (stage, leg.stage.as_str()) {
        (Some(stage), _) => words::stage(stage).zh,
        (None, "DRAFT") => "草稿",
        (None, "AWAITING_CONSENT") => "等待本人答复",
        (None, _) => "未被接收",
    };
    let mut text = format!("  {}. {} {}  {zh} {}", leg.number, service.zh, service.en, leg.stage);
    if leg.due_date > 0 {
        text += &format!("  {} {} 前 due", leg.duty, date(leg.due_date));
    }
    let marks = [
        (leg.question_open, "待补正 question open"),
        (leg.stop, "已停止使用 stopped"),
        (
            stage.is_some_and(Stage::is_closed) && !leg.settled,
            "办结确认中 closing, being confirmed",
        ),
    ];
    for (_, mark) in marks.iter().filter(|(is, _)| *is) {
        text += &format!("  [{mark}]");
    }
    text
}

/// V22, at the city that got the person: whether a notice has told the person what arrived.
fn told_text(word: &str, out: Out) -> Option<String> {
    let (zh, en) = match word {
        "waiting" => ("给本人的短信还没有送出", "the person's notice has not gone out yet"),
        "window" => (
            "短信无法送达本人：请在窗口当面告知",
            "no notice can reach the person: tell the person at the window",
        ),
        _ => return None,
    };
    Some(format!("     ！{}", out.say(zh, en)))
}

pub(super) fn case_text(view: &wire::CaseView, out: Out) -> String {
    let line = view.line.clone().unwrap_or_default();
    let mut lines = vec![format!("{}  {}", line.case_number, line.peer)];
    for leg in &view.legs {
        lines.push(leg_text(&leg.line.clone().unwrap_or_default()));
        for field in &leg.fields {
            lines.push(format!("       {} {}：{}", field.name_zh, field.name_en, field.value));
        }
        for message in &leg.messages {
            let overridden = if message.overridden { " overridden" } else { "" };
            let refusal = &message.refusal;
            lines.push(format!(
                "     - {} {} {} {refusal}{overridden}",
                message.from, message.r#type, message.status
            ));
        }
        lines.extend(told_text(&leg.person_told, out));
        if !leg.next.is_empty() {
            lines.push(format!("     可办 next: {}", leg.next.join(", ")));
        }
    }
    lines.join("\n")
}
