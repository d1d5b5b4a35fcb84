//! Whether both cities hold the same: signed statements about every lane of an agreement are
//! compared, and where they differ the lane is divided until the messages are named.
//!
//! A round divides every range that differs into sixteen, so that the rounds grow with the
//! logarithm of the lane; blocks of the own lane are read once, from the stored bytes.

mod classify;
mod compare;
mod keep;

use crate::command::Command;
use crate::directory::{Bond, Peer};
use crate::house::House;
use crate::lanes::{BLOCK, Blocks, LaneAt, Range, header_of};
use crate::statements::{lane_statement, open_lane};
use crate::store::{Conn, Store, StoreError};
use crate::writer::{Failure, Hand, Published};
use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::Lane;
use jieli_proto::wire::{self, Difference, Envelope, LaneCompared, LaneSide, ReconcileReport};
use prost::Message as _;
use std::sync::Arc;

pub use classify::Class;
pub use keep::Reconciled;

/// Differences that are named.
pub const NAMED_MAX: usize = 1000;

/// Times a peer may say that it is still reading.
const AGAIN_MAX: u32 = 10_000;

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// There is no such agreement here, or it is not yet live.
    #[error("no live agreement of that id")]
    Unknown,
    /// The other city did not answer.
    #[error("the other city did not answer: {0}")]
    Unreachable(String),
    /// It answered with something else than it was asked for, or unsigned.
    #[error("the other city's statement does not hold")]
    Misstated,
    /// The own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was found could not be kept.
    #[error(transparent)]
    Busy(#[from] Failure),
}

/// Told of every round: lane, round.
pub type Progress<'a> = &'a (dyn Fn(u32, u32) + Send + Sync);

/// Compares the lanes of an agreement and keeps what is found. The period is yyyymm, or 0 for
/// everything.
pub async fn reconcile(
    hand: &Hand,
    store: &Store,
    house: &House,
    (id, period): (AgreementId, u32),
    told: Progress<'_>,
) -> Result<ReconcileReport, Failed> {
    let work = Reconcile::new(store, house, hand.published(), id).await?;
    let found = work.run(period, told).await?;
    let report = found.report.clone();
    if report.lanes.is_empty() {
        // A month in which nobody said anything.
        return Ok(report);
    }
    hand.perform(Command::Reconciled(Box::new(found))).await?;
    Ok(report)
}

/// Compares all lanes of an agreement, or of one month of it.
struct Reconcile<'a> {
    house: &'a House,
    published: Arc<Published>,
    bond: Arc<Bond>,
    peer: Arc<Peer>,
    conn: Conn,
    requests: u32,
    forks: Vec<(Lane, u64, Envelope)>,
}

