//! A household: its legs side by side, what may be done next, and, for a purpose that is written
//! down, the persons.

use super::queue::{Line, asked, line};
use crate::console::desks::Said;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Failed, FormPage, Frame, Link, show};
use crate::console::posted::Form;
use crate::console::role::Role;
use crate::console::steps;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use crate::paper;
use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jieli_proto::wire::{self, MessageType};
use jieli_proto::words;

/// A leg on the page.
struct Leg {
    line: Line,
    fields: Vec<(String, String)>,
    messages: Vec<(String, String, String, bool)>,
    told: &'static str,
    window: Vec<String>,
    /// Whether a list of what to bring can be printed.
    brings: bool,
    /// It is this token's own, or can become it.
    mine: bool,
    to_take: bool,
    letter: String,
    /// A REDIRECT, in words.
    moved: String,
    /// Step, its word, and whether it is what usually comes next.
    steps: Vec<(String, &'static str, bool)>,
    undo: bool,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    f: Frame,
    case: String,
    peer: String,
    legs: Vec<Leg>,
    purposes: Vec<(&'static str, &'static str)>,
    purpose: String,
    drafts: bool,
}

/// Purposes as the person reads them, whatever the language of the page.
const PURPOSES: [(&str, &str); 6] = [
    ("办理业务", "purpose.handle"),
    ("核对信息", "purpose.check"),
    ("更正信息", "purpose.correct"),
    ("联系本人", "purpose.contact"),
    ("答复投诉", "purpose.complaint"),
    ("审计", "purpose.audit"),
];

/// Stages only; no person.
pub(crate) async fn page(visitor: Visitor, Path(case): Path<String>) -> Answer {
    shown(&visitor, case, "").await
}

/// With the persons of the own office, for a purpose. It stands in the node's log.
pub(crate) async fn open(visitor: Visitor, Path(case): Path<String>, form: Form) -> Answer {
    let given = form.get("purpose");
    let known = PURPOSES.iter().find(|(purpose, _)| *purpose == given);
    shown(&visitor, case, known.map_or("", |(purpose, _)| purpose)).await
}

async fn shown(visitor: &Visitor, case: String, purpose: &str) -> Answer {
    let lang = visitor.lang;
    let ask = wire::CaseRef { case_number: case, purpose: purpose.to_owned(), sections: false };
    let mut desk = visitor.desk()?;
    let view = desk.show_case(ask).await.map_err(visitor.sorry())?.into_inner();
    let mut line = view.line.clone().unwrap_or_default();
    line.peer = visitor.cities(&mut desk).await?.of(&line.peer);
    let own = visitor.office()?.0.name.as_str();
    let legs = view.legs.iter().map(|one| leg(one, &line, view.today, own, lang));
    let draft = |one: &wire::LegView| one.steps.iter().any(|offer| offer.step == "ask");
    let role = visitor.account.as_ref().map(|account| account.role);
    Ok(show(&CasePage {
        legs: legs.collect(),
        peer: line.peer.clone(),
        purposes: PURPOSES.map(|(code, key)| (code, key_word(lang, key))).to_vec(),
        purpose: purpose.to_owned(),
        drafts: role == Some(Role::SendingClerk) && view.legs.iter().any(draft),
        f: Frame::new(visitor, lang.fill("case.title", &[&line.case_number])),
        case: line.case_number,
    }))
}

fn key_word(lang: Lang, key: &str) -> &'static str {
    lang.w(key)
}

