//! Answering: only with the code. Yes and no get the same reply, at the same time.

use super::{HOUR_MS, Question, TERMS_HOURS, Topic, Use, is_slow, wrong_code};
use crate::batch::Batch;
use crate::follow::{WithdrawnBy, consented_sections, filled};
use crate::legs::{LegFile, Local};
use crate::plant;
use crate::speak::Speech;
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::agreement::purpose_of;
use jieli_proto::case::{Direction, Side, Stage};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::section::Phase;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Duty, MessageType};

impl Batch<'_> {
    /// Shows the question that a code opens.
    pub(crate) async fn open_question(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<wire::OpenReply> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        if question.opened_ms == 0 {
            self.conn
                .run(
                    "UPDATE question SET opened_ms = $2 WHERE question_id = $1",
                    vec![question.id.clone().into(), self.now_ms.into()],
                )
                .await?;
        }
        let mut legs = Vec::new();
        let mut answer_from = self.now_ms;
        for (number, leg, _) in &question.legs {
            let Some(file) = self.take_leg(*leg).await? else { continue };
            let word = jieli_proto::words::service(file.service);
            legs.push(wire::AskedLeg { number: *number, text: format!("{} {}", word.zh, word.en) });
            if question.topic == Topic::Terms {
                let opened = self.first_opened(*leg, &question.subject).await?;
                answer_from = opened.unwrap_or(self.now_ms) + TERMS_HOURS * HOUR_MS;
            }
        }
        let mut text = question.text.clone();
        if question.topic == Topic::Correction {
            text = format!("{text}\n{}", self.shown_correction(&question).await?);
        }
        if question.topic == Topic::Statement {
            text = format!("{text}\n{}", self.shown_statement(&question).await?);
        }
        Ok(wire::OpenReply {
            text,
            legs,
            answer_from_unix_ms: answer_from,
            answer_until_unix_ms: question.deadline_ms,
            topic: question.topic.word().to_owned(),
        })
    }

    /// Takes an answer: yes to the numbers given, no to all others.
    pub(crate) async fn answer(
        &mut self,
        case_number: &str,
        code: &str,
        yes: &[u32],
    ) -> Outcome<wire::AnswerReply> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        if question.closed || self.now_ms >= question.deadline_ms {
            return Err(wrong_code().into());
        }
        if question.topic == Topic::Stopped {
            // Nothing is taken down: a "not me" that comes later has to count.
            return Err(use_not_me().into());
        }
        asked_numbers(&question, yes)?;
        if let Some((_, leg, _)) = question.legs.first()
            && !yes.is_empty()
            && let Some(file) = self.take_leg(*leg).await?
        {
            self.pin_is_settled(file.case).await?;
        }
        if question.topic == Topic::Terms && !yes.is_empty() {
            self.terms_were_read(&question).await?;
        }
        if plant::is(plant::Fault::NoIsYes) {
            let all: Vec<u32> = question.legs.iter().map(|(number, _, _)| *number).collect();
            return self.answered(&question, &all).await;
        }
        self.answered(&question, yes).await
    }

    /// Yes to these numbers and no to all others, from whoever was found to be the person.
    pub(crate) async fn answered(
        &mut self,
        question: &Question,
        yes: &[u32],
    ) -> Outcome<wire::AnswerReply> {
        self.take_back(question, yes).await?;
        // What has taken effect was taken back above, by WITHDRAW.
        if question.effective_ms > 0 && question.effective_ms <= self.now_ms {
            return Ok(received());
        }
        for (number, leg, _) in &question.legs {
            if question.topic == Topic::Consent {
                self.newest_word(*leg, &question.id).await?;
            }
            self.conn
                .run(
                    "UPDATE question_leg SET answer = $3 WHERE question_id = $1 AND leg_id = $2",
                    vec![
                        question.id.clone().into(),
                        leg.to_vec().into(),
                        yes.contains(number).into(),
                    ],
                )
                .await?;
        }
        self.schedule(question, yes).await?;
        Ok(received())
    }

    /// Whatever was answered before about sending the same leg counts no more. What is on the road
    /// already is stopped, not taken back.
    async fn newest_word(&mut self, leg: LegId, question: &[u8]) -> Result<(), StoreError> {
        let Some(file) = self.take_leg(leg).await? else { return Ok(()) };
        if file.our_side == Side::Initiator && file.local == Local::OnTheRoad {
            return Ok(());
        }
        self.conn
            .run(
                "UPDATE question_leg SET answer = 0 WHERE leg_id = $1 AND question_id <> $2 \
                 AND question_id IN (SELECT question_id FROM question WHERE kind = 'consent')",
                vec![leg.to_vec().into(), question.into()],
            )
            .await?;
        Ok(())
    }

    /// A no to what was a yes before, and is on the road by now, stops it.
    async fn take_back(&mut self, question: &Question, yes: &[u32]) -> Outcome<()> {
        if !matches!(
            question.topic,
            Topic::Consent | Topic::Terms | Topic::Letter | Topic::Redirect
        ) {
            return Ok(());
        }
        for (number, leg, answered) in question.legs.clone() {
            let Some(file) = self.take_leg(leg).await? else { continue };
            let effective = (1..=self.now_ms).contains(&question.effective_ms);
            let counts = effective || !is_slow(question.topic, file.service);
            // The yes to a letter counts for as long as the leg waits to be carried.
            let stands = match question.topic {
                Topic::Letter => matches!(file.local, Local::Asked | Local::OnPaper),
                Topic::Consent
                | Topic::Terms
                | Topic::Ballot
                | Topic::Complete
                | Topic::Arrival
                | Topic::Stopped
                | Topic::Redirect
                | Topic::Correction
                | Topic::Duplicate
                | Topic::Statement => file.local == Local::OnTheRoad,
            };
            if answered && counts && !yes.contains(&number) && stands {
                self.stop_leg(leg).await?;
            }
        }
        Ok(())
    }

    async fn terms_were_read(&mut self, question: &Question) -> Outcome<()> {
        for (_, leg, _) in &question.legs {
            let opened = self.first_opened(*leg, &question.subject).await?;
            let from = opened.map(|opened| opened + TERMS_HOURS * HOUR_MS);
            if from.is_none_or(|from| self.now_ms < from) {
                return Err(Denied::new(
                    "READ_FIRST",
                    "请先打开用工条件，看满一天再回答；名额为您保留。",
                    "Open the job terms and take a day before you answer; the place is kept.",
                )
                .into());
            }
        }
        Ok(())
    }

    /// What is fast takes effect now, what is slow at 09:00 of the next working day.
    async fn schedule(&mut self, question: &Question, yes: &[u32]) -> Outcome<()> {
        // V3: nothing happens while whoever was at the counter can still be seen there.
        let seen = question.topic == Topic::Ballot && self.was_at_window(&question.id).await?
            || self.is_by_proxy(&question.id).await?;
        let mut slow = false;
        for (number, leg, _) in &question.legs {
            let Some(mut file) = self.take_leg(*leg).await? else { continue };
            if is_slow(question.topic, file.service) || seen {
                slow |= yes.contains(number);
            } else if yes.contains(number) {
                self.apply_yes(question, &mut file).await?;
            }
        }
        let effective = if slow { self.nine_next_working_day(self.now_ms) } else { 0 };
        self.conn
            .run(
                "UPDATE question SET answered_ms = $2, effective_ms = $3 WHERE question_id = $1",
                vec![question.id.clone().into(), self.now_ms.into(), effective.into()],
            )
            .await?;
        if slow {
            self.timer(effective, TimerKind::YesTakesEffect, &question.id).await?;
        }
        Ok(())
    }

    async fn was_at_window(&mut self, question: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM sitting_item WHERE question_id = $1 LIMIT 1";
        Ok(self.conn.maybe(sql, vec![question.into()]).await?.is_some())
    }

    /// The timer behind a slow yes: whatever the answer is by now counts.
    pub(crate) async fn yes_takes_effect(&mut self, id: &[u8]) -> Outcome<()> {
        let Some(question) = self.question(id).await? else { return Ok(()) };
        let by_proxy = self.is_by_proxy(id).await?;
        if by_proxy && !self.proxy_word_counts(&question).await? {
            return Ok(());
        }
        for (_, leg, answer) in question.legs.clone() {
            let Some(mut file) = self.take_leg(leg).await? else { continue };
            let slow = is_slow(question.topic, file.service) || question.topic == Topic::Ballot;
            let due = if slow || by_proxy {
                (1..=self.now_ms).contains(&question.effective_ms)
            } else {
                // A yes that could not be sent when it was given is tried again.
                matches!(question.topic, Topic::Consent | Topic::Letter | Topic::Stopped)
            };
            if answer && due {
                self.apply_yes(&question, &mut file).await?;
            }
        }
        Ok(())
    }

    async fn apply_yes(&mut self, question: &Question, file: &mut LegFile) -> Outcome<()> {
        let leg = file.id.0;
        if file.our_side == Side::Examiner
            && matches!(question.topic, Topic::Consent | Topic::Terms)
        {
            return self.say_consent(question, file).await;
        }
        match question.topic {
            Topic::Consent | Topic::Stopped
                if matches!(file.local, Local::Draft | Local::Asked) =>
            {
                let opened = self.open_leg(question, file).await;
                self.yes_stands(question, opened).await
            }
            Topic::Consent if file.local == Local::OnTheRoad => self.yes_anew(question, file).await,
            Topic::Terms => Ok(self.timer(self.now_ms, TimerKind::Release, &leg).await?),
            Topic::Ballot => Ok(self.timer(self.now_ms, TimerKind::SendOutcome, &leg).await?),
            Topic::Complete
                if matches!(file.law.state().stage, Stage::Fulfilled | Stage::Unconfirmed) =>
            {
                // The date that the person was shown.
                let from = <[u8; 4]>::try_from(question.subject.as_slice());
                self.say(file, complete(from.map_or(0, u32::from_be_bytes))).await?;
                Ok(self.forget_cover(file.id).await?)
            }
            Topic::Redirect if !self.redirect_is_over(question, file).await? => {
                self.sign_consent(question, file).await?;
                Ok(self.timer(self.now_ms, TimerKind::Release, &leg).await?)
            }
            Topic::Correction => self.corrected(question, file).await,
            Topic::Duplicate => self.end_duplicate(file).await,
            Topic::Statement => self.sign_statement(question, file).await,
            Topic::Letter => {
                let agreed = self.letter_agreed(question, file).await;
                self.yes_stands(question, agreed).await
            }
            Topic::Consent
            | Topic::Complete
            | Topic::Arrival
            | Topic::Stopped
            | Topic::Redirect => Ok(()),
        }
    }

    /// The person's yes stands, and is answered like a no; why nothing can come of it now is the
    /// desk's matter, and it is tried again.
    async fn yes_stands(&mut self, question: &Question, done: Outcome<()>) -> Outcome<()> {
        match done {
            Err(Trouble::Denied(denied)) => {
                tracing::warn!(code = denied.code, "a confirmed leg could not be sent");
                let kind = match denied.code {
                    NOT_COSIGNED => TimerKind::OfferWaits,
                    _ => TimerKind::YesTakesEffect,
                };
                Ok(self.timer(self.now_ms + HOUR_MS, kind, &question.id).await?)
            }
            Ok(()) | Err(Trouble::Store(_)) => done,
        }
    }

    /// The person has said yes: consent is signed, and the first message goes out.
    async fn open_leg(&mut self, question: &Question, file: &mut LegFile) -> Outcome<()> {
        let Some(draft) = self.draft(file).await? else { return Ok(()) };
        if let Some(person) = &draft.person {
            self.not_suppressed(file.service, person).await?;
        }
        let bond = self.bond_of(file);
        let bond = bond.ok_or_else(|| Denied::no_agreement(file.bond))?;
        self.may_have_a_place(file, &bond).await?;
        self.guardian_was_told(file).await?;
        let push = file.law.rules().direction == Direction::Push;
        if push && self.waits_for_cosigners(&bond).await? {
            return Err(not_cosigned().into());
        }
        let consent = self.sign_consent(question, file).await?;
        let due = self.due(&bond, file, Duty::TakeUp)?;
        let opening = Body::Opening(self.opening_of(file.id, draft.item_code).await?);
        let ty = if push { MessageType::Offer } else { MessageType::Request };
        let mut speech = Speech::plain(ty, opening).due(due);
        speech.consent = Some(consent);
        speech.sections = filled(&draft, Phase::A);
        if !push {
            speech.sections.extend(filled(&draft, Phase::B));
        }
        self.say(file, speech).await?;
        Ok(self.watch_cover(file).await?)
    }

    /// The consent that a yes comes to, with the way it was given.
    pub(crate) async fn sign_consent(
        &mut self,
        question: &Question,
        file: &LegFile,
    ) -> Outcome<Digest> {
        let method = self.method_of(question, file.id).await?;
        let (from, to) = match file.our_side {
            Side::Initiator => (&file.our_office, &file.their_office),
            Side::Examiner => (&file.their_office, &file.our_office),
        };
        let consent = wire::Consent {
            consent_id: self.random::<16>().to_vec(),
            leg_id: file.id.to_vec(),
            from_office: from.clone(),
            to_office: to.clone(),
            purpose: purpose_of(file.service).into(),
            section_numbers: consented_sections(file.service),
            text_hash: question.text_digest.to_vec(),
            language: question.language.clone(),
            method: method.into(),
            given_unix_ms: self.now_ms,
        };
        let sealed = match file.bond.and_then(|id| self.bond(&id)) {
            Some(bond) => self.seal_for(&bond.peer, &consent).await?,
            None => self.seal(&consent).await?,
        };
        let digest = envelope::env_digest(&sealed);
        self.keep_consent(&sealed, &digest, file.id, self.now_ms, true).await?;
        Ok(digest)
    }

    /// V7: nothing for 90 days after the person's refusal, withdrawal or lapse.
    pub(crate) async fn not_suppressed(
        &mut self,
        service: wire::Service,
        person: &wire::DraftPerson,
    ) -> Outcome<()> {
        let tag = self.house.keys.suppression_tag(service as u32, person.document, &person.number);
        let row = self
            .conn
            .maybe(
                "SELECT 1 FROM suppression WHERE tag = $1 AND until_ms > $2",
                vec![tag.into(), self.now_ms.into()],
            )
            .await?;
        if row.is_none() {
            return Ok(());
        }
        Err(Denied::new(
            "NOT_NOW",
            "此项目前不能为本人申请；本人可自行重新提出。",
            "This cannot be asked for the person now; the person can ask for it again.",
        )
        .into())
    }

    /// A question about a leg on the road that got no yes: the same WITHDRAW as any other.
    pub(crate) async fn question_lapses(&mut self, id: &[u8]) -> Outcome<()> {
        let Some(question) = self.question(id).await? else { return Ok(()) };
        if question.topic == Topic::Statement {
            return self.statement_lapses(&question).await;
        }
        self.conn
            .run("UPDATE question SET closed = 1 WHERE question_id = $1", vec![id.into()])
            .await?;
        if question.topic != Topic::Consent && question.topic.counts_hours() {
            return Ok(());
        }
        for (_, leg, answer) in question.legs.clone() {
            let Some(file) = self.take_leg(leg).await? else { continue };
            let mut file = question.topic.view(file);
            if question.topic == Topic::Consent {
                if !answer && self.lapses_anew(&question, &file).await? {
                    self.withdraw(&mut file, &WithdrawnBy::Person).await?;
                }
                continue;
            }
            if question.topic == Topic::Correction {
                // Nothing changes, and nobody is told.
                self.correction_lapses(&question, &file).await?;
                continue;
            }
            let others = if question.topic == Topic::Redirect {
                self.redirect_is_over(&question, &file).await?
            } else {
                let state = file.law.state();
                question.topic == Topic::Terms
                    && (state.stage != Stage::Accepted
                        // At the receiving window: RELEASE may wait for this very morning.
                        || state.terms_acknowledged()
                        || state.terms.is_none_or(|terms| terms.as_slice() != question.subject))
            };
            // Terms that are no longer in force, or were agreed to elsewhere, lapse without a word.
            if !answer && !others && file.local == Local::OnTheRoad && !file.law.is_closed() {
                let said_no = question.topic == Topic::Ballot && question.answered_ms > 0;
                if let Some(agreement) = file.bond.filter(|id| said_no && !id.is_local()) {
                    self.count_ballot(agreement, true).await?;
                }
                self.withdraw(&mut file, &WithdrawnBy::Person).await?;
            }
        }
        Ok(())
    }

    /// Stops legs by a code, in every state; an empty list stops all the code is about.
    pub(crate) async fn withdraw_by_code(
        &mut self,
        case_number: &str,
        code: &str,
        numbers: &[u32],
    ) -> Outcome<wire::AnswerReply> {
        // Whoever types the code of a slip here is not told that it belongs elsewhere.
        if let Some(slip) = self.right_slip(case_number, code).await? {
            return self.stop_legs_of(&slip, numbers).await;
        }
        let question = self.question_by_code(case_number, code, Use::Stop).await?;
        asked_numbers(&question, numbers)?;
        for (number, leg, _) in question.legs {
            if numbers.is_empty() || numbers.contains(&number) {
                self.stop_leg(leg).await?;
            }
        }
        Ok(received())
    }

    pub(crate) async fn stop_leg(&mut self, leg: LegId) -> Outcome<()> {
        let Some(mut file) = self.take_leg(leg).await? else { return Ok(()) };
        // Stopped already, it says nothing anew. Whatever else is denied is told and undone as a
        // whole: nobody hears "received" of a stop that was not sent.
        self.withdraw(&mut file, &WithdrawnBy::Person).await?;
        Ok(())
    }
}

