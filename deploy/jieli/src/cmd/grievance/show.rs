//! What a body reads of its records.

use super::super::say::{Out, date};
use super::key::{Keys, fingerprint};
use super::{figure, stage};
use jieli_proto::wire::{self, CallBackWord, GrievanceKind, SealedStage};
use jieli_proto::words;
use serde_json::{Value, json};

/// By when a grievance of a kind is to be answered: documents withheld and arrears have a clock.
pub(super) fn answer_by(line: &wire::SealedLine, kind: GrievanceKind) -> Option<u32> {
    match kind {
        GrievanceKind::IdWithheld => Some(line.two_days_on),
        GrievanceKind::WageArrears => Some(line.five_days_on),
        GrievanceKind::Unspecified
        | GrievanceKind::FeeTaken
        | GrievanceKind::WorkInjury
        | GrievanceKind::Lodging
        | GrievanceKind::NotByMyChoice
        | GrievanceKind::NeverConfirmed
        | GrievanceKind::TermsDiffer
        | GrievanceKind::LegalHelp => None,
    }
}

pub(super) fn list(found: &wire::SealedList, keys: &Keys, out: Out) {
    let values: Vec<Value> = found.records.iter().map(|line| value(line, keys)).collect();
    let call_backs: Vec<Value> = found.call_backs.iter().map(call_back_value).collect();
    let other_key = !keys.has_none() && !keys.hold(&found.public_key);
    let value = json!({
        "records": values, "overdue": found.overdue, "call_backs": call_backs,
        "public_key": hex::encode(&found.public_key), "is_own_key": !other_key,
    });
    out.show(&value, || {
        let mut lines: Vec<String> = found.records.iter().map(|one| text(one, keys, out)).collect();
        lines.push(out.say(
            &format!("逾期未受理 {} 件。", found.overdue),
            &format!("Not taken in time: {}.", found.overdue),
        ));
        if other_key {
            let told = fingerprint(&found.public_key);
            lines.push(out.say(
                &format!("注意：节点上的公钥不是这把（{told}）。如果不是本机构自己换的，请立即停用并报告。"),
                &format!(
                    "Beware: the node has another public key ({told}). If this body did not place \
                     it itself, stop using it and report it at once."
                ),
            ));
        }
        for one in &found.call_backs {
            lines.push(call_back_text(one, out));
        }
        lines.join("\n")
    });
}

fn value(line: &wire::SealedLine, keys: &Keys) -> Value {
    let kind = keys.open(line).ok().map(|words| words.kind());
    json!({
        "record": hex::encode(&line.record_id),
        "received_on": date(line.received_on),
        "stage": stage(line.stage()).1,
        "take_by": date(line.take_by),
        "overdue": line.overdue,
        "answers": line.answers.len(),
        "kind": kind.map(|kind| kind.as_str_name().trim_start_matches("GRIEVANCE_KIND_")),
        "answer_by": kind.and_then(|kind| answer_by(line, kind)).map(date),
    })
}

fn text(line: &wire::SealedLine, keys: &Keys, out: Out) -> String {
    let id = hex::encode(line.record_id.get(..6).unwrap_or_default());
    let (zh, en) = stage(line.stage());
    let mut said = format!("{id} {} {}", date(line.received_on), out.say(zh, en));
    if line.stage() == SealedStage::Waiting {
        let by = date(line.take_by);
        let (zh, en) =
            if line.overdue { ("已逾期", "overdue") } else { ("前受理", "take by") };
        said += &format!(" {}", out.say(&format!("{by} {zh}"), &format!("{en} {by}")));
    }
    if let Ok(words) = keys.open(line) {
        let kind = words::grievance(words.kind());
        said += &format!(" {}", out.say(kind.zh, kind.en));
        if let Some(by) = answer_by(line, words.kind()).map(date) {
            said += &out.say(&format!("，{by} 前答复"), &format!(", answer by {by}"));
        }
    } else if !keys.has_none() {
        said += &out.say(" （这把密钥打不开）", " (does not open with this key)");
    }
    said
}

