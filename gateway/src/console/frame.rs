//! What all pages have in common, and the pages that many tasks share.

use super::desks::Said;
use super::form::Input;
use super::role::Role;
use super::visitor::Visitor;
use super::words::Lang;
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) lang: Lang,
    pub(crate) title: String,
    pub(crate) csrf: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) office: String,
    pub(crate) nav: Vec<Link>,
    pub(crate) caveat: &'static str,
    /// Field and what is wrong with it.
    pub(crate) wrong: Vec<(String, String)>,
}

/// A link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) here: bool,
}

impl Link {
    pub(crate) fn new(href: impl Into<String>, label: impl Into<String>) -> Link {
        Link { href: href.into(), label: label.into(), here: false }
    }
}

impl Frame {
    pub(crate) fn new(visitor: &Visitor, title: impl Into<String>) -> Frame {
        let lang = visitor.lang;
        let account = visitor.account.as_ref();
        let office = visitor.office_name();
        let nav = account.map_or(Vec::new(), |account| nav(account.role, lang, &visitor.path));
        Frame {
            lang,
            title: title.into(),
            csrf: visitor.csrf(),
            path: visitor.path.clone(),
            name: visitor.name().to_owned(),
            role: account.map_or("", |account| role_word(account.role, lang)),
            office,
            nav,
            caveat: lang.pick(NOT_PROOF_OF_FREEDOM.zh, NOT_PROOF_OF_FREEDOM.en),
            wrong: Vec::new(),
        }
    }

    /// A word of the list.
    pub(crate) fn w(&self, key: &str) -> &'static str {
        self.lang.w(key)
    }

    /// `zh-CN` or `en`.
    pub(crate) fn tag(&self) -> &'static str {
        self.lang.pick("zh-CN", "en")
    }

    /// The other language, by its code.
    pub(crate) fn other(&self) -> &'static str {
        self.lang.pick("en", "zh")
    }

    /// With what is wrong in a form.
    pub(crate) fn with(mut self, inputs: &[Input]) -> Frame {
        let wrong = inputs.iter().filter(|input| !input.wrong.is_empty());
        self.wrong = wrong.map(|input| (input.name.clone(), input.wrong.clone())).collect();
        self
    }

    pub(crate) fn failure(visitor: &Visitor, said: &Said) -> Failed {
        let lang = visitor.lang;
        let key = match (said.status, said.is_denial()) {
            (StatusCode::NOT_FOUND, _) => "error.title_missing",
            (_, true) => "error.title",
            (_, false) => "error.title_broken",
        };
        let page = ErrorPage {
            text: said.text(lang),
            code: said.code.clone(),
            f: Frame::new(visitor, lang.w(key)),
        };
        Failed(Box::new(show_as(said.status, &page)))
    }
}

impl Visitor {
    /// The office as people know it, or empty.
    pub(crate) fn office_name(&self) -> String {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.desk(&a.token, a.role));
        found.map_or(String::new(), |(token, _)| token.office_name.clone())
    }
}

/// A role in words.
pub(crate) fn role_word(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::SendingClerk => lang.w("role.sending"),
        Role::ReceivingClerk => lang.w("role.receiving"),
        Role::Approver => lang.w("role.approver"),
        Role::StationIntake => lang.w("role.station"),
        Role::WindowOfficer => lang.w("role.window"),
        Role::Director => lang.w("role.director"),
        Role::NamedHelper => lang.w("role.helper"),
        Role::Employer => lang.w("role.employer"),
        Role::Liaison => lang.w("role.liaison"),
        Role::ComplianceReviewer => lang.w("role.compliance"),
        Role::SecurityAdministrator => lang.w("role.security"),
        Role::SystemAdministrator => lang.w("role.system"),
    }
}

fn nav(role: Role, lang: Lang, path: &str) -> Vec<Link> {
    let words: &[(&str, &str)] = match role {
        Role::SendingClerk => &[
            ("/", "nav.home"),
            ("/sheet", "nav.sheet"),
            ("/queue", "nav.queue"),
            ("/find", "nav.find"),
            ("/figures", "nav.figures"),
            ("/stand-ins", "nav.stand_ins"),
            ("/partners", "nav.partners"),
        ],
        Role::ReceivingClerk => &[
            ("/", "nav.home"),
            ("/queue", "nav.queue"),
            ("/find", "nav.checkin"),
            ("/places", "nav.places"),
            ("/vacancies", "nav.vacancies"),
            ("/stand-ins", "nav.stand_ins"),
        ],
        Role::StationIntake => &[("/", "nav.home"), ("/sheet", "nav.sheet")],
        Role::WindowOfficer => &[("/", "nav.home"), ("/window", "nav.window")],
        Role::Director => {
            &[("/", "nav.home"), ("/figures", "nav.figures"), ("/partners", "nav.partners")]
        }
        Role::NamedHelper => &[("/", "nav.home"), ("/given", "nav.given")],
        Role::Employer => &[("/", "nav.home"), ("/posts", "nav.posts")],
        Role::Liaison => &[("/", "nav.home"), ("/delays", "nav.delays")],
        Role::Approver => &[("/", "nav.home"), ("/partners", "nav.partners")],
        Role::ComplianceReviewer => &[
            ("/", "nav.home"),
            ("/review", "nav.review"),
            ("/review/flags", "nav.flags"),
            ("/verify", "nav.verify"),
            ("/packs", "nav.packs"),
            ("/partners", "nav.partners"),
        ],
        Role::SystemAdministrator => {
            &[("/", "nav.home"), ("/system", "nav.system"), ("/packs", "nav.packs")]
        }
        Role::SecurityAdministrator => {
            &[("/", "nav.home"), ("/accounts", "nav.accounts"), ("/accounts/events", "nav.events")]
        }
    };
    let longest = words.iter().map(|(href, _)| *href).filter(|href| under(path, href));
    let here = longest.max_by_key(|href| href.len()).unwrap_or_default();
    let link =
        |(href, key): &(&str, &str)| Link { here: *href == here, ..Link::new(*href, lang.w(key)) };
    words.iter().map(link).collect()
}

