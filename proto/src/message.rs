//! The form of what travels in the lanes, checked once and typed ever after: messages here, their
//! [headers](Head), receipts, items and acts beside them.
//!
//! The order at a receiver is: signature, strict decode, **these checks**, agreement, case law.
//! They look at one payload alone: not at what is stored, nor at a clock. Node and verifier run
//! the same ones, so a message that one city may send is never malformed to another.

use crate::day::Day;
use crate::id::{CaseId, CityId, Digest, LegId, MsgId};
use crate::kinds::{Kind, Lane, PartySide};
use crate::number::CreditCode;
use crate::refusal::Refusal;
use crate::section;
use crate::wire::{self, LegalBasis, MessageType, Purpose, Service};

mod act;
mod body;
mod flag;
mod head;
mod lanes;
mod office;
mod person;
mod terms;

pub use act::{Context, act_of, counted_by, direction, duty_of, rules, wire_duty};
pub use flag::{FlagFacts, check_flag, travels};
pub use head::{Cosigned, Frame, Head, SeenHead, check_header};
pub use lanes::{
    ActFacts, ItemFacts, ItemVerdict, ReceiptFacts, check_act, check_item, check_receipt,
};
pub use office::examiner_office;
pub use person::{OfPerson, changes_age, check_person, corrected, is_another_person, opens_person};
pub use terms::{check_terms, terms_digest};

/// Why a payload is refused, and which field is to blame. Only the [`Refusal`] travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", .refusal.name(), .field)]
pub struct Fault {
    /// The number in a receipt item.
    pub refusal: Refusal,
    /// The field, by its name in the `.proto` files.
    pub field: &'static str,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        fault.refusal
    }
}

pub(crate) fn fault<T>(refusal: Refusal, field: &'static str) -> Result<T, Fault> {
    Err(Fault { refusal, field })
}

pub(crate) fn require(holds: bool, refusal: Refusal, field: &'static str) -> Result<(), Fault> {
    if holds { Ok(()) } else { fault(refusal, field) }
}

/// The place of a message in its leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegPlace {
    /// The case.
    pub case: CaseId,
    /// The leg.
    pub leg: LegId,
    /// From 1, per side.
    pub seq: u32,
    /// The author's message before in this leg; zero for the first.
    pub prev: Digest,
    /// The last message of the other side its author had seen; zero if none.
    pub seen: Digest,
}

/// A message of a right form. What its body says stays in [`wire::Message`], now known to be clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFacts {
    /// The header.
    pub head: Head,
    /// The message's id; it salts the section digests.
    pub msg_id: MsgId,
    /// Its place in a leg; `None` for CAPACITY QUERY, CAPACITY ANSWER and VACANCY NOTICE.
    pub place: Option<LegPlace>,
    /// Its type.
    pub kind: MessageType,
    /// Its service.
    pub service: Service,
    /// The sender's office.
    pub from_office: CreditCode,
    /// The recipient's office.
    pub to_office: CreditCode,
    /// The purpose cited; unspecified in a WITHDRAW only.
    pub purpose: Purpose,
    /// The legal basis; unspecified in a WITHDRAW only.
    pub legal_basis: LegalBasis,
    /// The consent cited.
    pub consent: Option<Digest>,
    /// The last day of the duty that the type names.
    pub due: Option<Day>,
    /// The section digests: exactly the slots of type and service, ascending.
    pub sections: Vec<(u8, Digest)>,
}

impl MessageFacts {
    /// Its author.
    pub fn sender(&self) -> &CityId {
        &self.head.sender
    }

    /// The numbers of its section slots, ascending.
    pub fn section_numbers(&self) -> Vec<u8> {
        self.sections.iter().map(|(number, _)| *number).collect()
    }

    /// The digest of a section slot.
    pub fn section(&self, number: u8) -> Option<Digest> {
        self.sections.iter().find(|(found, _)| *found == number).map(|(_, digest)| *digest)
    }

