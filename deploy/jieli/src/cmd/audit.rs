//! `jieli audit`: what compliance reads, with no personal data in it.

use super::dial::At;
use super::say::{OK, Out, date_of};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::wire;
use std::path::PathBuf;

mod access;
pub(super) mod pack;
mod report;

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
}

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
        }
        Ok(OK)
    }
}
