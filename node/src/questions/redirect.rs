//! A leg was handed to another office of the other city: the person is asked anew, for a yes names
//! the office it was given for. No and silence are the same WITHDRAW.

use super::{CODE_HOURS, DRAFT_DAYS, HOUR_MS, Put, Question, Topic, When, text};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::StoreError;
use crate::trouble::{Outcome, Trouble};
use jieli_proto::case::Side;
use jieli_proto::id::Digest;
use jieli_proto::wire::MessageType;

impl Batch<'_> {
    /// A REDIRECT has come. No yes to an office before opens anything any more.
    pub(crate) async fn redirected(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.our_side != Side::Initiator
            || !file.law.state().stage.is_live()
            || file.is_stopped()
        {
            return Ok(());
        }
        self.end_consents(file.id).await?;
        self.conn
            .run(
                "UPDATE question SET closed = 1 WHERE kind = 'redirect' AND question_id IN \
                 (SELECT question_id FROM question_leg WHERE leg_id = $1)",
                vec![file.id.to_vec().into()],
            )
            .await?;
        match self.ask_redirect(file).await {
            Ok(()) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    async fn ask_redirect(&mut self, file: &LegFile) -> Outcome<()> {
        let Some((digest, from)) = last_redirect(file) else { return Ok(()) };
        if self.open_question_about(file.id, Topic::Redirect, &digest.0).await?.is_some() {
            return Ok(());
        }
        let reached = self.is_reached(file).await?;
        let calendar = &self.house.calendar();
        let due_ms = self.notice_due(Topic::Redirect.is_spread());
        // Without a phone the person comes to a window, as with a draft.
        let hours = if reached { CODE_HOURS } else { DRAFT_DAYS * 24 };
        let last = calendar.day_of_unix_ms(due_ms + hours * HOUR_MS);
        let deadline_ms = last.plus(1).start_unix_ms(calendar.zone_offset_min());
        let draft = self.draft(file).await?.unwrap_or_default();
        let offices = [self.office_named(file, &from), self.office_name(file)];
        let body = text::redirect(file.service, super::is_for_child(&draft), &offices, last);
        let topic = Topic::Redirect;
        if reached {
            let when = When { due_ms, deadline_ms };
            self.put_with(topic.template(), topic, &[file], body, &digest.0, when).await?;
        } else {
            let put = Put { topic, text: &body, subject: &digest.0, deadline_ms, language: "" };
            self.store_question(&put, &[file]).await?;
        }
        self.lapse_timer(file, deadline_ms).await
    }

    /// The question about the office that a leg was handed to, as long as it can be answered.
    pub(crate) async fn redirect_question(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<Question>, StoreError> {
        match last_redirect(file) {
            Some((digest, _)) => {
                self.open_question_about(file.id, Topic::Redirect, &digest.0).await
            }
            None => Ok(None),
        }
    }

    /// Whether an answer about another office than the leg is with now, or about a leg that has
    /// ended, or one that was given elsewhere meanwhile.
    pub(super) async fn redirect_is_over(
        &mut self,
        question: &Question,
        file: &LegFile,
    ) -> Result<bool, StoreError> {
        let now = last_redirect(file).is_some_and(|(digest, _)| digest.0[..] == question.subject);
        Ok(!now || !file.law.state().stage.is_live() || self.live_consent(file).await?.is_some())
    }
}

/// The last REDIRECT in effect, and the office it came from.
fn last_redirect(file: &LegFile) -> Option<(Digest, String)> {
    let entry = file.latest(MessageType::Redirect)?;
    Some((entry.env_digest, entry.message.as_ref()?.from_office.clone()))
}
