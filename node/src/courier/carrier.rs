//! What one peer gets, and when.

use super::sorted::{LaneKey, Sorted, noted_of, place_of};
use super::{Courier, TICK};
use crate::command::{Command, Done};
use crate::receive::{self, Received};
use crate::recovery::{Unheard, meet};
use crate::store::queue::{self, Place, Waiting};
use crate::store::{Conn, StoreError, recovery};
use crate::wire_limits::WINDOW;
use crate::witness;
use crate::world::{Delivered, PostError};
use crate::writer::Failure;
use jieli_proto::id::CityId;
use jieli_proto::kinds::Kind;
use jieli_proto::wire::{DeferReason, FetchRequest, Letter, Noted};
use std::collections::{BTreeMap, BTreeSet};

/// Tries of a letter that the peer puts off, before it waits in the outbox like any other.
const TRIES_MAX: u32 = 6;

/// Ticks after which everything is looked at again, whatever was heard: about five minutes.
const SWEEP_TICKS: u32 = 2000;

/// Ticks of rest after the database or the writer could not do it.
const REST_TICKS: u32 = 4;

/// Contact is noted at least so often while it goes well.
const HEARD_MS: u64 = 60_000;

/// The courier of one peer.
pub(super) struct Carrier {
    shared: Courier,
    city: CityId,
    /// Receipts of the peer that are stored here, to be told with the next delivery.
    noted: Vec<Noted>,
    /// Lanes whose first letter the peer put off: tried again after some ticks.
    holds: BTreeMap<LaneKey, Hold>,
    /// What the last delivery held: what of it still waits was not taken.
    last: BTreeSet<Place>,
    /// Lanes of which the peer wants earlier letters again.
    again_from: BTreeMap<LaneKey, u64>,
    /// The peer waits for receipts of ours: they go at once.
    wants_receipts: bool,
    next_due_ms: Option<u64>,
    woken: u64,
    ticks: u32,
    rest: u32,
    heard_ms: u64,
    is_failing: bool,
    /// Both cities have said where their logs stand, since the start and the last break.
    has_greeted: bool,
    /// Packs of the peer are to be fetched: tried once after each change of the directory, and with
    /// each sweep.
    wants_packs: bool,
    /// The directory's generation at the last look.
    generation: i64,
}

/// A lane that waits in memory.
struct Hold {
    head: u64,
    tries: u32,
    ticks: u32,
    why: String,
}

impl Carrier {
    pub(super) fn new(shared: Courier, city: CityId) -> Carrier {
        Carrier {
            shared,
            city,
            noted: Vec::new(),
            holds: BTreeMap::new(),
            last: BTreeSet::new(),
            again_from: BTreeMap::new(),
            wants_receipts: false,
            next_due_ms: None,
            woken: 0,
            ticks: 0,
            rest: 0,
            heard_ms: 0,
            is_failing: false,
            has_greeted: false,
            wants_packs: true,
            generation: 0,
        }
    }

    /// Carries until it is stopped.
    pub(super) async fn run(mut self) {
        let mut published = self.shared.hand.watch();
        let sleep = self.shared.house.world.sleep.clone();
        let stop = self.shared.stop.clone();
        let mut tick = Box::pin(sleep.sleep(TICK));
        let mut look = true;
        loop {
            let now = published.borrow_and_update().clone();
            let woken = now.wake.get(&self.city).copied().unwrap_or(0);
            look |= woken != self.woken || now.directory.generation != self.generation;
            self.woken = woken;
            if now.directory.generation != self.generation {
                (self.generation, self.has_greeted) = (now.directory.generation, false);
                self.wants_packs = true;
            }
            let is_whole = now.directory.recovering.is_none();
            if is_whole && self.rest == 0 && (look || self.is_due()) {
                look = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    again = self.round() => again,
                };
                if look && !stop.is_cancelled() {
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = &mut tick => {
                    tick = Box::pin(sleep.sleep(TICK));
                    look |= self.tick();
                }
                changed = published.changed() => if changed.is_err() { return },
            }
        }
    }

    fn now_ms(&self) -> u64 {
        self.shared.house.world.clock.now_unix_ms()
    }

    fn is_due(&self) -> bool {
        self.next_due_ms.is_some_and(|due_ms| due_ms <= self.now_ms())
    }

