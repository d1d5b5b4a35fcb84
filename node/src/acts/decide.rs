//! The examiner's answers, and the short acts of both sides.

use super::{Planned, told, wrong_option};
use crate::batch::Batch;
use crate::directory::Bond;
use crate::follow::field_values;
use crate::legs::LegFile;
use crate::questions::person_says_duplicate;
use crate::speak::Speech;
use crate::store;
use crate::trouble::{Denied, Outcome};
use crate::vault::Place;
use jieli_proto::case::{Direction, Side};
use jieli_proto::day::Day;
use jieli_proto::section::{self, MAY_WORK, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType, ReturnCode, Service};
use jieli_proto::words;
use prost::Message as _;

/// Slot of the phase C fields of a held OUTCOME.
const HELD: u8 = 254;
/// Working days a slot is held by default; an employment slot is at least four away.
pub(super) const SLOT_DAYS: u32 = 6;
/// An employment ACCEPT's slot date is at least so many working days away.
pub(crate) const SLOT_DAYS_MIN: u32 = 4;

impl Batch<'_> {
    pub(crate) async fn take_up(&mut self, bond: &Bond, file: &LegFile) -> Outcome<Speech> {
        let entry = self.entry_of(file).await?;
        let mut window = self.window(bond, file);
        entry.fill(&mut window);
        let due = self.decided_by_day(bond, file, &entry)?;
        Ok(Speech::plain(MessageType::TakeUp, Body::TakeUp(window)).due(due))
    }

    /// Where the person goes: the office's own desk, as it is configured, or as the agreement names
    /// its telephone.
    pub(super) fn window(&self, bond: &Bond, file: &LegFile) -> wire::Window {
        if let Some(window) = self.house.config.desk.window(&file.our_office) {
            return window;
        }
        let telephone = bond
            .in_force()
            .and_then(|agreement| agreement.office(bond.our_side, &file.our_office))
            .map_or(String::new(), |office| office.telephone.clone());
        wire::Window { telephone, opens_min: 9 * 60, closes_min: 17 * 60, bring: Vec::new() }
    }

    /// The window as asked for, with the office's own where nothing was said. Told completely, or
    /// not at all.
    fn full_window(
        &self,
        bond: &Bond,
        file: &LegFile,
        asked: Option<&wire::Window>,
    ) -> Outcome<wire::Window> {
        let mut window = self.window(bond, file);
        if let Some(asked) = asked {
            if !asked.telephone.is_empty() {
                window.telephone.clone_from(&asked.telephone);
            }
            if asked.opens_min > 0 {
                window.opens_min = asked.opens_min;
            }
            if asked.closes_min > 0 {
                window.closes_min = asked.closes_min;
            }
            if !asked.bring.is_empty() {
                window.bring.clone_from(&asked.bring);
            }
        }
        window.bring.sort_unstable();
        window.bring.dedup();
        if window.bring.iter().any(|code| words::bring(*code).is_none()) {
            return Err(wrong_option(
                "--bring",
                "携带材料清单里没有这个编号，编号见 --help",
                "no such number in the what-to-bring list; --help lists them",
            ));
        }
        if window.telephone.is_empty() {
            return Err(wrong_option(
                "--telephone",
                "请填写首问经办电话，或在 jieli.toml 的 [[desk.windows]] 中设定",
                "name the first handler's telephone, or set it under [[desk.windows]] in jieli.toml",
            ));
        }
        Ok(window)
    }

    pub(crate) async fn accept(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskAccept,
    ) -> Outcome<Speech> {
        let mut window = self.full_window(bond, file, asked.window.as_ref())?;
        self.entry_of(file).await?.fill(&mut window);
        let mut body = wire::Accept { window: Some(window), ..wire::Accept::default() };
        if file.law.rules().direction == Direction::Pull {
            let due = self.due(bond, file, wire::Duty::Outcome)?;
            return Ok(Speech::plain(MessageType::Accept, Body::Accept(body)).due(due));
        }
        // RELEASE is owed by the city that sends: until then it asks the worker, on its own days.
        let calendar = self.calendar_of(bond, file.our_side, Side::Initiator)?;
        let today = calendar.day_of_unix_ms(self.now_ms);
        let slot = match Day::from_number(asked.slot_until) {
            Some(day) => day,
            None => calendar.add_working_days(today, SLOT_DAYS),
        };
        let employment = file.service == Service::Employment;
        let earliest = calendar.add_working_days(today, SLOT_DAYS_MIN);
        if employment && slot < earliest {
            return Err(Denied::new(
                "SLOT_TOO_SOON",
                format!("选项 --slot-until：就业名额至少保留到 {earliest}，让本人有时间看条件。"),
                format!(
                    "Option --slot-until: a job's slot is held until {earliest} at least, so that \
                     there is time to read the terms."
                ),
            )
            .into());
        }
        if slot < self.today {
            return Err(Denied::new(
                "SLOT_TOO_SOON",
                "选项 --slot-until：保留日期不能早于今天。",
                "Option --slot-until: the slot date cannot be in the past.",
            )
            .into());
        }
        body.slot_until = slot.number();
        if employment {
            let (digest, terms) = self.terms_for_offer(file).await?;
            body.terms_digest = digest;
            body.terms = Some(terms);
        }
        Ok(Speech::plain(MessageType::Accept, Body::Accept(body)).due(slot))
    }

    /// A question, with what is to be brought for it.
    pub(super) fn clarify(
        &self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskClarify,
    ) -> Outcome<Speech> {
        let ground = words::ground(asked.ground).ok_or_else(|| {
            wrong_option(
                "--ground",
                "补正理由里没有这个编号，编号见 --help",
                "no such number in the list of grounds; --help lists them",
            )
        })?;
        let mut window = self.full_window(bond, file, asked.window.as_ref())?;
        let named = asked.window.as_ref().is_some_and(|window| !window.bring.is_empty());
        if !named {
            window.bring = ground.bring.to_vec();
        }
        let body = wire::Clarify { ground: asked.ground, window: Some(window) };
        let due = self.due(bond, file, wire::Duty::Supply)?;
        Ok(Speech::plain(MessageType::Clarify, Body::Clarify(body)).due(due))
    }

    pub(super) fn waitlist(&self, asked: &wire::DeskWaitlist) -> Outcome<Speech> {
        let until = Day::from_number(asked.until).filter(|until| *until > self.today);
        let until = until.ok_or_else(|| {
            wrong_option(
                "--until",
                "请填写今天之后的日期，例如 2026-12-01",
                "name a date after today, such as 2026-12-01",
            )
        })?;
        if asked.band == 0 {
            return Err(wrong_option("--band", "轮候段从 1 开始", "queue bands count from 1"));
        }
        let body = wire::Waitlist { until: until.number(), band: asked.band };
        Ok(Speech::plain(MessageType::Waitlist, Body::Waitlist(body)))
    }

    /// The terms of the vacancy that an OFFER refers to; no ACCEPT of a job without them.
    pub(crate) async fn terms_for_offer(
        &mut self,
        file: &LegFile,
    ) -> Outcome<(Vec<u8>, wire::Terms)> {
        let reference = self.offered_reference(file).await?;
        let row = self
            .conn
            .maybe(
                "SELECT terms_digest FROM vacancy WHERE city = $1 AND reference = $2",
                vec![self.directory.city.as_str().into(), reference.as_str().into()],
            )
            .await?;
        let missing = || {
            Denied::new(
                "TERMS_MISSING",
                format!("岗位 {reference} 还没有登记用工条件，请先登记岗位。"),
                format!("Vacancy {reference} has no terms here: add the vacancy with them first."),
            )
        };
        let digest = row.ok_or_else(missing)?.bytes(0)?;
        let terms = self.terms(&digest).await?.ok_or_else(missing)?;
        Ok((digest, terms))
    }

    async fn offered_reference(&mut self, file: &LegFile) -> Outcome<String> {
        let values = self.offer_values(file).await?;
        let reference = values.into_iter().find_map(|(field, value)| match (field, value) {
            (1, Value::Text(text)) => Some(text),
            _ => None,
        });
        Ok(reference.unwrap_or_default())
    }

    /// An OUTCOME; that of a job waits for the private ballot (V3). Checked now, so that the clerk
    /// hears of a missing field at once.
    pub(super) async fn plan_outcome(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskOutcome,
    ) -> Outcome<Planned> {
        self.arrears_were_found(file, asked.not_realised()).await?;
        if asked.not_realised() == DecisionCode::Duplicate {
            return Err(person_says_duplicate().into());
        }
        let speech = self.outcome_speech(bond, file, asked)?;
        let fulfilled = asked.not_realised() == DecisionCode::Unspecified;
        for (kind, values) in &speech.sections {
            kind.filled_by(values).map_err(|field| {
                Denied::new(
                    "FIELD_MISSING",
                    format!("请填写“{}”（--field {}.{}=…）。", field.zh, kind.name, field.name),
                    format!("Fill in “{}” (--field {}.{}=…).", field.en, kind.name, field.name),
                )
            })?;
        }
        self.prepare(file, &speech).await?;
        if fulfilled {
            self.person_was_told(file, asked.told_in_person).await?;
        }
        if !(fulfilled && file.service == Service::Employment) {
            return Ok(Planned::now(speech));
        }
        self.old_enough_to_work(file).await?;
        if self.is_outcome_held(file).await? {
            return Err(Denied::new(
                "OUTCOME_HELD",
                "办理结果已记录，正等本人私下确认，不能再录入一个。",
                "An outcome was recorded and waits for the worker's private answer: no second one.",
            )
            .into());
        }
        let contact = self.contact(file).await?;
        let contact = contact.ok_or_else(crate::questions::unreachable_person)?;
        // Said before anything is held: the ballot goes to no phone of two households either (V1);
        // who has no phone types it at a window.
        if !contact.phone.is_empty() {
            self.is_own_phone(file).await?;
        }
        Ok(Planned { ballot: true, ..Planned::now(speech) })
    }

    /// V14: whatever the other city sent, under 16 nobody is placed.
    async fn old_enough_to_work(&mut self, file: &LegFile) -> Outcome<()> {
        let person = self.released_person(file).await?;
        let Some(band) = person.map(|person| person.age_band) else { return Ok(()) };
        let terms = file.law.state().terms.filter(|_| crate::questions::is_minor(band));
        if let Some(digest) = terms
            && let Some(terms) = self.terms(&digest).await?
        {
            self.not_hazardous(&terms)?;
        }
        if may_work(band) {
            return Ok(());
        }
        Err(Denied::new(
            "UNDER_MIN_AGE",
            "本人不满 16 周岁，不能办理就业。请答复“未办成”，原因 UNDER_MIN_AGE。",
            "The person is under 16 and is never placed in a job. Answer NOT_REALISED with the \
             code UNDER_MIN_AGE.",
        )
        .into())
    }

    async fn is_outcome_held(&mut self, file: &LegFile) -> Outcome<bool> {
        let sql = "SELECT 1 FROM held_outcome WHERE leg_id = $1";
        Ok(self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?.is_some())
    }

    /// V3: the worker is asked in private before a job counts as done.
    pub(super) async fn hold_outcome(
        &mut self,
        token: &str,
        file: &LegFile,
        asked: &wire::DeskOutcome,
    ) -> Outcome<wire::ActReply> {
        let place = Place::of_leg(file.id, HELD);
        self.hide(file, &place, &asked.encode_to_vec()).await?;
        let mut tokens = self.house.config.desk.tokens.iter();
        let officer = tokens.find(|entry| entry.name() == token).map(|entry| entry.officer());
        let officer = officer.unwrap_or(token).to_owned();
        let held = self
            .conn
            .run(
                "INSERT INTO held_outcome (leg_id, held_ms, officer) VALUES ($1,$2,$3) \
                 ON CONFLICT (leg_id) DO NOTHING",
                vec![file.id.to_vec().into(), self.now_ms.into(), officer.into()],
            )
            .await?;
        if held > 0 {
            self.ask_ballot(file).await?;
        }
        Ok(told(
            "已记录。本人私下确认后由系统发出。",
            "Recorded. It goes out after the worker's private confirmation.",
        ))
    }

    fn outcome_speech(
        &self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskOutcome,
    ) -> Outcome<Speech> {
        let fulfilled = asked.not_realised() == DecisionCode::Unspecified;
        let body = wire::Outcome {
            not_realised: asked.not_realised,
            handled_in: match asked.handled_in() {
                wire::HandledIn::Unspecified if fulfilled => wire::HandledIn::ThisOffice.into(),
                wire::HandledIn::Unspecified
                | wire::HandledIn::ThisOffice
                | wire::HandledIn::NationalPlatform => asked.handled_in,
            },
            reference: asked.reference.clone(),
        };
        let mut speech = Speech::plain(MessageType::Outcome, Body::Outcome(body));
        if fulfilled {
            speech = speech.due(self.due(bond, file, wire::Duty::Complete)?);
            for kind in section::slots(MessageType::Outcome, file.service) {
                speech.sections.push((kind, field_values(&asked.fields, kind.number)));
            }
        }
        Ok(speech)
    }

    /// The ballot was a yes: what the clerk recorded goes out.
    pub(crate) async fn send_held_outcome(&mut self, file: &mut LegFile) -> Outcome<()> {
        let place = Place::of_leg(file.id, HELD);
        let Some(bytes) = self.reveal(file, &place).await? else { return Ok(()) };
        let asked = wire::DeskOutcome::decode(bytes.as_slice())
            .map_err(|_| store::StoreError::Corrupt("held_outcome"))?;
        let bond = self.bond_of(file);
        let bond = bond.ok_or_else(|| Denied::no_agreement(file.bond))?;
        let speech = self.outcome_speech(&bond, file, &asked)?;
        self.say(file, speech).await?;
        if let Some(agreement) = file.bond.filter(|id| !id.is_local()) {
            self.count_ballot(agreement, false).await?;
        }
        self.conn
            .run("DELETE FROM held_outcome WHERE leg_id = $1", vec![file.id.to_vec().into()])
            .await?;
        Ok(())
    }
}

