//! The compliance desk: agreement and period, figures, evidence, samples. No page of it holds a
//! value of a section, and the node gives none to its token.

use crate::console::chart::Chart;
use crate::console::form::Input;
use crate::console::frame::{Button, Frame, Link, Table, show_as};
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jieli_proto::day::Day;
use jieli_proto::wire;
use std::collections::BTreeMap;

pub(in crate::console) mod check;
pub(in crate::console) mod flags;
pub(in crate::console) mod pack;
pub(in crate::console) mod report;
pub(in crate::console) mod sample;
pub(in crate::console) mod timeline;

/// A form on such a page.
pub(super) struct Ask {
    pub(super) heading: String,
    pub(super) lead: Vec<String>,
    /// `get` where nothing is changed.
    pub(super) method: &'static str,
    pub(super) action: &'static str,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) inputs: Vec<Input>,
    pub(super) button: &'static str,
}

impl Ask {
    fn has_file(&self) -> bool {
        self.inputs.iter().any(|input| input.ty() == "file")
    }
}

#[derive(Template)]
#[template(path = "review.html")]
pub(super) struct ReviewPage {
    pub(super) f: Frame,
    pub(super) lead: Vec<String>,
    pub(super) figures: Vec<(&'static str, String)>,
    pub(super) links: Vec<Link>,
    pub(super) buttons: Vec<Button>,
    pub(super) charts: Vec<Chart>,
    pub(super) tables: Vec<Table>,
    pub(super) forms: Vec<Ask>,
    /// A verifier's own words.
    pub(super) report: String,
}

impl ReviewPage {
    pub(super) fn new(visitor: &Visitor, title: impl Into<String>) -> ReviewPage {
        ReviewPage {
            f: Frame::new(visitor, title),
            lead: Vec::new(),
            figures: Vec::new(),
            links: Vec::new(),
            buttons: Vec::new(),
            charts: Vec::new(),
            tables: Vec::new(),
            forms: Vec::new(),
            report: String::new(),
        }
    }

    /// The page, with 422 where something is wrong.
    pub(super) fn show(mut self) -> Response {
        let inputs: Vec<Input> = self.forms.iter().flat_map(|form| form.inputs.clone()).collect();
        self.f = self.f.with(&inputs);
        let wrong = !self.f.wrong.is_empty();
        show_as(if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &self)
    }
}

/// Which agreement, which days: it stands in addresses, and names no person.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) agreement: String,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Scope {
    /// From an address or a form; what cannot be is refused by the node.
    pub(super) fn of<'a>(get: impl Fn(&str) -> &'a str) -> Scope {
        let day = |text: &str| crate::drafts::date(text).map_or(0, Day::number);
        let agreement = get("agreement").chars().filter(char::is_ascii_hexdigit).collect();
        Scope { agreement, from: day(get("from")), to: day(get("to")) }
    }

    pub(super) fn of_query(query: &BTreeMap<String, String>) -> Scope {
        Scope::of(|name| query.get(name).map_or("", String::as_str))
    }

    pub(super) fn request(&self) -> wire::AuditReportRequest {
        let agreement_id = self.agreement.clone();
        wire::AuditReportRequest { agreement_id, from: self.from, to: self.to }
    }

    /// As it stands in an address.
    pub(super) fn query(&self) -> String {
        let [agreement, from, to] = self.fields().map(|(_, value)| value);
        format!("agreement={agreement}&from={from}&to={to}")
    }

    pub(super) fn fields(&self) -> [(String, String); 3] {
        let field = |name: &str, value: String| (name.to_owned(), value);
        [
            field("agreement", self.agreement.clone()),
            field("from", dashed(self.from)),
            field("to", dashed(self.to)),
        ]
    }

    pub(super) fn words(&self, lang: Lang) -> String {
        lang.fill("review.period", &[&lang.day(self.from), &lang.day(self.to)])
    }
}

/// `yyyy-mm-dd`.
pub(super) fn dashed(number: u32) -> String {
    Day::from_number(number).map_or(String::new(), |day| day.to_string())
}
