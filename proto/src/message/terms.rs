//! Job terms: complete, or they do not travel.

use super::{body, is_ascending};
use crate::id::Digest;
use crate::number::{CreditCode, DivisionCode};
use crate::wire::{Payer, Terms};
use prost::Message as _;

/// The digest that ACCEPT, RELEASE, CONSENT and CORRECT name: SHA-256 of the encoded terms.
pub fn terms_digest(terms: &Terms) -> Digest {
    Digest::of(&[&terms.encode_to_vec()])
}

/// Checks that job terms are complete and well-formed; names the first field that is not. A
/// worker must not be asked to agree to a sheet with holes in it.
pub fn check_terms(terms: &Terms) -> Result<(), &'static str> {
    let code = |text: &str| CreditCode::parse(text).is_ok_and(|code| code.as_str() == text);
    let division = |text: &str| {
        text.len() == 6
            && text.bytes().all(|b| b.is_ascii_digit())
            && DivisionCode::parse(text).is_ok()
    };
    let codes: Vec<u32> = terms.deductions.iter().map(|deduction| deduction.code).collect();
    let phones = &terms.complaint_phones;
    let checks = [
        (body::is_line(&terms.reference, 64), "terms.reference"),
        (terms.version > 0, "terms.version"),
        (code(&terms.employer_code), "terms.employer_code"),
        (body::is_line(&terms.employer_name, 200), "terms.employer_name"),
        (terms.agency_code.is_empty() || code(&terms.agency_code), "terms.agency_code"),
        (
            if terms.agency_code.is_empty() {
                terms.agency_name.is_empty()
            } else {
                body::is_line(&terms.agency_name, 200)
            },
            "terms.agency_name",
        ),
        (terms.occupation > 0, "terms.occupation"),
        (division(&terms.workplace_division), "terms.workplace_division"),
        (terms.pay_fen_month_min > 0, "terms.pay_fen_month_min"),
        (terms.pay_fen_month_min <= terms.pay_fen_month_max, "terms.pay_fen_month_max"),
        ((1..=31).contains(&terms.payday), "terms.payday"),
        (is_ascending(&codes), "terms.deductions"),
        ((1..=168).contains(&terms.hours_week), "terms.hours_week"),
        (terms.rest_days_month <= 31, "terms.rest_days_month"),
        (is_ascending(&terms.insurances), "terms.insurances"),
        (terms.lodging <= 2, "terms.lodging"),
        (terms.lodging > 0 || terms.lodging_fen_month == 0, "terms.lodging_fen_month"),
        (terms.travel_there() != Payer::Unspecified, "terms.travel_there"),
        (terms.travel_home() != Payer::Unspecified, "terms.travel_home"),
        (!phones.is_empty() && phones.iter().all(|p| body::is_phone(p)), "terms.complaint_phones"),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, field)) => Err(field),
        None => Ok(()),
    }
}
