//! Agreements as a desk sees them: their state, and the whole of each in plain words.

use super::{Answer, DeskDoor};
use crate::directory::{Bond, Directory};
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;

mod text;

/// A version of an agreement as stored.
struct Version {
    number: u32,
    digest: Digest,
    agreement: wire::Agreement,
    proposed_by: String,
    is_live: bool,
}

impl DeskDoor {
    pub(super) async fn agreement_list(&self) -> Answer<wire::AgreementList> {
        let published = self.hand.published();
        let mut conn = self.store.read().await?;
        let mut agreements = Vec::new();
        for bond in published.directory.bonds.values() {
            let versions = versions(&mut conn, bond.id).await?;
            agreements.extend(self.view(&published.directory, bond, &versions));
        }
        Ok(wire::AgreementList { agreements })
    }

    pub(super) async fn agreement_view(&self, id: AgreementId) -> Answer<wire::AgreementView> {
        let published = self.hand.published();
        let unknown = || Denied::not_found(&id.hex());
        let bond = published.directory.bonds.get(&id).ok_or_else(unknown)?;
        let mut conn = self.store.read().await?;
        let versions = versions(&mut conn, id).await?;
        let view = self.view(&published.directory, bond, &versions);
        Ok(view.ok_or_else(unknown)?)
    }

    /// The version in force, or the one proposed where none is; a newer proposal is added to the
    /// text, for it is read before it is signed.
    fn view(
        &self,
        directory: &Directory,
        bond: &Bond,
        versions: &[Version],
    ) -> Option<wire::AgreementView> {
        let live = versions.iter().rfind(|version| version.is_live);
        let newest = versions.last()?;
        let shown = live.unwrap_or(newest);
        let calendar = &self.house.calendar;
        let today = calendar.day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let (mut text_zh, mut text_en) = (text::zh(&shown.agreement), text::en(&shown.agreement));
        for pending in versions.iter().filter(|version| version.number > shown.number) {
            let (number, by) = (pending.number, &pending.proposed_by);
            text_zh += &format!("\n\n{by} 提出的第{number}版，尚未会签：\n");
            text_zh += &text::zh(&pending.agreement);
            text_en += &format!("\n\nVersion {number}, proposed by {by}, not countersigned:\n");
            text_en += &text::en(&pending.agreement);
        }
        let peer = directory.peers.get(&bond.peer);
        Some(wire::AgreementView {
            agreement_id: bond.id.hex(),
            version: shown.number,
            state: bond.state(today).to_owned(),
            peer: peer.map_or(bond.peer.as_str(), |peer| peer.city.as_str()).to_owned(),
            env_digest: shown.digest.hex(),
            proposed_by: shown.proposed_by.clone(),
            valid_from: shown.agreement.valid_from,
            valid_to: shown.agreement.valid_to,
            text_zh,
            text_en,
        })
    }
}

/// All versions of an agreement, by number; of several proposals of one number the live one last.
async fn versions(conn: &mut Conn, id: AgreementId) -> Result<Vec<Version>, StoreError> {
    let rows = conn
        .rows(
            "SELECT version, envelope, proposed_by, countersigned_ms FROM agreement_version \
             WHERE agreement_id = $1 ORDER BY version, countersigned_ms, proposed_ms",
            vec![id.to_vec().into()],
        )
        .await?;
    let corrupt = || StoreError::Corrupt("agreement_version.envelope");
    let mut all = Vec::new();
    for row in rows {
        let sealed = Envelope::decode(row.bytes(1)?.as_slice()).map_err(|_| corrupt())?;
        all.push(Version {
            number: row.int(0)? as u32,
            digest: envelope::env_digest(&sealed),
            agreement: envelope::payload(&sealed).map_err(|_| corrupt())?,
            proposed_by: row.text(2)?,
            is_live: row.int(3)? > 0,
        });
    }
    Ok(all)
}
