//! The keypad's door: on the desk listener, for tokens of the role `window` and no other.

use super::access;
use super::answer::{Answer, odd};
use crate::command::{Actor, Command, Done};
use crate::tokens::Tokens;
use crate::trouble::Denied;
use crate::window::WindowCommand;
use crate::world::World;
use crate::writer::Hand;
use jieli_proto::wire::keypad_server::{Keypad, KeypadServer};
use jieli_proto::wire::{self, AnswerReply};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The Keypad service over the writer.
pub struct KeypadDoor {
    hand: Hand,
    tokens: Arc<Tokens>,
    world: World,
}

impl fmt::Debug for KeypadDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeypadDoor")
    }
}

/// The Keypad service, for the desk listener.
pub fn keypad(hand: Hand, tokens: Arc<Tokens>, world: World) -> KeypadServer<KeypadDoor> {
    KeypadServer::new(KeypadDoor::new(hand, tokens, world))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

impl KeypadDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, tokens: Arc<Tokens>, world: World) -> KeypadDoor {
        KeypadDoor { hand, tokens, world }
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Actor, T), Status> {
        let entered = access::enter_window(&self.tokens, request.metadata());
        Ok((entered.map_err(|status| *status)?, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Result<Response<T>, Status> {
        let entropy = self.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn helpers(
        &self,
        actor: Actor,
        request: wire::HelperAtWindowRequest,
    ) -> Answer<wire::HelperList> {
        let command = Command::Window(actor, WindowCommand::Helper(request));
        let Done::Helpers(found) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(found)
    }

    async fn bodies(&self, actor: Actor, request: wire::InHand) -> Answer<wire::BodyList> {
        let command = Command::Window(actor, WindowCommand::ListBodies(request));
        let Done::Bodies(found) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(found)
    }

    async fn guardian(
        &self,
        actor: Actor,
        request: wire::TellGuardianRequest,
    ) -> Answer<wire::TellGuardianReply> {
        let command = Command::Window(actor, WindowCommand::TellGuardian(request));
        let Done::GuardianTold(reply) = self.hand.perform(command).await? else {
            return Err(odd());
        };
        Ok(reply)
    }

    async fn filed(
        &self,
        actor: Actor,
        request: wire::FileAtWindowRequest,
    ) -> Answer<wire::FiledReply> {
        let command = Command::Window(actor, WindowCommand::File(request));
        let Done::Filed(reply) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(reply)
    }

    async fn answered(&self, actor: Actor, command: WindowCommand) -> Answer<AnswerReply> {
        let done = self.hand.perform(Command::Window(actor, command)).await?;
        let Done::Answered(reply) = done else { return Err(odd()) };
        Ok(reply)
    }

    async fn erased(&self, actor: Actor, request: wire::StopRequest) -> Answer<wire::EraseReply> {
        let command = Command::Window(actor, WindowCommand::Erase(request));
        let Done::Erased(reply) = self.hand.perform(command).await? else { return Err(odd()) };
        Ok(reply)
    }

    /// The second officer shows a token too.
    fn witness(&self, shown: &str) -> Answer<Option<Actor>> {
        if shown.is_empty() {
            return Ok(None);
        }
        let holder = self.tokens.holder(shown.trim()).ok_or_else(|| {
            Denied::new(
                "BAD_WITNESS",
                "第二位工作人员的令牌无效。",
                "The second officer's token is nobody's.",
            )
        })?;
        Ok(Some(Actor { office: holder.office.as_str().to_owned(), token: holder.name.clone() }))
    }

    async fn sitting(
        &self,
        actor: Actor,
        mut request: wire::OpenSittingRequest,
    ) -> Answer<wire::OpenSittingReply> {
        let shown = std::mem::take(&mut request.witness);
        let witness = self.witness(&shown)?;
        let command = WindowCommand::OpenSitting(request, witness);
        let done = self.hand.perform(Command::Window(actor, command)).await?;
        let Done::Sitting(reply) = done else { return Err(odd()) };
        Ok(reply)
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Keypad for KeypadDoor {
    async fn open_sitting(
        &self,
        request: Request<wire::OpenSittingRequest>,
    ) -> Reply<wire::OpenSittingReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.sitting(actor, request).await)
    }

    async fn answer_sitting(
        &self,
        request: Request<wire::AnswerSittingRequest>,
    ) -> Reply<AnswerReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.answered(actor, WindowCommand::AnswerSitting(request)).await)
    }

    async fn stop(&self, request: Request<wire::StopRequest>) -> Reply<AnswerReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.answered(actor, WindowCommand::Stop(request)).await)
    }

    async fn set_window_pin(
        &self,
        request: Request<wire::SetWindowPinRequest>,
    ) -> Reply<AnswerReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.answered(actor, WindowCommand::SetPin(request)).await)
    }

    async fn reopen_at_window(
        &self,
        request: Request<wire::ReopenAtWindowRequest>,
    ) -> Reply<AnswerReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.answered(actor, WindowCommand::Reopen(request)).await)
    }

    async fn tell_guardian(
        &self,
        request: Request<wire::TellGuardianRequest>,
    ) -> Reply<wire::TellGuardianReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.guardian(actor, request).await)
    }

    async fn helper_at_window(
        &self,
        request: Request<wire::HelperAtWindowRequest>,
    ) -> Reply<wire::HelperList> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.helpers(actor, request).await)
    }

    async fn list_bodies_at_window(&self, request: Request<wire::InHand>) -> Reply<wire::BodyList> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.bodies(actor, request).await)
    }

    async fn file_at_window(
        &self,
        request: Request<wire::FileAtWindowRequest>,
    ) -> Reply<wire::FiledReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.filed(actor, request).await)
    }

    async fn correction_at_window(
        &self,
        request: Request<wire::CorrectionAtWindowRequest>,
    ) -> Reply<AnswerReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.answered(actor, WindowCommand::Correction(request)).await)
    }

    async fn erase_at_window(
        &self,
        request: Request<wire::StopRequest>,
    ) -> Reply<wire::EraseReply> {
        let (actor, request) = self.enter(request)?;
        self.reply(self.erased(actor, request).await)
    }
}
