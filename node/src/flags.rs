//! V17: what makes an agreement worth a look. Both cities count what each of them holds, at night;
//! what was reached is raised by a signed act and answered by the other city's reviewer. Unanswered
//! after its date it stops what is new, by itself, and goes on when it is answered.
//!
//! Nothing here is about a person: a flag is a kind, a month and a date. A "no" in the private ballot
//! is counted at the receiving city alone, and travels in no way (V3).

pub(crate) mod count;
mod night;
mod said;
pub(crate) mod shown;

use crate::store::{Conn, Row, StoreError};
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::PartySide;
use jieli_proto::wire::{RiskFlagAnswer, RiskFlagKind};
use std::collections::BTreeMap;

pub use count::Measured;
pub(crate) use night::measure;

/// Working days in which the other city's reviewer answers.
const ANSWER_WORKING_DAYS: u32 = 10;

/// A flag that travelled, as stored.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The agreement it is about.
    pub agreement: AgreementId,
    /// Who raised it; the other side answers.
    pub side: PartySide,
    /// What was seen.
    pub kind: RiskFlagKind,
    /// In which month, yyyymm.
    pub month: u32,
    /// The act.
    pub digest: Digest,
    /// As the act says, Unix milliseconds.
    pub raised_ms: u64,
    /// Unanswered after this date, it stops what is new.
    pub answer_by: Day,
    /// Given by now, or on its way.
    pub answer: RiskFlagAnswer,
    /// When both cities held the answer, Unix milliseconds; 0 before.
    pub answered_ms: u64,
    /// The other city did not take it.
    pub refused: bool,
}

impl Flag {
    /// Whether it waits for an answer that both cities hold.
    pub fn is_open(&self) -> bool {
        self.answered_ms == 0 && !self.refused
    }

    /// Whether it stops what is new of our own on that day.
    pub fn suspends(&self, on: Day) -> bool {
        self.is_open() && self.answer_by < on
    }

    /// Whether it stops what the other city has dated on that day. An answer of our own that is on
    /// its way may be there already: that city goes on before we hear of it.
    pub fn suspends_theirs(&self, on: Day) -> bool {
        self.suspends(on) && self.answer == RiskFlagAnswer::Unspecified
    }
}

const COLUMNS: &str = "agreement_id, side, kind, month, flag_digest, raised_ms, answer_by, answer, \
                       answered_ms, refused";

fn read(row: &Row) -> Result<Flag, StoreError> {
    let corrupt = || StoreError::Corrupt("risk_flag");
    let number = |at| Ok::<i32, StoreError>(row.int(at)? as i32);
    Ok(Flag {
        agreement: AgreementId(row.array(0)?),
        side: if row.int(1)? == 0 { PartySide::A } else { PartySide::B },
        kind: RiskFlagKind::try_from(number(2)?).map_err(|_| corrupt())?,
        month: row.int(3)? as u32,
        digest: Digest(row.array(4)?),
        raised_ms: row.uint(5)?,
        answer_by: Day::from_number(row.int(6)? as u32).ok_or_else(corrupt)?,
        answer: RiskFlagAnswer::try_from(number(7)?).map_err(|_| corrupt())?,
        answered_ms: row.uint(8)?,
        refused: row.flag(9)?,
    })
}

/// All that were ever raised, oldest first.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Flag>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM risk_flag ORDER BY raised_ms, flag_digest");
    conn.rows(sqlx::AssertSqlSafe(sql), Vec::new()).await?.iter().map(read).collect()
}

/// Those that wait for an answer, by agreement.
pub(crate) async fn open(conn: &mut Conn) -> Result<BTreeMap<AgreementId, Vec<Flag>>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM risk_flag WHERE answered_ms = 0 AND refused = 0 \
         ORDER BY raised_ms, flag_digest"
    );
    let mut found: BTreeMap<AgreementId, Vec<Flag>> = BTreeMap::new();
    for row in conn.rows(sqlx::AssertSqlSafe(sql), Vec::new()).await? {
        let flag = read(&row)?;
        found.entry(flag.agreement).or_default().push(flag);
    }
    Ok(found)
}

/// One by its act.
pub(crate) async fn by_digest(conn: &mut Conn, digest: &[u8]) -> Result<Option<Flag>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM risk_flag WHERE flag_digest = $1");
    let row = conn.maybe(sqlx::AssertSqlSafe(sql), vec![digest.into()]).await?;
    row.as_ref().map(read).transpose()
}
