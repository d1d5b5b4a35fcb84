//! `jieli gateway`: the console of a city's desks, and the worker's pages.

use super::dial::At;
use super::import::Reader;
use super::say::{FAILED, OK, Out, WRONG_USE};
use super::{Done, Fail};
use crate::ambient::{SystemClock, SystemEntropy};
use crate::consoles;
use anyhow::Context;
use clap::Subcommand;
use jieli_gateway::console::accounts::Accounts;
use jieli_gateway::console::config::Config;
use jieli_gateway::console::world::{Clock, Entropy};
use jieli_gateway::console::{ConsoleError, Outside, Ready};
use jieli_gateway::worker;
use jieli_node::disk::{self, PRIVATE};
use serde_json::json;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Name of the first account.
const FIRST: &str = "admin";

const CONFIG_HELP: &str = "\
gateway.toml:
  [listen]   address, origin (what browsers call it by), [listen.tls] certificate and key (PEM);
             without TLS only a loopback address, behind a proxy of this machine; trusted_proxies:
             addresses of proxies whose X-Forwarded-For is believed (none), so that wrong codes and
             passwords are counted for whoever sent them and not for the proxy
  [node]     desk, worker: addresses of the own node
  [accounts] file, second_factor (true: every account needs a code app), idle_minutes
  [[token]]  name, role (clerk, approver, compliance), office, office_name, file: one desk token
Health: GET /health answers 200 while the console serves. SIGTERM: what is being answered is answered.";

const WORKER_HELP: &str = "\
worker.toml:
  city       name of the city, as it stands on the pages
  [listen]   address, origin (what browsers call it by), [listen.tls] certificate and key (PEM);
             without TLS only a loopback address, behind a proxy of this machine; trusted_proxies:
             addresses of proxies whose X-Forwarded-For is believed (none), so that wrong codes and
             passwords are counted for whoever sent them and not for the proxy
  [node]     worker: the workers' listener of the own node, and no other
  complaints true: complaints can be typed here and are sealed by this process at once; false:
             the pages name telephones and windows alone
The process keeps nothing on disk and needs no token: run it as a user of its own, on a machine of
the outer zone, which may reach the workers' listener and nothing else. GET /health answers 200.";

#[derive(Debug, Subcommand)]
pub(super) enum GatewayCommand {
    /// Writes gateway.toml from the city's jieli.toml if there is none, and makes the first account,
    /// a security administrator, whose one-time password is printed once.
    #[command(after_help = CONFIG_HELP)]
    Init {
        /// The console's configuration.
        #[arg(long, default_value = "gateway.toml")]
        config: PathBuf,
        /// Where it will listen.
        #[arg(long, default_value = "127.0.0.1:7500")]
        address: SocketAddr,
        /// What browsers call it by; else http:// and the address.
        #[arg(long)]
        origin: Option<String>,
    },
    /// Serves the console until it is told to stop.
    #[command(after_help = CONFIG_HELP)]
    Serve {
        /// The console's configuration.
        #[arg(long, default_value = "gateway.toml")]
        config: PathBuf,
    },
    /// Writes worker.toml from the city's jieli.toml, if there is none.
    #[command(after_help = WORKER_HELP)]
    WorkerInit {
        /// The configuration of the worker's pages.
        #[arg(long, default_value = "worker.toml")]
        config: PathBuf,
        /// Where they will listen.
        #[arg(long, default_value = "127.0.0.1:7510")]
        address: SocketAddr,
        /// What browsers call them by; else http:// and the address.
        #[arg(long)]
        origin: Option<String>,
    },
    /// Serves the worker's pages, and no desk, until it is told to stop.
    #[command(after_help = WORKER_HELP)]
    WorkerServe {
        /// The configuration of the worker's pages.
        #[arg(long, default_value = "worker.toml")]
        config: PathBuf,
    },
}

impl GatewayCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            GatewayCommand::Init { config, address, origin } => {
                init(at, &config, address, origin, out).await
            }
            GatewayCommand::Serve { config } => serve(&config, out).await,
            GatewayCommand::WorkerInit { config, address, origin } => {
                worker_init(at, &config, address, origin, out)
            }
            GatewayCommand::WorkerServe { config } => worker_serve(&config, out).await,
        }
    }
}

fn unusable(error: &dyn std::error::Error) -> Fail {
    Fail::new(
        WRONG_USE,
        "GATEWAY_CONFIG",
        "gateway.toml 不能使用，原因见英文说明。",
        error.to_string(),
    )
}

