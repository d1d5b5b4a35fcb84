//! The operators' door to the letters that wait: on the desk listener, for tokens of that role and no
//! other. It names no person and no case.

use super::access;
use super::answer::{Answer, odd};
use crate::command::{Actor, Command, Done};
use crate::hooks::{self, HookCommand};
use crate::house::House;
use crate::queues::{self, OperateCommand};
use crate::store::Store;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire;
use jieli_proto::wire::operate_server::{Operate, OperateServer};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The Operate service over the store.
pub struct OperateDoor {
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
}

impl fmt::Debug for OperateDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperateDoor")
    }
}

/// The Operate service, for the desk listener.
pub fn operate(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> OperateServer<OperateDoor> {
    OperateServer::new(OperateDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

type Reply<T> = Result<Response<T>, Status>;

impl OperateDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> OperateDoor {
        OperateDoor { hand, store, house, tokens }
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_operate(&self.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Reply<T> {
        let entropy = self.house.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn queues(&self, peer: &str) -> Answer<wire::QueueList> {
        let published = self.hand.published();
        let only = match peer.trim() {
            "" => None,
            id => Some(queues::peer(&published.directory, id)?),
        };
        let mut conn = self.store.read().await?;
        let now_ms = self.house.world.clock.now_unix_ms();
        Ok(queues::list(&mut conn, &published.directory, only.as_ref(), now_ms).await?)
    }

    async fn done(
        &self,
        actor: Actor,
        peer: &str,
        command: impl FnOnce(jieli_proto::id::CityId) -> OperateCommand,
    ) -> Answer<wire::QueueList> {
        let city = queues::peer(&self.hand.published().directory, peer)?;
        self.hand.perform(Command::Operate(actor, command(city))).await?;
        self.queues(peer).await
    }

    async fn webhooks(&self) -> Answer<wire::WebhookList> {
        let mut conn = self.store.read().await?;
        let published = self.hand.published();
        Ok(hooks::list(&mut conn, &published.directory, &self.house.config).await?)
    }

    async fn hook_done(&self, command: HookCommand) -> Answer<wire::WebhookList> {
        self.hand.perform(Command::Hooks(command)).await?;
        self.webhooks().await
    }

    async fn hook_secret(&self, command: HookCommand) -> Answer<wire::WebhookSecret> {
        let done = self.hand.perform(Command::Hooks(command)).await?;
        let Done::Hook(made) = done else { return Err(odd()) };
        Ok(*made)
    }

    async fn deliveries(&self, asked: &wire::ListDeliveriesRequest) -> Answer<wire::DeliveryList> {
        let mut conn = self.store.read().await?;
        Ok(hooks::log(&mut conn, &self.hand.published().directory, asked).await?)
    }
}

#[tonic::async_trait]
impl Operate for OperateDoor {
    async fn list_queues(
        &self,
        request: Request<wire::ListQueuesRequest>,
    ) -> Reply<wire::QueueList> {
        let (_, asked) = self.enter(request)?;
        self.reply(self.queues(&asked.peer).await)
    }

    async fn retry_queue(&self, request: Request<wire::QueueRef>) -> Reply<wire::QueueList> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.done(actor, &asked.peer, OperateCommand::Retry).await)
    }

    async fn hold_queue(&self, request: Request<wire::HoldQueueRequest>) -> Reply<wire::QueueList> {
        let (actor, asked) = self.enter(request)?;
        let peer = asked.peer.clone();
        let hold = |city| OperateCommand::Hold(city, asked);
        self.reply(self.done(actor, &peer, hold).await)
    }

    async fn release_queue(&self, request: Request<wire::QueueRef>) -> Reply<wire::QueueList> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.done(actor, &asked.peer, OperateCommand::Release).await)
    }

    async fn list_webhooks(
        &self,
        request: Request<wire::ListWebhooksRequest>,
    ) -> Reply<wire::WebhookList> {
        self.enter(request)?;
        self.reply(self.webhooks().await)
    }

    async fn add_webhook(
        &self,
        request: Request<wire::AddWebhookRequest>,
    ) -> Reply<wire::WebhookSecret> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.hook_secret(HookCommand::Add(actor, asked)).await)
    }

    async fn remove_webhook(&self, request: Request<wire::WebhookRef>) -> Reply<wire::WebhookList> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.hook_done(HookCommand::Remove(actor, asked)).await)
    }

    async fn rotate_webhook(
        &self,
        request: Request<wire::WebhookRef>,
    ) -> Reply<wire::WebhookSecret> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.hook_secret(HookCommand::Rotate(actor, asked)).await)
    }

    async fn retry_webhook(&self, request: Request<wire::WebhookRef>) -> Reply<wire::WebhookList> {
        let (actor, asked) = self.enter(request)?;
        self.reply(self.hook_done(HookCommand::Retry(actor, asked)).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<wire::ListDeliveriesRequest>,
    ) -> Reply<wire::DeliveryList> {
        let (_, asked) = self.enter(request)?;
        self.reply(self.deliveries(&asked).await)
    }
}
