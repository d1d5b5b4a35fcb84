//! `jieli node serve`, and the demo's cities.

use super::say::{FAILED, OK, Out, Tongue};
use super::{Done, Fail};
use crate::ambient::{SystemClock, SystemEntropy, TokioSleep, passphrase_places};
use crate::demo;
use crate::demo::clock::FileClock;
use anyhow::Context;
use clap::{Args, Subcommand};
use jieli_node::boot::{Node, Start};
use jieli_node::config::Config;
use jieli_node::notice;
use jieli_node::world::Clock;
use jieli_node::writer::Stopped;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Names what is logged, as `info` or `jieli_node=debug`.
const LOG_VARIABLE: &str = "JIELI_LOG";

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Runs until it is told to stop.
    Serve,
}

impl NodeCommand {
    pub(super) async fn run(self, dir: &Path, out: Out) -> Result<Done, Fail> {
        match self {
            NodeCommand::Serve => serve(dir, Arc::new(SystemClock), out).await,
        }
    }
}

/// The demo.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Tell the story once and end; else both cities run on until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Keep everything in this new directory.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self, out: Out) -> Result<Done, Fail> {
        demo::tell(out.json, self.keep.as_deref(), self.once).await?;
        Ok(OK)
    }
}

/// A city of the demo.
#[derive(Args, Debug)]
pub(super) struct DemoCity {
    /// The file that tells the time.
    #[arg(long)]
    clock: PathBuf,
}

impl DemoCity {
    pub(super) async fn run(self, dir: &Path) -> Result<Done, Fail> {
        serve(
            dir,
            Arc::new(FileClock::open(&self.clock)),
            Out { json: true, tongue: Tongue::default() },
        )
        .await
    }
}

async fn serve(dir: &Path, clock: Arc<dyn Clock>, out: Out) -> Result<Done, Fail> {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let config = Config::load(dir).context("the configuration")?;
    let passphrase = passphrase_places(Some(&config)).find().context("the passphrase")?;
    let notices = notice::open(&config, Arc::clone(&clock)).context("the notices")?;
    // Before the doors open, so that no signal ends the process without a stop.
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let start = Start {
        config,
        passphrase,
        clock,
        entropy: Arc::new(SystemEntropy::new()),
        sleep: Arc::new(TokioSleep),
        notices,
        wrap_post: None,
        crash_at: None,
    };
    let node = Node::start(start).await?;
    let at = node.addresses();
    let value = json!({
        "city_id": node.house().config.city.id.as_str(),
        "peer": at.peer.to_string(),
        "desk": at.desk.to_string(),
        "worker": at.worker.to_string(),
    });
    out.show(&value, || {
        let (peer, desk, worker) = (at.peer, at.desk, at.worker);
        out.lines(
            &format!("节点已启动：城市间 {peer}，窗口 {desk}，工人 {worker}。"),
            &format!("The node runs: peers {peer}, desks {desk}, workers {worker}."),
        )
    });
    tokio::select! {
        () = node.ended() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    match node.stop().await {
        Stopped::Idle => Ok(OK),
        why @ (Stopped::Crashed(_) | Stopped::Store(_) | Stopped::HighWater(_)) => {
            Err(Fail::new(FAILED, "STOPPED", "节点因故障停止。", why.to_string()))
        }
    }
}
