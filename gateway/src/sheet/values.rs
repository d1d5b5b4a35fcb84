//! What a cell means: dates, grades, choices. Each reads the spellings offices use and nothing
//! that could mean two things.

use jieli_proto::day::Day;
use jieli_proto::number::AgeBand;

use super::table::Raw;
use super::{DocumentKind, HousingKind, Scheme, Stage};

/// A choice with its spellings (lower case, without spaces); the first is the one we offer.
pub(super) type Choice<T> = (T, &'static [&'static str]);

/// The kinds of document.
pub(super) const DOCUMENT_KINDS: &[Choice<DocumentKind>] = &[
    (
        DocumentKind::ResidentId,
        &[
            "居民身份证",
            "身份证",
            "二代身份证",
            "中华人民共和国居民身份证",
            "residentid",
            "residentidentitycard",
            "idcard",
        ],
    ),
    (
        DocumentKind::ResidencePermit,
        &[
            "港澳台居民居住证",
            "港澳台居住证",
            "港澳居民居住证",
            "台湾居民居住证",
            "residencepermit",
            "hk/mo/twresidencepermit",
        ],
    ),
    (
        DocumentKind::ForeignPermanentResidence,
        &[
            "外国人永久居留身份证",
            "外国人永久居留证",
            "永久居留身份证",
            "foreignpermanentresidence",
            "permanentresidencecard",
        ],
    ),
    (DocumentKind::Passport, &["护照", "普通护照", "外国护照", "passport"]),
    (DocumentKind::Other, &["其他", "其他证件", "other"]),
];

/// The accepted kinds of document, for the remedy.
pub(super) const DOCUMENT_KINDS_ZH: &str =
    "居民身份证、港澳台居民居住证、外国人永久居留身份证、护照、其他";

/// The schemes of medical insurance (codes of the national catalogue).
pub(super) const SCHEMES: &[Choice<Option<Scheme>>] = &[
    (
        Some(Scheme::Employees),
        &[
            "职工医保",
            "职工",
            "310",
            "职工基本医疗保险",
            "城镇职工医保",
            "城镇职工基本医疗保险",
            "employee",
            "employees",
        ],
    ),
    (
        Some(Scheme::Residents),
        &[
            "居民医保",
            "居民",
            "390",
            "城乡居民医保",
            "城乡居民",
            "城乡居民基本医疗保险",
            "新农合",
            "resident",
            "residents",
        ],
    ),
    (Some(Scheme::Other), &["其他", "other"]),
    (None, &["无", "未参保", "不需要", "否", "none", "no", "-", "/"]),
];

/// The accepted schemes, for the remedy.
pub(super) const SCHEMES_ZH: &str = "职工医保、居民医保、其他、无";

/// The kinds of home.
pub(super) const HOUSING_KINDS: &[Choice<HousingKind>] = &[
    (HousingKind::PublicRental, &["公租房", "公共租赁住房", "publicrental"]),
    (
        HousingKind::AffordableRental,
        &["保障性租赁住房", "保租房", "保障性租赁房", "affordablerental"],
    ),
    (HousingKind::Dormitory, &["职工宿舍", "宿舍", "集体宿舍", "员工宿舍", "dormitory"]),
    (HousingKind::RentSubsidy, &["租房补贴", "住房租赁补贴", "租赁补贴", "rentsubsidy"]),
];

/// The accepted kinds of home, for the remedy.
pub(super) const HOUSING_KINDS_ZH: &str = "公租房、保障性租赁住房、职工宿舍、租房补贴";

/// The age bands, as the state's own forms write them.
pub(super) const AGE_BANDS: &[Choice<AgeBand>] = &[
    (AgeBand::Adult, &["成年", "18岁以上", "18周岁以上", "满18周岁", "成人", "adult", "18+", "4"]),
    (
        AgeBand::From16To17,
        &["16至17岁", "16-17岁", "16-17周岁", "16至17周岁", "16-17", "16to17", "3"],
    ),
    (
        AgeBand::From14To15,
        &["14至15岁", "14-15岁", "14-15周岁", "14至15周岁", "14-15", "14to15", "2"],
    ),
    (
        AgeBand::Under14,
        &["未满14岁", "14岁以下", "未满14周岁", "不满14周岁", "under14", "<14", "1"],
    ),
];

/// The accepted age bands, for the remedy.
pub(super) const AGE_BANDS_ZH: &str = "成年、16至17岁、14至15岁、未满14岁";

