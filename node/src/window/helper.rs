//! Whoever has no phone names a helper at a window, the document in hand, and ends it at any window.

use crate::batch::Batch;
use crate::command::Actor;
use crate::config::DeskRole;
use crate::helper::{can_be_helped, no_leg};
use crate::legs::LegFile;
use crate::trouble::{Denied, Outcome};
use jieli_proto::wire;

impl Batch<'_> {
    /// Named at a window that may take the person's word, by whoever stands there with the document and
    /// types the PIN, if there is one; never somebody of that window's own office, of one above or below
    /// it. A slip alone names nobody: a desk has printed it (V1).
    pub(crate) async fn helper_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::HelperAtWindowRequest,
    ) -> Outcome<wire::HelperList> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let name = asked.helper.trim();
        if !name.is_empty() && !in_hand.slip_leg.is_empty() {
            return Err(document_first().into());
        }
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        let numbered = |file: &&LegFile| file.number == asked.leg;
        if asked.dismiss {
            if asked.leg != 0 && !files.iter().any(|file| numbered(&file)) {
                return Err(no_leg(asked.leg).into());
            }
            for file in files.iter().filter(|file| asked.leg == 0 || numbered(file)) {
                self.forget_helper(file.id, &actor.token).await?;
            }
        } else if !name.is_empty() {
            let file = files.iter().find(numbered).filter(|file| can_be_helped(file));
            let file = file.ok_or_else(|| no_leg(asked.leg))?;
            self.standing(actor, None, file).await?;
            self.is_no_colleague(actor, name)?;
            self.pin_is_settled(file.case).await?;
            self.check_pin(file.case, &asked.pin).await?;
            self.name_helper(file.id, name, &actor.token).await?;
        }
        self.helpers(&files).await
    }

    /// Whether a helper is of another office than this window, and neither is subordinate to the other.
    fn is_no_colleague(&self, actor: &Actor, name: &str) -> Outcome<()> {
        let tokens = &self.house.config.desk.tokens;
        let helper = tokens.iter().find(|one| one.role == DeskRole::Helper && one.name() == name);
        let Some(helper) = helper else { return Ok(()) };
        let own = tokens.iter().find(|one| one.name() == actor.token);
        let is = |one: &str, other: &str| self.directory.is_one_office(one, other);
        let office = helper.office.as_str();
        let above = helper.answers_to.iter().any(|code| is(code.as_str(), &actor.office));
        let below = own.is_some_and(|t| t.answers_to.iter().any(|code| is(code.as_str(), office)));
        if is(office, &actor.office) || above || below {
            return Err(own_helper(name).into());
        }
        Ok(())
    }
}

fn document_first() -> Denied {
    Denied::new(
        "DOCUMENT_FIRST",
        "凭回单不能指定协助人。请本人出示证件，或在自己的手机上指定。",
        "A slip names no helper: the person shows the document, or names one on the own phone.",
    )
}

fn own_helper(name: &str) -> Denied {
    Denied::new(
        "OWN_HELPER",
        format!(
            "{name}是本窗口所属机构或其上下级机构的人，不能在这里指定；请在手机上指定，或到别的窗口。"
        ),
        format!(
            "{name} is of this window's own office, or of one above or below it: the person names that \
             one on the own phone, or at another window."
        ),
    )
}
