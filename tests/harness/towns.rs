//! Two cities inside one test, over real TLS on loopback: their clock is moved, and what passes
//! between them is kept.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::people;
use crate::stuck::eventually;
use crate::town::Town;
use crate::world::Hands;
use jieli_node::command::DeskCommand;
use jieli_node::config::Database;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::Stage;
use jieli_proto::id::{AgreementId, LegId};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service};
use std::sync::Arc;
use tempfile::TempDir;

/// The sample agreement, as the approvers of Kunming draft it.
pub const AGREEMENT_DRAFT: &str = include_str!("../../deploy/sample/agreement.toml");
/// Ruian's medical security office, which pulls.
const MEDICAL: &str = "11999999MB0000131R";

/// Kunming's housing office, where the agreement names one.
pub const HOMES_HERE: &str = "11999999MB0000995R";

/// Both cities with an agreement in force and vacancies announced.
#[derive(Debug)]
pub struct Towns {
    /// Kunming: sends.
    pub kunming: Town,
    /// Ruian: receives.
    pub ruian: Town,
    /// The clock of both.
    pub clock: Arc<Hands>,
    /// Their agreement.
    pub agreement: AgreementId,
    _folder: TempDir,
}

impl Towns {
    /// On SQLite, under the sample agreement.
    pub async fn new() -> Towns {
        Towns::with(Database::Sqlite, Database::Sqlite, AGREEMENT_DRAFT).await
    }

    /// On SQLite, with a second office of Kunming that can send somebody to a home: its own housing
    /// office.
    pub async fn with_two_senders() -> Towns {
        let union = "telephone = \"0871-60000060\"\n";
        let office = format!(
            "{union}\n[[party.office]]\ncredit_code = \"{HOMES_HERE}\"\nkind = \"housing\"\n\
             name = \"昆明市住房和城乡建设局\"\ntelephone = \"0871-60000079\"\n"
        );
        let draft = AGREEMENT_DRAFT.replace(union, &office);
        Towns::with(Database::Sqlite, Database::Sqlite, &draft).await
    }

    /// On these databases, under an agreement drafted so.
    pub async fn with(first: Database, second: Database, draft: &str) -> Towns {
        Towns::counting(first, second, draft, "").await
    }

    /// The same, and Ruian counts by this calendar file; by the built-in one where it is empty.
    pub async fn counting(first: Database, second: Database, draft: &str, days: &str) -> Towns {
        let folder = TempDir::new().unwrap();
        let clock = Hands::start();
        let mut kunming = Town::new(folder.path(), 0, first, &clock);
        let mut ruian = Town::new(folder.path(), 1, second, &clock);
        if !days.is_empty() {
            ruian.counts_by(days);
        }
        kunming.start().await;
        ruian.start().await;
        let agreement = AgreementId([0; 16]);
        let mut towns = Towns { kunming, ruian, clock, agreement, _folder: folder };
        towns.agree(draft).await;
        towns.announce().await;
        towns
    }

