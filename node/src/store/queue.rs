//! What waits: letters for peers, timers, and how contact with peers goes. Nothing here moves a head.

use super::conn::{Conn, Row, Val, places};
use super::error::StoreError;
use crate::plant;
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::Lane;
use std::collections::BTreeMap;

/// The first wait after a failed attempt, in milliseconds; each further one is twice as long.
pub const BACKOFF_MS_MIN: u64 = 10_000;

/// The longest wait before its jitter, in milliseconds.
pub const BACKOFF_MS_MAX: u64 = 3_600_000;

/// Attempts are at least that far apart, however often a peer makes contact, in milliseconds.
pub const SPACING_MS: u64 = 1_000;

/// Rows named in one statement.
const KEYS_AT_ONCE: usize = 256;

/// A letter's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The lane.
    pub lane: Lane,
    /// Its sequence number in the lane, from 1.
    pub lane_seq: u64,
}

/// A letter that waits for its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Where it stands.
    pub place: Place,
    /// Whom it goes to.
    pub peer: CityId,
    /// When it is to be tried next, in Unix milliseconds.
    pub due_ms: u64,
    /// How often it was put off since the last contact.
    pub attempts: u64,
    /// Since when it waits, in Unix milliseconds.
    pub since_ms: u64,
    /// Why it was put off last; empty if it was not.
    pub problem: String,
}

/// How much waits for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The peer.
    pub peer: CityId,
    /// Number of letters.
    pub letters: u64,
    /// Since when the oldest waits, in Unix milliseconds.
    pub oldest_ms: u64,
}

/// Puts letters into the outbox, due at once.
pub async fn insert(
    conn: &mut Conn,
    letters: &[(Place, CityId)],
    now_ms: u64,
) -> Result<(), StoreError> {
    let columns = [
        "agreement_id",
        "lane",
        "lane_seq",
        "peer",
        "due_ms",
        "attempts",
        "tried_ms",
        "since_ms",
        "problem",
    ];
    let rows = letters.iter().map(|(place, peer)| {
        let mut row = lane_vals(place).to_vec();
        row.extend([place.lane_seq.into(), peer.as_str().into(), now_ms.into(), 0u8.into()]);
        row.extend([0u8.into(), now_ms.into(), "".into()]);
        row
    });
    conn.insert_many("outbox", &columns, rows.collect()).await
}

/// The first waiting letter of every lane. A lane goes when its first letter is due: whom to call
/// now, and when to wake, both follow from these.
pub async fn heads(conn: &mut Conn) -> Result<Vec<Waiting>, StoreError> {
    // One seek a lane, however many letters wait behind its first.
    let sql = "SELECT agreement_id, lane, lane_seq, peer, due_ms, attempts, since_ms, problem \
               FROM outbox WHERE (agreement_id, lane) > ($1, $2) \
               ORDER BY agreement_id, lane, lane_seq LIMIT 1";
    let mut heads: Vec<Waiting> = Vec::new();
    let mut after = [Val::Bytes(Vec::new()), Val::Int(-1)];
    while let Some(row) = conn.maybe(sql, after.to_vec()).await? {
        let head = read(&row)?;
        after = lane_vals(&head.place);
        heads.push(head);
    }
    Ok(heads)
}

