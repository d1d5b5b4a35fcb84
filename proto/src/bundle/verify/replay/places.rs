//! The places of one lane of a leg. A refused message that cannot be read has a place too, which
//! its payload does not tell: what names it does, and its place in the agreement's lane.

use super::super::super::records::{Content, Record};
use super::super::Scene;
use super::super::legs::{Lane, Step};
use crate::id::{AgreementId, CityId, Digest};
use crate::kinds::{self, Kind, PartySide};
use std::collections::{BTreeMap, BTreeSet};

/// A place that is filled.
pub(super) struct Held<'a> {
    pub(super) digest: Digest,
    /// Its place in the agreement's lane.
    pub(super) lane_seq: u64,
    /// The message; absent if it cannot be read.
    pub(super) step: Option<Step<'a>>,
}

/// The refused messages that cannot be read, by agreement, lane and place in it.
pub(in super::super) struct Unread(BTreeMap<(AgreementId, kinds::Lane), BTreeMap<u64, Digest>>);

impl Unread {
    /// Those of a bundle.
    pub(in super::super) fn of(scene: &Scene<'_>) -> Unread {
        let mut found = Unread(BTreeMap::new());
        for record in scene.records.values() {
            let is_unread = matches!(record.content, Content::Unreadable(Kind::Message, _))
                && record.refused().is_some()
                && record.takes_leg_place();
            if let Some(place) = record.place.as_ref().filter(|_| is_unread) {
                let lane = found.0.entry((place.agreement, place.lane)).or_default();
                lane.insert(place.lane_seq, record.digest);
            }
        }
        found
    }

    /// Whether so many missing places before a message can be theirs: the last of them is the one
    /// that the message names.
    pub(in super::super) fn fills(
        &self,
        before: Option<&Record<'_>>,
        (place, record): Step<'_>,
        missing: u32,
    ) -> bool {
        let Some(head) = record.head() else { return false };
        let after = before.and_then(Record::head).map_or(0, |head| head.lane_seq);
        let named = BTreeSet::from([place.prev]);
        let key = (head.agreement, head.lane);
        let found = self.between(&key, &named, after, head.lane_seq, missing as usize);
        found.and_then(|mut found| found.pop()).is_some_and(|last| last.digest == place.prev)
    }

    /// So many between two places of a lane, in order: those that the leg names before others, and
    /// later ones before earlier.
    fn between<'a>(
        &self,
        key: &(AgreementId, kinds::Lane),
        named: &BTreeSet<Digest>,
        after: u64,
        before: u64,
        missing: usize,
    ) -> Option<Vec<Held<'a>>> {
        if missing == 0 {
            return Some(Vec::new());
        }
        let lane = self.0.get(key).filter(|_| after < before)?;
        let range = || lane.range(after + 1..before).rev();
        let in_leg = range().filter(|(_, digest)| named.contains(digest));
        let others = range().filter(|(_, digest)| !named.contains(digest));
        let mut chosen: Vec<(u64, Digest)> =
            in_leg.chain(others).take(missing).map(|(seq, digest)| (*seq, *digest)).collect();
        chosen.sort_unstable();
        let all = chosen.len() == missing;
        all.then(|| chosen.into_iter().map(|(seq, digest)| held(seq, digest)).collect())
    }
}

/// The places of a city's lane in order, from leg_seq 1. `None` if one is not filled.
pub(super) fn places<'a>(
    unread: &Unread,
    agreement: AgreementId,
    lanes: &BTreeMap<CityId, Lane<'a>>,
    city: &CityId,
) -> Option<Vec<Held<'a>>> {
    let other = lanes.keys().find(|other| *other != city)?;
    let side = PartySide::of(city.as_str(), other.as_str());
    let key = (agreement, kinds::Lane::messages(side));
    let (own, others) = (lanes.get(city)?, lanes.get(other)?);
    let named: BTreeSet<Digest> = own
        .values()
        .map(|(place, _)| place.prev)
        .chain(others.values().map(|(place, _)| place.seen))
        .collect();
    let mut filled: Vec<Held<'a>> = Vec::new();
    let mut after = 0;
    for (seq, step) in own {
        let lane_seq = step.1.head()?.lane_seq;
        let missing = (*seq as usize).checked_sub(filled.len() + 1)?;
        filled.extend(unread.between(&key, &named, after, lane_seq, missing)?);
        filled.push(Held { digest: step.1.digest, lane_seq, step: Some(*step) });
        after = lane_seq;
    }
    // The last ones: only what the other side has seen is known to be in this leg.
    let last = unread.0.get(&key).into_iter().flat_map(|lane| lane.range(after + 1..));
    let last = last.filter(|(_, digest)| named.contains(digest));
    filled.extend(last.map(|(lane_seq, digest)| held(*lane_seq, *digest)));
    Some(filled)
}

fn held<'a>(lane_seq: u64, digest: Digest) -> Held<'a> {
    Held { digest, lane_seq, step: None }
}
