//! What was stopped can be opened again, by the person alone: "not me" after a stop at a desk, and
//! wanting to be asked again.

use super::{CODE_HOURS, DRAFT_DAYS, HOUR_MS, Question, SILENT_DAYS, Topic, Use, text, wrong_code};
use crate::batch::Batch;
use crate::keyring::Scope;
use crate::legs::{LegFile, Local};
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Outcome, Trouble};
use crate::vault::{CONTACT, DRAFT, Place};
use jieli_proto::case::{Leg, Side};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::tombstone::Reason;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};
use prost::Message as _;
use subtle::ConstantTimeEq;

impl Batch<'_> {
    /// V6: tells the person that a leg was stopped, with a code that says "not me". Whether it
    /// could be told: then draft and phone number are kept as long as the code is good.
    pub(crate) async fn tell_stopped(&mut self, file: &LegFile, at: &str) -> Outcome<bool> {
        if file.our_side != Side::Initiator || self.draft(file).await?.is_none() {
            return Ok(false);
        }
        let sent = file.local == Local::OnTheRoad && file.law.exists();
        let office = self.office_name(file);
        let body = text::stopped(file.service, at, &office, sent);
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        match self.put_question(Topic::Stopped, &[file], body, &[], deadline).await {
            Ok(_) => {}
            Err(Trouble::Denied(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.timer(deadline, TimerKind::EraseDraft, &file.id.0).await?;
        Ok(true)
    }

    /// "I did not stop this": a leg that takes the place of the stopped one and keeps its filing
    /// date. The text of the notice said that the code is a yes to the same office and purpose.
    pub(crate) async fn not_me(&mut self, case_number: &str, code: &str) -> Outcome<()> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        if question.topic != Topic::Stopped || self.now_ms >= question.deadline_ms {
            return Err(wrong_code().into());
        }
        if question.answered_ms > 0 {
            return Ok(());
        }
        let Some((_, stopped, _)) = question.legs.first().cloned() else { return Ok(()) };
        let Some(old) = self.take_leg(stopped).await? else { return Ok(()) };
        // It is a yes to the same office: after a PIN was replaced it waits like any other.
        self.pin_is_settled(old.case).await?;
        let Some(draft) = self.draft(&old).await? else { return Err(wrong_code().into()) };
        let Some(contact) = self.contact(&old).await? else { return Err(wrong_code().into()) };
        if let Some(person) = &draft.person {
            self.lift_suppression(old.service, person.document, &person.number).await?;
        }
        let sent = old.local == Local::OnTheRoad && old.law.exists();
        let file = self.supersede(&old, &draft, &contact, sent).await?;
        self.erase(old.id, Scope::All, Reason::Withdrawn).await?;
        self.answered_not_me(&question, &file, sent).await
    }

    async fn answered_not_me(
        &mut self,
        question: &Question,
        file: &LegFile,
        sent: bool,
    ) -> Outcome<()> {
        let slow = sent && super::is_slow(Topic::Stopped, file.service);
        let effective = if slow { self.nine_next_working_day(self.now_ms) } else { 0 };
        self.conn
            .run(
                "UPDATE question SET answered_ms = $2, effective_ms = $3 WHERE question_id = $1",
                vec![question.id.clone().into(), self.now_ms.into(), effective.into()],
            )
            .await?;
        if !sent {
            return Ok(());
        }
        self.add_question_leg(&question.id, 2, file.id).await?;
        self.note_asked_about(file).await?;
        self.conn
            .run(
                "UPDATE question_leg SET answer = 1 WHERE question_id = $1 AND leg_id = $2",
                vec![question.id.clone().into(), file.id.to_vec().into()],
            )
            .await?;
        let when = effective.max(self.now_ms);
        Ok(self.timer(when, TimerKind::YesTakesEffect, &question.id).await?)
    }

    /// The new leg: a draft that says the same of the same person.
    pub(crate) async fn supersede(
        &mut self,
        old: &LegFile,
        draft: &wire::DraftLeg,
        contact: &wire::DraftPerson,
        sent: bool,
    ) -> Outcome<LegFile> {
        let mut number = 0;
        for leg in store::legs::legs_of(self.conn, old.case).await? {
            number = number.max(self.take_leg(leg).await?.map_or(0, |file| file.number));
        }
        let file = LegFile {
            id: LegId(self.random()),
            number: number + 1,
            local: if sent { Local::Asked } else { Local::Draft },
            law: Leg::new(LegFile::rules(old.service)),
            entries: Vec::new(),
            stop_refused: false,
            ..old.clone()
        };
        store::legs::insert(self.conn, &file).await?;
        self.hide(&file, &Place::of_leg(file.id, DRAFT), &draft.encode_to_vec()).await?;
        self.hide(&file, &Place::of_leg(file.id, CONTACT), &contact.encode_to_vec()).await?;
        if let Some(person) = &draft.person {
            let values = crate::follow::person_values(person, draft.relation);
            self.index_person(file.id, &values).await?;
        }
        self.index_phone(&file, contact).await?;
        let when = self.now_ms + DRAFT_DAYS * 24 * HOUR_MS;
        self.timer(when, TimerKind::EraseDraft, &file.id.0).await?;
        if let Some(filed_on) = filed_on(old) {
            self.conn
                .run(
                    "INSERT INTO superseding (leg_id, supersedes, filed_on, to_office) \
                     VALUES ($1,$2,$3,$4)",
                    vec![
                        file.id.to_vec().into(),
                        old.id.to_vec().into(),
                        filed_on.number().into(),
                        old.their_office.as_str().into(),
                    ],
                )
                .await?;
        }
        self.put_leg(file.clone());
        Ok(file)
    }

    /// The office that a leg goes to which takes another one's place.
    pub(super) async fn heir_office(&mut self, leg: LegId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT to_office FROM superseding WHERE leg_id = $1 AND to_office <> ''";
        let row = self.conn.maybe(sql, vec![leg.to_vec().into()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// What OFFER or REQUEST says of the filing date: today's, or that of the leg it supersedes.
    pub(super) async fn opening_of(
        &mut self,
        leg: LegId,
        item_code: u32,
    ) -> Result<wire::Opening, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT supersedes, filed_on FROM superseding WHERE leg_id = $1",
                vec![leg.to_vec().into()],
            )
            .await?;
        let (supersedes, filed_on) = match row {
            Some(row) => (row.bytes(0)?, row.int(1)? as u32),
            None => (Vec::new(), self.today.number()),
        };
        Ok(wire::Opening { filed_on, supersedes, item_code })
    }

    /// The person wants to be asked again: with a code of the case, and with the document that
    /// the node no longer knows: that of the person whom the leg is about, so that nobody opens
    /// what another person closed. The reply is the same whether anything was kept in mind or not.
    pub(crate) async fn reopen(&mut self, asked: &wire::ReopenRequest) -> Outcome<()> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Answer).await?;
        let named = question.legs.iter().find(|(number, _, _)| *number == asked.leg);
        let Some((_, leg, _)) = named else { return Ok(()) };
        let Some(file) = self.take_leg(*leg).await? else { return Ok(()) };
        let number = jieli_proto::number::CitizenNumber::parse(&asked.number);
        let number = number.map_or(asked.number.trim().to_owned(), |n| n.as_str().to_owned());
        let typed = self.asked_about_tag(file.id, asked.document, &number);
        let row = self
            .conn
            .maybe("SELECT tag FROM asked_about WHERE leg_id = $1", vec![file.id.to_vec().into()])
            .await?;
        let Some(row) = row else { return Ok(()) };
        if bool::from(typed.as_slice().ct_eq(row.bytes(0)?.as_slice())) {
            self.lift_suppression(file.service, asked.document, &number).await?;
        }
        Ok(())
    }

    /// Remembers whom a leg is about, for [`Batch::reopen`], as long as the memory of a no lives.
    pub(super) async fn note_asked_about(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let person = self.draft(file).await?.and_then(|draft| draft.person);
        let Some(person) = person else { return Ok(()) };
        let tag = self.asked_about_tag(file.id, person.document, &person.number);
        let sql = "DELETE FROM asked_about WHERE until_ms <= $1";
        self.conn.run(sql, vec![self.now_ms.into()]).await?;
        let until = self.now_ms + SILENT_DAYS * 24 * HOUR_MS;
        self.conn
            .run(
                "INSERT INTO asked_about (leg_id, tag, until_ms) VALUES ($1,$2,$3) \
                 ON CONFLICT (leg_id) DO UPDATE SET tag = excluded.tag, \
                 until_ms = excluded.until_ms",
                vec![file.id.to_vec().into(), tag.into(), until.into()],
            )
            .await?;
        Ok(())
    }

    /// Bound to the leg: it does not tell which leg a remembered no belongs to.
    fn asked_about_tag(&self, leg: LegId, document: u32, number: &str) -> [u8; 32] {
        self.house.keys.code_hmac(&format!("asked:{}:{document}:{number}", leg.hex()))
    }

    /// The name of the city that a leg goes to, or comes from; this one, for a local leg.
    pub(crate) fn other_city(&self, file: &LegFile) -> String {
        self.bond_of(file).map_or(String::new(), |bond| self.directory.city_name(&bond.peer))
    }

    /// The name of the office that a leg goes to.
    pub(crate) fn office_name(&self, file: &LegFile) -> String {
        self.office_named(file, &file.their_office)
    }

    /// The name of an office of the other side; empty where there is none.
    pub(crate) fn office_named(&self, file: &LegFile, code: &str) -> String {
        let bond = self.bond_of(file);
        bond.as_ref()
            .and_then(|bond| Some((bond, bond.in_force()?)))
            .and_then(|(bond, agreement)| agreement.office(bond.our_side.other(), code))
            .map_or(String::new(), |office| office.name.clone())
    }
}

/// The filing date that the first message of a leg named.
fn filed_on(file: &LegFile) -> Option<Day> {
    let opening = [MessageType::Offer, MessageType::Request]
        .into_iter()
        .find_map(|ty| file.latest(ty)?.message.as_ref()?.body.clone())?;
    if let Body::Opening(opening) = opening { Day::from_number(opening.filed_on) } else { None }
}
