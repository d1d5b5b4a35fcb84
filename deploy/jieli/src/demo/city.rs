//! One city of the demo: its own process, directory, ports, keys and database.

use crate::ambient::{SystemClock, SystemEntropy};
use crate::demo::clock::FileClock;
use anyhow::{Context, Result, bail};
use jieli_node::config::{Database, DeskRole, DeskToken, Listen};
use jieli_node::init::{InitOptions, init};
use jieli_node::keys::Protection;
use jieli_node::public::PublicBundle;
use jieli_node::world::{Clock, random};
use jieli_proto::id::CityId;
use jieli_proto::number::CreditCode;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::desk_client::DeskClient;
use jieli_proto::wire::keypad_client::KeypadClient;
use jieli_proto::wire::worker_client::WorkerClient;
use jieli_proto::wire::{self, AnswerRequest, OpenRequest, Service};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// What a city is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// City id.
    pub id: &'static str,
    /// Name as people know it.
    pub name: &'static str,
    /// Token name, role and office.
    pub tokens: Vec<(&'static str, DeskRole, &'static str)>,
    /// Where it keeps its data.
    pub database: Database,
    /// The `jieli` program that runs it.
    pub program: PathBuf,
}

/// A running city.
pub struct City {
    /// What it was made from.
    pub plan: Plan,
    /// Its directory.
    pub dir: PathBuf,
    /// What it gives to its peers.
    pub public: PublicBundle,
    desk: Channel,
    worker: Channel,
    addresses: [SocketAddr; 3],
    clock: PathBuf,
    child: Mutex<Option<Child>>,
}

/// A notice as it reached a phone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Sms {
    /// Telephone number.
    pub to: String,
    /// Text.
    pub text: String,
}

impl Sms {
    /// The case number it names.
    pub fn case(&self) -> String {
        self.after("办件 ")
    }

    /// Its code.
    pub fn code(&self) -> String {
        self.after("确认码 ")
    }

    fn after(&self, word: &str) -> String {
        let rest = self.text.split_once(word).map_or("", |(_, rest)| rest);
        rest.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect()
    }
}

