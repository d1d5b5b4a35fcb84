//! `jieli worker`: what the worker's own page or telephone does. Only case number and code.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, time};
use super::slip;
use super::statement;
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::day::Day;
use jieli_proto::section::{PERSON_CORRECTABLE, PERSON_NAME, PERSON_NUMBER, PERSON_PHONE};
use jieli_proto::wire;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use serde_json::json;
use std::path::PathBuf;

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
    pub(super) fn request(self) -> wire::WorkerRequest {
        wire::WorkerRequest { case_number: self.case_number, code: self.code }
    }
}

/// The code of a notice, or that of a slip.
#[derive(Args, Debug)]
pub(super) struct StopKey {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// The code of the notice.
    #[arg(long, required_unless_present = "slip_code", conflicts_with = "slip_code")]
    code: Option<String>,
    /// The code printed on the slip.
    #[arg(long)]
    slip_code: Option<String>,
}

/// What is wrong about the person, and what is right.
#[derive(Args, Debug)]
pub(super) struct Wrong {
    /// What is wrong: name, number, phone, guardian-name or guardian-phone.
    #[arg(long, value_parser = ["name", "number", "phone", "guardian-name", "guardian-phone"])]
    what: String,
    /// What is right.
    #[arg(long)]
    is: String,
}

impl Wrong {
    /// The field of the person block, and the value.
    pub(super) fn read(self) -> (u32, String) {
        let field = match self.what.as_str() {
            "name" => PERSON_NAME,
            "number" => PERSON_NUMBER,
            "phone" => PERSON_PHONE,
            "guardian-name" => PERSON_CORRECTABLE[3],
            _ => PERSON_CORRECTABLE[4],
        };
        (field, self.is)
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
    /// How every item of the case, or of a slip, stands. Reading it starts nothing.
    Status {
        #[command(flatten)]
        key: StopKey,
    },
    /// Which office looked at the data of this case, when, and for what.
    WhoLooked {
        #[command(flatten)]
        key: Key,
    },
    /// Stops; no reason is asked.
    Withdraw {
        #[command(flatten)]
        key: StopKey,
        /// The numbers to stop, such as "1 3"; empty: all of them.
        #[arg(long, default_value = "")]
        legs: String,
    },
    /// "Erase what you hold about me": what can go goes at once, the rest is answered within 15
    /// working days. What is still open is stopped with `withdraw`.
    Erase {
        #[command(flatten)]
        key: Key,
        /// The numbers to erase, such as "1 3"; empty: all of them.
        #[arg(long, default_value = "")]
        legs: String,
    },
    /// "This about me is wrong": answered within 15 working days. Nothing changes before you were
    /// shown old and new and said yes.
    Correct {
        #[command(flatten)]
        key: Key,
        /// The number of the item in the message with the code.
        #[arg(long, default_value_t = 1)]
        leg: u32,
        #[command(flatten)]
        wrong: Wrong,
    },
    /// Sets the PIN that windows ask for from then on, typed unseen.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Whom you name to help you with one item, and dismiss.
    #[command(subcommand)]
    Helper(super::helper::ChoiceCommand),
    /// Whom you name to say yes in your place at a window, never to a job; of the document, whose number
    /// is typed, only a keyed digest is kept, for 180 days. You are told of each yes and can say no.
    Proxy {
        #[command(flatten)]
        key: Key,
        /// Kind code of the proxy's document; 1: resident ID card.
        #[arg(long, default_value_t = 1)]
        document: u32,
        /// Ends it at once.
        #[arg(long)]
        end: bool,
    },
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
    },
    /// At a window with the person present; `--as` names a token of the role window.
    #[command(subcommand)]
    Window(super::window::WindowCommand),
    /// Help and complaint, sealed to a body that is not concerned.
    #[command(subcommand)]
    Grievance(super::complain::ComplainCommand),
    /// A call-back by a trade union or legal aid, answered with the code of its notice.
    #[command(subcommand)]
    CallBack(super::complain::CallBackCommand),
    /// The own slip to print, with a fresh slip code.
    Slip {
        #[command(flatten)]
        key: Key,
        /// The page, HTML; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// The statement of a fact that you said yes to, to print. Who sees it is for you to decide.
    Statement {
        #[command(flatten)]
        key: Key,
        /// The page, HTML; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// The complete signed copy with all that this city holds about the person, and a slip beside
    /// it. `jieli verify` checks it without any account.
    Copy {
        #[command(flatten)]
        key: Key,
        /// The ZIP; must not exist. The slip goes beside it, as NAME.slip.html.
        #[arg(long)]
        out: PathBuf,
    },
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
                let case_number = key.case_number;
                if let Some(slip_code) = key.slip_code {
                    let request = wire::SlipUse { case_number, slip_code, legs: Vec::new() };
                    let status = worker.look_by_slip(request).await?.into_inner();
                    return Ok(looked(&status, out));
                }
                let code = key.code.unwrap_or_default();
                let request = wire::WorkerRequest { case_number, code };
                let reply = worker.status(request).await?.into_inner();
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
                let (legs, case_number) = (numbers(&legs)?, key.case_number);
                if let Some(slip_code) = key.slip_code {
                    let request = wire::SlipUse { case_number, slip_code, legs };
                    worker.stop_by_slip(request).await?.into_inner()
                } else {
                    let code = key.code.unwrap_or_default();
                    let request = wire::WithdrawRequest { code, legs, case_number };
                    worker.withdraw(request).await?.into_inner()
                }
            }
            WorkerCommand::Erase { key, legs } => {
                let (code, case_number, legs) = (key.code, key.case_number, numbers(&legs)?);
                let request = wire::WithdrawRequest { code, legs, case_number };
                super::erase::show(&worker.erase_mine(request).await?.into_inner(), out);
                return Ok(OK);
            }
            WorkerCommand::Correct { key, leg, wrong } => {
                let (field, value) = wrong.read();
                let (code, case_number) = (key.code, key.case_number);
                let request = wire::CorrectionRequest { case_number, code, leg, field, value };
                worker.ask_correction(request).await?.into_inner()
            }
            WorkerCommand::Slip { key, out: file } => {
                let request = wire::OpenRequest { code: key.code, case_number: key.case_number };
                let page = worker.slip(request).await?.into_inner();
                return slip::written(&page, &file, out);
            }
            WorkerCommand::Statement { key, out: file } => {
                let request = wire::OpenRequest { code: key.code, case_number: key.case_number };
                let page = worker.statement(request).await?.into_inner();
                return statement::written(&page, &file, out);
            }
            WorkerCommand::Copy { key, out: file } => {
                let request = wire::OpenRequest { code: key.code, case_number: key.case_number };
                return copied(worker.copy(request).await?.into_inner(), &file, out);
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
            WorkerCommand::Reopen { key, leg, document } => {
                // The node no longer knows it; typed unseen.
                let number = super::keypad::ask("证件号码：", "Number of the document:")?;
                let (code, case_number) = (key.code, key.case_number);
                let request = wire::ReopenRequest { code, case_number, leg, document, number };
                worker.reopen(request).await?.into_inner()
            }
            WorkerCommand::Proxy { key, document, end } => {
                let number = match end {
                    true => String::new(),
                    // Never on a command line, which stands in the shell's history.
                    false => {
                        super::keypad::ask("代办人的证件号码：", "Number of the proxy's document:")?
                    }
                };
                let wire::WorkerRequest { case_number, code } = key.request();
                let request = wire::NameProxyRequest { case_number, code, document, number };
                worker.name_proxy(request).await?.into_inner()
            }
            WorkerCommand::Helper(command) => return command.run(at, out).await,
            WorkerCommand::Window(command) => return command.run(at, out).await,
            WorkerCommand::Grievance(command) => return command.run(at, out).await,
            WorkerCommand::CallBack(command) => return command.run(at, out).await,
        };
        let value = json!({ "say_zh": said.say_zh, "say_en": said.say_en });
        out.show(&value, || format!("{}\n{}", said.say_zh, said.say_en));
        Ok(OK)
    }
}

