//! What must work.

use crate::harness::*;
use jieli_node::tls::*;
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn two_cities_know_each_other() {
    let mut port = Port::open(AcceptLimits::default()).await;
    let caller = caller(B);
    let mut peer = caller.call(&port, A).await.unwrap();
    ping(&mut peer).await.unwrap();
    assert_eq!(
        (peer.info().city.as_str(), peer.info().tls_fpr),
        ("city-1", identity(A).fingerprint())
    );
    assert_eq!(peer.info().remote, port.address);
    assert!(peer.tcp().unwrap().nodelay().unwrap());
    let seen = port.peers.recv().await.unwrap();
    assert_eq!((seen.city.as_str(), seen.tls_fpr), ("city-2", identity(B).fingerprint()));
    assert_eq!(seen.remote, peer.tcp().unwrap().local_addr().unwrap());
    assert!(port.no_delay.recv().await.unwrap());
    assert_eq!(port.acceptor.counters().authenticated(), 1);
    assert_eq!(port.acceptor.connections().count("city-2", Direction::Inbound), 1);
    assert_eq!(caller.connections.count("city-1", Direction::Outbound), 1);
    drop(peer);
    assert_eq!(caller.connections.count("city-1", Direction::Outbound), 0);
    eventually(|| port.acceptor.connections().count("city-2", Direction::Inbound) == 0).await;
    assert!(Refused::ALL.iter().all(|reason| port.refused(*reason) == 0));
}

#[tokio::test]
async fn a_key_pinned_later_is_taken() {
    let port = Port::open(AcceptLimits::default()).await;
    let newcomer = caller(7);
    let mut peer = newcomer.call(&port, A).await.unwrap();
    assert!(ping(&mut peer).await.is_err());
    port.pins.pin(identity(7).fingerprint(), "city-7");
    let mut peer = newcomer.call(&port, A).await.unwrap();
    ping(&mut peer).await.unwrap();
}

#[test]
fn identities_are_made_from_what_is_passed_in() {
    assert_eq!(identity(B).certificate(), identity(B).certificate());
    assert_eq!(identity(B).fingerprint(), identity(B).fingerprint());
    let other = Validity { serial: [0xff; 16], ..validity() };
    let other = Identity::self_signed(&seed(B), &city(B), other).unwrap();
    assert_ne!(other.certificate(), identity(B).certificate());
    assert_eq!(other.fingerprint(), identity(B).fingerprint());
    let kept = Identity::with_certificate(&seed(B), identity(B).certificate().clone()).unwrap();
    assert_eq!(kept.fingerprint(), identity(B).fingerprint());
    let mixed = Identity::with_certificate(&seed(C), identity(B).certificate().clone());
    assert!(matches!(mixed, Err(TlsError::Setup(_))));
    for (from, to) in [(NOW, NOW), (NOW, NOW - 1), (NOW, u64::MAX)] {
        let validity =
            Validity { not_before_unix_ms: from, not_after_unix_ms: to, serial: [1; 16] };
        let refused = Identity::self_signed(&seed(B), &city(B), validity);
        assert!(matches!(refused, Err(TlsError::BadValidity)));
    }
    assert!(!format!("{:?}", identity(B)).contains(&hex::encode(seed(B))));
}

/// A client that would resume if it could.
#[tokio::test]
async fn nothing_is_resumed() {
    let port = Port::open(AcceptLimits::default()).await;
    let pkcs8 = [&hex::decode("302e020100300506032b657004220420").unwrap()[..], &seed(B)].concat();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8));
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedVerifier::only(
            TestPins::of(&[A]),
            &city(A),
        )))
        .with_client_auth_cert(vec![identity(B).certificate().clone()], key)
        .unwrap();
    config.resumption = Resumption::in_memory_sessions(16);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A clock of its own: the certificates are of 2025.
    config.time_provider = Arc::new(Fixed);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    for _ in 0..2 {
        let tcp = TcpStream::connect(port.address).await.unwrap();
        let name = ServerName::try_from("city-a.invalid").unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        let connection = stream.get_ref().1;
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(connection.tls13_tickets_received(), 0);
        assert_eq!(connection.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(connection.alpn_protocol(), Some(&b"h2"[..]));
    }
}

#[derive(Debug)]
struct Fixed;

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let now = std::time::Duration::from_millis(NOW);
        Some(rustls::pki_types::UnixTime::since_unix_epoch(now))
    }
}

/// gRPC over it: the service sees the peer, and revoking the key ends the channel.
#[tokio::test]
async fn grpc_sees_the_peer_and_revocation_ends_it() {
    let (pins, clock) = (TestPins::of(&[B]), TestClock::new());
    let limits = AcceptLimits::default();
    let acceptor =
        Acceptor::new(&identity(A), pins.clone(), clock.clock(), limits, Connections::new());
    let acceptor = acceptor.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let end_point = listener.local_addr().unwrap().to_string();
    let only_b = |request: Request<()>| match request.extensions().get::<PeerInfo>() {
        Some(peer) if peer.city == city(B) => Ok(request),
        _ => Err(Status::unauthenticated("no peer")),
    };
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .add_service(InterceptedService::new(health, only_b))
        .serve_with_incoming(acceptor.clone().incoming(listener));
    let tracker = TaskTracker::new();
    tracker.spawn(server);
    let connector = caller(B).dialer.connector(&city(A), &end_point).unwrap();
    let channel = Endpoint::from_shared(connector.uri()).unwrap();
    let channel = channel.connect_with_connector(connector).await.unwrap();
    let mut client = HealthClient::new(channel);
    let request = HealthCheckRequest { service: String::new() };
    client.check(request.clone()).await.unwrap();
    pins.unpin(B);
    assert_eq!(acceptor.connections().recheck(pins.as_ref()), 1);
    let refused = client.check(request.clone()).await.unwrap_err();
    assert!(matches!(refused.code(), Code::Unavailable | Code::Unknown), "{refused:?}");
    eventually(|| acceptor.connections().count(&city(B), Direction::Inbound) == 0).await;
    assert!(client.check(request).await.is_err());
    assert!(acceptor.counters().refused(Refused::UnknownKey) > 0);
}
