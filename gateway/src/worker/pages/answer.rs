//! What is asked, and the answer: a yes and a no for every number, none of them chosen. The page
//! after a yes and the page after a no are the same page.

use super::start::told;
use crate::console::form::{Input, Kind};
use crate::console::frame::Answer;
use crate::console::posted::Form;
use crate::worker::guest::Guest;
use crate::worker::page::{Ask, Block, Page, taken, yes_or_no};
use crate::worker::sessions::Typed;
use crate::worker::tongue::Para;
use axum::response::Response;
use jieli_proto::wire;
use jieli_proto::words;

/// Kinds of document, in the code list of the person section.
const PERSON_DOCUMENT: (u8, u32) = (16, 2);

/// Shows the question. The first opening of job terms starts their 24 hours: a button, no link.
pub(crate) async fn asked(guest: Guest, _: Form) -> Answer {
    let opened = open(&guest).await.map_err(guest.sorry())?;
    Ok(question(&guest, &opened).show())
}

async fn open(guest: &Guest) -> Result<wire::OpenReply, tonic::Status> {
    let Some(Typed { case, code, .. }) = guest.typed.as_ref() else {
        return Err(tonic::Status::unauthenticated(""));
    };
    let asked = wire::OpenRequest { code: code.clone(), case_number: case.clone() };
    Ok(guest.pages.node().open(asked).await?.into_inner())
}

/// The text as it is, for its digest stands in what a yes comes to; then the answers.
fn question(guest: &Guest, opened: &wire::OpenReply) -> Page {
    let tongue = guest.tongue;
    let mut page = Page::new(guest, guest.w("question.title"));
    let paras = Para::as_it_is(&opened.text);
    page.blocks.push(Block { class: "asked", paras, ..Block::default() });
    match opened.topic.as_str() {
        "stopped" => page.blocks.push(Block {
            class: "first",
            paras: vec![Para::own(guest.w("question.stopped"))],
            asks: vec![Ask {
                action: "/not-me",
                button: guest.w("question.not_me"),
                ..Ask::default()
            }],
            ..Block::default()
        }),
        "arrival" => page.blocks.push(Block {
            class: "first",
            paras: vec![Para::own(guest.w("question.arrival"))],
            links: vec![("/stop", guest.w("mine.stop"))],
            ..Block::default()
        }),
        _ => {
            if opened.topic == "terms" && opened.answer_from_unix_ms > guest.pages.now_ms() {
                let from = tongue.time(opened.answer_from_unix_ms);
                let first = Para::own(tongue.fill("question.from", &[&from]));
                page.blocks.push(Block { class: "first", paras: vec![first], ..Block::default() });
            }
            let until = tongue.time(opened.answer_until_unix_ms);
            let inputs = opened.legs.iter().map(|leg| input(guest, leg)).collect();
            page.blocks.push(Block {
                paras: vec![Para::own(tongue.fill("question.lead", &[&until]))],
                asks: vec![Ask {
                    action: "/answer",
                    button: guest.w("question.check"),
                    inputs,
                    ..Ask::default()
                }],
                ..Block::default()
            });
        }
    }
    if opened.topic == "statement" {
        page.blocks.push(Block {
            paras: vec![Para::own(guest.w("question.statement_lead"))],
            asks: vec![Ask::button("/statement", guest.w("question.statement"))],
            ..Block::default()
        });
    }
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    page
}

fn input(guest: &Guest, leg: &wire::AskedLeg) -> Input {
    let label = format!("{}. {}", leg.number, leg.text);
    yes_or_no(&format!("item{}", leg.number), label, guest.tongue)
}

/// First what was chosen, once more in words; then it is sent.
pub(crate) async fn answer(guest: Guest, form: Form) -> Answer {
    let opened = open(&guest).await.map_err(guest.sorry())?;
    let mut inputs: Vec<Input> = opened.legs.iter().map(|leg| input(&guest, leg)).collect();
    let good = taken(&mut inputs, &form, guest.tongue);
    let is_yes = |leg: &&wire::AskedLeg| form.get(&format!("item{}", leg.number)) == "yes";
    let yes: Vec<u32> = opened.legs.iter().filter(is_yes).map(|leg| leg.number).collect();
    if !good || form.get("change") == "yes" {
        return Ok(question(&guest, &opened).show());
    }
    if form.get("send") != "yes" {
        return Ok(check(&guest, &inputs));
    }
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::AnswerRequest { code: code.clone(), yes, case_number: case.clone() };
    let said = guest.pages.node().answer(asked).await.map_err(guest.sorry())?.into_inner();
    Ok(told(&guest, guest.w("question.done"), &said))
}