/// Yes and no.
pub(super) const YES_NO: &[Choice<bool>] = &[
    (true, &["是", "需要", "要", "有", "yes", "y", "true", "1", "√", "✓"]),
    (false, &["否", "不需要", "不要", "不", "无", "no", "n", "false", "0", "×", "-", "/"]),
];

/// The accepted spellings of yes and no, for the remedy.
pub(super) const YES_NO_ZH: &str = "是、否";

/// The choice a text names.
pub(super) fn choose<T: Copy>(choices: &[Choice<T>], text: &str) -> Option<T> {
    let text = compact(text);
    choices
        .iter()
        .find(|(_, spellings)| spellings.contains(&text.as_str()))
        .map(|(value, _)| *value)
}

/// A date: a date cell, a serial number of the 1900 system, `2026-12-09`, `2026/12/9`,
/// `2026.12.9`, `2026年12月9日`, `20261209`, each also with a time behind it. Day-first and
/// month-first spellings are refused: nobody can tell them apart. Years 2000 to 2099.
pub(super) fn date(raw: &Raw) -> Option<Day> {
    let day = match raw {
        Raw::Date(day) => Some(*day),
        Raw::Number(number) => date_of_number(*number),
        Raw::Text(_) => date_of_text(&raw.text()),
        Raw::Blank | Raw::Broken | Raw::Bare => None,
    };
    day.filter(|day| (2000..=2099).contains(&day.parts().0))
}

/// 1970-01-01 as a serial number of the 1900 system.
const EPOCH_SERIAL: i64 = 25_569;

fn date_of_number(number: f64) -> Option<Day> {
    let whole = number.trunc() as i64;
    match whole {
        36_526..=73_050 => Some(Day::from_epoch_days(whole - EPOCH_SERIAL)),
        20_000_101..=20_991_231 => Day::from_number(u32::try_from(whole).ok()?),
        _ => None,
    }
}

fn date_of_text(text: &str) -> Option<Day> {
    if let Ok(number) = text.parse::<f64>()
        && text.bytes().all(|b| b.is_ascii_digit())
    {
        return date_of_number(number);
    }
    let date = text.split(['T', ' ']).next().filter(|date| date.len() > 7);
    let date = date.map_or_else(|| compact(text), str::to_owned);
    let parts: Vec<&str> = date
        .trim_end_matches(['日', '号', '.', '/'])
        .split(['-', '/', '.', '年', '月', '–', '—'])
        .collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
        let fits = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u32>().ok()).flatten()
    };
    Day::new(number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?)
}

/// Prefixes that say the stage, with the school years before it.
const STAGES: &[(&str, Stage, u8, u8)] = &[
    ("小学", Stage::Primary, 6, 0),
    ("小", Stage::Primary, 6, 0),
    ("初中", Stage::Junior, 3, 6),
    ("初", Stage::Junior, 3, 6),
    ("高中", Stage::Senior, 3, 9),
    ("高", Stage::Senior, 3, 9),
    ("中职", Stage::Vocational, 3, 9),
    ("职高", Stage::Vocational, 3, 9),
    ("中专", Stage::Vocational, 3, 9),
];

/// A grade as stage and grade within it: 1-6 primary, 7-9 junior, 10-12 senior; `七年级`, `初一`,
/// `高中二年级`, `中职一年级`; the classes of a kindergarten `小班`, `中班`, `大班` as 1 to 3.
pub(super) fn grade(text: &str) -> Option<(Stage, u8)> {
    let text = compact(text);
    let class = text.strip_prefix("幼儿园").unwrap_or(&text);
    match class {
        "小班" => return Some((Stage::Kindergarten, 1)),
        "中班" => return Some((Stage::Kindergarten, 2)),
        "大班" => return Some((Stage::Kindergarten, 3)),
        _ => {}
    }
    for (prefix, stage, last, before) in STAGES {
        if let Some(rest) = text.strip_prefix(prefix) {
            let number = numeral(rest)?;
            // "初中七年级" counts from the first year of school, "初中一年级" from its own.
            let within = if number > *last { number.checked_sub(*before)? } else { number };
            return (1..=*last).contains(&within).then_some((*stage, within));
        }
    }
    match numeral(text.strip_prefix("grade").unwrap_or(&text))? {
        number @ 1..=6 => Some((Stage::Primary, number)),
        number @ 7..=9 => Some((Stage::Junior, number - 6)),
        number @ 10..=12 => Some((Stage::Senior, number - 9)),
        _ => None,
    }
}