    /// A tick has passed; whether there is something to look at.
    fn tick(&mut self) -> bool {
        self.rest = self.rest.saturating_sub(1);
        self.ticks = (self.ticks + 1) % SWEEP_TICKS;
        let mut over = self.ticks == 0;
        self.has_greeted &= !over;
        self.wants_packs |= over;
        for hold in self.holds.values_mut().filter(|hold| hold.ticks > 0) {
            hold.ticks -= 1;
            over |= hold.ticks == 0;
        }
        over
    }

    fn is_held(&self, lane: &LaneKey) -> bool {
        self.holds.get(lane).is_some_and(|hold| hold.ticks > 0)
    }

    /// Takes what is due, carries it, and sees to the answers. Whether there may be more.
    async fn round(&mut self) -> bool {
        match self.try_round().await {
            Ok(again) => again,
            Err(error) => {
                tracing::warn!(peer = %self.city, %error, "the courier rests");
                self.rest = REST_TICKS;
                true
            }
        }
    }

    async fn try_round(&mut self) -> Result<bool, Unable> {
        let mut conn = self.shared.letters.store().read().await?;
        let waiting = self.wanted(&mut conn).await?;
        let waiting = self.without_stuck(waiting).await?;
        if !self.has_greeted && !self.greet(&mut conn, &waiting).await? {
            return Ok(false);
        }
        if std::mem::take(&mut self.wants_packs) {
            self.fetch_packs().await?;
        }
        if waiting.is_empty() && self.noted.is_empty() {
            self.next_due_ms = self.next_due(&mut conn).await?;
            return Ok(false);
        }
        drop(conn);
        let places = self.places(&waiting);
        let published = self.shared.hand.published();
        let letters = self.shared.letters.write(&published, &places).await?;
        let noted = std::mem::take(&mut self.noted);
        if letters.is_empty() && noted.is_empty() {
            // No signed head covers them yet: the next one wakes.
            self.next_due_ms = None;
            return Ok(false);
        }
        let sent: BTreeSet<Place> = letters.iter().filter_map(place_of).collect();
        self.last = sent.clone();
        let post = self.shared.house.world.post.clone();
        match post.deliver(&self.city, letters, noted).await {
            // What was noted is not said again: the receipt's own letter will ask.
            Err(error) => self.failed(&waiting, &sent, &error).await?,
            Ok(delivered) => self.answered(&waiting, &sent, delivered).await?,
        }
        Ok(true)
    }

    /// Asks the peer for the packs that it announced and that are not held here.
    async fn fetch_packs(&mut self) -> Result<(), Unable> {
        let published = self.shared.hand.published();
        let post = self.shared.house.world.post.clone();
        for (id, digest) in published.directory.shelf.wanted_of(&self.city) {
            let ask = FetchRequest {
                agreement_id: id.to_vec(),
                pack: digest.to_vec(),
                ..FetchRequest::default()
            };
            match post.fetch(&self.city, ask).await {
                Ok(replies) => {
                    let Some(sealed) = replies.into_iter().find_map(|reply| reply.envelope) else {
                        continue;
                    };
                    let came = Command::PackFetched(self.city.clone(), *digest, Box::new(sealed));
                    self.perform(came).await?;
                }
                // With the next sweep again; another pack may be there.
                Err(error) => {
                    tracing::warn!(peer = %self.city, %error, "a pack could not be fetched yet");
                }
            }
        }
        Ok(())
    }

    /// Says where the own log stands and hears the same of the peer's, before anything else is
    /// said. Whether letters may go.
    async fn greet(&mut self, conn: &mut Conn, waiting: &[Waiting]) -> Result<bool, Unable> {
        let owes = recovery::owed(conn, &self.city).await?.is_some();
        if waiting.is_empty() && !owes {
            return Ok(true);
        }
        let Courier { hand, letters, house, .. } = &self.shared;
        match meet(hand, house, letters.store(), &self.city).await {
            Ok(may_send) => {
                self.has_greeted = true;
                Ok(may_send)
            }
            Err(Unheard::Store(error)) => Err(error.into()),
            Err(Unheard::Writer(error)) => Err(error.into()),
            Err(Unheard::Post(error)) => {
                let all = waiting.iter().map(|letter| letter.place).collect();
                self.failed(waiting, &all, &error).await?;
                self.next_due_ms = self.next_due(conn).await?;
                Ok(false)
            }
        }
    }

