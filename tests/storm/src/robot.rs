//! What the robot of a city does at its desks, for its workers, and as its operator.

use crate::city::City;
use crate::op::{Act, Says, Word};
use crate::windows::lock;
use anyhow::{Context, Result, bail};
use jieli_node::boot::Node;
use jieli_node::command::{Command, DeskCommand, Done, WorkerCommand};
use jieli_node::keys::{KeyName, KeyRing, Signer, make_beside};
use jieli_node::recovery;
use jieli_node::store::legs;
use jieli_node::trouble::Trouble;
use jieli_node::world::Clock;
use jieli_node::writer::Failure;
use jieli_proto::envelope;
use jieli_proto::id::{CityId, LegId};
use jieli_proto::wire::act_request::Act as Step;
use jieli_proto::wire::{self, Envelope, KeyRecord};
use jieli_tests::{Seeded, Sms, people};
use std::sync::Arc;

/// Of [`steps`], those that take a leg on; a desk tries them in turn.
const ONWARD: usize = 6;

/// What a desk does: first what takes a leg on, then what ends it.
fn steps() -> Vec<Step> {
    let duty = wire::Duty::TakeUp.into();
    let decision = wire::DecisionCode::Capacity.into();
    vec![
        Step::TakeUp(wire::DeskTakeUp {}),
        Step::Accept(wire::DeskAccept::default()),
        Step::Outcome(people::outcome(wire::Service::Housing, "")),
        Step::Progress(wire::DeskProgress { step: wire::ProgressStep::Scheduled.into() }),
        Step::Remind(wire::DeskRemind { duty }),
        Step::Waitlist(wire::DeskWaitlist { until: 20_270_131, band: 1 }),
        Step::Withdraw(wire::DeskWithdraw {}),
        Step::Decline(wire::DeskDecline { decision, ..wire::DeskDecline::default() }),
        Step::Return(wire::DeskReturn { code: wire::ReturnCode::SlotLost.into() }),
        Step::Expire(wire::DeskExpire { duty }),
        Step::Void(wire::DeskVoid { code: wire::VoidCode::SentInError.into() }),
    ]
}

/// The legs of a case.
async fn legs_of(node: &Node, case_number: &str) -> Result<Vec<Vec<u8>>> {
    let mut conn = node.store().read().await?;
    let Some(case) = legs::case(&mut conn, case_number).await? else { return Ok(Vec::new()) };
    let all = legs::legs_of(&mut conn, case.id).await?;
    Ok(all.iter().map(|leg| leg.0.to_vec()).collect())
}

impl City {
    pub(crate) async fn act(self: &Arc<City>, node: &Node, act: Act) -> Result<String> {
        match act {
            Act::Announce { count } => self.announce(node, count).await,
            Act::Refer { person, to } => self.refer(node, person, to).await,
            Act::Read { pick, says } => self.read(node, pick, says).await,
            Act::Stop { pick } => self.stop(node, pick).await,
            Act::Desk { pick, choice } => self.step(node, pick, choice).await,
            Act::Agreement { pick, word } => self.agreement(node, pick, word).await,
            Act::Rotate { which } => self.rotate(node, which).await,
        }
    }

    async fn announce(&self, node: &Node, count: u8) -> Result<String> {
        let first = lock(&self.memory).entered.len();
        let mut names = Vec::new();
        let mut vacancies = Vec::new();
        for number in first..first + usize::from(count) {
            let mut terms = jieli_tests::terms();
            terms.reference = format!("V-{}-{number:05}", self.at);
            names.push(terms.reference.clone());
            let (city, posts, valid_until) = (String::new(), 3, 20_271_231);
            vacancies.push(wire::Vacancy { city, terms: Some(terms), posts, valid_until });
        }
        lock(&self.memory).entered.extend(names.iter().cloned());
        let ask = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        let Done::Vacancies(reply) =
            self.desk(node, "clerk", DeskCommand::AddVacancies(ask)).await?
        else {
            bail!("another answer")
        };
        lock(&self.memory).announced.extend(names);
        Ok(format!("announces {count}: {reply:?}"))
    }

