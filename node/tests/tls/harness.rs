//! Cities with fixed keys, pins that can be changed, clocks that can be moved.

use futures::StreamExt;
use jieli_node::tls::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::task::TaskTracker;

/// 2025-01-01T00:00:00Z; every city's certificate begins a day before and ends 30 days after.
pub(crate) const NOW: u64 = 1_735_689_600_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

pub(crate) const A: u8 = 1;
pub(crate) const B: u8 = 2;
pub(crate) const C: u8 = 3;

pub(crate) fn city(number: u8) -> String {
    format!("city-{number}")
}

pub(crate) fn seed(number: u8) -> [u8; 32] {
    [number; 32]
}

pub(crate) fn validity() -> Validity {
    Validity {
        not_before_unix_ms: NOW - DAY_MS,
        not_after_unix_ms: NOW + 30 * DAY_MS,
        serial: [9; 16],
    }
}

pub(crate) fn identity(number: u8) -> Identity {
    Identity::self_signed(&seed(number), &city(number), validity()).unwrap()
}

/// Pins that a test changes.
#[derive(Default)]
pub(crate) struct TestPins(Mutex<BTreeMap<[u8; 32], String>>);

impl TestPins {
    /// Pins of these cities.
    pub(crate) fn of(cities: &[u8]) -> Arc<TestPins> {
        let pins = TestPins::default();
        cities.iter().for_each(|number| pins.pin(identity(*number).fingerprint(), &city(*number)));
        Arc::new(pins)
    }

    pub(crate) fn pin(&self, fingerprint: [u8; 32], city: &str) {
        self.0.lock().unwrap().insert(fingerprint, city.to_owned());
    }

    pub(crate) fn unpin(&self, number: u8) {
        self.0.lock().unwrap().remove(&identity(number).fingerprint());
    }
}

impl Pins for TestPins {
    fn city_of(&self, spki_fpr: &[u8; 32]) -> Option<String> {
        self.0.lock().unwrap().get(spki_fpr).cloned()
    }
}

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn new() -> TestClock {
        TestClock(Arc::new(AtomicU64::new(NOW)))
    }

    pub(crate) fn set(&self, unix_ms: u64) {
        self.0.store(unix_ms, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> ClockMs {
        let time = self.0.clone();
        Arc::new(move || time.load(Ordering::SeqCst))
    }
}

/// City A's open peer port. It echoes what it reads.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    pub(crate) acceptor: Acceptor,
    pub(crate) pins: Arc<TestPins>,
    pub(crate) clock: TestClock,
    pub(crate) peers: UnboundedReceiver<PeerInfo>,
    pub(crate) no_delay: UnboundedReceiver<bool>,
}

impl Port {
    /// City A, which pins B and C.
    pub(crate) async fn open(limits: AcceptLimits) -> Port {
        Port::open_as(&identity(A), TestPins::of(&[B, C]), limits).await
    }

    pub(crate) async fn open_as(
        identity: &Identity,
        pins: Arc<TestPins>,
        limits: AcceptLimits,
    ) -> Port {
        let clock = TestClock::new();
        let connections = Connections::new();
        let acceptor =
            Acceptor::new(identity, pins.clone(), clock.clock(), limits, connections).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (peer_seen, peers) = unbounded_channel();
        let (no_delay_seen, no_delay) = unbounded_channel();
        let incoming = acceptor.clone().incoming(listener);
        let tracker = TaskTracker::new();
        tracker.clone().spawn(async move {
            let mut incoming = pin!(incoming);
            while let Some(Ok(peer)) = incoming.next().await {
                let _ = no_delay_seen.send(peer.tcp().unwrap().nodelay().unwrap());
                let _ = peer_seen.send(peer.info().clone());
                tracker.spawn(echo(peer));
            }
        });
        Port { address, acceptor, pins, clock, peers, no_delay }
    }

    pub(crate) fn refused(&self, reason: Refused) -> u64 {
        self.acceptor.counters().refused(reason)
    }

    /// Waits until a refusal for this reason has been counted, and checks that it is the only one.
    pub(crate) async fn expect_only(&self, reason: Refused) {
        eventually(|| self.refused(reason) > 0).await;
        for other in Refused::ALL {
            assert_eq!(self.refused(other), u64::from(other == reason), "{other}");
        }
    }
}

async fn echo(mut peer: PeerIo) {
    let mut byte = [0];
    while peer.read_exact(&mut byte).await.is_ok() {
        if peer.write_all(&byte).await.is_err() || peer.flush().await.is_err() {
            break;
        }
    }
}

/// A caller with its own pins and clock.
pub(crate) struct Caller {
    pub(crate) dialer: Dialer,
    pub(crate) pins: Arc<TestPins>,
    pub(crate) clock: TestClock,
    pub(crate) connections: Connections,
}

/// A city that calls A and pins A and C.
pub(crate) fn caller(number: u8) -> Caller {
    caller_as(identity(number))
}

pub(crate) fn caller_as(identity: Identity) -> Caller {
    let (pins, clock, connections) = (TestPins::of(&[A, C]), TestClock::new(), Connections::new());
    let rule = AddressRule { loopback: true, private: false };
    let dialer =
        Dialer::new(identity, pins.clone(), clock.clock(), rule, connections.clone(), 5000);
    Caller { dialer, pins, clock, connections }
}

impl Caller {
    /// Calls the port as if it were this city's.
    pub(crate) async fn call(&self, port: &Port, number: u8) -> Result<PeerIo, DialError> {
        let connector = self.dialer.connector(&city(number), &port.address.to_string()).unwrap();
        connector.connect().await
    }
}

/// One byte there and back.
pub(crate) async fn ping(peer: &mut PeerIo) -> std::io::Result<()> {
    peer.write_all(b"x").await?;
    peer.flush().await?;
    let mut byte = [0];
    peer.read_exact(&mut byte).await.map(drop)
}

/// The alert in an error that the TLS library made from it.
pub(crate) fn alert_of(error: &std::io::Error) -> Option<rustls::AlertDescription> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    if let rustls::Error::AlertReceived(alert) = error { Some(*alert) } else { None }
}

/// Waits until something that other tasks bring about is so.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come about");
}
