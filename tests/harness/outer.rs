//! Tokens of those who stand outside of the desks: helpers, employers, liaison posts.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::people;
use jieli_node::config::{DeskRole, DeskToken};
use jieli_proto::number::CreditCode;

/// The liaison posts of the first and the second city, as their agreement names them.
pub const LIAISON_POSTS: [&str; 2] = ["就业促进科科长", "就业服务科科长"];

/// Helpers of a union; an employer of the first vacancy and of the second, and a liaison post, of the
/// labour office.
pub(crate) fn tokens(at: usize, union: &CreditCode, labour: &CreditCode) -> Vec<DeskToken> {
    let helper = |name: &str| DeskToken::named(name, DeskRole::Helper, union);
    let employer = |name: &str, vacancy: usize| {
        let terms = people::vacancies()[vacancy].terms.clone().unwrap();
        let employer = Some(CreditCode::parse(&terms.employer_code).unwrap());
        DeskToken { employer, ..DeskToken::named(name, DeskRole::Employer, labour) }
    };
    let post = Some(LIAISON_POSTS[at].to_owned());
    vec![
        helper("helper"),
        helper("helper-2"),
        employer("employer", 0),
        employer("employer-2", 1),
        DeskToken { post, ..DeskToken::named("liaison", DeskRole::Liaison, labour) },
    ]
}
