//! Codes of organisations and of places. Nothing here is personal.

use super::{NumberError, fold_number};
use std::fmt;

/// An 18-character unified social credit code (GB 32100): how an office, an employer or an agency
/// is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreditCode(String);

/// Digits and letters without I, O, S, V and Z; the place of a character is its value.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

impl CreditCode {
    /// Reads a credit code; lower-case letters and full-width characters are normalised.
    pub fn parse(text: &str) -> Result<CreditCode, NumberError> {
        let text = fold_number(text).to_ascii_uppercase();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let values: Option<Vec<usize>> =
            text.bytes().map(|b| ALPHABET.iter().position(|&a| a == b)).collect();
        let values = values.ok_or(NumberError::Character)?;
        if values.len() != 18 {
            return Err(NumberError::Length);
        }
        // The last mod turns 31 into 0: the case of a sum divisible by 31.
        let sum: usize = WEIGHTS.iter().zip(&values).map(|(w, v)| w * v).sum();
        if (31 - sum % 31) % 31 != values[17] {
            return Err(NumberError::CheckDigit);
        }
        Ok(CreditCode(text))
    }

    /// The normal form: 18 upper-case ASCII characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for CreditCode {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        CreditCode::parse(text)
    }
}

/// A six-digit division code (GB/T 2260): province, prefecture, county. Only the form is
/// checked, for counties are merged and renamed every year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DivisionCode(u32);

/// Which kind of division a code names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DivisionLevel {
    /// `pp0000`.
    Province,
    /// `ppcc00`.
    Prefecture,
    /// Any other.
    County,
}

/// A province-level division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Province {
    /// The first two digits of its division codes.
    pub number: u32,
    /// Its name in Chinese.
    pub zh: &'static str,
    /// Its name in English.
    pub en: &'static str,
}

impl DivisionCode {
    /// Reads a division code: six digits, of which the first two are not below 11.
    pub fn parse(text: &str) -> Result<DivisionCode, NumberError> {
        let text = fold_number(text);
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::Character);
        }
        if text.len() != 6 {
            return Err(NumberError::Length);
        }
        let number = text.bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        DivisionCode::from_number(number).ok_or(NumberError::Character)
    }

    /// The code of a number between 110000 and 999999.
    pub fn from_number(number: u32) -> Option<DivisionCode> {
        (110_000..=999_999).contains(&number).then_some(DivisionCode(number))
    }

    /// The six digits as a number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Province, prefecture or county.
    pub fn level(self) -> DivisionLevel {
        if self.0.is_multiple_of(10_000) {
            DivisionLevel::Province
        } else if self.0.is_multiple_of(100) {
            DivisionLevel::Prefecture
        } else {
            DivisionLevel::County
        }
    }

    /// The code of the prefecture this division is in (of a prefecture: itself), or `None` for a
    /// province. Statistics never go below this.
    pub fn prefecture(self) -> Option<DivisionCode> {
        match self.level() {
            DivisionLevel::Province => None,
            DivisionLevel::Prefecture | DivisionLevel::County => {
                Some(DivisionCode(self.0 / 100 * 100))
            }
        }
    }

    /// Whether this is one of the 333 prefectures, or lies in one. `false` refuses nothing:
    /// municipalities and counties directly under a province have none, and lists grow old.
    pub fn is_in_known_prefecture(self) -> bool {
        let place = (self.0 / 100 % 100) as u8;
        let ranges = PREFECTURES.iter().find(|(number, _)| *number == self.0 / 10_000);
        ranges.is_some_and(|(_, ranges)| ranges.iter().any(|r| (r.0..=r.1).contains(&place)))
    }

    /// The province this division is in, or `None` if there is no such province (999999 of the
    /// sample data).
    pub fn province(self) -> Option<&'static Province> {
        PROVINCES.iter().find(|province| province.number == self.0 / 10_000)
    }
}

impl fmt::Display for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for DivisionCode {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        DivisionCode::parse(text)
    }
}

const fn province(number: u32, zh: &'static str, en: &'static str) -> Province {
    Province { number, zh, en }
}

