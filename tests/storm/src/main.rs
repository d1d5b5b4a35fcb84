//! `cargo storm`: simulated cities under everything that can go wrong, one process a seed.

mod check;
mod city;
mod found;
mod look;
mod many;
mod one;
mod op;
mod robot;
mod template;
mod windows;
mod world;

use anyhow::Result;
use clap::{Parser, Subcommand};
use jieli_node::plant::Fault;
use std::path::PathBuf;

/// Simulated cities under everything that can go wrong: real nodes on SQLite, real gRPC and TLS
/// over a simulated network, simulated time. One process a seed; the same seed is the same history.
#[derive(Parser)]
#[command(name = "cargo storm")]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Processes at once; as many as there are cores where not named
    #[arg(long)]
    jobs: Option<usize>,
    /// Plants a fault, and ends at the first seed that finds it; "all": one after the other
    #[arg(long)]
    plant: Option<String>,
    /// Replays the histories that once failed, and the seeds that find each planted fault
    #[arg(long)]
    kept: bool,
    #[command(subcommand)]
    inner: Option<Inner>,
}

/// What the processes below are told.
#[derive(Subcommand)]
enum Inner {
    /// One seed, told line by line
    One {
        /// Directory of the cities to begin with; made for this run where none is named
        #[arg(long)]
        template: Option<PathBuf>,
        /// The seed
        seed: u64,
        /// Numbers of operations left out, from 0
        #[arg(long, value_delimiter = ',')]
        without: Vec<usize>,
        /// A fault to plant
        #[arg(long)]
        plant: Option<Fault>,
        /// Plays this kept history instead of the seed's own
        #[arg(long)]
        found: Option<String>,
    },
    /// Makes the cities that every seed begins with
    Template {
        /// A new directory
        dir: PathBuf,
    },
}

fn main() -> Result<()> {
    if let Ok(filter) = std::env::var("STORM_LOG") {
        let told = tracing_subscriber::fmt().with_env_filter(filter).without_time();
        told.with_ansi(false).with_writer(std::io::stderr).init();
    }
    let args = Args::parse();
    match args.inner {
        Some(Inner::Template { dir }) => template::make(&dir),
        Some(Inner::One { template, seed, without, plant, found }) => {
            one::run(template, &one::Case { seed, without, plant, found })
        }
        None => {
            let jobs = args.jobs.or_else(cores).unwrap_or(1);
            let many = many::Many::new(jobs)?;
            match args.plant.as_deref() {
                _ if args.kept => many.kept(),
                None => many.seeds(args.from, args.seeds),
                Some("all") => many.find(&Fault::ALL, args.from, args.seeds),
                Some(name) => {
                    let fault = name.parse().map_err(anyhow::Error::msg)?;
                    many.find(&[fault], args.from, args.seeds)
                }
            }
        }
    }
}

fn cores() -> Option<usize> {
    std::thread::available_parallelism().ok().map(usize::from)
}
