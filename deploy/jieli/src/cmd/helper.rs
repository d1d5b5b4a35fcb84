//! `jieli helper` and `jieli worker helper`: whom a worker names to help, and what that one sees.

use super::dial::At;
use super::say::{OK, Out, time};
use super::worker::Key;
use super::{Done, Fail, case_views};
use clap::Subcommand;
use jieli_proto::wire;
use jieli_proto::words;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum HelperCommand {
    /// The items that workers gave to this token and that are not over.
    List,
    /// How one of them stands, where to go and what to bring. The worker reads that you looked.
    Show {
        /// Case number.
        case: String,
        /// Number of the item within the case.
        leg: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ChoiceCommand {
    /// Who can be named, and who helps with what now.
    Show {
        #[command(flatten)]
        key: Key,
    },
    /// Names a helper for one item, who then sees how it stands. It ends with the item.
    Choose {
        #[command(flatten)]
        key: Key,
        /// The number of the item in the message with the code.
        #[arg(long, default_value_t = 1)]
        leg: u32,
        /// The helper, as `show` prints it.
        #[arg(long)]
        helper: String,
    },
    /// Ends it at once; no reason is asked.
    Dismiss {
        #[command(flatten)]
        key: Key,
        /// The number of the item in the message with the code; 0: all of them.
        #[arg(long, default_value_t = 0)]
        leg: u32,
    },
}

impl HelperCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut help = at.help().await?;
        match self {
            HelperCommand::List => {
                let legs = help.list_given(wire::ListGivenRequest {}).await?.into_inner().legs;
                out.show(&Value::Array(legs.iter().map(line_json).collect()), || {
                    if legs.is_empty() {
                        return out.say("没有人指定您协助。", "Nobody has named you to help.");
                    }
                    legs.iter().map(|line| line_text(line, out)).collect::<Vec<_>>().join("\n")
                });
            }
            HelperCommand::Show { case, leg } => {
                let ask = wire::GivenRef { case_number: case, leg };
                let view = help.show_given(ask).await?.into_inner();
                let leg = view.leg.unwrap_or_default();
                let window = view.window.as_ref();
                let value = json!({
                    "case": view.case_number,
                    "leg": leg.number,
                    "say_zh": leg.say_zh,
                    "say_en": leg.say_en,
                    "window": window.map(case_views::window_json),
                });
                out.show(&value, || {
                    let said = out.say(&leg.say_zh, &leg.say_en);
                    let window = window.map(|window| case_views::window_text(window, out));
                    [Some(said), window].into_iter().flatten().collect::<Vec<_>>().join("\n")
                });
            }
        }
        Ok(OK)
    }
}

impl ChoiceCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut worker = at.worker().await?;
        let list = match self {
            ChoiceCommand::Show { key } => worker.show_helpers(key.request()).await,
            ChoiceCommand::Choose { key, leg, helper } => {
                let wire::WorkerRequest { case_number, code } = key.request();
                let ask = wire::ChooseHelperRequest { case_number, code, leg, helper };
                worker.choose_helper(ask).await
            }
            ChoiceCommand::Dismiss { key, leg } => {
                let wire::WorkerRequest { case_number, code } = key.request();
                worker.dismiss_helper(wire::DismissHelperRequest { case_number, code, leg }).await
            }
        };
        show_choice(&list?.into_inner().helpers, out);
        Ok(OK)
    }
}

/// Who can be named, and who helps with what.
pub(super) fn show_choice(helpers: &[wire::HelperLine], out: Out) {
    let values = helpers.iter().map(|one| {
        json!({
            "helper": one.helper,
            "office": one.office,
            "office_name": one.office_name,
            "legs": one.legs,
        })
    });
    out.show(&json!({ "helpers": values.collect::<Vec<_>>() }), || {
        if helpers.is_empty() {
            return "这里没有可以指定的协助人。\nThere is no helper to be named here.".to_owned();
        }
        helpers.iter().map(helper_text).collect::<Vec<_>>().join("\n")
    });
}

/// What a worker reads is always in both languages.
fn helper_text(one: &wire::HelperLine) -> String {
    let office = if one.office_name.is_empty() { &one.office } else { &one.office_name };
    let legs: Vec<String> = one.legs.iter().map(u32::to_string).collect();
    let (name, legs) = (&one.helper, legs.join(" "));
    if legs.is_empty() {
        return format!(
            "{name}  {office}  可以指定，现在什么也看不到  can be named, sees nothing now"
        );
    }
    format!("{name}  {office}  协助第 {legs} 项  helps with items {legs}")
}

fn line_json(line: &wire::GivenLine) -> Value {
    json!({
        "case": line.case_number,
        "leg": line.leg,
        "service": words::service(line.service()).en,
        "chosen_at": time(line.chosen_unix_ms),
        "chosen_unix_ms": line.chosen_unix_ms,
    })
}

fn line_text(line: &wire::GivenLine, out: Out) -> String {
    let word = words::service(line.service());
    let (case, leg) = (&line.case_number, line.leg);
    let since = time(line.chosen_unix_ms);
    out.say(
        &format!("{case}/{leg}  {}  {since} 起由您协助", word.zh),
        &format!("{case}/{leg}  {}  yours to help with since {since}", word.en),
    )
}
