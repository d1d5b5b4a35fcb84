//! `jieli statement`: a fact out of the own books, signed for the person to carry; and the worker's
//! own page of it.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, date, date_of};
use super::{Done, Fail};
use clap::{Args, ValueEnum};
use jieli_gateway::paper;
use jieli_node::config::DeskRole;
use jieli_proto::wire::{self, StatementFact};
use jieli_proto::words::{self, NOT_PROOF_OF_FREEDOM};
use serde_json::json;
use std::path::Path;

const HELP: &str = "\
At the person's request. The person is asked on the own phone, and alone gets the statement:
`jieli worker statement`. No desk can print it. Who it is shown to, the person decides.
应本人要求办理。系统向本人手机询问，证明只由本人领取，窗口不能打印。给谁看由本人决定。";

/// What can be stated.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Fact {
    InsuredMonths,
    CourseFinished,
    ResidenceSince,
    EnrolledSince,
}

impl Fact {
    fn wire(self) -> StatementFact {
        match self {
            Fact::InsuredMonths => StatementFact::InsuredMonths,
            Fact::CourseFinished => StatementFact::CourseFinished,
            Fact::ResidenceSince => StatementFact::ResidenceRegisteredSince,
            Fact::EnrolledSince => StatementFact::EnrolledSince,
        }
    }
}

/// Asks the person whether to have a signed statement of one fact out of this office's books.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
#[command(group = clap::ArgGroup::new("value").required(true).args(["months", "since"]))]
pub(super) struct StatementArgs {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// Number of the leg within the case.
    #[arg(long)]
    leg: u32,
    /// What is stated.
    #[arg(long, value_enum)]
    fact: Fact,
    /// Months, of insured-months.
    #[arg(long, value_name = "MONTHS")]
    months: Option<u32>,
    /// The day, of all others, as 2026-09-01.
    #[arg(long, value_name = "DATE", value_parser = date_of)]
    since: Option<u32>,
}

impl StatementArgs {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        let request = wire::StatementRequest {
            case_number: self.case_number,
            leg: self.leg,
            fact: self.fact.wire().into(),
            months: self.months.unwrap_or_default(),
            since: self.since.unwrap_or_default(),
        };
        let said = desk.ask_statement(request).await?.into_inner();
        let value = json!({ "say_zh": said.say_zh, "say_en": said.say_en });
        out.show(&value, || out.say(&said.say_zh, &said.say_en));
        Ok(OK)
    }
}

/// Writes the page of a statement, for the person who holds the code.
pub(super) fn written(page: &wire::StatementPage, file: &Path, out: Out) -> Result<Done, Fail> {
    let html = paper::statement(page).map_err(|error| {
        Fail::new(
            super::REFUSED,
            "TOO_LONG",
            "内容太长，一个二维码放不下。",
            format!("The statement was not made: {error}."),
        )
    })?;
    write_new(file, html.as_bytes())?;
    let file = file.display().to_string();
    let caveat = NOT_PROOF_OF_FREEDOM;
    let value = json!({
        "file": file,
        "fact": words::statement_fact(page.fact()).en,
        "valid_until": date(page.valid_until),
        "qr": page.qr,
        "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let said = out.say(
            &format!("证明已写入 {file}。给谁看由您决定。"),
            &format!("The statement is in {file}. Who sees it is for you to decide."),
        );
        format!("{said}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(OK)
}
