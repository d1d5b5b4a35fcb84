//! Sections: personal data beside the signed bytes, one salted digest per field.
//!
//! A section can be disclosed, withheld or erased without touching a signature, leaf or proof.

use crate::id::{Digest, MsgId};
use crate::strict;
use crate::wire::{self, Disclosure, MessageType, Service};
use prost::Message as _;

mod table;
pub use table::{
    Field, FieldType, MAY_WORK, PERSON, PERSON_AGE_BAND, PERSON_NAME, PERSON_NUMBER, PERSON_PHONE,
    Phase, SUPPORT_NEED, SectionKind, TABLE,
};

/// What can be corrected of a person, once that person has confirmed it: the full name, the number,
/// the phone, the guardian's name and phone. Everything else of the block makes another leg.
pub const PERSON_CORRECTABLE: [u32; 5] = [PERSON_NAME, PERSON_NUMBER, PERSON_PHONE, 7, 8];

/// Whether these fields of the person block can be corrected together: name and number at once would
/// be somebody else.
pub fn is_same_person(fields: &[u32]) -> bool {
    fields.iter().all(|field| PERSON_CORRECTABLE.contains(field))
        && !(fields.contains(&PERSON_NAME) && fields.contains(&PERSON_NUMBER))
}

/// Largest total of encoded sections in a letter, in bytes.
pub const SECTIONS_LEN_MAX: usize = 64 * 1024;

/// A field's value in the clear. Debug shows its type only.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, at most 200 characters.
    Text(String),
    /// A number, a code, or a date as `yyyymmdd`.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::Text(_) => "Text(..)",
            Value::Number(_) => "Number(..)",
            Value::Flag(_) => "Flag(..)",
        })
    }
}

impl Value {
    /// As a page or a clerk shows it.
    pub fn show(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Flag(true) => "是 yes".to_owned(),
            Value::Flag(false) => "否 no".to_owned(),
        }
    }
}

/// The section does not hold: wrong form, or not what was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// No section of that number.
    #[error("no section of that number")]
    Unknown,
    /// A wrong number of digests, or digests of a wrong length.
    #[error("the number of field digests is not that of the section")]
    Shape,
    /// A disclosure that is not canonical, of a wrong type, or out of place.
    #[error("a disclosure has a wrong form")]
    Disclosure,
    /// A disclosure that is not the one hashed.
    #[error("a disclosure does not match its field digest")]
    FieldDigest,
    /// The digests are not those that were signed.
    #[error("the field digests do not match the section digest that was signed")]
    SectionDigest,
}

/// `SHA-256("jieli/field/v1" 00 || section || disclosure bytes)`.
pub fn field_digest(section: u8, disclosure: &[u8]) -> Digest {
    Digest::of(&[b"jieli/field/v1\0", &[section], disclosure])
}

/// `SHA-256("jieli/section/v1" 00 || msg_id || section || u16 N || N field digests)`.
pub fn section_digest(msg_id: &MsgId, section: u8, field_digests: &[Digest]) -> Digest {
    let count = (field_digests.len() as u16).to_be_bytes();
    let digests: Vec<u8> = field_digests.iter().flat_map(|digest| digest.0).collect();
    Digest::of(&[b"jieli/section/v1\0", &msg_id.0, &[section], &count, &digests])
}

