//! The queue of a city's desks: legs by due date, page by page. The order is kept beside the
//! messages that it is derived from; what is shown of a leg is derived anew each time.

use super::{Conn, Row, StoreError, Val};
use crate::legs::{LegFile, Local};
use crate::store::legs::CaseRow;
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, CaseId, LegId};
use jieli_proto::words;

/// After all dates: open, with no date for what it waits for; drafts too.
const UNDATED: i64 = 99_999_998;
/// After everything: closed.
const CLOSED: i64 = 99_999_999;

/// Writes down where a leg stands in the queue; whether that is otherwise than before.
pub async fn index(conn: &mut Conn, file: &LegFile) -> Result<bool, StoreError> {
    let Some((sort_on, turn)) = standing(file) else { return Ok(false) };
    conn.run(
        "INSERT INTO leg_due (leg_id, sort_on, turn) VALUES ($1,$2,$3) \
         ON CONFLICT (leg_id) DO UPDATE SET sort_on = excluded.sort_on, turn = excluded.turn",
        vec![file.id.to_vec().into(), sort_on.into(), turn.into()],
    )
    .await?;
    let is_new = changed(conn, file, &format!("{} {sort_on} {turn}", stage(file))).await?;
    if file.is_local() {
        return Ok(is_new);
    }
    let leg: Val = file.id.to_vec().into();
    if sort_on == CLOSED {
        conn.run("DELETE FROM leg_open WHERE leg_id = $1", vec![leg]).await?;
        return Ok(is_new);
    }
    conn.run(
        "INSERT INTO leg_open (leg_id, agreement_id, service, case_id) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (leg_id) DO NOTHING",
        vec![
            leg,
            file.bond.map_or(Vec::new(), |id| id.to_vec()).into(),
            i64::from(file.service as i32).into(),
            file.case.to_vec().into(),
        ],
    )
    .await?;
    Ok(is_new)
}

fn stage(file: &LegFile) -> &'static str {
    words::stage(file.law.state().stage).en
}

/// Notes that a leg stands otherwise than before: it goes to the end of the changes.
async fn changed(conn: &mut Conn, file: &LegFile, standing: &str) -> Result<bool, StoreError> {
    let rows = conn.run(
        "INSERT INTO leg_change (leg_id, seq, standing) \
         VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM leg_change), $2) \
         ON CONFLICT (leg_id) DO UPDATE SET seq = excluded.seq, standing = excluded.standing \
         WHERE leg_change.standing <> excluded.standing",
        vec![file.id.to_vec().into(), standing.into()],
    );
    Ok(rows.await? > 0)
}

/// The newest change there is; 0 before the first.
pub async fn latest_change(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT COALESCE(MAX(seq), 0) FROM leg_change", Vec::new()).await?.uint(0)
}

/// Legs of an office that changed after one change, in the order in which they did.
pub async fn changes(
    conn: &mut Conn,
    office: &str,
    after: u64,
    most: u32,
) -> Result<Vec<(u64, LegId, CaseRow)>, StoreError> {
    let rows = conn
        .rows(
            "SELECT x.seq, x.leg_id, c.case_id, c.number, c.city FROM leg_change x \
             JOIN leg l ON l.leg_id = x.leg_id JOIN case_file c ON c.case_id = l.case_id \
             WHERE x.seq > $2 AND (l.our_office = $1 \
             OR (l.their_office = $1 AND l.agreement_id = $3)) ORDER BY x.seq LIMIT $4",
            vec![office.into(), after.into(), AgreementId::LOCAL.to_vec().into(), most.into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.uint(0)?, LegId(row.array(1)?), case_row(row, [2, 3, 4])?)))
        .collect()
}

fn case_row(row: &Row, [id, number, city]: [usize; 3]) -> Result<CaseRow, StoreError> {
    Ok(CaseRow {
        id: CaseId::from_slice(&row.bytes(id)?).ok_or(StoreError::Corrupt("case_id"))?,
        number: row.text(number)?,
        city: row.text(city)?,
    })
}

