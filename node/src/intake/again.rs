//! A row that is here already. While nobody was asked about it, a corrected sheet corrects it;
//! afterwards no sheet changes what a person was asked, or what has left.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::questions::{Look, View, purpose};
use crate::store::{self, StoreError};
use crate::trouble::Outcome;
use crate::vault::{CONTACT, DRAFT, Place};
use jieli_proto::case::Side;
use jieli_proto::wire;
use prost::Message as _;

impl Batch<'_> {
    /// Puts a row in place of the drafts of its case, if the case is this office's, goes to the
    /// same city, asks for the same services for the same persons, and nobody was asked yet.
    /// Returns whether anything was changed.
    pub(super) async fn put_right(
        &mut self,
        actor: &Actor,
        number: &str,
        city: &str,
        legs: &[wire::DraftLeg],
        worker: &wire::DraftPerson,
    ) -> Outcome<bool> {
        let Some(case) = store::legs::case(self.conn, number).await? else { return Ok(false) };
        let ids = store::legs::legs_of(self.conn, case.id).await?;
        if case.city != city || ids.len() != legs.len() {
            return Ok(false);
        }
        let (mut files, mut changed) = (Vec::new(), false);
        for (id, leg) in ids.into_iter().zip(legs) {
            let Some(file) = self.take_leg(id).await? else { return Ok(false) };
            let ours = file.our_office == actor.office && file.our_side == Side::Initiator;
            if !ours || file.local != Local::Draft || file.service != leg.service() {
                return Ok(false);
            }
            let Some(before) = self.drafted(&file).await? else { return Ok(false) };
            if !same_person(before.person.as_ref(), leg.person.as_ref()) {
                return Ok(false);
            }
            let contact = self.reveal(&file, &Place::of_leg(file.id, CONTACT)).await?;
            changed |= before != *leg || contact != Some(worker.encode_to_vec());
            files.push(file);
        }
        if !changed {
            return Ok(false);
        }
        for (mut file, leg) in files.into_iter().zip(legs) {
            file.reference = super::reference(leg);
            self.hide(&file, &Place::of_leg(file.id, DRAFT), &leg.encode_to_vec()).await?;
            self.hide(&file, &Place::of_leg(file.id, CONTACT), &worker.encode_to_vec()).await?;
            self.index_phone(&file, worker).await?;
            // Another guardian may be named now.
            let sql = "DELETE FROM guardian_told WHERE leg_id = $1";
            self.conn.run(sql, vec![file.id.to_vec().into()]).await?;
            // What a person is shown is looked up by the vacancy on the leg.
            store::legs::update(self.conn, &file).await?;
            self.put_leg(file);
        }
        self.record("draft corrected", number.as_bytes());
        Ok(true)
    }

    /// That this person's request is here already is told to who imports the document: a look.
    pub(super) async fn told_again(&mut self, actor: &Actor, number: &str) -> Outcome<()> {
        let Some(case) = store::legs::case(self.conn, number).await? else { return Ok(()) };
        let look = Look {
            case_number: case.number,
            view: View::Import,
            purpose: purpose::IMPORT.both(),
            legs: store::legs::legs_of(self.conn, case.id).await?,
        };
        Ok(self.looked(actor, &look).await?)
    }

    async fn drafted(&mut self, file: &LegFile) -> Result<Option<wire::DraftLeg>, StoreError> {
        let bytes = self.reveal(file, &Place::of_leg(file.id, DRAFT)).await?;
        Ok(bytes.and_then(|bytes| wire::DraftLeg::decode(bytes.as_slice()).ok()))
    }
}

fn same_person(one: Option<&wire::DraftPerson>, other: Option<&wire::DraftPerson>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one.document, &one.number) == (other.document, &other.number),
        (None, _) | (_, None) => false,
    }
}
