//! `cargo storm`: simulated cities under everything that can go wrong, one process a seed.

mod check;
mod city;
mod look;
mod op;
mod robot;
mod template;
mod windows;
mod world;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::path::Path;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if std::env::var_os("STORM_LOG").is_some() {
        tracing_subscriber::fmt().with_env_filter(std::env::var("STORM_LOG").unwrap_or_default()).without_time().with_ansi(false).with_writer(std::io::stderr).init();
    }
    match args.as_slice() {
        ["template", dir] => template::make(Path::new(dir)),
        ["one", dir, seed, rest @ ..] => one(Path::new(dir), seed.parse()?, rest),
        _ => anyhow::bail!("storm template DIR | storm one TEMPLATE SEED"),
    }
}

fn one(template: &Path, seed: u64, _rest: &[&str]) -> Result<()> {
    // Before anything draws from it: hashers and runtimes are seeded once.
    mad_turmoil::rand::set_rng(StdRng::seed_from_u64(seed));
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    world::copy_dir(template, dir.path()).context("the template")?;
    let moved = template::stands(template)?;
    let _clocks = mad_turmoil::time::SimClocksGuard::init();
    let mut storm = world::Storm::new(dir.path(), seed, moved)?;
    for op in op::ops(seed) {
        storm.apply(op)?;
    }
    let wrongs = check::converge(&mut storm)?;
    for line in storm.trace.lines() {
        println!("{line}");
    }
    for wrong in &wrongs {
        println!("WRONG {wrong}");
    }
    Ok(())
}
