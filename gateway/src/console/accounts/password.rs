//! Passwords: Argon2id (RFC 9106), each under a salt of its own, in one line of text:
//! `argon2id$memory KiB$passes$lanes$salt$hash`, the last two in hex.

use crate::console::world::{Entropy, random};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

/// What a hash costs: 19 MiB, two passes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Shortest and longest password, in characters.
pub(crate) const CHARS: (usize, usize) = (12, 128);
/// Of a password that is drawn: no letter that is mistaken for another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The line for a password.
pub(crate) fn line(password: &str, entropy: &dyn Entropy) -> String {
    let salt: [u8; 16] = random(entropy);
    let (memory, passes, lanes) = COST;
    let hash = hash(password, &salt, COST).unwrap_or_default();
    format!("argon2id${memory}${passes}${lanes}${}${}", hex::encode(salt), hex::encode(hash))
}

/// Whether a password is that of a line. Takes as long either way.
pub(crate) fn holds(password: &str, line: &str) -> bool {
    let words: Vec<&str> = line.split('$').collect();
    let [_, memory, passes, lanes, salt, kept] = words.as_slice() else { return false };
    let number = |text: &str| text.parse::<u32>().ok();
    let (Some(memory), Some(passes), Some(lanes)) = (number(memory), number(passes), number(lanes))
    else {
        return false;
    };
    let (Ok(salt), Ok(kept)) = (hex::decode(salt), hex::decode(kept)) else { return false };
    let made = hash(password, &salt, (memory, passes, lanes));
    made.is_some_and(|made| kept.len() == 32 && bool::from(made.ct_eq(&kept)))
}

fn hash(password: &str, salt: &[u8], (memory, passes, lanes): (u32, u32, u32)) -> Option<[u8; 32]> {
    let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
    let mut out = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

/// A one-time password: 100 bits, in four groups.
pub(crate) fn draw(entropy: &dyn Entropy) -> String {
    let drawn: [u8; 20] = random(entropy);
    let letters = drawn.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let groups: Vec<String> = letters.chunks(5).map(|five| five.iter().collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter;
    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            for (at, byte) in buffer.iter_mut().enumerate() {
                *byte = at as u8 * 7;
            }
        }
    }

    #[test]
    fn a_line_holds_for_its_password_alone() {
        let line = line("一个很长的密码 1234", &Counter);
        assert!(holds("一个很长的密码 1234", &line) && !holds("一个很长的密码 1235", &line));
        for broken in ["", "argon2id$1$1", &line.replace("$2$", "$0$"), &line[..line.len() - 2]] {
            assert!(!holds("一个很长的密码 1234", broken), "{broken}");
        }
        assert_eq!(draw(&Counter).len(), 23);
    }
}
