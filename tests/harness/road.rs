//! The main road from the sheet to COMPLETED, walked by the family of the demo.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::people::{self, FAMILY};
use crate::stuck::eventually;
use crate::towns::Towns;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};

impl Towns {
    /// Job, school place and home of the family, all COMPLETED; the number of its case.
    pub async fn main_road(&self) -> String {
        let (kunming, ruian) = (&self.kunming, &self.ruian);
        let case = kunming.import(vec![people::row(FAMILY)]).await.remove(0);
        kunming.ask_yes(&case).await;
        self.next_working_day();
        let mut legs = Vec::new();
        for service in [Service::Schooling, Service::Housing] {
            let leg = kunming.leg_for(&case, service).await;
            self.ruian_accepts(leg).await;
            // By the node itself, as soon as ACCEPT is there.
            kunming.reaches(leg, Stage::Released).await;
            ruian.reaches(leg, Stage::Released).await;
            legs.push(leg);
        }
        let job = self.job_to_released(&case).await;
        for leg in &legs {
            self.ruian_reports(*leg).await;
        }
        self.ruian_reports(job).await;
        let here = ruian.case_of(&ruian.leg(job).await).await;
        let ballot = ruian.sms(&here, "私下问您").await;
        ruian.answer(&ballot, &[1]).await.unwrap();
        legs.push(job);
        self.confirm(&case, &legs).await;
        case
    }

    /// The worker confirms every leg of a case.
    async fn confirm(&self, case: &str, legs: &[LegId]) {
        let kunming = &self.kunming;
        for leg in legs {
            kunming.reaches(*leg, Stage::Fulfilled).await;
        }
        eventually("the questions whether it is done", async || {
            kunming.phones.about(case, "说已办成").len() == legs.len()
        })
        .await;
        for sms in kunming.phones.about(case, "说已办成") {
            kunming.answer(&sms, &[1]).await.unwrap();
        }
        for leg in legs {
            kunming.reaches(*leg, Stage::Completed).await;
            self.ruian.reaches(*leg, Stage::Completed).await;
        }
    }

    /// Medical cover, asked for by Ruian of Kunming, which holds the record; COMPLETED.
    pub async fn medical(&self) {
        let (kunming, ruian) = (&self.kunming, &self.ruian);
        let case = self.pull_medical().await;
        ruian.ask_yes(&case).await;
        let leg = ruian.leg_for(&case, Service::Insurance).await;
        eventually("the REQUEST in Kunming", async || kunming.find(leg).await.is_some()).await;
        kunming.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
        let outcome = people::outcome(Service::Insurance, "");
        kunming.act(leg, Act::Outcome(outcome)).await.unwrap();
        ruian.reaches(leg, Stage::Fulfilled).await;
        let cover = wire::DeskCover { covered_from: 20261201 };
        ruian.act(leg, Act::Cover(cover)).await.unwrap();
        let sms = ruian.sms(&case, "说已办成").await;
        ruian.answer(&sms, &[1]).await.unwrap();
        ruian.reaches(leg, Stage::Completed).await;
        kunming.reaches(leg, Stage::Completed).await;
        let all = [
            MessageType::Request,
            MessageType::TakeUp,
            MessageType::Outcome,
            MessageType::Complete,
        ];
        assert_eq!(kunming.types(leg).await, all);
    }
}