/// The letters to send to a peer now: of each of its lanes whose first letter is due, the first
/// ones that are, at most `limit`, in the order of the lane.
pub async fn due(
    conn: &mut Conn,
    peer: &CityId,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<Waiting>, StoreError> {
    let sql = "SELECT agreement_id, lane FROM outbox \
               WHERE peer = $1 AND (agreement_id, lane) > ($2, $3) \
               ORDER BY agreement_id, lane LIMIT 1";
    let letters_sql = "SELECT agreement_id, lane, lane_seq, peer, due_ms, attempts, since_ms, \
                       problem FROM outbox \
                       WHERE peer = $1 AND agreement_id = $2 AND lane = $3 \
                       ORDER BY lane_seq LIMIT $4";
    let mut due = Vec::new();
    let mut after = [Val::Bytes(Vec::new()), Val::Int(-1)];
    loop {
        let vals = [vec![peer.as_str().into()], after.to_vec()].concat();
        let Some(row) = conn.maybe(sql, vals).await? else { return Ok(due) };
        after = [row.bytes(0)?.into(), row.int(1)?.into()];
        let vals = [vec![peer.as_str().into()], after.to_vec(), vec![limit.into()]].concat();
        for row in conn.rows(letters_sql, vals).await? {
            let letter = read(&row)?;
            if letter.due_ms > now_ms {
                break;
            }
            due.push(letter);
        }
    }
}

/// Puts a letter off. The first of a lane holds back all behind it, so after a broken line only
/// that one need be. Returns when it is due again; `None` if it changed meanwhile (it was
/// receipted, or the peer made contact).
pub async fn put_off(
    conn: &mut Conn,
    letter: &Waiting,
    now_ms: u64,
    random: u64,
    problem: &str,
) -> Result<Option<u64>, StoreError> {
    if plant::is(plant::Fault::DropRetry) {
        done(conn, &[letter.place]).await?;
    }
    let due_ms = now_ms.saturating_add(backoff_ms(letter.attempts, random));
    let sql = "UPDATE outbox SET due_ms = $1, attempts = attempts + 1, tried_ms = $2, \
               problem = $3 \
               WHERE agreement_id = $4 AND lane = $5 AND lane_seq = $6 AND attempts = $7";
    let mut vals = vec![due_ms.into(), now_ms.into(), problem.into()];
    vals.extend(lane_vals(&letter.place));
    vals.extend([letter.place.lane_seq.into(), letter.attempts.into()]);
    Ok((conn.run(sql, vals).await? > 0).then_some(due_ms))
}

/// A peer made contact: what was put off is due now, or as soon as [`SPACING_MS`] have passed since
/// its last attempt. Returns how many letters.
pub async fn hurry(conn: &mut Conn, peer: &CityId, now_ms: u64) -> Result<u64, StoreError> {
    let sql = "UPDATE outbox SET attempts = 0, \
               due_ms = CASE WHEN tried_ms + $1 > $2 THEN tried_ms + $1 ELSE $2 END \
               WHERE peer = $3 AND attempts > 0";
    conn.run(sql, vec![SPACING_MS.into(), now_ms.into(), peer.as_str().into()]).await
}

/// Takes letters out of the outbox: they were receipted or noted. Returns how many were there.
pub async fn done(conn: &mut Conn, places_done: &[Place]) -> Result<u64, StoreError> {
    let mut by_lane: BTreeMap<(AgreementId, Lane), Vec<Place>> = BTreeMap::new();
    for place in places_done {
        by_lane.entry((place.agreement_id, place.lane)).or_default().push(*place);
    }
    let mut count = 0;
    for of_lane in by_lane.values() {
        for some in of_lane.chunks(KEYS_AT_ONCE) {
            let sql = format!(
                "DELETE FROM outbox WHERE agreement_id = $1 AND lane = $2 AND lane_seq IN ({})",
                places(3, some.len())
            );
            let mut vals = lane_vals(&some[0]).to_vec();
            vals.extend(some.iter().map(|place| Val::from(place.lane_seq)));
            count += conn.run_many(sql, vals).await?;
        }
    }
    Ok(count)
}

/// How much waits for each peer, in the order of their ids.
pub async fn backlogs(conn: &mut Conn) -> Result<Vec<Backlog>, StoreError> {
    let sql = "SELECT peer, CAST(COUNT(*) AS BIGINT), CAST(MIN(since_ms) AS BIGINT) \
               FROM outbox GROUP BY peer";
    let rows = conn.rows(sql, vec![]).await?;
    let backlog = |row: &Row| {
        Ok(Backlog { peer: city(row, 0)?, letters: row.uint(1)?, oldest_ms: row.uint(2)? })
    };
    let mut all = rows.iter().map(backlog).collect::<Result<Vec<Backlog>, StoreError>>()?;
    // Here and not in the query: collations differ.
    all.sort_by(|a, b| a.peer.cmp(&b.peer));
    Ok(all)
}

/// How many letters wait in each lane.
pub async fn lane_counts(
    conn: &mut Conn,
) -> Result<BTreeMap<(AgreementId, Lane), u64>, StoreError> {
    let sql = "SELECT agreement_id, lane, CAST(COUNT(*) AS BIGINT) FROM outbox \
               GROUP BY agreement_id, lane";
    let rows = conn.rows(sql, vec![]).await?;
    let count = |row: &Row| Ok((lane_of(row)?, row.uint(2)?));
    rows.iter().map(count).collect()
}

/// Messages to a city that an operator holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueHold {
    /// Why: a code.
    pub reason: String,
    /// Token of who holds them.
    pub token: String,
    /// Since when, in Unix milliseconds.
    pub since_ms: u64,
    /// Until when at most, in Unix milliseconds.
    pub until_ms: u64,
}

