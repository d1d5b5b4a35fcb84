//! Offices that were merged or renamed: when a version with a successor comes into force, the legs
//! go on there, with their queue, their handlers and their deadlines. The person agreed to another
//! office, though: before RELEASE the person is asked anew (V2).

use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::{LegFile, Local};
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use jieli_proto::case::{Direction, Side};
use jieli_proto::id::{AgreementId, LegId};

impl Batch<'_> {
    /// Moves the legs of an agreement to the offices that the version in force names for them.
    pub(crate) async fn offices_move(&mut self, id: AgreementId) -> Result<(), StoreError> {
        let Some(bond) = self.bond(&id) else { return Ok(()) };
        let Some(now) = bond.in_force() else { return Ok(()) };
        let parties = now.wire.parties.iter().flat_map(|party| &party.offices);
        let gone: Vec<String> = parties.flat_map(|office| office.succeeds.clone()).collect();
        for code in gone {
            for leg in self.legs_of_office(id, &code).await? {
                let Some(file) = self.take_leg(leg).await? else { continue };
                self.office_moves(&bond, file).await?;
            }
            self.body_moves(&code).await?;
        }
        Ok(())
    }

    /// What was sealed to a grievance body, and its call-backs, go on at the office that it is now; so
    /// does its key, which its people have, where that office has placed none.
    async fn body_moves(&mut self, code: &str) -> Result<(), StoreError> {
        let now = self.directory.office_now(code).to_owned();
        if now == code {
            return Ok(());
        }
        let placed = "SELECT 1 FROM grievance_key WHERE office = $1 LIMIT 1";
        let has_key = self.conn.maybe(placed, vec![now.as_str().into()]).await?.is_some();
        for (sql, moves) in [
            ("UPDATE sealed_record SET office = $2 WHERE office = $1", true),
            ("UPDATE call_back SET office = $2 WHERE office = $1", true),
            ("UPDATE grievance_key SET office = $2 WHERE office = $1", !has_key),
        ] {
            if moves {
                self.conn.run(sql, vec![code.into(), now.as_str().into()]).await?;
            }
        }
        Ok(())
    }

    /// Legs and drafts in which an office stands: of one agreement, and drafts that have none yet.
    async fn legs_of_office(
        &mut self,
        id: AgreementId,
        code: &str,
    ) -> Result<Vec<LegId>, StoreError> {
        let sql = "SELECT leg_id FROM leg WHERE (our_office = $2 OR their_office = $2) \
                   AND (agreement_id = $1 OR (agreement_id = $3 AND local_state IN (0, 1))) \
                   ORDER BY leg_id";
        let vals = vec![id.to_vec().into(), code.into(), Vec::new().into()];
        let rows = self.conn.rows(sql, vals).await?;
        let mut legs: Vec<LegId> = Vec::new();
        for row in rows {
            legs.push(LegId(row.array(0)?));
        }
        // What this batch has begun is not in the tables under its new office yet.
        let names = |file: &&LegFile| file.our_office == code || file.their_office == code;
        let added = self.legs.values().filter(|file| file.bond == Some(id)).filter(names);
        legs.extend(added.map(|file| file.id));
        legs.sort_unstable();
        legs.dedup();
        Ok(legs)
    }

    async fn office_moves(&mut self, bond: &Bond, mut file: LegFile) -> Result<(), StoreError> {
        let before = (file.our_office.clone(), file.their_office.clone());
        let now = match (file.local, file.bond) {
            (Local::OnTheRoad, _) => file.offices_at(bond, bond.version()),
            (_, Some(_)) => {
                let at = |side, code: &str| bond.office_at(side, code, (0, bond.version()));
                let ours = at(bond.our_side, &file.our_office);
                Some((ours, at(bond.our_side.other(), &file.their_office)))
            }
            // A draft that may still go to any city moves when nobody names its office any more.
            (_, None) => {
                let ours = self.directory.office_now(&file.our_office).to_owned();
                Some((ours, file.their_office.clone()))
            }
        };
        let Some(now) = now.filter(|now| *now != before) else { return Ok(()) };
        (file.our_office, file.their_office) = now;
        let asks = self.asks_anew(&file).await?;
        store::legs::update(self.conn, &file).await?;
        self.put_leg(file.clone());
        if asks {
            self.timer(self.now_ms, TimerKind::AskAnew, &file.id.0).await?;
        }
        Ok(())
    }

    /// Whether the person has to be asked about the office that it is now: who was asked about
    /// another one and has not refused; an answer to that question counts no more.
    async fn asks_anew(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        match file.local {
            Local::Asked => {
                let refused = self.has_refused(file.id).await?;
                self.void_questions(file).await?;
                Ok(!refused)
            }
            Local::OnTheRoad => Ok(needs_consent(file)),
            Local::Draft | Local::Dropped | Local::OnPaper => Ok(false),
        }
    }
}

/// Whether a RELEASE is still to come, which needs a consent that names the office.
pub(crate) fn needs_consent(file: &LegFile) -> bool {
    let push = file.law.rules().direction == Direction::Push;
    let ours = file.our_side == Side::Initiator && !file.is_local();
    let open = file.law.exists() && !file.law.is_closed() && !file.is_stopped();
    push && ours && open && !file.law.state().released && !file.law.state().fact
}
