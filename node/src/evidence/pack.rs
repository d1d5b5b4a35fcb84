//! The pack of an agreement and period: bundle by bundle, so that memory does not grow with it.

use super::{Export, PRODUCT, Part, decode, no_peer_proof};
use crate::audit::Period;
use crate::directory::Bond;
use crate::house::House;
use crate::legs::{LegFile, Standing};
use crate::store::{self, Conn, Row, Store, StoreError};
use crate::trouble::{Denied, Outcome};
use crate::writer::Published;
use jieli_proto::bundle::pack::{About, BUNDLE_MESSAGES, PackWriter};
use jieli_proto::bundle::{BuildError, Bundle};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, LegId};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::wire;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// Messages looked at with one statement.
const PAGE: u32 = 500;

/// The bytes of one part on their way to the reader.
const PART_BYTES: usize = 256 * 1024;

/// Writes the pack of an agreement and period into a channel. The reader that goes away ends it.
pub(crate) async fn pack(
    store: &Store,
    house: &House,
    published: &Published,
    (bond, period): (&Arc<Bond>, Period),
    out: &Sender<Vec<u8>>,
) -> Outcome<()> {
    let mut conn = store.read().await?;
    let lanes = in_period(&mut conn, house, published, bond.id, period).await?;
    if lanes.is_empty() {
        return Err(nothing_in_it().into());
    }
    let peer = published.directory.peers.get(&bond.peer).cloned().ok_or_else(no_peer_proof)?;
    let mut export = Export::new(&mut conn, house, published, (Arc::clone(bond), peer));
    export.trust().await?;
    export.acts().await?;
    export.own_proofs().await?;
    let about = About {
        agreement: bond.id,
        from: period.from.number(),
        to: period.to.number(),
        product: PRODUCT.to_owned(),
    };
    let (writer, bytes) = PackWriter::new(about, &export.take()).map_err(unfit)?;
    send(out, &bytes).await?;
    let mut packing = Packing { export, writer, out };
    let mut members = Members::new(bond.id, lanes);
    while let Some(member) = members.next(packing.export.conn).await? {
        match member {
            Member::Leg(leg) => packing.leg(leg).await?,
            Member::Loose(lane, seq) => packing.loose(lane, seq).await?,
        }
    }
    packing.flush().await?;
    let bytes = packing.writer.finish().map_err(unfit)?;
    send(out, &bytes).await
}

/// First and last message of each lane whose author dates it in the period, that has been answered
/// and that our signed head covers. What stands between them belongs to the period whatever it says.
async fn in_period(
    conn: &mut Conn,
    house: &House,
    published: &Published,
    id: AgreementId,
    period: Period,
) -> Result<BTreeMap<u8, RangeInclusive<u64>>, StoreError> {
    let mut found: BTreeMap<u8, RangeInclusive<u64>> = BTreeMap::new();
    for lane in [PartySide::A, PartySide::B].map(|side| Lane::messages(side).number()) {
        let mut after = 0_u64;
        loop {
            let rows = conn
                .rows(
                    "SELECT e.lane_seq, e.envelope, r.item, e.leaf_epoch, e.leaf_idx FROM envelope e \
                     JOIN receipt_item r ON r.agreement_id = e.agreement_id AND r.lane = e.lane \
                     AND r.lane_seq = e.lane_seq \
                     WHERE e.agreement_id = $1 AND e.lane = $2 AND e.lane_seq > $3 \
                     ORDER BY e.lane_seq LIMIT $4",
                    vec![id.to_vec().into(), lane.into(), after.into(), PAGE.into()],
                )
                .await?;
            let Some(last) = rows.last() else { break };
            after = last.uint(0)?;
            for row in &rows {
                let is_covered = published.covers(row.int(3)? as u32, row.uint(4)?);
                let is_in = stored_on(house, row)?.is_some_and(|day| period.holds(day));
                if is_covered && is_in {
                    let seq = row.uint(0)?;
                    let range = found.entry(lane).or_insert(seq..=seq);
                    *range = *range.start()..=seq;
                }
            }
        }
    }
    Ok(found)
}

/// The day of a message that was stored; a refused one may bear any date.
fn stored_on(house: &House, row: &Row) -> Result<Option<Day>, StoreError> {
    let item = wire::Item::decode(row.bytes(2)?.as_slice());
    let item = item.map_err(|_| StoreError::Corrupt("receipt_item.item"))?;
    if item.status() == wire::ItemStatus::Refused {
        return Ok(None);
    }
    let message = envelope::payload::<wire::Message>(&decode(&row.bytes(1)?)?).ok();
    let header = message.and_then(|message| message.header);
    Ok(header.map(|header| house.calendar().day_of_unix_ms(header.created_unix_ms)))
}

/// What goes into the bundles.
enum Member {
    /// A leg, whole.
    Leg(LegId),
    /// A message of no leg, or one that has no place in its leg.
    Loose(Lane, u64),
}

/// The members in the order of the lanes, each leg once.
struct Members {
    id: AgreementId,
    lanes: BTreeMap<u8, RangeInclusive<u64>>,
    side: Option<PartySide>,
    after: u64,
    legs: BTreeSet<LegId>,
    page: VecDeque<Member>,
}

impl Members {
    fn new(id: AgreementId, lanes: BTreeMap<u8, RangeInclusive<u64>>) -> Members {
        let (legs, page) = (BTreeSet::new(), VecDeque::new());
        Members { id, lanes, side: Some(PartySide::A), after: 0, legs, page }
    }

    async fn next(&mut self, conn: &mut Conn) -> Result<Option<Member>, StoreError> {
        while self.page.is_empty() {
            let Some(side) = self.side else { return Ok(None) };
            if !self.turn(conn, side).await? {
                self.side = (side == PartySide::A).then_some(PartySide::B);
                self.after = 0;
            }
        }
        Ok(self.page.pop_front())
    }

