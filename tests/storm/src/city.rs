//! One simulated city: its node, and a robot that does what its desks, workers and operators would.

use crate::op::Act;
use crate::windows::{Phones, Rough, RoughPost, SimClock, SimNet, SimSleep, lock};
use anyhow::Result;
use jieli_node::boot::{Node, Start, WrapPost};
use jieli_node::command::{Actor, Command, DeskCommand, Done};
use jieli_node::config::Config;
use jieli_node::world::{Clock, Notices};
use jieli_node::writer::{CrashAt, Failure, Step};
use jieli_proto::id::CityId;
use jieli_proto::wire::Envelope;
use jieli_tests::Seeded;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// How often a robot looks for an order.
const LOOK: Duration = Duration::from_millis(20);
/// How long a robot waits for its node.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stands for the two approvers of an act on an agreement, one after the other.
pub(crate) const APPROVERS: &str = "approvers";

/// Agreement, lane, place.
pub(crate) type Place = (Vec<u8>, i64, i64);

/// Everything that happened, in its order.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Mutex<Vec<String>>,
    /// The last instant that was seen from inside.
    last_ms: AtomicU64,
}

impl Trace {
    pub(crate) fn tell(&self, what: &str) {
        if let Some(now) = turmoil::sim_elapsed() {
            self.last_ms.store(now.as_millis() as u64, Ordering::SeqCst);
        }
        let ms = self.last_ms.load(Ordering::SeqCst);
        lock(&self.lines).push(format!("{ms:>7} {what}"));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.lines).clone()
    }
}

/// What a simulation remembers of a city, whatever becomes of its process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Every message that stood in its database when somebody had been answered.
    pub(crate) kept: BTreeMap<Place, Vec<u8>>,
    /// Roots signed, by origin and size.
    pub(crate) roots: BTreeMap<(String, u64), String>,
    /// Vacancies that a desk was told are announced.
    pub(crate) announced: BTreeSet<String>,
    /// Vacancies that were entered, whatever was answered.
    pub(crate) entered: BTreeSet<String>,
    /// Legs that a person said yes to, or began to.
    pub(crate) yes: BTreeSet<Vec<u8>>,
    /// Legs that a person was told are stopped.
    pub(crate) stopped: BTreeSet<Vec<u8>>,
    /// What should not have happened.
    pub(crate) wrongs: Vec<String>,
}

/// How a city stands, as its own database tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) lanes: BTreeMap<Place, Vec<u8>>,
    /// Agreements by id, with the other city.
    pub(crate) partners: BTreeMap<Vec<u8>, String>,
    pub(crate) outbox: i64,
    pub(crate) recovering: bool,
    /// Legs that are at both cities, with what the law says of them.
    pub(crate) legs: BTreeMap<Vec<u8>, String>,
    /// Legs whose use has stopped here.
    pub(crate) stopped: BTreeSet<Vec<u8>>,
    /// Alarms and proofs of misbehaviour, in words.
    pub(crate) alarms: Vec<String>,
    /// How often each vacancy was announced to each partner.
    pub(crate) announced: BTreeMap<(Vec<u8>, String), usize>,
    /// Vacancies that are known here.
    pub(crate) vacancies: BTreeSet<String>,
    /// Legs of which an OFFER is in a lane.
    pub(crate) offered: BTreeSet<Vec<u8>>,
    /// What an audit of the stored bytes found.
    pub(crate) findings: Vec<String>,
    /// Own manifests, by version.
    pub(crate) manifests: Vec<Envelope>,
    /// Own log: origin, size, root.
    pub(crate) head: (String, u64, String),
}

/// What a robot is told to do.
pub(crate) enum Order {
    Act(Act),
    /// A command of the holder of a token, and where its answer goes.
    Desk(&'static str, Box<DeskCommand>, Answer),
    /// Tells how it stands; with an audit.
    Report {
        audit: bool,
    },
    /// Takes up its log again where it must.
    Repair,
    /// Takes in other cities' manifests, as people brought them.
    Manifests(Vec<(CityId, Envelope)>),
}

/// Where an answer goes.
pub(crate) type Answer = Arc<Mutex<Option<Result<Done, Failure>>>>;

/// See the module.
pub(crate) struct City {
    pub(crate) at: usize,
    pub(crate) id: CityId,
    pub(crate) dir: PathBuf,
    pub(crate) labour: String,
    pub(crate) window: String,
    pub(crate) seed: u64,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) phones: Arc<Phones>,
    pub(crate) rough: Arc<Rough>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) inbox: Mutex<VecDeque<Order>>,
    pub(crate) armed: Mutex<Option<(Step, u32)>>,
    pub(crate) starts: AtomicU64,
    /// Its process has begun and its node has not ended.
    pub(crate) is_up: AtomicBool,
    pub(crate) memory: Mutex<Memory>,
    pub(crate) report: Mutex<Option<Report>>,
}

impl City {
    pub(crate) fn tell(&self, what: &str) {
        self.trace.tell(&format!("{} {what}", self.id));
    }

