//! What was found is kept, and what is wrong is told to the operators.

use super::Class;
use crate::batch::Batch;
use crate::store::{StoreError, checks};
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::Lane;
use jieli_proto::wire::{Envelope, ReconcileReport};

/// A comparison, and the other city's envelopes at places where both have signed something else.
#[derive(Clone, Debug)]
pub struct Reconciled {
    /// The agreement.
    pub agreement: AgreementId,
    /// What was found.
    pub report: ReconcileReport,
    /// Lane, place, and what the other city holds there.
    pub forks: Vec<(Lane, u64, Envelope)>,
}

/// Kind of the alarms and of the evidence.
const FORKED: &str = "forked";
const DIFFERS: &str = "reconcile";

impl Batch<'_> {
    /// Keeps a report with both cities' statements; raises an alarm where something is wrong.
    pub(crate) async fn keep_reconciled(&mut self, found: &Reconciled) -> Result<(), StoreError> {
        let Some(bond) = self.bond(&found.agreement) else { return Ok(()) };
        let id = self.random();
        checks::keep_report(self.conn, id, bond.id, &found.report).await?;
        for (lane, seq, sealed) in &found.forks {
            self.keep_evidence(FORKED, &bond, *lane, *seq, sealed).await?;
        }
        let about = [&bond.id.0[..], &[u8::from(found.report.agree)]].concat();
        self.record("reconciled", &about);
        for class in Class::ALL.into_iter().filter(|class| *class != Class::InFlight) {
            let all = &found.report.differences;
            let mut of_class = all.iter().filter(|found| found.class == class.word());
            let Some(first) = of_class.next() else { continue };
            let (lane, seq, more) = (first.lane, first.lane_seq, of_class.count());
            let [zh, en] = class.says();
            let detail = format!(
                "通道 {lane} 第 {seq} 条（另有 {more} 条）：{zh}。 Lane {lane}, place {seq}, and {more} \
                 more: {en}."
            );
            self.alarm(DIFFERS, &bond.peer, &detail).await?;
        }
        Ok(())
    }
}
