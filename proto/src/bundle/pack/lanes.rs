//! The lanes of a whole pack: that nothing was left out in between.

use super::super::code::{Code, Failures};
use super::super::parts::Parts;
use super::super::records::Record;
use super::super::verdict::Agreed;
use super::tally::Tally;
use crate::envelope;
use crate::id::{AgreementId, CityId, Digest};
use crate::kinds::{Kind, Lane, PartySide};
use crate::wire;
use std::collections::BTreeMap;

/// What is known of one side's messages in the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanePart {
    /// Whose messages.
    pub city: CityId,
    /// First and last `lane_seq` in the period; 0 where there is none.
    pub first: u64,
    /// See [`LanePart::first`].
    pub last: u64,
    /// Whether all of them are here, each naming the one before.
    pub whole: bool,
    /// The largest number that the city itself names as sent, in a receipt of the period that is
    /// here. Above `last`: later messages of the period may have been left out.
    pub stated: u64,
}

/// Places that were seen. What has found both neighbours is forgotten, so that it stays small.
#[derive(Default)]
pub(super) struct Lanes {
    by_lane: BTreeMap<u8, Chain>,
    /// Largest own_lane_seq by receipts of a city.
    stated: BTreeMap<CityId, u64>,
    twice: Vec<String>,
    broken: Vec<String>,
}

#[derive(Default)]
struct Chain {
    /// Runs of numbers that are here: first to last.
    runs: BTreeMap<u64, u64>,
    /// Names of those whose next one was not seen yet.
    names: BTreeMap<u64, Digest>,
    /// What the next one calls those that were not seen yet.
    called: BTreeMap<u64, Digest>,
}

impl Lanes {
    /// Takes in the messages and receipts of a bundle.
    pub(super) fn add<'r>(
        &mut self,
        records: impl Iterator<Item = &'r Record<'r>>,
        agreement: Option<AgreementId>,
        tally: &Tally,
    ) {
        for record in records {
            let Some(place) = record.place.as_ref() else { continue };
            if agreement != Some(place.agreement) {
                continue;
            }
            if let Some(receipt) = record.receipt()
                && tally.is_in(&receipt.head.sender, receipt.head.created_unix_ms)
            {
                let stated = self.stated.entry(receipt.head.sender.clone()).or_default();
                *stated = receipt.own_lane_seq.max(*stated);
            }
            if record.kind() != Kind::Message {
                continue;
            }
            let chain = self.by_lane.entry(place.lane.number()).or_default();
            let seq = place.lane_seq;
            if !chain.take(seq) {
                self.twice.push(record.path.clone());
                continue;
            }
            let before = record.head().map(|head| head.lane_prev);
            if !chain.link(seq, record.digest, before) {
                self.broken.push(record.path.clone());
            }
        }
    }

    /// What the lanes come to; a hole, a second record in one place or a broken link fails.
    pub(super) fn close(
        self,
        agreements: &[Agreed],
        shared: &Parts,
        tally: &Tally,
        failures: &mut Failures,
    ) -> Vec<LanePart> {
        for path in &self.twice {
            failures.add(Code::Equivocation, path, "lane_seq, in two bundles");
        }
        for path in &self.broken {
            failures.add(Code::LaneChain, path, "lane_prev");
        }
        let newest = agreements.iter().max_by_key(|found| found.version);
        let newest = newest.and_then(|found| shared.agreements.get(&found.digest));
        let parties = newest.and_then(|found| envelope::payload::<wire::Agreement>(found).ok());
        let parties = parties.map(|found| found.parties).unwrap_or_default();
        let mut found = Vec::new();
        for (side, party) in [PartySide::A, PartySide::B].into_iter().zip(parties) {
            let Some(city) = CityId::parse(&party.city_id) else { continue };
            let part = tally.lane(side);
            let lane = Lane::messages(side).number();
            let chain = self.by_lane.get(&lane);
            let gap = (part.last > 0)
                .then(|| chain.map_or(Some(part.first), |c| c.gap(part.first, part.last)));
            let gap = gap.flatten();
            if let Some(missing) = gap {
                failures.add(Code::PackLaneGap, "", format!("lane {lane}, lane_seq {missing}"));
            }
            let stated = self.stated.get(&city).copied().unwrap_or_default();
            let whole = gap.is_none() && self.broken.is_empty() && self.twice.is_empty();
            found.push(LanePart { city, first: part.first, last: part.last, whole, stated });
        }
        found
    }
}

impl Chain {
    /// Notes a number; `false` if it is there already.
    fn take(&mut self, seq: u64) -> bool {
        let before = self.runs.range(..=seq).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= seq) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last + 1 == seq => first,
            Some(_) | None => seq,
        };
        let last = self.runs.remove(&(seq + 1)).unwrap_or(seq);
        self.runs.insert(first, last);
        true
    }

    /// Compares with the neighbours as far as they were seen.
    fn link(&mut self, seq: u64, name: Digest, before: Option<Digest>) -> bool {
        let mut holds = true;
        match self.called.remove(&seq) {
            Some(called) => holds &= called == name,
            None => drop(self.names.insert(seq, name)),
        }
        if let Some(before) = before
            && let Some(last) = seq.checked_sub(1).filter(|last| *last > 0)
        {
            match self.names.remove(&last) {
                Some(name) => holds &= name == before,
                None => drop(self.called.insert(last, before)),
            }
        }
        holds
    }

    /// The first number from `first` to `last` that is not here.
    fn gap(&self, first: u64, last: u64) -> Option<u64> {
        let run = self.runs.range(..=first).next_back();
        let end = run.map(|(_, end)| *end).filter(|end| *end >= first);
        match end {
            None => Some(first),
            Some(end) if end < last => Some(end + 1),
            Some(_) => None,
        }
    }
}