    /// Whether it opens sections of the person, so that only a live consent makes it legal.
    pub fn needs_consent(&self) -> bool {
        needs_consent(self.kind)
    }
}

/// Whether messages of a type must cite a consent that opens their sections.
pub fn needs_consent(kind: MessageType) -> bool {
    matches!(kind, MessageType::Request | MessageType::Release)
}

/// Whether a type has no person in it, and so no leg: seats and posts are asked for first.
pub fn is_without_person(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::CapacityQuery | MessageType::CapacityAnswer | MessageType::VacancyNotice
    )
}

/// Checks the form of a message: identifiers, offices, the fields its type has or leaves absent,
/// its section slots and its body.
pub fn check_message(found: &wire::Message) -> Result<MessageFacts, Fault> {
    let head = Head::read(header(found)?, Kind::Message)?;
    require(head.agreement_version > 0, Refusal::BadHeader, "agreement_version")?;
    check_content(found, head)
}

/// The same for the local form: a message between two offices of one city, which never leaves it.
/// Nothing is announced or asked about places in it: that needs no message there.
pub fn check_local(found: &wire::Message) -> Result<MessageFacts, Fault> {
    let facts = check_content(found, Head::read_local(header(found)?)?)?;
    require(facts.place.is_some(), Refusal::UnknownType, "type")?;
    let opens = matches!(facts.kind, MessageType::Offer | MessageType::Request);
    let first = facts.head.lane == Lane::messages(PartySide::A);
    require(!opens || first, Refusal::BadHeader, "lane")?;
    Ok(facts)
}

fn header(found: &wire::Message) -> Result<&wire::Header, Fault> {
    found.header.as_ref().ok_or(Fault { refusal: Refusal::BadHeader, field: "header" })
}

