//! The story: a sheet, a family, a worker who stops, a school that is full, a worker who says no.

use crate::demo::city::{City, Sms};
use crate::demo::clock::FileClock;
use crate::demo::narrate::{Narrator, Step};
use anyhow::{Context, Result, bail};
use jieli_gateway::drafts;
use jieli_gateway::sheet::{self, Options};
use jieli_node::world::Clock;
use jieli_proto::calendar::Calendar;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty};
use std::path::PathBuf;
use std::time::Duration;

mod ends;
mod family;
mod watch;

/// The sheet of the demo: 300 fictional workers.
const SHEET: &[u8] = include_bytes!("../../../../gateway/fixtures/sheets/roster-300.xlsx");
const AGREEMENT: &str = include_str!("../../../sample/agreement.toml");
const VACANCIES: &str = include_str!("../../../sample/vacancies.toml");
const MEDICAL: &str = include_str!("../../../sample/case-medical.toml");
const HOUR_MS: u64 = 3_600_000;

/// The two cities, the clock between them, and what is told.
pub struct Story {
    /// Kunming: sends.
    pub origin: City,
    /// Ruian: receives.
    pub destination: City,
    /// The clock file.
    pub clock: PathBuf,
    /// The calendar both use.
    pub calendar: Calendar,
    /// What is told.
    pub narrator: Narrator,
    agreement: String,
}

/// A worker of the sheet with the case made for it.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Row of the sheet.
    pub row: u32,
    /// Case number at the origin.
    pub case: String,
    /// Names, numbers and phones of the household, to look for where they must not be.
    pub secrets: Vec<String>,
}

impl Story {
    /// A story about two running cities.
    pub fn new(
        origin: City,
        destination: City,
        clock: PathBuf,
        calendar: Calendar,
        narrator: Narrator,
    ) -> Story {
        Story { origin, destination, clock, calendar, narrator, agreement: String::new() }
    }

    /// Tells it from beginning to end.
    pub async fn tell(&mut self) -> Result<()> {
        self.partners().await?;
        let workers = self.import().await?;
        let [family, full, stops, says_no] = pick(&workers)?;
        self.ask(&[&family, &full, &stops, &says_no]).await?;
        self.family_to_release(&family, &full, &stops).await?;
        self.job(&family).await?;
        self.outcomes(&family).await?;
        self.medical().await?;
        self.silence_and_void(&workers).await?;
        self.nothing_leaked(&[&full, &stops, &says_no]).await?;
        self.logs_agree().await?;
        self.evidence(&family).await
    }

    async fn partners(&mut self) -> Result<()> {
        for (a, b) in [(&self.origin, &self.destination), (&self.destination, &self.origin)] {
            let peer = &b.public;
            a.desk("operator")?
                .add_peer(wire::AddPeerRequest {
                    manifest: Some(peer.manifest.envelope.clone()),
                    root_fpr: peer.root_fpr().hex(),
                    name: peer.name.clone(),
                    end_points: peer.end_points.clone(),
                    root_spki: peer.manifest.root.to_spki().to_vec(),
                })
                .await?;
        }
        self.agreement = self.origin.propose(AGREEMENT).await?;
        self.until("the proposal to arrive", async || {
            Ok(self.destination.countersign(&self.agreement, 1).await.is_ok())
        })
        .await?;
        let id = wire::AgreementRef { agreement_id: self.agreement.clone() };
        let asks = self.origin.desk("approver")?;
        self.until("the counter-signature to arrive", async || {
            let view = asks.clone().show_agreement(id.clone()).await?.into_inner();
            Ok(view.state == "ACTIVE")
        })
        .await?;
        self.narrator.tell(Step {
            key: "agreement",
            zh: "昆明与瑞安互换指纹、签订并会签协作协议：没有协议，什么也不能发。",
            en: "Kunming and Ruian exchange fingerprints, sign and counter-sign an agreement: \
                 without one, nothing can be sent.",
            facts: serde_json::json!({ "agreement_id": self.agreement, "state": "ACTIVE" }),
        });
        Ok(())
    }

