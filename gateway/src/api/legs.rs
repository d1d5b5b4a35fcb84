//! The queue, a case, a leg: stages and next steps, and no person.

use super::Shared;
use super::caller::Caller;
use super::once::json;
use super::problem::{Problem, Wrong};
use super::views::{self, CaseBody, LegPage};
use crate::console::words::Lang;
use crate::drafts;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jieli_proto::wire::{self, Service};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Legs on a page.
const LIMIT: u32 = 50;
pub(super) const LIMIT_MAX: u32 = 200;

pub(super) type Answer = Result<Response, Wrong>;

/// The variables of a path.
pub(super) struct Place(BTreeMap<String, String>);

impl FromRequestParts<Shared> for Place {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Place, Wrong> {
        let lang = super::caller::language(&parts.headers);
        let found = Path::from_request_parts(parts, api).await;
        found.map(|Path(all)| Place(all)).map_err(|_| Wrong::own(Problem::NoRoute, lang))
    }
}

impl Place {
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn leg(&self, lang: Lang) -> Result<u32, Wrong> {
        self.get("leg").parse().map_err(|_| Wrong::own(Problem::NoLeg, lang))
    }
}

/// An answer as JSON.
pub(super) fn shown(body: &impl Serialize) -> Response {
    json(StatusCode::OK, serde_json::to_string(body).unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    stage: Option<String>,
    service: Option<String>,
    due: Option<String>,
    due_before: Option<String>,
    sort: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// The service of a name.
pub(super) fn service(name: &str, wrong: impl Fn() -> Wrong) -> Result<Service, Wrong> {
    Service::from_str_name(&format!("SERVICE_{name}"))
        .filter(|service| *service != Service::Unspecified)
        .ok_or_else(wrong)
}

fn filter(uri: &Uri, lang: Lang) -> Result<wire::ListCasesRequest, Wrong> {
    let wrong = || Wrong::own(Problem::BadQuery, lang);
    let Query(asked) = Query::<Asked>::try_from_uri(uri).map_err(|_| wrong())?;
    let most = asked.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&most) {
        return Err(wrong());
    }
    let latest_first = match asked.sort.as_deref() {
        None | Some("due") => false,
        Some("-due") => true,
        Some(_) => return Err(wrong()),
    };
    let due = match asked.due.as_deref() {
        None => "",
        Some(due @ ("overdue" | "today" | "week")) => due,
        Some(_) => return Err(wrong()),
    };
    let due_before = asked.due_before.as_deref().map(|day| drafts::date(day).ok_or_else(wrong));
    let service = asked.service.as_deref().map(|name| service(name, wrong)).transpose()?;
    Ok(wire::ListCasesRequest {
        stage: asked.stage.unwrap_or_default(),
        after: asked.after.unwrap_or_default(),
        most,
        due: due.to_owned(),
        service: service.unwrap_or_default().into(),
        due_before: due_before.transpose()?.map_or(0, |day| day.number()),
        latest_first,
        ..wire::ListCasesRequest::default()
    })
}

pub(super) async fn list(mut caller: Caller, uri: Uri) -> Answer {
    let ask = filter(&uri, caller.lang)?;
    let list = caller.node.list_legs(ask).await.map_err(Wrong::node(caller.lang))?.into_inner();
    let legs = list.cases.iter().flat_map(|case| {
        case.legs.iter().map(|leg| views::line(&case.case_number, &case.peer, leg))
    });
    Ok(shown(&LegPage {
        legs: legs.collect(),
        next: Some(list.next).filter(|next| !next.is_empty()),
        today: views::date(list.today).unwrap_or_default(),
    }))
}

/// A case as the node shows it to this system.
pub(super) async fn read(caller: &mut Caller, case: &str) -> Result<wire::CaseView, Wrong> {
    let ask = wire::CaseRef { case_number: case.to_owned(), ..Default::default() };
    let view = caller.node.show_legs(ask).await.map_err(Wrong::node(caller.lang))?;
    Ok(view.into_inner())
}

pub(super) fn find(view: &wire::CaseView, leg: u32, lang: Lang) -> Result<&wire::LegView, Wrong> {
    let is_it = |view: &&wire::LegView| view.line.as_ref().is_some_and(|line| line.number == leg);
    view.legs.iter().find(is_it).ok_or_else(|| Wrong::own(Problem::NoLeg, lang))
}

pub(super) async fn case(mut caller: Caller, place: Place) -> Answer {
    let view = read(&mut caller, place.get("case")).await?;
    let line = view.line.unwrap_or_default();
    let legs = line.legs.iter().map(|leg| views::line(&line.case_number, &line.peer, leg));
    Ok(shown(&CaseBody { case: line.case_number.clone(), legs: legs.collect() }))
}

/// Changes with what was said in the leg and what may be done in it, and not with the hour.
pub(super) fn tag(view: &wire::LegView) -> String {
    let line = view.line.clone().unwrap_or_default();
    let desk = line.desk.unwrap_or_default();
    let said = view.messages.iter();
    let said = said.map(|message| format!("{} {}", message.env_digest, message.status));
    let pending = desk.pending.map(|pending| format!("{} {}", pending.step, pending.token));
    let parts = (line.stage, line.due_date, view.next.join(" "), pending.unwrap_or_default());
    let all = format!("{parts:?} {}", said.collect::<Vec<_>>().join(" "));
    format!("\"{}\"", &hex::encode(digest(&SHA256, all.as_bytes()))[..32])
}

/// Whether a header names a tag.
pub(super) fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

pub(super) async fn leg(mut caller: Caller, place: Place, headers: HeaderMap) -> Answer {
    let number = place.leg(caller.lang)?;
    let view = read(&mut caller, place.get("case")).await?;
    let found = find(&view, number, caller.lang)?;
    let tag = tag(found);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| names(known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        shown(&views::leg(&view.line.clone().unwrap_or_default(), found))
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_whole_or_not_at_all() {
        let read = |query: &str| filter(&format!("/x?{query}").parse().unwrap(), Lang::En);
        let all = read("stage=OFFERED&service=SCHOOLING&due_before=2026-12-01&sort=-due&limit=7");
        let all = all.unwrap();
        assert_eq!((all.most, all.due_before, all.latest_first), (7, 20_261_201, true));
        assert_eq!(all.service(), Service::Schooling);
        for bad in [
            "limit=0",
            "limit=201",
            "limit=x",
            "sort=name",
            "service=SCHOOL",
            "name=x",
            "service=UNSPECIFIED",
            "due=",
            "due_before=2026-13-01",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_named_among_others() {
        assert!(names("\"a\", \"b\"", "\"b\"") && names("*", "\"b\"") && names("W/\"b\"", "\"b\""));
        assert!(!names("\"a\"", "\"b\"") && !names("", "\"b\""));
    }
}
