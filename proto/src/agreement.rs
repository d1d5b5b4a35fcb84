//! The agreement: what alone makes an exchange between two cities legal.

use crate::day::Day;
use crate::id::{AgreementId, CityId, Digest};
use crate::kinds::PartySide;
use crate::refusal::Refusal;
use crate::section::{self, SectionKind};
use crate::wire::{self, Duty, HolderSide, MessageType, OfficeKind, Purpose, Service};

mod local;
mod succession;

pub use succession::office_at;

/// Years an agreement may run at most.
pub const YEARS_MAX: u32 = 3;

/// Whether a service is covered for persons whose records a side holds.
fn runs_from(rule: &wire::ServiceRule, holder: PartySide) -> bool {
    let holder = match holder {
        PartySide::A => HolderSide::A,
        PartySide::B => HolderSide::B,
    };
    rule.holders().any(|side| side == holder)
}

/// Why a draft or a proposal is not an agreement; names the item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{item}: {what}")]
pub struct Flaw {
    /// Which item.
    pub item: String,
    /// What is wrong and what to write instead.
    pub what: &'static str,
}

fn flaw<T>(item: impl Into<String>, what: &'static str) -> Result<T, Flaw> {
    Err(Flaw { item: item.into(), what })
}

/// A checked agreement.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// As signed.
    pub wire: wire::Agreement,
    /// Its id.
    pub id: AgreementId,
    /// Party A and party B.
    pub cities: [CityId; 2],
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// What a message asks of an agreement.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who sends it.
    pub sender: PartySide,
    /// Its type.
    pub message: MessageType,
    /// Its service.
    pub service: Service,
    /// Office it comes from; one of the sender's.
    pub from_office: &'a str,
    /// Office it goes to; one of the recipient's.
    pub to_office: &'a str,
    /// Purpose cited, or unspecified where the type leaves it absent.
    pub purpose: Purpose,
    /// Which side holds the record or sends the person.
    pub holder: PartySide,
    /// Date of the message in the zone of the sender's calendar.
    pub on: Day,
}

impl Agreement {
    /// Checks an agreement as drafted, proposed or received.
    pub fn check(found: &wire::Agreement) -> Result<Agreement, Flaw> {
        let id = AgreementId::from_slice(&found.agreement_id).filter(|id| !id.is_local());
        let Some(id) = id else {
            return flaw("agreement_id", "16 random bytes are needed");
        };
        if found.version == 0 || Digest::from_slice(&found.prev_digest).is_none() {
            return flaw("version", "counts from 1 and names the version before");
        }
        let [a, b] = found.parties.as_slice() else {
            return flaw("parties", "there are exactly two");
        };
        let cities = [party(a)?, party(b)?];
        if cities[0] >= cities[1] {
            return flaw("parties", "the city whose id sorts first comes first");
        }
        let days = (Day::from_number(found.valid_from), Day::from_number(found.valid_to));
        let (Some(from), Some(to)) = days else {
            return flaw("valid_from, valid_to", "two dates are needed");
        };
        if to < from || to.number() > from.number() + YEARS_MAX * 10_000 {
            return flaw("valid_to", "at most three years after valid_from");
        }
        if !(found.no_fee_to_person && found.no_target) {
            return flaw("certificates", "both must be certified: no fee to a person, no target");
        }
        if found.services.is_empty() {
            return flaw("services", "at least one is needed");
        }
        for pair in found.services.windows(2) {
            if pair[0].service >= pair[1].service {
                return flaw("services", "each service once, in the order of their numbers");
            }
        }
        for rule in &found.services {
            service_rule(rule)?;
        }
        Ok(Agreement { wire: found.clone(), id, cities, from, to })
    }

    /// The party of a side.
    pub fn party(&self, side: PartySide) -> &wire::Party {
        &self.wire.parties[side as usize]
    }

    /// The side of a city, or `None` if it is no party.
    pub fn side_of(&self, city: &CityId) -> Option<PartySide> {
        [PartySide::A, PartySide::B].into_iter().find(|side| self.cities[*side as usize] == *city)
    }

    /// An office of a party by credit code.
    pub fn office(&self, side: PartySide, credit_code: &str) -> Option<&wire::Office> {
        self.party(side).offices.iter().find(|office| office.credit_code == credit_code)
    }

