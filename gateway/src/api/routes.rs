//! Every route with who may take it and what it says. The router, the OpenAPI document and the page
//! are made from this table and from nothing else; `gateway/api.txt` is the same table on paper.

use super::problem::{Problem, Wrong};
use super::shape::{Schemas, of};
use super::views::{
    CaseBody, DeliveriesBody, LegBody, LegPage, PlacesAsked, PlacesBody, PlacesLine, SectionAsked,
    SectionBody, StepAsked, StepDone, VacanciesBody,
};
use super::{Shared, acts, caller, deliveries, docs, events, legs, openapi, places};
use axum::Router;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;

/// Where all addresses begin.
pub(super) const BASE: &str = "/api/v1";

/// Who may take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// A system.
    System,
    /// A system, and the node shows it the legs of its own office and no others.
    OwnOffice,
}

/// A route, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path, its variables in braces.
    pub path: &'static str,
    /// Who may take it.
    pub who: Who,
}

/// What comes back.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    /// A body of this schema.
    Json(fn(&mut Schemas) -> Value),
    /// Something else, of this media type.
    Other(&'static str),
}

/// A route with its words.
pub(super) struct Told {
    pub(super) route: Route,
    pub(super) id: &'static str,
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    pub(super) takes: Option<fn(&mut Schemas) -> Value>,
    pub(super) gives: Reply,
    /// Whether a leg is acted on as it was seen.
    pub(super) matched: bool,
}

type Row = (Told, MethodRouter<Shared>);

fn row(
    (method, path, who): (&'static str, &'static str, Who),
    (id, zh, en): (&'static str, &'static str, &'static str),
    gives: Reply,
    handler: MethodRouter<Shared>,
) -> Row {
    let route = Route { method, path, who };
    (Told { route, id, zh, en, takes: None, gives, matched: false }, handler)
}

fn taking((told, handler): Row, takes: fn(&mut Schemas) -> Value) -> Row {
    (Told { takes: Some(takes), ..told }, handler)
}

fn table() -> Vec<Row> {
    use Who::{Anyone, OwnOffice, System};
    let page = Reply::Other("text/html");
    let matched = |(told, handler): Row| (Told { matched: true, ..told }, handler);
    vec![
        row(
            ("GET", "/health", Anyone),
            ("health", "是否在运行。", "Whether it serves."),
            Reply::Other("text/plain"),
            get(docs::health),
        ),
        row(
            ("GET", "/api/v1/openapi.json", Anyone),
            ("document", "本文档（OpenAPI 3.1）。", "This document (OpenAPI 3.1)."),
            Reply::Other("application/json"),
            get(openapi::shown),
        ),
        row(
            ("GET", "/api/v1/docs", Anyone),
            ("docs", "说明页。", "The page to read."),
            page,
            get(docs::page),
        ),
        row(
            ("GET", "/api/v1/style.css", Anyone),
            ("style", "说明页的样式。", "Style of that page."),
            Reply::Other("text/css"),
            get(docs::style),
        ),
        row(
            ("GET", "/api/v1/legs", System),
            ("legs", "待办队列，按期限，逐页。", "The queue, by due date, page by page."),
            Reply::Json(of::<LegPage>),
            get(legs::list),
        ),
        row(
            ("GET", "/api/v1/cases/{case}", OwnOffice),
            ("case", "一件办件。", "A case."),
            Reply::Json(of::<CaseBody>),
            get(legs::case),
        ),
        row(
            ("GET", "/api/v1/cases/{case}/legs/{leg}", OwnOffice),
            ("leg", "一个事项和现在可办的步骤。", "A leg, with the steps that may be taken now."),
            Reply::Json(of::<LegBody>),
            get(legs::leg),
        ),
        taking(
            row(
                ("POST", "/api/v1/cases/{case}/legs/{leg}/sections/{section}", OwnOffice),
                (
                    "section",
                    "打开一个部分，须说明用途；本人看得到是哪个系统、何时、为何。",
                    "Opens one section for a purpose; the person can read which system, when and why.",
                ),
                Reply::Json(of::<SectionBody>),
                post(acts::section),
            ),
            of::<SectionAsked>,
        ),
        matched(taking(
            row(
                ("POST", "/api/v1/cases/{case}/legs/{leg}/acts", OwnOffice),
                (
                    "act",
                    "办理一步。停止、确认和代本人答复不在其中。",
                    "Takes a step. Stopping, confirming and answering for a person are not among them.",
                ),
                Reply::Json(of::<StepDone>),
                post(acts::step),
            ),
            of::<StepAsked>,
        )),
        row(
            ("GET", "/api/v1/capacity", System),
            ("capacity", "本机构的名额。", "The places of this office."),
            Reply::Json(of::<PlacesBody>),
            get(places::list),
        ),
        taking(
            row(
                ("POST", "/api/v1/capacity", System),
                ("announce", "公布名额。", "Announces places."),
                Reply::Json(of::<PlacesLine>),
                post(places::announce),
            ),
            of::<PlacesAsked>,
        ),
        row(
            ("GET", "/api/v1/vacancies", System),
            ("vacancies", "岗位。", "Vacancies."),
            Reply::Json(of::<VacanciesBody>),
            get(places::vacancies),
        ),
        row(
            ("GET", "/api/v1/deliveries", System),
            (
                "deliveries",
                "推送给本系统的最近 100 条，和各自的结果。",
                "The latest 100 that were sent to this system's webhooks, and what came of each.",
            ),
            Reply::Json(of::<DeliveriesBody>),
            get(deliveries::list),
        ),
        row(
            ("GET", "/api/v1/events", System),
            (
                "events",
                "变化的事件流（SSE）：办件编号、序号、进度；Last-Event-ID 续传。",
                "Changes as server-sent events: case, leg and stage; Last-Event-ID resumes.",
            ),
            Reply::Other("text/event-stream"),
            get(events::stream),
        ),
    ]
}

/// The table without what answers.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|(told, _)| told.route).collect()
}

/// The table with its words.
pub(super) fn told() -> Vec<Told> {
    table().into_iter().map(|(told, _)| told).collect()
}

async fn nowhere(headers: HeaderMap) -> Response {
    Wrong::own(Problem::NoRoute, caller::language(&headers)).into_response()
}

async fn no_method(headers: HeaderMap) -> Response {
    Wrong::own(Problem::NoMethod, caller::language(&headers)).into_response()
}

pub(super) fn router() -> Router<Shared> {
    let mut router = Router::new();
    for (told, handler) in table() {
        router = router.route(told.route.path, handler);
    }
    router.method_not_allowed_fallback(no_method).fallback(nowhere)
}
