//! The API for other systems of an office, in a process of its own. A token is of one office and one
//! named system, and is the node's: what it may do the node decides, and the person reads its name
//! in who looked. This process keeps no person: of a POST it remembers a digest, a status and an
//! answer without personal data, for a day, in memory.
//!
//! ```text
//! stack (host, headers, limits) -> token -> once (Idempotency-Key) -> handlers -> the own node
//! ```

use crate::console::config::{ConfigError, Listen, Tls};
use crate::console::desks::{DesksError, channel};
use crate::console::limits::Limit;
use crate::console::stack::{self, Door, DoorError};
use crate::console::world::Clock;
use caller::Systems;
use once::Once;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod acts;
mod caller;
mod deliveries;
mod docs;
mod events;
mod legs;
mod once;
mod openapi;
mod places;
mod problem;
pub mod routes;
mod shape;
mod views;

pub use openapi::document;

/// `api.toml`, its paths relative to the folder of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Requests that one system may make in a minute.
    #[serde(default = "requests_per_minute")]
    pub requests_per_minute: u32,
    /// Where it listens.
    pub listen: Listen,
    /// Its own node.
    pub node: Node,
    /// The systems that may call.
    #[serde(default)]
    pub system: Vec<System>,
    /// Where the file lies.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// Where nothing else is said.
pub const REQUESTS_PER_MINUTE: u32 = 600;

fn requests_per_minute() -> u32 {
    REQUESTS_PER_MINUTE
}

/// The own node, as far as this process may know it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its desk listener.
    pub desk: SocketAddr,
}

/// A system of an office.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name, as the node knows it.
    pub name: String,
    /// Credit code of its office.
    pub office: String,
    /// The file with its token, which the system shows too.
    pub file: PathBuf,
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
        let wrong = |key: &str, what| Err(ConfigError::Value { key: key.to_owned(), what });
        if !(1..=60_000).contains(&config.requests_per_minute) {
            return wrong("requests_per_minute", "1 to 60000");
        }
        for (at, system) in config.system.iter().enumerate() {
            if config.system[..at].iter().any(|other| other.name == system.name) {
                return wrong("system.name", "each name once");
            }
        }
        Ok(config)
    }
}

/// Why the API did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The tokens or the node's address.
    #[error(transparent)]
    Desks(#[from] DesksError),
    /// Two systems with one token: who looked could not be told.
    #[error("{path} holds the same token as another file: make a new one", path = .0.display())]
    Twice(PathBuf),
    /// The listener or its certificate.
    #[error(transparent)]
    Door(#[from] DoorError),
}

type Shared = Arc<Api>;

/// All that handlers work with.
struct Api {
    systems: Systems,
    once: Arc<Once>,
    /// Requests of one system.
    requests: Limit<usize>,
    clock: Arc<dyn Clock>,
    /// Streams of events at once.
    streams: Arc<Semaphore>,
    told: CancellationToken,
}

const MINUTE_MS: u64 = 60_000;
/// Requests of one address in a minute, with or without a token.
const ADDRESS_MAX: u32 = 60_000;

/// An API that is ready to serve.
pub struct Ready {
    shared: Shared,
    listen: Listen,
    tls: Option<rustls::ServerConfig>,
    listener: TcpListener,
}

impl Ready {
    /// Opens tokens, certificate and port.
    pub async fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Ready, ApiError> {
        let place = |path: &Path| config.dir.join(path);
        let tls = config.listen.tls.as_ref();
        let tls = tls.map(|files: &Tls| stack::tls(files, place)).transpose()?;
        let node = channel(config.node.desk).map_err(DesksError::Address)?;
        let systems = Systems::open(&config, &node)?;
        let listener = TcpListener::bind(config.listen.address).await.map_err(DoorError::Io)?;
        let shared = Arc::new(Api {
            systems,
            once: Arc::default(),
            requests: Limit::new(config.requests_per_minute, MINUTE_MS),
            clock,
            streams: Arc::new(Semaphore::new(events::STREAMS_MAX)),
            told: CancellationToken::new(),
        });
        Ok(Ready { shared, listen: config.listen, tls, listener })
    }

    /// Serves until told to stop; streams of events end then.
    pub async fn serve(
        self,
        told: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ApiError> {
        let clock = self.shared.clock.clone();
        let door = Door::refusing(&self.listen, ADDRESS_MAX, clock, problem::at_the_door);
        let stop = self.shared.told.clone();
        let told = async move {
            told.await;
            stop.cancel();
        };
        let router = stack::around(routes::router(), self.shared, door);
        Ok(stack::serve(router, self.listener, self.tls, told).await?)
    }
}
