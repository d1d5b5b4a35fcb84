//! Names, telephone numbers and the numbers of documents other than the citizen card.

use super::{NumberError, fold_char, fold_number, is_invisible, is_rounded, personal};

/// A full name as it is printed on the document: 1 to 50 characters.
///
/// Kept as it stands, with "·" U+00B7 and its look-alikes, hanzi beyond the basic plane and Latin
/// letters. Only this is changed: white space at the ends goes; inside it becomes one space, or
/// nothing between two hanzi ("李　明" is an alignment habit, no document prints it).
/// Digits, brackets and marks are refused, so that no remark travels in a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName(String);

personal!(PersonName);

/// The most characters of a name.
const NAME_CHARS_MAX: usize = 50;

impl PersonName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<PersonName, NumberError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if text.chars().any(is_invisible) {
            return Err(NumberError::Invisible);
        }
        if text.contains(['\u{FFFD}', '?', '？', '□', '■', '▯', '〓']) {
            return Err(NumberError::LostCharacter);
        }
        if !text.chars().any(is_letter) {
            return Err(NumberError::NoLetter);
        }
        let name = join_spaces(text);
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(NumberError::Length);
        }
        // A name begins with a letter, so it is never read as a formula by a spreadsheet.
        let first_ok = name.chars().next().is_some_and(is_letter);
        if !first_ok || !name.chars().all(|c| is_letter(c) || is_mark(c) || is_joiner(c)) {
            return Err(NumberError::Character);
        }
        Ok(PersonName(name))
    }
}

fn join_spaces(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut joined = String::with_capacity(text.len());
    for word in words {
        let hanzi = |c: Option<char>| c.is_some_and(is_hanzi);
        let both = hanzi(joined.chars().next_back()) && hanzi(word.chars().next());
        if !joined.is_empty() && !both {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}

fn is_hanzi(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{3007}' | '\u{20000}'..='\u{3FFFD}')
}

/// A letter of any script; hanzi newer than this program's tables, and the private-use characters
/// that older GB 18030 systems hold rare hanzi in.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_hanzi(c) || matches!(c, '\u{E000}'..='\u{F8FF}')
}

/// Marks that belong to the letter before them: Latin accents, Tibetan, Mongolian.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{F0B}'..='\u{F0C}' | '\u{F18}'..='\u{F19}'
        | '\u{F35}'..='\u{F39}' | '\u{F71}'..='\u{FBC}' | '\u{180B}'..='\u{180F}' | '\u{64B}'..='\u{65F}')
}

/// What stands between the parts of a name: the separating dots and their look-alikes, hyphens,
/// apostrophes, a full stop or comma of Latin names.
fn is_joiner(c: char) -> bool {
    matches!(
        c,
        ' ' | '·'
            | '•'
            | '‧'
            | '・'
            | '･'
            | '∙'
            | '⋅'
            | '．'
            | '.'
            | ','
            | '-'
            | '‐'
            | '‑'
            | '\''
            | '’'
            | 'ʼ'
    )
}

/// A mainland mobile number: eleven digits, the first a 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MobileNumber(String);

personal!(MobileNumber);

impl MobileNumber {
    /// Reads a mobile number as people and spreadsheets write it: spaces, hyphens, brackets,
    /// +86, 0086 and 86, and the ".0" of a number cell are dropped.
    pub fn parse(text: &str) -> Result<MobileNumber, NumberError> {
        let text = fold_number(text);
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if is_rounded(&text) {
            return Err(NumberError::Rounded);
        }
        let text = text.strip_suffix(".0").unwrap_or(&text);
        let digits: String = text.chars().filter(|c| !"-‐‑–()".contains(*c)).collect();
        let (local, prefixed) = match digits.strip_prefix('+') {
            Some(rest) => (rest.strip_prefix("86").ok_or(NumberError::NotMobile)?, true),
            None => match digits.strip_prefix("0086") {
                Some(rest) => (rest, true),
                None => (digits.as_str(), false),
            },
        };
        let local = match local.strip_prefix("86") {
            Some(rest) if !prefixed && rest.len() == 11 => rest,
            _ => local,
        };
        if !local.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::Character);
        }
        if local.len() != 11 || !local.starts_with('1') {
            return Err(NumberError::NotMobile);
        }
        Ok(MobileNumber(local.to_owned()))
    }
}

/// The number of a document with no published check rule (passport, foreign permanent residence,
/// other): 4 to 30 letters, digits and hyphens, upper case. Letters may be of any script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherNumber(String);

