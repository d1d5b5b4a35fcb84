//! Logging in and out, and the own account.

use crate::console::Shared;
use crate::console::accounts::{Account, Event, Try, password, totp};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Button, DonePage, Failed, FormPage, Frame, Link, show};
use crate::console::oidc::BEGIN;
use crate::console::posted::Form;
use crate::console::stack::nowhere;
use crate::console::visitor::{Visitor, set_cookie, set_language};
use crate::console::world::random;
use crate::paper;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq as _;

impl Visitor {
    /// Writes down what happened to an account.
    pub(crate) async fn note(&self, account: &str, what: &str, by: &str) -> Result<(), Failed> {
        let event = Event {
            at_ms: self.now_ms(),
            account: account.chars().take(32).collect(),
            what: what.to_owned(),
            by: by.to_owned(),
            address: self.address.to_string(),
        };
        let done = self.console.accounts.note(&event).await;
        done.map_err(self.broken())
    }

    /// Whoever passed the gate is somebody.
    fn somebody(&self) -> Result<&Account, Failed> {
        self.account.as_ref().ok_or_else(|| Redirect::to("/login").into_response().into())
    }
}

/// Changes the language and goes back.
pub(crate) async fn language(visitor: Visitor, form: Form) -> Response {
    let lang = if form.get("to") == "en" { "en" } else { "zh" };
    let back = form.get("back");
    let own = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    let mut response = Redirect::to(if own { back } else { "/" }).into_response();
    if visitor.account.is_none() {
        set_cookie(&mut response, &visitor.console.cookie, &visitor.key);
    }
    set_language(&mut response, lang);
    response
}

/// A demo's link logs in: it knows the key that was drawn for that demo.
pub(crate) async fn demo(
    State(console): State<Shared>,
    Path((key, name)): Path<(String, String)>,
) -> Response {
    let known = console.demo.as_ref().is_some_and(|demo| {
        bool::from(demo.key.as_bytes().ct_eq(key.as_bytes()))
            && demo.accounts.iter().any(|(account, _, _)| *account == name)
    });
    let account = match known {
        true => console.accounts.named(&name).await.ok().flatten(),
        false => None,
    };
    let Some(account) = account else { return nowhere().await };
    let now_ms = console.outside.clock.now_unix_ms() as i64;
    let opened = console.accounts.open_session(account.id, &*console.outside.entropy, now_ms).await;
    let Ok(key) = opened else { return nowhere().await };
    let mut response = Redirect::to("/").into_response();
    set_cookie(&mut response, &console.cookie, &key);
    response
}

fn login_form(visitor: &Visitor) -> FormPage {
    let lang = visitor.lang;
    let mut page =
        FormPage::new(Frame::new(visitor, lang.w("login.title")), "/login", lang.w("login.button"));
    page.lead = vec![lang.w("login.lead").to_owned()];
    page.other = visitor.console.provider.as_ref().map(|_| Link::new(BEGIN, lang.w("signon.link")));
    page.inputs = vec![
        Input::new("name", lang.w("login.name"), Kind::Text).fill("username"),
        Input::new("password", lang.w("login.password"), Kind::Password).fill("current-password"),
        Input::new("code", lang.w("login.code"), Kind::Text)
            .hint(lang.w("login.code_hint"))
            .fill("one-time-code")
            .optional(),
    ];
    page
}

pub(crate) async fn login_page(
    visitor: Visitor,
    query: Query<BTreeMap<String, String>>,
) -> Response {
    if visitor.account.is_some() {
        return Redirect::to("/").into_response();
    }
    let mut page = login_form(&visitor);
    if query.get("kept").is_some_and(|kept| kept == "yes") {
        page.lead.insert(0, visitor.lang.w("resume.ended").to_owned());
    }
    page.show()
}

/// A new cookie for every log-in: one that was known before opens nothing.
pub(crate) async fn let_in(visitor: &Visitor, account: &Account, how: &str) -> Answer {
    let (accounts, now) = (&visitor.console.accounts, visitor.now_ms());
    accounts.close(&visitor.key).await.map_err(visitor.broken())?;
    let entropy = &*visitor.console.outside.entropy;
    let opened = accounts.open_session(account.id, entropy, now).await;
    let key = opened.map_err(visitor.broken())?;
    visitor.note(&account.name, how, "").await?;
    let to = if visitor.console.kept.has(account.id, now) { "/resume" } else { "/" };
    let mut response = Redirect::to(to).into_response();
    set_cookie(&mut response, &visitor.console.cookie, &key);
    Ok(response)
}

