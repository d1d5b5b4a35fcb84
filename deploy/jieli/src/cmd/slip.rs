//! `jieli slip`: the worker's slip, printed at a desk.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, date};
use super::{Done, Fail};
use clap::Args;
use jieli_gateway::paper;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use jieli_proto::words::{self, NOT_PROOF_OF_FREEDOM};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const HELP: &str = "\
Print it (A4) and give it to the worker. It ends the code of an earlier slip about the same items.
打印（A4）交给本人；同样事项的旧回单码随即失效。";

/// The slip of a case, about the legs that this desk sees. Printing it is written into the log.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct SlipArgs {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// The page, HTML; must not exist.
    #[arg(long)]
    out: PathBuf,
}

impl SlipArgs {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        let request = wire::SlipRequest { case_number: self.case_number };
        let page = desk.print_slip(request).await?.into_inner();
        written(&page, &self.out, out)
    }
}

/// Writes the page. The code stands on the page alone, never in the output.
pub(super) fn written(page: &wire::SlipPage, file: &Path, out: Out) -> Result<Done, Fail> {
    write_new(file, html(page)?.as_bytes())?;
    let file = file.display().to_string();
    let caveat = NOT_PROOF_OF_FREEDOM;
    let legs: Vec<Value> = page.legs.iter().map(line_json).collect();
    let value = json!({
        "file": file, "case_number": page.case_number, "legs": legs, "qr": page.qr,
        "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let said = out.say(
            &format!("回单已写入 {file}，请打印交给本人。"),
            &format!("The slip is in {file}: print it and give it to the worker."),
        );
        format!("{said}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(OK)
}

/// The page.
pub(super) fn html(page: &wire::SlipPage) -> Result<String, Fail> {
    paper::slip(page).map_err(|error| {
        Fail::new(
            super::REFUSED,
            "TOO_LONG",
            "内容太长，一个二维码放不下。",
            format!("The slip was not made: {error}."),
        )
    })
}

/// A line of a slip.
pub(super) fn line_json(line: &wire::SlipLine) -> Value {
    json!({
        "number": line.number,
        "service": line.service().as_str_name().trim_start_matches("SERVICE_").to_lowercase(),
        "our_office": line.our_office,
        "our_telephone": line.our_telephone,
        "their_city": line.their_city,
        "their_office": line.their_office,
        "their_telephone": line.their_telephone,
        "stage_zh": line.stage_zh,
        "stage_en": line.stage_en,
        "due_date": date(line.due_date),
        "due_zh": line.due_zh,
        "due_en": line.due_en,
    })
}

/// The same for people: what the worker reads is always in both languages.
pub(super) fn line_text(line: &wire::SlipLine) -> String {
    let word = words::service(line.service());
    let due = if line.due_date == 0 {
        String::new()
    } else {
        format!("  {} {} {}", date(line.due_date), line.due_zh, line.due_en)
    };
    format!("{}. {} {}：{} {}{due}", line.number, word.zh, word.en, line.stage_zh, line.stage_en)
}
