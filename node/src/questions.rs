//! Questions to a person, over a channel that no clerk holds.
//!
//! A question goes to the person's own phone with a code; only who has the code can answer. What
//! is refused, not answered or not yet answered looks the same to every desk.

use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use crate::vault::{CONTACT, Place};
use crate::world::Params;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::wire::{self, Service};
use prost::Message as _;
use subtle::ConstantTimeEq;

mod answer;
mod ask;
mod status;
mod tell;
mod text;

pub use status::Look;
pub(crate) use tell::{ARRIVAL_STATE, Letter, Told};

/// Hours a code is good for.
pub const CODE_HOURS: u64 = 72;
/// Wrong codes after which a question is locked.
pub const TRIES_MAX: i64 = 5;
/// Hours between the first opening of job terms and their acknowledgement.
pub const TERMS_HOURS: u64 = 24;
/// Days after which a draft that nobody confirmed is erased.
pub const DRAFT_DAYS: u64 = 14;

const HOUR_MS: u64 = 3_600_000;

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
}

impl Topic {
    const ALL: [Topic; 5] =
        [Topic::Consent, Topic::Terms, Topic::Ballot, Topic::Complete, Topic::Arrival];

    fn word(self) -> &'static str {
        match self {
            Topic::Consent => "consent",
            Topic::Terms => "terms",
            Topic::Ballot => "ballot",
            Topic::Complete => "complete",
            Topic::Arrival => "arrival",
        }
    }

    /// Whether its code is good for [`CODE_HOURS`]; else until a date that the law gives.
    fn counts_hours(self) -> bool {
        match self {
            Topic::Consent | Topic::Complete | Topic::Arrival => true,
            Topic::Terms | Topic::Ballot => false,
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
    /// To read the question or to answer it.
    Answer,
    /// To stop.
    Stop,
}

/// A question as stored.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: Vec<u8>,
    pub(crate) topic: Topic,
    pub(crate) hmac: Vec<u8>,
    pub(crate) tries: i64,
    pub(crate) text: String,
    pub(crate) text_digest: Digest,
    pub(crate) language: String,
    pub(crate) subject: Vec<u8>,
    pub(crate) opened_ms: u64,
    pub(crate) deadline_ms: u64,
    pub(crate) effective_ms: u64,
    pub(crate) closed: bool,
    /// Number, leg, and whether the answer is yes.
    pub(crate) legs: Vec<(u32, LegId, bool)>,
}

