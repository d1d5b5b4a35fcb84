//! What follows from a message, for the node itself: nothing here is a decision about a person.

use crate::batch::Batch;
use crate::keyring::Scope;
use crate::legs::{LegFile, Local, Standing};
use crate::local;
use crate::plant;
use crate::questions::Topic;
use crate::speak::Speech;
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::{DRAFT, Place};
use jieli_proto::agreement::purpose_of;
use jieli_proto::case::{Direction, Duty, Side, Stage};
use jieli_proto::consent::{self, Needed};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::message::terms_digest;
use jieli_proto::section::{PERSON, Phase};
use jieli_proto::tombstone::Reason;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{
    self, EffectScope, KeepingDuty, MessageType, ReturnCode, Service, VoidCode,
};
use prost::Message as _;

mod values;

pub(crate) use values::{consented_sections, field_values, filled, person_values};

/// Through whom a withdrawal came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WithdrawnBy {
    /// The person, with a code, at a window or by a lapse: nobody at a desk knows.
    Person,
    /// Somebody at a desk, on the person's word. The desk's name, for the notice.
    Desk(String),
}

/// How long a withdrawn leg's phone number is kept for a notice that is on its way.
const NOTICE_MS: u64 = 3_600_000;

impl Batch<'_> {
    /// What a message of the other side sets in motion here.
    pub(crate) async fn follow(
        &mut self,
        file: &mut LegFile,
        ty: MessageType,
        withheld: bool,
    ) -> Result<(), StoreError> {
        let leg = file.id.0;
        let now = self.now_ms;
        match ty {
            MessageType::Offer if !withheld => self.note_offer(file).await,
            MessageType::Accept if file.law.rules().direction == Direction::Push => {
                self.keep_terms_of_accept(file).await?;
                let next = if file.service == Service::Employment {
                    TimerKind::AskTerms
                } else {
                    TimerKind::Release
                };
                self.timer(now, next, &leg).await
            }
            // It met a closing act: nothing of it was stored, and the other city is told so.
            MessageType::Release if file.law.is_closed() => {
                self.timer(now, TimerKind::EraseAsked, &leg).await
            }
            MessageType::EraseNotice => self.timer(now, TimerKind::EraseAsked, &leg).await,
            // V22: the receiving node itself tells the person, so that a forged consent is found.
            MessageType::Release | MessageType::Request if !withheld => {
                self.watch_age(file).await?;
                self.tell_arrival(file).await?;
                if ty == MessageType::Release {
                    self.ask_duplicate(file).await?;
                }
                self.watch_cover(file).await?;
                Ok(())
            }
            MessageType::Outcome if file.law.state().fact => {
                self.timer(now, TimerKind::AskComplete, &leg).await
            }
            // Both offices are here: who said it has erased the one vault and told the person, and
            // the office that gave the place keeps it.
            MessageType::Withdraw if file.is_local() => {
                if file.is_far() {
                    self.keep_place_of(file).await?;
                }
                self.timer(now, TimerKind::Effect, &leg).await
            }
            MessageType::Withdraw => {
                // V7 counts wherever the person said it, so before the draft is gone.
                self.suppress(file).await?;
                self.keep_place_of(file).await?;
                self.end_consents(file.id).await?;
                self.close_questions(file.id).await?;
                self.erase_or_tell(file).await?;
                self.timer(now, TimerKind::Effect, &leg).await
            }
            MessageType::Correct => {
                if file.our_side == Side::Examiner && !withheld {
                    self.person_corrected(file).await?;
                    self.watch_cover(file).await?;
                }
                self.keep_terms_of_accept(file).await?;
                // Changed terms are asked about anew; the yes to the old ones counts no more.
                self.timer(now, TimerKind::AskTerms, &leg).await
            }
            MessageType::Consent => self.consent_arrived(file).await,
            MessageType::Redirect => self.redirected(file).await,
            MessageType::Accept
            | MessageType::Release
            | MessageType::Outcome
            | MessageType::Unspecified
            | MessageType::Offer
            | MessageType::Request
            | MessageType::TakeUp
            | MessageType::Clarify
            | MessageType::Supply
            | MessageType::Waitlist
            | MessageType::Decline
            | MessageType::Progress
            | MessageType::Complete
            | MessageType::WithdrawEffect
            | MessageType::Return
            | MessageType::Expire
            | MessageType::Void
            | MessageType::Remind
            | MessageType::EraseConfirm
            | MessageType::CapacityQuery
            | MessageType::CapacityAnswer
            | MessageType::VacancyNotice => Ok(()),
        }
    }

    /// V14: no honest node hands over a child for a job; our operators hear of one that does.
    async fn watch_age(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.service != Service::Employment {
            return Ok(());
        }
        let person = self.released_person(file).await?;
        let bond = file.bond.and_then(|id| self.bond(&id));
        let (Some(person), Some(bond)) = (person, bond) else { return Ok(()) };
        if crate::acts::may_work(person.age_band) {
            return Ok(());
        }
        self.alarm("under-age-for-a-job", &bond.peer, &file.id.hex()).await
    }

    /// What the receipt of an own message sets in motion.
    pub(crate) async fn settled(
        &mut self,
        file: &LegFile,
        digest: &Digest,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let message = file.entry(digest).and_then(|entry| entry.message.as_ref());
        let takes_back = message.is_some_and(|message| {
            let ty = message.r#type();
            matches!(ty, MessageType::Offer | MessageType::Request | MessageType::Release)
        });
        match standing {
            // If a WITHDRAW caused it, that says everything; otherwise the node takes it back.
            Standing::Withheld if takes_back && !file.is_stopped() => {
                self.timer(self.now_ms, TimerKind::WentWithheld, &file.id.0).await
            }
            Standing::Refused(code) if self.again_if_revoked(file, digest, code).await? => Ok(()),
            Standing::Refused(code) => {
                let bond = self.bond_of(file);
                match bond {
                    Some(bond) => {
                        let detail = format!("refusal {code}");
                        self.alarm("own-message-refused", &bond.peer, &detail).await
                    }
                    None => Ok(()),
                }
            }
            Standing::Withheld | Standing::Stored | Standing::Provisional => Ok(()),
        }
    }

    /// The other city says that the person said yes at its window. The person is told here, with a
    /// code to stop, and a job waits until 09:00 of the next working day: a yes that was made up
    /// over there is found by whom it names before anything is released.
    async fn consent_arrived(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.our_side != Side::Initiator {
            return Ok(());
        }
        if self.stands.is_none() {
            self.tell_consent_arrived(file).await?;
        }
        let job = file.service == Service::Employment;
        let when = if job { self.nine_next_working_day(self.now_ms) } else { self.now_ms };
        self.timer(when, TimerKind::Release, &file.id.0).await
    }

    /// The other city stopped a leg of ours. The person is told and may say "not me", but for a job:
    /// there the stop may be the worker's own no in the private ballot, and nobody is to be asked
    /// about that again.
    async fn erase_or_tell(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let at = self.bond_of(file).map(|bond| self.directory.city_name(&bond.peer));
        let job = file.service == Service::Employment;
        // Who is put back was told then.
        let told = !job
            && self.stands.is_none()
            && match self.tell_stopped(file, &at.unwrap_or_default()).await {
                Ok(told) => told,
                Err(Trouble::Denied(_)) => false,
                Err(Trouble::Store(error)) => return Err(error),
            };
        let scope = if told { Scope::Disclosed } else { Scope::All };
        self.erase(file.id, scope, Reason::Withdrawn).await.map(drop)
    }

    async fn keep_terms_of_accept(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let carried = [MessageType::Correct, MessageType::Accept].into_iter().find_map(|ty| {
            let body = file.latest(ty)?.message.as_ref()?.body.as_ref()?;
            if let Body::Accept(wire::Accept { terms, .. })
            | Body::Correct(wire::Correct { terms, .. }) = body
            {
                terms.clone()
            } else {
                None
            }
        });
        let Some(terms) = carried else { return Ok(()) };
        let city = self.bond_of(file).map(|bond| bond.peer);
        let city = city.map_or(String::new(), |city| city.as_str().to_owned());
        self.keep_terms(&city, &terms).await
    }

    /// Stores terms under their digest.
    pub(crate) async fn keep_terms(
        &mut self,
        city: &str,
        terms: &wire::Terms,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO terms (digest, city, reference, bytes) VALUES ($1,$2,$3,$4) \
                 ON CONFLICT (digest) DO NOTHING",
                vec![
                    terms_digest(terms).to_vec().into(),
                    city.into(),
                    terms.reference.as_str().into(),
                    terms.encode_to_vec().into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Terms by digest.
    pub(crate) async fn terms(&mut self, digest: &[u8]) -> Result<Option<wire::Terms>, StoreError> {
        let row = self
            .conn
            .maybe("SELECT bytes FROM terms WHERE digest = $1", vec![digest.into()])
            .await?;
        let Some(row) = row else { return Ok(None) };
        wire::Terms::decode(row.bytes(0)?.as_slice())
            .map(Some)
            .map_err(|_| StoreError::Corrupt("terms.bytes"))
    }

    /// The newest consent under which this leg's person may be opened to the other office today.
    pub(crate) async fn live_consent(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<Digest>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT env_digest, envelope FROM consent WHERE leg_id = $1 AND ended_ms = 0 \
                 ORDER BY given_ms DESC",
                vec![file.id.to_vec().into()],
            )
            .await?;
        let needed = Needed {
            leg: file.id,
            from_office: &file.our_office,
            to_office: &file.their_office,
            purpose: purpose_of(file.service),
            sections: &[PERSON],
            on: self.today,
            zone_offset_min: self.house.calendar().zone_offset_min(),
        };
        for row in rows {
            let corrupt = || StoreError::Corrupt("consent.envelope");
            let sealed = wire::Envelope::decode(row.bytes(1)?.as_slice()).map_err(|_| corrupt())?;
            let found: wire::Consent = envelope::payload(&sealed).map_err(|_| corrupt())?;
            if consent::covers(&found, &needed).is_ok() {
                return Ok(Some(Digest(row.array(0)?)));
            }
        }
        Ok(None)
    }

    /// V2: a consent ends with its leg.
    pub(crate) async fn end_with_leg(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.law.is_closed() { self.end_consents(file.id).await } else { Ok(()) }
    }

    /// Ends every consent of a leg: nothing is opened under it any more.
    pub(crate) async fn end_consents(&mut self, leg: LegId) -> Result<(), StoreError> {
        if plant::is(plant::Fault::ConsentStaysOpen) {
            return Ok(());
        }
        self.conn
            .run(
                "UPDATE consent SET ended_ms = CASE WHEN given_ms > $2 THEN given_ms ELSE $2 END \
                 WHERE leg_id = $1 AND ended_ms = 0",
                vec![leg.to_vec().into(), self.now_ms.into()],
            )
            .await?;
        Ok(())
    }

    /// What was entered for a leg.
    pub(crate) async fn draft(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::DraftLeg>, StoreError> {
        let bytes = self.reveal(file, &Place::of_leg(file.id, DRAFT)).await?;
        bytes
            .map(|bytes| {
                wire::DraftLeg::decode(bytes.as_slice()).map_err(|_| StoreError::Corrupt("draft"))
            })
            .transpose()
    }

    /// Whether the person refused, stopped or left unanswered the same service before (V7).
    async fn is_remembered(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        let person = self.draft(file).await?.and_then(|draft| draft.person);
        let Some(person) = person else { return Ok(false) };
        match self.not_suppressed(file.service, &person).await {
            Ok(()) => Ok(false),
            Err(Trouble::Denied(_)) => Ok(true),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// WITHDRAW on the person's word, from every state: nothing left yet, or a message.
    pub(crate) async fn withdraw(
        &mut self,
        file: &mut LegFile,
        by: &WithdrawnBy,
    ) -> Outcome<Option<Digest>> {
        if self.directory.recovering.is_some() {
            // Nothing can be said now: it is taken down, and goes out first.
            let desk = match by {
                WithdrawnBy::Person => "",
                WithdrawnBy::Desk(at) => at,
            };
            store::recovery::keep_stop(self.conn, file.id, desk).await?;
            return Ok(None);
        }
        let again = file.local == Local::Dropped || file.law.state().stop.any();
        if again && *by != WithdrawnBy::Person {
            // A second stop at a desk does not take the person's "not me" away.
            return Ok(None);
        }
        // What was entered is the office's that began it, whoever stops.
        let home = file.home();
        let remembered = self.is_remembered(&home).await?;
        self.suppress(&home).await?;
        self.end_consents(file.id).await?;
        self.close_questions(file.id).await?;
        self.stop_letter(file).await?;
        let said = if file.local == Local::OnTheRoad {
            let stopped = file.law.state().stop;
            // Where the other city refused the first message there is no leg to withdraw from.
            if *stopped.of(file.our_side) || !file.law.exists() {
                None
            } else {
                let before = file.law.state().clone();
                let said = self.say(file, Speech::withdraw()).await?;
                if !file.is_local() || file.is_far() {
                    self.keep_place(file, &before).await?;
                }
                Some(said)
            }
        } else {
            if *by == WithdrawnBy::Person && file.local != Local::OnPaper {
                // V23: is "asked" until silence would end it, so that no desk can tell.
                if file.local == Local::Draft {
                    self.stopped_draft(file).await?;
                }
                self.erase(file.id, Scope::Content, Reason::Withdrawn).await?;
                return Ok(None);
            }
            None
        };
        let told = match by {
            // What the person had refused before, elsewhere, a "not me" must not open again.
            WithdrawnBy::Desk(at) if !remembered => self.tell_stopped(&file.home(), at).await?,
            WithdrawnBy::Desk(_) | WithdrawnBy::Person => false,
        };
        // A letter that is out stays one: its row says that it was stopped.
        if !matches!(file.local, Local::OnTheRoad | Local::OnPaper) {
            file.local = Local::Dropped;
            store::legs::update(self.conn, file).await?;
            self.put_leg(file.clone());
        }
        if told {
            self.erase(file.id, Scope::Disclosed, Reason::Withdrawn).await?;
            return Ok(said);
        }
        let waiting = self
            .conn
            .maybe(
                "SELECT 1 FROM notice WHERE leg_id = $1 AND state = 0",
                vec![file.id.to_vec().into()],
            )
            .await?;
        let scope = if waiting.is_none() { Scope::All } else { Scope::ButContact };
        self.erase(file.id, scope, Reason::Withdrawn).await?;
        if waiting.is_some() {
            // A notice to the person is still on its way; then the phone number goes too.
            self.timer(self.now_ms + NOTICE_MS, TimerKind::EraseDraft, &file.id.0).await?;
        }
        Ok(said)
    }
}

/// Performs a leg's timer.
pub(crate) async fn timer(batch: &mut Batch<'_>, file: LegFile, kind: TimerKind) -> Outcome<()> {
    let mut file = local::whose(file, kind);
    match kind {
        TimerKind::Release => release(batch, &mut file).await,
        TimerKind::Effect => effect(batch, &mut file).await,
        TimerKind::AskTerms => batch.ask_terms(&mut file).await,
        TimerKind::AskComplete => batch.ask_complete(&mut file).await,
        TimerKind::WentWithheld => went_withheld(batch, &mut file).await,
        TimerKind::SendOutcome => batch.send_held_outcome(&mut file).await,
        TimerKind::EraseDraft => crate::erase::erase_draft(batch, &mut file).await,
        TimerKind::SendAct => batch.send_pending(&mut file).await,
        TimerKind::AcceptByRule => batch.accept_by_rule(&mut file).await,
        TimerKind::Retention => batch.retention(&mut file).await,
        TimerKind::ForgetMetadata => batch.forget_metadata(&file).await,
        TimerKind::EraseAsked => batch.erase_asked(&mut file).await,
        TimerKind::RequestDue => batch.request_due(&file).await,
        TimerKind::EndLeg => batch.end_leg(&mut file).await,
        TimerKind::AskAnew => batch.ask_anew(&mut file).await,
        TimerKind::CoverGap => batch.cover_gap(&file).await,
        TimerKind::YesTakesEffect
        | TimerKind::OfferWaits
        | TimerKind::QuestionLapses
        | TimerKind::DraftLapses
        | TimerKind::AnswerCapacity
        | TimerKind::RenewCode
        | TimerKind::SayAgain
        | TimerKind::SendManifests
        | TimerKind::SendPacks
        | TimerKind::SecondLapses
        | TimerKind::FlagDue
        | TimerKind::WindDownOver => Ok(()),
    }
}

/// The node itself releases, once ACCEPT, consent and terms hold; no clerk can hold it back.
async fn release(batch: &mut Batch<'_>, file: &mut LegFile) -> Outcome<()> {
    let state = file.law.state();
    if file.our_side != Side::Initiator || file.is_stopped() {
        return Ok(());
    }
    if state.stage == Stage::Released && !state.terms_acknowledged() {
        return acknowledge(batch, file).await;
    }
    if state.stage != Stage::Accepted {
        return Ok(());
    }
    let Some(consent) = batch.live_consent(file).await? else { return Ok(()) };
    let terms = if file.service == Service::Employment {
        let Some(digest) = state.terms else { return Ok(()) };
        let taken_there = state.terms_acknowledged();
        if !taken_there && !batch.has_acknowledged(file.id, &digest).await? {
            return Ok(());
        }
        if batch.is_closed_to_minors(file, &digest).await? {
            return Ok(());
        }
        digest.to_vec()
    } else {
        Vec::new()
    };
    let Some(draft) = batch.draft(file).await? else { return Ok(()) };
    let bond = batch.bond_of(file);
    let bond = bond.ok_or_else(|| Denied::no_agreement(file.bond))?;
    let due = batch.due(&bond, file, wire::Duty::Outcome)?;
    let mut speech =
        Speech::plain(MessageType::Release, Body::Release(wire::Release { terms_digest: terms }))
            .due(due);
    speech.sections = filled(&draft, Phase::B);
    speech.consent = Some(consent);
    batch.say(file, speech).await?;
    Ok(())
}

/// Terms that changed after RELEASE are acknowledged by a CONSENT; without it no OUTCOME is legal.
async fn acknowledge(batch: &mut Batch<'_>, file: &mut LegFile) -> Outcome<()> {
    let Some(digest) = file.law.state().terms else { return Ok(()) };
    if !batch.has_acknowledged(file.id, &digest).await? {
        return Ok(());
    }
    let Some(consent) = batch.live_consent(file).await? else { return Ok(()) };
    let body = Body::ConsentTaken(wire::ConsentTaken { terms_digest: digest.to_vec() });
    let mut speech = Speech::plain(MessageType::Consent, body);
    speech.consent = Some(consent);
    batch.say(file, speech).await?;
    Ok(())
}

async fn effect(batch: &mut Batch<'_>, file: &mut LegFile) -> Outcome<()> {
    if !file.law.state().owes_effect(file.our_side) {
        return Ok(());
    }
    // While the person may still say "not me", what was entered here is kept; nothing else.
    let scope = match batch.open_question_about(file.id, Topic::Stopped, &[]).await? {
        Some(_) => Scope::Disclosed,
        None => Scope::All,
    };
    let kept = match batch.erase(file.id, scope, Reason::Withdrawn).await? {
        Some(_) => None,
        None => batch.hold_day(file.id).await?,
    };
    let body = match kept {
        None => wire::WithdrawEffect {
            scope: EffectScope::Erased.into(),
            ..wire::WithdrawEffect::default()
        },
        Some(until) => wire::WithdrawEffect {
            scope: EffectScope::Kept.into(),
            duty: KeepingDuty::LegalHold.into(),
            until: until.number(),
        },
    };
    let speech = Speech::plain(MessageType::WithdrawEffect, Body::WithdrawEffect(body));
    batch.say(file, speech).await?;
    Ok(())
}

async fn went_withheld(batch: &mut Batch<'_>, file: &mut LegFile) -> Outcome<()> {
    if file.is_stopped() || file.law.is_closed() {
        return Ok(());
    }
    let speech = if file.law.state().released {
        let body = wire::Return { code: ReturnCode::ConsentEnded.into() };
        Speech::plain(MessageType::Return, Body::Return(body))
    } else {
        let body = wire::Void { code: VoidCode::ConsentEnded.into() };
        Speech::plain(MessageType::Void, Body::Void(body))
    };
    batch.say(file, speech).await?;
    Ok(())
}

/// The duty a side may remind of, or let expire, and its date.
pub(crate) fn owed_to(file: &LegFile) -> Option<(Duty, jieli_proto::day::Day)> {
    file.law
        .owed()
        .into_iter()
        .find(|owed| owed.to.includes(file.our_side))
        .and_then(|owed| owed.due.map(|due| (owed.duty, due)))
}