    pub(crate) fn order(&self, order: Order) {
        lock(&self.inbox).push_back(order);
    }

    fn given(self: &Arc<City>) -> Result<Start> {
        let starts = self.starts.fetch_add(1, Ordering::SeqCst);
        let mut config = Config::load(&self.dir)?;
        config.notices.spread_minutes = 0;
        let city = Arc::clone(self);
        let crash_at: CrashAt = Arc::new(move |step| city.dies_at(step));
        let city = Arc::clone(self);
        let wrap: WrapPost = Arc::new(move |post| {
            let (rough, told) = (Arc::clone(&city.rough), Arc::clone(&city));
            let told = Arc::new(move |what: String| told.tell(&what));
            Arc::new(RoughPost { post, rough, told })
        });
        Ok(Start {
            config,
            passphrase: None,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(Seeded::new((self.seed << 16) + 100 * starts + self.at as u64)),
            sleep: Arc::new(SimSleep),
            notices: Arc::clone(&self.phones) as Arc<dyn Notices>,
            wrap_post: Some(wrap),
            crash_at: Some(crash_at),
            net: Some(Arc::new(SimNet)),
        })
    }

    fn dies_at(&self, step: Step) -> bool {
        let mut armed = lock(&self.armed);
        match armed.as_mut() {
            Some((at, times)) if *at == step => {
                *times -= 1;
                let dies = *times == 0;
                if dies {
                    *armed = None;
                }
                dies
            }
            Some(_) | None => false,
        }
    }

    /// The process of this city, as a task of its own: dropped inside its runtime when it is killed.
    pub(crate) async fn run(self: Arc<City>) -> Result<()> {
        let mut process = JoinSet::new();
        process.spawn(self.lives());
        process.join_next().await.unwrap_or(Ok(Ok(())))?
    }

    async fn lives(self: Arc<City>) -> Result<()> {
        self.is_up.store(true, Ordering::SeqCst);
        let node = match Node::start(self.given()?).await {
            Ok(node) => node,
            Err(error) => {
                self.is_up.store(false, Ordering::SeqCst);
                self.tell(&format!("does not start: {error}"));
                return std::future::pending().await;
            }
        };
        self.tell("runs");
        loop {
            if let Some(why) = node.why() {
                // As a process would: nothing of it goes on.
                self.is_up.store(false, Ordering::SeqCst);
                self.tell(&format!("ended: {why}"));
                drop(node);
                return std::future::pending().await;
            }
            let order = lock(&self.inbox).pop_front();
            match order {
                None => tokio::time::sleep(LOOK).await,
                Some(order) => {
                    let done = tokio::time::timeout(PATIENCE, self.obey(&node, order)).await;
                    match done {
                        Ok(Ok(what)) => self.tell(&what),
                        Ok(Err(error)) => self.tell(&format!("could not: {error:#}")),
                        Err(_) => self.tell("waits no longer"),
                    }
                    self.remember(&node).await?;
                }
            }
        }
    }

    async fn obey(self: &Arc<City>, node: &Node, order: Order) -> Result<String> {
        match order {
            Order::Act(act) => self.act(node, act).await,
            Order::Desk(APPROVERS, command, answer) => {
                let done = self.two_approve(node, *command).await;
                let word = if done.is_ok() { "done" } else { "denied" };
                *lock(&answer) = Some(done);
                Ok(format!("two approvers: {word}"))
            }
            Order::Desk(token, command, answer) => {
                let done = self.desk(node, token, *command).await;
                let word = if done.is_ok() { "done" } else { "denied" };
                *lock(&answer) = Some(done);
                Ok(format!("a desk: {word}"))
            }
            Order::Report { audit } => {
                let report = self.look(node, audit).await?;
                let (origin, size, root) = &report.head;
                let told = format!("{origin} has {size} leaves, root {}", &root[..16]);
                *lock(&self.report) = Some(report);
                Ok(told)
            }
            Order::Repair => self.repair(node).await,
            Order::Manifests(all) => self.take_manifests(node, all).await,
        }
    }

    pub(crate) async fn desk(
        &self,
        node: &Node,
        token: &str,
        command: DeskCommand,
    ) -> Result<Done, Failure> {
        let office = if token == "test" { &self.window } else { &self.labour };
        let actor = Actor { office: office.clone(), token: token.to_owned() };
        node.hand().perform(Command::Desk(actor, command)).await
    }

    /// What was answered is remembered: it may not be lost any more.
    async fn remember(&self, node: &Node) -> Result<()> {
        if node.why().is_some() {
            return Ok(());
        }
        let lanes = crate::look::lanes(node).await?;
        let head = crate::look::head(node)?;
        let mut memory = lock(&self.memory);
        if let Some((origin, size, root)) = head {
            let before = memory.roots.insert((origin.clone(), size), root.clone());
            if before.is_some_and(|before| before != root) {
                memory.wrongs.push(format!("{origin} was signed with two roots at {size}"));
            }
        }
        memory.kept.extend(lanes);
        Ok(())
    }
}
