//! The one writer: drains the queue, one transaction a batch, head claimed first; commit, then
//! high-water file, then sign, then answer. Protocol section 3 is the law of this order.

use crate::batch::Batch;
use crate::command::{Command, Done, perform};
use crate::directory::Directory;
use crate::highwater::{HighWater, HighWaterError, Start as HeadRule, start_rule};
use crate::house::House;
use crate::keyring::RingError;
use crate::plant::{self, Fault as Planted};
use crate::store::log::{self, Claim, Edge, Head, Log};
use crate::store::{CommitError, Fault, Store, StoreError, Tx, Writer as StoreWriter, recovery};
use crate::trouble::Trouble;
use crate::witness::{self};
use jieli_proto::id::CityId;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

mod end;
mod hand;
mod sign;

use end::{End, finish};
use hand::Queued;
pub use hand::{Failure, Hand, Published, Submitted};
pub use sign::sign;
use sign::{origin_of, sign_all};

/// Commands in one batch at most.
const BATCH_MAX: usize = jieli_proto::tree::BATCH_MAX as usize;
/// Commands that may wait; a door that finds the queue full answers "busy".
const QUEUE_MAX: usize = 4096;

/// A point at which a test may let the process die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The head row is claimed, nothing is decided.
    Claimed,
    /// Everything is written, the key ring has not been told.
    Written,
    /// Ledger and key ring are durable, COMMIT is not sent.
    Settled,
    /// COMMIT has succeeded.
    Committed,
    /// The high-water file is on disk.
    Marked,
    /// The checkpoint is signed, nobody has been answered.
    Signed,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Step; 6] =
        [Step::Claimed, Step::Written, Step::Settled, Step::Committed, Step::Marked, Step::Signed];
}

/// Asked at every step; `true` ends the writer there, as a crash would.
pub type CrashAt = Arc<dyn Fn(Step) -> bool + Send + Sync>;

/// Why the writer ended.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// All hands are gone.
    #[error("nobody asks any more")]
    Idle,
    /// A test said so.
    #[error("crashed at {0:?}")]
    Crashed(Step),
    /// It cannot be known what the disk holds: the process has to end.
    #[error(transparent)]
    Store(StoreError),
    /// The high-water file cannot be written, so nothing may be signed.
    #[error("the high-water file: {0}")]
    HighWater(String),
    /// The key ring or the erasure ledger did not do it: the start finds out how far it came.
    #[error("{0}")]
    Ring(String),
    /// It came to no end of its own: a defect, and the log says where.
    #[error("the writer broke off in the middle of its work")]
    BrokeOff,
}

/// The writer; run it as one task.
pub struct Writer {
    house: House,
    store: Store,
    conn: StoreWriter,
    highwater: HighWater,
    directory: Option<Arc<Directory>>,
    edges: Option<(Edge, Edge)>,
    /// Heads at which epochs of the exchange log were closed.
    closed: Vec<Head>,
    queue: mpsc::Receiver<Queued>,
    publish: watch::Sender<Arc<Published>>,
    crash_at: CrashAt,
}