    /// The first office of a kind on a side.
    pub fn office_of_kind(&self, side: PartySide, kind: OfficeKind) -> Option<&wire::Office> {
        self.party(side).offices.iter().find(|office| office.kind() == kind)
    }

    /// The rule of a service.
    pub fn rule(&self, service: Service) -> Option<&wire::ServiceRule> {
        self.wire.services.iter().find(|rule| rule.service() == service)
    }

    /// Working days of a duty for a service: the agreement's, else the default of casework 4.
    pub fn working_days(&self, service: Service, duty: Duty) -> u32 {
        let stated = self
            .rule(service)
            .and_then(|rule| rule.levels.iter().find(|level| level.duty() == duty))
            .map(|level| level.working_days);
        stated.unwrap_or_else(|| default_days(service, duty))
    }

    /// Whether it covers a service for persons whose records a side holds.
    pub fn covers(&self, service: Service, holder: PartySide) -> bool {
        self.rule(service).is_some_and(|rule| runs_from(rule, holder))
    }

    /// Whether this version allows a message; both the sender's and the receiver's node ask.
    pub fn authorise(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        // Taking back stays possible for ever, whatever offices and services a later version
        // covers: the leg has fixed its offices, and who reads the leg compares them. So does
        // EXPIRE: no leg is left that one side alone cannot close.
        if takes_back(asked.message) || asked.message == MessageType::Expire {
            return Ok(());
        }
        self.office(asked.sender, asked.from_office).ok_or(Refusal::OfficeNotCovered)?;
        let to = self.office(asked.sender.other(), asked.to_office);
        let to = to.ok_or(Refusal::OfficeNotCovered)?;
        let opens = matches!(asked.message, MessageType::Offer | MessageType::Request);
        if opens && !(self.from..=self.to).contains(&asked.on) {
            return Err(Refusal::OutsideDates);
        }
        let rule = self.rule(asked.service).ok_or(Refusal::ServiceNotCovered)?;
        if !runs_from(rule, asked.holder) {
            return Err(Refusal::DirectionNotCovered);
        }
        let wants_purpose = asked.purpose != Purpose::Unspecified;
        if wants_purpose && !rule.purposes().any(|purpose| purpose == asked.purpose) {
            return Err(Refusal::ServiceNotCovered);
        }
        // An answer and a correction have all slots, of which their author can fill its own alone.
        let initiator = match section::is_pull(asked.service) {
            true => asked.holder.other(),
            false => asked.holder,
        };
        let by_initiator = asked.sender == initiator;
        let of_one_side = matches!(asked.message, MessageType::Supply | MessageType::Correct);
        let slots = section::slots(asked.message, asked.service).into_iter();
        let mut slots = slots.filter(|kind| !of_one_side || section::states(by_initiator, kind));
        if slots.all(|kind| self.opens(rule, to.kind(), kind)) {
            Ok(())
        } else {
            Err(Refusal::SectionNotCovered)
        }
    }

    /// Whether a side's office may be handed a leg of a service by REDIRECT: one to whose kind the
    /// agreement opens all that the person's side tells of that service.
    pub fn is_competent(&self, side: PartySide, office: &str, service: Service) -> bool {
        self.opens_all(side, office, service, &[MessageType::Offer, MessageType::Release])
    }

    /// Whether an office of a side may read what a REQUEST of a service tells, and so examine it.
    pub fn reads_request(&self, side: PartySide, office: &str, service: Service) -> bool {
        self.opens_all(side, office, service, &[MessageType::Request])
    }

    /// Whether an office of a side that begins a leg of a service could ever hear its result.
    pub fn hears_result(&self, side: PartySide, office: &str, service: Service) -> bool {
        self.opens_all(side, office, service, &[MessageType::Outcome])
    }

    fn opens_all(
        &self,
        side: PartySide,
        office: &str,
        service: Service,
        messages: &[MessageType],
    ) -> bool {
        let (Some(office), Some(rule)) = (self.office(side, office), self.rule(service)) else {
            return false;
        };
        messages
            .iter()
            .flat_map(|message| section::slots(*message, service))
            .all(|kind| self.opens(rule, office.kind(), kind))
    }

    fn opens(&self, rule: &wire::ServiceRule, office: OfficeKind, kind: &SectionKind) -> bool {
        rule.sections.iter().any(|allowed| {
            allowed.kind() == office && allowed.sections.contains(&u32::from(kind.number))
        })
    }
}

