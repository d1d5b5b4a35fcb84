//! The listener of the peer port.

use super::gate::{Gate, Place};
use super::{
    ALPN, ClockMs, Connections, Counters, Direction, Identity, PeerIo, PinnedVerifier, Pins,
    Refused, TlsClock, TlsError, provider,
};
use crate::net::{Line, PAUSE, Socket};
use futures::stream::{FuturesUnordered, StreamExt, unfold};
use futures::{FutureExt, Stream, future::BoxFuture};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, version};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::{TlsAcceptor, TlsStream};

/// What the peer port allows. The defaults are for a city with some tens of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptLimits {
    /// Longest handshake, in milliseconds.
    pub handshake_ms_max: u64,
    /// Unauthenticated handshakes at once, from all sources.
    pub handshakes_max: usize,
    /// Unauthenticated handshakes at once from one source (IPv4 address or IPv6 /64).
    pub handshakes_per_source_max: usize,
    /// Handshakes a source may begin at once; those that end with a pinned key are given back.
    pub tries_burst_per_source: u32,
    /// Handshakes that come back to a source each minute.
    pub tries_per_source_per_min: u32,
    /// Sources remembered; more share one allowance.
    pub sources_max: usize,
    /// Open connections of one peer.
    pub connections_per_peer_max: usize,
}

impl Default for AcceptLimits {
    fn default() -> AcceptLimits {
        AcceptLimits {
            handshake_ms_max: 10_000,
            handshakes_max: 128,
            handshakes_per_source_max: 16,
            tries_burst_per_source: 32,
            tries_per_source_per_min: 30,
            sources_max: 4096,
            connections_per_peer_max: 16,
        }
    }
}

/// Accepts mutual TLS 1.3 from accepted peers. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    pins: Arc<dyn Pins>,
    clock: ClockMs,
    limits: AcceptLimits,
    gate: Gate,
    counters: Arc<Counters>,
    connections: Connections,
}

impl Acceptor {
    /// An acceptor that shows this identity and takes the pinned keys.
    pub fn new(
        identity: &Identity,
        pins: Arc<dyn Pins>,
        clock: ClockMs,
        limits: AcceptLimits,
        connections: Connections,
    ) -> Result<Acceptor, TlsError> {
        let time = Arc::new(TlsClock(clock.clone()));
        let verifier = Arc::new(PinnedVerifier::any_peer(pins.clone()));
        let mut config = ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(identity.resolver());
        config.alpn_protocols = vec![ALPN.to_vec()];
        // No tickets and no resumption: every connection proves its key and meets the pins.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Acceptor {
            tls: TlsAcceptor::from(Arc::new(config)),
            pins,
            clock,
            limits,
            gate: Gate::new(limits),
            counters: Arc::default(),
            connections,
        })
    }

    /// Counts since the start.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The register its connections stand in.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Authenticated connections, for tonic's `serve_with_incoming`. It never ends and never yields
    /// an error; dropping it closes the listener and gives up the handshakes under way. All
    /// handshakes run inside whoever polls it, so strangers together take one task at most.
    pub fn incoming(
        self,
        listener: impl Into<Socket>,
    ) -> impl Stream<Item = io::Result<PeerIo>> + Send + 'static {
        let porch = Porch {
            acceptor: self,
            listener: listener.into(),
            handshakes: FuturesUnordered::new(),
        };
        unfold(porch, |mut porch| async move {
            let peer = porch.next().await;
            Some((Ok(peer), porch))
        })
    }

    /// The handshake of one connection, with its place at the gate.
    async fn shake(self, tcp: Line, remote: SocketAddr, place: Place) -> Result<PeerIo, Refused> {
        let limit = Duration::from_millis(self.limits.handshake_ms_max);
        let stream = tokio::time::timeout(limit, self.tls.accept(tcp))
            .await
            .map_err(|_| Refused::TimedOut)?
            .map_err(|error| Refused::of(&error))?;
        let peer = PeerIo::enter(
            TlsStream::Server(stream),
            remote,
            Direction::Inbound,
            self.limits.connections_per_peer_max,
            &self.connections,
            self.pins.as_ref(),
        )?;
        place.refund();
        Ok(peer)
    }
}

/// The listener and the handshakes under way.
struct Porch {
    acceptor: Acceptor,
    listener: Socket,
    handshakes: FuturesUnordered<BoxFuture<'static, Result<PeerIo, Refused>>>,
}

impl Porch {
    async fn next(&mut self) -> PeerIo {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.handshakes.next(), if !self.handshakes.is_empty() => {
                    match ended {
                        Ok(peer) => {
                            self.acceptor.counters.count_authenticated();
                            return peer;
                        }
                        Err(reason) => self.refuse(reason),
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, remote)) => self.admit(tcp, remote),
                    Err(error) => {
                        tracing::warn!(%error, "the peer port's listener failed");
                        self.refuse(Refused::Failed);
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Begins a handshake, or drops the connection without a byte.
    fn admit(&mut self, tcp: Line, remote: SocketAddr) {
        let acceptor = &self.acceptor;
        acceptor.counters.count_accepted();
        if self.handshakes.len() >= acceptor.limits.handshakes_max {
            return self.refuse(Refused::Busy);
        }
        match acceptor.gate.enter(remote.ip(), (acceptor.clock)()) {
            Err(reason) => self.refuse(reason),
            Ok(place) => {
                self.handshakes.push(acceptor.clone().shake(tcp, remote, place).boxed());
            }
        }
    }

    fn refuse(&self, reason: Refused) {
        self.acceptor.counters.count_refused(reason);
        tracing::debug!(%reason, "connection to the peer port refused");
    }
}
