//! Packs, and which of them were announced in an agreement.

use super::{Conn, StoreError};
use crate::directory::Bond;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::PartySide;
use jieli_proto::pack::Content;
use jieli_proto::wire::Envelope;
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row of `pack`.
#[derive(Debug)]
pub(crate) struct PackRow {
    pub(crate) city: CityId,
    pub(crate) is_fetched: bool,
    pub(crate) sealed: Envelope,
}

/// All packs, by kind, name, city and version.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<PackRow>, StoreError> {
    let sql =
        "SELECT city_id, is_fetched, envelope FROM pack ORDER BY kind, name, city_id, version";
    let mut found = Vec::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let city = CityId::parse(&row.text(0)?).ok_or(StoreError::Corrupt("pack.city_id"))?;
        let (is_fetched, sealed) = (row.flag(1)?, envelope_of(&row.bytes(2)?)?);
        found.push(PackRow { city, is_fetched, sealed });
    }
    Ok(found)
}

/// The same pack under another key: its name stays.
pub(crate) async fn sealed_again(conn: &mut Conn, sealed: &Envelope) -> Result<(), StoreError> {
    let sql = "UPDATE pack SET envelope = $2 WHERE env_digest = $1";
    let vals = vec![envelope::env_digest(sealed).to_vec().into(), sealed.encode_to_vec().into()];
    conn.run(sql, vals).await.map(drop)
}

/// Keeps a pack that was checked. What is held already stays as it is.
pub(crate) async fn keep(
    conn: &mut Conn,
    city: &CityId,
    content: &Content,
    sealed: &Envelope,
    is_fetched: bool,
    now_ms: u64,
) -> Result<(), StoreError> {
    let title = content.title();
    conn.run(
        "INSERT INTO pack (env_digest, city_id, kind, name, version, valid_from, valid_to, \
         envelope, is_fetched, kept_ms) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10) \
         ON CONFLICT (env_digest) DO NOTHING",
        vec![
            envelope::env_digest(sealed).to_vec().into(),
            city.as_str().into(),
            i64::from(i32::from(content.kind())).into(),
            title.name.as_str().into(),
            title.version.into(),
            title.valid_from.number().into(),
            title.valid_to.number().into(),
            sealed.encode_to_vec().into(),
            i64::from(is_fetched).into(),
            now_ms.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The envelope of a digest.
pub(crate) async fn by_digest(
    conn: &mut Conn,
    digest: &Digest,
) -> Result<Option<Envelope>, StoreError> {
    let sql = "SELECT envelope FROM pack WHERE env_digest = $1";
    let row = conn.maybe(sql, vec![digest.to_vec().into()]).await?;
    row.map(|row| envelope_of(&row.bytes(0)?)).transpose()
}

/// The same where the pack was announced in an agreement, by either party.
pub(crate) async fn announced(
    conn: &mut Conn,
    id: AgreementId,
    digest: &Digest,
) -> Result<Option<Envelope>, StoreError> {
    let sql = "SELECT p.envelope FROM pack p JOIN pack_said s ON s.env_digest = p.env_digest \
               WHERE s.agreement_id = $1 AND s.env_digest = $2";
    let vals = vec![id.to_vec().into(), digest.to_vec().into()];
    let row = conn.maybe(sql, vals).await?;
    row.map(|row| envelope_of(&row.bytes(0)?)).transpose()
}

/// Notes that a party has announced a pack.
pub(crate) async fn said(
    conn: &mut Conn,
    id: AgreementId,
    party: PartySide,
    digest: &Digest,
) -> Result<(), StoreError> {
    conn.run(
        "INSERT INTO pack_said (agreement_id, side, env_digest, is_bad) VALUES ($1,$2,$3,0) \
         ON CONFLICT (agreement_id, side, env_digest) DO NOTHING",
        vec![id.to_vec().into(), (party as i64).into(), digest.to_vec().into()],
    )
    .await?;
    Ok(())
}

/// Whether a party has announced a pack in an agreement.
pub(crate) async fn has_said(
    conn: &mut Conn,
    id: AgreementId,
    party: PartySide,
    digest: &Digest,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM pack_said WHERE agreement_id = $1 AND side = $2 AND env_digest = $3";
    let vals = vec![id.to_vec().into(), (party as i64).into(), digest.to_vec().into()];
    Ok(conn.maybe(sql, vals).await?.is_some())
}

/// What came under a digest is no pack: it is not asked for again.
pub(crate) async fn is_bad(conn: &mut Conn, digest: &Digest) -> Result<(), StoreError> {
    let sql = "UPDATE pack_said SET is_bad = 1 WHERE env_digest = $1";
    conn.run(sql, vec![digest.to_vec().into()]).await?;
    Ok(())
}

/// Packs that were announced and are not held, by the city that has them.
pub(crate) async fn wanted(
    conn: &mut Conn,
    bonds: &BTreeMap<AgreementId, Arc<Bond>>,
) -> Result<BTreeMap<CityId, Vec<(AgreementId, Digest)>>, StoreError> {
    let sql = "SELECT DISTINCT s.agreement_id, s.env_digest FROM pack_said s \
               LEFT JOIN pack p ON p.env_digest = s.env_digest \
               WHERE p.env_digest IS NULL AND s.is_bad = 0 ORDER BY s.agreement_id, s.env_digest";
    let mut found: BTreeMap<CityId, Vec<(AgreementId, Digest)>> = BTreeMap::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let (id, digest) = (AgreementId(row.array(0)?), Digest(row.array(1)?));
        if let Some(bond) = bonds.get(&id) {
            found.entry(bond.peer.clone()).or_default().push((id, digest));
        }
    }
    Ok(found)
}

fn envelope_of(bytes: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::decode(bytes).map_err(|_| StoreError::Corrupt("pack.envelope"))
}
