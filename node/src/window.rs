//! The window with the person present: another office than the one that sends takes the person's
//! own word, typed on a keypad that the officer does not see.
//!
//! A window is asked about one person at a time, whose document lies on the counter. It learns
//! what that person is asked, and nothing of what was answered.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::questions::{Look, Question, Topic, View, purpose, received};
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::Side;
use jieli_proto::id::{CaseId, LegId};
use jieli_proto::wire::{self, Method};
use std::collections::BTreeSet;

mod ballot;
mod complete;
mod guardian;
mod helper;
mod person;
mod proxy;
mod receiving;
mod standing;

use standing::Standing;

/// Minutes a sitting lasts.
pub const SITTING_MINUTES: u64 = 30;
/// Documents that did not match which a token may hold up in a day.
pub const MISSES_PER_DAY: i64 = 20;
/// Days in which an officer must have had no role at the sending office.
pub const OFFICER_DAYS: u64 = 90;

const MINUTE_MS: u64 = 60_000;

/// What a window asks for.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // named after the calls of the Keypad service
pub enum WindowCommand {
    /// With the second officer, where one vouches.
    OpenSitting(wire::OpenSittingRequest, Option<Actor>),
    AnswerSitting(wire::AnswerSittingRequest),
    Stop(wire::StopRequest),
    SetPin(wire::SetWindowPinRequest),
    Reopen(wire::ReopenAtWindowRequest),
    Erase(wire::StopRequest),
    Correction(wire::CorrectionAtWindowRequest),
    TellGuardian(wire::TellGuardianRequest),
    Helper(wire::HelperAtWindowRequest),
    ListBodies(wire::InHand),
    File(wire::FileAtWindowRequest),
}

/// An item about to be asked.
struct Item {
    question: Question,
    leg: LegId,
    text: String,
    method: Method,
    answer_from_ms: u64,
}

