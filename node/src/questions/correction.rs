//! Correcting who a person is: the clerk enters it, the person is shown old and new and says yes over
//! the own channel, and only then is it said. No, silence and not yet answered change nothing and
//! look the same.

use super::{
    CODE_HOURS, DRAFT_DAYS, HOUR_MS, OLD_PHONE, Put, Question, SILENT_DAYS, Topic, When, text,
};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::speak::Speech;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::{self, Place};
use jieli_proto::id::Digest;
use jieli_proto::section::{PERSON, PERSON_NAME, PERSON_NUMBER, PERSON_PHONE, SectionKind, Value};
use jieli_proto::wire::{self, MessageType};
use jieli_proto::words;
use prost::Message as _;

/// Slot of what the person is asked to confirm.
const CORRECTION: u8 = 250;
/// The guardian's name and phone, which stand beside the person as entered.
const GUARDIAN: [u32; 2] = [7, 8];
/// How often a person is asked to correct something of one leg, in [`SILENT_DAYS`].
const ASKED_MAX: i64 = 2;

impl Batch<'_> {
    /// Whether the person may be asked to confirm a correction now.
    pub(crate) async fn may_ask_correction(&mut self, file: &LegFile) -> Outcome<()> {
        let since = self.now_ms.saturating_sub(SILENT_DAYS * 24 * HOUR_MS);
        let row = self
            .conn
            .one(
                "SELECT CAST(COUNT(*) AS BIGINT), \
                 CAST(COALESCE(SUM(CASE WHEN q.closed = 0 AND q.deadline_ms > $3 AND NOT EXISTS \
                 (SELECT 1 FROM question_leg o WHERE o.question_id = q.question_id AND \
                 o.answer = 1) THEN 1 ELSE 0 END), 0) AS BIGINT) \
                 FROM question q JOIN question_leg ql ON ql.question_id = q.question_id \
                 WHERE ql.leg_id = $1 AND q.kind = 'correction' AND q.asked_ms > $2",
                vec![file.id.to_vec().into(), since.into(), self.now_ms.into()],
            )
            .await?;
        if row.int(1)? > 0 {
            return Err(Denied::new(
                "CORRECTION_ASKED",
                "更正正在等待本人确认，答复之前不能再提出一个。",
                "A correction waits for the person already: no second one before it is over.",
            )
            .into());
        }
        if row.int(0)? >= ASKED_MAX {
            return Err(Denied::new(
                "ASKED_TWICE",
                "同一事项 90 天内最多请本人确认两次更正。",
                "A person is asked to confirm corrections of one item twice in 90 days at most.",
            )
            .into());
        }
        Ok(())
    }

    /// A new phone that another household gave too would answer for neither.
    pub(crate) async fn phone_is_free(
        &mut self,
        file: &LegFile,
        fields: &[wire::DraftField],
    ) -> Outcome<()> {
        let Some(phone) = text_of(fields, PERSON_PHONE) else { return Ok(()) };
        let contact = self.contact(file).await?.unwrap_or_default();
        let named = wire::DraftPerson { phone: phone.to_owned(), ..contact };
        if self.is_phone_of_another(&named).await? {
            return Err(Denied::new(
                "PHONE_TAKEN",
                "这个手机号已登记给另一户，不能登记为本人的号码。",
                "This phone is given for another household: it cannot be this person's too.",
            )
            .into());
        }
        Ok(())
    }

    /// Asks the person, at the number known until now, or at a window where there is none.
    pub(crate) async fn ask_correction(
        &mut self,
        file: &LegFile,
        fields: &[wire::DraftField],
    ) -> Outcome<()> {
        let shown = self.old_and_new(file, fields).await?;
        let salt: [u8; 16] = self.random();
        let check = Digest::of(&[&salt, shown.as_bytes()]);
        let held = wire::HeldCorrection { fields: fields.to_vec(), shown, salt: salt.to_vec() };
        let place = Place::of_leg(file.id, CORRECTION);
        self.hide(file, &place, &held.encode_to_vec()).await?;
        let reached = self.is_reached(file).await?;
        let calendar = &self.house.calendar();
        let due_ms = self.notice_due(Topic::Correction.is_spread());
        let hours = if reached { CODE_HOURS } else { DRAFT_DAYS * 24 };
        let last = calendar.day_of_unix_ms(due_ms + hours * HOUR_MS);
        let deadline_ms = last.plus(1).start_unix_ms(calendar.zone_offset_min());
        let kinds: Vec<words::Word> = fields.iter().filter_map(|f| name_of(f.field)).collect();
        // What is stored in the clear names the fields alone; its check value stands for the words.
        let body = text::correction(file.service, &kinds, &check.hex()[..16], last);
        let topic = Topic::Correction;
        if reached {
            let when = When { due_ms, deadline_ms };
            self.put_with(topic.template(), topic, &[file], body, &check.0, when).await?;
        } else {
            let put = Put { topic, text: &body, subject: &check.0, deadline_ms, language: "" };
            self.store_question(&put, &[file]).await?;
        }
        self.lapse_timer(file, deadline_ms).await
    }

    /// Old and new, as the person reads them.
    async fn old_and_new(
        &mut self,
        file: &LegFile,
        fields: &[wire::DraftField],
    ) -> Result<String, StoreError> {
        let draft = self.draft(file).await?.unwrap_or_default();
        let mut known = draft
            .person
            .as_ref()
            .map_or(Vec::new(), |person| crate::follow::person_values(person, draft.relation));
        // The guardian is entered by a correction and nowhere else.
        known.extend(crate::follow::field_values(&draft.fields, PERSON));
        let mut lines = Vec::new();
        for field in fields {
            let Some(name) = name_of(field.field) else { continue };
            let old = known.iter().find(|(number, _)| *number == field.field);
            let text = |value: Option<&Value>| match value {
                Some(Value::Text(text)) => text.clone(),
                Some(Value::Number(_) | Value::Flag(_)) | None => "-".to_owned(),
            };
            let new = match &field.value {
                Some(wire::draft_field::Value::Text(text)) => text.as_str(),
                Some(wire::draft_field::Value::Number(_) | wire::draft_field::Value::Flag(_))
                | None => "-",
            };
            let old = text(old.map(|(_, value)| value));
            lines.push(format!("{} {}: {old} → {new}", name.zh, name.en));
        }
        Ok(lines.join("\n"))
    }

    /// The words with old and new that belong to a question, for whoever was found to be the person.
    pub(crate) async fn shown_correction(
        &mut self,
        question: &Question,
    ) -> Result<String, StoreError> {
        let Some((_, leg, _)) = question.legs.first() else { return Ok(String::new()) };
        let Some(file) = self.take_leg(*leg).await? else { return Ok(String::new()) };
        Ok(self.held_correction(&file, question).await?.map_or(String::new(), |held| held.shown))
    }

    async fn held_correction(
        &mut self,
        file: &LegFile,
        question: &Question,
    ) -> Result<Option<wire::HeldCorrection>, StoreError> {
        let place = Place::of_leg(file.id, CORRECTION);
        let Some(bytes) = self.reveal(file, &place).await? else { return Ok(None) };
        let held = wire::HeldCorrection::decode(bytes.as_slice())
            .map_err(|_| StoreError::Corrupt("correction"))?;
        let check = Digest::of(&[&held.salt, held.shown.as_bytes()]);
        Ok(Some(held).filter(|_| check.0[..] == question.subject))
    }

    /// The question about a correction of a leg, as long as it can be answered.
    pub(crate) async fn correction_question(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<Question>, StoreError> {
        let sql = "SELECT q.question_id FROM question q JOIN question_leg ql \
                   ON ql.question_id = q.question_id WHERE ql.leg_id = $1 AND q.closed = 0 \
                   AND q.kind = 'correction' AND q.deadline_ms > $2 ORDER BY q.asked_ms DESC LIMIT 1";
        let vals = vec![file.id.to_vec().into(), self.now_ms.into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(None) };
        let question = self.question(&row.bytes(0)?).await?;
        let Some(question) = question else { return Ok(None) };
        Ok(self.held_correction(file, &question).await?.map(|_| question))
    }

    /// The person said yes: CORRECT goes out under a consent of its own.
    pub(super) async fn corrected(
        &mut self,
        question: &Question,
        file: &mut LegFile,
    ) -> Outcome<()> {
        let Some(held) = self.held_correction(file, question).await? else { return Ok(()) };
        let done = self.say_correction(question, file, &held.fields).await;
        match done {
            // A yes is answered like a no, whatever became of the leg meanwhile.
            Err(Trouble::Denied(denied)) => {
                tracing::warn!(code = denied.code, "a confirmed correction could not be sent");
            }
            Err(Trouble::Store(error)) => return Err(error.into()),
            Ok(()) => self.person_is_now(file, &held.fields).await?,
        }
        Ok(self.drop_correction(file).await?)
    }

    async fn say_correction(
        &mut self,
        question: &Question,
        file: &mut LegFile,
        fields: &[wire::DraftField],
    ) -> Outcome<()> {
        let mut speech: Speech = self.correction_of_person(file, fields).await?;
        self.prepare(file, &speech).await?;
        speech.consent = Some(self.sign_consent(question, file).await?);
        self.say(file, speech).await.map(drop)
    }

    /// A question has lapsed: what waits for another one stays.
    pub(super) async fn correction_lapses(
        &mut self,
        question: &Question,
        file: &LegFile,
    ) -> Result<(), StoreError> {
        match self.held_correction(file, question).await? {
            Some(_) => self.drop_correction(file).await,
            None => Ok(()),
        }
    }

    /// What waited is gone: confirmed, or not confirmed in time.
    async fn drop_correction(&mut self, file: &LegFile) -> Result<(), StoreError> {
        self.unhide(file.id, CORRECTION).await
    }

    /// What was entered here, and how to reach the person, follow what the person confirmed.
    async fn person_is_now(
        &mut self,
        file: &LegFile,
        fields: &[wire::DraftField],
    ) -> Result<(), StoreError> {
        let Some(mut draft) = self.draft(file).await? else { return Ok(()) };
        let Some(person) = draft.person.as_mut() else { return Ok(()) };
        amend(person, fields);
        let now = person.clone();
        for field in fields.iter().filter(|field| GUARDIAN.contains(&field.field)) {
            draft.fields.retain(|old| (old.section, old.field) != (field.section, field.field));
            draft.fields.extend(field.value.is_some().then(|| field.clone()));
        }
        self.hide(file, &Place::of_leg(file.id, vault::DRAFT), &draft.encode_to_vec()).await?;
        self.names_now(file, &now).await?;
        // Whom the legs of the case reach: a correction in another leg may have changed that before.
        let before = self.contact(file).await?.unwrap_or_default();
        let mut all = Vec::new();
        for leg in store::legs::legs_of(self.conn, file.case).await? {
            all.extend(self.take_leg(leg).await?);
        }
        for other in all {
            let Some(mut contact) = self.contact(&other).await? else { continue };
            let same = contact.document == before.document && contact.number == before.number;
            if !same && other.id != file.id {
                continue;
            }
            amend(&mut contact, fields);
            let place = Place::of_leg(other.id, vault::CONTACT);
            self.hide(&other, &place, &contact.encode_to_vec()).await?;
            self.index_phone(&other, &contact).await?;
        }
        Ok(())
    }

    /// A CORRECT of the person block has come: the old number is told, then the new one counts.
    pub(crate) async fn person_corrected(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(entry) = file.latest(MessageType::Correct) else { return Ok(()) };
        let is_person = entry.message.as_ref().is_some_and(|message| {
            matches!(&message.body, Some(wire::message::Body::Correct(body))
                if body.section == u32::from(PERSON))
        });
        let Some(now) = self.released_person(file).await?.filter(|_| is_person) else {
            return Ok(());
        };
        self.names_now(file, &now).await?;
        let before = self.contact(file).await?.unwrap_or_default();
        if before.phone != now.phone && !before.phone.is_empty() && self.stands.is_none() {
            self.tell_phone_changed(file).await?;
        }
        if !before.phone.is_empty() || !now.phone.is_empty() {
            self.hide(file, &Place::of_contact(file), &now.encode_to_vec()).await?;
        }
        Ok(())
    }

    /// To the number from before, whoever has it now: its code stops and names nobody.
    async fn tell_phone_changed(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let from = if file.is_local() { self.office_name(file) } else { self.other_city(file) };
        let body = text::phone_changed(&from, file.service);
        let due_ms = self.notice_due(Topic::Arrival.is_spread());
        let when = When { due_ms, deadline_ms: due_ms + CODE_HOURS * HOUR_MS };
        match self.put_with(PHONE_CHANGED, Topic::Arrival, &[file], body, OLD_PHONE, when).await {
            Ok(_) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// Which document a leg names from now on.
    async fn names_now(
        &mut self,
        file: &LegFile,
        person: &wire::DraftPerson,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM blind_index WHERE leg_id = $1";
        self.conn.run(sql, vec![file.id.to_vec().into()]).await?;
        self.index_person(file.id, &crate::follow::person_values(person, 1)).await
    }
}

/// The text that tells the old number of a new one.
const PHONE_CHANGED: &str = "phone.tell.v1";

/// Changes a person as fields say.
pub(crate) fn amend(person: &mut wire::DraftPerson, fields: &[wire::DraftField]) {
    for field in fields.iter().filter(|field| field.section == u32::from(PERSON)) {
        let text = match &field.value {
            Some(wire::draft_field::Value::Text(text)) => text.clone(),
            Some(wire::draft_field::Value::Number(_) | wire::draft_field::Value::Flag(_))
            | None => String::new(),
        };
        match field.field {
            PERSON_NAME => person.name = text,
            PERSON_NUMBER => person.number = text,
            PERSON_PHONE => person.phone = text,
            _ => {}
        }
    }
}

/// The text given for a field of the person block.
pub(crate) fn text_of(fields: &[wire::DraftField], number: u32) -> Option<&str> {
    let found =
        fields.iter().find(|field| field.section == u32::from(PERSON) && field.field == number)?;
    match &found.value {
        Some(wire::draft_field::Value::Text(text)) => Some(text),
        Some(wire::draft_field::Value::Number(_) | wire::draft_field::Value::Flag(_)) | None => {
            None
        }
    }
}

fn name_of(field: u32) -> Option<words::Word> {
    let found = SectionKind::of(u32::from(PERSON))?.field(field)?;
    Some(words::Word { zh: found.zh, en: found.en })
}
