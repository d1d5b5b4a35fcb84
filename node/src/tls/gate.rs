//! What strangers may take before they have shown a key: places, tries and time.

use rustls::{CertificateError, Error};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::AcceptLimits;

/// Why a connection did not come about, or was not kept. The peer sees at most a TLS alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refused {
    /// All places for unauthenticated handshakes are taken.
    Busy,
    /// The source has used up its tries and has to wait.
    TooFast,
    /// The source has too many handshakes open.
    TooManyAtOnce,
    /// The handshake took too long.
    TimedOut,
    /// No certificate was shown.
    NoCertificate,
    /// The key is not pinned, is another peer's, or its pin was taken away.
    UnknownKey,
    /// The certificate is past its validity period.
    Expired,
    /// The certificate is before its validity period.
    NotYetValid,
    /// The certificate is not for this use, or a CA's.
    WrongUsage,
    /// The certificate is malformed, or not of the one form taken here.
    BadCertificate,
    /// The handshake or the certificate is not signed by the key shown.
    BadSignature,
    /// The other side speaks something else, such as TLS 1.2.
    Incompatible,
    /// The other side ended the handshake, by alert or by closing.
    ByPeer,
    /// The peer has all its connections open.
    TooManyConnections,
    /// Anything else.
    Failed,
}

impl Refused {
    /// All reasons, in order.
    pub const ALL: [Refused; 15] = [
        Refused::Busy,
        Refused::TooFast,
        Refused::TooManyAtOnce,
        Refused::TimedOut,
        Refused::NoCertificate,
        Refused::UnknownKey,
        Refused::Expired,
        Refused::NotYetValid,
        Refused::WrongUsage,
        Refused::BadCertificate,
        Refused::BadSignature,
        Refused::Incompatible,
        Refused::ByPeer,
        Refused::TooManyConnections,
        Refused::Failed,
    ];

    /// The reason behind an error of a handshake.
    pub(crate) fn of(error: &io::Error) -> Refused {
        let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
            let is_gone = matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
            );
            return if is_gone { Refused::ByPeer } else { Refused::Failed };
        };
        let known = [
            (Error::NoCertificatesPresented, Refused::NoCertificate),
            (CertificateError::ApplicationVerificationFailure.into(), Refused::UnknownKey),
            (CertificateError::Expired.into(), Refused::Expired),
            (CertificateError::NotValidYet.into(), Refused::NotYetValid),
            (CertificateError::InvalidPurpose.into(), Refused::WrongUsage),
            (CertificateError::BadSignature.into(), Refused::BadSignature),
        ];
        if let Some((_, reason)) = known.iter().find(|(known, _)| known == error) {
            return *reason;
        }
        if matches!(error, Error::InvalidCertificate(_)) {
            Refused::BadCertificate
        } else if matches!(error, Error::AlertReceived(_)) {
            Refused::ByPeer
        } else {
            Refused::Incompatible
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Counts since the start, for metrics. They name no source.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    authenticated: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
}

impl Counters {
    /// TCP connections taken from the listener.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Handshakes that ended with an accepted peer.
    pub fn authenticated(&self) -> u64 {
        self.authenticated.load(Ordering::Relaxed)
    }

