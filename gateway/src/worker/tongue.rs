//! The languages of these pages. The frame is in three; what the node says is in Chinese and
//! English and is marked so.

use crate::console::desks::Said;
use crate::console::words::{Lang, List, filled};
use jieli_proto::day::Day;
use std::sync::OnceLock;

const LISTS: [&str; 3] = [
    include_str!("../../words/worker.zh.toml"),
    include_str!("../../words/worker.en.toml"),
    include_str!("../../words/worker.ar.toml"),
];

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Zh,
    En,
    Ar,
}

/// Words with their language; an empty tag is that of the page.
#[derive(Clone, Debug)]
pub(crate) struct Para {
    pub(crate) text: String,
    pub(crate) tag: &'static str,
}

impl Para {
    pub(crate) fn own(text: impl Into<String>) -> Para {
        Para { text: text.into(), tag: "" }
    }

    /// A text of the node as it is. Where it begins in a language written from right to left, each
    /// line is a paragraph that finds its own direction.
    pub(crate) fn as_it_is(text: &str) -> Vec<Para> {
        // Hebrew, Arabic, Syriac, Thaana, N'Ko and their forms, as UAX #9 groups them.
        let turns = |c: char| matches!(c, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
        if text.chars().any(turns) {
            let line = |line: &str| Para { text: line.to_owned(), tag: "mul" };
            return text.lines().map(line).collect();
        }
        vec![Para { text: text.to_owned(), tag: "zh-CN" }]
    }
}

impl Tongue {
    pub(crate) const ALL: [Tongue; 3] = [Tongue::Zh, Tongue::En, Tongue::Ar];

    /// As it stands in a cookie, and as browsers name it.
    pub(crate) fn of_tag(tag: &str) -> Option<Tongue> {
        let first = tag.split(['-', ',', ';']).next().unwrap_or_default().trim();
        Tongue::ALL.into_iter().find(|tongue| tongue.name() == first)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tongue::Zh => "zh",
            Tongue::En => "en",
            Tongue::Ar => "ar",
        }
    }

    /// What it calls itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Tongue::Zh => "中文",
            Tongue::En => "English",
            Tongue::Ar => "العربية",
        }
    }

    /// BCP 47.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Tongue::Zh => "zh-CN",
            Tongue::En | Tongue::Ar => self.name(),
        }
    }

    pub(crate) fn dir(self) -> &'static str {
        match self {
            Tongue::Zh | Tongue::En => "ltr",
            Tongue::Ar => "rtl",
        }
    }

    /// The words under `group.name`.
    pub(crate) fn w(self, key: &str) -> &'static str {
        list(self).get(key)
    }

    pub(crate) fn fill(self, key: &str, with: &[&str]) -> String {
        match self {
            Tongue::Zh | Tongue::En => filled(self.w(key), with),
            Tongue::Ar => {
                // Names and numbers in the other direction stand apart (UAX #9 isolates).
                let apart: Vec<String> =
                    with.iter().map(|value| format!("\u{2068}{value}\u{2069}")).collect();
                let apart: Vec<&str> = apart.iter().map(String::as_str).collect();
                filled(self.w(key), &apart)
            }
        }
    }

    /// What the node says in two languages: in that of the page, or in both.
    pub(crate) fn paras(self, zh: &str, en: &str) -> Vec<Para> {
        match self {
            Tongue::Zh => vec![Para::own(zh)],
            Tongue::En => vec![Para::own(en)],
            Tongue::Ar => vec![
                Para { text: en.to_owned(), tag: "en" },
                Para { text: zh.to_owned(), tag: "zh-CN" },
            ],
        }
    }

    pub(crate) fn said(self, said: &Said) -> Vec<Para> {
        let (zh, en) = said.both();
        self.paras(zh, en)
    }

    /// A short word of the protocol.
    pub(crate) fn of(self, zh: &str, en: &str) -> String {
        match self {
            Tongue::Zh => zh.to_owned(),
            Tongue::En => en.to_lowercase(),
            Tongue::Ar => format!("{} ({zh})", en.to_lowercase()),
        }
    }

    /// A `yyyymmdd` date; empty for none.
    pub(crate) fn day(self, number: u32) -> String {
        match self {
            Tongue::Zh => Lang::Zh.day(number),
            Tongue::En => Lang::En.day(number),
            Tongue::Ar => Day::from_number(number).map_or(String::new(), |day| day.to_string()),
        }
    }

    /// An instant.
    pub(crate) fn time(self, unix_ms: u64) -> String {
        match self {
            Tongue::Zh => Lang::Zh.time(unix_ms),
            Tongue::En | Tongue::Ar => Lang::En.time(unix_ms),
        }
    }
}

fn list(tongue: Tongue) -> &'static List {
    static ALL: OnceLock<[List; 3]> = OnceLock::new();
    let [zh, en, ar] = ALL.get_or_init(|| LISTS.map(List::of));
    match tongue {
        Tongue::Zh => zh,
        Tongue::En => en,
        Tongue::Ar => ar,
    }
}

#[cfg(test)]
mod tests {
    use super::{Tongue, list};
    use crate::console::words::audit;

    #[test]
    fn three_lists_say_the_same_things() {
        let lists = Tongue::ALL.map(list);
        audit::agree(&lists, &["templates/worker", "templates/input.html", "src/worker"], &[]);
    }

    #[test]
    fn a_browsers_language_is_understood() {
        assert_eq!(Tongue::of_tag("ar-EG,ar;q=0.9,en;q=0.8"), Some(Tongue::Ar));
        assert_eq!(Tongue::of_tag("zh-CN"), Some(Tongue::Zh));
        assert_eq!(Tongue::of_tag("fr"), None);
    }
}