/// V14, by the age band that an office verified.
pub(crate) fn may_work(age_band: u32) -> bool {
    u64::from(age_band) >= MAY_WORK
}

pub(super) fn decline(file: &LegFile, asked: &wire::DeskDecline) -> Speech {
    let appeal = if asked.appeal_office.is_empty() {
        file.our_office.clone()
    } else {
        asked.appeal_office.clone()
    };
    let body = wire::Decline { decision: asked.decision, appeal_office: appeal };
    Speech::plain(MessageType::Decline, Body::Decline(body))
}

pub(super) fn void(asked: &wire::DeskVoid) -> Speech {
    Speech::plain(MessageType::Void, Body::Void(wire::Void { code: asked.code }))
}

/// RETURN. That a consent ended is found by the node itself.
pub(super) fn give_back(asked: &wire::DeskReturn) -> Outcome<Speech> {
    let code = asked.code();
    if matches!(code, ReturnCode::Unspecified | ReturnCode::ConsentEnded) {
        return Err(wrong_option(
            "--code",
            "退回须选 JOB_ENDED、FAMILY_LEAVES、SLOT_LOST、HOME_AGAIN 或 RECORDED_IN_ERROR",
            "a return is JOB_ENDED, FAMILY_LEAVES, SLOT_LOST, HOME_AGAIN or RECORDED_IN_ERROR",
        ));
    }
    let body = wire::Return { code: code.into() };
    Ok(Speech::plain(MessageType::Return, Body::Return(body)))
}
