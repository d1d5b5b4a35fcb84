//! A sample that anybody can draw again, its call-back, and the reviewer's signed word on it.

use super::{Ask, ReviewPage, Scope};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Cell, Link, Table};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jieli_proto::wire::{self, ReviewFinding};
use jieli_proto::words;
use std::collections::BTreeMap;

fn draw_form(scope: &Scope, lang: Lang) -> Ask {
    Ask {
        heading: lang.w("sample.draw").to_owned(),
        lead: vec![lang.w("sample.lead").to_owned()],
        method: "post",
        action: "/review/sample",
        hidden: scope.fields().to_vec(),
        inputs: vec![
            Input::new("seed", lang.w("sample.seed"), Kind::Text).hint(lang.w("sample.seed_hint")),
            Input::new("size", lang.w("sample.size"), Kind::Number).value("20"),
        ],
        button: lang.w("sample.button"),
    }
}

fn sample_page(visitor: &Visitor, scope: &Scope) -> ReviewPage {
    let lang = visitor.lang;
    let mut page = ReviewPage::new(visitor, lang.w("review.sample"));
    page.lead = vec![scope.words(lang)];
    let back = format!("/review/report?{}", scope.query());
    page.links = vec![Link::new(back, lang.w("form.back"))];
    page
}

/// Where a sample is drawn, with the call-backs there are.
pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of_query(&query);
    let ask = scope.request();
    let found = visitor.audit()?.list_call_backs(ask).await.map_err(visitor.sorry())?.into_inner();
    let mut page = sample_page(&visitor, &scope);
    page.forms = vec![draw_form(&scope, lang)];
    page.tables = vec![called(&found.call_backs, lang)];
    Ok(page.show())
}

fn called(all: &[wire::CallBackCounts], lang: Lang) -> Table {
    let row = |one: &wire::CallBackCounts| {
        vec![
            one.office_name.clone().into(),
            one.seed.clone().into(),
            one.drawn.to_string().into(),
            one.asked.to_string().into(),
            one.answered.to_string().into(),
            Cell::whole(lang.day(one.until)),
        ]
    };
    Table {
        heading: lang.w("sample.call_backs").to_owned(),
        heads: vec![
            lang.w("review.body"),
            lang.w("sample.seed"),
            lang.w("sample.drawn"),
            lang.w("sample.asked"),
            lang.w("sample.answered"),
            lang.w("sample.until"),
        ],
        rows: all.iter().map(row).collect(),
        empty: lang.w("sample.no_call_backs"),
    }
}

/// Draws; every draw is written down. Then looking, calling back and signing.
pub(crate) async fn draw(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of(|name| form.get(name));
    let mut ask = draw_form(&scope, lang);
    if !taken(&mut ask.inputs, &form, lang) {
        let mut page = sample_page(&visitor, &scope);
        page.forms = vec![ask];
        return Ok(page.show());
    }
    let seed = form.get("seed").to_owned();
    let request = wire::SampleRequest {
        agreement_id: scope.agreement.clone(),
        from: scope.from,
        to: scope.to,
        seed: seed.clone(),
        size: form.get("size").parse().unwrap_or_default(),
    };
    let found = visitor.audit()?.sample(request).await.map_err(visitor.sorry())?.into_inner();
    let mut page = sample_page(&visitor, &scope);
    page.lead.push(lang.fill("sample.drawn_with", &[&seed, &found.seeds.join(", ")]));
    page.figures = vec![
        (lang.w("review.legs"), found.population.to_string()),
        (lang.w("sample.drawn"), found.items.len().to_string()),
    ];
    let row = |one: &wire::SampleItem| {
        let case = Cell {
            text: format!("{} / {}", one.case_number, one.leg),
            href: format!("/review/cases/{}", one.case_number),
            ..Cell::default()
        };
        let service = lang.of(words::service(one.service()));
        vec![case, service.into(), one.log_index.to_string().into(), short(&one.env_digest).into()]
    };
    page.tables = vec![Table {
        heading: lang.w("sample.items").to_owned(),
        heads: vec![
            lang.w("case.number"),
            lang.w("queue.service"),
            lang.w("sample.index"),
            lang.w("sample.digest"),
        ],
        rows: found.items.iter().map(row).collect(),
        empty: lang.w("sample.nothing"),
    }];
    page.forms = vec![sign_form(&scope, &seed, lang), call_form(&scope, &seed, lang)];
    Ok(page.show())
}

