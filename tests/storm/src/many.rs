//! Many seeds, each in a process of its own; what fails is made as short as it gets.

use crate::found::{FOUND, FOUND_BY};
use crate::one::{Case, END, WRONG, scratch};
use anyhow::{Result, bail};
use jieli_node::plant::Fault;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A seed that takes longer hangs.
const SECONDS_MAX: u64 = 180;
/// Runs spent on making one history short.
const TRIES_MAX: usize = 120;

/// What is counted in the histories, by a word in their lines.
const COUNTED: [(&str, &str); 9] = [
    (" delivers ", "deliveries"),
    (" says yes", "yeses"),
    (" stops", "stops"),
    (" ended: crashed", "crashes at a step"),
    (" is down", "ends of a process"),
    (" rotates ", "keys rotated"),
    (" of an agreement", "acts on agreements"),
    (" Restore ", "old copies restored"),
    ("repaired: ", "logs rebuilt"),
];

/// What one process told.
struct Told {
    lines: Vec<String>,
    is_good: bool,
}

impl Told {
    fn wrongs(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| line.strip_prefix(WRONG))
    }

    /// What is wrong first, without its numbers: a shorter history must have the same.
    fn gist(&self) -> String {
        let first = self.wrongs().next().or(self.lines.last().map(String::as_str));
        let letters = |c: char| if c.is_ascii_hexdigit() { '#' } else { c };
        first.unwrap_or_default().chars().map(letters).take(60).collect()
    }
}

