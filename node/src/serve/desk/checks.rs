//! Checks on request: both cities' lanes compared, while the caller is told how far it is.

use super::{Answer, DeskDoor};
use crate::reconcile::{Failed, reconcile};
use crate::self_audit::self_audit;
use crate::serve::answer::Unable;
use crate::store::checks;
use crate::trouble::Denied;
use futures::{Stream, StreamExt, stream};
use jieli_proto::id::AgreementId;
use jieli_proto::wire::{self, ReconcileStep, SelfAuditStep};
use std::pin::Pin;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Steps that wait for a caller who reads slowly; what does not fit is not told.
const STEPS_WAITING: usize = 64;

/// Reports listed at once.
const REPORTS_MAX: u32 = 24;

/// The work goes on while its steps are read.
pub(super) type Steps<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Steps of a work that tells of itself through the sender.
pub(super) fn steps<T: Send + 'static, F>(
    work: impl FnOnce(mpsc::Sender<Result<T, Status>>) -> F,
) -> Steps<T>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (send, told) = mpsc::channel(STEPS_WAITING);
    let work = stream::once(work(send)).filter_map(async |()| None);
    Box::pin(stream::select(ReceiverStream::new(told), work))
}

impl DeskDoor {
    pub(super) fn reconcile_steps(
        &self,
        ask: wire::ReconcileRequest,
    ) -> Answer<Steps<ReconcileStep>> {
        let id = agreement_id(&ask.agreement_id)?;
        let month = ask.period % 100;
        let is_month = (197_001..=999_912).contains(&ask.period) && (1..=12).contains(&month);
        if ask.period != 0 && !is_month {
            return Err(Denied::new(
                "BAD_PERIOD",
                "月份请写成 2026-11 的形式。",
                "Write the month like 2026-11.",
            )
            .into());
        }
        let (hand, store, house) = (self.hand.clone(), self.store.clone(), self.house.clone());
        Ok(steps(async move |send| {
            let told = |lane, round| {
                let step = ReconcileStep { lane, round, report: None };
                // Only news; the report is what counts.
                let _ = send.try_send(Ok(step));
            };
            let done = reconcile(&hand, &store, &house, (id, ask.period), &told).await;
            let entropy = house.world.entropy.as_ref();
            let last = match done {
                Ok(report) => {
                    Ok(ReconcileStep { report: Some(report), ..ReconcileStep::default() })
                }
                Err(failed) => Err(unable(failed, id).status(Some(entropy))),
            };
            // A caller that has gone away has its report in the store.
            let _ = send.send(last).await;
        }))
    }

    pub(super) async fn self_audit_steps(
        &self,
        ask: &wire::SelfAuditRequest,
    ) -> Answer<Steps<SelfAuditStep>> {
        if ask.last {
            let mut conn = self.store.read().await?;
            let report = checks::last_audit(&mut conn).await?.ok_or_else(|| {
                Denied::new("NOT_FOUND", "还没有自查过。", "There was no self-audit yet.")
            })?;
            let step = SelfAuditStep { report: Some(report), ..SelfAuditStep::default() };
            return Ok(Box::pin(stream::once(async move { Ok(step) })));
        }
        let (hand, store, house) = (self.hand.clone(), self.store.clone(), self.house.clone());
        Ok(steps(async move |send| {
            let told = |table: &'static str, rows| {
                let step = SelfAuditStep { table: table.to_owned(), rows, report: None };
                let _ = send.try_send(Ok(step));
            };
            let last = match self_audit(&hand, &store, &house, &told).await {
                Ok(report) => {
                    Ok(SelfAuditStep { report: Some(report), ..SelfAuditStep::default() })
                }
                Err(error) => {
                    let entropy = house.world.entropy.as_ref();
                    Err(Unable::from(error).status(Some(entropy)))
                }
            };
            let _ = send.send(last).await;
        }))
    }

    pub(super) async fn reconciled_list(
        &self,
        ask: &wire::ListReconciledRequest,
    ) -> Answer<wire::ReconciledList> {
        let mut conn = self.store.read().await?;
        if !ask.agreement_id.is_empty() {
            let id = agreement_id(&ask.agreement_id)?;
            let reports = checks::reports(&mut conn, id, REPORTS_MAX).await?;
            return Ok(wire::ReconciledList { reports });
        }
        let mut reports = Vec::new();
        for id in self.hand.published().directory.bonds.keys() {
            reports.extend(checks::reports(&mut conn, *id, 1).await?);
        }
        Ok(wire::ReconciledList { reports })
    }
}

fn agreement_id(text: &str) -> Result<AgreementId, Denied> {
    let unknown = || Denied::no_such(&format!("协议 {text}"), &format!("agreement {text}"));
    AgreementId::from_hex(text.trim()).ok_or_else(unknown)
}

fn unable(failed: Failed, id: AgreementId) -> Unable {
    match failed {
        Failed::Unknown => Denied::no_agreement(Some(id)).into(),
        Failed::Store(error) => error.into(),
        Failed::Busy(failure) => failure.into(),
        Failed::Unreachable(why) => Unable::Unreachable(
            "PEER_UNREACHABLE",
            "现在联系不上对方城市，没有对账，请稍后再试。".to_owned(),
            format!("The other city cannot be reached, nothing was compared: try later. ({why})"),
        ),
        Failed::Misstated => Unable::Unreachable(
            "WRONG_STATEMENT",
            "对方城市的声明没有有效签名或答非所问，没有对账，请电话联系对方运行人员。".to_owned(),
            "The other city's statement is not signed, or answers something else: nothing was \
             compared. Telephone its operators."
                .to_owned(),
        ),
    }
}
