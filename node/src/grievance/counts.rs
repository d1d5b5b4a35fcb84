//! What compliance reads of grievances: counts, by body.

use super::{TAKE_DAYS, figures};
use crate::audit::Period;
use crate::directory::Directory;
use crate::store::{Conn, StoreError, Val};
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use jieli_proto::wire;

/// Of every body of this city.
pub(crate) async fn grievances(
    conn: &mut Conn,
    directory: &Directory,
    calendar: &Calendar,
    today: Day,
    period: Period,
) -> Result<Vec<wire::GrievanceCounts>, StoreError> {
    let sql = "SELECT DISTINCT office FROM grievance_key ORDER BY office";
    let mut found = Vec::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let office = row.text(0)?;
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM sealed_record WHERE office = $1 \
                   AND call_back = $2 AND received_on >= $3 AND received_on <= $4";
        let vals: Vec<Val> = vec![
            office.as_str().into(),
            Vec::new().into(),
            period.from.number().into(),
            period.to.number().into(),
        ];
        let received = conn.one(sql, vals).await?.int(0)? as u32;
        let (waiting, overdue) = waiting(conn, calendar, today, &office).await?;
        let months = months(conn, &office, period).await?;
        let office_name = directory.own_office_name(&office);
        found.push(wire::GrievanceCounts {
            office,
            office_name,
            received,
            waiting,
            overdue,
            months,
        });
    }
    Ok(found)
}

/// Grievances that a body has not taken, and how many of these it should have by now.
pub(super) async fn waiting(
    conn: &mut Conn,
    calendar: &Calendar,
    today: Day,
    office: &str,
) -> Result<(u32, u32), StoreError> {
    let sql = "SELECT received_on, CAST(COUNT(*) AS BIGINT) FROM sealed_record WHERE office = $1 \
               AND call_back = $2 AND stage = 1 GROUP BY received_on";
    let (mut all, mut overdue) = (0, 0);
    for row in conn.rows(sql, vec![office.into(), Vec::new().into()]).await? {
        let count = row.int(1)? as u32;
        let received = Day::from_number(row.int(0)? as u32);
        let received = received.ok_or(StoreError::Corrupt("sealed_record.received_on"))?;
        all += count;
        if today > calendar.add_working_days(received, TAKE_DAYS) {
            overdue += count;
        }
    }
    Ok((all, overdue))
}

/// What the body reported of the months that lie in the period.
async fn months(
    conn: &mut Conn,
    office: &str,
    period: Period,
) -> Result<Vec<wire::MonthFigures>, StoreError> {
    let sql = "SELECT month, late FROM body_report WHERE office = $1 AND month >= $2 \
               AND month <= $3 ORDER BY month";
    let (from, to) = (period.from.number() / 100, period.to.number() / 100);
    let mut found = Vec::new();
    for row in conn.rows(sql, vec![office.into(), from.into(), to.into()]).await? {
        let month = row.int(0)? as u32;
        let lines = figures::lines(conn, office, month, &[]).await?;
        found.push(wire::MonthFigures { month, late: row.int(1)? as u32, lines });
    }
    Ok(found)
}