/// Builds a section. `random` fills salts and the digests of absent fields.
pub fn build(
    kind: &'static SectionKind,
    values: &[(u32, Value)],
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<wire::Section, SectionError> {
    let mut section = wire::Section { section: u32::from(kind.number), ..wire::Section::default() };
    if values.iter().any(|(field, _)| kind.field(*field).is_none()) {
        return Err(SectionError::Disclosure);
    }
    for field in kind.fields {
        let value = values.iter().find(|(number, _)| *number == field.number);
        let Some((_, value)) = value else {
            let mut blind = [0; 32];
            random(&mut blind);
            section.field_digests.push(blind.to_vec());
            continue;
        };
        if !field.ty.takes(value) {
            return Err(SectionError::Disclosure);
        }
        let mut salt = [0; 16];
        random(&mut salt);
        let disclosure = Disclosure {
            salt: salt.to_vec(),
            field: field.number,
            value: Some(match value.clone() {
                Value::Text(text) => wire::disclosure::Value::Text(text),
                Value::Number(number) => wire::disclosure::Value::Number(number),
                Value::Flag(flag) => wire::disclosure::Value::Flag(flag),
            }),
        }
        .encode_to_vec();
        section.field_digests.push(field_digest(kind.number, &disclosure).to_vec());
        section.disclosures.push(disclosure);
    }
    Ok(section)
}

/// The digest of a section as it stands, checking its shape.
pub fn digest_of(msg_id: &MsgId, section: &wire::Section) -> Result<Digest, SectionError> {
    let kind = SectionKind::of(section.section).ok_or(SectionError::Unknown)?;
    let digests: Option<Vec<Digest>> =
        section.field_digests.iter().map(|bytes| Digest::from_slice(bytes)).collect();
    let digests = digests.ok_or(SectionError::Shape)?;
    if digests.len() != kind.fields.len() {
        return Err(SectionError::Shape);
    }
    Ok(section_digest(msg_id, kind.number, &digests))
}

/// Checks a section against the digest that was signed and reads its disclosed values, by field.
pub fn open(
    msg_id: &MsgId,
    section: &wire::Section,
    signed: &Digest,
) -> Result<Vec<(u32, Value)>, SectionError> {
    if digest_of(msg_id, section)? != *signed {
        return Err(SectionError::SectionDigest);
    }
    let kind = SectionKind::of(section.section).ok_or(SectionError::Unknown)?;
    let mut values: Vec<(u32, Value)> = Vec::new();
    for bytes in &section.disclosures {
        let (number, value) = disclosure(kind, bytes)?;
        if values.last().is_some_and(|(last, _)| *last >= number) {
            return Err(SectionError::Disclosure);
        }
        // Position i belongs to field number i.
        let place = section.field_digests.get(number as usize - 1).ok_or(SectionError::Shape)?;
        if field_digest(kind.number, bytes).0 != place[..] {
            return Err(SectionError::FieldDigest);
        }
        values.push((number, value));
    }
    Ok(values)
}

fn disclosure(kind: &SectionKind, bytes: &[u8]) -> Result<(u32, Value), SectionError> {
    let found: Disclosure = strict::decode(bytes).map_err(|_| SectionError::Disclosure)?;
    let field = kind.field(found.field).ok_or(SectionError::Disclosure)?;
    let value = match found.value.ok_or(SectionError::Disclosure)? {
        wire::disclosure::Value::Text(text) => Value::Text(text),
        wire::disclosure::Value::Number(number) => Value::Number(number),
        wire::disclosure::Value::Flag(flag) => Value::Flag(flag),
    };
    let fits = found.salt.len() == 16 && field.ty.takes(&value);
    if fits { Ok((field.number, value)) } else { Err(SectionError::Disclosure) }
}

/// The section slots that a message of this type and service always has, ascending. An empty
/// slot holds 32 random bytes, so that nobody can tell whether an optional section was filled.
pub fn slots(message: MessageType, service: Service) -> Vec<&'static SectionKind> {
    let pull = is_pull(service);
    let wanted = |phase: Phase| match message {
        MessageType::Offer => phase == Phase::A,
        MessageType::Request => pull && phase != Phase::C,
        MessageType::Release => phase == Phase::B,
        MessageType::Outcome => phase == Phase::C,
        MessageType::Supply | MessageType::Correct => true,
        MessageType::Unspecified
        | MessageType::TakeUp
        | MessageType::Clarify
        | MessageType::Accept
        | MessageType::Waitlist
        | MessageType::Decline
        | MessageType::Progress
        | MessageType::Complete
        | MessageType::Redirect
        | MessageType::Withdraw
        | MessageType::WithdrawEffect
        | MessageType::Return
        | MessageType::Expire
        | MessageType::Void
        | MessageType::Remind
        | MessageType::EraseNotice
        | MessageType::EraseConfirm
        | MessageType::Consent
        | MessageType::CapacityQuery
        | MessageType::CapacityAnswer
        | MessageType::VacancyNotice => false,
    };
    TABLE.iter().filter(|kind| kind.serves(service) && wanted(kind.phase)).collect()
}

