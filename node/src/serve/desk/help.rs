//! The door of helpers: the legs that workers gave to a token by its name, without the person.

use super::legs::Scene;
use super::{Answer, DeskCommand, DeskDoor, Done, Reply};
use crate::command::{Actor, Command};
use crate::house::House;
use crate::serve::access;
use crate::serve::answer::odd;
use crate::store::Store;
use crate::store::legs::load;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire::{self, help_server};
use std::fmt;
use std::sync::Arc;
use tonic::Request;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The Help service, over the desk's own door.
pub struct HelpDoor(DeskDoor);

impl fmt::Debug for HelpDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HelpDoor")
    }
}

/// The Help service, for the desk listener.
pub fn help(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> help_server::HelpServer<HelpDoor> {
    help_server::HelpServer::new(HelpDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

impl HelpDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> HelpDoor {
        HelpDoor(DeskDoor::new(hand, store, house, tokens))
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), tonic::Status> {
        let entered = access::enter_help(&self.0.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    async fn list(&self, actor: Actor) -> Answer<wire::GivenList> {
        let done = self.0.hand.perform(Command::Desk(actor, DeskCommand::ListGiven)).await?;
        let Done::GivenList(list) = done else { return Err(odd()) };
        Ok(list)
    }

    async fn show(&self, actor: Actor, asked: wire::GivenRef) -> Answer<wire::GivenView> {
        let command = Command::Desk(actor, DeskCommand::ShowGiven(asked));
        let Done::Given(leg, mut view) = self.0.hand.perform(command).await? else {
            return Err(odd());
        };
        let published = self.0.hand.published();
        let mut conn = self.0.store.read().await?;
        if let Some(file) = load(&mut conn, leg, &self.0.house.shelf()).await? {
            view.window = Scene::new(&mut conn, &self.0.house, &published).window(&file);
        }
        Ok(*view)
    }
}

#[tonic::async_trait]
impl help_server::Help for HelpDoor {
    async fn list_given(&self, request: Request<wire::ListGivenRequest>) -> Reply<wire::GivenList> {
        let (actor, _) = self.enter(request)?;
        self.0.reply(self.list(actor).await)
    }

    async fn show_given(&self, request: Request<wire::GivenRef>) -> Reply<wire::GivenView> {
        let (actor, asked) = self.enter(request)?;
        self.0.reply(self.show(actor, asked).await)
    }
}
