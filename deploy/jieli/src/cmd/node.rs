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
use jieli_node::keys::PassphraseSource;
use jieli_node::notice;
use jieli_node::world::Clock;
use jieli_node::writer::Stopped;
use serde_json::json;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Names what is logged, as `info` or `jieli_node=debug`.
pub(super) const LOG_VARIABLE: &str = "JIELI_LOG";

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Runs until it is told to stop.
    Serve,
}

impl NodeCommand {
    pub(super) async fn run(self, dir: &Path, out: Out) -> Result<Done, Fail> {
        match self {
            NodeCommand::Serve => {
                serve(dir, Arc::new(SystemClock), std::future::pending(), out).await
            }
        }
    }
}

const DEMO_HELP: &str = "\
Examples:
  jieli demo                      three cities and a start page; its address is printed, Ctrl-C ends it
  jieli demo --port 7480          the page on this port of 127.0.0.1
  jieli demo --keep /tmp/demo --reset
                                  everything in this directory; what an earlier demo left there is removed
  jieli demo --once --json        the whole story at once, for machines";

/// The demo.
#[derive(Args, Debug)]
#[command(after_help = DEMO_HELP)]
pub(super) struct Demo {
    /// Tell the story once and end; else a start page shows the cities until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Port of the start page on 127.0.0.1; without it 7480, or a free one.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Keep everything in this new directory.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
    /// With --keep: remove what an earlier demo left there, and begin anew.
    #[arg(long, requires = "keep")]
    reset: bool,
}

impl Demo {
    pub(super) async fn run(self, out: Out) -> Result<Done, Fail> {
        let keep = self.keep.as_deref();
        if let Some(dir) = keep.filter(|_| self.reset) {
            demo::reset(dir)?;
        }
        match self.once {
            true => demo::tell(out.json, keep).await?,
            false => demo::show::run(out.json, self.port, keep).await?,
        }
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
        let clock = Arc::new(FileClock::open(&self.clock));
        let out = Out { json: true, tongue: Tongue::default() };
        serve(dir, clock, parent_gone()?, out).await
    }
}

/// Ends when the process that started this one is gone: its end of our standard input closes.
fn parent_gone() -> anyhow::Result<impl Future<Output = ()>> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let mut pipe = pipe::Receiver::from_owned_fd(input).context("standard input is no pipe")?;
    Ok(async move {
        let mut byte = [0; 1];
        while matches!(pipe.read(&mut byte).await, Ok(1)) {}
    })
}

async fn serve(
    dir: &Path,
    clock: Arc<dyn Clock>,
    told: impl Future<Output = ()>,
    out: Out,
) -> Result<Done, Fail> {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let config = Config::load(dir).context("the configuration")?;
    let places = config.clone();
    let passphrase: PassphraseSource = Arc::new(move || passphrase_places(Some(&places)).find());
    let notices = notice::open(&config, Arc::clone(&clock)).context("the notices")?;
    // Before the doors open, so that no signal ends the process without a stop.
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let start = Start {
        config,
        passphrase: Some(passphrase),
        clock,
        entropy: Arc::new(SystemEntropy::new()),
        sleep: Arc::new(TokioSleep),
        notices,
        wrap_post: None,
        crash_at: None,
        net: None,
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
        () = told => {}
    }
    match node.stop().await {
        Stopped::Idle => Ok(OK),
        why @ (Stopped::Crashed(_)
        | Stopped::Store(_)
        | Stopped::HighWater(_)
        | Stopped::Ring(_)
        | Stopped::BrokeOff) => {
            Err(Fail::new(FAILED, "STOPPED", "节点因故障停止。", why.to_string()))
        }
    }
}
