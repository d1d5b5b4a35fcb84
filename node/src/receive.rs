//! The peer door: a letter is deferred, rejected, or takes its place and is receipted.
//!
//! The order of the checks is protocol section 1: frame, key, signature, payload type, strict
//! decode, header, agreement, chain, sections and consent, case law. Up to the signature nothing
//! leaves a trace; from there on everything has a place in the lane.

use crate::batch::{Batch, Taken};
use crate::directory::{Bond, Peer};
use crate::plant;
use crate::store::StoreError;
use jieli_proto::envelope::{self, SealError};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::message::{Fault, Frame, Head};
use jieli_proto::misbehaviour::Parts;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, DeferReason, Header, ItemStatus, Letter};
use prost::Message as _;
use std::sync::Arc;

mod consent;
mod items;
mod message;
pub(crate) mod receipt;

pub(crate) use message::silence;

/// A receipt that keeps its place and has no effect, as alarm and as evidence.
const WRONG_RECEIPT: &str = "wrong-receipt";

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Consumes nothing: try again, with the sequence expected where there is a gap.
    Defer(DeferReason, u64),
    /// Consumes nothing and says nothing.
    Reject,
    /// Has its place, now or before: answered with its receipt.
    Receipted,
    /// A receipt, stored now or before.
    Noted,
}

/// Why a signed payload has no effect, or has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Refuse(Refusal),
    Wait(DeferReason),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refuse(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Refuse(fault.refusal)
    }
}

/// A store error, or a stop.
pub(crate) enum Halt {
    Stop(Stop),
    Store(StoreError),
}

impl<T: Into<Stop>> From<T> for Halt {
    fn from(stop: T) -> Halt {
        Halt::Stop(stop.into())
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Halt {
        Halt::Store(error)
    }
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Halt {
        Halt::Store(StoreError::from(error))
    }
}

/// A letter with what every later step needs of it.
pub(crate) struct Incoming {
    pub(crate) peer: Arc<Peer>,
    pub(crate) frame: Frame,
    pub(crate) letter: Letter,
    pub(crate) sealed: wire::Envelope,
    pub(crate) digest: Digest,
}

/// Checks what needs no store: size, key and signature. Run by the door before the writer sees
/// the letter, so that verification spreads over the cores and a forged letter costs no write.
pub fn is_signed(peer: &Peer, letter: &Letter) -> bool {
    let Some(sealed) = &letter.envelope else { return false };
    let Ok(frame) = Frame::read(letter) else { return false };
    if sealed.encoded_len() > envelope::ENVELOPE_LEN_MAX {
        return false;
    }
    match peer.key_for(sealed, frame.lane.kind()) {
        Some((key, _)) => envelope::verify(sealed, &key).is_ok(),
        // A new key arrives inside a MANIFEST act, signed by itself; the writer looks at that.
        None => frame.lane.kind() == Kind::Act,
    }
}

impl Batch<'_> {
    /// Takes in a letter of a peer whose connection proved who it is.
    pub async fn receive(&mut self, city: &CityId, letter: Letter) -> Result<Received, StoreError> {
        let Some(peer) = self.directory.peers.get(city).cloned() else {
            return Ok(Received::Reject);
        };
        let Ok(frame) = Frame::read(&letter) else { return Ok(Received::Reject) };
        let Some(sealed) = letter.envelope.clone() else { return Ok(Received::Reject) };
        let live = match self.key_is_live(&peer, &frame, &sealed) {
            None => return Ok(Received::Reject),
            Some(live) => live,
        };
        let digest = envelope::env_digest(&sealed);
        let incoming = Incoming { peer: peer.clone(), frame, letter, sealed, digest };
        let bond = match self.bond(&frame.agreement) {
            Some(bond) if bond.peer == *city => bond,
            Some(_) => return Ok(Received::Reject),
            None => match self.new_bond(&incoming).await? {
                Some(bond) => bond,
                None => return Ok(Received::Reject),
            },
        };
        if frame.lane.side() == bond.our_side {
            return Ok(Received::Reject);
        }
        let end = self.lane_end(bond.id, frame.lane).await?;
        if frame.lane_seq <= end.last_seq && !plant::is(plant::Fault::SkipDedup) {
            return self.again(&bond, &incoming).await;
        }
        if peer.quarantine.is_some() {
            // Its log went back: what is new waits until it has said what happened.
            return Ok(Received::Defer(DeferReason::Recovering, 0));
        }
        if frame.lane_seq > end.last_seq + 1 && !plant::is(plant::Fault::AcceptGap) {
            return Ok(Received::Defer(DeferReason::Gap, end.last_seq + 1));
        }
        if frame.lane.kind() == Kind::Receipt {
            return self.receive_receipt(&bond, incoming, live).await;
        }
        let done = if frame.lane.kind() == Kind::Act {
            self.receive_act(&bond, &incoming, live).await
        } else {
            self.receive_message(&bond, &incoming, live).await
        };
        self.place(&bond, &incoming, done).await
    }