impl City {
    /// Makes a city in `dir` and starts its process.
    pub async fn start(dir: &Path, clock: &Path, plan: Plan) -> Result<City> {
        let addresses = [free_port()?, free_port()?, free_port()?];
        let [peer, desk, worker] = addresses;
        let tokens = plan
            .tokens
            .iter()
            .map(|(name, role, office)| {
                let office = CreditCode::parse(office)?;
                let [first, second] = crate::demo::approver_posts(plan.id);
                let post = if *name == "approver-2" { second } else { first };
                let liaison =
                    (*role == DeskRole::Liaison).then(|| crate::demo::liaison_post(plan.id));
                let post = (*role == DeskRole::Approver).then_some(post).or(liaison);
                let post = post.map(str::to_owned);
                let employer = (*role == DeskRole::Employer).then_some(crate::demo::EMPLOYER);
                let employer = employer.map(CreditCode::parse).transpose()?;
                Ok(DeskToken { post, employer, ..DeskToken::named(name, *role, &office) })
            })
            .collect::<Result<Vec<_>, jieli_proto::number::NumberError>>()?;
        let options = InitOptions {
            keyring: plan.database.keyring_beside(),
            database: plan.database.clone(),
            listen: Listen { peer, desk, worker, health: None },
            end_points: vec![peer.to_string()],
            protection: Protection::Unprotected,
            passphrase_file: None,
            undo_minutes: 0,
            tokens,
        };
        let id = CityId::parse(plan.id).context("city id")?;
        let clock_file = FileClock::open(clock);
        let made = init(dir, &id, plan.name, options, &clock_file, &SystemEntropy::new())?;
        // The demo's clock stands still while a worker waits: its notices go out at once.
        let file = dir.join(jieli_node::config::FILE);
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, text + "\n[notices]\nspread_minutes = 0\n")?;
        let child = spawn(&plan.program, dir, clock)?;
        let city = City {
            desk: channel(desk)?,
            worker: channel(worker)?,
            public: made.public,
            dir: dir.to_owned(),
            plan,
            addresses,
            clock: clock.to_owned(),
            child: Mutex::new(Some(child)),
        };
        city.ready().await?;
        Ok(city)
    }

    /// Waits until the desk answers.
    async fn ready(&self) -> Result<()> {
        let token = self.plan.tokens[0].0;
        for _ in 0..400 {
            let asked = self.desk(token)?.status(wire::StatusRequest {}).await;
            if asked.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.dir.join("node.log")).unwrap_or_default();
        bail!("{} did not start:\n{log}", self.plan.name)
    }

    /// The desk, as the holder of one of the city's tokens.
    pub fn desk(&self, token: &str) -> Result<Desk> {
        let value = format!("Bearer {}", self.token(token)?).parse()?;
        Ok(DeskClient::with_interceptor(self.desk.clone(), Bearer(value)))
    }

    /// The window of another office than the one that asks, where a person comes with a document.
    pub fn window(&self, token: &str) -> Result<Window> {
        let value = format!("Bearer {}", self.token(token)?).parse()?;
        Ok(KeypadClient::with_interceptor(self.desk.clone(), Bearer(value)))
    }

    /// The value of a desk token.
    pub fn token(&self, name: &str) -> Result<String> {
        let path = self.dir.join("tokens").join(format!("{name}.token"));
        Ok(std::fs::read_to_string(&path).context("token")?.trim().to_owned())
    }

    /// Desk tokens that may see a person of their own office: token name and what it handles.
    pub fn clerks(&self) -> Vec<(&'static str, Service)> {
        let service = |token: &str| match token {
            "clerk" => Some(Service::Employment),
            "school" => Some(Service::Schooling),
            "home" => Some(Service::Housing),
            "medical" => Some(Service::Insurance),
            _ => None,
        };
        self.plan.tokens.iter().filter_map(|(name, ..)| Some((*name, service(name)?))).collect()
    }

    /// Where its desks and its workers call.
    pub fn doors(&self) -> [SocketAddr; 2] {
        [self.addresses[1], self.addresses[2]]
    }

    /// The second approver approves what the first one entered.
    pub async fn approve(&self, entered: &wire::AgreementView) -> Result<wire::AgreementView> {
        let waiting = entered.waiting.last().context("a draft that waits")?;
        let ask = wire::ApproveRequest { draft_id: waiting.draft_id.clone() };
        Ok(self.desk("approver-2")?.approve(ask).await?.into_inner())
    }

    /// Proposes an agreement with two approvers; its id.
    pub async fn propose(&self, draft_toml: &str) -> Result<String> {
        let ask = wire::ProposeRequest { draft_toml: draft_toml.to_owned() };
        let entered = self.desk("approver")?.propose(ask).await?.into_inner();
        Ok(self.approve(&entered).await?.agreement_id)
    }

    /// Counter-signs a version with two approvers; an error where it has not arrived yet.
    pub async fn countersign(&self, id: &str, version: u32) -> Result<()> {
        let ask = wire::CountersignRequest { agreement_id: id.to_owned(), version };
        let entered = self.desk("approver")?.countersign(ask).await?.into_inner();
        self.approve(&entered).await.map(drop)
    }

    /// Stops the process as a power cut would, and starts it again.
    pub async fn crash_and_restart(&self) -> Result<()> {
        self.crash()?;
        self.restart().await
    }

    /// Ends the process with SIGKILL; nothing happens to one that is down.
    pub fn crash(&self) -> Result<()> {
        if let Some(mut child) = self.child().take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts the process again if it is down, and waits until its desk answers.
    pub async fn restart(&self) -> Result<()> {
        if !self.is_up() {
            let child = spawn(&self.plan.program, &self.dir, &self.clock)?;
            *self.child() = Some(child);
        }
        self.ready().await
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        let mut child = self.child();
        let runs = child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !runs {
            *child = None;
        }
        runs
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step of the coordination window in a leg. A result waits until the carrier has the
    /// person's notice (V22).
    pub async fn act(&self, case: &str, leg: u32, act: Act) -> Result<()> {
        let ask = wire::ActRequest { case_number: case.to_owned(), leg, act: Some(act) };
        for _ in 0..400 {
            let Err(status) = self.desk("window")?.act(ask.clone()).await else { return Ok(()) };
            let word = status.metadata().get(jieli_node::serve::CODE_KEY);
            if word.is_none_or(|word| word != "NOTICE_WAITING") {
                return Err(status.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{}: the notice about case {case} did not go out", self.plan.name)
    }

    /// All notices that reached phones so far.
    pub fn phones(&self) -> Vec<Sms> {
        let text = std::fs::read_to_string(self.dir.join("notices.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a notice about a case whose text has a word in it, newest first.
    pub async fn sms(&self, case: &str, word: &str) -> Result<Sms> {
        for _ in 0..400 {
            let found = self
                .phones()
                .into_iter()
                .rev()
                .find(|sms| sms.case() == case && sms.text.contains(word));
            if let Some(sms) = found {
                return Ok(sms);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{}: no notice with “{word}” about case {case}", self.plan.name)
    }

    /// The worker opens what the code is about.
    pub async fn open(&self, sms: &Sms) -> Result<wire::OpenReply> {
        let ask = OpenRequest { case_number: sms.case(), code: sms.code() };
        Ok(WorkerClient::new(self.worker.clone()).open(ask).await?.into_inner())
    }

    /// The worker answers: yes to these numbers.
    pub async fn answer(&self, sms: &Sms, yes: &[u32]) -> Result<String> {
        let ask = AnswerRequest { case_number: sms.case(), code: sms.code(), yes: yes.to_vec() };
        let reply = WorkerClient::new(self.worker.clone()).answer(ask).await?.into_inner();
        Ok(reply.say_zh)
    }

    /// The worker stops everything the code is about.
    pub async fn stop(&self, sms: &Sms) -> Result<()> {
        let ask =
            wire::WithdrawRequest { case_number: sms.case(), code: sms.code(), legs: Vec::new() };
        WorkerClient::new(self.worker.clone()).withdraw(ask).await?;
        Ok(())
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // The process is ours; nothing it still holds is unsaved.
        let _ = self.crash();
    }
}

/// A desk client with a token.
pub type Desk = DeskClient<tonic::service::interceptor::InterceptedService<Channel, Bearer>>;

/// A window's client with a token.
pub type Window = KeypadClient<tonic::service::interceptor::InterceptedService<Channel, Bearer>>;

/// Adds the token to every call.
#[derive(Clone)]
pub struct Bearer(tonic::metadata::MetadataValue<tonic::metadata::Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Starts a city's process. It holds the other end of our pipe and stops when that breaks: no city
/// outlives a demo, however the demo ends.
fn spawn(program: &Path, dir: &Path, clock: &Path) -> Result<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("node.log"))?;
    Ok(Command::new(program)
        .arg("demo-city")
        .arg("--dir")
        .arg(dir)
        .arg("--clock")
        .arg(clock)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?)
}

/// Ports this process has given out. A UDP socket on the same number keeps other processes that
/// draw here from giving it out too: a TCP listener itself would keep the city from its port.
static GIVEN_OUT: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port nobody listens on, outside of the range from which systems draw ports by themselves: a
/// city that is started again must find its own port free, and it is this process's until it ends.
pub fn free_port() -> Result<SocketAddr> {
    for _ in 0..1_000 {
        let drawn = u16::from_be_bytes(random(&SystemEntropy::new()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_240 + drawn % 20_000));
        let Ok(held) = UdpSocket::bind(address) else { continue };
        if TcpListener::bind(address).is_ok() {
            GIVEN_OUT.lock().unwrap_or_else(PoisonError::into_inner).push(held);
            return Ok(address);
        }
    }
    bail!("no free port between 10240 and 30240")
}

fn channel(address: SocketAddr) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint.connect_timeout(Duration::from_secs(2)).connect_lazy())
}

/// The real time, for measuring how long a demo takes.
pub fn real_now_ms() -> u64 {
    SystemClock.now_unix_ms()
}
