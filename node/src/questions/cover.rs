//! Days without insurance cover are told to the person, by the city that is to give it.

use super::tell::Post;
use super::text;
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store;
use crate::trouble::Outcome;
use crate::world::Params;
use jieli_proto::day::Day;

/// The text that tells it; it carries no code.
const COVER_TOLD: &str = "cover.tell.v1";
/// Stands where a notice names its question: there is none.
const COVER: &[u8] = b"cover";

impl Batch<'_> {
    /// Tells the person of days without insurance cover, where the phone is the person's own.
    pub(crate) async fn tell_cover_gap(
        &mut self,
        file: &LegFile,
        from: Day,
        days: u32,
    ) -> Outcome<()> {
        if !self.is_reached(file).await? {
            return Ok(());
        }
        let Some(contact) = self.contact(file).await? else { return Ok(()) };
        let case = store::legs::case_by_id(self.conn, file.case).await?;
        let number = case.map_or(String::new(), |case| case.number);
        let text = text::cover_gap(&self.directory.name, &number, from, days);
        let about = text::about(&[file.service]);
        let post = Post {
            to: &contact.phone,
            template: COVER_TOLD,
            params: Params { case: number, code: String::new(), about },
            text,
            question: COVER,
            code_hmac: &[],
        };
        Ok(self.queue_notice(file, post, self.notice_due(false)).await?)
    }
}
