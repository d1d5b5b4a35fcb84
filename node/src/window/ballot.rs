//! V3 for who has no phone: the private ballot on a turned keypad, at the receiving window or at the
//! desk of a trade union or legal aid of that city. The officer sees that it was shown and that
//! something was typed.

use super::{Item, standing::Standing};
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::questions::{Told, Topic};
use crate::store::StoreError;
use crate::trouble::Outcome;
use jieli_proto::wire::OfficeKind;

impl Batch<'_> {
    /// The ballots that may be answered here: where no notice reaches the person, never before the
    /// officer who entered the result, nor to one who has stood in for it since.
    pub(super) async fn ballot_items(
        &mut self,
        actor: &Actor,
        fit: &[(LegFile, Standing)],
    ) -> Outcome<Vec<Item>> {
        let kind = self.kind_of_own_office(&actor.office)?;
        let is_neutral = matches!(kind, OfficeKind::TradeUnion | OfficeKind::LegalAid);
        let mut items = Vec::new();
        for (file, standing) in fit {
            let file = Topic::Ballot.view(file.clone());
            let receives = kind == OfficeKind::Coordination || actor.office == file.our_office;
            let waits = file.local == Local::OnTheRoad && !file.is_stopped();
            if !(is_neutral || receives) || !waits || file.law.is_closed() {
                continue;
            }
            let question = self.open_question_about(file.id, Topic::Ballot, &[]).await?;
            let Some(question) = question else { continue };
            let (entered_by, held_ms) = self.entered_result(&file).await?;
            let officer = self.officer(actor);
            if self.told(&file).await? != Told::AtTheWindow
                || self.is_one_pair(&entered_by, &officer, held_ms).await?
            {
                continue;
            }
            self.opened_now(&question.id).await?;
            items.push(Item {
                leg: file.id,
                text: question.text.clone(),
                method: standing.method,
                answer_from_ms: 0,
                question,
            });
        }
        Ok(items)
    }

    /// The officer who entered the result that waits, and when; empty where none does.
    async fn entered_result(&mut self, file: &LegFile) -> Result<(String, u64), StoreError> {
        let sql = "SELECT officer, held_ms FROM held_outcome WHERE leg_id = $1";
        let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        row.map_or(Ok((String::new(), 0)), |row| Ok((row.text(0)?, row.uint(1)?)))
    }
}
