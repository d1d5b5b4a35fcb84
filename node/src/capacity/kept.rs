//! V6: what happens to the place of somebody who withdrew. The node that gave it keeps it five
//! working days, outside the leg, for a leg that supersedes the one withdrawn.

use super::{CUT, Cut};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::{StoreError, Val};
use jieli_proto::case::{Direction, Past, Side, Slot, State};
use jieli_proto::id::LegId;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};

/// Working days a place is kept after a WITHDRAW.
const KEPT_DAYS: u32 = 5;

impl Batch<'_> {
    /// An OFFER has come: remembers which places it is for, and lets a rule look at it.
    pub(crate) async fn note_offer(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let values = self.offer_values(file).await?;
        let Some(cut) = Cut::of_offer(file.service, &values) else { return Ok(()) };
        let supersedes = self.superseded(file).await?;
        let mut vals: Vec<Val> = cut.vals();
        vals.extend([
            file.id.to_vec().into(),
            file.our_office.as_str().into(),
            supersedes.map_or(Vec::new(), |leg| leg.to_vec()).into(),
        ]);
        let sql = format!(
            "INSERT INTO leg_cut ({CUT}, leg_id, office, supersedes) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (leg_id) DO NOTHING"
        );
        self.conn.run(sqlx::AssertSqlSafe(sql), vals).await?;
        self.look_for_rule(file, &cut).await
    }

    /// The leg that this one supersedes: withdrawn, of the same office, and of the same two cities,
    /// so that nobody takes what is kept for somebody else.
    async fn superseded(&mut self, file: &LegFile) -> Result<Option<LegId>, StoreError> {
        let offer = file.latest(MessageType::Offer).and_then(|entry| entry.message.as_ref());
        let Some(wire::Message { body: Some(Body::Opening(opening)), .. }) = offer else {
            return Ok(None);
        };
        let Some(named) = LegId::from_slice(&opening.supersedes) else { return Ok(None) };
        let before = self.take_leg(named).await?;
        Ok(before
            .map(|old| old.seen_from(file.our_side))
            .filter(|old| {
                let same = old.bond == file.bond && old.our_office == file.our_office;
                same && old.service == file.service && old.is_stopped()
            })
            .map(|old| old.id))
    }

    /// Keeps the place that a leg held until somebody withdrew. `before` is what the leg came to
    /// before that WITHDRAW.
    pub(crate) async fn keep_place(
        &mut self,
        file: &LegFile,
        before: &State,
    ) -> Result<(), StoreError> {
        let gives = file.our_side == Side::Examiner
            && file.law.rules().direction == Direction::Push
            && !before.is_closed();
        let holds = matches!(before.slot, Slot::Held { .. });
        let offered = self.offered(file.id).await?;
        if let Some(offered) = offered.filter(|_| gives && holds) {
            let until = self.house.calendar().add_working_days(self.today, KEPT_DAYS);
            let mut vals: Vec<Val> = offered.cut.vals();
            vals.extend([
                file.id.to_vec().into(),
                file.our_office.as_str().into(),
                until.number().into(),
            ]);
            let sql = format!(
                "INSERT INTO kept_place ({CUT}, leg_id, office, until_on) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (leg_id) DO NOTHING"
            );
            self.conn.run(sqlx::AssertSqlSafe(sql), vals).await?;
            if let Some(taken) = offered.supersedes {
                // It was that place that this leg held: one place is kept once.
                let sql = "DELETE FROM kept_place WHERE leg_id = $1";
                self.conn.run(sql, vec![taken.to_vec().into()]).await?;
            }
        }
        if file.law.state().fact {
            // The place stays used, whatever else is stopped.
            return Ok(());
        }
        self.conn
            .run("DELETE FROM leg_cut WHERE leg_id = $1", vec![file.id.to_vec().into()])
            .await?;
        let today = self.today.number();
        self.conn.run("DELETE FROM kept_place WHERE until_on < $1", vec![today.into()]).await?;
        Ok(())
    }

    /// The same for a WITHDRAW of the other side that has just been taken in.
    pub(crate) async fn keep_place_of(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let theirs = file.our_side.other();
        let (own, others) = (file.law.len(file.our_side), file.law.len(theirs));
        let before = file.law.at(Past::of(theirs, others.saturating_sub(1), own));
        self.keep_place(file, &before).await
    }
}
