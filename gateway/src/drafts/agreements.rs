//! Drafts of agreements: the text of one as the draft of another, for the next partner or as the
//! next version, and an empty one to begin with.

use jieli_proto::day::Day;
use jieli_proto::wire;
use toml::{Table, Value};

/// What only the other city can say of itself, and of each of its offices.
const OF_CITY: [&str; 2] = ["legal_name", "credit_code"];
const LISTS: [&str; 4] = ["liaison_posts", "approver_posts", "grievance_bodies", "sub_processors"];
const OF_OFFICE: [&str; 3] = ["credit_code", "name", "telephone"];
const EMPTY: &str = include_str!("../../assets/agreement.toml");
/// Days after which an agreement of three years ends, less than the most the law of it allows.
const THREE_YEARS: i64 = 1_095;

/// Why there is no text to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// No version of it was proposed.
    #[error("It was not proposed yet: use the file it was drafted in.")]
    NotProposed,
    /// The text is none.
    #[error("The draft that the node gave cannot be read.")]
    Unreadable,
}

impl CopyError {
    /// In Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            CopyError::NotProposed => "协议还没有提出，请使用原来的草案文件。",
            CopyError::Unreadable => "节点给出的草案无法读取。",
        }
    }
}

/// The draft, TOML: the next version, or a new agreement, with `partner` or with the same city.
pub fn copied(
    view: &wire::AgreementView,
    next: bool,
    partner: Option<&str>,
) -> Result<String, CopyError> {
    if view.draft_toml.is_empty() {
        return Err(CopyError::NotProposed);
    }
    if next {
        let (id, version) = (&view.agreement_id, view.version + 1);
        return Ok(format!("agreement_id = \"{id}\"\nversion = {version}\n{}", view.draft_toml));
    }
    let Some(partner) = partner else { return Ok(view.draft_toml.clone()) };
    let mut text: Table = view.draft_toml.parse().map_err(|_| CopyError::Unreadable)?;
    for party in tables(text.get_mut("party")) {
        if party.get("city").and_then(Value::as_str) != Some(view.peer.as_str()) {
            continue;
        }
        party.insert("city".to_owned(), partner.into());
        for name in OF_CITY {
            party.insert(name.to_owned(), "".into());
        }
        for name in LISTS {
            party.insert(name.to_owned(), Value::Array(Vec::new()));
        }
        for office in tables(party.get_mut("office")) {
            office.remove("succeeds");
            for name in OF_OFFICE {
                office.insert(name.to_owned(), "".into());
            }
        }
    }
    for rule in tables(text.get_mut("service")) {
        let holders = rule.get_mut("holders").and_then(Value::as_array_mut);
        for holder in holders.into_iter().flatten() {
            if holder.as_str() == Some(view.peer.as_str()) {
                *holder = partner.into();
            }
        }
    }
    let head: Vec<&str> =
        view.draft_toml.lines().take_while(|line| line.starts_with('#')).collect();
    let rest = toml::to_string(&text).map_err(|_| CopyError::Unreadable)?;
    Ok(format!("{}\n\n{rest}", head.join("\n")))
}

/// An empty draft between two cities, from a day on. The node refuses it until it is filled in.
pub fn empty(own: &str, peer: &str, from: Day) -> String {
    let to = from.plus(THREE_YEARS);
    EMPTY
        .replace("{own}", own)
        .replace("{peer}", peer)
        .replace("{from}", &from.to_string())
        .replace("{to}", &to.to_string())
}

fn tables(list: Option<&mut Value>) -> impl Iterator<Item = &mut Table> {
    let all = list.and_then(Value::as_array_mut);
    all.into_iter().flatten().filter_map(Value::as_table_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_draft_is_one_between_these_two_cities() {
        let from = Day::from_number(20_261_122).unwrap();
        let text: Table = empty("a.yn", "b.zj", from).parse().unwrap();
        let cities: Vec<_> = text["party"].as_array().unwrap().iter().map(|p| &p["city"]).collect();
        assert_eq!(cities, [&Value::from("a.yn"), &Value::from("b.zj")]);
        assert_eq!(text["valid_from"].as_str(), Some("2026-11-22"));
        assert_eq!(text["valid_to"].as_str(), Some("2029-11-21"));
        assert!(!empty("a.yn", "b.zj", from).contains('{'));
    }
}