/// The first digits, to compare by eye.
fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

fn with_seed(scope: &Scope, seed: &str) -> Vec<(String, String)> {
    scope.fields().into_iter().chain([("seed".to_owned(), seed.to_owned())]).collect()
}

fn sign_form(scope: &Scope, seed: &str, lang: Lang) -> Ask {
    let all = (1..).map_while(|number| ReviewFinding::try_from(number).ok());
    let options = all.map(|one| (i32::from(one).to_string(), finding(one, lang).to_owned()));
    Ask {
        heading: lang.w("sample.sign_off").to_owned(),
        lead: vec![lang.w("sample.sign_lead").to_owned()],
        method: "post",
        action: "/review/sign-off",
        hidden: with_seed(scope, seed),
        inputs: vec![Input::new(
            "finding",
            lang.w("sample.findings"),
            Kind::Checks(options.collect()),
        )],
        button: lang.w("sample.sign_button"),
    }
}

fn finding(one: ReviewFinding, lang: Lang) -> &'static str {
    lang.w(match one {
        ReviewFinding::Unspecified | ReviewFinding::None => "sample.none",
        ReviewFinding::AnsweredLate => "sample.answered_late",
        ReviewFinding::ConsentMissing => "sample.consent_missing",
        ReviewFinding::DeclineUnfounded => "sample.decline_unfounded",
        ReviewFinding::LookUnexplained => "sample.look_unexplained",
        ReviewFinding::RecordsDiffer => "sample.records_differ",
        ReviewFinding::AlarmUnanswered => "sample.alarm_unanswered",
        ReviewFinding::CallBackDiffers => "sample.call_back_differs",
    })
}

/// Signs what was found, in codes; the signed statement is a file to keep.
pub(crate) async fn sign_off(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of(|name| form.get(name));
    let mut ask = sign_form(&scope, form.get("seed"), lang);
    if !taken(&mut ask.inputs, &form, lang) {
        let mut page = sample_page(&visitor, &scope);
        page.forms = vec![ask];
        return Ok(page.show());
    }
    let request = wire::SignOffRequest {
        agreement_id: scope.agreement.clone(),
        from: scope.from,
        to: scope.to,
        seed: form.get("seed").to_owned(),
        findings: form.all("finding").filter_map(|code| code.parse().ok()).collect(),
    };
    let found = visitor.audit()?.sign_off(request).await.map_err(visitor.sorry())?.into_inner();
    Ok(file(&format!("jieli-sign-off-{}.dsse.json", short(&found.digest)), found.dsse))
}

fn file(name: &str, text: String) -> Response {
    let heads = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (heads, text).into_response()
}

fn call_form(scope: &Scope, seed: &str, lang: Lang) -> Ask {
    Ask {
        heading: lang.w("sample.call_back").to_owned(),
        lead: vec![lang.w("sample.call_lead").to_owned()],
        method: "post",
        action: "/review/call-back",
        hidden: with_seed(scope, seed),
        inputs: vec![
            Input::new("office", lang.w("sample.office"), Kind::Text)
                .hint(lang.w("sample.office_hint")),
            Input::new("days", lang.w("sample.days"), Kind::Number).value("14"),
        ],
        button: lang.w("sample.call_button"),
    }
}

/// Has the persons of a sample asked by a trade union or legal aid; the reply is counts.
pub(crate) async fn call_back(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of(|name| form.get(name));
    let mut ask = call_form(&scope, form.get("seed"), lang);
    let mut page = sample_page(&visitor, &scope);
    if !taken(&mut ask.inputs, &form, lang) {
        page.forms = vec![ask];
        return Ok(page.show());
    }
    let request = wire::StartCallBackRequest {
        agreement_id: scope.agreement.clone(),
        from: scope.from,
        to: scope.to,
        seed: form.get("seed").to_owned(),
        office: form.get("office").to_owned(),
        days: form.get("days").parse().unwrap_or_default(),
    };
    let done = visitor.audit()?.start_call_back(request).await.map_err(visitor.sorry())?;
    page.tables = vec![called(&[done.into_inner()], lang)];
    Ok(page.show())
}
