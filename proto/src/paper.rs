//! Paper: a signed slip, letter or statement with all that leads from a root fingerprint to it, as one text
//! that a QR code holds and that anybody checks offline.
//!
//! `"JIELI1:"` and the base32 (RFC 4648 section 6, upper case, no padding) of an encoded
//! [`wire::Paper`]: only characters that a QR code packs tightly and that survive copying.

use crate::envelope::{self, SealError};
use crate::id::{CaseId, CityId, Digest, LegId, MsgId};
use crate::kinds::Kind;
use crate::manifest::{Manifest, ManifestError};
use crate::number::CreditCode;
use crate::pubkey::PublicKey;
use crate::section::{self, Phase, SectionError, SectionKind, TABLE, Value};
use crate::strict::{self, NotCanonical};
use crate::wire::{self, Envelope, RevocationReason, Service};
use prost::Message as _;

mod base32;
mod statement;

pub use statement::{STATEMENT_DAYS, StatementFacts, check_fact, stated_by};

/// What every paper text starts with.
pub const PREFIX: &str = "JIELI1:";

/// Longest paper text in characters: what the largest QR code holds (version 40, level L).
pub const TEXT_LEN_MAX: usize = 4_296;

/// Days for which a paper letter counts, from the day it was made: well within the life of the
/// consent behind it.
pub const LETTER_DAYS: i64 = 90;

/// Longest name of an office in a letter, in characters.
pub const OFFICE_CHARS_MAX: usize = 60;

/// The zone that is farthest behind UTC, in minutes: there a day ends last.
const ZONE_MIN_MAX: i32 = 12 * 60;

/// Why a paper proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// It would not fit into a QR code.
    #[error("the text has {0} characters, more than one QR code holds")]
    TooLong(usize),
    /// Not a paper text, or not in its one spelling.
    #[error("not a paper text: its {0} has a wrong form")]
    Text(&'static str),
    /// What the text holds is not in its one spelling.
    #[error(transparent)]
    Frame(#[from] NotCanonical),
    /// Its root key is not one of those given.
    #[error("the root key on the paper has the fingerprint {0}, which was not given")]
    Root(Digest),
    /// The manifest does not hold.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The slip or letter is not signed by a message key of the manifest, or does not decode.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signed with a key that was lost or stolen.
    #[error("it is signed with a key that the city has revoked as lost or stolen")]
    Revoked,
    /// The newer manifest belongs to another city, or is older.
    #[error("the manifest given is of another city, or older than the one on the paper")]
    OtherManifest,
    /// A field of the slip or letter has a wrong form.
    #[error("the field {0} has a wrong form")]
    Form(&'static str),
    /// A printed value is not what was signed.
    #[error("section {0}: {1}")]
    Section(u32, SectionError),
}

/// A leg of a verified slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlipLegFacts {
    /// The leg.
    pub leg: LegId,
    /// Its service.
    pub service: Service,
    /// The other city's office; `None` where it was not known yet.
    pub office: Option<CreditCode>,
    /// The last message that the city held; `None` before the first.
    pub last: Option<Digest>,
}

/// What a verified slip says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlipFacts {
    /// The case.
    pub case: CaseId,
    /// Its number in the city that made the slip.
    pub case_number: String,
    /// Its legs, in the order of the page.
    pub legs: Vec<SlipLegFacts>,
}

/// What a verified letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterFacts {
    /// The letter; it salts the section digests.
    pub letter: MsgId,
    /// The office it is addressed to, by name.
    pub to_office: String,
    /// Its service.
    pub service: Service,
    /// The consent of the person.
    pub consent: Digest,
    /// Section number and the values disclosed on the paper, by field.
    pub sections: Vec<(u8, Vec<(u32, Value)>)>,
}

/// What a paper is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The worker's slip.
    Slip(SlipFacts),
    /// A letter to a city without a node.
    Letter(LetterFacts),
    /// A fact that the person carries.
    Statement(StatementFacts),
}

/// A paper that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The city that made it.
    pub city: CityId,
    /// Fingerprint of its root key.
    pub root: Digest,
    /// Version of the manifest on the paper.
    pub manifest_version: u32,
    /// Whether its key has been replaced since, in the order of things: such a key stays good for
    /// what it signed before, and paper does not show when that was.
    pub is_retired: bool,
    /// When it was made, as the city claims, Unix milliseconds; a statement says only until when it
    /// counts.
    pub issued_unix_ms: Option<u64>,
    /// Its name.
    pub env_digest: Digest,
    /// What it says.
    pub content: Content,
}

