//! How everything stands; stopping; who looked; the PIN; asking for erasure.

use super::start::{stopped, told};
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Failed};
use crate::console::posted::Form;
use crate::worker::guest::Guest;
use crate::worker::page::{Ask, Block, Page, taken};
use crate::worker::sessions::{By, Typed};
use crate::worker::tongue::Para;
use axum::response::Response;
use jieli_proto::wire;
use jieli_proto::words;

/// An item of the case, as it stands.
pub(super) struct Item {
    pub(super) number: u32,
    pub(super) heading: String,
    paras: Vec<Para>,
}

pub(super) async fn items(guest: &Guest, typed: &Typed) -> Result<Vec<Item>, tonic::Status> {
    let mut node = guest.pages.node();
    let (case_number, code) = (typed.case.clone(), typed.code.clone());
    let tongue = guest.tongue;
    let heading = |number: u32, service: wire::Service| {
        let word = words::service(service);
        format!("{number}. {}", tongue.of(word.zh, word.en))
    };
    if typed.by == By::Notice {
        let asked = wire::WorkerRequest { case_number, code };
        let legs = node.status(asked).await?.into_inner().legs;
        let item = |leg: wire::WorkerLeg| Item {
            number: leg.number,
            heading: heading(leg.number, leg.service()),
            paras: tongue.paras(rest(&leg.say_zh, "："), rest(&leg.say_en, ": ")),
        };
        return Ok(legs.into_iter().map(item).collect());
    }
    let asked = wire::SlipUse { case_number, slip_code: code, legs: Vec::new() };
    let legs = node.look_by_slip(asked).await?.into_inner().legs;
    let item = |leg: wire::SlipLine| {
        let mut paras = tongue.paras(&leg.stage_zh, &leg.stage_en);
        let theirs = format!("{} {}", leg.their_city, leg.their_office);
        for (office, telephone) in
            [(leg.our_office.as_str(), &leg.our_telephone), (theirs.trim(), &leg.their_telephone)]
        {
            if !office.is_empty() {
                paras.push(Para::own(tongue.fill("mine.office", &[office, telephone])));
            }
        }
        if leg.due_date > 0 {
            let (due, what) = (tongue.day(leg.due_date), tongue.of(&leg.due_zh, &leg.due_en));
            paras.push(Para::own(tongue.fill("mine.due", &[&due, &what])));
        }
        Item { number: leg.number, heading: heading(leg.number, leg.service()), paras }
    };
    Ok(legs.into_iter().map(item).collect())
}

/// The sentence after number and service, which stand above it.
fn rest<'a>(said: &'a str, mark: &str) -> &'a str {
    said.split_once(mark).map_or(said, |(_, rest)| rest)
}

pub(crate) async fn page(guest: Guest) -> Answer {
    let typed = guest.typed()?;
    let items = items(&guest, typed).await.map_err(guest.sorry())?;
    let mut page = Page::new(&guest, guest.tongue.fill("mine.title", &[&typed.case]));
    if typed.by == By::Notice {
        page.blocks.push(Block {
            class: "first",
            paras: vec![Para::own(guest.w("mine.asked_lead"))],
            asks: vec![Ask { action: "/asked", button: guest.w("mine.asked"), ..Ask::default() }],
            ..Block::default()
        });
    }
    let block = |item: Item| Block {
        class: "item",
        heading: item.heading,
        paras: item.paras,
        ..Block::default()
    };
    page.blocks.extend(items.into_iter().map(block));
    page.blocks.push(Block {
        class: "first",
        paras: vec![Para::own(guest.w("mine.stop_lead"))],
        links: vec![("/stop", guest.w("mine.stop"))],
        ..Block::default()
    });
    if typed.by == By::Notice {
        page.blocks.push(Block {
            class: "plain",
            heading: guest.w("mine.more").to_owned(),
            links: vec![
                ("/looked", guest.w("looked.title")),
                ("/help", guest.w("help.title")),
                ("/helper", guest.w("aid.title")),
                ("/proxy", guest.w("proxy.title")),
                ("/pin", guest.w("pin.title")),
                ("/again", guest.w("again.title")),
                ("/erase", guest.w("gone.title")),
            ],
            asks: vec![
                Ask::button("/copy", guest.w("mine.copy")),
                Ask::button("/slip", guest.w("mine.slip")),
            ],
            ..Block::default()
        });
    } else {
        page.blocks.push(Block::text(guest.w("mine.slip_only")));
    }
    Ok(page.show())
}

/// A form with a box for every item, none of them ticked.
fn items_form(
    guest: &Guest,
    items: &[Item],
    title: &str,
    lead: &str,
    action: &'static str,
    button: &'static str,
) -> Page {
    let mut page = Page::new(guest, guest.w(title));
    let boxes = items.iter().map(|item| (item.number.to_string(), item.heading.clone()));
    let input = Input::new("items", guest.w("mine.which"), Kind::Checks(boxes.collect()));
    let ask = Ask { action, button, inputs: vec![input], ..Ask::default() };
    page.blocks = vec![
        Block::text(guest.w(lead)),
        Block { asks: vec![ask], ..Block::default() },
        Block::link("/mine", guest.w("page.back")),
    ];
    page
}

/// The numbers that were ticked, or the page again.
fn ticked(page: &mut Page, guest: &Guest, form: &Form) -> Option<Vec<u32>> {
    let ask = page.blocks.get_mut(1).and_then(|block| block.asks.first_mut())?;
    let good = taken(&mut ask.inputs, form, guest.tongue);
    good.then(|| form.all("items").filter_map(|number| number.parse().ok()).collect())
}

