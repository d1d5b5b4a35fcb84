//! A running node: what is opened at its start, in which order, and how it stops.

mod faces;
mod found;
mod listen;
mod open;

pub(crate) use found::rule;
pub use listen::{Addresses, ENDING, SIGNING};
pub use open::StartError;

use crate::chores::Chores;
use crate::command::Command;
use crate::config::Config;
use crate::courier::Courier;
use crate::hooks::Sender;
use crate::house::House;
use crate::keyring::Keeper;
use crate::keys::PassphraseSource;
use crate::letters::Letters;
use crate::net::{Net, Tcp};
use crate::peers::{Peers, Pinboard};
use crate::recovery;
use crate::serve::stack::DRAIN_MAX;
use crate::store::Store;
use crate::sweeper::{Broom, Sweeper};
use crate::tls::Connections;
use crate::witness::Witness;
use crate::world::{Clock, Entropy, Notices, Post, Sleep};
use crate::writer::{CrashAt, Failure, Hand, Stopped, Submitted, Writer};
use listen::Doors;
use open::Opened;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Stands between the node and its post, to lose, hold or look at what passes; for tests.
pub type WrapPost = Arc<dyn Fn(Arc<dyn Post>) -> Arc<dyn Post> + Send + Sync>;

/// What a node is started with.
pub struct Start {
    /// The settings, as loaded from the node's directory.
    pub config: Config,
    /// Finds what opens the key files, where they are wrapped: now, and when keys are added.
    pub passphrase: Option<PassphraseSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Waiting.
    pub sleep: Arc<dyn Sleep>,
    /// The way to persons.
    pub notices: Arc<dyn Notices>,
    /// Stands before the post to other cities; `None` outside of tests.
    pub wrap_post: Option<WrapPost>,
    /// Where the writer is to die; `None` outside of tests.
    pub crash_at: Option<CrashAt>,
    /// The network of a simulation, in which one thread does everything, one after the other, and
    /// time passes only between its steps; `None` outside of tests.
    pub net: Option<Arc<dyn Net>>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Start({})", self.config.city.id)
    }
}

/// A running node.
pub struct Node {
    addresses: Addresses,
    hand: Hand,
    store: Store,
    house: House,
    connections: Connections,
    peers: Arc<Peers>,
    /// Doors, courier, sweeper: they end before the writer does.
    tasks: TaskTracker,
    stop: CancellationToken,
    writer: TaskTracker,
    stop_writer: CancellationToken,
    ended: Arc<Mutex<Option<Stopped>>>,
}

