//! Numbers and names as they stand on documents: parsed once at the edge, typed ever after.
//!
//! | type | standard | personal |
//! |---|---|---|
//! | [`CitizenNumber`] | GB 11643 | yes |
//! | [`OtherNumber`] | none: passports, permits | yes |
//! | [`MobileNumber`] | 11 digits, mainland | yes |
//! | [`PersonName`] | as printed on the document | yes |
//! | [`CreditCode`] | GB 32100 | no |
//! | [`DivisionCode`] | GB/T 2260 | no |
//!
//! A personal type never shows its value in `Debug` and has no `Display`; no [`NumberError`]
//! carries the value it refused, so an error may be logged.

mod citizen;
mod code;
mod person;

use std::fmt;

pub use citizen::{AgeBand, CitizenNumber};
pub use code::{CreditCode, DivisionCode, DivisionLevel, PROVINCES, Province};
pub use person::{MobileNumber, OtherNumber, PersonName};

/// Why a number or a name was not understood. Closed, and free of the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NumberError {
    /// Nothing is there.
    Empty,
    /// A spreadsheet rounded the number (1.1E+17): its last digits are lost for good.
    Rounded,
    /// Too few or too many characters.
    Length,
    /// The 15-digit citizen number of the first-generation card, no longer valid.
    FifteenDigits,
    /// A character that cannot stand here.
    Character,
    /// The date inside a citizen number does not exist.
    NoSuchDate,
    /// The check character does not fit: one character is wrong or two are swapped.
    CheckDigit,
    /// Not a mainland mobile number (eleven digits, the first a 1).
    NotMobile,
    /// A control, zero-width or text-direction character.
    Invisible,
    /// A name without any letter.
    NoLetter,
    /// A character was lost in an earlier conversion (�, □ or ? stands in its place).
    LostCharacter,
}

impl NumberError {
    /// The reason in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            NumberError::Empty => "未填写",
            NumberError::Rounded => "号码已被表格软件改成科学计数法，末尾几位已丢失",
            NumberError::Length => "位数不对",
            NumberError::FifteenDigits => "这是已停用的15位号码",
            NumberError::Character => "含有不应出现的字符",
            NumberError::NoSuchDate => "号码中的出生日期不存在",
            NumberError::CheckDigit => "校验码不符，可能有一位写错或两位颠倒",
            NumberError::NotMobile => "不是11位手机号码",
            NumberError::Invisible => "含有看不见的控制字符",
            NumberError::NoLetter => "没有文字，可能填错了列",
            NumberError::LostCharacter => "有字在转换时丢失（显示为�、□或?）",
        }
    }

    /// The reason in English.
    pub fn en(self) -> &'static str {
        match self {
            NumberError::Empty => "nothing is filled in",
            NumberError::Rounded => {
                "the spreadsheet turned the number into scientific notation; its last digits are lost"
            }
            NumberError::Length => "the number of characters is wrong",
            NumberError::FifteenDigits => "this is a 15-digit number, which is no longer valid",
            NumberError::Character => "it contains a character that cannot stand here",
            NumberError::NoSuchDate => "the date of birth in the number does not exist",
            NumberError::CheckDigit => {
                "the check character does not fit: one digit is wrong or two are swapped"
            }
            NumberError::NotMobile => "it is not an 11-digit mobile number",
            NumberError::Invisible => "it contains an invisible control character",
            NumberError::NoLetter => "it has no letters; perhaps it is in the wrong column",
            NumberError::LostCharacter => {
                "a character was lost in a conversion (shown as �, □ or ?)"
            }
        }
    }
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en())
    }
}

impl std::error::Error for NumberError {}

/// One character with its full-width form (U+FF01 to U+FF5E, U+3000) folded to ASCII.
/// Nothing else of NFKC: a name or a code keeps what its document says.
pub fn fold_char(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{3000}' | '\u{A0}' | '\u{202F}' | '\u{2007}' => ' ',
        _ => c,
    }
}

/// Folds full-width characters and drops every white space and invisible character: for numbers
/// and codes, in which none has a meaning and people paste them without seeing them.
fn fold_number(text: &str) -> String {
    text.chars().map(fold_char).filter(|&c| !c.is_whitespace() && !is_invisible(c)).collect()
}

/// A number as a spreadsheet shows it when it has run out of digits: `1.1E+17`, `1E+17`.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix('+');
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    exponent.is_some_and(digits)
        && mantissa.split('.').count() <= 2
        && mantissa.split('.').all(digits)
}

/// Control, zero-width, byte-order and text-direction characters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Gives a personal newtype over `String` its `as_str` and a `Debug` that shows nothing.
macro_rules! personal {
    ($name:ident) => {
        impl $name {
            /// The normal form. Personal: never to be logged, nor put into an error or a URL.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::number::NumberError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $name::parse(text)
            }
        }
    };
}
use personal;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_look_of_a_rounded_number() {
        for yes in ["1.1010519E+17", "1E+17", "4.4e+17"] {
            assert!(is_rounded(yes), "{yes}");
        }
        for no in ["", "E", "E1234567", "1E10", "1.2.3E+1", "E+5", "11010519491231002X", "5E+"] {
            assert!(!is_rounded(no), "{no}");
        }
    }

    #[test]
    fn an_error_and_a_debug_never_show_the_value() {
        let number = CitizenNumber::parse("999999199001010016").unwrap();
        let name = PersonName::parse("欧阳·娜仁").unwrap();
        let phone = MobileNumber::parse("19900000000").unwrap();
        let other = OtherNumber::parse("E12345678").unwrap();
        assert_eq!(
            format!("{number:?} {name:?} {phone:?} {other:?}"),
            "CitizenNumber(..) PersonName(..) MobileNumber(..) OtherNumber(..)"
        );
        let error = CitizenNumber::parse("999999199001010017").unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.zh()).contains("9999"));
    }
}
