//! Erasing: what goes, what it leaves behind, and what may not go yet.
//!
//! A command says here what is to be destroyed; the writer does it before it commits, in the order
//! of [`crate::keyring`]. What is under a legal hold waits for its end.

use crate::batch::Batch;
use crate::keyring::{KeyId, Scope};
use crate::legs::{LegFile, Local, msg_id};
use crate::questions::Topic;
use crate::store::{self, StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::Outcome;
use jieli_proto::id::{Digest, LegId, MsgId};
use jieli_proto::section::SectionKind;
use jieli_proto::tombstone::{Reason, SALT_LEN, Tombstone};
use std::collections::{BTreeMap, BTreeSet};

impl Batch<'_> {
    /// Destroys keys, ciphertexts and index entries of a leg, and leaves a tombstone in the local
    /// log. The section digests that went; `None` where a legal hold keeps everything until its
    /// end, and it goes then.
    pub async fn erase(
        &mut self,
        leg: LegId,
        scope: Scope,
        why: Reason,
    ) -> Result<Option<Vec<Digest>>, StoreError> {
        if scope != Scope::Content {
            self.stop_pending(leg).await?;
        }
        if let Some(until_ms) = self.held_until(leg).await? {
            for kind in [TimerKind::EraseDraft, TimerKind::Retention] {
                self.timer(until_ms, kind, &leg.0).await?;
            }
            return Ok(None);
        }
        if matches!(scope, Scope::All | Scope::Content) {
            self.hand_on_notices(leg).await?;
        }
        let (low, high) = scope.slots();
        let vals = || vec![leg.to_vec().into(), low.into(), high.into()];
        let sql = "DELETE FROM section_data WHERE leg_id = $1 AND slot >= $2 AND slot <= $3 \
                   RETURNING key_id, slot, msg_id";
        let mut keys: BTreeSet<KeyId> = BTreeSet::new();
        let mut places = Vec::new();
        for row in self.conn.rows(sql, vals()).await? {
            keys.insert(row.array(0)?);
            places.push((row.int(1)? as u8, MsgId(row.array(2)?)));
        }
        let mut rows = places.len() as u64;
        for table in scope.tables() {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
            rows += self.conn.run(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into()]).await?;
        }
        if rows == 0 {
            return Ok(Some(Vec::new()));
        }
        if scope == Scope::All {
            self.forget_words(leg).await?;
        }
        self.ring.destroy(self.now_ms, leg, scope, keys.into_iter().collect());
        let digests = self.digests_of(leg, &places).await?;
        self.tombstone(leg, scope, why, &digests).await?;
        Ok(Some(digests))
    }

    /// Removes a single value that has served; with the last one under a key, the key.
    pub(crate) async fn unhide(&mut self, leg: LegId, slot: u8) -> Result<(), StoreError> {
        let sql =
            "DELETE FROM section_data WHERE leg_id = $1 AND slot = $2 RETURNING leg_id, key_id";
        let rows = self.conn.rows(sql, vec![leg.to_vec().into(), slot.into()]).await?;
        self.give_up(rows).await
    }

    /// The same of all that belongs to a notice or a message, in whatever slots.
    pub(crate) async fn unhide_message(&mut self, id: &[u8; 16]) -> Result<(), StoreError> {
        let sql = "DELETE FROM section_data WHERE msg_id = $1 RETURNING leg_id, key_id";
        let rows = self.conn.rows(sql, vec![id.into()]).await?;
        self.give_up(rows).await
    }

    async fn give_up(&mut self, rows: Vec<crate::store::Row>) -> Result<(), StoreError> {
        let mut keys: BTreeMap<KeyId, LegId> = BTreeMap::new();
        for row in rows {
            keys.insert(row.array(1)?, LegId(row.array(0)?));
        }
        for (id, leg) in keys {
            let sql = "SELECT 1 FROM section_data WHERE key_id = $1 LIMIT 1";
            if self.conn.maybe(sql, vec![id.as_slice().into()]).await?.is_none() {
                self.ring.use_up(self.now_ms, leg, id);
            }
        }
        Ok(())
    }

    /// What an old copy of the database had brought back was destroyed before the node served; here
    /// it gets its tombstone again.
    pub(crate) async fn note_erased_again(
        &mut self,
        again: &[crate::keyring::Again],
    ) -> Result<(), StoreError> {
        for found in again {
            let digests = self.digests_of(found.leg, &found.places).await?;
            self.tombstone(found.leg, Scope::All, Reason::Again, &digests).await?;
        }
        Ok(())
    }

    /// Words that people typed about a leg go with it.
    async fn forget_words(&mut self, leg: LegId) -> Result<(), StoreError> {
        let sql = "UPDATE looked SET purpose = '' WHERE leg_id = $1 AND purpose <> ''";
        self.conn.run(sql, vec![leg.to_vec().into()]).await?;
        // A PIN outlives its case's last value for nobody.
        let sql = "DELETE FROM worker_pin WHERE case_id = (SELECT case_id FROM leg WHERE leg_id = $1) \
                   AND NOT EXISTS (SELECT 1 FROM section_data d JOIN leg l ON l.leg_id = d.leg_id \
                   WHERE l.case_id = worker_pin.case_id)";
        self.conn.run(sql, vec![leg.to_vec().into()]).await?;
        Ok(())
    }

    /// The digests that signed messages name for these places.
    async fn digests_of(
        &mut self,
        leg: LegId,
        places: &[(u8, MsgId)],
    ) -> Result<Vec<Digest>, StoreError> {
        let wanted: BTreeSet<&(u8, MsgId)> =
            places.iter().filter(|(slot, _)| SectionKind::of(u32::from(*slot)).is_some()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let Some(file) = self.take_leg(leg).await? else { return Ok(Vec::new()) };
        let mut digests = Vec::new();
        for message in file.entries.iter().filter_map(|entry| entry.message.as_ref()) {
            let Some(msg) = msg_id(message) else { continue };
            for slot in &message.section_digests {
                let number = u8::try_from(slot.section).unwrap_or_default();
                if wanted.contains(&(number, msg)) {
                    digests.extend(Digest::from_slice(&slot.digest));
                }
            }
        }
        Ok(digests)
    }

    async fn tombstone(
        &mut self,
        leg: LegId,
        scope: Scope,
        reason: Reason,
        digests: &[Digest],
    ) -> Result<(), StoreError> {
        let salt: [u8; SALT_LEN] = self.random();
        let stone =
            Tombstone { salt, at_unix_ms: self.now_ms, leg, reason, sections: digests.to_vec() };
        let (epoch, size) = match self.local_epoch {
            _ if self.directory.recovering.is_some() => {
                (store::recovery::NO_EPOCH, store::recovery::next_record(self.conn).await?)
            }
            Some(epoch) => (epoch, 0),
            None => self.local_head,
        };
        let index = size + self.records.len() as u64;
        self.records.push(stone.to_bytes());
        let all: Vec<u8> = digests.iter().flat_map(|digest| digest.0).collect();
        let vals: Vec<Val> = vec![
            leg.to_vec().into(),
            epoch.into(),
            index.into(),
            self.now_ms.into(),
            scope.letter().into(),
            reason.number().into(),
            all.into(),
        ];
        let sql = "INSERT INTO tombstone (leg_id, log_epoch, log_idx, erased_ms, scope, reason, \
                   section_digests) VALUES ($1,$2,$3,$4,$5,$6,$7)";
        self.conn.run(sql, vals).await?;
        Ok(())
    }

    /// When the last legal hold on a leg ends, Unix milliseconds; `None` if there is none.
    pub(crate) async fn held_until(&mut self, leg: LegId) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT until_ms FROM legal_hold WHERE leg_id = $1 AND approved_ms > 0 \
                   AND until_ms > $2 ORDER BY until_ms DESC LIMIT 1";
        let row = self.conn.maybe(sql, vec![leg.to_vec().into(), self.now_ms.into()]).await?;
        row.map(|row| row.uint(0)).transpose()
    }
}