/// Whether a leg is open: it exists on the road and is not closed.
pub(crate) fn is_open(file: &LegFile) -> bool {
    standing(file).is_some_and(|(sort_on, _)| sort_on != CLOSED)
}

/// The open legs of an agreement, in the order of their ids, from after one on.
pub(crate) async fn open_legs(
    conn: &mut Conn,
    agreement: AgreementId,
    after: &[u8],
    most: u32,
) -> Result<Vec<LegId>, StoreError> {
    let sql = "SELECT leg_id FROM leg_open WHERE agreement_id = $1 AND leg_id > $2 \
               ORDER BY leg_id LIMIT $3";
    let vals = vec![agreement.to_vec().into(), after.into(), most.into()];
    let rows = conn.rows(sql, vals).await?;
    rows.iter().map(|row| Ok(LegId(row.array(0)?))).collect()
}

/// Where a leg stands in the queue, `sort_on` and `turn`; `None` before it is on the road.
pub(crate) fn standing(file: &LegFile) -> Option<(i64, i64)> {
    // As it is stored: whose turn it is, the other desk of a local leg reads the other way round.
    let file = file.home();
    if file.local != Local::OnTheRoad {
        return None;
    }
    let owed = file.law.owed().into_iter().next().filter(|_| !file.law.is_closed());
    Some(match owed {
        None if file.law.exists() && !file.law.is_closed() => (UNDATED, 0),
        None => (CLOSED, 0),
        Some(owed) => {
            let turn = if owed.by == file.our_side { 1 } else { 2 };
            (owed.due.map_or(UNDATED, |due| i64::from(due.number())), turn)
        }
    })
}

/// A place in the queue; the next page starts after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    sort_on: i64,
    case: String,
    leg: u32,
}

impl Cursor {
    /// As a caller gets it.
    pub fn text(&self) -> String {
        format!("{}/{}/{}", self.sort_on, self.case, self.leg)
    }

    /// What [`Cursor::text`] gave; the empty text is the beginning.
    pub fn parse(text: &str) -> Option<Cursor> {
        if text.is_empty() {
            return Some(Cursor::default());
        }
        let mut parts = text.split('/');
        let (sort_on, case, leg) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let (sort_on, leg) = (sort_on.parse().ok()?, leg.parse().ok()?);
        Some(Cursor { sort_on, case: case.to_owned(), leg })
    }
}

/// Which legs are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this office.
    pub office: String,
    /// Or of every office of the city.
    pub every: bool,
    /// Due from and to this day.
    pub due: Option<(Day, Day)>,
    /// Of this service; 0 for all.
    pub service: i32,
    /// Of this first handler, and of those for whom it stands in; empty for all.
    pub handler: String,
    /// Who stands in today.
    pub today: Day,
    /// Which comes first.
    pub order: Order,
}

/// By due date; within a day by case and leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The earliest first, and after all dates what has none.
    EarliestFirst,
    /// The other way round.
    LatestFirst,
}

/// A leg in the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its place.
    pub at: Cursor,
    /// The leg.
    pub leg: LegId,
    /// Its case.
    pub case: CaseRow,
}

/// A page in one order: `$beyond` is how the next row compares with the place before.
macro_rules! page_sql {
    ($beyond:literal, $order:literal) => {
        concat!(
            "SELECT COALESCE(d.sort_on, 99999998), c.number, l.number, l.leg_id, c.case_id, c.city ",
            "FROM leg l JOIN case_file c ON c.case_id = l.case_id ",
            "LEFT JOIN leg_due d ON d.leg_id = l.leg_id ",
            "LEFT JOIN leg_handler h ON h.leg_id = l.leg_id AND h.desk = CASE ",
            "WHEN l.agreement_id = $11 AND l.their_office = $1 THEN 1 ELSE 0 END ",
            "WHERE l.local_state IN (0, 2) AND (l.our_office = $1 OR $2 = 1 ",
            "OR (l.their_office = $1 AND l.agreement_id = $11 AND l.local_state = 2)) ",
            "AND COALESCE(d.sort_on, 99999998) >= $3 AND COALESCE(d.sort_on, 99999998) <= $4 ",
            "AND (l.service = $5 OR $5 = 0) AND (h.token = $6 OR $6 = '' OR h.token IN ",
            "(SELECT s.absent FROM stand_in s WHERE s.stand_in = $6 AND s.from_on <= $12 ",
            "AND s.to_on >= $12 AND s.ended_ms = 0)) ",
            "AND (COALESCE(d.sort_on, 99999998) ", $beyond, " $7 ",
            "OR (COALESCE(d.sort_on, 99999998) = $7 ",
            "AND (c.number ", $beyond, " $8 OR (c.number = $8 AND l.number ", $beyond, " $9)))) ",
            "ORDER BY 1 ", $order, ", 2 ", $order, ", 3 ", $order, " LIMIT $10",
        )
    };
}

