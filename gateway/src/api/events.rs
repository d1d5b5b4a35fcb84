//! What changed, as it changes: case number, leg and stage, and nothing else. A stream is taken up
//! again where it ended by its Last-Event-ID.

use super::Shared;
use super::caller::{Caller, Node};
use super::problem::{Problem, Wrong};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use jieli_proto::wire;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Streams at once.
pub(super) const STREAMS_MAX: usize = 64;
/// How often the node is asked.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// A sign of life, where nothing changes.
const HEART: Duration = Duration::from_secs(15);
/// Questions to the node after which a stream ends, so that its token is looked at again.
const ROUNDS_MAX: u32 = 3_600;
/// Changes taken from the node at once.
const AT_ONCE: u32 = 200;

struct Feed {
    node: Node,
    after: u64,
    waiting: VecDeque<Event>,
    rounds: u32,
    told: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// What the node says to a question about changes.
async fn ask(node: &mut Node, after: u64, most: u32) -> Result<wire::ChangeList, tonic::Status> {
    let reply = node.list_changes(wire::ChangesRequest { after, most }).await?;
    Ok(reply.into_inner())
}

impl Feed {
    /// The next event; `None` ends the stream, and its reader comes again.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Feed)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            if self.rounds >= ROUNDS_MAX {
                return None;
            }
            if self.rounds > 0 {
                tokio::select! {
                    () = tokio::time::sleep(ASKED_EVERY) => {}
                    () = self.told.cancelled() => return None,
                }
            }
            self.rounds += 1;
            let list = ask(&mut self.node, self.after, AT_ONCE).await.ok()?;
            self.after = list.next;
            if list.begin_again {
                let id = list.next.to_string();
                self.waiting.push_back(Event::default().id(id).event("begin-again").data("{}"));
            }
            self.waiting.extend(list.changes.iter().map(|change| {
                let data = json!({
                    "case": change.case_number,
                    "leg": change.leg,
                    "stage": change.stage,
                });
                Event::default().id(change.seq.to_string()).event("leg").data(data.to_string())
            }));
        }
    }
}

pub(super) async fn stream(
    State(api): State<Shared>,
    mut caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Wrong> {
    let wrong = |problem| Wrong::own(problem, caller.lang);
    let last = headers.get("last-event-id").map(|value| {
        let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        number.ok_or_else(|| wrong(Problem::BadEventId))
    });
    let place = api.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| wrong(Problem::TooManyStreams))?;
    let after = match last.transpose()? {
        Some(last) => last,
        None => {
            let told = ask(&mut caller.node, 0, 0).await;
            told.map_err(Wrong::node(caller.lang))?.latest
        }
    };
    let feed = Feed {
        node: caller.node,
        after,
        waiting: VecDeque::new(),
        rounds: 0,
        told: api.told.clone(),
        _place: place,
    };
    let events = Sse::new(stream::unfold(feed, Feed::next));
    Ok(events.keep_alive(KeepAlive::new().interval(HEART)).into_response())
}
