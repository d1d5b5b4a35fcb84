//! A node on this machine: its windows, its start, and its stop on a signal.

use crate::ambient::{SystemEntropy, TokioSleep, passphrase_places};
use anyhow::{Context, Result, bail};
use jieli_node::boot::{Node, Start};
use jieli_node::config::Config;
use jieli_node::notice::NoticeFile;
use jieli_node::world::Clock;
use jieli_node::writer::Stopped;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the node of a directory until it is told to stop (SIGTERM, SIGINT) or must not go on.
pub async fn serve(dir: &Path, clock: Arc<dyn Clock>) -> Result<()> {
    let config = Config::load(dir)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let notices = NoticeFile::open(&config.notices_file(), Arc::clone(&clock))?;
    let start = Start {
        passphrase: passphrase_places(Some(&config)).find()?,
        config,
        clock,
        entropy: Arc::new(SystemEntropy::new()),
        sleep: Arc::new(TokioSleep),
        notices: Arc::new(notices),
        wrap_post: None,
        crash_at: None,
    };
    let node = Node::start(start).await?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    tokio::select! {
        () = node.ended() => {}
        _ = terminate.recv() => tracing::info!("stopping"),
        _ = interrupt.recv() => tracing::info!("stopping"),
    }
    match node.stop().await {
        Stopped::Idle => Ok(()),
        why @ (Stopped::Crashed(_) | Stopped::Store(_) | Stopped::HighWater(_)) => {
            bail!("the node had to end: {why}")
        }
    }
}
