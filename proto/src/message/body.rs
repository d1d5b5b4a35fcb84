//! The body of each message type, and the due date its type has or leaves absent.

use super::{
    Fault, check_terms, date, digest, fault, is_ascending, office, optional_date, optional_digest,
    require, terms_digest,
};
use crate::day::Day;
use crate::refusal::Refusal;
use crate::section::{PERSON, SectionKind, is_same_person};
use crate::wire::message::Body;
use crate::wire::{
    self, CapacityState, DecisionCode, Duty, EffectScope, HandledIn, KeepingDuty, MessageType,
    ProgressStep, ReturnCode, Service, Terms, VoidCode,
};

const BAD: Refusal = Refusal::BadBody;

/// How a type stands to `due_date`.
enum Due {
    /// Always there.
    Must,
    /// There, or replaced by the date in the body until which a slot or a wait is held.
    OrUntil,
    /// Where it applies.
    May,
    /// Never.
    Never,
}

fn due_rule(kind: MessageType, is_fulfilled: bool) -> Due {
    match kind {
        MessageType::Offer
        | MessageType::Request
        | MessageType::TakeUp
        | MessageType::Clarify
        | MessageType::Supply
        | MessageType::Release
        | MessageType::Redirect => Due::Must,
        MessageType::Accept | MessageType::Waitlist => Due::OrUntil,
        MessageType::Outcome if is_fulfilled => Due::Must,
        MessageType::Progress | MessageType::Correct | MessageType::EraseNotice => Due::May,
        MessageType::Unspecified
        | MessageType::Outcome
        | MessageType::Decline
        | MessageType::Complete
        | MessageType::Withdraw
        | MessageType::WithdrawEffect
        | MessageType::Return
        | MessageType::Expire
        | MessageType::Void
        | MessageType::Remind
        | MessageType::EraseConfirm
        | MessageType::Consent
        | MessageType::CapacityQuery
        | MessageType::CapacityAnswer
        | MessageType::VacancyNotice => Due::Never,
    }
}

/// The due date: as the type asks, an existing date, and counted by a calendar that is named.
pub(super) fn due(found: &wire::Message, kind: MessageType) -> Result<Option<Day>, Fault> {
    let day = optional_date(found.due_date, "due_date")?;
    let until = match &found.body {
        Some(Body::Accept(accept)) => accept.slot_until,
        Some(Body::Waitlist(waitlist)) => waitlist.until,
        Some(_) | None => 0,
    };
    let is_fulfilled = matches!(&found.body, Some(Body::Outcome(o)) if o.not_realised == 0);
    let fits = match due_rule(kind, is_fulfilled) {
        Due::Must => day.is_some(),
        Due::OrUntil => day.is_some() || until != 0,
        Due::May => true,
        Due::Never => day.is_none(),
    };
    require(fits, BAD, "due_date")?;
    require(day.is_none() || found.calendar_version > 0, BAD, "calendar_version")?;
    Ok(day)
}

/// The type or types a body belongs to.
fn types_of(body: &Body) -> &'static [MessageType] {
    match body {
        Body::Opening(_) => &[MessageType::Offer, MessageType::Request],
        Body::TakeUp(_) => &[MessageType::TakeUp],
        Body::Clarify(_) => &[MessageType::Clarify],
        Body::Supply(_) => &[MessageType::Supply],
        Body::Accept(_) => &[MessageType::Accept],
        Body::Waitlist(_) => &[MessageType::Waitlist],
        Body::Decline(_) => &[MessageType::Decline],
        Body::Release(_) => &[MessageType::Release],
        Body::Progress(_) => &[MessageType::Progress],
        Body::Outcome(_) => &[MessageType::Outcome],
        Body::Complete(_) => &[MessageType::Complete],
        Body::Correct(_) => &[MessageType::Correct],
        Body::Redirect(_) => &[MessageType::Redirect],
        Body::Withdraw(_) => &[MessageType::Withdraw],
        Body::WithdrawEffect(_) => &[MessageType::WithdrawEffect],
        Body::Return(_) => &[MessageType::Return],
        Body::Expire(_) => &[MessageType::Expire],
        Body::Void(_) => &[MessageType::Void],
        Body::Remind(_) => &[MessageType::Remind],
        Body::EraseNotice(_) => &[MessageType::EraseNotice],
        Body::EraseConfirm(_) => &[MessageType::EraseConfirm],
        Body::ConsentTaken(_) => &[MessageType::Consent],
        Body::CapacityQuery(_) => &[MessageType::CapacityQuery],
        Body::CapacityAnswer(_) => &[MessageType::CapacityAnswer],
        Body::VacancyNotice(_) => &[MessageType::VacancyNotice],
    }
}

