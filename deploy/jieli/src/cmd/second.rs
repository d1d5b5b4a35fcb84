//! `jieli second`: exports with personal data and operators' overrides, asked for at one desk and
//! approved at another.

use super::dial::At;
use super::evidence::written;
use super::say::{OK, Out, time};
use super::{Done, Fail, REFUSED, key, repair};
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum SecondCommand {
    /// Asks for the evidence of a case with the personal data that this city holds.
    Ask {
        /// Case number.
        #[arg(long = "case")]
        case_number: String,
        /// Why: 办理业务, 核对信息, 更正信息, 联系本人, 导出证据, 答复投诉 or 审计. The person reads it.
        #[arg(long)]
        purpose: String,
    },
    /// What waits, with the digest of what is shown; three working days. An operator names its token
    /// with --as.
    List,
    /// Approves what `list` shows, by its digest: another person, of another post.
    Approve {
        /// Id of the request.
        id: String,
        /// SHA-256 of what is shown, as `list` prints it.
        #[arg(long)]
        shown: String,
    },
    /// Writes what was approved into a ZIP, once.
    Export {
        /// Id of the request.
        id: String,
        /// Where to; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Does what an operator asked for and another post approved: a change of keys, a repair, a new
    /// epoch. Once; a repair that came to nothing may be tried again.
    CarryOut {
        /// Id of the request.
        id: String,
    },
}

impl SecondCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            SecondCommand::Ask { case_number, purpose } => {
                let mut desk = at.desk(DeskRole::Clerk).await?;
                let request = wire::CaseRef { case_number, purpose, sections: true };
                show(&[desk.ask_second(request).await?.into_inner()], out);
            }
            SecondCommand::List => {
                let mut desk = at.desk(DeskRole::Clerk).await?;
                let request = wire::ListSecondsRequest {};
                show(&desk.list_seconds(request).await?.into_inner().requests, out);
            }
            SecondCommand::Approve { id, shown } => {
                let mut desk = at.desk(DeskRole::Approver).await?;
                let request = wire::ApproveSecondRequest { id, shown_digest: shown };
                show(&[desk.approve_second(request).await?.into_inner()], out);
            }
            SecondCommand::Export { id, out: path } => {
                let mut desk = at.desk(DeskRole::Clerk).await?;
                let reply = desk.export_approved(wire::SecondRef { id }).await?.into_inner();
                return written(&reply, &path, out);
            }
            SecondCommand::CarryOut { id } => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let reply = desk.carry_out(wire::SecondRef { id }).await?.into_inner();
                if let Some(keys) = &reply.keys {
                    key::installed(at, out, keys)?;
                }
                if let Some(done) = &reply.repair {
                    repair::show(done, out);
                    return Ok(if done.done { OK } else { Done(REFUSED) });
                }
            }
        }
        Ok(OK)
    }
}

fn show(requests: &[wire::SecondView], out: Out) {
    let values: Vec<Value> = requests.iter().map(value).collect();
    out.show(&json!({ "requests": values }), || {
        if requests.is_empty() {
            return out.say("没有等待的申请。", "Nothing waits.");
        }
        requests.iter().map(|one| text(one, out)).collect::<Vec<_>>().join("\n\n")
    });
}

pub(super) fn value(one: &wire::SecondView) -> Value {
    json!({
        "id": one.id,
        "kind": one.kind,
        "shown": one.shown,
        "shown_digest": one.shown_digest,
        "token": one.token,
        "office": one.office,
        "lapses": time(one.lapses_unix_ms),
        "approver_post": one.approver_post,
    })
}

pub(super) fn text(one: &wire::SecondView, out: Out) -> String {
    let (id, digest, until) = (&one.id, &one.shown_digest, time(one.lapses_unix_ms));
    let next = if one.approver_post.is_empty() {
        out.lines(
            &format!("等待另一岗位批准：jieli --as approver second approve {id} --shown {digest}"),
            &format!(
                "Waits for another post: jieli --as approver second approve {id} --shown {digest}"
            ),
        )
    } else {
        let post = &one.approver_post;
        let (verb, more) = match one.kind.as_str() {
            "export" => ("export", " --out FILE.zip"),
            _ => ("carry-out", ""),
        };
        out.lines(
            &format!("已由“{post}”批准：jieli second {verb} {id}{more}"),
            &format!("Approved by {post}: jieli second {verb} {id}{more}"),
        )
    };
    let lapses = out.say(&format!("{until} 失效。"), &format!("Lapses at {until}."));
    format!("{id}\n{}\nSHA-256 {digest}\n{lapses}\n{next}", one.shown.trim_end())
}
