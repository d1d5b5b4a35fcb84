//! Codes: eight digits to the person's own phone. Each is good for 72 hours of answering, and for
//! stopping as long as there is anything to stop. Stored as HMACs alone.

use super::tell::Post;
use super::{CODE_HOURS, HOUR_MS, Question, TRIES_MAX, Topic, Use, text, wrong_code};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Outcome, Trouble};
use crate::world::Params;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::wire::Service;
use subtle::ConstantTimeEq;

/// Notices with a code that one question sends at most.
const CODES_MAX: usize = 2;

/// A code as stored.
struct Stored {
    hmac: Vec<u8>,
    until_ms: u64,
}

impl Batch<'_> {
    /// Sends a fresh code for a question. The codes before it still stop.
    pub(super) async fn send_code(
        &mut self,
        files: &[&LegFile],
        phone: &str,
        template: &'static str,
        question: &Question,
        due_ms: u64,
    ) -> Result<(), StoreError> {
        let Some(first) = files.first() else { return Ok(()) };
        let (id, deadline_ms) = (question.id.as_slice(), question.deadline_ms);
        let code = self.fresh_code();
        let hmac = self.code_hmac(id, &question.text_digest, &code);
        // Its hours are counted from when it goes out: now as planned, anew when it is handed over.
        let until_ms = deadline_ms.min(due_ms + CODE_HOURS * HOUR_MS);
        self.conn
            .run(
                "INSERT INTO question_code (code_hmac, question_id, until_ms) VALUES ($1,$2,$3)",
                vec![hmac.into(), id.into(), until_ms.into()],
            )
            .await?;
        if until_ms < deadline_ms {
            self.timer(until_ms, TimerKind::RenewCode, id).await?;
        }
        let case = crate::store::legs::case_by_id(self.conn, first.case).await?;
        let number = case.map_or(String::new(), |case| case.number);
        let body = text::notice(&self.directory.name, &number, &code, &question.text);
        let services: Vec<Service> = files.iter().map(|file| file.service).collect();
        let about = text::about(&services);
        let params = Params { case: number, code, about };
        let post = Post { to: phone, template, params, text: body, question: id, code_hmac: &hmac };
        self.queue_notice(first, post, due_ms).await
    }

    /// The hours of a code begin when it leaves, not while it waited for its hour.
    pub(super) async fn code_starts(
        &mut self,
        question: &[u8],
        code_hmac: &[u8],
    ) -> Result<(), StoreError> {
        let Some(asked) = self.question(question).await? else { return Ok(()) };
        if asked.answered_ms > 0 {
            return Ok(());
        }
        let hours_over = self.now_ms + CODE_HOURS * HOUR_MS;
        let deadline_ms = if asked.topic.counts_hours() { hours_over } else { asked.deadline_ms };
        let until_ms = deadline_ms.min(hours_over);
        self.conn
            .run(
                "UPDATE question SET deadline_ms = $2 WHERE question_id = $1",
                vec![question.into(), deadline_ms.into()],
            )
            .await?;
        self.conn
            .run(
                "UPDATE question_code SET until_ms = $2 WHERE code_hmac = $1",
                vec![code_hmac.into(), until_ms.into()],
            )
            .await?;
        if until_ms < deadline_ms {
            self.timer(until_ms, TimerKind::RenewCode, question).await?;
        }
        Ok(())
    }

    /// A question outlives its code: whoever has not answered gets another one, once.
    pub(crate) async fn renew_code(&mut self, id: &[u8]) -> Outcome<()> {
        let Some(question) = self.question(id).await? else { return Ok(()) };
        let is_over = question.closed
            || question.answered_ms > 0
            || self.now_ms >= question.deadline_ms
            || question.topic.counts_hours();
        let codes = self.codes_of(id).await?;
        // One that left later than it was planned to is good for longer, and has a timer of its own.
        let still_good = codes.iter().any(|code| self.now_ms < code.until_ms);
        if is_over || still_good || codes.len() >= CODES_MAX {
            return Ok(());
        }
        let Some((_, leg, _)) = question.legs.first() else { return Ok(()) };
        let Some(file) = self.take_leg(*leg).await? else { return Ok(()) };
        let file = question.topic.view(file);
        if file.is_stopped() || file.law.is_closed() {
            return Ok(());
        }
        let Some(contact) = self.contact(&file).await? else { return Ok(()) };
        // Without a phone of one's own there is the window.
        self.is_own_phone(&file).await?;
        let (template, due_ms) =
            (question.topic.template(), self.notice_due(question.topic.is_spread()));
        Ok(self.send_code(&[&file], &contact.phone, template, &question, due_ms).await?)
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
            for stored in self.codes_of(&question.id).await? {
                let right = bool::from(hmac.as_slice().ct_eq(stored.hmac.as_slice()));
                let unlocked = question.tries < TRIES_MAX;
                let good = match to {
                    Use::Answer => unlocked && self.now_ms < stored.until_ms,
                    Use::Read => unlocked,
                    // Neither guesses nor age lock a code against stopping (V6).
                    Use::Stop => true,
                };
                if right && good {
                    return Ok(question.clone());
                }
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
        // The count must survive, so the writer commits what this denial leaves.
        Err(Trouble::Denied(wrong_code()))
    }

    /// A question about a leg that can still be answered, if there is one.
    pub(crate) async fn open_question_about(
        &mut self,
        leg: LegId,
        topic: Topic,
        subject: &[u8],
    ) -> Result<Option<Question>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT q.question_id FROM question q \
                 JOIN question_leg ql ON ql.question_id = q.question_id WHERE ql.leg_id = $1 \
                 AND q.kind = $2 AND q.subject = $3 AND q.closed = 0 AND q.deadline_ms > $4 \
                 ORDER BY q.asked_ms DESC LIMIT 1",
                vec![leg.to_vec().into(), topic.word().into(), subject.into(), self.now_ms.into()],
            )
            .await?;
        match row {
            Some(row) => self.question(&row.bytes(0)?).await,
            None => Ok(None),
        }
    }

    async fn codes_of(&mut self, question: &[u8]) -> Result<Vec<Stored>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT code_hmac, until_ms FROM question_code WHERE question_id = $1",
                vec![question.into()],
            )
            .await?;
        rows.iter().map(|row| Ok(Stored { hmac: row.bytes(0)?, until_ms: row.uint(1)? })).collect()
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

    /// Eight digits, without the small bias of a plain remainder.
    pub(crate) fn fresh_code(&self) -> String {
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
}
