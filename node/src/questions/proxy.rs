//! A proxy whom the worker named by a code of the own: what the proxy said at a window is told to the
//! worker, who can say no before it counts.

use super::{HOUR_MS, Question, Told, Topic, Use, When, text, wrong_code};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::lookup::one_spelling;
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use crate::window::SITTING_MINUTES;
use jieli_proto::number::CitizenNumber;
use jieli_proto::wire;

/// Document kind code of a resident ID card.
const RESIDENT_ID: u32 = 1;

/// The text that tells of a proxy; its code answers the same question.
const PROXY_TOLD: &str = "proxy.tell.v1";

/// Days for which a worker names a proxy.
const NAMED_DAYS: u64 = 180;

impl Batch<'_> {
    /// Names a proxy, or ends it. A slip is printed by a desk, so its code names nobody (V1).
    pub(crate) async fn name_proxy(&mut self, asked: &wire::NameProxyRequest) -> Outcome<()> {
        let to = if asked.number.is_empty() { Use::Stop } else { Use::Answer };
        let question = self.question_by_code(&asked.case_number, &asked.code, to).await?;
        let Some((_, leg, _)) = question.legs.first() else { return Err(wrong_code().into()) };
        let Some(file) = self.take_leg(*leg).await? else { return Err(wrong_code().into()) };
        let worker = self.contact(&file).await?.ok_or_else(wrong_code)?;
        let tag = self.house.keys.blind_tag(worker.document, &worker.number);
        if asked.number.is_empty() {
            let sql = "DELETE FROM proxy_named WHERE worker = $1";
            if self.conn.run(sql, vec![tag.into()]).await? > 0 {
                self.record("proxy dismissed", &tag);
            }
            return Ok(());
        }
        // V1: by the worker alone, so not by who also has the phone, or had it before.
        self.is_own_phone(&file).await?;
        self.pin_is_settled(file.case).await?;
        if question.names_nobody() {
            return Err(wrong_code().into());
        }
        let proxy = self.tag_of_document(asked.document, &asked.number)?;
        if proxy == tag {
            return Err(Denied::new(
                "PROXY_IS_THE_PERSON",
                "这是您自己的证件号码，请填写代办人的证件号码。",
                "This is your own document: enter that of the proxy.",
            )
            .into());
        }
        let sql = "DELETE FROM proxy_named WHERE until_ms <= $1";
        self.conn.run(sql, vec![self.now_ms.into()]).await?;
        let until = self.now_ms + NAMED_DAYS * 24 * HOUR_MS;
        let sql = "INSERT INTO proxy_named (worker, proxy, until_ms) VALUES ($1,$2,$3) \
                   ON CONFLICT (worker) DO UPDATE SET proxy = excluded.proxy, \
                   until_ms = excluded.until_ms";
        self.conn.run(sql, vec![tag.into(), proxy.into(), until.into()]).await?;
        self.record("proxy named", &tag);
        Ok(())
    }

    /// The keyed tag of a document that somebody shows or names.
    pub(crate) fn tag_of_document(&self, document: u32, number: &str) -> Outcome<[u8; 32]> {
        let bad = |zh: &str, en: &str| {
            Denied::new("BAD_DOCUMENT", format!("证件号码：{zh}。"), format!("Document: {en}."))
        };
        if document == RESIDENT_ID {
            CitizenNumber::parse(number).map_err(|error| bad(error.zh(), error.en()))?;
        } else if !(2..=5).contains(&document) || number.trim().is_empty() {
            return Err(bad("证件类型或号码未填", "its kind or its number is missing").into());
        }
        Ok(self.house.keys.blind_tag(document, &one_spelling(document, number)))
    }

    /// Whether the worker named who shows this document.
    pub(crate) async fn is_named_proxy(
        &mut self,
        worker: &[u8; 32],
        proxy: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM proxy_named WHERE worker = $1 AND proxy = $2 AND until_ms > $3";
        let values = vec![worker.into(), proxy.into(), self.now_ms.into()];
        Ok(self.conn.maybe(sql, values).await?.is_some())
    }

    /// Tells the person, at the first daytime minute, what was said and where.
    pub(crate) async fn tell_of_proxy(&mut self, question: &Question, office: &str) -> Outcome<()> {
        let mut files = Vec::new();
        for (_, leg, _) in &question.legs {
            files.extend(self.take_leg(*leg).await?);
        }
        let files: Vec<&LegFile> = files.iter().collect();
        let body = text::proxy_told(&self.name_of_own_office(office), &question.text);
        // Its hours are counted from when it goes out.
        let deadline_ms = self.now_ms + SITTING_MINUTES * 60_000;
        let when = When { due_ms: self.notice_due(false), deadline_ms };
        self.put_with(PROXY_TOLD, Topic::Consent, &files, body, &question.id, when).await?;
        Ok(())
    }

    /// Whether a proxy sat at the counter when this was answered.
    pub(crate) async fn is_by_proxy(&mut self, question: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM proxy_word WHERE question_id = $1";
        Ok(self.conn.maybe(sql, vec![question.into()]).await?.is_some())
    }

    /// Whether the person was told of what a proxy said: a yes of which nobody heard counts for
    /// nothing, and one whose notice still waits for its hour counts after it.
    pub(super) async fn proxy_word_counts(&mut self, question: &Question) -> Outcome<bool> {
        match self.told_of_proxy(&question.id).await? {
            Told::HandedOver => Ok(true),
            Told::Waiting => {
                let again = self.now_ms + HOUR_MS;
                self.timer(again, TimerKind::YesTakesEffect, &question.id).await?;
                Ok(false)
            }
            Told::AtTheWindow => {
                let sql = "UPDATE question_leg SET answer = 0 WHERE question_id = $1";
                self.conn.run(sql, vec![question.id.clone().into()]).await?;
                Ok(false)
            }
        }
    }

    /// What became of telling the person.
    async fn told_of_proxy(&mut self, question: &[u8]) -> Result<Told, StoreError> {
        let sql = "SELECT n.state FROM notice n JOIN notice_road r ON r.notice_id = n.notice_id \
                   JOIN question q ON q.question_id = r.question_id \
                   WHERE q.kind = 'consent' AND q.subject = $1 LIMIT 1";
        let row = self.conn.maybe(sql, vec![question.into()]).await?;
        Ok(Told::of_state(row.map(|row| row.int(0)).transpose()?))
    }
}
