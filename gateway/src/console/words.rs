//! What the console says, in both languages: one list each, `words/zh.toml` and `words/en.toml`.
//! Nouns of the protocol are not here but in `jieli_proto::words`.

use jieli_proto::day::Day;
use jieli_proto::words::Word;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const ZH: &str = include_str!("../../words/zh.toml");
const EN: &str = include_str!("../../words/en.toml");
/// The zone of what is shown, minutes east of UTC.
pub(crate) const ZONE_MIN: i32 = 480;

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    #[default]
    Zh,
    En,
}

/// What is said in one language, by `group.name`.
#[derive(Default)]
pub(crate) struct List(BTreeMap<String, BTreeMap<String, String>>);

impl List {
    /// Of a TOML text. A test reads every one there is.
    pub(crate) fn of(text: &str) -> List {
        List(toml::from_str(text).unwrap_or_default())
    }

    /// The words under a key; a test finds a key that is in no list.
    pub(crate) fn get(&self, key: &str) -> &str {
        let found = key.split_once('.').and_then(|(group, name)| self.0.get(group)?.get(name));
        found.map_or("", String::as_str)
    }
}

/// A text with `{0}`, `{1}`, … filled in.
pub(crate) fn filled(text: &str, with: &[&str]) -> String {
    let mut text = text.to_owned();
    for (at, value) in with.iter().enumerate() {
        text = text.replace(&format!("{{{at}}}"), value);
    }
    text
}

fn list(lang: Lang) -> &'static List {
    static LISTS: OnceLock<[List; 2]> = OnceLock::new();
    let [zh, en] = LISTS.get_or_init(|| [ZH, EN].map(List::of));
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

impl Lang {
    /// As it stands in a cookie.
    pub(crate) fn of_name(name: &str) -> Lang {
        if name == "en" { Lang::En } else { Lang::Zh }
    }

    /// The words under `group.name`.
    pub(crate) fn w(self, key: &str) -> &'static str {
        list(self).get(key)
    }

    /// The same with `{0}`, `{1}`, … filled in.
    pub(crate) fn fill(self, key: &str, with: &[&str]) -> String {
        filled(self.w(key), with)
    }

    /// A word of the protocol. English words of the wire are made readable.
    pub(crate) fn of(self, word: Word) -> String {
        match self {
            Lang::Zh => word.zh.to_owned(),
            Lang::En => word.en.to_lowercase().replace('_', " "),
        }
    }

    /// One of two.
    pub(crate) fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// A `yyyymmdd` date; empty for none.
    pub(crate) fn day(self, number: u32) -> String {
        Day::from_number(number).map_or(String::new(), |day| self.date(day))
    }

    fn date(self, day: Day) -> String {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let (year, month, date) = day.parts();
        match self {
            Lang::Zh => format!("{year}年{month}月{date}日"),
            Lang::En => format!("{date} {} {year}", MONTHS[month as usize % 13 - 1]),
        }
    }

    /// An instant; empty for none.
    pub(crate) fn time(self, unix_ms: u64) -> String {
        if unix_ms == 0 {
            return String::new();
        }
        let day = Day::of_unix_ms(unix_ms, ZONE_MIN);
        let minute = unix_ms.saturating_sub(day.start_unix_ms(ZONE_MIN)) / 60_000;
        format!("{} {:02}:{:02}", self.date(day), minute / 60, minute % 60)
    }
}

/// Holds lists of words, templates and code against each other.
#[cfg(test)]
pub(crate) mod audit {
    use super::List;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    impl List {
        fn keys(&self) -> BTreeSet<String> {
            let keys = |(group, words): (&String, &std::collections::BTreeMap<String, String>)| {
                words.keys().map(|name| format!("{group}.{name}")).collect::<Vec<_>>()
            };
            self.0.iter().flat_map(keys).collect()
        }
    }

    /// Every quoted `group.name` under `roots` whose group is one of the list's.
    fn used(list: &List, roots: &[&str], but: &[&str]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut waiting: Vec<PathBuf> = roots.iter().map(|root| home.join(root)).collect();
        let but: Vec<PathBuf> = but.iter().map(|path| home.join(path)).collect();
        while let Some(path) = waiting.pop() {
            if but.contains(&path) {
                continue;
            }
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(&path).unwrap().flatten().map(|e| e.path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
            let files = [".rs", ".db", ".html", ".toml", ".css", ".svg"];
            let key = |part: &&str| {
                let group = part.split_once('.').map_or("", |(group, _)| group);
                list.0.contains_key(group)
                    && part.chars().all(plain)
                    && !files.iter().any(|end| part.ends_with(end))
            };
            found.extend(text.split('"').filter(key).map(str::to_owned));
        }
        found
    }

    /// Every list says the same things, all that is used is said, and nothing else.
    pub(crate) fn agree(lists: &[&List], roots: &[&str], but: &[&str]) {
        let keys = lists[0].keys();
        for list in lists {
            assert_eq!(list.keys(), keys);
            assert!(keys.iter().all(|key| !list.get(key).trim().is_empty()));
        }
        let used = used(lists[0], roots, but);
        assert!(used.len() > 40, "{used:?}");
        let missing: Vec<_> = used.difference(&keys).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let idle: Vec<_> = keys.difference(&used).collect();
        assert!(idle.is_empty(), "nobody says {idle:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_both_lists_and_every_key_used_is_there() {
        let lists = [list(Lang::Zh), list(Lang::En)];
        // The keys of a configuration are those of a file; the worker's pages have their own words.
        let but = ["src/console/config.rs", "templates/worker"];
        audit::agree(&lists, &["templates", "src/console", "src/api"], &but);
    }

    #[test]
    fn dates_read_well() {
        assert_eq!(Lang::Zh.day(20_261_121), "2026年11月21日");
        assert_eq!(Lang::En.day(20_261_201), "1 December 2026");
        assert_eq!(Lang::Zh.time(1_795_399_200_000), "2026年11月23日 10:00");
        assert_eq!(Lang::Zh.day(0), "");
    }
}
