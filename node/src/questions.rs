//! Questions to a person, over a channel that no clerk holds.
//!
//! A question goes to the person's own phone with a code; only who has the code can answer. What
//! is refused, not answered or not yet answered looks the same to every desk.

use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use crate::vault::Place;
use jieli_proto::case::Side;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::wire::{self, Service};
use prost::Message as _;

mod anew;
mod answer;
mod ask;
mod call_back;
mod codes;
mod correction;
mod correction_asked;
mod cover;
mod duplicate;
mod guardian;
mod item;
mod not_me;
mod person;
mod phones;
mod pin;
mod proxy;
pub(crate) mod purpose;
mod redirect;
mod status;
mod tell;
mod text;
mod tongues;

pub(crate) use answer::{complete, no_such_number, received};
pub(crate) use call_back::call_back_text;
pub(crate) use correction::amend as amend_person;
pub(crate) use correction_asked::{CORRECTION_ASKED, open_request};
pub(crate) use duplicate::{is_duplicate_asked, person_says_duplicate};
pub(crate) use guardian::{
    TO_GUARDIAN, has_guardian, is_child_alone, is_minor, no_guardian_of_child,
};
pub(crate) use person::{corrected_in, counted};
pub(crate) use phones::phone_tag;
pub use pin::RESET_HOURS;
pub use status::{Look, View};
pub(crate) use tell::{ARRIVAL_STATE, Letter, Told};
pub(crate) use text::{
    by_proxy as by_proxy_text, letter as letter_text, receiving_line as receiving_text,
    statement as statement_text,
};
use tongues::Spoken;

/// Hours a code is good for.
pub const CODE_HOURS: u64 = 72;
/// Wrong codes after which a question is locked.
pub const TRIES_MAX: i64 = 5;
/// Hours between the first opening of job terms and their acknowledgement.
pub const TERMS_HOURS: u64 = 24;
/// Days that nobody is asked again after a refusal, a stop or silence.
const SILENT_DAYS: u64 = 90;
/// Hours that have to be left after those, so that the person can still answer.
pub const ANSWER_HOURS: u64 = 4;
/// Days after which a draft that nobody confirmed is erased.
pub const DRAFT_DAYS: u64 = 14;

pub(crate) const HOUR_MS: u64 = 3_600_000;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// May this go to that office? One yes or no a leg.
    Consent,
    /// These are the job's terms.
    Terms,
    /// Is this job your own choice? Asked by the receiving city, sender and employer absent.
    Ballot,
    /// Has this been done for you?
    Complete,
    /// Another city says you asked for this; you can stop it.
    Arrival,
    /// This was stopped at a desk; was it you?
    Stopped,
    /// May a letter be written, which you carry to that office yourself?
    Letter,
    /// It was handed to another office; may it go there?
    Redirect,
    /// Is this correction of who you are right?
    Correction,
    /// Another office sent you for the same: shall this one end?
    Duplicate,
    /// Shall the office sign this fact for you, to carry yourself?
    Statement,
}

impl Topic {
    const ALL: [Topic; 11] = [
        Topic::Consent,
        Topic::Terms,
        Topic::Ballot,
        Topic::Complete,
        Topic::Arrival,
        Topic::Stopped,
        Topic::Letter,
        Topic::Redirect,
        Topic::Correction,
        Topic::Duplicate,
        Topic::Statement,
    ];