async fn init(
    at: &At,
    path: &Path,
    address: SocketAddr,
    origin: Option<String>,
    out: Out,
) -> Result<Done, Fail> {
    if !path.exists() {
        let dir = std::path::absolute(&at.dir).context("the city's directory")?;
        let origin = origin.unwrap_or_else(|| format!("http://{address}"));
        let config = consoles::of_city(&at.config()?, &dir, address, origin);
        let text = toml::to_string(&config).context("gateway.toml")?;
        disk::write_new(path, text.as_bytes(), PRIVATE).context("gateway.toml")?;
    }
    let config = Config::load(path).map_err(|error| unusable(&error))?;
    let file = config.place(&config.accounts.file);
    let accounts = Accounts::open(&file).await.context("the accounts")?;
    let now_ms = Clock::now_unix_ms(&SystemClock);
    let made = accounts.first(FIRST, &SystemEntropy::new(), now_ms).await;
    let made = made.context("the first account")?;
    let value = json!({
        "config": path.display().to_string(),
        "account": made.as_ref().map(|_| FIRST),
        "one_time_password": made,
    });
    out.show(&value, || match &made {
        Some(password) => out.lines(
            &format!(
                "控制台已备好：{}。\n安全管理员 {FIRST} 的一次性密码（只显示这一次，首次登录时必须修改）：\n\n    {password}\n",
                path.display()
            ),
            &format!(
                "The console is ready: {}. The one-time password of the security administrator \
                 {FIRST} stands above; it is shown this once and has to be changed at the first \
                 log-in.",
                path.display()
            ),
        ),
        None => out.say(
            "已有账户，没有新建。忘记密码请由另一位安全管理员重置。",
            "There are accounts already: none was made. Another security administrator can reset \
             a forgotten password.",
        ),
    });
    Ok(OK)
}

fn worker_init(
    at: &At,
    path: &Path,
    address: SocketAddr,
    origin: Option<String>,
    out: Out,
) -> Result<Done, Fail> {
    if !path.exists() {
        let origin = origin.unwrap_or_else(|| format!("http://{address}"));
        let config = consoles::pages_of_city(&at.config()?, address, origin);
        let text = toml::to_string(&config).context("worker.toml")?;
        disk::write_new(path, text.as_bytes(), PRIVATE).context("worker.toml")?;
    }
    worker::Config::load(path).map_err(|error| unusable(&error))?;
    let file = path.display().to_string();
    out.show(&json!({ "config": file }), || {
        out.say(
            &format!("本人页面已备好：{file}"),
            &format!("The worker's pages are ready: {file}"),
        )
    });
    Ok(OK)
}

/// Log lines go to standard error; no line has a value of a request.
fn log() {
    let filter = EnvFilter::try_from_env(super::node::LOG_VARIABLE);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Ends with SIGTERM or an interrupt.
fn told() -> Result<impl Future<Output = ()> + Send + 'static, Fail> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn serve(path: &Path, out: Out) -> Result<Done, Fail> {
    log();
    let config = Config::load(path).map_err(|error| unusable(&error))?;
    let origin = config.listen.origin.clone();
    let told = told()?;
    let outside = Outside {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::new()),
        reader: Arc::new(Reader),
    };
    let ready = Ready::new(config, outside).await.map_err(stopped)?;
    out.show(&json!({ "url": origin }), || {
        out.say(&format!("控制台已启动：{origin}"), &format!("The console runs: {origin}"))
    });
    ready.serve(told).await.map_err(stopped)?;
    Ok(OK)
}

async fn worker_serve(path: &Path, out: Out) -> Result<Done, Fail> {
    log();
    let config = worker::Config::load(path).map_err(|error| unusable(&error))?;
    let origin = config.listen.origin.clone();
    let told = told()?;
    let outside =
        worker::Outside { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy::new()) };
    let door = |error: jieli_gateway::console::DoorError| stopped(error.into());
    let ready = worker::Ready::new(config, outside).await.map_err(door)?;
    out.show(&json!({ "url": origin }), || {
        out.say(&format!("本人页面已启动：{origin}"), &format!("The worker's pages run: {origin}"))
    });
    ready.serve(told).await.map_err(door)?;
    Ok(OK)
}

fn stopped(error: ConsoleError) -> Fail {
    Fail::new(FAILED, "GATEWAY", "控制台没有启动，或因故障停止。", error.to_string())
}

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> u64 {
        jieli_node::world::Clock::now_unix_ms(self)
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        jieli_node::world::Entropy::fill(self, buffer);
    }
}
