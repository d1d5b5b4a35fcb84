//! Mirrors the hashes of one peer's exchange log: whatever it has signed since the last time is
//! fetched as tiles, recomputed to the signed root, and stored. That the new head extends the old
//! one follows from recomputing. A turn fetches at most [`TILES_MAX`] tiles of leaves.

use super::heads::signed_size;
use super::{Witness, open_head};
use crate::batch::Batch;
use crate::command::{Command, Done};
use crate::courier::TICK;
use crate::store::log::Growth;
use crate::store::mirror::{self, Mirrored};
use crate::store::{Conn, StoreError};
use crate::world::PostError;
use crate::writer::{Failure, Published};
use jieli_proto::checkpoint::{Checkpoint, LogName};
use jieli_proto::id::CityId;
use jieli_proto::tree::{
    Hash, TILE_WIDTH, Tile, TreeError, consistency_proof, consistency_tiles, verify_consistency,
};
use jieli_proto::wire::{CheckpointRequest, TilesRequest};
use std::collections::BTreeMap;

/// Tiles of leaves that one turn fetches: 2048 leaves.
const TILES_MAX: u64 = 8;

/// Ticks after which a log is looked at again, whatever was heard: about a minute.
const SWEEP_TICKS: u32 = 400;

/// Ticks after the own log has moved: what passed between the two has moved the peer's as well, and
/// nothing else may tell of it for a long time. The peer may be slower: twice as long after each
/// look, up to [`SWEEP_TICKS`].
const AFTER_TICKS: u32 = 6;

/// The first rest after something did not work, in ticks; doubled each time up to a shift.
const REST_TICKS: u32 = 8;
const REST_SHIFT_MAX: u32 = 8;

/// Leaf hashes of a peer's log that lead from what is mirrored to a signed head, or on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Whose log.
    pub city: CityId,
    /// Which.
    pub origin: String,
    /// The size they begin at: what was mirrored before.
    pub from: u64,
    /// The leaf hashes from there on.
    pub hashes: Vec<Hash>,
    /// The root that they lead to.
    pub root: Hash,
    /// The signed head of that root; empty on the way to one.
    pub note: String,
}

/// The task of one peer.
pub(super) struct Mirror {
    shared: Witness,
    city: CityId,
    /// By origin, how far it is mirrored.
    done: BTreeMap<String, u64>,
    failures: u32,
    rest: u32,
    /// Ticks until the next look, and how many that was set to.
    wait: u32,
    pause: u32,
    /// Size of the own log when that was set.
    own_size: u64,
}

impl Mirror {
    pub(super) fn new(shared: Witness, city: CityId) -> Mirror {
        let done = BTreeMap::new();
        Mirror {
            shared,
            city,
            done,
            failures: 0,
            rest: 0,
            wait: SWEEP_TICKS,
            pause: SWEEP_TICKS,
            own_size: 0,
        }
    }

