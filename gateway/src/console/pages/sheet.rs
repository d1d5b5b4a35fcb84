//! A sheet: taken in, checked, put right, sent, handed back. It is in memory alone while the
//! clerk has it in hand, and understood by a process of its own.

use crate::console::SHEET_BYTES_MAX;
use crate::console::desks::Said;
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Failed, FormPage, Frame, Link, show};
use crate::console::posted::Form;
use crate::console::tray::{Held, State};
use crate::console::visitor::Visitor;
use crate::console::words::ZONE_MIN;
use crate::sheet::headings::Column;
use crate::sheet::job::{Answer as Read, ColumnSaid, Job, Reading, Work};
use crate::sheet::told::{self, Progress};
use crate::sheet::{self, Form as Ending, Limits, Mapping};
use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::day::Day;
use jieli_proto::wire;
use prost::Message as _;
use std::sync::Arc;

/// Rows sent to the node at once.
const ROWS_AT_ONCE: usize = 200;
/// Findings and results on a page; all of them are in the sheet that goes back.
const SHOWN: usize = 200;
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

#[derive(Template)]
#[template(path = "sheet.html")]
struct SheetPage {
    f: Frame,
    refused: Option<(String, String)>,
    /// Heading, what it is about if that is forbidden, and its question.
    columns: Vec<(String, String, Option<Input>)>,
    counts: Vec<(&'static str, String)>,
    findings: Vec<(bool, String, String, String)>,
    rows: Vec<(String, String, String)>,
    mapping: Vec<(String, &'static str)>,
    more: String,
    files: Vec<Link>,
    insurance: String,
    may_send: bool,
    may_map: bool,
    broken_off: bool,
    sent: bool,
}

fn upload_form(visitor: &Visitor) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, lang.w("sheet.title"));
    let mut page = FormPage::new(f, "/sheet", lang.w("sheet.read"));
    page.lead = vec![lang.w("sheet.lead").to_owned(), lang.w("sheet.nothing_sent").to_owned()];
    page.inputs =
        vec![Input::new("sheet", lang.w("sheet.file"), Kind::File).hint(lang.w("sheet.file_hint"))];
    page.back = Some(Link::new("/sheet/files/template.xlsx", lang.w("sheet.template")));
    page
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    visitor.office()?;
    Ok(upload_form(&visitor).show())
}

/// Takes a sheet in hand and reads it. Nothing is sent.
pub(crate) async fn upload(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let Some((ending, file)) = form.file.clone().filter(|(_, file)| !file.is_empty()) else {
        let mut page = upload_form(&visitor);
        page.inputs[0].wrong = lang.w("sheet.no_file").to_owned();
        return Ok(page.show());
    };
    let (token, _) = visitor.office()?;
    let kept = visitor.console.accounts.headings(&token.office).await;
    // What was written down is judged again when it is read.
    let mapping = toml::from_str(&kept.map_err(visitor.broken())?).unwrap_or_default();
    read(&visitor, ending, file, mapping).await
}

async fn read(visitor: &Visitor, ending: String, file: Bytes, mapping: Mapping) -> Answer {
    let mut desk = visitor.desk()?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let ask = wire::ListVacanciesRequest {};
    let listed = desk.list_vacancies(ask).await.map_err(visitor.sorry())?.into_inner();
    let today = Day::of_unix_ms(status.now_unix_ms, ZONE_MIN).number();
    let job = Job {
        work: Work::Read,
        ending,
        today,
        vacancies: sheet::known_vacancies(&listed, today),
        mapping,
        limits: Limits { file_bytes_max: SHEET_BYTES_MAX as u64, ..Limits::default() },
    };
    let (answer, body) = worked(visitor, &job, &file).await?;
    let state = match answer {
        Read::Refused(refused) => State::Refused(Arc::new(refused)),
        Read::Sheet(reading) => {
            let drafts = wire::ImportRequest::decode(body.as_slice()).map_err(visitor.broken())?;
            State::Read { reading: Arc::new(reading), drafts: Arc::new(drafts.drafts) }
        }
        Read::File | Read::Walked(_) | Read::NoJob => return Err(no_reader(visitor)),
    };
    let held = Held::new(job, file, state, visitor.now_ms());
    if !visitor.console.tray.put(visitor.place(), held) {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        return Err(visitor.failed(Said::own(busy, "BUSY", "sheet.busy")));
    }
    Ok(Redirect::to("/sheet/check").into_response())
}