    /// The letters that are due, at most a window; receipts and acts first, lanes in order.
    async fn wanted(&self, conn: &mut Conn) -> Result<Vec<Waiting>, StoreError> {
        let until_ms = if self.wants_receipts { u64::MAX } else { self.now_ms() };
        let now_ms = self.now_ms();
        let hold = queue::held(conn, &self.city, now_ms).await?;
        let mut due = queue::due(conn, &self.city, until_ms, WINDOW as u32).await?;
        due.retain(|letter| {
            if hold.is_some() && letter.place.lane.kind() == Kind::Message {
                return false;
            }
            let early = letter.due_ms > now_ms && letter.place.lane.kind() != Kind::Receipt;
            !early && !self.is_held(&(letter.place.agreement_id, letter.place.lane))
        });
        // A message may cite an act or a receipt, never the other way round.
        due.sort_by_key(|letter| (letter.place.lane.kind() == Kind::Message, letter.place));
        due.truncate(WINDOW);
        Ok(due)
    }

    /// Lanes whose first letter was in the last delivery and still waits were not taken: they wait
    /// in memory for a while, and after some tries in the outbox.
    async fn without_stuck(&mut self, waiting: Vec<Waiting>) -> Result<Vec<Waiting>, Unable> {
        let mut heads: BTreeMap<LaneKey, Waiting> = BTreeMap::new();
        for letter in &waiting {
            let lane = (letter.place.agreement_id, letter.place.lane);
            heads.entry(lane).or_insert_with(|| letter.clone());
        }
        let mut stuck = BTreeSet::new();
        for (lane, head) in heads {
            if !self.last.contains(&head.place) {
                continue;
            }
            self.last.retain(|place| (place.agreement_id, place.lane) != lane);
            stuck.insert(lane);
            let hold = self.holds.entry(lane).or_insert_with(Hold::new);
            if hold.head != head.place.lane_seq {
                (hold.head, hold.tries) = (head.place.lane_seq, 0);
            }
            hold.tries += 1;
            if hold.tries > TRIES_MAX {
                let why = hold.why.clone();
                self.holds.remove(&lane);
                self.perform(Command::PutOff(head, why)).await?;
                self.shared.hand.missed(&self.city);
            } else {
                hold.ticks = 1 << (hold.tries - 1);
            }
        }
        let lane = |letter: &Waiting| (letter.place.agreement_id, letter.place.lane);
        Ok(waiting.into_iter().filter(|letter| !stuck.contains(&lane(letter))).collect())
    }

    /// The places to write, with those that the peer wants again before the first of its lane.
    fn places(&mut self, waiting: &[Waiting]) -> Vec<Place> {
        let mut places = Vec::new();
        for letter in waiting {
            let lane = (letter.place.agreement_id, letter.place.lane);
            if let Some(from) = self.again_from.remove(&lane) {
                let again = from.max(1)..letter.place.lane_seq;
                let again = again.map(|lane_seq| Place { lane_seq, ..letter.place });
                places.extend(again.take(WINDOW));
            }
            places.push(letter.place);
        }
        places.truncate(WINDOW);
        places
    }

    /// The peer could not be reached: the first letter of each lane is put off, and holds back
    /// those behind it.
    async fn failed(
        &mut self,
        waiting: &[Waiting],
        sent: &BTreeSet<Place>,
        error: &PostError,
    ) -> Result<(), Unable> {
        if !self.is_failing {
            tracing::warn!(peer = %self.city, %error, "the peer could not be reached");
        }
        self.is_failing = true;
        self.has_greeted = false;
        self.put_off(waiting, sent, &error.0).await?;
        self.shared.hand.missed(&self.city);
        self.perform(Command::Troubled(self.city.clone(), error.0.clone())).await?;
        self.last.clear();
        Ok(())
    }

    async fn put_off(
        &self,
        waiting: &[Waiting],
        which: &BTreeSet<Place>,
        why: &str,
    ) -> Result<(), Unable> {
        let mut lanes: BTreeSet<LaneKey> = BTreeSet::new();
        for letter in waiting.iter().filter(|letter| which.contains(&letter.place)) {
            if lanes.insert((letter.place.agreement_id, letter.place.lane)) {
                self.perform(Command::PutOff(letter.clone(), why.to_owned())).await?;
            }
        }
        Ok(())
    }

