//! An agreement that was ended: after its wind-down date the node itself closes what is still open,
//! with an EXPIRE that cites the TERMINATE. Each city does; two that cross are one.

use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::{StoreError, desk_queue};
use crate::timer::TimerKind;
use crate::trouble::Outcome;
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use jieli_proto::wire::Duty;

/// Legs looked up in one statement.
const LEGS_AT_ONCE: u32 = 256;

/// How much later the examiner's node does it: by then it mostly finds the leg closed.
const EXAMINER_MS: u64 = 3_600_000;

impl Batch<'_> {
    /// Remembers to close what is open when the wind-down date is over.
    pub(crate) async fn wind_down_ends(
        &mut self,
        id: AgreementId,
        on: Day,
    ) -> Result<(), StoreError> {
        let due_ms = on.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
        self.timer(due_ms.max(self.now_ms), TimerKind::WindDownOver, &id.0).await
    }

    /// The wind-down date is over: every leg that is open gets a timer of its own.
    pub(crate) async fn wind_down_over(&mut self, subject: &[u8]) -> Outcome<()> {
        let id = AgreementId::from_slice(subject).ok_or(StoreError::Corrupt("timer.subject"))?;
        let mut after: Vec<u8> = Vec::new();
        loop {
            let legs = desk_queue::open_legs(self.conn, id, &after, LEGS_AT_ONCE).await?;
            for leg in &legs {
                let Some(file) = self.take_leg(*leg).await? else { continue };
                let later_ms = match file.our_side {
                    Side::Initiator => 0,
                    Side::Examiner => EXAMINER_MS,
                };
                self.timer(self.now_ms + later_ms, TimerKind::EndLeg, &leg.0).await?;
            }
            match legs.last() {
                Some(last) if legs.len() as u32 == LEGS_AT_ONCE => after = last.to_vec(),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Closes a leg with its agreement, unless it has closed meanwhile.
    pub(crate) async fn end_leg(&mut self, file: &mut LegFile) -> Outcome<()> {
        let Some(bond) = self.bond_of(file) else { return Ok(()) };
        let is_over = bond.terminated().is_some_and(|(_, on)| self.today > on);
        if !is_over || !desk_queue::is_open(file) {
            return Ok(());
        }
        let speech = self.expire(&bond, file, Duty::Unspecified).await?;
        self.say(file, speech).await?;
        Ok(())
    }
}
