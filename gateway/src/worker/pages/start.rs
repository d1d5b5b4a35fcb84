//! Typing case number and code, stopping at once, the language, leaving.

use crate::console::form::{Input, Kind};
use crate::console::frame::Answer;
use crate::console::posted::Form;
use crate::worker::Shared;
use crate::worker::guest::{Guest, fresh, set_cookie, set_language};
use crate::worker::page::{Ask, Block, Page, case_and_code, taken};
use crate::worker::sessions::{By, Typed};
use crate::worker::tongue::Tongue;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::wire;

const STYLE: &str = include_str!("../../../assets/worker.css");
const ICON: &str = include_str!("../../start/icon.svg");

/// Whether the pages are served; it says nothing of the node.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

pub(crate) async fn style() -> Response {
    let fresh = (header::CACHE_CONTROL, "max-age=600");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), fresh], STYLE).into_response()
}

pub(crate) async fn icon() -> Response {
    let fresh = (header::CACHE_CONTROL, "max-age=86400");
    ([(header::CONTENT_TYPE, "image/svg+xml"), fresh], ICON).into_response()
}

/// Changes the language and goes back, or home from a page that only a form opens.
pub(crate) async fn language(form: Form) -> Response {
    let known = ["/stop-now", "/kept", "/call-back", "/mine", "/stop", "/looked", "/again", "/pin"];
    let known = known.iter().chain(&["/erase", "/help"]).find(|path| **path == form.get("back"));
    let mut response = Redirect::to(known.copied().unwrap_or("/")).into_response();
    set_language(&mut response, Tongue::of_tag(form.get("to")).unwrap_or(Tongue::Zh));
    response
}

/// The forms for either code, `given` filled in.
fn doors(guest: &Guest) -> Page {
    let mut page = Page::new(guest, guest.w("start.title"));
    let door = |by: &str, title, button, slip| Block {
        class: "door",
        heading: guest.w(title).to_owned(),
        asks: vec![Ask {
            action: "/in",
            button: guest.w(button),
            inputs: named(by, case_and_code(guest.tongue, slip)),
            hidden: vec![("by".to_owned(), by.to_owned())],
            second: false,
        }],
        ..Block::default()
    };
    page.blocks = vec![
        Block::text(guest.w("start.lead")),
        door("notice", "start.by_notice", "start.open", false),
        door("slip", "start.by_slip", "start.open_slip", true),
        Block {
            class: "plain",
            links: vec![
                ("/stop-now", guest.w("start.stop_now")),
                ("/kept", guest.w("start.kept")),
                ("/call-back", guest.w("start.call_back")),
            ],
            ..Block::default()
        },
    ];
    page
}

/// Two forms on a page: what is entered has an id of its own in each.
fn named(by: &str, mut inputs: Vec<Input>) -> Vec<Input> {
    for input in &mut inputs {
        input.name = format!("{by}_{}", input.name);
    }
    inputs
}

pub(crate) async fn page(guest: Guest) -> Response {
    if guest.typed.is_some() {
        return Redirect::to("/mine").into_response();
    }
    doors(&guest).show()
}

/// Case number and code are tried; they are then in memory, under a fresh cookie.
pub(crate) async fn enter(guest: Guest, form: Form) -> Answer {
    let by = if form.get("by") == "slip" { By::Slip } else { By::Notice };
    let mut page = doors(&guest);
    let at = if by == By::Slip { 2 } else { 1 };
    let inputs = page.blocks.get_mut(at).and_then(|block| block.asks.first_mut());
    let Some(ask) = inputs else { return Ok(page.show()) };
    if !taken(&mut ask.inputs, &form, guest.tongue) {
        return Ok(page.show());
    }
    let value = |at: usize| ask.inputs.get(at).map_or(String::new(), |input| input.value.clone());
    let typed = Typed { case: value(0), code: value(1), by };
    let now_ms = guest.pages.now_ms();
    if guest.pages.is_shut(guest.caller, &typed.case) {
        return Err(guest.denied(StatusCode::TOO_MANY_REQUESTS, "error.me_tries"));
    }
    if let Err(status) = tried(&guest, &typed).await {
        // A node that does not answer has found no code wrong.
        if status.code() != tonic::Code::Unavailable {
            guest.pages.was_wrong(guest.caller, &typed.case);
        }
        return Err(guest.failed(status));
    }
    let key = fresh(&guest.pages);
    guest.pages.sessions.close(&guest.key);
    guest.pages.sessions.open(&key, typed, now_ms);
    let mut response = Redirect::to("/mine").into_response();
    set_cookie(&mut response, &key);
    Ok(response)
}

