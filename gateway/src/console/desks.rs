//! The own node over gRPC, with the tokens the console was given.

use super::config::{Config, Token};
use super::role::Role;
use super::words::Lang;
use axum::http::StatusCode;
use jieli_proto::wire;
use jieli_proto::wire::audit_client::AuditClient;
use jieli_proto::wire::desk_client::DeskClient;
use jieli_proto::wire::employ_client::EmployClient;
use jieli_proto::wire::help_client::HelpClient;
use jieli_proto::wire::keypad_client::KeypadClient;
use jieli_proto::wire::liaise_client::LiaiseClient;
use jieli_proto::wire::operate_client::OperateClient;
use jieli_proto::wire::posts_client::PostsClient;
use jieli_proto::wire::rota_client::RotaClient;
use jieli_proto::wire::worker_client::WorkerClient;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// The longest reply.
pub(crate) const REPLY_BYTES_MAX: usize = 16 << 20;
/// Where the node puts the word of a denial, and its two sentences.
const CODE_KEY: &str = "jieli-code";
const SAYS_KEYS: [&str; 2] = ["jieli-zh-bin", "jieli-en-bin"];

/// A desk of the node.
pub(crate) type Desk = DeskClient<InterceptedService<Channel, Bearer>>;

/// What compliance reads of the node.
pub(crate) type Audit = AuditClient<InterceptedService<Channel, Bearer>>;

/// What operators do at the node.
pub(crate) type Operate = OperateClient<InterceptedService<Channel, Bearer>>;

/// Who has what on the desk.
pub(crate) type Rota = RotaClient<InterceptedService<Channel, Bearer>>;

/// What a window says while the person stands there.
pub(crate) type Keypad = KeypadClient<InterceptedService<Channel, Bearer>>;

/// What workers gave to a helper.
pub(crate) type Help = HelpClient<InterceptedService<Channel, Bearer>>;

/// An employer's window.
pub(crate) type Employ = EmployClient<InterceptedService<Channel, Bearer>>;

/// What employers proposed to an office.
pub(crate) type Posts = PostsClient<InterceptedService<Channel, Bearer>>;

/// What a liaison post sees.
pub(crate) type Liaise = LiaiseClient<InterceptedService<Channel, Bearer>>;

/// The smaller services, each for a role or two.
struct Doors {
    rota: Rota,
    keypad: Keypad,
    help: Help,
    employ: Employ,
    posts: Posts,
    liaise: Liaise,
}

impl Doors {
    fn new(desk: &Channel, bearer: &Bearer) -> Doors {
        let (to, with) = (|| desk.clone(), || bearer.clone());
        let most = REPLY_BYTES_MAX;
        Doors {
            rota: RotaClient::with_interceptor(to(), with()).max_decoding_message_size(most),
            keypad: KeypadClient::with_interceptor(to(), with()).max_decoding_message_size(most),
            help: HelpClient::with_interceptor(to(), with()).max_decoding_message_size(most),
            employ: EmployClient::with_interceptor(to(), with()).max_decoding_message_size(most),
            posts: PostsClient::with_interceptor(to(), with()).max_decoding_message_size(most),
            liaise: LiaiseClient::with_interceptor(to(), with()).max_decoding_message_size(most),
        }
    }
}

/// Adds the token to every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Why the tokens cannot be used. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum DesksError {
    /// A token file cannot be read.
    #[error("{path}: {what}", path = .0.display(), what = .1)]
    Token(PathBuf, String),
    /// Not an address.
    #[error("node: {0}")]
    Address(#[from] tonic::transport::Error),
}

/// All desks, by the name of their token.
pub(crate) struct Desks {
    all: BTreeMap<String, (Token, Desk, Audit, Operate)>,
    doors: BTreeMap<String, Doors>,
    worker: Channel,
}

impl Desks {
    pub(crate) fn open(config: &Config) -> Result<Desks, DesksError> {
        let desk = channel(config.node.desk)?;
        let (mut all, mut doors) = (BTreeMap::new(), BTreeMap::new());
        for token in &config.token {
            let bearer = bearer(&config.place(&token.file))?;
            let audit = AuditClient::with_interceptor(desk.clone(), bearer.clone())
                .max_decoding_message_size(REPLY_BYTES_MAX);
            let operate = OperateClient::with_interceptor(desk.clone(), bearer.clone())
                .max_decoding_message_size(REPLY_BYTES_MAX);
            doors.insert(token.name.clone(), Doors::new(&desk, &bearer));
            let client = DeskClient::with_interceptor(desk.clone(), bearer)
                .max_decoding_message_size(REPLY_BYTES_MAX);
            all.insert(token.name.clone(), (token.clone(), client, audit, operate));
        }
        Ok(Desks { all, doors, worker: channel(config.node.worker)? })
    }

    /// The desk of a token, if the role may hold it.
    pub(crate) fn desk(&self, name: &str, role: Role) -> Option<(&Token, Desk)> {
        let (token, desk, _, _) = self.all.get(name)?;
        (role.token() == Some(token.role)).then(|| (token, desk.clone()))
    }

    /// Who has what on the desk, for the clerk of a token.
    pub(crate) fn rota(&self, name: &str, role: Role) -> Option<Rota> {
        self.desk(name, role)?;
        self.doors.get(name).map(|doors| doors.rota.clone())
    }

    /// What a window says, with a token of that role.
    pub(crate) fn keypad(&self, name: &str, role: Role) -> Option<Keypad> {
        self.door(name, role, Role::WindowOfficer).map(|doors| doors.keypad.clone())
    }