async fn worked(visitor: &Visitor, job: &Job, file: &[u8]) -> Result<(Read, Vec<u8>), Failed> {
    let reader = &visitor.console.outside.reader;
    reader.read(job, file).await.map_err(|_| no_reader(visitor))
}

fn no_reader(visitor: &Visitor) -> Failed {
    visitor.failed(Said::own(StatusCode::BAD_GATEWAY, "READER", "sheet.no_reader"))
}

/// The sheet in hand, or back to where one is taken in.
fn held(visitor: &Visitor) -> Result<Held, Failed> {
    let found = visitor.console.tray.get(&visitor.place(), visitor.now_ms());
    found.ok_or_else(|| Redirect::to("/sheet").into_response().into())
}

/// What was read, before anything is sent.
pub(crate) async fn check(visitor: Visitor) -> Answer {
    let held = held(&visitor)?;
    Ok(match &held.state {
        State::Sent { .. } => Redirect::to("/sheet/done").into_response(),
        State::Refused(_) | State::Read { .. } => show(&shown(&visitor, &held)),
    })
}

/// What became of it.
pub(crate) async fn done(visitor: Visitor) -> Answer {
    let held = held(&visitor)?;
    Ok(show(&shown(&visitor, &held)))
}

fn shown(visitor: &Visitor, held: &Held) -> SheetPage {
    let lang = visitor.lang;
    let entries = held.job.mapping.entries();
    let mut page = SheetPage {
        f: Frame::new(visitor, lang.w("sheet.check_title")),
        refused: None,
        columns: Vec::new(),
        counts: Vec::new(),
        findings: Vec::new(),
        rows: Vec::new(),
        mapping: entries.map(|(h, c)| (h.to_owned(), lang.pick(c.zh(), c.en()))).collect(),
        more: String::new(),
        files: Vec::new(),
        insurance: String::new(),
        may_send: false,
        may_map: false,
        broken_off: false,
        sent: false,
    };
    match &held.state {
        State::Refused(refused) => {
            page.f.title = lang.w("sheet.refused_title").to_owned();
            let (what, remedy) = (&refused.what, &refused.remedy);
            let remedy = match refused.columns.is_empty() {
                true => lang.pick(&remedy.zh, &remedy.en),
                // The sheet's own words name an option of the command line.
                false => lang.w("sheet.columns"),
            };
            page.refused = Some((lang.pick(&what.zh, &what.en).to_owned(), remedy.to_owned()));
            page.columns = refused.columns.iter().enumerate().map(|c| column(c, visitor)).collect();
            page.may_map = page.columns.iter().any(|(_, _, question)| question.is_some());
            if !page.columns.is_empty() {
                let clean = lang.w("sheet.cleaned");
                page.files.push(Link::new("/sheet/files/cleaned.xlsx", clean));
            }
        }
        State::Read { reading, drafts } => {
            told_of(&mut page, visitor, reading);
            page.may_send = !drafts.is_empty();
            page.files = files(visitor, !reading.faulty_rows().is_empty());
        }
        State::Sent { reading, rows, whole } => {
            page.f.title = lang.w("sheet.done_title").to_owned();
            told_of(&mut page, visitor, reading);
            (page.sent, page.broken_off) = (true, !whole);
            let wrong = rows.iter().any(|row| row.case_number.is_empty());
            page.files = files(visitor, wrong || !reading.faulty_rows().is_empty());
            page.counts = sums(visitor, reading, rows);
            page.rows = rows.iter().take(SHOWN).map(|row| result(visitor, row)).collect();
            if rows.len() > SHOWN {
                page.more = lang.fill("sheet.more", &[&SHOWN.to_string(), &rows.len().to_string()]);
            }
        }
    }
    page
}

