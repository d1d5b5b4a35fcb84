//! `jieli worker window`: the person stands at the window of another office than the one that
//! sends. The officer holds the document; the person types on the keypad, unseen.

use super::dial::At;
use super::keypad;
use super::say::{OK, Out};
use super::worker::numbers;
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_node::tokens;
use jieli_proto::wire::{self, Service};
use serde_json::json;

const PIN_ZH: &str = "请输入您的密码；没有设过就直接回车：";
const PIN_EN: &str = "Type your PIN; just Enter if you never set one:";

/// Case and document.
#[derive(Args, Debug)]
pub(super) struct InHand {
    /// Case number.
    #[arg(long = "case", required_unless_present = "slip_leg")]
    case_number: Option<String>,
    #[command(flatten)]
    paper: Paper,
    /// The item as the person's slip names it (hex): at the receiving city, while it does not know
    /// the person yet. Instead of case and document.
    #[arg(long)]
    slip_leg: Option<String>,
}

impl InHand {
    fn read(self) -> Result<Option<wire::InHand>, Fail> {
        if let Some(slip_leg) = self.slip_leg {
            return Ok(Some(wire::InHand { slip_leg, ..wire::InHand::default() }));
        }
        self.paper.read(self.case_number.unwrap_or_default()).map(Some)
    }
}

/// The document on the counter. Its number is typed, never an option: a command line stands in the
/// shell's history and in every list of processes.
#[derive(Args, Debug)]
pub(super) struct Paper {
    /// Document kind code; 1: resident ID card.
    #[arg(long, default_value_t = 1)]
    document: u32,
}