impl Batch<'_> {
    /// What the person is asked at this window.
    pub(crate) async fn open_sitting(
        &mut self,
        actor: &Actor,
        witness: Option<&Actor>,
        asked: &wire::OpenSittingRequest,
    ) -> Outcome<wire::OpenSittingReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (case, files) = self.legs_in_hand(actor, &in_hand).await?;
        self.pin_is_settled(case.id).await?;
        let mut fit: Vec<(LegFile, Standing)> = Vec::new();
        let mut why = None;
        for file in files {
            match self.standing(actor, witness, &file).await {
                Ok(standing) => fit.push((file, standing)),
                Err(Trouble::Denied(denied)) => why = Some(denied),
                Err(error) => return Err(error),
            }
        }
        if let (true, Some(denied)) = (fit.is_empty(), why) {
            return Err(denied.into());
        }
        let deadline_ms = self.now_ms + SITTING_MINUTES * MINUTE_MS;
        let items = match &asked.proxy {
            Some(proxy) => {
                let (fit, who) = self.fit_for_proxy(fit, proxy).await?;
                let items = self.consent_items(&fit, &case.city).await?;
                if let Some(item) = items.first() {
                    self.seat_proxy(&item.question.id, who, deadline_ms).await?;
                }
                items
            }
            None => {
                let mut items = self.consent_items(&fit, &case.city).await?;
                items.extend(self.terms_items(&fit, asked.waive_day).await?);
                items.extend(self.open_items(&fit).await?);
                items.extend(self.complete_items(&fit).await?);
                items.extend(self.receiving_items(&fit, asked.waive_day).await?);
                items.extend(self.ballot_items(actor, &fit).await?);
                items
            }
        };
        let look = Look {
            case_number: case.number.clone(),
            view: View::Window,
            purpose: purpose::WINDOW.both(),
            legs: items.iter().map(|item| item.leg).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        self.looked(actor, &look).await?;
        let id = self.seat(actor, case.id, asked.waive_day, deadline_ms, &items).await?;
        let mut number = 0;
        let shown = items.iter().map(|item| {
            let now = item.answer_from_ms <= self.now_ms;
            number += u32::from(now);
            wire::SittingItem {
                number: if now { number } else { 0 },
                text: item.text.clone(),
                answer_from_unix_ms: item.answer_from_ms,
            }
        });
        Ok(wire::OpenSittingReply {
            sitting: hex::encode(id),
            items: shown.collect(),
            pin_needed: self.has_pin(case.id).await?,
            answer_until_unix_ms: deadline_ms,
        })
    }

    /// What the person typed: yes to these numbers, no to all others. One reply to everything.
    pub(crate) async fn answer_sitting(
        &mut self,
        actor: &Actor,
        asked: &wire::AnswerSittingRequest,
    ) -> Outcome<wire::AnswerReply> {
        self.is_window(actor)?;
        let id = hex::decode(&asked.sitting).unwrap_or_default();
        let row = self
            .conn
            .maybe(
                "SELECT case_id, waived, office FROM sitting WHERE sitting_id = $1 AND token = $2 \
                 AND closed = 0 AND deadline_ms > $3",
                vec![id.clone().into(), actor.token.as_str().into(), self.now_ms.into()],
            )
            .await?;
        let row = row.ok_or_else(no_sitting)?;
        let case = CaseId(row.array(0)?);
        let (waived, office) = (row.flag(1)?, row.text(2)?);
        let items = self.items_of(&id).await?;
        let known = |number: &u32| items.iter().any(|(found, ..)| found == number);
        if !asked.yes.iter().all(known) {
            return Err(Denied::new(
                "NO_SUCH_NUMBER",
                "回答里有不存在的序号，请重新填写。",
                "The answer names a number that was not asked: write it again.",
            )
            .into());
        }
        // Asked for whatever was typed: whether it was right tells nothing of the answer.
        self.check_pin(case, &asked.pin).await?;
        self.conn
            .run("UPDATE sitting SET closed = 1 WHERE sitting_id = $1", vec![id.into()])
            .await?;
        let mut done: Vec<Vec<u8>> = Vec::new();
        for (_, question, _) in &items {
            if !done.contains(question) {
                done.push(question.clone());
                let said = items.iter().filter(|(_, other, _)| other == question);
                let yes = said.filter(|(number, ..)| asked.yes.contains(number));
                let yes: Vec<LegId> = yes.map(|(_, _, leg)| *leg).collect();
                self.answered_at_window(question, &yes, waived, &office).await?;
            }
        }
        self.record("sitting answered", actor.token.as_bytes());
        Ok(received())
    }

    async fn answered_at_window(
        &mut self,
        question: &[u8],
        yes: &[LegId],
        waived: bool,
        office: &str,
    ) -> Outcome<()> {
        let found = self.question(question).await?.filter(|found| !found.closed);
        let Some(found) = found else { return Ok(()) };
        let numbers: Vec<u32> = found
            .legs
            .iter()
            .filter(|(_, leg, _)| yes.contains(leg))
            .map(|(number, _, _)| *number)
            .collect();
        let by_proxy = self.is_by_proxy(question).await?;
        for (_, leg, _) in found.legs.clone() {
            let Some(file) = self.take_leg(leg).await? else { continue };
            // What is said at the receiving window travels as CONSENT, once it takes effect.
            if !yes.contains(&leg) || file.our_side == Side::Examiner {
                continue;
            }
            match found.topic {
                // Said at a window, it opens again what was refused or stopped (V7); not by a proxy.
                Topic::Consent if by_proxy => {}
                Topic::Consent => self.opened_by_person(&file).await?,
                // That the day was waived, and where, stands in a consent of its own.
                Topic::Terms if waived => drop(self.sign_consent(&found, &file).await?),
                Topic::Terms
                | Topic::Ballot
                | Topic::Complete
                | Topic::Arrival
                | Topic::Stopped
                | Topic::Letter
                | Topic::Redirect
                | Topic::Correction
                | Topic::Duplicate
                | Topic::Statement => {}
            }
        }
        self.answered(&found, &numbers).await?;
        if by_proxy && !numbers.is_empty() {
            self.proxy_has_answered(&found, office).await?;
        }
        Ok(())
    }

    /// How an answer to a question was given: at a window, or with a code.
    pub(crate) async fn method_of(
        &mut self,
        question: &Question,
        leg: LegId,
    ) -> Result<Method, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT i.method FROM sitting_item i JOIN sitting s \
                 ON s.sitting_id = i.sitting_id WHERE i.question_id = $1 AND i.leg_id = $2 \
                 AND s.closed = 1 AND i.number > 0 ORDER BY s.deadline_ms DESC LIMIT 1",
                vec![question.id.clone().into(), leg.to_vec().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(Method::PhoneCode) };
        Method::try_from(row.int(0)? as i32).map_err(|_| StoreError::Corrupt("sitting_item.method"))
    }

    async fn consent_items(
        &mut self,
        fit: &[(LegFile, Standing)],
        city: &str,
    ) -> Outcome<Vec<Item>> {
        let (mut files, mut texts, mut methods, mut terms) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (file, standing) in fit {
            let waits = matches!(file.local, Local::Draft | Local::Asked);
            if !waits || file.our_side != Side::Initiator || self.draft(file).await?.is_none() {
                continue;
            }
            let bound = match self.ready_for_window(file, city).await {
                Ok(bound) => bound,
                // Told when nothing else can be asked; a leg stands alone.
                Err(Trouble::Denied(_)) => continue,
                Err(error) => return Err(error),
            };
            let number = files.len() as u32 + 1;
            let mut text = self.consent_line(number, &bound).await?;
            if let Some((digest, found)) = self.terms_of_job(&bound).await? {
                text = format!("{text}\n{found}");
                terms = digest;
            }
            files.push(bound);
            texts.push(text);
            methods.push(standing.method);
        }
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let refs: Vec<&LegFile> = files.iter().collect();
        let tongues = self.tongues_of(refs[0]).await?;
        let mut whole = tongues.spoken(tongues.consent(&texts));
        if methods.contains(&Method::Proxy) {
            whole.text = crate::questions::by_proxy_text(&whole.text);
        }
        let deadline_ms = self.now_ms + SITTING_MINUTES * MINUTE_MS;
        let put = whole.put(Topic::Consent, &terms, deadline_ms);
        let id = self.store_question(&put, &refs).await?;
        self.opened_now(&id).await?;
        let question = self.question(&id).await?.ok_or(StoreError::Corrupt("question"))?;
        let mut items = Vec::new();
        for (at, file) in files.into_iter().enumerate() {
            items.push(Item {
                question: question.clone(),
                leg: file.id,
                text: texts[at].clone(),
                method: methods[at],
                answer_from_ms: 0,
            });
            self.looks_asked(file).await?;
        }
        Ok(items)
    }

    /// Job terms to be read or agreed to. Whether they can be answered today does not depend on
    /// what the person is about to say.
    async fn terms_items(
        &mut self,
        fit: &[(LegFile, Standing)],
        waive_day: bool,
    ) -> Outcome<Vec<Item>> {
        let mut items = Vec::new();
        for (file, standing) in fit {
            if file.our_side != Side::Initiator || file.local != Local::OnTheRoad {
                continue;
            }
            let Some(question) = self.terms_at_window(file).await? else { continue };
            if waive_day && !standing.may_waive {
                return Err(Denied::new(
                    "NO_WAIVER",
                    "只有法律援助、工会或转入地窗口可以由本人放弃一天的考虑时间。",
                    "The day to read can be waived at legal aid, the union or the receiving window \
                     only.",
                )
                .into());
            }
            self.opened_now(&question.id).await?;
            let opened = self.first_opened(file.id, &question.subject).await?;
            let ripe = opened.unwrap_or(self.now_ms) + crate::questions::TERMS_HOURS * 3_600_000;
            items.push(Item {
                leg: file.id,
                text: question.text.clone(),
                method: standing.method,
                answer_from_ms: if waive_day { 0 } else { ripe },
                question,
            });
        }
        Ok(items)
    }

    /// Items that were handed to another office of the other city, and corrections of who it is.
    async fn open_items(&mut self, fit: &[(LegFile, Standing)]) -> Outcome<Vec<Item>> {
        let mut items = Vec::new();
        for (file, standing) in fit {
            if file.our_side != Side::Initiator || file.is_stopped() {
                continue;
            }
            let handed = self.redirect_question(file).await?;
            let corrected = self.correction_question(file).await?;
            for question in handed.into_iter().chain(corrected) {
                let mut text = question.text.clone();
                if question.topic == Topic::Correction {
                    text = format!("{text}\n{}", self.shown_correction(&question).await?);
                }
                let (leg, method) = (file.id, standing.method);
                items.push(Item { leg, text, method, answer_from_ms: 0, question });
            }
        }
        Ok(items)
    }

    /// One person at a time: what this token had open before is over.
    async fn seat(
        &mut self,
        actor: &Actor,
        case: CaseId,
        waived: bool,
        deadline_ms: u64,
        items: &[Item],
    ) -> Result<[u8; 16], StoreError> {
        let id: [u8; 16] = self.random();
        self.conn
            .run(
                "UPDATE sitting SET closed = 2 WHERE token = $1 AND closed = 0",
                vec![actor.token.as_str().into()],
            )
            .await?;
        self.conn
            .run(
                "INSERT INTO sitting (sitting_id, case_id, token, office, deadline_ms, waived, \
                 closed) VALUES ($1,$2,$3,$4,$5,$6,0)",
                vec![
                    id.into(),
                    case.to_vec().into(),
                    actor.token.as_str().into(),
                    actor.office.as_str().into(),
                    deadline_ms.into(),
                    waived.into(),
                ],
            )
            .await?;
        let open = items.iter().filter(|item| item.answer_from_ms <= self.now_ms);
        for (at, item) in open.enumerate() {
            self.conn
                .run(
                    "INSERT INTO sitting_item (sitting_id, number, question_id, leg_id, method) \
                     VALUES ($1,$2,$3,$4,$5)",
                    vec![
                        id.into(),
                        (at as u32 + 1).into(),
                        item.question.id.clone().into(),
                        item.leg.to_vec().into(),
                        (item.method as u32).into(),
                    ],
                )
                .await?;
        }
        let about = [actor.token.as_bytes(), b"\0", &case.0].concat();
        self.record("sitting opened", &about);
        Ok(id)
    }

    async fn items_of(&mut self, sitting: &[u8]) -> Result<Vec<(u32, Vec<u8>, LegId)>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT number, question_id, leg_id FROM sitting_item WHERE sitting_id = $1 \
                 ORDER BY number",
                vec![sitting.into()],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((row.int(0)? as u32, row.bytes(1)?, LegId(row.array(2)?))))
            .collect()
    }

    async fn opened_now(&mut self, question: &[u8]) -> Result<(), StoreError> {
        self.conn
            .run(
                "UPDATE question SET opened_ms = $2 WHERE question_id = $1 AND opened_ms = 0",
                vec![question.into(), self.now_ms.into()],
            )
            .await?;
        Ok(())
    }

    async fn opened_by_person(&mut self, file: &LegFile) -> Outcome<()> {
        let person = self.draft(file).await?.and_then(|draft| draft.person);
        let Some(person) = person else { return Ok(()) };
        Ok(self.lift_suppression(file.service, person.document, &person.number).await?)
    }
}

/// One answer for a sitting that is over, of another token or of nobody.
fn no_sitting() -> Denied {
    Denied::new(
        "NO_SITTING",
        "本次窗口确认已结束，没有记录任何回答，请重新打开。",
        "This sitting is over and no answer was taken: open it again.",
    )
}

/// A case as the store has it.
pub(crate) type Case = store::legs::CaseRow;
