//! Message bodies that are wrong in one field each.

use crate::fixtures::*;
use jieli_proto::message::terms_digest;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};

/// Type, service, the field that is wrong, and the body.
type Wrong = (MessageType, Service, &'static str, Body);

/// All of them.
pub(crate) fn wrong_bodies() -> Vec<Wrong> {
    [before_release(), from_release_on()].concat()
}

fn before_release() -> Vec<Wrong> {
    use MessageType as T;
    use Service::{Employment, Insurance, Schooling};
    let opening = |filed_on, supersedes, item_code| {
        Body::Opening(wire::Opening { filed_on, supersedes, item_code })
    };
    let phone = |text: &str| wire::Window { telephone: text.to_owned(), ..window() };
    let hours = |opens_min, closes_min| wire::Window { opens_min, closes_min, ..window() };
    let accept = |terms: Option<wire::Terms>, terms_digest| {
        Body::Accept(wire::Accept {
            slot_until: 20_261_209,
            window: Some(window()),
            terms_digest,
            terms,
        })
    };
    let other = wire::Terms { payday: 11, ..terms() };
    let empty = wire::Terms { hours_week: 0, ..terms() };
    vec![
        (T::Offer, Schooling, "opening.filed_on", opening(0, vec![], 0)),
        (T::Offer, Schooling, "opening.supersedes", opening(20_261_121, vec![1; 15], 0)),
        (T::Offer, Schooling, "opening.item_code", opening(20_261_121, vec![], 4)),
        (T::Request, Insurance, "opening.item_code", opening(20_261_121, vec![], 0)),
        (T::TakeUp, Schooling, "window.telephone", Body::TakeUp(phone("0577 12333"))),
        (T::TakeUp, Schooling, "window.closes_min", Body::TakeUp(hours(600, 600))),
        (T::TakeUp, Schooling, "window.closes_min", Body::TakeUp(hours(600, 1_441))),
        (T::TakeUp, Schooling, "window.bring", {
            Body::TakeUp(wire::Window { bring: vec![3, 3], ..window() })
        }),
        (T::Clarify, Schooling, "clarify.ground", {
            Body::Clarify(wire::Clarify { ground: 0, window: Some(window()) })
        }),
        (T::Clarify, Schooling, "window", Body::Clarify(wire::Clarify { ground: 1, window: None })),
        (T::Clarify, Schooling, "window.telephone", {
            Body::Clarify(wire::Clarify { ground: 1, window: Some(phone("")) })
        }),
        (T::Supply, Schooling, "supply.answers", Body::Supply(wire::Supply::default())),
        (T::Accept, Employment, "accept.terms_digest", accept(Some(terms()), vec![])),
        (T::Accept, Employment, "terms", accept(Some(other), terms_digest(&terms()).to_vec())),
        (T::Accept, Employment, "terms.hours_week", {
            let named = terms_digest(&empty).to_vec();
            accept(Some(empty), named)
        }),
        (T::Accept, Schooling, "accept.terms_digest", accept(None, vec![1; 32])),
        (T::Waitlist, Schooling, "waitlist.band", {
            Body::Waitlist(wire::Waitlist { until: 20_261_201, band: 0 })
        }),
        (T::Decline, Schooling, "decline.decision", {
            Body::Decline(wire::Decline { decision: 0, appeal_office: OFFICE_B[0].to_owned() })
        }),
        (T::Decline, Schooling, "decline.appeal_office", {
            Body::Decline(wire::Decline { decision: 1, appeal_office: String::new() })
        }),
    ]
}

fn from_release_on() -> Vec<Wrong> {
    use MessageType as T;
    use Service::{Employment, Insurance, Schooling};
    let correct = |section, fields: &[u32]| {
        Body::Correct(wire::Correct {
            corrects: vec![1; 32],
            section,
            fields: fields.to_vec(),
            ..wire::Correct::default()
        })
    };
    let effect =
        |scope, duty, until| Body::WithdrawEffect(wire::WithdrawEffect { scope, duty, until });
    let expire = |duty, receipt, terminate| Body::Expire(wire::Expire { duty, receipt, terminate });
    let outcome = |handled_in, reference: &str| {
        Body::Outcome(wire::Outcome {
            not_realised: 0,
            handled_in,
            reference: reference.to_owned(),
        })
    };
    let redirect =
        |office: &str| Body::Redirect(wire::Redirect { office: office.to_owned(), window: None });
    vec![
        (T::Release, Employment, "release.terms_digest", Body::Release(wire::Release::default())),
        (T::Progress, Insurance, "progress.step", Body::Progress(wire::Progress::default())),
        (T::Outcome, Schooling, "outcome.handled_in", outcome(0, "")),
        (T::Outcome, Schooling, "outcome.reference", outcome(2, "")),
        (T::Outcome, Schooling, "outcome.reference", outcome(2, "see the clerk")),
        (T::Complete, Schooling, "complete.covered_from", {
            Body::Complete(wire::Complete { covered_from: 20_261_201 })
        }),
        (T::Correct, Schooling, "correct.corrects", Body::Correct(wire::Correct::default())),
        (T::Correct, Schooling, "correct.section", correct(1, &[1])),
        (T::Correct, Schooling, "correct.section", correct(0, &[])),
        (T::Correct, Schooling, "correct.fields", correct(2, &[])),
        (T::Correct, Schooling, "correct.fields", correct(2, &[7])),
        (T::Correct, Schooling, "correct.fields", correct(2, &[2, 1])),
        (T::Redirect, Schooling, "redirect.office", redirect("1")),
        (T::Redirect, Schooling, "redirect.office", redirect(OFFICE_A[1])),
        (T::WithdrawEffect, Schooling, "scope", effect(0, 0, 0)),
        (T::WithdrawEffect, Schooling, "duty", effect(2, 0, 20_281_231)),
        (T::WithdrawEffect, Schooling, "until", effect(2, 1, 0)),
        (T::WithdrawEffect, Schooling, "duty", effect(1, 1, 0)),
        (T::WithdrawEffect, Schooling, "until", effect(3, 0, 20_281_231)),
        (T::Return, Schooling, "return.code", Body::Return(wire::Return::default())),
        (T::Expire, Schooling, "expire.duty", expire(0, vec![1; 32], vec![])),
        (T::Expire, Schooling, "expire.receipt", expire(1, vec![], vec![])),
        (T::Expire, Schooling, "expire.receipt", expire(1, vec![1; 32], vec![1; 32])),
        (T::Expire, Schooling, "expire.terminate", expire(1, vec![], vec![1; 16])),
        (T::Void, Schooling, "void.code", Body::Void(wire::Void::default())),
        (T::Remind, Schooling, "remind.duty", Body::Remind(wire::Remind::default())),
        (T::EraseNotice, Schooling, "erase_notice.sections", {
            Body::EraseNotice(wire::EraseNotice { sections: vec![18, 16] })
        }),
        (T::EraseNotice, Schooling, "erase_notice.sections", {
            Body::EraseNotice(wire::EraseNotice { sections: vec![17] })
        }),
        (T::EraseConfirm, Schooling, "erase_confirm.digests", {
            Body::EraseConfirm(wire::EraseConfirm {
                scope: 1,
                digests: vec![vec![1; 31]],
                ..wire::EraseConfirm::default()
            })
        }),
        (T::CapacityQuery, Schooling, "capacity_query.asks", {
            Body::CapacityQuery(wire::CapacityQuery { asks: 1, ..Default::default() })
        }),
    ]
}
