//! Golden bytes for other implementations: `proto/vectors/{envelopes,refused,forms,local,
//! sections,paper,receipts,bundle,pack}.json`, `bundle.zip` and `pack.zip`. Written again with `JIELI_BLESS=1`; without it they
//! must be equal to what is made here. `proto/vectors/README.md` says how each byte comes about.

mod bundles;
mod envelopes;
mod forms;
mod local;
mod packs;
mod paper;
mod payloads;
mod readable;
mod receipts;
mod refused;
mod sections;

use serde_json::{Value, json};
use std::path::PathBuf;

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)
}

/// Compares bytes with a file, or writes it.
fn compare(file: &str, made: &[u8]) {
    if std::env::var_os("JIELI_BLESS").is_some() {
        std::fs::write(path(file), made).unwrap();
    }
    let stored = std::fs::read(path(file)).unwrap_or_default();
    assert!(stored == made, "{file} differs; look at it again with JIELI_BLESS=1");
}

/// Compares cases with a file, or writes it.
fn compare_cases(file: &str, about: &str, cases: &[Value]) {
    let mut text =
        serde_json::to_string_pretty(&json!({ "about": about, "cases": cases })).unwrap();
    text.push('\n');
    compare(file, text.as_bytes());
}

/// The hex of each.
fn hexes<T: AsRef<[u8]>>(items: &[T]) -> Vec<String> {
    items.iter().map(hex::encode).collect()
}