impl Batch<'_> {
    /// How to reach the person of a leg.
    pub(crate) async fn contact(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::DraftPerson>, StoreError> {
        let bytes = self.reveal(file, &Place::of_leg(file.id, CONTACT)).await?;
        bytes
            .map(|bytes| {
                wire::DraftPerson::decode(bytes.as_slice())
                    .map_err(|_| StoreError::Corrupt("contact"))
            })
            .transpose()
    }

    /// Puts a question with a fresh code, and the notice that carries it, into the store.
    pub(crate) async fn put_question(
        &mut self,
        topic: Topic,
        files: &[&LegFile],
        text: String,
        subject: &[u8],
        deadline_ms: u64,
    ) -> Outcome<()> {
        let Some(first) = files.first() else { return Ok(()) };
        let contact = self.contact(first).await?.ok_or_else(unreachable_person)?;
        let due_ms = self.notice_due(topic);
        // The code's hours are counted from when it goes out.
        let deadline_ms =
            if topic.counts_hours() { due_ms + CODE_HOURS * HOUR_MS } else { deadline_ms };
        let id: [u8; 16] = self.random();
        let code = self.fresh_code();
        let text_digest = Digest::of(&[text.as_bytes()]);
        let hmac = self.code_hmac(&id, &text_digest, &code);
        let language = if contact.language.is_empty() { "zh-CN" } else { &contact.language };
        self.conn
            .run(
                "INSERT INTO question (question_id, kind, code_hmac, tries, text, text_digest, \
                 language, subject, asked_ms, opened_ms, deadline_ms, answered_ms, effective_ms, \
                 closed) VALUES ($1,$2,$3,0,$4,$5,$6,$7,$8,0,$9,0,0,0)",
                vec![
                    id.into(),
                    topic.word().into(),
                    hmac.into(),
                    text.as_str().into(),
                    text_digest.to_vec().into(),
                    language.into(),
                    subject.into(),
                    self.now_ms.into(),
                    deadline_ms.into(),
                ],
            )
            .await?;
        for (at, file) in files.iter().enumerate() {
            self.conn
                .run(
                    "INSERT INTO question_leg (question_id, number, leg_id, answer) \
                     VALUES ($1,$2,$3,0)",
                    vec![id.into(), (at as u32 + 1).into(), file.id.to_vec().into()],
                )
                .await?;
        }
        let case = crate::store::legs::case_by_id(self.conn, first.case).await?;
        let number = case.map_or(String::new(), |case| case.number);
        let body = text::notice(&self.directory.name, &number, &code, &text);
        let services: Vec<Service> = files.iter().map(|file| file.service).collect();
        let params = Params { case: number, code, about: text::about(&services) };
        let letter = (contact.phone.as_str(), topic, params, body);
        self.queue_notice(first, letter, &id, due_ms).await?;
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

    /// Eight digits, without the small bias of a plain remainder.
    fn fresh_code(&self) -> String {
        loop {
            let draw = u32::from_be_bytes(self.random());
            if draw < 4_200_000_000 {
                return format!("{:08}", draw % 100_000_000);
            }
        }
    }

    /// Bound to the question and to the text it was asked with.
    fn code_hmac(&self, id: &[u8], text: &Digest, code: &str) -> [u8; 32] {
        self.house.keys.code_hmac(&format!("{}:{text}:{code}", hex::encode(id)))
    }

    /// The question that a code opens. A wrong code counts against every question of the case.
    pub(crate) async fn question_by_code(
        &mut self,
        case_number: &str,
        code: &str,
        to: Use,
    ) -> Outcome<Question> {
        if !case_number.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(wrong_code().into());
        }
        let all = self.questions_of(case_number).await?;
        let code: String =
            code.chars().map(jieli_proto::number::fold_char).filter(char::is_ascii_digit).collect();
        for question in &all {
            let hmac = self.code_hmac(&question.id, &question.text_digest, &code);
            let right = bool::from(hmac.as_slice().ct_eq(question.hmac.as_slice()));
            // Guesses lock a code against answering; stopping always works (V6).
            if right && (to == Use::Stop || question.tries < TRIES_MAX) {
                return Ok(question.clone());
            }
        }
        // The closed ones too: their codes still stop a leg, and must not be guessed at leisure.
        for id in all.into_iter().map(|question| question.id) {
            self.conn
                .run(
                    "UPDATE question SET tries = tries + 1 WHERE question_id = $1",
                    vec![id.into()],
                )
                .await?;
        }
        // The count must survive, so this is told to the caller as an answer and not as a denial.
        Err(wrong_code().into())
    }

    async fn questions_of(&mut self, case_number: &str) -> Result<Vec<Question>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT DISTINCT q.question_id, q.asked_ms FROM question q \
                 JOIN question_leg ql ON ql.question_id = q.question_id \
                 JOIN leg l ON l.leg_id = ql.leg_id JOIN case_file c ON c.case_id = l.case_id \
                 WHERE c.number = $1 ORDER BY q.asked_ms DESC",
                vec![case_number.trim().into()],
            )
            .await?;
        let mut all = Vec::new();
        for row in rows {
            if let Some(question) = self.question(&row.bytes(0)?).await? {
                all.push(question);
            }
        }
        Ok(all)
    }

    /// A question by id.
    pub(crate) async fn question(&mut self, id: &[u8]) -> Result<Option<Question>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT kind, code_hmac, tries, text, text_digest, language, subject, opened_ms, \
                 deadline_ms, effective_ms, closed FROM question \
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
            hmac: row.bytes(1)?,
            tries: row.int(2)?,
            text: row.text(3)?,
            text_digest: Digest(row.array(4)?),
            language: row.text(5)?,
            subject: row.bytes(6)?,
            opened_ms: row.uint(7)?,
            deadline_ms: row.uint(8)?,
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
                 WHERE ql.leg_id = $1 AND q.kind = 'consent' ORDER BY q.asked_ms",
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

    /// V7: the memory of a refusal or lapse, a keyed tag that cannot be listed.
    pub(crate) async fn suppress(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(draft) = self.draft(file).await? else { return Ok(()) };
        let Some(person) = draft.person else { return Ok(()) };
        self.conn
            .run("DELETE FROM suppression WHERE until_ms <= $1", vec![self.now_ms.into()])
            .await?;
        let tag =
            self.house.keys.suppression_tag(file.service as u32, person.document, &person.number);
        let until = self.now_ms + 90 * 24 * HOUR_MS;
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
        let calendar = &self.house.calendar;
        let day = calendar.day_of_unix_ms(after_ms);
        let next = calendar.add_working_days(day, 1);
        next.start_unix_ms(calendar.zone_offset_min()) + 9 * HOUR_MS
    }
}

fn unreachable_person() -> Denied {
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
        Topic::Consent => service == Service::Employment,
        Topic::Terms => true,
        Topic::Ballot | Topic::Complete | Topic::Arrival => false,
    }
}

/// Marks a leg as asked.
pub(crate) fn asked(file: &mut LegFile) {
    if file.local == Local::Draft {
        file.local = Local::Asked;
    }
}

/// The timers behind every question that can lapse.
pub(crate) const LAPSE: TimerKind = TimerKind::QuestionLapses;