/// Holds messages to a city back, in the place of an earlier hold.
pub async fn hold(conn: &mut Conn, peer: &CityId, hold: &QueueHold) -> Result<(), StoreError> {
    let sql = "INSERT INTO queue_hold (city_id, reason, token, since_ms, until_ms) \
               VALUES ($1,$2,$3,$4,$5) ON CONFLICT (city_id) DO UPDATE SET \
               reason = excluded.reason, token = excluded.token, since_ms = excluded.since_ms, \
               until_ms = excluded.until_ms";
    let vals = vec![
        peer.as_str().into(),
        hold.reason.as_str().into(),
        hold.token.as_str().into(),
        hold.since_ms.into(),
        hold.until_ms.into(),
    ];
    conn.run(sql, vals).await.map(drop)
}

/// Whether a message waits for a city, whatever it is about.
pub async fn messages_wait(conn: &mut Conn, peer: &CityId) -> Result<bool, StoreError> {
    let sql = "SELECT lane FROM outbox WHERE peer = $1 AND lane < 2 LIMIT 1";
    Ok(conn.maybe(sql, vec![peer.as_str().into()]).await?.is_some())
}

/// Ends a hold; whether there was one.
pub async fn release(conn: &mut Conn, peer: &CityId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM queue_hold WHERE city_id = $1";
    Ok(conn.run(sql, vec![peer.as_str().into()]).await? > 0)
}

/// The hold on a city's messages that has not ended.
pub async fn held(
    conn: &mut Conn,
    peer: &CityId,
    now_ms: u64,
) -> Result<Option<QueueHold>, StoreError> {
    let sql = "SELECT reason, token, since_ms, until_ms FROM queue_hold \
               WHERE city_id = $1 AND until_ms > $2";
    let row = conn.maybe(sql, vec![peer.as_str().into(), now_ms.into()]).await?;
    let read = |row: Row| {
        let (reason, token) = (row.text(0)?, row.text(1)?);
        Ok(QueueHold { reason, token, since_ms: row.uint(2)?, until_ms: row.uint(3)? })
    };
    row.map(read).transpose()
}

/// The wait after so many attempts: 10 s, 20 s, 40 s, .. up to an hour, give or take a fifth.
pub fn backoff_ms(attempts: u64, random: u64) -> u64 {
    let doublings = attempts.min(16);
    let middle = (BACKOFF_MS_MIN << doublings).min(BACKOFF_MS_MAX);
    middle - middle / 5 + random % (2 * middle / 5 + 1)
}

/// Something the node has to do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its id.
    pub timer_id: [u8; 16],
    /// When, in Unix milliseconds.
    pub due_ms: u64,
    /// What.
    pub kind: String,
    /// With what: an id.
    pub subject: Vec<u8>,
}

/// Sets timers.
pub async fn set_timers(conn: &mut Conn, timers: Vec<Timer>) -> Result<(), StoreError> {
    let rows = timers.into_iter().map(|timer| {
        vec![timer.timer_id.into(), timer.due_ms.into(), timer.kind.into(), timer.subject.into()]
    });
    conn.insert_many("timer", &["timer_id", "due_ms", "kind", "subject"], rows.collect()).await
}

/// The timers that have gone off, oldest first, at most `limit`.
pub async fn timers_due(
    conn: &mut Conn,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<Timer>, StoreError> {
    let sql = "SELECT timer_id, due_ms, kind, subject FROM timer WHERE due_ms <= $1 \
               ORDER BY due_ms, timer_id LIMIT $2";
    let rows = conn.rows(sql, vec![now_ms.into(), limit.into()]).await?;
    let timer = |row: &Row| {
        let (timer_id, due_ms) = (row.array(0)?, row.uint(1)?);
        Ok(Timer { timer_id, due_ms, kind: row.text(2)?, subject: row.bytes(3)? })
    };
    rows.iter().map(timer).collect()
}

/// When the first timer after an instant goes off; both in Unix milliseconds.
pub async fn next_timer_ms(conn: &mut Conn, after_ms: u64) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT due_ms FROM timer WHERE due_ms > $1 ORDER BY due_ms, timer_id LIMIT 1";
    conn.maybe(sql, vec![after_ms.into()]).await?.map(|row| row.uint(0)).transpose()
}