impl Node {
    /// Starts a node: checks keys, database and high-water file, and only then signs and listens.
    pub async fn start(start: Start) -> Result<Node, StartError> {
        let crash_at = start.crash_at.clone().unwrap_or_else(|| Arc::new(|_| false));
        let net = start.net.clone().unwrap_or_else(|| Arc::new(Tcp));
        let mut opened = open::open(start).await?;
        let again = std::mem::take(&mut opened.again);
        let Opened { house, store, highwater, board, peers, identity, connections, .. } = opened;
        let bound = listen::bind(&house.config, net.as_ref()).await?;
        let addresses = bound.addresses()?;
        let (writer, hand) =
            Writer::open(house.clone(), store.clone(), highwater, crash_at).await?;
        board.follow(hand.watch());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let node = Node {
            addresses,
            hand: hand.clone(),
            store: store.clone(),
            house: house.clone(),
            connections: connections.clone(),
            peers,
            tasks: tasks.clone(),
            stop: stop.clone(),
            writer: TaskTracker::new(),
            stop_writer: CancellationToken::new(),
            ended: Arc::default(),
        };
        let letters = Letters::new(store.clone(), house.clone());
        let doors = Doors {
            hand: hand.clone(),
            store: store.clone(),
            house: house.clone(),
            letters: letters.clone(),
            identity,
            board: Arc::clone(&board),
            connections,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        node.run_writer(writer);
        if let Some(next) = opened.next {
            // Before any door opens: what it revokes signs nothing any more, and nobody sees it do so.
            told(hand.submit(Command::InstallManifest(Box::new(next.envelope)))).await;
        }
        doors.open(bound)?;
        tasks.spawn(opened.faces.run(hand.clone(), Arc::clone(&node.peers), stop.clone()));
        tasks.spawn(crate::expiry::watch(hand.clone(), store.clone(), house.clone(), stop.clone()));
        tasks.spawn(node.watch_pins(board));
        for broom in [Broom::Timers, Broom::Notices] {
            let (hand, store, house) = (hand.clone(), store.clone(), house.clone());
            tasks.spawn(Sweeper::new(broom, hand, store, house, stop.clone()).run());
        }
        if house.config.calendar.is_some() {
            let (hand, sleep, stop) = (hand.clone(), house.world.sleep.clone(), stop.clone());
            tasks.spawn(async move {
                // A node that recovers its log takes it once it has.
                while hand.perform(Command::HomeCalendar).await.is_err() {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = sleep.sleep(crate::courier::TICK * 64) => {}
                    }
                }
            });
        }
        tasks.spawn(Keeper::new(house.clone(), store.clone(), stop.clone()).run());
        if !again.is_empty() {
            let (hand, sleep) = (hand.clone(), house.world.sleep.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                // A node that recovers its log takes it once it has.
                while hand.perform(Command::ErasedAgain(again.clone())).await.is_err() {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = sleep.sleep(crate::courier::TICK * 64) => {}
                    }
                }
            });
        }
        let chores = Chores::new(hand.clone(), store.clone(), house.clone(), stop.clone());
        tasks.spawn(chores.run());
        tasks.spawn(Sender::new(hand.clone(), store.clone(), house.clone(), stop.clone()).run());
        let witness = Witness {
            hand: hand.clone(),
            store,
            house: house.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(witness.run());
        tasks.spawn(Courier { hand, letters, house, tasks: tasks.clone(), stop }.run());
        tasks.spawn(recovery::at_start(node.hand.clone(), node.store.clone(), node.house.clone()));
        tracing::info!(city = %node.house.config.city.id, peer = %node.addresses.peer, "the node runs");
        Ok(node)
    }

    /// Runs the writer; when it must not go on, nothing else goes on.
    fn run_writer(&self, writer: Writer) {
        let (stop, stop_writer) = (self.stop.clone(), self.stop_writer.clone());
        let ended = Arc::clone(&self.ended);
        self.writer.spawn(async move {
            // Also when it panics: without a writer nothing goes on.
            let _stop = stop.drop_guard();
            let why = writer.run_until(stop_writer).await;
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        });
    }

    /// When keys change, what other keys have opened is closed.
    fn watch_pins(&self, board: Arc<Pinboard>) -> impl Future<Output = ()> + Send + 'static {
        let (connections, stop) = (self.connections.clone(), self.stop.clone());
        let mut published = self.hand.watch();
        async move {
            let mut generation = published.borrow_and_update().directory.generation;
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    changed = published.changed() => if changed.is_err() { return },
                }
                let now = published.borrow_and_update().directory.generation;
                if now != generation {
                    generation = now;
                    let closed = connections.recheck(board.as_ref());
                    if closed > 0 {
                        tracing::info!(closed, "connections closed: their keys are not pinned");
                    }
                }
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The way to the writer.
    pub fn hand(&self) -> Hand {
        self.hand.clone()
    }

    /// The database.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Keys, calendar, settings.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Returns when the node has ended by itself, or was told to stop.
    pub async fn ended(&self) {
        self.stop.cancelled().await;
    }

    /// Why the writer ended, if it has.
    pub fn why(&self) -> Option<String> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.as_ref().map(|why| format!("{why}"))
    }

    /// Stops: accepts nothing new, finishes and answers what was begun, closes the database. Says
    /// why the writer had ended: [`Stopped::Idle`] unless something was wrong.
    pub async fn stop(self) -> Stopped {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("connections did not end in time: closing them");
        }
        self.peers.hang_up();
        for city in self.hand.published().directory.peers.keys() {
            self.connections.close_city(city.as_str());
        }
        if tokio::time::timeout(DRAIN_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("something is still open and is left behind");
        }
        self.stop_writer.cancel();
        self.writer.close();
        self.writer.wait().await;
        self.house.ring.close().await;
        self.store.close().await;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.unwrap_or(Stopped::BrokeOff)
    }
}

/// Says what became of the manifest that was left for this start.
async fn told(taken: Result<Submitted, Failure>) {
    let done = match taken {
        Ok(mut submitted) => submitted.done().await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(_) => tracing::info!("the key manifest that was left for this start is in force"),
        Err(error) => tracing::error!(%error, "the key manifest left for this start is not taken"),
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.house.config.city.id)
    }
}
