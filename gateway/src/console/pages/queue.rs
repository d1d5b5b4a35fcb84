//! The queue: one list by due date. Legs that wait for the person's answer are counted, never
//! listed (V23).

use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, DonePage, Frame, Link, show};
use crate::console::posted::Form;
use crate::console::role::Role;
use crate::console::steps;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use jieli_proto::case::{Duty, Stage};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, Service};
use jieli_proto::words;
use std::collections::BTreeMap;

/// Legs on a page.
const PAGE: u32 = 50;

/// A leg as lists show it.
pub(super) struct Line {
    pub(super) case: String,
    pub(super) number: u32,
    pub(super) service: String,
    pub(super) with: String,
    pub(super) stage: String,
    pub(super) due: String,
    pub(super) due_words: String,
    pub(super) duty: String,
    pub(super) turn: &'static str,
    /// "late", "soon" or empty.
    pub(super) urgency: &'static str,
    pub(super) marks: Vec<String>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    f: Frame,
    lines: Vec<Line>,
    counts: Vec<(&'static str, u64, String)>,
    awaiting: String,
    filters: Vec<Input>,
    next: String,
    may_ask: bool,
}

fn service_name(service: Service) -> &'static str {
    service.as_str_name().trim_start_matches("SERVICE_")
}

fn services(lang: Lang) -> Vec<(String, String)> {
    let all = (1..).map_while(|code| Service::try_from(code).ok());
    let all = all.map(|s| (service_name(s).to_owned(), lang.of(words::service(s))));
    std::iter::once((String::new(), lang.w("queue.all").to_owned())).chain(all).collect()
}

pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let dues = [
        ("", "queue.all"),
        ("overdue", "queue.overdue"),
        ("today", "queue.today"),
        ("week", "queue.week"),
    ];
    let dues = dues.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned())).to_vec();
    let mine = vec![("yes".to_owned(), lang.w("queue.mine").to_owned())];
    let due = if dues.iter().any(|(code, _)| code == get("due")) { get("due") } else { "" };
    let named = Service::from_str_name(&format!("SERVICE_{}", get("service")));
    let ask = wire::ListCasesRequest {
        after: get("after").to_owned(),
        most: PAGE,
        due: due.to_owned(),
        service: named.unwrap_or_default().into(),
        mine: get("mine") == "yes",
        ..Default::default()
    };
    let mut desk = visitor.desk()?;
    let list = desk.list_cases(ask).await.map_err(visitor.sorry())?.into_inner();
    let cities = visitor.cities(&mut desk).await?;
    let lines = list.cases.iter().flat_map(|case| {
        let peer = cities.of(&case.peer);
        let of = move |leg| line(leg, &case.case_number, &peer, list.today, lang);
        case.legs.iter().map(of)
    });
    let counts = list.counts.unwrap_or_default();
    let href = |due: &str| format!("/queue?due={due}");
    let filters = vec![
        Input::new("due", lang.w("queue.due"), Kind::Choice(dues)).value(due),
        Input::new("service", lang.w("queue.service"), Kind::Choice(services(lang)))
            .value(get("service")),
        Input::new("mine", lang.w("queue.whose"), Kind::Checks(mine)).value(get("mine")),
    ];
    let next = match list.next.is_empty() {
        true => String::new(),
        false => {
            let (service, mine) = (get("service"), get("mine"));
            let service = if named.is_some() { service } else { "" };
            let mine = if mine == "yes" { mine } else { "" };
            format!("/queue?due={due}&service={service}&mine={mine}&after={}", list.next)
        }
    };
    let role = visitor.account.as_ref().map(|account| account.role);
    Ok(show(&QueuePage {
        lines: lines.collect(),
        counts: vec![
            (lang.w("queue.overdue"), counts.overdue, href("overdue")),
            (lang.w("queue.today"), counts.due_today, href("today")),
            (lang.w("queue.ours"), counts.ours, String::new()),
            (lang.w("queue.theirs"), counts.theirs, String::new()),
        ],
        awaiting: lang.fill("home.awaiting", &[&list.awaiting.to_string()]),
        filters,
        next,
        may_ask: role == Some(Role::SendingClerk),
        f: Frame::new(&visitor, lang.w("nav.queue")),
    }))
}

/// A leg in words.
pub(super) fn line(leg: &wire::LegLine, case: &str, peer: &str, today: u32, lang: Lang) -> Line {
    let desk = leg.desk.clone().unwrap_or_default();
    let duty = Duty::ALL.into_iter().map(words::duty).find(|word| word.en == leg.duty);
    Line {
        case: case.to_owned(),
        number: leg.number,
        service: lang.of(words::service(leg.service())),
        with: if leg.other_office.is_empty() { peer } else { &leg.other_office }.to_owned(),
        stage: stage(leg, lang),
        due: lang.day(leg.due_date),
        due_words: until(leg.due_date, today, lang),
        duty: duty.map_or(String::new(), |word| lang.of(word)),
        turn: match desk.turn.as_str() {
            "ours" => lang.w("queue.our_turn"),
            "theirs" => lang.w("queue.their_turn"),
            _ => "",
        },
        urgency: match desk.urgency.as_str() {
            "overdue" | "needs-person" => "late",
            "due-soon" => "soon",
            _ => "",
        },
        marks: marks(leg, &desk, lang),
    }
}

