//! What was found when both cities' lanes were compared, and what the other city said of its legs.

use super::{Conn, Row, StoreError};
use jieli_proto::id::{AgreementId, Digest, LegId};
use jieli_proto::wire::{Envelope, ReconcileReport, SelfAuditReport};
use prost::Message as _;

/// Keeps a report.
pub async fn keep_report(
    conn: &mut Conn,
    id: [u8; 16],
    agreement: AgreementId,
    report: &ReconcileReport,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO reconciled (report_id, agreement_id, period, made_ms, agree, report) \
               VALUES ($1,$2,$3,$4,$5,$6)";
    let vals = vec![
        id.into(),
        agreement.to_vec().into(),
        report.period.into(),
        report.made_unix_ms.into(),
        report.agree.into(),
        report.encode_to_vec().into(),
    ];
    conn.run(sql, vals).await.map(drop)
}

/// The reports of an agreement, the newest first, at most so many.
pub async fn reports(
    conn: &mut Conn,
    agreement: AgreementId,
    most: u32,
) -> Result<Vec<ReconcileReport>, StoreError> {
    let sql = "SELECT report FROM reconciled WHERE agreement_id = $1 \
               ORDER BY made_ms DESC, report_id LIMIT $2";
    let rows = conn.rows(sql, vec![agreement.to_vec().into(), most.into()]).await?;
    rows.iter().map(report).collect()
}

/// Whether a period of an agreement was compared.
pub async fn has_report(
    conn: &mut Conn,
    agreement: AgreementId,
    period: u32,
) -> Result<bool, StoreError> {
    let sql = "SELECT made_ms FROM reconciled WHERE agreement_id = $1 AND period = $2 LIMIT 1";
    let row = conn.maybe(sql, vec![agreement.to_vec().into(), period.into()]).await?;
    Ok(row.is_some())
}

fn report(row: &Row) -> Result<ReconcileReport, StoreError> {
    ReconcileReport::decode(row.bytes(0)?.as_slice())
        .map_err(|_| StoreError::Corrupt("reconciled.report"))
}

/// Keeps the other city's statement about a leg, if it is not older than the one held.
pub async fn keep_leg_statement(
    conn: &mut Conn,
    leg: LegId,
    stated_ms: u64,
    digest: Digest,
    sealed: &Envelope,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO leg_statement (leg_id, stated_ms, env_digest, envelope) \
               VALUES ($1,$2,$3,$4) ON CONFLICT (leg_id) DO UPDATE SET \
               stated_ms = excluded.stated_ms, env_digest = excluded.env_digest, \
               envelope = excluded.envelope \
               WHERE leg_statement.stated_ms <= excluded.stated_ms";
    let vals = vec![
        leg.to_vec().into(),
        stated_ms.into(),
        digest.to_vec().into(),
        sealed.encode_to_vec().into(),
    ];
    conn.run(sql, vals).await.map(drop)
}

/// The statement held about a leg.
pub async fn leg_statement(conn: &mut Conn, leg: LegId) -> Result<Option<Envelope>, StoreError> {
    let sql = "SELECT envelope FROM leg_statement WHERE leg_id = $1";
    let Some(row) = conn.maybe(sql, vec![leg.to_vec().into()]).await? else { return Ok(None) };
    let corrupt = |_| StoreError::Corrupt("leg_statement.envelope");
    Envelope::decode(row.bytes(0)?.as_slice()).map(Some).map_err(corrupt)
}

/// Keeps what an audit found.
pub async fn keep_audit(conn: &mut Conn, report: &SelfAuditReport) -> Result<(), StoreError> {
    let sql = "INSERT INTO self_audit (begun_ms, findings, report) VALUES ($1,$2,$3) \
               ON CONFLICT (begun_ms) DO UPDATE SET findings = excluded.findings, \
               report = excluded.report";
    let count = report.findings.len() as u64;
    let vals = vec![report.begun_unix_ms.into(), count.into(), report.encode_to_vec().into()];
    conn.run(sql, vals).await.map(drop)
}

/// What was found last.
pub async fn last_audit(conn: &mut Conn) -> Result<Option<SelfAuditReport>, StoreError> {
    let sql = "SELECT report FROM self_audit ORDER BY begun_ms DESC LIMIT 1";
    let Some(row) = conn.maybe(sql, Vec::new()).await? else { return Ok(None) };
    let corrupt = |_| StoreError::Corrupt("self_audit.report");
    SelfAuditReport::decode(row.bytes(0)?.as_slice()).map(Some).map_err(corrupt)
}
