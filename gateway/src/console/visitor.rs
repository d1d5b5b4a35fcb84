//! Who asks: the cookie, the session behind it, the form, and the one gate before every page.

use super::Shared;
use super::accounts::Account;
use super::config::Token;
use super::desks::{Audit, Cities, Desk, Said};
use super::frame::{Failed, Frame};
use super::kept::Typed;
use super::posted::{append, cookie, from_here, read};
use super::routes::{Route, Who};
use super::stack::Caller;
use super::words::Lang;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use ring::digest;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

const LANGUAGE: &str = "__Host-jieli-language";
/// Most bytes of a form without a file.
const FORM_BYTES_MAX: usize = 256 << 10;

/// Who asks.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) console: Shared,
    /// Value of the cookie; forms are bound to it.
    pub(crate) key: String,
    pub(crate) account: Option<Account>,
    pub(crate) lang: Lang,
    pub(crate) path: String,
    pub(crate) address: IpAddr,
}

impl Visitor {
    /// What stands in every form of this visitor.
    pub(crate) fn csrf(&self) -> String {
        let text = format!("jieli form {}", self.key);
        hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
    }

    /// Name of the account, or empty.
    pub(crate) fn name(&self) -> &str {
        self.account.as_ref().map_or("", |account| account.name.as_str())
    }

    /// The office's token, and its desk.
    pub(crate) fn office(&self) -> Result<(&Token, Desk), Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.desk(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }

    /// The office's desk.
    pub(crate) fn desk(&self) -> Result<Desk, Failed> {
        Ok(self.office()?.1)
    }

    /// The token of an account is not of its role any more, or is gone.
    pub(crate) fn no_token(&self) -> Failed {
        self.failed(Said::own(StatusCode::CONFLICT, "NO_TOKEN", "error.no_token"))
    }

    /// What compliance reads of the node.
    pub(crate) fn audit(&self) -> Result<Audit, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.audit(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }

    /// Partner cities by name.
    pub(crate) async fn cities(&self, desk: &mut Desk) -> Result<Cities, Failed> {
        Cities::load(desk).await.map_err(self.sorry())
    }

    /// A page that says why nothing came of it.
    pub(crate) fn failed(&self, said: impl Into<Said>) -> Failed {
        Frame::failure(self, &said.into())
    }

