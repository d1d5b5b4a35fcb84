//! What only the other city can give: proofs that its log holds what it sent, and its word how far
//! it has spoken in a leg.

use crate::command::Command;
use crate::directory::{Bond, Directory};
use crate::house::House;
use crate::store::{self, Conn, Row, Store, StoreError};
use crate::writer::Published;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CaseId, LegId};
use jieli_proto::kinds::Lane;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;
use std::collections::BTreeMap;

/// Records asked for at once.
const FETCHED_AT_ONCE: u32 = 256;

/// Asks the other city for what a case's evidence still lacks. What comes back goes through the
/// writer, as the commands returned, which verifies it like everything else a peer says.
pub async fn ask_peer(
    store: &Store,
    house: &House,
    published: &Published,
    case_number: &str,
) -> Result<Vec<Command>, StoreError> {
    let proofs = missing_proofs(store, house, published, case_number).await?;
    let proofs = proofs.into_iter().map(|(id, lane, replies)| Command::Fetched(id, lane, replies));
    let mut commands: Vec<Command> = proofs.collect();
    let mut conn = store.read().await?;
    let Some(case) = store::legs::case(&mut conn, case_number).await? else {
        return Ok(commands);
    };
    let legs = legs_with_messages(&mut conn, case.id).await?;
    drop(conn);
    for (id, leg) in legs {
        let Some(bond) = published.directory.bonds.get(&id) else { continue };
        // Unreachable: the export itself says what is missing.
        let Ok(reply) = house.world.post.state(&bond.peer, of_leg(bond, leg)).await else { break };
        let stated = reply.statements.into_iter().next();
        commands.extend(stated.map(|sealed| Command::LegStated(id, leg, Box::new(sealed))));
    }
    Ok(commands)
}

fn of_leg(bond: &Bond, leg: LegId) -> wire::StateRequest {
    let (agreement_id, leg_id) = (bond.id.to_vec(), leg.to_vec());
    wire::StateRequest { agreement_id, leg_id, ranges: Vec::new() }
}

async fn legs_with_messages(
    conn: &mut Conn,
    case: CaseId,
) -> Result<Vec<(AgreementId, LegId)>, StoreError> {
    let sql = "SELECT DISTINCT l.agreement_id, l.leg_id, l.number FROM leg l JOIN message m \
               ON m.leg_id = l.leg_id WHERE l.case_id = $1 AND m.leg_seq > 0 ORDER BY l.number";
    let rows = conn.rows(sql, vec![case.to_vec().into()]).await?;
    rows.iter().map(|row| Ok((AgreementId(row.array(0)?), LegId(row.array(1)?)))).collect()
}

/// The proofs of the peer's records in a case that are not held yet.
async fn missing_proofs(
    store: &Store,
    house: &House,
    published: &Published,
    case_number: &str,
) -> Result<Vec<(AgreementId, Lane, Vec<wire::FetchReply>)>, StoreError> {
    let mut conn = store.read().await?;
    let Some(case) = store::legs::case(&mut conn, case_number).await? else {
        return Ok(Vec::new());
    };
    let rows = conn
        .rows(
            "SELECT DISTINCT e.agreement_id, e.lane, e.lane_seq, COALESCE(r.lane_seq, 0) \
             FROM envelope e \
             LEFT JOIN receipt_item r ON r.agreement_id = e.agreement_id AND r.lane = e.lane \
             AND r.lane_seq = e.lane_seq \
             LEFT JOIN message m ON m.agreement_id = e.agreement_id AND m.lane = e.lane \
             AND m.lane_seq = e.lane_seq \
             LEFT JOIN leg l ON l.leg_id = m.leg_id \
             LEFT JOIN peer_proof p ON p.env_digest = e.env_digest \
             WHERE p.env_digest IS NULL AND e.lane IN (0,1,4,5) AND (l.case_id = $1 OR \
             (e.lane IN (4,5) AND e.agreement_id IN \
             (SELECT agreement_id FROM leg WHERE case_id = $1)))",
            vec![case.id.to_vec().into()],
        )
        .await?;
    let mut wanted = own_receipts(&mut conn, &published.directory, case.id).await?;
    for row in rows {
        let id = AgreementId(row.array(0)?);
        let lane = lane_of(&row)?;
        let bond = published.directory.bonds.get(&id);
        // Our own records are proven by their receipts, unless the peer's log began anew since.
        if bond.is_some_and(|bond| lane.side() != bond.our_side) || row.uint(3)? > 0 {
            wanted.entry((id, lane)).or_default().push(row.uint(2)?);
        }
    }
    let mut found = Vec::new();
    for ((id, lane), seqs) in wanted {
        let Some(bond) = published.directory.bonds.get(&id) else { continue };
        for seq in seqs {
            let ask = wire::FetchRequest {
                agreement_id: id.to_vec(),
                lane: u32::from(lane.number()),
                from_seq: seq,
                most: 1,
                pack: Vec::new(),
            };
            // Unreachable: the export itself says what is missing.
            let Ok(replies) = house.world.post.fetch(&bond.peer, ask).await else { break };
            found.push((id, lane, replies));
        }
    }
    Ok(found)
}

type Wanted = BTreeMap<(AgreementId, Lane), Vec<u64>>;