    /// Connections refused for a reason.
    pub fn refused(&self, reason: Refused) -> u64 {
        self.refused[reason as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_authenticated(&self) {
        self.authenticated.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self, reason: Refused) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// One try costs this many units of a source's allowance.
const TRY: u64 = 60_000;

/// The allowance of every source: a bucket of tries that refills over time, and a number of
/// handshakes at once. An IPv6 source is its /64. Sources beyond the table's size share one entry.
#[derive(Clone)]
pub(crate) struct Gate {
    limits: AcceptLimits,
    sources: Arc<Mutex<BTreeMap<Ipv6Addr, Source>>>,
}

struct Source {
    units: u64,
    at_unix_ms: u64,
    open: usize,
}

/// A handshake's place at the gate, given back on drop.
pub(crate) struct Place {
    gate: Gate,
    source: Ipv6Addr,
}

impl Gate {
    pub(crate) fn new(limits: AcceptLimits) -> Gate {
        Gate { limits, sources: Arc::default() }
    }

    /// Takes a try and a place for a source.
    pub(crate) fn enter(&self, ip: IpAddr, now_unix_ms: u64) -> Result<Place, Refused> {
        let full = u64::from(self.limits.tries_burst_per_source) * TRY;
        let refill = u64::from(self.limits.tries_per_source_per_min);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = source_of(ip);
        if !sources.contains_key(&key) && sources.len() >= self.limits.sources_max {
            sources.retain(|_, source| {
                source.refill(full, refill, now_unix_ms);
                source.open > 0 || source.units < full
            });
            if sources.len() >= self.limits.sources_max {
                key = Ipv6Addr::UNSPECIFIED;
            }
        }
        let source =
            sources.entry(key).or_insert(Source { units: full, at_unix_ms: now_unix_ms, open: 0 });
        source.refill(full, refill, now_unix_ms);
        if source.open >= self.limits.handshakes_per_source_max {
            return Err(Refused::TooManyAtOnce);
        }
        source.units = source.units.checked_sub(TRY).ok_or(Refused::TooFast)?;
        source.open += 1;
        Ok(Place { gate: self.clone(), source: key })
    }
}

impl Place {
    /// The source has shown a pinned key: that try was free.
    pub(crate) fn refund(&self) {
        let full = u64::from(self.gate.limits.tries_burst_per_source) * TRY;
        let mut sources = self.gate.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get_mut(&self.source) {
            source.units = (source.units + TRY).min(full);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.gate.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get_mut(&self.source) {
            source.open = source.open.saturating_sub(1);
        }
    }
}

impl Source {
    /// `per_min` tries a minute are `per_min` units a millisecond.
    fn refill(&mut self, full: u64, per_min: u64, now_unix_ms: u64) {
        let passed_ms = now_unix_ms.saturating_sub(self.at_unix_ms);
        self.units = self.units.saturating_add(passed_ms.saturating_mul(per_min)).min(full);
        self.at_unix_ms = now_unix_ms;
    }
}

fn source_of(ip: IpAddr) -> Ipv6Addr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(sources_max: usize) -> Gate {
        Gate::new(AcceptLimits {
            handshakes_per_source_max: 2,
            tries_burst_per_source: 3,
            tries_per_source_per_min: 6,
            sources_max,
            ..AcceptLimits::default()
        })
    }

    fn refused(gate: &Gate, ip: &str, now_unix_ms: u64) -> Option<Refused> {
        gate.enter(ip.parse().unwrap(), now_unix_ms).err()
    }

    #[test]
    fn tries_run_out_and_come_back() {
        let gate = gate(100);
        for _ in 0..3 {
            assert_eq!(refused(&gate, "192.0.2.1", 1000), None);
        }
        assert_eq!(refused(&gate, "192.0.2.1", 1000), Some(Refused::TooFast));
        assert_eq!(refused(&gate, "::ffff:192.0.2.1", 1000), Some(Refused::TooFast));
        assert_eq!(refused(&gate, "192.0.2.2", 1000), None);
        // Six a minute is one in ten seconds; a clock that goes back gives nothing.
        assert_eq!(refused(&gate, "192.0.2.1", 500), Some(Refused::TooFast));
        assert_eq!(refused(&gate, "192.0.2.1", 10_499), Some(Refused::TooFast));
        assert_eq!(refused(&gate, "192.0.2.1", 10_500), None);
        assert_eq!(refused(&gate, "192.0.2.1", 10_500), Some(Refused::TooFast));
    }

    #[test]
    fn an_ipv6_source_is_its_network() {
        let gate = gate(100);
        for host in 1..=3 {
            assert_eq!(refused(&gate, &format!("2001:db8::{host}"), 0), None);
        }
        assert_eq!(refused(&gate, "2001:db8::ffff:1", 0), Some(Refused::TooFast));
        assert_eq!(refused(&gate, "2001:db8:0:1::1", 0), None);
    }

    #[test]
    fn places_and_refunds() {
        let gate = gate(100);
        let ip = "192.0.2.1".parse().unwrap();
        let (first, second) = (gate.enter(ip, 0).unwrap(), gate.enter(ip, 0).unwrap());
        assert_eq!(refused(&gate, "192.0.2.1", 0), Some(Refused::TooManyAtOnce));
        first.refund();
        drop((first, second));
        assert_eq!(refused(&gate, "192.0.2.1", 0), None);
        assert_eq!(refused(&gate, "192.0.2.1", 0), None);
        assert_eq!(refused(&gate, "192.0.2.1", 0), Some(Refused::TooFast));
    }

    #[test]
    fn the_table_is_bounded() {
        let gate = gate(2);
        assert_eq!(refused(&gate, "192.0.2.1", 0), None);
        assert_eq!(refused(&gate, "192.0.2.2", 0), None);
        for host in 3..6 {
            assert_eq!(refused(&gate, &format!("192.0.2.{host}"), 0), None);
        }
        assert_eq!(refused(&gate, "192.0.2.9", 0), Some(Refused::TooFast));
        assert_eq!(gate.sources.lock().unwrap().len(), 3);
        // Sources that have all their tries again make room.
        assert_eq!(refused(&gate, "192.0.2.9", 60_000), None);
        assert_eq!(gate.sources.lock().unwrap().len(), 1);
    }
}
