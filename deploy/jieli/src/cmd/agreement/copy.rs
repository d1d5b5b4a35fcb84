//! An agreement as the draft of another one: for the next partner, or as the next version.

use super::super::Fail;
use jieli_proto::wire;
use toml::{Table, Value};

/// What only the other city can say of itself, and of each of its offices.
const OF_CITY: [&str; 2] = ["legal_name", "credit_code"];
const LISTS: [&str; 4] = ["liaison_posts", "approver_posts", "grievance_bodies", "sub_processors"];
const OF_OFFICE: [&str; 3] = ["credit_code", "name", "telephone"];

/// The draft, TOML.
pub(super) fn draft(
    view: &wire::AgreementView,
    next: bool,
    partner: Option<&str>,
) -> Result<String, Fail> {
    if view.draft_toml.is_empty() {
        return Err(Fail::usage(
            "协议还没有提出，请使用原来的草案文件。",
            "It was not proposed yet: use the file it was drafted in.",
        ));
    }
    if next {
        let (id, version) = (&view.agreement_id, view.version + 1);
        return Ok(format!("agreement_id = \"{id}\"\nversion = {version}\n{}", view.draft_toml));
    }
    let Some(partner) = partner else { return Ok(view.draft_toml.clone()) };
    let mut text: Table = view.draft_toml.parse().map_err(|_| unreadable())?;
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
    let rest = toml::to_string(&text).map_err(|_| unreadable())?;
    Ok(format!("{}\n\n{rest}", head.join("\n")))
}

fn tables(list: Option<&mut Value>) -> impl Iterator<Item = &mut Table> {
    let all = list.and_then(Value::as_array_mut);
    all.into_iter().flatten().filter_map(Value::as_table_mut)
}

fn unreadable() -> Fail {
    Fail::usage("节点给出的草案无法读取。", "The draft that the node gave cannot be read.")
}