    fn word(self) -> &'static str {
        match self {
            Topic::Consent => "consent",
            Topic::Terms => "terms",
            Topic::Ballot => "ballot",
            Topic::Complete => "complete",
            Topic::Arrival => "arrival",
            Topic::Stopped => "stopped",
            Topic::Letter => "letter",
            Topic::Redirect => "redirect",
            Topic::Correction => "correction",
            Topic::Duplicate => "duplicate",
            Topic::Statement => "statement",
        }
    }

    /// The leg as the office sees it that asks this.
    pub(crate) fn view(self, file: LegFile) -> LegFile {
        match self {
            Topic::Ballot | Topic::Arrival | Topic::Duplicate => file.seen_from(Side::Examiner),
            Topic::Consent
            | Topic::Terms
            | Topic::Complete
            | Topic::Stopped
            | Topic::Letter
            | Topic::Redirect
            | Topic::Correction
            | Topic::Statement => file,
        }
    }

    /// Whether it closes with its code, after [`CODE_HOURS`]; else on a date that the law gives, and
    /// its code is renewed.
    fn counts_hours(self) -> bool {
        match self {
            Topic::Consent
            | Topic::Letter
            | Topic::Complete
            | Topic::Arrival
            | Topic::Stopped
            | Topic::Duplicate
            | Topic::Statement => true,
            Topic::Terms | Topic::Ballot | Topic::Redirect | Topic::Correction => false,
        }
    }

    fn from_word(word: &str) -> Result<Topic, StoreError> {
        let found = Topic::ALL.into_iter().find(|topic| topic.word() == word);
        found.ok_or(StoreError::Corrupt("question.kind"))
    }
}

/// What a code is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To open the question or to answer it.
    Answer,
    /// To read how things stand.
    Read,
    /// To stop.
    Stop,
}

/// A question as stored.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: Vec<u8>,
    pub(crate) topic: Topic,
    pub(crate) tries: i64,
    pub(crate) text: String,
    pub(crate) text_digest: Digest,
    pub(crate) language: String,
    pub(crate) subject: Vec<u8>,
    pub(crate) opened_ms: u64,
    pub(crate) deadline_ms: u64,
    pub(crate) answered_ms: u64,
    pub(crate) effective_ms: u64,
    pub(crate) closed: bool,
    /// Number, leg, and whether the answer is yes.
    pub(crate) legs: Vec<(u32, LegId, bool)>,
}

/// The subject of a notice to a phone that is not the person's any more.
const OLD_PHONE: &[u8] = b"old-phone";

impl Question {
    /// Whether its code only stops: what tells of a stop at a desk, or went to a former number.
    pub(crate) fn names_nobody(&self) -> bool {
        self.topic == Topic::Stopped || self.subject == OLD_PHONE
    }
}

/// When the notice of a question goes out, and until when it can be answered, Unix milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct When {
    pub(crate) due_ms: u64,
    pub(crate) deadline_ms: u64,
}

/// A question to be put.
pub(crate) struct Put<'a> {
    pub(crate) topic: Topic,
    pub(crate) text: &'a str,
    pub(crate) subject: &'a [u8],
    pub(crate) deadline_ms: u64,
    pub(crate) language: &'a str,
}