    async fn refer(&self, node: &Node, person: u32, to: usize) -> Result<String> {
        let mut draft = people::home(person + 300 * self.at as u32);
        draft.city = crate::world::IDS[to].to_owned();
        let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
        let Done::Imported(reply) = self.desk(node, "clerk", DeskCommand::Import(ask)).await?
        else {
            bail!("another answer")
        };
        let row = reply.rows.first().context("no row")?;
        if row.case_number.is_empty() {
            bail!("{row:?}");
        }
        let ask = wire::AskRequest { case_numbers: vec![row.case_number.clone()] };
        let Done::Asked(asked) = self.desk(node, "test", DeskCommand::Ask(ask)).await? else {
            bail!("another answer")
        };
        Ok(format!("refers: {} {}, {asked:?}", row.code, row.case_number))
    }

    async fn worker(&self, node: &Node, command: WorkerCommand) -> Result<Done, Failure> {
        node.hand().perform(Command::Worker(command)).await
    }

    async fn read(&self, node: &Node, pick: u64, says: Says) -> Result<String> {
        let Some(sms) = self.phones.take(pick) else { return Ok("nothing to read".to_owned()) };
        if says == Says::Stop {
            return self.says_stop(node, sms).await;
        }
        let (case_number, code) = (sms.case(), sms.code());
        let legs_of = legs_of(node, &case_number).await?;
        let ask = wire::OpenRequest { case_number: case_number.clone(), code: code.clone() };
        let Done::Opened(shown) = self.worker(node, WorkerCommand::Open(ask)).await? else {
            bail!("another answer")
        };
        let mut yes: Vec<u32> = shown.legs.iter().map(|leg| leg.number).collect();
        if says == Says::No {
            yes.clear();
        } else {
            lock(&self.memory).yes.extend(legs_of);
        }
        let ask = wire::AnswerRequest { case_number, code, yes };
        self.worker(node, WorkerCommand::Answer(ask)).await?;
        let word = if says == Says::No { "no" } else { "yes" };
        Ok(format!("the person of {} says {word}", sms.case()))
    }

    async fn stop(&self, node: &Node, pick: u64) -> Result<String> {
        match self.phones.again(pick) {
            Some(sms) => self.says_stop(node, sms).await,
            None => Ok("nothing was read".to_owned()),
        }
    }

    async fn says_stop(&self, node: &Node, sms: Sms) -> Result<String> {
        let case_number = sms.case();
        let legs_of = legs_of(node, &case_number).await?;
        let ask = wire::WithdrawRequest { case_number, code: sms.code(), legs: Vec::new() };
        self.worker(node, WorkerCommand::Withdraw(ask)).await?;
        lock(&self.memory).stopped.extend(legs_of);
        Ok(format!("the person of {} stops", sms.case()))
    }

    /// The next manifests of the partners, brought by hand.
    pub(crate) async fn take_manifests(
        &self,
        node: &Node,
        all: Vec<(CityId, Envelope)>,
    ) -> Result<String> {
        let mut taken = 0;
        for (city, sealed) in all {
            let ask = wire::AddPeerRequest {
                manifest: Some(sealed),
                accepted_city: city.as_str().to_owned(),
                ..wire::AddPeerRequest::default()
            };
            // Of those it holds, only the newest may come again.
            taken +=
                usize::from(self.desk(node, "approver", DeskCommand::AddPeer(ask)).await.is_ok());
        }
        Ok(format!("takes in {taken} manifests by hand"))
    }