/// COMPLETE; from when cover is given, yyyymmdd, for insurance.
pub(crate) fn complete(covered_from: u32) -> Speech {
    let body = Body::Complete(wire::Complete { covered_from });
    Speech::plain(MessageType::Complete, body)
}

/// Every number named has to be one that was asked.
fn asked_numbers(question: &Question, numbers: &[u32]) -> Outcome<()> {
    let known = |number: &u32| question.legs.iter().any(|(asked, _, _)| asked == number);
    if numbers.iter().all(known) { Ok(()) } else { Err(no_such_number().into()) }
}

fn use_not_me() -> Denied {
    Denied::new(
        "USE_NOT_ME",
        "这个码只用来说“不是我停止的”，没有记录任何回答。如果不是您停止的，请选“不是我”。",
        "This code only says that it was not you who stopped; no answer was taken. If it was not \
         you, choose “not me”.",
    )
}

pub(crate) fn no_such_number() -> Denied {
    Denied::new(
        "NO_SUCH_NUMBER",
        "回答里有不存在的序号，请重新填写。",
        "The answer names a number that was not asked: write it again.",
    )
}

/// The one reply to yes, to no and to a stop.
pub(crate) fn received() -> wire::AnswerReply {
    wire::AnswerReply { say_zh: "已收到".to_owned(), say_en: "Received.".to_owned() }
}

const NOT_COSIGNED: &str = "NOT_COSIGNED";

fn not_cosigned() -> Denied {
    Denied::new(
        NOT_COSIGNED,
        "本市日志已超过 72 小时没有新的联署，新的申请联署后自动发出。",
        "This city's log has had no new cosignature for 72 hours: the OFFER goes out by itself \
         once it has.",
    )
}
