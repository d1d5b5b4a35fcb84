//! Deadlines met and missed, and what became of legs, from their messages alone: each leg is folded
//! once more, and after each message it is looked which duty has gone, and by whose act.

use super::Period;
use super::flow::Flows;
use crate::directory::Bond;
use crate::house::House;
use crate::legs::{LegFile, wire_duty};
use crate::store::{Conn, StoreError, legs};
use jieli_proto::case::{Duty, Leg, Owed, Place, Side, Verb};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire;
use std::collections::BTreeMap;

/// Legs read at once.
const PAGE: u32 = 200;

/// What became of a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Met,
    Late,
    Missed,
    Ended,
}

type Lines = BTreeMap<(Duty, bool), wire::AuditDeadline>;

/// The duties of an agreement's legs that were due in a period, and the legs that were opened in it.
pub(crate) async fn of_legs(
    conn: &mut Conn,
    house: &House,
    bond: &Bond,
    period: Period,
    today: Day,
) -> Result<(Vec<wire::AuditDeadline>, Flows), StoreError> {
    let mut lines = Lines::new();
    let mut flows = Flows::default();
    let mut after = Vec::new();
    loop {
        let sql = "SELECT leg_id FROM leg WHERE agreement_id = $1 AND leg_id > $2 \
                   ORDER BY leg_id LIMIT $3";
        let vals = vec![bond.id.to_vec().into(), after.into(), PAGE.into()];
        let rows = conn.rows(sql, vals).await?;
        let Some(last) = rows.last() else { break };
        after = last.bytes(0)?;
        for row in &rows {
            let id = LegId(row.array(0)?);
            if let Some(file) = legs::load(conn, id, &house.shelf()).await? {
                of_leg(&file, period, today, &mut lines);
                flows.add(&file, period);
            }
        }
    }
    Ok((lines.into_values().collect(), flows))
}

fn of_leg(file: &LegFile, period: Period, today: Day, lines: &mut Lines) {
    let mut count = |owed: &Owed, end: Option<End>| {
        let Some(due) = owed.due.filter(|due| period.holds(*due)) else { return };
        let ours = owed.by == file.our_side;
        let line = lines.entry((owed.duty, ours)).or_insert_with(|| wire::AuditDeadline {
            duty: wire_duty(owed.duty).into(),
            ours,
            ..wire::AuditDeadline::default()
        });
        match end {
            Some(End::Met) => line.met += 1,
            Some(End::Late) => line.late += 1,
            Some(End::Missed) => line.missed += 1,
            Some(End::Ended) => line.ended += 1,
            None if due < today => line.overdue += 1,
            None => line.waiting += 1,
        }
    };
    let mut leg = Leg::new(file.law.rules());
    for (side, _, place) in file.law.places() {
        let before = leg.owed();
        match &place.act {
            // The places are those the law has taken before.
            Some(act) => drop(leg.admit(act.clone(), place.verdict)),
            None => leg.admit_unreadable(side),
        }
        let after = leg.owed();
        let gone = before.iter().filter(|one| !after.iter().any(|other| is_same(one, other)));
        gone.for_each(|one| count(one, Some(end(one, side, place))));
    }
    leg.owed().iter().for_each(|one| count(one, None));
}

/// A new date for the same duty is the same duty.
fn is_same(one: &Owed, other: &Owed) -> bool {
    (one.duty, one.by) == (other.duty, other.by)
}

fn end(owed: &Owed, by: Side, place: &Place) -> End {
    let Some(act) = place.legal() else { return End::Ended };
    let verb = act.verb();
    if matches!(verb, Verb::Expire | Verb::ExpireComplete) {
        End::Missed
    } else if by != owed.by || matches!(verb, Verb::Withdraw | Verb::Void | Verb::Return) {
        End::Ended
    } else if owed.due.is_some_and(|due| act.made_on > due) {
        End::Late
    } else {
        End::Met
    }
}