/// Whether a side states a section, and so corrects it: who began the leg states phases A and B, who
/// examines it states phase C, the result.
pub fn states(by_initiator: bool, kind: &SectionKind) -> bool {
    by_initiator == (kind.phase != Phase::C)
}

/// Whether a SUPPLY or CORRECT opens nothing but what its author states.
pub fn opens_own(
    message: MessageType,
    by_initiator: bool,
    opened: impl IntoIterator<Item = u8>,
) -> bool {
    let of_one_side = matches!(message, MessageType::Supply | MessageType::Correct);
    let own =
        |number: u8| SectionKind::of(number.into()).is_some_and(|kind| states(by_initiator, kind));
    !of_one_side || opened.into_iter().all(own)
}

/// Whether a service is pulled: started by the provider with phase B at once.
pub fn is_pull(service: Service) -> bool {
    match service {
        Service::SchoolRecord | Service::Insurance | Service::FundTransfer => true,
        Service::Unspecified | Service::Employment | Service::Schooling | Service::Housing => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> (MsgId, wire::Section, Digest) {
        let kind = SectionKind::of(2).unwrap();
        let mut next = 0_u8;
        let mut random = |buffer: &mut [u8]| {
            next += 1;
            buffer.fill(next);
        };
        let values = [
            (1, Value::Number(2)),
            (2, Value::Number(3)),
            (3, Value::Number(1)),
            (6, Value::Flag(false)),
        ];
        let section = build(kind, &values, &mut random).unwrap();
        let id = MsgId([9; 16]);
        let digest = digest_of(&id, &section).unwrap();
        (id, section, digest)
    }

    #[test]
    fn what_was_built_opens_and_nothing_else_does() {
        let (id, section, digest) = built();
        let values = open(&id, &section, &digest).unwrap();
        assert_eq!(values.iter().map(|v| v.0).collect::<Vec<_>>(), [1, 2, 3, 6]);
        assert_eq!(open(&MsgId([8; 16]), &section, &digest), Err(SectionError::SectionDigest));
        for at in 0..section.disclosures.len() {
            for byte in 0..section.disclosures[at].len() {
                let mut bad = section.clone();
                bad.disclosures[at][byte] ^= 1;
                assert!(open(&id, &bad, &digest).is_err(), "{at} {byte}");
            }
        }
        let mut swapped = section.clone();
        swapped.disclosures.swap(0, 1);
        assert_eq!(open(&id, &swapped, &digest), Err(SectionError::Disclosure));
        let mut fewer = section.clone();
        fewer.disclosures.remove(0);
        assert_eq!(open(&id, &fewer, &digest).unwrap().len(), 3);
    }

    #[test]
    fn a_value_of_a_wrong_type_is_not_built() {
        let kind = SectionKind::of(2).unwrap();
        let wrong = [(1, Value::Number(6))];
        assert!(build(kind, &wrong, &mut |_: &mut [u8]| {}).is_err());
        let unknown = [(7, Value::Number(1))];
        assert!(build(kind, &unknown, &mut |_: &mut [u8]| {}).is_err());
    }

    #[test]
    fn every_message_of_a_type_and_service_has_the_same_slots() {
        let names = |m, s| slots(m, s).iter().map(|k| k.number).collect::<Vec<_>>();
        assert_eq!(names(MessageType::Offer, Service::Schooling), [2]);
        assert_eq!(names(MessageType::Release, Service::Schooling), [16, 18, 19]);
        assert_eq!(names(MessageType::Request, Service::Insurance), [16, 20]);
        assert_eq!(names(MessageType::Outcome, Service::Housing), [36]);
        assert!(names(MessageType::Withdraw, Service::Employment).is_empty());
    }
}