    async fn import(&mut self) -> Result<Vec<Worker>> {
        let vacancies = drafts::vacancies(VACANCIES)?;
        let reply = self
            .destination
            .desk("clerk")?
            .add_vacancies(wire::AddVacanciesRequest { vacancies, announce: true, change: false })
            .await?
            .into_inner();
        let asks = self.origin.desk("clerk")?;
        self.until("the vacancies to arrive", async || {
            let known = asks.clone().list_vacancies(wire::ListVacanciesRequest {}).await?;
            Ok(known.into_inner().vacancies.len() >= reply.announced as usize)
        })
        .await?;
        let today = self.calendar.day_of_unix_ms(self.now());
        let sheet = sheet::read(SHEET, "roster-300.xlsx", &Options::new(today))
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let drafts: Vec<wire::Draft> = sheet.rows.iter().map(drafts::draft).collect();
        let secrets: Vec<Vec<String>> = drafts.iter().map(secrets_of).collect();
        let ask = wire::ImportRequest { file_name: "roster-300.xlsx".to_owned(), drafts };
        let before = self.messages_from(&self.origin).await?;
        let rows = self.origin.desk("clerk")?.import(ask).await?.into_inner().rows;
        let made = rows.iter().filter(|row| row.code == "draft").count();
        let sent = self.messages_from(&self.origin).await? - before;
        if made != 300 || sent != 0 {
            bail!("{made} drafts of 300, {sent} messages");
        }
        self.narrator.tell(Step {
            key: "import",
            zh: "导入 300 行名单：300 份草稿，发出 0 条。本人不确认，谁也发不出去。",
            en: "A sheet of 300 rows: 300 drafts, 0 messages sent. Nobody can send for a person \
                 who has not said yes.",
            facts: serde_json::json!({ "rows": 300, "drafts": made, "sent": sent,
                "vacancies_announced": reply.announced }),
        });
        let worker = |(row, secrets): (&wire::ImportedRow, Vec<String>)| Worker {
            row: row.row,
            case: row.case_number.clone(),
            secrets,
        };
        Ok(rows.iter().zip(secrets).map(worker).collect())
    }

    async fn ask(&mut self, workers: &[&Worker]) -> Result<()> {
        let case_numbers = workers.iter().map(|worker| worker.case.clone()).collect();
        let reply =
            self.origin.desk("clerk")?.ask(wire::AskRequest { case_numbers }).await?.into_inner();
        if reply.asked != workers.len() as u32 {
            bail!("asked {}: {:?}", reply.asked, reply.why);
        }
        for (at, worker) in workers.iter().enumerate() {
            let sms = self.origin.sms(&worker.case, "逐项回答").await?;
            let shown = self.origin.open(&sms).await?;
            // The last one says no to everything; nobody at a desk can tell that from silence.
            let yes: Vec<u32> = match at {
                3 => Vec::new(),
                _ => shown.legs.iter().map(|leg| leg.number).collect(),
            };
            let said = self.origin.answer(&sms, &yes).await?;
            if said != "已收到" {
                bail!("a yes and a no are answered alike, not “{said}”");
            }
        }
        self.next_working_day(0)?;
        self.narrator.tell(Step {
            key: "asked",
            zh: "四位工人在自己的手机上逐项回答；一位全不同意，窗口看不出来。就业的同意次日 9:00 才生效。",
            en: "Four workers answer item by item on their own phones; one refuses everything, and \
                 no desk can tell. A yes to a job counts from 9:00 next working day.",
            facts: serde_json::json!({ "asked": workers.len() }),
        });
        Ok(())
    }
}

fn pick(workers: &[Worker]) -> Result<[Worker; 4]> {
    let by_row = |row: u32| {
        workers.iter().find(|worker| worker.row == row).cloned().context("a row of the sheet")
    };
    Ok([by_row(FAMILY)?, by_row(FULL_SCHOOL)?, by_row(STOPS)?, by_row(SAYS_NO)?])
}

/// Rows of the sheet that the story is about: all want Ruian.
const FAMILY: u32 = 3;
const FULL_SCHOOL: u32 = 16;
const STOPS: u32 = 4;
const SAYS_NO: u32 = 6;

fn secrets_of(draft: &wire::Draft) -> Vec<String> {
    let mut all = Vec::new();
    let people = draft.worker.iter().chain(draft.legs.iter().filter_map(|leg| leg.person.as_ref()));
    for person in people {
        all.extend([person.name.clone(), person.number.clone(), person.phone.clone()]);
    }
    all.retain(|text| !text.is_empty());
    all.dedup();
    all
}

/// Phase C of a service, as a clerk would fill it in.
fn outcome_fields(service: wire::Service, terms: &str) -> Vec<wire::DraftField> {
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
    match service {
        wire::Service::Employment => vec![
            text(32, 1, "91999999MA0000218Q"),
            number(32, 2, 1),
            number(32, 3, 20_261_130),
            number(32, 4, 20_261_201),
            text(32, 6, terms),
        ],
        wire::Service::Schooling => vec![text(33, 1, "9999990001"), number(33, 2, 20_261_201)],
        wire::Service::Housing => {
            vec![number(36, 1, 2), number(36, 2, 20_261_201), number(36, 3, 12)]
        }
        wire::Service::Insurance => {
            vec![text(35, 1, "999999"), number(35, 2, 310), text(35, 3, "ZY-2026-0001")]
        }
        wire::Service::SchoolRecord | wire::Service::FundTransfer | wire::Service::Unspecified => {
            Vec::new()
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The vacancy of the family's row.
const FAMILY_VACANCY: &str = "V-2026-0144";

fn lanes(status: &wire::StatusReply) -> Vec<(u32, u64, String)> {
    let mut lanes: Vec<_> =
        status.lanes.iter().map(|l| (l.lane, l.count, l.leaves_root.clone())).collect();
    lanes.sort();
    lanes
}
