//! What became of the legs that were opened in a period, and how long it took: counts alone.

use super::Period;
use crate::legs::LegFile;
use jieli_proto::case::{Side, Stage, Verb};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, MessageType};
use std::collections::BTreeMap;

/// Counts by service and by what was waited for.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    flows: BTreeMap<(i32, bool), wire::AuditFlow>,
    paces: BTreeMap<(i32, bool), wire::AuditPace>,
}

impl Flows {
    /// Counts a leg, if it was opened in the period.
    pub(super) fn add(&mut self, file: &LegFile, period: Period) {
        let acts = || file.law.places().filter_map(|(_, _, place)| place.legal());
        let opening = acts().find(|act| matches!(act.verb(), Verb::Offer | Verb::Request));
        let Some(opened) = opening.map(|act| act.made_on).filter(|day| period.holds(*day)) else {
            return;
        };
        let ours = file.our_side == Side::Initiator;
        let key = (i32::from(file.service), ours);
        let flow = self.flows.entry(key).or_insert_with(|| wire::AuditFlow {
            service: file.service.into(),
            ours,
            ..wire::AuditFlow::default()
        });
        *cell(flow, file.law.state().stage) += 1;
        let first = |verbs: &[Verb]| acts().find(|act| verbs.contains(&act.verb()));
        let outcomes = [Verb::OutcomeFulfilled, Verb::OutcomeNotRealised];
        let waited = [
            (MessageType::TakeUp, first(&[Verb::TakeUp])),
            (MessageType::Outcome, first(&outcomes)),
        ];
        for (ty, act) in waited {
            if let Some(act) = act {
                self.wait(ty, !ours, opened, act.made_on);
            }
        }
    }

    fn wait(&mut self, ty: MessageType, ours: bool, from: Day, to: Day) {
        let pace = self.paces.entry((ty.into(), ours)).or_insert_with(|| wire::AuditPace {
            r#type: ty.into(),
            ours,
            ..wire::AuditPace::default()
        });
        let slot = match to.since_epoch() - from.since_epoch() {
            ..=1 => &mut pace.within_1,
            2..=5 => &mut pace.within_5,
            6..=15 => &mut pace.within_15,
            16..=60 => &mut pace.within_60,
            _ => &mut pace.longer,
        };
        *slot += 1;
    }

    /// As the report has them.
    pub(super) fn lines(self) -> (Vec<wire::AuditFlow>, Vec<wire::AuditPace>) {
        (self.flows.into_values().collect(), self.paces.into_values().collect())
    }
}

fn cell(flow: &mut wire::AuditFlow, stage: Stage) -> &mut u64 {
    match stage {
        Stage::Offered | Stage::TakenUp | Stage::Waitlisted | Stage::Accepted | Stage::Released => {
            &mut flow.open
        }
        Stage::Fulfilled | Stage::Unconfirmed | Stage::Completed => &mut flow.fulfilled,
        Stage::Declined | Stage::NotRealised => &mut flow.not_given,
        Stage::Withdrawn | Stage::Returned | Stage::Expired | Stage::Voided => &mut flow.ended,
    }
}
