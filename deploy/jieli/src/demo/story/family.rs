//! A family, a full school, a worker who stops: to the job that is done.

use super::*;

impl Story {
    pub(super) async fn family_to_release(
        &mut self,
        family: &Worker,
        full: &Worker,
        stops: &Worker,
    ) -> Result<()> {
        let mut theirs = Vec::new();
        for worker in [family, full, stops] {
            let legs = self.legs(&self.origin, &worker.case).await?;
            theirs.push(self.at_destination(&legs).await?);
        }
        for (case, legs) in theirs.iter().flatten().map(|(case, leg)| (case, leg)) {
            self.act(&self.destination, case, *legs, Act::TakeUp(wire::DeskTakeUp {})).await?;
        }
        self.decline_school(full, &theirs[1]).await?;
        self.stop_while_away(stops, &theirs[2]).await?;
        for (case, leg) in &theirs[0] {
            let accept = Act::Accept(wire::DeskAccept::default());
            self.act(&self.destination, case, *leg, accept).await?;
        }
        self.stage(&self.origin, &family.case, "RELEASED", 2).await?;
        self.narrator.tell(Step {
            key: "released",
            zh: "瑞安同意接收一家人：孩子入学和住房的身份信息此时才移交，由系统自动发出。",
            en: "Ruian accepts the family: only now, and by the node itself, the identity for \
                 school place and home is handed over.",
            facts: serde_json::json!({ "case": family.case }),
        });
        Ok(())
    }

    pub(super) async fn decline_school(
        &mut self,
        full: &Worker,
        theirs: &[(String, u32)],
    ) -> Result<()> {
        let mut declined = 0;
        for (case, leg) in theirs {
            let line = self.leg_line(&self.destination, case, *leg).await?;
            let act = if line.service() == wire::Service::Schooling {
                declined += 1;
                let decision = DecisionCode::Capacity.into();
                Act::Decline(wire::DeskDecline { decision, ..wire::DeskDecline::default() })
            } else {
                Act::Accept(wire::DeskAccept::default())
            };
            self.act(&self.destination, case, *leg, act).await?;
        }
        if declined != 1 {
            bail!("{declined} school legs of the second family");
        }
        self.stage(&self.origin, &full.case, "DECLINED", 1).await?;
        self.narrator.tell(Step {
            key: "declined",
            zh: "另一家的学校名额已满：不予接收。瑞安从未见过孩子的名字，家长的工作照常办理。",
            en: "Another family's school is full: declined. Ruian never saw the child's name, and \
                 the parent's job goes on.",
            facts: serde_json::json!({ "case": full.case, "code": "CAPACITY" }),
        });
        Ok(())
    }

    pub(super) async fn stop_while_away(
        &mut self,
        stops: &Worker,
        theirs: &[(String, u32)],
    ) -> Result<()> {
        let sms = self.origin.sms(&stops.case, "逐项回答").await?;
        self.origin.stop(&sms).await?;
        for (case, leg) in theirs {
            self.one_stage(&self.destination, case, *leg, "WITHDRAWN").await?;
        }
        let asks = self.origin.desk("clerk")?;
        let case = stops.case.clone();
        self.until("the effect of the withdrawal", async || {
            let ask = wire::CaseRef { case_number: case.clone(), ..wire::CaseRef::default() };
            let view = asks.clone().show_case(ask).await?.into_inner();
            let done = |leg: &wire::LegView| {
                leg.messages.iter().any(|message| message.r#type == "WITHDRAW_EFFECT")
            };
            Ok(view
                .legs
                .iter()
                .all(|leg| leg.line.as_ref().is_some_and(|l| l.stage != "WITHDRAWN") || done(leg)))
        })
        .await?;
        self.narrator.tell(Step {
            key: "withdrawn",
            zh: "一位工人改了主意，回复停止：不问原因，两边立即停止，瑞安确认已删除。",
            en: "One worker changes his mind and stops: no reason asked, both cities stop at once, \
                 and Ruian confirms the erasure.",
            facts: serde_json::json!({ "case": stops.case }),
        });
        Ok(())
    }

    /// Terms for a day, acknowledgement, RELEASE, ballot, OUTCOME.
    pub(super) async fn job(&mut self, family: &Worker) -> Result<()> {
        let sms = self.origin.sms(&family.case, "用工条件告知单 V").await?;
        let sms = self.newest(&family.case, "请至少看一天", sms).await?;
        self.origin.open(&sms).await?;
        let too_soon = self.origin.answer(&sms, &[1]).await;
        if too_soon.is_ok() {
            bail!("terms were acknowledged before they were read for a day");
        }
        self.move_to(self.now() + 24 * HOUR_MS)?;
        self.origin.answer(&sms, &[1]).await?;
        self.next_working_day(0)?;
        self.stage(&self.origin, &family.case, "RELEASED", 3).await?;
        self.narrator.tell(Step {
            key: "terms",
            zh: "岗位条件用本人语言展示满 24 小时，本人同意次日生效，然后才移交身份。",
            en: "The job's terms were open for 24 hours, the yes counted from the next working \
                 day, and only then the identity went.",
            facts: serde_json::json!({ "case": family.case }),
        });
        Ok(())
    }

    pub(super) async fn outcomes(&mut self, family: &Worker) -> Result<()> {
        let legs = self.legs(&self.origin, &family.case).await?;
        let theirs = self.at_destination(&legs).await?;
        let digest = self.terms_digest(&family.case).await?;
        for (case, leg) in &theirs {
            let line = self.leg_line(&self.destination, case, *leg).await?;
            let fields = outcome_fields(line.service(), &digest);
            let outcome = wire::DeskOutcome { fields, ..wire::DeskOutcome::default() };
            self.act(&self.destination, case, *leg, Act::Outcome(outcome)).await?;
            if line.service() == wire::Service::Employment {
                let ballot = self.destination.sms(case, "私下问您").await?;
                self.destination.answer(&ballot, &[1]).await?;
            }
        }
        self.stage(&self.origin, &family.case, "FULFILLED", 3).await?;
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let sms = self.confirmation(&family.case, &seen).await?;
            self.origin.answer(&sms, &[1]).await?;
            seen.push(sms.code());
        }
        self.stage(&self.origin, &family.case, "COMPLETED", 3).await?;
        self.narrator.tell(Step {
            key: "completed",
            zh: "瑞安私下问过本人“这份工作是您自愿的吗”，再报结果；本人逐项确认，三件事办结。",
            en: "Ruian asked the worker in private whether the job was his own choice, then \
                 reported; the worker confirmed each, and three things are done.",
            facts: serde_json::json!({ "case": family.case, "completed": 3 }),
        });
        Ok(())
    }
}