fn check_content(found: &wire::Message, head: Head) -> Result<MessageFacts, Fault> {
    let msg_id = MsgId::from_slice(&found.msg_id)
        .ok_or(Fault { refusal: Refusal::BadHeader, field: "msg_id" })?;
    let (kind, service) = (found.r#type(), found.service());
    require(kind != MessageType::Unspecified, Refusal::UnknownType, "type")?;
    require(service != Service::Unspecified, Refusal::BadBody, "service")?;
    let pulls = section::is_pull(service);
    require(kind != MessageType::Offer || !pulls, Refusal::BadBody, "service")?;
    require(kind != MessageType::Request || pulls, Refusal::BadBody, "service")?;
    let place = if is_without_person(kind) {
        let absent = found.case_id.is_empty()
            && found.leg_id.is_empty()
            && found.leg_seq == 0
            && found.leg_prev.is_empty()
            && found.leg_seen.is_empty();
        require(absent, Refusal::BadHeader, "leg_id")?;
        None
    } else {
        Some(place(found)?)
    };
    let from_office = office(&found.from_office, "from_office")?;
    let to_office = office(&found.to_office, "to_office")?;
    require(from_office != to_office, Refusal::BadHeader, "to_office")?;
    let (purpose, legal_basis, consent) = grounds(found, kind, service)?;
    let due = body::due(found, kind)?;
    let sections = sections(found, kind, service)?;
    body::check(found, kind, service)?;
    Ok(MessageFacts {
        head,
        msg_id,
        place,
        kind,
        service,
        from_office,
        to_office,
        purpose,
        legal_basis,
        consent,
        due,
        sections,
    })
}

fn place(found: &wire::Message) -> Result<LegPlace, Fault> {
    let bad = |field| Fault { refusal: Refusal::BadHeader, field };
    let place = LegPlace {
        case: CaseId::from_slice(&found.case_id).ok_or(bad("case_id"))?,
        leg: LegId::from_slice(&found.leg_id).ok_or(bad("leg_id"))?,
        seq: found.leg_seq,
        prev: Digest::from_slice(&found.leg_prev).ok_or(bad("leg_prev"))?,
        seen: Digest::from_slice(&found.leg_seen).ok_or(bad("leg_seen"))?,
    };
    require(place.seq > 0, Refusal::BadChain, "leg_seq")?;
    require((place.seq == 1) == place.prev.is_zero(), Refusal::BadChain, "leg_prev")?;
    Ok(place)
}

/// Purpose, legal basis and consent: all three absent in a WITHDRAW, which says nothing.
fn grounds(
    found: &wire::Message,
    kind: MessageType,
    service: Service,
) -> Result<(Purpose, LegalBasis, Option<Digest>), Fault> {
    let (purpose, basis) = (found.purpose(), found.legal_basis());
    let consent = optional_digest(&found.consent_digest, "consent_digest")?;
    if kind == MessageType::Withdraw {
        require(purpose == Purpose::Unspecified, Refusal::BadBody, "purpose")?;
        require(basis == LegalBasis::Unspecified, Refusal::BadBody, "legal_basis")?;
        require(consent.is_none(), Refusal::BadBody, "consent_digest")?;
        require(found.calendar_version == 0, Refusal::BadBody, "calendar_version")?;
        require(found.codelist_version == 0, Refusal::BadBody, "codelist_version")?;
        return Ok((purpose, basis, None));
    }
    let expected = crate::agreement::purpose_of(service);
    require(purpose == expected, Refusal::BadBody, "purpose")?;
    require(basis != LegalBasis::Unspecified, Refusal::BadBody, "legal_basis")?;
    let cites = needs_consent(kind) || kind == MessageType::Consent;
    require(consent.is_some() || !cites, Refusal::ConsentInvalid, "consent_digest")?;
    require(consent.is_none() || !is_without_person(kind), Refusal::BadBody, "consent_digest")?;
    Ok((purpose, basis, consent))
}

/// The slots of a type and service stand in every such message, filled or not, in one order.
fn sections(
    found: &wire::Message,
    kind: MessageType,
    service: Service,
) -> Result<Vec<(u8, Digest)>, Fault> {
    let slots = section::slots(kind, service);
    let given = &found.section_digests;
    require(given.len() == slots.len(), Refusal::BadBody, "section_digests")?;
    let pairs = slots.iter().zip(given).map(|(slot, given)| {
        let digest = Digest::from_slice(&given.digest).filter(|digest| !digest.is_zero());
        digest.filter(|_| given.section == u32::from(slot.number)).map(|d| (slot.number, d))
    });
    let pairs: Option<Vec<(u8, Digest)>> = pairs.collect();
    pairs.ok_or(Fault { refusal: Refusal::BadBody, field: "section_digests" })
}

/// A credit code in its one spelling.
pub(crate) fn office(text: &str, field: &'static str) -> Result<CreditCode, Fault> {
    let code = CreditCode::parse(text).ok().filter(|code| code.as_str() == text);
    code.ok_or(Fault { refusal: Refusal::BadHeader, field })
}

/// Absent, or 32 bytes that are not all zero.
pub(crate) fn optional_digest(bytes: &[u8], field: &'static str) -> Result<Option<Digest>, Fault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let digest = Digest::from_slice(bytes).filter(|digest| !digest.is_zero());
    digest.map(Some).ok_or(Fault { refusal: Refusal::BadBody, field })
}

/// 32 bytes that are not all zero.
pub(crate) fn digest(bytes: &[u8], field: &'static str) -> Result<Digest, Fault> {
    optional_digest(bytes, field)?.ok_or(Fault { refusal: Refusal::BadBody, field })
}

/// An existing civil date.
pub(crate) fn date(number: u32, field: &'static str) -> Result<Day, Fault> {
    Day::from_number(number).ok_or(Fault { refusal: Refusal::BadBody, field })
}

/// Absent, or an existing civil date.
pub(crate) fn optional_date(number: u32, field: &'static str) -> Result<Option<Day>, Fault> {
    if number == 0 { Ok(None) } else { date(number, field).map(Some) }
}

/// Strictly ascending, without 0.
pub(crate) fn is_ascending(numbers: &[u32]) -> bool {
    numbers.first() != Some(&0) && numbers.windows(2).all(|pair| pair[0] < pair[1])
}
