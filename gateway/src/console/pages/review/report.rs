//! Choosing agreement and period, and its figures.

use super::{Ask, ReviewPage, Scope, dashed};
use crate::console::chart::{Chart, Row, Series};
use crate::console::desks::Cities;
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Button, Link, Table};
use crate::console::visitor::Visitor;
use crate::console::words::{Lang, ZONE_MIN};
use axum::extract::Query;
use axum::response::Response;
use jieli_proto::case::Duty;
use jieli_proto::day::Day;
use jieli_proto::wire;
use jieli_proto::words::{self, Word};
use std::collections::BTreeMap;

/// Hours without a cosignature after which new offers pause.
const PAUSE_HOURS: u64 = 72;

/// Agreements, and the days to look at.
pub(crate) async fn choose(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let mut desk = visitor.desk()?;
    let cities = visitor.cities(&mut desk).await?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let ask = wire::ListAgreementsRequest::default();
    let all = desk.list_agreements(ask).await.map_err(visitor.sorry())?.into_inner().agreements;
    let today = Day::of_unix_ms(status.now_unix_ms, ZONE_MIN);
    let month = today.number() / 100 * 100 + 1;
    let option = |one: &wire::AgreementView| {
        let state = lang.pick(&one.state_zh, &one.state_en);
        (one.agreement_id.clone(), format!("{} · {state}", cities.of(&one.peer)))
    };
    let options: Vec<_> = all.iter().map(option).collect();
    let mut page = ReviewPage::new(&visitor, lang.w("nav.review"));
    page.lead = vec![lang.w("review.lead").to_owned()];
    if options.is_empty() {
        page.lead.push(lang.w("partners.no_agreements").to_owned());
        return Ok(page.show());
    }
    let first = options.first().map_or(String::new(), |(id, _)| id.clone());
    page.forms = vec![Ask {
        heading: lang.w("review.choose").to_owned(),
        lead: Vec::new(),
        method: "get",
        action: "/review/report",
        hidden: Vec::new(),
        inputs: vec![
            Input::new("agreement", lang.w("review.agreement"), Kind::Radio(options)).value(first),
            Input::new("from", lang.w("review.from"), Kind::Date).value(dashed(month)),
            Input::new("to", lang.w("review.to"), Kind::Date).value(today.to_string()),
        ],
        button: lang.w("review.show"),
    }];
    Ok(page.show())
}

/// The figures of an agreement and period.
pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let scope = Scope::of_query(&query);
    let cities = visitor.cities(&mut visitor.desk()?).await?;
    let request = scope.request();
    let found = visitor.audit()?.report(request).await.map_err(visitor.sorry())?.into_inner();
    Ok(shown(&visitor, &scope, &found, &cities))
}

/// The names of the two cities, the own one first.
struct Names {
    ours: String,
    theirs: String,
}

impl Names {
    fn of(&self, ours: bool) -> &str {
        if ours { &self.ours } else { &self.theirs }
    }
}

fn shown(visitor: &Visitor, scope: &Scope, found: &wire::AuditReport, cities: &Cities) -> Response {
    let lang = visitor.lang;
    let names = Names { ours: lang.w("review.ours").to_owned(), theirs: cities.of(&found.peer) };
    let mut page = ReviewPage::new(visitor, lang.fill("review.title", &[&names.theirs]));
    page.lead = vec![scope.words(lang)];
    let consents = found.consents.clone().unwrap_or_default();
    let late: u64 = found.deadlines.iter().map(|one| one.late + one.missed + one.overdue).sum();
    let alarms = found.alarms.len() + found.misbehaviour.len();
    page.figures = vec![
        (lang.w("review.legs"), found.legs.to_string()),
        (lang.w("review.uncovered"), (consents.opened - consents.covered).to_string()),
        (lang.w("review.not_in_time"), late.to_string()),
        (lang.w("review.alarms"), alarms.to_string()),
    ];
    let query = scope.query();
    let link = |path: &str, key: &str| Link::new(format!("{path}?{query}"), lang.w(key));
    page.links = vec![
        link("/review/sample", "review.sample"),
        link("/review/looks", "review.looks"),
        link("/review/pack", "review.pack"),
    ];
    page.buttons = vec![Button {
        action: "/review/reconcile".to_owned(),
        label: lang.w("review.reconcile").to_owned(),
        hidden: scope.fields().to_vec(),
    }];
    page.charts = vec![
        flows(found, &names, lang),
        deadlines(found, &names, lang),
        paces(found, &names, lang),
        declines(found, &names, lang),
        covered(&consents, lang),
        cosigned(found, cities, lang),
    ];
    page.tables = vec![events(found, cities, lang), overrides(found, lang), bodies(found, lang)];
    page.show()
}

