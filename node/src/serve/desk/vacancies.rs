//! Vacancies as a desk sees them: own ones, and those that other cities announced.

use super::{Answer, DeskDoor};
use crate::store::StoreError;
use jieli_proto::wire;
use prost::Message as _;

impl DeskDoor {
    pub(super) async fn vacancy_list(&self) -> Answer<wire::VacancyList> {
        let mut conn = self.store.read().await?;
        let rows = conn
            .rows(
                "SELECT v.city, v.reference, v.posts, v.valid_until, v.terms_digest FROM vacancy v \
                 ORDER BY v.city, v.reference",
                Vec::new(),
            )
            .await?;
        let mut vacancies = Vec::new();
        for row in rows {
            let digest = row.bytes(4)?;
            let found = conn
                .maybe("SELECT bytes FROM terms WHERE digest = $1", vec![digest.into()])
                .await?;
            let terms = match found {
                Some(found) => wire::Terms::decode(found.bytes(0)?.as_slice())
                    .map_err(|_| StoreError::Corrupt("terms.bytes"))?,
                None => wire::Terms { reference: row.text(1)?, ..wire::Terms::default() },
            };
            vacancies.push(wire::Vacancy {
                city: row.text(0)?,
                terms: Some(terms),
                posts: row.int(2)? as u32,
                valid_until: row.int(3)? as u32,
            });
        }
        Ok(wire::VacancyList { vacancies })
    }
}