    /// Mirrors until it is stopped.
    pub(super) async fn run(mut self) {
        let mut published = self.shared.hand.watch();
        let sleep = self.shared.house.world.sleep.clone();
        let stop = self.shared.stop.clone();
        let mut tick = Box::pin(sleep.sleep(TICK));
        let mut look = true;
        loop {
            let now = published.borrow_and_update().clone();
            if now.exchange.size != self.own_size {
                (self.own_size, self.pause) = (now.exchange.size, AFTER_TICKS);
                self.wait = self.wait.min(AFTER_TICKS);
            }
            if self.rest == 0 && (look || self.is_behind(&now)) {
                self.pause = SWEEP_TICKS.min(self.pause * 2);
                self.wait = self.pause;
                let turn = self.turn();
                let turn = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    turn = turn => turn,
                };
                look = self.rested(turn);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = &mut tick => {
                    tick = Box::pin(sleep.sleep(TICK));
                    self.rest = self.rest.saturating_sub(1);
                    self.wait = self.wait.saturating_sub(1);
                    look |= self.wait == 0;
                }
                changed = published.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whether the peer has signed more than is mirrored.
    fn is_behind(&self, now: &Published) -> bool {
        now.heads.iter().any(|(origin, seen)| {
            let is_theirs = LogName::parse(origin).is_some_and(|n| n.city() == self.city.as_str());
            is_theirs && self.done.get(origin).is_none_or(|done| *done < seen.size())
        })
    }

    /// After a turn: whether to go on at the next tick. One turn a tick at most.
    fn rested(&mut self, turn: Result<bool, Unable>) -> bool {
        match turn {
            Ok(more) => {
                (self.failures, self.rest) = (0, 1);
                more
            }
            Err(error) => {
                tracing::debug!(peer = %self.city, %error, "the log is not mirrored on");
                self.rest = REST_TICKS << self.failures.min(REST_SHIFT_MAX);
                self.failures += 1;
                false
            }
        }
    }

    /// Fetches what is new, up to a turn's worth. Whether there is more.
    async fn turn(&mut self) -> Result<bool, Unable> {
        let post = self.shared.house.world.post.clone();
        let reply = post.checkpoint(&self.city, CheckpointRequest::default()).await?;
        let published = self.shared.hand.published();
        let peer = published.directory.peers.get(&self.city).ok_or(Unable::NotSigned)?;
        let head = open_head(peer, &reply.checkpoint).ok_or(Unable::NotSigned)?;
        let origin = head.origin().to_owned();
        let mut conn = self.shared.store.read().await?;
        let held = mirror::head(&mut conn, &origin).await?;
        let from = held.as_ref().map_or(0, |held| held.size);
        if from >= head.size() {
            // An older head than the one mirrored is held against it like any other.
            self.perform(Command::HeadsHeard(vec![(self.city.clone(), reply.checkpoint)])).await?;
            self.done.insert(origin.clone(), from);
            return match self.is_behind(&published) {
                true => Err(Unable::ServesLess),
                false => Ok(false),
            };
        }
        let stretch = self.fetch(&mut conn, held, &head, &reply.checkpoint).await?;
        drop(conn);
        let to = from + stretch.hashes.len() as u64;
        let done = self.perform(Command::Mirrored(Box::new(stretch))).await?;
        if !matches!(done, Done::Mirrored(true)) {
            // Not the hashes of that head, or another replica was faster: look again later.
            return Err(Unable::DoesNotLead);
        }
        self.done.insert(origin, to);
        Ok(to < head.size())
    }

    async fn fetch(
        &self,
        conn: &mut Conn,
        held: Option<Mirrored>,
        head: &Checkpoint,
        note: &str,
    ) -> Result<Stretch, Unable> {
        let from = held.as_ref().map_or(0, |held| held.size);
        let origin = head.origin();
        let end = head.size().min((from / TILE_WIDTH + TILES_MAX) * TILE_WIDTH);
        let mut growth = mirror::resume(conn, origin, held.as_ref()).await?;
        let mut hashes = Vec::new();
        for index in from / TILE_WIDTH..end.div_ceil(TILE_WIDTH) {
            let got = self.tile(Tile { level: 0, index }, end).await?;
            let known = from.saturating_sub(index * TILE_WIDTH) as usize;
            hashes.extend_from_slice(got.get(known..).unwrap_or_default());
        }
        for hash in &hashes {
            growth.append(*hash)?;
        }
        let (root, city) = (growth.root(), self.city.clone());
        let mut stretch =
            Stretch { city, origin: origin.to_owned(), from, hashes, root, note: String::new() };
        if end == head.size() {
            stretch.note = note.to_owned();
        } else {
            self.is_on_the_way(&growth, head).await?;
        }
        Ok(stretch)
    }

    /// Whether the tree so far is the beginning of the signed one: proved from the peer's tiles.
    async fn is_on_the_way(&self, growth: &Growth, head: &Checkpoint) -> Result<(), Unable> {
        let mut tiles = BTreeMap::new();
        for tile in consistency_tiles(growth.size(), head.size())? {
            tiles.insert(tile, self.tile(tile, head.size()).await?);
        }
        let mut read = |level, index| mirror::entry(&tiles, level, index);
        let proof = consistency_proof(growth.size(), head.size(), &mut read)?;
        verify_consistency(growth.size(), head.size(), &proof, &growth.root(), head.root())?;
        Ok(())
    }

    async fn tile(&self, tile: Tile, size: u64) -> Result<Vec<Hash>, Unable> {
        let ask =
            TilesRequest { level: tile.level.into(), index: tile.index, ..TilesRequest::default() };
        let reply = self.shared.house.world.post.tiles(&self.city, ask).await?;
        Ok(mirror::hashes_of(&reply.hashes, tile, size)?)
    }

    async fn perform(&self, command: Command) -> Result<Done, Unable> {
        Ok(self.shared.hand.perform(command).await?)
    }
}

impl Batch<'_> {
    /// Stores a stretch if it goes on where the mirror ends and leads to its root, which the peer
    /// has signed. Every accepted head on the way must be in it.
    pub(crate) async fn mirrored(&mut self, stretch: &Stretch) -> Result<bool, StoreError> {
        let Stretch { city, origin, from, hashes, root, note } = stretch;
        let held = mirror::head(self.conn, origin).await?;
        if held.as_ref().map_or(0, |held| held.size) != *from {
            return Ok(false);
        }
        // Heads are held against what a signed head proves: until then they wait.
        let after = held.as_ref().map_or(0, |held| signed_size(&held.note));
        let mut heads = match note.is_empty() {
            true => Vec::new(),
            false => self.heads_after(origin, after).await?,
        };
        let mut strangers = Vec::new();
        let earlier = heads.partition_point(|(size, _)| size <= from);
        for (size, signed) in heads.drain(..earlier) {
            if mirror::root_at(self.conn, origin, size).await? != signed {
                strangers.push(size);
            }
        }
        let mut heads = heads.into_iter().peekable();
        let mut growth = mirror::resume(self.conn, origin, held.as_ref()).await?;
        for hash in hashes {
            growth.append(*hash)?;
            while let Some((size, signed)) = heads.next_if(|(size, _)| *size == growth.size()) {
                if signed != growth.root() {
                    strangers.push(size);
                }
            }
        }
        if growth.root() != *root {
            return Ok(false);
        }
        if !note.is_empty() {
            let signed = self.accept_head(city, origin, note).await?;
            let leads = signed
                .is_some_and(|head| head.size() == growth.size() && *head.root() == growth.root());
            if !leads {
                let detail = format!("{origin}: the tiles do not lead to the head it signed");
                self.alarm("mirror-differs", city, &detail).await?;
                return Ok(false);
            }
        }
        mirror::store(self.conn, origin, &mut growth, note).await?;
        if strangers.is_empty() {
            self.mirrored.insert(origin.clone(), signed_size(note));
        }
        for size in strangers {
            self.not_one_history(city, origin, size).await?;
        }
        Ok(true)
    }

    /// Accepted heads beyond a size, smallest first.
    async fn heads_after(
        &mut self,
        origin: &str,
        size: u64,
    ) -> Result<Vec<(u64, Hash)>, StoreError> {
        let sql = "SELECT size, root FROM peer_head WHERE origin = $1 AND size > $2 ORDER BY size";
        let rows = self.conn.rows(sql, vec![origin.into(), size.into()]).await?;
        rows.iter().map(|row| Ok((row.uint(0)?, row.array(1)?))).collect()
    }
}

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Writer(#[from] Failure),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the peer shows no signed head of its own")]
    NotSigned,
    #[error("the peer shows less than it has signed")]
    ServesLess,
    #[error("the hashes do not lead to the signed head")]
    DoesNotLead,
}