fn under(path: &str, href: &str) -> bool {
    let path = if path.starts_with("/cases/") { "/queue" } else { path };
    if href == "/" { path == "/" } else { path.starts_with(href) }
}

/// A response that ends the work on a request.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) Box<Response>);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Failed {
    fn from(response: Response) -> Failed {
        Failed(Box::new(response))
    }
}

/// What a page answers.
pub(crate) type Answer = Result<Response, Failed>;

/// A page.
pub(crate) fn show(page: &impl Template) -> Response {
    show_as(StatusCode::OK, page)
}

/// A page with a status.
pub(crate) fn show_as(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
        }
        Err(error) => {
            tracing::error!("console: a page was not written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Why nothing came of it.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    f: Frame,
    text: String,
    code: String,
}

/// Questions and a button.
#[derive(Template)]
#[template(path = "form.html")]
pub(crate) struct FormPage {
    pub(crate) f: Frame,
    pub(crate) lead: Vec<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) hidden: Vec<(String, String)>,
    pub(crate) action: String,
    pub(crate) button: String,
    pub(crate) back: Option<Link>,
    /// Another way to the same, below the form.
    pub(crate) other: Option<Link>,
    /// A drawing made here, such as a QR code.
    pub(crate) drawing: String,
}

impl FormPage {
    pub(crate) fn new(f: Frame, action: impl Into<String>, button: impl Into<String>) -> FormPage {
        FormPage {
            f,
            lead: Vec::new(),
            inputs: Vec::new(),
            hidden: Vec::new(),
            action: action.into(),
            button: button.into(),
            back: None,
            other: None,
            drawing: String::new(),
        }
    }

    /// As a form with a file is sent.
    pub(crate) fn has_file(&self) -> bool {
        self.inputs.iter().any(|input| input.ty() == "file")
    }

    /// The node's no, at the question of that place; where there is none, on a page of its own.
    pub(crate) fn blamed(mut self, visitor: &Visitor, at: usize, status: tonic::Status) -> Answer {
        let said = Said::from(status);
        match self.inputs.get_mut(at) {
            Some(input) if said.is_denial() => {
                input.wrong = said.text(visitor.lang);
                Ok(self.show())
            }
            Some(_) | None => Err(visitor.failed(said)),
        }
    }

    /// The page, with 422 where something is wrong.
    pub(crate) fn show(mut self) -> Response {
        self.f = self.f.with(&self.inputs);
        let wrong = !self.f.wrong.is_empty();
        show_as(if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &self)
    }
}

/// What was answered, to be checked before it is sent.
#[derive(Template)]
#[template(path = "check.html")]
pub(crate) struct CheckPage {
    pub(crate) f: Frame,
    pub(crate) lead: Vec<String>,
    pub(crate) answers: Vec<(String, String)>,
    pub(crate) hidden: Vec<(String, String)>,
    pub(crate) action: String,
    pub(crate) button: String,
    pub(crate) back: Link,
    /// Whether there is anything to go back and change.
    pub(crate) may_change: bool,
}

/// What came of it.
#[derive(Template)]
#[template(path = "done.html")]
pub(crate) struct DonePage {
    pub(crate) f: Frame,
    pub(crate) reference: String,
    pub(crate) lead: Vec<String>,
    pub(crate) buttons: Vec<Button>,
    pub(crate) links: Vec<Link>,
}

/// A button that does something.
#[derive(Clone, Debug)]
pub(crate) struct Button {
    pub(crate) action: String,
    pub(crate) label: String,
    pub(crate) hidden: Vec<(String, String)>,
}

/// Lists.
#[derive(Template)]
#[template(path = "tables.html")]
pub(crate) struct TablesPage {
    pub(crate) f: Frame,
    pub(crate) lead: Vec<String>,
    pub(crate) links: Vec<Link>,
    /// What narrows the lists, asked of the same address.
    pub(crate) filters: Vec<Input>,
    pub(crate) tables: Vec<Table>,
}

/// A list.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) heading: String,
    pub(crate) heads: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) empty: &'static str,
}

/// A cell of a list: words, a link or a button, and more words to be opened.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Stays on one line, as a date does.
    pub(crate) is_whole: bool,
    pub(crate) href: String,
    pub(crate) buttons: Vec<Button>,
    pub(crate) more: Vec<String>,
}

impl Cell {
    /// What is not broken over two lines.
    pub(crate) fn whole(text: String) -> Cell {
        Cell { text, is_whole: true, ..Cell::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, ..Cell::default() }
    }
}
