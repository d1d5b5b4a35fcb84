//! Phones ring, and answer.

use super::*;
use jieli_proto::words;

impl Story {
    /// Asks the workers of these cases, as the clerk does.
    pub(super) async fn ask(&self, workers: &[&Worker]) -> Result<()> {
        let case_numbers = workers.iter().map(|worker| worker.case.clone()).collect();
        let ask = wire::AskRequest { case_numbers };
        let reply = self.kunming().desk("clerk")?.ask(ask).await?.into_inner();
        if reply.asked != workers.len() as u32 {
            bail!("asked {}: {:?}", reply.asked, reply.why);
        }
        Ok(())
    }

    /// The worker opens the question and says yes to these services and no to all others.
    pub(super) async fn say_yes(&self, worker: &Worker, services: &[Service]) -> Result<()> {
        let sms = self.kunming().sms(&worker.case, "逐项回答").await?;
        let shown = self.kunming().open(&sms).await?;
        let wanted = |text: &str| {
            services.iter().any(|service| text.starts_with(words::service(*service).zh))
        };
        let yes: Vec<u32> =
            shown.legs.iter().filter(|leg| wanted(&leg.text)).map(|leg| leg.number).collect();
        if yes.len() != services.len() {
            bail!("{} of {} items were asked", yes.len(), services.len());
        }
        self.answered_alike(&sms, &yes).await
    }

    /// One more worker of the sheet, whose phone is the visitor's.
    pub(crate) async fn ask_visitor(&mut self) -> Result<()> {
        let worker = self.pick("worker", |worker| {
            worker.leg(Service::Employment).is_some() && worker.leg(Service::Housing).is_some()
        })?;
        self.ask(&[&worker]).await?;
        self.memory.visitors.push(worker);
        Ok(())
    }

    async fn answered_alike(&self, sms: &Sms, yes: &[u32]) -> Result<()> {
        let said = self.kunming().answer(sms, yes).await?;
        if said != "已收到" {
            bail!("a yes and a no are answered alike, not “{said}”");
        }
        Ok(())
    }

    /// One family says yes, one worker no, one nothing at all, and two phones are the visitor's.
    pub(super) async fn asked(&mut self) -> Result<Value> {
        let job = [Service::Employment];
        let all = [Service::Employment, Service::Schooling, Service::Housing];
        let family = self.pick_with("family", "瑞安", &all, false)?;
        let says_no = self.pick_with("worker", "瑞安", &job, false)?;
        let silent = self.pick_with("worker", "瑞安", &job, false)?;
        let two = [Service::Employment, Service::Housing];
        let visitors = vec![
            self.pick_with("worker", "瑞安", &two, false)?,
            self.pick_with("worker", "成都", &job, false)?,
        ];
        let mut asked = vec![&family, &says_no, &silent];
        asked.extend(&visitors);
        let count = asked.len();
        self.ask(&asked).await?;
        self.say_yes(&family, &all).await?;
        let sms = self.kunming().sms(&says_no.case, "逐项回答").await?;
        self.kunming().open(&sms).await?;
        self.answered_alike(&sms, &[]).await?;
        let same = self.desk_sees(&says_no).await? == self.desk_sees(&silent).await?;
        self.next_working_day()?;
        let same_later = self.desk_sees(&says_no).await? == self.desk_sees(&silent).await?;
        if !(same && same_later) {
            bail!("a desk can tell a no from silence");
        }
        let memory = &mut self.memory;
        (memory.family, memory.says_no) = (Some(family), Some(says_no));
        memory.visitors.extend(visitors);
        let waiting = self.kunming().desk("window")?;
        let list = wire::ListCasesRequest { most: 1, ..Default::default() };
        let waiting = waiting.clone().list_cases(list).await?.into_inner().awaiting;
        Ok(json!({ "asked": count, "waiting_for_an_answer": waiting,
            "desk_can_tell_no_from_silence": false }))
    }

    /// All that a desk is told of a case, apart from its numbers.
    async fn desk_sees(&self, worker: &Worker) -> Result<wire::CaseView> {
        let mut view = self.show(self.kunming(), &worker.case, "window", "").await?;
        let lines = view.line.iter_mut().flat_map(|line| &mut line.legs);
        let legs = view.legs.iter_mut().filter_map(|leg| leg.line.as_mut());
        lines.chain(legs).for_each(|leg| leg.leg_id.clear());
        if let Some(line) = &mut view.line {
            line.case_number.clear();
        }
        for step in view.legs.iter_mut().flat_map(|leg| &mut leg.steps) {
            step.command = step.command.replace(&worker.case, "");
        }
        Ok(view)
    }

    /// The worker confirms so many things that are said to be done.
    pub(super) async fn confirm(&self, city: &City, case: &str, count: usize) -> Result<()> {
        let about = |sms: &Sms| sms.case() == case && sms.text.contains("说已办成");
        self.until("the questions whether it is done", async || {
            Ok(city.phones().iter().filter(|sms| about(sms)).count() >= count)
        })
        .await?;
        for sms in city.phones().iter().filter(|sms| about(sms)) {
            city.answer(sms, &[1]).await?;
        }
        Ok(())
    }
}

/// Phase C of a service, as a clerk would fill it in.
pub(super) fn outcome(service: Service, terms: &str) -> Act {
    let text = |section: u32, field: u32, value: &str| wire::DraftField {
        section,
        field,
        value: Some(wire::draft_field::Value::Text(value.to_owned())),
    };
    let number = |section: u32, field: u32, value: u64| wire::DraftField {
        section,
        field,
        value: Some(wire::draft_field::Value::Number(value)),
    };
    let fields = match service {
        Service::Employment => vec![
            text(32, 1, EMPLOYER),
            number(32, 2, 1),
            number(32, 3, 20_261_130),
            number(32, 4, 20_261_201),
            text(32, 6, terms),
        ],
        Service::Schooling => vec![text(33, 1, SCHOOL), number(33, 2, 20_261_201)],
        Service::Housing => {
            vec![number(36, 1, 2), number(36, 2, 20_261_201), number(36, 3, 12)]
        }
        Service::Insurance => {
            vec![text(35, 1, "999999"), number(35, 2, 310), text(35, 3, "ZY-2026-0001")]
        }
        Service::SchoolRecord | Service::FundTransfer | Service::Unspecified => Vec::new(),
    };
    Act::Outcome(wire::DeskOutcome { fields, ..wire::DeskOutcome::default() })
}

/// Code of the school the child goes to: the sending city is never told (V20).
pub(crate) const SCHOOL: &str = "9999990001";
/// Code of the employer: nor this.
pub(crate) const EMPLOYER: &str = "91999999MA0000218Q";