fn column((at, said): (usize, &ColumnSaid), visitor: &Visitor) -> (String, String, Option<Input>) {
    let lang = visitor.lang;
    let place = format!("{} {}", said.cell, said.heading);
    if let Some(topic) = &said.topic {
        return (place, lang.pick(&topic.zh, &topic.en).to_owned(), None);
    }
    if said.heading.is_empty() {
        return (place, String::new(), None);
    }
    let none = std::iter::once((String::new(), lang.w("sheet.map_none").to_owned()));
    let known = Column::TEMPLATE.iter().filter(|column| !column.is_read_over());
    let known = known.map(|c| (c.zh().to_owned(), lang.pick(c.zh(), c.en()).to_owned()));
    let label = lang.fill("sheet.map_label", &[&said.heading]);
    let input = Input::new(&format!("map-{at}"), label, Kind::Choice(none.chain(known).collect()));
    (place, String::new(), Some(input.optional()))
}

fn told_of(page: &mut SheetPage, visitor: &Visitor, reading: &Reading) {
    let lang = visitor.lang;
    page.counts = vec![
        (lang.w("sheet.rows_read"), reading.rows_read.to_string()),
        (lang.w("sheet.rows_good"), reading.rows.len().to_string()),
        (lang.w("sheet.rows_wrong"), reading.faulty_rows().len().to_string()),
    ];
    // Errors first: they are what has to be done.
    let ordered = |error: bool| reading.findings.iter().filter(move |said| said.error == error);
    let all = ordered(true).chain(ordered(false)).take(SHOWN).map(|said| {
        (
            said.error,
            format!("{} {}", said.cell, said.heading),
            lang.pick(&said.what.zh, &said.what.en).to_owned(),
            lang.pick(&said.remedy.zh, &said.remedy.en).to_owned(),
        )
    });
    page.findings = all.collect();
    let count = reading.findings.len();
    if count > SHOWN {
        page.more = lang.fill("sheet.more", &[&SHOWN.to_string(), &count.to_string()]);
    }
    if reading.insurance_rows > 0 {
        page.insurance = lang.fill("sheet.insurance", &[&reading.insurance_rows.to_string()]);
    }
}

fn files(visitor: &Visitor, any_wrong: bool) -> Vec<Link> {
    let lang = visitor.lang;
    let mut files = vec![Link::new("/sheet/files/back.xlsx", lang.w("sheet.back"))];
    if any_wrong {
        files.push(Link::new("/sheet/files/wrong.xlsx", lang.w("sheet.wrong")));
    }
    files
}

fn sums(
    visitor: &Visitor,
    reading: &Reading,
    rows: &[wire::ImportedRow],
) -> Vec<(&'static str, String)> {
    let lang = visitor.lang;
    let of = |code: &str| rows.iter().filter(|row| row.code == code).count();
    let (new, same, better) = (of("draft"), of("duplicate"), of("corrected"));
    let refused = reading.faulty_rows().len() + rows.len() - new - same - better;
    vec![
        (lang.w("sheet.rows_read"), reading.rows_read.to_string()),
        (lang.w("sheet.drafts"), new.to_string()),
        (lang.w("sheet.corrected"), better.to_string()),
        (lang.w("sheet.duplicates"), same.to_string()),
        (lang.w("sheet.rows_wrong"), refused.to_string()),
    ]
}

fn result(visitor: &Visitor, row: &wire::ImportedRow) -> (String, String, String) {
    let said = visitor.lang.pick(&row.say_zh, &row.say_en).to_owned();
    (row.row.to_string(), row.case_number.clone(), said)
}

/// Reads the sheet again with what the clerk said its columns mean, and remembers that for the
/// office.
pub(crate) async fn map(visitor: Visitor, form: Form) -> Answer {
    let held = held(&visitor)?;
    let State::Refused(refused) = &held.state else {
        return Ok(Redirect::to("/sheet/check").into_response());
    };
    let mut mapping = held.job.mapping.clone();
    for (at, said) in refused.columns.iter().enumerate() {
        let column = form.get(&format!("map-{at}"));
        if column.is_empty() {
            continue;
        }
        if let Err(error) = mapping.add(&said.heading, column) {
            let mut page = shown(&visitor, &held);
            let what = error.say();
            let what = visitor.lang.pick(&what.zh, &what.en).to_owned();
            if let Some((_, _, Some(input))) = page.columns.get_mut(at) {
                input.wrong.clone_from(&what);
                page.f.wrong.push((input.name.clone(), what));
            }
            return Ok(show(&page));
        }
    }
    let (token, _) = visitor.office()?;
    let text = toml::to_string(&mapping).map_err(visitor.broken())?;
    visitor.console.accounts.remember(&token.office, &text).await.map_err(visitor.broken())?;
    read(&visitor, held.job.ending.clone(), held.file.clone(), mapping).await
}