/// 1 to 12 in digits or hanzi, with or without `年级`.
fn numeral(text: &str) -> Option<u8> {
    const HANZI: [&str; 12] =
        ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"];
    let text = text.strip_suffix("年级").or(text.strip_suffix('年')).unwrap_or(text);
    if let Some(index) = HANZI.iter().position(|hanzi| *hanzi == text) {
        return Some(index as u8 + 1);
    }
    whole(text).and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=12).contains(n))
}

/// A skill level: 0 to 5, or the words of the state's certificates, which count 5 (初级工) up to
/// 1 (高级技师); 0 is no certificate.
pub(super) fn skill(text: &str) -> Option<u8> {
    let text = compact(text);
    match text.as_str() {
        "无" | "无等级" | "无证书" | "none" | "-" | "/" => return Some(0),
        "高级技师" | "一级" | "一级/高级技师" => return Some(1),
        "技师" | "二级" | "二级/技师" => return Some(2),
        "高级工" | "三级" | "三级/高级工" | "高级" => return Some(3),
        "中级工" | "四级" | "四级/中级工" | "中级" => return Some(4),
        "初级工" | "五级" | "五级/初级工" | "初级" => return Some(5),
        _ => {}
    }
    whole(text.strip_suffix('级').unwrap_or(&text)).filter(|n| *n <= 5).map(|n| n as u8)
}

/// A number of persons, 1 to 20, with or without `人`.
pub(super) fn persons(text: &str) -> Option<u32> {
    let text = compact(text);
    whole(text.strip_suffix('人').unwrap_or(&text)).filter(|n| (1..=20).contains(n))
}

/// A whole number of at most four digits; "3.0" is what some programs write for 3.
fn whole(text: &str) -> Option<u32> {
    let text = text.strip_suffix(".0").unwrap_or(text);
    let fits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Without white space, lower case: the form in which choices are compared.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<String> {
        date(&Raw::Text(text.into())).map(|day| day.to_string())
    }

    #[test]
    fn dates_in_every_spelling() {
        for text in [
            "2026-12-09",
            "2026/12/9",
            "2026.12.9",
            "2026年12月9日",
            "2026 年 12 月 9 日",
            "20261209",
            "46365",
            "2026-12-09 00:00:00",
            "2026-12-09T00:00:00",
            "２０２６年１２月９日",
            "2026-12-9 ",
            "\t2026.12.09",
        ] {
            assert_eq!(day(text).as_deref(), Some("2026-12-09"), "{text}");
        }
        assert_eq!(date(&Raw::Number(46_365.5)), Day::new(2026, 12, 9));
        assert_eq!(date(&Raw::Number(20_261_209.0)), Day::new(2026, 12, 9));
        for text in [
            "",
            "12/9/2026",
            "2026-13-01",
            "2026-02-29",
            "2026年12月",
            "尽快",
            "1999-12-31",
            "26-12-09",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!(date(&Raw::Number(5.0)), None);
    }

    #[test]
    fn grades() {
        for (text, stage, number) in [
            ("1", Stage::Primary, 1),
            ("6", Stage::Primary, 6),
            ("7", Stage::Junior, 1),
            ("9年级", Stage::Junior, 3),
            ("10", Stage::Senior, 1),
            ("十二年级", Stage::Senior, 3),
            ("一年级", Stage::Primary, 1),
            ("初一", Stage::Junior, 1),
            ("初中二年级", Stage::Junior, 2),
            ("初中九年级", Stage::Junior, 3),
            ("高三", Stage::Senior, 3),
            ("小学5年级", Stage::Primary, 5),
            ("Grade 8", Stage::Junior, 2),
            ("中职一年级", Stage::Vocational, 1),
            ("幼儿园大班", Stage::Kindergarten, 3),
            ("3.0", Stage::Primary, 3),
        ] {
            assert_eq!(grade(text), Some((stage, number)), "{text}");
        }
        for text in ["", "0", "13", "十三年级", "初四", "高中十三年级", "小学七年级", "大四", "1.5"]
        {
            assert_eq!(grade(text), None, "{text}");
        }
    }

    #[test]
    fn choices_and_numbers() {
        assert_eq!(choose(SCHEMES, "310"), Some(Some(Scheme::Employees)));
        assert_eq!(choose(SCHEMES, "居民 医保"), Some(Some(Scheme::Residents)));
        assert_eq!(choose(SCHEMES, "商业保险"), None);
        assert_eq!(choose(YES_NO, "否"), Some(false));
        assert_eq!(
            (skill("0"), skill("5级"), skill("高级工"), skill("6")),
            (Some(0), Some(5), Some(3), None)
        );
        assert_eq!(
            (persons("3人"), persons("0"), persons("21"), persons("两人")),
            (Some(3), None, None, None)
        );
    }
}
