//! Every open connection to a peer, so that it can be counted and closed.

use super::{Pins, Refused};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer called us.
    Inbound,
    /// We called the peer.
    Outbound,
}

/// Closes one connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CloseHandle(pub(crate) CancellationToken);

impl CloseHandle {
    /// Ends the connection: every read and write on it fails from now on.
    pub fn close(&self) {
        self.0.cancel();
    }

    /// Whether it was closed through a handle.
    pub fn is_closed(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// All open connections of this node. Cheap to clone; all clones are one register.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Register>>);

#[derive(Debug, Default)]
struct Register {
    last_id: u64,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    city: String,
    tls_fpr: [u8; 32],
    direction: Direction,
    handle: CloseHandle,
}

/// A connection's entry, taken out on drop.
#[derive(Debug)]
pub(crate) struct Entry {
    connections: Connections,
    id: u64,
    pub(crate) handle: CloseHandle,
}

impl Connections {
    /// An empty register.
    pub fn new() -> Connections {
        Connections::default()
    }

    /// How many connections with a peer are open in one direction.
    pub fn count(&self, city: &str, direction: Direction) -> usize {
        self.with(|register| register.count(city, direction))
    }

    /// Closes the connections of one TLS key; returns how many.
    pub fn close_key(&self, tls_fpr: &[u8; 32]) -> usize {
        self.close_where(|open| open.tls_fpr == *tls_fpr)
    }

    /// Closes all connections with one peer; returns how many.
    pub fn close_city(&self, city: &str) -> usize {
        self.close_where(|open| open.city == city)
    }

    /// Closes every connection whose key is no longer pinned to its peer; returns how many. Call it
    /// after the pins changed: a handshake that is just ending asks the pins once more after it has
    /// entered the register, so between the two none slips through.
    pub fn recheck(&self, pins: &dyn Pins) -> usize {
        self.close_where(|open| pins.city_of(&open.tls_fpr).as_ref() != Some(&open.city))
    }

    /// Enters a connection unless the peer has `limit` of this direction open.
    pub(crate) fn enter(
        &self,
        city: &str,
        tls_fpr: [u8; 32],
        direction: Direction,
        limit: usize,
    ) -> Result<Entry, Refused> {
        self.with(|register| {
            if register.count(city, direction) >= limit {
                return Err(Refused::TooManyConnections);
            }
            register.last_id += 1;
            let (id, handle) = (register.last_id, CloseHandle(CancellationToken::new()));
            let city = city.to_owned();
            let open = Open { city, tls_fpr, direction, handle: handle.clone() };
            register.open.insert(id, open);
            Ok(Entry { connections: self.clone(), id, handle })
        })
    }

    fn close_where(&self, is_meant: impl Fn(&Open) -> bool) -> usize {
        self.with(|register| {
            let meant = register.open.values().filter(|open| is_meant(open));
            meant.map(|open| open.handle.close()).count()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Register) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Register {
    fn count(&self, city: &str, direction: Direction) -> usize {
        self.open.values().filter(|open| open.city == city && open.direction == direction).count()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.with(|register| register.open.remove(&self.id));
    }
}