impl Writer {
    /// Opens the writer on a store whose heads were checked against the high-water file, and
    /// signs them.
    pub async fn open(
        house: House,
        store: Store,
        mut highwater: HighWater,
        crash_at: CrashAt,
    ) -> Result<(Writer, Hand), StoreError> {
        let mut conn = store.read().await?;
        let missing = StoreError::Corrupt("log_head");
        let exchange = log::head(&mut conn, Log::Exchange).await?.ok_or(missing)?;
        let local = log::head(&mut conn, Log::Local).await?;
        let local = local.ok_or(StoreError::Corrupt("log_head"))?;
        let (offices, generation) = (house.config.own_offices(), exchange.generation as i64);
        let home = &house.configured;
        let directory = Directory::load(&mut conn, &house.root, &offices, home, generation).await?;
        let directory = Arc::new(directory);
        house.shelves.put(&directory.shelf);
        let (mut checkpoint, mut local_checkpoint) = (String::new(), String::new());
        if directory.recovering.is_none() {
            // Another replica may have moved them since they were checked.
            let marks = [&exchange, &local].map(|head| (origin_of(&directory.city, head), head));
            let marks =
                marks.each_ref().map(|(origin, head)| (origin.as_str(), head.size, head.root));
            highwater
                .advance_all(&marks)
                .map_err(|_| StoreError::Corrupt("log_head, or the high-water file"))?;
            checkpoint = sign(&house, &directory, &exchange).await?;
            local_checkpoint = sign(&house, &directory, &local).await?;
        }
        let closed = log::closed(&mut conn, Log::Exchange).await?;
        let signed = sign_all(&house, &directory, &closed).await?;
        let origin = origin_of(&directory.city, &exchange);
        let published = Published {
            closed: Arc::new(signed),
            checkpoint,
            local_checkpoint,
            epochs: next_epochs(&highwater, &directory.city, &exchange, &local),
            directory: Arc::clone(&directory),
            exchange,
            local,
            heads: Arc::new(witness::newest(&mut conn).await?),
            findings: Arc::new(witness::newest_findings(&mut conn).await?),
            cosigned: witness::own_cosigned(&mut conn, &origin).await?.map(Arc::new),
            wake: BTreeMap::new(),
        };
        let (send, queue) = mpsc::channel(QUEUE_MAX);
        let (publish, watch) = watch::channel(Arc::new(published));
        let writer = Writer {
            conn: store.writer(),
            house,
            store,
            highwater,
            directory: Some(directory),
            edges: None,
            closed,
            queue,
            publish,
            crash_at,
        };
        Ok((
            writer,
            Hand {
                queue: send,
                published: watch,
                repairing: Arc::default(),
                missed: Arc::default(),
            },
        ))
    }

    /// Works until every hand is dropped, or until it must not go on.
    pub async fn run(self) -> Stopped {
        self.run_until(CancellationToken::new()).await
    }

    /// The same, and ends when it is told to stop and has performed what waited.
    pub async fn run_until(mut self, stop: CancellationToken) -> Stopped {
        let mut next: Option<Queued> = None;
        loop {
            let first = match next.take() {
                Some(first) => first,
                None => {
                    let more = tokio::select! {
                        biased;
                        more = self.queue.recv() => more,
                        () = stop.cancelled(), if !self.queue.is_closed() => {
                            self.queue.close();
                            continue;
                        }
                    };
                    match more {
                        Some(first) => first,
                        None => return Stopped::Idle,
                    }
                }
            };
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX && !batch[0].command.is_alone() {
                match self.queue.try_recv() {
                    Ok(more) if more.command.is_alone() => {
                        next = Some(more);
                        break;
                    }
                    Ok(more) => batch.push(more),
                    Err(_) => break,
                }
            }
            if let Err(stopped) = self.batch(batch).await {
                return stopped;
            }
        }
    }

    /// One transaction. A database error rolls all of it back and nobody is answered with a yes.
    async fn batch(&mut self, queued: Vec<Queued>) -> Result<(), Stopped> {
        let (commands, replies): (Vec<_>, Vec<_>) =
            queued.into_iter().map(|queued| (queued.command, queued.reply)).unzip();
        let now_ms = self.house.world.clock.now_unix_ms();
        match self.write(&commands, now_ms).await {
            Ok(results) => {
                for (reply, result) in replies.into_iter().zip(results) {
                    // Nobody waits any more: what was committed stays committed.
                    let _ = reply.send(result);
                }
                Ok(())
            }
            Err(Broken::Stop(stopped)) => Err(stopped),
            Err(Broken::Store(error)) => {
                self.forget();
                if error.must_end_process() {
                    return Err(Stopped::Store(error));
                }
                tracing::error!(%error, commands = commands.len(), "a batch was rolled back");
                if commands.len() == 1 || error.fault() == Some(Fault::Gone) {
                    for reply in replies {
                        let _ = reply.send(Err(Failure::Busy("database".to_owned())));
                    }
                    return Ok(());
                }
                // One of them may be what the database does not take: the others go without it.
                for (command, reply) in commands.into_iter().zip(replies) {
                    self.single(command, reply, now_ms).await?;
                }
                Ok(())
            }
        }
    }

