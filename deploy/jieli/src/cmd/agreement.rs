//! `jieli agreement`: drafted, proposed, countered, counter-signed, shown; suspended, resumed,
//! terminated. Every act is entered with one approver's token and approved with another's.

use super::dial::At;
use super::say::{OK, Out, date, date_of, text_of};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_gateway::drafts::agreements::copied;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

const TWO_STEPS: &str = "\
每一步先由一个批准岗位发起，再由另一个批准岗位的令牌批准（agreement approve），然后才签名发出。
Each act is entered with one approver's token, approved with that of another post (agreement approve), \
and only then signed.";

#[derive(Debug, Subcommand)]
#[command(after_help = TWO_STEPS)]
pub(super) enum AgreementCommand {
    /// Enters a new agreement, or the next version of one.
    #[command(after_help = TWO_STEPS)]
    Propose {
        /// The draft, TOML; for a next version it names agreement_id and version.
        draft: PathBuf,
    },
    /// Enters another text of what the other city proposed.
    Counter {
        /// Agreement id.
        id: String,
        /// The whole text as it should be, TOML.
        draft: PathBuf,
    },
    /// Enters the counter-signature of what the other city proposed.
    Countersign {
        /// Agreement id.
        id: String,
        /// The version that was read and is approved.
        #[arg(long)]
        version: u32,
    },
    /// Approves what another approver of this city entered: from then on it is signed and sent.
    Approve {
        /// Id of the draft, as `propose`, `countersign` and `list` show it.
        draft: String,
    },
    /// Lists agreements: who waits for whom, until when.
    List,
    /// Shows the whole of one in plain words, with what differs from the text before.
    Show {
        /// Agreement id.
        id: String,
    },
    /// Writes one as TOML, to be changed and proposed: to the next partner, or as the next version.
    Copy {
        /// Agreement id.
        id: String,
        /// As the next version of this agreement; without it, as a new one.
        #[arg(long, conflicts_with = "partner")]
        next: bool,
        /// City id of the next partner: what only that city can say is left empty, and the draft is
        /// refused until it is filled in.
        #[arg(long = "for", value_name = "CITY")]
        partner: Option<String>,
    },
    /// Enters a suspension: no new cases from when it is approved.
    Suspend {
        /// Agreement id.
        id: String,
    },
    /// Enters the end of the own suspension.
    Resume {
        /// Agreement id.
        id: String,
    },
    /// Enters its end on a date; open legs are wound down.
    Terminate {
        /// Agreement id.
        id: String,
        /// Last day, such as 2027-06-30.
        #[arg(long, value_parser = date_of)]
        on: u32,
    },
}

impl AgreementCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        if matches!(self, AgreementCommand::List) {
            list(at, out).await?;
            return Ok(OK);
        }
        let mut desk = at.desk(DeskRole::Approver).await?;
        let view = match self {
            AgreementCommand::Propose { draft } => {
                let request = wire::ProposeRequest { draft_toml: text_of(&draft)? };
                desk.propose(request).await?
            }
            AgreementCommand::Counter { id, draft } => {
                let draft_toml = text_of(&draft)?;
                let request = wire::CounterProposeRequest { agreement_id: id, draft_toml };
                desk.counter_propose(request).await?
            }
            AgreementCommand::Countersign { id, version } => {
                let request = wire::CountersignRequest { agreement_id: id, version };
                desk.countersign(request).await?
            }
            AgreementCommand::Approve { draft } => {
                desk.approve(wire::ApproveRequest { draft_id: draft }).await?
            }
            AgreementCommand::List => return Ok(OK),
            AgreementCommand::Show { id } => {
                let view = desk.show_agreement(wire::AgreementRef { agreement_id: id }).await?;
                let view = view.into_inner();
                let text = || {
                    let whole = out.say(&view.text_zh, &format!("\n\n{}", view.text_en));
                    let policy = view.policy.trim();
                    format!("{}\n\n{}\n\n{policy}", line(&view, at, out), whole.trim())
                };
                out.show(&view_json(&view), text);
                return Ok(OK);
            }
            AgreementCommand::Copy { id, next, partner } => {
                let view = desk.show_agreement(wire::AgreementRef { agreement_id: id }).await?;
                let text = copied(&view.into_inner(), next, partner.as_deref());
                let text = text.map_err(|error| Fail::usage(error.zh(), error.to_string()))?;
                out.show(&json!({ "draft_toml": text }), || text.trim_end().to_owned());
                return Ok(OK);
            }
            AgreementCommand::Suspend { id } => {
                desk.act_on_agreement(act(id, "suspend", 0)).await?
            }
            AgreementCommand::Resume { id } => desk.act_on_agreement(act(id, "resume", 0)).await?,
            AgreementCommand::Terminate { id, on } => {
                desk.act_on_agreement(act(id, "terminate", on)).await?
            }
        };
        let view = view.into_inner();
        out.show(&view_json(&view), || line(&view, at, out));
        Ok(OK)
    }
}

