//! Mutual TLS 1.3 between cities, with pinned keys (protocol.md sections 4, 6 and 9).
//!
//! There is no certificate authority. A city shows a self-signed certificate; the other side knows
//! the SHA-256 of its SubjectPublicKeyInfo from the city's manifest. [`Acceptor`] lets peers in,
//! [`Dialer`] calls them; every open connection stands in [`Connections`], so that revoking a key
//! also closes what it opened.

mod accept;
mod connections;
mod dial;
mod gate;
mod identity;
mod io;
mod verify;

pub use accept::{AcceptLimits, Acceptor};
pub use connections::{CloseHandle, Connections, Direction};
pub use dial::{AddressRule, DialError, Dialer, PeerConnector};
pub use gate::{Counters, Refused};
pub use identity::{Identity, Validity};
pub use io::{PeerInfo, PeerIo};
pub use verify::PinnedVerifier;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The time in Unix milliseconds, as the node's clock tells it.
pub type ClockMs = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The protocol that both sides name in the handshake: HTTP/2, as gRPC asks for.
pub(crate) const ALPN: &[u8] = b"h2";

/// Which TLS keys belong to which accepted peer now. It is asked at every handshake, so a pin taken
/// away applies to the next one; for connections already open see [`Connections::recheck`].
pub trait Pins: Send + Sync {
    /// The id of the accepted peer whose manifest lists this TLS key (SHA-256 of its DER
    /// SubjectPublicKeyInfo), or `None`.
    fn city_of(&self, spki_fpr: &[u8; 32]) -> Option<String>;
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be written.
    #[error("cannot write the certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library refused key, certificate or settings.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
    /// The end of a validity period lies before its start.
    #[error("a certificate must end after it begins")]
    BadValidity,
    /// Not `host:port` or `https://host:port`.
    #[error("not an end point: host and port are needed, and nothing else")]
    BadEndPoint,
}

/// ring with the TLS 1.3 suites only.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..ring::default_provider()
    })
}

/// The node's clock in the form the TLS library asks for.
pub(crate) struct TlsClock(pub(crate) ClockMs);

impl TimeProvider for TlsClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis((self.0)())))
    }
}

impl fmt::Debug for TlsClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClock")
    }
}
