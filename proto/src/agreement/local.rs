//! Between two offices of one city nobody contracts with anybody: the law is the same, with the
//! default service levels, for every service, in both directions.

use super::{Agreement, purpose_of};
use crate::day::Day;
use crate::id::{AgreementId, CityId};
use crate::section::{Phase, TABLE};
use crate::wire::{self, HolderSide, LegalBasis, OfficeKind, Service};
use crate::words;

/// The services, in the order of their numbers.
const SERVICES: [Service; 6] = [
    Service::Employment,
    Service::Schooling,
    Service::SchoolRecord,
    Service::Insurance,
    Service::Housing,
    Service::FundTransfer,
];

impl Agreement {
    /// The law between the offices of one city, in the shape of an agreement, so that one set of
    /// rules asks both. Its version is 0; nobody agrees to it, and only a person's copy holds it. Side
    /// A is whoever begins a leg, side B whoever examines it.
    pub fn within_city(city: &CityId, offices: Vec<wire::Office>) -> Self {
        let party =
            wire::Party { city_id: city.as_str().to_owned(), offices, ..wire::Party::default() };
        let id = AgreementId::LOCAL;
        let wire = wire::Agreement {
            agreement_id: id.to_vec(),
            parties: vec![party.clone(), party],
            services: SERVICES.into_iter().map(rule).collect(),
            no_fee_to_person: true,
            no_target: true,
            ..wire::Agreement::default()
        };
        let cities = [city.clone(), city.clone()];
        // Every date there is.
        let (from, to) = (Day::from_epoch_days(i64::MIN), Day::from_epoch_days(i64::MAX));
        Agreement { wire, id, cities, from, to }
    }

    /// The same law with its dates counted in a zone, minutes east of UTC: what a city signs for a
    /// person's copy.
    pub fn in_zone(mut self, zone_offset_min: i32) -> Self {
        self.wire.parties.iter_mut().for_each(|party| party.zone_offset_min = zone_offset_min);
        self
    }

    /// Reads what [`Agreement::within_city`] makes, and nothing else: offices and a zone are all that
    /// a city can say of itself here.
    pub fn read_within_city(found: &wire::Agreement) -> Option<Agreement> {
        let party = found.parties.first()?;
        let city = CityId::parse(&party.city_id)?;
        let made = Agreement::within_city(&city, party.offices.clone());
        let made = made.in_zone(party.zone_offset_min);
        (made.wire == *found).then_some(made)
    }
}

/// The office that handles a service reads its sections; whoever sent the person, how it ended.
fn rule(service: Service) -> wire::ServiceRule {
    let numbers = |only: Option<Phase>| -> Vec<u32> {
        let kinds = TABLE.iter().filter(|kind| kind.serves(service));
        let kinds = kinds.filter(|kind| only.is_none_or(|phase| kind.phase == phase));
        kinds.map(|kind| u32::from(kind.number)).collect()
    };
    let handler = words::kind_of_service(service);
    let mut sections = vec![wire::OfficeSections { kind: handler.into(), sections: numbers(None) }];
    for sender in [OfficeKind::Labour, OfficeKind::Coordination] {
        if sender != handler {
            let sections_c = numbers(Some(Phase::C));
            sections.push(wire::OfficeSections { kind: sender.into(), sections: sections_c });
        }
    }
    wire::ServiceRule {
        service: service.into(),
        holders: vec![HolderSide::A.into(), HolderSide::B.into()],
        sections,
        legal_basis: LegalBasis::Consent.into(),
        purposes: vec![purpose_of(service).into()],
        ..wire::ServiceRule::default()
    }
}
