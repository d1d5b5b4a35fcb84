//! What compliance reads of its own city: counts, dates and digests. No section is opened here, and
//! nothing of it names a person.

use crate::batch::leaf_of;
use crate::directory::{Bond, Directory};
use crate::legs::Standing;
use crate::store::{Conn, Row, StoreError};
use crate::trouble::Denied;
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::tree::{Hash, leaf_hash};
use jieli_proto::wire::{self, Envelope, ItemStatus};
use prost::Message as _;
use std::sync::Arc;

pub(crate) mod access;
pub mod act;
mod deadline;
mod flow;
pub(crate) mod report;
pub(crate) mod sample;
pub(crate) mod statistics;

/// Messages read at once.
const PAGE: u32 = 500;
/// The longest period, in days: what an agreement can last.
const PERIOD_DAYS_MAX: i64 = 3 * 366;

/// A first and a last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Day,
    pub(crate) to: Day,
}

impl Period {
    /// The days `yyyymmdd` of a request.
    pub(crate) fn read(from: u32, to: u32) -> Result<Period, Denied> {
        let days = Day::from_number(from).zip(Day::from_number(to));
        let days = days.filter(|(from, to)| {
            from <= to && to.since_epoch() - from.since_epoch() < PERIOD_DAYS_MAX
        });
        days.map(|(from, to)| Period { from, to }).ok_or_else(|| {
            Denied::new(
                "BAD_PERIOD",
                "请写明起止日期，起始不晚于截止，最长三年。",
                "Name a first and a last day, in that order, at most three years apart.",
            )
        })
    }

    pub(crate) fn within(self, calendar: &Calendar) -> Within {
        let zone = calendar.zone_offset_min();
        Within {
            from_ms: self.from.start_unix_ms(zone),
            until_ms: self.to.plus(1).start_unix_ms(zone),
        }
    }

    pub(crate) fn holds(self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }
}

/// A period in instants, the second one excluded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
}

/// An agreement by its id in hex.
pub(crate) fn bond<'a>(directory: &'a Directory, text: &str) -> Result<&'a Arc<Bond>, Denied> {
    let found = AgreementId::from_hex(text.trim()).and_then(|id| directory.bonds.get(&id));
    found.ok_or_else(|| Denied::no_such(&format!("协议 {text}"), &format!("agreement {text}")))
}

/// A message as it was logged.
pub(crate) struct Logged {
    pub(crate) side: PartySide,
    pub(crate) env_digest: Digest,
    /// The hash of its leaf, the same in both cities.
    pub(crate) leaf: Hash,
    /// Its place in the own exchange log.
    pub(crate) log_index: u64,
    pub(crate) standing: Standing,
    /// Absent where it cannot be read.
    pub(crate) message: Option<wire::Message>,
    /// The day it belongs to.
    pub(crate) day: Day,
}

/// All messages of an agreement, page by page.
pub(crate) struct Walk<'a> {
    conn: &'a mut Conn,
    id: AgreementId,
    calendar: &'a Calendar,
    side: Option<PartySide>,
    last_seq: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(conn: &'a mut Conn, id: AgreementId, calendar: &'a Calendar) -> Walk<'a> {
        Walk { conn, id, calendar, side: Some(PartySide::A), last_seq: 0 }
    }

    /// The next messages, in the order of their lanes; empty at the end.
    pub(crate) async fn page(&mut self) -> Result<Vec<Logged>, StoreError> {
        while let Some(side) = self.side {
            let rows = self
                .conn
                .rows(
                    "SELECT e.lane_seq, e.env_digest, e.envelope, e.stored_ms, \
                     COALESCE(m.status, -1), COALESCE(m.code, 0), e.leaf_idx, \
                     COALESCE(i.item, $5) FROM envelope e \
                     LEFT JOIN message m ON m.agreement_id = e.agreement_id AND m.lane = e.lane \
                     AND m.lane_seq = e.lane_seq \
                     LEFT JOIN receipt_item i ON i.agreement_id = e.agreement_id \
                     AND i.lane = e.lane AND i.lane_seq = e.lane_seq \
                     WHERE e.agreement_id = $1 AND e.lane = $2 AND e.lane_seq > $3 \
                     ORDER BY e.lane_seq LIMIT $4",
                    vec![
                        self.id.to_vec().into(),
                        Lane::messages(side).number().into(),
                        self.last_seq.into(),
                        PAGE.into(),
                        Vec::<u8>::new().into(),
                    ],
                )
                .await?;
            let mut page = Vec::new();
            for row in &rows {
                let sealed = Envelope::decode(row.bytes(2)?.as_slice())
                    .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
                let message = envelope::payload::<wire::Message>(&sealed).ok();
                let header = message.as_ref().and_then(|message| message.header.as_ref());
                let at_ms = header.map_or(row.uint(3)?, |header| header.created_unix_ms);
                self.last_seq = row.uint(0)?;
                let leaf = leaf_of(self.id, Lane::messages(side), self.last_seq, &sealed)?;
                page.push(Logged {
                    side,
                    leaf: leaf_hash(&leaf),
                    log_index: row.uint(6)?,
                    env_digest: Digest(row.array(1)?),
                    standing: standing(row)?,
                    message,
                    day: self.calendar.day_of_unix_ms(at_ms),
                });
            }
            if rows.len() < PAGE as usize {
                self.side = (side == PartySide::A).then_some(PartySide::B);
                self.last_seq = 0;
            }
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }
}

/// How a message stands: in its leg; one that belongs to no leg (places, vacancies), or to none that
/// there is, as its receipt says.
fn standing(row: &Row) -> Result<Standing, StoreError> {
    let status = row.int(4)?;
    if status >= 0 {
        return Ok(Standing::from_numbers(status, row.int(5)?));
    }
    let item = row.bytes(7)?;
    if item.is_empty() {
        return Ok(Standing::Provisional);
    }
    let item = wire::Item::decode(item.as_slice());
    let item = item.map_err(|_| StoreError::Corrupt("receipt_item.item"))?;
    Ok(match item.status() {
        ItemStatus::Stored => Standing::Stored,
        ItemStatus::StoredWithheld => Standing::Withheld,
        ItemStatus::Refused | ItemStatus::Unspecified => Standing::Refused(item.code),
    })
}