fn copied(copy: wire::CopyReply, file: &std::path::Path, out: Out) -> Result<Done, Fail> {
    let slip_file = file.with_extension("slip.html");
    let page = slip::html(&copy.slip.unwrap_or_default())?;
    write_new(file, &copy.zip)?;
    write_new(&slip_file, page.as_bytes())?;
    let (zip, slip) = (file.display().to_string(), slip_file.display().to_string());
    let caveat = NOT_PROOF_OF_FREEDOM;
    let value = json!({
        "file": zip, "bytes": copy.zip.len(), "slip": slip,
        "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        format!(
            "已写入 {zip} 和回单 {slip}。核验不需要账号：jieli verify {zip} --root 指纹，每座参与的城市一枚\n\
             Written, with the slip. Checking it needs no account: jieli verify {zip} --root FPR, \
             one for each city that takes part\n{}\n{}",
            caveat.zh, caveat.en
        )
    });
    Ok(OK)
}

fn looked(status: &wire::SlipStatus, out: Out) -> Done {
    let legs = status.legs.iter();
    let legs: Vec<_> = legs.map(slip::line_json).collect();
    out.show(&json!({ "legs": legs }), || {
        let lines: Vec<String> = status.legs.iter().map(slip::line_text).collect();
        lines.join("\n")
    });
    OK
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
        "letter" => ("打印您携带的信", "printed the letter you carry"),
        "slip" => ("打印回单", "printed a slip"),
        "window" => ("在窗口打开询问事项", "opened the questions at a window"),
        "helper" => ("作为您指定的协助人查看进度", "looked how it stands, as the helper you named"),
        "import" => ("再次导入您的证件", "imported your document again"),
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
