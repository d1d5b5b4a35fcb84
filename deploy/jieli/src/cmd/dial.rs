//! The way to the city's own node: addresses from `jieli.toml`, the token from its file.

use super::Fail;
use super::say::{FAILED, WRONG_USE};
use anyhow::Context;
use jieli_node::config::{Config, DeskRole};
use jieli_node::tokens;
use jieli_proto::wire::audit_client::AuditClient;
use jieli_proto::wire::desk_client::DeskClient;
use jieli_proto::wire::employ_client::EmployClient;
use jieli_proto::wire::grievance_client::GrievanceClient;
use jieli_proto::wire::help_client::HelpClient;
use jieli_proto::wire::keypad_client::KeypadClient;
use jieli_proto::wire::liaise_client::LiaiseClient;
use jieli_proto::wire::operate_client::OperateClient;
use jieli_proto::wire::posts_client::PostsClient;
use jieli_proto::wire::rota_client::RotaClient;
use jieli_proto::wire::worker_client::WorkerClient;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// The longest reply, in bytes: an evidence bundle.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the command works, and as whom.
#[derive(Debug)]
pub(super) struct At {
    /// The city's directory.
    pub(super) dir: PathBuf,
    /// The token named with `--as`.
    pub(super) token: Option<String>,
}

/// The desk with a token.
pub(super) type Desk = DeskClient<InterceptedService<Channel, Bearer>>;

/// The keypad with a token.
pub(super) type Window = KeypadClient<InterceptedService<Channel, Bearer>>;

/// The compliance desk with a token.
pub(super) type Audit = AuditClient<InterceptedService<Channel, Bearer>>;

/// The desk of a grievance body with a token.
pub(super) type Body = GrievanceClient<InterceptedService<Channel, Bearer>>;

/// What operators see and steer, with a token.
pub(super) type Operate = OperateClient<InterceptedService<Channel, Bearer>>;

/// Who has what on the desk, with a token.
pub(super) type Rota = RotaClient<InterceptedService<Channel, Bearer>>;

/// What a helper sees, with a token.
pub(super) type Help = HelpClient<InterceptedService<Channel, Bearer>>;

/// An employer's window, with a token.
pub(super) type Employ = EmployClient<InterceptedService<Channel, Bearer>>;

/// What employers proposed to an office, with a token.
pub(super) type Posts = PostsClient<InterceptedService<Channel, Bearer>>;

/// What a liaison post sees, with a token.
pub(super) type Liaise = LiaiseClient<InterceptedService<Channel, Bearer>>;

