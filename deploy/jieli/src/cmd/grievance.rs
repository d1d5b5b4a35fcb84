//! `jieli grievance`: the desk of a grievance body. What it lists is sealed; it is opened here, with a
//! key file that only the body has and that never reaches the node.

use super::dial::At;
use super::say::{OK, Out, date_of};
use super::{Done, Fail, keypad};
use crate::ambient::SystemEntropy;
use clap::Subcommand;
use jieli_gateway::sealed;
use jieli_node::world::Entropy as _;
use jieli_proto::wire::{self, SealedStage, SealedStep};
use serde_json::json;
use std::path::PathBuf;

mod count;
mod finding;
pub(super) mod key;
pub(super) mod show;

use key::Keys;

#[derive(Debug, Subcommand)]
pub(super) enum GrievanceCommand {
    /// The body's own key: made and kept by the body, outside the node.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// What waits or is in work, oldest first; with a key also what it is about and until when.
    List {
        /// The body's key file; may be repeated for older keys.
        #[arg(long = "key")]
        keys: Vec<PathBuf>,
        /// The closed ones too.
        #[arg(long)]
        all: bool,
    },
    /// Opens one and shows it.
    Open {
        /// The record, or how its name begins.
        record: String,
        /// The body's key file; may be repeated for older keys.
        #[arg(long = "key", required = true)]
        keys: Vec<PathBuf>,
    },
    /// Takes one: within two working days.
    Take {
        /// The record, or how its name begins.
        record: String,
    },
    /// Answers: what is typed is sealed to the person's code.
    Answer {
        /// The record, or how its name begins.
        record: String,
        /// The body's key file; may be repeated for older keys.
        #[arg(long = "key", required = true)]
        keys: Vec<PathBuf>,
    },
    /// Closes one that was taken. It is removed after 180 days.
    Close {
        /// The record, or how its name begins.
        record: String,
    },
    /// Counts what was opened and tells compliance the counts, once: nothing under five.
    Report {
        /// A month that is over, such as 2026-11.
        #[arg(long, value_parser = month_of, required_unless_present = "call_back")]
        month: Option<u32>,
        /// Id of a call-back that has ended.
        #[arg(long, conflicts_with = "month")]
        call_back: Option<String>,
        /// The body's key file; may be repeated for older keys.
        #[arg(long = "key", required = true)]
        keys: Vec<PathBuf>,
    },
    /// Employers found to owe wages: the labour inspection's word, without which no desk may say so.
    #[command(subcommand)]
    Finding(finding::FindingCommand),
}

fn month_of(text: &str) -> Result<u32, String> {
    let day = date_of(&format!("{text}-01"))?;
    Ok(day / 100)
}

impl GrievanceCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            GrievanceCommand::Key(command) => return command.run(at, out).await,
            GrievanceCommand::Finding(command) => return command.run(at, out).await,
            GrievanceCommand::List { keys, all } => {
                let keys = Keys::read(&keys)?;
                let ask = wire::ListSealedRequest { open: !all, ..Default::default() };
                let found = listed(at, ask).await?;
                show::list(&found, &keys, out);
            }
            GrievanceCommand::Open { record, keys } => {
                let line = find(at, &record).await?;
                let words = Keys::read(&keys)?.open(&line)?;
                show::opened(&line, &words, out);
            }
            GrievanceCommand::Take { record } => {
                handle(at, &record, SealedStep::Take, Vec::new(), out).await?;
            }
            GrievanceCommand::Close { record } => {
                handle(at, &record, SealedStep::Close, Vec::new(), out).await?;
            }
            GrievanceCommand::Answer { record, keys } => {
                let line = find(at, &record).await?;
                let words = Keys::read(&keys)?.open(&line)?;
                let answer = keypad::ask(
                    "答复内容（只有本人用查询码能看到）：",
                    "The answer (only the person's code opens it):",
                )?;
                let entropy = SystemEntropy::new();
                let sealed =
                    sealed::to_person(&words.reply_key, &line.record_id, &answer, &mut |bytes| {
                        entropy.fill(bytes)
                    });
                let sealed = sealed.map_err(|error| unsealed(&error))?;
                handle(at, &record, SealedStep::Answer, sealed, out).await?;
            }
            GrievanceCommand::Report { month, call_back, keys } => {
                let keys = Keys::read(&keys)?;
                let asked = match call_back {
                    Some(id) => count::call_back(at, &keys, id).await?,
                    None => count::month(at, &keys, month.unwrap_or_default()).await?,
                };
                let mut desk = at.body().await?;
                let told = desk.report_figures(asked).await?.into_inner();
                show::figures(&told, out);
            }
        }
        Ok(OK)
    }
}

/// Why something could not be sealed.
pub(super) fn unsealed(error: &sealed::SealError) -> Fail {
    Fail::usage("内容没有封好：太长，或公钥无效。", error.to_string())
}

/// All pages of a list.
async fn listed(at: &At, mut ask: wire::ListSealedRequest) -> Result<wire::SealedList, Fail> {
    let mut desk = at.body().await?;
    let mut all: Option<wire::SealedList> = None;
    loop {
        let page = desk.list_sealed(ask.clone()).await?.into_inner();
        let next = page.next.clone();
        match &mut all {
            None => all = Some(page),
            Some(all) => all.records.extend(page.records),
        }
        if next.is_empty() {
            return Ok(all.unwrap_or_default());
        }
        ask.after = next;
    }
}

/// The one record whose name begins so.
async fn find(at: &At, record: &str) -> Result<wire::SealedLine, Fail> {
    let found = listed(at, wire::ListSealedRequest::default()).await?;
    let record = record.trim().to_lowercase();
    let begins = |line: &wire::SealedLine| hex::encode(&line.record_id).starts_with(&record);
    let mut fit: Vec<_> = found.records.into_iter().filter(begins).collect();
    match (fit.pop(), fit.is_empty()) {
        (Some(line), true) if record.len() >= 4 => Ok(line),
        _ => Err(Fail::usage(
            "没有这个记录，或编号写得太短，请照 jieli grievance list 打印的填写。",
            "No such record, or its name is too short: give it as jieli grievance list prints it.",
        )),
    }
}

async fn handle(
    at: &At,
    record: &str,
    step: SealedStep,
    sealed: Vec<u8>,
    out: Out,
) -> Result<(), Fail> {
    let record_id = find(at, record).await?.record_id;
    let asked = wire::HandleSealedRequest { record_id, step: step.into(), sealed };
    let line = at.body().await?.handle_sealed(asked).await?.into_inner();
    let (zh, en) = stage(line.stage());
    let answers = line.answers.len();
    let value = json!({ "record": hex::encode(&line.record_id), "stage": en, "answers": answers });
    out.show(&value, || {
        out.say(&format!("{zh}，答复 {answers} 次。"), &format!("{en}, answers: {answers}."))
    });
    Ok(())
}

/// A stage in words.
pub(super) fn stage(stage: SealedStage) -> (&'static str, &'static str) {
    match stage {
        SealedStage::Unspecified => ("未知", "unknown"),
        SealedStage::Waiting => ("等待受理", "waiting"),
        SealedStage::Taken => ("已受理", "taken"),
        SealedStage::Closed => ("已办结", "closed"),
    }
}

/// A figure, as it may be told.
pub(super) fn figure(one: &wire::FigureLine) -> (String, String) {
    match (one.count, one.or_more) {
        (0, _) => ("少于 5".to_owned(), "fewer than 5".to_owned()),
        (count, true) => (format!("{count} 或更多"), format!("{count} or more")),
        (count, false) => (count.to_string(), count.to_string()),
    }
}
