//! Flags on agreements: listed, and answered by the other city's reviewer.

use super::super::dial::At;
use super::super::say::{OK, Out, date, time};
use super::super::{Done, Fail};
use clap::Subcommand;
use jieli_proto::wire::{self, RiskFlagAnswer, RiskFlagKind};
use jieli_proto::words;
use serde_json::{Value, json};

const ANSWERS: &str = "\
答复代码 Answers: explained 已核查，原因清楚 · practice-changed 已改变做法 · office-instructed 已责成有关机构纠正 · \
call-back 已安排工会或法律援助回访";

#[derive(Debug, Subcommand)]
pub(in super::super) enum FlagsCommand {
    /// What either city has raised, and what this city has counted. Nobody is named, and no case.
    List {
        /// Only of this agreement.
        #[arg(long, default_value = "")]
        agreement: String,
    },
    /// Answers a flag of the other city. The answer is signed and sent; what was stopped goes on once
    /// the other city holds it.
    #[command(after_help = ANSWERS)]
    Answer {
        /// The flag, as `list` prints it.
        flag: String,
        /// One of the codes.
        #[arg(long)]
        answer: String,
    },
}

impl FlagsCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut audit = at.audit().await?;
        match self {
            FlagsCommand::List { agreement: agreement_id } => {
                let request = wire::ListFlagsRequest { agreement_id };
                let found = audit.list_flags(request).await?.into_inner();
                let flags: Vec<Value> = found.flags.iter().map(value).collect();
                let figures: Vec<Value> = found.figures.iter().map(figure_value).collect();
                out.show(&json!({ "flags": flags, "figures": figures }), || listed(&found, out));
            }
            FlagsCommand::Answer { flag: flag_id, answer } => {
                let answer = answer_of(&answer)?.into();
                let request = wire::AnswerFlagRequest { flag_id, answer };
                let line = audit.answer_flag(request).await?.into_inner();
                out.show(&value(&line), || text(&line, out));
            }
        }
        Ok(OK)
    }
}

fn answer_of(text: &str) -> Result<RiskFlagAnswer, Fail> {
    let name = format!("RISK_FLAG_ANSWER_{}", text.trim().to_uppercase().replace('-', "_"));
    let found = RiskFlagAnswer::from_str_name(&name);
    found.filter(|found| *found != RiskFlagAnswer::Unspecified).ok_or_else(|| {
        Fail::usage(
            "答复只能是 explained、practice-changed、office-instructed、call-back。",
            "An answer is explained, practice-changed, office-instructed or call-back.",
        )
    })
}

fn code(kind: RiskFlagKind) -> &'static str {
    kind.as_str_name().trim_start_matches("RISK_FLAG_KIND_")
}

fn month(number: u32) -> String {
    format!("{}-{:02}", number / 100, number % 100)
}

/// One flag.
pub(super) fn value(one: &wire::FlagLine) -> Value {
    let answer = one.answer().as_str_name().trim_start_matches("RISK_FLAG_ANSWER_");
    json!({
        "id": one.flag_id,
        "agreement_id": one.agreement_id,
        "peer": one.peer,
        "kind": code(one.kind()),
        "month": month(one.month),
        "ours": one.ours,
        "raised": time(one.raised_unix_ms),
        "answer_by": date(one.answer_by),
        "answer": if one.answer == 0 { Value::Null } else { json!(answer) },
        "answered": time(one.answered_unix_ms),
        "suspends": one.suspends,
        "refused": one.refused,
    })
}

fn figure_value(one: &wire::FlagFigure) -> Value {
    json!({
        "agreement_id": one.agreement_id,
        "kind": code(one.kind()),
        "month": month(one.month),
        "count": one.count,
        "of": one.of,
    })
}

/// One flag in a line.
pub(super) fn text(one: &wire::FlagLine, out: Out) -> String {
    let (word, by) = (words::flag(one.kind()), date(one.answer_by));
    let state = match (one.refused, one.answered_unix_ms > 0, one.answer > 0, one.suspends) {
        (true, ..) => out.say("对方未接收", "not taken by the other city"),
        (_, true, ..) => {
            let answer = words::flag_answer(one.answer());
            out.say(answer.zh, answer.en)
        }
        (_, _, true, _) => out.say("答复已发出，待对方收到", "the answer is on its way"),
        (_, _, _, true) => out.say(
            &format!("{by} 前未答复：不收发新办件"),
            &format!("not answered by {by}: nothing new is sent or taken"),
        ),
        _ => match one.ours {
            true => out.say(
                &format!("由 {} 在 {by} 前答复", one.peer),
                &format!("{} answers by {by}", one.peer),
            ),
            false => out.say(&format!("请在 {by} 前答复"), &format!("to be answered here by {by}")),
        },
    };
    let who = if one.ours { out.say("本市提出", "raised here") } else { one.peer.clone() };
    format!("  {} {} {who}: {}: {state}", one.flag_id, month(one.month), out.say(word.zh, word.en))
}

fn listed(found: &wire::FlagList, out: Out) -> String {
    let mut lines = vec![out.say("风险提示", "Flags")];
    lines.extend(found.flags.iter().map(|one| text(one, out)));
    lines.push(out.say("本市计数", "Counted by this city"));
    lines.extend(found.figures.iter().map(|one| {
        let word = words::flag(one.kind());
        let of = if one.of > 0 { format!(" / {}", one.of) } else { String::new() };
        let said = out.say(word.zh, word.en);
        format!("  {} {} {said}: {}{of}", one.agreement_id, month(one.month), one.count)
    }));
    lines.join("\n")
}
