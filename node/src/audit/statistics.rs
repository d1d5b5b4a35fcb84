//! Figures for others than compliance (V16): month by service of one agreement, nothing under ten,
//! and no sum from which a hidden figure could be taken back.

use super::{Period, Walk};
use crate::directory::Bond;
use crate::house::House;
use crate::legs::Standing;
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use jieli_proto::day::Day;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType};
use std::collections::BTreeMap;

/// The smallest figure that is shown.
pub(crate) const COUNT_MIN: u64 = 10;

/// Opened, fulfilled, not given.
#[derive(Clone, Copy, Default)]
struct Cell {
    opened: u64,
    fulfilled: u64,
    not_given: u64,
}

/// Counts of whole months.
pub(crate) async fn statistics(
    conn: &mut Conn,
    house: &House,
    bond: &Bond,
    period: Period,
) -> Result<wire::StatisticsReply, StoreError> {
    let mut cells: BTreeMap<(u32, i32), Cell> = BTreeMap::new();
    let calendar = house.calendar();
    let mut walk = Walk::new(conn, bond.id, &calendar);
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            break;
        }
        for one in page.iter().filter(|one| period.holds(one.day)) {
            let Some(message) = &one.message else { continue };
            if !matches!(one.standing, Standing::Refused(_)) {
                let cell = cells.entry((one.day.number() / 100, message.service)).or_default();
                cell.count(message);
            }
        }
    }
    let shown = |count: u64| if count < COUNT_MIN { 0 } else { count };
    let lines = cells.into_iter().filter(|((_, service), _)| *service != 0);
    let lines = lines.map(|((month, service), cell)| wire::StatisticsLine {
        month,
        service,
        opened: shown(cell.opened),
        fulfilled: shown(cell.fulfilled),
        not_given: shown(cell.not_given),
    });
    // A cut of which nothing can be shown is not shown either.
    let seen = lines.filter(|line| line.opened + line.fulfilled + line.not_given > 0);
    Ok(wire::StatisticsReply { lines: seen.collect() })
}

impl Cell {
    fn count(&mut self, message: &wire::Message) {
        let ty = message.r#type();
        self.opened += u64::from(matches!(ty, MessageType::Offer | MessageType::Request));
        self.not_given += u64::from(ty == MessageType::Decline);
        if let Some(Body::Outcome(outcome)) = &message.body {
            let given = outcome.not_realised() == DecisionCode::Unspecified;
            self.fulfilled += u64::from(given);
            self.not_given += u64::from(!given);
        }
    }
}

/// Cuts are fixed: from the first day of a month to the last day of one.
pub(crate) fn whole_months(period: Period) -> Result<Period, Denied> {
    let first = |day: Day| day.number() % 100 == 1;
    if first(period.from) && first(period.to.plus(1)) {
        return Ok(period);
    }
    Err(Denied::new(
        "WHOLE_MONTHS",
        "对外统计只按整月：从某月一日到某月最后一日。",
        "Figures for others are of whole months: from the first of a month to the last of one.",
    ))
}