    /// What was given to a helper, with a token of that role.
    pub(crate) fn help(&self, name: &str, role: Role) -> Option<Help> {
        self.door(name, role, Role::NamedHelper).map(|doors| doors.help.clone())
    }

    /// An employer's window, with a token of that role.
    pub(crate) fn employ(&self, name: &str, role: Role) -> Option<Employ> {
        self.door(name, role, Role::Employer).map(|doors| doors.employ.clone())
    }

    /// What employers proposed, for who receives.
    pub(crate) fn posts(&self, name: &str, role: Role) -> Option<Posts> {
        self.door(name, role, Role::ReceivingClerk).map(|doors| doors.posts.clone())
    }

    /// What a liaison post sees, with a token of that role.
    pub(crate) fn liaise(&self, name: &str, role: Role) -> Option<Liaise> {
        self.door(name, role, Role::Liaison).map(|doors| doors.liaise.clone())
    }

    /// The smaller services of a token, where the role is the one they are for.
    fn door(&self, name: &str, role: Role, is_for: Role) -> Option<&Doors> {
        self.desk(name, role)?;
        self.doors.get(name).filter(|_| role == is_for)
    }

    /// What compliance reads, with a token of that role.
    pub(crate) fn audit(&self, name: &str, role: Role) -> Option<Audit> {
        let (token, _, audit, _) = self.all.get(name)?;
        let may = role == Role::ComplianceReviewer && role.token() == Some(token.role);
        may.then(|| audit.clone())
    }

    /// What operators do, with a token of that role.
    pub(crate) fn operate(&self, name: &str, role: Role) -> Option<Operate> {
        let (token, _, _, operate) = self.all.get(name)?;
        let may = role == Role::SystemAdministrator && role.token() == Some(token.role);
        may.then(|| operate.clone())
    }

    /// The tokens, by name.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.all.values().map(|(token, _, _, _)| token)
    }

    /// The workers' listener.
    pub(crate) fn worker(&self) -> WorkerClient<Channel> {
        WorkerClient::new(self.worker.clone()).max_decoding_message_size(REPLY_BYTES_MAX)
    }
}

/// A connection to a listener of the own node, made when it is needed.
pub(crate) fn channel(address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint.connect_timeout(CONNECT).timeout(ANSWER).connect_lazy())
}

pub(crate) fn bearer(path: &std::path::Path) -> Result<Bearer, DesksError> {
    let wrong = |what: String| DesksError::Token(path.to_owned(), what);
    let meta = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(wrong("others may read it: chmod 600".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let value: Result<MetadataValue<Ascii>, _> = format!("Bearer {}", text.trim()).parse();
    let mut value = value.map_err(|_| wrong("this is no token".to_owned()))?;
    value.set_sensitive(true);
    Ok(Bearer(value))
}

/// Partner cities by their ids.
pub(crate) struct Cities(BTreeMap<String, String>);

impl Cities {
    /// As the node knows them.
    pub(crate) async fn load(desk: &mut Desk) -> Result<Cities, Status> {
        let list = desk.list_peers(wire::ListPeersRequest {}).await?.into_inner();
        Ok(Cities(list.peers.into_iter().map(|peer| (peer.city_id, peer.name)).collect()))
    }

    /// A city as people know it; its id where it has no name here.
    pub(crate) fn of(&self, id: &str) -> String {
        self.0.get(id).filter(|name| !name.is_empty()).map_or_else(|| id.to_owned(), String::clone)
    }

    /// With one more, such as the own.
    pub(crate) fn and(mut self, id: String, name: String) -> Cities {
        self.0.insert(id, name);
        self
    }

    /// Id and name.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.keys().map(|id| (id.clone(), self.of(id))).collect()
    }
}

/// Why the node did not do something, for a page.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    zh: String,
    en: String,
}

impl Said {
    /// In the language of the page.
    pub(crate) fn text(&self, lang: Lang) -> String {
        lang.pick(&self.zh, &self.en).to_owned()
    }

    /// Chinese and English, for who reads both.
    pub(crate) fn both(&self) -> (&str, &str) {
        (&self.zh, &self.en)
    }

    /// A word list entry as an answer.
    pub(crate) fn own(status: StatusCode, code: &str, key: &str) -> Said {
        let (zh, en) = (Lang::Zh.w(key).to_owned(), Lang::En.w(key).to_owned());
        Said { status, code: code.to_owned(), zh, en }
    }

    /// Whether the person at the screen can put it right, else the node is to be looked after.
    pub(crate) fn is_denial(&self) -> bool {
        self.status.is_client_error()
    }
}

impl From<Status> for Said {
    fn from(status: Status) -> Said {
        let text = |key| {
            let bytes = status.metadata().get_bin(key)?.to_bytes().ok()?;
            String::from_utf8(bytes.to_vec()).ok()
        };
        let word = status.metadata().get(CODE_KEY).and_then(|word| word.to_str().ok());
        let http = match status.code() {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::InvalidArgument | Code::OutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unauthenticated
            | Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => StatusCode::BAD_GATEWAY,
        };
        let [zh, en] = SAYS_KEYS;
        match (text(zh), text(en), word) {
            (Some(zh), Some(en), Some(word)) => {
                Said { status: http, code: word.to_owned(), zh, en }
            }
            _ => Said::own(http, "NODE", "error.node"),
        }
    }
}
