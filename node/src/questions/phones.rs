//! One phone for persons of two households answers for neither: such persons confirm at a window.

use crate::batch::Batch;
use crate::house::House;
use crate::legs::LegFile;
use crate::store::{StoreError, Val};
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::id::LegId;
use jieli_proto::wire;

/// Stands where a document kind stands, so that no document has the tag of a phone.
const PHONE: u32 = u32::MAX;

/// A keyed tag of a phone: two of them tell whether they are of one phone, and nothing else.
pub(crate) fn phone_tag(house: &House, phone: &str) -> [u8; 32] {
    house.keys.blind_tag(PHONE, phone)
}

impl Batch<'_> {
    /// Remembers, under keyed tags, which worker's phone a leg names now.
    pub(crate) async fn index_phone(
        &mut self,
        file: &LegFile,
        worker: &wire::DraftPerson,
    ) -> Result<(), StoreError> {
        self.conn
            .run("DELETE FROM phone_index WHERE leg_id = $1", vec![file.id.to_vec().into()])
            .await?;
        let Some(row) = self.phone_row(file.id, worker) else { return Ok(()) };
        let sql = "INSERT INTO phone_index (tag, worker, leg_id) VALUES ($1,$2,$3) \
                   ON CONFLICT DO NOTHING";
        self.conn.run(sql, row).await?;
        Ok(())
    }

    /// A row of `phone_index`: tag, worker, leg.
    pub(crate) fn phone_row(&self, leg: LegId, worker: &wire::DraftPerson) -> Option<Vec<Val>> {
        let keys = &self.house.keys;
        let tag = phone_tag(self.house, &worker.phone);
        let owner = keys.blind_tag(worker.document, &worker.number);
        let row = vec![tag.into(), owner.into(), leg.to_vec().into()];
        Some(row).filter(|_| !worker.phone.is_empty())
    }

    /// Whether a phone is given for another worker than this one.
    pub(crate) async fn is_phone_of_another(
        &mut self,
        worker: &wire::DraftPerson,
    ) -> Result<bool, StoreError> {
        let keys = &self.house.keys;
        let owner = keys.blind_tag(worker.document, &worker.number);
        let tag = keys.blind_tag(PHONE, &worker.phone);
        let sql = "SELECT 1 FROM phone_index WHERE tag = $1 AND worker <> $2 LIMIT 1";
        Ok(self.conn.maybe(sql, vec![tag.into(), owner.into()]).await?.is_some())
    }

    /// Whether a code may go to the person's phone; who has none of the own is asked at a window.
    pub(crate) async fn is_reached(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        match self.is_own_phone(file).await {
            Ok(()) => Ok(self.contact(file).await?.is_some()),
            Err(Trouble::Denied(_)) => Ok(false),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// V1: a phone that two households gave asks nobody.
    pub(crate) async fn is_own_phone(&mut self, file: &LegFile) -> Outcome<()> {
        let Some(worker) = self.contact(file).await? else { return Ok(()) };
        if worker.phone.is_empty() {
            return Err(super::unreachable_person().into());
        }
        let tag = phone_tag(self.house, &worker.phone);
        let row = self
            .conn
            .one(
                "SELECT CAST(COUNT(DISTINCT worker) AS BIGINT) FROM phone_index WHERE tag = $1",
                vec![tag.into()],
            )
            .await?;
        if row.int(0)? <= 1 {
            return Ok(());
        }
        Err(Denied::new(
            "WINDOW_ONLY",
            "这个手机号也登记给了另一户，不能用它确认，请本人带证件到其他机构的窗口确认。",
            "Window only: this phone is also given for another household. The person confirms with \
             the document at another office's window.",
        )
        .into())
    }
}
