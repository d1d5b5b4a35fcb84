//! Whoever has no phone names a helper at a window, the document in hand, and ends it at any window.

use crate::batch::Batch;
use crate::command::Actor;
use crate::helper::{can_be_helped, no_leg};
use crate::legs::LegFile;
use crate::trouble::Outcome;
use jieli_proto::wire;

impl Batch<'_> {
    /// At a window that may take the person's word, by whoever stands there with the document; never
    /// somebody of that window's own office.
    pub(crate) async fn helper_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::HelperAtWindowRequest,
    ) -> Outcome<wire::HelperList> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        let name = asked.helper.trim();
        let numbered = |file: &&LegFile| file.number == asked.leg;
        if asked.dismiss {
            if asked.leg != 0 && !files.iter().any(|file| numbered(&file)) {
                return Err(no_leg(asked.leg).into());
            }
            for file in files.iter().filter(|file| asked.leg == 0 || numbered(file)) {
                self.forget_helper(file.id).await?;
            }
        } else if !name.is_empty() {
            let file = files.iter().find(numbered).filter(|file| can_be_helped(file));
            let file = file.ok_or_else(|| no_leg(asked.leg))?;
            self.standing(actor, None, file).await?;
            self.pin_is_settled(file.case).await?;
            self.name_helper(file.id, name, &actor.office).await?;
        }
        self.helpers(&files).await
    }
}
