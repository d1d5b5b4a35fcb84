//! Figures for others than compliance (V16): month by service of one agreement, nothing under ten,
//! and no sum from which a hidden figure could be taken back.

use super::{Period, Walk, bond};
use crate::directory::{Bond, Directory};
use crate::house::House;
use crate::legs::Standing;
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType};
use std::collections::BTreeMap;

/// The smallest figure that is shown.
pub(crate) const COUNT_MIN: u64 = 10;

/// What was said in a month about a service.
#[derive(Clone, Default)]
struct Cell {
    opened: u64,
    taken_up: u64,
    accepted: u64,
    stopped: u64,
    fulfilled: u64,
    not_given: u64,
    codes: BTreeMap<i32, u64>,
}

/// The figures of an agreement, for whoever asks but compliance.
pub(crate) async fn for_others(
    conn: &mut Conn,
    house: &House,
    directory: &Directory,
    asked: &wire::AuditReportRequest,
) -> Outcome<wire::StatisticsReply> {
    let period = whole_months(Period::read(asked.from, asked.to)?)?;
    let bond = bond(directory, &asked.agreement_id)?;
    Ok(statistics(conn, house, bond, period).await?)
}

/// Counts of whole months.
async fn statistics(
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
        taken_up: shown(cell.taken_up),
        accepted: shown(cell.accepted),
        stopped: shown(cell.stopped),
        codes: cell.codes_shown(),
    });
    // A cut of which nothing can be shown is not shown either.
    let seen = lines.filter(|line| {
        let ends = line.fulfilled + line.not_given + line.stopped;
        line.opened + line.taken_up + line.accepted + ends > 0
    });
    Ok(wire::StatisticsReply { lines: seen.collect() })
}

impl Cell {
    fn count(&mut self, message: &wire::Message) {
        let ty = message.r#type();
        self.opened += u64::from(matches!(ty, MessageType::Offer | MessageType::Request));
        self.taken_up += u64::from(ty == MessageType::TakeUp);
        self.accepted += u64::from(ty == MessageType::Accept);
        self.stopped += u64::from(ty == MessageType::Withdraw);
        let code = match &message.body {
            Some(Body::Decline(decline)) => decline.decision(),
            Some(Body::Outcome(outcome)) if outcome.not_realised() != DecisionCode::Unspecified => {
                outcome.not_realised()
            }
            Some(Body::Outcome(_)) => {
                self.fulfilled += 1;
                return;
            }
            _ => return,
        };
        self.not_given += 1;
        *self.codes.entry(code.into()).or_default() += 1;
    }

    /// Codes of what was not given. Their sum is shown too, so that one code left out could be
    /// worked out: they are shown where all are, or where what is left out is a figure of its own.
    fn codes_shown(&self) -> Vec<wire::StatisticsCode> {
        let hidden: u64 = self.codes.values().filter(|count| **count < COUNT_MIN).sum();
        if hidden > 0 && hidden < COUNT_MIN {
            return Vec::new();
        }
        let seen = self.codes.iter().filter(|(_, count)| **count >= COUNT_MIN);
        seen.map(|(code, count)| wire::StatisticsCode { code: *code, count: *count }).collect()
    }
}

/// Cuts are fixed: from the first day of a month to the last day of one.
fn whole_months(period: Period) -> Result<Period, Denied> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(counts: &[u64]) -> Vec<u64> {
        let codes = (1..).zip(counts.iter().copied()).collect();
        let cell = Cell { codes, ..Cell::default() };
        cell.codes_shown().iter().map(|one| one.count).collect()
    }

    #[test]
    fn a_code_left_out_cannot_be_worked_out_from_the_sum() {
        assert_eq!(codes(&[12, 30]), [12, 30]);
        let none: [u64; 0] = [];
        assert_eq!(codes(&[12, 9]), none, "21 were not given: the other code would be 9");
        assert_eq!(codes(&[12, 4, 5]), none, "nor two of which both are small together");
        assert_eq!(codes(&[12, 9, 1]), [12], "ten and more, of codes that are not told apart");
        assert_eq!(codes(&[9]), none);
    }
}