impl Paper {
    pub(super) fn read(self, case_number: String) -> Result<wire::InHand, Fail> {
        let number = keypad::ask("证件号码：", "Number of the document:")?;
        let document = self.document;
        Ok(wire::InHand { case_number, document, number, slip_leg: String::new() })
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum WindowCommand {
    /// What this person is asked, item by item. Nothing is ticked.
    Open {
        #[command(flatten)]
        in_hand: InHand,
        /// The person waives the day for job terms: legal aid and union only.
        #[arg(long)]
        waive_day: bool,
        /// Token of a second officer, of another kind of office: a pull without a phone only.
        #[arg(long, value_name = "TOKEN")]
        witness: Option<String>,
        /// Somebody stands there whom the person named as a proxy: kind code of that one's own
        /// document, whose number is typed. Never for a job.
        #[arg(long, value_name = "DOCUMENT", conflicts_with_all = ["waive_day", "witness"])]
        proxy: Option<u32>,
    },
    /// What the person typed: yes to these numbers, no to all others. One reply to everything.
    Answer {
        /// The sitting that `open` named.
        #[arg(long)]
        sitting: String,
    },
    /// The guardian of somebody of 16 or 17 stands there: what the guardian is told of a job, and that
    /// it was.
    Guardian {
        #[command(flatten)]
        in_hand: InHand,
        /// The guardian's name, as on the guardian's own document.
        #[arg(long)]
        name: String,
        /// Kind code of the guardian's document; 1: resident ID card. Its number is typed.
        #[arg(long, default_value_t = 1)]
        guardian_document: u32,
        /// The guardian has read what this command showed before.
        #[arg(long)]
        told: bool,
    },
    /// The person stops; no reason, no PIN.
    Withdraw {
        #[command(flatten)]
        in_hand: InHand,
        /// Numbers within the case, such as "1 3"; empty: all of that person.
        #[arg(long, default_value = "")]
        legs: String,
    },
    /// The person wants erased what this city holds about the person.
    Erase {
        #[command(flatten)]
        in_hand: InHand,
        /// Numbers within the case, such as "1 3"; empty: all of that person.
        #[arg(long, default_value = "")]
        legs: String,
    },
    /// The person says what is wrong about the person: answered within 15 working days.
    Correct {
        #[command(flatten)]
        in_hand: InHand,
        /// Number of the leg within the case.
        #[arg(long, default_value_t = 1)]
        leg: u32,
        #[command(flatten)]
        wrong: super::worker::Wrong,
    },
    /// The person complains: what is typed is sealed to a body that is not concerned. Turn screen and
    /// keypad to the person; the code is shown once.
    Grievance {
        #[command(flatten)]
        in_hand: InHand,
    },
    /// The person names somebody to help with an item, or ends it. Without a name: who can be named.
    /// Turn the screen to the person.
    Helper {
        #[command(flatten)]
        in_hand: InHand,
        /// Number of the item within the case; with `--dismiss` 0: all of them.
        #[arg(long, default_value_t = 0)]
        leg: u32,
        /// The helper, as the list prints it.
        #[arg(long, default_value = "")]
        helper: String,
        /// Nobody helps any more.
        #[arg(long, conflicts_with = "helper")]
        dismiss: bool,
    },
    /// The person sets a PIN. Replacing one tells the phone and stops confirming for 72 hours.
    Pin {
        #[command(flatten)]
        in_hand: InHand,
    },
    /// The person wants to be asked again about a service that was refused, stopped or not answered.
    Reopen {
        /// employment, schooling, school-record, insurance, housing or fund-transfer.
        #[arg(long)]
        service: String,
        #[command(flatten)]
        paper: Paper,
    },
}

impl WindowCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut window = at.window().await?;
        let said = match self {
            WindowCommand::Open { in_hand, waive_day, witness, proxy } => {
                let witness = witness.map_or(Ok(String::new()), |name| token(at, &name))?;
                let in_hand = in_hand.read()?;
                let proxy = proxy.map(proxy_paper).transpose()?;
                let request = wire::OpenSittingRequest { in_hand, waive_day, witness, proxy };
                show(&window.open_sitting(request).await?.into_inner(), out);
                return Ok(OK);
            }
            WindowCommand::Answer { sitting } => {
                let yes = keypad::ask(
                    "请输入同意的序号，例如 1 3；都不同意就直接回车：",
                    "Type the numbers you agree to, such as 1 3; just Enter for none:",
                )?;
                let pin = keypad::ask(PIN_ZH, PIN_EN)?;
                let request = wire::AnswerSittingRequest { sitting, yes: numbers(&yes)?, pin };
                window.answer_sitting(request).await?.into_inner()
            }
            WindowCommand::Guardian { in_hand, name, guardian_document, told } => {
                let in_hand = in_hand.read()?;
                let number =
                    keypad::ask("监护人的证件号码：", "Number of the guardian's document:")?;
                let request = wire::TellGuardianRequest {
                    in_hand,
                    guardian_name: name,
                    document: guardian_document,
                    number,
                    told,
                };
                let said = window.tell_guardian(request).await?.into_inner();
                let value = json!({
                    "texts": said.texts, "say_zh": said.say_zh, "say_en": said.say_en,
                });
                out.show(&value, || {
                    format!("{}\n{}\n{}", said.texts.join("\n"), said.say_zh, said.say_en)
                });
                return Ok(OK);
            }
            WindowCommand::Withdraw { in_hand, legs } => {
                let legs = numbers(&legs)?;
                let in_hand = in_hand.read()?;
                window.stop(wire::StopRequest { in_hand, legs }).await?.into_inner()
            }
            WindowCommand::Erase { in_hand, legs } => {
                let legs = numbers(&legs)?;
                let in_hand = in_hand.read()?;
                let request = wire::StopRequest { in_hand, legs };
                super::erase::show(&window.erase_at_window(request).await?.into_inner(), out);
                return Ok(OK);
            }
            WindowCommand::Correct { in_hand, leg, wrong } => {
                let in_hand = in_hand.read()?;
                let (field, value) = wrong.read();
                let request = wire::CorrectionAtWindowRequest { in_hand, leg, field, value };
                window.correction_at_window(request).await?.into_inner()
            }
            WindowCommand::Grievance { in_hand } => {
                let in_hand = in_hand.read()?.unwrap_or_default();
                return super::complain::at_window(at, in_hand, out).await;
            }
            WindowCommand::Helper { in_hand, leg, helper, dismiss } => {
                let in_hand = in_hand.read()?;
                let pin = match helper.is_empty() {
                    true => String::new(),
                    false => keypad::ask(PIN_ZH, PIN_EN)?,
                };
                let request = wire::HelperAtWindowRequest { in_hand, leg, helper, dismiss, pin };
                let list = window.helper_at_window(request).await?.into_inner();
                super::helper::show_choice(&list.helpers, out);
                return Ok(OK);
            }
            WindowCommand::Pin { in_hand } => {
                let in_hand = in_hand.read()?;
                let pin = new_pin()?;
                let request = wire::SetWindowPinRequest { in_hand, pin };
                window.set_window_pin(request).await?.into_inner()
            }
            WindowCommand::Reopen { service, paper } => {
                let service = service_of(&service)?.into();
                let in_hand = Some(paper.read(String::new())?);
                let request = wire::ReopenAtWindowRequest { in_hand, service };
                window.reopen_at_window(request).await?.into_inner()
            }
        };
        let value = json!({ "say_zh": said.say_zh, "say_en": said.say_en });
        out.show(&value, || format!("{}\n{}", said.say_zh, said.say_en));
        Ok(OK)
    }
}

