//! Calling a peer.

use super::{
    ALPN, ClockMs, Connections, Direction, Identity, PeerIo, PinnedVerifier, Pins, Refused,
    TlsClock, TlsError, provider,
};
use crate::net::{Line, Net, Tcp};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, version};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_rustls::{TlsConnector, TlsStream};
use tower::Service;

/// Addresses tried for one call, of those the name resolved to.
const ADDRESSES_MAX: usize = 4;

/// Which addresses may be called. Never: unspecified, multicast, broadcast, link-local (where cloud
/// metadata services sit) and reserved ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// Loopback: for tests and for several cities on one machine.
    pub loopback: bool,
    /// Private networks (RFC 1918, RFC 6598, RFC 4193): most government networks are.
    pub private: bool,
}

impl AddressRule {
    /// Whether this address may be called.
    pub fn allows(&self, address: SocketAddr) -> bool {
        address.port() != 0
            && match address.ip().to_canonical() {
                IpAddr::V4(ip) => self.allows_v4(ip),
                IpAddr::V6(ip) => self.allows_v6(ip),
            }
    }

    fn allows_v4(&self, ip: Ipv4Addr) -> bool {
        let [a, b, ..] = ip.octets();
        let is_shared = a == 100 && b & 0xc0 == 64;
        let is_never = a == 0 || a >= 224 || ip.is_link_local();
        if ip.is_loopback() {
            self.loopback
        } else if ip.is_private() || is_shared {
            self.private
        } else {
            !is_never
        }
    }

    fn allows_v6(&self, ip: Ipv6Addr) -> bool {
        // RFC 6052: an IPv4 address behind a translator.
        if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = ip.segments() {
            return self.allows_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        }
        if ip.is_loopback() {
            self.loopback
        } else if ip.is_unique_local() {
            self.private
        } else {
            // Global unicast only.
            ip.segments()[0] & 0xe000 == 0x2000
        }
    }
}

/// Why a call did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name did not resolve.
    #[error("the end point's name does not resolve: {0}")]
    Unresolved(io::Error),
    /// None of the addresses may be called.
    #[error("the end point resolves to no address that may be called")]
    AddressRefused,
    /// No TCP connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The handshake failed; the reason is ours or what the peer's alert allows to tell.
    #[error("the handshake failed ({0}): {1}")]
    Handshake(Refused, io::Error),
    /// The connection was refused after the handshake.
    #[error("the connection was refused: {0}")]
    Refused(Refused),
    /// It all took too long.
    #[error("the call timed out")]
    TimedOut,
}

/// Makes connectors to peers. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    identity: Identity,
    pins: Arc<dyn Pins>,
    clock: ClockMs,
    rule: AddressRule,
    connections: Connections,
    connect_ms_max: u64,
    net: Arc<dyn Net>,
}

impl Dialer {
    /// A dialer that shows this identity. `connect_ms_max` bounds name resolution, connection and
    /// handshake together, in milliseconds.
    pub fn new(
        identity: Identity,
        pins: Arc<dyn Pins>,
        clock: ClockMs,
        rule: AddressRule,
        connections: Connections,
        connect_ms_max: u64,
    ) -> Dialer {
        let net = Arc::new(Tcp);
        Dialer { identity, pins, clock, rule, connections, connect_ms_max, net }
    }

    /// The same over another network.
    pub fn over(self, net: Arc<dyn Net>) -> Dialer {
        Dialer { net, ..self }
    }

    /// A connector to one peer at one end point, `host:port` or `https://host:port`. It goes
    /// nowhere else, whatever it is asked for, and takes that peer's pinned keys only.
    pub fn connector(&self, city: &str, end_point: &str) -> Result<PeerConnector, TlsError> {
        let (host, port) = split_end_point(end_point).ok_or(TlsError::BadEndPoint)?;
        let time = Arc::new(TlsClock(self.clock.clone()));
        let verifier = Arc::new(PinnedVerifier::only(self.pins.clone(), city));
        let mut config = ClientConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(self.identity.resolver_to(city));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        let tls = TlsConnector::from(Arc::new(config));
        Ok(PeerConnector { dialer: self.clone(), tls, host, port })
    }
}

/// Connects to one peer: a connector for tonic's `Endpoint::connect_with_connector`. The endpoint's
/// own URI only names the authority in requests; [`PeerConnector::uri`] gives a fitting one.
#[derive(Clone)]
pub struct PeerConnector {
    dialer: Dialer,
    tls: TlsConnector,
    host: String,
    port: u16,
}

