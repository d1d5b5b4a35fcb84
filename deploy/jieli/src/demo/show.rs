//! The demo behind its start page: what a visitor's buttons do.

use crate::ambient::SystemEntropy;
use crate::demo::city::City;
use crate::demo::clock::FileClock;
use crate::demo::desks::Desks;
use crate::demo::narrate::Narrator;
use crate::demo::story::{Memory, SCRIPT, Story, next_working_day, prove};
use crate::demo::{AGAIN, Cities, begin};
use anyhow::{Context, Result};
use async_trait::async_trait;
use jieli_gateway::start;
use jieli_gateway::start::stage::{
    Door, Moment, Office, Phone, Stage, StepLine, StepState, Subject, Unable, Verdict, Wish,
};
use jieli_node::config::Database;
use jieli_node::world::{Clock, random};
use jieli_proto::calendar::Calendar;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

mod words;

/// Where the page is unless another port is asked for.
const PORT: u16 = 7480;
/// Between two steps that play by themselves.
const READING: Duration = Duration::from_secs(4);
const HOUR_MS: u64 = 3_600_000;

/// Shows the start page until Ctrl-C, in a scratch directory or in `keep`.
pub async fn run(json: bool, port: Option<u16>, keep: Option<&Path>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = listen(port).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let scratch = tempfile::tempdir()?;
    let dir = keep.unwrap_or(scratch.path());
    std::fs::create_dir_all(dir)?;
    let (orders, ordered) = mpsc::unbounded_channel();
    let show = Show::start(dir, orders).await?;
    if json {
        println!("{}", serde_json::json!({ "url": url, "dir": dir.display().to_string() }));
    } else {
        println!(
            "演示已就绪，请在浏览器中打开（Ctrl-C 结束）：\nThe demo is ready; open it in a browser (Ctrl-C ends \
             it):\n\n    {url}\n"
        );
        let dir = dir.display();
        println!(
            "每座城市也可以用命令查看，例如：\nEach city answers commands too, such as:\n    jieli --dir \
             {dir}/ruian --as window case list\n    jieli --dir {dir}/kunming --as operator status\n"
        );
    }
    let token = hex::encode(random::<32>(&SystemEntropy::new()));
    tokio::select! {
        done = start::serve(listener, Arc::new(show), token) => done?,
        () = conduct(ordered) => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// This machine only. A port that was not asked for by number may be another one.
async fn listen(port: Option<u16>) -> Result<TcpListener> {
    let at = |port: u16| TcpListener::bind(("127.0.0.1", port));
    match port {
        Some(port) => at(port).await.with_context(|| format!("port {port}")),
        None => match at(PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => Ok(at(0).await?),
        },
    }
}

/// The cities and their story, from one beginning to the next.
struct Run {
    cities: Arc<Cities>,
    desks: Vec<Desks>,
    clock: PathBuf,
    calendar: Calendar,
    story: Arc<tokio::sync::Mutex<Story>>,
    told: Mutex<Told>,
}

/// What the page shows of the story while a step holds it.
struct Told {
    states: Vec<StepState>,
    facts: Vec<Vec<[String; 3]>>,
    memory: Memory,
    verdict: Option<Verdict>,
}

impl Run {
    async fn begin(dir: &Path, tasks: &TaskTracker) -> Result<Run> {
        let program = std::env::current_exe()?;
        let databases = [Database::Sqlite, Database::Sqlite];
        let story = begin(dir, &program, databases, Narrator::new(true)).await?;
        let told = Told {
            states: vec![StepState::Waiting; SCRIPT.len()],
            facts: vec![Vec::new(); SCRIPT.len()],
            memory: Memory::default(),
            verdict: None,
        };
        let mut desks = Vec::new();
        for city in story.cities.all() {
            let (_, sends) = words::city(city.plan.id);
            desks.push(Desks::open(city, sends, tasks).await?);
        }
        Ok(Run {
            cities: Arc::clone(&story.cities),
            desks,
            clock: story.clock.clone(),
            calendar: story.calendar.clone(),
            story: Arc::new(tokio::sync::Mutex::new(story)),
            told: Mutex::new(told),
        })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn city(&self, id: &str) -> Result<&City, Unable> {
        let found = self.cities.all().into_iter().find(|city| city.plan.id == id);
        found.ok_or_else(|| unable("没有这座城市。", "There is no such city."))
    }

    /// Plays the next step; whether there are more.
    async fn next(&self) -> Result<bool, Unable> {
        let Ok(mut story) = self.story.try_lock() else { return Err(busy()) };
        let open = self.told().states.iter().position(|state| *state != StepState::Done);
        let Some(at) = open else { return Ok(false) };
        self.told().states[at] = StepState::Running;
        let played = story.play(&SCRIPT[at]).await;
        let mut told = self.told();
        told.memory = story.memory.clone();
        match played {
            Ok(facts) => {
                told.states[at] = StepState::Done;
                told.facts[at] = words::facts(&facts);
                Ok(at + 1 < SCRIPT.len())
            }
            Err(error) => {
                told.states[at] = StepState::Failed(format!("{error:#}"));
                Ok(false)
            }
        }
    }

    async fn ask_one_more(&self) -> Result<(), Unable> {
        let Ok(mut story) = self.story.try_lock() else { return Err(busy()) };
        if story.memory.workers.is_empty() {
            return Err(unable(
                "名单还没有导入，请先继续故事。",
                "The list is not imported yet: go on with the story first.",
            ));
        }
        let done = story.ask_visitor().await;
        self.told().memory = story.memory.clone();
        done.map_err(failed)
    }

    async fn prove(&self, change: bool) -> Result<(), Unable> {
        let Ok(story) = self.story.try_lock() else { return Err(busy()) };
        if story.memory.family.is_none() {
            return Err(unable(
                "还没有可以导出的办件，请先继续故事，到手机回答之后。",
                "There is no case to export yet: go on with the story until the phones answered.",
            ));
        }
        let (zip, roots) = story.bundle().await.map_err(failed)?;
        let proof = prove(&zip, &roots, change).map_err(failed)?;
        let places = proof.places.into_iter();
        self.told().verdict = Some(Verdict {
            bytes: proof.bytes,
            changed_at: proof.changed_at,
            holds: proof.exit == 0,
            places: places.map(|(file, zh, en)| [file, zh.to_owned(), en.to_owned()]).collect(),
        });
        Ok(())
    }

    fn move_clock(&self, to: impl Fn(u64) -> u64) -> Result<(), Unable> {
        // A step counts days of its own: it must not lose them to a visitor.
        let Ok(_story) = self.story.try_lock() else { return Err(busy()) };
        let now = FileClock::open(&self.clock).now_unix_ms();
        FileClock::set(&self.clock, to(now)).map_err(|error| failed(error.into()))
    }

    async fn power(&self, id: &str, on: bool) -> Result<(), Unable> {
        let Ok(_story) = self.story.try_lock() else { return Err(busy()) };
        let city = self.city(id)?;
        if on { city.restart().await } else { city.crash() }.map_err(failed)
    }
}

fn unable(zh: &str, en: &str) -> Unable {
    Unable([zh.to_owned(), en.to_owned()])
}

fn busy() -> Unable {
    unable("这一步正在进行，请稍等几秒再按。", "A step is running: press again in a few seconds.")
}

fn failed(error: anyhow::Error) -> Unable {
    Unable([format!("没有完成：{error:#}"), format!("Not done: {error:#}")])
}

/// Steps to be played.
struct Order {
    run: Arc<Run>,
    all: bool,
    done: oneshot::Sender<Result<(), Unable>>,
}

/// Plays what is ordered, beside the page: a visitor who leaves must not stop a step half-way.
async fn conduct(mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(Order { run, all, done }) = orders.recv().await {
        let mut played = run.next().await;
        while all && played == Ok(true) {
            // Time to read, and for the page to ask every desk what it sees.
            tokio::time::sleep(READING).await;
            played = run.next().await;
        }
        // Whoever asked may be gone.
        let _ = done.send(played.map(drop));
    }
}

/// Runs behind the page.
struct Show {
    dir: PathBuf,
    run: Mutex<Arc<Run>>,
    orders: mpsc::UnboundedSender<Order>,
    /// Held while new cities begin.
    over: tokio::sync::Mutex<u32>,
    /// Consoles and worker's pages.
    tasks: TaskTracker,
}

impl Show {
    async fn start(dir: &Path, orders: mpsc::UnboundedSender<Order>) -> Result<Show> {
        let tasks = TaskTracker::new();
        let run = Run::begin(dir, &tasks).await?;
        Ok(Show {
            tasks,
            dir: dir.to_owned(),
            run: Mutex::new(Arc::new(run)),
            orders,
            over: tokio::sync::Mutex::new(0),
        })
    }

    fn run(&self) -> Arc<Run> {
        Arc::clone(&self.run.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn play(&self, all: bool) -> Result<(), Unable> {
        let run = self.run();
        if run.story.try_lock().is_err() {
            return Err(busy());
        }
        let (done, wait) = oneshot::channel();
        let order = Order { run, all, done };
        if self.orders.send(order).is_err() || all {
            return Ok(());
        }
        wait.await.unwrap_or(Ok(()))
    }

    async fn start_over(&self) -> Result<(), Unable> {
        let mut count = self.over.lock().await;
        let old = self.run();
        if old.story.try_lock().is_err() {
            return Err(busy());
        }
        for city in old.cities.all() {
            city.crash().map_err(failed)?;
        }
        *count += 1;
        let dir = self.dir.join(format!("{AGAIN}{count}"));
        std::fs::create_dir_all(&dir).map_err(|error| failed(error.into()))?;
        let run = Run::begin(&dir, &self.tasks).await.map_err(failed)?;
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(run);
        Ok(())
    }
}

#[async_trait]
impl Stage for Show {
    fn cities(&self) -> Vec<Door> {
        let run = self.run();
        let all = run.cities.all().into_iter().zip(&run.desks);
        all.filter_map(|(city, desks)| door(city, desks).ok()).collect()
    }

    fn now(&self) -> Moment {
        let run = self.run();
        let unix_ms = FileClock::open(&run.clock).now_unix_ms();
        Moment { unix_ms, zone_offset_min: run.calendar.zone_offset_min() }
    }

    fn steps(&self) -> Vec<StepLine> {
        let run = self.run();
        let told = run.told();
        let states = told.states.iter().zip(&told.facts);
        let lines = SCRIPT.iter().zip(states).map(|(scene, (state, facts))| StepLine {
            title: [scene.zh, scene.en].map(str::to_owned),
            tell: [scene.tell_zh, scene.tell_en].map(str::to_owned),
            look: [scene.look_zh, scene.look_en].map(str::to_owned),
            state: state.clone(),
            facts: facts.clone(),
        });
        lines.collect()
    }

    fn phones(&self) -> Vec<Phone> {
        let run = self.run();
        let memory = run.told().memory.clone();
        run.cities.all().into_iter().flat_map(|city| words::phones(city, &memory)).collect()
    }

    fn subjects(&self) -> Vec<Subject> {
        let run = self.run();
        let told = run.told();
        words::subjects(&told.memory)
    }

    fn cleaned(&self) -> Option<Arc<[u8]>> {
        self.run().told().memory.cleaned.clone()
    }

    fn verdict(&self) -> Option<Verdict> {
        self.run().told().verdict.clone()
    }

    async fn perform(&self, wish: Wish) -> Result<(), Unable> {
        let run = self.run();
        match wish {
            Wish::Continue => self.play(false).await,
            Wish::PlayAll => self.play(true).await,
            Wish::NextWorkingDay => run.move_clock(|now| next_working_day(&run.calendar, now)),
            Wish::HourLater => run.move_clock(|now| now + HOUR_MS),
            Wish::PowerOff(city) => run.power(&city, false).await,
            Wish::PowerOn(city) => run.power(&city, true).await,
            Wish::AskOneMore => run.ask_one_more().await,
            Wish::Verify => run.prove(false).await,
            Wish::ChangeByte => run.prove(true).await,
            Wish::StartOver => self.start_over().await,
        }
    }
}

fn door(city: &City, desks: &Desks) -> Result<Door> {
    let [desk, worker] = city.doors();
    let offices = city.clerks().into_iter().map(|(token, service)| {
        let [zh, en] = words::office(service);
        Ok(Office { token: city.token(token)?, zh: zh.to_owned(), en: en.to_owned() })
    });
    let (en, sends) = words::city(city.plan.id);
    Ok(Door {
        id: city.plan.id.to_owned(),
        zh: city.plan.name.trim_end_matches('市').to_owned(),
        en: en.to_owned(),
        sends,
        up: city.is_up(),
        desk,
        worker,
        window: city.token("window")?,
        offices: offices.collect::<Result<_>>()?,
        entrances: desks.entrances.clone(),
    })
}
