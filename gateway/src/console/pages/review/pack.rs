//! What is handed on or looked up for an agreement and period: the evidence pack, who looked, and
//! whether both cities hold the same.

use super::{ReviewPage, Scope};
use crate::console::frame::{Answer, Link, Table};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header;
use axum::response::IntoResponse;
use futures::{StreamExt as _, TryStreamExt as _};
use jieli_proto::wire;
use std::collections::BTreeMap;

/// Looks on a page.
const LOOKS: u32 = 200;
/// Differences on a page.
const SHOWN: usize = 200;

/// The pack, as the node writes it; nothing of it is kept here.
pub(crate) async fn download(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let scope = Scope::of_query(&query);
    let parts = visitor.audit()?.pack(scope.request()).await.map_err(visitor.sorry())?;
    let mut parts = parts.into_inner();
    // A period without messages is refused here, and not in the middle of a file.
    let first = parts.message().await.map_err(visitor.sorry())?.unwrap_or_default();
    let all = futures::stream::once(async { Ok(first) }).chain(parts);
    let bytes = all.map_ok(|part| axum::body::Bytes::from(part.data));
    let name = format!("jieli-pack-{}-{}.zip", scope.from, scope.to);
    let heads = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((heads, Body::from_stream(bytes)).into_response())
}

/// Who looked at personal data.
pub(crate) async fn looks(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of_query(&query);
    let request = wire::AccessLogRequest {
        agreement_id: scope.agreement.clone(),
        from: scope.from,
        to: scope.to,
        after: query.get("after").cloned().unwrap_or_default(),
        most: LOOKS,
    };
    let found = visitor.audit()?.access_log(request).await.map_err(visitor.sorry())?.into_inner();
    let mut page = ReviewPage::new(&visitor, lang.w("review.looks"));
    page.lead = vec![scope.words(lang), lang.w("review.looks_lead").to_owned()];
    let back = format!("/review/report?{}", scope.query());
    page.links = vec![Link::new(back, lang.w("form.back"))];
    if !found.next.is_empty() {
        let next = format!("/review/looks?{}&after={}", scope.query(), found.next);
        page.links.push(Link::new(next, lang.w("queue.next")));
    }
    page.tables = vec![Table {
        heading: lang.w("review.looks").to_owned(),
        heads: vec![
            lang.w("review.when"),
            lang.w("review.office"),
            lang.w("review.view"),
            lang.w("case.number"),
            lang.w("review.purpose"),
        ],
        rows: found.looks.iter().map(|look| look_row(look, lang)).collect(),
        empty: lang.w("review.nobody"),
    }];
    Ok(page.show())
}

fn look_row(look: &wire::AccessLine, lang: Lang) -> Vec<crate::console::frame::Cell> {
    let office = if look.office_name.is_empty() { &look.office } else { &look.office_name };
    let view = match look.view.as_str() {
        "export" => "review.view_export",
        "letter" => "review.view_letter",
        "slip" => "review.view_slip",
        "window" => "review.view_window",
        "import" => "review.view_import",
        "find" => "review.view_find",
        "section" => "review.view_section",
        "helper" => "review.view_helper",
        "employer" => "review.view_employer",
        _ => "review.view_case",
    };
    let legs: Vec<String> = look.legs.iter().map(|leg| leg.number.to_string()).collect();
    let purpose = match look.own_words {
        true => lang.w("review.own_words").to_owned(),
        false => lang.pick(&look.purpose_zh, &look.purpose_en).to_owned(),
    };
    vec![
        lang.time(look.at_unix_ms).into(),
        format!("{office} · {}", look.system).into(),
        lang.w(view).to_owned().into(),
        format!("{} / {}", look.case_number, legs.join(" ")).into(),
        purpose.into(),
    ]
}

/// Compares both cities' records of the agreement, down to the message.
pub(crate) async fn reconcile(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let scope = Scope::of(|name| form.get(name));
    let ask = wire::ReconcileRequest { agreement_id: scope.agreement.clone(), period: 0 };
    let steps = visitor.desk()?.reconcile(ask).await.map_err(visitor.sorry())?;
    let mut steps = steps.into_inner();
    let mut report = None;
    while let Some(step) = steps.message().await.map_err(visitor.sorry())? {
        report = step.report.or(report);
    }
    let found = report.unwrap_or_default();
    let mut page = ReviewPage::new(&visitor, lang.w("review.reconcile"));
    let key = if found.agree { "review.agree" } else { "review.differ" };
    page.lead = vec![lang.w(key).to_owned(), lang.w("review.reconcile_lead").to_owned()];
    page.figures = vec![
        (lang.w("review.compared"), found.places.to_string()),
        (lang.w("review.differences"), found.differences.len().to_string()),
    ];
    let back = format!("/review/report?{}", scope.query());
    page.links = vec![Link::new(back, lang.w("form.back"))];
    let row = |one: &wire::Difference| {
        let said = lang.pick(&one.zh, &one.en).to_owned();
        vec![format!("{} / {}", one.lane, one.lane_seq).into(), said.into()]
    };
    page.tables = vec![Table {
        heading: lang.w("review.differences").to_owned(),
        heads: vec![lang.w("review.place"), lang.w("chart.what")],
        rows: found.differences.iter().take(SHOWN).map(row).collect(),
        empty: lang.w("review.same"),
    }];
    Ok(page.show())
}
