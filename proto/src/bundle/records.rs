//! The envelopes of `envelopes/` with what they say, as far as it can be read.

use super::layout;
use super::parts::Parts;
use crate::envelope;
use crate::id::{AgreementId, CityId, Digest};
use crate::kinds::{Kind, Lane};
use crate::message::{self, ActFacts, Head, ItemFacts, ItemVerdict, MessageFacts, ReceiptFacts};
use crate::refusal::Refusal;
use crate::strict;
use crate::wire::{self, Envelope};
use std::collections::BTreeMap;

/// What an envelope says.
#[derive(Debug)]
pub(super) enum Content {
    Message(Box<(MessageFacts, wire::Message)>),
    Receipt(ReceiptFacts),
    Act(ActFacts),
    Statement(wire::LegStatement),
    /// The payload cannot be read, or has a wrong form. A refused message may look like this.
    Unreadable(Kind, String),
}

/// Place in a lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) agreement: AgreementId,
    pub(super) lane: Lane,
    pub(super) lane_seq: u64,
}

/// One envelope.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) digest: Digest,
    pub(super) path: String,
    pub(super) envelope: &'a Envelope,
    pub(super) content: Content,
    /// The other city's receipt item, if it is here and can be read.
    pub(super) item: Option<ItemFacts>,
    /// Its place, by its header, or by its receipt where it cannot be read.
    pub(super) place: Option<Place>,
}

/// All envelopes, by name. Kinds that have no place in `envelopes/` are unreadable there.
pub(super) fn read(parts: &Parts) -> BTreeMap<Digest, Record<'_>> {
    let records = parts.envelopes.iter();
    records.map(|(digest, envelope)| (*digest, record(parts, *digest, envelope))).collect()
}

fn record<'a>(parts: &Parts, digest: Digest, envelope: &'a Envelope) -> Record<'a> {
    let content = content(envelope);
    let item = parts.items.get(&digest).and_then(|found| {
        let item: wire::Item = strict::decode(&found.item).ok()?;
        message::check_item(&item).ok()
    });
    let mut record = Record {
        digest,
        path: layout::dsse("envelopes/", &digest),
        envelope,
        content,
        item,
        place: None,
    };
    record.place = match record.head() {
        Some(head) => {
            Some(Place { agreement: head.agreement, lane: head.lane, lane_seq: head.lane_seq })
        }
        None => place_by_receipt(parts, &record),
    };
    record
}

/// An unreadable message stands where its frame named it; the receipt repeats that.
fn place_by_receipt(parts: &Parts, record: &Record<'_>) -> Option<Place> {
    let item = record.item?;
    let bundled = parts.items.get(&record.digest)?;
    let Content::Receipt(receipt) = content(parts.envelopes.get(&bundled.receipt)?) else {
        return None;
    };
    let lane_seq = item.lane_seq;
    Some(Place { agreement: receipt.head.agreement, lane: receipt.answers, lane_seq })
}

fn content(envelope: &Envelope) -> Content {
    let Some(kind) = envelope::kind(envelope) else {
        return Content::Unreadable(Kind::Message, "payload type".to_owned());
    };
    let read = match kind {
        Kind::Message => open(envelope).and_then(|found: wire::Message| {
            let facts = facts_of(&found).map_err(|fault| fault.to_string())?;
            Ok(Content::Message(Box::new((facts, found))))
        }),
        Kind::Receipt => open(envelope).and_then(|found: wire::Receipt| {
            let facts = message::check_receipt(&found).map_err(|fault| fault.to_string())?;
            Ok(Content::Receipt(facts))
        }),
        Kind::Act => open(envelope).and_then(|found: wire::Act| {
            let facts = message::check_act(&found).map_err(|fault| fault.to_string())?;
            Ok(Content::Act(facts))
        }),
        Kind::LegStatement => open(envelope).and_then(|found: wire::LegStatement| {
            let sized = found.leg_id.len() == 16 && found.last_env_digest.len() == 32;
            let none = found.last_env_digest.iter().all(|byte| *byte == 0);
            let fits = sized && none == (found.last_leg_seq == 0);
            if fits { Ok(Content::Statement(found)) } else { Err("leg statement".to_owned()) }
        }),
        Kind::Agreement
        | Kind::Manifest
        | Kind::Consent
        | Kind::LaneStatement
        | Kind::Recovery
        | Kind::PersonStatement
        | Kind::Slip
        | Kind::Letter
        | Kind::Successor
        | Kind::Invite
        | Kind::Pack
        | Kind::Flag => Err("this payload type has no place in envelopes/".to_owned()),
    };
    read.unwrap_or_else(|what| Content::Unreadable(kind, what))
}

