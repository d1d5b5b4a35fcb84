//! The first page of a desk, and what belongs to no task.

use crate::console::Shared;
use crate::console::frame::{Answer, CheckPage, Frame, Link, show};
use crate::console::role::Role;
use crate::console::visitor::Visitor;
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::wire;

const STYLE: &str = include_str!("../../../assets/console.css");
const ICON: &str = include_str!("../../start/icon.svg");

/// Where to, what for, and what waits there.
struct Card {
    href: &'static str,
    title: &'static str,
    text: &'static str,
    count: Option<u64>,
    urgent: bool,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    f: Frame,
    cards: Vec<Card>,
    awaiting: Option<String>,
}

/// Whether the console serves; it says nothing of the node, which has a health of its own.
pub(crate) async fn health(State(console): State<Shared>) -> Response {
    match console.accounts.any().await {
        Ok(_) => (StatusCode::OK, "ok\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "accounts\n").into_response(),
    }
}

pub(crate) async fn style() -> Response {
    let fresh = (header::CACHE_CONTROL, "max-age=600");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), fresh], STYLE).into_response()
}

pub(crate) async fn icon() -> Response {
    let fresh = (header::CACHE_CONTROL, "max-age=86400");
    ([(header::CONTENT_TYPE, "image/svg+xml"), fresh], ICON).into_response()
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let f = Frame::new(&visitor, visitor.lang.w("home.title"));
    let role = visitor.account.as_ref().map(|account| account.role);
    let mut awaiting = None;
    let mut counts = wire::QueueCounts::default();
    if matches!(role, Some(Role::SendingClerk | Role::ReceivingClerk | Role::Director)) {
        let ask = wire::ListCasesRequest { most: 1, ..Default::default() };
        let list = visitor.desk()?.list_cases(ask).await.map_err(visitor.sorry())?.into_inner();
        counts = list.counts.unwrap_or_default();
        let waiting = list.awaiting.to_string();
        awaiting = Some(visitor.lang.fill("home.awaiting", &[&waiting]));
    }
    let card = |href, title: &str, text: &str| Card {
        href,
        title: f.w(title),
        text: f.w(text),
        count: None,
        urgent: false,
    };
    let queue = || Card { count: Some(counts.ours), ..card("/queue", "nav.queue", "home.queue") };
    let overdue = || Card {
        count: Some(counts.overdue),
        urgent: counts.overdue > 0,
        ..card("/queue?due=overdue", "home.overdue", "home.overdue_text")
    };
    let cards = match role {
        Some(Role::SendingClerk) => vec![
            queue(),
            overdue(),
            card("/sheet", "nav.sheet", "home.sheet"),
            card("/find", "nav.find", "home.find"),
            card("/partners", "nav.partners", "home.partners"),
        ],
        Some(Role::ReceivingClerk) => vec![
            queue(),
            overdue(),
            card("/find", "nav.checkin", "home.checkin"),
            card("/places", "nav.places", "home.places"),
            card("/vacancies", "nav.vacancies", "home.vacancies"),
        ],
        Some(Role::StationIntake) => vec![card("/sheet", "nav.sheet", "home.sheet")],
        Some(Role::Director) => vec![
            Card { href: "/figures", ..overdue() },
            card("/figures", "nav.figures", "home.figures"),
            card("/partners", "nav.partners", "home.partners"),
        ],
        Some(Role::NamedHelper) => vec![card("/given", "nav.given", "home.given")],
        Some(Role::Employer) => vec![card("/posts", "nav.posts", "home.posts")],
        Some(Role::Liaison) => vec![card("/delays", "nav.delays", "home.delays")],
        Some(Role::WindowOfficer) => vec![card("/window", "nav.window", "home.window")],
        Some(Role::Approver) => vec![card("/partners", "nav.partners", "home.approve")],
        Some(Role::ComplianceReviewer) => vec![
            card("/review", "nav.review", "home.reviews"),
            card("/review/flags", "nav.flags", "home.flags"),
            card("/verify", "nav.verify", "home.verify"),
            card("/partners", "nav.partners", "home.review"),
            card("/packs", "nav.packs", "home.packs"),
        ],
        Some(Role::SystemAdministrator) => vec![
            card("/system", "nav.system", "home.system"),
            card("/packs", "nav.packs", "home.packs"),
        ],
        Some(Role::SecurityAdministrator) => vec![
            card("/accounts", "nav.accounts", "home.accounts"),
            card("/accounts/events", "nav.events", "home.events"),
        ],
        None => Vec::new(),
    };
    Ok(show(&HomePage { f, cards, awaiting }))
}

/// What was typed when the session ended, once: to be gone on with, on its own form.
pub(crate) async fn resume(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let account = visitor.account.as_ref().map_or(0, |account| account.id);
    let Some(typed) = visitor.console.kept.take(account, visitor.now_ms()) else {
        return Ok(Redirect::to("/").into_response());
    };
    let mut hidden = typed.fields;
    hidden.push(("change".to_owned(), "yes".to_owned()));
    Ok(show(&CheckPage {
        f: Frame::new(&visitor, lang.w("resume.title")),
        lead: vec![lang.w("resume.lead").to_owned()],
        answers: vec![(lang.w("resume.at").to_owned(), lang.time(typed.at_ms as u64))],
        hidden,
        action: typed.path,
        button: lang.w("resume.button").to_owned(),
        back: Link::new("/", lang.w("resume.drop")),
        may_change: false,
    }))
}
