//! What a peer states about its log: checked, kept, and its letters are taken again.

use crate::batch::Batch;
use crate::directory::Peer;
use crate::store::StoreError;
use crate::store::recovery::{self as rows, Statement};
use crate::witness::{newest_of, open_head};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::recovery::{check_recovery, check_successor};
use jieli_proto::tree::{Hash, verify_consistency};
use jieli_proto::wire::{self, Envelope, GreetRequest};

/// Letters that a peer may ask for again at once.
const AGAIN_MAX: usize = 10_000;

impl Batch<'_> {
    /// A peer's statement. What does not hold changes nothing: the peer stays held back.
    pub(super) async fn stated(
        &mut self,
        peer: &Peer,
        said: &GreetRequest,
    ) -> Result<(), StoreError> {
        let Some(sealed) = &said.statement else { return self.unbroken(peer, said).await };
        let kind = envelope::kind(sealed);
        let accepted = if kind == Some(Kind::Recovery) {
            self.accept_recovery(peer, sealed, said).await?
        } else if kind == Some(Kind::Successor) {
            self.accept_successor(peer, sealed).await?
        } else {
            None
        };
        let Some(statement) = accepted else {
            let detail = "对方关于其日志的声明不成立，仍不收其新的信件。 What it states about its log \
                          does not hold: nothing new of it is taken.";
            return self.alarm("statement-refused", &peer.city, detail).await;
        };
        let known = rows::statements(self.conn, &peer.city).await?;
        if !known.iter().any(|held| held.digest == statement.digest) {
            rows::keep_statement(self.conn, &statement, self.now_ms).await?;
            self.drop_proofs(&statement).await?;
            self.record("peer stated its log", &statement.digest.0);
            let size = statement.head.0;
            let detail = format!(
                "该城市已声明还原了日志（{size} 条），恢复收发。 It has stated that its log is whole \
                 again at {size} records: letters are taken again."
            );
            self.alarm("log-restored", &peer.city, &detail).await?;
        }
        rows::release(self.conn, &peer.city).await?;
        self.send_again(peer, &said.lost).await?;
        self.wake.insert(peer.city.clone());
        self.reload().await
    }

    /// Proofs in an epoch that has ended count up to its end; others are fetched again when they are
    /// needed.
    async fn drop_proofs(&mut self, statement: &Statement) -> Result<(), StoreError> {
        if statement.next_epoch == 0 {
            return Ok(());
        }
        let origin = statement.city.exchange_origin(statement.epoch);
        let sql =
            "DELETE FROM peer_proof WHERE origin = $1 AND (log_index >= $2 OR head_size > $2)";
        self.conn.run(sql, vec![origin.into(), statement.head.0.into()]).await.map(drop)
    }

    /// A peer that was held back shows that its newest head extends all that was seen of it: it
    /// never went back, older words of its own had come after newer ones.
    async fn unbroken(&mut self, peer: &Peer, said: &GreetRequest) -> Result<(), StoreError> {
        if peer.quarantine.is_none() {
            return Ok(());
        }
        let origin = peer.city.exchange_origin(peer.epoch);
        let Some(head) = newest(peer, &origin, &said.checkpoint) else { return Ok(()) };
        let seen = newest_of(self.conn, &origin).await?;
        let holds =
            seen.is_none_or(|seen| extends(&head, seen.size, &seen.root, &said.consistency));
        if !holds || self.accept_head(&peer.city, &origin, &said.checkpoint).await?.is_none() {
            return Ok(());
        }
        let detail = "该城市证明其日志从未缩短，恢复收发。 It has proved that its log never went \
                      back: letters are taken again.";
        self.alarm("log-unbroken", &peer.city, detail).await?;
        rows::release(self.conn, &peer.city).await?;
        self.wake.insert(peer.city.clone());
        self.reload().await
    }

    /// A recovery: signed by a live log key, for the epoch we know, and its newest head extends all
    /// that we have seen.
    async fn accept_recovery(
        &mut self,
        peer: &Peer,
        sealed: &Envelope,
        said: &GreetRequest,
    ) -> Result<Option<Statement>, StoreError> {
        if !peer.has_signed(sealed, Kind::Recovery) {
            return Ok(None);
        }
        let found = envelope::payload::<wire::Recovery>(sealed);
        let Some(rebuilt) = found.ok().and_then(|found| check_recovery(&found).ok()) else {
            return Ok(None);
        };
        if rebuilt.city != peer.city || rebuilt.epoch != peer.epoch {
            return Ok(None);
        }
        let origin = peer.city.exchange_origin(peer.epoch);
        let seen = newest_of(self.conn, &origin).await?;
        let Some(head) = newest(peer, &origin, &said.checkpoint) else { return Ok(None) };
        let seen_size = seen.as_ref().map_or(0, |seen| seen.size);
        if rebuilt.rebuilt.size < seen_size || head.size() < rebuilt.rebuilt.size {
            return Ok(None);
        }
        if let Some(seen) = seen
            && !extends(&head, seen.size, &seen.root, &said.consistency)
        {
            return Ok(None);
        }
        if self.accept_head(&peer.city, &origin, &said.checkpoint).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(Statement {
            city: peer.city.clone(),
            epoch: rebuilt.epoch,
            head: (rebuilt.rebuilt.size, rebuilt.rebuilt.root.0),
            next_epoch: 0,
            sealed: sealed.clone(),
            digest: envelope::env_digest(sealed),
        }))
    }

    /// A successor: signed by the pinned root, for the epoch we know. A root that contradicts a
    /// head we hold at that very size is not believed.
    async fn accept_successor(
        &mut self,
        peer: &Peer,
        sealed: &Envelope,
    ) -> Result<Option<Statement>, StoreError> {
        let found = envelope::open::<wire::Successor>(sealed, &peer.root);
        let Some(succeeded) = found.ok().and_then(|found| check_successor(&found).ok()) else {
            return Ok(None);
        };
        let digest = envelope::env_digest(sealed);
        let again = rows::statements(self.conn, &peer.city).await?;
        let again = again.iter().any(|held| held.digest == digest);
        if succeeded.city != peer.city || (succeeded.old_epoch != peer.epoch && !again) {
            return Ok(None);
        }
        let origin = peer.city.exchange_origin(succeeded.old_epoch);
        let row = self
            .conn
            .maybe(
                "SELECT root FROM peer_head WHERE origin = $1 AND size = $2",
                vec![origin.as_str().into(), succeeded.old.size.into()],
            )
            .await?;
        if let Some(row) = row
            && row.array::<32>(0)? != succeeded.old.root.0
        {
            return Ok(None);
        }
        Ok(Some(Statement {
            city: peer.city.clone(),
            epoch: succeeded.old_epoch,
            head: (succeeded.old.size, succeeded.old.root.0),
            next_epoch: succeeded.new_epoch,
            sealed: sealed.clone(),
            digest,
        }))
    }

    /// Letters that the peer lost the sections of go out once more: whether a section still may,
    /// each letter asks when it is written.
    async fn send_again(
        &mut self,
        peer: &Peer,
        lost: &[wire::SectionsLost],
    ) -> Result<(), StoreError> {
        let mut room = AGAIN_MAX;
        for named in lost {
            let bond = AgreementId::from_slice(&named.agreement_id).and_then(|id| self.bond(&id));
            let Some(bond) = bond.filter(|bond| bond.peer == peer.city) else { continue };
            let lane = Lane::messages(bond.our_side);
            let end = self.lane_end(bond.id, lane).await?;
            for seq in named.lane_seqs.iter().filter(|seq| (1..=end.last_seq).contains(*seq)) {
                if room == 0 {
                    return Ok(());
                }
                room -= 1;
                let sql = "INSERT INTO outbox (agreement_id, lane, lane_seq, peer, due_ms, \
                           attempts, tried_ms, since_ms, problem) VALUES ($1,$2,$3,$4,$5,0,0,$5,'') \
                           ON CONFLICT (agreement_id, lane, lane_seq) DO NOTHING";
                let vals = vec![
                    bond.id.to_vec().into(),
                    lane.number().into(),
                    (*seq).into(),
                    peer.city.as_str().into(),
                    self.now_ms.into(),
                ];
                self.conn.run(sql, vals).await?;
            }
        }
        Ok(())
    }
}

/// The peer's newest checkpoint, signed by a log key that counts.
fn newest(peer: &Peer, origin: &str, note: &str) -> Option<Checkpoint> {
    open_head(peer, note).filter(|head| head.origin() == origin)
}

/// Whether a head extends an older one of the same log.
fn extends(head: &Checkpoint, size: u64, root: &Hash, path: &[Vec<u8>]) -> bool {
    let path: Option<Vec<Hash>> = path.iter().map(|hash| hash.as_slice().try_into().ok()).collect();
    let Some(path) = path.filter(|path| path.len() <= 63) else { return false };
    verify_consistency(size, head.size(), &path, root, head.root()).is_ok()
}
