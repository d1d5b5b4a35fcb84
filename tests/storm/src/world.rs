//! The simulated world: cities on a simulated network, moved on step by step from outside.

use crate::city::{Answer, City, Order, Report, Trace};
use crate::op::{Act, CITIES, Op};
use crate::windows::{Phones, Rough, SimClock, lock};
use anyhow::{Context, Result, bail};
use jieli_node::command::{DeskCommand, Done};
use jieli_node::writer::Step;
use jieli_proto::id::CityId;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use turmoil::Sim;

/// Their ids, which are also their names on the network.
pub(crate) const IDS: [&str; CITIES] = ["kunming.yn", "chengdu.sc", "ruian.zj"];
/// Labour offices.
pub(crate) const LABOUR: [&str; CITIES] =
    ["11999999MB0000019T", "11999999MB0000211D", "11999999MB00001154"];
/// Coordination windows.
pub(crate) const WINDOW: [&str; CITIES] =
    ["11999999MB0000043B", "11999999MB0000254T", "11999999MB0000158H"];

/// How the files of a database begin.
const DATABASE: &str = "jieli.db";

/// How finely time passes.
const TICK: Duration = Duration::from_millis(10);

/// See the module.
pub(crate) struct Storm<'a> {
    sim: Sim<'a>,
    pub(crate) cities: Vec<Arc<City>>,
    moved_ms: Arc<AtomicU64>,
    pub(crate) trace: Arc<Trace>,
    dir: PathBuf,
    /// Which cities lost something with an old copy.
    pub(crate) restored: [bool; CITIES],
}

