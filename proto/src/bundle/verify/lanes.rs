//! Every envelope by itself, and its neighbours in its lane.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::records::{Content, Record};
use super::super::verdict::{
    Bound, Cosigner, Holds, InLog, PolicyMet, ReceiptVerdict, RecordVerdict, TimeVerdict,
};
use super::Scene;
use super::trust::Signer;
use crate::envelope;
use crate::id::{AgreementId, CityId, Digest};
use crate::invite::INVITE_SLACK_MS as CLOCK_SLACK_MS;
use crate::kinds::{Kind, Lane};
use crate::message::ItemVerdict;
use std::collections::BTreeMap;

/// Checks signatures, keys, proofs, forms and lanes; gives the verdict of each envelope.
pub(super) fn check(scene: &mut Scene<'_>) -> Vec<RecordVerdict> {
    let records = scene.records;
    let mut verdicts: Vec<RecordVerdict> =
        records.values().map(|record| check_record(scene, record)).collect();
    verdicts.sort_by_key(|verdict| {
        let place = records[&verdict.digest].place.clone();
        (verdict.lane.is_none(), place, verdict.digest)
    });
    neighbours(scene.records, &mut scene.failures);
    verdicts
}

fn check_record(scene: &mut Scene<'_>, record: &Record<'_>) -> RecordVerdict {
    check_form(scene, record);
    let (signature, key) = check_seal(scene, record);
    let parties = parties(scene, record);
    let cosigned = parties.iter().filter_map(|city| {
        let shown = scene.logs.proven.get(&(record.digest, city.clone()))?;
        Some(scene.logs.covering(shown).into_iter().map(|found| Cosigner {
            by: found.by.clone(),
            independent: !parties.contains(&found.city),
            origin: found.origin.clone(),
            unix_s: found.unix_s,
        }))
    });
    let cosigners: Vec<Cosigner> = cosigned.flatten().collect();
    let logs = parties.iter().map(|city| in_log(scene, record, &cosigners, city)).collect();
    let time = time(scene, record, &cosigners);
    let key = if is_early(scene, record, &time) { Holds::No } else { key };
    let leg = record.message().and_then(|(facts, _)| facts.place);
    RecordVerdict {
        digest: record.digest,
        kind: record.kind(),
        what: what(record),
        author: record.author(),
        lane: record.place.as_ref().map(|place| (place.lane.number(), place.lane_seq)),
        leg: leg.map(|place| (place.leg, place.seq)),
        signature,
        key,
        logs,
        cosigners,
        time,
        receipt: match record.item.map(|item| item.verdict) {
            None => ReceiptVerdict::NotShown,
            Some(ItemVerdict::Stored) => ReceiptVerdict::Stored,
            Some(ItemVerdict::StoredWithheld) => ReceiptVerdict::StoredWithheld,
            Some(ItemVerdict::Refused(code)) => ReceiptVerdict::Refused(code),
        },
        sections: Vec::new(),
    }
}

pub(super) fn what(record: &Record<'_>) -> String {
    let name = match &record.content {
        Content::Message(found) => found.0.kind.as_str_name().strip_prefix("MESSAGE_TYPE_"),
        Content::Act(act) => act.act.as_str_name().strip_prefix("ACT_TYPE_"),
        Content::Receipt(_) | Content::Statement(_) | Content::Unreadable(..) => None,
    };
    name.unwrap_or_default().to_owned()
}

/// Only a message or act that the other city refused may be unreadable.
fn check_form(scene: &mut Scene<'_>, record: &Record<'_>) {
    if record.message().is_some_and(|(facts, _)| facts.head.agreement.is_local()) {
        scene.failures.add(Code::MessageForm, &record.path, "the local form, between two cities");
    }
    let Content::Unreadable(kind, why) = &record.content else { return };
    let travels = matches!(kind, Kind::Message | Kind::Act);
    if !travels || record.refused().is_none() {
        scene.failures.add(Code::MessageForm, &record.path, why);
    }
}