/// Checks that the body is the one of its type and that its fields have a right form.
pub(super) fn check(
    found: &wire::Message,
    kind: MessageType,
    service: Service,
) -> Result<(), Fault> {
    let body = found.body.as_ref().ok_or(Fault { refusal: BAD, field: "body" })?;
    require(types_of(body).contains(&kind), BAD, "body")?;
    match body {
        Body::Opening(opening) => check_opening(opening, service),
        Body::TakeUp(window) => check_window(window),
        Body::Clarify(clarify) => {
            require(clarify.ground > 0, BAD, "clarify.ground")?;
            full_window(clarify.window.as_ref())
        }
        Body::Supply(supply) => digest(&supply.answers, "supply.answers").map(drop),
        Body::Accept(accept) => check_accept(accept, service),
        Body::Waitlist(waitlist) => {
            date(waitlist.until, "waitlist.until")?;
            require(waitlist.band > 0, BAD, "waitlist.band")
        }
        Body::Decline(decline) => {
            let known = decline.decision() != DecisionCode::Unspecified;
            require(known, BAD, "decline.decision")?;
            code(&decline.appeal_office, "decline.appeal_office")
        }
        Body::Release(release) => {
            acknowledged(&release.terms_digest, service, true, "release.terms_digest")
        }
        Body::Progress(progress) => {
            require(progress.step() != ProgressStep::Unspecified, BAD, "progress.step")
        }
        Body::Outcome(outcome) => check_outcome(outcome),
        Body::Complete(complete) => {
            let covered = optional_date(complete.covered_from, "complete.covered_from")?;
            let fits = covered.is_none() || service == Service::Insurance;
            require(fits, BAD, "complete.covered_from")
        }
        Body::Correct(correct) => check_correct(correct, service),
        Body::Redirect(redirect) => {
            code(&redirect.office, "redirect.office")?;
            require(redirect.office != found.from_office, BAD, "redirect.office")?;
            redirect.window.as_ref().map_or(Ok(()), check_window)
        }
        Body::Withdraw(wire::Withdraw {}) => Ok(()),
        Body::WithdrawEffect(effect) => check_kept(effect.scope(), effect.duty(), effect.until),
        Body::Return(found) => require(found.code() != ReturnCode::Unspecified, BAD, "return.code"),
        Body::Expire(expire) => check_expire(expire),
        Body::Void(void) => require(void.code() != VoidCode::Unspecified, BAD, "void.code"),
        Body::Remind(remind) => require(remind.duty() != Duty::Unspecified, BAD, "remind.duty"),
        Body::EraseNotice(notice) => check_notice(notice, service),
        Body::EraseConfirm(confirm) => {
            check_kept(confirm.scope(), confirm.duty(), confirm.until)?;
            let whole = |bytes: &Vec<u8>| bytes.len() == 32;
            require(confirm.digests.iter().all(whole), BAD, "erase_confirm.digests")
        }
        Body::ConsentTaken(taken) => {
            acknowledged(&taken.terms_digest, service, false, "consent_taken.terms_digest")
        }
        Body::CapacityQuery(query) => {
            require(query.asks() == service, BAD, "capacity_query.asks")?;
            let district = query.district.is_empty() || is_line(&query.district, 64);
            require(district, BAD, "capacity_query.district")
        }
        Body::CapacityAnswer(answer) => check_capacity(answer),
        Body::VacancyNotice(notice) => check_vacancy(notice, service),
    }
}

const MISSING: Fault = Fault { refusal: Refusal::TermsMissing, field: "terms" };

fn check_notice(notice: &wire::EraseNotice, service: Service) -> Result<(), Fault> {
    let serves = |number: &u32| SectionKind::of(*number).is_some_and(|kind| kind.serves(service));
    let fits = !notice.sections.is_empty()
        && is_ascending(&notice.sections)
        && notice.sections.iter().all(serves);
    require(fits, BAD, "erase_notice.sections")
}

fn check_vacancy(notice: &wire::VacancyNotice, service: Service) -> Result<(), Fault> {
    require(service == Service::Employment, BAD, "service")?;
    let terms = notice.terms.as_ref().ok_or(MISSING)?;
    check_terms(terms).or_else(|field| fault(Refusal::TermsMissing, field))?;
    require(notice.posts > 0, BAD, "vacancy_notice.posts")?;
    date(notice.valid_until, "vacancy_notice.valid_until").map(drop)
}

fn check_opening(opening: &wire::Opening, service: Service) -> Result<(), Fault> {
    date(opening.filed_on, "opening.filed_on")?;
    require(matches!(opening.supersedes.len(), 0 | 16), BAD, "opening.supersedes")?;
    let has_item = service == Service::Insurance;
    require((opening.item_code > 0) == has_item, BAD, "opening.item_code")
}

fn check_accept(accept: &wire::Accept, service: Service) -> Result<(), Fault> {
    optional_date(accept.slot_until, "accept.slot_until")?;
    full_window(accept.window.as_ref())?;
    acknowledged(&accept.terms_digest, service, true, "accept.terms_digest")?;
    carried_terms(&accept.terms_digest, accept.terms.as_ref())
}

