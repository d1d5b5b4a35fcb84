//! Who has typed a case number and a code: in memory alone, for a quarter of an hour.

use ring::digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroize;

/// Without a click for so long, everything is typed again.
const IDLE_MS: u64 = 15 * 60_000;
const LONGEST_MS: u64 = 60 * 60_000;
/// Sessions at once; beyond it the oldest ends.
const SESSIONS_MAX: usize = 20_000;

/// What was typed. A slip's code looks and stops; the code of a notice does all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Slip,
    Notice,
}

/// A case and its code. Blind in Debug, overwritten when it ends.
#[derive(Clone)]
pub(crate) struct Typed {
    pub(crate) case: String,
    pub(crate) code: String,
    pub(crate) by: By,
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Typed({:?})", self.by)
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.case.zeroize();
        self.code.zeroize();
    }
}

struct Held {
    typed: Typed,
    made_ms: u64,
    seen_ms: u64,
}

/// All of them, by the digest of the cookie.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<Vec<u8>, Held>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self, key: &str, typed: Typed, now_ms: u64) {
        let mut all = self.lock();
        all.retain(|_, held| runs(held, now_ms));
        if all.len() >= SESSIONS_MAX
            && let Some(oldest) = all.iter().min_by_key(|(_, held)| held.seen_ms)
        {
            let oldest = oldest.0.clone();
            all.remove(&oldest);
        }
        all.insert(name(key), Held { typed, made_ms: now_ms, seen_ms: now_ms });
    }

    pub(crate) fn get(&self, key: &str, now_ms: u64) -> Option<Typed> {
        let mut all = self.lock();
        let name = name(key);
        let held = all.get_mut(&name).filter(|held| runs(held, now_ms));
        let Some(held) = held else {
            all.remove(&name);
            return None;
        };
        held.seen_ms = now_ms;
        Some(held.typed.clone())
    }

    pub(crate) fn close(&self, key: &str) {
        self.lock().remove(&name(key));
    }
}

fn runs(held: &Held, now_ms: u64) -> bool {
    now_ms.saturating_sub(held.seen_ms) < IDLE_MS
        && now_ms.saturating_sub(held.made_ms) < LONGEST_MS
}

fn name(key: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{By, IDLE_MS, LONGEST_MS, Sessions, Typed};

    fn typed() -> Typed {
        Typed { case: "2026-000001".to_owned(), code: "12345678".to_owned(), by: By::Slip }
    }

    #[test]
    fn a_session_ends_by_itself_and_when_told() {
        let all = Sessions::default();
        all.open("a", typed(), 0);
        assert!(all.get("a", IDLE_MS - 1).is_some() && all.get("b", 0).is_none());
        assert!(all.get("a", 2 * IDLE_MS - 1).is_none(), "a quarter of an hour without a click");
        assert!(all.get("a", 1).is_none(), "and it stays ended");
        all.open("a", typed(), 0);
        for at in 1..8 {
            assert_eq!(all.get("a", at * 10 * 60_000).is_some(), at * 10 * 60_000 < LONGEST_MS);
        }
        all.open("a", typed(), 0);
        all.close("a");
        assert!(all.get("a", 1).is_none());
        assert!(!format!("{:?}", typed()).contains("1234"));
    }
}
