//! Golden bytes for other implementations: `proto/vectors/{tree,note,proof,leaf}.json`.
//!
//! Each file is a list of cases. A case holds its inputs, and `error`: null where the inputs must be
//! accepted, else our name for the reason (another implementation need only refuse). The files are
//! written again with `JIELI_BLESS=1`; without it they must be equal to what is made here.

mod leaf;
mod note;
mod proof;
mod tree;

use serde_json::{Value, json};
use std::fmt::Debug;

/// The cases of one file while they are made.
pub(crate) struct Cases {
    about: &'static str,
    cases: Vec<Value>,
}

impl Cases {
    fn new(about: &'static str) -> Cases {
        Cases { about, cases: Vec::new() }
    }

    /// Adds a case under a name. `outcome` is what our code says of the inputs, `is_valid` what it
    /// must say.
    fn add<T, E: Debug>(
        &mut self,
        name: &str,
        is_valid: bool,
        mut inputs: Value,
        outcome: Result<T, E>,
    ) {
        let error = outcome.err().map(|error| format!("{error:?}"));
        assert_eq!(error.is_none(), is_valid, "{name}: {error:?}");
        inputs["name"] = json!(name);
        inputs["error"] = json!(error);
        self.cases.push(inputs);
    }

    /// Compares with the file, or writes it.
    fn check(self, file: &str) {
        let path = format!("{}/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
        let made = json!({ "about": self.about, "cases": self.cases });
        let mut text = serde_json::to_string_pretty(&made).unwrap();
        text.push('\n');
        if std::env::var_os("JIELI_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{file} differs; look at it again with JIELI_BLESS=1");
    }
}

fn hex_of<T: AsRef<[u8]>>(hashes: &[T]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}