    /// Whether the signature verifies, and by a key that still counts.
    fn key_is_live(&self, peer: &Peer, frame: &Frame, sealed: &wire::Envelope) -> Option<bool> {
        if sealed.encoded_len() > envelope::ENVELOPE_LEN_MAX {
            return None;
        }
        match peer.key_for(sealed, frame.lane.kind()) {
            Some((key, live)) => envelope::verify(sealed, &key).ok().map(|()| live),
            None => self.verified_by_carried_manifest(peer, frame, sealed).then_some(true),
        }
    }

    /// Gives a letter of lanes 0, 1, 4, 5 its place and its status, or defers it.
    async fn place(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        done: Result<ItemStatus, Halt>,
    ) -> Result<Received, StoreError> {
        let (status, code) = match done {
            Ok(status) => (status, 0),
            Err(Halt::Store(error)) => return Err(error),
            Err(Halt::Stop(Stop::Wait(reason))) => return Ok(Received::Defer(reason, 0)),
            Err(Halt::Stop(Stop::Refuse(refusal))) => {
                self.refuse(bond, incoming, refusal).await?;
                (ItemStatus::Refused, refusal.number())
            }
        };
        let index = self.head.size + self.leaves.len() as u64 - 1;
        let taken = Taken {
            lane_seq: incoming.frame.lane_seq,
            env_digest: incoming.digest,
            index,
            status,
            code,
        };
        self.take(bond.id, incoming.frame.lane, taken);
        Ok(Received::Receipted)
    }

    /// A refused letter keeps its place in the lane and has no effect.
    pub(crate) async fn refuse(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        refusal: Refusal,
    ) -> Result<(), StoreError> {
        let end = self.lane_end(bond.id, incoming.frame.lane).await?;
        let header = Header {
            lane_seq: incoming.frame.lane_seq,
            created_unix_ms: end.last_created_ms,
            agreement_version: end.last_version,
            ..Header::default()
        };
        self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
        self.keep_leg_place(bond, incoming, refusal).await?;
        if refusal.class() == jieli_proto::refusal::Class::Misbehaved {
            let kind = "misbehaviour";
            let detail = format!("{} at lane {}", refusal.name(), incoming.frame.lane.number());
            self.alarm(kind, &incoming.peer.city.clone(), &detail).await?;
        }
        Ok(())
    }

    /// A place that is taken: the same bytes are answered as before, other bytes are evidence.
    async fn again(&mut self, bond: &Bond, incoming: &Incoming) -> Result<Received, StoreError> {
        let frame = &incoming.frame;
        let stored = self.stored(bond, frame.lane, frame.lane_seq).await?;
        let other = stored.filter(|stored| *stored != incoming.sealed);
        let other = other.filter(|_| !plant::is(plant::Fault::AcceptFork));
        let same = other.is_none();
        if let Some(stored) = other {
            let two = Parts::Envelopes([stored, incoming.sealed.clone()]);
            // Where it proves nothing by itself, for a key of it was revoked, its bytes are kept.
            if !self.keep_finding(&bond.peer, two).await? {
                let kind = "lane-equivocation";
                let sealed = &incoming.sealed;
                self.keep_evidence(kind, bond, frame.lane, frame.lane_seq, sealed).await?;
                self.alarm(kind, &bond.peer, "one place, two envelopes").await?;
            }
        }
        if frame.lane.kind() != Kind::Receipt {
            if same {
                self.sections_again(bond, incoming).await?;
            }
            return Ok(Received::Receipted);
        }
        // What was wrong when it came does not become right by coming again.
        if same && !self.is_wrong_receipt(bond, frame.lane, frame.lane_seq).await? {
            self.settle_items(bond, &incoming.letter, &incoming.sealed).await?;
        }
        Ok(Received::Noted)
    }

