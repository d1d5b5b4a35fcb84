//! One seed in a process of its own.

use crate::op::Op;
use crate::world::Storm;
use crate::{check, found, op, template, world};
use anyhow::{Context, Result, bail};
use jieli_node::plant::{Fault, plant};
use jieli_proto::id::Digest;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::path::{Path, PathBuf};

/// What is played.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) without: Vec<usize>,
    pub(crate) plant: Option<Fault>,
    pub(crate) found: Option<String>,
}

impl Case {
    pub(crate) fn ops(&self) -> Result<Vec<Op>> {
        let all = match &self.found {
            None => op::ops(self.seed),
            Some(name) => found::found(name).context("no history of that name is kept")?.to_vec(),
        };
        let kept = all.into_iter().enumerate().filter(|(at, _)| !self.without.contains(at));
        Ok(kept.map(|(_, op)| op).collect())
    }
}

/// Begins the line that tells what is wrong.
pub(crate) const WRONG: &str = "WRONG ";
/// Begins the last line.
pub(crate) const END: &str = "END ";

/// Plays it and tells what happened. Fails where something is wrong.
pub(crate) fn run(template: Option<PathBuf>, case: &Case) -> Result<()> {
    // Before anything draws from it: hashers and runtimes are seeded once.
    mad_turmoil::rand::set_rng(StdRng::seed_from_u64(case.seed));
    let dir = scratch()?;
    let template = match template {
        Some(template) => template,
        None => {
            let made = dir.path().join("template");
            template::make(&made)?;
            made
        }
    };
    let home = dir.path().join("cities");
    world::copy_dir(&template, &home).context("the template")?;
    let moved_ms = template::stands(&template)?;
    if let Some(fault) = case.plant {
        plant(fault);
    }
    let _clocks = mad_turmoil::time::SimClocksGuard::init();
    let mut storm = Storm::new(&home, case.seed, moved_ms)?;
    for op in case.ops()? {
        storm.apply(op)?;
    }
    let wrongs = check::converge(&mut storm)?;
    let lines: Vec<String> =
        storm.trace.lines().iter().map(|line| without_path(line, dir.path())).collect();
    for line in &lines {
        println!("{line}");
    }
    for wrong in &wrongs {
        println!("{WRONG}{}", without_path(wrong, dir.path()));
    }
    let digest = Digest::of(&[lines.join("\n").as_bytes()]).hex();
    println!("{END}{} events, {}", lines.len(), &digest[..16]);
    if wrongs.is_empty() { Ok(()) } else { bail!("seed {} found something wrong", case.seed) }
}

/// In memory where there is such a place: what a disk keeps is not what is tried here.
pub(crate) fn scratch() -> Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?)
}

fn without_path(line: &str, dir: &Path) -> String {
    line.replace(&dir.display().to_string(), "..")
}
