//! What a verifier found, one question at a time.

use super::code::Failure;
use crate::day::Day;
use crate::id::{AgreementId, CityId, Digest, LegId};
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::tombstone::Reason;
use crate::wire::SuccessorReason;
use std::collections::BTreeMap;

mod written;
pub(super) use written::{city, epoch, policy};

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It was checked and holds.
    Yes,
    /// It does not hold, or could not be checked: a [`Failure`] says which.
    No,
    /// Nothing was shown, and nothing is concluded.
    NotShown,
}

impl Holds {
    /// The word in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Holds::Yes => "yes",
            Holds::No => "no",
            Holds::NotShown => "not_shown",
        }
    }

    pub(super) fn of(holds: bool) -> Holds {
        if holds { Holds::Yes } else { Holds::No }
    }
}

/// A city that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CityVerdict {
    /// The city.
    pub city: CityId,
    /// Its root fingerprint, which was given and which signed its key manifests.
    pub root: Digest,
    /// The newest manifest version in the bundle.
    pub manifest_version: u32,
}

/// An epoch of a city's exchange log that ended, by the word of its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochVerdict {
    /// The city.
    pub city: CityId,
    /// The origin that ended.
    pub ended: String,
    /// Up to which size it counts.
    pub size: u64,
    /// The origin in which the log goes on.
    pub next: String,
    /// Why.
    pub reason: SuccessorReason,
    /// When, as the city claims, Unix milliseconds.
    pub declared_unix_ms: u64,
}

/// How far a record's log is cosigned by those whom an agreement asks for unless it says
/// otherwise: the counterparty and one uninvolved city.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyMet {
    /// Neither has cosigned a head that holds it.
    Neither,
    /// The counterparty alone: what there is where no third city takes part in cosigning.
    Counterparty,
    /// An uninvolved city alone.
    Uninvolved,
    /// Both.
    Both,
}

impl PolicyMet {
    /// All of them.
    pub const ALL: [PolicyMet; 4] =
        [PolicyMet::Both, PolicyMet::Counterparty, PolicyMet::Uninvolved, PolicyMet::Neither];

    /// The word in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            PolicyMet::Neither => "neither",
            PolicyMet::Counterparty => "counterparty",
            PolicyMet::Uninvolved => "uninvolved",
            PolicyMet::Both => "counterparty_and_uninvolved",
        }
    }

    pub(super) fn of(counterparty: bool, uninvolved: bool) -> PolicyMet {
        match (counterparty, uninvolved) {
            (true, true) => PolicyMet::Both,
            (true, false) => PolicyMet::Counterparty,
            (false, true) => PolicyMet::Uninvolved,
            (false, false) => PolicyMet::Neither,
        }
    }
}

/// An agreement version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Its id.
    pub id: AgreementId,
    /// Its version.
    pub version: u32,
    /// Its env_digest.
    pub digest: Digest,
    /// Proposed by one city and counter-signed by the other, both acts in both logs.
    pub signed: Holds,
}

/// A record in a city's exchange log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InLog {
    /// Whose log.
    pub city: CityId,
    /// Whether the proof holds.
    pub holds: Holds,
    /// The log, empty unless it holds.
    pub origin: String,
    /// Index of the leaf, from 0.
    pub index: u64,
    /// Size of the head that proves it.
    pub size: u64,
    /// Who has cosigned heads of this log that hold it.
    pub policy: PolicyMet,
}

/// Who cosigned a head that covers the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigner {
    /// Key name of the cosigner.
    pub by: String,
    /// Whether it belongs to neither party of the agreement.
    pub independent: bool,
    /// The log whose head it signed.
    pub origin: String,
    /// When, by the cosigner's clock, POSIX seconds.
    pub unix_s: u64,
}

/// One bound of a time, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// POSIX seconds.
    pub unix_s: u64,
    /// Key name of the cosigner whose clock it was.
    pub by: String,
}

/// When a record was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeVerdict {
    /// What its author claims, Unix milliseconds; 0 where it says nothing.
    pub claimed_unix_ms: u64,
    /// Not before: the cosigned head it quotes.
    pub not_before: Option<Bound>,
    /// Not after: the earliest cosignature here that covers it.
    pub not_after: Option<Bound>,
}

/// What the other city answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptVerdict {
    /// This kind of record has no item in the bundle.
    NotShown,
    /// Stored.
    Stored,
    /// Stored without its sections.
    StoredWithheld,
    /// Refused with a technical code: no effect on either side.
    Refused(u32),
}

impl ReceiptVerdict {
    /// The word in `--json`; a refusal by its name, or its number if a later list has it.
    pub fn name(&self) -> String {
        match self {
            ReceiptVerdict::NotShown => "not_shown".to_owned(),
            ReceiptVerdict::Stored => "stored".to_owned(),
            ReceiptVerdict::StoredWithheld => "stored_withheld".to_owned(),
            ReceiptVerdict::Refused(code) => match Refusal::from_number(*code) {
                Some(refusal) => format!("refused {}", refusal.name()),
                None => format!("refused {code}"),
            },
        }
    }
}

