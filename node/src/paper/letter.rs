//! Letter mode: a leg for a city without a node is printed, carried by the person, and answered on
//! paper. Nothing of it travels; all of it is state of this city alone.

use super::{DAY_MS, TRIES_MAX};
use crate::batch::Batch;
use crate::command::Actor;
use crate::follow::filled;
use crate::legs::{LegFile, Local};
use crate::questions::{CODE_HOURS, DRAFT_DAYS, Look, Question, Topic, View, letter_text, purpose};
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::Place;
use jieli_proto::consent::CONSENT_DAYS;
use jieli_proto::id::{Digest, LegId, MsgId};
use jieli_proto::paper::{LETTER_DAYS, letter_slots};
use jieli_proto::section::{self, Phase, SectionKind};
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;
use subtle::ConstantTimeEq;

mod denied;
mod row;

use denied::{
    another_office, asked_reply, has_node, letter_out, may_answer, no_letter, no_yes_yet,
    office_name, one_of_two, over, stopped, wrong_answer_code,
};
pub(crate) use row::letter_state;
use row::{ACCEPT, ACCEPTED, BY_CODE, BY_STAMP, DECLINE, DECLINED, Row, row_of};

impl Batch<'_> {
    /// Asks the person, over the own phone, whether to carry a letter to this office.
    pub(crate) async fn ask_letter(
        &mut self,
        actor: &Actor,
        asked: &wire::LetterRequest,
    ) -> Outcome<wire::LetterReply> {
        let mut file = self.leg_for_letter(actor, &asked.case_number, asked.leg).await?;
        let office = office_name(&asked.office_name)?;
        // What was stopped at a desk is kept for the person's "not me" alone.
        if !matches!(file.local, Local::Draft | Local::Asked | Local::OnPaper) {
            return Err(over().into());
        }
        let row = self.letter_row(file.id).await?;
        if let Some(row) = row.filter(|row| row.written_ms > 0) {
            if row.stopped_ms > 0 {
                return Err(stopped().into());
            }
            if row.answer != DECLINED {
                return Err(letter_out().into());
            }
        }
        self.may_ask(&file).await?;
        let question = if self.is_open_to_letter(&file).await? {
            let draft = self.draft(&file).await?.unwrap_or_default();
            let for_child = crate::questions::is_for_child(&draft);
            let city = store::legs::case_by_id(self.conn, file.case).await?;
            let city = city.map_or(String::new(), |case| case.city);
            let text = letter_text(file.service, for_child, &city, &office);
            let deadline = self.now_ms + CODE_HOURS * 3_600_000;
            self.put_question(Topic::Letter, &[&file], text, &[], deadline).await?
        } else {
            // The desk sees what it would see of a silent one.
            self.put_nothing(&file).await?;
            self.random()
        };
        self.new_letter_row(file.id, &question, &office).await?;
        if file.local != Local::Asked {
            file.local = Local::Asked;
            store::legs::update(self.conn, &file).await?;
            let when = self.now_ms + DRAFT_DAYS * DAY_MS;
            self.timer(when, TimerKind::EraseDraft, &file.id.0).await?;
        }
        self.put_leg(file);
        Ok(asked_reply())
    }

    /// Whether the person is asked, behind the same gates as for a message. After the first
    /// question none of them is told: they would tell who stopped from who is silent (V23).
    async fn is_open_to_letter(&mut self, file: &LegFile) -> Outcome<bool> {
        let closed = self.is_closed_to_asking(file).await?;
        match self.is_own_phone(file).await {
            Ok(()) => Ok(!closed),
            Err(Trouble::Denied(_)) if file.local == Local::Asked => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// The person has said yes to carrying a letter: the consent is signed. Nothing leaves.
    pub(crate) async fn letter_agreed(
        &mut self,
        question: &Question,
        file: &mut LegFile,
    ) -> Outcome<()> {
        let Some(row) = self.letter_row(file.id).await? else { return Ok(()) };
        let is_this = row.question == question.id && row.stopped_ms == 0;
        if !is_this || !row.consent.is_empty() || file.local != Local::Asked {
            return Ok(());
        }
        if let Some(person) = self.draft(file).await?.and_then(|draft| draft.person) {
            self.not_suppressed(file.service, &person).await?;
        }
        self.guardian_was_told(file).await?;
        let named = LegFile { their_office: row.to_office, ..file.clone() };
        let consent = self.sign_consent(question, &named).await?;
        self.conn
            .run(
                "UPDATE paper_letter SET consent_digest = $2, consented_ms = $3 WHERE leg_id = $1",
                vec![file.id.to_vec().into(), consent.to_vec().into(), self.now_ms.into()],
            )
            .await?;
        Ok(())
    }

    /// The letter's page: written once, printed again with the same content and new codes.
    pub(crate) async fn write_letter(
        &mut self,
        actor: &Actor,
        asked: &wire::LetterRequest,
    ) -> Outcome<wire::LetterPage> {
        let mut file = self.leg_for_letter(actor, &asked.case_number, asked.leg).await?;
        let row = self.letter_row(file.id).await?;
        let row = row.filter(|row| !row.consent.is_empty()).ok_or_else(no_yes_yet)?;
        let named = asked.office_name.trim();
        if !named.is_empty() && named != row.to_office {
            return Err(another_office(&row.to_office).into());
        }
        if row.stopped_ms > 0 && row.written_ms == 0 {
            return Err(no_yes_yet().into());
        }
        may_answer(&row)?;
        // What is printed now must not count for longer than the yes behind it.
        if row.written_ms == 0
            && self.now_ms > row.consented_ms + (CONSENT_DAYS - LETTER_DAYS) as u64 * DAY_MS
        {
            return Err(no_yes_yet().into());
        }
        let letter = MsgId::from_slice(&row.letter).ok_or(StoreError::Corrupt("letter_id"))?;
        let (sealed, sections) = if row.written_ms == 0 {
            self.sign_letter(&file, &row, letter).await?
        } else {
            let sealed = Envelope::decode(row.envelope.as_slice())
                .map_err(|_| StoreError::Corrupt("paper_letter.envelope"))?;
            (sealed, self.letter_sections(&file, letter).await?)
        };
        let fields = fields_of(&letter, &sealed, &sections)?;
        let qr = self.paper_text(sealed.clone(), sections)?;
        let codes = [self.fresh_code(), self.fresh_code()];
        let hmacs = [
            self.letter_hmac(&row.letter, ACCEPT, &codes[0]),
            self.letter_hmac(&row.letter, DECLINE, &codes[1]),
        ];
        let first = if row.written_ms == 0 { self.now_ms } else { row.written_ms };
        self.conn
            .run(
                "UPDATE paper_letter SET envelope = $2, accept_hmac = $3, decline_hmac = $4, \
                 tries = 0, written_ms = $5 WHERE leg_id = $1",
                vec![
                    file.id.to_vec().into(),
                    sealed.encode_to_vec().into(),
                    hmacs[0].into(),
                    hmacs[1].into(),
                    first.into(),
                ],
            )
            .await?;
        file.local = Local::OnPaper;
        store::legs::update(self.conn, &file).await?;
        self.put_leg(file.clone());
        let look = Look {
            case_number: asked.case_number.trim().to_owned(),
            view: View::Letter,
            purpose: purpose::LETTER.both(),
            legs: vec![file.id],
        };
        self.looked(actor, &look).await?;
        self.record("letter written", format!("{} {}", actor.token, file.id.hex()).as_bytes());
        self.letter_page(&file, &row, (qr, fields), codes, first).await
    }

    /// What came back: the code of the tear-off slip, or a stamped slip typed in.
    pub(crate) async fn answer_letter(
        &mut self,
        actor: &Actor,
        asked: &wire::LetterAnswer,
    ) -> Outcome<wire::LetterReply> {
        let file = self.own_leg(actor, &asked.case_number, asked.leg).await?;
        let row = self.letter_row(file.id).await?.filter(|row| row.written_ms > 0);
        let row = row.ok_or_else(no_letter)?;
        may_answer(&row)?;
        let code: String = asked.code.chars().filter(char::is_ascii_digit).collect();
        if asked.stamped != code.is_empty() {
            return Err(one_of_two().into());
        }
        if !asked.stamped {
            let (word, stored) = if asked.accepted {
                (ACCEPT, &row.accept_hmac)
            } else {
                (DECLINE, &row.decline_hmac)
            };
            let hmac = self.letter_hmac(&row.letter, word, &code);
            let right = bool::from(hmac.as_slice().ct_eq(stored.as_slice()));
            if !right || row.tries >= TRIES_MAX {
                let sql = "UPDATE paper_letter SET tries = tries + 1 WHERE leg_id = $1";
                self.conn.run(sql, vec![file.id.to_vec().into()]).await?;
                return Err(wrong_answer_code().into());
            }
        }
        let answer = if asked.accepted { ACCEPTED } else { DECLINED };
        let how = if asked.stamped { BY_STAMP } else { BY_CODE };
        self.conn
            .run(
                "UPDATE paper_letter SET answer = $2, how = $3, answered_ms = $4 \
                 WHERE leg_id = $1",
                vec![file.id.to_vec().into(), answer.into(), how.into(), self.now_ms.into()],
            )
            .await?;
        let about = format!("{} {} {answer} {how}", actor.token, file.id.hex());
        self.record("letter answered on paper", about.as_bytes());
        Ok(wire::LetterReply {
            say_zh: "已登记书面答复。".to_owned(),
            say_en: "The answer on paper is recorded.".to_owned(),
        })
    }

    /// Stops a leg's letter, if there is one, together with the leg.
    pub(crate) async fn stop_letter(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(row) = self.letter_row(file.id).await? else { return Ok(()) };
        if row.stopped_ms > 0 {
            return Ok(());
        }
        self.conn
            .run(
                "UPDATE paper_letter SET stopped_ms = $2 WHERE leg_id = $1",
                vec![file.id.to_vec().into(), self.now_ms.into()],
            )
            .await?;
        if row.written_ms > 0 {
            self.record("letter stopped", &file.id.0);
        }
        Ok(())
    }

    /// Until when what was entered for a letter is kept: as long as the yes behind it lives.
    pub(crate) async fn letter_kept_until(
        &mut self,
        leg: LegId,
    ) -> Result<Option<u64>, StoreError> {
        let row = self.letter_row(leg).await?;
        let row = row.filter(|row| row.consented_ms > 0 && row.stopped_ms == 0);
        let until = row.map(|row| row.consented_ms + CONSENT_DAYS as u64 * DAY_MS);
        Ok(until.filter(|until| *until > self.now_ms))
    }

    /// A leg's letter as views show it.
    pub(crate) async fn letter_state(
        &mut self,
        leg: LegId,
    ) -> Result<Option<wire::LetterState>, StoreError> {
        let calendar = std::sync::Arc::clone(&self.house.calendar());
        letter_state(self.conn, leg, &calendar).await
    }

    async fn letter_row(&mut self, leg: LegId) -> Result<Option<Row>, StoreError> {
        row_of(self.conn, leg).await
    }

    async fn new_letter_row(
        &mut self,
        leg: LegId,
        question: &[u8; 16],
        office: &str,
    ) -> Result<(), StoreError> {
        let letter: [u8; 16] = self.random();
        self.conn
            .run("DELETE FROM paper_letter WHERE leg_id = $1", vec![leg.to_vec().into()])
            .await?;
        let none: Vec<u8> = Vec::new();
        self.conn
            .run(
                "INSERT INTO paper_letter (leg_id, letter_id, question_id, to_office, \
                 consent_digest, consented_ms, envelope, accept_hmac, decline_hmac, tries, \
                 written_ms, answer, how, answered_ms, stopped_ms) \
                 VALUES ($1,$2,$3,$4,$5,0,$5,$5,$5,0,0,0,0,0,0)",
                vec![
                    leg.to_vec().into(),
                    letter.into(),
                    (*question).into(),
                    office.into(),
                    none.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// A leg of the own office: the page shows the person.
    pub(super) async fn own_leg(
        &mut self,
        actor: &Actor,
        case: &str,
        leg: u32,
    ) -> Outcome<LegFile> {
        let file = self.leg_of(case, leg).await?;
        if file.our_office == actor.office {
            return Ok(file);
        }
        Err(Denied::not_found(&format!("{case}/{leg}")).into())
    }

    async fn leg_for_letter(&mut self, actor: &Actor, case: &str, leg: u32) -> Outcome<LegFile> {
        let file = self.own_leg(actor, case, leg).await?;
        let city = store::legs::case_by_id(self.conn, file.case).await?;
        let city = city.map_or(String::new(), |case| case.city);
        let named = self.directory.city_named(&city).cloned();
        let within = named.as_ref() == Some(&self.directory.city);
        let bond = named.and_then(|city| self.directory.bond_with(&city, file.service).cloned());
        if within || bond.is_some() || file.local == Local::OnTheRoad {
            return Err(has_node(&city).into());
        }
        Ok(file)
    }

    async fn sign_letter(
        &mut self,
        file: &LegFile,
        row: &Row,
        letter: MsgId,
    ) -> Outcome<(Envelope, Vec<wire::Section>)> {
        let draft = self.draft(file).await?.ok_or_else(no_yes_yet)?;
        let mut values = filled(&draft, Phase::A);
        values.extend(filled(&draft, Phase::B));
        let (mut digests, mut sections) = (Vec::new(), Vec::new());
        for kind in letter_slots(file.service) {
            let found = values.iter().find(|(other, _)| other.number == kind.number);
            let digest = match found {
                None => Digest(self.random()),
                Some((_, values)) => {
                    let entropy = &self.house.world.entropy;
                    let mut random = |buffer: &mut [u8]| entropy.fill(buffer);
                    let built = section::build(kind, values, &mut random);
                    let built = built.map_err(|_| StoreError::Corrupt("draft"))?;
                    let digest = section::digest_of(&letter, &built);
                    sections.push(built);
                    digest.map_err(|_| StoreError::Corrupt("draft"))?
                }
            };
            let section = u32::from(kind.number);
            digests.push(wire::SectionDigest { section, digest: digest.to_vec() });
        }
        let sealed = self
            .seal(&wire::PaperLetter {
                letter_id: letter.to_vec(),
                city_id: self.directory.city.as_str().to_owned(),
                to_office: row.to_office.clone(),
                service: file.service.into(),
                issued_unix_ms: self.now_ms,
                section_digests: digests,
                consent_digest: row.consent.clone(),
            })
            .await?;
        for section in &sections {
            let place = Place { leg: file.id, slot: section.section as u8, msg: letter };
            self.hide(file, &place, &section.encode_to_vec()).await?;
        }
        Ok((sealed, sections))
    }

    async fn letter_sections(
        &mut self,
        file: &LegFile,
        letter: MsgId,
    ) -> Result<Vec<wire::Section>, StoreError> {
        let mut sections = Vec::new();
        for kind in letter_slots(file.service) {
            let place = Place { leg: file.id, slot: kind.number, msg: letter };
            if let Some(bytes) = self.reveal(file, &place).await? {
                let section = wire::Section::decode(bytes.as_slice());
                sections.push(section.map_err(|_| StoreError::Corrupt("section_data"))?);
            }
        }
        Ok(sections)
    }

    async fn letter_page(
        &mut self,
        file: &LegFile,
        row: &Row,
        (qr, fields): (String, Vec<wire::LetterField>),
        [accept_code, decline_code]: [String; 2],
        written_ms: u64,
    ) -> Outcome<wire::LetterPage> {
        let case = store::legs::case_by_id(self.conn, file.case).await?;
        let case = case.ok_or_else(|| Denied::not_found(&file.id.hex()))?;
        let ours = self.any_office(&file.our_office);
        let (root_fpr, spoken) = self.root_on_paper();
        let calendar = &self.house.calendar();
        let good_until = calendar.day_of_unix_ms(written_ms).plus(LETTER_DAYS);
        Ok(wire::LetterPage {
            qr,
            case_number: case.number,
            leg: file.number,
            service: file.service.into(),
            city: self.directory.name.clone(),
            city_id: self.directory.city.as_str().to_owned(),
            root_fpr,
            spoken,
            to_city: case.city,
            to_office: row.to_office.clone(),
            our_telephone: ours.as_ref().map_or(String::new(), |office| office.telephone.clone()),
            our_office: ours.map_or(file.our_office.clone(), |office| office.name),
            issued_on: calendar.day_of_unix_ms(written_ms).number(),
            good_until: good_until.number(),
            fields,
            accept_code,
            decline_code,
        })
    }

    fn letter_hmac(&self, letter: &[u8], word: &str, code: &str) -> [u8; 32] {
        self.house.keys.code_hmac(&format!("letter:{}:{word}:{code}", hex::encode(letter)))
    }
}

/// The printed fields are read back out of the sections that the QR code carries.
fn fields_of(
    letter: &MsgId,
    sealed: &Envelope,
    sections: &[wire::Section],
) -> Result<Vec<wire::LetterField>, StoreError> {
    let corrupt = || StoreError::Corrupt("paper_letter.envelope");
    let signed: wire::PaperLetter =
        jieli_proto::envelope::payload(sealed).map_err(|_| corrupt())?;
    let mut fields = Vec::new();
    for found in sections {
        let slot = signed.section_digests.iter().find(|slot| slot.section == found.section);
        let digest = slot.and_then(|slot| Digest::from_slice(&slot.digest)).ok_or_else(corrupt)?;
        let values = section::open(letter, found, &digest).map_err(|_| corrupt())?;
        let kind = SectionKind::of(found.section).ok_or_else(corrupt)?;
        fields.extend(super::fields(kind, &values));
    }
    Ok(fields)
}
