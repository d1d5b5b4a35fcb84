//! Exports with personal data and operators' overrides: asked for at one desk, approved at another,
//! then done once.

use super::export::purpose;
use super::{Answer, DeskCommand, DeskDoor, Done, no_purpose};
use crate::config::DeskRole;
use crate::questions::{Look, View};
use crate::recovery;
use crate::second::{self, Wanted};
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
        self.second(caller, DeskCommand::AskSecond(Wanted::Export(look))).await
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
        let own = (caller.role != DeskRole::Approver).then_some(caller.actor.token.as_str());
        let now_ms = self.house.world.clock.now_unix_ms();
        let mut conn = self.store.read().await?;
        Ok(wire::SecondList { requests: second::list(&mut conn, now_ms, own).await? })
    }

    /// First the approval is used up and the look written down, then the bundle is made.
    pub(super) async fn approved(&self, caller: &Caller, id: &str) -> Answer<wire::ExportReply> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let (_, number, purpose) = {
            let mut conn = self.store.read().await?;
            second::asked(&mut conn, now_ms, id, &caller.actor.token).await?
        };
        let look = self.export_look(caller, &number, &purpose).await?;
        self.perform(caller, DeskCommand::UseSecond(id.to_owned(), look)).await?;
        self.evidence(&number, true).await
    }

    /// What a repair would come to; if it is more than a plan, it is asked for.
    pub(super) async fn repair_asked(
        &self,
        caller: &Caller,
        request: wire::RepairRequest,
    ) -> Answer<wire::RepairReply> {
        let mut found = recovery::plan(&self.hand, &self.store, &self.house).await?;
        if !request.plan && !found.done {
            let sealed = request.successor.map(Box::new);
            let wanted = sealed.map_or(Wanted::Repair, Wanted::NewEpoch);
            found.waits = Some(self.second(caller, DeskCommand::AskSecond(wanted)).await?);
        }
        Ok(found)
    }

    /// An override that was approved. A repair that came to nothing changed nothing, and may be
    /// tried again on the same approval.
    pub(super) async fn carry_out_second(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Answer<wire::CarryOutReply> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let (kind, _, _) = {
            let mut conn = self.store.read().await?;
            second::asked(&mut conn, now_ms, id, &caller.actor.token).await?
        };
        if kind == "keys" {
            self.read_key_files().await?;
        }
        let command = DeskCommand::CarryOut(id.to_owned());
        let Done::CarryOut(wanted) = self.perform(caller, command).await? else {
            return Err(odd());
        };
        let successor = match wanted {
            Wanted::Keys(_) => {
                let keys = Some(self.installed().await?);
                return Ok(wire::CarryOutReply { repair: None, keys });
            }
            Wanted::NewEpoch(sealed) => Some(*sealed),
            Wanted::Repair | Wanted::Export(_) => None,
        };
        let done = recovery::repair(&self.hand, &self.store, &self.house, successor).await?;
        if done.done {
            self.perform(caller, DeskCommand::CarriedOut(id.to_owned())).await?;
        }
        Ok(wire::CarryOutReply { repair: Some(done), keys: None })
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
