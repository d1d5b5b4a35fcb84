//! What strangers and peers may take.

use crate::harness::*;
use jieli_node::tls::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The far end closes without a byte; a test that waits longer has failed.
async fn assert_closed(tcp: &mut TcpStream) {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), tcp.read_to_end(&mut answer)).await;
    assert!(read.unwrap().is_err() || answer.is_empty());
}

#[tokio::test]
async fn a_slow_handshake_times_out() {
    let port = Port::open(AcceptLimits { handshake_ms_max: 100, ..AcceptLimits::default() }).await;
    let mut silent = TcpStream::connect(port.address).await.unwrap();
    assert_closed(&mut silent).await;
    port.expect_only(Refused::TimedOut).await;
    // One byte of a record now and then does not extend it.
    let mut slow = TcpStream::connect(port.address).await.unwrap();
    for byte in [22, 3, 1] {
        slow.write_all(&[byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_closed(&mut slow).await;
    eventually(|| port.refused(Refused::TimedOut) == 2).await;
}

#[tokio::test]
async fn a_slow_server_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let end_point = listener.local_addr().unwrap().to_string();
    let rule = AddressRule { loopback: true, private: false };
    let (pins, clock) = (TestPins::of(&[A]), TestClock::new());
    let dialer = Dialer::new(identity(B), pins, clock.clock(), rule, Connections::new(), 100);
    let refused = dialer.connector(&city(A), &end_point).unwrap().connect().await;
    assert!(matches!(refused, Err(DialError::TimedOut)));
}

#[tokio::test]
async fn sixteen_connections_and_no_more() {
    let port = Port::open(AcceptLimits::default()).await;
    let (b, c) = (caller(B), caller(C));
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut peer = b.call(&port, A).await.unwrap();
        ping(&mut peer).await.unwrap();
        open.push(peer);
    }
    let mut extra = b.call(&port, A).await.unwrap();
    assert!(ping(&mut extra).await.is_err());
    port.expect_only(Refused::TooManyConnections).await;
    assert_eq!(port.acceptor.connections().count(&city(B), Direction::Inbound), 16);
    // Another peer has its own sixteen, and a closed one makes room.
    ping(&mut c.call(&port, A).await.unwrap()).await.unwrap();
    open.pop();
    eventually(|| port.acceptor.connections().count(&city(B), Direction::Inbound) == 15).await;
    ping(&mut b.call(&port, A).await.unwrap()).await.unwrap();
    for peer in &mut open {
        ping(peer).await.unwrap();
    }
}

#[tokio::test]
async fn places_for_strangers_are_bounded() {
    let limits = AcceptLimits { handshakes_max: 4, ..AcceptLimits::default() };
    let port = Port::open(limits).await;
    let mut b = caller(B).call(&port, A).await.unwrap();
    ping(&mut b).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(port.address).await.unwrap());
    }
    eventually(|| port.acceptor.counters().accepted() == 5).await;
    let mut fifth = TcpStream::connect(port.address).await.unwrap();
    assert_closed(&mut fifth).await;
    port.expect_only(Refused::Busy).await;
    // Those inside are not disturbed, and a stranger who leaves makes room.
    ping(&mut b).await.unwrap();
    silent.pop();
    eventually(|| port.refused(Refused::ByPeer) == 1).await;
    ping(&mut caller(B).call(&port, A).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn places_for_one_source_are_bounded() {
    let limits = AcceptLimits { handshakes_per_source_max: 2, ..AcceptLimits::default() };
    let port = Port::open(limits).await;
    let _silent = [
        TcpStream::connect(port.address).await.unwrap(),
        TcpStream::connect(port.address).await.unwrap(),
    ];
    let mut third = TcpStream::connect(port.address).await.unwrap();
    assert_closed(&mut third).await;
    port.expect_only(Refused::TooManyAtOnce).await;
}

#[tokio::test]
async fn tries_are_bounded_and_a_peer_pays_none() {
    let limits = AcceptLimits {
        tries_burst_per_source: 3,
        tries_per_source_per_min: 1,
        ..AcceptLimits::default()
    };
    let port = Port::open(limits).await;
    for _ in 0..10 {
        ping(&mut caller(B).call(&port, A).await.unwrap()).await.unwrap();
    }
    for _ in 0..3 {
        let mut peer = caller(7).call(&port, A).await.unwrap();
        assert!(ping(&mut peer).await.is_err());
    }
    eventually(|| port.refused(Refused::UnknownKey) == 3).await;
    let mut fourth = TcpStream::connect(port.address).await.unwrap();
    assert_closed(&mut fourth).await;
    assert_eq!(port.refused(Refused::TooFast), 1);
    port.clock.set(NOW + 60_000);
    ping(&mut caller(B).call(&port, A).await.unwrap()).await.unwrap();
}
