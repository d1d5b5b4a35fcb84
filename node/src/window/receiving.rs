//! The receiving city's window: the person says there what the city that sends has to know. It
//! travels as CONSENT, signed here and naming the sending office first.

use super::{Case, Item, standing::Standing};
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::questions::{Put, Question, TERMS_HOURS, Topic, receiving_text};
use crate::speak::Speech;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::{Direction, Duty, Side, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};

/// Working days between a yes here and RELEASE: it takes effect on one, and is told on the other.
const TRAVEL_DAYS: u32 = 2;

impl Batch<'_> {
    /// An item that another city sent, by the name on the person's slip; until RELEASE nothing
    /// else here says whose it is.
    pub(super) async fn leg_of_slip(
        &mut self,
        slip_leg: &str,
    ) -> Result<Option<(Case, LegFile)>, StoreError> {
        let bytes = hex::decode(slip_leg.trim()).unwrap_or_default();
        let Some(id) = LegId::from_slice(&bytes) else { return Ok(None) };
        let Some(file) = self.take_leg(id).await? else { return Ok(None) };
        let sent_here = file.our_side == Side::Examiner
            && file.local == Local::OnTheRoad
            && file.law.rules().direction == Direction::Push
            && file.law.exists();
        if !sent_here || self.contact(&file).await?.is_some() {
            return Ok(None);
        }
        let case = store::legs::case_by_id(self.conn, file.case).await?;
        Ok(case.map(|case| (case, file)))
    }

    /// What the person is asked here: for a job its terms, otherwise a fresh consent.
    pub(super) async fn receiving_items(
        &mut self,
        fit: &[(LegFile, Standing)],
        waive_day: bool,
    ) -> Outcome<Vec<Item>> {
        let mut items = Vec::new();
        for (file, standing) in fit {
            let state = file.law.state();
            let early = matches!(
                state.stage,
                Stage::Offered | Stage::TakenUp | Stage::Waitlisted | Stage::Accepted
            );
            // After RELEASE only new terms are still to be agreed to.
            let early = early || file.service == Service::Employment && is_changed(file);
            let push = file.law.rules().direction == Direction::Push;
            if file.our_side != Side::Examiner || !push || !early || file.is_stopped() {
                continue;
            }
            let question = if file.service == Service::Employment {
                self.terms_here(file).await?
            } else {
                Some(self.consent_here(file).await?)
            };
            let Some(question) = question else { continue };
            self.opened_now(&question.id).await?;
            let opened = self.first_opened(file.id, &question.subject).await?;
            let ripe = opened.unwrap_or(self.now_ms) + TERMS_HOURS * 3_600_000;
            let waits = question.topic == Topic::Terms && !waive_day;
            items.push(Item {
                leg: file.id,
                text: question.text.clone(),
                method: standing.method,
                answer_from_ms: if waits { ripe } else { 0 },
                question,
            });
        }
        Ok(items)
    }

    async fn consent_here(&mut self, file: &LegFile) -> Result<Question, StoreError> {
        let from = self.other_city(file);
        let office = self.name_of_own_office(&file.our_office);
        let body = receiving_text(1, file.service, &from, &self.directory.name, &office);
        let deadline_ms = self.now_ms + super::SITTING_MINUTES * super::MINUTE_MS;
        let put =
            Put { topic: Topic::Consent, text: &body, subject: &[], deadline_ms, language: "" };
        let id = self.store_question(&put, &[file]).await?;
        self.question(&id).await?.ok_or(StoreError::Corrupt("question"))
    }

    async fn terms_here(&mut self, file: &LegFile) -> Outcome<Option<Question>> {
        let state = file.law.state();
        let changed = is_changed(file);
        let asks = changed || state.stage == Stage::Accepted;
        let Some(digest) = state.terms.filter(|_| asks) else { return Ok(None) };
        if let Some(open) = self.open_question_about(file.id, Topic::Terms, &digest).await? {
            return Ok(Some(open));
        }
        let Some(terms) = self.terms(&digest).await? else { return Ok(None) };
        // A yes leaves here the next working day, and the city that sends releases on the one after:
        // that has to be before the slot date.
        let calendar = &self.house.calendar();
        let slot = state.due(Duty::Release).unwrap_or(self.today);
        let bond = self.bond_of(file).ok_or_else(|| Denied::no_agreement(file.bond))?;
        let theirs = self.calendar_of(&bond, file.our_side, file.our_side.other())?;
        let at_home = theirs.last_working_day_before(slot);
        let days = 0..TRAVEL_DAYS;
        let last = match changed {
            // No slot runs out any more.
            true => self.until_read(file).1,
            false => days.fold(at_home, |day, _| calendar.last_working_day_before(day)),
        };
        let deadline_ms = last.plus(1).start_unix_ms(calendar.zone_offset_min());
        if deadline_ms <= self.now_ms {
            return Err(too_late_here(last, at_home).into());
        }
        let tongues = self.tongues_of(file).await?;
        let asked = tongues.acknowledge("", &terms, last);
        let put = asked.put(Topic::Terms, &digest, deadline_ms);
        let id = self.store_question(&put, &[file]).await?;
        Ok(self.question(&id).await?)
    }

    /// The yes goes to the city that sends.
    pub(crate) async fn say_consent(
        &mut self,
        question: &Question,
        file: &mut LegFile,
    ) -> Outcome<()> {
        if file.law.is_closed() || file.is_stopped() {
            return Ok(());
        }
        let consent = self.sign_consent(question, file).await?;
        let terms_digest =
            if question.topic == Topic::Terms { question.subject.clone() } else { Vec::new() };
        let body = Body::ConsentTaken(wire::ConsentTaken { terms_digest });
        let mut speech = Speech::plain(MessageType::Consent, body);
        speech.consent = Some(consent);
        self.say(file, speech).await?;
        Ok(())
    }
}

/// Whether the terms were changed after RELEASE, and nobody has agreed to the new ones yet.
fn is_changed(file: &LegFile) -> bool {
    file.law.state().stage == Stage::Released && !file.law.state().terms_acknowledged()
}

/// Shown in place of the terms, whatever the person would have typed.
fn too_late_here(last: Day, at_home: Day) -> Denied {
    Denied::new(
        "TOO_LATE_HERE",
        format!(
            "名额保留期将满：在本窗口的回答要两个工作日才能送到转出城市并生效，这里最晚可在 {last} 回答。\
             本人可在 {at_home} 24:00 前用手机短信里的码，或在转出城市其他机构的窗口回答；也可请本单位另定\
             名额日期。"
        ),
        format!(
            "The slot date is near: an answer here takes two working days to reach the sending \
             city and to count, so {last} was the last day for it. Until {at_home}, 24:00, the \
             person can answer with the code in the phone message or at another office's window \
             in the sending city; or the office here sets another slot date."
        ),
    )
}
