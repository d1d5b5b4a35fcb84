//! Who the person of a leg is: the block that RELEASE or REQUEST brought, and what corrections made
//! of it. What may be said of it is [`check_person`], asked before it is signed and on arrival.

use crate::batch::Batch;
use crate::legs::{Entry, LegFile, msg_id};
use crate::store::{self, StoreError};
use crate::vault::{Place, person_of, values_of};
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::id::{Digest, MsgId};
use jieli_proto::message::{OfPerson, check_person, corrected};
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{PERSON, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};

/// Values by field.
type Values = Vec<(u32, Value)>;

impl Batch<'_> {
    /// The person block as it was first sent in a leg; empty where it is not held.
    pub(crate) async fn first_person(&mut self, file: &LegFile) -> Result<Values, StoreError> {
        let found = [MessageType::Release, MessageType::Request]
            .into_iter()
            .find_map(|ty| file.latest(ty)?.message.as_ref().and_then(msg_id));
        match found {
            Some(msg) => Ok(self.person_in(file, msg).await?.unwrap_or_default()),
            None => Ok(Vec::new()),
        }
    }

    async fn person_in(
        &mut self,
        file: &LegFile,
        msg: MsgId,
    ) -> Result<Option<Values>, StoreError> {
        let place = Place { leg: file.id, slot: PERSON, msg };
        let bytes = self.reveal(file, &place).await?;
        Ok(bytes.and_then(|bytes| values_of(&bytes, &msg)))
    }

    /// The person block that a RELEASE or REQUEST brought, with what was corrected since.
    pub(crate) async fn released_person(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::DraftPerson>, StoreError> {
        let mut values = self.first_person(file).await?;
        if values.is_empty() {
            return Ok(None);
        }
        for (fields, msg) in corrections(file) {
            let Some(now) = self.person_in(file, msg).await? else { continue };
            values.retain(|(number, _)| !fields.contains(number));
            values.extend(now);
        }
        Ok(Some(person_of(&values)))
    }

    /// Whether what a message says of the person may be said. `seen`: how much its author had seen of
    /// the other side; `opened`: what comes with it of the person block.
    pub(crate) async fn check_of_person(
        &mut self,
        file: &LegFile,
        message: &wire::Message,
        by: Side,
        opened: &[(u32, Value)],
        on: Day,
    ) -> Result<Result<(), Refusal>, StoreError> {
        let could = matches!(message.r#type(), MessageType::Correct | MessageType::Supply);
        if !could {
            return Ok(Ok(()));
        }
        let first = self.first_person(file).await?;
        let seen = Digest::from_slice(&message.leg_seen)
            .and_then(|seen| store::legs::seen_seq(file, by, &seen));
        let (own, others) = (message.leg_seq, seen.unwrap_or(0));
        let is_before = |entry: &Entry| match entry.side == by {
            true => entry.seq < own,
            false => entry.seq <= others,
        };
        let before: Vec<&wire::Message> =
            counted(file).filter(|(entry, _)| is_before(entry)).map(|(_, said)| said).collect();
        let by_initiator = by == Side::Initiator;
        let said = OfPerson { message, by_initiator, opened, first: &first, on };
        Ok(check_person(&said, before.iter().copied()))
    }
}

/// The messages of a leg that take effect.
pub(crate) fn counted(file: &LegFile) -> impl Iterator<Item = (&Entry, &wire::Message)> {
    file.entries.iter().filter_map(|entry| {
        file.law.place(entry.side, entry.seq)?.legal()?;
        Some((entry, entry.message.as_ref()?))
    })
}

/// The fields of the person block that were corrected in a leg.
pub(crate) fn corrected_in(file: &LegFile) -> Vec<u32> {
    corrected(counted(file).map(|(_, message)| message))
}

/// The corrections of the person block in effect, oldest first: their fields and ids.
fn corrections(file: &LegFile) -> Vec<(Vec<u32>, MsgId)> {
    let of = |(_, message): (&Entry, &wire::Message)| {
        let Body::Correct(body) = message.body.as_ref()? else { return None };
        let of_person = body.section == u32::from(PERSON);
        Some((body.fields.clone(), msg_id(message)?)).filter(|_| of_person)
    };
    counted(file).filter_map(of).collect()
}
