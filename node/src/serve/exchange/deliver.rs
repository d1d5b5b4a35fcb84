//! `Deliver`: letters in, answers out in their order. Two tasks a stream: one reads, verifies on
//! all cores and hands over to the writer in order; one waits for what the writer says, makes the
//! answers of a whole group at once and sends them.

use super::ExchangeDoor;
use crate::command::{Command, Done, Seat};
use crate::directory::Peer;
use crate::letters::answer;
use crate::receive::{self, Received};
use crate::wire_limits as limits;
use crate::witness;
use crate::writer::{Failure, Submitted};
use futures::{FutureExt, StreamExt};
use jieli_proto::envelope::{self, ENVELOPE_LEN_MAX};
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::section::SECTIONS_LEN_MAX;
use jieli_proto::wire::answer::Answer as What;
use jieli_proto::wire::deliver_frame::Frame;
use jieli_proto::wire::{Answer, Defer, DeferReason, DeliverFrame, Heads, Letter, Noted, Reject};
use prost::Message as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tonic::{Status, Streaming};

type Answers = Sender<Result<Answer, Status>>;

/// A letter on its way through the door.
struct Passing {
    seat: Seat,
    /// For a receipt: the name of its envelope.
    digest: Vec<u8>,
    state: State,
}

impl Passing {
    /// Heads take no place.
    fn of_heads(from: CityId, heard: Vec<Submitted>) -> Passing {
        let state = State::Heads(from, heard);
        let lane = Lane::messages(PartySide::A);
        let seat = Seat { agreement: AgreementId([0; 16]), lane, lane_seq: 0 };
        Passing { seat, digest: Vec::new(), state }
    }
}

enum State {
    /// Known at the door.
    Known(Box<What>),
    /// With the writer.
    Submitted(Submitted),
    /// Heads of this city, with the writer: what they prove goes into the answer.
    Heads(CityId, Vec<Submitted>),
}

/// Begins a stream; the answers come out of the channel.
pub(super) fn start(
    door: ExchangeDoor,
    city: CityId,
    frames: Streaming<DeliverFrame>,
    place: OwnedSemaphorePermit,
) -> Receiver<Result<Answer, Status>> {
    let (answers, out) = mpsc::channel(limits::WINDOW);
    let (passing, passed) = mpsc::channel(limits::WINDOW);
    let reader = Reader { door: door.clone(), city, passing, answers: answers.clone() };
    door.tasks.clone().spawn(reader.run(frames));
    door.tasks.clone().spawn(async move {
        let _place = place;
        answer_all(&door, passed, &answers).await;
    });
    out
}

struct Reader {
    door: ExchangeDoor,
    city: CityId,
    passing: Sender<Passing>,
    answers: Answers,
}

