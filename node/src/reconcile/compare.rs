//! Divides ranges that differ until the places are left that differ.

use super::{Failed, NAMED_MAX, Progress, Reconcile};
use crate::lanes::{Blocks, LaneAt, NOT_HELD, Range};
use crate::statements::RANGES_MAX;
use jieli_proto::tree::Hash;
use jieli_proto::wire::LaneCompared;

/// Parts of a range that differs, in each round.
const PARTS: u64 = 16;

/// A place at which the two cities differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) seq: u64,
    /// Our leaf hash; `None` where we hold nothing.
    pub(super) ours: Option<Hash>,
    /// Theirs; `None` where they hold nothing.
    pub(super) theirs: Option<Theirs>,
}

/// What the other city holds at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Theirs {
    /// This leaf hash.
    Stated(Hash),
    /// Something: its lane is longer than ours.
    Beyond,
}

/// Places found, and whether there are more.
#[derive(Default)]
pub(super) struct Found {
    pub(super) places: Vec<Place>,
    pub(super) more: bool,
}

impl Reconcile<'_> {
    /// The places at which two ranges differ that begin at the same one.
    pub(super) async fn differing(
        &mut self,
        at: &LaneAt,
        blocks: &Blocks,
        (ours, theirs): (Range, Range),
        line: &mut LaneCompared,
        told: Progress<'_>,
    ) -> Result<Found, Failed> {
        let common = Range { from: ours.from, to: ours.to.min(theirs.to) };
        let mut found = Found::default();
        let mut left = Vec::new();
        if !common.is_empty() {
            left = vec![common];
            if ours.to != theirs.to {
                self.round(line, told);
                left = self.unequal(at, blocks, left, &mut found).await?;
            }
        }
        while left.iter().any(|range| range.len() > 1) {
            self.round(line, told);
            let parts = left.into_iter().flat_map(parts).collect();
            left = self.unequal(at, blocks, parts, &mut found).await?;
            if left.len() > NAMED_MAX {
                left.truncate(NAMED_MAX);
                found.more = true;
            }
        }
        self.tail(at, common, (ours, theirs), &mut found).await?;
        Ok(found)
    }

    fn round(&self, line: &mut LaneCompared, told: Progress<'_>) {
        line.rounds += 1;
        told(line.lane, line.rounds);
    }

    /// Which of these ranges the other city holds otherwise; single places are found.
    async fn unequal(
        &mut self,
        at: &LaneAt,
        blocks: &Blocks,
        ranges: Vec<Range>,
        found: &mut Found,
    ) -> Result<Vec<Range>, Failed> {
        let mut left = Vec::new();
        for ranges in ranges.chunks(RANGES_MAX) {
            for (asked, stated) in ranges.iter().zip(self.ask(at, ranges).await?) {
                if stated.range != *asked {
                    return Err(Failed::Misstated);
                }
                let held = blocks.of(&mut self.conn, at, stated.range).await?;
                if held == stated.held {
                    continue;
                }
                if stated.range.len() > 1 {
                    left.push(stated.range);
                    continue;
                }
                let hash = |root: Hash| (root != NOT_HELD).then_some(root);
                let theirs = hash(stated.held.root).map(Theirs::Stated);
                let place = Place { seq: stated.range.from, ours: hash(held.root), theirs };
                found.places.push(place);
            }
        }
        Ok(left)
    }

    /// What only one of the two holds, because its lane is longer.
    async fn tail(
        &mut self,
        at: &LaneAt,
        common: Range,
        (ours, theirs): (Range, Range),
        found: &mut Found,
    ) -> Result<(), Failed> {
        let to = ours.to.max(theirs.to);
        let from = common.to.max(common.from - 1) + 1;
        let named = Range { from, to: to.min(common.to.saturating_add(NAMED_MAX as u64)) };
        found.more |= named.to < to;
        if theirs.to > ours.to {
            let beyond = |seq| Place { seq, ours: None, theirs: Some(Theirs::Beyond) };
            found.places.extend((named.from..=named.to).map(beyond));
            return Ok(());
        }
        if named.is_empty() {
            return Ok(());
        }
        let hashes = at.hashes(&mut self.conn, named).await?;
        let held = (named.from..).zip(hashes).filter(|(_, hash)| *hash != NOT_HELD);
        let only = held.map(|(seq, hash)| Place { seq, ours: Some(hash), theirs: None });
        found.places.extend(only);
        Ok(())
    }
}

/// Divides a range at multiples of a power of sixteen from its beginning.
fn parts(range: Range) -> Vec<Range> {
    let mut size = 1;
    while size * PARTS < range.len() {
        size *= PARTS;
    }
    let starts = (0..range.len().div_ceil(size)).map(|part| range.from + part * size);
    starts.map(|from| Range { from, to: range.to.min(from + size - 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_at_most_sixteen_and_leave_nothing_out() {
        for len in [2_u64, 15, 16, 17, 256, 257, 65_536, 65_537, 100_000] {
            let all = parts(Range { from: 257, to: 256 + len });
            assert!((2..=16).contains(&all.len()), "{len}: {}", all.len());
            assert!(all.iter().all(|part| part.is_cheap() && !part.is_empty()), "{len}");
            assert_eq!(all.iter().map(|part| part.len()).sum::<u64>(), len);
            assert!(all.windows(2).all(|pair| pair[0].to + 1 == pair[1].from));
        }
    }

    #[test]
    fn a_hundred_thousand_take_five_rounds() {
        let (mut range, mut rounds) = (Range { from: 1, to: 100_000 }, 0);
        while range.len() > 1 {
            range = parts(range)[0];
            rounds += 1;
        }
        assert_eq!(rounds, 5);
    }
}
