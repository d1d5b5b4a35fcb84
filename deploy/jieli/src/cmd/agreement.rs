//! `jieli agreement`: drafted, proposed, counter-signed, shown; suspended, resumed, terminated.

use super::dial::At;
use super::say::{OK, Out, date, date_of, text_of};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The two posts that approved.
#[derive(Args, Debug)]
pub(super) struct Approvers {
    /// A post that approved, as the agreement names it; twice.
    #[arg(long = "approver", value_name = "POST", required = true)]
    approvers: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum AgreementCommand {
    /// Signs a draft and sends it to the other city.
    Propose {
        /// The draft, TOML.
        draft: PathBuf,
        #[command(flatten)]
        by: Approvers,
    },
    /// Counter-signs what the other city proposed: from then on it is live.
    Countersign {
        /// Agreement id.
        id: String,
        /// The version that was read and is approved.
        #[arg(long)]
        version: u32,
        #[command(flatten)]
        by: Approvers,
    },
    /// Lists agreements.
    List,
    /// Shows the whole of one in plain words.
    Show {
        /// Agreement id.
        id: String,
    },
    /// Stops new cases at once.
    Suspend {
        /// Agreement id.
        id: String,
        #[command(flatten)]
        by: Approvers,
    },
    /// Takes back the own suspension.
    Resume {
        /// Agreement id.
        id: String,
        #[command(flatten)]
        by: Approvers,
    },
    /// Ends it on a date; open legs are wound down.
    Terminate {
        /// Agreement id.
        id: String,
        /// Last day, such as 2027-06-30.
        #[arg(long, value_parser = date_of)]
        on: u32,
        #[command(flatten)]
        by: Approvers,
    },
}

impl AgreementCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            AgreementCommand::Propose { draft, by } => {
                let draft_toml = text_of(&draft)?;
                let request = wire::ProposeRequest { draft_toml, approvers: by.approvers };
                let mut desk = at.desk(DeskRole::Approver).await?;
                say(&desk.propose(request).await?.into_inner(), out);
            }
            AgreementCommand::Countersign { id, version, by } => {
                let approvers = by.approvers;
                let request = wire::CountersignRequest { agreement_id: id, version, approvers };
                let mut desk = at.desk(DeskRole::Approver).await?;
                say(&desk.countersign(request).await?.into_inner(), out);
            }
            AgreementCommand::List => list(at, out).await?,
            AgreementCommand::Show { id } => {
                let request = wire::AgreementRef { agreement_id: id };
                let mut desk = at.desk(DeskRole::Approver).await?;
                let view = desk.show_agreement(request).await?.into_inner();
                let text = || format!("{}\n{}\n\n{}", line(&view), view.text_zh, view.text_en);
                out.show(&view_json(&view), text);
            }
            AgreementCommand::Suspend { id, by } => act(at, out, id, "suspend", 0, by).await?,
            AgreementCommand::Resume { id, by } => act(at, out, id, "resume", 0, by).await?,
            AgreementCommand::Terminate { id, on, by } => {
                act(at, out, id, "terminate", on, by).await?;
            }
        }
        Ok(OK)
    }
}

async fn act(
    at: &At,
    out: Out,
    id: String,
    act: &str,
    wind_down_on: u32,
    by: Approvers,
) -> Result<(), Fail> {
    let request = wire::AgreementActRequest {
        agreement_id: id,
        act: act.to_owned(),
        wind_down_on,
        approvers: by.approvers,
    };
    let mut desk = at.desk(DeskRole::Approver).await?;
    say(&desk.act_on_agreement(request).await?.into_inner(), out);
    Ok(())
}

async fn list(at: &At, out: Out) -> Result<(), Fail> {
    let mut desk = at.desk(DeskRole::Approver).await?;
    let all = desk.list_agreements(wire::ListAgreementsRequest {}).await?.into_inner().agreements;
    let value = Value::Array(all.iter().map(view_json).collect());
    out.show(&value, || all.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn say(view: &wire::AgreementView, out: Out) {
    out.show(&view_json(view), || line(view));
}

fn line(view: &wire::AgreementView) -> String {
    format!(
        "{} v{} {}  {}  {} – {}",
        view.agreement_id,
        view.version,
        view.state,
        view.peer,
        date(view.valid_from),
        date(view.valid_to)
    )
}

fn view_json(view: &wire::AgreementView) -> Value {
    json!({
        "agreement_id": view.agreement_id,
        "version": view.version,
        "state": view.state,
        "peer": view.peer,
        "env_digest": view.env_digest,
        "proposed_by": view.proposed_by,
        "valid_from": date(view.valid_from),
        "valid_to": date(view.valid_to),
        "text_zh": view.text_zh,
        "text_en": view.text_en,
    })
}