impl Reader {
    /// Reads until the peer ends the stream, is silent too long, or the node stops.
    async fn run(self, frames: Streaming<DeliverFrame>) {
        let limit = self.door.set.request_max();
        let checks = frames.map(|frame| self.check(frame));
        let mut checked = std::pin::pin!(checks.buffered(limits::WINDOW));
        loop {
            let next = tokio::select! {
                biased;
                () = self.door.stop.cancelled() => return,
                next = tokio::time::timeout(limit, checked.next()) => next,
            };
            let checked = match next {
                Ok(Some(Ok(checked))) => checked,
                Ok(None) => return,
                Ok(Some(Err(status))) => return self.end(status).await,
                Err(_) => return self.end(Status::deadline_exceeded("")).await,
            };
            if !self.door.incoming.pass(&self.city).await {
                return self.end(Status::resource_exhausted("")).await;
            }
            match checked {
                Checked::Noted(noted) => {
                    // Without it the receipt's own letter goes out: nothing is lost.
                    let _ = self.door.hand.submit(Command::Noted(self.city.clone(), noted));
                }
                Checked::Heads(heads) => {
                    let heard = witness::hear(&self.door.hand, &self.city, &heads);
                    let heard = heard.unwrap_or_default();
                    let passing = Passing::of_heads(self.city.clone(), heard);
                    if self.passing.send(passing).await.is_err() {
                        return;
                    }
                }
                Checked::Letter(letter, seat, verdict) => {
                    let passing = self.hand_over(*letter, seat, verdict);
                    if self.passing.send(passing).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn end(&self, status: Status) {
        // If nobody listens any more, nobody need be told.
        let _ = self.answers.send(Err(status)).await;
    }

    /// Everything that needs no store, away from this task.
    fn check(
        &self,
        frame: Result<DeliverFrame, Status>,
    ) -> impl Future<Output = Result<Checked, Status>> + Send + 'static {
        let (published, city) = (self.door.hand.published(), self.city.clone());
        let tasks = self.door.tasks.clone();
        async move {
            let letter = match frame?.frame {
                Some(Frame::Letter(letter)) => letter,
                Some(Frame::Noted(noted)) => return Ok(Checked::Noted(noted)),
                Some(Frame::Heads(heads)) if witness::fits(&heads) => {
                    return Ok(Checked::Heads(heads));
                }
                Some(Frame::Heads(_)) => return Err(Status::invalid_argument("")),
                None => return Err(Status::invalid_argument("")),
            };
            let seat = seat(&letter).ok_or_else(|| Status::permission_denied(""))?;
            let work = async move {
                let peer = published.directory.peers.get(&city);
                let is_good = peer.is_some_and(|peer| is_good(peer, &letter));
                Checked::Letter(Box::new(letter), seat, is_good)
            };
            tasks.spawn(work).await.map_err(|_| Status::unavailable(""))
        }
    }

    fn hand_over(&self, letter: Letter, seat: Seat, is_good: bool) -> Passing {
        let receipt = letter.envelope.as_ref().filter(|_| seat.lane.kind() == Kind::Receipt);
        let digest = receipt.map_or(Vec::new(), |sealed| envelope::env_digest(sealed).to_vec());
        let state = if !is_good {
            State::Known(Box::new(What::Reject(Reject {})))
        } else if self.is_too_early(&seat) {
            State::Known(Box::new(defer(DeferReason::CitedNotHeld, 0)))
        } else {
            let command = Command::Receive(self.city.clone(), Box::new(letter));
            match self.door.hand.submit(command) {
                Ok(submitted) => State::Submitted(submitted),
                Err(_) => State::Known(Box::new(defer(DeferReason::Busy, 0))),
            }
        };
        Passing { seat, digest, state }
    }

    /// Without a live agreement only acts and the receipts that answer them are taken; the
    /// counter-signature may be on its way.
    fn is_too_early(&self, seat: &Seat) -> bool {
        let published = self.door.hand.published();
        let bond = published.directory.bonds.get(&seat.agreement);
        seat.lane.kind() == Kind::Message
            && bond.is_some_and(|bond| bond.peer == self.city && bond.version() == 0)
    }
}

enum Checked {
    Letter(Box<Letter>, Seat, bool),
    Noted(Noted),
    Heads(Heads),
}

/// Sizes, key and signature.
fn is_good(peer: &Peer, letter: &Letter) -> bool {
    let total = |envelopes: &[jieli_proto::wire::Envelope]| {
        envelopes.iter().map(prost::Message::encoded_len).sum::<usize>()
    };
    let sections: usize = letter.sections.iter().map(prost::Message::encoded_len).sum();
    let is_receipt = Lane::from_number(letter.lane).is_some_and(|l| l.kind() == Kind::Receipt);
    let proof_fits = letter.proof.as_ref().is_none_or(|proof| {
        is_receipt
            && proof.items.len() <= limits::ITEMS_MAX
            && proof.checkpoint.len() <= limits::NOTE_BYTES_MAX
            && proof.encoded_len() <= limits::PROOF_BYTES_MAX
    });
    letter.envelope.as_ref().is_some_and(|sealed| sealed.encoded_len() <= ENVELOPE_LEN_MAX)
        && sections <= SECTIONS_LEN_MAX
        && total(&letter.consents) <= limits::CONSENTS_BYTES_MAX
        && proof_fits
        && receive::is_signed(peer, letter)
}

fn seat(letter: &Letter) -> Option<Seat> {
    Some(Seat {
        agreement: AgreementId::from_slice(&letter.agreement_id)?,
        lane: Lane::from_number(letter.lane)?,
        lane_seq: letter.lane_seq,
    })
}

fn defer(reason: DeferReason, expected_seq: u64) -> What {
    What::Defer(Defer { reason: reason.into(), expected_seq })
}

/// Answers in the order of the letters, as many at once as the writer has finished.
async fn answer_all(door: &ExchangeDoor, mut passed: Receiver<Passing>, answers: &Answers) {
    let mut waiting: Option<Passing> = None;
    loop {
        let first = match waiting.take() {
            Some(first) => first,
            None => match passed.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut group = vec![settle(door, first).await];
        while group.len() < limits::WINDOW
            && let Ok(mut next) = passed.try_recv()
        {
            match settle_now(&mut next) {
                Some(settled) => group.push((next.seat, settled)),
                None => {
                    waiting = Some(next);
                    break;
                }
            }
        }
        for answer in make(door, group).await {
            let sent = tokio::time::timeout(door.set.request_max(), answers.send(Ok(answer)));
            if !matches!(sent.await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// What is known of a letter: an answer, or that its receipt is to be looked up.
type Settled = Option<What>;

async fn settle(door: &ExchangeDoor, passing: Passing) -> (Seat, Settled) {
    let settled = match passing.state {
        State::Known(what) => Some(*what),
        State::Submitted(mut submitted) => {
            said(submitted.done().await, &passing.seat, passing.digest)
        }
        State::Heads(city, heard) => {
            for mut submitted in heard {
                // What was not taken in is told again with the next exchange.
                let _ = submitted.done().await;
            }
            Some(What::Heads(door.heads_for(&city)))
        }
    };
    (passing.seat, settled)
}

/// The same, if the writer has finished.
fn settle_now(passing: &mut Passing) -> Option<Settled> {
    match &mut passing.state {
        State::Known(what) => Some(Some(what.as_ref().clone())),
        State::Submitted(submitted) => {
            let done = submitted.done().now_or_never()?;
            Some(said(done, &passing.seat, std::mem::take(&mut passing.digest)))
        }
        State::Heads(..) => None,
    }
}

fn said(done: Result<Done, Failure>, seat: &Seat, digest: Vec<u8>) -> Settled {
    match done {
        Ok(Done::Received(Received::Receipted, _)) => None,
        Ok(Done::Received(Received::Defer(reason, expected), _)) => Some(defer(reason, expected)),
        Ok(Done::Received(Received::Reject, _)) => Some(What::Reject(Reject {})),
        Ok(Done::Received(Received::Noted, _)) => Some(What::Noted(Noted {
            agreement_id: seat.agreement.to_vec(),
            lane: u32::from(seat.lane.number()),
            lane_seq: seat.lane_seq,
            env_digest: digest,
        })),
        Ok(_) | Err(_) => Some(defer(DeferReason::Busy, 0)),
    }
}

/// The answers of a group; receipts and their proofs are read together.
async fn make(door: &ExchangeDoor, group: Vec<(Seat, Settled)>) -> Vec<Answer> {
    let seats: Vec<Seat> =
        group.iter().filter(|(_, settled)| settled.is_none()).map(|(seat, _)| *seat).collect();
    let receipts = if seats.is_empty() {
        Vec::new()
    } else {
        // Published before the writer said so: it covers every one of them.
        door.letters.answers(&door.hand.published(), &seats).await.unwrap_or_else(|error| {
            tracing::error!(%error, "receipts could not be read");
            Vec::new()
        })
    };
    let mut receipts = receipts.into_iter();
    let answers = group.into_iter().map(|(seat, settled)| match settled {
        Some(what @ What::Heads(_)) => Answer { answer: Some(what), ..Answer::default() },
        Some(what) => answer(&seat, what),
        None => {
            let found = receipts.next().flatten();
            found.unwrap_or_else(|| answer(&seat, defer(DeferReason::Busy, 0)))
        }
    });
    answers.collect()
}