    /// The calendar of both.
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.ruian.node().house().calendar())
    }

    /// To 09:05 of the next working day.
    pub fn next_working_day(&self) {
        self.clock.next_working_day(&self.calendar(), 9, 5);
    }

    async fn agree(&mut self, draft: &str) {
        for (a, b) in [(&self.kunming, &self.ruian), (&self.ruian, &self.kunming)] {
            let request = wire::AddPeerRequest {
                manifest: Some(b.public.manifest.envelope.clone()),
                root_fpr: b.public.root_fpr().hex(),
                name: b.public.name.clone(),
                end_points: vec![b.address.to_string()],
                root_spki: b.public.manifest.root.to_spki().to_vec(),
                accepted_city: String::new(),
            };
            a.desk(DeskCommand::AddPeer(request)).await.unwrap();
        }
        let request = wire::ProposeRequest { draft_toml: draft.to_owned() };
        let id = self.kunming.two_approve(DeskCommand::Propose(request)).await.unwrap();
        let sign = wire::CountersignRequest { agreement_id: id.hex(), version: 1 };
        eventually("the proposal", async || {
            self.ruian.two_approve(DeskCommand::Countersign(sign.clone())).await.is_ok()
        })
        .await;
        eventually("the counter-signature", async || {
            let published = self.kunming.node().hand().published();
            published.directory.bonds.get(&id).is_some_and(|bond| bond.version() == 1)
        })
        .await;
        self.agreement = id;
    }

    async fn announce(&self) {
        let vacancies = people::vacancies();
        let count = vacancies.len() as i64;
        let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        self.ruian.desk(DeskCommand::AddVacancies(request)).await.unwrap();
        eventually("the vacancies", async || {
            self.kunming.count("SELECT COUNT(*) FROM vacancy").await == count
        })
        .await;
    }

    /// Drafts of Ruian's medical office.
    pub async fn pull_medical(&self) -> String {
        self.ruian.import_as(MEDICAL, vec![people::medical()]).await.remove(0)
    }

    /// A step of Ruian's window, once the leg is there.
    pub async fn ruian_acts(&self, leg: LegId, act: Act) {
        eventually("the leg in Ruian", async || self.ruian.find(leg).await.is_some()).await;
        self.ruian.act(leg, act).await.unwrap();
    }

    /// Ruian takes up and accepts.
    pub async fn ruian_accepts(&self, leg: LegId) {
        self.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
        self.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    }

    /// A job that is accepted, its terms read for a day and acknowledged, until RELEASED.
    pub async fn job_to_released(&self, case: &str) -> LegId {
        let leg = self.kunming.leg_for(case, Service::Employment).await;
        self.ruian_accepts(leg).await;
        self.kunming.reaches(leg, Stage::Accepted).await;
        let sms = self.kunming.sms(case, "请至少看一天").await;
        self.kunming.open(&sms).await.unwrap();
        self.clock.move_on(24 * crate::HOUR_MS);
        self.kunming.answer(&sms, &[1]).await.unwrap();
        self.next_working_day();
        self.kunming.reaches(leg, Stage::Released).await;
        self.ruian.reaches(leg, Stage::Released).await;
        leg
    }

    /// Hex digest of the terms in force of a job.
    pub async fn terms(&self, leg: LegId) -> String {
        hex::encode(self.ruian.leg(leg).await.law.state().terms.unwrap_or_default())
    }

    /// Ruian reports that a leg is done.
    pub async fn ruian_reports(&self, leg: LegId) {
        let service = self.ruian.leg(leg).await.service;
        let outcome = people::outcome(service, &self.terms(leg).await);
        self.ruian.act(leg, Act::Outcome(outcome)).await.unwrap();
    }

    /// Waits until nothing is on its way and both logs hold the same lanes.
    pub async fn settled(&self) {
        eventually("both outboxes to be empty", async || {
            let sql = "SELECT COUNT(*) FROM outbox";
            self.kunming.count(sql).await + self.ruian.count(sql).await == 0
        })
        .await;
        for lane in 0..6 {
            let (a, b) = (
                self.kunming.lane(self.agreement, lane).await,
                self.ruian.lane(self.agreement, lane).await,
            );
            assert!(a == b, "lane {lane}: {} and {}", a.len(), b.len());
        }
    }

    /// All that Kunming ever sent to Ruian: its frames, and its answers on Ruian's streams.
    pub fn from_kunming(&self) -> Vec<Vec<u8>> {
        let mut all = self.kunming.tap.said();
        all.extend(self.ruian.tap.answered());
        all
    }

    /// Messages of legs that left Kunming: everything that is about somebody.
    pub async fn sent(&self) -> usize {
        self.kunming.count("SELECT COUNT(*) FROM message WHERE lane = 0").await as usize
    }

    /// Stops both.
    pub async fn stop(mut self) {
        self.kunming.stop().await;
        self.ruian.stop().await;
    }
}