impl PeerConnector {
    /// The URI to make the tonic endpoint from. Its scheme is `http`, because TLS is ours and not
    /// tonic's.
    pub fn uri(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// One connection: resolved once, the dialled address checked, TLS 1.3, the peer's key pinned.
    pub async fn connect(&self) -> Result<PeerIo, DialError> {
        let limit = Duration::from_millis(self.dialer.connect_ms_max);
        tokio::time::timeout(limit, self.dial()).await.map_err(|_| DialError::TimedOut)?
    }

    async fn dial(&self) -> Result<PeerIo, DialError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let net = &self.dialer.net;
        let resolved = net.resolve(host, self.port).await.map_err(DialError::Unresolved)?;
        let allowed = resolved.into_iter().filter(|address| self.dialer.rule.allows(*address));
        let mut last = DialError::AddressRefused;
        for address in allowed.take(ADDRESSES_MAX) {
            match net.connect(address).await {
                Ok((tcp, remote)) => return self.shake(tcp, remote, address).await,
                Err(error) => last = DialError::Connect(error),
            }
        }
        Err(last)
    }

    async fn shake(
        &self,
        tcp: Line,
        remote: SocketAddr,
        address: SocketAddr,
    ) -> Result<PeerIo, DialError> {
        if remote.port() != address.port() || !self.dialer.rule.allows(remote) {
            return Err(DialError::AddressRefused);
        }
        let name = ServerName::IpAddress(remote.ip().into());
        let stream = self
            .tls
            .connect(name, tcp)
            .await
            .map_err(|error| DialError::Handshake(Refused::of(&error), error))?;
        PeerIo::enter(
            TlsStream::Client(stream),
            remote,
            Direction::Outbound,
            usize::MAX,
            &self.dialer.connections,
            self.dialer.pins.as_ref(),
        )
        .map_err(DialError::Refused)
    }
}

impl Service<Uri> for PeerConnector {
    type Response = TokioIo<PeerIo>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<TokioIo<PeerIo>, DialError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let connector = self.clone();
        async move { connector.connect().await.map(TokioIo::new) }.boxed()
    }
}

/// Host and port of an end point; anything besides them is refused.
fn split_end_point(end_point: &str) -> Option<(String, u16)> {
    let authority = end_point.strip_prefix("https://").unwrap_or(end_point);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !authority.bytes().all(is_plain) {
        return None;
    }
    let authority: http::uri::Authority = authority.parse().ok()?;
    let port = authority.port_u16().filter(|port| *port > 0)?;
    let host = authority.host();
    let is_v6 = host.starts_with('[');
    (!host.is_empty() && is_v6 == host.contains(':')).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_points() {
        for (text, host, port) in [
            ("node.city-b.example:8443", "node.city-b.example", 8443),
            ("https://node.city-b.example:8443", "node.city-b.example", 8443),
            ("192.0.2.7:443", "192.0.2.7", 443),
            ("[2001:db8::7]:443", "[2001:db8::7]", 443),
        ] {
            assert_eq!(split_end_point(text), Some((host.to_owned(), port)), "{text}");
        }
        for text in [
            "",
            "host",
            "host:0",
            "host:",
            ":443",
            "host:443/",
            "https://host:443/path",
            "http://host:443",
            "user@host:443",
            "host:443?x",
            "host:65536",
            "2001:db8::7:443",
            "ho st:443",
        ] {
            assert_eq!(split_end_point(text), None, "{text}");
        }
    }

    #[test]
    fn addresses() {
        let allows = |loopback, private, ip: &str| {
            let address = SocketAddr::new(ip.parse().unwrap(), 443);
            AddressRule { loopback, private }.allows(address)
        };
        for ip in ["192.0.2.7", "8.8.8.8", "2001:db8::7", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(allows(false, false, ip), "{ip}");
        }
        for ip in
            ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "64:ff9b::a00:1"]
        {
            assert!(allows(false, true, ip) && !allows(true, false, ip), "{ip}");
        }
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(allows(true, false, ip) && !allows(false, true, ip), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fec0::1",
        ] {
            assert!(!allows(true, true, ip), "{ip}");
        }
        assert!(
            !AddressRule { loopback: true, private: true }.allows("8.8.8.8:0".parse().unwrap())
        );
    }
}
