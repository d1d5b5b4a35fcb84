//! `jieli case`: by hand, asked, listed, shown, acted on.

use super::case_act::Step;
use super::case_views::{case_json, case_text, queue_json, queue_text};
use super::dial::At;
use super::import::row_json;
use super::say::{OK, Out, REFUSED, text_of};
use super::window::Paper;
use super::{Done, Fail};
use anyhow::Context;
use clap::Subcommand;
use jieli_gateway::drafts;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum CaseCommand {
    /// One case from a TOML file, such as medical cover pulled by the receiving city.
    New {
        /// The file.
        file: PathBuf,
    },
    /// Sends the workers of these cases their questions; without numbers, of every draft not asked
    /// yet. Nobody at a desk can answer for them.
    Ask {
        /// Case numbers.
        numbers: Vec<String>,
    },
    /// What waits, by due date: one queue. Legs that wait for the person's answer are only counted.
    List {
        /// Only legs due then: overdue, today, or week (today and the six days after).
        #[arg(long, default_value = "", value_parser = ["", "overdue", "today", "week"])]
        due: String,
        /// Only this service: employment, schooling, school_record, insurance, housing or
        /// fund_transfer.
        #[arg(long)]
        service: Option<String>,
        /// Only legs in this stage, such as TAKEN_UP or DRAFT.
        #[arg(long, default_value = "")]
        stage: String,
        /// Only legs of which this token is the first handler.
        #[arg(long)]
        mine: bool,
        /// Only legs that were handed over to this token, and those that need a taker.
        #[arg(long)]
        to_take: bool,
        /// The page after: the value that the page before printed.
        #[arg(long, default_value = "")]
        after: String,
        /// At most so many legs.
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
    /// Shows a case, and for each leg the steps that this desk may take now, ready to copy; the
    /// person only to the own office, and only with a purpose.
    Show {
        /// Case number.
        number: String,
        /// Why the person is looked at, who can read it: 办理业务, 核对信息, 更正信息, 联系本人, 导出证据,
        /// 答复投诉, 审计, or own words, which the person alone reads.
        #[arg(long, default_value = "")]
        purpose: String,
    },
    /// Finds the own office's cases about who holds a document. Its number is typed unseen, whole: no
    /// part of a name or number finds anything. Twenty a day; each is written down, misses too.
    Find {
        #[command(flatten)]
        paper: Paper,
        /// Why, which the person can read; as for `case show`.
        #[arg(long)]
        purpose: String,
    },
    /// Acts in a leg of a case; `case show` prints the steps that are open. What is entered goes out
    /// after some minutes and can be undone until then.
    Act {
        /// Case number.
        number: String,
        /// Number of the leg within the case.
        leg: u32,
        #[command(subcommand)]
        step: Step,
    },
    /// Takes back an act that has not gone out yet, or takes note of one that was not sent.
    Undo {
        /// Case number.
        number: String,
        /// Number of the leg within the case.
        leg: u32,
    },
    /// Opens a request again that the other city declined as WRONG_OFFICE: a new draft to another
    /// office over there, with the filing date of the old one.
    Again {
        /// Case number.
        number: String,
        /// Number of the leg within the case.
        leg: u32,
        /// Credit code of the office over there; may be left out where there is only one.
        #[arg(long = "to", default_value = "")]
        office: String,
    },
    /// Hands a leg over to a colleague of the office or the coordination window, who has to take it
    /// over; until then who had it answers for it. To who has it: takes the hand-over back.
    HandOver {
        /// Case number.
        number: String,
        /// Number of the leg within the case; without it all that this office has taken up.
        leg: Option<u32>,
        /// Name of the colleague's token.
        #[arg(long)]
        to: String,
    },
    /// Takes over what was handed over to this token, or what has lost its first handler.
    TakeOver {
        /// Case number.
        number: String,
        /// Number of the leg within the case; without it all that waits for this token.
        leg: Option<u32>,
    },
}

impl CaseCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        match self {
            CaseCommand::New { file } => {
                let draft = drafts::case(&text_of(&file)?)?;
                let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
                let rows = desk.import(request).await?.into_inner().rows;
                return made(rows.first(), out);
            }
            CaseCommand::Ask { numbers } => {
                let request = wire::AskRequest { case_numbers: numbers };
                asked(&desk.ask(request).await?.into_inner(), out);
            }
            CaseCommand::List { due, service, stage, mine, to_take, after, most } => {
                let service = service_of(service)?.into();
                let request =
                    wire::ListCasesRequest { stage, after, most, due, service, mine, to_take };
                let list = desk.list_cases(request).await?.into_inner();
                out.show(&queue_json(&list), || queue_text(&list, out));
            }
            CaseCommand::Show { number, purpose } => {
                let request = wire::CaseRef { case_number: number, purpose, sections: false };
                let view = desk.show_case(request).await?.into_inner();
                out.show(&case_json(&view), || case_text(&view, at.program(), out));
            }
            CaseCommand::Find { paper, purpose } => {
                let hand = paper.read(String::new())?;
                let (document, number) = (hand.document, hand.number);
                let request = wire::FindCasesRequest { document, number, purpose };
                found(&desk.find_cases(request).await?.into_inner(), out);
            }
            CaseCommand::Act { number, leg, step } => {
                let act = Some(step.act()?);
                let request = wire::ActRequest { case_number: number, leg, act };
                acted(&desk.act(request).await?.into_inner(), out);
            }
            CaseCommand::Undo { number, leg } => {
                let request = wire::UndoRequest { case_number: number, leg };
                acted(&desk.undo_act(request).await?.into_inner(), out);
            }
            CaseCommand::Again { number, leg, office } => {
                let request = wire::OpenAgainRequest { case_number: number, leg, office };
                acted(&desk.open_again(request).await?.into_inner(), out);
            }
            CaseCommand::HandOver { number, leg, to } => {
                let leg = leg.unwrap_or_default();
                let request = wire::HandOverRequest { case_number: number, leg, to_token: to };
                acted(&desk.hand_over(request).await?.into_inner(), out);
            }
            CaseCommand::TakeOver { number, leg } => {
                let leg = leg.unwrap_or_default();
                let request = wire::TakeOverRequest { case_number: number, leg };
                acted(&at.rota().await?.take_over(request).await?.into_inner(), out);
            }
        }
        Ok(OK)
    }
}