    async fn step(&self, node: &Node, pick: u64, choice: u8) -> Result<String> {
        let mut conn = node.store().read().await?;
        let rows = conn.rows("SELECT leg_id FROM leg ORDER BY leg_id", Vec::new()).await?;
        let Some(at) = (pick as usize).checked_rem(rows.len()) else {
            return Ok("no leg".to_owned());
        };
        let leg = LegId::from_slice(&rows[at].bytes(0)?).context("leg_id")?;
        let file = legs::load(&mut conn, leg, &node.house().shelf()).await?.context("no leg")?;
        let case = legs::case_by_id(&mut conn, file.case).await?.context("no case")?;
        drop(conn);
        let all = steps();
        let mut last = String::new();
        let choice = usize::from(choice) % all.len();
        let tries = if choice < ONWARD { ONWARD } else { 1 };
        for number in 0..tries {
            let at = if choice < ONWARD { (choice + number) % ONWARD } else { choice };
            let act = all[at].clone();
            let name = format!("{act:?}");
            let name = name.split('(').next().unwrap_or_default().to_owned();
            let case_number = case.number.clone();
            let ask = wire::ActRequest { case_number, leg: file.number, act: Some(act) };
            match self.desk(node, "test", DeskCommand::Act(ask)).await {
                Ok(_) => return Ok(format!("{name} in {}", case.number)),
                Err(Failure::Denied(denied)) => last = denied.code.to_string(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(format!("nothing can be done in {}: {last}", case.number))
    }

    /// Enters an act on an agreement, and has it approved where that is needed.
    pub(crate) async fn two_approve(
        &self,
        node: &Node,
        command: DeskCommand,
    ) -> Result<Done, Failure> {
        let entered = self.desk(node, "approver", command).await?;
        let gone = |_| Failure::Busy("database".to_owned());
        let mut conn = node.store().read().await.map_err(gone)?;
        let sql = "SELECT draft_id FROM agreement_draft WHERE done_ms = 0 ORDER BY made_ms DESC";
        let row = conn.rows(sql, Vec::new()).await.map_err(gone)?.into_iter().next();
        drop(conn);
        let Some(row) = row else { return Ok(entered) };
        let ask = wire::ApproveRequest { draft_id: hex::encode(row.bytes(0).map_err(gone)?) };
        self.desk(node, "approver-2", DeskCommand::Approve(ask)).await
    }

    async fn agreement(&self, node: &Node, pick: u64, word: Word) -> Result<String> {
        let published = node.hand().published();
        let ids: Vec<_> = published.directory.bonds.keys().collect();
        let at = (pick as usize).checked_rem(ids.len()).context("no agreement")?;
        let agreement_id = ids[at].hex();
        let today = node.house().calendar().day_of_unix_ms(self.clock.now_unix_ms());
        let (act, wind_down_on) = match word {
            Word::Suspend => ("suspend", 0),
            Word::Resume => ("resume", 0),
            Word::Terminate => ("terminate", today.plus(61).number()),
        };
        let act = act.to_owned();
        let ask = wire::AgreementActRequest { agreement_id, act, wind_down_on };
        self.two_approve(node, DeskCommand::ActOnAgreement(ask)).await?;
        Ok(format!("{word:?} of an agreement"))
    }

    async fn rotate(&self, node: &Node, which: u8) -> Result<String> {
        let published = node.hand().published();
        let manifest = published.directory.manifest().context("no manifest")?.clone();
        let name = [KeyName::Message, KeyName::Log, KeyName::Tls][usize::from(which % 3)];
        let kind = 10_000 * self.at as u64 + 1_000 * u64::from(which % 3 + 1);
        let number = kind + u64::from(manifest.version);
        let entropy = Seeded::new((self.seed << 16) + 0x8000 + number);
        // A key that was made for a manifest which was then not taken in is used now.
        let public = make_beside(&self.dir, &self.id, name, None, &entropy)?;
        node.house().keys.reload()?;
        let record = KeyRecord {
            spki: public.to_spki().to_vec(),
            suite: 1,
            roles: vec![name.role().context("role")?.into()],
            not_before: self.clock.now_unix_ms(),
        };
        let root = KeyRing::load(&self.dir, &self.id, None)?.root().context("no root")?;
        let next = manifest.next(vec![record], Vec::new());
        let sealed = envelope::seal(&next, root.fingerprint(), |bytes| root.sign_now(bytes));
        node.hand().perform(Command::InstallManifest(Box::new(sealed))).await?;
        Ok(format!("rotates {name:?}"))
    }

    /// What an operator does with a node that recovers: rebuilds its log, or begins a new one.
    pub(crate) async fn repair(&self, node: &Node) -> Result<String> {
        let (hand, store, house) = (node.hand(), node.store(), node.house());
        match recovery::repair(&hand, &store, house, None).await {
            Ok(report) if report.done => return Ok(format!("repaired: {}", report.say_en)),
            // What is missing may be nowhere any more.
            Ok(_) | Err(Trouble::Denied(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let plan = recovery::plan(&hand, &store, house).await?;
        if plan.notes.iter().any(|note| note.contains("was not reached")) {
            return Ok("does not begin a new epoch while a city is silent".to_owned());
        }
        let successor = plan.successor.context("no statement")?;
        let root = KeyRing::load(&self.dir, &self.id, None)?.root().context("no root")?;
        let sealed = envelope::seal(&successor, root.fingerprint(), |bytes| root.sign_now(bytes));
        let report = recovery::repair(&hand, &store, house, Some(sealed)).await?;
        Ok(format!("a new epoch: {}, {}", report.done, report.say_en))
    }
}