pub(super) fn opened(line: &wire::SealedLine, words: &wire::SealedWords, out: Out) {
    let by = answer_by(line, words.kind()).map(date);
    let answers = words.call_back.as_ref().map(|said| {
        json!({
            "own_choice": word(said.own_choice()),
            "money_taken": word(said.money_taken()),
            "document_kept": word(said.document_kept()),
            "terms_as_told": word(said.terms_as_told()),
        })
    });
    let value = json!({
        "record": hex::encode(&line.record_id),
        "kind": words.kind().as_str_name().trim_start_matches("GRIEVANCE_KIND_"),
        "words": words.words,
        "case": words.case_number,
        "answer_by": by,
        "call_back": answers,
    });
    out.show(&value, || in_words(words, by.as_deref(), out));
}

/// What the person sealed; the own words as they are, whatever the language of the clerk.
fn in_words(words: &wire::SealedWords, by: Option<&str>, out: Out) -> String {
    let kind = words::grievance(words.kind());
    let case = if words.case_number.is_empty() { "-" } else { &words.case_number };
    let by = by.unwrap_or("-");
    let mut told = out.lines(
        &format!("{}，办件 {case}，{by} 前答复", kind.zh),
        &format!("{}, case {case}, answer by {by}", kind.en),
    );
    if !words.words.is_empty() {
        told += &format!("\n{}", words.words);
    }
    told
}

fn word(word: CallBackWord) -> Option<bool> {
    match word {
        CallBackWord::Unspecified => None,
        CallBackWord::Yes => Some(true),
        CallBackWord::No => Some(false),
    }
}

pub(super) fn figures(told: &wire::FiguresReply, out: Out) {
    let lines: Vec<Value> = told.lines.iter().map(figure_value).collect();
    out.show(&json!({ "lines": lines, "late": told.late }), || {
        let mut said: Vec<String> = told.lines.iter().map(|one| figure_text(one, out)).collect();
        said.push(out.say("已报给合规审计。", "Told to compliance."));
        said.join("\n")
    });
}

pub(in super::super) fn figure_value(one: &wire::FigureLine) -> Value {
    json!({
        "kind": one.kind().as_str_name().trim_start_matches("GRIEVANCE_KIND_"),
        "count": one.count, "or_more": one.or_more,
    })
}

pub(in super::super) fn figure_text(one: &wire::FigureLine, out: Out) -> String {
    let (kind, (zh, en)) = (words::grievance(one.kind()), figure(one));
    format!("  {}: {}", out.say(kind.zh, kind.en), out.say(&zh, &en))
}

pub(in super::super) fn call_back_value(one: &wire::CallBackCounts) -> Value {
    json!({
        "id": one.id, "office": one.office, "office_name": one.office_name,
        "agreement_id": one.agreement_id,
        "from": date(one.from), "to": date(one.to), "seed": one.seed,
        "drawn": one.drawn, "asked": one.asked, "answered": one.answered,
        "until": date(one.until), "ended": one.ended, "reported": one.reported,
        "lines": one.lines.iter().map(figure_value).collect::<Vec<_>>(),
    })
}

pub(in super::super) fn call_back_text(one: &wire::CallBackCounts, out: Out) -> String {
    let (id, until) = (&one.id, date(one.until));
    let (drawn, asked, answered) = (one.drawn, one.asked, one.answered);
    let mut lines = vec![out.say(
        &format!(
            "回访 {id}（{}，种子 {}）：抽中 {drawn}，问到 {asked}，答复 {answered}，{until} 截止",
            one.office_name, one.seed
        ),
        &format!(
            "Call-back {id} ({}, seed {}): drawn {drawn}, asked {asked}, answered {answered}, \
             until {until}",
            one.office_name, one.seed
        ),
    )];
    if one.reported {
        lines.extend(one.lines.iter().map(|line| figure_text(line, out)));
    } else if one.ended {
        lines.push(out.say("  受理机构还没有报数。", "  The body has not reported its counts."));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::super::say::Tongue;
    use super::*;

    #[test]
    fn own_words_are_shown_in_every_language() {
        let sealed = wire::SealedWords {
            kind: GrievanceKind::FeeTaken.into(),
            words: "收了三百元".to_owned(),
            ..wire::SealedWords::default()
        };
        for tongue in [Tongue::Zh, Tongue::En, Tongue::Both] {
            let told = in_words(&sealed, None, Out { json: false, tongue });
            assert_eq!(told.matches("收了三百元").count(), 1, "{told}");
        }
    }
}
