//! Tables `office`: the offices of this city, for what they hand to each other without an agreement.

use super::check::is_city_name;
use super::credit_code;
use jieli_proto::number::CreditCode;
use jieli_proto::wire::{self, OfficeKind};
use serde::{Deserialize, Deserializer, de};

/// An entry of `office`. Where an agreement in force names the same office, its words count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its credit code.
    #[serde(deserialize_with = "credit_code")]
    pub credit_code: CreditCode,
    /// Its kind, of the closed list: `labour`, `education`, `medical-security`, ...
    #[serde(deserialize_with = "kind")]
    pub kind: OfficeKind,
    /// Its name as people know it, 1 to 64 characters.
    pub name: String,
    /// Its telephone: digits, `+` and `-`.
    pub telephone: String,
}

impl Office {
    /// As an agreement would state it.
    pub fn wire(&self) -> wire::Office {
        wire::Office {
            credit_code: self.credit_code.as_str().to_owned(),
            kind: self.kind.into(),
            name: self.name.clone(),
            telephone: self.telephone.clone(),
            succeeds: Vec::new(),
        }
    }
}

/// What cannot stand among the offices.
pub(super) fn problem(offices: &[Office]) -> Option<(String, String)> {
    let says = |what: String| Some(("office".to_owned(), what));
    for (at, office) in offices.iter().enumerate() {
        let code = office.credit_code.as_str();
        if offices[..at].iter().any(|other| other.credit_code == office.credit_code) {
            return says(format!("has two entries for {code}: keep one"));
        }
        if !is_city_name(&office.name) {
            return says(format!(
                "must name {code} in 1 to 64 characters without blanks at the ends"
            ));
        }
        if !super::desk::is_telephone(&office.telephone) {
            return says(format!("must name a telephone of digits, + and - for {code}"));
        }
    }
    None
}

/// The kind of a word, in any of its spellings; V15: nothing outside the closed list parses.
pub(crate) fn office_kind(text: &str) -> Option<OfficeKind> {
    let word = text.trim().replace(['-', ' '], "_").to_uppercase();
    let kind = OfficeKind::from_str_name(&format!("OFFICE_KIND_{word}"));
    kind.filter(|kind| *kind != OfficeKind::Unspecified)
}

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<OfficeKind, D::Error> {
    let text = String::deserialize(from)?;
    office_kind(&text).ok_or_else(|| {
        de::Error::custom(format!("\"{text}\" is not one of the office kinds of the closed list"))
    })
}
