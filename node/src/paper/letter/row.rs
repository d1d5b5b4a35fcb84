//! A letter in the store.

use crate::store::{self, StoreError};
use jieli_proto::id::LegId;
use jieli_proto::wire;

/// What a code of the tear-off slip is bound to besides its letter.
pub(super) const ACCEPT: &str = "accept";
pub(super) const DECLINE: &str = "decline";

/// `paper_letter.answer`
pub(super) const ACCEPTED: i64 = 1;
pub(super) const DECLINED: i64 = 2;
/// `paper_letter.how`
pub(super) const BY_CODE: i64 = 1;
pub(super) const BY_STAMP: i64 = 2;

/// A letter as stored.
pub(super) struct Row {
    pub(super) letter: Vec<u8>,
    pub(super) question: Vec<u8>,
    pub(super) to_office: String,
    pub(super) consent: Vec<u8>,
    pub(super) consented_ms: u64,
    pub(super) envelope: Vec<u8>,
    pub(super) accept_hmac: Vec<u8>,
    pub(super) decline_hmac: Vec<u8>,
    pub(super) tries: i64,
    pub(super) written_ms: u64,
    pub(super) answer: i64,
    pub(super) how: i64,
    pub(super) answered_ms: u64,
    pub(super) stopped_ms: u64,
}

/// A leg's letter, read through any connection.
pub(crate) async fn letter_state(
    conn: &mut store::Conn,
    leg: LegId,
    calendar: &jieli_proto::calendar::Calendar,
) -> Result<Option<wire::LetterState>, StoreError> {
    // A question that got no yes, or no answer, is not told from any other (V23).
    let Some(row) = row_of(conn, leg).await?.filter(|row| row.written_ms > 0) else {
        return Ok(None);
    };
    let day = |ms: u64| if ms == 0 { 0 } else { calendar.day_of_unix_ms(ms).number() };
    Ok(Some(wire::LetterState {
        to_office: row.to_office,
        written_on: day(row.written_ms),
        answer: match row.answer {
            ACCEPTED => "accepted".to_owned(),
            DECLINED => "declined".to_owned(),
            _ => String::new(),
        },
        how: match row.how {
            BY_CODE => "code".to_owned(),
            BY_STAMP => "stamped".to_owned(),
            _ => String::new(),
        },
        answered_on: day(row.answered_ms),
        stopped: row.stopped_ms > 0,
    }))
}

pub(super) async fn row_of(conn: &mut store::Conn, leg: LegId) -> Result<Option<Row>, StoreError> {
    let row = conn
        .maybe(
            "SELECT letter_id, question_id, to_office, consent_digest, consented_ms, envelope, \
             accept_hmac, decline_hmac, tries, written_ms, answer, how, answered_ms, stopped_ms \
             FROM paper_letter WHERE leg_id = $1",
            vec![leg.to_vec().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Row {
        letter: row.bytes(0)?,
        question: row.bytes(1)?,
        to_office: row.text(2)?,
        consent: row.bytes(3)?,
        consented_ms: row.uint(4)?,
        envelope: row.bytes(5)?,
        accept_hmac: row.bytes(6)?,
        decline_hmac: row.bytes(7)?,
        tries: row.int(8)?,
        written_ms: row.uint(9)?,
        answer: row.int(10)?,
        how: row.int(11)?,
        answered_ms: row.uint(12)?,
        stopped_ms: row.uint(13)?,
    }))
}