fn check(guest: &Guest, inputs: &[Input]) -> Response {
    let mut page = Page::new(guest, guest.w("question.check_title"));
    let block = |input: &Input| Block {
        class: "item",
        heading: input.label.clone(),
        paras: vec![Para::own(match input.value.as_str() {
            "yes" => guest.w("question.yes"),
            "no" => guest.w("question.no"),
            _ => guest.w("question.none"),
        })],
        ..Block::default()
    };
    page.blocks = inputs.iter().map(block).collect();
    let mut hidden: Vec<_> =
        inputs.iter().map(|input| (input.name.clone(), input.value.clone())).collect();
    let mut change = Ask::button("/answer", guest.w("question.change"));
    change.hidden = vec![("change".to_owned(), "yes".to_owned())];
    hidden.push(("send".to_owned(), "yes".to_owned()));
    let send =
        Ask { action: "/answer", button: guest.w("question.send"), hidden, ..Ask::default() };
    page.blocks.push(Block { asks: vec![send, change], ..Block::default() });
    page.show()
}

/// "I did not stop this."
pub(crate) async fn not_me(guest: Guest, _: Form) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::NotMeRequest { code: code.clone(), case_number: case.clone() };
    let said = guest.pages.node().not_me(asked).await.map_err(guest.sorry())?.into_inner();
    Ok(told(&guest, guest.w("question.done"), &said))
}

/// The kinds of document that there are, with their codes.
pub(super) fn kinds(guest: &Guest) -> Vec<(String, String)> {
    let (section, field) = PERSON_DOCUMENT;
    let kinds = (1..).map_while(|code| {
        let word = words::code(section, field, code)?;
        Some((code.to_string(), guest.tongue.of(word.zh, word.en)))
    });
    kinds.collect()
}

fn again_form(guest: &Guest) -> Page {
    let mut page = Page::new(guest, guest.w("again.title"));
    let inputs = vec![
        Input::new("item", guest.w("again.item"), Kind::Digits).hint(guest.w("again.item_hint")),
        Input::new("document", guest.w("again.document"), Kind::Choice(kinds(guest))).value("1"),
        Input::new("number", guest.w("again.number"), Kind::Text).hint(guest.w("again.hint")),
    ];
    let ask = Ask { action: "/again", button: guest.w("again.button"), inputs, ..Ask::default() };
    page.blocks = vec![
        Block::text(guest.w("again.lead")),
        Block { asks: vec![ask], ..Block::default() },
        Block::link("/mine", guest.w("page.back")),
    ];
    page
}

pub(crate) async fn again_page(guest: Guest) -> Response {
    again_form(&guest).show()
}

/// Wants to be asked again. The node no longer knows the number of the document.
pub(crate) async fn again(guest: Guest, form: Form) -> Answer {
    let mut page = again_form(&guest);
    let Some(ask) = page.blocks.get_mut(1).and_then(|block| block.asks.first_mut()) else {
        return Ok(page.show());
    };
    let mut good = taken(&mut ask.inputs, &form, guest.tongue);
    let leg = form.get("item").parse::<u32>().ok();
    if let (true, None, Some(item)) = (good, leg, ask.inputs.first_mut()) {
        item.wrong = guest.w("error.me_items").to_owned();
        good = false;
    }
    let (true, Some(leg)) = (good, leg) else { return Ok(page.show()) };
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::ReopenRequest {
        code: code.clone(),
        case_number: case.clone(),
        leg,
        document: form.get("document").parse().unwrap_or(1),
        number: form.get("number").to_owned(),
    };
    let said = guest.pages.node().reopen(asked).await.map_err(guest.sorry())?.into_inner();
    Ok(told(&guest, guest.w("again.done"), &said))
}
