//! Every alarm that the node can raise has words for whoever reads it, and no words are idle.

use super::root;
use jieli_proto::words::{alarm, alarm_kinds};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Kinds named by what a proof shows, in `proto/misbehaviour`.
const SHOWN: [&str; 3] = ["fork", "lane-equivocation", "split-view"];

/// The kinds raised in one file; what cannot be read off it is a fault. A constant may stand in the
/// file beside it.
fn raised(text: &str, beside: &str) -> Result<Vec<String>, String> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let flat = flat.replace(".alarm( ", ".alarm(");
    let quoted = |from: &str| from.split('"').next().unwrap_or_default().to_owned();
    let after = |begin: &str| -> Vec<String> {
        flat.split(begin).skip(1).map(quoted).filter(|word| !word.is_empty()).collect()
    };
    let mut kinds = Vec::new();
    for rest in flat.split(".alarm(").skip(1) {
        if let Some(literal) = rest.strip_prefix('"') {
            kinds.push(quoted(literal));
            continue;
        }
        let name = rest.split(',').next().unwrap_or_default();
        let found = match name {
            "what.word()" => SHOWN.map(str::to_owned).to_vec(),
            "kind" => after("let kind = \""),
            constant => {
                let named = format!("const {constant}: &str = \"");
                let own = after(&named);
                let other = || beside.split(&named).skip(1).map(quoted).collect();
                if own.is_empty() { other() } else { own }
            }
        };
        if found.is_empty() {
            return Err(format!("which kind is `{name}`?"));
        }
        kinds.extend(found);
    }
    // The one that is raised by its date, without the function.
    kinds.extend(after("format!(\"expires-").iter().map(|_| "expires".to_owned()));
    Ok(kinds)
}

#[test]
fn every_alarm_has_words_and_no_words_are_idle() {
    let receive = std::fs::read_to_string(root().join("node/src/receive.rs")).unwrap();
    let mut found = BTreeSet::new();
    let mut waiting: Vec<PathBuf> = vec![root().join("node/src")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().flatten().map(|e| e.path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(raised(&text, &receive).unwrap_or_else(|why| panic!("{path:?}: {why}")));
        }
    }
    assert_eq!(found, alarm_kinds().map(str::to_owned).collect());
    for kind in &found {
        let word = alarm(kind).unwrap();
        assert!(word.zh.chars().count() > 15 && word.en.len() > 30, "{kind}");
        assert!(word.zh.ends_with('。') && word.en.ends_with(['.', '?']), "{kind}");
    }
    assert_eq!(alarm("expires-7"), alarm("expires"));
}

#[test]
fn a_planted_alarm_is_found() {
    let planted = "self.alarm(\n    \"new-kind\", &city, \"\").await?; x.alarm(NAMED, a, b); \
                   const NAMED: &str = \"other\";";
    assert_eq!(raised(planted, "").unwrap(), ["new-kind", "other"]);
    assert!(raised("self.alarm(unknown(), &city, \"\")", "").is_err());
    assert!(alarm("new-kind").is_none());
}
