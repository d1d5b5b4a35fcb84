//! The same person, sent by two offices for the same service. It is noticed here, after RELEASE, by
//! keyed tags alone, and nobody decides for the person: who is asked in private, and may let both go
//! on. Only a yes ends the later one, as DUPLICATE; no and silence leave both and look alike. Neither
//! office hears of the other, whatever comes of it.

use super::{CODE_HOURS, HOUR_MS, Topic, text};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::speak::Speech;
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::{Side, Stage};
use jieli_proto::id::LegId;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType};

impl Batch<'_> {
    /// A RELEASE has come: where the same person has the same service open here by another office,
    /// the person is asked. Who has no phone of the own is not, and keeps both.
    pub(crate) async fn ask_duplicate(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if !self.is_open_elsewhere(file).await? {
            return Ok(());
        }
        let body = text::duplicate(&self.directory.name, file.service);
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        match self.put_question(Topic::Duplicate, &[file], body, &[], deadline).await {
            Ok(_) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// Whether the person of a leg that was released here has the same service released by another
    /// office, and still open.
    async fn is_open_elsewhere(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        let sql = "SELECT DISTINCT l.leg_id FROM blind_index a \
                   JOIN blind_index b ON b.tag = a.tag JOIN leg l ON l.leg_id = b.leg_id \
                   WHERE a.leg_id = $1 AND b.leg_id <> $1 AND l.service = $2";
        let vals = vec![file.id.to_vec().into(), (file.service as u32).into()];
        for row in self.conn.rows(sql, vals).await? {
            let Some(other) = self.take_leg(LegId(row.array(0)?)).await? else { continue };
            let other = other.seen_from(Side::Examiner);
            let here = other.our_side == Side::Examiner && !other.is_stopped();
            let stage = other.law.state().stage;
            if here && matches!(stage, Stage::Released | Stage::Fulfilled) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The person ends this one: it is reported as not realised. That another one is there was true
    /// when the person was asked, and the other office is not named.
    pub(super) async fn end_duplicate(&mut self, file: &LegFile) -> Outcome<()> {
        let mut file = file.seen_from(Side::Examiner);
        if file.law.state().stage != Stage::Released || file.is_stopped() {
            return Ok(());
        }
        let body = wire::Outcome {
            not_realised: DecisionCode::Duplicate.into(),
            ..wire::Outcome::default()
        };
        let speech = Speech::plain(MessageType::Outcome, Body::Outcome(body));
        match self.say(&mut file, speech).await {
            // A yes is answered like a no, whatever became of the leg meanwhile.
            Ok(_) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error.into()),
        }
    }
}

/// That somebody was sent twice, a desk cannot know but from the person, and cannot say for the
/// person.
pub(crate) fn person_says_duplicate() -> Denied {
    Denied::new(
        "ASK_PERSON",
        "是否重复办理由本人决定：系统已经或将会私下询问本人，窗口不能代答。",
        "Whether it is a duplicate is for the person to say, who is asked in private: no desk says it.",
    )
}

/// Whether the person is being asked whether to go on with both; who has answered no still is, as
/// far as anybody can see.
pub(crate) async fn is_duplicate_asked(
    conn: &mut Conn,
    leg: LegId,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM question q JOIN question_leg ql ON ql.question_id = q.question_id \
               WHERE ql.leg_id = $1 AND q.kind = 'duplicate' AND q.deadline_ms > $2 LIMIT 1";
    Ok(conn.maybe(sql, vec![leg.to_vec().into(), now_ms.into()]).await?.is_some())
}
