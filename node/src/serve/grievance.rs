//! The door of grievance bodies: on the desk listener, for tokens of the role `body` and no other.
//! It lists and takes what is sealed; no key that opens anything is on this side.

use super::access;
use super::answer::{Answer, odd};
use crate::command::{Actor, Command, Done};
use crate::grievance::{GrievanceCommand, body, finding};
use crate::house::House;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::writer::Hand;
use jieli_proto::wire;
use jieli_proto::wire::grievance_server::{Grievance, GrievanceServer};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The Grievance service over the store.
pub struct GrievanceDoor {
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
}

impl fmt::Debug for GrievanceDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrievanceDoor")
    }
}

/// The Grievance service, for the desk listener.
pub fn grievance(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> GrievanceServer<GrievanceDoor> {
    GrievanceServer::new(GrievanceDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

type Reply<T> = Result<Response<T>, Status>;

impl GrievanceDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> GrievanceDoor {
        GrievanceDoor { hand, store, house, tokens }
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_body(&self.tokens, request.metadata());
        let mut actor = entered.map_err(|status| *status)?;
        // Whoever was employed at a body that was taken over works for who took over.
        let directory = Arc::clone(&self.hand.published().directory);
        actor.office = directory.office_now(&actor.office).to_owned();
        Ok((actor, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Reply<T> {
        let entropy = self.house.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn perform(&self, actor: Actor, command: GrievanceCommand) -> Answer<Done> {
        Ok(self.hand.perform(Command::Grievance(actor, command)).await?)
    }

    async fn listed(
        &self,
        actor: &Actor,
        asked: &wire::ListSealedRequest,
    ) -> Answer<wire::SealedList> {
        let calendar = &self.house.calendar();
        let today = calendar.day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let directory = &self.hand.published().directory;
        let mut conn = self.store.read().await?;
        Ok(body::list(&mut conn, directory, calendar, today, &actor.office, asked).await?)
    }

    async fn findings(&self) -> Answer<wire::WageFindingList> {
        let mut conn = self.store.read().await?;
        Ok(finding::findings(&mut conn).await?)
    }
}

#[tonic::async_trait]
impl Grievance for GrievanceDoor {
    async fn place_grievance_key(
        &self,
        request: Request<wire::GrievanceKey>,
    ) -> Reply<wire::GrievanceKey> {
        let (actor, request) = self.enter(request)?;
        let done = self.perform(actor, GrievanceCommand::PlaceKey(request)).await;
        self.reply(done.and_then(|done| {
            let Done::GrievanceKey(key) = done else { return Err(odd()) };
            Ok(key)
        }))
    }

    async fn list_sealed(
        &self,
        request: Request<wire::ListSealedRequest>,
    ) -> Reply<wire::SealedList> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.listed(&actor, &request).await)
    }

    async fn handle_sealed(
        &self,
        request: Request<wire::HandleSealedRequest>,
    ) -> Reply<wire::SealedLine> {
        let (actor, request) = self.enter(request)?;
        let done = self.perform(actor, GrievanceCommand::Handle(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Sealed(line) = done else { return Err(odd()) };
            Ok(*line)
        }))
    }

    async fn report_figures(
        &self,
        request: Request<wire::FiguresRequest>,
    ) -> Reply<wire::FiguresReply> {
        let (actor, request) = self.enter(request)?;
        let done = self.perform(actor, GrievanceCommand::Report(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Figures(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn add_wage_finding(
        &self,
        request: Request<wire::WageFinding>,
    ) -> Reply<wire::WageFinding> {
        let (actor, request) = self.enter(request)?;
        let done = self.perform(actor, GrievanceCommand::AddFinding(request)).await;
        self.reply(done.and_then(finding_of))
    }

    async fn lift_wage_finding(
        &self,
        request: Request<wire::WageFindingRef>,
    ) -> Reply<wire::WageFinding> {
        let (actor, request) = self.enter(request)?;
        let done = self.perform(actor, GrievanceCommand::LiftFinding(request)).await;
        self.reply(done.and_then(finding_of))
    }

    async fn list_wage_findings(
        &self,
        request: Request<wire::ListWageFindingsRequest>,
    ) -> Reply<wire::WageFindingList> {
        self.enter(request)?;
        self.reply(self.findings().await)
    }
}

fn finding_of(done: Done) -> Answer<wire::WageFinding> {
    let Done::Finding(found) = done else { return Err(odd()) };
    Ok(found)
}
