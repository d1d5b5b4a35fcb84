//! The evidence bundle of protocol section 8: a ZIP that a stranger can check with the root
//! fingerprints alone, with no network, database or account.
//!
//! [`build`] writes it from parts that a node hands over; [`verify`] takes the bytes and the roots
//! and answers separate [`Verdicts`]: who signed, was the key good at this place, is it in both
//! logs, who cosigned, between which times, do the sections match, is the leg complete. What is
//! false, missing, extra or double has a stable [`Code`] each.
//!
//! What a forger can write anew: `manifest.json`, `REPORT.txt`, and which parts to leave out. So
//! nothing is concluded from the first two, and what is left out shows as missing, as "not
//! disclosed" or as "later messages may exist". All else stands or falls with the roots given.
//!
//! | file | form |
//! |---|---|
//! | `manifest.json` | `{"claim":{..},"files":{path: sha256 hex}}` |
//! | `envelopes/<env_digest>.dsse.json` | messages, receipts, acts, leg statements: DSSE JSON |
//! | `items/<env_digest>.json` | `{"item":base64,"path":[base64],"receipt":env_digest hex}` |
//! | `proofs/<env_digest>.<city>.tlog-proof` | C2SP tlog-proof without `extra` |
//! | `keys/<env_digest>.dsse.json` | key manifests, each city's as an unbroken chain |
//! | `keys/<env_digest>.dsse.json` | also successor statements of a root |
//! | `keys/<root fingerprint>.spki` | the root public key, DER: its SHA-256 is the name |
//! | `agreement/`, `consents/`, `packs/` `<env_digest>.dsse.json` | DSSE JSON |
//! | `heads/<city>.<epoch>.<size>.<tag>.note` | signed checkpoint; tag: 16 hex of its SHA-256 |
//! | `policy/<city>.tlog-policy` | C2SP tlog-policy: keys of the log and its cosigners; `<city>+<epoch>` from epoch 2 on |
//! | `sections/<env_digest>.<section>.json` | `{"disclosures":[base64],"field_digests":[base64],"section":n}` |
//! | `erasures/<env_digest>.<section>.json` | `{"confirm":env_digest hex of the ERASE CONFIRM,"section":n}` |
//! | `erasures/<city>.<epoch>.<index>.tlog-proof` | C2SP tlog-proof of a tombstone in a local log; `extra` is the record |
//! | `consistency/<city>.<epoch>.<old>.<new>.json` | `{"hashes":[base64],"new_size":n,"old_size":n,"origin":text}` |
//! | `REPORT.txt` | for people, zh then en; follows from the claim and the program's name |
//!
//! All JSON is compact with keys sorted bytewise; the ZIP has the order of this table, each
//! directory sorted bytewise.

use crate::id::{CityId, Digest};
use crate::note::Note;
use crate::policy::Policy;
use crate::proof::Proof;
use crate::pubkey::PublicKey;
use crate::tree::Hash;
use crate::wire::{self, Envelope};

mod build;
mod claim;
mod code;
pub(crate) mod json;
mod layout;
pub mod pack;
mod parts;
mod records;
mod report;
mod text;
mod verdict;
mod verify;
mod zip;

pub use build::{BuildError, build};
pub use code::{Code, Failure};
pub use report::{CAVEAT_EN, CAVEAT_ZH};
pub use verdict::{
    Agreed, Bound, CaseVerdict, CityVerdict, Completeness, Cosigner, EpochVerdict, Gone, GoneBy,
    Holds, InLog, LegVerdict, PolicyMet, ReceiptVerdict, RecordVerdict, SectionVerdict,
    TimeVerdict, Verdicts,
};
pub use verify::{Unreadable, exit_code, verify, verify_at};
pub use zip::{
    Entry, FILES_MAX, PATH_LEN_MAX, ZIP_LEN_MAX, ZipError, read as zip_read, write as zip_write,
};

/// The media type of a bundle.
pub const MEDIA_TYPE: &str = "application/vnd.jieli.evidence.v1+zip";

/// The media type of a copy of a case within one city: the same container and files. There is no
/// other city in it, so no items, proofs, heads, policies or acts; `agreement/` holds the city's
/// offices and zone, `envelopes/` one leg statement for each of the two lanes of a leg.
pub const MEDIA_TYPE_WITHIN: &str = "application/vnd.jieli.local-copy.v1+zip";

/// A receipt item with its audit path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledItem {
    /// The message or act it answers, by env_digest.
    pub answers: Digest,
    /// The receipt, by env_digest; its envelope is among [`Bundle::envelopes`].
    pub receipt: Digest,
    /// The encoded [`wire::Item`].
    pub item: Vec<u8>,
    /// Audit path to the receipt's items_root, leaf to root.
    pub path: Vec<Hash>,
}

/// Says that a section of a message is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The message, by env_digest.
    pub message: Digest,
    /// The section.
    pub section: u8,
    /// The ERASE CONFIRM that names the section's digest; among [`Bundle::envelopes`].
    pub confirm: Digest,
}

/// That one head of a log extends another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The log.
    pub origin: String,
    /// Size of the earlier head.
    pub old_size: u64,
    /// Size of the later head.
    pub new_size: u64,
    /// RFC 6962 consistency proof.
    pub hashes: Vec<Hash>,
}

/// The parts of a bundle, as a node hands them over. Lists may be in any order.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// Name and version of the program, for `REPORT.txt`.
    pub product: String,
    /// The root public key of every city that takes part.
    pub roots: Vec<PublicKey>,
    /// Key manifests of every city: all versions held, without gaps.
    pub manifests: Vec<Envelope>,
    /// Successor statements: where an epoch of a city's exchange log ended.
    pub successors: Vec<Envelope>,
    /// The agreement versions cited.
    pub agreements: Vec<Envelope>,
    /// Messages, the receipts of both sides, the acts that made the agreement, leg statements.
    pub envelopes: Vec<Envelope>,
    /// The item of each message: the proof that the other city stored it.
    pub items: Vec<BundledItem>,
    /// A proof per message and act and city: that this city's exchange log holds it. For receipts
    /// where known.
    pub proofs: Vec<(Digest, CityId, Proof)>,
    /// The consents cited.
    pub consents: Vec<Envelope>,
    /// Packs cited.
    pub packs: Vec<Envelope>,
    /// Further signed heads: those quoted in messages as seen_head, with their cosignatures.
    pub heads: Vec<Note>,
    /// The policy of each city's exchange log, one for each epoch.
    pub policies: Vec<(CityId, Policy)>,
    /// Sections that are disclosed to the reader of the bundle, by message.
    pub sections: Vec<(Digest, wire::Section)>,
    /// Sections that are gone.
    pub erasures: Vec<Erasure>,
    /// Tombstones: proofs in a city's local log, each with the record as its `extra`.
    pub tombstones: Vec<Proof>,
    /// Links between heads.
    pub consistency: Vec<Consistency>,
}
