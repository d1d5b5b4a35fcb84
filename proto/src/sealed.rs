//! What a person seals for a grievance body, as far as it can be said without a cipher: one size,
//! one code, and what is made of the code. The sealing itself is HPKE (RFC 9180), base mode, with
//! X25519-HKDF-SHA256, HKDF-SHA256 and ChaCha20-Poly1305.

use crate::tree::sha256;

/// Bytes of every text after padding.
pub const PLAIN_BYTES: usize = 2048;
/// Bytes of everything sealed: encapsulated key, padded text, tag.
pub const SEALED_BYTES: usize = 32 + PLAIN_BYTES + 16;
/// Characters of the person's own words, so that no text is too long to be padded.
pub const WORDS_MAX: usize = 480;
/// Digits of the code that is shown once.
pub const CODE_DIGITS: usize = 24;
/// `info` of HPKE for what goes to a body.
pub const TO_BODY: &[u8] = b"jieli/sealed/v1\0body";
/// `info` of HPKE for what goes back to the person.
pub const TO_PERSON: &[u8] = b"jieli/sealed/v1\0person";

const FIND: &[u8] = b"jieli/sealed/find/v1\0";
const REPLY: &[u8] = b"jieli/sealed/reply/v1\0";

/// The code that the person keeps: 24 digits, which about 80 bits are. Blind in Debug.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptCode(String);

impl std::fmt::Debug for KeptCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptCode(..)")
    }
}

impl KeptCode {
    /// Of random bytes, as many as are asked for; every digit is as likely as any other.
    pub fn draw(fill: &mut dyn FnMut(&mut [u8])) -> KeptCode {
        let mut digits = String::with_capacity(CODE_DIGITS);
        while digits.len() < CODE_DIGITS {
            let mut byte = [0];
            fill(&mut byte);
            if byte[0] < 250 {
                digits.push(char::from(b'0' + byte[0] % 10));
            }
        }
        KeptCode(digits)
    }

    /// As it was typed: digits of any width, blanks and hyphens between them.
    pub fn parse(text: &str) -> Option<KeptCode> {
        let folded = text.chars().map(crate::number::fold_char);
        let digits: String = folded.filter(|c| !matches!(c, ' ' | '-' | '\u{3000}')).collect();
        let all = digits.len() == CODE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then_some(KeptCode(digits))
    }

    /// In six groups of four, for paper.
    pub fn spoken(&self) -> String {
        let groups = self.0.as_bytes().chunks(4).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join(" ")
    }

    /// The name of the record, which tells nothing of the code:
    /// SHA-256("jieli/sealed/find/v1" 00 || 24 digits).
    pub fn record_id(&self) -> [u8; 32] {
        sha256(&[FIND, self.0.as_bytes()].concat())
    }

    /// Key material of the X25519 pair to which answers are sealed (RFC 9180 DeriveKeyPair):
    /// SHA-256("jieli/sealed/reply/v1" 00 || 24 digits).
    pub fn reply_material(&self) -> [u8; 32] {
        sha256(&[REPLY, self.0.as_bytes()].concat())
    }
}

/// Persons under whom no figure is named.
pub const FIGURE_MIN: u32 = 5;

/// How many of `total` persons said something, as it may be told: `0` for fewer than five; where
/// fewer than five did not say it, "five or more", for else each of the others would be known.
pub fn figure(count: u32, total: u32) -> (u32, bool) {
    if count < FIGURE_MIN {
        (0, false)
    } else if total.saturating_sub(count) < FIGURE_MIN {
        (FIGURE_MIN, true)
    } else {
        (count, false)
    }
}

/// Whether a figure is one that [`figure`] makes.
pub fn is_figure(count: u32, or_more: bool, total: u32) -> bool {
    let fits = count <= total;
    if or_more {
        count == FIGURE_MIN && fits
    } else {
        fits && figure(count, total) == (count, false)
    }
}

/// The text, the byte 80, and zero bytes up to [`PLAIN_BYTES`]; `None` where it is too long.
pub fn pad(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() >= PLAIN_BYTES {
        return None;
    }
    let mut padded = text.to_vec();
    padded.push(0x80);
    padded.resize(PLAIN_BYTES, 0);
    Some(padded)
}

/// The text that was padded; `None` for what is not the one padding there is.
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded.len() == PLAIN_BYTES && padded[end] == 0x80).then(|| &padded[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_as_it_was_read() {
        let mut next = 0u8;
        let code = KeptCode::draw(&mut |bytes| {
            next = next.wrapping_add(83);
            bytes.fill(next);
        });
        let wide: String = code
            .spoken()
            .chars()
            .map(|c| match c.to_digit(10) {
                Some(digit) => char::from_u32(0xff10 + digit).unwrap(),
                None => '-',
            })
            .collect();
        assert_eq!(KeptCode::parse(&wide), Some(code.clone()));
        assert_eq!(code.spoken().len(), 29);
        assert_ne!(code.record_id(), code.reply_material());
        for wrong in ["", "1234", &"1".repeat(25), "12345678901234567890123x"] {
            assert_eq!(KeptCode::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{code:?}").contains(&code.spoken()[..4]));
    }

    #[test]
    fn a_figure_gives_nobody_away() {
        for (count, total, told) in [
            (0, 9, (0, false)),
            (4, 9, (0, false)),
            (5, 9, (5, true)),
            (9, 9, (5, true)),
            (5, 10, (5, false)),
            (96, 100, (5, true)),
            (95, 100, (95, false)),
        ] {
            assert_eq!(figure(count, total), told, "{count} of {total}");
            assert!(is_figure(told.0, told.1, total));
        }
        for (count, or_more, total) in [
            (1, false, 9),
            (4, false, 9),
            (6, false, 9),
            (9, true, 9),
            (5, true, 4),
            (11, false, 10),
        ] {
            assert!(!is_figure(count, or_more, total), "{count} of {total}");
        }
    }

    #[test]
    fn every_text_has_one_size_and_one_padding() {
        let longest = vec![7; PLAIN_BYTES - 1];
        for text in [&b""[..], b"a", b"\0\x80\0", &longest] {
            let padded = pad(text).unwrap();
            assert_eq!((padded.len(), unpad(&padded)), (PLAIN_BYTES, Some(text)));
        }
        assert_eq!(pad(&[0; PLAIN_BYTES]), None);
        assert_eq!(unpad(&[0; PLAIN_BYTES]), None);
        assert_eq!(unpad(&pad(b"a").unwrap()[1..]), None);
    }
}