fn act(id: String, act: &str, wind_down_on: u32) -> wire::AgreementActRequest {
    wire::AgreementActRequest { agreement_id: id, act: act.to_owned(), wind_down_on }
}

async fn list(at: &At, out: Out) -> Result<(), Fail> {
    let mut desk = at.desk(DeskRole::Approver).await?;
    let all = desk.list_agreements(wire::ListAgreementsRequest {}).await?.into_inner().agreements;
    let value = Value::Array(all.iter().map(view_json).collect());
    out.show(&value, || {
        if all.is_empty() {
            return out.say("还没有协议。", "There is no agreement.");
        }
        all.iter().map(|view| line(view, at, out)).collect::<Vec<_>>().join("\n\n")
    });
    Ok(())
}

/// The token of another approver than the one who entered an act.
fn second(at: &At, post: &str) -> String {
    let tokens = at.config().map(|config| config.desk.tokens).unwrap_or_default();
    let other = tokens.iter().find(|token| token.post.as_ref().is_some_and(|own| own != post));
    other.map_or("TOKEN".to_owned(), |token| token.name().to_owned())
}

fn line(view: &wire::AgreementView, at: &At, out: Out) -> String {
    let mut lines = vec![format!(
        "{} v{} {}  {}  {} – {}",
        view.agreement_id,
        view.version,
        view.state,
        view.peer,
        date(view.valid_from),
        date(view.valid_to)
    )];
    if view.state != "DRAFT" {
        lines.push(format!("  {}", out.say(&view.state_zh, &view.state_en)));
        lines.push(format!("  {}", out.say(&view.cosigned_zh, &view.cosigned_en)));
    }
    for one in &view.waiting {
        lines.push(format!("  {}", out.say(&one.say_zh, &one.say_en)));
        let other = second(at, &one.post);
        lines.push(format!("    jieli --as {other} agreement approve {}", one.draft_id));
    }
    lines.join("\n")
}

fn view_json(view: &wire::AgreementView) -> Value {
    let waiting = view.waiting.iter().map(|one| {
        json!({
            "draft_id": one.draft_id,
            "act": one.act,
            "post": one.post,
            "lapses_unix_ms": one.lapses_unix_ms,
            "say_zh": one.say_zh,
            "say_en": one.say_en,
        })
    });
    json!({
        "agreement_id": view.agreement_id,
        "version": view.version,
        "state": view.state,
        "state_zh": view.state_zh,
        "state_en": view.state_en,
        "waiting": waiting.collect::<Vec<_>>(),
        "peer": view.peer,
        "env_digest": view.env_digest,
        "proposed_by": view.proposed_by,
        "valid_from": date(view.valid_from),
        "valid_to": date(view.valid_to),
        "cosigned_unix_ms": view.cosigned_unix_ms,
        "cosigned_zh": view.cosigned_zh,
        "cosigned_en": view.cosigned_en,
        "policy": view.policy,
        "text_zh": view.text_zh,
        "text_en": view.text_en,
    })
}
