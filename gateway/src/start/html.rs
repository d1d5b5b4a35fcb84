//! HTML by hand: everything that comes from elsewhere goes through [`text`].

pub(super) use crate::html::escape as text;
use jieli_proto::day::Day;

/// Chinese first, English second, in one line.
pub(super) fn both(zh: &str, en: &str) -> String {
    format!("<span class=zh>{}</span> <span class=en lang=en>{}</span>", text(zh), text(en))
}

/// The same as two paragraphs.
pub(super) fn paragraphs(zh: &str, en: &str) -> String {
    format!("<p>{}</p><p class=en lang=en>{}</p>", text(zh), text(en))
}

/// A button that posts one thing; works without a script.
pub(super) fn button(token: &str, path: &str, hidden: &[(&str, &str)], label: &str) -> String {
    let hidden: String = hidden
        .iter()
        .map(|(name, value)| {
            format!("<input type=hidden name=\"{}\" value=\"{}\">", text(name), text(value))
        })
        .collect();
    format!(
        "<form method=post action=\"{}\"><input type=hidden name=token value=\"{}\">{hidden}\
         <button>{label}</button></form>",
        text(path),
        text(token)
    )
}

const DAYS: [[&str; 2]; 7] = [
    ["周一", "Mon"],
    ["周二", "Tue"],
    ["周三", "Wed"],
    ["周四", "Thu"],
    ["周五", "Fri"],
    ["周六", "Sat"],
    ["周日", "Sun"],
];

/// An instant: Chinese and English.
pub(super) fn instant(unix_ms: u64, zone_offset_min: i32) -> [String; 2] {
    let day = Day::of_unix_ms(unix_ms, zone_offset_min);
    let (year, month, date) = day.parts();
    let [zh, en] = DAYS[day.weekday() as usize % 7];
    let time = clock(unix_ms, zone_offset_min);
    [
        format!("{year}年{month}月{date}日 {zh} {time}"),
        format!("{en} {year}-{month:02}-{date:02} {time}"),
    ]
}

/// Month, day and time, short.
pub(super) fn short(unix_ms: u64, zone_offset_min: i32) -> String {
    let (_, month, date) = Day::of_unix_ms(unix_ms, zone_offset_min).parts();
    format!("{month:02}-{date:02} {}", clock(unix_ms, zone_offset_min))
}

/// A `yyyymmdd` date, short; empty for 0.
pub(super) fn date(number: u32) -> String {
    if number == 0 {
        return String::new();
    }
    format!("{:02}-{:02}", number / 100 % 100, number % 100)
}

fn clock(unix_ms: u64, zone_offset_min: i32) -> String {
    let minutes = (unix_ms / 60_000) as i64 + i64::from(zone_offset_min);
    let of_day = minutes.rem_euclid(24 * 60);
    format!("{:02}:{:02}", of_day / 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_becomes_markup() {
        assert_eq!(text("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        let made = button("t\"", "/x", &[("a", "<b>")], "go");
        assert!(!made.contains("<b>") && made.contains("t&quot;"));
    }

    #[test]
    fn instants_read_well() {
        let monday = 1_795_399_200_000;
        assert_eq!(instant(monday, 480)[0], "2026年11月23日 周一 10:00");
        assert_eq!(instant(monday, 480)[1], "Mon 2026-11-23 10:00");
        assert_eq!(short(monday, 480), "11-23 10:00");
        assert_eq!(date(20_261_201), "12-01");
        assert_eq!(date(0), "");
    }
}