/// Whether a message only takes things back: legal in every state of an agreement.
pub fn takes_back(message: MessageType) -> bool {
    matches!(
        message,
        MessageType::Withdraw
            | MessageType::WithdrawEffect
            | MessageType::EraseNotice
            | MessageType::EraseConfirm
    )
}

/// The purpose that belongs to a service.
pub fn purpose_of(service: Service) -> Purpose {
    match service {
        Service::Unspecified => Purpose::Unspecified,
        Service::Employment => Purpose::JobPlacement,
        Service::Schooling => Purpose::SchoolPlace,
        Service::SchoolRecord => Purpose::SchoolRecordTransfer,
        Service::Insurance => Purpose::InsuranceTransfer,
        Service::Housing => Purpose::Home,
        Service::FundTransfer => Purpose::FundTransfer,
    }
}

/// Default working days of a duty, casework section 4.
pub fn default_days(service: Service, duty: Duty) -> u32 {
    match duty {
        Duty::Unspecified => 0,
        Duty::TakeUp | Duty::WithdrawEffect => 2,
        Duty::Decide => match service {
            Service::Employment => 5,
            Service::Insurance => 15,
            Service::Unspecified
            | Service::Schooling
            | Service::SchoolRecord
            | Service::Housing
            | Service::FundTransfer => 10,
        },
        Duty::Supply => 5,
        Duty::Release => 3,
        Duty::Outcome => 20,
        Duty::Complete => 10,
    }
}

fn party(party: &wire::Party) -> Result<CityId, Flaw> {
    let name = party.city_id.clone();
    let Some(city) = CityId::parse(&party.city_id) else {
        return flaw(name, "the city id is 3-63 of a-z, 0-9, '.' and '-'");
    };
    if Digest::from_slice(&party.root_fpr).is_none() {
        return flaw(name, "the root fingerprint is 32 bytes");
    }
    if party.legal_name.is_empty() || party.credit_code.is_empty() {
        return flaw(name, "a legal name and a credit code are needed");
    }
    if party.offices.is_empty() {
        return flaw(name, "at least one office is needed");
    }
    let ascending = party.offices.windows(2).all(|pair| pair[0].credit_code < pair[1].credit_code);
    if !ascending {
        return flaw(name, "offices are listed once each, by credit code");
    }
    for office in &party.offices {
        if crate::number::CreditCode::parse(&office.credit_code).is_err() {
            return flaw(&office.credit_code, "not a credit code of GB 32100");
        }
        if office.kind() == OfficeKind::Unspecified {
            return flaw(&office.credit_code, "the office kind is none of the closed list");
        }
    }
    succession::check(party)?;
    if party.liaison_posts.len() != 2 {
        return flaw(name, "two liaison posts are needed");
    }
    if distinct(&party.approver_posts) < 2 {
        return flaw(name, "two different approver posts are needed");
    }
    if !(-840..=840).contains(&party.zone_offset_min) || party.calendar.is_empty() {
        return flaw(name, "a calendar pack and its zone are needed");
    }
    Ok(city)
}

/// How many different entries a list has.
pub fn distinct(posts: &[String]) -> usize {
    posts.iter().collect::<std::collections::BTreeSet<_>>().len()
}

fn service_rule(rule: &wire::ServiceRule) -> Result<(), Flaw> {
    let name = rule.service().as_str_name();
    let sides = rule.holders.len();
    if rule.service() == Service::Unspecified || sides == 0 || sides > 2 {
        return flaw(name, "a service and its directions are needed");
    }
    if sides == 2 && rule.holders[0] >= rule.holders[1] {
        return flaw(name, "each direction once, A before B");
    }
    if rule.purposes().any(|purpose| purpose != purpose_of(rule.service())) {
        return flaw(name, "a purpose of another service");
    }
    for allowed in &rule.sections {
        for number in &allowed.sections {
            match SectionKind::of(*number) {
                Some(kind) if kind.serves(rule.service()) => {}
                Some(_) | None => return flaw(name, "a section of another service"),
            }
        }
    }
    if rule.levels.iter().any(|level| level.working_days > 250) {
        return flaw(name, "a service level is at most 250 working days");
    }
    Ok(())
}