    /// A command of a batch that was rolled back, in a transaction of its own.
    async fn single(
        &mut self,
        command: Command,
        reply: oneshot::Sender<Result<Done, Failure>>,
        now_ms: u64,
    ) -> Result<(), Stopped> {
        let result = match self.write(&[command], now_ms).await {
            Ok(results) => results.into_iter().next(),
            Err(Broken::Stop(stopped)) => return Err(stopped),
            Err(Broken::Store(error)) => {
                self.forget();
                if error.must_end_process() {
                    return Err(Stopped::Store(error));
                }
                tracing::error!(%error, "a command was rolled back");
                None
            }
        };
        let busy = || Err(Failure::Busy("database".to_owned()));
        let _ = reply.send(result.unwrap_or_else(busy));
        Ok(())
    }

    fn forget(&mut self) {
        self.conn.discard();
        self.directory = None;
        self.edges = None;
    }

    fn crash(&self, step: Step) -> Result<(), Broken> {
        if (self.crash_at)(step) { Err(Broken::Stop(Stopped::Crashed(step))) } else { Ok(()) }
    }

    async fn write(
        &mut self,
        commands: &[Command],
        now_ms: u64,
    ) -> Result<Vec<Result<Done, Failure>>, Broken> {
        let crash_at = Arc::clone(&self.crash_at);
        let crash = |step: Step| {
            if crash_at(step) { Err(Broken::Stop(Stopped::Crashed(step))) } else { Ok(()) }
        };
        let batch_id = crate::world::random(self.house.world.entropy.as_ref());
        let mut tx = self.conn.begin().await?;
        let claim = log::claim(&mut tx, &batch_id).await?;
        crash(Step::Claimed)?;
        let local = log::head(&mut tx, Log::Local).await?.ok_or(StoreError::Corrupt("log_head"))?;
        let city = self.house.config.city.id.clone();
        let directory = match self.directory.take() {
            Some(held) if held.generation == claim.head.generation as i64 => held,
            Some(_) | None => {
                let generation = claim.head.generation as i64;
                let offices = self.house.config.own_offices();
                let (root, home) = (&self.house.root, &self.house.configured);
                Arc::new(Directory::load(&mut tx, root, &offices, home, generation).await?)
            }
        };
        if directory.recovering.is_none() {
            for head in [&claim.head, &local] {
                not_behind(&mut tx, &self.highwater, &city, head).await?;
            }
        }
        let edges = match self.edges.take() {
            Some((one, two)) if one.is_at(&claim.head) && two.is_at(&local) => (one, two),
            Some(_) | None => {
                (Edge::load(&mut tx, &claim.head).await?, Edge::load(&mut tx, &local).await?)
            }
        };
        let alone = commands.first().is_some_and(Command::is_alone);
        let view = (*directory).clone();
        let mut batch = Batch::new(&mut tx, &self.house, view, claim.head.clone(), now_ms);
        batch.local_head = (local.id.epoch, local.size);
        batch.epochs = next_epochs(&self.highwater, &city, &claim.head, &local);
        batch.local_mark = self.highwater.mark(&origin_of(&city, &local));
        let rebuilds = matches!(commands, [Command::Rebuild(..)]);
        let mut results = Vec::new();
        for command in commands {
            match perform(&mut batch, command.clone()).await {
                Ok(done) => results.push(Ok(done)),
                Err(Trouble::Denied(denied)) => results.push(Err(Failure::Denied(denied))),
                Err(Trouble::Store(error)) => return Err(error.into()),
            }
        }
        if alone && let [Err(Failure::Denied(denied))] = results.as_slice() {
            // A denial leaves no trace, but for the count of wrong codes.
            if !COUNTED.contains(&denied.code) {
                drop(batch);
                tx.rollback().await?;
                self.directory = Some(directory);
                self.edges = Some(edges);
                return Ok(results);
            }
        }
        if batch.directory.recovering.is_some() {
            // Nothing can be logged now: records wait, and leaves come back by no other way.
            if !batch.leaves.is_empty() && !rebuilds {
                return Err(StoreError::Corrupt("a leaf in a log that is not whole").into());
            }
            let records = std::mem::take(&mut batch.records);
            recovery::keep_records(batch.conn, records).await?;
        }
        let mut end = finish(batch, directory, edges, local).await?;
        let heads = end.write(&mut tx, &claim).await?;
        crash(Step::Written)?;
        // New keys are durable before the data that needs them; what is erased cannot come back
        // from here on, whatever becomes of the commit.
        let settled = self.house.ring.settle(&end.ring).await;
        settled.map_err(|error| match error {
            RingError::Store(error) => Broken::Store(error),
            other @ (RingError::Ledger(_)
            | RingError::Backup(_)
            | RingError::OtherCity(_)
            | RingError::WrongRing(_)) => Broken::Stop(Stopped::Ring(other.to_string())),
        })?;
        crash(Step::Settled)?;
        if plant::is(Planted::AnswerWithoutCommit) && batch_id[0] % 16 == 0 {
            tx.rollback().await?;
        } else {
            commit(&self.store, tx, &claim).await?;
        }
        crash(Step::Committed)?;
        // It is committed: whoever comes next must not do it again.
        let finished = self.house.ring.finish(&end.ring).await;
        finished.map_err(|error| Broken::Stop(Stopped::Ring(error.to_string())))?;
        self.release(end, heads).await.map_err(|broken| match broken {
            // Committed: nothing of it may be done again, and nothing signed.
            Broken::Store(error) => Broken::Stop(Stopped::Store(error)),
            Broken::Stop(stopped) => Broken::Stop(stopped),
        })?;
        Ok(results)
    }

