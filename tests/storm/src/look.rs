//! What a city's own database tells when its node runs.

use crate::city::{City, Place, Report};
use anyhow::{Context, Result};
use jieli_node::boot::Node;
use jieli_node::self_audit::self_audit;
use jieli_node::store::legs;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::LegId;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::note::Note;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Envelope, MessageType};
use prost::Message as _;
use std::collections::BTreeMap;

/// Every envelope by its place, with its digest.
pub(crate) async fn lanes(node: &Node) -> Result<BTreeMap<Place, Vec<u8>>> {
    let mut conn = node.store().read().await?;
    let sql = "SELECT agreement_id, lane, lane_seq, env_digest FROM envelope";
    let mut all = BTreeMap::new();
    for row in conn.rows(sql, Vec::new()).await? {
        all.insert((row.bytes(0)?, row.int(1)?, row.int(2)?), row.bytes(3)?);
    }
    Ok(all)
}

/// The own log's newest signed head, if anything is signed.
pub(crate) fn head(node: &Node) -> Result<Option<(String, u64, String)>> {
    let published = node.hand().published();
    if published.checkpoint.is_empty() {
        return Ok(None);
    }
    let note = Note::parse(published.checkpoint.as_bytes())?;
    let head = Checkpoint::parse(note.text())?;
    Ok(Some((head.origin().to_owned(), head.size(), hex::encode(head.root()))))
}

impl City {
    pub(crate) async fn look(&self, node: &Node, audit: bool) -> Result<Report> {
        let published = node.hand().published();
        let directory = &published.directory;
        let mut report = Report {
            lanes: lanes(node).await?,
            recovering: directory.recovering.is_some(),
            head: head(node)?.unwrap_or_else(|| (String::new(), 0, "0".repeat(16))),
            manifests: directory.own.values().map(|own| own.envelope.clone()).collect(),
            ..Report::default()
        };
        for (id, bond) in &directory.bonds {
            report.partners.insert(id.to_vec(), bond.peer.to_string());
        }
        let mut conn = node.store().read().await?;
        report.outbox = conn.one("SELECT COUNT(*) FROM outbox", Vec::new()).await?.int(0)?;
        for sql in [
            "SELECT kind || ' of ' || peer || ': ' || detail FROM alarm ORDER BY raised_ms, alarm_id",
            "SELECT 'evidence ' || kind || ' of ' || peer FROM evidence ORDER BY evidence_id",
        ] {
            for row in conn.rows(sql, Vec::new()).await? {
                report.alarms.push(row.text(0)?);
            }
        }
        for row in conn.rows("SELECT reference FROM vacancy", Vec::new()).await? {
            report.vacancies.insert(row.text(0)?);
        }
        let rows = conn.rows("SELECT leg_id FROM leg ORDER BY leg_id", Vec::new()).await?;
        for row in rows {
            let id = row.bytes(0)?;
            let leg = LegId::from_slice(&id).context("leg_id")?;
            let Some(file) = legs::load(&mut conn, leg, &node.house().shelf()).await? else {
                continue;
            };
            if file.is_stopped() {
                report.stopped.insert(id.clone());
            }
            if file.law.exists() {
                let state = file.law.state();
                let told = format!("{:?}, fact {}, stop {:?}", state.stage, state.fact, state.stop);
                report.legs.insert(id, told);
            }
        }
        let sql = "SELECT agreement_id, envelope, lane FROM envelope ORDER BY agreement_id, lane, lane_seq";
        for row in conn.rows(sql, Vec::new()).await? {
            let sealed = Envelope::decode(row.bytes(1)?.as_slice())?;
            let lane = Lane::from_number(u32::try_from(row.int(2)?)?);
            if lane.is_none_or(|lane| lane.kind() != Kind::Message) {
                continue;
            }
            let message = wire::Message::decode(sealed.payload.as_slice())?;
            if message.r#type() == MessageType::Offer {
                report.offered.insert(message.leg_id.clone());
            }
            if let Some(Body::VacancyNotice(notice)) = message.body {
                let name = notice.terms.map(|terms| terms.reference).unwrap_or_default();
                *report.announced.entry((row.bytes(0)?, name)).or_insert(0) += 1;
            }
        }
        drop(conn);
        if audit {
            let quiet = |_: &'static str, _: u64| {};
            let found = self_audit(&node.hand(), &node.store(), node.house(), &quiet).await?;
            report.findings = found.findings.iter().map(|finding| format!("{finding:?}")).collect();
        }
        Ok(report)
    }
}
