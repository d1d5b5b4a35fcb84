//! Which places: the classes in which they are announced, asked for and counted.

use crate::store::{Row, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::section::Value;
use jieli_proto::wire::{self, Service};
use jieli_proto::words;

/// A class of places that is announced and counted by itself: an own column each, so that nothing
/// but what an OFFER says can ever be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The service.
    pub service: Service,
    /// School stage; 0 for other services.
    pub stage: u32,
    /// Kind of home; 0 for other services.
    pub home_kind: u32,
    /// District; empty for the whole city.
    pub district: String,
    /// Vacancy reference; empty for other services.
    pub reference: String,
}

/// The columns of a cut, in the order of [`Cut::vals`].
pub(super) const CUT: &str = "service, stage, home_kind, district, reference";

impl Cut {
    /// The cut an OFFER falls into, from the values of its section. `None` for a service that is
    /// not announced, or where the section is not there.
    pub fn of_offer(service: Service, values: &[(u32, Value)]) -> Option<Cut> {
        let text = |field: u32| match values.iter().find(|(number, _)| *number == field) {
            Some((_, Value::Text(text))) => text.trim().to_owned(),
            Some((_, Value::Number(_) | Value::Flag(_))) | None => String::new(),
        };
        let code = match values.iter().find(|(number, _)| *number == 1) {
            Some((_, Value::Number(code))) => *code as u32,
            Some((_, Value::Text(_) | Value::Flag(_))) | None => 0,
        };
        let cut = match service {
            Service::Employment => Cut { reference: text(1), ..Cut::whole(service) },
            Service::Schooling => Cut { stage: code, district: text(5), ..Cut::whole(service) },
            Service::Housing => Cut { home_kind: code, district: text(4), ..Cut::whole(service) },
            Service::Unspecified
            | Service::SchoolRecord
            | Service::Insurance
            | Service::FundTransfer => return None,
        };
        (code > 0 || !cut.reference.is_empty()).then_some(cut)
    }

    /// As a desk names it, checked: exactly the code that belongs to the service.
    pub fn read(found: Option<&wire::Cut>) -> Outcome<Cut> {
        let found = found.cloned().unwrap_or_default();
        let service = found.service();
        let cut = Cut {
            service,
            stage: found.stage,
            home_kind: found.home_kind,
            district: found.district.trim().to_owned(),
            reference: found.reference.trim().to_owned(),
        };
        let known = |section: u8, code: u32| words::code(section, 1, u64::from(code)).is_some();
        let fits = match service {
            Service::Employment => {
                let none = cut.stage == 0 && cut.home_kind == 0 && cut.district.is_empty();
                none && !cut.reference.is_empty()
            }
            Service::Schooling => {
                known(2, cut.stage) && cut.home_kind == 0 && cut.reference.is_empty()
            }
            Service::Housing => {
                known(3, cut.home_kind) && cut.stage == 0 && cut.reference.is_empty()
            }
            Service::Unspecified
            | Service::SchoolRecord
            | Service::Insurance
            | Service::FundTransfer => false,
        };
        let is_line = |text: &str| text.len() <= 64 && !text.chars().any(char::is_control);
        if fits && is_line(&cut.district) && is_line(&cut.reference) {
            return Ok(cut);
        }
        Err(Denied::new(
            "BAD_CUT",
            "请写明：入学用学段，住房用住房类型（都可加片区），就业用岗位编号。",
            "Name the stage of a school place or the kind of a home, each with or without a \
             district, or the reference of a vacancy.",
        )
        .into())
    }

    /// As the wire carries it to a desk.
    pub fn wire(&self) -> wire::Cut {
        wire::Cut {
            service: self.service.into(),
            stage: self.stage,
            home_kind: self.home_kind,
            district: self.district.clone(),
            reference: self.reference.clone(),
        }
    }

    /// Everything of a service.
    pub(super) fn whole(service: Service) -> Cut {
        Cut { service, stage: 0, home_kind: 0, district: String::new(), reference: String::new() }
    }

    /// Whether a place for the other is a place of this cut.
    pub(super) fn holds(&self, other: &Cut) -> bool {
        let district = self.district.is_empty() || self.district == other.district;
        district && *self == Cut { district: self.district.clone(), ..other.clone() }
    }

    pub(super) fn vals(&self) -> Vec<Val> {
        vec![
            i64::from(self.service as i32).into(),
            self.stage.into(),
            self.home_kind.into(),
            self.district.as_str().into(),
            self.reference.as_str().into(),
        ]
    }

    /// From the columns of [`CUT`], the first at `at`.
    pub(super) fn of_row(row: &Row, at: usize) -> Result<Cut, StoreError> {
        let service = Service::try_from(row.int(at)? as i32);
        Ok(Cut {
            service: service.map_err(|_| StoreError::Corrupt("service"))?,
            stage: row.int(at + 1)? as u32,
            home_kind: row.int(at + 2)? as u32,
            district: row.text(at + 3)?,
            reference: row.text(at + 4)?,
        })
    }
}