/// Where a leg stands, in the words of a desk.
pub(super) fn stage(leg: &wire::LegLine, lang: Lang) -> String {
    let found = Stage::ALL.into_iter().find(|stage| words::stage(*stage).en == leg.stage);
    match (found, leg.stage.as_str()) {
        // Whoever received an application has not “sent” it.
        (Some(Stage::Offered), _) if leg.our_side == "examiner" => {
            lang.w("queue.to_take_up").to_owned()
        }
        (Some(stage), _) => lang.of(words::stage(stage)),
        (None, "DRAFT") => lang.w("queue.draft").to_owned(),
        (None, "AWAITING_CONSENT") => lang.w("queue.awaiting").to_owned(),
        (None, "ON_PAPER") => lang.w("queue.on_paper").to_owned(),
        (None, _) => lang.w("queue.not_taken").to_owned(),
    }
}

fn until(due: u32, today: u32, lang: Lang) -> String {
    let (Some(due), Some(today)) = (Day::from_number(due), Day::from_number(today)) else {
        return String::new();
    };
    match due.since_epoch() - today.since_epoch() {
        0 => lang.w("queue.today").to_owned(),
        1 => lang.w("queue.tomorrow").to_owned(),
        days @ 2.. => lang.fill("queue.in_days", &[&days.to_string()]),
        days => lang.fill("queue.late_days", &[&(-days).to_string()]),
    }
}

fn marks(leg: &wire::LegLine, desk: &wire::LegDesk, lang: Lang) -> Vec<String> {
    let mut marks = Vec::new();
    if desk.urgency == "needs-person" {
        marks.push(lang.w("queue.needs_person").to_owned());
    }
    if leg.question_open {
        marks.push(lang.w("queue.question").to_owned());
    }
    if leg.stop {
        marks.push(lang.w("queue.stopped").to_owned());
    }
    if let Some(asked) = &desk.correction {
        let what = lang.pick(&asked.name_zh, &asked.name_en);
        marks.push(lang.fill("queue.correction", &[what, &lang.day(asked.due_on)]));
    }
    if desk.duplicate_asked {
        marks.push(lang.w("queue.duplicate").to_owned());
    }
    if desk.cover_gap > 0 {
        marks.push(lang.fill("queue.cover_gap", &[&desk.cover_gap.to_string()]));
    }
    if desk.value_unsure {
        marks.push(lang.w("queue.value_unsure").to_owned());
    }
    if desk.cover_wanted {
        marks.push(lang.w("queue.cover_wanted").to_owned());
    }
    if let Some(work) = &desk.work {
        let began = lang.day(work.started_on);
        marks.push(match work.ended_on {
            0 => lang.fill("queue.began", &[&began]),
            ended => lang.fill("queue.ended", &[&began, &lang.day(ended)]),
        });
    }
    if let Some(pending) = &desk.pending {
        let step = steps::word(&pending.step, lang);
        marks.push(lang.fill("queue.pending", &[step, &pending.goes_out_at]));
    }
    if let Some(unsent) = &desk.not_sent {
        let why = lang.pick(&unsent.say_zh, &unsent.say_en);
        marks.push(lang.fill("queue.unsent", &[steps::word(&unsent.step, lang), why]));
    }
    if !desk.handler.is_empty() {
        marks.push(lang.fill("queue.handler", &[&desk.handler]));
    }
    marks
}

/// Asks the people of every draft that was not asked yet.
pub(crate) async fn ask(visitor: Visitor, _: Form) -> Answer {
    let ask = wire::AskRequest::default();
    let reply = visitor.desk()?.ask(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok(asked(&visitor, &reply, Link::new("/queue", visitor.lang.w("nav.queue"))))
}

/// What asking came to.
pub(super) fn asked(visitor: &Visitor, reply: &wire::AskReply, back: Link) -> Response {
    let lang = visitor.lang;
    let mut lead = vec![lang.fill("ask.asked", &[&reply.asked.to_string()])];
    if reply.not_ready > 0 {
        lead.push(lang.fill("ask.not_ready", &[&reply.not_ready.to_string()]));
        let why = |one: &wire::NotReady| {
            let cases = one.case_numbers.join(" ");
            lang.fill("ask.why", &[&cases, lang.pick(&one.say_zh, &one.say_en)])
        };
        lead.extend(reply.reasons.iter().map(why));
    }
    let numbers = reply.undeliverable.iter();
    lead.extend(numbers.map(|number| lang.fill("ask.undeliverable", &[number])));
    show(&DonePage {
        f: Frame::new(visitor, lang.w("ask.done")),
        reference: String::new(),
        lead,
        buttons: Vec::new(),
        links: vec![back],
    })
}