/// The legs after a place, at most so many. Legs that wait for the person's answer are no part of
/// it.
pub async fn page(
    conn: &mut Conn,
    filter: &Filter,
    after: &Cursor,
    most: u32,
) -> Result<Vec<Queued>, StoreError> {
    let number = |day: Day| i64::from(day.number());
    let (from, to) = filter.due.map_or((0, CLOSED), |(from, to)| (number(from), number(to)));
    let at_the_end = Cursor { sort_on: CLOSED + 1, ..Cursor::default() };
    let (sql, after) = match filter.order {
        Order::EarliestFirst => (page_sql!(">", "ASC"), after),
        Order::LatestFirst if *after == Cursor::default() => (page_sql!("<", "DESC"), &at_the_end),
        Order::LatestFirst => (page_sql!("<", "DESC"), after),
    };
    let rows = conn
        .rows(
            sql,
            vec![
                filter.office.as_str().into(),
                filter.every.into(),
                from.into(),
                to.into(),
                i64::from(filter.service).into(),
                filter.handler.as_str().into(),
                after.sort_on.into(),
                after.case.as_str().into(),
                after.leg.into(),
                most.into(),
                AgreementId::LOCAL.to_vec().into(),
                number(filter.today).into(),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let case = case_row(row, [4, 1, 5])?;
            let leg = row.int(2)? as u32;
            let at = Cursor { sort_on: row.int(0)?, case: case.number.clone(), leg };
            let leg = LegId::from_slice(&row.bytes(3)?).ok_or(StoreError::Corrupt("leg_id"))?;
            Ok(Queued { at, leg, case })
        })
        .collect()
}

/// How many legs are overdue, due today, wait for us, wait for the other city.
pub async fn counts(
    conn: &mut Conn,
    office: &str,
    every: bool,
    today: Day,
) -> Result<[u64; 4], StoreError> {
    let row = conn
        .one(
            "SELECT CAST(COALESCE(SUM(CASE WHEN d.sort_on < $3 THEN 1 ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN d.sort_on = $3 THEN 1 ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN d.turn = CASE WHEN l.agreement_id = $4 \
             AND l.their_office = $1 THEN 2 ELSE 1 END THEN 1 ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN d.turn = CASE WHEN l.agreement_id = $4 \
             AND l.their_office = $1 THEN 1 ELSE 2 END THEN 1 ELSE 0 END), 0) AS BIGINT) \
             FROM leg l JOIN leg_due d ON d.leg_id = l.leg_id \
             WHERE d.turn > 0 AND (l.our_office = $1 OR $2 = 1 \
             OR (l.their_office = $1 AND l.agreement_id = $4))",
            vec![
                office.into(),
                every.into(),
                Val::Int(i64::from(today.number())),
                AgreementId::LOCAL.to_vec().into(),
            ],
        )
        .await?;
    Ok([row.uint(0)?, row.uint(1)?, row.uint(2)?, row.uint(3)?])
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_place_reads_back() {
        let at = Cursor { sort_on: 20_261_201, case: "2026-000001".to_owned(), leg: 3 };
        assert_eq!(Cursor::parse(&at.text()), Some(at));
        assert_eq!(Cursor::parse(""), Some(Cursor::default()));
        for bad in ["2026-000001", "1/2", "x/2026-000001/1", "1/2/3/4"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
