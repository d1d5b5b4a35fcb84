//! `jieli worker`: what the worker's own page or telephone does. Only case number and code.

use super::dial::At;
use super::say::{OK, Out, time};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::day::Day;
use jieli_proto::wire;
use serde_json::json;

/// What the notice says.
#[derive(Args, Debug)]
pub(super) struct Key {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// The code of the notice.
    #[arg(long)]
    code: String,
}

impl Key {
    fn request(self) -> wire::WorkerRequest {
        wire::WorkerRequest { case_number: self.case_number, code: self.code }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum WorkerCommand {
    /// Reads what is asked. The first opening of job terms starts their 24 hours.
    Open {
        #[command(flatten)]
        key: Key,
    },
    /// Yes to the numbers given, no to all others. The reply is the same either way.
    Answer {
        #[command(flatten)]
        key: Key,
        /// The numbers agreed to, such as "1 3"; empty: to none.
        #[arg(long, default_value = "")]
        yes: String,
    },
    /// How every item of the case stands. Reading it starts nothing.
    Status {
        #[command(flatten)]
        key: Key,
    },
    /// Which office looked at the data of this case, when, and for what.
    WhoLooked {
        #[command(flatten)]
        key: Key,
    },
    /// Stops; no reason is asked.
    Withdraw {
        #[command(flatten)]
        key: Key,
        /// The numbers to stop, such as "1 3"; empty: all of them.
        #[arg(long, default_value = "")]
        legs: String,
    },
    /// Sets the PIN that windows ask for from then on, typed unseen.
    #[command(subcommand)]
    Pin(PinCommand),
    /// "I did not stop this": answers the notice of a stop at a desk. The same request goes out
    /// again and keeps its filing date.
    NotMe {
        #[command(flatten)]
        key: Key,
    },
    /// Wants to be asked again about what was refused, stopped or not answered.
    Reopen {
        #[command(flatten)]
        key: Key,
        /// The item's number in the notice.
        #[arg(long)]
        leg: u32,
        /// Document kind code of the person the item is for; 1: resident ID card.
        #[arg(long, default_value_t = 1)]
        document: u32,
        /// Number of that document; asked for unseen where absent. The node no longer knows it.
        #[arg(long)]
        number: Option<String>,
    },
    /// At a window with the person present; `--as` names a token of the role window.
    #[command(subcommand)]
    Window(super::window::WindowCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum PinCommand {
    /// Sets it, with a code that is good for answering. Replacing one stops confirming for 72 hours.
    Set {
        #[command(flatten)]
        key: Key,
    },
}

impl WorkerCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut worker = at.worker().await?;
        let said = match self {
            WorkerCommand::Open { key } => {
                let request = wire::OpenRequest { code: key.code, case_number: key.case_number };
                show(&worker.open(request).await?.into_inner(), out);
                return Ok(OK);
            }
            WorkerCommand::Status { key } => {
                let reply = worker.status(key.request()).await?.into_inner();
                show_status(&reply.legs, out);
                return Ok(OK);
            }
            WorkerCommand::WhoLooked { key } => {
                let reply = worker.who_looked(key.request()).await?.into_inner();
                show_looks(&reply.looks, out);
                return Ok(OK);
            }
            WorkerCommand::Answer { key, yes } => {
                let (code, case_number) = (key.code, key.case_number);
                let request = wire::AnswerRequest { code, yes: numbers(&yes)?, case_number };
                worker.answer(request).await?.into_inner()
            }
            WorkerCommand::Withdraw { key, legs } => {
                let (code, case_number) = (key.code, key.case_number);
                let request = wire::WithdrawRequest { code, legs: numbers(&legs)?, case_number };
                worker.withdraw(request).await?.into_inner()
            }
            WorkerCommand::Pin(PinCommand::Set { key }) => {
                let pin = super::window::new_pin()?;
                let (code, case_number) = (key.code, key.case_number);
                worker.set_pin(wire::SetPinRequest { code, case_number, pin }).await?.into_inner()
            }
            WorkerCommand::NotMe { key } => {
                let (code, case_number) = (key.code, key.case_number);
                worker.not_me(wire::NotMeRequest { code, case_number }).await?.into_inner()
            }
            WorkerCommand::Reopen { key, leg, document, number } => {
                let number = match number {
                    Some(number) => number,
                    None => super::keypad::ask("证件号码：", "Number of the document:")?,
                };
                let (code, case_number) = (key.code, key.case_number);
                let request = wire::ReopenRequest { code, case_number, leg, document, number };
                worker.reopen(request).await?.into_inner()
            }
            WorkerCommand::Window(command) => return command.run(at, out).await,
        };
        let value = json!({ "say_zh": said.say_zh, "say_en": said.say_en });
        out.show(&value, || format!("{}\n{}", said.say_zh, said.say_en));
        Ok(OK)
    }
}

fn show(opened: &wire::OpenReply, out: Out) {
    let legs: Vec<_> =
        opened.legs.iter().map(|leg| json!({ "number": leg.number, "text": leg.text })).collect();
    let value = json!({
        "text": opened.text,
        "legs": legs,
        "answer_from_unix_ms": opened.answer_from_unix_ms,
        "answer_until_unix_ms": opened.answer_until_unix_ms,
    });
    out.show(&value, || {
        let until = Day::of_unix_ms(opened.answer_until_unix_ms, 480);
        format!("{}\n{until} 前回答。 Answer before {until}.", opened.text)
    });
}

/// What a worker reads is always in both languages.
fn show_status(legs: &[wire::WorkerLeg], out: Out) {
    let values = legs
        .iter()
        .map(|leg| json!({ "number": leg.number, "say_zh": leg.say_zh, "say_en": leg.say_en }));
    let value = json!({ "legs": values.collect::<Vec<_>>() });
    out.show(&value, || {
        let lines = legs.iter().map(|leg| format!("{}\n   {}", leg.say_zh, leg.say_en));
        lines.collect::<Vec<_>>().join("\n")
    });
}

fn show_looks(looks: &[wire::Look], out: Out) {
    let values = looks.iter().map(|look| {
        json!({
            "at": time(look.at_unix_ms),
            "at_unix_ms": look.at_unix_ms,
            "office": look.office,
            "office_name": look.office_name,
            "system": look.system,
            "view": look.view,
            "purpose": look.purpose,
            "legs": look.legs,
        })
    });
    let value = json!({ "looks": values.collect::<Vec<_>>() });
    out.show(&value, || {
        if looks.is_empty() {
            return "没有人查看过您的信息。\nNobody has looked at your data.".to_owned();
        }
        looks.iter().map(look_text).collect::<Vec<_>>().join("\n")
    });
}

fn look_text(look: &wire::Look) -> String {
    let office = if look.office_name.is_empty() { &look.office } else { &look.office_name };
    let (view_zh, view_en) = match look.view.as_str() {
        "export" => ("导出证据", "exported the evidence"),
        _ => ("查看办件", "looked at the case"),
    };
    let legs: Vec<String> = look.legs.iter().map(u32::to_string).collect();
    let (legs, at, system) = (legs.join(" "), time(look.at_unix_ms), &look.system);
    format!(
        "{at} {office}（{system}）{view_zh}，事项 {legs}，用途：{purpose}\n   {office} ({system}) \
         {view_en}, items {legs}, for: {purpose}",
        purpose = look.purpose
    )
}

pub(super) fn numbers(text: &str) -> Result<Vec<u32>, Fail> {
    let parts = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let only = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | ',' | '，' | '、'));
    let parsed: Option<Vec<u32>> = parts.map(|part| part.parse().ok()).collect();
    parsed
        .filter(|_| only)
        .ok_or_else(|| Fail::usage("只写序号，例如“1 3”。", "Write numbers only, such as \"1 3\"."))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn only_numbers_are_an_answer() {
        assert_eq!(numbers("1 3").unwrap(), [1, 3]);
        assert_eq!(numbers("1，3、4").unwrap(), [1, 3, 4]);
        assert!(numbers("").unwrap().is_empty());
        for wrong in ["all", "yes", "1 and 2", "99999999999"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }
}