fn leg(view: &wire::LegView, case: &wire::CaseLine, today: u32, own: &str, lang: Lang) -> Leg {
    let shown = view.line.clone().unwrap_or_default();
    let held = shown.desk.clone().unwrap_or_default();
    let fields = view.fields.iter();
    let fields = fields.map(|f| (lang.pick(&f.name_zh, &f.name_en).to_owned(), f.value.clone()));
    let mut open: Vec<(String, &'static str, bool)> = Vec::new();
    for offer in &view.steps {
        let step = offer.step.as_str();
        let known = open.iter().any(|(other, _, _)| other == step);
        if !known && !matches!(step, "ask" | "undo" | "again") {
            let main = matches!(step, "take-up" | "accept" | "supply" | "outcome");
            open.push((step.to_owned(), steps::word(step, lang), main));
        }
    }
    Leg {
        line: line(&shown, &case.case_number, &case.peer, today, lang),
        fields: fields.collect(),
        messages: view.messages.iter().map(|message| said(message, lang)).collect(),
        told: match view.person_told.as_str() {
            "waiting" => lang.w("case.told_waiting"),
            "window" => lang.w("case.told_window"),
            _ => "",
        },
        window: view.window.as_ref().map_or(Vec::new(), |window| place(window, lang)),
        mine: held.handler == own,
        to_take: held.handed_to == own || held.needs_taker,
        brings: view.window.as_ref().is_some_and(|window| !window.bring.is_empty()),
        letter: view.letter.as_ref().map_or(String::new(), |letter| on_paper(letter, lang)),
        moved: moved(view, shown.our_side == "initiator", lang),
        undo: view.steps.iter().any(|offer| offer.step == "undo"),
        may_write: shown.our_side == "initiator" && shown.stage == "DRAFT",
        steps: open,
    }
}

/// Which office has the leg by now, where it was handed on. The last one counts.
fn moved(view: &wire::LegView, is_ours: bool, lang: Lang) -> String {
    let taken = view.messages.iter().filter(|m| m.status != "refused" && !m.overridden);
    let last = taken.rev().find(|message| !message.handed_to.is_empty());
    let key = if is_ours { "case.moved" } else { "case.moved_on" };
    last.map_or(String::new(), |message| lang.fill(key, &[&message.handed_to]))
}

/// When, who, what, and whether all is well with it.
fn said(message: &wire::MessageLine, lang: Lang) -> (String, String, String, bool) {
    let ty = MessageType::from_str_name(&format!("MESSAGE_TYPE_{}", message.r#type));
    let what = lang.of(words::message(ty.unwrap_or_default()));
    let (state, good) = match message.status.as_str() {
        "stored" => (lang.w("case.stored"), true),
        "withheld" => (lang.w("case.withheld"), true),
        "provisional" => (lang.w("case.provisional"), true),
        _ => (lang.w("case.refused"), false),
    };
    let over = if message.overridden { lang.w("case.overridden") } else { "" };
    let text = [what.as_str(), message.handed_to.as_str(), state, over]
        .into_iter()
        .filter(|part| !part.is_empty());
    let text = text.collect::<Vec<_>>().join(" · ");
    (lang.time(message.created_unix_ms), message.from.clone(), text, good && !message.overridden)
}

/// Where to go and what to bring, in lines.
pub(super) fn place(window: &wire::WindowView, lang: Lang) -> Vec<String> {
    let mut lines = vec![lang.fill("case.handler", &[&window.office, &window.telephone])];
    if !window.opens.is_empty() {
        lines.push(lang.fill("case.hours", &[&window.opens, &window.closes]));
    }
    if !window.bring_zh.is_empty() {
        let bring = lang.pick("、", ", ");
        let all = match lang {
            Lang::Zh => window.bring_zh.join(bring),
            Lang::En => window.bring_en.join(bring),
        };
        lines.push(lang.fill("case.bring", &[&all]));
    }
    lines
}

fn on_paper(letter: &wire::LetterState, lang: Lang) -> String {
    let answer = match (letter.answer.as_str(), letter.stopped) {
        ("accepted", _) => lang.w("letter.accepted"),
        ("declined", _) => lang.w("letter.declined"),
        (_, true) => lang.w("letter.stopped"),
        _ => lang.w("letter.waiting"),
    };
    lang.fill("letter.state", &[&letter.to_office, &lang.day(letter.written_on), answer])
}

/// Asks the person of this case.
pub(crate) async fn ask(visitor: Visitor, Path(case): Path<String>, _: Form) -> Answer {
    let ask = wire::AskRequest { case_numbers: vec![case.clone()] };
    let reply = visitor.desk()?.ask(ask).await.map_err(visitor.sorry())?.into_inner();
    let back = Link::new(format!("/cases/{case}"), visitor.lang.fill("case.title", &[&case]));
    Ok(asked(&visitor, &reply, back))
}

/// The slip, to be printed: its code is a fresh one, so it is a button and no link.
pub(crate) async fn slip(visitor: Visitor, Path(case): Path<String>, _: Form) -> Answer {
    let ask = wire::SlipRequest { case_number: case };
    let slip = visitor.desk()?.print_slip(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok(printed(paper::slip(&slip).map_err(visitor.broken())?))
}

/// What the person is to bring, to be printed. No person is on it, so nobody is written down.
pub(crate) async fn bring(visitor: Visitor, Path((case, leg)): Path<(String, u32)>) -> Answer {
    let ask = wire::CaseRef { case_number: case.clone(), ..Default::default() };
    let view = visitor.desk()?.show_case(ask).await.map_err(visitor.sorry())?.into_inner();
    let mut legs = view.legs.iter().filter_map(|one| Some((one.line.as_ref()?, one)));
    let found = legs.find(|(line, _)| line.number == leg);
    let window = found.and_then(|(line, one)| Some((line.service(), one.window.as_ref()?)));
    let Some((service, window)) = window.filter(|(_, window)| !window.bring.is_empty()) else {
        let nothing = Said::own(StatusCode::CONFLICT, "NOTHING_TO_BRING", "case.nothing_to_bring");
        return Err(visitor.failed(nothing));
    };
    Ok(printed(paper::bring(&case, leg, service, window)))
}

/// A page to print is styled by its own style and by nothing else.
pub(super) fn printed(html: String) -> Response {
    let mut response = Html(html).into_response();
    if let Ok(policy) = HeaderValue::from_str(&paper::policy()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether the case is the office's own, the node says.
pub(super) async fn stays(visitor: &Visitor, case: &str) -> Result<(), Failed> {
    let ask = wire::CaseRef { case_number: case.to_owned(), ..Default::default() };
    visitor.desk()?.show_case(ask).await.map_err(visitor.sorry())?;
    Ok(())
}

fn letter_form(visitor: &Visitor, case: &str, leg: u32) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, lang.w("letter.title"));
    let mut page = FormPage::new(f, format!("/cases/{case}/{leg}/letter"), lang.w("form.continue"));
    page.lead = vec![lang.w("letter.lead").to_owned()];
    let what = [("ask", "letter.ask"), ("write", "letter.write")];
    let what = what.map(|(code, key)| (code.to_owned(), key_word(lang, key).to_owned()));
    page.inputs = vec![
        Input::new("what", lang.w("letter.what"), Kind::Radio(what.to_vec())),
        Input::new("office", lang.w("letter.office"), Kind::Text).hint(lang.w("letter.hint")),
    ];
    page.back = Some(Link::new(format!("/cases/{case}"), lang.w("form.back")));
    page
}

pub(crate) async fn letter_page(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
) -> Answer {
    stays(&visitor, &case).await?;
    Ok(letter_form(&visitor, &case, leg).show())
}

/// Asks the person whether to carry a letter, or prints it once the person has said yes.
pub(crate) async fn letter(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
    form: Form,
) -> Answer {
    let lang = visitor.lang;
    let mut page = letter_form(&visitor, &case, leg);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let office_name = form.get("office").to_owned();
    let request = wire::LetterRequest { case_number: case.clone(), leg, office_name };
    let mut desk = visitor.desk()?;
    if form.get("what") == "write" {
        let letter = desk.write_letter(request).await.map_err(visitor.sorry())?.into_inner();
        return Ok(printed(paper::letter(&letter).map_err(visitor.broken())?));
    }
    let said = desk.ask_letter(request).await.map_err(visitor.sorry())?.into_inner();
    Ok(super::step::told(&visitor, &case, lang.pick(&said.say_zh, &said.say_en)))
}