    /// Reads on in a lane; `false` at its end.
    async fn turn(&mut self, conn: &mut Conn, side: PartySide) -> Result<bool, StoreError> {
        let lane = Lane::messages(side);
        let Some(range) = self.lanes.get(&lane.number()).cloned() else { return Ok(false) };
        let rows = conn
            .rows(
                "SELECT e.lane_seq, COALESCE(m.leg_seq, 0), COALESCE(l.leg_id, e.env_digest) \
                 FROM envelope e \
                 LEFT JOIN message m ON m.agreement_id = e.agreement_id AND m.lane = e.lane \
                 AND m.lane_seq = e.lane_seq \
                 LEFT JOIN leg l ON l.leg_id = m.leg_id AND l.agreement_id = e.agreement_id \
                 WHERE e.agreement_id = $1 AND e.lane = $2 AND e.lane_seq > $3 \
                 AND e.lane_seq >= $4 AND e.lane_seq <= $5 ORDER BY e.lane_seq LIMIT $6",
                vec![
                    self.id.to_vec().into(),
                    lane.number().into(),
                    self.after.into(),
                    (*range.start()).into(),
                    (*range.end()).into(),
                    PAGE.into(),
                ],
            )
            .await?;
        for row in &rows {
            self.after = row.uint(0)?;
            let takes_place = row.int(1)? > 0;
            match LegId::from_slice(&row.bytes(2)?).filter(|_| takes_place) {
                Some(leg) if self.legs.insert(leg) => self.page.push_back(Member::Leg(leg)),
                Some(_) => {}
                None => self.page.push_back(Member::Loose(lane, self.after)),
            }
        }
        Ok(!rows.is_empty())
    }
}

/// A pack under way.
struct Packing<'a> {
    export: Export<'a>,
    writer: PackWriter,
    out: &'a Sender<Vec<u8>>,
}

impl Packing<'_> {
    /// A leg as far as it has been answered and our signed head goes. Where something of ours is left
    /// out, we do not state that what is here is our last word.
    async fn leg(&mut self, leg: LegId) -> Outcome<()> {
        let shelf = self.export.house.shelf();
        let file = store::legs::load(self.export.conn, leg, &shelf).await?;
        let mut file = file.ok_or(StoreError::Corrupt("leg"))?;
        let all = file.entries.len();
        file.entries.retain(|entry| entry.standing != Standing::Provisional);
        let covered = self.covered(&file).await?;
        file.entries.truncate(covered);
        self.export.leg(&file, &Part::Bare).await?;
        if file.entries.len() == all {
            self.export.statement(&file).await?;
        }
        self.flush_full().await
    }

    /// How many of a leg's messages stood in our log when the pack was begun: its entries are in the
    /// order of the log.
    async fn covered(&mut self, file: &LegFile) -> Result<usize, StoreError> {
        let sql = "SELECT e.leaf_epoch, e.leaf_idx FROM message m JOIN envelope e \
                   ON e.agreement_id = m.agreement_id AND e.lane = m.lane \
                   AND e.lane_seq = m.lane_seq WHERE m.env_digest = $1";
        for (at, entry) in file.entries.iter().enumerate().rev() {
            let digest = entry.env_digest.to_vec();
            let row = self.export.conn.one(sql, vec![digest.into()]).await?;
            if self.export.published.covers(row.int(0)? as u32, row.uint(1)?) {
                return Ok(at + 1);
            }
        }
        Ok(0)
    }

    async fn loose(&mut self, lane: Lane, seq: u64) -> Outcome<()> {
        let id = self.export.bond.id.to_vec();
        let row = self
            .export
            .conn
            .one(
                "SELECT envelope, leaf_idx, leaf_epoch FROM envelope \
                 WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3",
                vec![id.into(), lane.number().into(), seq.into()],
            )
            .await?;
        let sealed = decode(&row.bytes(0)?)?;
        let leaf = (row.uint(2)? as u32, row.uint(1)?);
        if self.export.published.covers(leaf.0, leaf.1) {
            self.export.record(sealed, lane, seq, leaf).await?;
        }
        self.flush_full().await
    }

    async fn flush_full(&mut self) -> Outcome<()> {
        let kinds = self.export.bundle.envelopes.iter().map(envelope::kind);
        let messages = kinds.filter(|kind| *kind == Some(Kind::Message)).count();
        if messages >= BUNDLE_MESSAGES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Outcome<()> {
        if self.export.bundle.envelopes.is_empty() {
            return Ok(());
        }
        self.export.own_proofs().await?;
        let bytes = self.writer.bundle(&self.export.take()).map_err(unfit)?;
        send(self.out, &bytes).await
    }
}

impl Export<'_> {
    /// What was gathered so far; begins anew.
    fn take(&mut self) -> Bundle {
        self.own.clear();
        self.notes.clear();
        self.linked.clear();
        std::mem::take(&mut self.bundle)
    }
}

async fn send(out: &Sender<Vec<u8>>, bytes: &[u8]) -> Outcome<()> {
    for part in bytes.chunks(PART_BYTES) {
        let sent = out.send(part.to_vec()).await;
        sent.map_err(|_| Denied::new("GONE", "对方已离开。", "The reader has gone."))?;
    }
    Ok(())
}

fn unfit(error: BuildError) -> Denied {
    let zh = "审计包无法写出，请缩短期间后再试。";
    Denied::new("NOT_COMPLETE", zh, format!("The pack cannot be written: {error}"))
}

fn nothing_in_it() -> Denied {
    Denied::new(
        "NOTHING_SENT",
        "该期间没有已存证的消息。",
        "No message of this period has been stored by both cities.",
    )
}
