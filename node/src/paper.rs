//! What people hold in their hands: the worker's slip with its code, the worker's own copy, the
//! letter to a city without a node, and statements of a fact.
//!
//! A slip code looks and stops. It is no question's code, stands in a table of its own, and
//! nothing that confirms ever reads that table (V1).

use crate::batch::Batch;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::paper::{self, PaperError};
use jieli_proto::section::{SectionKind, Value};
use jieli_proto::wire::{self, Envelope};
use jieli_proto::words;

mod letter;
mod shown;
mod slip;
mod statement;

pub(crate) use letter::letter_state;

/// Wrong guesses after which a code of paper no longer looks or answers.
pub const TRIES_MAX: i64 = 5;

/// 24 hours.
const DAY_MS: u64 = 86_400_000;

impl Batch<'_> {
    /// A signed slip or letter as the text of its QR code, with the keys that lead to it.
    fn paper_text(&self, sealed: Envelope, sections: Vec<wire::Section>) -> Outcome<String> {
        let manifest = self.directory.manifest().map(|manifest| manifest.envelope.clone());
        let paper = wire::Paper {
            root_spki: self.house.root.to_spki().to_vec(),
            manifest,
            envelope: Some(sealed),
            sections,
        };
        paper::write(&paper).map_err(|error| Trouble::Denied(too_long(&error)))
    }

    /// The root fingerprint, and as people read it out.
    fn root_on_paper(&self) -> (String, Vec<String>) {
        let fpr = jieli_proto::id::Digest(self.house.root.fingerprint());
        (fpr.hex(), crate::public::spoken(&fpr).to_vec())
    }
}

/// Values as they are printed.
fn fields(kind: &SectionKind, values: &[(u32, Value)]) -> Vec<wire::LetterField> {
    let known = values.iter().filter_map(|(number, value)| Some((kind.field(*number)?, value)));
    let shown = known.map(|(field, value)| wire::LetterField {
        name_zh: field.zh.to_owned(),
        name_en: field.en.to_owned(),
        value: words::value(kind.number, field, value),
    });
    shown.collect()
}

fn too_long(error: &PaperError) -> Denied {
    Denied::new(
        "TOO_LONG",
        "内容太长，一个二维码放不下：请分开办理或缩短填写的内容，再打印。",
        format!(
            "It does not fit into one QR code: split it or shorten what was entered ({error})."
        ),
    )
}