async fn stop_form(guest: &Guest) -> Result<Page, Failed> {
    let items = items(guest, guest.typed()?).await.map_err(guest.sorry())?;
    let button = guest.w("halt.button");
    Ok(items_form(guest, &items, "halt.title", "halt.lead", "/stop", button))
}

pub(crate) async fn stop_page(guest: Guest) -> Answer {
    Ok(stop_form(&guest).await?.show())
}

pub(crate) async fn stop(guest: Guest, form: Form) -> Answer {
    let mut page = stop_form(&guest).await?;
    let Some(legs) = ticked(&mut page, &guest, &form) else { return Ok(page.show()) };
    let said = stopped(&guest, guest.typed()?, legs).await.map_err(guest.sorry())?;
    Ok(told(&guest, guest.w("halt.done"), &said))
}

async fn erase_form(guest: &Guest) -> Result<Page, Failed> {
    let items = items(guest, guest.typed()?).await.map_err(guest.sorry())?;
    let button = guest.w("gone.button");
    Ok(items_form(guest, &items, "gone.title", "gone.lead", "/erase", button))
}

pub(crate) async fn erase_page(guest: Guest) -> Answer {
    Ok(erase_form(&guest).await?.show())
}

pub(crate) async fn erase(guest: Guest, form: Form) -> Answer {
    let mut page = erase_form(&guest).await?;
    let Some(legs) = ticked(&mut page, &guest, &form) else { return Ok(page.show()) };
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::WithdrawRequest { code: code.clone(), legs, case_number: case.clone() };
    let reply = guest.pages.node().erase_mine(asked).await.map_err(guest.sorry())?.into_inner();
    let mut page = Page::new(&guest, guest.w("gone.done"));
    let line = |line: &wire::EraseLine| Block {
        class: "item",
        heading: {
            let word = words::service(line.service());
            format!("{}. {}", line.number, guest.tongue.of(word.zh, word.en))
        },
        paras: guest.tongue.paras(&line.say_zh, &line.say_en),
        ..Block::default()
    };
    page.blocks = reply.lines.iter().map(line).collect();
    if reply.due_on > 0 {
        let due = guest.tongue.day(reply.due_on);
        page.blocks.push(Block::text(guest.tongue.fill("gone.due", &[&due])));
    }
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    Ok(page.show())
}

/// Which office looked, when, and for what.
pub(crate) async fn looked(guest: Guest) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::WorkerRequest { case_number: case.clone(), code: code.clone() };
    let reply = guest.pages.node().who_looked(asked).await.map_err(guest.sorry())?.into_inner();
    let mut page = Page::new(&guest, guest.w("looked.title"));
    if reply.looks.is_empty() {
        page.blocks.push(Block::text(guest.w("looked.nobody")));
    }
    page.blocks.extend(reply.looks.iter().map(|look| look_block(&guest, look)));
    page.blocks.push(Block::text(guest.w("looked.note")));
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    Ok(page.show())
}

fn look_block(guest: &Guest, look: &wire::Look) -> Block {
    let tongue = guest.tongue;
    let office = if look.office_name.is_empty() { &look.office } else { &look.office_name };
    let view = match look.view.as_str() {
        "export" => "looked.export",
        "letter" => "looked.letter",
        "slip" => "looked.slip",
        "window" => "looked.window",
        "import" => "looked.import",
        "find" => "looked.find",
        "section" => "looked.section",
        "helper" => "looked.helper",
        "employer" => "looked.employer",
        _ => "looked.case",
    };
    let legs: Vec<String> = look.legs.iter().map(u32::to_string).collect();
    let mut paras = vec![
        Para::own(tongue.fill("looked.who", &[office, &look.system])),
        Para::own(tongue.fill("looked.what", &[tongue.w(view), &legs.join(" ")])),
    ];
    if !look.purpose.is_empty() {
        paras.push(Para::own(tongue.fill("looked.purpose", &[&look.purpose])));
    }
    Block { class: "item", heading: tongue.time(look.at_unix_ms), paras, ..Block::default() }
}

fn pin_form(guest: &Guest) -> Page {
    let mut page = Page::new(guest, guest.w("pin.title"));
    let inputs = vec![
        Input::new("pin", guest.w("pin.new"), Kind::Password).hint(guest.w("pin.hint")),
        Input::new("again", guest.w("pin.again"), Kind::Password),
    ];
    let ask = Ask { action: "/pin", button: guest.w("pin.button"), inputs, ..Ask::default() };
    page.blocks = vec![
        Block::text(guest.w("pin.lead")),
        Block { asks: vec![ask], ..Block::default() },
        Block::link("/mine", guest.w("page.back")),
    ];
    page
}

pub(crate) async fn pin_page(guest: Guest) -> Response {
    pin_form(&guest).show()
}

pub(crate) async fn pin(guest: Guest, form: Form) -> Answer {
    let mut page = pin_form(&guest);
    let Some(ask) = page.blocks.get_mut(1).and_then(|block| block.asks.first_mut()) else {
        return Ok(page.show());
    };
    let mut good = taken(&mut ask.inputs, &form, guest.tongue);
    if good && form.get("pin") != form.get("again") {
        good = false;
        if let Some(again) = ask.inputs.last_mut() {
            again.wrong = guest.w("pin.differ").to_owned();
        }
    }
    if !good {
        return Ok(page.show());
    }
    let Typed { case, code, .. } = guest.typed()?;
    let pin = form.get("pin").to_owned();
    let asked = wire::SetPinRequest { code: code.clone(), case_number: case.clone(), pin };
    let said = guest.pages.node().set_pin(asked).await.map_err(guest.sorry())?.into_inner();
    Ok(told(&guest, guest.w("pin.done"), &said))
}
