//! `jieli audit`: what compliance reads, with no personal data in it.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, date_of};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::wire;
use serde_json::json;
use std::path::PathBuf;

mod access;
mod call_back;
mod flags;
pub(super) mod pack;
mod report;
mod review;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Messages, deadlines, consents, decisions, alarms of one agreement and period.
    Report {
        #[command(flatten)]
        scope: Scope,
    },
    /// Writes the evidence of one agreement and period for a reviewer without an account: report,
    /// messages, bundles; no personal data. `jieli verify` checks it on a machine without network.
    Pack {
        #[command(flatten)]
        scope: Scope,
        /// Where to; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Writes one bundle of a pack as a file of its own, to be handed on and verified by itself.
    Unpack {
        /// The pack.
        pack: PathBuf,
        /// Number of the bundle, from 1.
        #[arg(long)]
        bundle: usize,
        /// Where to; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Who looked at personal data: which sections of which case, when and for what.
    AccessLog {
        /// Only of this agreement.
        #[arg(long, default_value = "")]
        agreement: String,
        /// First day, such as 2026-11-01.
        #[arg(long, value_parser = date_of)]
        from: u32,
        /// Last day.
        #[arg(long, value_parser = date_of)]
        to: u32,
        /// The page after: the value that the page before printed.
        #[arg(long, default_value = "")]
        after: String,
        /// At most so many looks.
        #[arg(long, default_value_t = 200)]
        most: u32,
    },
    /// Figures for others than compliance: whole months by service, nothing under ten.
    Statistics {
        #[command(flatten)]
        scope: Scope,
    },
    /// Draws items to look at by a seed; both cities and any stranger draw the same.
    Sample {
        #[command(flatten)]
        scope: Scope,
        /// 1 to 64 printable ASCII characters, best drawn in public. Every draw is written down.
        #[arg(long)]
        seed: String,
        /// How many items.
        #[arg(long)]
        size: u32,
    },
    /// The call-back of a sample by a trade union or legal aid: counts alone.
    #[command(subcommand)]
    CallBack(call_back::CallBackCommand),
    /// What makes an agreement worth a look: raised by either city, answered by the other one's
    /// reviewer.
    #[command(subcommand)]
    Flags(flags::FlagsCommand),
    /// Signs what was found in a sample, in codes, and writes it down in the local log.
    #[command(after_help = FINDINGS)]
    SignOff {
        #[command(flatten)]
        scope: Scope,
        /// The seed of a sample that was drawn.
        #[arg(long)]
        seed: String,
        /// What was found; may be repeated.
        #[arg(long = "note-code", required = true)]
        codes: Vec<String>,
        /// Where the signed statement goes; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
}

const FINDINGS: &str = "\
结论代码 Codes: NONE 无发现 · ANSWERED_LATE 逾期答复 · CONSENT_MISSING 缺同意书 · DECLINE_UNFOUNDED 不予接收理由不成立 · \
LOOK_UNEXPLAINED 查看无正当用途 · RECORDS_DIFFER 双方记录不一致 · ALARM_UNANSWERED 警报未处理 · \
CALL_BACK_DIFFERS 与本人所述不符";

/// Which agreement, which days.
#[derive(Args, Debug)]
pub(super) struct Scope {
    /// Id of the agreement; `jieli agreement list` prints it.
    #[arg(long)]
    agreement: String,
    /// First day, such as 2026-11-01.
    #[arg(long, value_parser = date_of)]
    from: u32,
    /// Last day.
    #[arg(long, value_parser = date_of)]
    to: u32,
}

impl Scope {
    fn request(self) -> wire::AuditReportRequest {
        let Scope { agreement, from, to } = self;
        wire::AuditReportRequest { agreement_id: agreement, from, to }
    }
}

impl AuditCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            AuditCommand::Report { scope } => {
                let found = at.audit().await?.report(scope.request()).await?.into_inner();
                out.show(&report::json(&found), || report::text(&found, out));
            }
            AuditCommand::Pack { scope, out: file } => {
                let parts = at.audit().await?.pack(scope.request()).await?.into_inner();
                pack::receive(parts, &file, out).await?;
            }
            AuditCommand::Unpack { pack, bundle, out: file } => {
                pack::unpack(&pack, bundle, &file, out)?;
            }
            AuditCommand::AccessLog { agreement: agreement_id, from, to, after, most } => {
                let request = wire::AccessLogRequest { agreement_id, from, to, after, most };
                let found = at.audit().await?.access_log(request).await?.into_inner();
                out.show(&access::json(&found), || access::text(&found, out));
            }
            AuditCommand::Statistics { scope } => {
                let found = at.audit().await?.statistics(scope.request()).await?.into_inner();
                out.show(&review::statistics_json(&found), || review::statistics_text(&found, out));
            }
            AuditCommand::Sample { scope, seed, size } => {
                let Scope { agreement: agreement_id, from, to } = scope;
                let request = wire::SampleRequest { agreement_id, from, to, seed, size };
                let found = at.audit().await?.sample(request).await?.into_inner();
                out.show(&review::sample_json(&found), || review::sample_text(&found, out));
            }
            AuditCommand::CallBack(command) => return command.run(at, out).await,
            AuditCommand::Flags(command) => return command.run(at, out).await,
            AuditCommand::SignOff { scope, seed, codes, out: path } => {
                let findings = codes.iter().map(|code| review::finding(code));
                let findings = findings.collect::<Result<_, Fail>>()?;
                let Scope { agreement: agreement_id, from, to } = scope;
                let request = wire::SignOffRequest { agreement_id, from, to, seed, findings };
                let found = at.audit().await?.sign_off(request).await?.into_inner();
                write_new(&path, found.dsse.as_bytes())?;
                let file = path.display().to_string();
                let value = json!({ "file": file, "digest": found.digest });
                out.show(&value, || review::signed_text(&found, &file, out));
            }
        }
        Ok(OK)
    }
}
