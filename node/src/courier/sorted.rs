//! A peer's answers, sorted by what is to be done about them.

use crate::store::queue::Place;
use crate::wire_limits as limits;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::Lane;
use jieli_proto::wire::answer::Answer as What;
use jieli_proto::wire::{Answer, Defer, Letter, Noted};
use std::collections::{BTreeMap, BTreeSet};

/// A lane of an agreement.
pub(super) type LaneKey = (AgreementId, Lane);

/// What came back for the letters of one delivery.
#[derive(Default)]
pub(super) struct Sorted {
    /// Receipts in the order of their lanes, each with all the items that came with it for one head.
    pub(super) receipts: Vec<Letter>,
    /// Receipts of ours that the peer holds.
    pub(super) noted: Vec<Noted>,
    /// Of each lane the first letter that was put off, and how.
    pub(super) deferred: BTreeMap<LaneKey, (u64, Defer)>,
    /// Of each lane the first letter that was rejected.
    pub(super) rejected: BTreeMap<LaneKey, u64>,
    /// Letters without an answer.
    pub(super) unanswered: BTreeSet<Place>,
}

impl Sorted {
    /// Sorts the answers to these letters; an answer to anything else is passed over.
    pub(super) fn of(answers: Vec<Answer>, sent: &BTreeSet<Place>) -> Sorted {
        let mut sorted = Sorted { unanswered: sent.clone(), ..Sorted::default() };
        let mut receipts: BTreeMap<(Vec<u8>, u32, u64, Digest, String), Letter> = BTreeMap::new();
        for answer in answers {
            let Some(place) = place(&answer).filter(|place| sorted.unanswered.remove(place)) else {
                continue;
            };
            let lane = (place.agreement_id, place.lane);
            match answer.answer {
                // An answer proves one item: that of its letter.
                Some(What::Receipt(letter)) if items(&letter) == 1 => merge(&mut receipts, letter),
                Some(What::Noted(noted)) => sorted.noted.push(noted),
                Some(What::Defer(defer)) => {
                    let first = sorted.deferred.entry(lane).or_insert((place.lane_seq, defer));
                    if place.lane_seq < first.0 {
                        *first = (place.lane_seq, defer);
                    }
                }
                Some(What::Reject(_)) => {
                    let first = sorted.rejected.entry(lane).or_insert(place.lane_seq);
                    *first = place.lane_seq.min(*first);
                }
                Some(What::Receipt(_) | What::Heads(_)) | None => {
                    sorted.unanswered.insert(place);
                }
            }
        }
        sorted.receipts = receipts.into_values().collect();
        sorted
    }
}

/// Many letters are answered by one receipt: it is stored once, with all their items.
fn merge(receipts: &mut BTreeMap<(Vec<u8>, u32, u64, Digest, String), Letter>, letter: Letter) {
    let digest = letter.envelope.as_ref().map_or(Digest::ZERO, |sealed| {
        // Signature and key belong to the name here: other bytes are another receipt.
        Digest::of(&[&sealed.payload, &sealed.key_fpr, &sealed.sig])
    });
    let checkpoint = letter.proof.as_ref().map_or(String::new(), |proof| proof.checkpoint.clone());
    let key = (letter.agreement_id.clone(), letter.lane, letter.lane_seq, digest, checkpoint);
    match receipts.get_mut(&key) {
        None => {
            receipts.insert(key, letter);
        }
        Some(held) => {
            if let (Some(held), Some(more)) = (&mut held.proof, letter.proof) {
                let room = limits::ITEMS_MAX.saturating_sub(held.items.len());
                held.items.extend(more.items.into_iter().take(room));
            }
        }
    }
}

fn items(letter: &Letter) -> usize {
    letter.proof.as_ref().map_or(0, |proof| proof.items.len())
}

fn place(answer: &Answer) -> Option<Place> {
    Some(Place {
        agreement_id: AgreementId::from_slice(&answer.agreement_id)?,
        lane: Lane::from_number(answer.lane)?,
        lane_seq: answer.lane_seq,
    })
}

/// Where a letter stands.
pub(super) fn place_of(letter: &Letter) -> Option<Place> {
    Some(Place {
        agreement_id: AgreementId::from_slice(&letter.agreement_id)?,
        lane: Lane::from_number(letter.lane)?,
        lane_seq: letter.lane_seq,
    })
}

/// That a receipt is stored here.
pub(super) fn noted_of(letter: &Letter) -> Noted {
    let digest =
        letter.envelope.as_ref().map_or(Vec::new(), |sealed| envelope::env_digest(sealed).to_vec());
    Noted {
        agreement_id: letter.agreement_id.clone(),
        lane: letter.lane,
        lane_seq: letter.lane_seq,
        env_digest: digest,
    }
}