    /// Moves the high-water file. Only the end of a recovery adds logs to it: their new epochs, and
    /// all where there was no file.
    fn mark(
        &mut self,
        heads: &[(&str, u64, [u8; 32])],
        resumed: bool,
    ) -> Result<(), HighWaterError> {
        for (origin, _, _) in heads.iter().filter(|_| resumed) {
            if self.highwater.mark(origin).is_none() {
                self.highwater.add(origin)?;
            }
        }
        self.highwater.advance_all(heads)
    }

    /// After COMMIT: high-water file, signatures, publication.
    async fn release(&mut self, end: End, heads: (Head, Head)) -> Result<(), Broken> {
        let (exchange, local) = heads;
        let city = end.directory.city.clone();
        let before = self.publish.borrow().clone();
        let (mut checkpoint, mut local_checkpoint) = (String::new(), String::new());
        let same_keys = before.directory.log_keys() == end.directory.log_keys();
        if end.directory.recovering.is_none() {
            let origins = [origin_of(&city, &exchange), origin_of(&city, &local)];
            let marks = [
                (origins[0].as_str(), exchange.size, exchange.root),
                (origins[1].as_str(), local.size, local.root),
            ];
            self.mark(&marks, end.resumed)
                .and_then(|()| self.highwater.cosign_all(&end.cosigned))
                .map_err(|error| Broken::Stop(Stopped::HighWater(error.to_string())))?;
            self.crash(Step::Marked)?;
            let same =
                |old: &Head, new: &Head| same_keys && (old.id, old.size) == (new.id, new.size);
            checkpoint.clone_from(&before.checkpoint);
            if !same(&before.exchange, &exchange) || checkpoint.is_empty() {
                checkpoint = sign(&self.house, &end.directory, &exchange).await?;
            }
            local_checkpoint.clone_from(&before.local_checkpoint);
            if !same(&before.local, &local) || local_checkpoint.is_empty() {
                local_checkpoint = sign(&self.house, &end.directory, &local).await?;
            }
        }
        self.crash(Step::Signed)?;
        self.closed.extend(end.closed);
        let closed = match self.closed.len() == before.closed.len() {
            true => Arc::clone(&before.closed),
            false => Arc::new(sign_all(&self.house, &end.directory, &self.closed).await?),
        };
        let mut wake = before.wake.clone();
        end.wake.into_iter().for_each(|city| *wake.entry(city).or_default() += 1);
        let mut heads = before.heads.clone();
        for (origin, new) in end.heads {
            let held = Arc::make_mut(&mut heads).entry(origin).or_default();
            new.into_iter().for_each(|seen| held.add(seen));
        }
        for (origin, size) in end.mirrored {
            Arc::make_mut(&mut heads).entry(origin).or_default().tie(size);
        }
        let cosigned = match end.own_cosigned {
            Some(changed) => changed.map(Arc::new),
            None if before.exchange.id == exchange.id => before.cosigned.clone(),
            None => None,
        };
        let mut findings = before.findings.clone();
        if !end.findings.is_empty() {
            Arc::make_mut(&mut findings).extend(end.findings);
        }
        self.house.shelves.put(&end.directory.shelf);
        self.publish.send_replace(Arc::new(Published {
            epochs: next_epochs(&self.highwater, &city, &exchange, &local),
            directory: Arc::clone(&end.directory),
            exchange,
            checkpoint,
            closed,
            local,
            local_checkpoint,
            heads,
            findings,
            cosigned,
            wake,
        }));
        self.directory = Some(end.directory);
        self.edges = Some(end.edges);
        Ok(())
    }
}

