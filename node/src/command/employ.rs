//! What an employer's window asks for, and what its office answers.

use super::{Actor, Done};
use crate::batch::Batch;
use crate::trouble::Outcome;
use jieli_proto::wire;

/// A call of the Employ service, or the answer of the Posts service.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // named after the calls
pub enum EmployCommand {
    ProposePosts(Box<wire::Vacancy>),
    ListPosts,
    ShowReleased(wire::ReleasedRef),
    StateWork(wire::StateWorkRequest),
    AnswerProposal(wire::AnswerProposalRequest),
}

pub(super) async fn employ(
    batch: &mut Batch<'_>,
    actor: &Actor,
    command: EmployCommand,
) -> Outcome<Done> {
    Ok(match command {
        EmployCommand::ProposePosts(vacancy) => {
            Done::Proposal(Box::new(batch.propose_posts(actor, &vacancy).await?))
        }
        EmployCommand::ListPosts => Done::Posts(batch.posts_of(actor).await?),
        EmployCommand::ShowReleased(r) => Done::Released(batch.show_released(actor, &r).await?),
        EmployCommand::StateWork(r) => Done::Released(batch.state_work(actor, &r).await?),
        EmployCommand::AnswerProposal(r) => {
            Done::Proposal(Box::new(batch.answer_proposal(actor, &r).await?))
        }
    })
}
