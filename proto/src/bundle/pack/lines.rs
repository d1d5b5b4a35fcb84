//! Files and messages as lines of JSON, each in its one spelling.

use super::super::parts::Parts;
use super::super::records::Record;
use super::super::{json, layout};
use crate::id::{CityId, Digest};
use crate::message::ItemVerdict;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A file. The order of the fields is that of their names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
}

/// The files in the order of a bundle, a line each.
pub(super) fn write(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut paths: Vec<&String> = files.keys().collect();
    paths.sort_by_key(|path| layout::rank(path));
    let mut out = String::new();
    for path in paths {
        let data = String::from_utf8_lossy(&files[path]);
        let file = File { data, path: Cow::Borrowed(path) };
        out.push_str(&serde_json::to_string(&file).unwrap_or_default());
        out.push('\n');
    }
    out
}

/// Reads what [`write`] makes, and nothing else.
pub(super) fn read(text: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut files = BTreeMap::new();
    for line in text.lines() {
        let file: File<'_> = serde_json::from_str(line).ok()?;
        files.insert(file.path.into_owned(), file.data.into_owned().into_bytes());
    }
    (write(&files) == text).then_some(files)
}

/// A line for each message that can be read, by lane and place: what was said, when its author
/// claims to have said it, what became of it, and where the logs hold it. Nothing of a person.
pub(super) fn messages(parts: &Parts, records: &BTreeMap<Digest, Record<'_>>) -> String {
    let mut found: Vec<&Record<'_>> =
        records.values().filter(|record| record.message().is_some()).collect();
    found.sort_by_key(|record| record.place.clone());
    found.iter().map(|record| format!("{}\n", json::write(&message(parts, record)))).collect()
}

fn message(parts: &Parts, record: &Record<'_>) -> Value {
    let Some((facts, found)) = record.message() else { return Value::Null };
    let index =
        |city: &CityId| parts.proofs.get(&(record.digest, city.clone())).map(|proof| proof.index);
    let mut logs = BTreeMap::new();
    for city in [&facts.head.sender, &facts.head.recipient] {
        logs.insert(city.to_string(), index(city));
    }
    let receipt = match record.item.map(|item| item.verdict) {
        None => "NONE".to_owned(),
        Some(ItemVerdict::Stored) => "STORED".to_owned(),
        Some(ItemVerdict::StoredWithheld) => "STORED_WITHHELD".to_owned(),
        Some(ItemVerdict::Refused(code)) => {
            let name = Refusal::from_number(code).map(Refusal::name);
            format!("REFUSED {}", name.map_or(code.to_string(), str::to_owned))
        }
    };
    json!({
        "consent": facts.consent.map(|digest| digest.hex()),
        "created_unix_ms": facts.head.created_unix_ms,
        "due_date": (found.due_date != 0).then_some(found.due_date),
        "env_digest": record.digest.hex(),
        "from": facts.head.sender.as_str(),
        "from_office": facts.from_office.as_str(),
        "lane": facts.head.lane.number(),
        "lane_seq": facts.head.lane_seq,
        "leg": facts.place.map(|place| place.leg.hex()),
        "leg_seq": facts.place.map(|place| place.seq),
        "log_index": logs,
        "receipt": receipt,
        "service": facts.service.as_str_name(),
        "to": facts.head.recipient.as_str(),
        "to_office": facts.to_office.as_str(),
        "type": facts.kind.as_str_name(),
    })
}
