//! `jieli letter`: a leg for a city without a node, carried on paper by the person.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, date};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_gateway::paper;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use serde_json::json;
use std::path::PathBuf;

const WRITE_HELP: &str = "\
Only after the person's own yes. Printed again, it carries the same content and new answer codes.
本人同意后才能写；重新打印内容不变，回执码换新。";

#[derive(Debug, Subcommand)]
pub(super) enum LetterCommand {
    /// Asks the person, on the own phone, whether to carry a letter to this office.
    Ask {
        /// Case number.
        #[arg(long = "case")]
        case_number: String,
        /// Number of the leg within the case.
        #[arg(long)]
        leg: u32,
        /// Name of the receiving office, as it stands on the letter.
        #[arg(long, value_name = "TEXT")]
        office_name: String,
    },
    /// Writes the letter that the person has agreed to.
    #[command(after_help = WRITE_HELP)]
    Write {
        /// Case number.
        #[arg(long = "case")]
        case_number: String,
        /// Number of the leg within the case.
        #[arg(long)]
        leg: u32,
        /// Name of the receiving office; if given, it must be the one agreed to.
        #[arg(long, value_name = "TEXT", default_value = "")]
        office_name: String,
        /// The page, HTML; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Types in what came back on paper.
    #[command(group = clap::ArgGroup::new("answer").required(true).args(["accept", "decline"]))]
    #[command(group = clap::ArgGroup::new("how").required(true).args(["code", "stamped"]))]
    Answer {
        /// Case number.
        number: String,
        /// Number of the leg within the case.
        leg: u32,
        /// The other office accepts.
        #[arg(long)]
        accept: bool,
        /// The other office declines.
        #[arg(long)]
        decline: bool,
        /// The code of the tear-off slip that the other office told.
        #[arg(long)]
        code: Option<String>,
        /// The stamped tear-off slip is here.
        #[arg(long)]
        stamped: bool,
    },
}

impl LetterCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        let said = match self {
            LetterCommand::Ask { case_number, leg, office_name } => {
                let request = wire::LetterRequest { case_number, leg, office_name };
                desk.ask_letter(request).await?.into_inner()
            }
            LetterCommand::Write { case_number, leg, office_name, out: file } => {
                let request = wire::LetterRequest { case_number, leg, office_name };
                let page = desk.write_letter(request).await?.into_inner();
                return written(&page, &file, out);
            }
            LetterCommand::Answer { number, leg, accept, code, stamped, .. } => {
                let request = wire::LetterAnswer {
                    case_number: number,
                    leg,
                    accepted: accept,
                    code: code.unwrap_or_default(),
                    stamped,
                };
                desk.answer_letter(request).await?.into_inner()
            }
        };
        let value = json!({ "say_zh": said.say_zh, "say_en": said.say_en });
        out.show(&value, || out.say(&said.say_zh, &said.say_en));
        Ok(OK)
    }
}

fn written(page: &wire::LetterPage, file: &std::path::Path, out: Out) -> Result<Done, Fail> {
    let html = paper::letter(page).map_err(|error| {
        Fail::new(
            super::REFUSED,
            "TOO_LONG",
            "内容太长，一个二维码放不下。",
            format!("The letter was not made: {error}."),
        )
    })?;
    write_new(file, html.as_bytes())?;
    let file = file.display().to_string();
    let caveat = NOT_PROOF_OF_FREEDOM;
    let value = json!({
        "file": file, "to_office": page.to_office, "good_until": date(page.good_until),
        "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let said = out.say(
            &format!("信已写入 {file}，请打印后只交给本人，不留副本。"),
            &format!(
                "The letter is in {file}: print it, give it to the person alone, keep no copy."
            ),
        );
        format!("{said}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(OK)
}