impl Batch<'_> {
    /// How to reach the person of a leg.
    pub(crate) async fn contact(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::DraftPerson>, StoreError> {
        let bytes = self.reveal(file, &Place::of_contact(file)).await?;
        bytes
            .map(|bytes| {
                wire::DraftPerson::decode(bytes.as_slice())
                    .map_err(|_| StoreError::Corrupt("contact"))
            })
            .transpose()
    }

    /// Puts a question with a fresh code, and the notice that carries it, into the store. Returns
    /// the question's id.
    pub(crate) async fn put_question(
        &mut self,
        topic: Topic,
        files: &[&LegFile],
        text: impl Into<Spoken>,
        subject: &[u8],
        deadline_ms: u64,
    ) -> Outcome<[u8; 16]> {
        let when = When { due_ms: self.notice_due(topic.is_spread()), deadline_ms };
        self.put_with(topic.template(), topic, files, text, subject, when).await
    }

    /// The same with the template of another text than the topic's own, or for a topic that closes
    /// on a date: that date is to be found after the hour of its notice, which may be tomorrow's.
    async fn put_with(
        &mut self,
        template: &'static str,
        topic: Topic,
        files: &[&LegFile],
        spoken: impl Into<Spoken>,
        subject: &[u8],
        when: When,
    ) -> Outcome<[u8; 16]> {
        let When { due_ms, deadline_ms } = when;
        let Some(first) = files.first() else { return Ok(self.random()) };
        // V1: what can be said yes to goes to no phone that another household gave too.
        if topic != Topic::Arrival {
            self.is_own_phone(first).await?;
        }
        let contact = self.contact(first).await?.filter(|contact| !contact.phone.is_empty());
        let contact = contact.ok_or_else(unreachable_person)?;
        // The code's hours are counted from when it goes out.
        let deadline_ms =
            if topic.counts_hours() { due_ms + CODE_HOURS * HOUR_MS } else { deadline_ms };
        let spoken = spoken.into();
        let language = &spoken.tag(&contact.language);
        let put = Put { topic, text: &spoken.text, subject, deadline_ms, language };
        let id = self.store_question(&put, files).await?;
        let question = self.question(&id).await?.ok_or(StoreError::Corrupt("question"))?;
        self.send_code(files, &contact.phone, template, &question, due_ms).await?;
        Ok(id)
    }

    /// Puts a question into the store that no code opens yet.
    pub(crate) async fn store_question(
        &mut self,
        put: &Put<'_>,
        files: &[&LegFile],
    ) -> Result<[u8; 16], StoreError> {
        let id: [u8; 16] = self.random();
        let never: [u8; 32] = self.random();
        let language = if put.language.is_empty() { "zh-CN" } else { put.language };
        self.conn
            .run(
                "INSERT INTO question (question_id, kind, code_hmac, tries, text, text_digest, \
                 language, subject, asked_ms, opened_ms, deadline_ms, answered_ms, effective_ms, \
                 closed) VALUES ($1,$2,$3,0,$4,$5,$6,$7,$8,0,$9,0,0,0)",
                vec![
                    id.into(),
                    put.topic.word().into(),
                    never.into(),
                    put.text.into(),
                    Digest::of(&[put.text.as_bytes()]).to_vec().into(),
                    language.into(),
                    put.subject.into(),
                    self.now_ms.into(),
                    put.deadline_ms.into(),
                ],
            )
            .await?;
        for (at, file) in files.iter().enumerate() {
            self.add_question_leg(&id, at as u32 + 1, file.id).await?;
            self.note_asked_about(file).await?;
            if matches!(put.topic, Topic::Consent | Topic::Letter) {
                self.tell_guardian(file).await?;
            }
        }
        Ok(id)
    }

    /// One more leg that a question is about.
    pub(crate) async fn add_question_leg(
        &mut self,
        question: &[u8],
        number: u32,
        leg: LegId,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO question_leg (question_id, number, leg_id, answer) \
                 VALUES ($1,$2,$3,0)",
                vec![question.into(), number.into(), leg.to_vec().into()],
            )
            .await?;
        Ok(())
    }

    /// A question that is never sent and that no code opens: it only counts as one asked.
    pub(crate) async fn put_nothing(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let id: [u8; 16] = self.random();
        let never: [u8; 32] = self.random();
        self.conn
            .run(
                "INSERT INTO question (question_id, kind, code_hmac, tries, text, text_digest, \
                 language, subject, asked_ms, opened_ms, deadline_ms, answered_ms, effective_ms, \
                 closed) VALUES ($1,$2,$3,0,'',$4,'zh-CN',$5,$6,0,0,0,0,1)",
                vec![
                    id.into(),
                    Topic::Consent.word().into(),
                    never.into(),
                    Digest::of(&[]).to_vec().into(),
                    Vec::new().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        self.conn
            .run(
                "INSERT INTO question_leg (question_id, number, leg_id, answer) \
                 VALUES ($1,1,$2,0)",
                vec![id.into(), file.id.to_vec().into()],
            )
            .await?;
        Ok(())
    }

    /// A question by id.
    pub(crate) async fn question(&mut self, id: &[u8]) -> Result<Option<Question>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT kind, tries, text, text_digest, language, subject, opened_ms, \
                 deadline_ms, answered_ms, effective_ms, closed FROM question \
                 WHERE question_id = $1",
                vec![id.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let rows = self
            .conn
            .rows(
                "SELECT number, leg_id, answer FROM question_leg WHERE question_id = $1 \
                 ORDER BY number",
                vec![id.into()],
            )
            .await?;
        let mut legs = Vec::new();
        for row in rows {
            legs.push((row.int(0)? as u32, LegId(row.array(1)?), row.flag(2)?));
        }
        Ok(Some(Question {
            id: id.to_vec(),
            topic: Topic::from_word(&row.text(0)?)?,
            tries: row.int(1)?,
            text: row.text(2)?,
            text_digest: Digest(row.array(3)?),
            language: row.text(4)?,
            subject: row.bytes(5)?,
            opened_ms: row.uint(6)?,
            deadline_ms: row.uint(7)?,
            answered_ms: row.uint(8)?,
            effective_ms: row.uint(9)?,
            closed: row.flag(10)?,
            legs,
        }))
    }

    /// Questions about a leg that was withdrawn are over.
    pub(crate) async fn close_questions(&mut self, leg: LegId) -> Result<(), StoreError> {
        self.conn
            .run("UPDATE question_leg SET answer = 0 WHERE leg_id = $1", vec![leg.to_vec().into()])
            .await?;
        self.conn
            .run(
                "UPDATE question SET closed = 1 WHERE question_id IN (SELECT question_id FROM \
                 question_leg WHERE leg_id = $1) AND (SELECT COUNT(*) FROM question_leg o \
                 WHERE o.question_id = question.question_id) = 1",
                vec![leg.to_vec().into()],
            )
            .await?;
        Ok(())
    }

    /// What was asked about a result is over: something else about it is asked now.
    pub(crate) async fn close_complete(&mut self, leg: LegId) -> Result<(), StoreError> {
        let sql = "UPDATE question SET closed = 1 WHERE kind = 'complete' AND question_id IN \
                   (SELECT question_id FROM question_leg WHERE leg_id = $1)";
        self.conn.run(sql, vec![leg.to_vec().into()]).await.map(drop)
    }

    /// Whether the worker has acknowledged these terms for this leg, and it has taken effect.
    pub(crate) async fn has_acknowledged(
        &mut self,
        leg: LegId,
        terms: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT 1 FROM question q JOIN question_leg ql ON ql.question_id = q.question_id \
                 WHERE ql.leg_id = $1 AND ql.answer = 1 AND q.kind = 'terms' AND q.subject = $2 \
                 AND q.effective_ms > 0 AND q.effective_ms <= $3",
                vec![leg.to_vec().into(), terms.into(), self.now_ms.into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// When the worker first opened these terms; the 24 hours run from there, even before OFFER.
    pub(crate) async fn first_opened(
        &mut self,
        leg: LegId,
        terms: &[u8],
    ) -> Result<Option<u64>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT q.opened_ms FROM question q \
                 JOIN question_leg ql ON ql.question_id = q.question_id WHERE ql.leg_id = $1 \
                 AND q.subject = $2 AND q.opened_ms > 0 ORDER BY q.opened_ms LIMIT 1",
                vec![leg.to_vec().into(), terms.into()],
            )
            .await?;
        row.map(|row| row.uint(0)).transpose()
    }

    /// Until when a leg that was asked about is not to be taken for silent: two weeks from the
    /// first question, and as long as a yes waits for its morning. `None` if that is over.
    pub(crate) async fn asked_until(&mut self, leg: LegId) -> Result<Option<u64>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT q.asked_ms, q.effective_ms, ql.answer FROM question q \
                 JOIN question_leg ql ON ql.question_id = q.question_id \
                 WHERE ql.leg_id = $1 AND q.kind IN ('consent', 'letter') ORDER BY q.asked_ms",
                vec![leg.to_vec().into()],
            )
            .await?;
        let mut until = 0;
        for (at, row) in rows.iter().enumerate() {
            if at == 0 {
                until = row.uint(0)? + DRAFT_DAYS * 24 * HOUR_MS;
            }
            if row.flag(2)? && row.uint(1)? >= self.now_ms {
                until = until.max(row.uint(1)? + HOUR_MS);
            }
        }
        Ok((until > self.now_ms).then_some(until))
    }

    /// Whether the person's latest answer about sending a leg is a yes.
    pub(crate) async fn said_yes(&mut self, leg: LegId) -> Result<bool, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT ql.answer FROM question q JOIN question_leg ql \
                 ON ql.question_id = q.question_id WHERE ql.leg_id = $1 AND q.kind = 'consent' \
                 AND q.answered_ms > 0 ORDER BY q.answered_ms DESC LIMIT 1",
                vec![leg.to_vec().into()],
            )
            .await?;
        row.map_or(Ok(false), |row| row.flag(0))
    }

    /// V7: the person wants to be asked again, and has said so where no sender stands between.
    pub(crate) async fn lift_suppression(
        &mut self,
        service: Service,
        document: u32,
        number: &str,
    ) -> Result<(), StoreError> {
        let tag = self.house.keys.suppression_tag(service as u32, document, number);
        self.conn.run("DELETE FROM suppression WHERE tag = $1", vec![tag.into()]).await?;
        Ok(())
    }

    /// V7: the memory of a refusal or lapse, a keyed tag that cannot be listed.
    pub(crate) async fn suppress(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(draft) = self.draft(file).await? else { return Ok(()) };
        let Some(person) = draft.person else { return Ok(()) };
        self.conn
            .run("DELETE FROM suppression WHERE until_ms <= $1", vec![self.now_ms.into()])
            .await?;
        let tag =
            self.house.keys.suppression_tag(file.service as u32, person.document, &person.number);
        let until = self.now_ms + SILENT_DAYS * 24 * HOUR_MS;
        self.note_asked_about(file).await?;
        self.conn
            .run(
                "INSERT INTO suppression (tag, until_ms) VALUES ($1,$2) \
                 ON CONFLICT (tag) DO UPDATE SET until_ms = excluded.until_ms",
                vec![tag.into(), until.into()],
            )
            .await?;
        Ok(())
    }

    /// 09:00 of the next working day after a day, Unix milliseconds.
    pub(crate) fn nine_next_working_day(&self, after_ms: u64) -> u64 {
        let calendar = &self.house.calendar();
        let day = calendar.day_of_unix_ms(after_ms);
        let next = calendar.add_working_days(day, 1);
        next.start_unix_ms(calendar.zone_offset_min()) + 9 * HOUR_MS
    }
}