/// The text of a paper.
pub fn write(paper: &wire::Paper) -> Result<String, PaperError> {
    let text = format!("{PREFIX}{}", base32::encode(&paper.encode_to_vec()));
    if text.len() > TEXT_LEN_MAX { Err(PaperError::TooLong(text.len())) } else { Ok(text) }
}

/// Reads a paper text in its one spelling. Nothing in it is verified yet.
pub fn read(text: &str) -> Result<wire::Paper, PaperError> {
    if text.len() > TEXT_LEN_MAX {
        return Err(PaperError::TooLong(text.len()));
    }
    let body = text.strip_prefix(PREFIX).ok_or(PaperError::Text("beginning"))?;
    let bytes = base32::decode(body).ok_or(PaperError::Text("base32"))?;
    Ok(strict::decode(&bytes)?)
}

/// The first paper text inside a page or another text.
pub fn find(page: &str) -> Option<&str> {
    let rest = &page[page.find(PREFIX)?..];
    let body = &rest[PREFIX.len()..];
    let end = body.find(|c: char| !base32::is_digit(c)).unwrap_or(body.len());
    Some(&rest[..PREFIX.len() + end])
}

/// Verifies a paper text by the root fingerprints given. `newer` is a later manifest of the city,
/// where one is at hand: a key that it revokes as lost or stolen no longer counts; one that was
/// replaced does, and is told.
pub fn open(text: &str, roots: &[Digest], newer: Option<&Envelope>) -> Result<Checked, PaperError> {
    let paper = read(text)?;
    let root = PublicKey::from_spki(&paper.root_spki).map_err(|_| PaperError::Form("root_spki"))?;
    let fpr = Digest(root.fingerprint());
    if !roots.contains(&fpr) {
        return Err(PaperError::Root(fpr));
    }
    let manifest =
        Manifest::open(paper.manifest.as_ref().ok_or(PaperError::Form("manifest"))?, &root, None)?;
    let sealed = paper.envelope.as_ref().ok_or(PaperError::Form("envelope"))?;
    let kind = envelope::kind(sealed)
        .filter(|kind| matches!(kind, Kind::Slip | Kind::Letter | Kind::PersonStatement));
    let kind = kind.ok_or(PaperError::Form("payload_type"))?;
    manifest.verify(sealed, kind)?;
    let key = envelope::key_fpr(sealed)?;
    let is_retired = is_retired(&manifest, &root, newer, &key)?;
    let from = manifest.key(&key, kind.role()).map_or(u64::MAX, |key| key.not_before_unix_ms);
    let (issued_unix_ms, content) = if kind == Kind::Slip {
        let slip: wire::Slip = envelope::payload(sealed)?;
        is_of(&manifest, &slip.city_id)?;
        let facts = slip_facts(&slip, paper.sections.is_empty())?;
        (Some(slip.issued_unix_ms), Content::Slip(facts))
    } else if kind == Kind::Letter {
        let letter: wire::PaperLetter = envelope::payload(sealed)?;
        is_of(&manifest, &letter.city_id)?;
        let facts = letter_facts(&letter, &paper.sections)?;
        (Some(letter.issued_unix_ms), Content::Letter(facts))
    } else {
        let signed: wire::PersonStatement = envelope::payload(sealed)?;
        let facts = statement::facts(&signed, &paper.sections)?;
        // It cannot have been signed after its last day.
        if facts.valid_until.plus(1).start_unix_ms(-ZONE_MIN_MAX) < from {
            return Err(PaperError::Form("valid_until"));
        }
        (None, Content::Statement(facts))
    };
    if issued_unix_ms.is_some_and(|issued| issued < from) {
        return Err(PaperError::Form("issued_unix_ms"));
    }
    Ok(Checked {
        city: manifest.city,
        root: fpr,
        manifest_version: manifest.version,
        is_retired,
        issued_unix_ms,
        env_digest: envelope::env_digest(sealed),
        content,
    })
}

fn is_of(manifest: &Manifest, city: &str) -> Result<(), PaperError> {
    if city == manifest.city.as_str() { Ok(()) } else { Err(PaperError::Form("city_id")) }
}

/// Whether a key was retired, by the newest manifest at hand. A key that was lost or stolen does
/// not count: a thief could have dated the paper back, and no log holds it.
fn is_retired(
    manifest: &Manifest,
    root: &PublicKey,
    newer: Option<&Envelope>,
    key: &Digest,
) -> Result<bool, PaperError> {
    let newer = newer.map(|newer| Manifest::open(newer, root, None)).transpose()?;
    if let Some(newer) = &newer
        && (newer.city != manifest.city || newer.version < manifest.version)
    {
        return Err(PaperError::OtherManifest);
    }
    match newer.as_ref().unwrap_or(manifest).revoked_for(key) {
        None => Ok(false),
        Some(RevocationReason::Retired) => Ok(true),
        Some(
            RevocationReason::Lost | RevocationReason::Compromised | RevocationReason::Unspecified,
        ) => Err(PaperError::Revoked),
    }
}

