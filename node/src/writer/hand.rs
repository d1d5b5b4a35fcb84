//! The way to the writer, and what it publishes.

use crate::command::{Command, Done};
use crate::directory::Directory;
use crate::store::log::Head;
use crate::trouble::Denied;
use crate::witness::{Finding, Heads, Seen};
use jieli_proto::id::CityId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot, watch};

/// What doors and courier read: the directory and the signed heads, as of the last batch.
#[derive(Clone, Debug)]
pub struct Published {
    /// Peers and agreements.
    pub directory: Arc<Directory>,
    /// Size of the exchange log that the checkpoint is for.
    pub exchange: Head,
    /// Its signed checkpoint.
    pub checkpoint: String,
    /// The local log.
    pub local: Head,
    /// Its signed checkpoint; empty while nothing is signed, like the other one.
    pub local_checkpoint: String,
    /// The epochs of the two logs that were never used, the next ones.
    pub epochs: (u32, u32),
    /// Epochs of the exchange log that were closed: their last heads, with signed checkpoints.
    pub closed: Arc<Vec<(Head, String)>>,
    /// The accepted heads of each peer's exchange log that others are told of.
    pub heads: Arc<Heads>,
    /// The largest own head that somebody has cosigned, with all cosignatures.
    pub cosigned: Option<Arc<Seen>>,
    /// The newest proofs of misbehaviour.
    pub findings: Arc<Vec<Finding>>,
    /// How many batches have left letters for each peer: a courier that finds its number changed
    /// looks into the outbox, however many batches it slept through.
    pub wake: BTreeMap<CityId, u64>,
}

impl Published {
    /// The last head of an epoch of the exchange log, with its checkpoint.
    pub fn of_epoch(&self, epoch: u32) -> Option<(&Head, &str)> {
        if self.exchange.id.epoch == epoch {
            return Some((&self.exchange, &self.checkpoint));
        }
        let closed = self.closed.iter().find(|(head, _)| head.id.epoch == epoch);
        closed.map(|(head, checkpoint)| (head, checkpoint.as_str()))
    }

    /// Whether a signed head covers a leaf.
    pub fn covers(&self, epoch: u32, index: u64) -> bool {
        self.of_epoch(epoch).is_some_and(|(head, _)| index < head.size)
    }
}

/// Why a command was not performed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// An answer to the one who asked.
    #[error("{0}")]
    Denied(Denied),
    /// Not now: the queue is full, the database is away, or the node is stopping.
    #[error("the node cannot take this now: {0}")]
    Busy(String),
}

/// A command with whoever waits for its answer.
pub(super) struct Queued {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Done, Failure>>,
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Hand {
    pub(super) queue: mpsc::Sender<Queued>,
    pub(super) published: watch::Receiver<Arc<Published>>,
    /// Whoever repairs the log: one at a time.
    pub(super) repairing: Arc<Mutex<()>>,
    /// Peers that letters did not reach since they were last heard.
    pub(super) missed: Arc<std::sync::Mutex<BTreeSet<CityId>>>,
}

impl Hand {
    /// Letters did not reach a peer: its next sign of life is not to be overheard.
    pub(crate) fn missed(&self, city: &CityId) {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(city.clone());
    }

    /// Whether letters had not reached a peer that is heard now.
    pub(crate) fn had_missed(&self, city: &CityId) -> bool {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).remove(city)
    }

    /// Hands a command over and waits until it is durable, signed and may be answered.
    pub async fn perform(&self, command: Command) -> Result<Done, Failure> {
        let (reply, answer) = oneshot::channel();
        let busy = |what: &str| Failure::Busy(what.to_owned());
        self.queue.send(Queued { command, reply }).await.map_err(|_| busy("stopping"))?;
        answer.await.map_err(|_| busy("stopping"))?
    }

    /// Hands a command over without waiting, so that a door keeps the order of what it hands over
    /// while many commands share a batch. Fails at once when the queue is full.
    pub fn submit(&self, command: Command) -> Result<Submitted, Failure> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Queued { command, reply }) {
            Ok(()) => Ok(Submitted(answer)),
            Err(TrySendError::Full(_)) => Err(Failure::Busy("the queue is full".to_owned())),
            Err(TrySendError::Closed(_)) => Err(Failure::Busy("stopping".to_owned())),
        }
    }

    /// What was last published.
    pub fn published(&self) -> Arc<Published> {
        self.published.borrow().clone()
    }

    /// Waits for whoever repairs the log, and keeps others from it.
    pub(crate) async fn alone_in_repair(&self) -> MutexGuard<'_, ()> {
        self.repairing.lock().await
    }

    /// To be told when something new is published.
    pub fn watch(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }
}

/// A command on its way through the writer.
#[derive(Debug)]
pub struct Submitted(oneshot::Receiver<Result<Done, Failure>>);

impl Submitted {
    /// Waits until the command is durable, signed and may be answered.
    pub async fn done(&mut self) -> Result<Done, Failure> {
        (&mut self.0).await.unwrap_or_else(|_| Err(Failure::Busy("stopping".to_owned())))
    }
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hand")
    }
}