/// Signature, and whether the key was its author's and good at this place.
fn check_seal(scene: &mut Scene<'_>, record: &Record<'_>) -> (Holds, Holds) {
    let version = record.head().map(|head| head.manifest_version);
    // A refused message may cite a manifest version that does not exist.
    let version = version.filter(|_| record.refused().is_none());
    let signer = match scene.trust.signer(record.envelope, record.kind(), version) {
        Ok(signer) => signer,
        Err(code) => {
            scene.failures.add(code, &record.path, "");
            return (Holds::No, Holds::No);
        }
    };
    if let Err(code) = signer.allowed {
        scene.failures.add(code, &record.path, "");
        return (Holds::Yes, Holds::No);
    }
    if record.author().is_some_and(|author| author != signer.city) {
        scene.failures.add(Code::KeyOfAnother, &record.path, signer.city.as_str());
        return (Holds::Yes, Holds::No);
    }
    scene.signed.insert(record.digest);
    let good = is_good_here(scene, record, &signer);
    // The other city has refused what a revoked key signed: nothing to dispute.
    if !good && record.refused().is_none() {
        scene.failures.add(Code::KeyRevoked, &record.path, signer.fpr.hex());
    }
    (Holds::Yes, Holds::of(good))
}

/// Whether a key signed before its time: by what the author claims, or because somebody cosigned a
/// head with the record in it, which the author could not put off.
fn is_early(scene: &mut Scene<'_>, record: &Record<'_>, time: &TimeVerdict) -> bool {
    let Ok(fpr) = envelope::key_fpr(record.envelope) else { return false };
    let from_ms = scene.trust.not_before(&fpr);
    let claimed = time.claimed_unix_ms != 0 && time.claimed_unix_ms < from_ms;
    let bounded = time.not_after.as_ref().is_some_and(|bound| {
        bound.unix_s.saturating_mul(1_000).saturating_add(CLOCK_SLACK_MS) < from_ms
    });
    let is_early = (claimed || bounded) && record.refused().is_none();
    if is_early {
        scene.failures.add(Code::KeyEarly, &record.path, fpr.hex());
    }
    is_early
}

/// A revoked key counts up to a place in the *other* city's log, which its thief cannot move.
fn is_good_here(scene: &Scene<'_>, record: &Record<'_>, signer: &Signer) -> bool {
    if !scene.trust.is_revoked(&signer.city, &signer.fpr) {
        return true;
    }
    let others = parties(scene, record).into_iter().filter(|city| *city != signer.city);
    let mut shown = others.filter_map(|city| scene.logs.proven.get(&(record.digest, city)));
    shown.any(|proven| {
        let last = scene.trust.last_good(&signer.city, &signer.fpr, &proven.origin);
        last.is_some_and(|last| proven.index <= last)
    })
}

/// The two cities of a record; of an unreadable one those of its receipt.
fn parties(scene: &Scene<'_>, record: &Record<'_>) -> Vec<CityId> {
    let by_receipt = || {
        let item = scene.parts.items.get(&record.digest)?;
        scene.records.get(&item.receipt)?.head()
    };
    let head = match &record.content {
        Content::Statement(_) => None,
        Content::Message(_) | Content::Receipt(_) | Content::Act(_) => record.head(),
        Content::Unreadable(..) => by_receipt(),
    };
    let mut cities: Vec<CityId> =
        head.iter().flat_map(|head| [head.sender.clone(), head.recipient.clone()]).collect();
    cities.sort();
    cities
}

