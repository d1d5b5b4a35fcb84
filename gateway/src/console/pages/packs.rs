//! Calendars, code lists, catalogues and languages that this city works with: which version counts,
//! from when, and by whom.

use crate::console::frame::{Answer, Cell, Frame, Link, Table, TablesPage, show};
use crate::console::pages::review::ReviewPage;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::{Path, Query};
use jieli_proto::wire::{self, PackKind};
use std::collections::BTreeMap;

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let mut desk = visitor.desk()?;
    let list = desk.list_packs(wire::ListPacksRequest {}).await;
    let packs = list.map_err(visitor.sorry())?.into_inner().packs;
    let cities = visitor.cities(&mut desk).await?;
    let rows = packs.iter().map(|pack| {
        let href = format!("/packs/{}?version={}", pack.name, pack.version);
        let state = if pack.in_force { lang.w("pack.in_force") } else { lang.w("pack.older") };
        let by = match pack.city.is_empty() {
            true => lang.w("pack.built_in").to_owned(),
            false => cities.of(&pack.city),
        };
        vec![
            Cell { text: pack.name.clone(), href, ..Cell::default() },
            kind(pack.kind(), lang).to_owned().into(),
            pack.version.to_string().into(),
            Cell::whole(lang.day(pack.valid_from)),
            Cell::whole(lang.day(pack.valid_to)),
            by.into(),
            state.to_owned().into(),
        ]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![
            lang.w("pack.name"),
            lang.w("pack.kind"),
            lang.w("agreement.version"),
            lang.w("partners.from"),
            lang.w("places.until"),
            lang.w("pack.by"),
            lang.w("places.state"),
        ],
        rows: rows.collect(),
        empty: lang.w("pack.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.packs")),
        lead: vec![lang.w("pack.lead").to_owned()],
        links: Vec::new(),
        filters: Vec::new(),
        tables: vec![table],
    }))
}

fn kind(kind: PackKind, lang: Lang) -> &'static str {
    match kind {
        PackKind::Unspecified => "",
        PackKind::Calendar => lang.w("pack.calendar"),
        PackKind::CodeList => lang.w("pack.codes"),
        PackKind::ItemCatalogue => lang.w("pack.items"),
        PackKind::Language => lang.w("pack.language"),
    }
}

/// What is in one, as it was signed.
pub(crate) async fn pack(
    visitor: Visitor,
    Path(name): Path<String>,
    query: Query<BTreeMap<String, String>>,
) -> Answer {
    let lang = visitor.lang;
    let version = query.get("version").and_then(|text| text.parse().ok()).unwrap_or(0);
    let ask = wire::PackRef { name, version };
    let view = visitor.desk()?.show_pack(ask).await.map_err(visitor.sorry())?.into_inner();
    let line = view.line.unwrap_or_default();
    let mut page = ReviewPage::new(&visitor, line.name.clone());
    page.lead =
        vec![lang.fill("pack.title", &[kind(line.kind(), lang), &line.version.to_string()])];
    page.links = vec![Link::new("/packs", lang.w("nav.packs"))];
    page.report = view.content;
    Ok(page.show())
}
