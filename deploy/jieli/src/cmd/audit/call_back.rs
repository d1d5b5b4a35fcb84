//! The call-back of a sample: begun by the reviewer, asked by a trade union or legal aid.

use super::super::dial::At;
use super::super::grievance::show;
use super::super::say::{OK, Out};
use super::super::{Done, Fail};
use super::Scope;
use clap::Subcommand;
use jieli_proto::wire;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(in super::super) enum CallBackCommand {
    /// Has the persons of a drawn sample asked. Their answers are sealed to the body that asks; you
    /// read counts. Nobody is called back about one item twice.
    Start {
        #[command(flatten)]
        scope: Scope,
        /// The seed of a sample that was drawn.
        #[arg(long)]
        seed: String,
        /// Credit code of a trade union or legal aid of this city that has placed its key.
        #[arg(long)]
        body: String,
        /// Days for answers, 3 to 60.
        #[arg(long, default_value_t = 14)]
        days: u32,
    },
    /// Drawn, asked, answered; and what the body reported after the end, nothing under five.
    List {
        #[command(flatten)]
        scope: Scope,
    },
}

impl CallBackCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut audit = at.audit().await?;
        let found = match self {
            CallBackCommand::Start { scope, seed, body: office, days } => {
                let Scope { agreement: agreement_id, from, to } = scope;
                let request =
                    wire::StartCallBackRequest { agreement_id, from, to, seed, office, days };
                vec![audit.start_call_back(request).await?.into_inner()]
            }
            CallBackCommand::List { scope } => {
                audit.list_call_backs(scope.request()).await?.into_inner().call_backs
            }
        };
        let values: Vec<Value> = found.iter().map(show::call_back_value).collect();
        out.show(&json!({ "call_backs": values }), || {
            if found.is_empty() {
                return out.say("没有回访。", "No call-backs.");
            }
            let lines = found.iter().map(|one| show::call_back_text(one, out));
            lines.collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}