/// Logs in with name and password.
pub(crate) async fn login(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = login_form(&visitor);
    if !taken(&mut page.inputs, &form, lang) {
        page.inputs[1].value.clear();
        return Ok(page.show());
    }
    let now = visitor.now_ms();
    let (name, given, code) = (form.get("name"), form.get("password"), form.get("code"));
    let accounts = &visitor.console.accounts;
    let tries = &visitor.console.limits.tries;
    let tried = if tries.is_full(&visitor.address, now as u64) {
        Try::Locked
    } else {
        accounts.try_in(name, given, code, now).await.map_err(visitor.broken())?
    };
    let (what, wrong) = match tried {
        Try::In(account) => return let_in(&visitor, &account, "login").await,
        Try::Wrong => {
            tries.allows(visitor.address, now as u64);
            ("wrong", lang.w("login.wrong"))
        }
        Try::Locked => ("locked", lang.w("login.locked")),
    };
    // A name that nobody has is not written down: it may be a password typed into the wrong field.
    let known = accounts.named(name).await.map_err(visitor.broken())?;
    visitor.note(known.map_or("?", |_| name), what, "").await?;
    page.inputs[0].wrong = wrong.to_owned();
    page.inputs[1].value.clear();
    page.inputs[2].value.clear();
    Ok(page.show())
}

pub(crate) async fn logout(visitor: Visitor) -> Answer {
    visitor.console.tray.take(&visitor.place());
    visitor.console.accounts.close(&visitor.key).await.map_err(visitor.broken())?;
    visitor.note(visitor.name(), "logout", "").await?;
    Ok(Redirect::to("/login").into_response())
}

pub(crate) async fn logout_everywhere(visitor: Visitor) -> Answer {
    let account = visitor.somebody()?;
    visitor.console.tray.take(&visitor.place());
    visitor.console.accounts.close_all(account.id).await.map_err(visitor.broken())?;
    visitor.note(&account.name, "logout-all", "").await?;
    Ok(Redirect::to("/login").into_response())
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let account = visitor.somebody()?;
    let lang = visitor.lang;
    let app = if account.totp.is_some() { "account.app_on" } else { "account.app_off" };
    let f = Frame::new(&visitor, lang.w("account.title"));
    let everywhere = Button {
        action: "/logout/everywhere".to_owned(),
        label: lang.w("account.everywhere").to_owned(),
        hidden: Vec::new(),
    };
    Ok(show(&DonePage {
        lead: vec![format!("{}（{}）", f.role, f.name), f.office.clone(), app_word(lang, app)],
        f,
        reference: String::new(),
        buttons: vec![everywhere],
        links: vec![
            Link::new("/account/password", lang.w("password.title")),
            Link::new("/account/app", lang.w("app.title")),
        ],
    }))
}

fn app_word(lang: crate::console::words::Lang, key: &str) -> String {
    lang.w(key).to_owned()
}

fn password_form(visitor: &Visitor, first: bool) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, lang.w("password.title"));
    let mut page = FormPage::new(f, "/account/password", lang.w("password.button"));
    let lead = if first { "password.first" } else { "password.lead" };
    page.lead = vec![app_word(lang, lead)];
    page.inputs = vec![
        Input::new("old", lang.w("password.old"), Kind::Password).fill("current-password"),
        Input::new("new", lang.w("password.new"), Kind::Password)
            .hint(lang.w("password.hint"))
            .fill("new-password"),
        Input::new("again", lang.w("password.again"), Kind::Password).fill("new-password"),
    ];
    page
}

pub(crate) async fn password_page(visitor: Visitor) -> Answer {
    Ok(password_form(&visitor, visitor.somebody()?.one_time).show())
}

