//! The access log, for people and as JSON.

use super::super::say::{Out, time};
use jieli_proto::section::SectionKind;
use jieli_proto::wire;
use serde_json::{Value, json};

pub(super) fn json(found: &wire::AccessLogReply) -> Value {
    let looks = found.looks.iter().map(|look| {
        json!({
            "at": time(look.at_unix_ms),
            "at_unix_ms": look.at_unix_ms,
            "office": look.office,
            "office_name": look.office_name,
            "system": look.system,
            "view": look.view,
            "case": look.case_number,
            "legs": look.legs.iter().map(|leg| json!({
                "leg": leg.number,
                "sections": leg.sections.iter().map(|number| name(*number)).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "purpose_zh": look.purpose_zh,
            "purpose_en": look.purpose_en,
            "own_words": look.own_words,
        })
    });
    json!({ "looks": looks.collect::<Vec<_>>(), "next": found.next })
}

pub(super) fn text(found: &wire::AccessLogReply, out: Out) -> String {
    if found.looks.is_empty() {
        return out.say("没有查看记录。", "Nobody looked.");
    }
    let mut lines: Vec<String> = found.looks.iter().map(|look| line(look, out)).collect();
    if !found.next.is_empty() {
        lines.push(out.say(
            &format!("下一页：--after {}", found.next),
            &format!("Next page: --after {}", found.next),
        ));
    }
    lines.join("\n")
}

fn line(look: &wire::AccessLine, out: Out) -> String {
    let office = if look.office_name.is_empty() { &look.office } else { &look.office_name };
    let legs: Vec<String> = look
        .legs
        .iter()
        .map(|leg| {
            let sections: Vec<String> = leg.sections.iter().map(|number| name(*number)).collect();
            format!("{} [{}]", leg.number, sections.join(" "))
        })
        .collect();
    let purpose = if look.own_words {
        out.say("自述用途（仅本人可读）", "in own words (for the person alone)")
    } else {
        out.say(&look.purpose_zh, &look.purpose_en)
    };
    let (at, system, view) = (time(look.at_unix_ms), &look.system, &look.view);
    format!("{at} {office} ({system}) {view} {} {}: {purpose}", look.case_number, legs.join(", "))
}

/// A section by its name in the table; what was entered here is no section yet.
fn name(number: u32) -> String {
    match SectionKind::of(number) {
        Some(kind) => kind.name.to_owned(),
        None => "entered".to_owned(),
    }
}