/// Messages and acts are proven in both logs; receipts and statements where it is shown.
fn in_log(
    scene: &mut Scene<'_>,
    record: &Record<'_>,
    cosigners: &[Cosigner],
    city: &CityId,
) -> InLog {
    let key = (record.digest, city.clone());
    let path = layout::proof(&record.digest, city);
    let given = scene.parts.proofs.contains_key(&key);
    let must = matches!(record.kind(), Kind::Message | Kind::Act);
    if must && !given {
        scene.failures.add(Code::ProofMissing, path, city.as_str());
    }
    let proven = scene.logs.proven.get(&key);
    let has_cosigned = |independent: bool| {
        let here = |found: &&Cosigner| proven.is_some_and(|log| log.origin == found.origin);
        let mut here = cosigners.iter().filter(here);
        here.any(|found| {
            let is_other = layout::cosigner(&found.by).is_some_and(|by| by != *city);
            found.independent == independent && is_other
        })
    };
    InLog {
        city: city.clone(),
        holds: match proven {
            Some(_) => Holds::Yes,
            None if given || must => Holds::No,
            None => Holds::NotShown,
        },
        origin: proven.map(|found| found.origin.clone()).unwrap_or_default(),
        index: proven.map_or(0, |found| found.index),
        size: proven.map_or(0, |found| found.size),
        policy: PolicyMet::of(has_cosigned(false), has_cosigned(true)),
    }
}

fn time(scene: &mut Scene<'_>, record: &Record<'_>, cosigners: &[Cosigner]) -> TimeVerdict {
    let earliest = cosigners.iter().min_by_key(|found| found.unix_s);
    let not_after = earliest.map(|found| Bound { unix_s: found.unix_s, by: found.by.clone() });
    let Some(head) = record.head() else {
        let claimed_unix_ms = record.statement().map_or(0, |found| found.stated_unix_ms);
        return TimeVerdict { claimed_unix_ms, not_before: None, not_after };
    };
    let mut time =
        TimeVerdict { claimed_unix_ms: head.created_unix_ms, not_before: None, not_after };
    let Some(seen) = &head.seen_head else { return time };
    let known = scene.logs.roots.get(&(seen.origin.clone(), seen.size));
    if known.is_some_and(|root| *root != seen.root.0) {
        scene.failures.add(Code::SeenHeadDiffers, &record.path, &seen.origin);
        return time;
    }
    let Some(quoted) = &seen.cosigned else { return time };
    let held = scene.logs.cosigned.iter().any(|found| {
        found.origin == seen.origin
            && found.size == seen.size
            && found.by == quoted.by
            && found.unix_s == quoted.unix_s
            && found.sha256 == quoted.sha256
    });
    if held && known.is_some() {
        time.not_before = Some(Bound { unix_s: quoted.unix_s, by: quoted.by.clone() });
    }
    time
}

/// One record per place; neighbours name each other; time does not go back.
pub(super) fn neighbours(records: &BTreeMap<Digest, Record<'_>>, failures: &mut Failures) {
    let mut places: BTreeMap<(AgreementId, Lane), BTreeMap<u64, &Record<'_>>> = BTreeMap::new();
    let mut msg_ids: BTreeMap<[u8; 16], Digest> = BTreeMap::new();
    for record in records.values() {
        let Some(place) = &record.place else { continue };
        let lane = places.entry((place.agreement, place.lane)).or_default();
        if lane.insert(place.lane_seq, record).is_some() {
            failures.add(Code::Equivocation, &record.path, "lane_seq");
        }
        let effective = record.message().filter(|_| record.refused().is_none());
        if let Some((facts, _)) = effective
            && msg_ids.insert(facts.msg_id.0, record.digest).is_some()
        {
            failures.add(Code::Equivocation, &record.path, "msg_id");
        }
    }
    for lane in places.values() {
        let mut latest = 0;
        for (seq, record) in lane {
            let Some(head) = record.head() else { continue };
            let before = lane.get(&(seq - 1));
            if before.is_some_and(|before| before.digest != head.lane_prev) {
                failures.add(Code::LaneChain, &record.path, "lane_prev");
            }
            if record.refused().is_some() {
                continue;
            }
            if head.created_unix_ms < latest {
                failures.add(Code::LaneChain, &record.path, "created_unix_ms");
            }
            latest = head.created_unix_ms.max(latest);
        }
    }
}
