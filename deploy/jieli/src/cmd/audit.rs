//! `jieli audit`: what compliance reads, with no personal data in it.

use super::dial::At;
use super::say::{OK, Out, date_of};
use super::{Done, Fail};
use clap::{Args, Subcommand};
use jieli_proto::wire;

mod report;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Messages, deadlines, consents, decisions, alarms of one agreement and period.
    Report {
        #[command(flatten)]
        scope: Scope,
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
        }
        Ok(OK)
    }
}