/// Adds the token to every call.
#[derive(Clone)]
pub(super) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl At {
    /// The program with the options that this command was given, for lines to be copied.
    pub(super) fn program(&self) -> String {
        let mut text = "jieli".to_owned();
        if self.dir != std::path::Path::new(".") {
            text += &format!(" --dir {}", self.dir.display());
        }
        if let Some(token) = &self.token {
            text += &format!(" --as {token}");
        }
        text
    }

    pub(super) fn config(&self) -> Result<Config, Fail> {
        Config::load(&self.dir).map_err(|error| {
            let dir = self.dir.display();
            let zh = format!(
                "目录 {dir} 里没有可用的 jieli.toml：请用 --dir 指明城市目录，或先 `jieli init`。"
            );
            Fail::new(WRONG_USE, "CONFIG", zh, error.to_string())
        })
    }

    /// The desk, with the token named or the first one of this role.
    pub(super) async fn desk(&self, role: DeskRole) -> Result<Desk, Fail> {
        let (channel, bearer) = self.with_token(role).await?;
        let client = DeskClient::with_interceptor(channel, bearer);
        Ok(client.max_decoding_message_size(REPLY_BYTES_MAX))
    }

    /// The keypad of a window, with the token named or the first one of that role.
    pub(super) async fn window(&self) -> Result<Window, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Window).await?;
        Ok(KeypadClient::with_interceptor(channel, bearer))
    }

    /// The compliance desk, with the token named or the first one of that role.
    pub(super) async fn audit(&self) -> Result<Audit, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Compliance).await?;
        let client = AuditClient::with_interceptor(channel, bearer);
        Ok(client.max_decoding_message_size(REPLY_BYTES_MAX))
    }

    /// The desk of a grievance body, with the token named or the first one of that role.
    pub(super) async fn body(&self) -> Result<Body, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Body).await?;
        Ok(GrievanceClient::with_interceptor(channel, bearer))
    }

    /// The letters that wait, with the token named or the first one of an operator.
    pub(super) async fn operate(&self) -> Result<Operate, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Operator).await?;
        let client = OperateClient::with_interceptor(channel, bearer);
        Ok(client.max_decoding_message_size(REPLY_BYTES_MAX))
    }

    /// Who has what on the desk, with the token named or the first one of a clerk.
    pub(super) async fn rota(&self) -> Result<Rota, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Clerk).await?;
        Ok(RotaClient::with_interceptor(channel, bearer))
    }

    /// What workers gave to a helper, with the token named or the first one of that role.
    pub(super) async fn help(&self) -> Result<Help, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Helper).await?;
        Ok(HelpClient::with_interceptor(channel, bearer))
    }

    /// An employer's window, with the token named or the first one of that role.
    pub(super) async fn employ(&self) -> Result<Employ, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Employer).await?;
        Ok(EmployClient::with_interceptor(channel, bearer))
    }

    /// What employers proposed, with the token named or the first one of a clerk.
    pub(super) async fn posts(&self) -> Result<Posts, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Clerk).await?;
        Ok(PostsClient::with_interceptor(channel, bearer))
    }

    /// What a liaison post sees, with the token named or the first one of that role.
    pub(super) async fn liaise(&self) -> Result<Liaise, Fail> {
        let (channel, bearer) = self.with_token(DeskRole::Liaison).await?;
        Ok(LiaiseClient::with_interceptor(channel, bearer))
    }

    async fn with_token(&self, role: DeskRole) -> Result<(Channel, Bearer), Fail> {
        let config = self.config()?;
        let name = match &self.token {
            Some(name) => name.clone(),
            None => token_of(&config, role)?,
        };
        let path = tokens::path(&self.dir, &name);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Fail::new(
                WRONG_USE,
                "TOKEN",
                format!("令牌文件 {} 无法读取，请用 --as 指明另一个令牌。", path.display()),
                format!("{}: {error}; name another token with --as.", path.display()),
            )
        })?;
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {}", text.trim()).parse().context("the token's form")?;
        value.set_sensitive(true);
        Ok((connect(config.listen.desk).await?, Bearer(value)))
    }

    /// Credit code of the office of that token.
    pub(super) fn office(&self, role: DeskRole) -> Result<String, Fail> {
        let config = self.config()?;
        let name = match &self.token {
            Some(name) => name.clone(),
            None => token_of(&config, role)?,
        };
        let token = config.desk.tokens.iter().find(|token| token.name() == name);
        let token = token.ok_or_else(|| {
            Fail::new(
                WRONG_USE,
                "TOKEN",
                format!("配置中没有名为 {name} 的令牌。"),
                format!("desk.tokens has none of the name {name}."),
            )
        })?;
        Ok(token.office.as_str().to_owned())
    }

    /// The worker's listener; it takes no token.
    pub(super) async fn worker(&self) -> Result<WorkerClient<Channel>, Fail> {
        let client = WorkerClient::new(connect(self.config()?.listen.worker).await?);
        Ok(client.max_decoding_message_size(REPLY_BYTES_MAX))
    }
}

fn token_of(config: &Config, role: DeskRole) -> Result<String, Fail> {
    let of_role = || config.desk.tokens.iter().filter(|token| token.role == role);
    let named = of_role().find(|token| token.name() == role.as_str());
    let token = named.or_else(|| of_role().next()).ok_or_else(|| {
        let role = role.as_str();
        Fail::new(
            WRONG_USE,
            "TOKEN",
            format!("配置中没有 {role} 角色的令牌，请用 --as 指明一个。"),
            format!("desk.tokens has none of the role {role}: name one with --as."),
        )
    })?;
    Ok(token.name().to_owned())
}

pub(super) async fn connect(address: SocketAddr) -> Result<Channel, Fail> {
    let address = reachable(address);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).context("the address")?;
    endpoint.connect_timeout(Duration::from_secs(5)).connect().await.map_err(|_| {
        Fail::new(
            FAILED,
            "UNREACHABLE",
            format!("无法连接 {address}，请确认 `jieli node serve` 正在运行。"),
            format!("Nothing answers at {address}: is `jieli node serve` running?"),
        )
    })
}

/// Who listens everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}
