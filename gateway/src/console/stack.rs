//! What stands around every page, and how it is served.

use super::config::{Listen, Tls};
use super::limits::Limit;
use super::world::Clock;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use tower::limit::GlobalConcurrencyLimitLayer;

/// Everything from here, no script at all, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";
/// Requests worked on at once.
const AT_ONCE: usize = 64;
/// The longest a request may take: a large sheet, row by row.
const LONGEST: Duration = Duration::from_secs(120);
const MINUTE_MS: u64 = 60_000;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a listener knows of itself.
pub(crate) struct Door {
    /// Host and port that browsers call it by.
    host: String,
    secure: bool,
    /// Requests of one address.
    requests: Limit,
    /// Who is believed when it names the address it forwards for.
    proxies: Vec<IpAddr>,
    clock: Arc<dyn Clock>,
}

impl Door {
    /// Takes `most` requests a minute of one address.
    pub(crate) fn new(listen: &Listen, most: u32, clock: Arc<dyn Clock>) -> Arc<Door> {
        Arc::new(Door {
            host: listen.host().to_owned(),
            secure: listen.origin.starts_with("https:"),
            requests: Limit::new(most, MINUTE_MS),
            proxies: listen.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            clock,
        })
    }
}

/// The stack, from outside in: headers and host, then how many and how long, then the pages.
pub(crate) fn around<S: Clone + Send + Sync + 'static>(
    pages: Router<S>,
    state: S,
    door: Arc<Door>,
) -> Router {
    pages
        .layer(middleware::from_fn(in_time))
        .layer(GlobalConcurrencyLimitLayer::new(AT_ONCE))
        .layer(middleware::from_fn_with_state(door, guard))
        .with_state(state)
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Answers to its own name alone, and not to more than a person can click; sets what a browser
/// must hold to.
async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts, &door.proxies);
    parts.extensions.insert(caller);
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_health = parts.uri.path() == "/health";
    let now = door.clock.now_unix_ms();
    let mut response = if !is_health && host != Some(door.host.as_str()) {
        (StatusCode::MISDIRECTED_REQUEST, "wrong host\n").into_response()
    } else if !door.requests.allows(caller.address, now) {
        (StatusCode::TOO_MANY_REQUESTS, "请稍后再试。 Too many requests.\n").into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it browsers do not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        // A page to print names its own style.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if door.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Where a browser calls from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote(IpAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Remote {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Remote {
        Remote(stream.remote_addr().ip())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Remote {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Remote {
        Remote(stream.remote_addr().ip())
    }
}

/// Whose request it is, as far as an address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Of an IPv6 address the network alone: one subscriber has all the rest of it.
    pub(crate) address: IpAddr,
    /// It is this machine's own, as of everybody behind a proxy that is not listed: it tells nobody
    /// from anybody.
    pub(crate) is_shared: bool,
}

impl Caller {
    fn of(parts: &Parts, proxies: &[IpAddr]) -> Caller {
        let remote = parts.extensions.get::<ConnectInfo<Remote>>();
        let peer = remote.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(Remote(ip))| *ip);
        let peer = peer.to_canonical();
        let named = if proxies.contains(&peer) { forwarded(parts, proxies) } else { None };
        let address = named.unwrap_or(peer);
        Caller { address: network(address), is_shared: address.is_loopback() }
    }

    /// The caller of a request that has come through the stack.
    pub(crate) fn known(parts: &Parts) -> Caller {
        let known = parts.extensions.get::<Caller>().copied();
        known.unwrap_or_else(|| Caller::of(parts, &[]))
    }
}

/// The last address that no listed proxy has: what stands before it was written by anybody.
fn forwarded(parts: &Parts, proxies: &[IpAddr]) -> Option<IpAddr> {
    let lines = parts.headers.get_all("x-forwarded-for").iter().rev();
    let names = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
    let mut addresses = names.map(|name| name.trim().parse::<IpAddr>().map(|ip| ip.to_canonical()));
    // Where one cannot be read, nobody knows who comes before it.
    addresses.find(|address| !matches!(address, Ok(ip) if proxies.contains(ip)))?.ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => IpAddr::from((ip.to_bits() >> 64 << 64).to_be_bytes()),
    }
}

/// Why the door did not open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Certificate or key cannot be used.
    #[error("listen.tls: {0}")]
    Tls(String),
    /// The listener failed.
    #[error("listen: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves until told to stop; then what is being answered is answered.
pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<ServerConfig>,
    told: impl Future<Output = ()> + Send + 'static,
) -> Result<(), DoorError> {
    let service = router.into_make_service_with_connect_info::<Remote>();
    match tls {
        None => axum::serve(listener, service).with_graceful_shutdown(told).await?,
        Some(config) => {
            let tasks = TaskTracker::new();
            let listener = TlsListener::new(listener, config, &tasks)?;
            axum::serve(listener, service).with_graceful_shutdown(told).await?;
        }
    }
    Ok(())
}

/// Certificate and key, TLS 1.3 and 1.2 with ring.
pub(crate) fn tls(
    tls: &Tls,
    place: impl Fn(&Path) -> std::path::PathBuf,
) -> Result<ServerConfig, DoorError> {
    let wrong = |error: String| DoorError::Tls(error);
    let chain = CertificateDer::pem_file_iter(place(&tls.certificate))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(place(&tls.key)).map_err(|e| wrong(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Handshakes side by side: a slow one keeps nobody waiting.
struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    at: SocketAddr,
}

impl TlsListener {
    fn new(
        listener: TcpListener,
        config: ServerConfig,
        tasks: &TaskTracker,
    ) -> std::io::Result<TlsListener> {
        let at = listener.local_addr()?;
        let (done, ready) = mpsc::channel(AT_ONCE);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let inner = tasks.clone();
        tasks.spawn(async move {
            let mut listener = listener;
            loop {
                // Its own errors are waited out by the listener.
                let (stream, from) = Listener::accept(&mut listener).await;
                if done.is_closed() {
                    return;
                }
                let (done, acceptor) = (done.clone(), acceptor.clone());
                inner.spawn(async move {
                    let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        // Nobody listens any more: the connection ends here.
                        let _ = done.send((stream, from)).await;
                    }
                });
            }
        });
        Ok(TlsListener { ready, at })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.at)
    }
}

/// There is no such page.
pub(crate) async fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "没有这个页面。 There is no such page.\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: [u8; 4], forwarded: &[&str]) -> IpAddr {
        let mut request = axum::http::Request::builder();
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(Remote(IpAddr::from(peer))));
        let proxies = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        Caller::of(&parts, &proxies).address
    }

    #[test]
    fn a_forwarded_address_is_believed_of_a_listed_proxy_alone() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(from([203, 0, 113, 7], &["198.51.100.1"]), ip("203.0.113.7"));
        assert_eq!(from([127, 0, 0, 1], &["198.51.100.1"]), ip("198.51.100.1"));
        // What a caller writes before it changes nothing, and neither does a chain of own proxies.
        assert_eq!(from([127, 0, 0, 1], &["9.9.9.9, 198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(
            from([127, 0, 0, 1], &["9.9.9.9", "198.51.100.1, 10.0.0.2"]),
            ip("198.51.100.1")
        );
        assert_eq!(from([127, 0, 0, 1], &["198.51.100.1, nobody"]), ip("127.0.0.1"));
        assert_eq!(from([127, 0, 0, 1], &[]), ip("127.0.0.1"));
        assert_eq!(from([127, 0, 0, 1], &["2001:db8:1:2:3:4:5:6"]), ip("2001:db8:1:2::"));
    }
}
