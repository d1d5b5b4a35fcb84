//! The ceiling on open cases that an agreement may name for a service: what is open is counted, no
//! person is, and nothing is to be reached.
//!
//! A case counts while one of its legs of that service is open, whichever city began it. Of two
//! openings that crossed below the last place that of A stands: A's node counts all it knows, B's
//! leaves out its own that A has not receipted, so that both cities never hold more than agreed.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::{LegFile, Standing, side_number};
use crate::store::{StoreError, desk_queue};
use crate::trouble::{Denied, Outcome};
use jieli_proto::agreement::Agreement;
use jieli_proto::case::Side;
use jieli_proto::id::{AgreementId, CaseId, LegId};
use jieli_proto::kinds::PartySide;
use jieli_proto::wire::Service;
use std::collections::{BTreeMap, BTreeSet};

/// An opening that is to be counted in.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) case: CaseId,
    pub(crate) service: Service,
    /// Whether the other city said it.
    pub(crate) is_theirs: bool,
}

impl Batch<'_> {
    /// Whether a version of an agreement leaves room for one more opening.
    pub(crate) async fn has_room(
        &mut self,
        bond: &Bond,
        agreement: &Agreement,
        opening: Opening,
    ) -> Result<bool, StoreError> {
        let most = agreement.rule(opening.service).map_or(0, |rule| rule.ceiling_open_cases);
        if most == 0 {
            return Ok(true);
        }
        let but_unheard = opening.is_theirs && bond.our_side == PartySide::B;
        let open = self.open_cases(bond.id, opening.service, but_unheard).await?;
        Ok(open.contains(&opening.case) || open.len() < most as usize)
    }

    /// Denies an opening of ours, or the question before it, at the ceiling.
    pub(crate) async fn below_ceiling(&mut self, bond: &Bond, file: &LegFile) -> Outcome<()> {
        let Some(agreement) = bond.in_force() else { return Ok(()) };
        let opening = Opening { case: file.case, service: file.service, is_theirs: false };
        if self.has_room(bond, agreement, opening).await? {
            return Ok(());
        }
        let most = agreement.rule(file.service).map_or(0, |rule| rule.ceiling_open_cases);
        Err(Denied::new(
            "AGREEMENT_LIMIT",
            format!(
                "协议约定此事项同时在办不超过 {most} 件，现已达到；有办件办结后再提出。这是上限，不是任务。"
            ),
            format!(
                "The agreement allows {most} open cases of this service at a time, and so many are \
                 open: try again when one has closed. It is a ceiling, never a target."
            ),
        )
        .into())
    }

    async fn open_cases(
        &mut self,
        agreement: AgreementId,
        service: Service,
        but_unheard: bool,
    ) -> Result<BTreeSet<CaseId>, StoreError> {
        let sql = "SELECT o.leg_id, o.case_id, m.status, l.our_side FROM leg_open o \
                   JOIN leg l ON l.leg_id = o.leg_id \
                   JOIN message m ON m.leg_id = o.leg_id AND m.leg_seq = 1 AND m.side = $3 \
                   WHERE o.agreement_id = $1 AND o.service = $2";
        let vals = vec![
            agreement.to_vec().into(),
            i64::from(service as i32).into(),
            side_number(Side::Initiator).into(),
        ];
        let provisional = Standing::Provisional.numbers().0;
        let mut open: BTreeMap<LegId, CaseId> = BTreeMap::new();
        for row in self.conn.rows(sql, vals).await? {
            let is_unheard =
                row.int(2)? == provisional && row.int(3)? == side_number(Side::Initiator);
            if !(but_unheard && is_unheard) {
                open.insert(LegId(row.array(0)?), CaseId(row.array(1)?));
            }
        }
        // What this batch has done is not in the tables yet.
        for file in self.legs.values() {
            if file.bond != Some(agreement) || file.service != service {
                continue;
            }
            let first = file.entries.iter().find(|e| e.seq == 1 && e.side == Side::Initiator);
            let is_unheard = first.is_some_and(|e| e.standing == Standing::Provisional);
            if desk_queue::is_open(file) && !(but_unheard && is_unheard) {
                open.insert(file.id, file.case);
            } else {
                open.remove(&file.id);
            }
        }
        Ok(open.into_values().collect())
    }
}
