//! The way to the writer.

use super::{Failure, Published};
use crate::command::{Command, Done};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) struct Queued {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Done, Failure>>,
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Hand {
    pub(super) queue: mpsc::Sender<Queued>,
    pub(super) published: watch::Receiver<Arc<Published>>,
}

impl Hand {
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
