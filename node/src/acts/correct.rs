//! SUPPLY and CORRECT: who stated a fact answers for it and sets it right. Who the person is, a desk
//! only proposes: nothing is said before the person's own new confirmation.

use super::SLOT_DAYS_MIN;
use super::wrong_option;
use crate::batch::Batch;
use crate::directory::Bond;
use crate::follow::field_values;
use crate::legs::{Entry, LegFile};
use crate::questions::{amend_person, corrected_in};
use crate::speak::{Filled, Speech};
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::{DRAFT, Place};
use jieli_proto::case::{Direction, Illegal, Side, Stage};
use jieli_proto::id::Digest;
use jieli_proto::message::{changes_age, is_another_person};
use jieli_proto::section::{
    self, Field, PERSON, PERSON_CORRECTABLE, PERSON_NUMBER, Phase, SUPPORT_NEED, SectionKind, Value,
};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DraftField, Duty, MessageType, Service};
use prost::Message as _;

/// The reference of a job's vacancy: another vacancy is another leg.
const VACANCY: (u32, u32) = (1, 1);

impl Batch<'_> {
    /// Answers the open question, by fields or by what was brought to the window.
    pub(super) async fn supply(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskSupply,
    ) -> Outcome<Speech> {
        let state = file.law.state();
        let question = state.question.ok_or(Illegal::NoQuestion)?;
        let named = file
            .entries
            .iter()
            .find(|entry| entry.side == Side::Examiner && entry.seq == question)
            .ok_or(Illegal::NoQuestion)?;
        if asked.fields.is_empty() && !asked.at_window {
            return Err(wrong_option(
                "--field / --at-window",
                "请更正所问的内容，或说明本人已带材料到窗口",
                "correct what was asked about, or say that it was brought to the window",
            ));
        }
        let decided = state.stage == Stage::Released
            || state.stage == Stage::Accepted && file.law.rules().direction == Direction::Pull;
        let duty = if decided { Duty::Outcome } else { Duty::Decide };
        let body = wire::Supply { answers: named.env_digest.to_vec() };
        let due = self.due(bond, file, duty)?;
        let mut speech = Speech::plain(MessageType::Supply, Body::Supply(body)).due(due);
        for field in &asked.fields {
            let (kind, _) = self.own_field(file, field)?;
            if kind.number == PERSON {
                return Err(wrong_option(
                    "--field",
                    "本人信息用 correct 更正，由本人确认",
                    "who the person is goes by correct, and the person confirms it",
                ));
            }
        }
        speech.sections = self.whole_sections(file, &asked.fields).await?;
        if !speech.sections.is_empty() {
            speech.consent = Some(self.consent_for(file).await?);
        }
        Ok(speech)
    }

    /// Sets right what we stated: fields of one section, or the terms of a job.
    pub(super) async fn correct(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskCorrect,
    ) -> Outcome<Speech> {
        if asked.terms != asked.fields.is_empty() {
            return Err(wrong_option(
                "--field / --clear / --terms",
                "请填写要更正的内容，或更正用工条件，二者选一",
                "name the fields to correct, or correct the job terms: one of the two",
            ));
        }
        if asked.terms {
            return self.correct_terms(file).await;
        }
        let mut kind = None;
        for field in &asked.fields {
            let (of, named) = self.own_field(file, field)?;
            if kind.is_some_and(|kind: &SectionKind| kind.number != of.number) {
                return Err(one_section());
            }
            if field.value.is_none() && named.required {
                return Err(must_be_there(named));
            }
            kind = Some(of);
        }
        let Some(kind) = kind else { return Err(Denied::not_found("field").into()) };
        let section = u32::from(kind.number);
        let corrects = stated_in(file, section).ok_or_else(nothing_stated)?;
        let mut fields: Vec<u32> = asked.fields.iter().map(|field| field.field).collect();
        fields.sort_unstable();
        fields.dedup();
        let body = wire::Correct {
            corrects: corrects.env_digest.to_vec(),
            section,
            fields,
            ..wire::Correct::default()
        };
        let mut speech = Speech::plain(MessageType::Correct, Body::Correct(body));
        speech.sections = vec![(kind, field_values(&asked.fields, kind.number))];
        if kind.phase != Phase::C {
            speech.consent = Some(self.consent_for(file).await?);
        }
        // Phase A is what the examiner decided on: a new decision, within its own time.
        let early = [Stage::Offered, Stage::TakenUp, Stage::Waitlisted, Stage::Accepted];
        if kind.phase == Phase::A && early.contains(&file.law.state().stage) {
            speech = speech.due(self.due(bond, file, Duty::Decide)?);
        }
        Ok(speech)
    }

    /// The fields of the person block that are to be corrected, in one spelling, if nothing can be
    /// said against asking the person about them; `None` where it is about another section.
    pub(super) async fn of_person(
        &mut self,
        file: &LegFile,
        asked: &wire::DeskCorrect,
    ) -> Outcome<Option<Vec<DraftField>>> {
        if asked.as_asked {
            let named = self.asked_correction(file).await?;
            let one = wire::DeskCorrect { fields: vec![named], ..wire::DeskCorrect::default() };
            return Box::pin(self.of_person(file, &one)).await;
        }
        if !asked.fields.iter().any(|field| field.section == u32::from(PERSON)) {
            return Ok(None);
        }
        if asked.fields.iter().any(|field| field.section != u32::from(PERSON)) {
            return Err(one_section());
        }
        for field in &asked.fields {
            let (_, named) = self.own_field(file, field)?;
            if field.value.is_none() && named.required {
                return Err(must_be_there(named));
            }
        }
        if file.law.is_closed() {
            return Err(Illegal::WrongStage.into());
        }
        let numbers: Vec<u32> = asked.fields.iter().map(|field| field.field).collect();
        if is_another_person(&corrected_in(file), &numbers) {
            return Err(another_person());
        }
        let draft = self.draft(file).await?.and_then(|draft| draft.person);
        let mut person = draft.ok_or_else(nothing_stated)?;
        amend_person(&mut person, &asked.fields);
        self.check_person(&mut person)?;
        // Against the first block sent, however many corrections lie between.
        let first = self.first_person(file).await?;
        if numbers.contains(&PERSON_NUMBER) && changes_age(&first, &person.number, self.today) {
            return Err(another_person());
        }
        let mut fields = asked.fields.clone();
        for field in &mut fields {
            let text = match field.field {
                section::PERSON_NAME => &person.name,
                section::PERSON_NUMBER => &person.number,
                section::PERSON_PHONE => &person.phone,
                _ => continue,
            };
            field.value = (!text.is_empty()).then(|| wire::draft_field::Value::Text(text.clone()));
        }
        fields.sort_by_key(|field| field.field);
        fields.dedup_by_key(|field| field.field);
        self.phone_is_free(file, &fields).await?;
        self.may_ask_correction(file).await?;
        Ok(Some(fields))
    }

    /// The CORRECT of the person block as it would be said. Its consent is a place-holder: the real
    /// one is the person's answer.
    pub(crate) async fn correction_of_person(
        &mut self,
        file: &LegFile,
        fields: &[DraftField],
    ) -> Outcome<Speech> {
        let kind = SectionKind::of(u32::from(PERSON)).ok_or_else(nothing_stated)?;
        let stated = stated_in(file, u32::from(PERSON)).ok_or_else(nothing_stated)?;
        let body = wire::Correct {
            corrects: stated.env_digest.to_vec(),
            section: u32::from(PERSON),
            fields: fields.iter().map(|field| field.field).collect(),
            ..wire::Correct::default()
        };
        let mut speech = Speech::plain(MessageType::Correct, Body::Correct(body));
        speech.sections = vec![(kind, field_values(fields, PERSON))];
        speech.consent = Some(Digest(self.random()));
        Ok(speech)
    }

    /// The terms as the own vacancy has them by now. The worker reads and acknowledges them anew.
    async fn correct_terms(&mut self, file: &LegFile) -> Outcome<Speech> {
        if file.service != Service::Employment {
            return Err(wrong_option("--terms", "只有就业事项有用工条件", "only a job has terms"));
        }
        if file.our_side != Side::Examiner {
            return Err(Illegal::NotYourTerms.into());
        }
        let state = file.law.state();
        let Some(in_force) = state.terms else { return Err(nothing_stated().into()) };
        if !matches!(state.stage, Stage::Accepted | Stage::TakenUp | Stage::Released) {
            return Err(Illegal::WrongStage.into());
        }
        let calendar = &self.house.calendar();
        let earliest = calendar.add_working_days(self.today, SLOT_DAYS_MIN);
        // Once identity has travelled no slot runs out: the OUTCOME waits for the person.
        let slot = state.due(jieli_proto::case::Duty::Release);
        if state.stage != Stage::Released && slot.is_some_and(|slot| slot < earliest) {
            return Err(Denied::new(
                "SLOT_TOO_SOON",
                format!("名额保留到 {earliest} 之前，本人来不及看新的条件。"),
                format!("The slot ends before {earliest}: no time is left to read new terms."),
            )
            .into());
        }
        let (digest, terms) = self.terms_for_offer(file).await?;
        if digest[..] == in_force[..] {
            return Err(Denied::new(
                "TERMS_SAME",
                "用工条件没有变化：请先用 vacancy add 登记新的条件。",
                "The terms are the same: announce the new ones with vacancy add first.",
            )
            .into());
        }
        let stated = file.latest(MessageType::Correct).into_iter().filter(|entry| names(entry, 0));
        let stated = stated.chain(file.latest(MessageType::Accept)).next();
        let body = wire::Correct {
            corrects: stated.ok_or_else(nothing_stated)?.env_digest.to_vec(),
            terms_digest: digest,
            terms: Some(terms),
            ..wire::Correct::default()
        };
        Ok(Speech::plain(MessageType::Correct, Body::Correct(body)))
    }

    /// A field that this side may state anew at this stage.
    fn own_field(
        &self,
        file: &LegFile,
        given: &DraftField,
    ) -> Outcome<(&'static SectionKind, &'static Field)> {
        let kind = SectionKind::of(given.section).filter(|kind| kind.serves(file.service));
        let found = kind.and_then(|kind| Some((kind, kind.field(given.field)?)));
        let (kind, field) = found.ok_or_else(|| {
            wrong_option("--field", "这类事项没有这一项", "this service has no such field")
        })?;
        if kind.number == SUPPORT_NEED
            || kind.number == PERSON && !PERSON_CORRECTABLE.contains(&field.number)
        {
            return Err(Denied::new(
                "NEEDS_PERSON",
                "这一项不能更正：请作废后新建事项。",
                "This is not corrected: void the leg and open a new one.",
            )
            .into());
        }
        if (given.section, given.field) == VACANCY {
            return Err(wrong_option(
                "--field",
                "换一个岗位是另一个事项，请新建",
                "another vacancy is another leg: open a new one",
            ));
        }
        let owner = if kind.phase == Phase::C { Side::Examiner } else { Side::Initiator };
        if owner != file.our_side {
            return Err(Illegal::NotYourStep.into());
        }
        let pushed = file.law.rules().direction == Direction::Push;
        if kind.phase == Phase::B && pushed && !file.law.state().released {
            return Err(Denied::new(
                "NOT_RELEASED",
                format!("“{}”要等身份信息移交之后才能更正。", field.zh),
                format!("“{}” can be corrected once identity has travelled.", field.en),
            )
            .into());
        }
        let value = field_values(std::slice::from_ref(given), kind.number);
        if value.iter().any(|(_, value)| !field.ty.takes(value)) {
            return Err(wrong_option(
                "--field",
                &format!("“{}”的格式不对", field.zh),
                &format!("“{}” has a wrong form", field.en),
            ));
        }
        Ok((kind, field))
    }

    /// The sections that fields belong to, whole: an answer replaces what was stated before.
    async fn whole_sections(
        &mut self,
        file: &LegFile,
        given: &[DraftField],
    ) -> Outcome<Vec<Filled>> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let Some(mut draft) = self.draft(file).await? else { return Err(nothing_stated().into()) };
        amend(&mut draft, given);
        let mut sections: Vec<Filled> = Vec::new();
        for kind in given.iter().filter_map(|field| SectionKind::of(field.section)) {
            if sections.iter().all(|(other, _)| other.number != kind.number) {
                let values: Vec<(u32, Value)> = field_values(&draft.fields, kind.number);
                sections.push((kind, values));
            }
        }
        Ok(sections)
    }

    /// What was entered here follows what was said, so that later messages say the same.
    pub(super) async fn amend_draft(
        &mut self,
        file: &LegFile,
        given: &[DraftField],
    ) -> Outcome<()> {
        if given.is_empty() || file.our_side != Side::Initiator {
            return Ok(());
        }
        let Some(mut draft) = self.draft(file).await? else { return Ok(()) };
        amend(&mut draft, given);
        self.hide(file, &Place::of_leg(file.id, DRAFT), &draft.encode_to_vec()).await?;
        Ok(self.watch_cover(file).await?)
    }

    async fn consent_for(&mut self, file: &LegFile) -> Outcome<Digest> {
        let consent = self.live_consent(file).await?;
        consent.ok_or(Trouble::Denied(Denied::illegal(Illegal::ConsentMissing)))
    }
}

