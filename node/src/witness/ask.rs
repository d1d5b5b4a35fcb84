//! Asks one peer to cosign this city's heads: the exchange log's whenever it has moved, the local
//! log's hourly. Nothing waits for it.

use super::Witness;
use crate::command::Command;
use crate::courier::TICK;
use crate::recovery;
use crate::store::log::{self, Head};
use crate::store::{Conn, StoreError};
use crate::world::{PostError, Witnessed};
use crate::writer::Failure;
use jieli_proto::id::CityId;
use jieli_proto::wire::CosignRequest;
use std::collections::BTreeMap;

/// Ticks between two requests for the exchange log while it moves: about three seconds.
const MOVED_TICKS: u32 = 20;

/// A head that did not move is cosigned again after this time, so that the cosignature stays young.
const AGAIN_MS: u64 = 30 * 60_000;

/// The local log is cosigned so often.
const LOCAL_MS: u64 = 3_600_000;

/// The first rest after something did not work, in ticks; doubled each time up to a shift.
const REST_TICKS: u32 = 8;
const REST_SHIFT_MAX: u32 = 8;

/// The task of one peer.
pub(super) struct Ask {
    shared: Witness,
    city: CityId,
    /// By origin: the size this peer has cosigned last, and when.
    done: BTreeMap<String, (u64, u64)>,
    /// Findings there were when it was last asked: a new one is told at once.
    findings: usize,
    /// Whether both have said where their logs stand: before anything signed is shown.
    has_met: bool,
    failures: u32,
    rest: u32,
}

impl Ask {
    pub(super) fn new(shared: Witness, city: CityId) -> Ask {
        let done = BTreeMap::new();
        Ask { shared, city, done, findings: 0, has_met: false, failures: 0, rest: 0 }
    }

    /// Asks until it is stopped.
    pub(super) async fn run(mut self) {
        let (sleep, stop) = (self.shared.house.world.sleep.clone(), self.shared.stop.clone());
        if let Err(error) = self.remember().await {
            tracing::warn!(%error, "what peers have cosigned could not be read");
        }
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep.sleep(TICK) => self.rest = self.rest.saturating_sub(1),
            }
            if self.rest > 0 {
                continue;
            }
            let asked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                asked = self.turn() => asked,
            };
            match asked {
                Ok(false) => {}
                Ok(true) => (self.failures, self.rest) = (0, MOVED_TICKS),
                Err(error) => {
                    tracing::debug!(peer = %self.city, %error, "no cosignature");
                    self.has_met = false;
                    self.rest = REST_TICKS << self.failures.min(REST_SHIFT_MAX);
                    self.failures += 1;
                }
            }
        }
    }

    async fn remember(&mut self) -> Result<(), StoreError> {
        let mut conn = self.shared.store.read().await?;
        let sql = "SELECT origin, size, at_ms FROM cosign_last WHERE city = $1";
        for row in conn.rows(sql, vec![self.city.as_str().into()]).await? {
            self.done.insert(row.text(0)?, (row.uint(1)?, row.uint(2)?));
        }
        Ok(())
    }

    /// Asks for what is due; whether anything was.
    async fn turn(&mut self) -> Result<bool, Unable> {
        let published = self.shared.hand.published();
        let directory = &published.directory;
        let is_live = directory.bonds.values().any(|bond| bond.version() > 0);
        let is_whole = directory.recovering.is_none();
        if !is_live || !is_whole || !directory.peers.contains_key(&self.city) {
            return Ok(false);
        }
        let now_ms = self.shared.house.world.clock.now_unix_ms();
        let logs = [
            (&published.exchange, &published.checkpoint, AGAIN_MS, true),
            (&published.local, &published.local_checkpoint, LOCAL_MS, false),
        ];
        let mut any = false;
        for (head, note, again_ms, when_moved) in logs {
            let origin = match head.id.log {
                log::Log::Exchange => directory.city.exchange_origin(head.id.epoch),
                log::Log::Local => directory.city.local_origin(head.id.epoch),
            };
            let done = self.done.get(&origin).copied();
            let moved = when_moved && done.is_none_or(|(size, _)| size < head.size);
            let is_news = when_moved && self.findings < published.findings.len();
            let is_old = done.is_none_or(|(_, at_ms)| now_ms.abs_diff(at_ms) >= again_ms);
            if head.size > 0 && (moved || is_old || is_news) {
                if !self.meet().await? {
                    return Ok(false);
                }
                self.ask(head, note, &origin).await?;
                self.done.insert(origin, (head.size, now_ms));
                any = true;
            }
        }
        self.findings = published.findings.len();
        Ok(any)
    }

    /// Greets the peer, once after a start or a break; whether this city may go on signing.
    async fn meet(&mut self) -> Result<bool, Unable> {
        if !self.has_met {
            let Witness { hand, house, store, .. } = &self.shared;
            self.has_met = recovery::meet(hand, house, store, &self.city).await?;
        }
        Ok(self.has_met)
    }

    async fn ask(&self, head: &Head, note: &str, origin: &str) -> Result<(), Unable> {
        let mut old_size = self.done.get(origin).map_or(0, |(size, _)| *size);
        // The second time with the size that the peer holds.
        for _ in 0..2 {
            if old_size > head.size {
                return Err(Unable::Ahead(old_size));
            }
            let mut conn = self.shared.store.read().await?;
            let hashes = proof(&mut conn, head, old_size).await?;
            drop(conn);
            let checkpoint = note.to_owned();
            let ask = CosignRequest { old_size, checkpoint, hashes, ..CosignRequest::default() };
            match self.shared.house.world.post.cosign(&self.city, ask).await? {
                Witnessed::Signed(reply) => {
                    let heads = reply.heads.unwrap_or_default();
                    super::hear(&self.shared.hand, &self.city, &heads)?;
                    let (city, note) = (self.city.clone(), note.to_owned());
                    let got = Command::CosignatureGot(city, note, reply.cosignature);
                    self.shared.hand.perform(got).await?;
                    return Ok(());
                }
                Witnessed::Held(size) => old_size = size,
            }
        }
        Err(Unable::Conflict)
    }
}

async fn proof(conn: &mut Conn, head: &Head, old: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let hashes = log::consistency(conn, head.id, old, head.size).await?;
    Ok(hashes.iter().map(|hash| hash.to_vec()).collect())
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Unheard(#[from] recovery::Unheard),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Writer(#[from] Failure),
    #[error("the peer has cosigned a head of size {0}, which this city does not have")]
    Ahead(u64),
    #[error("the peer holds another head each time")]
    Conflict,
}
