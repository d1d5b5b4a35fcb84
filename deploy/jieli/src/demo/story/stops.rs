//! Medical cover, pulled; a dormitory, stopped.

use super::answers::outcome;
use super::*;
use jieli_gateway::drafts;

const MEDICAL: &str = include_str!("../../../../sample/case-medical.toml");

impl Story {
    /// Pulled: the receiving city asks for the record. The person says yes at the window of
    /// another office than the one that asks, with the document in hand, on a keypad.
    pub(super) async fn medical(&mut self) -> Result<Value> {
        let draft = drafts::case(MEDICAL)?;
        let person = draft.worker.clone().context("a worker")?;
        let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
        let reply = self.ruian().desk("medical")?.import(ask).await?.into_inner();
        let case = reply.rows[0].case_number.clone();
        if case.is_empty() {
            bail!("{}", reply.rows[0].say_en);
        }
        let in_hand = Some(wire::InHand {
            case_number: case.clone(),
            document: person.document,
            number: person.number,
            slip_leg: String::new(),
        });
        let ask = wire::OpenSittingRequest { in_hand, ..Default::default() };
        let mut window = self.ruian().window("union")?;
        let sitting = window.open_sitting(ask).await?.into_inner();
        if sitting.items.len() != 1 {
            bail!("{} items were asked at the window", sitting.items.len());
        }
        let (sitting, yes) = (sitting.sitting, vec![1]);
        let typed = wire::AnswerSittingRequest { sitting, yes, pin: String::new() };
        window.answer_sitting(typed).await?;
        let (there, leg) =
            self.arrived(self.ruian(), self.kunming(), &case, Service::Insurance).await?;
        self.act(self.kunming(), &there, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        self.act(self.kunming(), &there, leg, outcome(Service::Insurance, "")).await?;
        self.one_stage(self.ruian(), &case, 1, "FULFILLED").await?;
        let covered_from = self.calendar.day_of_unix_ms(self.now()).number();
        let cover = Act::Cover(wire::DeskCover { covered_from });
        self.act(self.ruian(), &case, 1, cover).await?;
        self.confirm(self.ruian(), &case, 1).await?;
        self.stage(self.ruian(), &case, "COMPLETED", 1).await?;
        Ok(json!({ "case": case, "window": "瑞安市总工会 union of Ruian", "completed": 1 }))
    }

    /// The identity is in Ruian already; the worker stops, and it is gone there.
    pub(super) async fn dormitory(&mut self) -> Result<Value> {
        let both = [Service::Employment, Service::Housing];
        let worker = self.pick_with("worker", "瑞安", &both, true)?;
        self.ask(&[&worker]).await?;
        self.say_yes(&worker, &[Service::Housing]).await?;
        let (case, leg) =
            self.arrived(self.kunming(), self.ruian(), &worker.case, Service::Housing).await?;
        self.act(self.ruian(), &case, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        self.act(self.ruian(), &case, leg, Act::Accept(wire::DeskAccept::default())).await?;
        self.one_stage(self.ruian(), &case, leg, "RELEASED").await?;
        let before = self.sees(self.ruian(), "home", &case, &worker.name()).await?;
        let sms = self.kunming().sms(&worker.case, "逐项回答").await?;
        self.kunming().stop(&sms).await?;
        self.until("the other city's proof of erasure", async || {
            let view = self.show(self.kunming(), &worker.case, "window", "").await?;
            let mut messages = view.legs.iter().flat_map(|leg| &leg.messages);
            Ok(messages.any(|message| message.r#type == "WITHDRAW_EFFECT"))
        })
        .await?;
        let after = self.sees(self.ruian(), "home", &case, &worker.name()).await?;
        if !before || after {
            bail!("the name was not there before ({before}) or still is ({after})");
        }
        let number = worker.case.clone();
        self.memory.dormitory = Some(worker);
        Ok(json!({ "case": number, "name_there_before_the_stop": before,
            "name_there_after_the_stop": after, "other_city_signed": "WITHDRAW_EFFECT" }))
    }
}
