//! Compliance's door: on the desk listener, for tokens of that role and no other. It reads counts,
//! dates and digests; no reply holds a value of a section.

use super::access;
use super::answer::{Answer, Unable, odd};
use crate::audit::access::access_log;
use crate::audit::act::AuditCommand;
use crate::audit::report::report;
use crate::audit::sample;
use crate::audit::statistics::for_others;
use crate::audit::{Period, bond};
use crate::command::{Actor, Command, Done};
use crate::evidence;
use crate::flags;
use crate::grievance::call_back;
use crate::house::House;
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::Lane;
use jieli_proto::wire;
use jieli_proto::wire::audit_server::{Audit, AuditServer};
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

/// Parts of a pack that wait for a slow reader.
const PARTS_AHEAD: usize = 4;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The Audit service over the store.
pub struct AuditDoor {
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
    /// Packs on their way.
    tasks: TaskTracker,
}

impl fmt::Debug for AuditDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditDoor")
    }
}

/// The Audit service, for the desk listener.
pub fn audit(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> AuditServer<AuditDoor> {
    AuditServer::new(AuditDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

type Reply<T> = Result<Response<T>, Status>;

impl AuditDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> AuditDoor {
        AuditDoor { hand, store, house, tokens, tasks: TaskTracker::new() }
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_audit(&self.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Reply<T> {
        let entropy = self.house.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn looks(&self, asked: &wire::AccessLogRequest) -> Answer<wire::AccessLogReply> {
        let period = Period::read(asked.from, asked.to)?;
        let published = self.hand.published();
        let directory = &published.directory;
        let id = match asked.agreement_id.trim() {
            "" => None,
            text => Some(bond(directory, text)?.id),
        };
        let within = period.within(&self.house.calendar());
        let mut conn = self.store.read().await?;
        Ok(access_log(&mut conn, directory, id, within, asked).await?)
    }

    async fn for_others(&self, asked: &wire::AuditReportRequest) -> Answer<wire::StatisticsReply> {
        let published = self.hand.published();
        let mut conn = self.store.read().await?;
        Ok(for_others(&mut conn, &self.house, &published.directory, asked).await?)
    }

    /// First the draw is written down, then it is told.
    async fn drawn(&self, actor: Actor, asked: wire::SampleRequest) -> Answer<wire::SampleReply> {
        let period = Period::read(asked.from, asked.to)?;
        sample::check(&asked)?;
        let published = self.hand.published();
        let bond = bond(&published.directory, &asked.agreement_id)?;
        let drawn = {
            let mut conn = self.store.read().await?;
            sample::sample(&mut conn, &self.house, bond, period, &asked).await?
        };
        let command = AuditCommand::Drawn(asked, drawn.population);
        self.hand.perform(Command::Audit(actor, command)).await?;
        let mut conn = self.store.read().await?;
        Ok(wire::SampleReply {
            population: drawn.population,
            items: sample::items(&mut conn, &drawn).await?,
            seeds: sample::seeds(&mut conn, bond, period).await?,
        })
    }

    async fn signed(
        &self,
        actor: Actor,
        asked: wire::SignOffRequest,
    ) -> Answer<wire::SignOffReply> {
        let command = Command::Audit(actor, AuditCommand::SignOff(asked));
        let Done::SignedOff(reply) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(reply)
    }

    /// The sample is drawn again, then its persons are asked.
    async fn called_back(
        &self,
        actor: Actor,
        asked: wire::StartCallBackRequest,
    ) -> Answer<wire::CallBackCounts> {
        let period = Period::read(asked.from, asked.to)?;
        let published = self.hand.published();
        let bond = bond(&published.directory, &asked.agreement_id)?;
        let mut conn = self.store.read().await?;
        let drawn = sample::drawn_again(&mut conn, &self.house, bond, period, &asked.seed).await?;
        drop(conn);
        let command = Command::Audit(actor, AuditCommand::CallBack(asked, drawn));
        let Done::CallBack(counts) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(*counts)
    }

    async fn call_backs(&self, asked: &wire::AuditReportRequest) -> Answer<wire::CallBackList> {
        let period = Period::read(asked.from, asked.to)?;
        let published = self.hand.published();
        let bond = bond(&published.directory, &asked.agreement_id)?;
        let today = self.house.calendar().day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let mut conn = self.store.read().await?;
        let directory = &published.directory;
        let call_backs = call_back::of_period(&mut conn, directory, today, bond, period).await?;
        Ok(wire::CallBackList { call_backs })
    }

    async fn flags(&self, asked: &wire::ListFlagsRequest) -> Answer<wire::FlagList> {
        let published = self.hand.published();
        let directory = &published.directory;
        let agreement = match asked.agreement_id.trim() {
            "" => None,
            text => Some(bond(directory, text)?.id),
        };
        let today = self.house.calendar().day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let mut conn = self.store.read().await?;
        Ok(flags::shown::list(&mut conn, directory, today, agreement).await?)
    }

    async fn flag_answered(
        &self,
        actor: Actor,
        asked: wire::AnswerFlagRequest,
    ) -> Answer<wire::FlagLine> {
        let command = Command::Audit(actor, AuditCommand::AnswerFlag(asked));
        let Done::Flag(line) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(line)
    }

    async fn figures(&self, asked: &wire::AuditReportRequest) -> Answer<wire::AuditReport> {
        let period = Period::read(asked.from, asked.to)?;
        let published = self.hand.published();
        let bond = bond(&published.directory, &asked.agreement_id)?;
        let mut conn = self.store.read().await?;
        Ok(report(&mut conn, &self.house, &published.directory, bond, period).await?)
    }
}

impl AuditDoor {
    /// Asks the peer for the proofs of its records that are not held yet, in so many steps as there
    /// are gaps. An unreachable peer ends it: the pack says what is missing.
    async fn complete(&self, id: AgreementId) -> Answer<()> {
        let mut place = (0, 0);
        loop {
            let published = self.hand.published();
            let ask = evidence::next_missing(&self.store, &published, id, place).await?;
            let (Some(ask), Some(bond)) = (ask, published.directory.bonds.get(&id)) else {
                return Ok(());
            };
            let lane = Lane::from_number(ask.lane).ok_or(StoreError::Corrupt("lane"))?;
            let from = ask.from_seq;
            let replies = self.house.world.post.fetch(&bond.peer, ask).await;
            let Some(replies) = replies.ok().filter(|replies| !replies.is_empty()) else {
                return Ok(());
            };
            place = (lane.number(), from + replies.len() as u64);
            self.hand.perform(Command::Fetched(id, lane, replies)).await?;
        }
    }

    /// A pack as it is written, from what is in the store now.
    async fn packed(&self, asked: &wire::AuditReportRequest) -> Answer<PackStream> {
        let period = Period::read(asked.from, asked.to)?;
        // What comes from now on is not in it: a proof of it may not be here yet.
        let published = self.hand.published();
        let bond = bond(&published.directory, &asked.agreement_id)?.clone();
        self.complete(bond.id).await?;
        let (send, parts) = mpsc::channel(PARTS_AHEAD);
        let (store, house) = (self.store.clone(), self.house.clone());
        let (last, said) = mpsc::channel(1);
        self.tasks.spawn(async move {
            let packed = evidence::pack(&store, &house, &published, (&bond, period), &send).await;
            if let Err(trouble) = packed {
                let entropy = house.world.entropy.as_ref();
                let status = Unable::from(trouble).status(Some(entropy));
                // Nobody may be listening any more.
                let _ = last.send(Err(status)).await;
            }
        });
        let parts = ReceiverStream::new(parts).map(|data| Ok(wire::AuditPackPart { data }));
        Ok(Box::pin(parts.chain(ReceiverStream::new(said))))
    }
}

/// The parts of a pack; ends with an error where it could not be finished.
type PackStream =
    std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<wire::AuditPackPart, Status>> + Send>>;

#[tonic::async_trait]
impl Audit for AuditDoor {
    type PackStream = PackStream;

    async fn pack(&self, request: Request<wire::AuditReportRequest>) -> Reply<PackStream> {
        let (_, request) = self.enter(request)?;
        self.reply(self.packed(&request).await)
    }

    async fn access_log(
        &self,
        request: Request<wire::AccessLogRequest>,
    ) -> Reply<wire::AccessLogReply> {
        let (_, request) = self.enter(request)?;
        self.reply(self.looks(&request).await)
    }

    async fn report(&self, request: Request<wire::AuditReportRequest>) -> Reply<wire::AuditReport> {
        let (_, request) = self.enter(request)?;
        self.reply(self.figures(&request).await)
    }

    async fn statistics(
        &self,
        request: Request<wire::AuditReportRequest>,
    ) -> Reply<wire::StatisticsReply> {
        let (_, request) = self.enter(request)?;
        self.reply(self.for_others(&request).await)
    }

    async fn sample(&self, request: Request<wire::SampleRequest>) -> Reply<wire::SampleReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.drawn(actor, request).await)
    }

    async fn sign_off(&self, request: Request<wire::SignOffRequest>) -> Reply<wire::SignOffReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.signed(actor, request).await)
    }

    async fn start_call_back(
        &self,
        request: Request<wire::StartCallBackRequest>,
    ) -> Reply<wire::CallBackCounts> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.called_back(actor, request).await)
    }

    async fn list_call_backs(
        &self,
        request: Request<wire::AuditReportRequest>,
    ) -> Reply<wire::CallBackList> {
        let (_, request) = self.enter(request)?;
        self.reply(self.call_backs(&request).await)
    }

    async fn list_flags(&self, request: Request<wire::ListFlagsRequest>) -> Reply<wire::FlagList> {
        let (_, request) = self.enter(request)?;
        self.reply(self.flags(&request).await)
    }

    async fn answer_flag(
        &self,
        request: Request<wire::AnswerFlagRequest>,
    ) -> Reply<wire::FlagLine> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.flag_answered(actor, request).await)
    }
}
