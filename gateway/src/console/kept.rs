//! What somebody had typed when the session had ended: kept until the same account logs in again,
//! in memory alone, sealed under a key that this process drew and that goes with it.

use super::world::Entropy;
use crate::sealed::KeyPair;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Longer than a night: who comes back later begins anew.
const KEPT_MS: i64 = 12 * 3_600_000;
/// Bytes of one form.
const FORM_BYTES_MAX: usize = 64 << 10;
/// Forms at once, one an account.
const FORMS_MAX: usize = 200;
/// Where a field of a form ends, and where its name does.
const FIELD: char = '\u{1e}';
const NAME: char = '\u{1f}';

/// A form that was not taken.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    /// Where it was to go.
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) at_ms: i64,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("at_ms", &self.at_ms).finish_non_exhaustive()
    }
}

struct Sealed {
    bytes: Vec<u8>,
    at_ms: i64,
}

/// All that is kept, by account.
pub(crate) struct Kept {
    key: KeyPair,
    all: Mutex<BTreeMap<i64, Sealed>>,
}

impl Kept {
    pub(crate) fn new(entropy: &dyn Entropy) -> Kept {
        let key = KeyPair::make(&mut |bytes: &mut [u8]| entropy.fill(bytes));
        Kept { key, all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Sealed>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one form of an account in the place of an older one; `false` where it cannot.
    pub(crate) fn put(&self, account: i64, typed: &Typed, entropy: &dyn Entropy) -> bool {
        let fields = typed.fields.iter().map(|(name, value)| {
            let [name, value] = [name, value].map(|text| text.replace([FIELD, NAME], ""));
            format!("{FIELD}{name}{NAME}{value}")
        });
        let text = Zeroizing::new(format!("{}{}", typed.path, fields.collect::<String>()));
        let mut all = self.lock();
        all.retain(|other, sealed| *other != account && typed.at_ms - sealed.at_ms < KEPT_MS);
        if text.len() > FORM_BYTES_MAX || all.len() >= FORMS_MAX {
            return false;
        }
        let bound = account.to_be_bytes();
        let fill = &mut |bytes: &mut [u8]| entropy.fill(bytes);
        let sealed = self.key.put_away(&bound, text.as_bytes(), fill);
        let at_ms = typed.at_ms;
        sealed.map(|bytes| all.insert(account, Sealed { bytes, at_ms })).is_ok()
    }

    /// Whether there is anything for an account.
    pub(crate) fn has(&self, account: i64, now_ms: i64) -> bool {
        self.lock().get(&account).is_some_and(|sealed| now_ms - sealed.at_ms < KEPT_MS)
    }

    /// Gives it back, once.
    pub(crate) fn take(&self, account: i64, now_ms: i64) -> Option<Typed> {
        let Sealed { bytes, at_ms } = self.lock().remove(&account)?;
        let plain = self.key.take_back(&account.to_be_bytes(), &bytes).ok()?;
        let text = std::str::from_utf8(&plain).ok()?;
        let mut parts = text.split(FIELD);
        let path = parts.next()?.to_owned();
        let fields = parts.filter_map(|part| part.split_once(NAME));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (now_ms - at_ms < KEPT_MS).then_some(Typed { path, fields, at_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counts;

    impl Entropy for Counts {
        fn fill(&self, buffer: &mut [u8]) {
            (0..).zip(buffer).for_each(|(at, byte): (u8, _)| *byte = at);
        }
    }

    fn typed(value: &str, at_ms: i64) -> Typed {
        let fields = vec![("f.person.name".to_owned(), value.to_owned())];
        Typed { path: "/cases/2026-000001/1/act/correct".to_owned(), fields, at_ms }
    }

    #[test]
    fn what_was_typed_comes_back_once_to_the_same_account_and_lies_nowhere_in_clear() {
        let kept = Kept::new(&Counts);
        let form = typed("施·示例\n𠮷", 5);
        assert!(kept.put(1, &form, &Counts) && kept.has(1, 6) && !kept.has(2, 6));
        let clear = kept.lock().values().any(|sealed| {
            let name = "示例".as_bytes();
            sealed.bytes.windows(name.len()).any(|part| part == name)
        });
        assert!(!clear, "sealed in memory too");
        assert_eq!(kept.take(2, 6), None);
        assert_eq!(kept.take(1, 6), Some(form));
        assert_eq!(kept.take(1, 6), None, "once");
    }

    #[test]
    fn it_is_bounded_in_time_in_size_and_in_number() {
        let kept = Kept::new(&Counts);
        assert!(!kept.put(1, &typed(&"长".repeat(FORM_BYTES_MAX), 0), &Counts));
        assert!(kept.put(1, &typed("a", 0), &Counts));
        assert!(!kept.has(1, KEPT_MS) && kept.take(1, KEPT_MS).is_none());
        for account in 0..FORMS_MAX as i64 {
            assert!(kept.put(account, &typed("a", 0), &Counts));
        }
        assert!(!kept.put(-1, &typed("a", 1), &Counts), "full");
        assert!(kept.put(7, &typed("b", 1), &Counts), "the own older one makes room");
        assert!(kept.put(-1, &typed("a", KEPT_MS), &Counts), "what is over makes room");
    }
}
