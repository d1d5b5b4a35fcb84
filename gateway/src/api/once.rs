//! A POST that is sent twice is done once: by its Idempotency-Key, for a day. Kept are digests, a
//! status and an answer without personal data, in memory alone; what a restart forgets, If-Match
//! still guards.

use super::Shared;
use super::caller::{Caller, language};
use super::problem::{Problem, Wrong};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a key is known.
const KEEP_MS: u64 = 24 * 3_600_000;
/// Keys known at once.
const KEYS_MAX: usize = 50_000;
/// Characters of a key.
const KEY_MAX: usize = 100;
/// The longest body.
const BODY_MAX: usize = 64 << 10;

type Digest = Vec<u8>;

fn digest(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// What was posted.
pub(super) struct Posted {
    key: String,
    path: String,
    pub(super) if_match: Option<String>,
    body: Bytes,
}

impl FromRequest<Shared> for Posted {
    type Rejection = Wrong;

    async fn from_request(request: Request, _: &Shared) -> Result<Posted, Wrong> {
        let (parts, body) = request.into_parts();
        let wrong = |problem| Wrong::own(problem, language(&parts.headers));
        let text = |name: &str| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
        };
        let kind = text(header::CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Err(wrong(Problem::NotJson));
        }
        let key = text("idempotency-key").unwrap_or_default();
        if key.is_empty() || key.len() > KEY_MAX {
            return Err(wrong(Problem::KeyMissing));
        }
        let body = to_bytes(body, BODY_MAX).await.map_err(|_| wrong(Problem::TooLarge))?;
        Ok(Posted {
            key: key.to_owned(),
            path: parts.uri.path().to_owned(),
            if_match: text(header::IF_MATCH.as_str()).map(str::to_owned),
            body,
        })
    }
}

struct Entry {
    asked: Digest,
    at_ms: u64,
    /// Nothing while it is being worked on. The answer is kept where it holds no personal data.
    answer: Option<(StatusCode, Option<String>)>,
}

/// The keys of a day.
#[derive(Default)]
pub(super) struct Once(Mutex<BTreeMap<Digest, Entry>>);

/// What is to be done with a request.
enum Turn {
    Do(Ticket),
    Again(StatusCode, String),
    Wrong(Problem),
}

/// The right to do it. What ends without an answer may be tried again.
struct Ticket {
    once: Arc<Once>,
    key: Digest,
    is_answered: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_answered {
            self.once.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

impl Ticket {
    fn answered(mut self, status: StatusCode, body: Option<String>) {
        let mut all = self.once.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = all.get_mut(&self.key) {
            entry.answer = Some((status, body));
        }
        drop(all);
        self.is_answered = true;
    }
}

fn turn(once: &Arc<Once>, key: Digest, asked: Digest, now_ms: u64) -> Turn {
    let mut all = once.0.lock().unwrap_or_else(PoisonError::into_inner);
    let is_young = |entry: &Entry| now_ms.saturating_sub(entry.at_ms) < KEEP_MS;
    if all.len() >= KEYS_MAX && !all.contains_key(&key) {
        all.retain(|_, entry| is_young(entry));
        if all.len() >= KEYS_MAX {
            return Turn::Wrong(Problem::TooMany);
        }
    }
    if let Some(entry) = all.get(&key).filter(|entry| is_young(entry)) {
        match &entry.answer {
            _ if entry.asked != asked => return Turn::Wrong(Problem::KeyOtherBody),
            None => return Turn::Wrong(Problem::KeyInUse),
            Some((status, Some(body))) => return Turn::Again(*status, body.clone()),
            // Its answer was not kept: it is given anew, and written down anew.
            Some((_, None)) => {}
        }
    }
    all.insert(key.clone(), Entry { asked, at_ms: now_ms, answer: None });
    drop(all);
    Turn::Do(Ticket { once: Arc::clone(once), key, is_answered: false })
}

/// Whether an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It names no person.
    Answer,
    /// It holds personal data: only that it was asked.
    Nothing,
}

/// Does once what is posted, and answers the same each time.
pub(super) async fn once<B, A, F>(
    api: &Shared,
    caller: &Caller,
    posted: Posted,
    keep: Keep,
    work: impl FnOnce(B) -> F,
) -> Response
where
    B: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Wrong>>,
{
    let lang = caller.lang;
    let key = digest(&[caller.name.as_bytes(), posted.path.as_bytes(), posted.key.as_bytes()]);
    let matched = posted.if_match.as_deref().unwrap_or_default();
    let asked = digest(&[&posted.body, matched.as_bytes()]);
    let ticket = match turn(&api.once, key, asked, api.clock.now_unix_ms()) {
        Turn::Do(ticket) => ticket,
        Turn::Again(status, body) => return json(status, body),
        Turn::Wrong(problem) => return Wrong::own(problem, lang).into_response(),
    };
    // What cannot be read is not quoted: it may be a person's.
    let Ok(body) = serde_json::from_slice::<B>(&posted.body) else {
        return Wrong::own(Problem::BadBody, lang).into_response();
    };
    match work(body).await {
        Ok(answer) => {
            // Texts and numbers alone: this cannot fail.
            let body = serde_json::to_string(&answer).unwrap_or_default();
            ticket.answered(StatusCode::OK, (keep == Keep::Answer).then(|| body.clone()));
            json(StatusCode::OK, body)
        }
        // A refusal changed nothing: the same request may be right later.
        Err(wrong) => wrong.into_response(),
    }
}

/// A body that is JSON already.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(turn: Turn) -> Ticket {
        match turn {
            Turn::Do(ticket) => ticket,
            Turn::Again(..) | Turn::Wrong(_) => panic!("to be done"),
        }
    }

    #[test]
    fn the_same_is_answered_the_same_and_something_else_is_refused() {
        let once: Arc<Once> = Arc::default();
        let ask = |asked: u8, now| turn(&once, vec![1], vec![asked], now);
        let first = ticket(ask(7, 0));
        assert!(matches!(ask(7, 1), Turn::Wrong(Problem::KeyInUse)));
        first.answered(StatusCode::OK, Some("{}".to_owned()));
        assert!(matches!(ask(7, 2), Turn::Again(StatusCode::OK, body) if body == "{}"));
        assert!(matches!(ask(8, 2), Turn::Wrong(Problem::KeyOtherBody)));
        // After a day it is forgotten; what ended without an answer is at once.
        drop(ticket(ask(8, KEEP_MS)));
        drop(ticket(ask(9, KEEP_MS)));
    }

    #[test]
    fn an_answer_that_is_not_kept_is_given_anew() {
        let once: Arc<Once> = Arc::default();
        ticket(turn(&once, vec![1], vec![7], 0)).answered(StatusCode::OK, None);
        drop(ticket(turn(&once, vec![1], vec![7], 1)));
    }
}