/// The province-level divisions of GB/T 2260, in the order of their codes: the 31 of the
/// mainland, then 71, 81 and 82.
pub const PROVINCES: [Province; 34] = [
    province(11, "北京市", "Beijing"),
    province(12, "天津市", "Tianjin"),
    province(13, "河北省", "Hebei"),
    province(14, "山西省", "Shanxi"),
    province(15, "内蒙古自治区", "Inner Mongolia"),
    province(21, "辽宁省", "Liaoning"),
    province(22, "吉林省", "Jilin"),
    province(23, "黑龙江省", "Heilongjiang"),
    province(31, "上海市", "Shanghai"),
    province(32, "江苏省", "Jiangsu"),
    province(33, "浙江省", "Zhejiang"),
    province(34, "安徽省", "Anhui"),
    province(35, "福建省", "Fujian"),
    province(36, "江西省", "Jiangxi"),
    province(37, "山东省", "Shandong"),
    province(41, "河南省", "Henan"),
    province(42, "湖北省", "Hubei"),
    province(43, "湖南省", "Hunan"),
    province(44, "广东省", "Guangdong"),
    province(45, "广西壮族自治区", "Guangxi"),
    province(46, "海南省", "Hainan"),
    province(50, "重庆市", "Chongqing"),
    province(51, "四川省", "Sichuan"),
    province(52, "贵州省", "Guizhou"),
    province(53, "云南省", "Yunnan"),
    province(54, "西藏自治区", "Tibet"),
    province(61, "陕西省", "Shaanxi"),
    province(62, "甘肃省", "Gansu"),
    province(63, "青海省", "Qinghai"),
    province(64, "宁夏回族自治区", "Ningxia"),
    province(65, "新疆维吾尔自治区", "Xinjiang"),
    province(71, "台湾省", "Taiwan"),
    province(81, "香港特别行政区", "Hong Kong"),
    province(82, "澳门特别行政区", "Macao"),
];

/// The prefectures of each province: inclusive ranges of the third and fourth digit. The four
/// municipalities have none.
const PREFECTURES: [(u32, &[(u8, u8)]); 27] = [
    (13, &[(1, 11)]),
    (14, &[(1, 11)]),
    (15, &[(1, 9), (22, 22), (25, 25), (29, 29)]),
    (21, &[(1, 14)]),
    (22, &[(1, 8), (24, 24)]),
    (23, &[(1, 12), (27, 27)]),
    (32, &[(1, 13)]),
    (33, &[(1, 11)]),
    (34, &[(1, 8), (10, 13), (15, 18)]),
    (35, &[(1, 9)]),
    (36, &[(1, 11)]),
    (37, &[(1, 11), (13, 17)]),
    (41, &[(1, 17)]),
    (42, &[(1, 3), (5, 13), (28, 28)]),
    (43, &[(1, 13), (31, 31)]),
    (44, &[(1, 9), (12, 20), (51, 53)]),
    (45, &[(1, 14)]),
    (46, &[(1, 4)]),
    (51, &[(1, 1), (3, 11), (13, 20), (32, 34)]),
    (52, &[(1, 6), (23, 23), (26, 27)]),
    (53, &[(1, 1), (3, 9), (23, 23), (25, 26), (28, 29), (31, 31), (33, 34)]),
    (54, &[(1, 6), (25, 25)]),
    (61, &[(1, 10)]),
    (62, &[(1, 12), (29, 30)]),
    (63, &[(1, 2), (22, 23), (25, 28)]),
    (64, &[(1, 5)]),
    (65, &[(1, 2), (4, 5), (23, 23), (27, 32), (40, 40), (42, 43)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_codes() {
        for good in ["91110000600037341L", "91110108551385082Q", "91530100MA00000020"] {
            assert_eq!(CreditCode::parse(good).unwrap().as_str(), good);
            assert_eq!(CreditCode::parse(&good.to_lowercase()).unwrap().as_str(), good);
        }
        let error = |text| CreditCode::parse(text).unwrap_err();
        assert_eq!(error(""), NumberError::Empty);
        assert_eq!(error("91110000600037341M"), NumberError::CheckDigit);
        assert_eq!(error("91530100MA0000002Y"), NumberError::CheckDigit);
        assert_eq!(error("9111000060003734I1"), NumberError::Character);
        assert_eq!(error("91110000600037341"), NumberError::Length);
        for letter in "IOSVZ".chars() {
            assert!(!ALPHABET.contains(&(letter as u8)));
        }
    }

    #[test]
    fn division_codes() {
        let code = DivisionCode::parse("530102").unwrap();
        assert_eq!(code.province().unwrap().zh, "云南省");
        assert_eq!(code.level(), DivisionLevel::County);
        assert_eq!(code.prefecture().unwrap().to_string(), "530100");
        assert_eq!(DivisionCode::parse("530000").unwrap().level(), DivisionLevel::Province);
        assert_eq!(DivisionCode::parse("530000").unwrap().prefecture(), None);
        // An unknown county is not refused; nor is the region of the fixtures.
        assert!(DivisionCode::parse("530199").is_ok());
        assert_eq!(DivisionCode::parse("999999").unwrap().province(), None);
        assert_eq!(DivisionCode::parse("５１０１００").unwrap().number(), 510_100);
        assert_eq!(DivisionCode::parse("53010").unwrap_err(), NumberError::Length);
        assert_eq!(DivisionCode::parse("530l02").unwrap_err(), NumberError::Character);
        assert_eq!(DivisionCode::parse("000000").unwrap_err(), NumberError::Character);
        assert!(PROVINCES.is_sorted_by_key(|province| province.number));
        let all = (1100..=9999).filter_map(|n| DivisionCode::from_number(n * 100));
        assert_eq!(all.filter(|code| code.is_in_known_prefecture()).count(), 333);
        assert!(code.is_in_known_prefecture());
        assert!(!DivisionCode::parse("110101").unwrap().is_in_known_prefecture());
    }
}
