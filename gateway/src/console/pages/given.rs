//! What workers gave to a named helper: how one item stands, where to go and what to bring, and
//! nothing of any person. Every look is the worker's to read.

use super::case::place;
use crate::console::desks::Help;
use crate::console::frame::{Answer, Cell, DonePage, Failed, Frame, Link, Table, TablesPage, show};
use crate::console::visitor::Visitor;
use axum::extract::Path;
use jieli_proto::wire;
use jieli_proto::words;

impl Visitor {
    /// What was given to the helper, at the node.
    fn help(&self) -> Result<Help, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.help(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }
}

pub(crate) async fn list(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let given = visitor.help()?.list_given(wire::ListGivenRequest {}).await;
    let given = given.map_err(visitor.sorry())?.into_inner().legs;
    let rows = given.iter().map(|line| {
        let name = format!("{} / {}", line.case_number, line.leg);
        let href = format!("/given/{}/{}", line.case_number, line.leg);
        vec![
            Cell { text: name, href, ..Cell::default() },
            lang.of(words::service(line.service())).into(),
            Cell::whole(lang.time(line.chosen_unix_ms)),
        ]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![lang.w("case.number"), lang.w("queue.service"), lang.w("given.since")],
        rows: rows.collect(),
        empty: lang.w("given.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.given")),
        lead: vec![lang.w("given.lead").to_owned()],
        links: Vec::new(),
        filters: Vec::new(),
        tables: vec![table],
    }))
}

pub(crate) async fn one(visitor: Visitor, Path((case, leg)): Path<(String, u32)>) -> Answer {
    let lang = visitor.lang;
    let ask = wire::GivenRef { case_number: case.clone(), leg };
    let found = visitor.help()?.show_given(ask).await.map_err(visitor.sorry())?.into_inner();
    let stands = found.leg.unwrap_or_default();
    let title = format!("{case} / {leg} {}", lang.of(words::service(stands.service())));
    let mut lead = vec![lang.pick(&stands.say_zh, &stands.say_en).to_owned()];
    lead.extend(found.window.iter().flat_map(|window| place(window, lang)));
    lead.push(lang.w("given.looked").to_owned());
    Ok(show(&DonePage {
        f: Frame::new(&visitor, title),
        reference: String::new(),
        lead,
        buttons: Vec::new(),
        links: vec![Link::new("/given", lang.w("form.back"))],
    }))
}
