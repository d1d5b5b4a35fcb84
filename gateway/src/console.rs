//! The console: pages for the desks of one city. It speaks gRPC to its own node with the tokens
//! it was given. It decides nothing, signs nothing and keeps no person: a sheet is held in memory
//! between its check and its sending, and a person's data are on one page, once, for one purpose.
//!
//! ```text
//! stack (host, headers, limits) -> gate (session, role, form) -> pages -> desks -> the own node
//! ```

use accounts::{Accounts, AccountsError};
use config::{Config, ConfigError};
use desks::{Desks, DesksError};
use limits::Limit;
pub use stack::DoorError;
use std::sync::Arc;
use tokio::net::TcpListener;
use world::{Clock, Entropy, SheetReader, Web};

pub mod accounts;
mod chart;
pub mod config;
pub(crate) mod desks;
pub(crate) mod form;
pub(crate) mod frame;
mod kept;
pub(crate) mod limits;
pub mod oidc;
mod pages;
pub(crate) mod posted;
pub mod role;
pub mod routes;
pub(crate) mod stack;
pub(crate) mod steps;
mod tray;
mod visitor;
pub(crate) mod words;
pub mod world;

/// What the console has from outside.
pub struct Outside {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Reads sheets in a process of its own.
    pub reader: Arc<dyn SheetReader>,
    /// The way to the provider of log-ins.
    pub web: Arc<dyn Web>,
}

/// Why the console did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The accounts.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The tokens or the node's address.
    #[error(transparent)]
    Desks(#[from] DesksError),
    /// A file that the configuration names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener or its certificate.
    #[error(transparent)]
    Door(#[from] DoorError),
}

type Shared = Arc<Console>;

/// All that pages work with.
pub(crate) struct Console {
    config: Config,
    accounts: Accounts,
    desks: Desks,
    outside: Outside,
    limits: Limits,
    tray: tray::Tray,
    kept: kept::Kept,
    provider: Option<oidc::Provider>,
    /// Name of the session's cookie.
    cookie: String,
    demo: Option<Demo>,
}

/// Log-ins of a demo: a link each and no password, on this machine alone. A served console cannot be
/// given them: no file says them.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Stands in every link; drawn anew for every demo.
    pub key: String,
    /// Name, role and token of each account.
    pub accounts: Vec<(String, role::Role, String)>,
}

/// How much and how often.
pub(crate) struct Limits {
    /// Wrong tries to log in of one address: behind a proxy that is the whole house.
    tries: Limit,
}

impl Limits {
    /// Most bytes of a form with a sheet.
    fn file_bytes(&self) -> usize {
        SHEET_BYTES_MAX + (64 << 10)
    }
}

/// The session's cookie. `__Host-`: only over TLS or on this machine, for this host alone.
const COOKIE: &str = "__Host-jieli";
/// Stands where a password's line would.
const NOBODY: &str = "none";
/// Most bytes of a sheet.
const SHEET_BYTES_MAX: usize = 20 << 20;
const MINUTE_MS: u64 = 60_000;

/// A console that is ready to serve.
pub struct Ready {
    shared: Shared,
    tls: Option<rustls::ServerConfig>,
    listener: TcpListener,
}

impl Ready {
    /// Opens accounts, tokens, certificate and port.
    pub async fn new(config: Config, outside: Outside) -> Result<Ready, ConsoleError> {
        let accounts = Accounts::open(&config.place(&config.accounts.file)).await?;
        if !accounts.any().await? {
            return Err(AccountsError::Empty.into());
        }
        Ready::over(config, outside, accounts, None).await
    }

    /// A demo's: makes its accounts, which have no password. Refused anywhere but on loopback.
    pub async fn demo(config: Config, outside: Outside, demo: Demo) -> Result<Ready, ConsoleError> {
        if !config.listen.address.ip().is_loopback() || config.listen.tls.is_some() {
            let what = std::io::Error::other("a demo is for this machine alone");
            return Err(DoorError::Io(what).into());
        }
        let accounts = Accounts::open(&config.place(&config.accounts.file)).await?;
        let now_ms = outside.clock.now_unix_ms() as i64;
        for (name, role, token) in &demo.accounts {
            // No password opens such a line.
            accounts.add(name, *role, token, NOBODY, now_ms).await?;
            if let Some(account) = accounts.named(name).await? {
                accounts.set_password(account.id, NOBODY, false).await?;
            }
        }
        Ready::over(config, outside, accounts, Some(demo)).await
    }

    async fn over(
        config: Config,
        outside: Outside,
        accounts: Accounts,
        demo: Option<Demo>,
    ) -> Result<Ready, ConsoleError> {
        let tls = config.listen.tls.as_ref();
        let tls = tls.map(|files| stack::tls(files, |path| config.place(path))).transpose()?;
        let listener = TcpListener::bind(config.listen.address).await.map_err(DoorError::Io)?;
        let desks = Desks::open(&config)?;
        let limits = Limits { tries: Limit::new(30, 5 * MINUTE_MS) };
        let kept = kept::Kept::new(&*outside.entropy);
        let provider = oidc::Provider::open(&config, Arc::clone(&outside.web))?;
        let shared = Arc::new(Console {
            config,
            accounts,
            desks,
            outside,
            limits,
            tray: tray::Tray::default(),
            kept,
            provider,
            // A demo's consoles are one host: their cookies are kept apart by name.
            cookie: match &demo {
                Some(_) => {
                    format!("{COOKIE}-{}", listener.local_addr().map_err(DoorError::Io)?.port())
                }
                None => COOKIE.to_owned(),
            },
            demo,
        });
        Ok(Ready { shared, tls, listener })
    }

    /// Serves until told to stop.
    pub async fn serve(
        self,
        told: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ConsoleError> {
        let clock = self.shared.outside.clock.clone();
        let door = stack::Door::new(&self.shared.config.listen, 6_000, clock);
        let router = stack::around(routes::router(&self.shared), self.shared, door);
        Ok(stack::serve(router, self.listener, self.tls, told).await?)
    }
}