fn series(lang: Lang, all: &[(&str, &'static str)]) -> Vec<Series> {
    all.iter().map(|(key, class)| Series { name: lang.w(key).to_owned(), class }).collect()
}

fn chart(lang: Lang, heading: &str, note: &str, head: &str) -> Chart {
    Chart {
        heading: lang.w(heading).to_owned(),
        note: lang.w(note).to_owned(),
        head: lang.w(head).to_owned(),
        empty: lang.w("chart.none"),
        ..Chart::default()
    }
}

fn flows(found: &wire::AuditReport, names: &Names, lang: Lang) -> Chart {
    let row = |one: &wire::AuditFlow| {
        let service = lang.of(words::service(one.service()));
        let (from, to) = (names.of(one.ours), names.of(!one.ours));
        Row {
            label: lang.fill("chart.flow", &[from, to, &service]),
            counts: vec![one.fulfilled, one.open, one.ended, one.not_given],
        }
    };
    let shown = [
        ("chart.fulfilled", "s1"),
        ("chart.open", "s2"),
        ("chart.ended", "s3"),
        ("chart.not_given", "s4"),
    ];
    Chart {
        series: series(lang, &shown),
        rows: found.flows.iter().map(row).collect(),
        ..chart(lang, "chart.flows", "chart.flows_note", "chart.way")
    }
}

fn duty(duty: wire::Duty, lang: Lang) -> String {
    let word = match duty {
        wire::Duty::Unspecified => Word { zh: "-", en: "-" },
        wire::Duty::TakeUp => words::duty(Duty::TakeUp),
        wire::Duty::Decide => words::duty(Duty::Decide),
        wire::Duty::Supply => words::duty(Duty::Supply),
        wire::Duty::Release => words::duty(Duty::Release),
        wire::Duty::Outcome => words::duty(Duty::Outcome),
        wire::Duty::Complete => words::duty(Duty::Complete),
        wire::Duty::WithdrawEffect => words::duty(Duty::WithdrawEffect),
    };
    lang.of(word)
}

fn deadlines(found: &wire::AuditReport, names: &Names, lang: Lang) -> Chart {
    let row = |one: &wire::AuditDeadline| Row {
        label: format!("{} · {}", names.of(one.ours), duty(one.duty(), lang)),
        counts: vec![one.met, one.waiting, one.ended, one.late, one.missed, one.overdue],
    };
    let shown = [
        ("chart.met", "s1"),
        ("chart.waiting", "s2"),
        ("chart.ended", "s3"),
        ("chart.late", "s5"),
        ("chart.missed", "s4"),
        ("chart.overdue", "s6"),
    ];
    Chart {
        series: series(lang, &shown),
        rows: found.deadlines.iter().map(row).collect(),
        ..chart(lang, "chart.deadlines", "chart.deadlines_note", "chart.duty")
    }
}

fn paces(found: &wire::AuditReport, names: &Names, lang: Lang) -> Chart {
    let row = |one: &wire::AuditPace| Row {
        label: format!("{} · {}", names.of(one.ours), lang.of(words::message(one.r#type()))),
        counts: vec![one.within_1, one.within_5, one.within_15, one.within_60, one.longer],
    };
    let shown = [
        ("chart.within_one", "s1"),
        ("chart.within_five", "s2"),
        ("chart.within_fifteen", "s3"),
        ("chart.within_sixty", "s5"),
        ("chart.longer", "s4"),
    ];
    Chart {
        series: series(lang, &shown),
        rows: found.paces.iter().map(row).collect(),
        ..chart(lang, "chart.paces", "chart.paces_note", "chart.until")
    }
}

fn declines(found: &wire::AuditReport, names: &Names, lang: Lang) -> Chart {
    let row = |one: &wire::AuditDecision| {
        let ty = lang.of(words::message(one.r#type()));
        let code = lang.of(words::decision(one.code()));
        Row { label: format!("{} · {ty} · {code}", names.of(one.ours)), counts: vec![one.count] }
    };
    Chart {
        series: series(lang, &[("chart.count", "s4")]),
        rows: found.decisions.iter().map(row).collect(),
        ..chart(lang, "chart.declines", "chart.declines_note", "chart.reason")
    }
}

fn covered(consents: &wire::AuditConsents, lang: Lang) -> Chart {
    let row = Row {
        label: lang.w("chart.sent_on").to_owned(),
        counts: vec![consents.covered, consents.opened - consents.covered],
    };
    Chart {
        series: series(lang, &[("chart.covered", "s1"), ("chart.uncovered", "s6")]),
        rows: if consents.opened > 0 { vec![row] } else { Vec::new() },
        ..chart(lang, "chart.consents", "chart.consents_note", "chart.what")
    }
}

fn cosigned(found: &wire::AuditReport, cities: &Cities, lang: Lang) -> Chart {
    let row = |one: &wire::AuditCosigned| {
        let hours = found.made_unix_ms.saturating_sub(one.at_unix_ms) / 3_600_000;
        let over = hours.saturating_sub(PAUSE_HOURS);
        let key = if one.of_agreement { "chart.the_other" } else { "chart.uninvolved" };
        Row {
            label: format!("{} · {}", cities.of(&one.city), lang.w(key)),
            counts: vec![hours - over, over],
        }
    };
    Chart {
        series: series(lang, &[("chart.hours", "s2"), ("chart.hours_over", "s6")]),
        rows: found.cosigned.iter().map(row).collect(),
        ..chart(lang, "chart.cosigned", "chart.cosigned_note", "chart.city")
    }
}

fn events(found: &wire::AuditReport, cities: &Cities, lang: Lang) -> Table {
    let row = |key: &'static str| {
        move |one: &wire::AuditEvent| {
            let at = lang.time(one.at_unix_ms);
            vec![
                at.into(),
                lang.w(key).to_owned().into(),
                cities.of(&one.city).into(),
                one.kind.clone().into(),
            ]
        }
    };
    let alarms = found.alarms.iter().map(row("review.alarm"));
    Table {
        heading: lang.w("review.alarms").to_owned(),
        heads: vec![
            lang.w("review.when"),
            lang.w("review.sort"),
            lang.w("chart.city"),
            lang.w("chart.what"),
        ],
        rows: alarms.chain(found.misbehaviour.iter().map(row("review.proof"))).collect(),
        empty: lang.w("review.no_alarms"),
    }
}

fn overrides(found: &wire::AuditReport, lang: Lang) -> Table {
    let row = |one: &wire::AuditOverride| {
        let key = match one.kind.as_str() {
            "keys" => "review.keys",
            "repair" => "review.repair",
            "new-epoch" => "review.new_epoch",
            "keys-emergency" => "review.keys_now",
            _ => "review.keys_start",
        };
        vec![
            lang.time(one.asked_unix_ms).into(),
            lang.w(key).to_owned().into(),
            one.token.clone().into(),
            one.approver_post.clone().into(),
            lang.time(one.done_unix_ms).into(),
        ]
    };
    Table {
        heading: lang.w("review.overrides").to_owned(),
        heads: vec![
            lang.w("review.when"),
            lang.w("chart.what"),
            lang.w("review.by"),
            lang.w("review.approved"),
            lang.w("review.done"),
        ],
        rows: found.overrides.iter().map(row).collect(),
        empty: lang.w("review.no_overrides"),
    }
}

/// What the bodies received, whatever the agreement: nothing says what a grievance is about.
fn bodies(found: &wire::AuditReport, lang: Lang) -> Table {
    let row = |one: &wire::GrievanceCounts| {
        vec![
            one.office_name.clone().into(),
            one.received.to_string().into(),
            one.waiting.to_string().into(),
            one.overdue.to_string().into(),
        ]
    };
    Table {
        heading: lang.w("review.grievances").to_owned(),
        heads: vec![
            lang.w("review.body"),
            lang.w("review.received"),
            lang.w("chart.waiting"),
            lang.w("chart.overdue"),
        ],
        rows: found.grievances.iter().map(row).collect(),
        empty: lang.w("review.no_bodies"),
    }
}