impl<'a> Reconcile<'a> {
    /// Prepares it.
    async fn new(
        store: &Store,
        house: &'a House,
        published: Arc<Published>,
        id: AgreementId,
    ) -> Result<Reconcile<'a>, Failed> {
        let directory = &published.directory;
        let bond = directory.bonds.get(&id).filter(|bond| bond.version() > 0).cloned();
        let bond = bond.ok_or(Failed::Unknown)?;
        let peer = directory.peers.get(&bond.peer).cloned().ok_or(Failed::Unknown)?;
        let (conn, forks) = (store.read().await?, Vec::new());
        Ok(Reconcile { house, published, bond, peer, conn, requests: 0, forks })
    }

    /// Does it. `period` is yyyymm, or 0 for everything.
    async fn run(mut self, period: u32, told: Progress<'_>) -> Result<Reconciled, Failed> {
        let mut report = ReconcileReport {
            agreement_id: self.bond.id.hex(),
            city_id: self.published.directory.city.as_str().to_owned(),
            peer: self.peer.city.as_str().to_owned(),
            period,
            made_unix_ms: self.house.world.clock.now_unix_ms(),
            ..ReconcileReport::default()
        };
        for lane in (0..6).filter_map(Lane::from_number) {
            self.lane(lane, &mut report, told).await?;
        }
        report.rounds = report.lanes.iter().map(|lane| lane.rounds).max().unwrap_or(0);
        report.requests = self.requests;
        let on_its_way = Class::InFlight.word();
        let differs = |found: &Difference| found.class != on_its_way;
        report.agree = !report.more && !report.differences.iter().any(differs);
        Ok(Reconciled { agreement: self.bond.id, report, forks: self.forks })
    }

    async fn lane(
        &mut self,
        lane: Lane,
        report: &mut ReconcileReport,
        told: Progress<'_>,
    ) -> Result<(), Failed> {
        let at = LaneAt { agreement: self.bond.id, lane, size: self.published.exchange.size };
        let last = at.last(&mut self.conn).await?;
        let Some(asked) = self.asked(&at, last, report.period).await? else { return Ok(()) };
        let before = self.requests;
        told(u32::from(lane.number()), 1);
        let ours = Range { from: asked.from, to: if asked.to == 0 { last } else { asked.to } };
        let (mut blocks, mut places_max) = (Blocks::default(), u64::MAX);
        // Both cities read their lane at the same time.
        let asking = [asked];
        let theirs = ask(self.house, &self.peer, &mut self.requests, &at, &asking);
        let read =
            async { Ok(blocks.read_on(&mut self.conn, &at, ours.to, &mut places_max).await?) };
        let (theirs, _) = tokio::try_join!(theirs, read)?;
        let [theirs] = theirs.try_into().map_err(|_| Failed::Misstated)?;
        let held = blocks.of(&mut self.conn, &at, ours).await?;
        let sealed = lane_statement(self.house, &self.published, &at, ours, held).await?;
        let mut line = LaneCompared {
            lane: u32::from(lane.number()),
            from: ours.from,
            to: ours.to.min(theirs.range.to),
            ours: Some(side(ours, held.count, held.root, sealed)),
            theirs: Some(side(
                theirs.range,
                theirs.held.count,
                theirs.held.root,
                theirs.sealed.clone(),
            )),
            rounds: 1,
            requests: 0,
        };
        let mut found = compare::Found::default();
        if (ours, held) != (theirs.range, theirs.held) {
            found = self.differing(&at, &blocks, (ours, theirs.range), &mut line, told).await?;
        }
        line.requests = self.requests - before;
        report.places += Range { from: line.from, to: line.to }.len();
        report.more |= found.more;
        report.lanes.push(line);
        let named = self.classify(&at, found.places).await?;
        report.differences.extend(named);
        Ok(())
    }

    /// The range to be compared first; `None` where the month has nothing in this lane. `to` 0:
    /// as far as the other city holds it. It begins with a block, so a month may begin with a few
    /// messages of the month before.
    async fn asked(
        &mut self,
        at: &LaneAt,
        last: u64,
        period: u32,
    ) -> Result<Option<Range>, Failed> {
        if period == 0 {
            return Ok(Some(Range { from: 1, to: 0 }));
        }
        let (begin_ms, end_ms) = self.month(period).ok_or(Failed::Unknown)?;
        let first = self.first_from(at, last, begin_ms).await?;
        let end = self.first_from(at, last, end_ms).await?;
        let from = (first - 1) / BLOCK * BLOCK + 1;
        Ok((end > first).then_some(Range { from, to: end - 1 }))
    }

    /// Begin of a month and of the next one, Unix milliseconds by the city's calendar.
    fn month(&self, period: u32) -> Option<(u64, u64)> {
        let next = if period % 100 == 12 { (period / 100 + 1) * 100 + 1 } else { period + 1 };
        let calendar = &self.house.calendar();
        let begin = |month: u32| {
            let day = Day::from_number(month * 100 + 1)?;
            Some(day.start_unix_ms(calendar.zone_offset_min()))
        };
        begin(period).zip(begin(next))
    }

    /// The first place whose author's clock said this or later, or the one after the last: the
    /// clock never goes back within a lane.
    async fn first_from(&mut self, at: &LaneAt, last: u64, ms: u64) -> Result<u64, Failed> {
        let (mut low, mut high) = (1, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.created_ms(at, middle, high).await? {
                Some((_, created_ms)) if created_ms >= ms => high = middle,
                Some((seq, _)) => low = seq + 1,
                // Nothing readable from here on.
                None => high = middle,
            }
        }
        Ok(low)
    }

    /// What the first readable payload from a place on says of its time, before another place.
    async fn created_ms(
        &mut self,
        at: &LaneAt,
        from: u64,
        end: u64,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let sql = "SELECT lane_seq, envelope FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                   AND lane_seq >= $3 AND lane_seq < $4 ORDER BY lane_seq LIMIT 16";
        let mut from = from;
        loop {
            let id = at.agreement.to_vec().into();
            let vals = vec![id, at.lane.number().into(), from.into(), end.into()];
            let rows = self.conn.rows(sql, vals).await?;
            let Some(next) = rows.last() else { return Ok(None) };
            from = next.uint(0)? + 1;
            for row in rows {
                let sealed = Envelope::decode(row.bytes(1)?.as_slice()).ok();
                if let Some(header) = sealed.and_then(|sealed| header_of(at.lane, &sealed)) {
                    return Ok(Some((row.uint(0)?, header.created_unix_ms)));
                }
            }
        }
    }

    async fn ask(&mut self, at: &LaneAt, ranges: &[Range]) -> Result<Vec<Stated>, Failed> {
        ask(self.house, &self.peer, &mut self.requests, at, ranges).await
    }
}

/// Asks the other city about ranges, at most [`crate::statements::RANGES_MAX`]; counts the requests.
async fn ask(
    house: &House,
    peer: &Peer,
    requests: &mut u32,
    at: &LaneAt,
    ranges: &[Range],
) -> Result<Vec<Stated>, Failed> {
    let asked = ranges.iter().map(|range| wire::LaneRange {
        lane: u32::from(at.lane.number()),
        from: range.from,
        to: range.to,
    });
    let ask = wire::StateRequest {
        agreement_id: at.agreement.to_vec(),
        ranges: asked.collect(),
        leg_id: Vec::new(),
    };
    for _ in 0..AGAIN_MAX {
        *requests += 1;
        let reply = house.world.post.state(&peer.city, ask.clone()).await;
        let reply = reply.map_err(|error| Failed::Unreachable(error.to_string()))?;
        if reply.again {
            continue;
        }
        if reply.statements.len() != ranges.len() {
            return Err(Failed::Misstated);
        }
        let both = ranges.iter().zip(reply.statements);
        let opened = both.map(|(range, sealed)| {
            let (range, held) = open_lane(peer, at, *range, &sealed)?;
            Some(Stated { range, held, sealed })
        });
        return opened.collect::<Option<_>>().ok_or(Failed::Misstated);
    }
    Err(Failed::Unreachable("it reads without an end".to_owned()))
}

/// What the other city says it holds.
struct Stated {
    range: Range,
    held: crate::lanes::Held,
    sealed: Envelope,
}

fn side(range: Range, count: u64, root: [u8; 32], sealed: Envelope) -> LaneSide {
    LaneSide { to: range.to, count, root: hex::encode(root), statement: Some(sealed) }
}

impl std::fmt::Debug for Reconcile<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reconcile({:?})", self.bond.id)
    }
}
