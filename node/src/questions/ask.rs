//! Asking: consent before anything leaves, terms, ballot, confirmation, arrival.

use super::item::decided_by;
use super::tell::CONSENT_TAKEN;
use super::{CODE_HOURS, DRAFT_DAYS, HOUR_MS, LAPSE, Put, Question, Topic, When, asked, text};
use crate::batch::Batch;
use crate::command::Actor;
use crate::cover::Cover;
use crate::legs::{LegFile, Local};
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::{Duty, Side, Stage};
use jieli_proto::day::Day;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};

/// What became of asking a worker.
#[derive(Debug, Default)]
pub(crate) struct Sitting {
    /// There was something to ask, and it was asked.
    pub(crate) asked: bool,
    /// Why some legs cannot be asked about yet.
    pub(crate) not_ready: Vec<Denied>,
}

/// What comes of asking about one leg, with the agreement and the office it would go to.
enum Gate {
    /// The person is asked.
    Open(LegFile),
    /// Nobody is asked, and the desk sees what it would see of a silent person.
    Closed(LegFile),
}

impl Batch<'_> {
    /// Asks the worker of a case about every leg that is still a draft, in one sitting. Each leg
    /// stands alone: one that cannot be asked about yet is told, and does not hold up the others.
    pub(crate) async fn ask_consent(
        &mut self,
        actor: &Actor,
        case_number: &str,
    ) -> Outcome<Sitting> {
        let case = store::legs::case(self.conn, case_number)
            .await?
            .ok_or_else(|| Denied::not_found(case_number))?;
        let all = self.directory.coordinates(&actor.office);
        let (mut sitting, mut files, mut is_theirs) = (Sitting::default(), Vec::new(), all);
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            let Some(file) = self.take_leg(leg).await? else { continue };
            if !all && file.our_office != actor.office {
                continue;
            }
            is_theirs = true;
            if !matches!(file.local, Local::Draft | Local::Asked) {
                continue;
            }
            self.present(actor, &file.our_office).await?;
            match self.gates(&file, &case.city).await {
                Ok(Gate::Open(bound)) => {
                    self.bind(&file, &bound).await?;
                    self.ask_first(actor, &bound).await?;
                    files.push(bound);
                }
                Ok(Gate::Closed(bound)) => {
                    self.bind(&file, &bound).await?;
                    self.put_nothing(&bound).await?;
                    self.looks_asked(bound).await?;
                    sitting.asked = true;
                }
                Err(Trouble::Denied(denied)) => sitting.not_ready.push(denied),
                Err(error) => return Err(error),
            }
        }
        if !is_theirs {
            return Err(Denied::not_found(case_number).into());
        }
        if files.is_empty() {
            return Ok(sitting);
        }
        let mut lines = Vec::new();
        let mut terms = Vec::new();
        for (at, file) in files.iter().enumerate() {
            lines.push(self.consent_line(at as u32 + 1, file).await?);
            if file.service == Service::Employment
                && let Some((digest, found)) = self.vacancy_terms(file).await?
            {
                lines.push(self.tongues_of(file).await?.terms(&found));
                terms = digest;
            }
        }
        let refs: Vec<&LegFile> = files.iter().collect();
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        let tongues = self.tongues_of(refs[0]).await?;
        let body = tongues.spoken(tongues.consent(&lines));
        self.put_question(Topic::Consent, &refs, body, &terms, deadline).await?;
        for file in files {
            self.looks_asked(file).await?;
        }
        sitting.asked = true;
        Ok(sitting)
    }

    /// What stands between a leg and the next question about it. A draft that nobody was asked
    /// about meets every gate, whether the person is closed to asking or not. After that the one
    /// gate that is told is how often was asked: all others need what a person's stop has erased,
    /// and would tell who stopped from who is silent (V23).
    async fn gates(&mut self, file: &LegFile, city: &str) -> Outcome<Gate> {
        self.may_ask(file).await?;
        let closed = self.is_closed_to_asking(file).await?;
        if closed && file.local == Local::Asked {
            return Ok(Gate::Closed(file.clone()));
        }
        let ready = match self.is_own_phone(file).await {
            Ok(()) => self.ready(file, city).await,
            Err(why) => Err(why),
        };
        match ready {
            Ok(bound) if closed => Ok(Gate::Closed(bound)),
            Ok(bound) => Ok(Gate::Open(bound)),
            Err(Trouble::Denied(_)) if file.local == Local::Asked => Ok(Gate::Closed(file.clone())),
            Err(error) => Err(error),
        }
    }

    /// A draft that its person stopped before anybody was asked: from here on it looks like one
    /// that waits for an answer, its address too.
    pub(crate) async fn stopped_draft(&mut self, file: &mut LegFile) -> Outcome<()> {
        let city = store::legs::case_by_id(self.conn, file.case).await?;
        let city = city.map_or(String::new(), |case| case.city);
        match self.ready_for_window(file, &city).await {
            Ok(bound) => *file = bound,
            // Asked about by letter, one without an agreement waits too.
            Err(Trouble::Denied(_)) => {}
            Err(error) => return Err(error),
        }
        self.put_nothing(file).await?;
        self.looks_asked(file.clone()).await?;
        asked(file);
        Ok(())
    }

    /// From here on the leg is one that waits for an answer.
    pub(crate) async fn looks_asked(&mut self, mut file: LegFile) -> Result<(), StoreError> {
        let first = file.local == Local::Draft;
        asked(&mut file);
        store::legs::update(self.conn, &file).await?;
        if first {
            let when = self.now_ms + DRAFT_DAYS * 24 * HOUR_MS;
            self.timer(when, TimerKind::EraseDraft, &file.id.0).await?;
        }
        self.put_leg(file);
        Ok(())
    }

    /// V7: whether the person is not to be asked about this: it was stopped, or refused, stopped or
    /// left unanswered at whatever office of this city. None of this is told to a desk.
    pub(crate) async fn is_closed_to_asking(&mut self, file: &LegFile) -> Outcome<bool> {
        let Some(draft) = self.draft(file).await? else { return Ok(true) };
        let Some(person) = draft.person else { return Ok(false) };
        if file.local == Local::Draft
            && let Err(Trouble::Denied(_)) = self.not_suppressed(file.service, &person).await
        {
            return Ok(true);
        }
        let tag = self.house.keys.blind_tag(person.document, &person.number);
        let row = self
            .conn
            .maybe(
                "SELECT 1 FROM blind_index b JOIN leg l ON l.leg_id = b.leg_id \
                 JOIN question_leg ql ON ql.leg_id = l.leg_id \
                 JOIN question q ON q.question_id = ql.question_id \
                 WHERE b.tag = $1 AND l.leg_id <> $2 AND l.service = $3 AND l.local_state = 1 \
                 AND q.kind = 'consent' AND q.answered_ms > 0 AND ql.answer = 0 LIMIT 1",
                vec![tag.into(), file.id.to_vec().into(), (file.service as u32).into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// A draft with the agreement and the office it would go to, if by now it may go there: nobody
    /// is asked about what could not be sent.
    async fn ready(&mut self, file: &LegFile, city: &str) -> Outcome<LegFile> {
        if self.directory.city_named(city) == Some(&self.directory.city) {
            return self.ready_in_city(file, city).await;
        }
        let Some(peer) = self.directory.peer_named(city) else { return Err(no_partner(city)) };
        let bond = self.directory.bond_with(&peer.city, file.service).cloned();
        let Some(bond) = bond else { return Err(no_partner(city)) };
        let Some(agreement) = bond.in_force() else { return Err(no_partner(city)) };
        let side = bond.our_side.other();
        let (item, named) = (self.item_of(file).await?, self.heir_office(file.id).await?);
        let kind = match &item {
            Some((code, item)) => {
                decided_by(agreement, side, (*code, item), named.as_deref(), city)?;
                item.decides
            }
            None => jieli_proto::words::kind_of_service(file.service),
        };
        let theirs = match named {
            Some(named) => agreement.office(side, &named),
            None => agreement.office_of_kind(side, kind),
        };
        let Some(theirs) = theirs else {
            return Err(jieli_proto::refusal::Refusal::OfficeNotCovered.into());
        };
        let mut bound = file.clone();
        bound.bond = Some(bond.id);
        bound.their_office = theirs.credit_code.clone();
        bound.our_office = bond.office_at(bond.our_side, &file.our_office, (0, bond.version()));
        self.may_say(&bond, &bound, bound.opening())?;
        self.below_ceiling(&bond, &bound).await?;
        self.may_have_a_place(file, &bond).await?;
        self.minor_may_be_asked(file, &bound).await?;
        Ok(bound)
    }

    /// The same for a draft to another office of this city.
    async fn ready_in_city(&mut self, file: &LegFile, city: &str) -> Outcome<LegFile> {
        let mut bound = self.bound_in_city(file)?;
        if let Some(named) = self.heir_office(file.id).await? {
            bound.their_office = named;
        }
        let bond = self.bond_of(&bound).ok_or_else(|| Denied::no_agreement(bound.bond))?;
        if let (Some((code, item)), Some(law)) = (self.item_of(file).await?, bond.in_force()) {
            let theirs = Some(bound.their_office.as_str());
            decided_by(law, bond.our_side.other(), (code, &item), theirs, city)?;
        }
        self.may_say(&bond, &bound, bound.opening())?;
        self.may_have_a_place(&bound, &bond).await?;
        self.minor_may_be_asked(file, &bound).await?;
        Ok(bound)
    }

    /// Where a draft would go, for an answer at a window: nothing is sent to the person.
    pub(crate) async fn ready_for_window(
        &mut self,
        file: &LegFile,
        city: &str,
    ) -> Outcome<LegFile> {
        let bound = self.ready(file, city).await?;
        self.bind(file, &bound).await?;
        Ok(bound)
    }

    /// Stores where a draft would go. Ciphertexts are bound to the agreement: they are written
    /// again under it, together with the leg.
    async fn bind(&mut self, old: &LegFile, bound: &LegFile) -> Result<(), StoreError> {
        if old.bond != bound.bond {
            for slot in [crate::vault::CONTACT, crate::vault::DRAFT] {
                let place = crate::vault::Place::of_leg(old.id, slot);
                if let Some(plain) = self.reveal(old, &place).await? {
                    self.hide(bound, &place, &plain).await?;
                }
            }
        }
        let offices = |file: &LegFile| (file.our_office.clone(), file.their_office.clone());
        if old.bond.is_some() && offices(old) != offices(bound) {
            // V2: a yes to another office is none to this one.
            self.void_questions(old).await?;
        }
        store::legs::update(self.conn, bound).await?;
        self.put_leg(bound.clone());
        Ok(())
    }

    /// V7: at most two notices a leg, and nothing for 90 days after a refusal.
    pub(crate) async fn may_ask(&mut self, file: &LegFile) -> Outcome<()> {
        let row = self
            .conn
            .one(
                "SELECT CAST(COUNT(*) AS BIGINT), \
                 CAST(COALESCE(MAX(CASE WHEN q.tries >= $2 THEN 1 ELSE 0 END), 0) AS BIGINT) \
                 FROM question_leg ql JOIN question q ON q.question_id = ql.question_id \
                 WHERE ql.leg_id = $1 AND q.kind <> 'statement' AND NOT EXISTS \
                 (SELECT 1 FROM sitting_item si WHERE si.question_id = q.question_id)",
                vec![file.id.to_vec().into(), super::TRIES_MAX.into()],
            )
            .await?;
        // A code that was locked by guesses may be sent once more.
        if row.int(0)? >= 2 + row.int(1)? {
            return Err(Denied::new(
                "ASKED_TWICE",
                "同一事项最多通知本人两次。",
                "A person is asked about one item twice at most.",
            )
            .into());
        }
        Ok(())
    }

    pub(crate) async fn consent_line(
        &mut self,
        number: u32,
        file: &LegFile,
    ) -> Result<String, StoreError> {
        let draft = self.draft(file).await?.unwrap_or_default();
        let for_child = super::is_for_child(&draft);
        let city = self.other_city(file);
        let office = self.office_name(file);
        let tongues = self.tongues_of(file).await?;
        Ok(tongues.consent_line(number, file.service, for_child, [&city, &office]))
    }

    /// The terms announced with a leg's vacancy.
    pub(crate) async fn vacancy_terms(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<(Vec<u8>, wire::Terms)>, StoreError> {
        let Some(bond) = self.bond_of(file) else { return Ok(None) };
        let provider = if file.our_side == Side::Initiator {
            bond.peer.as_str().to_owned()
        } else {
            self.directory.city.as_str().to_owned()
        };
        let row = self
            .conn
            .maybe(
                "SELECT terms_digest FROM vacancy WHERE city = $1 AND reference = $2",
                vec![provider.into(), file.reference.as_str().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let digest = row.bytes(0)?;
        Ok(self.terms(&digest).await?.map(|terms| (digest, terms)))
    }

    /// The digest and the plain words of the terms of a job that is about to be asked for.
    pub(crate) async fn terms_of_job(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        if file.service != Service::Employment {
            return Ok(None);
        }
        let Some((digest, terms)) = self.vacancy_terms(file).await? else { return Ok(None) };
        Ok(Some((digest, self.tongues_of(file).await?.terms(&terms))))
    }

    /// Asks the worker to look at the terms in force: those that an ACCEPT named, or that a
    /// correction put in their place.
    pub(crate) async fn ask_terms(&mut self, file: &mut LegFile) -> Outcome<()> {
        let Some(digest) = terms_to_read(file) else { return Ok(()) };
        let Some(terms) = self.terms(&digest).await? else { return Ok(()) };
        if self.is_closed_to_minors(file, &digest).await? {
            return Ok(());
        }
        let (slot, last, deadline) = self.until_read(file);
        let early = file.law.state().stage == Stage::Accepted;
        // A notice of this evening goes out tomorrow: its hour comes first, then what it leaves.
        let due_ms = self.notice_due(Topic::Terms.is_spread());
        let when = When { due_ms, deadline_ms: deadline };
        if early && !self.leaves_time(file, slot, when).await? {
            return Ok(());
        }
        if self.open_question_about(file.id, Topic::Terms, &digest).await?.is_some() {
            return Ok(());
        }
        let told = file.latest(MessageType::Accept).and_then(|entry| entry.message.as_ref());
        let told = told.and_then(|message| match &message.body {
            Some(Body::Accept(accept)) => accept.window.as_ref().map(text::window),
            Some(_) | None => None,
        });
        let tongues = self.tongues_of(file).await?;
        let body = tongues.acknowledge(&told.unwrap_or_default(), &terms, last);
        let shown = file.clone();
        let template = Topic::Terms.template();
        self.put_with(template, Topic::Terms, &[&shown], body, &digest, when).await?;
        self.lapse_timer(file, deadline).await
    }

    /// The slot date, the last day for an answer, and its end. The answer closes at 24:00 of the
    /// last working day before the slot date; after RELEASE on the day the outcome is due.
    pub(crate) fn until_read(&self, file: &LegFile) -> (Day, Day, u64) {
        let (state, calendar) = (file.law.state(), &self.house.calendar());
        let (slot, last) = if state.stage == Stage::Accepted {
            let slot = state.due(Duty::Release).unwrap_or(self.today);
            (slot, calendar.last_working_day_before(slot))
        } else {
            let due = state.due(Duty::Outcome).unwrap_or(self.today);
            let due = due.max(calendar.add_working_days(self.today, crate::acts::SLOT_DAYS_MIN));
            (due, due)
        };
        (slot, last, last.plus(1).start_unix_ms(calendar.zone_offset_min()))
    }

    /// V4: a slot that leaves no time to read is not the person's no: nobody is asked, nothing is
    /// said in that person's name, and the slot passes. The other city's message stays legal.
    async fn leaves_time(
        &mut self,
        file: &LegFile,
        slot: Day,
        when: When,
    ) -> Result<bool, StoreError> {
        let accepted = file.latest(wire::MessageType::Accept);
        let made_ms = accepted
            .and_then(|entry| entry.message.as_ref()?.header.as_ref())
            .map_or(self.now_ms, |header| header.created_unix_ms);
        let calendar = &self.house.calendar();
        let made_on = calendar.day_of_unix_ms(made_ms);
        let earliest = calendar.add_working_days(made_on, crate::acts::SLOT_DAYS_MIN);
        let hours = super::TERMS_HOURS + super::ANSWER_HOURS;
        let time_to_read = when.due_ms + hours * HOUR_MS <= when.deadline_ms;
        if slot >= earliest && time_to_read {
            return Ok(true);
        }
        if let Some(bond) = self.bond_of(file) {
            self.alarm("slot-too-soon", &bond.peer, "terms were not opened").await?;
        }
        Ok(false)
    }

    /// The terms question of a leg, for a window: the open one, or one that no notice goes out for.
    pub(crate) async fn terms_at_window(
        &mut self,
        file: &LegFile,
    ) -> Outcome<Option<super::Question>> {
        let Some(digest) = terms_to_read(file) else { return Ok(None) };
        if let Some(open) = self.open_question_about(file.id, Topic::Terms, &digest).await? {
            return Ok(Some(open));
        }
        let Some(terms) = self.terms(&digest).await? else { return Ok(None) };
        let (_, last, deadline_ms) = self.until_read(file);
        if deadline_ms <= self.now_ms {
            return Ok(None);
        }
        let tongues = self.tongues_of(file).await?;
        let asked = tongues.acknowledge("", &terms, last);
        let put = asked.put(Topic::Terms, &digest, deadline_ms);
        let id = self.store_question(&put, &[file]).await?;
        self.lapse_timer(file, deadline_ms).await?;
        Ok(self.question(&id).await?)
    }

    /// Asks the worker, at the origin, whether an outcome is true; of insurance with the date from
    /// which cover is given, once the desk has stated it.
    pub(crate) async fn ask_complete(&mut self, file: &mut LegFile) -> Outcome<()> {
        if file.law.state().stage != Stage::Fulfilled || file.our_side != Side::Initiator {
            return Ok(());
        }
        let Some((text, subject)) = self.complete_text(file).await? else { return Ok(()) };
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        let shown = file.clone();
        self.put_question(Topic::Complete, &[&shown], text, &subject, deadline).await.map(drop)
    }

    /// The same question at a window, where it is answered on the keypad.
    pub(crate) async fn complete_at_window(
        &mut self,
        file: &LegFile,
        deadline_ms: u64,
    ) -> Outcome<Option<Question>> {
        let Some((text, subject)) = self.complete_text(file).await? else { return Ok(None) };
        let put = Put {
            topic: Topic::Complete,
            text: &text,
            subject: &subject,
            deadline_ms,
            language: "",
        };
        let id = self.store_question(&put, &[file]).await?;
        Ok(Some(self.question(&id).await?.ok_or(StoreError::Corrupt("question"))?))
    }

    /// What is asked, and the date that a yes confirms; `None` while cover has no date.
    async fn complete_text(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let text = text::complete(file.service, file.is_local());
        if file.service != Service::Insurance {
            return Ok(Some((text, Vec::new())));
        }
        let cover = Cover::of(self.conn, file.id).await?;
        Ok(cover
            .from
            .map(|from| (text::covered(&text, from), from.number().to_be_bytes().to_vec())))
    }

    /// V3: the receiving city asks in private whether the job is the worker's own choice.
    pub(crate) async fn ask_ballot(&mut self, file: &LegFile) -> Outcome<()> {
        let calendar = &self.house.calendar();
        // However late the result was entered, the person has the hours of a code to answer.
        let due_ms = self.notice_due(Topic::Ballot.is_spread());
        let hours_over = calendar.day_of_unix_ms(due_ms + CODE_HOURS * HOUR_MS);
        let last = file.law.state().due(Duty::Outcome).unwrap_or(self.today).max(hours_over);
        let deadline_ms = last.plus(1).start_unix_ms(calendar.zone_offset_min());
        let body = text::ballot(&self.directory.name);
        let (topic, when) = (Topic::Ballot, When { due_ms, deadline_ms });
        let has_phone = self.contact(file).await?.is_some_and(|person| !person.phone.is_empty());
        if has_phone {
            self.put_with(topic.template(), topic, &[file], body, &[], when).await?;
        } else {
            // Asked at a window; nobody there is the same as silence.
            let put = Put { topic, text: &body, subject: &[], deadline_ms, language: "" };
            self.store_question(&put, &[file]).await?;
        }
        self.lapse_timer(file, deadline_ms).await
    }

    /// V22: tells the person what arrived under that name.
    pub(crate) async fn tell_arrival(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(person) = self.released_person(file).await? else { return Ok(()) };
        let place = crate::vault::Place::of_contact(file);
        let bytes = prost::Message::encode_to_vec(&person);
        self.hide(file, &place, &bytes).await?;
        // Whoever has no phone is found at a window, by the document.
        if person.phone.is_empty() {
            return Ok(());
        }
        // Within one city its name says nothing: the office is named.
        let from = if file.is_local() { self.office_name(file) } else { self.other_city(file) };
        let body = text::arrival(&from, file.service);
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        match self.put_question(Topic::Arrival, &[file], body, &[], deadline).await {
            Ok(_) => Ok(()),
            Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// Tells the person that the other city's window took a yes.
    pub(crate) async fn tell_consent_arrived(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let from = self.other_city(file);
        let body = text::consent_arrived(&from, file.service);
        let due_ms = self.notice_due(Topic::Arrival.is_spread());
        let when = When { due_ms, deadline_ms: due_ms + CODE_HOURS * HOUR_MS };
        match self.put_with(CONSENT_TAKEN, Topic::Arrival, &[file], body, &[], when).await {
            Ok(_) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// The same for a question that closes with its code.
    pub(crate) async fn lapse_after_code(&mut self, id: &[u8]) -> Outcome<()> {
        let question = self.question(id).await?.ok_or(StoreError::Corrupt("question"))?;
        let when = self.nine_next_working_day(question.deadline_ms.saturating_sub(1));
        self.timer(when, LAPSE, id).await?;
        Ok(())
    }

    pub(super) async fn lapse_timer(&mut self, file: &LegFile, deadline_ms: u64) -> Outcome<()> {
        // Silence is sent at 09:00 of the first working day after the deadline.
        let when = self.nine_next_working_day(deadline_ms.saturating_sub(1));
        let row = self
            .conn
            .one(
                "SELECT q.question_id FROM question q JOIN question_leg ql \
                 ON ql.question_id = q.question_id WHERE ql.leg_id = $1 \
                 ORDER BY q.asked_ms DESC, q.deadline_ms DESC LIMIT 1",
                vec![file.id.to_vec().into()],
            )
            .await?;
        let question = row.bytes(0)?;
        self.timer(when, LAPSE, &question).await?;
        Ok(())
    }
}

/// The terms that the worker has to read: before RELEASE those in force, after it those that were
/// changed since.
fn terms_to_read(file: &LegFile) -> Option<[u8; 32]> {
    let state = file.law.state();
    let changed = state.stage == Stage::Released && !state.terms_acknowledged();
    let asks = state.stage == Stage::Accepted || changed;
    state.terms.filter(|_| asks && !file.is_stopped())
}

fn no_partner(city: &str) -> Trouble {
    Trouble::Denied(Denied::new(
        "NO_AGREEMENT",
        format!("与“{city}”没有包含该服务的生效协议，办件保留为草稿。"),
        format!("There is no live agreement with “{city}” for this service: it stays a draft."),
    ))
}
