//! The person's consent behind a message: verified before anything that rests on it is accepted.

use super::{Halt, Incoming, Stop, decode, message::Opened};
use crate::batch::Batch;
use crate::legs::LegFile;
use jieli_proto::consent::{self, Needed};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::kinds::Kind;
use jieli_proto::message::MessageFacts;
use jieli_proto::refusal::Refusal;
use jieli_proto::section;
use jieli_proto::wire::{self, DeferReason, MessageType};
use prost::Message as _;

impl Batch<'_> {
    /// Checks the consent that a message cites, and keeps it.
    pub(super) async fn check_consent(
        &mut self,
        incoming: &Incoming,
        facts: &MessageFacts,
        file: &LegFile,
        opened: &Opened,
    ) -> Result<(), Halt> {
        let Some(cited) = facts.consent else {
            // An OFFER names no person, but it is about one: no yes, no message.
            let about = matches!(facts.kind, MessageType::Offer) || !opened.is_empty();
            let theirs = facts.kind != MessageType::Outcome;
            return if about && theirs { Err(Refusal::ConsentInvalid.into()) } else { Ok(()) };
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
        let sections: Vec<u8> =
            section::slots(facts.kind, facts.service).iter().map(|kind| kind.number).collect();
        let offices = if facts.kind == MessageType::Consent {
            // Taken at the other side's window: it names the initiator's office first.
            (file.our_office.as_str(), file.their_office.as_str())
        } else {
            (facts.from_office.as_str(), facts.to_office.as_str())
        };
        let needed = Needed {
            leg: file.id,
            from_office: offices.0,
            to_office: offices.1,
            purpose: facts.purpose,
            sections: &sections,
            on: self.house.calendar.day_of_unix_ms(facts.head.created_unix_ms),
            zone_offset_min: self.house.calendar.zone_offset_min(),
        };
        consent::covers(&found, &needed).map_err(|_| Refusal::ConsentInvalid)?;
        self.keep_consent(&sealed, &cited, file.id, found.given_unix_ms, false).await?;
        Ok(())
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
