//! Telephones that stand on every slip. They are data of the country pack, kept here until packs
//! carry telephones: another country's slip has another table, and no other line of code changes.

use jieli_proto::words::Word;

/// A public telephone.
#[derive(Clone, Copy, Debug)]
pub struct Hotline {
    /// What to dial.
    pub number: &'static str,
    /// Who answers.
    pub who: Word,
}

const fn line(number: &'static str, zh: &'static str, en: &'static str) -> Hotline {
    Hotline { number, who: Word { zh, en } }
}

/// The four of the mainland of China.
pub const HOTLINES: [Hotline; 4] = [
    line("12333", "人社", "work and insurance"),
    line("12345", "政务服务", "city services"),
    line("12348", "法律援助", "legal aid"),
    line("12351", "工会", "trade union"),
];

/// All of them in one line.
pub(super) fn html() -> String {
    let lines = HOTLINES.iter().map(|hotline| {
        let Word { zh, en } = hotline.who;
        format!("<b>{}</b> {zh} <span class=\"en\">{en}</span>", hotline.number)
    });
    lines.collect::<Vec<_>>().join(" · ")
}