impl<'a> Storm<'a> {
    /// Cities whose directories lie in `dir`, all up.
    pub(crate) fn new(dir: &Path, seed: u64, moved_ms: u64) -> Result<Storm<'a>> {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(20))
            .simulation_duration(Duration::from_secs(7_200))
            .tcp_capacity(4_096)
            .build();
        let trace = Arc::new(Trace::default());
        let moved_ms = Arc::new(AtomicU64::new(moved_ms));
        let mut cities = Vec::new();
        for (at, id) in IDS.into_iter().enumerate() {
            let clock = SimClock { moved_ms: Arc::clone(&moved_ms), ..SimClock::default() };
            let city = Arc::new(City {
                at,
                id: CityId::parse(id).context("id")?,
                dir: dir.join(id),
                labour: LABOUR[at].to_owned(),
                window: WINDOW[at].to_owned(),
                seed,
                clock: Arc::new(clock),
                phones: Arc::new(Phones::default()),
                rough: Arc::new(Rough::new(seed ^ (at as u64) << 8)),
                trace: Arc::clone(&trace),
                inbox: Default::default(),
                armed: Default::default(),
                starts: AtomicU64::new(0),
                is_up: AtomicBool::new(false),
                memory: Default::default(),
                report: Default::default(),
            });
            cities.push(Arc::clone(&city));
            sim.host(id, move || {
                let city = Arc::clone(&city);
                async move { city.run().await.map_err(Into::into) }
            });
        }
        let dir = dir.to_owned();
        Ok(Storm { sim, cities, moved_ms, trace, dir, restored: [false; CITIES] })
    }

    /// Time passes; a process whose node ended is gone.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<()> {
        let until = self.sim.elapsed() + time;
        while self.sim.elapsed() < until {
            self.sim.step().map_err(|error| anyhow::anyhow!("{error}"))?;
            let gone = |at: &usize| {
                let has_begun = self.cities[*at].starts.load(Ordering::SeqCst) > 0;
                has_begun && !self.is_up(*at)
            };
            let gone: Vec<usize> = (0..CITIES).filter(gone).collect();
            for at in gone {
                if self.sim.is_host_running(IDS[at]) {
                    self.kill(at);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self, at: usize) {
        if self.sim.is_host_running(IDS[at]) {
            self.sim.crash(IDS[at]);
        }
        self.cities[at].is_up.store(false, Ordering::SeqCst);
        files_are_closed(&self.dir.join(IDS[at]));
        lock(&self.cities[at].inbox).clear();
        *lock(&self.cities[at].armed) = None;
        self.trace.tell(&format!("{} is down", IDS[at]));
    }

    pub(crate) fn start(&mut self, at: usize) {
        if !self.is_up(at) {
            // Set by the process itself, at its first step.
            self.cities[at].is_up.store(true, Ordering::SeqCst);
            self.sim.bounce(IDS[at]);
        }
    }

    pub(crate) fn is_up(&self, at: usize) -> bool {
        self.cities[at].is_up.load(Ordering::SeqCst)
    }

    /// One operation.
    pub(crate) fn apply(&mut self, op: Op) -> Result<()> {
        self.trace.tell(&format!("{op:?}"));
        match op {
            Op::At(at, act) => self.at(at, act),
            Op::Wait { ms } => self.pass(Duration::from_millis(u64::from(ms)))?,
            Op::Later { minutes } => self.later(u64::from(minutes)),
            Op::Skew { city, seconds } => {
                let clock = &self.cities[city].clock;
                clock.skew_ms.store(i64::from(seconds) * 1_000, Ordering::SeqCst);
            }
            Op::CutOneWay { from, to } => self.sim.partition_oneway(IDS[from], IDS[to]),
            Op::Cut { a, b } => self.sim.partition(IDS[a], IDS[b]),
            Op::Mend { a, b } => self.sim.repair(IDS[a], IDS[b]),
            Op::Rough { city, twice, disorder, unanswered } => {
                let rough = &self.cities[city].rough;
                rough.twice.store(twice.into(), Ordering::SeqCst);
                rough.disorder.store(disorder.into(), Ordering::SeqCst);
                rough.unanswered.store(unanswered.into(), Ordering::SeqCst);
            }
            Op::Slow { ms } => {
                self.sim.set_max_message_latency(Duration::from_millis(u64::from(ms)));
            }
            Op::Arm { city, step, times } => {
                let step = Step::ALL[usize::from(step) % Step::ALL.len()];
                *lock(&self.cities[city].armed) = Some((step, u32::from(times)));
            }
            Op::Kill { city } => self.kill(city),
            Op::Start { city } => self.start(city),
            Op::Copy { city } => self.copy(city)?,
            Op::Restore { city, whole } => self.restore(city, whole)?,
        }
        Ok(())
    }

    fn at(&mut self, at: usize, act: Act) {
        if self.is_up(at) {
            self.cities[at].order(Order::Act(act));
        }
    }

    /// The clocks of all cities move on.
    pub(crate) fn later(&self, minutes: u64) {
        self.moved_ms.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    /// How far all clocks stand from the beginning, in milliseconds.
    pub(crate) fn moved_ms(&self) -> u64 {
        self.moved_ms.load(Ordering::SeqCst) + self.sim.elapsed().as_millis() as u64
    }

    fn aside(&self, at: usize) -> PathBuf {
        self.dir.join(format!("{}.aside", IDS[at]))
    }

    fn copy(&mut self, at: usize) -> Result<()> {
        self.kill(at);
        copy_dir(&self.dir.join(IDS[at]), &self.aside(at))?;
        self.start(at);
        Ok(())
    }

    fn restore(&mut self, at: usize, whole: bool) -> Result<()> {
        let aside = self.aside(at);
        if !aside.exists() {
            return Ok(());
        }
        self.kill(at);
        let home = self.dir.join(IDS[at]);
        for entry in std::fs::read_dir(&home)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DATABASE) {
                std::fs::remove_file(entry.path())?;
            }
        }
        for entry in std::fs::read_dir(&aside)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            // Key files are not data: an old copy of them would only be a lost key.
            if text.starts_with(DATABASE) || (whole && text.starts_with("highwater")) {
                std::fs::copy(aside.join(&name), home.join(&name))?;
            }
        }
        self.restored[at] = true;
        self.start(at);
        Ok(())
    }

    /// Everything works again: lines, clocks, processes.
    pub(crate) fn heal(&mut self) {
        self.trace.tell("everything heals");
        for (at, id) in IDS.iter().enumerate() {
            for other in &IDS[at + 1..] {
                self.sim.repair(*id, *other);
            }
            self.cities[at].rough.smooth();
            self.cities[at].clock.skew_ms.store(0, Ordering::SeqCst);
            *lock(&self.cities[at].armed) = None;
            self.start(at);
        }
        self.sim.set_max_message_latency(Duration::from_millis(20));
    }

    /// A city's operator takes its log up again.
    pub(crate) fn repair(&self, at: usize) {
        self.cities[at].order(Order::Repair);
    }

    /// People bring every city the manifests of the others.
    pub(crate) fn bring_manifests(&self, reports: &[Option<Report>]) {
        for city in &self.cities {
            let others = self.cities.iter().zip(reports).filter(|(other, _)| other.at != city.at);
            let all = others.flat_map(|(other, report)| {
                let all = report.iter().flat_map(|report| &report.manifests);
                all.map(|sealed| (other.id.clone(), sealed.clone()))
            });
            city.order(Order::Manifests(all.collect()));
        }
    }

    /// Asks every city how it stands; `None` of those that do not answer in time.
    pub(crate) fn reports(&mut self, audit: bool) -> Result<Vec<Option<Report>>> {
        for city in &self.cities {
            *lock(&city.report) = None;
            city.order(Order::Report { audit });
        }
        for _ in 0..300 {
            self.pass(Duration::from_millis(20))?;
            if self.cities.iter().all(|city| lock(&city.report).is_some()) {
                break;
            }
        }
        Ok(self.cities.iter().map(|city| lock(&city.report).clone()).collect())
    }

    /// A command at a desk, and its answer.
    pub(crate) fn ask(
        &mut self,
        at: usize,
        token: &'static str,
        command: DeskCommand,
    ) -> Result<Done> {
        let answer = Answer::default();
        self.cities[at].order(Order::Desk(token, Box::new(command), Arc::clone(&answer)));
        for _ in 0..500 {
            self.pass(Duration::from_millis(20))?;
            if let Some(done) = lock(&answer).take() {
                return Ok(done?);
            }
        }
        bail!("{} gives no answer", IDS[at])
    }
}

/// SQLite closes its files on a thread of its own, a moment after its connection was dropped.
fn files_are_closed(dir: &Path) {
    let is_open = || {
        let mut open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        open.any(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(dir)))
    };
    for _ in 0..2_000 {
        if !is_open() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Copies a directory, and nothing that is running.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