/// The section slots of a letter: phases A and B of its service, ascending.
pub fn letter_slots(service: Service) -> Vec<&'static SectionKind> {
    TABLE.iter().filter(|kind| kind.serves(service) && kind.phase != Phase::C).collect()
}

fn slip_facts(slip: &wire::Slip, without_sections: bool) -> Result<SlipFacts, PaperError> {
    let form = PaperError::Form;
    let number = &slip.case_number;
    let is_number = (1..=32).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let checks = [
        (without_sections, "sections"),
        (is_number, "case_number"),
        (!slip.legs.is_empty(), "legs"),
    ];
    if let Some((_, field)) = checks.into_iter().find(|(holds, _)| !holds) {
        return Err(form(field));
    }
    let legs: Result<Vec<_>, _> = slip.legs.iter().map(slip_leg).collect();
    Ok(SlipFacts {
        case: CaseId::from_slice(&slip.case_id).ok_or(form("case_id"))?,
        case_number: number.clone(),
        legs: legs?,
    })
}

fn slip_leg(leg: &wire::SlipLeg) -> Result<SlipLegFacts, PaperError> {
    let form = PaperError::Form;
    let office = match leg.office.as_str() {
        "" => None,
        text => {
            let code = CreditCode::parse(text).ok().filter(|code| code.as_str() == text);
            Some(code.ok_or(form("office"))?)
        }
    };
    let last = match leg.last_env_digest.as_slice() {
        [] => None,
        bytes => Some(digest(bytes).ok_or(form("last_env_digest"))?),
    };
    if leg.service() == Service::Unspecified {
        return Err(form("service"));
    }
    let id = LegId::from_slice(&leg.leg_id).ok_or(form("leg_id"))?;
    Ok(SlipLegFacts { leg: id, service: leg.service(), office, last })
}

fn letter_facts(
    letter: &wire::PaperLetter,
    sections: &[wire::Section],
) -> Result<LetterFacts, PaperError> {
    let form = PaperError::Form;
    let id = MsgId::from_slice(&letter.letter_id).ok_or(form("letter_id"))?;
    let slots = letter_slots(letter.service());
    if slots.is_empty() {
        return Err(form("service"));
    }
    let to_office = &letter.to_office;
    if !(1..=OFFICE_CHARS_MAX).contains(&to_office.chars().count())
        || to_office.chars().any(char::is_control)
    {
        return Err(form("to_office"));
    }
    let given = &letter.section_digests;
    let pairs = slots.iter().zip(given).map(|(slot, given)| {
        digest(&given.digest).filter(|_| given.section == u32::from(slot.number))
    });
    let digests: Option<Vec<Digest>> = pairs.collect();
    let digests = digests.filter(|all| all.len() == slots.len() && given.len() == slots.len());
    let digests = digests.ok_or(form("section_digests"))?;
    if sections.windows(2).any(|pair| pair[0].section >= pair[1].section) {
        return Err(form("sections"));
    }
    let mut opened = Vec::new();
    for found in sections {
        let wrong = |error| PaperError::Section(found.section, error);
        let at = slots.iter().position(|slot| u32::from(slot.number) == found.section);
        let at = at.ok_or(wrong(SectionError::Unknown))?;
        let values = section::open(&id, found, &digests[at]).map_err(wrong)?;
        opened.push((slots[at].number, values));
    }
    Ok(LetterFacts {
        letter: id,
        to_office: to_office.clone(),
        service: letter.service(),
        consent: digest(&letter.consent_digest).ok_or(form("consent_digest"))?,
        sections: opened,
    })
}

fn digest(bytes: &[u8]) -> Option<Digest> {
    Digest::from_slice(bytes).filter(|digest| !digest.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_a_page_and_has_one_spelling() {
        let paper = wire::Paper { root_spki: vec![7; 44], ..wire::Paper::default() };
        let text = write(&paper).unwrap();
        let page = format!("<p data-x=\"{text}\">JIELI1:A</p>");
        assert_eq!(find(&page), Some(text.as_str()));
        assert_eq!(read(&text), Ok(paper));
        assert_eq!(find("nothing"), None);
        for wrong in [text.to_lowercase(), format!("{text}="), format!(" {text}"), text + "A"] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        let long = wire::Paper { root_spki: vec![7; 3_000], ..wire::Paper::default() };
        assert!(matches!(write(&long), Err(PaperError::TooLong(_))));
    }
}
