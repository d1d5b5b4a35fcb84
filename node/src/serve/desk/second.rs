//! Exports with personal data: asked for at one desk, approved at another, then made once.

use super::{Answer, DeskCommand, DeskDoor, Done, no_purpose, purpose};
use crate::config::DeskRole;
use crate::questions::{Look, View};
use crate::second;
use crate::serve::access::Caller;
use crate::serve::answer::odd;
use crate::trouble::Denied;
use jieli_proto::wire;

impl DeskDoor {
    pub(super) async fn second_asked(
        &self,
        caller: &Caller,
        request: &wire::CaseRef,
    ) -> Answer<wire::SecondView> {
        let purpose = purpose(&request.purpose)?;
        if purpose.is_empty() {
            return Err(no_purpose().into());
        }
        let look = self.export_look(caller, request.case_number.trim(), purpose).await?;
        self.second(caller, DeskCommand::AskSecond(look)).await
    }

    pub(super) async fn second(
        &self,
        caller: &Caller,
        command: DeskCommand,
    ) -> Answer<wire::SecondView> {
        let Done::Second(view) = self.perform(caller, command).await? else { return Err(odd()) };
        Ok(view)
    }

    pub(super) async fn second_list(&self, caller: &Caller) -> Answer<wire::SecondList> {
        let own = (caller.role == DeskRole::Clerk).then_some(caller.actor.token.as_str());
        let now_ms = self.house.world.clock.now_unix_ms();
        let mut conn = self.store.read().await?;
        Ok(wire::SecondList { requests: second::list(&mut conn, now_ms, own).await? })
    }

    /// First the approval is used up and the look written down, then the bundle is made.
    pub(super) async fn approved(&self, caller: &Caller, id: &str) -> Answer<wire::ExportReply> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let (number, purpose) = {
            let mut conn = self.store.read().await?;
            second::asked(&mut conn, now_ms, id, &caller.actor.token).await?
        };
        let look = self.export_look(caller, &number, &purpose).await?;
        self.perform(caller, DeskCommand::UseSecond(id.to_owned(), look)).await?;
        self.evidence(&number, true).await
    }

    async fn export_look(&self, caller: &Caller, number: &str, purpose: &str) -> Answer<Look> {
        let legs = self.may_export(caller, number, true).await?;
        let (case_number, purpose) = (number.to_owned(), purpose.to_owned());
        Ok(Look { case_number, view: View::Export, purpose, legs })
    }
}

pub(super) fn needs_second() -> Denied {
    Denied::new(
        "NEEDS_SECOND",
        "带个人信息的导出须由另一岗位批准：先 jieli second ask，批准后 jieli second export。",
        "An export with personal data needs the approval of another post: jieli second ask, and \
         once it is approved jieli second export.",
    )
}
