//! The staff's door to who has what on the desk: on the desk listener, beside the Desk service.

use super::access;
use super::answer::{Answer, odd};
use crate::command::{Actor, Command, DeskCommand, Done};
use crate::config::DeskRole;
use crate::house::House;
use crate::rota as stand_in;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire;
use jieli_proto::wire::rota_server::{Rota, RotaServer};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// Who takes a leg over.
const CLERKS: &[DeskRole] = &[DeskRole::Clerk];
/// Who can be absent.
const STAFF: &[DeskRole] = &[DeskRole::Clerk, DeskRole::Approver];

/// The Rota service.
pub struct RotaDoor {
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
}

impl fmt::Debug for RotaDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotaDoor")
    }
}

/// The Rota service, for the desk listener.
pub fn rota(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> RotaServer<RotaDoor> {
    RotaServer::new(RotaDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

type Reply<T> = Result<Response<T>, Status>;

impl RotaDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> RotaDoor {
        RotaDoor { hand, store, house, tokens }
    }

    fn enter<T>(&self, roles: &[DeskRole], request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_rota(&self.tokens, request.metadata(), roles);
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

impl RotaDoor {
    async fn stand_ins(&self, actor: Actor, command: DeskCommand) -> Answer<wire::StandInList> {
        let done = self.hand.perform(Command::Desk(actor, command)).await?;
        let Done::StandIns(list) = done else { return Err(odd()) };
        Ok(list)
    }

    async fn stand_ins_now(&self, actor: &Actor) -> Answer<wire::StandInList> {
        let today = self.house.calendar().day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let mut conn = self.store.read().await?;
        Ok(stand_in::list(&mut conn, &actor.office, today).await?)
    }
}

#[tonic::async_trait]
impl Rota for RotaDoor {
    async fn take_over(&self, request: Request<wire::TakeOverRequest>) -> Reply<wire::ActReply> {
        let (actor, asked) = self.enter(CLERKS, request)?;
        self.reply(self.acted(actor, DeskCommand::TakeOver(asked)).await)
    }

    async fn name_stand_in(
        &self,
        request: Request<wire::StandInRequest>,
    ) -> Reply<wire::StandInList> {
        let (actor, asked) = self.enter(STAFF, request)?;
        self.reply(self.stand_ins(actor, DeskCommand::NameStandIn(asked)).await)
    }

    async fn end_stand_in(&self, request: Request<wire::StandInRef>) -> Reply<wire::StandInList> {
        let (actor, asked) = self.enter(STAFF, request)?;
        self.reply(self.stand_ins(actor, DeskCommand::EndStandIn(asked)).await)
    }

    async fn list_stand_ins(
        &self,
        request: Request<wire::ListStandInsRequest>,
    ) -> Reply<wire::StandInList> {
        let (actor, _) = self.enter(STAFF, request)?;
        self.reply(self.stand_ins_now(&actor).await)
    }
}
