//! A case as its records show it, each with what can be proved of it, and no person in it.

use super::ReviewPage;
use crate::console::desks::{Cities, Said};
use crate::console::frame::{Answer, Cell, Failed, Table};
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Path;
use axum::http::StatusCode;
use jieli_proto::bundle::{self, Holds, ReceiptVerdict, RecordVerdict, Verdicts};
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::wire::{self, MessageType};
use jieli_proto::words;

/// What evidence is judged by.
pub(super) struct Known {
    /// The roots that this city has, its own and its partners'.
    pub(super) roots: Vec<Digest>,
    /// The node's time, POSIX seconds.
    pub(super) now_s: u64,
    /// All of these cities.
    pub(super) cities: Cities,
}

pub(super) async fn known(visitor: &Visitor) -> Result<Known, Failed> {
    let mut desk = visitor.desk()?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let ask = wire::ListPeersRequest {};
    let peers = desk.list_peers(ask).await.map_err(visitor.sorry())?.into_inner().peers;
    let all = peers.iter().map(|peer| peer.root_fpr.as_str());
    let roots = all.chain([status.root_fpr.as_str()]).filter_map(Digest::from_hex).collect();
    let cities = visitor.cities(&mut desk).await?.and(status.city_id, status.name);
    Ok(Known { roots, now_s: status.now_unix_ms / 1_000, cities })
}

/// Gathers the evidence without sections and verifies it, as a stranger would.
pub(crate) async fn page(visitor: Visitor, Path(case): Path<String>) -> Answer {
    let lang = visitor.lang;
    let mut desk = visitor.desk()?;
    let ask = wire::CaseRef { case_number: case, ..Default::default() };
    let view = desk.show_case(ask.clone()).await.map_err(visitor.sorry())?.into_inner();
    let zip = desk.export_case(ask).await.map_err(visitor.sorry())?.into_inner().zip;
    let Known { roots, now_s, cities } = known(&visitor).await?;
    let judged = tokio::task::spawn_blocking(move || bundle::verify_at(&zip, &roots, Some(now_s)));
    let judged = judged.await.map_err(visitor.broken())?.map_err(|error| {
        tracing::error!("console: own evidence cannot be read: {error}");
        visitor.failed(Said::own(StatusCode::BAD_GATEWAY, "EVIDENCE", "error.console"))
    })?;
    let line = view.line.clone().unwrap_or_default();
    let title = lang.fill("case.title", &[&line.case_number]);
    let mut page = ReviewPage::new(&visitor, title);
    let key = if judged.all_hold() { "proof.all_hold" } else { "proof.not_all" };
    page.lead = vec![lang.w(key).to_owned(), lang.w("proof.no_person").to_owned()];
    page.figures = vec![
        (lang.w("proof.records"), judged.records.len().to_string()),
        (lang.w("proof.faults"), judged.failures.len().to_string()),
    ];
    page.tables = view.legs.iter().map(|leg| table(leg, &judged, &cities, lang)).collect();
    Ok(page.show())
}

fn table(leg: &wire::LegView, judged: &Verdicts, cities: &Cities, lang: Lang) -> Table {
    let line = leg.line.clone().unwrap_or_default();
    let (number, service) = (line.number.to_string(), lang.of(words::service(line.service())));
    Table {
        heading: lang.fill("proof.leg", &[&number, &service]),
        heads: vec![
            lang.w("review.when"),
            lang.w("chart.city"),
            lang.w("chart.what"),
            lang.w("proof.signed"),
            lang.w("proof.logged"),
            lang.w("proof.receipt"),
            lang.w("proof.witness"),
        ],
        rows: leg.messages.iter().map(|one| row(one, judged, cities, lang)).collect(),
        empty: lang.w("proof.nothing"),
    }
}

fn row(message: &wire::MessageLine, judged: &Verdicts, cities: &Cities, lang: Lang) -> Vec<Cell> {
    let ty = MessageType::from_str_name(&format!("MESSAGE_TYPE_{}", message.r#type));
    let found = judged
        .records
        .iter()
        .find(|one| one.kind == Kind::Message && one.digest.hex() == message.env_digest);
    let mut cells: Vec<Cell> = vec![
        lang.time(message.created_unix_ms).into(),
        cities.of(&message.from).into(),
        lang.of(words::message(ty.unwrap_or_default())).into(),
    ];
    let proved = match found {
        Some(record) => proved(record, cities, lang),
        None => [(); 4].map(|()| lang.w("proof.not_here").to_owned()),
    };
    cells.extend(proved.map(Cell::from));
    cells
}

/// Signature and key; both logs; the other city's answer; who else has seen the log.
fn proved(record: &RecordVerdict, cities: &Cities, lang: Lang) -> [String; 4] {
    let signed = match (record.signature, record.key) {
        (Holds::No, Holds::Yes | Holds::No | Holds::NotShown)
        | (Holds::Yes | Holds::NotShown, Holds::No) => "proof.no",
        (Holds::Yes, Holds::Yes) => "proof.yes",
        (Holds::Yes, Holds::NotShown) | (Holds::NotShown, Holds::Yes | Holds::NotShown) => {
            "proof.not_here"
        }
    };
    let logs = record.logs.iter().filter(|log| log.holds == Holds::Yes);
    let logs: Vec<String> = logs.map(|log| cities.of(log.city.as_str())).collect();
    let receipt = lang.w(match &record.receipt {
        ReceiptVerdict::NotShown => "proof.not_here",
        ReceiptVerdict::Stored => "case.stored",
        ReceiptVerdict::StoredWithheld => "case.withheld",
        ReceiptVerdict::Refused(_) => "case.refused",
    });
    let mut seen: Vec<String> = record.cosigners.iter().map(|one| by(&one.by, cities)).collect();
    seen.sort();
    seen.dedup();
    let joined = |all: Vec<String>| match all.is_empty() {
        true => lang.w("proof.not_yet").to_owned(),
        false => all.join(lang.pick("、", ", ")),
    };
    [lang.w(signed).to_owned(), joined(logs), receipt.to_owned(), joined(seen)]
}

/// The city of a cosigner, whose name is `jieli.<city id>/cosigner/<n>`.
fn by(cosigner: &str, cities: &Cities) -> String {
    let city = cosigner.strip_prefix("jieli.").and_then(|rest| rest.split('/').next());
    cities.of(city.unwrap_or(cosigner))
}
