//! Findings of the labour inspection that an employer owes wages.

use super::super::dial::At;
use super::super::say::{OK, Out, date, date_of};
use super::super::{Done, Fail};
use clap::Subcommand;
use jieli_proto::wire;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(in super::super) enum FindingCommand {
    /// Enters a finding. From then on a desk may name EMPLOYER_WAGE_ARREARS for this employer.
    Add {
        /// Credit code of the employer.
        #[arg(long)]
        employer: String,
        /// Number of the inspection's own document.
        #[arg(long)]
        reference: String,
        /// Its day, such as 2026-11-20.
        #[arg(long, value_parser = date_of)]
        on: u32,
    },
    /// Lifts one: the wages were paid.
    Lift {
        /// Its number.
        number: u32,
    },
    /// All of them, the newest first.
    List,
}

impl FindingCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.body().await?;
        let findings = match self {
            FindingCommand::Add { employer, reference, on: found_on } => {
                let asked =
                    wire::WageFinding { employer, reference, found_on, ..Default::default() };
                vec![desk.add_wage_finding(asked).await?.into_inner()]
            }
            FindingCommand::Lift { number } => {
                let asked = wire::WageFindingRef { number };
                vec![desk.lift_wage_finding(asked).await?.into_inner()]
            }
            FindingCommand::List => {
                let asked = wire::ListWageFindingsRequest {};
                desk.list_wage_findings(asked).await?.into_inner().findings
            }
        };
        let values: Vec<Value> = findings.iter().map(value).collect();
        out.show(&json!({ "findings": values }), || {
            if findings.is_empty() {
                return out.say("没有欠薪认定。", "No findings.");
            }
            findings.iter().map(|one| text(one, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn value(one: &wire::WageFinding) -> Value {
    json!({
        "number": one.number, "employer": one.employer, "reference": one.reference,
        "found_on": date(one.found_on),
        "lifted_on": (one.lifted_on > 0).then(|| date(one.lifted_on)),
    })
}

fn text(one: &wire::WageFinding, out: Out) -> String {
    let (number, employer, reference) = (one.number, &one.employer, &one.reference);
    let found = date(one.found_on);
    if one.lifted_on > 0 {
        let lifted = date(one.lifted_on);
        return out.say(
            &format!("{number} {employer} {reference} {found}，{lifted} 撤销"),
            &format!("{number} {employer} {reference} {found}, lifted {lifted}"),
        );
    }
    out.say(
        &format!("{number} {employer} {reference} {found}，有效"),
        &format!("{number} {employer} {reference} {found}, in force"),
    )
}