/// The first epochs of the two logs that were never used, by the file and by the database.
fn next_epochs(highwater: &HighWater, city: &CityId, exchange: &Head, local: &Head) -> (u32, u32) {
    let after = |origin: String, epoch: u32| {
        let prefix = origin.trim_end_matches(|c: char| c.is_ascii_digit());
        highwater.last_epoch(prefix).max(epoch) + 1
    };
    (
        after(city.exchange_origin(exchange.id.epoch), exchange.id.epoch),
        after(city.local_origin(local.id.epoch), local.id.epoch),
    )
}

/// The start rule again, at every claim: a database that was restored, or failed over and lost
/// something, must not be built upon. Costs nothing while this writer is the only one.
async fn not_behind(
    tx: &mut Tx<'_>,
    highwater: &HighWater,
    city: &CityId,
    head: &Head,
) -> Result<(), Broken> {
    if plant::is(Planted::AcceptFork) {
        return Ok(());
    }
    let origin = origin_of(city, head);
    let mark = highwater.mark(&origin);
    let root = match mark {
        Some((size, _)) if size == head.size => Some(head.root),
        Some((size, _)) if size < head.size => Some(log::root_at(tx, head.id, size).await?),
        Some(_) | None => None,
    };
    match start_rule(mark, head.size, root) {
        HeadRule::Good | HeadRule::Advance => Ok(()),
        // The records beside it lead to what was signed: the row alone is damaged. Nothing is
        // written on it, and the node lives on to be read and to tell of it.
        HeadRule::RootDiffers if is_damaged(tx, mark, head).await? => {
            Err(StoreError::Corrupt("log_head.root").into())
        }
        rule @ (HeadRule::Recovering { .. } | HeadRule::RootDiffers | HeadRule::NoFile) => {
            let why = format!("{origin} in the database is not what was signed: {rule:?}");
            Err(Broken::Stop(Stopped::HighWater(why)))
        }
    }
}

/// Whether the records themselves still have the root that was signed at the head's size.
async fn is_damaged(
    tx: &mut Tx<'_>,
    mark: Option<(u64, [u8; 32])>,
    head: &Head,
) -> Result<bool, StoreError> {
    match mark {
        Some((size, signed)) if size == head.size => {
            Ok(log::root_at(tx, head.id, size).await? == signed)
        }
        Some(_) | None => Ok(false),
    }
}

/// The codes of the denials that are counted, and so leave a trace.
const COUNTED: [&str; 3] = ["WRONG_CODE", "WRONG_PIN", "NO_MATCH"];

enum Broken {
    Stop(Stopped),
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken::Store(error)
    }
}

/// Commits, and finds out what happened if nobody says.
async fn commit(store: &Store, tx: Tx<'_>, claim: &Claim) -> Result<(), Broken> {
    match tx.commit().await {
        Ok(()) => Ok(()),
        Err(CommitError::RolledBack(error)) => Err(Broken::Store(error)),
        Err(CommitError::Unknown(error)) if error.must_end_process() => {
            Err(Broken::Stop(Stopped::Store(error)))
        }
        Err(CommitError::Unknown(error)) => {
            tracing::warn!(%error, "COMMIT was not answered: looking for the batch");
            match log::was_committed(store, claim).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Broken::Store(error)),
                // Still unknown: nothing may be signed or answered, so the process ends and the
                // start rule finds out.
                Err(still) => Err(Broken::Stop(Stopped::Store(still))),
            }
        }
    }
}