fn one_section() -> Trouble {
    wrong_option(
        "--field",
        "一次只更正一类内容，请分开办理",
        "one section at a time: correct the others by themselves",
    )
}

fn must_be_there(field: &Field) -> Trouble {
    wrong_option(
        "--clear",
        &format!("“{}”是必填项，不能清空", field.zh),
        &format!("“{}” must be there and cannot be cleared", field.en),
    )
}

fn another_person() -> Trouble {
    Trouble::Denied(Denied::new(
        "ANOTHER_PERSON",
        "姓名和证件号码都改，或年龄段变了，就是另一个人：请作废后为那个人新建事项。",
        "Name and number together, or another age band, are another person: void this leg and open \
         a new one for that person.",
    ))
}

fn amend(draft: &mut wire::DraftLeg, given: &[DraftField]) {
    for field in given {
        draft.fields.retain(|old| (old.section, old.field) != (field.section, field.field));
        if field.value.is_some() {
            draft.fields.push(field.clone());
        }
    }
}

/// Our own message in which a section was stated last.
fn stated_in(file: &LegFile, section: u32) -> Option<&Entry> {
    file.entries.iter().rfind(|entry| {
        let legal = file.law.place(entry.side, entry.seq).is_some_and(|p| p.legal().is_some());
        let Some(message) = &entry.message else { return false };
        let opens = matches!(
            message.r#type(),
            MessageType::Offer | MessageType::Request | MessageType::Release | MessageType::Outcome
        ) && message.section_digests.iter().any(|slot| slot.section == section);
        legal && entry.side == file.our_side && (opens || names(entry, section))
    })
}

/// Whether a message is a CORRECT of a section; 0 for one of terms.
fn names(entry: &Entry, section: u32) -> bool {
    let body = entry.message.as_ref().and_then(|message| message.body.as_ref());
    matches!(body, Some(Body::Correct(body)) if body.section == section)
}

fn nothing_stated() -> Denied {
    Denied::new(
        "NOTHING_TO_CORRECT",
        "本方还没有说过这一项，没有可更正的内容。",
        "Nothing of this was stated by this side: there is nothing to correct.",
    )
}
