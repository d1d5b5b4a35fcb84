//! Why personal data is looked at. A clerk may say it in own words, which the person reads; who only
//! reviews sees words of this list and nothing else, for own words can hold a name.

use jieli_proto::words::Word;

/// A purpose in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purpose(Word);

const fn p(zh: &'static str, en: &'static str) -> Purpose {
    Purpose(Word { zh, en })
}

/// Printed at a desk: the letter that the person carries.
pub(crate) const LETTER: Purpose = p("打印本人携带的信", "to print the letter the person carries");
/// Printed at a desk: a slip.
pub(crate) const SLIP: Purpose = p("打印回单", "to print a slip");
/// A window at which the person stands.
pub(crate) const WINDOW: Purpose = p("本人在窗口", "the person at a window");
/// A sheet that names the same person again.
pub(crate) const IMPORT: Purpose = p("再次导入同一证件", "the same document imported again");

/// A helper whom the worker has named.
pub(crate) const HELPER: Purpose = p("本人指定的协助", "the help that the worker asked for");

/// An employer to whom the worker handed the number.
pub(crate) const EMPLOYER: Purpose =
    p("用人单位核对到岗、离岗", "the employer, about the start and end of work");

/// What a clerk may choose.
pub(crate) const STATED: [Purpose; 7] = [
    p("办理业务", "to handle the case"),
    p("核对信息", "to check the data"),
    p("更正信息", "to correct the data"),
    p("联系本人", "to contact the person"),
    p("导出证据", "to export evidence"),
    p("答复投诉", "to answer a complaint"),
    p("审计", "audit"),
];

impl Purpose {
    /// As it is stored where the node itself states it.
    pub(crate) fn both(self) -> String {
        format!("{} {}", self.0.zh, self.0.en)
    }

    /// Whether a text is, in one language, a purpose that a desk may choose.
    pub(crate) fn is_stated(text: &str) -> bool {
        STATED.iter().any(|one| [one.0.zh, one.0.en].contains(&text))
    }

    /// The purpose that a text states in one language or in both; `None` for own words.
    pub(crate) fn of(text: &str) -> Option<Word> {
        let all = [LETTER, SLIP, WINDOW, IMPORT, HELPER, EMPLOYER].into_iter().chain(STATED);
        let says = |one: &Purpose| [one.0.zh, one.0.en].contains(&text) || one.both() == text;
        all.into_iter().find(says).map(|found| found.0)
    }
}
