//! Citizen numbers (GB 11643).

use super::{NumberError, fold_number, is_rounded, personal};
use crate::day::{Day, days_in_month};

/// An 18-character citizen number (GB 11643): six digits of region, the date of birth, three
/// digits of order, a check character in `0-9X`. Also the form of the residence permits of
/// Hong Kong, Macao and Taiwan residents. The region is not checked: codes come and go.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CitizenNumber(String);

personal!(CitizenNumber);

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

impl CitizenNumber {
    /// Reads a citizen number. A lower-case x, full-width digits and stray white space are
    /// accepted and normalised; a number a spreadsheet has rounded has its own reason.
    pub fn parse(text: &str) -> Result<CitizenNumber, NumberError> {
        let text = fold_number(text).to_ascii_uppercase();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if is_rounded(&text) {
            return Err(NumberError::Rounded);
        }
        if !text.bytes().all(|b| b.is_ascii_digit() || b == b'X') {
            return Err(NumberError::Character);
        }
        let bytes = text.as_bytes();
        match bytes.len() {
            18 => {}
            15 if !text.contains('X') => return Err(NumberError::FifteenDigits),
            _ => return Err(NumberError::Length),
        }
        if bytes[..17].contains(&b'X') {
            return Err(NumberError::Character);
        }
        let sum: u32 = WEIGHTS.iter().zip(bytes).map(|(w, b)| w * u32::from(b - b'0')).sum();
        let number = CitizenNumber(text);
        if !is_date(number.birth_number()) {
            return Err(NumberError::NoSuchDate);
        }
        if CHECKS[(sum % 11) as usize] != number.0.as_bytes()[17] {
            return Err(NumberError::CheckDigit);
        }
        Ok(number)
    }

    /// Full years of age on a date, or `None` if the person is not born by then. A year is full
    /// on the birthday; for 29 February in other years on 1 March.
    pub fn age_on(&self, on: Day) -> Option<u32> {
        on.number().checked_sub(self.birth_number()).map(|difference| difference / 10_000)
    }

    /// The age band on a date: all that travels of a date of birth. `None` if not born by then.
    pub fn age_band(&self, on: Day) -> Option<AgeBand> {
        self.age_on(on).map(AgeBand::of_age)
    }

    /// The date of birth as `yyyymmdd`. Not a [`Day`], which begins in 1970.
    fn birth_number(&self) -> u32 {
        self.0.as_bytes()[6..14].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'))
    }
}

/// The age bands that may travel (a date of birth does not).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgeBand {
    /// Under 14: needs a guardian's consent and an own section key.
    Under14,
    /// 14 or 15: never the subject of an employment leg.
    From14To15,
    /// 16 or 17: employment needs notice to the guardian; hazardous posts are refused.
    From16To17,
    /// 18 and over.
    Adult,
}

impl AgeBand {
    /// The band of an age in full years.
    pub fn of_age(years: u32) -> AgeBand {
        match years {
            0..=13 => AgeBand::Under14,
            14..=15 => AgeBand::From14To15,
            16..=17 => AgeBand::From16To17,
            _ => AgeBand::Adult,
        }
    }

    /// Whether the person may be the subject of an employment leg at all.
    pub fn may_work(self) -> bool {
        match self {
            AgeBand::Under14 | AgeBand::From14To15 => false,
            AgeBand::From16To17 | AgeBand::Adult => true,
        }
    }

    /// How the band is written: `<14`, `14-15`, `16-17`, `18+`.
    pub fn as_str(self) -> &'static str {
        match self {
            AgeBand::Under14 => "<14",
            AgeBand::From14To15 => "14-15",
            AgeBand::From16To17 => "16-17",
            AgeBand::Adult => "18+",
        }
    }
}

fn is_date(number: u32) -> bool {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    (1800..=2199).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> NumberError {
        CitizenNumber::parse(text).unwrap_err()
    }

    #[test]
    fn valid_numbers_in_every_spelling() {
        for (text, normal) in [
            ("11010519491231002X", "11010519491231002X"),
            ("11010519491231002x", "11010519491231002X"),
            ("440524188001010014", "440524188001010014"),
            ("999999199001010016", "999999199001010016"),
            ("\t999999199001010016 ", "999999199001010016"),
            ("\u{202D}999999199001010016\u{202C}", "999999199001010016"),
            ("999999 19900101 0016", "999999199001010016"),
            ("９９９９９９１９９００１０１００１６", "999999199001010016"),
            ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
            ("１１０１０５１９４９１２３１００２ｘ", "11010519491231002X"),
        ] {
            assert_eq!(CitizenNumber::parse(text).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn each_fault_has_its_own_reason() {
        assert_eq!(error(" "), NumberError::Empty);
        assert_eq!(error("1.1010519E+17"), NumberError::Rounded);
        assert_eq!(error("１．１Ｅ＋１７"), NumberError::Rounded);
        assert_eq!(error("99999919900101001"), NumberError::Length);
        assert_eq!(error("9999991990010100166"), NumberError::Length);
        assert_eq!(error("999999900101001"), NumberError::FifteenDigits);
        assert_eq!(error("99999919900101O016"), NumberError::Character);
        assert_eq!(error("9999991990010100X6"), NumberError::Character);
        assert_eq!(error("999999199002300014"), NumberError::NoSuchDate);
        assert_eq!(error("999999199013010014"), NumberError::NoSuchDate);
        assert_eq!(error("999999000001010014"), NumberError::NoSuchDate);
        assert_eq!(error("999999199001010017"), NumberError::CheckDigit);
        assert_eq!(error("11010519491231002𝟏"), NumberError::Character);
    }

    #[test]
    fn exactly_one_check_character_is_right_and_swaps_are_found() {
        let stem = "99999919900101001";
        let right = "0123456789X".chars().filter(|c| {
            let text = format!("{stem}{c}");
            CitizenNumber::parse(&text).is_ok()
        });
        assert_eq!(right.collect::<String>(), "6");
        let good = "999999197903243717".as_bytes();
        for i in 0..17 {
            let mut swapped = good.to_vec();
            swapped.swap(i, i + 1);
            let text = String::from_utf8(swapped.clone()).unwrap();
            assert!(swapped == good || CitizenNumber::parse(&text).is_err());
        }
    }

    #[test]
    fn age_bands_change_on_the_birthday() {
        let number = with_check("99999920120229001");
        let band = |y, m, d| number.age_band(Day::new(y, m, d).unwrap());
        assert_eq!(band(2012, 2, 28), None);
        assert_eq!(band(2012, 2, 29), Some(AgeBand::Under14));
        assert_eq!(band(2026, 2, 28), Some(AgeBand::Under14));
        assert_eq!(band(2026, 3, 1), Some(AgeBand::From14To15));
        assert_eq!(band(2028, 2, 28), Some(AgeBand::From14To15));
        assert_eq!(band(2028, 2, 29), Some(AgeBand::From16To17));
        assert_eq!(band(2030, 3, 1), Some(AgeBand::Adult));
        let old = CitizenNumber::parse("11010519491231002X").unwrap();
        assert_eq!(old.age_on(Day::new(2026, 12, 30).unwrap()), Some(76));
        assert!(!AgeBand::From14To15.may_work() && AgeBand::From16To17.may_work());
    }

    fn with_check(stem: &str) -> CitizenNumber {
        let all = "0123456789X".chars().map(|c| CitizenNumber::parse(&format!("{stem}{c}")));
        all.into_iter().find_map(Result::ok).unwrap()
    }
}
