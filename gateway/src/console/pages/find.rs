//! A person stands at the window: the case is found by the document in hand, or by the slip.
//! Number and code come in a form, never in an address.

use crate::console::form::{Input, Kind, taken};
use crate::console::frame::Cell;
use crate::console::frame::{Answer, FormPage, Frame, Link, Table, TablesPage, show, show_as};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jieli_proto::wire;
use jieli_proto::words;

/// Kinds of document, in the code list of the person section.
const PERSON_DOCUMENT: (u8, u32) = (16, 2);

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage {
    f: Frame,
    document: Vec<Input>,
    slip: Vec<Input>,
}

/// The kinds of document that there are, with their codes.
pub(super) fn kinds(lang: Lang) -> Vec<(String, String)> {
    let (section, field) = PERSON_DOCUMENT;
    let kinds = (1..).map_while(|code| {
        let word = words::code(section, field, code)?;
        Some((code.to_string(), lang.of(word)))
    });
    kinds.collect()
}

fn document(visitor: &Visitor) -> Vec<Input> {
    let lang = visitor.lang;
    let purposes = [("办理业务", "purpose.handle"), ("答复投诉", "purpose.complaint")];
    let purposes = purposes.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
    vec![
        Input::new("document", lang.w("find.document"), Kind::Choice(kinds(lang))).value("1"),
        Input::new("number", lang.w("find.number"), Kind::Password).hint(lang.w("find.hint")),
        Input::new("purpose", lang.w("find.purpose"), Kind::Choice(purposes.to_vec()))
            .value("办理业务"),
    ]
}

fn slip_inputs(visitor: &Visitor) -> Vec<Input> {
    let lang = visitor.lang;
    vec![
        Input::new("case", lang.w("case.number"), Kind::Text).hint(lang.w("find.case_hint")),
        Input::new("code", lang.w("find.code"), Kind::Password).hint(lang.w("find.code_hint")),
    ]
}

fn both(visitor: &Visitor, document: Vec<Input>, slip: Vec<Input>) -> Response {
    let all: Vec<Input> = document.iter().chain(&slip).cloned().collect();
    let f = Frame::new(visitor, visitor.lang.w("find.title")).with(&all);
    let status = match f.wrong.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    show_as(status, &FindPage { f, document, slip })
}

pub(crate) async fn page(visitor: Visitor) -> Response {
    both(&visitor, document(&visitor), slip_inputs(&visitor))
}

/// By the document in hand: exact, counted, written down.
pub(crate) async fn find(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut inputs = document(&visitor);
    if !taken(&mut inputs, &form, lang) {
        inputs[1].value.clear();
        return Ok(both(&visitor, inputs, slip_inputs(&visitor)));
    }
    let ask = wire::FindCasesRequest {
        document: form.get("document").parse().unwrap_or(0),
        number: form.get("number").to_owned(),
        purpose: form.get("purpose").to_owned(),
    };
    let found = visitor.desk()?.find_cases(ask).await.map_err(visitor.sorry())?.into_inner();
    let rows = found.case_numbers.iter().map(|case| {
        vec![Cell { text: case.clone(), href: format!("/cases/{case}"), ..Cell::default() }]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![lang.w("case.number")],
        rows: rows.collect(),
        empty: lang.w("find.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("find.found")),
        lead: vec![lang.fill("find.left", &[&found.left_today.to_string()])],
        links: vec![Link::new("/find", lang.w("find.again"))],
        filters: Vec::new(),
        tables: vec![table],
    }))
}

/// By the slip, as the person could look it up too: stages, offices, telephones.
pub(crate) async fn slip(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut inputs = slip_inputs(&visitor);
    if !taken(&mut inputs, &form, lang) {
        inputs[1].value.clear();
        return Ok(both(&visitor, document(&visitor), inputs));
    }
    // A desk without a token of its office looks up nothing.
    visitor.office()?;
    let case = form.get("case").to_owned();
    let digits = form.get("code").chars().filter(char::is_ascii_digit).collect();
    let ask = wire::SlipUse { case_number: case.clone(), slip_code: digits, legs: Vec::new() };
    let mut worker = visitor.console.desks.worker();
    let found = worker.look_by_slip(ask).await.map_err(visitor.sorry())?.into_inner();
    let rows = found.legs.iter().map(|leg| {
        let due = match leg.due_date {
            0 => String::new(),
            day => format!("{} {}", lang.day(day), lang.pick(&leg.due_zh, &leg.due_en)),
        };
        vec![
            leg.number.to_string().into(),
            lang.of(words::service(leg.service())).into(),
            format!("{} {}", leg.our_office, leg.our_telephone).into(),
            format!("{} {} {}", leg.their_city, leg.their_office, leg.their_telephone).into(),
            lang.pick(&leg.stage_zh, &leg.stage_en).to_owned().into(),
            due.into(),
        ]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![
            lang.w("case.leg"),
            lang.w("queue.service"),
            lang.w("find.here"),
            lang.w("find.there"),
            lang.w("queue.stage"),
            lang.w("queue.due"),
        ],
        rows: rows.collect(),
        empty: lang.w("find.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.fill("case.title", &[&case])),
        lead: vec![lang.w("find.slip_lead").to_owned()],
        links: vec![
            Link::new(format!("/cases/{case}"), lang.w("find.open")),
            Link::new("/find", lang.w("find.again")),
        ],
        filters: Vec::new(),
        tables: vec![table],
    }))
}

/// A form around its inputs, for pages with a single one.
pub(super) fn simple(visitor: &Visitor, title: &str, action: &str, inputs: Vec<Input>) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, title.to_owned());
    let mut page = FormPage::new(f, action, lang.w("form.send"));
    page.inputs = inputs;
    page
}
