//! The seam to the case law: the one place where a verifier asks whether a leg's messages are
//! legal. The state machine itself lives in [`crate`]'s module `case`, never here.

use super::super::records::Record;
use super::super::verdict::CaseVerdict;
use crate::id::{CityId, Digest, LegId};
use crate::message::LegPlace;
use std::collections::BTreeMap;

/// The messages of one leg that took a place in it, refused ones too ([`Record::refused`]).
pub(super) struct LegHistory<'a> {
    /// The leg.
    #[allow(dead_code)] // read by the case law
    pub(super) leg: LegId,
    /// Who opened it.
    #[allow(dead_code)] // read by the case law
    pub(super) initiator: Option<&'a CityId>,
    /// Its messages, in no particular order.
    #[allow(dead_code)] // read by the case law
    pub(super) steps: &'a [(LegPlace, &'a Record<'a>)],
    /// All envelopes here, for what an EXPIRE cites: a receipt, a TERMINATE.
    #[allow(dead_code)] // read by the case law
    pub(super) records: &'a BTreeMap<Digest, Record<'a>>,
}

/// Folds the messages of a leg by the case law and judges each at the place its author had seen.
pub(super) fn replay(_history: &LegHistory<'_>) -> CaseVerdict {
    CaseVerdict::NotReplayed
}