/// What can be said of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionVerdict {
    /// The values here are those that were signed.
    Matches,
    /// A file is here and does not match.
    Differs,
    /// Not in the bundle; it may hold values or be empty.
    NotDisclosed,
    /// Gone: by whose word, in the order of days; at least one.
    Erased(Vec<Gone>),
}

/// That a city no longer holds a section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// The civil date that the city gives.
    pub on: Day,
    /// The city.
    pub city: CityId,
    /// How it is shown.
    pub by: GoneBy,
}

/// How an erasure is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoneBy {
    /// The city told the other one in an ERASE CONFIRM.
    Confirmed,
    /// A tombstone in its local log.
    Logged {
        /// Why.
        reason: Reason,
        /// When, as the city claims, Unix milliseconds.
        claimed_unix_ms: u64,
        /// The local log.
        origin: String,
        /// Index of the record, from 0.
        index: u64,
        /// Not after: the earliest cosignature of another city on a head that holds it.
        not_after: Option<Bound>,
    },
}

/// One envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordVerdict {
    /// Its name.
    pub digest: Digest,
    /// Its kind.
    pub kind: Kind,
    /// The type of message or act, as in the `.proto` files; empty for others.
    pub what: String,
    /// Who is said to have signed it.
    pub author: Option<CityId>,
    /// Lane and place in it.
    pub lane: Option<(u8, u64)>,
    /// Leg and place in it.
    pub leg: Option<(LegId, u32)>,
    /// The signature.
    pub signature: Holds,
    /// The key was its author's, for this use, and not revoked at this place in the other log.
    pub key: Holds,
    /// In the logs of A and of B.
    pub logs: Vec<InLog>,
    /// By whom the heads that prove it are cosigned; empty: not claimed.
    pub cosigners: Vec<Cosigner>,
    /// When.
    pub time: TimeVerdict,
    /// The other city's answer.
    pub receipt: ReceiptVerdict,
    /// Its section slots.
    pub sections: Vec<(u8, SectionVerdict)>,
}

/// Whether the messages of a leg are all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Both sides state that these are all they sent up to their statement.
    Complete,
    /// Nothing is missing in between, but these cities have not stated which was their last.
    LaterMayExist(Vec<CityId>),
    /// A message is missing.
    Gap,
}

/// What the case law says of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseVerdict {
    /// It cannot be asked: a message is missing, or not signed, or the agreement is not here.
    NotReplayed,
    /// Every message that was not refused is legal, and none was refused that is. The stage they
    /// lead to, with `+ stop` if somebody withdrew; `NOT_OPENED` where the opening was refused.
    Legal(String),
    /// A message that was not refused is not legal, or the other city refused a legal one by the
    /// case law. Whose, which, and why.
    Illegal(String),
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegVerdict {
    /// The leg.
    pub leg: LegId,
    /// Last `leg_seq` here of each city; within one city, how many messages both offices sent.
    pub last: Vec<(CityId, u32)>,
    /// Whether all is there.
    pub complete: Completeness,
    /// The case law.
    pub case: CaseVerdict,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Cities whose root was given and whose keys could be used.
    pub cities: Vec<CityVerdict>,
    /// Cities that have cosigned here, and whose root was not given: their words are not judged.
    pub not_judged: Vec<CityVerdict>,
    /// Epochs of exchange logs that ended.
    pub epochs: Vec<EpochVerdict>,
    /// Agreements.
    pub agreements: Vec<Agreed>,
    /// Envelopes, by lane and place.
    pub records: Vec<RecordVerdict>,
    /// Legs.
    pub legs: Vec<LegVerdict>,
    /// A copy of a case within one city: nobody but this city bears witness.
    pub within: bool,
    /// What does not hold, sorted; empty: all holds.
    pub failures: Vec<Failure>,
}

impl Verdicts {
    /// Whether nothing is false, missing, extra or double.
    pub fn all_hold(&self) -> bool {
        self.failures.is_empty()
    }

    /// By city: how many messages and acts its log is shown to hold, by who has cosigned that.
    pub fn policies(&self) -> BTreeMap<CityId, BTreeMap<&'static str, u64>> {
        let mut found: BTreeMap<CityId, BTreeMap<&str, u64>> = BTreeMap::new();
        let both = |kind: Kind| matches!(kind, Kind::Message | Kind::Act);
        for log in self.records.iter().filter(|found| both(found.kind)).flat_map(|r| &r.logs) {
            if log.holds == Holds::Yes {
                let of = found.entry(log.city.clone()).or_default();
                *of.entry(log.policy.name()).or_default() += 1;
            }
        }
        found
    }
}