/// Sets the password; every session ends, and this one begins anew.
pub(crate) async fn password(visitor: Visitor, form: Form) -> Answer {
    let account = visitor.somebody()?;
    let lang = visitor.lang;
    let mut page = password_form(&visitor, account.one_time);
    let mut good = taken(&mut page.inputs, &form, lang);
    let (old, new) = (form.get("old"), form.get("new"));
    let length = new.chars().count();
    let (least, most) = password::CHARS;
    let wrong: &[(usize, &str)] = &[
        (1, if (least..=most).contains(&length) { "" } else { "password.length" }),
        (1, if new == old || new == account.name { "password.same" } else { "" }),
        (2, if form.get("again") == new { "" } else { "password.differs" }),
    ];
    for (at, key) in wrong.iter().filter(|(_, key)| good && !key.is_empty()) {
        page.inputs[*at].wrong = app_word(lang, key);
    }
    good = good && page.inputs.iter().all(|input| input.wrong.is_empty());
    let accounts = &visitor.console.accounts;
    let now = visitor.now_ms();
    if good && !accounts.proves(account, old, now).await.map_err(visitor.broken())? {
        page.inputs[0].wrong = lang.w("password.wrong").to_owned();
        good = false;
    }
    if !good {
        page.inputs.iter_mut().for_each(|input| input.value.clear());
        return Ok(page.show());
    }
    let entropy = &*visitor.console.outside.entropy;
    let line = password::line(new, entropy);
    accounts.set_password(account.id, &line, false).await.map_err(visitor.broken())?;
    accounts.close_all(account.id).await.map_err(visitor.broken())?;
    let key = accounts.open_session(account.id, entropy, now).await.map_err(visitor.broken())?;
    visitor.note(&account.name, "password", "").await?;
    let mut response = Redirect::to("/").into_response();
    set_cookie(&mut response, &visitor.console.cookie, &key);
    Ok(response)
}

fn app_form(visitor: &Visitor, secret: &[u8]) -> FormPage {
    let lang = visitor.lang;
    let shown = totp::base32(secret);
    let f = Frame::new(visitor, lang.w("app.title"));
    let mut page = FormPage::new(f, "/account/app", lang.w("app.button"));
    let groups: Vec<&str> =
        shown.as_bytes().chunks(4).filter_map(|four| std::str::from_utf8(four).ok()).collect();
    page.lead = vec![lang.w("app.lead").to_owned(), groups.join(" ")];
    let name = visitor.name();
    let text = format!("otpauth://totp/Jieli:{name}?secret={shown}&issuer=Jieli");
    // Without a drawing the letters are typed in.
    page.drawing = paper::code_svg(&text, 44).unwrap_or_default();
    page.hidden = vec![("secret".to_owned(), hex::encode(secret))];
    page.inputs = vec![
        Input::new("code", lang.w("login.code"), Kind::Text).fill("one-time-code"),
        Input::new("old", lang.w("password.old"), Kind::Password).fill("current-password"),
    ];
    page
}

pub(crate) async fn app_page(visitor: Visitor) -> Answer {
    visitor.somebody()?;
    let secret: [u8; totp::SECRET_BYTES] = random(&*visitor.console.outside.entropy);
    Ok(app_form(&visitor, &secret).show())
}

/// Takes an app once it has shown that it computes the right codes.
pub(crate) async fn app(visitor: Visitor, form: Form) -> Answer {
    let account = visitor.somebody()?;
    let secret = hex::decode(form.get("secret")).unwrap_or_default();
    if secret.len() != totp::SECRET_BYTES {
        return Ok(Redirect::to("/account/app").into_response());
    }
    let now = visitor.now_ms();
    let accounts = &visitor.console.accounts;
    let mut page = app_form(&visitor, &secret);
    let step = totp::step_of(&secret, form.get("code"), now as u64, 0);
    if step.is_none() {
        page.inputs[0].wrong = visitor.lang.w("app.wrong").to_owned();
    } else if !accounts.proves(account, form.get("old"), now).await.map_err(visitor.broken())? {
        page.inputs[1].wrong = visitor.lang.w("password.wrong").to_owned();
    }
    let Some(step) = step.filter(|_| page.inputs[1].wrong.is_empty()) else {
        return Ok(page.show());
    };
    accounts.set_totp(account.id, &secret, step).await.map_err(visitor.broken())?;
    visitor.note(&account.name, "app", "").await?;
    Ok(Redirect::to("/").into_response())
}