pub(crate) fn unreachable_person() -> Denied {
    Denied::new(
        "NO_CONTACT",
        "没有可用的本人联系方式，请到其他机构的窗口由本人确认。",
        "There is no way to reach the person: the person confirms at another office's window.",
    )
}

/// One answer for unknown case, unknown code, locked or expired.
pub(crate) fn wrong_code() -> Denied {
    Denied::new(
        "WRONG_CODE",
        "编号或码不对，或已失效。请核对短信；五次错误后需重新发送。",
        "The number or code is wrong or no longer good. Check the message; after five wrong tries \
         it has to be sent again.",
    )
}

/// Whether a yes to this takes effect only at 09:00 of the next working day.
pub(crate) fn is_slow(topic: Topic, service: Service) -> bool {
    match topic {
        Topic::Consent | Topic::Letter | Topic::Stopped | Topic::Redirect => {
            service == Service::Employment
        }
        Topic::Terms => true,
        Topic::Ballot
        | Topic::Complete
        | Topic::Arrival
        | Topic::Correction
        | Topic::Duplicate
        | Topic::Statement => false,
    }
}

/// Whether what was entered is about a child of the worker, or a ward.
pub(crate) fn is_for_child(draft: &wire::DraftLeg) -> bool {
    draft.relation == 3 || draft.relation == 4
}

/// Marks a leg as asked.
pub(crate) fn asked(file: &mut LegFile) {
    if file.local == Local::Draft {
        file.local = Local::Asked;
    }
}

/// The timers behind every question that can lapse.
pub(crate) const LAPSE: TimerKind = TimerKind::QuestionLapses;
