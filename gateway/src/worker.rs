//! The worker's pages: a process and a listener of their own, for the outer zone. It knows the
//! workers' listener of the node and nothing else: no token, no desk, no account, no database. A
//! case number and a code are in memory for a quarter of an hour; nothing is written to disk.
//!
//! ```text
//! stack (host, headers, limits) -> gate (session, form) -> pages -> the node's Worker service
//! ```
//!
//! What a person says to a grievance body is sealed here, in memory, before the node gets it (V9).
//! Without a script it cannot be sealed earlier than that: this process sees it for that instant,
//! and the page says so and names the bodies' telephones. A city that wants it otherwise sets
//! `complaints = false`: then there are telephones alone.

use crate::console::config::{ConfigError, Listen, Tls};
use crate::console::desks::{REPLY_BYTES_MAX, channel};
use crate::console::limits::Limit;
use crate::console::stack::{self, Caller, Door, DoorError};
use crate::console::world::{Clock, Entropy};
use jieli_proto::wire::worker_client::WorkerClient;
use serde::{Deserialize, Serialize};
use sessions::Sessions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::transport::Channel;

mod guest;
mod page;
mod pages;
pub mod routes;
mod sessions;
mod tongue;

/// `worker.toml`, its paths relative to the folder of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the city.
    pub city: String,
    /// Where it listens.
    pub listen: Listen,
    /// Its own node.
    pub node: Node,
    /// Whether complaints can be typed here, to be sealed by this process.
    #[serde(default = "yes")]
    pub complaints: bool,
    /// Where the file lies.
    #[serde(skip)]
    pub dir: PathBuf,
}

fn yes() -> bool {
    true
}

/// The own node, as far as these pages may know it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its workers' listener.
    pub worker: SocketAddr,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config: Config = toml::from_str(&text).map_err(|error| ConfigError::Form {
            path: path.to_owned(),
            what: error.to_string(),
        })?;
        config.dir = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        config.listen.check()?;
        Ok(config)
    }
}

/// What the pages have from outside.
pub struct Outside {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

type Shared = Arc<Pages>;

/// All that the pages work with.
struct Pages {
    config: Config,
    node: Channel,
    sessions: Sessions,
    outside: Outside,
    /// Wrong codes of one address. Stopping does not count and is never refused for it.
    tries: Limit,
    /// Wrong codes for one case, from wherever they come.
    case_tries: Limit<String>,
}

impl Pages {
    fn node(&self) -> WorkerClient<Channel> {
        WorkerClient::new(self.node.clone()).max_decoding_message_size(REPLY_BYTES_MAX)
    }

    fn now_ms(&self) -> u64 {
        self.outside.clock.now_unix_ms()
    }

    /// Whether too many wrong codes came about this case, or from where this one comes. An address
    /// that is everybody's shuts nobody out.
    fn is_shut(&self, caller: Caller, case: &String) -> bool {
        let now_ms = self.now_ms();
        let of_address = !caller.is_shared && self.tries.is_full(&caller.address, now_ms);
        of_address || self.case_tries.is_full(case, now_ms)
    }

    /// Counts a wrong code.
    fn was_wrong(&self, caller: Caller, case: &str) {
        let now_ms = self.now_ms();
        self.tries.allows(caller.address, now_ms);
        self.case_tries.allows(case.to_owned(), now_ms);
    }
}

/// Requests of one address in a minute: behind a proxy that is everybody.
const REQUESTS_MAX: u32 = 3_000;
const TRIES_MAX: u32 = 30;
/// Fewer of one case: whoever guesses at one shuts out nobody from another.
const CASE_TRIES_MAX: u32 = 10;
const TRIES_MS: u64 = 5 * 60_000;

/// Pages that are ready to be served.
pub struct Ready {
    shared: Shared,
    tls: Option<rustls::ServerConfig>,
    listener: TcpListener,
}

impl Ready {
    /// Opens certificate and port.
    pub async fn new(config: Config, outside: Outside) -> Result<Ready, DoorError> {
        let place = |path: &Path| config.dir.join(path);
        let tls = config.listen.tls.as_ref();
        let tls = tls.map(|files: &Tls| stack::tls(files, place)).transpose()?;
        let listener = TcpListener::bind(config.listen.address).await?;
        let node = channel(config.node.worker).map_err(|error| {
            DoorError::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
        })?;
        let shared = Arc::new(Pages {
            config,
            node,
            sessions: Sessions::default(),
            outside,
            tries: Limit::new(TRIES_MAX, TRIES_MS),
            case_tries: Limit::new(CASE_TRIES_MAX, TRIES_MS),
        });
        Ok(Ready { shared, tls, listener })
    }

    /// Serves until told to stop.
    pub async fn serve(
        self,
        told: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), DoorError> {
        let clock = self.shared.outside.clock.clone();
        let door = Door::new(&self.shared.config.listen, REQUESTS_MAX, clock);
        let router = stack::around(routes::router(&self.shared), self.shared, door);
        stack::serve(router, self.listener, self.tls, told).await
    }
}