/// A draft whose time is over, or what is left of a leg that was stopped.
pub(crate) async fn erase_draft(batch: &mut Batch<'_>, file: &mut LegFile) -> Outcome<()> {
    let is_live = file.law.exists() && !file.is_stopped();
    if file.local == Local::OnTheRoad && is_live {
        return Ok(());
    }
    if matches!(file.local, Local::OnTheRoad | Local::Dropped) {
        return forget_stopped(batch, file).await;
    }
    if let Some(until_ms) = batch.letter_kept_until(file.id).await? {
        return Ok(batch.timer(until_ms, TimerKind::EraseDraft, &file.id.0).await?);
    }
    if file.local == Local::OnPaper {
        return forget_stopped(batch, file).await;
    }
    if file.local == Local::Asked {
        if let Some(later_ms) = batch.asked_until(file.id).await? {
            return Ok(batch.timer(later_ms, TimerKind::EraseDraft, &file.id.0).await?);
        }
        // A lapse is the person's; a draft that nobody was asked about is not, nor a yes that could
        // not be sent.
        if !batch.said_yes(file.id).await? {
            batch.suppress(file).await?;
        }
    }
    file.local = Local::Dropped;
    store::legs::update(batch.conn, file).await?;
    batch.put_leg(file.clone());
    batch.erase(file.id, Scope::All, Reason::Lapsed).await?;
    Ok(())
}

/// What is left of a stopped leg goes once nobody can say "not me" any more.
async fn forget_stopped(batch: &mut Batch<'_>, file: &LegFile) -> Outcome<()> {
    let open = batch.open_question_about(file.id, Topic::Stopped, &[]).await?;
    if let Some(question) = open.filter(|question| question.answered_ms == 0) {
        return Ok(batch.timer(question.deadline_ms, TimerKind::EraseDraft, &file.id.0).await?);
    }
    batch.erase(file.id, Scope::All, Reason::Withdrawn).await?;
    Ok(())
}
