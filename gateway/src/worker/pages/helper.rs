//! A helper whom the person names for one item: who may, who does, and an end of it at once.

use super::mine::items;
use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Failed};
use crate::console::posted::Form;
use crate::worker::guest::Guest;
use crate::worker::page::{Ask, Block, Page, taken};
use crate::worker::sessions::Typed;
use crate::worker::tongue::Para;
use jieli_proto::wire;

/// The page, and where its form stands in it.
async fn helpers(guest: &Guest, said: Option<&str>) -> Result<(Page, usize), Failed> {
    let typed = guest.typed()?;
    let Typed { case, code, .. } = typed;
    let asked = wire::WorkerRequest { case_number: case.clone(), code: code.clone() };
    let list = guest.pages.node().show_helpers(asked).await.map_err(guest.sorry())?.into_inner();
    let items = items(guest, typed).await.map_err(guest.sorry())?;
    let mut page = Page::new(guest, guest.w("aid.title"));
    if let Some(said) = said {
        page.blocks.push(Block { class: "first", ..Block::text(said) });
    }
    page.blocks.push(Block::text(guest.w("aid.lead")));
    for helper in &list.helpers {
        for number in &helper.legs {
            let heading = items.iter().find(|item| item.number == *number);
            page.blocks.push(Block {
                class: "item",
                heading: heading.map_or(number.to_string(), |item| item.heading.clone()),
                paras: vec![Para::own(guest.tongue.fill("aid.by", &[&name_of(helper)]))],
                asks: vec![Ask {
                    hidden: vec![("item".to_owned(), number.to_string())],
                    ..Ask::button("/no-helper", guest.w("aid.end"))
                }],
                ..Block::default()
            });
        }
    }
    let at = page.blocks.len();
    if list.helpers.is_empty() || items.is_empty() {
        page.blocks.push(Block::text(guest.w("aid.nobody")));
    } else {
        let boxes = items.iter().map(|item| (item.number.to_string(), item.heading.clone()));
        let named = list.helpers.iter().map(|helper| (helper.helper.clone(), name_of(helper)));
        let inputs = vec![
            Input::new("item", guest.w("aid.which"), Kind::Radio(boxes.collect())),
            Input::new("helper", guest.w("aid.who"), Kind::Radio(named.collect())),
        ];
        let ask =
            Ask { action: "/helper", button: guest.w("aid.choose"), inputs, ..Ask::default() };
        page.blocks.push(Block { asks: vec![ask], ..Block::default() });
    }
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    Ok((page, at))
}

fn name_of(helper: &wire::HelperLine) -> String {
    let office = if helper.office_name.is_empty() { &helper.office } else { &helper.office_name };
    format!("{} · {office}", helper.helper)
}

pub(crate) async fn page(guest: Guest) -> Answer {
    Ok(helpers(&guest, None).await?.0.show())
}

pub(crate) async fn choose(guest: Guest, form: Form) -> Answer {
    let (mut page, at) = helpers(&guest, None).await?;
    let ask = page.blocks.get_mut(at).and_then(|block| block.asks.first_mut());
    let good = ask.is_none_or(|ask| taken(&mut ask.inputs, &form, guest.tongue));
    if !good {
        return Ok(page.show());
    }
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::ChooseHelperRequest {
        case_number: case.clone(),
        code: code.clone(),
        leg: form.get("item").parse().unwrap_or_default(),
        helper: form.get("helper").to_owned(),
    };
    guest.pages.node().choose_helper(asked).await.map_err(guest.sorry())?;
    Ok(helpers(&guest, Some(guest.w("aid.chosen"))).await?.0.show())
}

pub(crate) async fn dismiss(guest: Guest, form: Form) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::DismissHelperRequest {
        case_number: case.clone(),
        code: code.clone(),
        leg: form.get("item").parse().unwrap_or_default(),
    };
    guest.pages.node().dismiss_helper(asked).await.map_err(guest.sorry())?;
    Ok(helpers(&guest, Some(guest.w("aid.ended"))).await?.0.show())
}
