//! V14: the guardian of somebody of 16 or 17 hears of the job before that person's yes counts.

use super::tell::{GUARDIAN_TOLD, Post, Told};
use super::text;
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use crate::world::Params;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, Service};

/// Stands where a notice names its question: no code of a guardian's notice opens one.
pub(crate) const TO_GUARDIAN: &[u8] = b"guardian";

impl Batch<'_> {
    /// Queues the notice to the guardian, where one is needed and none waits or has gone out. One
    /// that could not be delivered is sent anew when the person is asked anew.
    pub(super) async fn tell_guardian(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let Some(person) = self.minor_for_a_job(file).await? else { return Ok(()) };
        let told = self.guardian_notice(file.id).await?;
        if !person.guardian_phone.is_empty() && matches!(told, None | Some(Told::AtTheWindow)) {
            self.queue_guardian_notice(file, &person.guardian_phone).await?;
        }
        Ok(())
    }

    /// Refuses what is not to be sent yet: the guardian has to be told first.
    pub(crate) async fn guardian_was_told(&mut self, file: &LegFile) -> Outcome<()> {
        let Some(person) = self.minor_for_a_job(file).await? else { return Ok(()) };
        self.minor_may_be_asked(file, file).await?;
        if self.guardian_stood_at_window(file.id).await? {
            return Ok(());
        }
        match self.guardian_notice(file.id).await? {
            Some(Told::HandedOver) => return Ok(()),
            Some(Told::Waiting | Told::AtTheWindow) => {}
            None if person.guardian_phone.is_empty() => {}
            None => self.queue_guardian_notice(file, &person.guardian_phone).await?,
        }
        Err(Denied::new(
            "GUARDIAN_NOT_TOLD",
            "本人未满 18 周岁，监护人还没有得到告知：短信送达，或监护人持证件到另一类机构的窗口当面知悉后，本人的\
             同意才生效。",
            "The person is under 18: the yes counts once the notice to the guardian has gone out, or \
             the guardian was told at the window of another kind of office, with the own document.",
        )
        .into())
    }

    /// Whether a draft may go where it would be bound to: somebody of 16 or 17 has a guardian to be
    /// told, and the post is not a hazardous one. What is held is read as it is bound until then.
    pub(crate) async fn minor_may_be_asked(
        &mut self,
        held: &LegFile,
        bound: &LegFile,
    ) -> Outcome<()> {
        let Some(person) = self.minor_for_a_job(held).await? else { return Ok(()) };
        has_guardian(&person)?;
        match self.vacancy_terms(bound).await? {
            Some((_, terms)) => self.not_hazardous(&terms),
            None => Ok(()),
        }
    }

    /// The same for the terms in force, which an ACCEPT or a correction may have changed. Nothing is
    /// said in the person's name: the slot passes, and the operators hear of it.
    pub(crate) async fn is_closed_to_minors(
        &mut self,
        file: &LegFile,
        terms: &[u8],
    ) -> Outcome<bool> {
        if self.minor_for_a_job(file).await?.is_none() {
            return Ok(false);
        }
        let Some(terms) = self.terms(terms).await? else { return Ok(false) };
        if self.not_hazardous(&terms).is_ok() {
            return Ok(false);
        }
        if let Some(bond) = self.bond_of(file) {
            self.alarm("hazardous-post-for-a-minor", &bond.peer, &file.id.hex()).await?;
        }
        Ok(true)
    }

    /// Refuses a post that the packs name among those nobody under 18 is sent to.
    pub(crate) fn not_hazardous(&self, terms: &wire::Terms) -> Outcome<()> {
        if !self.directory.shelf.is_hazardous(terms.occupation, self.today) {
            return Ok(());
        }
        Err(Denied::new(
            "HAZARDOUS_POST",
            format!(
                "岗位 {} 属于危险岗位，不得安排未满 18 周岁的人：转出地请改选岗位，转入地请答复“未办成”，原因 LAW。",
                terms.reference
            ),
            format!(
                "{} is a hazardous post, and nobody under 18 is sent there: choose another post, or \
                 where the person was sent answer NOT_REALISED with the code LAW.",
                terms.reference
            ),
        )
        .into())
    }

    /// Whoever is 16 or 17 and is to be sent to a job.
    pub(crate) async fn minor_for_a_job(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::DraftPerson>, StoreError> {
        if file.service != Service::Employment {
            return Ok(None);
        }
        let draft = self.draft(file).await?;
        Ok(draft.and_then(|draft| draft.person).filter(|person| is_minor(person.age_band)))
    }

    async fn queue_guardian_notice(
        &mut self,
        file: &LegFile,
        phone: &str,
    ) -> Result<(), StoreError> {
        let case = store::legs::case_by_id(self.conn, file.case).await?;
        let number = case.map_or(String::new(), |case| case.number);
        let body = self.guardian_text(file).await?;
        let about = text::about(&[file.service]);
        let post = Post {
            to: phone,
            template: GUARDIAN_TOLD,
            params: Params { case: number, code: String::new(), about },
            text: body,
            question: TO_GUARDIAN,
            code_hmac: &[],
        };
        self.queue_notice(file, post, self.notice_due(false)).await
    }

    /// What a guardian is told, by message or at a window.
    pub(crate) async fn guardian_text(&mut self, file: &LegFile) -> Result<String, StoreError> {
        let case = store::legs::case_by_id(self.conn, file.case).await?;
        let number = case.map_or(String::new(), |case| case.number);
        let job = self.terms_of_job(file).await?.map_or(String::new(), |(_, terms)| terms);
        let to = [self.other_city(file), self.office_name(file)];
        Ok(text::guardian(&self.directory.name, &number, &to, &job))
    }

    /// The guardian was told at a window.
    pub(crate) async fn guardian_stood_here(
        &mut self,
        actor: &Actor,
        leg: LegId,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO guardian_told (leg_id, token, told_ms) VALUES ($1,$2,$3) \
                   ON CONFLICT (leg_id) DO NOTHING";
        let values = vec![leg.to_vec().into(), actor.token.as_str().into(), self.now_ms.into()];
        self.conn.run(sql, values).await?;
        self.record("guardian told at a window", &leg.0);
        Ok(())
    }

    async fn guardian_stood_at_window(&mut self, leg: LegId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM guardian_told WHERE leg_id = $1";
        Ok(self.conn.maybe(sql, vec![leg.to_vec().into()]).await?.is_some())
    }

    /// What became of the newest notice to the guardian; `None` if there is none.
    async fn guardian_notice(&mut self, leg: LegId) -> Result<Option<Told>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT n.state FROM notice n JOIN notice_road r ON r.notice_id = n.notice_id \
                 WHERE n.leg_id = $1 AND r.question_id = $2 ORDER BY r.first_due_ms DESC LIMIT 1",
                vec![leg.to_vec().into(), TO_GUARDIAN.into()],
            )
            .await?;
        row.map(|row| Ok(Told::of_state(Some(row.int(0)?)))).transpose()
    }
}

