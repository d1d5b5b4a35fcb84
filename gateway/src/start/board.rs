//! The page's parts, drawn again whenever something has changed, for everybody who looks.

use super::look::{CityLook, Eyes};
use super::stage::{Door, Stage, StepState};
use super::{parts, story};
use jieli_proto::wire::worker_client::WorkerClient;
use jieli_proto::wire::{AnswerRequest, OpenReply, OpenRequest, WithdrawRequest};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tonic::transport::Channel;

/// A part: the id of its element, and what is in it.
pub(super) type Part = (String, String);

/// How often the cities are looked at while somebody may be looking.
const EVERY: Duration = Duration::from_millis(700);

/// What a visitor did with a message.
#[derive(Clone, Debug)]
pub(super) enum Touched {
    /// Opened: what is asked.
    Opened(OpenReply),
    /// Answered, stopped or refused: what was said to it, Chinese and English.
    Said([String; 2]),
}

/// Names a message on a phone: city, case, code.
pub(super) type MessageKey = (String, String, String);

/// Everything the page shows.
pub(super) struct Board {
    stage: Arc<dyn Stage>,
    /// Stands in every form.
    pub(super) token: String,
    eyes: Eyes,
    looks: Mutex<BTreeMap<String, CityLook>>,
    touched: Mutex<BTreeMap<MessageKey, Touched>>,
    said: Mutex<Option<[String; 2]>>,
    parts: watch::Sender<Arc<Vec<Part>>>,
    changed: Notify,
}

impl Board {
    pub(super) fn new(stage: Arc<dyn Stage>, token: String) -> Board {
        Board {
            stage,
            token,
            eyes: Eyes::default(),
            looks: Mutex::default(),
            touched: Mutex::default(),
            said: Mutex::default(),
            parts: watch::Sender::new(Arc::new(Vec::new())),
            changed: Notify::new(),
        }
    }

    pub(super) fn stage(&self) -> &dyn Stage {
        self.stage.as_ref()
    }

    /// Keeps the parts fresh for as long as it is polled.
    pub(super) async fn keep_fresh(&self) {
        loop {
            // The page itself looks when it is opened; after that only for who is still there.
            if self.parts.receiver_count() > 0 {
                self.refresh().await;
            }
            let soon = tokio::time::timeout(EVERY, self.changed.notified());
            let _ = soon.await;
        }
    }

    /// Looks again before the usual time.
    pub(super) fn look_soon(&self) {
        self.changed.notify_one();
    }

    pub(super) fn listen(&self) -> watch::Receiver<Arc<Vec<Part>>> {
        self.parts.subscribe()
    }

    /// Looks at every city and draws every part.
    pub(super) async fn refresh(&self) {
        let (doors, steps) = (self.stage.cities(), self.stage.steps());
        let subjects = self.stage.subjects();
        let running = steps.iter().any(|step| step.state == StepState::Running);
        for door in doors.iter().filter(|door| door.up) {
            let before = self.looks().get(&door.id).cloned();
            // While a step runs there is no time for a search of every page.
            let look = self.eyes.look(door, &subjects, before.as_ref(), !running).await;
            if let Ok(look) = look {
                self.looks().insert(door.id.clone(), look);
            }
        }
        let parts = Arc::new(self.draw(&doors));
        self.parts.send_if_modified(|held| {
            let is_new = *held != parts;
            *held = parts;
            is_new
        });
    }

    fn draw(&self, doors: &[Door]) -> Vec<Part> {
        let (steps, phones) = (self.stage.steps(), self.stage.phones());
        let now = self.stage.now();
        let looks = self.looks().clone();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = vec![
            ("clock".to_owned(), parts::clock(&self.token, now)),
            ("story".to_owned(), story::story(&self.token, &steps, said.as_ref())),
        ];
        for door in doors {
            let look = looks.get(&door.id).cloned().unwrap_or_default();
            all.push((format!("city-{}", door.id), parts::city(&self.token, door, &look, now)));
        }
        let sender = doors.iter().find(|door| door.sends);
        let waiting = sender.and_then(|door| looks.get(&door.id)).map_or(0, |look| look.awaiting);
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.push(("desk".to_owned(), parts::desk(&phones, sender, waiting)));
        all.push(("phones".to_owned(), story::phones(&self.token, &phones, &touched)));
        let (verdict, cleaned) = (self.stage.verdict(), self.stage.cleaned().is_some());
        all.push(("proof".to_owned(), story::proof(&self.token, verdict.as_ref(), cleaned)));
        all.push(("engineers".to_owned(), parts::engineers(doors, &looks)));
        all
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, CityLook>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was seen and opened: other cities begin.
    pub(super) fn forget(&self) {
        self.looks().clear();
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Says something above the story; `None` says nothing more.
    pub(super) fn say(&self, said: Option<[String; 2]>) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }

    fn worker(&self, city: &str) -> Result<WorkerClient<Channel>, tonic::Status> {
        let door = self.stage.cities().into_iter().find(|door| door.id == city);
        let door = door.ok_or_else(|| tonic::Status::not_found("city"))?;
        Ok(WorkerClient::new(self.eyes.channel(door.worker)?))
    }

    /// Opens a message on a phone, as the person does.
    pub(super) async fn open(&self, key: MessageKey) {
        let ask = OpenRequest { case_number: key.1.clone(), code: key.2.clone() };
        let done = match self.worker(&key.0) {
            Ok(mut worker) => worker.open(ask).await,
            Err(error) => Err(error),
        };
        let touched = match done {
            Ok(reply) => Touched::Opened(reply.into_inner()),
            Err(error) => Touched::Said(refused(&error)),
        };
        self.touch(key, touched);
    }

    /// Answers yes to these items and no to the rest, or stops everything.
    pub(super) async fn answer(&self, key: MessageKey, yes: Option<Vec<u32>>) {
        let (case_number, code) = (key.1.clone(), key.2.clone());
        let done = match (self.worker(&key.0), yes) {
            (Ok(mut worker), Some(yes)) => {
                worker.answer(AnswerRequest { case_number, code, yes }).await
            }
            (Ok(mut worker), None) => {
                worker.withdraw(WithdrawRequest { case_number, code, legs: Vec::new() }).await
            }
            (Err(error), _) => Err(error),
        };
        let said = match done {
            Ok(reply) => {
                let reply = reply.into_inner();
                [reply.say_zh, reply.say_en]
            }
            Err(error) => refused(&error),
        };
        self.touch(key, Touched::Said(said));
    }

    fn touch(&self, key: MessageKey, touched: Touched) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(key, touched);
    }
}

/// A refusal of the worker's door in its own words.
fn refused(error: &tonic::Status) -> [String; 2] {
    let unreachable = matches!(error.code(), tonic::Code::Unavailable | tonic::Code::Unknown);
    if unreachable {
        let zh = "节点没有运行，请先重启该城市。".to_owned();
        return [zh, "The node does not run: start that city again.".to_owned()];
    }
    [error.message().to_owned(), String::new()]
}