    /// Why a call to the node came to nothing.
    pub(crate) fn sorry(&self) -> impl Fn(tonic::Status) -> Failed + '_ {
        |status| self.failed(status)
    }

    /// The account store, or nothing at all, went wrong: what is told does not tell it.
    pub(crate) fn broken<E: std::fmt::Display>(&self) -> impl Fn(E) -> Failed + '_ {
        |error| {
            tracing::error!("console: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            self.failed(Said::own(status, "CONSOLE", "error.console"))
        }
    }

    /// Now, as the accounts count.
    pub(crate) fn now_ms(&self) -> i64 {
        self.console.outside.clock.now_unix_ms() as i64
    }

    /// The key of what is kept in memory for this session.
    pub(crate) fn place(&self) -> String {
        self.csrf()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, StatusCode> {
        parts.extensions.get::<Visitor>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Before every route: who asks, whether that role may, and whether a form is one of ours.
pub(crate) async fn gate(
    State((console, route)): State<(Shared, Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = cookie(&parts.headers, &console.cookie);
    let visitor = match visitor(&console, &parts, known.as_deref()).await {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    if let Some(refused) = refused(&visitor, route) {
        if visitor.account.is_none() && parts.method == Method::POST && route.keeps() {
            return kept(&visitor, known.as_deref(), Request::from_parts(parts, body)).await;
        }
        return refused;
    }
    if parts.method == Method::POST {
        if !from_here(&parts.headers, &console.config.listen.origin) {
            return forged(&visitor);
        }
        let most = if route.takes_file() { console.limits.file_bytes() } else { FORM_BYTES_MAX };
        let request = Request::from_parts(parts.clone(), body);
        let Ok(form) = read(request, most).await else { return too_large(&visitor) };
        let own = visitor.csrf();
        if known.is_none() || !bool::from(form.get("form").as_bytes().ct_eq(own.as_bytes())) {
            return forged(&visitor);
        }
        parts.extensions.insert(form);
    }
    let key = visitor.key.clone();
    parts.extensions.insert(visitor);
    let mut response = next.run(Request::from_parts(parts, axum::body::Body::empty())).await;
    // A page with a form needs something to bind the form to.
    if known.is_none() && !response.headers().contains_key(header::SET_COOKIE) {
        set_cookie(&mut response, &console.cookie, &key);
    }
    response
}

async fn visitor(
    console: &Shared,
    parts: &Parts,
    known: Option<&str>,
) -> Result<Visitor, Response> {
    let now = console.outside.clock.now_unix_ms() as i64;
    let idle = i64::from(console.config.accounts.idle_minutes) * 60_000;
    let account = match known {
        Some(key) => console.accounts.session(key, idle, now).await,
        None => Ok(None),
    };
    let key = match known {
        Some(key) => key.to_owned(),
        None => hex::encode(super::world::random::<32>(&*console.outside.entropy)),
    };
    let visitor = Visitor {
        console: console.clone(),
        key,
        account: None,
        lang: Lang::of_name(&cookie(&parts.headers, LANGUAGE).unwrap_or_default()),
        path: parts.uri.path().to_owned(),
        address: Caller::known(parts).address,
    };
    match account {
        Ok(account) => Ok(Visitor { account, ..visitor }),
        Err(error) => Err(visitor.broken()(error).into_response()),
    }
}

/// Who may not pass, and where to instead.
fn refused(visitor: &Visitor, route: Route) -> Option<Response> {
    let roles: &[_] = match route.who {
        Who::Anyone => return None,
        Who::Account => &[],
        Who::Roles(roles) => roles,
    };
    let Some(account) = &visitor.account else {
        return Some(Redirect::to("/login").into_response());
    };
    if roles.is_empty() {
        return None;
    }
    if account.one_time {
        return Some(Redirect::to("/account/password").into_response());
    }
    if visitor.console.config.accounts.second_factor && account.totp.is_none() {
        return Some(Redirect::to("/account/app").into_response());
    }
    if roles.contains(&account.role) {
        return None;
    }
    let said = Said::own(StatusCode::FORBIDDEN, "NOT_FOR_ROLE", "error.role");
    Some(visitor.failed(said).into_response())
}

/// The session ended while somebody typed: what was typed waits for the same account.
async fn kept(visitor: &Visitor, known: Option<&str>, request: Request) -> Response {
    let login = Redirect::to("/login").into_response();
    let ours = from_here(request.headers(), &visitor.console.config.listen.origin);
    let Some(key) = known.filter(|_| ours) else { return login };
    let Ok(form) = read(request, FORM_BYTES_MAX).await else { return login };
    let own = visitor.csrf();
    if !bool::from(form.get("form").as_bytes().ct_eq(own.as_bytes())) {
        return login;
    }
    let account = match visitor.console.accounts.lapsed(key).await {
        Ok(account) => account,
        Err(error) => return visitor.broken()(error).into_response(),
    };
    let Some(account) = account else { return login };
    let fields = form.fields().filter(|(name, _)| !matches!(*name, "form" | "send" | "change"));
    let typed = Typed {
        path: visitor.path.clone(),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        at_ms: visitor.now_ms(),
    };
    match visitor.console.kept.put(account, &typed, &*visitor.console.outside.entropy) {
        true => Redirect::to("/login?kept=yes").into_response(),
        false => login,
    }
}

fn forged(visitor: &Visitor) -> Response {
    let said = Said::own(StatusCode::FORBIDDEN, "NOT_OUR_FORM", "error.form");
    visitor.failed(said).into_response()
}

fn too_large(visitor: &Visitor) -> Response {
    let said = Said::own(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", "error.large");
    visitor.failed(said).into_response()
}

/// Gives a browser its cookie.
pub(crate) fn set_cookie(response: &mut Response, name: &str, key: &str) {
    append(response, &format!("{name}={key}; Path=/; Secure; HttpOnly; SameSite=Lax"));
}

/// Remembers the language.
pub(crate) fn set_language(response: &mut Response, lang: &str) {
    let year = 365 * 86_400;
    append(
        response,
        &format!("{LANGUAGE}={lang}; Path=/; Max-Age={year}; Secure; HttpOnly; SameSite=Lax"),
    );
}
