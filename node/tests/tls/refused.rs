//! What must be refused, and how both ends learn of it.

use crate::harness::*;
use jieli_node::tls::*;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, ServerConfig, SignatureScheme};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::task::TaskTracker;

/// City B's certificate with city C's key behind it.
#[derive(Debug)]
struct Stolen(Arc<CertifiedKey>);

impl Stolen {
    fn new(number: u8, signer: u8) -> Arc<Stolen> {
        let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
        let pkcs8 = [&prefix[..], &seed(signer)].concat();
        let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).unwrap();
        let certificate = identity(number).certificate().clone();
        Arc::new(Stolen(Arc::new(CertifiedKey::new(vec![certificate], key))))
    }
}

impl ResolvesClientCert for Stolen {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Stolen {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A client that believes any server: what it shows is for the port to judge.
fn client(resolver: Option<Arc<dyn ResolvesClientCert>>) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let config = match resolver {
        Some(resolver) => builder.with_client_cert_resolver(resolver),
        None => builder.with_no_client_auth(),
    };
    TlsConnector::from(Arc::new(config))
}

/// Only for tests of the other end.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Connects with a client of one's own making and gives the alert that comes back.
pub(crate) async fn alert_for(
    port: &Port,
    resolver: Option<Arc<dyn ResolvesClientCert>>,
) -> Option<AlertDescription> {
    let tcp = TcpStream::connect(port.address).await.unwrap();
    let name = ServerName::try_from("city-a.invalid").unwrap();
    let mut stream = match client(resolver).connect(name, tcp).await {
        Ok(stream) => stream,
        Err(error) => return alert_of(&error),
    };
    alert_in(&mut stream).await
}

/// The alert that the next read meets; an end that says nothing was not refused.
async fn alert_in(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<AlertDescription> {
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await;
    read.ok()?.err().and_then(|error| alert_of(&error))
}

/// The alert that one of our own callers meets.
async fn alert_to(caller: &Caller, port: &Port) -> Option<AlertDescription> {
    let mut peer = caller.call(port, A).await.unwrap();
    alert_in(&mut peer).await
}

#[tokio::test]
async fn no_client_certificate() {
    let port = Port::open(AcceptLimits::default()).await;
    assert_eq!(alert_for(&port, None).await, Some(AlertDescription::CertificateRequired));
    port.expect_only(Refused::NoCertificate).await;
}

#[tokio::test]
async fn a_key_that_is_not_pinned() {
    let port = Port::open(AcceptLimits::default()).await;
    let alert = alert_to(&caller(7), &port).await;
    assert_eq!(alert, Some(AlertDescription::AccessDenied));
    port.expect_only(Refused::UnknownKey).await;
}

#[tokio::test]
async fn another_peer_answers() {
    // The caller pins A and C and calls A, but C answers.
    let port = Port::open_as(&identity(C), TestPins::of(&[B]), AcceptLimits::default()).await;
    let refused = caller(B).call(&port, A).await.err().unwrap();
    assert!(matches!(refused, DialError::Handshake(Refused::UnknownKey, _)), "{refused}");
    port.expect_only(Refused::ByPeer).await;
    assert!(caller(B).call(&port, C).await.is_ok());
}

#[tokio::test]
async fn the_right_certificate_with_the_wrong_key() {
    let port = Port::open(AcceptLimits::default()).await;
    let alert = alert_for(&port, Some(Stolen::new(B, C))).await;
    assert_eq!(alert, Some(AlertDescription::DecryptError));
    port.expect_only(Refused::BadSignature).await;
    // The same resolver with the right key is taken, so it was the signature.
    let tcp = TcpStream::connect(port.address).await.unwrap();
    let name = ServerName::try_from("city-a.invalid").unwrap();
    let mut stream = client(Some(Stolen::new(B, B))).connect(name, tcp).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn a_server_with_the_right_certificate_and_the_wrong_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let end_point = listener.local_addr().unwrap().to_string();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Stolen::new(A, C));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let tracker = TaskTracker::new();
    let server = tracker.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.err().and_then(|error| alert_of(&error))
    });
    let connector = caller(B).dialer.connector(&city(A), &end_point).unwrap();
    let refused = connector.connect().await.err().unwrap();
    assert!(matches!(refused, DialError::Handshake(Refused::BadSignature, _)), "{refused}");
    assert_eq!(server.await.unwrap(), Some(AlertDescription::DecryptError));
}

#[tokio::test]
async fn expired_and_not_yet_valid() {
    let end = validity().not_after_unix_ms;
    let start = validity().not_before_unix_ms;
    for (time, reason) in [
        (start - 1000, Some(Refused::NotYetValid)),
        (start, None),
        (end, None),
        (end + 1000, Some(Refused::Expired)),
    ] {
        let port = Port::open(AcceptLimits::default()).await;
        port.clock.set(time);
        match reason {
            None => ping(&mut caller(B).call(&port, A).await.unwrap()).await.unwrap(),
            Some(reason) => {
                let alert = alert_to(&caller(B), &port).await;
                assert_eq!(alert, Some(AlertDescription::CertificateExpired));
                port.expect_only(reason).await;
            }
        }
        // And from the caller's side.
        let port = Port::open(AcceptLimits::default()).await;
        let caller = caller(B);
        caller.clock.set(time);
        match (caller.call(&port, A).await, reason) {
            (Ok(mut peer), None) => ping(&mut peer).await.unwrap(),
            (Err(DialError::Handshake(refused, _)), Some(reason)) => assert_eq!(refused, reason),
            (other, _) => panic!("{time}: {:?}", other.err()),
        }
    }
}

