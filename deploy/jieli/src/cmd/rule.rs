//! `jieli rule`: what the node may accept by itself, against announced places.

use super::capacity::{CutArgs, cut_json, cut_text};
use super::dial::At;
use super::say::{OK, Out};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::{Value, json};

const ADD: &str = "\
名额申请逐件受理并同意接收，名额用完即停，其余仍由窗口办理。规则从不拒绝任何人。
One OFFER at a time is taken up and accepted while announced places remain; the rest waits for the \
desk. A rule never declines.";

#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    /// Accepts OFFERs that arrive from now on, while announced places remain.
    #[command(after_help = ADD)]
    Add {
        #[command(flatten)]
        cut: CutArgs,
        /// The only kind of rule there is; written out so that nobody makes one unawares.
        #[arg(long, required = true)]
        accept_within_places: bool,
        /// Working days that a slot is held, 4 at least.
        #[arg(long)]
        slot_days: u32,
    },
    /// Lists the rules in force.
    List,
    /// Ends a rule; what it accepted stays accepted.
    Remove {
        /// Its number.
        number: u32,
    },
}

impl RuleCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        match self {
            RuleCommand::Add { cut, accept_within_places: _, slot_days } => {
                let rule = wire::AcceptRule {
                    cut: Some(cut.wire()),
                    slot_days,
                    ..wire::AcceptRule::default()
                };
                let rule = desk.add_rule(rule).await?.into_inner();
                out.show(&rule_json(&rule), || rule_text(&rule, out));
            }
            RuleCommand::List => {
                let rules = desk.list_rules(wire::ListRulesRequest {}).await?.into_inner().rules;
                show(&rules, out);
            }
            RuleCommand::Remove { number } => {
                let request = wire::RuleRef { number };
                show(&desk.remove_rule(request).await?.into_inner().rules, out);
            }
        }
        Ok(OK)
    }
}

fn show(rules: &[wire::AcceptRule], out: Out) {
    let value = Value::Array(rules.iter().map(rule_json).collect());
    out.show(&value, || {
        if rules.is_empty() {
            return out
                .say("没有规则，全部由窗口办理。", "No rules: every OFFER waits for the desk.");
        }
        rules.iter().map(|rule| rule_text(rule, out)).collect::<Vec<_>>().join("\n")
    });
}

fn rule_text(rule: &wire::AcceptRule, out: Out) -> String {
    let cut = cut_text(&rule.cut.clone().unwrap_or_default(), out);
    let days = rule.slot_days;
    let told = out.say(
        &format!("名额内自动同意，保留 {days} 个工作日"),
        &format!("accepted within announced places, held {days} working days"),
    );
    format!("{}. {cut}  {told}  {}", rule.number, rule.office)
}

fn rule_json(rule: &wire::AcceptRule) -> Value {
    json!({
        "number": rule.number,
        "office": rule.office,
        "cut": cut_json(&rule.cut.clone().unwrap_or_default()),
        "slot_days": rule.slot_days,
        "made_unix_ms": rule.made_unix_ms,
    })
}