    async fn answered(
        &mut self,
        waiting: &[Waiting],
        sent: &BTreeSet<Place>,
        delivered: Delivered,
    ) -> Result<(), Unable> {
        self.contact().await?;
        witness::hear(&self.shared.hand, &self.city, &delivered.heads)?;
        let sorted = Sorted::of(delivered.answers, sent);
        let mut pending = Vec::new();
        for noted in sorted.noted {
            pending.push(self.shared.hand.submit(Command::Noted(self.city.clone(), noted))?);
        }
        for mut submitted in pending {
            submitted.done().await?;
        }
        self.take_receipts(sorted.receipts).await?;
        self.wants_receipts = false;
        for (lane, (lane_seq, defer)) in sorted.deferred {
            let reason = defer.reason();
            self.wants_receipts |= reason == DeferReason::CitedNotHeld;
            // One of the two logs is behind: both say again where they stand.
            self.has_greeted &= reason != DeferReason::Recovering;
            if reason == DeferReason::Gap && defer.expected_seq < lane_seq {
                self.again_from.insert(lane, defer.expected_seq);
            }
            let hold = self.holds.entry(lane).or_insert_with(Hold::new);
            hold.why = format!("put off by the peer: {}", word(reason));
        }
        let of_lane =
            |lane: LaneKey, lane_seq| Place { agreement_id: lane.0, lane: lane.1, lane_seq };
        let rejected: BTreeSet<Place> =
            sorted.rejected.into_iter().map(|(lane, seq)| of_lane(lane, seq)).collect();
        if !rejected.is_empty() {
            tracing::warn!(peer = %self.city, letters = rejected.len(), "rejected by the peer");
            self.put_off(waiting, &rejected, "rejected by the peer").await?;
        }
        if let Some(error) = delivered.broke {
            self.put_off(waiting, &sorted.unanswered, &error.0).await?;
        }
        Ok(())
    }

    /// Each receipt goes the way of every letter of a peer; those that are stored are noted.
    async fn take_receipts(&mut self, receipts: Vec<Letter>) -> Result<(), Unable> {
        let published = self.shared.hand.published();
        let peer = published.directory.peers.get(&self.city);
        let mut pending = Vec::new();
        for letter in receipts {
            // Looked at here, so that a forged one costs no write.
            if !peer.is_some_and(|peer| receive::is_signed(peer, &letter)) {
                tracing::warn!(peer = %self.city, "an answer is not signed by the peer");
                continue;
            }
            let noted = noted_of(&letter);
            let command = Command::Receive(self.city.clone(), Box::new(letter));
            pending.push((noted, self.shared.hand.submit(command)?));
        }
        for (noted, mut submitted) in pending {
            // After a gap the receipts before it come as letters of their own.
            let done = submitted.done().await?;
            let is_stored = matches!(done, Done::Received(Received::Noted, _));
            if is_stored && !self.noted.contains(&noted) {
                self.noted.push(noted);
            }
        }
        Ok(())
    }

    /// It goes well: what was put off in bad times need not wait.
    async fn contact(&mut self) -> Result<(), Unable> {
        let now_ms = self.now_ms();
        if self.is_failing || now_ms.abs_diff(self.heard_ms) >= HEARD_MS {
            self.perform(Command::Heard(self.city.clone())).await?;
            (self.is_failing, self.heard_ms) = (false, now_ms);
        }
        Ok(())
    }

    async fn perform(&self, command: Command) -> Result<Done, Unable> {
        Ok(self.shared.hand.perform(command).await?)
    }

    /// When the first letter of a lane that is not held falls due.
    async fn next_due(&self, conn: &mut Conn) -> Result<Option<u64>, StoreError> {
        let heads = queue::due(conn, &self.city, u64::MAX, 1).await?;
        let hold = queue::held(conn, &self.city, self.now_ms()).await?;
        let free =
            heads.iter().filter(|head| !self.is_held(&(head.place.agreement_id, head.place.lane)));
        let due_ms = free.map(|head| match &hold {
            Some(hold) if head.place.lane.kind() == Kind::Message => head.due_ms.max(hold.until_ms),
            Some(_) | None => head.due_ms,
        });
        Ok(due_ms.min())
    }
}

impl Hold {
    fn new() -> Hold {
        Hold { head: 0, tries: 0, ticks: 0, why: "not answered with a receipt".to_owned() }
    }
}

/// The courier cannot go on just now.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Writer(#[from] Failure),
}

fn word(reason: DeferReason) -> &'static str {
    match reason {
        DeferReason::Unspecified => "no reason",
        DeferReason::Gap => "an earlier letter is missing",
        DeferReason::CitedNotHeld => "something it cites is not held yet",
        DeferReason::Busy => "busy",
        DeferReason::Recovering => "recovering",
    }
}