fn check_outcome(outcome: &wire::Outcome) -> Result<(), Fault> {
    let fulfilled = outcome.not_realised() == DecisionCode::Unspecified;
    let handled = outcome.handled_in();
    require(!fulfilled || handled != HandledIn::Unspecified, BAD, "outcome.handled_in")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = outcome.reference.len() <= 64 && outcome.reference.bytes().all(plain);
    require(fits, BAD, "outcome.reference")?;
    // A pointer into the national channel is all that is left of what was done there.
    let elsewhere = handled == HandledIn::NationalPlatform;
    require(!elsewhere || !outcome.reference.is_empty(), BAD, "outcome.reference")
}

fn check_correct(correct: &wire::Correct, service: Service) -> Result<(), Fault> {
    digest(&correct.corrects, "correct.corrects")?;
    acknowledged(&correct.terms_digest, service, false, "correct.terms_digest")?;
    carried_terms(&correct.terms_digest, correct.terms.as_ref())?;
    if correct.section == 0 {
        require(correct.fields.is_empty(), BAD, "correct.fields")?;
        return require(!correct.terms_digest.is_empty(), BAD, "correct.section");
    }
    let kind = SectionKind::of(correct.section).filter(|kind| kind.serves(service));
    let kind = kind.ok_or(Fault { refusal: BAD, field: "correct.section" })?;
    let fits = !correct.fields.is_empty()
        && is_ascending(&correct.fields)
        && correct.fields.iter().all(|number| kind.field(*number).is_some());
    require(fits, BAD, "correct.fields")?;
    let of_person = kind.number == PERSON;
    require(!of_person || is_same_person(&correct.fields), BAD, "correct.fields")
}

fn check_expire(expire: &wire::Expire) -> Result<(), Fault> {
    require(expire.duty() != Duty::Unspecified, BAD, "expire.duty")?;
    let receipt = optional_digest(&expire.receipt, "expire.receipt")?;
    let terminate = optional_digest(&expire.terminate, "expire.terminate")?;
    require(receipt.is_some() != terminate.is_some(), BAD, "expire.receipt")
}

fn check_capacity(answer: &wire::CapacityAnswer) -> Result<(), Fault> {
    digest(&answer.answers, "capacity_answer.answers")?;
    let state = answer.state();
    require(state != CapacityState::Unspecified, BAD, "capacity_answer.state")?;
    let waits = state == CapacityState::Waitlist || answer.wait_days == 0;
    require(waits, BAD, "capacity_answer.wait_days")?;
    let as_of = date(answer.as_of, "capacity_answer.as_of")?;
    let until = date(answer.valid_until, "capacity_answer.valid_until")?;
    require(as_of <= until, BAD, "capacity_answer.valid_until")
}

/// What is kept names its duty and its end; what is gone names neither.
fn check_kept(scope: EffectScope, duty: KeepingDuty, until: u32) -> Result<(), Fault> {
    let named = duty != KeepingDuty::Unspecified;
    match scope {
        EffectScope::Unspecified => fault(BAD, "scope"),
        EffectScope::Kept => {
            require(named, BAD, "duty")?;
            date(until, "until").map(drop)
        }
        EffectScope::Erased | EffectScope::NothingHeld => {
            require(!named, BAD, "duty")?;
            require(until == 0, BAD, "until")
        }
    }
}

/// Terms are named for jobs, where `must` says so always, and for nothing else.
fn acknowledged(
    bytes: &[u8],
    service: Service,
    must: bool,
    field: &'static str,
) -> Result<(), Fault> {
    let named = optional_digest(bytes, field)?;
    if service == Service::Employment {
        require(named.is_some() || !must, Refusal::TermsMissing, field)
    } else {
        require(named.is_none(), BAD, field)
    }
}

/// Terms that travel are complete and are those named.
fn carried_terms(named: &[u8], terms: Option<&Terms>) -> Result<(), Fault> {
    let Some(terms) = terms else { return Ok(()) };
    check_terms(terms).or_else(|field| fault(Refusal::TermsMissing, field))?;
    if terms_digest(terms).0 == *named { Ok(()) } else { Err(MISSING) }
}

/// ACCEPT and CLARIFY tell once and completely where to go: a telephone at least.
fn full_window(window: Option<&wire::Window>) -> Result<(), Fault> {
    let window = window.ok_or(Fault { refusal: BAD, field: "window" })?;
    require(!window.telephone.is_empty(), BAD, "window.telephone")?;
    check_window(window)
}

fn check_window(window: &wire::Window) -> Result<(), Fault> {
    let phone = window.telephone.is_empty() || is_phone(&window.telephone);
    require(phone, BAD, "window.telephone")?;
    let unstated = window.opens_min == 0 && window.closes_min == 0;
    let hours = window.opens_min < window.closes_min && window.closes_min <= 24 * 60;
    require(unstated || hours, BAD, "window.closes_min")?;
    require(is_ascending(&window.bring), BAD, "window.bring")
}

fn code(text: &str, field: &'static str) -> Result<(), Fault> {
    office(text, field).map(drop).or_else(|_| fault(BAD, field))
}

/// Digits, "+" and "-", with three digits at least and 32 characters at most.
pub(super) fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let clean = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'));
    clean && digits >= 3 && text.len() <= 32
}

/// One line of 1 to `most` characters.
pub(super) fn is_line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