/// A ClientHello of RFC 5246 with the usual suites and no supported_versions: TLS 1.2 and no more.
fn client_hello_of_tls12() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x2f, 0xc0, 0x2b, 1, 0]);
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    let points = [0, 11, 0, 2, 1, 0];
    let signatures = [0, 13, 0, 6, 0, 4, 8, 7, 4, 3];
    let extensions = [&groups[..], &points, &signatures].concat();
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

#[tokio::test]
async fn a_client_of_tls_1_2() {
    let port = Port::open(AcceptLimits::default()).await;
    let mut tcp = TcpStream::connect(port.address).await.unwrap();
    tcp.write_all(&client_hello_of_tls12()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    // A fatal alert, protocol_version, and nothing else.
    assert_eq!(answer.len(), 7);
    assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]));
    port.expect_only(Refused::Incompatible).await;
}

#[tokio::test]
async fn no_tls_at_all() {
    let port = Port::open(AcceptLimits::default()).await;
    let mut tcp = TcpStream::connect(port.address).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: city\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    assert!(answer.len() <= 7);
    port.expect_only(Refused::Incompatible).await;
}

#[tokio::test]
async fn a_revoked_pin_refuses_and_closes() {
    let mut port = Port::open(AcceptLimits::default()).await;
    let (b, c) = (caller(B), caller(C));
    let mut from_b = b.call(&port, A).await.unwrap();
    let mut from_c = c.call(&port, A).await.unwrap();
    ping(&mut from_b).await.unwrap();
    ping(&mut from_c).await.unwrap();
    port.pins.unpin(B);
    // The pins alone stop the next handshake, not the open connection.
    ping(&mut from_b).await.unwrap();
    assert_eq!(alert_to(&b, &port).await, Some(AlertDescription::AccessDenied));
    port.expect_only(Refused::UnknownKey).await;
    assert_eq!(port.acceptor.connections().recheck(port.pins.as_ref()), 1);
    assert!(ping(&mut from_b).await.is_err());
    let seen = port.peers.recv().await.unwrap();
    assert!(seen.connection.is_closed());
    eventually(|| port.acceptor.connections().count(&city(B), Direction::Inbound) == 0).await;
    ping(&mut from_c).await.unwrap();
    // Outbound connections are closed in the same way, also where a read is waiting.
    c.pins.unpin(A);
    let close = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(c.connections.recheck(c.pins.as_ref()), 1);
    };
    let (read, ()) = tokio::join!(from_c.read_u8(), close);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(from_c.write_all(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(from_c.flush().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn closing_by_key_city_and_handle() {
    let mut port = Port::open(AcceptLimits::default()).await;
    let mut open = Vec::new();
    for number in [B, B, C] {
        let mut peer = caller(number).call(&port, A).await.unwrap();
        ping(&mut peer).await.unwrap();
        open.push(peer);
    }
    port.peers.recv().await.unwrap().connection.close();
    assert!(ping(&mut open[0]).await.is_err());
    eventually(|| port.acceptor.connections().count(&city(B), Direction::Inbound) == 1).await;
    assert_eq!(port.acceptor.connections().close_key(&identity(B).fingerprint()), 1);
    assert!(ping(&mut open[1]).await.is_err());
    assert_eq!(port.acceptor.connections().close_city(&city(C)), 1);
    assert!(ping(&mut open[2]).await.is_err());
}

/// Pins that are taken away just after the handshake's own look at them.
struct Once(std::sync::atomic::AtomicUsize, usize);

impl Pins for Once {
    fn city_of(&self, _: &[u8; 32]) -> Option<String> {
        let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        (asked < self.1).then(|| city(A))
    }
}

#[tokio::test]
async fn a_pin_taken_away_during_the_handshake() {
    for looks in 0..4 {
        let port = Port::open(AcceptLimits::default()).await;
        let (pins, clock) = (Arc::new(Once(0.into(), looks)), TestClock::new());
        let (rule, open) = (AddressRule { loopback: true, private: false }, Connections::new());
        let dialer = Dialer::new(identity(B), pins, clock.clock(), rule, open.clone(), 5000);
        let connector = dialer.connector(&city(A), &port.address.to_string()).unwrap();
        match (looks, connector.connect().await) {
            (0, Err(DialError::Handshake(Refused::UnknownKey, _)))
            | (1 | 2, Err(DialError::Refused(Refused::UnknownKey))) => {
                assert_eq!(open.count(&city(A), Direction::Outbound), 0);
            }
            (3, Ok(mut peer)) => ping(&mut peer).await.unwrap(),
            (_, other) => panic!("{looks}: {:?}", other.err()),
        }
    }
}

#[tokio::test]
async fn calls_go_only_where_they_may() {
    let port = Port::open(AcceptLimits::default()).await;
    let (pins, clock) = (TestPins::of(&[A]), TestClock::new());
    let rule = AddressRule { loopback: false, private: true };
    let dialer = Dialer::new(identity(B), pins, clock.clock(), rule, Connections::new(), 5000);
    for end_point in [port.address.to_string(), format!("localhost:{}", port.address.port())] {
        let refused = dialer.connector(&city(A), &end_point).unwrap().connect().await;
        assert!(matches!(refused, Err(DialError::AddressRefused)));
    }
    assert_eq!(port.acceptor.counters().accepted(), 0);
    let bad = dialer.connector(&city(A), "http://127.0.0.1:1/x");
    assert!(matches!(bad, Err(TlsError::BadEndPoint)));
    let unresolved = dialer.connector(&city(A), "no-such-host.invalid:443").unwrap();
    assert!(unresolved.connect().await.is_err());
    let by_name = format!("localhost:{}", port.address.port());
    let by_name = caller(B).dialer.connector(&city(A), &by_name).unwrap();
    ping(&mut by_name.connect().await.unwrap()).await.unwrap();
}
