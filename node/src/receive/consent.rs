//! The person's consent behind a message: verified before anything that rests on it is accepted.

use super::{Halt, Incoming, Stop, decode, message::Opened};
use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::LegFile;
use jieli_proto::case::Side;
use jieli_proto::consent::{self, Needed};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::kinds::Kind;
use jieli_proto::message::MessageFacts;
use jieli_proto::refusal::Refusal;
use jieli_proto::section;
use jieli_proto::wire::{self, DeferReason, MessageType};
use prost::Message as _;

/// A consent that was checked.
pub(super) struct Cited {
    pub(super) sealed: wire::Envelope,
    pub(super) digest: Digest,
    pub(super) given_ms: u64,
}

impl Batch<'_> {
    /// Checks the consent that a message cites. It is kept only when the message is legal: what is
    /// refused or put off leaves nothing to rest on.
    pub(super) async fn check_consent(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        facts: &MessageFacts,
        file: &LegFile,
        opened: &Opened,
    ) -> Result<Option<Cited>, Halt> {
        let Some(cited) = facts.consent else {
            // An OFFER names no person, but it is about one: no yes, no message.
            // What the provider reports of its own service (phase C) rests on the RELEASE.
            let before = |(number, _, _): &(u8, wire::Section, Vec<_>)| {
                let kind = section::SectionKind::of(u32::from(*number));
                kind.is_none_or(|kind| kind.phase != section::Phase::C)
            };
            let about = facts.kind == MessageType::Offer || opened.iter().any(before);
            return if about { Err(Refusal::ConsentInvalid.into()) } else { Ok(None) };
        };
        let held = self.held_consent(&cited).await?;
        let carried =
            incoming.letter.consents.iter().find(|sealed| envelope::env_digest(sealed) == cited);
        let Some(sealed) = carried.or(held.as_ref()).cloned() else {
            return Err(Stop::Wait(DeferReason::CitedNotHeld).into());
        };
        // What was verified when it was taken in goes on to count, whatever became of the key;
        // anything else is signed by a live key of the city where it was taken: theirs, or ours.
        let known = held.is_some_and(|held| held == sealed);
        let by_us = || {
            let manifest = self.directory.manifest();
            manifest.is_some_and(|manifest| manifest.verify(&sealed, Kind::Consent).is_ok())
        };
        if !known && !incoming.peer.has_signed(&sealed, Kind::Consent) && !by_us() {
            return Err(Refusal::ConsentInvalid.into());
        }
        let found: wire::Consent = decode(&sealed)?;
        // The person section always, and whatever else is opened: an empty slot opens nothing.
        let mut sections: Vec<u8> = opened.iter().map(|(number, _, _)| *number).collect();
        if facts.section(section::PERSON).is_some() {
            sections.push(section::PERSON);
        }
        let offices = if facts.kind == MessageType::Consent {
            // Whoever's window took it: it names the initiator's office first.
            match file.our_side {
                Side::Initiator => (facts.to_office.as_str(), facts.from_office.as_str()),
                Side::Examiner => (facts.from_office.as_str(), facts.to_office.as_str()),
            }
        } else {
            (facts.from_office.as_str(), facts.to_office.as_str())
        };
        let zone = bond.in_force().map(|a| a.party(bond.our_side.other()).zone_offset_min);
        let zone = zone.unwrap_or(self.directory.shelf.home().zone_offset_min());
        let needed = Needed {
            leg: file.id,
            from_office: offices.0,
            to_office: offices.1,
            purpose: facts.purpose,
            sections: &sections,
            on: self.day_of_sender(bond, facts.head.created_unix_ms),
            zone_offset_min: zone,
        };
        consent::covers(&found, &needed).map_err(|_| Refusal::ConsentInvalid)?;
        Ok(Some(Cited { sealed, digest: cited, given_ms: found.given_unix_ms }))
    }

    /// A consent held here, by its name.
    pub(crate) async fn held_consent(
        &mut self,
        digest: &Digest,
    ) -> Result<Option<wire::Envelope>, crate::store::StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT envelope FROM consent WHERE env_digest = $1",
                vec![digest.to_vec().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        wire::Envelope::decode(row.bytes(0)?.as_slice())
            .map(Some)
            .map_err(|_| crate::store::StoreError::Corrupt("consent.envelope"))
    }

    /// Stores a consent; the same one twice is the same one.
    pub(crate) async fn keep_consent(
        &mut self,
        sealed: &wire::Envelope,
        digest: &Digest,
        leg: LegId,
        given_ms: u64,
        ours: bool,
    ) -> Result<(), crate::store::StoreError> {
        self.conn
            .run(
                "INSERT INTO consent (env_digest, leg_id, envelope, ours, given_ms, ended_ms) \
             VALUES ($1,$2,$3,$4,$5,0) ON CONFLICT (env_digest) DO NOTHING",
                vec![
                    digest.to_vec().into(),
                    leg.to_vec().into(),
                    sealed.encode_to_vec().into(),
                    i64::from(ours).into(),
                    (given_ms as i64).into(),
                ],
            )
            .await?;
        Ok(())
    }
}