fn made(row: Option<&wire::ImportedRow>, out: Out) -> Result<Done, Fail> {
    let row = row.context("the node's reply is empty")?;
    if row.case_number.is_empty() {
        return Err(Fail::new(REFUSED, &row.code, &row.say_zh, &row.say_en));
    }
    out.show(&row_json(row), || {
        format!("{}  {}", row.case_number, out.lines(&row.say_zh, &row.say_en))
    });
    Ok(OK)
}

fn asked(reply: &wire::AskReply, out: Out) {
    let value = json!({
        "asked": reply.asked,
        "not_ready": reply.not_ready,
        "why": reply.why,
        "undeliverable": reply.undeliverable,
    });
    out.show(&value, || {
        let (asked, not_ready) = (reply.asked, reply.not_ready);
        let mut lines =
            vec![out.say(&format!("已通知本人 {asked} 位。"), &format!("Workers asked: {asked}."))];
        if not_ready > 0 {
            let en = format!("Not ready yet: {not_ready}.");
            lines.push(out.say(&format!("还不能询问 {not_ready} 件。"), &en));
            lines.extend(reply.why.iter().map(|why| format!("  {why}")));
        }
        for number in &reply.undeliverable {
            let says = out.say("号码有误，请核对。", "The number does not work: check it.");
            lines.push(format!("{number}：{says}"));
        }
        lines.join("\n")
    });
}

fn found(reply: &wire::FindCasesReply, out: Out) {
    let value = json!({ "cases": reply.case_numbers, "left_today": reply.left_today });
    out.show(&value, || {
        let mut lines = reply.case_numbers.clone();
        if lines.is_empty() {
            lines.push(out.lines(
                "本机构没有此人的在办事项，或尚未发出。已记录。",
                "This office has nothing sent or received about who holds this document. It was \
                 written down.",
            ));
        }
        let left = reply.left_today;
        lines.push(
            out.lines(
                &format!("今天还可查找 {left} 次。"),
                &format!("Look-ups left today: {left}."),
            ),
        );
        lines.join("\n")
    });
}

fn acted(said: &wire::ActReply, out: Out) {
    let value = json!({
        "say_zh": said.say_zh, "say_en": said.say_en, "env_digest": said.env_digest,
    });
    out.show(&value, || out.lines(&said.say_zh, &said.say_en));
}

fn service_of(text: Option<String>) -> Result<wire::Service, Fail> {
    let Some(text) = text else { return Ok(wire::Service::Unspecified) };
    let name = text.trim().replace('-', "_").to_uppercase();
    let known = wire::Service::from_str_name(&format!("SERVICE_{name}"));
    known.filter(|service| *service != wire::Service::Unspecified).ok_or_else(|| {
        Fail::usage(
            format!("选项 --service：没有“{text}”。"),
            format!("Option --service: there is no “{text}”; --help names them."),
        )
    })
}