/// See the module.
pub(crate) struct Many {
    jobs: usize,
    template: PathBuf,
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl Many {
    pub(crate) fn new(jobs: usize) -> Result<Many> {
        let folder = scratch()?;
        let (template, program) = (folder.path().join("template"), std::env::current_exe()?);
        let made = Command::new(&program).arg("template").arg(&template).status()?;
        if !made.success() {
            bail!("the cities could not be made");
        }
        Ok(Many { jobs: jobs.max(1), template, program, _folder: folder })
    }

    fn play(&self, case: &Case) -> Result<Told> {
        let mut command = Command::new(&self.program);
        command.arg("one").arg("--template").arg(&self.template).arg(case.seed.to_string());
        if !case.without.is_empty() {
            let all: Vec<String> = case.without.iter().map(usize::to_string).collect();
            command.arg("--without").arg(all.join(","));
        }
        if let Some(fault) = case.plant {
            command.arg("--plant").arg(fault.to_string());
        }
        if let Some(name) = &case.found {
            command.arg("--found").arg(name);
        }
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (told, cried, status) = std::thread::scope(|scope| {
            let told = scope.spawn(move || read(&mut out));
            let cried = scope.spawn(move || read(&mut err));
            let mut status = None;
            for _ in 0..SECONDS_MAX * 20 {
                status = child.try_wait().ok().flatten();
                if status.is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            if status.is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
            (told.join().unwrap_or_default(), cried.join().unwrap_or_default(), status)
        });
        let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
        let is_whole = lines.last().is_some_and(|line| line.starts_with(END));
        match status {
            None => lines.push(format!("{WRONG}it hangs: no end after {SECONDS_MAX} s")),
            Some(_) if !is_whole => {
                let what = cried.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                lines.push(format!("{WRONG}it broke off: {what}"));
            }
            Some(_) => {}
        }
        Ok(Told { is_good: status.is_some_and(|status| status.success()), lines })
    }

    /// Plays seeds until there are no more, or one of them is wanted no longer.
    fn each(
        &self,
        seeds: std::ops::Range<u64>,
        case: impl Fn(u64) -> Case + Sync,
        heard: impl Fn(Case, Told) -> bool + Sync,
    ) -> Result<()> {
        let (next, ended) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= seeds.end {
                            return;
                        }
                        let case = case(seed);
                        match self.play(&case) {
                            Ok(told) => {
                                if !heard(case, told) {
                                    ended.store(true, Ordering::SeqCst);
                                }
                            }
                            Err(error) => {
                                ended.store(true, Ordering::SeqCst);
                                *crate::windows::lock(&failure) = Some(error);
                            }
                        }
                    }
                });
            }
        });
        crate::windows::lock(&failure).take().map_or(Ok(()), Err)
    }

    /// So many seeds; all of them must hold.
    pub(crate) fn seeds(&self, from: u64, count: u64) -> Result<()> {
        let failed = Mutex::new(Vec::new());
        let counts = Mutex::new(BTreeMap::new());
        let sound = |seed| Case { seed, without: Vec::new(), plant: None, found: None };
        self.each(from..from + count, sound, |case, told| {
            let mut counts = crate::windows::lock(&counts);
            for (word, name) in COUNTED {
                let times = told.lines.iter().filter(|line| line.contains(word)).count();
                *counts.entry(name).or_insert(0) += times;
            }
            if !told.is_good {
                println!("seed {}: {}", case.seed, told.wrongs().next().unwrap_or_default());
                crate::windows::lock(&failed).push((case, told));
            }
            true
        })?;
        for (name, times) in crate::windows::lock(&counts).iter() {
            println!("{times:>9} {name}");
        }
        let failed = failed.into_inner().unwrap_or_default();
        if let Some((case, told)) = failed.first() {
            self.shorten(case, told)?;
            bail!("{} of {count} seeds found something wrong", failed.len());
        }
        println!("{count} seeds from {from}: nothing lost, nothing twice, nothing different");
        Ok(())
    }

    /// Leaves out operations for as long as the same is wrong, and tells what is left.
    fn shorten(&self, case: &Case, told: &Told) -> Result<()> {
        let gist = told.gist();
        let (mut best, count) = (case.clone(), case.ops()?.len());
        let mut tries = 0;
        let mut chunk = count / 2;
        while chunk > 0 && tries < TRIES_MAX {
            let mut at = 0;
            while at < count && tries < TRIES_MAX {
                let mut less = best.clone();
                less.without
                    .extend((at..count.min(at + chunk)).filter(|op| !best.without.contains(op)));
                at += chunk;
                if less.without.len() == best.without.len() {
                    continue;
                }
                tries += 1;
                let again = self.play(&less)?;
                if !again.is_good && again.gist() == gist {
                    best = less;
                }
            }
            chunk /= 2;
        }
        println!("\nseed {}, made shorter in {tries} runs:", case.seed);
        for op in best.ops()? {
            println!("    Op::{op:?},");
        }
        for wrong in self.play(&best)?.wrongs() {
            println!("{WRONG}{wrong}");
        }
        Ok(())
    }

    /// Looks for planted faults; each must be found.
    pub(crate) fn find(&self, faults: &[Fault], from: u64, count: u64) -> Result<()> {
        let mut missed = Vec::new();
        for fault in faults {
            let by = Mutex::new(None);
            let case = |seed| Case { seed, without: Vec::new(), plant: Some(*fault), found: None };
            self.each(from..from + count, case, |case, told| {
                if !told.is_good {
                    let what = told.wrongs().next().unwrap_or_default().to_owned();
                    let mut by = crate::windows::lock(&by);
                    let is_first =
                        by.as_ref().is_none_or(|(seed, _): &(u64, String)| case.seed < *seed);
                    if is_first {
                        *by = Some((case.seed, what));
                    }
                }
                told.is_good
            })?;
            match by.into_inner().unwrap_or_default() {
                Some((seed, what)) => println!("{fault}: found by seed {seed}: {what}"),
                None => {
                    println!("{fault}: not found in {count} seeds");
                    missed.push(fault.to_string());
                }
            }
        }
        if missed.is_empty() { Ok(()) } else { bail!("not found: {}", missed.join(", ")) }
    }

    /// Histories that once failed hold; seeds that found a planted fault find it.
    pub(crate) fn kept(&self) -> Result<()> {
        let mut cases: Vec<(Case, bool)> = FOUND_BY
            .iter()
            .map(|(fault, seed)| {
                let (plant, without) = (Some(*fault), Vec::new());
                (Case { seed: *seed, without, plant, found: None }, false)
            })
            .collect();
        cases.extend(FOUND.iter().map(|(name, _)| {
            let (plant, found) = (None, Some((*name).to_owned()));
            (Case { seed: 1, without: Vec::new(), plant, found }, true)
        }));
        let wrong = Mutex::new(Vec::new());
        let all = cases.len() as u64;
        let at = |number: u64| cases[number as usize].0.clone();
        self.each(0..all, at, |case, told| {
            let name = match (&case.plant, &case.found) {
                (Some(fault), _) => format!("planted {fault}, seed {}", case.seed),
                (None, Some(name)) => format!("kept history {name}"),
                (None, None) => String::new(),
            };
            let wanted = case.plant.is_none();
            let what = told.wrongs().next().unwrap_or("nothing");
            println!("{name}: {what}");
            if told.is_good != wanted {
                crate::windows::lock(&wrong).push(name);
            }
            true
        })?;
        let wrong = wrong.into_inner().unwrap_or_default();
        if wrong.is_empty() { Ok(()) } else { bail!("not as it should be: {}", wrong.join("; ")) }
    }
}

fn read(from: &mut Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let _ = from.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