personal!(OtherNumber);

impl OtherNumber {
    /// Reads the number of a document.
    pub fn parse(text: &str) -> Result<OtherNumber, NumberError> {
        let text = fold_number(text).to_uppercase();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if is_rounded(&text) {
            return Err(NumberError::Rounded);
        }
        let fits = |c: char| c.is_ascii_digit() || c.is_alphabetic() || "-/()".contains(c);
        if !text.chars().all(|c| fits(fold_char(c))) {
            return Err(NumberError::Character);
        }
        let starts = text.starts_with(|c: char| c.is_ascii_digit() || c.is_alphabetic());
        if !starts || !text.contains(|c: char| c.is_ascii_digit()) {
            return Err(NumberError::Character);
        }
        if !(4..=30).contains(&text.chars().count()) {
            return Err(NumberError::Length);
        }
        Ok(OtherNumber(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_the_document_says() {
        for name in [
            "吕明",
            "欧阳·娜仁",
            "安娜·李",
            "王𬱖",
            "阿依古丽·买买提",
            "古丽•阿不都",
            "Anna-Maria O'Neil",
            "Đặng Thị Hà",
            "José J. da Silva",
            "㛃",
            "〇一",
            "བསོད་ནམས",
        ] {
            assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
        }
        for (text, name) in [
            ("\t李　明 ", "李明"),
            ("李 明", "李明"),
            ("Anna　 Li", "Anna Li"),
            ("\u{A0}张三", "张三"),
        ] {
            assert_eq!(PersonName::parse(text).unwrap().as_str(), name);
        }
        assert!(PersonName::parse(&"王".repeat(50)).is_ok());
    }

    #[test]
    fn names_that_are_refused() {
        for (text, error) in [
            ("　", NumberError::Empty),
            ("张\u{200B}三", NumberError::Invisible),
            ("张\u{202E}三", NumberError::Invisible),
            ("张\n三", NumberError::Invisible),
            ("张?", NumberError::LostCharacter),
            ("张\u{FFFD}", NumberError::LostCharacter),
            ("19900000000", NumberError::NoLetter),
            ("·", NumberError::NoLetter),
            ("张三（备注）", NumberError::Character),
            ("=张三", NumberError::Character),
            ("·张三", NumberError::Character),
            ("张三2", NumberError::Character),
            ("张*", NumberError::Character),
        ] {
            assert_eq!(PersonName::parse(text).unwrap_err(), error, "{text:?}");
        }
        assert_eq!(PersonName::parse(&"王".repeat(51)).unwrap_err(), NumberError::Length);
    }

    #[test]
    fn mobile_numbers() {
        for text in [
            "19912345678",
            "199 1234 5678",
            "199-1234-5678",
            "+86 19912345678",
            "+86-199-1234-5678",
            "0086 19912345678",
            "8619912345678",
            "１９９１２３４５６７８",
            "\t19912345678",
            "19912345678.0",
            "(+86)19912345678",
        ] {
            assert_eq!(MobileNumber::parse(text).unwrap().as_str(), "19912345678", "{text}");
        }
        let error = |text| MobileNumber::parse(text).unwrap_err();
        assert_eq!(error(""), NumberError::Empty);
        assert_eq!(error("1.99E+10"), NumberError::Rounded);
        assert_eq!(error("0871-12345678"), NumberError::NotMobile);
        assert_eq!(error("+85291234567"), NumberError::NotMobile);
        assert_eq!(error("1991234567"), NumberError::NotMobile);
        assert_eq!(error("19912345678/19912345679"), NumberError::Character);
        // A number that itself begins with 86 would not begin with 1.
        assert_eq!(error("86199123456"), NumberError::NotMobile);
    }

    #[test]
    fn other_numbers() {
        assert_eq!(OtherNumber::parse(" e1234 5678 ").unwrap().as_str(), "E12345678");
        assert_eq!(OtherNumber::parse("军字第12345号").unwrap().as_str(), "军字第12345号");
        let error = |text: &str| OtherNumber::parse(text).unwrap_err();
        assert_eq!(error("1.1E+17"), NumberError::Rounded);
        assert_eq!(error("123"), NumberError::Length);
        assert_eq!(error(&"1".repeat(31)), NumberError::Length);
        assert_eq!(error("=1+23456"), NumberError::Character);
        assert_eq!(error("PASSPORT"), NumberError::Character);
    }
}
