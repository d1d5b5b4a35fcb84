//! Legs and their messages, read and written.

use super::{Conn, Row, StoreError, Val};
use crate::legs::{self, Context, Entry, LegFile, Local, Standing};
use crate::shelf::Shelf;
use jieli_proto::case::{Leg, Proof, Side, Verdict};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CaseId, Digest, LegId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::wire::{self, Service};
use prost::Message as _;

/// How a verdict is stored beside its message.
pub fn verdict_number(verdict: &Verdict) -> i64 {
    match verdict {
        Verdict::Legal => 1,
        Verdict::Illegal(_) => 0,
        Verdict::Technical => 2,
    }
}

/// Loads a leg with all its messages; `None` if there is no such leg.
pub async fn load(
    conn: &mut Conn,
    id: LegId,
    shelf: &Shelf,
) -> Result<Option<LegFile>, StoreError> {
    let Some(mut file) = bare(conn, id).await? else { return Ok(None) };
    // As stored, so that the self-audit finds a row that no REDIRECT explains.
    let stored = [file.our_office.clone(), file.their_office.clone()];
    load_entries(conn, &mut file, shelf).await?;
    [file.our_office, file.their_office] = stored;
    Ok(Some(file))
}

/// The same without its messages.
pub async fn bare(conn: &mut Conn, id: LegId) -> Result<Option<LegFile>, StoreError> {
    let row = conn
        .maybe(
            "SELECT case_id, number, agreement_id, service, our_side, local_state, our_office, \
         their_office, reference FROM leg WHERE leg_id = $1",
            vec![id.to_vec().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let service =
        Service::try_from(row.int(3)? as i32).map_err(|_| StoreError::Corrupt("leg.service"))?;
    Ok(Some(LegFile {
        id,
        case: CaseId::from_slice(&row.bytes(0)?).ok_or(StoreError::Corrupt("leg.case_id"))?,
        number: row.int(1)? as u32,
        bond: AgreementId::from_slice(&row.bytes(2)?),
        service,
        our_side: legs::side_from(row.int(4)?),
        local: Local::from_number(row.int(5)?).ok_or(StoreError::Corrupt("leg.local_state"))?,
        our_office: row.text(6)?,
        their_office: row.text(7)?,
        reference: row.text(8)?,
        law: Leg::new(LegFile::rules(service)),
        entries: Vec::new(),
        stop_refused: false,
    }))
}

async fn load_entries(
    conn: &mut Conn,
    file: &mut LegFile,
    shelf: &Shelf,
) -> Result<(), StoreError> {
    // The order of the log is an order of causality: what a message had seen was logged before it.
    let sql = if file.is_local() {
        "SELECT m.env_digest, m.side, m.leg_seq, m.lane_seq, m.status, m.code, m.legal, \
         e.envelope FROM message m JOIN local_envelope e ON e.lane = m.lane \
         AND e.lane_seq = m.lane_seq WHERE m.leg_id = $1 AND (m.leg_seq > 0 OR m.side = $2) \
         ORDER BY e.place"
    } else {
        "SELECT m.env_digest, m.side, m.leg_seq, m.lane_seq, m.status, m.code, m.legal, \
         e.envelope FROM message m JOIN envelope e ON e.agreement_id = m.agreement_id \
         AND e.lane = m.lane AND e.lane_seq = m.lane_seq \
         WHERE m.leg_id = $1 AND (m.leg_seq > 0 OR m.side = $2) \
         ORDER BY e.leaf_epoch, e.leaf_idx"
    };
    let ours = legs::side_number(file.our_side).into();
    let rows = conn.rows(sql, vec![file.id.to_vec().into(), ours]).await?;
    for row in rows {
        let sealed = wire::Envelope::decode(row.bytes(7)?.as_slice())
            .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
        let entry = Entry {
            env_digest: Digest::from_slice(&row.bytes(0)?)
                .ok_or(StoreError::Corrupt("message.env_digest"))?,
            side: legs::side_from(row.int(1)?),
            seq: row.int(2)? as u32,
            lane_seq: row.int(3)? as u64,
            standing: Standing::from_numbers(row.int(4)?, row.int(5)?),
            message: envelope::payload::<wire::Message>(&sealed).ok(),
        };
        if entry.side == file.our_side && matches!(entry.standing, Standing::Refused(_)) {
            file.was_refused(entry.message.as_ref());
        }
        if entry.seq == 0 {
            continue;
        }
        let legal = row.int(6)? == 1 && !matches!(entry.standing, Standing::Refused(_));
        let verdict = if legal { Verdict::Legal } else { Verdict::Technical };
        admit(file, entry, verdict, shelf);
    }
    Ok(())
}

/// Takes a stored message in again under the verdict it was given when it came.
fn admit(file: &mut LegFile, entry: Entry, verdict: Verdict, shelf: &Shelf) {
    let act = entry.message.as_ref().and_then(|message| {
        let header = message.header.as_ref()?;
        let id = file.bond.unwrap_or(AgreementId([0; 16]));
        let made_on =
            shelf.day(id, header.agreement_version, party_by_lane(header), header.created_unix_ms);
        let seen = seen_seq(file, entry.side, &Digest::from_slice(&message.leg_seen)?)?;
        // What stood behind a RELEASE or an EXPIRE was judged then; the fold does not ask again.
        let proof = Some(Proof::Silence { received_on: made_on, covers: 0 });
        let context = Context { made_on, consent_live: true, proof };
        let question = |digest: &Digest| file.entry(digest).map(|entry| entry.seq);
        legs::act_of(message, entry.side, entry.seq, seen, context, &question).ok()
    });
    file.admit(entry, act, verdict);
}

/// The party that speaks in the lane of a header.
fn party_by_lane(header: &wire::Header) -> PartySide {
    Lane::from_number(header.lane).map_or(PartySide::A, Lane::side)
}

/// The leg_seq that a `leg_seen` names in the other lane: 0 for none, `None` if it names nothing.
pub fn seen_seq(file: &LegFile, by: Side, seen: &Digest) -> Option<u32> {
    if seen.is_zero() {
        return Some(0);
    }
    file.entry(seen).filter(|entry| entry.side == by.other()).map(|entry| entry.seq)
}

/// Inserts a new leg.
pub async fn insert(conn: &mut Conn, file: &LegFile) -> Result<(), StoreError> {
    conn.insert_many("leg", LEG_COLUMNS, vec![leg_row(file)]).await
}

/// Columns of `leg`, in the order of [`leg_row`].
pub(crate) const LEG_COLUMNS: &[&str] = &[
    "leg_id",
    "case_id",
    "number",
    "agreement_id",
    "service",
    "our_side",
    "local_state",
    "our_office",
    "their_office",
    "reference",
];

/// A leg as its row.
pub(crate) fn leg_row(file: &LegFile) -> Vec<Val> {
    let file = file.home();
    vec![
        file.id.to_vec().into(),
        file.case.to_vec().into(),
        i64::from(file.number).into(),
        file.bond.map_or(Vec::new(), |id| id.to_vec()).into(),
        i64::from(file.service as i32).into(),
        legs::side_number(file.our_side).into(),
        file.local.number().into(),
        file.our_office.into(),
        file.their_office.into(),
        file.reference.into(),
    ]
}

/// Stores what may change of a leg outside its messages.
pub async fn update(conn: &mut Conn, file: &LegFile) -> Result<(), StoreError> {
    let file = file.home();
    conn.run(
        "UPDATE leg SET local_state = $2, agreement_id = $3, our_office = $4, their_office = $5, \
         reference = $6 WHERE leg_id = $1",
        vec![
            file.id.to_vec().into(),
            file.local.number().into(),
            file.bond.map_or(Vec::new(), |id| id.to_vec()).into(),
            file.our_office.clone().into(),
            file.their_office.clone().into(),
            file.reference.clone().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Fixes a message's standing when its receipt comes, and takes its place in the leg away where it
/// has none.
pub async fn settle(
    conn: &mut Conn,
    digest: &Digest,
    standing: Standing,
    loses_place: bool,
) -> Result<(), StoreError> {
    let (status, code) = standing.numbers();
    if loses_place {
        conn.run(
            "UPDATE message SET leg_seq = 0 WHERE env_digest = $1",
            vec![digest.to_vec().into()],
        )
        .await?;
    }
    conn.run(
        "UPDATE message SET status = $2, code = $3 WHERE env_digest = $1",
        vec![digest.to_vec().into(), status.into(), code.into()],
    )
    .await?;
    Ok(())
}

/// A case as listed.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// Its id.
    pub id: CaseId,
    /// Its number, as people say it.
    pub number: String,
    /// The other city, by id or as entered.
    pub city: String,
}

/// A case by number.
pub async fn case(conn: &mut Conn, number: &str) -> Result<Option<CaseRow>, StoreError> {
    let row = conn
        .maybe(
            "SELECT case_id, number, city FROM case_file WHERE number = $1",
            vec![number.to_owned().into()],
        )
        .await?;
    row.map(|row| case_row(&row)).transpose()
}

/// A case by id.
pub async fn case_by_id(conn: &mut Conn, id: CaseId) -> Result<Option<CaseRow>, StoreError> {
    let row = conn
        .maybe(
            "SELECT case_id, number, city FROM case_file WHERE case_id = $1",
            vec![id.to_vec().into()],
        )
        .await?;
    row.map(|row| case_row(&row)).transpose()
}

/// Cases by number, after a number, at most so many.
pub async fn cases(conn: &mut Conn, after: &str, most: i64) -> Result<Vec<CaseRow>, StoreError> {
    let rows = conn.rows("SELECT case_id, number, city FROM case_file WHERE number > $1 ORDER BY number LIMIT $2", vec![after.to_owned().into(), most.into()])
    .await?;
    rows.iter().map(case_row).collect()
}

/// The legs of a case, by number.
pub async fn legs_of(conn: &mut Conn, case: CaseId) -> Result<Vec<LegId>, StoreError> {
    let rows = conn
        .rows(
            "SELECT leg_id FROM leg WHERE case_id = $1 ORDER BY number",
            vec![case.to_vec().into()],
        )
        .await?;
    rows.iter()
        .map(|row| LegId::from_slice(&row.bytes(0)?).ok_or(StoreError::Corrupt("leg.leg_id")))
        .collect()
}

fn case_row(row: &Row) -> Result<CaseRow, StoreError> {
    Ok(CaseRow {
        id: CaseId::from_slice(&row.bytes(0)?).ok_or(StoreError::Corrupt("case_file.case_id"))?,
        number: row.text(1)?,
        city: row.text(2)?,
    })
}
