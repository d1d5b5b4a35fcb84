//! Whether it was done, for who has no phone or did not answer in time: asked at every window that
//! may take the person's word, also after it was closed without one.

use super::standing::Standing;
use super::{Item, MINUTE_MS, SITTING_MINUTES};
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::trouble::Outcome;
use jieli_proto::case::{Side, Stage};

impl Batch<'_> {
    /// What was reported as done and nobody has confirmed yet.
    pub(super) async fn complete_items(
        &mut self,
        fit: &[(LegFile, Standing)],
    ) -> Outcome<Vec<Item>> {
        let mut items = Vec::new();
        for (file, standing) in fit {
            let waits = matches!(file.law.state().stage, Stage::Fulfilled | Stage::Unconfirmed);
            let sent_here = file.our_side == Side::Initiator && file.local == Local::OnTheRoad;
            if !sent_here || !waits || file.is_stopped() {
                continue;
            }
            let deadline_ms = self.now_ms + SITTING_MINUTES * MINUTE_MS;
            let asked = self.complete_at_window(file, deadline_ms).await?;
            let Some(question) = asked else { continue };
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
}