/// Whether somebody has to be asked for by a guardian: under 14, and not as a child or ward of the
/// one who is asked.
pub(crate) fn is_child_alone(leg: &wire::DraftLeg) -> bool {
    let under_14 = leg.person.as_ref().is_some_and(|person| person.age_band == 1);
    under_14 && !super::is_for_child(leg)
}

/// What is told then.
pub(crate) fn no_guardian_of_child() -> Denied {
    Denied::new(
        "NO_GUARDIAN",
        "证件号码：未满 14 周岁的人须由监护人同意。请以监护人为本人、以此人为其子女或被监护人重新填写。",
        "Document number: for somebody under 14 the guardian is asked. Enter the guardian as the \
         worker, and this person as the guardian's child or ward.",
    )
}

/// 16 or 17, by the age band that an office verified.
pub(crate) fn is_minor(age_band: u32) -> bool {
    age_band == 3
}

/// Whether there is somebody to be told: on another phone than the person's own or, without one, at a
/// window.
pub(crate) fn has_guardian(person: &wire::DraftPerson) -> Outcome<()> {
    let own_phone = !person.guardian_phone.is_empty() && person.guardian_phone == person.phone;
    if !person.guardian_name.is_empty() && !own_phone {
        return Ok(());
    }
    let cell = if person.guardian_name.is_empty() {
        ("监护人姓名", "Guardian name")
    } else {
        ("监护人电话", "Guardian phone")
    };
    Err(Denied::new(
        "NO_GUARDIAN",
        format!(
            "{}：本人年满 16 周岁未满 18 周岁，就业须先告知监护人。请填写监护人姓名和监护人本人的手机号码（不能是\
             务工人员自己的；监护人没有手机的留空，由监护人持证件到另一类机构的窗口），再重新提交。",
            cell.0
        ),
        format!(
            "{}: the worker is 16 or 17, and the guardian is told before a job. Fill in the \
             guardian's name and the guardian's own phone (not the worker's; left empty if there is \
             none: the guardian then comes to the window of another kind of office), then hand it in \
             again.",
            cell.1
        ),
    )
    .into())
}
