//! What a liaison post sees: how much is open and late under its agreements, by number, and whom to
//! telephone. Nothing of a person, and nothing can be done here.

use super::case::place;
use super::queue::stage;
use crate::console::frame::{Answer, Cell, Failed, Frame, Link, Table, TablesPage, show};
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Query;
use jieli_proto::wire;
use jieli_proto::words;
use std::collections::BTreeMap;

impl Visitor {
    async fn delays(&self, after: &str) -> Result<wire::DelayList, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.liaise(&a.token, a.role));
        let mut liaise = found.ok_or_else(|| self.no_token())?;
        let ask = wire::ListDelaysRequest { after: after.to_owned(), most: 0 };
        Ok(liaise.list_delays(ask).await.map_err(self.sorry())?.into_inner())
    }
}

pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let after = query.get("after").map_or("", String::as_str);
    let list = visitor.delays(after).await?;
    let next = Some(&list.next).filter(|next| !next.is_empty());
    let next = next.map(|next| Link::new(format!("/delays?after={next}"), lang.w("queue.next")));
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.delays")),
        lead: vec![lang.w("delays.lead").to_owned()],
        links: next.into_iter().collect(),
        filters: Vec::new(),
        tables: vec![partners(&list.partners, lang), late(&list.lines, lang)],
    }))
}

fn partners(all: &[wire::PartnerCount], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let counts = [one.open, one.late, one.due_this_week].map(|n| Cell::whole(n.to_string()));
        std::iter::once(one.city.clone().into()).chain(counts).collect()
    });
    Table {
        heading: lang.w("delays.agreements").to_owned(),
        heads: vec![
            lang.w("queue.with"),
            lang.w("delays.open"),
            lang.w("delays.late"),
            lang.w("delays.week"),
        ],
        rows: rows.collect(),
        empty: lang.w("delays.none_named"),
    }
}

fn late(all: &[wire::DelayLine], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let turn = match one.turn.as_str() {
            "ours" => lang.w("queue.ours"),
            _ => lang.w("queue.theirs"),
        };
        let stands = wire::LegLine { stage: one.stage.clone(), ..wire::LegLine::default() };
        let mut to_do = vec![turn];
        to_do.extend(one.needs_person.then(|| lang.w("delays.call")));
        let window = one.window.as_ref().map(|window| place(window, lang)).unwrap_or_default();
        vec![
            Cell::whole(format!("{} / {}", one.case_number, one.leg)),
            lang.of(words::service(one.service())).into(),
            one.city.clone().into(),
            stage(&stands, lang).into(),
            Cell::whole(lang.day(one.due_date)),
            to_do.join(lang.pick("；", "; ")).into(),
            Cell { more: window, ..Cell::default() },
        ]
    });
    Table {
        heading: lang.w("delays.late_ones").to_owned(),
        heads: vec![
            lang.w("case.number"),
            lang.w("queue.service"),
            lang.w("queue.with"),
            lang.w("queue.stage"),
            lang.w("queue.due"),
            lang.w("queue.to_do"),
            lang.w("delays.window"),
        ],
        rows: rows.collect(),
        empty: lang.w("delays.none_late"),
    }
}
