//! Desk acts: what a clerk may say in a leg, checked by the same law as everything else.

use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Bond;
use crate::follow::{WithdrawnBy, field_values, owed_to};
use crate::legs::{LegFile, Local, wire_duty};
use crate::receive::silence;
use crate::speak::Speech;
use crate::store;
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::Place;
use jieli_proto::case::{Direction, Proof, Stage};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Lane;
use jieli_proto::section::{self, Value};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType, Service};
use prost::Message as _;

/// Slot of the phase C fields of a held OUTCOME.
const HELD: u8 = 254;
/// Working days a slot is held by default; an employment slot is at least four away.
const SLOT_DAYS: u32 = 6;
/// An employment ACCEPT's slot date is at least so many working days away.
const SLOT_DAYS_MIN: u32 = 4;

impl Batch<'_> {
    /// Performs a desk act in a leg of a case.
    pub(crate) async fn act(
        &mut self,
        actor: &Actor,
        request: wire::ActRequest,
    ) -> Outcome<wire::ActReply> {
        let mut file = self.leg_of(&request.case_number, request.leg).await?;
        let name = format!("{}/{}", request.case_number, request.leg);
        self.is_theirs(actor, &file, &name)?;
        let act = request.act.ok_or_else(|| Denied::not_found("步骤 step"))?;
        if let Act::Withdraw(_) = act {
            return self.desk_withdraw(&mut file).await;
        }
        if file.local != Local::OnTheRoad {
            return Err(Denied::new(
                "NOT_SENT",
                "本人还没有确认，事项尚未发出。",
                "The person has not confirmed: nothing has been sent.",
            )
            .into());
        }
        let bond = file.bond.and_then(|id| self.bond(&id));
        let bond = bond.ok_or_else(|| Denied::not_found("协议 agreement"))?;
        let speech = match act {
            Act::TakeUp(_) => self.take_up(&bond, &file),
            Act::Accept(accept) => self.accept(&bond, &file, accept).await?,
            Act::Decline(decline) => decline_speech(&file, &decline),
            Act::Outcome(outcome) => return self.outcome(&mut file, &bond, outcome).await,
            Act::Withdraw(_) => Speech::withdraw(),
            Act::Void(void) => {
                Speech::plain(MessageType::Void, Body::Void(wire::Void { code: void.code }))
            }
            Act::Remind(remind) => {
                let duty = named_or_owed(&file, remind.duty())?;
                let body = wire::Remind { duty: duty.into() };
                Speech::plain(MessageType::Remind, Body::Remind(body))
            }
            Act::Expire(expire) => self.expire(&bond, &file, expire.duty()).await?,
            Act::Progress(progress) => {
                let body = wire::Progress { step: progress.step };
                Speech::plain(MessageType::Progress, Body::Progress(body))
            }
        };
        let digest = self.say(&mut file, speech).await?;
        Ok(recorded(&digest))
    }

    /// A leg by case number and number within the case.
    pub(crate) async fn leg_of(&mut self, case_number: &str, number: u32) -> Outcome<LegFile> {
        let name = format!("{case_number}/{number}");
        let case = store::legs::case(self.conn, case_number.trim())
            .await?
            .ok_or_else(|| Denied::not_found(&name))?;
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            if let Some(file) = self.take_leg(leg).await?
                && file.number == number
            {
                return Ok(file);
            }
        }
        Err(Denied::not_found(&name).into())
    }

    /// A clerk acts for the own office; the coordination window for every office of the city.
    fn is_theirs(&self, actor: &Actor, file: &LegFile, name: &str) -> Outcome<()> {
        if actor.office == file.our_office || self.directory.coordinates(&actor.office) {
            Ok(())
        } else {
            Err(Denied::not_found(name).into())
        }
    }

    fn take_up(&self, bond: &Bond, file: &LegFile) -> Speech {
        let body = Body::TakeUp(self.window(bond, file));
        Speech::plain(MessageType::TakeUp, body).due(self.due(
            bond,
            file.service,
            wire::Duty::Decide,
        ))
    }

    /// Where the person goes: the office's own desk.
    fn window(&self, bond: &Bond, file: &LegFile) -> wire::Window {
        let telephone = bond
            .in_force()
            .and_then(|agreement| agreement.office(bond.our_side, &file.our_office))
            .map_or(String::new(), |office| office.telephone.clone());
        wire::Window { telephone, opens_min: 9 * 60, closes_min: 17 * 60, bring: Vec::new() }
    }

    async fn accept(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        asked: wire::DeskAccept,
    ) -> Outcome<Speech> {
        let mut body = wire::Accept {
            window: Some(asked.window.unwrap_or_else(|| self.window(bond, file))),
            ..wire::Accept::default()
        };
        if file.law.rules().direction == Direction::Pull {
            let due = self.due(bond, file.service, wire::Duty::Outcome);
            return Ok(Speech::plain(MessageType::Accept, Body::Accept(body)).due(due));
        }
        let calendar = &self.house.calendar;
        let slot = match Day::from_number(asked.slot_until) {
            Some(day) => day,
            None => calendar.add_working_days(self.today, SLOT_DAYS),
        };
        let employment = file.service == Service::Employment;
        let earliest = calendar.add_working_days(self.today, SLOT_DAYS_MIN);
        if slot < self.today || (employment && slot < earliest) {
            if !employment {
                return Err(Denied::new(
                    "SLOT_TOO_SOON",
                    "保留日期不能早于今天。",
                    "The slot date cannot be in the past.",
                )
                .into());
            }
            return Err(Denied::new(
                "SLOT_TOO_SOON",
                format!("就业名额至少保留到 {earliest}，让本人有时间看条件。"),
                format!(
                    "A job's slot is held until {earliest} at least, so that there is time to \
                         read the terms."
                ),
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

    /// The terms of the vacancy that an OFFER refers to; no ACCEPT of a job without them.
    async fn terms_for_offer(&mut self, file: &LegFile) -> Outcome<(Vec<u8>, wire::Terms)> {
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
        let offer = file.latest(MessageType::Offer).and_then(|e| e.message.as_ref());
        let Some(msg) = offer.and_then(crate::legs::msg_id) else { return Ok(String::new()) };
        let place = Place { leg: file.id, slot: 1, msg };
        let Some(bytes) = self.reveal(file, &place).await? else { return Ok(String::new()) };
        let values = wire::Section::decode(bytes.as_slice()).ok().and_then(|section| {
            let digest = section::digest_of(&msg, &section).ok()?;
            section::open(&msg, &section, &digest).ok()
        });
        let reference = values.and_then(|values| {
            values.into_iter().find_map(|(field, value)| match (field, value) {
                (1, Value::Text(text)) => Some(text),
                _ => None,
            })
        });
        Ok(reference.unwrap_or_default())
    }

    async fn outcome(
        &mut self,
        file: &mut LegFile,
        bond: &Bond,
        asked: wire::DeskOutcome,
    ) -> Outcome<wire::ActReply> {
        let speech = self.outcome_speech(bond, file, &asked);
        let fulfilled = asked.not_realised() == DecisionCode::Unspecified;
        if !fulfilled {
            let digest = self.say(file, speech).await?;
            return Ok(recorded(&digest));
        }
        // Checked now, so that the clerk hears of a missing field at once.
        for (kind, values) in &speech.sections {
            kind.filled_by(values).map_err(|field| {
                Denied::new(
                    "FIELD_MISSING",
                    format!("请填写“{}”。", field.zh),
                    format!("Fill in “{}”.", field.en),
                )
            })?;
        }
        let ready =
            file.law.draft(file.our_side, jieli_proto::case::Kind::OutcomeFulfilled, self.today);
        file.law.judge(&ready, &crate::legs::OneCalendar(&self.house.calendar))?;
        self.person_was_told(file, asked.told_in_person).await?;
        if file.service != Service::Employment {
            let digest = self.say(file, speech).await?;
            return Ok(recorded(&digest));
        }
        // V3: the worker is asked in private before a job counts as done.
        let place = Place::of_leg(file.id, HELD);
        self.hide(file, &place, &asked.encode_to_vec()).await?;
        let held = self
            .conn
            .run(
                "INSERT INTO held_outcome (leg_id, held_ms) VALUES ($1,$2) \
                 ON CONFLICT (leg_id) DO NOTHING",
                vec![file.id.to_vec().into(), self.now_ms.into()],
            )
            .await?;
        if held > 0 {
            let shown = file.clone();
            self.ask_ballot(&shown).await?;
        }
        Ok(wire::ActReply {
            say_zh: "已记录。本人私下确认后由系统发出。".to_owned(),
            say_en: "Recorded. It goes out after the worker's private confirmation.".to_owned(),
            env_digest: String::new(),
        })
    }

    fn outcome_speech(&self, bond: &Bond, file: &LegFile, asked: &wire::DeskOutcome) -> Speech {
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
            speech = speech.due(self.due(bond, file.service, wire::Duty::Complete));
            for kind in section::slots(MessageType::Outcome, file.service) {
                speech.sections.push((kind, field_values(&asked.fields, kind.number)));
            }
        }
        speech
    }

    /// The ballot was a yes: what the clerk recorded goes out.
    pub(crate) async fn send_held_outcome(&mut self, file: &mut LegFile) -> Outcome<()> {
        let place = Place::of_leg(file.id, HELD);
        let Some(bytes) = self.reveal(file, &place).await? else { return Ok(()) };
        let asked = wire::DeskOutcome::decode(bytes.as_slice())
            .map_err(|_| store::StoreError::Corrupt("held_outcome"))?;
        let bond = file.bond.and_then(|id| self.bond(&id));
        let bond = bond.ok_or_else(|| Denied::not_found("协议 agreement"))?;
        let speech = self.outcome_speech(&bond, file, &asked);
        self.say(file, speech).await?;
        self.conn
            .run("DELETE FROM held_outcome WHERE leg_id = $1", vec![file.id.to_vec().into()])
            .await?;
        Ok(())
    }

    /// EXPIRE needs a receipt that the other city signed after the due date.
    async fn expire(&mut self, bond: &Bond, file: &LegFile, duty: wire::Duty) -> Outcome<Speech> {
        let duty = named_or_owed(file, duty)?;
        let before =
            matches!(file.law.state().stage, Stage::Offered | Stage::TakenUp | Stage::Waitlisted);
        if let Some((digest, wind_down)) = bond.terminated
            && (before || self.today >= wind_down)
        {
            let body =
                wire::Expire { duty: duty.into(), terminate: digest.to_vec(), receipt: Vec::new() };
            let mut speech = Speech::plain(MessageType::Expire, Body::Expire(body));
            speech.proof = Some(Proof::Terminated { wind_down });
            return Ok(speech);
        }
        let lane = Lane::receipts(bond.our_side.other());
        let end = self.lane_end(bond.id, lane).await?;
        let sealed = self.stored(bond, lane, end.last_seq).await?;
        let receipt = sealed.as_ref().and_then(|sealed| {
            let payload: wire::Receipt = envelope::payload(sealed).ok()?;
            Some((envelope::env_digest(sealed), payload))
        });
        let Some((digest, receipt)) = receipt else {
            return Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::NoSilence)));
        };
        // What they wrote before it and we do not hold yet may belong to this leg.
        let held = self.lane_end(bond.id, Lane::messages(bond.our_side.other())).await?;
        if held.last_seq < receipt.own_lane_seq {
            return Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::HeardSince)));
        }
        let body =
            wire::Expire { duty: duty.into(), receipt: digest.to_vec(), terminate: Vec::new() };
        let mut speech = Speech::plain(MessageType::Expire, Body::Expire(body));
        let received_on = self.house.calendar.day_of_unix_ms(receipt.received_unix_ms);
        speech.proof = Some(silence(file, file.our_side.other(), &receipt, received_on));
        Ok(speech)
    }

    /// At a desk, on the person's word alone; the person is told and may say "not me".
    async fn desk_withdraw(&mut self, file: &mut LegFile) -> Outcome<wire::ActReply> {
        let said = self.withdraw(file, WithdrawnBy::Desk).await?;
        Ok(match said {
            Some(digest) => recorded(&digest),
            None => wire::ActReply {
                say_zh: "已停止，没有发出任何内容。".to_owned(),
                say_en: "Stopped; nothing had been sent.".to_owned(),
                env_digest: String::new(),
            },
        })
    }
}

fn decline_speech(file: &LegFile, asked: &wire::DeskDecline) -> Speech {
    let appeal = if asked.appeal_office.is_empty() {
        file.our_office.clone()
    } else {
        asked.appeal_office.clone()
    };
    let body = wire::Decline { decision: asked.decision, appeal_office: appeal };
    Speech::plain(MessageType::Decline, Body::Decline(body))
}

fn named_or_owed(file: &LegFile, named: wire::Duty) -> Outcome<wire::Duty> {
    if named != wire::Duty::Unspecified {
        return Ok(named);
    }
    match owed_to(file) {
        Some((duty, _)) => Ok(wire_duty(duty)),
        None => Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::DutyNotOwed))),
    }
}

fn recorded(digest: &Digest) -> wire::ActReply {
    wire::ActReply {
        say_zh: "已办理，正在发送。".to_owned(),
        say_en: "Done; on its way.".to_owned(),
        env_digest: digest.hex(),
    }
}
