//! Figures to report upward: whole months by service and partner city, nothing under ten (V16).
//! What persons have not answered is in none of them (V23).

use super::review::dashed;
use super::sheet::saved;
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Cell, Failed, Frame, Link, Table, TablesPage, show};
use crate::console::visitor::Visitor;
use crate::console::words::{Lang, ZONE_MIN};
use crate::sheet;
use axum::extract::Query;
use jieli_proto::day::Day;
use jieli_proto::wire;
use jieli_proto::words;
use std::collections::BTreeMap;

/// Months of one page, at most.
const MONTHS_MAX: u32 = 12;

/// The months asked for; without any, the last whole one. The node says what cannot be.
struct Months {
    from: u32,
    to: u32,
}

/// The last day of a month, yyyymmdd.
fn last_day(month: u32) -> u32 {
    let next = if month % 100 == 12 { month + 89 } else { month + 1 };
    let first = Day::from_number(next * 100 + 1);
    first.map_or(0, |day| day.plus(-1).number())
}

fn month_before(month: u32) -> u32 {
    if month % 100 == 1 { month - 89 } else { month - 1 }
}

impl Months {
    fn of(query: &BTreeMap<String, String>, today: Day) -> Months {
        let this = today.number() / 100;
        let last = month_before(this);
        let read = |name: &str| {
            let month: u32 = query.get(name).and_then(|text| text.parse().ok())?;
            choices(this).contains(&month).then_some(month)
        };
        let from = read("from").unwrap_or(last);
        Months { from, to: read("to").unwrap_or(last).max(from) }
    }
}

/// This month and those before it.
fn choices(this: u32) -> Vec<u32> {
    std::iter::successors(Some(this), |month| Some(month_before(*month)))
        .take(MONTHS_MAX as usize)
        .collect()
}

/// A partner city's line.
struct Line {
    city: String,
    line: wire::StatisticsLine,
}

struct Found {
    months: Months,
    today: Day,
    lines: Vec<Line>,
}

async fn found(visitor: &Visitor, query: &BTreeMap<String, String>) -> Result<Found, Failed> {
    let mut desk = visitor.desk()?;
    let cities = visitor.cities(&mut desk).await?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let today = Day::of_unix_ms(status.now_unix_ms, ZONE_MIN);
    let months = Months::of(query, today);
    let ask = wire::ListAgreementsRequest::default();
    let all = desk.list_agreements(ask).await.map_err(visitor.sorry())?.into_inner().agreements;
    let mut lines = Vec::new();
    for one in all {
        let ask = wire::AuditReportRequest {
            agreement_id: one.agreement_id,
            from: months.from * 100 + 1,
            to: last_day(months.to),
        };
        let figures = desk.figures(ask).await.map_err(visitor.sorry())?.into_inner();
        let city = cities.of(&one.peer);
        lines.extend(figures.lines.into_iter().map(|line| Line { city: city.clone(), line }));
    }
    lines.sort_by(|a, b| {
        (a.line.month, &a.city, a.line.service).cmp(&(b.line.month, &b.city, b.line.service))
    });
    Ok(Found { months, today, lines })
}

fn heads(lang: Lang) -> Vec<&'static str> {
    [
        "figures.month",
        "partners.city",
        "queue.service",
        "figures.opened",
        "figures.taken_up",
        "figures.accepted",
        "figures.fulfilled",
        "figures.not_given",
        "figures.codes",
        "figures.stopped",
    ]
    .map(|key| lang.w(key))
    .to_vec()
}

fn month(number: u32, lang: Lang) -> String {
    let (year, month) = (number / 100, number % 100);
    lang.fill("figures.of_month", &[&year.to_string(), &format!("{month:02}")])
}

fn cells(one: &Line, lang: Lang) -> Vec<String> {
    let line = &one.line;
    let count = |count: u64| match count {
        0 => lang.w("figures.under").to_owned(),
        count => count.to_string(),
    };
    let codes = line.codes.iter();
    let codes = codes.map(|one| format!("{} {}", lang.of(words::decision(one.code())), one.count));
    let codes = codes.collect::<Vec<_>>().join(lang.pick("；", "; "));
    vec![
        month(line.month, lang),
        one.city.clone(),
        lang.of(words::service(line.service())),
        count(line.opened),
        count(line.taken_up),
        count(line.accepted),
        count(line.fulfilled),
        count(line.not_given),
        if codes.is_empty() { "–".to_owned() } else { codes },
        count(line.stopped),
    ]
}

fn choice(this: u32, lang: Lang) -> Kind {
    let all = choices(this).into_iter();
    Kind::Choice(all.map(|number| (number.to_string(), month(number, lang))).collect())
}

pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let found = found(&visitor, &query).await?;
    let (from, to) = (found.months.from, found.months.to);
    let this = found.today.number() / 100;
    let rows = found.lines.iter();
    let rows = rows.map(|one| cells(one, lang).into_iter().map(Cell::from).collect());
    let table = Table {
        heading: lang.fill("review.period", &[&lang.day(from * 100 + 1), &lang.day(last_day(to))]),
        heads: heads(lang),
        rows: rows.collect(),
        empty: lang.w("figures.empty"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.figures")),
        lead: vec![lang.w("figures.lead").to_owned()],
        links: vec![Link::new(format!("/figures/csv?from={from}&to={to}"), lang.w("figures.csv"))],
        filters: vec![
            Input::new("from", lang.w("review.from"), choice(this, lang)).value(from.to_string()),
            Input::new("to", lang.w("review.to"), choice(this, lang)).value(to.to_string()),
        ],
        tables: vec![table],
    }))
}

pub(crate) async fn csv(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let found = found(&visitor, &query).await?;
    let head = heads(lang).into_iter().map(str::to_owned).collect();
    let note = vec![lang.w("figures.lead").to_owned(), dashed(found.today.number())];
    let rows = found.lines.iter().map(|one| cells(one, lang));
    let bytes = sheet::guarded_csv([head].into_iter().chain(rows).chain([note]));
    let name = format!("jieli-{}-{}.csv", found.months.from, found.months.to);
    Ok(saved(&name, bytes))
}
