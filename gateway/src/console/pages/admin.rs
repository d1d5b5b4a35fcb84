//! Accounts, as the security administrator sees them. No case is anywhere near.

use crate::console::accounts::{Account, password};
use crate::console::desks::Said;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{
    Answer, Button, Cell, DonePage, FormPage, Frame, Link, Table, TablesPage, role_word, show,
};
use crate::console::posted::Form;
use crate::console::role::Role;
use crate::console::visitor::Visitor;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

/// Log-ins shown.
const EVENTS: i64 = 200;

pub(crate) async fn list(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let all = visitor.console.accounts.list().await.map_err(visitor.broken())?;
    let rows = all.iter().map(|account| row(&visitor, account)).collect();
    let heads =
        ["accounts.name", "accounts.role", "accounts.office", "accounts.state", "accounts.do"];
    let table = Table {
        heading: String::new(),
        heads: heads.map(|key| keyed(&visitor, key)).to_vec(),
        rows,
        empty: "",
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.accounts")),
        lead: vec![lang.w("accounts.lead").to_owned()],
        links: vec![Link::new("/accounts/new", lang.w("accounts.new"))],
        filters: Vec::new(),
        tables: vec![table],
    }))
}

fn keyed(visitor: &Visitor, key: &str) -> &'static str {
    visitor.lang.w(key)
}

fn row(visitor: &Visitor, account: &Account) -> Vec<Cell> {
    let lang = visitor.lang;
    let desk = visitor.console.desks.desk(&account.token, account.role);
    let office = match (desk, account.token.is_empty()) {
        (Some((token, _)), _) => format!("{}（{}）", token.office_name, token.name),
        (None, true) => String::new(),
        (None, false) => lang.fill("accounts.no_token", &[&account.token]),
    };
    let state = if account.disabled {
        lang.w("accounts.disabled")
    } else if account.locked_until_ms > visitor.now_ms() {
        lang.w("accounts.locked")
    } else if account.one_time {
        lang.w("accounts.fresh")
    } else if account.totp.is_some() {
        lang.w("accounts.with_app")
    } else {
        lang.w("accounts.active")
    };
    let button = |action: &str, label: &str, off: &str| Button {
        action: action.to_owned(),
        label: label.to_owned(),
        hidden: vec![("name".to_owned(), account.name.clone()), ("off".to_owned(), off.to_owned())],
    };
    let turn = if account.disabled {
        button("/accounts/disable", lang.w("accounts.enable"), "no")
    } else {
        button("/accounts/disable", lang.w("accounts.disable"), "yes")
    };
    let reset = button("/accounts/reset", lang.w("accounts.reset"), "");
    let buttons = vec![reset, turn];
    vec![
        account.name.clone().into(),
        role_word(account.role, lang).to_owned().into(),
        office.into(),
        state.to_owned().into(),
        Cell { buttons, ..Cell::default() },
    ]
}

fn new_form(visitor: &Visitor) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, lang.w("accounts.new"));
    let mut page = FormPage::new(f, "/accounts/new", lang.w("accounts.make"));
    let roles = Role::ALL.map(|role| (role.name().to_owned(), role_word(role, lang).to_owned()));
    let none = (String::new(), lang.w("accounts.none").to_owned());
    let tokens = visitor.console.desks.tokens();
    let tokens = tokens.map(|t| (t.name.clone(), format!("{}（{}）", t.office_name, t.name)));
    page.inputs = vec![
        Input::new("name", lang.w("accounts.name"), Kind::Text).hint(lang.w("accounts.name_hint")),
        Input::new("role", lang.w("accounts.role"), Kind::Radio(roles.to_vec())),
        Input::new(
            "token",
            lang.w("accounts.token"),
            Kind::Choice(std::iter::once(none).chain(tokens).collect()),
        )
        .hint(lang.w("accounts.token_hint"))
        .optional(),
    ];
    page.back = Some(Link::new("/accounts", lang.w("form.back")));
    page
}

pub(crate) async fn new_page(visitor: Visitor) -> Response {
    new_form(&visitor).show()
}