    /// Keeps an envelope as evidence; one of a kind for a place is enough.
    pub(crate) async fn keep_evidence(
        &mut self,
        kind: &str,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
        sealed: &wire::Envelope,
    ) -> Result<(), StoreError> {
        let place = [&bond.id.0[..], &[lane.number()], &lane_seq.to_be_bytes()].concat();
        let id = Digest::of(&[kind.as_bytes(), b"\0", &place]);
        self.conn
            .run(
                "INSERT INTO evidence (evidence_id, found_ms, kind, peer, agreement_id, lane, \
                 lane_seq, bytes) VALUES ($1,$2,$3,$4,$5,$6,$7,$8) \
                 ON CONFLICT (evidence_id) DO NOTHING",
                vec![
                    id.0[..16].into(),
                    self.now_ms.into(),
                    kind.into(),
                    bond.peer.as_str().into(),
                    bond.id.to_vec().into(),
                    lane.number().into(),
                    lane_seq.into(),
                    sealed.encode_to_vec().into(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn is_wrong_receipt(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<bool, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT lane_seq FROM evidence WHERE kind = $1 AND agreement_id = $2 \
                 AND lane = $3 AND lane_seq = $4",
                vec![
                    WRONG_RECEIPT.into(),
                    bond.id.to_vec().into(),
                    lane.number().into(),
                    lane_seq.into(),
                ],
            )
            .await?;
        Ok(row.is_some())
    }

    /// The envelope stored at a place.
    pub(crate) async fn stored(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<Option<wire::Envelope>, StoreError> {
        if let Some(sealed) = self.logged.get(&(bond.id, lane, lane_seq)) {
            return Ok(Some(sealed.clone()));
        }
        let row = self.conn.maybe("SELECT envelope FROM envelope WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3", vec![bond.id.to_vec().into(), i64::from(lane.number()).into(), (lane_seq as i64).into()])
        .await?;
        let Some(row) = row else { return Ok(None) };
        wire::Envelope::decode(row.bytes(0)?.as_slice())
            .map(Some)
            .map_err(|_| StoreError::Corrupt("envelope.envelope"))
    }

    /// Header checks that all payloads of a peer share.
    pub(crate) async fn check_head(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        head: &Head,
    ) -> Result<(), Halt> {
        if head.sender != bond.peer || head.recipient != self.directory.city {
            return Err(Refusal::BadHeader.into());
        }
        let end = self.lane_end(bond.id, incoming.frame.lane).await?;
        if head.lane_prev != end.last_digest {
            return Err(Refusal::BadChain.into());
        }
        if head.created_unix_ms < end.last_created_ms {
            return Err(Refusal::TimeWentBack.into());
        }
        if head.agreement_version < end.last_version {
            return Err(Refusal::VersionWentBack.into());
        }
        let newest = incoming.peer.newest().map_or(0, |manifest| manifest.version);
        if head.manifest_version > newest && incoming.frame.lane.kind() != Kind::Act {
            // The MANIFEST act that brings it is on its way in the act lane.
            return Err(Stop::Wait(DeferReason::CitedNotHeld).into());
        }
        Ok(())
    }
}

/// An honest city signs with no key before its time. Asked last: whatever else is wrong says more.
pub(crate) fn check_key_time(incoming: &Incoming, head: &Head) -> Result<(), Refusal> {
    let fpr = envelope::key_fpr(&incoming.sealed).unwrap_or_default();
    let is_early = incoming.peer.not_before(&fpr).is_some_and(|from| head.created_unix_ms < from);
    if is_early { Err(Refusal::BadHeader) } else { Ok(()) }
}

/// Decodes a payload whose signature was verified.
pub(crate) fn decode<M: jieli_proto::strict::Payload>(
    sealed: &wire::Envelope,
) -> Result<M, Refusal> {
    envelope::payload(sealed).map_err(|error| match error {
        SealError::OtherKind(_) => Refusal::UnknownType,
        SealError::Form(_) | SealError::OtherKey | SealError::Signature | SealError::Payload(_) => {
            Refusal::Undecodable
        }
    })
}