/// Forgets what the office's columns mean, and reads the sheet again.
pub(crate) async fn forget(visitor: Visitor, _: Form) -> Answer {
    let held = held(&visitor)?;
    let (token, _) = visitor.office()?;
    visitor.console.accounts.remember(&token.office, "").await.map_err(visitor.broken())?;
    read(&visitor, held.job.ending.clone(), held.file.clone(), Mapping::default()).await
}

/// Hands the drafts to the node, piece by piece. What is in stays in: the same sheet once more
/// goes on where it broke off.
pub(crate) async fn send(visitor: Visitor, _: Form) -> Answer {
    let mut desk = visitor.desk()?;
    let held = held(&visitor)?;
    let State::Read { reading, drafts } = held.state.clone() else {
        return Ok(Redirect::to("/sheet/check").into_response());
    };
    // Pressed twice, it is sent once.
    if visitor.console.tray.take(&visitor.place()).is_none() {
        return Ok(Redirect::to("/sheet/check").into_response());
    }
    let (mut rows, mut whole) = (Vec::new(), true);
    for some in drafts.chunks(ROWS_AT_ONCE) {
        let ask = wire::ImportRequest { file_name: String::new(), drafts: some.to_vec() };
        match desk.import(ask).await {
            Ok(reply) => rows.extend(reply.into_inner().rows),
            Err(status) if rows.is_empty() => {
                let again = Held::new(held.job, held.file, held.state, visitor.now_ms());
                visitor.console.tray.put(visitor.place(), again);
                return Err(visitor.failed(status));
            }
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let state = State::Sent { reading, rows: Arc::new(rows), whole };
    let sent = Held::new(held.job, held.file, state, visitor.now_ms());
    visitor.console.tray.put(visitor.place(), sent);
    Ok(Redirect::to("/sheet/done").into_response())
}

/// Sheets to be saved. Their names say nothing of what is in them.
pub(crate) async fn file(visitor: Visitor, Path(name): Path<String>) -> Answer {
    if name == "template.xlsx" {
        return Ok(saved(&name, sheet::template(Ending::Xlsx)));
    }
    let held = held(&visitor)?;
    let work = match (name.as_str(), &held.state) {
        ("cleaned.xlsx", State::Refused(_)) => Work::Clean(Ending::Xlsx),
        ("back.xlsx" | "wrong.xlsx", State::Read { .. } | State::Sent { .. }) => {
            let wrong_only = name == "wrong.xlsx";
            Work::HandBack { notes: notes(&visitor, &held), wrong_only }
        }
        _ => {
            let status = StatusCode::NOT_FOUND;
            return Err(visitor.failed(Said::own(status, "NO_FILE", "sheet.no_such_file")));
        }
    };
    let job = Job { work, ..held.job.clone() };
    match worked(&visitor, &job, &held.file).await? {
        (Read::File, bytes) => Ok(saved(&name, bytes)),
        (Read::Refused(_) | Read::Sheet(_) | Read::Walked(_) | Read::NoJob, _) => {
            Err(no_reader(&visitor))
        }
    }
}

fn notes(visitor: &Visitor, held: &Held) -> Vec<sheet::Note> {
    let lang = visitor.lang;
    let say = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    match &held.state {
        State::Refused(_) => Vec::new(),
        State::Read { reading, .. } => told::notes(reading, &[], Progress::Tried, &say),
        State::Sent { reading, rows, whole } => {
            let progress = if *whole { Progress::Whole } else { Progress::BrokenOff };
            told::notes(reading, rows, progress, &say)
        }
    }
}

pub(super) fn saved(name: &str, bytes: Vec<u8>) -> Response {
    let save = format!("attachment; filename=\"{name}\"");
    let kind = if name.ends_with(".csv") { "text/csv; charset=utf-8" } else { XLSX };
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, save)];
    (headers, bytes).into_response()
}
