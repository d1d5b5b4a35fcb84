//! What the other side is known to have seen of a leg.

use super::{LegFile, Standing};
use crate::directory::Bond;
use crate::store::{Conn, StoreError};
use jieli_proto::case::Heard;
use jieli_proto::envelope;
use jieli_proto::kinds::Lane;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;

/// What the latest receipt about a leg proves of the other side's knowledge.
pub async fn heard(
    conn: &mut Conn,
    bond: Option<&Bond>,
    file: &LegFile,
) -> Result<Heard, StoreError> {
    if file.is_local() {
        // What one office says, the other has at once.
        let theirs = file.law.len(file.our_side.other());
        return Ok(Heard { own: file.law.len(file.our_side), theirs });
    }
    let Some(bond) = bond else { return Ok(Heard::default()) };
    let receipted = file
        .entries
        .iter()
        .rfind(|e| e.side == file.our_side && e.standing != Standing::Provisional);
    let Some(entry) = receipted else { return Ok(Heard::default()) };
    let row = conn
        .maybe(
            "SELECT e.envelope FROM receipt_item i \
             JOIN envelope e ON e.env_digest = i.receipt_digest \
             AND e.agreement_id = i.agreement_id AND e.lane = $4 \
             WHERE i.agreement_id = $1 AND i.lane = $2 AND i.lane_seq = $3",
            vec![
                bond.id.to_vec().into(),
                Lane::messages(bond.our_side).number().into(),
                entry.lane_seq.into(),
                Lane::receipts(bond.our_side.other()).number().into(),
            ],
        )
        .await?;
    let Some(receipt) = row.map(|row| receipt(&row.bytes(0)?)).transpose()? else {
        return Ok(Heard::default());
    };
    let lane = Lane::messages(bond.our_side.other());
    let row = conn
        .maybe(
            "SELECT last_seq FROM lane WHERE agreement_id = $1 AND lane = $2",
            vec![bond.id.to_vec().into(), lane.number().into()],
        )
        .await?;
    let held = row.map(|row| row.uint(0)).transpose()?.unwrap_or(0);
    if held < receipt.own_lane_seq {
        // Something they wrote before is still on its way; it may belong to this leg.
        return Ok(Heard::default());
    }
    Ok(Heard { own: entry.seq, theirs: theirs_up_to(file, receipt.own_lane_seq) })
}

/// The other side's last place in the leg that lies within a prefix of its lane.
fn theirs_up_to(file: &LegFile, lane_seq: u64) -> u32 {
    let theirs = file.entries.iter().filter(|e| e.side != file.our_side && e.lane_seq <= lane_seq);
    theirs.map(|entry| entry.seq).max().unwrap_or(0)
}

fn receipt(bytes: &[u8]) -> Result<wire::Receipt, StoreError> {
    let corrupt = || StoreError::Corrupt("a receipt");
    let sealed = Envelope::decode(bytes).map_err(|_| corrupt())?;
    envelope::payload(&sealed).map_err(|_| corrupt())
}
