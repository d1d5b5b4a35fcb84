//! A family: the job, the school that is full, and the school that says yes.

use super::answers::outcome;
use super::*;

impl Story {
    /// Terms for a day, acknowledgement, RELEASE, ballot, OUTCOME; and the home beside it.
    pub(super) async fn job(&mut self) -> Result<Value> {
        let family = self.family()?;
        let both = [Service::Employment, Service::Housing];
        let mut theirs = Vec::new();
        for service in both {
            theirs.push(self.arrived(self.kunming(), self.ruian(), &family.case, service).await?);
        }
        for (case, leg) in &theirs {
            let line = self.leg_line(self.ruian(), case, *leg).await?;
            if line.stage == "OFFERED" {
                self.act(self.ruian(), case, *leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
            }
            if matches!(line.stage.as_str(), "OFFERED" | "TAKEN_UP") {
                let accept = Act::Accept(wire::DeskAccept::default());
                self.act(self.ruian(), case, *leg, accept).await?;
            }
        }
        let sms = self.kunming().sms(&family.case, "请至少看一天").await?;
        // The 24 hours run from the first time the worker saw these terms: they were in the
        // question too.
        let from = self.kunming().open(&sms).await?.answer_from_unix_ms;
        if self.now() + 60_000 < from {
            if self.kunming().answer(&sms, &[1]).await.is_ok() {
                bail!("terms were acknowledged before they were read for a day");
            }
            self.move_to(from + 60_000)?;
        }
        self.kunming().answer(&sms, &[1]).await?;
        self.next_working_day()?;
        self.stage(self.kunming(), &family.case, "RELEASED", 2).await?;
        self.stage(self.ruian(), &theirs[0].0, "RELEASED", 2).await?;
        let vacancy = family.text(Service::Employment, (1, 1)).context("a vacancy")?;
        let digest = self.terms_digest(&vacancy)?;
        for ((case, leg), service) in theirs.iter().zip(both) {
            self.act(self.ruian(), case, *leg, outcome(service, &digest)).await?;
        }
        let ballot = self.ruian().sms(&theirs[0].0, "私下问您").await?;
        self.ruian().answer(&ballot, &[1]).await?;
        self.stage(self.kunming(), &family.case, "FULFILLED", 2).await?;
        self.confirm(self.kunming(), &family.case, 2).await?;
        self.stage(self.kunming(), &family.case, "COMPLETED", 2).await?;
        Ok(json!({ "case": family.case, "completed": 2, "hours_to_read_the_terms": 24 }))
    }

    /// The school in Ruian is full: the child's name was never there.
    pub(super) async fn school_full(&mut self) -> Result<Value> {
        let family = self.family()?;
        let child = family.child().context("a child")?;
        let (case, leg) =
            self.arrived(self.kunming(), self.ruian(), &family.case, Service::Schooling).await?;
        self.act(self.ruian(), &case, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        let decision = DecisionCode::Capacity.into();
        let decline = Act::Decline(wire::DeskDecline { decision, ..Default::default() });
        self.act(self.ruian(), &case, leg, decline).await?;
        self.stage(self.kunming(), &family.case, "DECLINED", 1).await?;
        let found =
            self.looked_for(self.ruian(), &[child.name.clone(), child.number.clone()]).await?;
        Ok(json!({ "case": family.case, "code": "CAPACITY", "bytes_searched": found,
            "times_the_name_was_found": 0 }))
    }

    /// Chengdu, where the other parent works, has a place: only now the name travels.
    pub(super) async fn school_yes(&mut self) -> Result<Value> {
        let family = self.family()?;
        let leg = family.leg(Service::Schooling).context("a school leg")?.clone();
        let draft = wire::Draft {
            row: 0,
            worker: family.draft.worker.clone(),
            city: "成都".to_owned(),
            legs: vec![leg],
        };
        let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft.clone()] };
        let row = self.kunming().desk("clerk")?.import(ask).await?.into_inner().rows.remove(0);
        if row.code != "draft" {
            bail!("{} {}", row.say_zh, row.say_en);
        }
        let again = Worker { row: 0, case: row.case_number, draft };
        self.ask(&[&again]).await?;
        self.say_yes(&again, &[Service::Schooling]).await?;
        let there =
            self.arrived(self.kunming(), self.chengdu(), &again.case, Service::Schooling).await?;
        let (case, leg) = there;
        self.act(self.chengdu(), &case, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        let child = again.child().context("a child")?.name.clone();
        let before = self.sees(self.chengdu(), "school", &case, &child).await?;
        self.act(self.chengdu(), &case, leg, Act::Accept(wire::DeskAccept::default())).await?;
        self.one_stage(self.chengdu(), &case, leg, "RELEASED").await?;
        let after = self.sees(self.chengdu(), "school", &case, &child).await?;
        if before || !after {
            bail!("the name was there before the yes ({before}) or not after it ({after})");
        }
        self.act(self.chengdu(), &case, leg, outcome(Service::Schooling, "")).await?;
        self.stage(self.kunming(), &again.case, "FULFILLED", 1).await?;
        self.confirm(self.kunming(), &again.case, 1).await?;
        self.stage(self.kunming(), &again.case, "COMPLETED", 1).await?;
        self.memory.school_b = again.case.clone();
        Ok(json!({ "case": again.case, "name_there_before_the_yes": before,
            "name_there_after_the_yes": after, "completed": 1 }))
    }
}
