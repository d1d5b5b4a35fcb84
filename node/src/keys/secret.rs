//! Values that must not be seen: blind in Debug, wiped when dropped.

use crate::world::{Entropy, random};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Secret bytes of a fixed length. On the heap, so that moving it leaves no copy behind; not
/// `Clone`, no equality, no value in `Debug`.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes the bytes and wipes where they came from.
    pub fn take(bytes: &mut [u8; N]) -> Secret<N> {
        let secret = Secret(Box::new(*bytes));
        bytes.zeroize();
        secret
    }

    /// Exactly N bytes, or `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Secret<N>> {
        let mut secret = Secret(Box::new([0; N]));
        (bytes.len() == N).then(|| {
            secret.0.copy_from_slice(bytes);
            secret
        })
    }

    /// Fresh random bytes.
    pub fn random(entropy: &dyn Entropy) -> Secret<N> {
        Secret::take(&mut random(entropy))
    }

    /// The bytes, for as long as they are needed.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>(..)")
    }
}

/// What the key files are wrapped under. Blind in `Debug`, wiped when dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// The fewest characters of a passphrase for a new city.
pub const PASSPHRASE_CHARS_MIN: usize = 12;

impl Passphrase {
    /// Takes the content of a file or variable: one newline at its end does not count. `None`
    /// where nothing is left.
    pub fn new(bytes: Vec<u8>) -> Option<Passphrase> {
        let mut bytes = Zeroizing::new(bytes);
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        (!bytes.is_empty()).then_some(Passphrase(bytes))
    }

    /// Whether it is long enough to protect a new city: [`PASSPHRASE_CHARS_MIN`].
    pub fn is_long_enough(&self) -> bool {
        String::from_utf8_lossy(&self.0).chars().count() >= PASSPHRASE_CHARS_MIN
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_blind() {
        let mut bytes = [0xab; 4];
        let secret = Secret::take(&mut bytes);
        assert_eq!(bytes, [0; 4]);
        assert_eq!(format!("{secret:?}"), "Secret<4>(..)");
        assert_eq!(secret.expose(), &[0xab; 4]);
        assert!(Secret::<4>::from_slice(&[1; 3]).is_none());
        let passphrase = Passphrase::new(b"correct horse\r\n".to_vec()).unwrap();
        assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
        assert_eq!(passphrase.expose(), b"correct horse");
    }

    #[test]
    fn a_passphrase_has_something_in_it() {
        assert!(Passphrase::new(b"\n".to_vec()).is_none());
        assert!(!Passphrase::new(b"short".to_vec()).unwrap().is_long_enough());
        assert!(Passphrase::new("接力接力接力接力接力接力".into()).unwrap().is_long_enough());
    }
}