/// Reading how things stand starts nothing.
async fn tried(guest: &Guest, typed: &Typed) -> Result<(), tonic::Status> {
    let mut node = guest.pages.node();
    let (case_number, code) = (typed.case.clone(), typed.code.clone());
    match typed.by {
        By::Slip => {
            let asked = wire::SlipUse { case_number, slip_code: code, legs: Vec::new() };
            node.look_by_slip(asked).await.map(drop)
        }
        By::Notice => node.status(wire::WorkerRequest { case_number, code }).await.map(drop),
    }
}

pub(crate) async fn leave(State(pages): State<Shared>, guest: Guest, _: Form) -> Response {
    pages.sessions.close(&guest.key);
    let mut response = Redirect::to("/").into_response();
    set_cookie(&mut response, &fresh(&pages));
    response
}

fn stop_now_form(guest: &Guest) -> Page {
    let mut page = Page::new(guest, guest.w("halt.title"));
    let source = [("notice", "halt.by_notice"), ("slip", "halt.by_slip")];
    let source = source.map(|(by, key)| (by.to_owned(), guest.w(key).to_owned()));
    let mut inputs = vec![Input::new("by", guest.w("halt.source"), Kind::Radio(source.to_vec()))];
    inputs.extend(case_and_code(guest.tongue, false));
    if let Some(code) = inputs.last_mut() {
        code.label = guest.w("halt.code").to_owned();
        code.hint = guest.w("halt.code_hint").to_owned();
    }
    let items = Input::new("items", guest.w("halt.items"), Kind::Digits);
    inputs.push(items.hint(guest.w("halt.items_hint")).optional());
    let ask = Ask { action: "/stop-now", button: guest.w("halt.button"), inputs, ..Ask::default() };
    page.blocks = vec![
        Block::text(guest.w("halt.lead")),
        Block { asks: vec![ask], ..Block::default() },
        Block::link("/", guest.w("page.back")),
    ];
    page
}

pub(crate) async fn stop_now_page(guest: Guest) -> Response {
    stop_now_form(&guest).show()
}

/// V6: neither guesses nor age lock a code against stopping, and these pages do not either.
pub(crate) async fn stop_now(guest: Guest, form: Form) -> Answer {
    let mut page = stop_now_form(&guest);
    let Some(ask) = page.blocks.get_mut(1).and_then(|block| block.asks.first_mut()) else {
        return Ok(page.show());
    };
    let good = taken(&mut ask.inputs, &form, guest.tongue);
    let Some(legs) = numbers(form.get("items")) else {
        if let Some(items) = ask.inputs.last_mut() {
            items.wrong = guest.w("error.me_items").to_owned();
        }
        return Ok(page.show());
    };
    if !good {
        return Ok(page.show());
    }
    let by = if form.get("by") == "slip" { By::Slip } else { By::Notice };
    let typed = Typed { case: form.get("case").to_owned(), code: form.get("code").to_owned(), by };
    let said = stopped(&guest, &typed, legs).await.map_err(guest.sorry())?;
    Ok(told(&guest, guest.w("halt.done"), &said))
}

/// Stops the items of these numbers, or all of them.
pub(crate) async fn stopped(
    guest: &Guest,
    typed: &Typed,
    legs: Vec<u32>,
) -> Result<wire::AnswerReply, tonic::Status> {
    let mut node = guest.pages.node();
    let (case_number, code) = (typed.case.clone(), typed.code.clone());
    let reply = match typed.by {
        By::Slip => node.stop_by_slip(wire::SlipUse { case_number, slip_code: code, legs }).await?,
        By::Notice => node.withdraw(wire::WithdrawRequest { case_number, code, legs }).await?,
    };
    Ok(reply.into_inner())
}

/// What came of it, in the node's words.
pub(crate) fn told(guest: &Guest, title: &str, said: &wire::AnswerReply) -> Response {
    let mut page = Page::new(guest, title);
    let back = if guest.typed.is_some() { "/mine" } else { "/" };
    page.blocks = vec![
        Block {
            class: "good",
            paras: guest.tongue.paras(&said.say_zh, &said.say_en),
            ..Block::default()
        },
        Block::link(back, guest.w("page.back")),
    ];
    page.show()
}

/// `1 3`, with whatever people put between numbers.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let folded: String = text.chars().map(jieli_proto::number::fold_char).collect();
    let between = |c: char| matches!(c, ' ' | ',' | '，' | '、' | '.' | '。');
    let parts = folded.split(between).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok().filter(|number| *number > 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(numbers("1 3"), Some(vec![1, 3]));
        assert_eq!(numbers("１，3、4"), Some(vec![1, 3, 4]));
        assert_eq!(numbers(""), Some(Vec::new()));
        assert!(numbers("all").is_none() && numbers("0").is_none() && numbers("1-3").is_none());
    }
}
