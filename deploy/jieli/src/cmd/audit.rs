//! `jieli audit`: what compliance reads, with no personal data in it.

use super::dial::At;
use super::say::{OK, Out, date_of};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::wire;

mod access;
mod report;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Messages, deadlines, consents, decisions, alarms of one agreement and period.
    Report {
        #[command(flatten)]
        scope: Scope,
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

impl AuditCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut audit = at.audit().await?;
        match self {
            AuditCommand::Report { scope } => {
                let Scope { agreement, from, to } = scope;
                let request = wire::AuditReportRequest { agreement_id: agreement, from, to };
                let found = audit.report(request).await?.into_inner();
                out.show(&report::json(&found), || report::text(&found, out));
            }
            AuditCommand::AccessLog { agreement: agreement_id, from, to, after, most } => {
                let request = wire::AccessLogRequest { agreement_id, from, to, after, most };
                let found = audit.access_log(request).await?.into_inner();
                out.show(&access::json(&found), || access::text(&found, out));
            }
        }
        Ok(OK)
    }
}
