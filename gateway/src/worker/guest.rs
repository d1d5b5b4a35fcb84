//! Who reads, the form that was sent, and the gate before every page.

use super::page::{Block, Page};
use super::routes::{Route, Who};
use super::sessions::{By, Typed};
use super::tongue::{Para, Tongue};
use super::{Pages, Shared};
use crate::console::desks::Said;
use crate::console::frame::Failed;
use crate::console::posted::{append, cookie, from_here, read};
use crate::console::stack::Caller;
use crate::console::world::random;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use ring::digest;
use subtle::ConstantTimeEq;

const COOKIE: &str = "__Host-jieli-me";
const LANGUAGE: &str = "__Host-jieli-me-language";
/// The longest complaint, every character escaped.
const FORM_BYTES_MAX: usize = 64 << 10;

/// Who reads.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) pages: Shared,
    /// Value of the cookie; forms are bound to it.
    pub(crate) key: String,
    pub(crate) typed: Option<Typed>,
    pub(crate) tongue: Tongue,
    pub(crate) path: String,
    pub(crate) caller: Caller,
}

impl Guest {
    /// What stands in every form of this guest.
    pub(crate) fn csrf(&self) -> String {
        let text = format!("jieli form {}", self.key);
        hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
    }

    /// Case and code, once typed.
    pub(crate) fn typed(&self) -> Result<&Typed, Failed> {
        self.typed.as_ref().ok_or_else(|| Redirect::to("/").into_response().into())
    }

    pub(crate) fn w(&self, key: &str) -> &'static str {
        self.tongue.w(key)
    }

    /// A page that says why nothing came of it.
    pub(crate) fn failed(&self, said: impl Into<Said>) -> Failed {
        let said = said.into();
        self.because(said.status, self.tongue.said(&said))
    }

    /// The same in words of these pages.
    pub(crate) fn denied(&self, status: StatusCode, key: &str) -> Failed {
        self.because(status, vec![Para::own(self.w(key))])
    }

    fn because(&self, status: StatusCode, paras: Vec<Para>) -> Failed {
        let mut page = Page::new(self, self.w("page.failed"));
        let back = if self.typed.is_some() { "/mine" } else { "/" };
        page.blocks =
            vec![Block { paras, ..Block::default() }, Block::link(back, self.w("page.back"))];
        Failed(Box::new(page.show_as(status)))
    }

    /// Why a call to the node came to nothing.
    pub(crate) fn sorry(&self) -> impl Fn(tonic::Status) -> Failed + '_ {
        |status| self.failed(status)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Guest {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Guest, StatusCode> {
        parts.extensions.get::<Guest>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Before every route: what was typed, whether that opens it, and whether a form is one of ours.
pub(crate) async fn gate(
    State((pages, route)): State<(Shared, Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = cookie(&parts.headers, COOKIE);
    let guest = guest(&pages, &parts, known.as_deref());
    let opens = match (route.who, guest.typed.as_ref().map(|typed| typed.by)) {
        (Who::Anyone, _) | (Who::Slip, Some(_)) | (Who::Notice, Some(By::Notice)) => true,
        (Who::Slip | Who::Notice, None) => return Redirect::to("/").into_response(),
        (Who::Notice, Some(By::Slip)) => false,
    };
    if !opens {
        return guest.denied(StatusCode::FORBIDDEN, "error.slip_only").into_response();
    }
    if parts.method == Method::POST {
        if !from_here(&parts.headers, &pages.config.listen.origin) {
            return guest.denied(StatusCode::FORBIDDEN, "error.me_form").into_response();
        }
        let request = Request::from_parts(parts.clone(), body);
        let Ok(form) = read(request, FORM_BYTES_MAX).await else {
            return guest.denied(StatusCode::PAYLOAD_TOO_LARGE, "error.me_large").into_response();
        };
        let own = guest.csrf();
        if known.is_none() || !bool::from(form.get("form").as_bytes().ct_eq(own.as_bytes())) {
            return guest.denied(StatusCode::FORBIDDEN, "error.me_form").into_response();
        }
        parts.extensions.insert(form);
    }
    let key = guest.key.clone();
    parts.extensions.insert(guest);
    let mut response = next.run(Request::from_parts(parts, axum::body::Body::empty())).await;
    // A page with a form needs something to bind the form to.
    if known.is_none() && !response.headers().contains_key(header::SET_COOKIE) {
        set_cookie(&mut response, &key);
    }
    response
}

fn guest(pages: &Shared, parts: &Parts, known: Option<&str>) -> Guest {
    let typed = known.and_then(|key| pages.sessions.get(key, pages.now_ms()));
    let asked = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|tags| tags.to_str().ok());
    let chosen = cookie(&parts.headers, LANGUAGE).and_then(|tag| Tongue::of_tag(&tag));
    Guest {
        pages: pages.clone(),
        key: known.map_or_else(|| fresh(pages), str::to_owned),
        typed,
        tongue: chosen.or_else(|| Tongue::of_tag(asked?)).unwrap_or(Tongue::Zh),
        path: parts.uri.path().to_owned(),
        caller: Caller::known(parts),
    }
}

/// The value of a new cookie.
pub(crate) fn fresh(pages: &Pages) -> String {
    hex::encode(random::<32>(&*pages.outside.entropy))
}

/// Gives a browser its cookie, which it forgets when it is closed.
pub(crate) fn set_cookie(response: &mut Response, key: &str) {
    append(response, &format!("{COOKIE}={key}; Path=/; Secure; HttpOnly; SameSite=Strict"));
}

/// Remembers the language.
pub(crate) fn set_language(response: &mut Response, tongue: Tongue) {
    let line = format!(
        "{LANGUAGE}={}; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Strict",
        tongue.name()
    );
    append(response, &line);
}