/// A new account with a password that is shown once and good once.
pub(crate) async fn new(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = new_form(&visitor);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let (name, token) = (form.get("name"), form.get("token"));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !(2..=32).contains(&name.len()) || !name.chars().all(plain) {
        page.inputs[0].wrong = lang.w("accounts.name_wrong").to_owned();
        return Ok(page.show());
    }
    let Some(role) = Role::of_name(form.get("role")) else { return Ok(page.show()) };
    let fits = match role.token() {
        Some(_) => visitor.console.desks.desk(token, role).is_some(),
        None => token.is_empty(),
    };
    if !fits {
        page.inputs[2].wrong = lang.w("accounts.token_wrong").to_owned();
        return Ok(page.show());
    }
    let entropy = &*visitor.console.outside.entropy;
    let drawn = password::draw(entropy);
    let line = password::line(&drawn, entropy);
    let accounts = &visitor.console.accounts;
    let made = accounts.add(name, role, token, &line, visitor.now_ms()).await;
    if !made.map_err(visitor.broken())? {
        page.inputs[0].wrong = lang.w("accounts.taken").to_owned();
        return Ok(page.show());
    }
    visitor.note(name, "made", visitor.name()).await?;
    Ok(once(&visitor, name, &drawn))
}

/// The one-time password, on this page alone.
fn once(visitor: &Visitor, name: &str, drawn: &str) -> Response {
    let lang = visitor.lang;
    show(&DonePage {
        f: Frame::new(visitor, lang.fill("accounts.once", &[name])),
        reference: drawn.to_owned(),
        lead: vec![lang.w("accounts.once_lead").to_owned()],
        buttons: Vec::new(),
        links: vec![Link::new("/accounts", lang.w("nav.accounts"))],
    })
}

async fn named(visitor: &Visitor, form: &Form) -> Result<Account, crate::console::frame::Failed> {
    let found = visitor.console.accounts.named(form.get("name")).await;
    found.map_err(visitor.broken())?.ok_or_else(|| {
        visitor.failed(Said::own(StatusCode::NOT_FOUND, "NO_ACCOUNT", "accounts.missing"))
    })
}

/// A new one-time password: opens a locked account, takes its app away, ends its sessions.
pub(crate) async fn reset(visitor: Visitor, form: Form) -> Answer {
    let account = named(&visitor, &form).await?;
    let entropy = &*visitor.console.outside.entropy;
    let drawn = password::draw(entropy);
    let line = password::line(&drawn, entropy);
    let accounts = &visitor.console.accounts;
    accounts.set_password(account.id, &line, true).await.map_err(visitor.broken())?;
    accounts.close_all(account.id).await.map_err(visitor.broken())?;
    visitor.note(&account.name, "reset", visitor.name()).await?;
    Ok(once(&visitor, &account.name, &drawn))
}

pub(crate) async fn disable(visitor: Visitor, form: Form) -> Answer {
    let account = named(&visitor, &form).await?;
    let off = form.get("off") == "yes";
    let accounts = &visitor.console.accounts;
    if !accounts.disable(account.id, off).await.map_err(visitor.broken())? {
        let said = Said::own(StatusCode::CONFLICT, "LAST_ADMINISTRATOR", "accounts.last");
        return Err(visitor.failed(said));
    }
    if off {
        accounts.close_all(account.id).await.map_err(visitor.broken())?;
    }
    let what = if off { "disabled" } else { "enabled" };
    visitor.note(&account.name, what, visitor.name()).await?;
    Ok(Redirect::to("/accounts").into_response())
}

pub(crate) async fn events(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let all = visitor.console.accounts.events(EVENTS).await.map_err(visitor.broken())?;
    let word = |what: &str| match what {
        "login" => lang.w("events.login"),
        "provider" => lang.w("events.provider"),
        "refused" => lang.w("events.refused"),
        "logout" => lang.w("events.logout"),
        "logout-all" => lang.w("events.logout_all"),
        "wrong" => lang.w("events.wrong"),
        "locked" => lang.w("events.locked"),
        "password" => lang.w("events.password"),
        "app" => lang.w("events.app"),
        "made" => lang.w("events.made"),
        "reset" => lang.w("events.reset"),
        "disabled" => lang.w("events.disabled"),
        "enabled" => lang.w("events.enabled"),
        _ => "",
    };
    let rows = all.into_iter().map(|event| {
        vec![
            lang.time(event.at_ms as u64).into(),
            event.account.into(),
            word(&event.what).to_owned().into(),
            event.by.into(),
            event.address.into(),
        ]
    });
    let heads = ["events.at", "accounts.name", "events.what", "events.by", "events.address"];
    let table = Table {
        heading: String::new(),
        heads: heads.map(|key| keyed(&visitor, key)).to_vec(),
        rows: rows.collect(),
        empty: lang.w("events.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.events")),
        lead: vec![lang.w("events.lead").to_owned()],
        links: Vec::new(),
        filters: Vec::new(),
        tables: vec![table],
    }))
}
