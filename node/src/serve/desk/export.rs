//! Evidence that leaves through the desk, and what a view is for.

use super::second;
use super::{Answer, DeskDoor};
use crate::audit::statistics::for_others;
use crate::evidence;
use crate::serve::access::Caller;
use crate::trouble::Denied;
use jieli_proto::wire;

/// Characters of a stated purpose.
const PURPOSE_CHARS_MAX: usize = 200;

impl DeskDoor {
    /// Evidence without sections names no person; with them it is for [`DeskDoor::approved`].
    pub(super) async fn export(
        &self,
        caller: &Caller,
        request: wire::CaseRef,
    ) -> Answer<wire::ExportReply> {
        let purpose = purpose(&request.purpose)?;
        let number = request.case_number.trim();
        if request.sections {
            self.may_export(caller, number, true).await?;
            return Err(second::needs_second().into());
        }
        self.may_export(caller, number, false).await?;
        self.viewed(caller, &format!("export {number}"), purpose).await?;
        self.evidence(number, false).await
    }

    pub(super) async fn evidence(&self, number: &str, sections: bool) -> Answer<wire::ExportReply> {
        let published = self.hand.published();
        for command in evidence::ask_peer(&self.store, &self.house, &published, number).await? {
            self.hand.perform(command).await?;
        }
        let published = self.hand.published();
        let made = evidence::export(&self.store, &self.house, &published, number, sections).await?;
        let file_name = format!("jieli-{number}.zip");
        Ok(wire::ExportReply { zip: made.zip, file_name, notes: made.notes })
    }

    /// What an office reports upward about an agreement.
    pub(super) async fn figures_upward(
        &self,
        asked: &wire::AuditReportRequest,
    ) -> Answer<wire::StatisticsReply> {
        let published = self.hand.published();
        let mut conn = self.store.read().await?;
        Ok(for_others(&mut conn, &self.house, &published.directory, asked).await?)
    }
}

/// The purpose of a view; empty where none is stated.
pub(super) fn purpose(stated: &str) -> Result<&str, Denied> {
    let text = stated.trim();
    if text.chars().count() > PURPOSE_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Denied::new(
            "BAD_PURPOSE",
            format!("用途请写成一行，最多 {PURPOSE_CHARS_MAX} 字。"),
            format!("Write the purpose in one line of at most {PURPOSE_CHARS_MAX} characters."),
        ));
    }
    Ok(text)
}