fn proxy_paper(document: u32) -> Result<wire::Proxy, Fail> {
    let number = keypad::ask("代办人的证件号码：", "Number of the proxy's document:")?;
    Ok(wire::Proxy { document, number })
}

/// A new PIN, typed twice.
pub(super) fn new_pin() -> Result<String, Fail> {
    let pin = keypad::ask(
        "请输入新密码，4 至 8 位数字，不要告诉任何人：",
        "New PIN, 4 to 8 digits. Tell it to nobody:",
    )?;
    let again = keypad::ask("请再输入一次：", "Once more:")?;
    if pin == again {
        return Ok(pin);
    }
    Err(Fail::usage("两次输入不同，没有设置。", "The two differ: nothing was set."))
}

/// The text of a second officer's token.
fn token(at: &At, name: &str) -> Result<String, Fail> {
    let path = tokens::path(&at.dir, name);
    std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(|error| {
        Fail::usage(format!("令牌 {name} 无法读取。"), format!("{}: {error}", path.display()))
    })
}

fn service_of(text: &str) -> Result<Service, Fail> {
    let name = format!("SERVICE_{}", text.trim().to_uppercase().replace('-', "_"));
    let found = Service::from_str_name(&name).filter(|found| *found != Service::Unspecified);
    found.ok_or_else(|| {
        Fail::usage(
            "服务只能是 employment、schooling、school-record、insurance、housing、fund-transfer。",
            "A service is employment, schooling, school-record, insurance, housing or \
             fund-transfer.",
        )
    })
}

fn show(opened: &wire::OpenSittingReply, out: Out) {
    let items: Vec<_> = opened
        .items
        .iter()
        .map(|item| {
            json!({
                "number": item.number,
                "text": item.text,
                "answer_from_unix_ms": item.answer_from_unix_ms,
            })
        })
        .collect();
    let value = json!({
        "sitting": opened.sitting,
        "items": items,
        "pin_needed": opened.pin_needed,
        "answer_until_unix_ms": opened.answer_until_unix_ms,
    });
    out.show(&value, || {
        let mut lines: Vec<String> = Vec::new();
        for item in &opened.items {
            lines.push(match item.number {
                0 => format!(
                    "今天只看，一天后再回答。 To be read today, to be answered tomorrow.\n{}",
                    item.text
                ),
                number => format!("【{number}】\n{}", item.text),
            });
        }
        if opened.items.is_empty() {
            lines.push(
                "现在没有要问本人的事项。 There is nothing to ask the person now.".to_owned(),
            );
        }
        if opened.pin_needed {
            lines.push("需要本人密码。 The person's PIN is needed.".to_owned());
        }
        lines.push(format!("--sitting {}", opened.sitting));
        lines.join("\n")
    });
}