/// Removes a timer; whether it was there. Of two that try, only one is told so.
pub async fn clear_timer(conn: &mut Conn, timer_id: &[u8; 16]) -> Result<bool, StoreError> {
    let sql = "DELETE FROM timer WHERE timer_id = $1";
    Ok(conn.run(sql, vec![timer_id.into()]).await? > 0)
}

/// How contact with a peer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The peer.
    pub peer: CityId,
    /// When it last answered or called, in Unix milliseconds; 0 if never.
    pub last_ms: u64,
    /// What went wrong since; empty if nothing did.
    pub trouble: String,
}

/// A peer answered or called: whatever was wrong is over.
pub async fn contact(conn: &mut Conn, peer: &CityId, now_ms: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO peer_contact (city_id, last_ms, trouble) VALUES ($1, $2, '') \
               ON CONFLICT (city_id) DO UPDATE SET last_ms = excluded.last_ms, trouble = ''";
    conn.run(sql, vec![peer.as_str().into(), now_ms.into()]).await.map(drop)
}

/// A peer could not be reached, or not understood.
pub async fn trouble(conn: &mut Conn, peer: &CityId, what: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO peer_contact (city_id, last_ms, trouble) VALUES ($1, 0, $2) \
               ON CONFLICT (city_id) DO UPDATE SET trouble = excluded.trouble";
    conn.run(sql, vec![peer.as_str().into(), what.into()]).await.map(drop)
}

/// How contact with each peer goes, in the order of their ids.
pub async fn contacts(conn: &mut Conn) -> Result<Vec<Contact>, StoreError> {
    let sql = "SELECT city_id, last_ms, trouble FROM peer_contact";
    let rows = conn.rows(sql, vec![]).await?;
    let contact = |row: &Row| {
        Ok(Contact { peer: city(row, 0)?, last_ms: row.uint(1)?, trouble: row.text(2)? })
    };
    let mut all = rows.iter().map(contact).collect::<Result<Vec<Contact>, StoreError>>()?;
    all.sort_by(|a, b| a.peer.cmp(&b.peer));
    Ok(all)
}

fn lane_vals(place: &Place) -> [Val; 2] {
    [place.agreement_id.0.into(), place.lane.number().into()]
}

/// An agreement and a lane, in the first two columns.
fn lane_of(row: &Row) -> Result<(AgreementId, Lane), StoreError> {
    let lane = u32::try_from(row.int(1)?).ok().and_then(Lane::from_number);
    Ok((AgreementId(row.array(0)?), lane.ok_or(StoreError::Corrupt("a lane"))?))
}

fn read(row: &Row) -> Result<Waiting, StoreError> {
    let (agreement_id, lane) = lane_of(row)?;
    Ok(Waiting {
        place: Place { agreement_id, lane, lane_seq: row.uint(2)? },
        peer: city(row, 3)?,
        due_ms: row.uint(4)?,
        attempts: row.uint(5)?,
        since_ms: row.uint(6)?,
        problem: row.text(7)?,
    })
}

fn city(row: &Row, at: usize) -> Result<CityId, StoreError> {
    CityId::parse(&row.text(at)?).ok_or(StoreError::Corrupt("a city id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        for (attempts, middle_s) in [(0, 10), (1, 20), (2, 40), (8, 2560), (9, 3600), (99, 3600)] {
            let middle = middle_s * 1000;
            assert_eq!(backoff_ms(attempts, 0), middle * 4 / 5);
            assert_eq!(backoff_ms(attempts, middle * 2 / 5), middle * 6 / 5);
            for random in [1, 77, u64::MAX] {
                let wait = backoff_ms(attempts, random);
                assert!((middle * 4 / 5..=middle * 6 / 5).contains(&wait));
            }
        }
    }
}
