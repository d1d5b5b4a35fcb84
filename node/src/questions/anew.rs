//! The office that a person agreed to was merged or renamed: asked anew, with the office that it is
//! now, before anything is released there.

use super::{CODE_HOURS, HOUR_MS, Topic, text};
use crate::agreements::succession::needs_consent;
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::StoreError;
use crate::trouble::{Outcome, Trouble};
use jieli_proto::case::Side;
use jieli_proto::id::LegId;

impl Batch<'_> {
    /// Asks whether it may go to the office that it is now. Who refused is not asked again; who does
    /// not answer, and nothing else holds, withdraws by silence.
    pub(crate) async fn ask_anew(&mut self, file: &mut LegFile) -> Outcome<()> {
        match file.local {
            Local::Asked if file.our_side == Side::Initiator => {
                if self.is_closed_to_asking(file).await? {
                    return Ok(());
                }
            }
            Local::OnTheRoad if needs_consent(file) => {
                if self.live_consent(file).await?.is_some() {
                    return Ok(());
                }
            }
            Local::Draft | Local::Asked | Local::OnTheRoad | Local::Dropped | Local::OnPaper => {
                return Ok(());
            }
        }
        let subject = subject_of(file);
        if self.open_question_about(file.id, Topic::Consent, &subject).await?.is_some() {
            return Ok(());
        }
        let line = self.consent_line(1, file).await?;
        let tongues = self.tongues_of(file).await?;
        let body = tongues.spoken(text::successor(&tongues.consent(&[line])));
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        let shown = file.clone();
        match self.put_question(Topic::Consent, &[&shown], body, &subject, deadline).await {
            Ok(id) if file.local == Local::OnTheRoad => self.lapse_after_code(&id).await,
            Ok(_) => Ok(()),
            Err(Trouble::Denied(_)) => {
                // Without a phone: the receiving window can take the yes.
                if let Some(bond) = self.bond_of(file) {
                    self.alarm("successor-not-asked", &bond.peer, &file.id.hex()).await?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A yes to the office that it is now, for a leg that is on the road: signed, and released if all
    /// else holds.
    pub(crate) async fn yes_anew(
        &mut self,
        question: &super::Question,
        file: &mut LegFile,
    ) -> Outcome<()> {
        if !needs_consent(file) || question.subject != subject_of(file) {
            return Ok(());
        }
        self.sign_consent(question, file).await?;
        let kind = crate::timer::TimerKind::Release;
        Ok(self.timer(self.now_ms, kind, &file.id.0).await?)
    }

    /// Whether a question about the office that it is now has lapsed without a yes, here or at the
    /// receiving window.
    pub(crate) async fn lapses_anew(
        &mut self,
        question: &super::Question,
        file: &LegFile,
    ) -> Result<bool, StoreError> {
        let asked = needs_consent(file) && question.subject == subject_of(file);
        Ok(asked && self.live_consent(file).await?.is_none())
    }

    /// Whether the person has answered a question about a leg that is not on the road, with no.
    pub(crate) async fn has_refused(&mut self, leg: LegId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM question_leg ql JOIN question q \
                   ON q.question_id = ql.question_id WHERE ql.leg_id = $1 \
                   AND q.answered_ms > 0 AND ql.answer = 0 LIMIT 1";
        Ok(self.conn.maybe(sql, vec![leg.to_vec().into()]).await?.is_some())
    }

    /// No answer to a question that was asked about a leg counts any more.
    pub(crate) async fn void_questions(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let leg = file.id;
        self.close_questions(leg).await?;
        // One sitting about several legs stays open for the others; that this one was asked about
        // goes on to count (V7).
        let sql = "DELETE FROM question_leg WHERE leg_id = $1 AND question_id IN \
                   (SELECT question_id FROM question WHERE closed = 0 AND kind = $2)";
        let kind = Topic::Consent.word();
        if self.conn.run(sql, vec![leg.to_vec().into(), kind.into()]).await? > 0 {
            self.put_nothing(file).await?;
        }
        Ok(())
    }
}

/// The offices that are asked about: a yes counts for these alone.
fn subject_of(file: &LegFile) -> Vec<u8> {
    format!("{} {}", file.our_office, file.their_office).into_bytes()
}
