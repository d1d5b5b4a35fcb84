//! The doors of an employer's window, and of the office that answers it.

use super::{Answer, DeskCommand, DeskDoor, Done, Reply};
use crate::command::employ::EmployCommand;
use crate::command::{Actor, Command};
use crate::employer::proposals_to;
use crate::house::House;
use crate::serve::access;
use crate::serve::answer::odd;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire::{self, employ_server, posts_server};
use std::fmt;
use std::sync::Arc;
use tonic::Request;

/// The longest request, in bytes: the whole terms of a job.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The Employ and Posts services, over the desk's own door.
#[derive(Clone)]
pub struct EmployDoor(Arc<DeskDoor>);

impl fmt::Debug for EmployDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmployDoor")
    }
}

impl EmployDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> EmployDoor {
        EmployDoor(Arc::new(DeskDoor::new(hand, store, house, tokens)))
    }

    /// The Employ service, for the desk listener.
    pub fn employ(&self) -> employ_server::EmployServer<EmployDoor> {
        employ_server::EmployServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    /// The Posts service, for the desk listener.
    pub fn posts(&self) -> posts_server::PostsServer<EmployDoor> {
        posts_server::PostsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX)
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), tonic::Status> {
        let entered = access::enter_employer(&self.0.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    fn enter_desk<T>(&self, request: Request<T>) -> Result<(Actor, T), tonic::Status> {
        let entered = access::enter_posts(&self.0.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    async fn done(&self, actor: Actor, command: EmployCommand) -> Answer<Done> {
        let command = Command::Desk(actor, DeskCommand::Employ(command));
        Ok(self.0.hand.perform(command).await?)
    }

    async fn proposal(&self, actor: Actor, command: EmployCommand) -> Answer<wire::Proposal> {
        let Done::Proposal(proposal) = self.done(actor, command).await? else { return Err(odd()) };
        Ok(*proposal)
    }

    async fn released(&self, actor: Actor, command: EmployCommand) -> Answer<wire::Released> {
        let Done::Released(released) = self.done(actor, command).await? else { return Err(odd()) };
        Ok(released)
    }

    async fn own_posts(&self, actor: Actor) -> Answer<wire::PostList> {
        let Done::Posts(list) = self.done(actor, EmployCommand::ListPosts).await? else {
            return Err(odd());
        };
        Ok(list)
    }

    async fn proposals(&self, actor: Actor) -> Answer<wire::PostList> {
        let mut conn = self.0.store.read().await?;
        let published = self.0.hand.published();
        let city = published.directory.city.as_str();
        Ok(proposals_to(&mut conn, &actor.office, city).await?)
    }
}

#[tonic::async_trait]
impl employ_server::Employ for EmployDoor {
    async fn propose_posts(&self, request: Request<wire::Vacancy>) -> Reply<wire::Proposal> {
        let (actor, vacancy) = self.enter(request)?;
        let command = EmployCommand::ProposePosts(Box::new(vacancy));
        self.0.reply(self.proposal(actor, command).await)
    }

    async fn list_posts(&self, request: Request<wire::ListPostsRequest>) -> Reply<wire::PostList> {
        let (actor, _) = self.enter(request)?;
        self.0.reply(self.own_posts(actor).await)
    }

    async fn show_released(&self, request: Request<wire::ReleasedRef>) -> Reply<wire::Released> {
        let (actor, asked) = self.enter(request)?;
        self.0.reply(self.released(actor, EmployCommand::ShowReleased(asked)).await)
    }

    async fn state_work(&self, request: Request<wire::StateWorkRequest>) -> Reply<wire::Released> {
        let (actor, asked) = self.enter(request)?;
        self.0.reply(self.released(actor, EmployCommand::StateWork(asked)).await)
    }
}

#[tonic::async_trait]
impl posts_server::Posts for EmployDoor {
    async fn list_proposals(
        &self,
        request: Request<wire::ListPostsRequest>,
    ) -> Reply<wire::PostList> {
        let (actor, _) = self.enter_desk(request)?;
        self.0.reply(self.proposals(actor).await)
    }

    async fn answer_proposal(
        &self,
        request: Request<wire::AnswerProposalRequest>,
    ) -> Reply<wire::Proposal> {
        let (actor, asked) = self.enter_desk(request)?;
        self.0.reply(self.proposal(actor, EmployCommand::AnswerProposal(asked)).await)
    }
}
