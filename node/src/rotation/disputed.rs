//! What is stored and was signed by a key that is revoked, past the last place at which it counts.
//! The place is that in the log of the city which *received* it: a thief cannot move that one.

use super::{Batch, sealed};
use crate::directory::{Bond, Directory};
use crate::store::{Conn, Row, StoreError};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest, LegId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::wire::{self, ItemStatus, RevocationReason, Role};
use prost::Message as _;
use std::collections::BTreeSet;

/// A disputed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disputed {
    /// Whose key.
    pub(crate) city: CityId,
    /// The key.
    pub(crate) key: Digest,
    /// Why it was revoked.
    pub(crate) reason: RevocationReason,
    /// Where the record stands.
    pub(crate) agreement: AgreementId,
    /// Its lane.
    pub(crate) lane: Lane,
    /// Its place in it.
    pub(crate) lane_seq: u64,
    /// Its name.
    pub(crate) env_digest: Digest,
    /// The log whose place decides.
    pub(crate) origin: String,
    /// The place there.
    pub(crate) index: u64,
}

/// A message key that was revoked, and the log that decides about its records.
struct Gone {
    city: CityId,
    key: Digest,
    reason: RevocationReason,
    origin: String,
    last: Option<u64>,
}

impl Gone {
    fn is_disputed(&self, index: u64) -> bool {
        self.last.is_none_or(|last| index > last)
    }
}

const COLUMNS: &str = "SELECT e.agreement_id, e.lane, e.lane_seq, e.env_digest, e.envelope, \
                       e.leaf_idx, r.item FROM envelope e LEFT JOIN receipt_item r \
                       ON r.agreement_id = e.agreement_id AND r.lane = e.lane \
                       AND r.lane_seq = e.lane_seq";

/// Every disputed record here, own and received, up to a number.
pub(crate) async fn all(
    conn: &mut Conn,
    directory: &Directory,
    epoch: u32,
    most: usize,
) -> Result<Vec<Disputed>, StoreError> {
    let mut found = Vec::new();
    for bond in directory.bonds.values() {
        for gone in gone_of(directory, bond, epoch) {
            // Own records stand elsewhere in the other log: all of them have to be looked at.
            let from = if gone.city == directory.city { None } else { gone.last };
            let side = PartySide::of(gone.city.as_str(), other(directory, bond, &gone).as_str());
            for lane in [Lane::messages(side), Lane::receipts(side), Lane::acts(side)] {
                let sql = format!(
                    "{COLUMNS} WHERE e.agreement_id = $1 AND e.lane = $2 AND e.leaf_idx > $3 \
                     ORDER BY e.lane_seq"
                );
                let after = from.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
                let vals = vec![bond.id.to_vec().into(), lane.number().into(), after.into()];
                for row in conn.rows_many(sql, vals).await? {
                    found.extend(judged(directory, &gone, &row)?);
                    if found.len() > most {
                        return Ok(found);
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The disputed messages of a leg.
pub(crate) async fn of_leg(
    conn: &mut Conn,
    directory: &Directory,
    epoch: u32,
    bond: &Bond,
    leg: LegId,
) -> Result<BTreeSet<Digest>, StoreError> {
    let gone: Vec<Gone> = gone_of(directory, bond, epoch);
    if gone.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "{COLUMNS} JOIN message m ON m.agreement_id = e.agreement_id AND m.lane = e.lane \
         AND m.lane_seq = e.lane_seq WHERE m.leg_id = $1"
    );
    let mut found = BTreeSet::new();
    for row in conn.rows_many(sql, vec![leg.to_vec().into()]).await? {
        for gone in &gone {
            found.extend(judged(directory, gone, &row)?.map(|disputed| disputed.env_digest));
        }
    }
    Ok(found)
}

/// How many records of a peer's key are disputed once it counts up to `last` alone.
pub(super) async fn count(
    batch: &mut Batch<'_>,
    city: &CityId,
    key: &Digest,
    last: Option<u64>,
) -> Result<usize, StoreError> {
    let origin = batch.directory.city.exchange_origin(batch.head.id.epoch);
    let reason = RevocationReason::Unspecified;
    let gone = Gone { city: city.clone(), key: *key, reason, origin, last };
    let after = last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
    let sql = format!("{COLUMNS} WHERE e.leaf_idx > $1");
    let mut found = 0;
    for row in batch.conn.rows_many(sql, vec![after.into()]).await? {
        found += usize::from(judged(&batch.directory, &gone, &row)?.is_some());
    }
    Ok(found)
}

fn other<'a>(directory: &'a Directory, bond: &'a Bond, gone: &Gone) -> &'a CityId {
    if gone.city == directory.city { &bond.peer } else { &directory.city }
}

/// The revoked message keys of both cities of an agreement.
fn gone_of(directory: &Directory, bond: &Bond, epoch: u32) -> Vec<Gone> {
    let peer = directory.peers.get(&bond.peer);
    let chains = [
        (&directory.city, Some(directory.own.as_ref()), &bond.peer),
        (&bond.peer, peer.map(|peer| &peer.manifests), &directory.city),
    ];
    let mut all = Vec::new();
    for (city, chain, receiver) in chains {
        let Some(newest) = chain.and_then(|chain| chain.values().next_back()) else { continue };
        let is_message = |fpr: &Digest| {
            chain.is_some_and(|chain| chain.values().any(|m| m.key(fpr, Role::Message).is_some()))
        };
        for revoked in &newest.revocations {
            let key = Digest::from_slice(&revoked.fingerprint).unwrap_or_default();
            if !is_message(&key) {
                continue;
            }
            // A log that goes on in another epoch is another log.
            let origin = receiver.exchange_origin(epoch);
            let last = newest.last_good(&key, &origin);
            all.push(Gone { city: city.clone(), key, reason: revoked.reason(), origin, last });
        }
    }
    all
}

/// The record of a row, if it is disputed: signed by that key, not refused, and past its place.
fn judged(directory: &Directory, gone: &Gone, row: &Row) -> Result<Option<Disputed>, StoreError> {
    let envelope = sealed(&row.bytes(4)?)?;
    if envelope::key_fpr(&envelope).ok() != Some(gone.key) {
        return Ok(None);
    }
    let item: Vec<u8> = row.maybe_bytes(6)?.unwrap_or_default();
    let item = wire::Item::decode(item.as_slice());
    let item = item.map_err(|_| StoreError::Corrupt("receipt_item.item"))?;
    if item.status() == ItemStatus::Refused {
        return Ok(None);
    }
    let index = match (gone.city == directory.city, item.status()) {
        (false, _) => row.uint(5)?,
        // Where an own receipt stands over there, nobody has told.
        (true, ItemStatus::Unspecified) => return Ok(None),
        (true, _) => item.log_index,
    };
    let lane = Lane::from_number(row.int(1)? as u32).ok_or(StoreError::Corrupt("envelope.lane"))?;
    Ok(gone.is_disputed(index).then_some(Disputed {
        city: gone.city.clone(),
        key: gone.key,
        reason: gone.reason,
        agreement: AgreementId(row.array(0)?),
        lane,
        lane_seq: row.uint(2)?,
        env_digest: Digest(row.array(3)?),
        origin: gone.origin.clone(),
        index,
    }))
}
