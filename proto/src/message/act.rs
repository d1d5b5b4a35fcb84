//! What the case law looks at in a message. Node and verifier read messages through this one
//! mapping, so that they judge the same acts.

use crate::case::{Act, Direction, Duty, Kind, Proof, Rules, Side};
use crate::day::Day;
use crate::id::Digest;
use crate::refusal::Refusal;
use crate::section::{self, Phase, SectionKind};
use crate::wire::message::Body;
use crate::wire::{self, MessageType, Service};

/// What of a service changes the law of its legs.
pub fn rules(service: Service) -> Rules {
    Rules { direction: direction(service), employment: service == Service::Employment }
}

/// Who starts a leg of a service.
pub fn direction(service: Service) -> Direction {
    if section::is_pull(service) { Direction::Pull } else { Direction::Push }
}

/// What of a message the law needs and the payload alone does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// `created_unix_ms` as a civil date.
    pub made_on: Day,
    /// Whether a live consent that names the accepting office stands behind a RELEASE.
    pub consent_live: bool,
    /// What stands behind an EXPIRE.
    pub proof: Option<Proof>,
}

/// Reduces a message to what the law looks at. `question` finds the leg_seq of a CLARIFY.
pub fn act_of(
    message: &wire::Message,
    by: Side,
    seq: u32,
    seen: u32,
    context: Context,
    question: &dyn Fn(&Digest) -> Option<u32>,
) -> Result<Act, Refusal> {
    let body = message.body.as_ref().ok_or(Refusal::BadBody)?;
    let kind = kind_of(message.r#type(), body, context, question).ok_or(Refusal::BadBody)?;
    let due = Day::from_number(message.due_date);
    Ok(Act { by, seq, seen, made_on: context.made_on, due, kind })
}

fn kind_of(
    ty: MessageType,
    body: &Body,
    context: Context,
    question: &dyn Fn(&Digest) -> Option<u32>,
) -> Option<Kind> {
    let digest = |bytes: &[u8]| Digest::from_slice(bytes).map(|d| d.0);
    Some(match body {
        Body::Opening(_) if ty == MessageType::Request => Kind::Request,
        Body::Opening(_) => Kind::Offer,
        Body::TakeUp(_) => Kind::TakeUp,
        Body::Clarify(body) => Kind::Clarify { ground: body.ground },
        Body::Supply(body) => {
            // An unknown question is judged as one that is not open.
            let named = Digest::from_slice(&body.answers).and_then(|d| question(&d));
            Kind::Supply { question: named.unwrap_or(0) }
        }
        Body::Accept(body) => Kind::Accept {
            slot_until: Day::from_number(body.slot_until),
            terms: digest(&body.terms_digest),
        },
        Body::Waitlist(body) => Kind::Waitlist { until: Day::from_number(body.until) },
        Body::Decline(_) => Kind::Decline,
        Body::Release(body) => {
            Kind::Release { consent_live: context.consent_live, terms: digest(&body.terms_digest) }
        }
        Body::Progress(_) => Kind::Progress,
        Body::Outcome(body) if body.not_realised == 0 => Kind::OutcomeFulfilled,
        Body::Outcome(_) => Kind::OutcomeNotRealised,
        Body::Complete(_) => Kind::Complete,
        Body::Correct(body) => Kind::Correct {
            relevant: is_decision_relevant(body.section),
            terms: digest(&body.terms_digest),
        },
        Body::Redirect(_) => Kind::Redirect,
        Body::Withdraw(_) => Kind::Withdraw,
        Body::WithdrawEffect(_) => Kind::WithdrawEffect,
        Body::Return(_) => Kind::Return,
        Body::Expire(body) => Kind::Expire { duty: duty_of(body.duty())?, proof: context.proof? },
        Body::Void(_) => Kind::Void,
        Body::Remind(body) => Kind::Remind { duty: duty_of(body.duty())? },
        Body::EraseNotice(_) => Kind::EraseNotice,
        Body::EraseConfirm(_) => Kind::EraseConfirm,
        Body::ConsentTaken(body) => Kind::Consent { terms: digest(&body.terms_digest) },
        Body::CapacityQuery(_) | Body::CapacityAnswer(_) | Body::VacancyNotice(_) => return None,
    })
}

/// What the examiner decided on is phase A; a correction of it asks for a new decision.
fn is_decision_relevant(section: u32) -> bool {
    SectionKind::of(section).is_some_and(|kind| kind.phase == Phase::A)
}

/// The side whose calendar a message of `by` counts with, and names in `calendar_version`: that of
/// the office that owes what the message dates or reminds of, else its author's own.
pub fn counted_by(message: &wire::Message, by: Side) -> Side {
    let dated = match message.r#type() {
        MessageType::Offer
        | MessageType::Request
        | MessageType::Redirect
        | MessageType::TakeUp
        | MessageType::Waitlist
        | MessageType::Correct
        | MessageType::Supply
        | MessageType::Release
        | MessageType::Progress => Some(Side::Examiner),
        MessageType::Clarify | MessageType::Outcome => Some(Side::Initiator),
        MessageType::Accept => Some(match direction(message.service()) {
            Direction::Push => Side::Initiator,
            Direction::Pull => Side::Examiner,
        }),
        MessageType::Remind => return reminded(message).unwrap_or(by),
        MessageType::Unspecified
        | MessageType::Decline
        | MessageType::Complete
        | MessageType::Withdraw
        | MessageType::WithdrawEffect
        | MessageType::Return
        | MessageType::Expire
        | MessageType::Void
        | MessageType::EraseNotice
        | MessageType::EraseConfirm
        | MessageType::Consent
        | MessageType::CapacityQuery
        | MessageType::CapacityAnswer
        | MessageType::VacancyNotice => None,
    };
    dated.filter(|_| message.due_date > 0).unwrap_or(by)
}

/// Who owes what a REMIND names.
fn reminded(message: &wire::Message) -> Option<Side> {
    match &message.body {
        Some(Body::Remind(body)) => duty_of(body.duty())?.debtor(),
        Some(_) | None => None,
    }
}

/// The law's duty of a wire duty.
pub fn duty_of(duty: wire::Duty) -> Option<Duty> {
    Some(match duty {
        wire::Duty::Unspecified => return None,
        wire::Duty::TakeUp => Duty::TakeUp,
        wire::Duty::Decide => Duty::Decide,
        wire::Duty::Supply => Duty::Supply,
        wire::Duty::Release => Duty::Release,
        wire::Duty::Outcome => Duty::Outcome,
        wire::Duty::Complete => Duty::Complete,
        wire::Duty::WithdrawEffect => Duty::WithdrawEffect,
    })
}

/// The wire duty of the law's.
pub fn wire_duty(duty: Duty) -> wire::Duty {
    match duty {
        Duty::TakeUp => wire::Duty::TakeUp,
        Duty::Decide => wire::Duty::Decide,
        Duty::Supply => wire::Duty::Supply,
        Duty::Release => wire::Duty::Release,
        Duty::Outcome => wire::Duty::Outcome,
        Duty::Complete => wire::Duty::Complete,
        Duty::WithdrawEffect => wire::Duty::WithdrawEffect,
        // Nothing on the wire gives this duty a date.
        Duty::EraseConfirm => wire::Duty::Unspecified,
    }
}