/// Receipts of ours, given by a key that is revoked by now, whose place in the other log is not
/// known: those for the messages and acts of a case, and those that an EXPIRE of the peer cites.
async fn own_receipts(
    conn: &mut Conn,
    directory: &Directory,
    case: CaseId,
) -> Result<Wanted, StoreError> {
    let mut wanted = Wanted::new();
    let newest = directory.manifest();
    if newest.is_none_or(|newest| newest.revocations.is_empty()) {
        return Ok(wanted);
    }
    let sql = "SELECT DISTINCT e.agreement_id, e.lane, e.lane_seq, e.envelope \
               FROM receipt_item r JOIN envelope e ON e.env_digest = r.receipt_digest \
               AND e.agreement_id = r.agreement_id AND e.lane IN (2,3) \
               LEFT JOIN message m ON m.agreement_id = r.agreement_id AND m.lane = r.lane \
               AND m.lane_seq = r.lane_seq LEFT JOIN leg l ON l.leg_id = m.leg_id \
               LEFT JOIN peer_proof p ON p.env_digest = e.env_digest \
               WHERE p.env_digest IS NULL AND (l.case_id = $1 OR (r.lane IN (4,5) \
               AND r.agreement_id IN (SELECT agreement_id FROM leg WHERE case_id = $1)))";
    let mut rows = conn.rows(sql, vec![case.to_vec().into()]).await?;
    for cited in cited_by_expire(conn, case).await? {
        let sql = "SELECT e.agreement_id, e.lane, e.lane_seq, e.envelope FROM envelope e \
                   LEFT JOIN peer_proof p ON p.env_digest = e.env_digest \
                   WHERE e.env_digest = $1 AND e.lane IN (2,3) AND p.env_digest IS NULL";
        rows.extend(conn.rows(sql, vec![cited.into()]).await?);
    }
    for row in rows {
        let (id, lane) = (AgreementId(row.array(0)?), lane_of(&row)?);
        let ours = directory.bonds.get(&id).is_some_and(|bond| lane.side() == bond.our_side);
        let fpr = envelope::key_fpr(&sealed(&row.bytes(3)?)?).unwrap_or_default();
        let seqs = wanted.entry((id, lane)).or_default();
        let is_new = !seqs.contains(&row.uint(2)?);
        if ours && is_new && newest.is_some_and(|newest| newest.is_revoked(&fpr)) {
            seqs.push(row.uint(2)?);
        }
    }
    Ok(wanted)
}

/// The receipts that EXPIREs of a case cite.
async fn cited_by_expire(conn: &mut Conn, case: CaseId) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT e.envelope FROM message m JOIN leg l ON l.leg_id = m.leg_id \
               JOIN envelope e ON e.agreement_id = m.agreement_id AND e.lane = m.lane \
               AND e.lane_seq = m.lane_seq WHERE l.case_id = $1";
    let mut found = Vec::new();
    for row in conn.rows(sql, vec![case.to_vec().into()]).await? {
        let message = envelope::payload::<wire::Message>(&sealed(&row.bytes(0)?)?);
        if let Some(Body::Expire(expire)) = message.ok().and_then(|message| message.body) {
            found.push(expire.receipt);
        }
    }
    Ok(found)
}

fn lane_of(row: &Row) -> Result<Lane, StoreError> {
    Lane::from_number(row.int(1)? as u32).ok_or(StoreError::Corrupt("lane"))
}

fn sealed(bytes: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::decode(bytes).map_err(|_| StoreError::Corrupt("envelope.envelope"))
}

/// The first record of a peer at or after a place of an agreement whose proof in the peer's log is
/// not held, as a question to that peer. Lanes in ascending order; `None` at the end.
pub async fn next_missing(
    store: &Store,
    published: &Published,
    id: AgreementId,
    (lane, seq): (u8, u64),
) -> Result<Option<wire::FetchRequest>, StoreError> {
    let Some(bond) = published.directory.bonds.get(&id) else { return Ok(None) };
    let side = bond.our_side.other();
    let (messages, acts) = (Lane::messages(side).number(), Lane::acts(side).number());
    // Receipts of ours too, once one of our keys is revoked: see `own_receipts`.
    let newest = published.directory.manifest();
    let is_revoked = newest.is_some_and(|newest| !newest.revocations.is_empty());
    let receipts = i64::from(Lane::receipts(bond.our_side).number());
    let receipts = if is_revoked { receipts } else { -1 };
    // And what we have sent, once the peer's log goes on in another epoch.
    let own = [Lane::messages(bond.our_side), Lane::acts(bond.our_side)];
    let has_moved = published.directory.peers.get(&bond.peer).is_some_and(|peer| peer.epoch > 1);
    let own = own.map(|lane| if has_moved { i64::from(lane.number()) } else { -1 });
    let mut conn = store.read().await?;
    let row = conn
        .maybe(
            "SELECT e.lane, e.lane_seq FROM envelope e \
             LEFT JOIN peer_proof p ON p.env_digest = e.env_digest \
             LEFT JOIN receipt_item r ON r.agreement_id = e.agreement_id AND r.lane = e.lane \
             AND r.lane_seq = e.lane_seq \
             WHERE p.env_digest IS NULL AND e.agreement_id = $1 AND (e.lane = $2 OR e.lane = $3 \
             OR e.lane = $6 OR (e.lane IN ($7,$8) AND r.lane_seq > 0)) \
             AND (e.lane > $4 OR (e.lane = $4 AND e.lane_seq >= $5)) \
             ORDER BY e.lane, e.lane_seq LIMIT 1",
            vec![
                id.to_vec().into(),
                messages.into(),
                acts.into(),
                lane.into(),
                seq.into(),
                receipts.into(),
                own[0].into(),
                own[1].into(),
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(wire::FetchRequest {
        agreement_id: id.to_vec(),
        lane: row.int(0)? as u32,
        from_seq: row.uint(1)?,
        most: FETCHED_AT_ONCE,
        pack: Vec::new(),
    }))
}
