//! Carries deliveries to their addresses. Of all replicas on one database one sends, by a lease; a
//! crash, or a lease that ran out meanwhile, repeats a delivery under its id and loses none.

use super::{Answer, HookCommand, is_known, opened};
use crate::command::{Command, Done};
use crate::courier::TICK;
use crate::disk;
use crate::house::House;
use crate::store::hooks::{self, NextUp};
use crate::store::{Store, StoreError};
use crate::webhook::{Line, SharedSecret};
use crate::world::random;
use crate::writer::Hand;
use futures::future::join_all;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Addresses that are posted to at once.
const AT_ONCE: usize = 8;
/// A lease with less than this is asked for again before anything is sent: longer than a post.
const LEASE_LEFT_MS: u64 = 35_000;
/// Who has no lease, or could not look, asks again after so long.
const REST_MS: u64 = 3_000;
/// What is kept of why something failed.
const PROBLEM_CHARS_MAX: usize = 200;
const CA_BYTES_MAX: u64 = 256 * 1024;

/// See the module.
pub struct Sender {
    hand: Hand,
    store: Store,
    house: House,
    stop: CancellationToken,
    /// Who this replica is, while it runs; drawn when it is first asked.
    holder: Option<[u8; 16]>,
    lease_until_ms: u64,
    /// When to look again by the clock, where anything waits.
    look_ms: Option<u64>,
}

impl Sender {
    /// The sender of this node.
    pub fn new(hand: Hand, store: Store, house: House, stop: CancellationToken) -> Sender {
        Sender { hand, store, house, stop, holder: None, lease_until_ms: 0, look_ms: None }
    }

    /// Sends until it is stopped. Without an address there is nothing to look at.
    pub async fn run(mut self) {
        let mut published = self.hand.watch();
        let sleep = self.house.world.sleep.clone();
        let mut look = true;
        loop {
            let is_idle = {
                let now = published.borrow_and_update();
                look |= now.has_changed();
                now.directory.hooks.is_empty() || now.directory.recovering.is_some()
            };
            if is_idle {
                (look, self.look_ms) = (true, None);
            } else if look || self.look_ms.is_some_and(|at_ms| at_ms <= self.now_ms()) {
                look = match self.round().await {
                    Ok(again) => again,
                    Err(error) => {
                        tracing::warn!(%error, "webhooks are put off");
                        self.look_ms = Some(self.now_ms() + REST_MS);
                        false
                    }
                };
                if look && !self.stop.is_cancelled() {
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                changed = published.changed() => match changed {
                    Ok(()) => look = true,
                    Err(_) => return,
                },
                () = sleep.sleep(TICK), if !is_idle => {}
            }
        }
    }

    fn now_ms(&self) -> u64 {
        self.house.world.clock.now_unix_ms()
    }

    /// One go: the next delivery of every address whose turn it is. Whether there may be more.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        let mut conn = self.store.read().await?;
        let waiting = hooks::next_up(&mut conn).await?;
        // A receiver may take its time: the database is not kept waiting with it.
        drop(conn);
        let (due, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|next| next.due_ms <= now_ms);
        self.look_ms = later.iter().map(|next| next.due_ms).min();
        if due.is_empty() {
            return Ok(false);
        }
        for some in due.chunks(AT_ONCE) {
            if !self.has_lease().await {
                self.look_ms = Some(now_ms + REST_MS);
                return Ok(false);
            }
            let sent = join_all(some.iter().map(|next| self.send(next)));
            // What is cut off here goes again under its id.
            let answers = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(false),
                answers = sent => answers,
            };
            for (next, answer) in some.iter().zip(answers) {
                let sent = Command::Hooks(HookCommand::Sent(next.id, answer));
                if let Err(error) = self.hand.perform(sent).await {
                    tracing::warn!(%error, "what came of a webhook was not kept");
                    self.look_ms = Some(now_ms + REST_MS);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn has_lease(&mut self) -> bool {
        if self.lease_until_ms > self.now_ms() + LEASE_LEFT_MS {
            return true;
        }
        let entropy = self.house.world.entropy.as_ref();
        let holder = *self.holder.get_or_insert_with(|| random(entropy));
        let asked = self.hand.perform(Command::Hooks(HookCommand::Lease(holder))).await;
        self.lease_until_ms = match asked {
            Ok(Done::Leased(Some(until_ms))) => until_ms,
            Ok(_) | Err(_) => 0,
        };
        self.lease_until_ms > 0
    }

    async fn send(&self, next: &NextUp) -> Answer {
        match self.post(next).await {
            Ok(status) if (200..300).contains(&status) => Answer { status, problem: String::new() },
            Ok(status) => {
                let problem = match status {
                    300..400 => "it answers with a redirect, which is not followed".to_owned(),
                    _ => format!("it answers {status}"),
                };
                Answer { status, problem }
            }
            Err(problem) => {
                Answer { status: 0, problem: problem.chars().take(PROBLEM_CHARS_MAX).collect() }
            }
        }
    }

    async fn post(&self, next: &NextUp) -> Result<u16, String> {
        let (config, keys) = (&self.house.config, &self.house.keys);
        if !is_known(config, &next.hook) {
            return Err("jieli.toml names no such system of that office any more".to_owned());
        }
        let mut secrets: Vec<SharedSecret> = opened(keys, next.hook.id, &next.secret)
            .ok_or("its secret does not open: `jieli webhook rotate`")
            .map(|secret| vec![secret])?;
        let (old, until_ms) = &next.old_secret;
        if *until_ms > self.now_ms() {
            secrets.extend(opened(keys, next.hook.id, old));
        }
        let ca = config.webhooks.ca_file.as_ref();
        let ca = ca.map(|file| disk::read(&config.dir.join(file), CA_BYTES_MAX)).transpose();
        let clock = Arc::clone(&self.house.world.clock);
        let line = Line::new(
            &next.hook.url,
            ca.map_err(|error| format!("webhooks.ca_file: {error}"))?.as_deref(),
            Arc::new(move || clock.now_unix_ms()),
            Duration::from_secs(config.webhooks.timeout_s),
        );
        let line = line.map_err(|error| error.to_string())?;
        let told = &next.told;
        let body = json!({ "case": told.case_number, "leg": told.leg, "stage": told.stage });
        let body = body.to_string().into_bytes();
        let id = hex::encode(next.id);
        let headers = SharedSecret::headers_of(&secrets, &id, self.now_ms() / 1000, &body);
        line.post(headers, body).await.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}
