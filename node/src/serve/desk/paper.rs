//! Slips and letters for a desk.

use super::{Answer, Command, DeskCommand, DeskDoor, Done};
use crate::serve::access::Caller;
use crate::serve::answer::odd;
use jieli_proto::wire;

impl DeskDoor {
    /// A slip about the legs that this desk sees; printing it is a view, and written down as one.
    pub(super) async fn slip(&self, caller: &Caller, number: &str) -> Answer<wire::SlipPage> {
        let (number, legs) = self.seen_legs(caller, number).await?;
        let command = DeskCommand::PrintSlip(number, legs);
        let done = self.hand.perform(Command::Desk(caller.actor.clone(), command)).await?;
        let Done::Slip(page) = done else { return Err(odd()) };
        Ok(page)
    }

    pub(super) async fn letter_said(
        &self,
        caller: &Caller,
        command: DeskCommand,
    ) -> Answer<wire::LetterReply> {
        let done = self.perform(caller, command).await?;
        let Done::LetterSaid(reply) = done else { return Err(odd()) };
        Ok(reply)
    }
}
