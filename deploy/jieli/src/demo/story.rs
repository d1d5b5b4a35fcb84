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
        let view = self
            .origin
            .desk("approver")?
            .propose(wire::ProposeRequest {
                draft_toml: AGREEMENT.to_owned(),
                approvers: vec!["人社局局长".to_owned(), "法制科科长".to_owned()],
            })
            .await?
            .into_inner();
        self.agreement = view.agreement_id;
        let ask = wire::CountersignRequest {
            agreement_id: self.agreement.clone(),
            version: 1,
            approvers: vec!["分管副市长".to_owned(), "法制科科长".to_owned()],
        };
        let mut approver = self.destination.desk("approver")?;
        self.until("the proposal to arrive", async || {
            Ok(approver.clone().countersign(ask.clone()).await.is_ok())
        })
        .await?;
        let id = wire::AgreementRef { agreement_id: self.agreement.clone() };
        let asks = self.origin.desk("approver")?;
        self.until("the counter-signature to arrive", async || {
            let view = asks.clone().show_agreement(id.clone()).await?.into_inner();
            Ok(view.state == "ACTIVE")
        })
        .await?;
        approver.status(wire::StatusRequest {}).await.ok();
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
            .add_vacancies(wire::AddVacanciesRequest { vacancies, announce: true })
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

    async fn family_to_release(
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

    async fn decline_school(&mut self, full: &Worker, theirs: &[(String, u32)]) -> Result<()> {
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

    async fn stop_while_away(&mut self, stops: &Worker, theirs: &[(String, u32)]) -> Result<()> {
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
                leg.messages.iter().any(|message| message.r#type == "WITHDRAW EFFECT")
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
    async fn job(&mut self, family: &Worker) -> Result<()> {
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

    async fn outcomes(&mut self, family: &Worker) -> Result<()> {
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

    /// Pulled: the receiving city asks for the record.
    async fn medical(&mut self) -> Result<()> {
        let draft = drafts::case(MEDICAL)?;
        let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
        let reply = self.destination.desk("medical")?.import(ask).await?.into_inner();
        let case = reply.rows[0].case_number.clone();
        if case.is_empty() {
            bail!("{}", reply.rows[0].say_en);
        }
        let ask = wire::AskRequest { case_numbers: vec![case.clone()] };
        let asked = self.destination.desk("medical")?.ask(ask).await?.into_inner();
        if asked.asked != 1 {
            bail!("{:?}", asked.why);
        }
        let sms = self.destination.sms(&case, "逐项回答").await?;
        self.destination.answer(&sms, &[1]).await?;
        let legs = self.legs(&self.destination, &case).await?;
        let theirs = self.elsewhere(&self.origin, &legs).await?;
        let (origin_case, leg) = theirs.first().context("the request did not arrive")?.clone();
        self.act(&self.origin, &origin_case, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        let fields = outcome_fields(wire::Service::Insurance, "");
        let outcome = wire::DeskOutcome { fields, ..wire::DeskOutcome::default() };
        self.act(&self.origin, &origin_case, leg, Act::Outcome(outcome)).await?;
        let sms = self.destination.sms(&case, "说已办成").await?;
        self.destination.answer(&sms, &[1]).await?;
        self.stage(&self.destination, &case, "COMPLETED", 1).await?;
        self.narrator.tell(Step {
            key: "medical",
            zh: "在瑞安窗口申请医保转入：本人确认后向昆明申请，昆明办结，本人确认。",
            en: "Medical cover is pulled at Ruian's window: after the worker's yes it is asked of \
                 Kunming, done there, and confirmed.",
            facts: serde_json::json!({ "case": case }),
        });
        Ok(())
    }

    /// EXPIRE with proof of silence, and VOID.
    async fn silence_and_void(&mut self, workers: &[Worker]) -> Result<()> {
        let mut single = workers.iter().skip(40).filter(|w| w.secrets.len() == 3);
        let mut cases = Vec::new();
        while cases.len() < 2 {
            let worker = single.next().context("two single workers for Ruian")?;
            let ask = wire::AskRequest { case_numbers: vec![worker.case.clone()] };
            if self.origin.desk("clerk")?.ask(ask).await?.into_inner().asked == 1 {
                let sms = self.origin.sms(&worker.case, "逐项回答").await?;
                self.origin.answer(&sms, &[1]).await?;
                cases.push(worker.case.clone());
            }
        }
        self.next_working_day(0)?;
        for case in &cases {
            self.one_stage(&self.origin, case, 1, "OFFERED").await?;
            self.receipted(case).await?;
        }
        let void = Act::Void(wire::DeskVoid { code: wire::VoidCode::SentInError.into() });
        self.act(&self.origin, &cases[1], 1, void).await?;
        let early = Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
        if self.act(&self.origin, &cases[0], 1, early).await.is_ok() {
            bail!("an office was expired before its due date");
        }
        for _ in 0..4 {
            self.next_working_day(0)?;
        }
        let remind = Act::Remind(wire::DeskRemind { duty: Duty::TakeUp.into() });
        self.act(&self.origin, &cases[0], 1, remind).await?;
        self.receipted(&cases[0]).await?;
        let expire = Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
        self.act(&self.origin, &cases[0], 1, expire).await?;
        self.one_stage(&self.origin, &cases[0], 1, "EXPIRED").await?;
        self.one_stage(&self.origin, &cases[1], 1, "VOIDED").await?;
        self.narrator.tell(Step {
            key: "expired",
            zh: "瑞安一个窗口逾期未受理：催办的签名回执证明了沉默，事项逾期关闭；另一件误发，作废。",
            en: "One desk in Ruian missed its date: the signed receipt of a reminder proves the \
                 silence, and the leg expires; another was sent in error and is voided.",
            facts: serde_json::json!({ "expired": cases[0], "voided": cases[1] }),
        });
        Ok(())
    }

    /// Whether Ruian's files hold anything of those who did not say yes to it.
    async fn nothing_leaked(&mut self, workers: &[&Worker]) -> Result<()> {
        let mut looked = 0;
        for name in ["jieli.db", "jieli.db-wal", "node.log", "notices.jsonl"] {
            let bytes = std::fs::read(self.destination.dir.join(name)).unwrap_or_default();
            looked += bytes.len();
            for secret in workers.iter().flat_map(|worker| &worker.secrets) {
                if contains(&bytes, secret.as_bytes()) {
                    bail!("{name} at the destination holds a person who did not agree");
                }
            }
        }
        // What is stored is encrypted, so ask the desk too: it may look, and there is nothing.
        let desk = self.destination.desk("window")?;
        for case in self.cases(&self.destination).await? {
            let ask = wire::CaseRef {
                case_number: case.case_number,
                purpose: "演示：查看本窗口能看到什么".to_owned(),
                sections: false,
            };
            let view = desk.clone().show_case(ask).await?.into_inner();
            for field in view.legs.iter().flat_map(|leg| &leg.fields) {
                let secret = workers.iter().flat_map(|w| &w.secrets).any(|s| *s == field.value);
                if secret {
                    bail!("the destination's desk sees a person who did not agree");
                }
            }
        }
        self.narrator.tell(Step {
            key: "nothing-leaked",
            zh: "在瑞安的数据库、日志和通知中查找被拒孩子、撤回者和不同意者的姓名、号码、电话：0 处。",
            en: "Names, numbers and phones of the declined child, the withdrawn and the unwilling \
                 worker in Ruian's database, logs and notices: 0.",
            facts: serde_json::json!({ "bytes_searched": looked, "found": 0 }),
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

impl Story {
    fn now(&self) -> u64 {
        FileClock::open(&self.clock).now_unix_ms()
    }

    fn move_to(&self, unix_ms: u64) -> Result<()> {
        Ok(FileClock::set(&self.clock, unix_ms)?)
    }

    /// To 09:05 of the next working day, and so many hours more.
    fn next_working_day(&self, hours: u64) -> Result<()> {
        let today = self.calendar.day_of_unix_ms(self.now());
        let next = self.calendar.add_working_days(today, 1);
        let nine = next.start_unix_ms(self.calendar.zone_offset_min()) + 9 * HOUR_MS;
        self.move_to(nine + 5 * 60_000 + hours * HOUR_MS)
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        for _ in 0..600 {
            if holds().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("waited too long for {what}")
    }

    async fn newest(&self, case: &str, word: &str, _older: Sms) -> Result<Sms> {
        self.origin.sms(case, word).await
    }

    async fn messages_from(&self, city: &City) -> Result<u64> {
        let status = city.desk("operator")?.status(wire::StatusRequest {}).await?.into_inner();
        // Kunming's id sorts first: it is party A, and its messages go in lane 0.
        let lane = u32::from(city.plan.id > "l");
        Ok(status.lanes.iter().filter(|count| count.lane == lane).map(|count| count.count).sum())
    }

    /// The legs of a case: leg id and number.
    async fn legs(&self, city: &City, case: &str) -> Result<Vec<(String, u32)>> {
        let token = if city.plan.id == self.origin.plan.id { "clerk" } else { "window" };
        let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
        let view = city.desk(token)?.show_case(ask).await?.into_inner();
        let line = view.line.context("a case line")?;
        Ok(line.legs.into_iter().map(|leg| (leg.leg_id, leg.number)).collect())
    }

    async fn at_destination(&self, legs: &[(String, u32)]) -> Result<Vec<(String, u32)>> {
        self.elsewhere(&self.destination, legs).await
    }

    /// The same legs as the other city numbers them, once all have arrived.
    async fn elsewhere(&self, city: &City, legs: &[(String, u32)]) -> Result<Vec<(String, u32)>> {
        for _ in 0..600 {
            let cases = self.cases(city).await?;
            let found: Vec<(String, u32)> = legs
                .iter()
                .filter_map(|(id, _)| {
                    cases.iter().find_map(|case| {
                        let leg = case.legs.iter().find(|leg| leg.leg_id == *id)?;
                        Some((case.case_number.clone(), leg.number))
                    })
                })
                .collect();
            if found.len() == legs.len() {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{}: {} legs did not all arrive", city.plan.name, legs.len())
    }

    /// All cases of a city, page by page.
    async fn cases(&self, city: &City) -> Result<Vec<wire::CaseLine>> {
        let mut all: Vec<wire::CaseLine> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |case| case.case_number.clone());
            let ask = wire::ListCasesRequest { after, most: 500, stage: String::new() };
            let page = city.desk("window")?.list_cases(ask).await?.into_inner().cases;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    async fn act(&self, city: &City, case: &str, leg: u32, act: Act) -> Result<()> {
        let ask = wire::ActRequest { case_number: case.to_owned(), leg, act: Some(act) };
        city.desk("window")?.act(ask).await?;
        Ok(())
    }

    async fn leg_line(&self, city: &City, case: &str, leg: u32) -> Result<wire::LegLine> {
        let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
        let view = city.desk("window")?.show_case(ask).await?.into_inner();
        let line = view.line.context("a case line")?;
        line.legs.into_iter().find(|line| line.number == leg).context("a leg")
    }

    async fn one_stage(&self, city: &City, case: &str, leg: u32, stage: &str) -> Result<()> {
        let what = format!("{stage} of {case}/{leg} in {}", city.plan.name);
        self.until(&what, async || Ok(self.leg_line(city, case, leg).await?.stage == stage)).await
    }

    /// Waits until so many legs of a case are in a stage.
    async fn stage(&self, city: &City, case: &str, stage: &str, count: usize) -> Result<()> {
        let what = format!("{count} legs {stage} of {case} in {}", city.plan.name);
        self.until(&what, async || {
            let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
            let view = city.desk("window")?.show_case(ask).await?.into_inner();
            let legs = view.line.map_or(Vec::new(), |line| line.legs);
            Ok(legs.iter().filter(|leg| leg.stage == stage).count() >= count)
        })
        .await
    }

    /// Waits until every own message of a case has its receipt.
    async fn receipted(&self, case: &str) -> Result<()> {
        self.until("the receipts", async || {
            let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
            let view = self.origin.desk("window")?.show_case(ask).await?.into_inner();
            let mut messages = view.legs.iter().flat_map(|leg| &leg.messages);
            Ok(messages.all(|message| message.status != "provisional"))
        })
        .await
    }

    async fn confirmation(&self, case: &str, seen: &[String]) -> Result<Sms> {
        for _ in 0..400 {
            let found = self.origin.phones().into_iter().find(|sms| {
                sms.case() == case && sms.text.contains("说已办成") && !seen.contains(&sms.code())
            });
            if let Some(sms) = found {
                return Ok(sms);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("a confirmation question about {case} did not come")
    }

    /// The digest of the terms in force, as the OUTCOME names it.
    async fn terms_digest(&self, _case: &str) -> Result<String> {
        let vacancies = drafts::vacancies(VACANCIES)?;
        let terms = vacancies
            .into_iter()
            .find_map(|vacancy| vacancy.terms.filter(|terms| terms.reference == FAMILY_VACANCY));
        let terms = terms.context("the family's vacancy")?;
        Ok(jieli_proto::message::terms_digest(&terms).hex())
    }

    async fn logs_agree(&mut self) -> Result<()> {
        self.until("both cities to hold everything", async || {
            let (a, b) = self.statuses().await?;
            Ok(a.letters_waiting == 0 && b.letters_waiting == 0 && lanes(&a) == lanes(&b))
        })
        .await?;
        let (origin, destination) = self.statuses().await?;
        let same = lanes(&origin) == lanes(&destination);
        let city = |city: &City, status: &wire::StatusReply, ours: u32| {
            let count = |lane: u32| {
                status.lanes.iter().filter(|l| l.lane == lane).map(|l| l.count).sum::<u64>()
            };
            let log = status.exchange.clone().unwrap_or_default();
            serde_json::json!({
                "city": city.plan.id, "name": city.plan.name,
                "messages_sent": count(ours), "messages_received": count(1 - ours),
                "receipts_sent": count(2 + ours), "receipts_received": count(3 - ours),
                "log_size": log.size, "log_root": log.root,
            })
        };
        let facts = serde_json::json!({
            "cities": [city(&self.origin, &origin, 0), city(&self.destination, &destination, 1)],
            "leaves_identical": same,
            "lanes": lanes(&origin).into_iter().map(|(lane, count, root)| {
                serde_json::json!({ "lane": lane, "count": count, "leaves_root": root })
            }).collect::<Vec<_>>(),
        });
        self.narrator.tell(Step {
            key: "logs",
            zh: "两座城市的存证日志中，这份协议的每一条记录逐字节相同。",
            en: "Every record of this agreement is byte for byte the same in both cities' logs.",
            facts,
        });
        Ok(())
    }

    async fn statuses(&self) -> Result<(wire::StatusReply, wire::StatusReply)> {
        let a = self.origin.desk("operator")?.status(wire::StatusRequest {}).await?;
        let b = self.destination.desk("operator")?.status(wire::StatusRequest {}).await?;
        Ok((a.into_inner(), b.into_inner()))
    }

    async fn evidence(&mut self, family: &Worker) -> Result<()> {
        let ask = wire::CaseRef {
            case_number: family.case.clone(),
            purpose: "合规抽查".to_owned(),
            sections: false,
        };
        let zip = self.origin.desk("compliance")?.export_case(ask).await?.into_inner().zip;
        let roots = [self.origin.public.root_fpr(), self.destination.public.root_fpr()];
        let good = jieli_proto::bundle::verify(&zip, &roots);
        let exit = jieli_proto::bundle::exit_code(&good);
        let file = self.origin.dir.join("family.zip");
        std::fs::write(&file, &zip)?;
        let mut flipped = zip.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 1;
        let bad = jieli_proto::bundle::exit_code(&jieli_proto::bundle::verify(&flipped, &roots));
        if exit != 0 || bad == 0 {
            let text = good.map(|verdicts| verdicts.text()).unwrap_or_default();
            bail!("the bundle verifies with {exit}, changed with {bad}\n{text}");
        }
        self.narrator.tell(Step {
            key: "evidence",
            zh: "导出这一家的存证包，只凭两个城市的根指纹离线核验：成立；改动一个字节：不成立。",
            en: "The family's evidence is exported and verified offline with nothing but the two \
                 root fingerprints: it holds; with one byte changed it does not.",
            facts: serde_json::json!({ "bytes": zip.len(), "exit": exit, "exit_flipped": bad,
                "file": file.display().to_string() }),
        });
        Ok(())
    }
}

/// The vacancy of the family's row.
const FAMILY_VACANCY: &str = "V-2026-0144";

fn lanes(status: &wire::StatusReply) -> Vec<(u32, u64, String)> {
    let mut lanes: Vec<_> =
        status.lanes.iter().map(|l| (l.lane, l.count, l.leaves_root.clone())).collect();
    lanes.sort();
    lanes
}