/// A message between two cities, or in the local form between two offices of one.
fn facts_of(found: &wire::Message) -> Result<MessageFacts, message::Fault> {
    let agreement = found.header.as_ref().map(|header| header.agreement_id.as_slice());
    let agreement = agreement.and_then(AgreementId::from_slice);
    match agreement.is_some_and(|id| id.is_local()) {
        true => message::check_local(found),
        false => message::check_message(found),
    }
}

/// Whether all that is here was said within one city.
pub(super) fn are_within(records: &BTreeMap<Digest, Record<'_>>) -> bool {
    let mut messages = records.values().filter_map(Record::message).peekable();
    messages.peek().is_some() && messages.all(|(facts, _)| facts.head.agreement.is_local())
}

fn open<M: strict::Payload>(envelope: &Envelope) -> Result<M, String> {
    envelope::payload(envelope).map_err(|error| error.to_string())
}

impl Record<'_> {
    pub(super) fn kind(&self) -> Kind {
        match &self.content {
            Content::Message(_) => Kind::Message,
            Content::Receipt(_) => Kind::Receipt,
            Content::Act(_) => Kind::Act,
            Content::Statement(_) => Kind::LegStatement,
            Content::Unreadable(kind, _) => *kind,
        }
    }

    pub(super) fn head(&self) -> Option<&Head> {
        match &self.content {
            Content::Message(found) => Some(&found.0.head),
            Content::Receipt(receipt) => Some(&receipt.head),
            Content::Act(act) => Some(&act.head),
            Content::Statement(_) | Content::Unreadable(..) => None,
        }
    }

    pub(super) fn message(&self) -> Option<(&MessageFacts, &wire::Message)> {
        match &self.content {
            Content::Message(found) => Some((&found.0, &found.1)),
            Content::Receipt(_)
            | Content::Act(_)
            | Content::Statement(_)
            | Content::Unreadable(..) => None,
        }
    }

    pub(super) fn receipt(&self) -> Option<&ReceiptFacts> {
        match &self.content {
            Content::Receipt(receipt) => Some(receipt),
            Content::Message(_)
            | Content::Act(_)
            | Content::Statement(_)
            | Content::Unreadable(..) => None,
        }
    }

    pub(super) fn act(&self) -> Option<&ActFacts> {
        match &self.content {
            Content::Act(act) => Some(act),
            Content::Message(_)
            | Content::Receipt(_)
            | Content::Statement(_)
            | Content::Unreadable(..) => None,
        }
    }

    pub(super) fn statement(&self) -> Option<&wire::LegStatement> {
        match &self.content {
            Content::Statement(statement) => Some(statement),
            Content::Message(_)
            | Content::Receipt(_)
            | Content::Act(_)
            | Content::Unreadable(..) => None,
        }
    }

    /// The technical code with which the other city refused it.
    pub(super) fn refused(&self) -> Option<u32> {
        match self.item?.verdict {
            ItemVerdict::Refused(code) => Some(code),
            ItemVerdict::Stored | ItemVerdict::StoredWithheld => None,
        }
    }

    /// Whether it stands in its leg's lane.
    pub(super) fn takes_leg_place(&self) -> bool {
        let refusal = self.refused().and_then(Refusal::from_number);
        refusal.is_none_or(Refusal::takes_leg_place)
    }

    /// The city that is said to have signed it.
    pub(super) fn author(&self) -> Option<CityId> {
        match &self.content {
            Content::Statement(statement) => CityId::parse(&statement.side),
            Content::Message(_)
            | Content::Receipt(_)
            | Content::Act(_)
            | Content::Unreadable(..) => self.head().map(|head| head.sender.clone()),
        }
    }
}
