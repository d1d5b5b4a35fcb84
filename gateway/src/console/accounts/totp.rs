//! Codes from an app: RFC 6238 with HMAC-SHA1, six digits, steps of 30 seconds, which is what
//! every such app computes. A code is good once.

use ring::hmac;
use subtle::ConstantTimeEq;

/// Bytes of a secret.
pub(crate) const SECRET_BYTES: usize = 20;
const STEP_MS: u64 = 30_000;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step in which a code is good, if it is one and later than the last one used: the present
/// one, or one to either side, for clocks that differ.
pub(crate) fn step_of(secret: &[u8], code: &str, now_ms: u64, last_step: u64) -> Option<u64> {
    let now = now_ms / STEP_MS;
    let given = code.trim().replace(' ', "");
    let steps = now.saturating_sub(1)..=now + 1;
    let good = |step: &u64| bool::from(code_at(secret, *step).as_bytes().ct_eq(given.as_bytes()));
    steps.filter(|step| *step > last_step).find(good)
}

fn code_at(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let four = tag[at..at + 4].iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    format!("{:06}", (four & 0x7fff_ffff) % 1_000_000)
}

/// As it is typed into an app: RFC 4648 base32 without padding.
pub(crate) fn base32(secret: &[u8]) -> String {
    let (mut out, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for byte in secret {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 6238, the last six of its eight digits.
    #[test]
    fn the_vectors_of_the_standard_hold() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, seconds / 30), code);
            assert_eq!(step_of(secret, code, seconds * 1000, 0), Some(seconds / 30));
        }
        assert_eq!(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let (secret, now) = (b"12345678901234567890", 1_111_111_109_000);
        let step = step_of(secret, "081804", now, 0).unwrap();
        assert_eq!(step_of(secret, "081804", now, step), None);
        assert_eq!(step_of(secret, "081804", now + 90_000, 0), None);
        assert_eq!(step_of(secret, "", now, 0), None);
    }
}
