//! How often one address, or anybody about one case, may try something.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Keys remembered; beyond it the oldest windows are dropped first.
const KEYS_MAX: usize = 10_000;

/// So many in each window of time, by key.
pub(crate) struct Limit<K = IpAddr> {
    most: u32,
    window_ms: u64,
    seen: Mutex<BTreeMap<K, (u64, u32)>>,
}

impl<K: Ord> Limit<K> {
    pub(crate) fn new(most: u32, window_ms: u64) -> Limit<K> {
        Limit { most, window_ms, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Whether a key has used up its window; counts nothing.
    pub(crate) fn is_full(&self, key: &K, now_ms: u64) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.get(key);
        entry.is_some_and(|(since, count)| {
            *count >= self.most && now_ms.saturating_sub(*since) < self.window_ms
        })
    }

    /// Counts one; whether it is still within the limit.
    pub(crate) fn allows(&self, key: K, now_ms: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= KEYS_MAX && !seen.contains_key(&key) {
            seen.retain(|_, (since, _)| now_ms.saturating_sub(*since) < self.window_ms);
            if seen.len() >= KEYS_MAX {
                return false;
            }
        }
        let (since, count) = seen.entry(key).or_insert((now_ms, 0));
        if now_ms.saturating_sub(*since) >= self.window_ms {
            (*since, *count) = (now_ms, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::Limit;
    use std::net::IpAddr;

    #[test]
    fn a_window_passes() {
        let (limit, one) = (Limit::new(2, 1_000), IpAddr::from([127, 0, 0, 1]));
        assert!(limit.allows(one, 0) && limit.allows(one, 10) && !limit.allows(one, 999));
        assert!(limit.allows(IpAddr::from([127, 0, 0, 2]), 999));
        assert!(limit.is_full(&one, 999) && !limit.is_full(&one, 1_000));
        assert!(limit.allows(one, 1_000) && !limit.is_full(&one, 1_000));
    }
}
