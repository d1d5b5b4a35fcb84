//! Receipts: that the other city stored a message, at which index, or refused it.

use super::super::BundledItem;
use super::super::code::Code;
use super::super::layout;
use super::super::records::Record;
use super::super::verdict::{ReceiptVerdict, RecordVerdict};
use super::Scene;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::tree::{find_inclusion, leaf_hash};
use crate::wire::message::Body;
use std::collections::BTreeSet;

/// Every message has the other city's item; every item belongs to a record and to a receipt. An
/// item that does not hold says nothing.
pub(super) fn check(scene: &mut Scene<'_>, found: &mut [RecordVerdict]) {
    let (parts, records) = (scene.parts, scene.records);
    for record in records.values().filter(|record| record.kind() == Kind::Message) {
        if !parts.items.contains_key(&record.digest) {
            scene.failures.add(Code::ItemMissing, layout::item(&record.digest), "");
        }
    }
    for (digest, bundled) in &parts.items {
        let path = layout::item(digest);
        let Some(record) = records.get(digest) else {
            scene.failures.add(Code::Unreferenced, path, "");
            continue;
        };
        let said = if records.contains_key(&bundled.receipt) {
            check_item(scene, record, bundled).map_err(|what| (Code::ItemFalse, what.to_owned()))
        } else {
            Err((Code::ReceiptMissing, bundled.receipt.hex()))
        };
        if let Err((code, why)) = said {
            scene.failures.add(code, path, why);
            let verdict = found.iter_mut().find(|verdict| verdict.digest == *digest);
            if let Some(verdict) = verdict {
                verdict.receipt = ReceiptVerdict::NotShown;
            }
        }
    }
    cited(scene);
}

fn check_item(
    scene: &Scene<'_>,
    record: &Record<'_>,
    bundled: &BundledItem,
) -> Result<(), &'static str> {
    let receipt = scene.records[&bundled.receipt].receipt().ok_or("not a receipt")?;
    let item = record.item.ok_or("item")?;
    let place = record.place.as_ref().ok_or("place")?;
    let signer: &CityId = &receipt.head.sender;
    if !scene.signed.contains(&bundled.receipt) {
        return Err("its receipt is not signed");
    }
    let addressed = record.head().is_none_or(|head| head.recipient == *signer);
    let checks = [
        (item.env_digest == record.digest, "env_digest"),
        (item.lane_seq == place.lane_seq, "lane_seq"),
        (receipt.head.agreement == place.agreement, "agreement_id"),
        (receipt.answers == place.lane, "answers_lane"),
        (addressed, "signer"),
    ];
    if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
        return Err(what);
    }
    let leaf = leaf_hash(&bundled.item);
    find_inclusion(&leaf, receipt.count, &bundled.path, &receipt.items_root.0)
        .map_err(|_| "path to items_root")?;
    // The receipt promises an index in its signer's log; the proof shows where it is.
    match scene.logs.proven.get(&(record.digest, signer.clone())) {
        Some(proven) if proven.origin == receipt.origin => match proven.index == item.log_index {
            true => Ok(()),
            false => Err("log_index"),
        },
        Some(proven) => {
            let (from, to) = (&receipt.origin, &proven.origin);
            let moved = scene.trust.epochs.has_moved(from, item.log_index, to);
            if moved { Ok(()) } else { Err("origin") }
        }
        None => Ok(()),
    }
}

/// What an EXPIRE names is here, and no receipt is here for nothing.
fn cited(scene: &mut Scene<'_>) {
    let mut cited: BTreeSet<Digest> =
        scene.parts.items.values().map(|bundled| bundled.receipt).collect();
    for record in scene.records.values().filter(|record| record.refused().is_none()) {
        let Some((_, message)) = record.message() else { continue };
        let Some(Body::Expire(expire)) = &message.body else { continue };
        if let Some(receipt) = Digest::from_slice(&expire.receipt) {
            cited.insert(receipt);
            let held = scene.records.get(&receipt).is_some_and(|found| found.receipt().is_some());
            if !held {
                scene.failures.add(Code::ReceiptMissing, &record.path, receipt.hex());
            }
        }
        if let Some(act) = Digest::from_slice(&expire.terminate)
            && scene.records.get(&act).is_none_or(|found| found.act().is_none())
        {
            scene.failures.add(Code::ActMissing, &record.path, act.hex());
        }
    }
    for record in scene.records.values().filter(|record| record.kind() == Kind::Receipt) {
        if !cited.contains(&record.digest) {
            scene.failures.add(Code::Unreferenced, &record.path, "");
        }
    }
}
