//! The clerks' door to who has what on the desk: on the desk listener, beside the Desk service.

use super::access;
use super::answer::{Answer, odd};
use crate::command::{Actor, Command, DeskCommand, Done};
use crate::house::House;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire;
use jieli_proto::wire::rota_server::{Rota, RotaServer};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The Rota service.
pub struct RotaDoor {
    hand: Hand,
    house: House,
    tokens: Arc<Tokens>,
}

impl fmt::Debug for RotaDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotaDoor")
    }
}

/// The Rota service, for the desk listener.
pub fn rota(hand: Hand, house: House, tokens: Arc<Tokens>) -> RotaServer<RotaDoor> {
    RotaServer::new(RotaDoor::new(hand, house, tokens)).max_decoding_message_size(REQUEST_BYTES_MAX)
}

type Reply<T> = Result<Response<T>, Status>;

impl RotaDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, house: House, tokens: Arc<Tokens>) -> RotaDoor {
        RotaDoor { hand, house, tokens }
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_rota(&self.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Reply<T> {
        let entropy = self.house.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn acted(&self, actor: Actor, command: DeskCommand) -> Answer<wire::ActReply> {
        let done = self.hand.perform(Command::Desk(actor, command)).await?;
        let Done::Acted(reply) = done else { return Err(odd()) };
        Ok(reply)
    }
}

#[tonic::async_trait]
impl Rota for RotaDoor {
    async fn take_over(&self, request: Request<wire::TakeOverRequest>) -> Reply<wire::ActReply> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.acted(actor, DeskCommand::TakeOver(asked)).await)
    }
}
