//! The one word for how a leg stands, as desks, systems and what they are told over HTTP read it.

use super::{LegFile, Local};
use jieli_proto::words;

/// Local stages: no message has left yet.
pub(crate) const DRAFT: &str = "DRAFT";
/// Refused, silent and not yet answered (V23).
pub(crate) const AWAITING: &str = "AWAITING_CONSENT";
/// The person carries a letter to a city without a node.
pub(crate) const ON_PAPER: &str = "ON_PAPER";
/// The other city refused the first message: there is no leg, and nothing was decided.
const NOT_TAKEN_IN: &str = "NOT_TAKEN_IN";

/// The stage of a leg as it is shown.
pub(crate) fn stage_word(file: &LegFile) -> &'static str {
    match file.local {
        Local::Draft => DRAFT,
        Local::Asked | Local::Dropped => AWAITING,
        Local::OnPaper => ON_PAPER,
        Local::OnTheRoad if !file.law.exists() => NOT_TAKEN_IN,
        Local::OnTheRoad => words::stage(file.law.state().stage).en,
    }
}

impl LegFile {
    /// Whether the leg, as [`LegFile::seen_by`] an office, exists for the systems of that office.
    pub(crate) fn is_for_system_of(&self, office: &str, now_ms: u64) -> bool {
        office == self.our_office && !self.is_page_closed(now_ms)
    }
}
