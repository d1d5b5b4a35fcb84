//! Which commands go alone, and which are done while the log is behind what was signed.

use super::{Command, DeskCommand, WindowCommand, WorkerCommand};
use jieli_proto::wire::act_request::Act;

impl Command {
    /// Whether it is performed in a transaction of its own, so that a denial leaves no trace.
    pub fn is_alone(&self) -> bool {
        matches!(
            self,
            Command::Desk(..)
                | Command::Window(..)
                | Command::Audit(..)
                | Command::Grievance(..)
                | Command::Operate(..)
                | Command::Hooks(_)
                | Command::Worker(_)
                | Command::Ring(_)
                | Command::InstallManifest(_)
                | Command::Greeted(..)
                | Command::Rebuild(..)
                | Command::BeginEpoch(_)
                | Command::Resume(_)
        )
    }

    /// What is done while the own log is behind what was signed: nothing that would need a leaf.
    /// Stops are taken down by whoever asks for them; see [`crate::batch::Batch::withdraw`].
    pub(super) fn works_while_recovering(&self) -> bool {
        match self {
            Command::HeadsHeard(_)
            | Command::FindingHeard(..)
            | Command::Mirrored(_)
            | Command::Greeted(..)
            | Command::Rebuild(..)
            | Command::BeginEpoch(_)
            | Command::Resume(_) => true,
            Command::Desk(_, DeskCommand::Act(request)) => {
                matches!(request.act, Some(Act::Withdraw(_)))
            }
            Command::Desk(_, DeskCommand::AskSecond(wanted)) => wanted.is_of_recovery(),
            Command::Desk(_, command) => matches!(
                command,
                DeskCommand::AddPeer(_)
                    | DeskCommand::Viewed(_)
                    | DeskCommand::Looked(_)
                    | DeskCommand::ApproveSecond(_)
                    | DeskCommand::CarryOut(_)
                    | DeskCommand::CarriedOut(_)
            ),
            Command::Window(_, command) => matches!(
                command,
                WindowCommand::Stop(_) | WindowCommand::ListBodies(_) | WindowCommand::File(_)
            ),
            Command::Worker(command) => {
                matches!(
                    command,
                    WorkerCommand::Withdraw(_)
                        | WorkerCommand::StopBySlip(_)
                        | WorkerCommand::ListBodies(_)
                        | WorkerCommand::FileGrievance(_)
                )
            }
            Command::Audit(..)
            | Command::Grievance(..)
            | Command::Receive(..)
            | Command::Noted(..)
            | Command::Cosign(..)
            | Command::CosignatureGot(..)
            | Command::PutOff(..)
            | Command::Heard(_)
            | Command::Operate(..)
            | Command::Hooks(_)
            | Command::Troubled(..)
            | Command::Fetched(..)
            | Command::LegStated(..)
            | Command::Reconciled(_)
            | Command::SelfAudited(_)
            | Command::Measured(_)
            | Command::Told(..)
            | Command::Ring(_)
            | Command::Unset(_)
            | Command::InstallManifest(_)
            | Command::PackFetched(..)
            | Command::HomeCalendar
            | Command::LookAhead
            | Command::ErasedAgain(_)
            | Command::NoticeDone(..)
            | Command::NoticeReported(..) => false,
        }
    }
}
