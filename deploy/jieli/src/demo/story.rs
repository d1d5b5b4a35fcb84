//! The story, step by step: what the terminal tells at once, the page tells one by one.
//!
//! Every step takes persons of its own from the sheet and says what it waits for, so that a
//! visitor may do what he likes in between, and a step that failed can be tried again.

use crate::demo::Cities;
use crate::demo::city::{City, Sms};
use crate::demo::clock::FileClock;
use crate::demo::narrate::{Narrator, Step};
use anyhow::{Context, Result, bail};
use jieli_node::world::Clock;
use jieli_proto::calendar::Calendar;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, Service};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod answers;
mod family;
mod opening;
mod people;
mod power;
mod proof;
mod proofs;
mod script;
mod states;
mod stops;
mod watch;

pub(crate) use answers::{EMPLOYER, SCHOOL};
pub use people::Worker;
pub use proof::{Proof, prove};
pub use script::{SCRIPT, Scene, SceneId};
pub(crate) use watch::next_working_day;

const HOUR_MS: u64 = 3_600_000;

/// The three cities, the clock between them, and what is told.
pub struct Story {
    /// Who takes part.
    pub cities: Arc<Cities>,
    /// The clock file.
    pub clock: PathBuf,
    /// The calendar of all.
    pub calendar: Calendar,
    /// What is told.
    pub narrator: Narrator,
    /// What later steps need of earlier ones.
    pub memory: Memory,
}

/// What later steps need of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The sheet that was refused, without the columns for which it was.
    pub cleaned: Option<Arc<[u8]>>,
    /// All workers of the sheet, once it is imported.
    pub workers: Vec<Worker>,
    /// Those a step or a visitor has taken.
    pub taken: Vec<u32>,
    /// The family whose job, school and home are told.
    pub family: Option<Worker>,
    /// The family's case with the second school.
    pub school_b: String,
    /// Who said no.
    pub says_no: Option<Worker>,
    /// Who stopped the dormitory.
    pub dormitory: Option<Worker>,
    /// Whose phones a visitor may answer.
    pub visitors: Vec<Worker>,
}

impl Story {
    /// A story about three running cities.
    pub fn new(
        cities: Arc<Cities>,
        clock: PathBuf,
        calendar: Calendar,
        narrator: Narrator,
    ) -> Story {
        Story { cities, clock, calendar, narrator, memory: Memory::default() }
    }

    /// Tells it from beginning to end.
    pub async fn tell(&mut self) -> Result<()> {
        for scene in SCRIPT {
            self.play(scene).await.with_context(|| scene.en)?;
        }
        Ok(())
    }

    /// Plays one step and tells it.
    pub async fn play(&mut self, scene: &Scene) -> Result<Value> {
        if let Some(city) = self.cities.all().into_iter().find(|city| !city.is_up()) {
            bail!(
                "{}的节点已断电，请先重启，再继续。 {} is down: restart it, then go on.",
                city.plan.name,
                city.plan.id
            );
        }
        let facts = match scene.id {
            SceneId::Agreements => self.agreements().await?,
            SceneId::Forbidden => self.forbidden()?,
            SceneId::Import => self.import().await?,
            SceneId::Asked => self.asked().await?,
            SceneId::Job => self.job().await?,
            SceneId::SchoolFull => self.school_full().await?,
            SceneId::SchoolYes => self.school_yes().await?,
            SceneId::Medical => self.medical().await?,
            SceneId::Dormitory => self.dormitory().await?,
            SceneId::Killed => self.killed().await?,
            SceneId::States => self.states().await?,
            SceneId::Hidden => self.nothing_leaked().await?,
            SceneId::Logs => self.logs_agree().await?,
            SceneId::Evidence => self.evidence().await?,
            SceneId::Changed => self.changed().await?,
        };
        let told = Step { key: scene.key, zh: scene.tell_zh, en: scene.tell_en, facts };
        self.narrator.tell(told.clone());
        Ok(told.facts)
    }

    pub(super) fn kunming(&self) -> &City {
        &self.cities.kunming
    }

    pub(super) fn ruian(&self) -> &City {
        &self.cities.ruian
    }

    pub(super) fn chengdu(&self) -> &City {
        &self.cities.chengdu
    }

    pub(super) fn family(&self) -> Result<Worker> {
        self.memory.family.clone().context("前面的步骤还没有完成。 An earlier step is missing.")
    }
}
