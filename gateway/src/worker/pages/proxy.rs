//! Whom the person names to say yes in the own place at a window, and an end of it at once.

use super::answer::kinds;
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Failed};
use crate::console::posted::Form;
use crate::worker::guest::Guest;
use crate::worker::page::{Ask, Block, Page, taken};
use crate::worker::sessions::Typed;
use jieli_proto::wire;

/// The page; its form stands in the block after what was said and the lead.
fn shown(guest: &Guest, said: Option<&str>) -> (Page, usize) {
    let mut page = Page::new(guest, guest.w("proxy.title"));
    if let Some(said) = said {
        page.blocks.push(Block { class: "first", ..Block::text(said) });
    }
    page.blocks.push(Block::text(guest.w("proxy.lead")));
    let inputs = vec![
        Input::new("document", guest.w("proxy.document"), Kind::Choice(kinds(guest))).value("1"),
        Input::new("number", guest.w("proxy.number"), Kind::Text),
    ];
    let at = page.blocks.len();
    let ask = Ask { action: "/proxy", button: guest.w("proxy.button"), inputs, ..Ask::default() };
    page.blocks.push(Block { asks: vec![ask], ..Block::default() });
    page.blocks.push(Block {
        asks: vec![Ask::button("/no-proxy", guest.w("proxy.end"))],
        ..Block::text(guest.w("proxy.end_lead"))
    });
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    (page, at)
}

async fn named(guest: &Guest, document: u32, number: &str) -> Result<(), Failed> {
    let Typed { case, code, .. } = guest.typed()?;
    let (case_number, code) = (case.clone(), code.clone());
    let number = number.to_owned();
    let ask = wire::NameProxyRequest { case_number, code, document, number };
    guest.pages.node().name_proxy(ask).await.map_err(guest.sorry())?;
    Ok(())
}

pub(crate) async fn page(guest: Guest) -> Answer {
    Ok(shown(&guest, None).0.show())
}

pub(crate) async fn name(guest: Guest, form: Form) -> Answer {
    let (mut page, at) = shown(&guest, None);
    let ask = page.blocks.get_mut(at).and_then(|block| block.asks.first_mut());
    let good = ask.is_some_and(|ask| taken(&mut ask.inputs, &form, guest.tongue));
    if !good {
        return Ok(page.show());
    }
    named(&guest, form.get("document").parse().unwrap_or(0), form.get("number").trim()).await?;
    Ok(shown(&guest, Some(guest.w("proxy.done"))).0.show())
}

pub(crate) async fn end(guest: Guest, _: Form) -> Answer {
    named(&guest, 0, "").await?;
    Ok(shown(&guest, Some(guest.w("proxy.ended"))).0.show())
}
