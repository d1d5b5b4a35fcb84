//! `jieli gateway`: the console of a city's desks, the worker's pages, the API for other systems.

use super::dial::At;
use super::import::Reader;
use super::say::{FAILED, OK, Out, WRONG_USE};
use super::{Done, Fail};
use crate::ambient::{SystemClock, SystemEntropy};
use crate::consoles;
use crate::web::RealWeb;
use anyhow::Context;
use clap::Subcommand;
use jieli_gateway::console::accounts::Accounts;
use jieli_gateway::console::config::Config;
use jieli_gateway::console::world::{Clock, Entropy};
use jieli_gateway::console::{ConsoleError, Outside, Ready};
use jieli_gateway::{api, worker};
use jieli_node::disk::{self, PRIVATE};
use jieli_node::tokens;
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
  [oidc]     issuer, client_id, client_secret_file, ca_file, claim (sub): a provider that says who logs
             in; [oidc.accounts] value = \"account\"; its callback is ORIGIN/login/oidc/back
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

const API_HELP: &str = "\
api.toml:
  requests_per_minute  of one system, 600 by default
  [listen]   address, origin (what callers call it by), [listen.tls] certificate and key (PEM);
             without TLS only a loopback address, behind a proxy of this machine
  [node]     desk: desk listener of the own node
  [[system]] name, office, file: one token of the role system each; the system shows that token
jieli.toml names each system:
  [[desk.tokens]]  name = \"school-roll\", role = \"system\", office = \"<credit code>\"
What it says of itself: GET /api/v1/docs and GET /api/v1/openapi.json. GET /health answers 200.";

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
    /// Writes api.toml from the systems that the city's jieli.toml names, if there is none, and makes
    /// the tokens that are missing; the node knows new ones once it has started again.
    #[command(after_help = API_HELP)]
    ApiInit {
        /// The configuration of the API.
        #[arg(long, default_value = "api.toml")]
        config: PathBuf,
        /// Where it will listen.
        #[arg(long, default_value = "127.0.0.1:7520")]
        address: SocketAddr,
        /// What callers call it by; else http:// and the address.
        #[arg(long)]
        origin: Option<String>,
    },
    /// Serves the API for other systems until it is told to stop.
    #[command(after_help = API_HELP)]
    ApiServe {
        /// The configuration of the API.
        #[arg(long, default_value = "api.toml")]
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
            GatewayCommand::ApiInit { config, address, origin } => {
                api_init(at, &config, address, origin, out)
            }
            GatewayCommand::ApiServe { config } => api_serve(&config, out).await,
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

fn api_init(
    at: &At,
    path: &Path,
    address: SocketAddr,
    origin: Option<String>,
    out: Out,
) -> Result<Done, Fail> {
    let dir = std::path::absolute(&at.dir).context("the city's directory")?;
    let city = at.config()?;
    let mut made = Vec::new();
    for name in consoles::systems(&city).map(|token| token.name()) {
        if !tokens::path(&dir, name).exists() {
            tokens::make(&dir, name, &SystemEntropy::new()).context("a token")?;
            made.push(name);
        }
    }
    if !path.exists() {
        let origin = origin.unwrap_or_else(|| format!("http://{address}"));
        let config = consoles::api_of_city(&city, &dir, address, origin);
        let text = toml::to_string(&config).context("api.toml")?;
        disk::write_new(path, text.as_bytes(), PRIVATE).context("api.toml")?;
    }
    let config = api::Config::load(path).map_err(|error| unusable(&error))?;
    let file = path.display().to_string();
    let value = json!({ "config": file, "systems": config.system.len(), "tokens_made": made });
    let count = config.system.len();
    out.show(&value, || {
        out.say(
            &format!(
                "接口已备好：{file}，{count} 个系统。新令牌在节点重启后有效；系统在 jieli.toml 的 \
                 [[desk.tokens]] 里登记，role = \"system\"。"
            ),
            &format!(
                "The API is ready: {file}, {count} systems. The node knows new tokens once it has \
                 started again; systems stand in jieli.toml under [[desk.tokens]], role = \"system\"."
            ),
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
    let ca = config.oidc.as_ref().and_then(|oidc| oidc.ca_file.as_ref());
    let ca = ca.map(|file| std::fs::read(config.place(file))).transpose();
    let ca = ca.map_err(|error| unusable(&error))?;
    let outside = Outside {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::new()),
        reader: Arc::new(Reader),
        web: Arc::new(RealWeb { ca }),
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

async fn api_serve(path: &Path, out: Out) -> Result<Done, Fail> {
    log();
    let config = api::Config::load(path).map_err(|error| unusable(&error))?;
    let origin = config.listen.origin.clone();
    let told = told()?;
    let failed = |error: api::ApiError| {
        Fail::new(FAILED, "GATEWAY", "接口没有启动，或因故障停止。", error.to_string())
    };
    let ready = api::Ready::new(config, Arc::new(SystemClock)).await.map_err(failed)?;
    out.show(&json!({ "url": origin }), || {
        out.say(&format!("接口已启动：{origin}"), &format!("The API runs: {origin}"))
    });
    ready.serve(told).await.map_err(failed)?;
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
