//! The rows of a sheet on their way into the database: a sheet has thousands, so what is known of
//! their persons is asked for all of them at once, and what is new is written many rows at a time.

use crate::batch::Batch;
use crate::store::{Conn, StoreError, Val, legs, places};
use crate::vault;
use jieli_proto::wire;
use std::collections::BTreeSet;

/// Persons asked about with one statement.
const ASKED_MAX: usize = 500;

/// What stands in the database about the persons of a sheet, by keyed tag.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In a case that is here.
    cases: BTreeSet<Vec<u8>>,
    /// Not to be asked about now (V7).
    suppressed: BTreeSet<Vec<u8>>,
}

/// Drafts that are not written yet.
#[derive(Debug, Default)]
pub(super) struct NewRows {
    /// The number of the last case of the year, once it was read.
    pub(super) last_case: Option<i64>,
    pub(super) cases: Vec<Vec<Val>>,
    pub(super) legs: Vec<Vec<Val>>,
    pub(super) keys: Vec<Vec<Val>>,
    pub(super) sections: Vec<Vec<Val>>,
    pub(super) persons: Vec<Vec<Val>>,
    pub(super) phones: Vec<Vec<Val>>,
    pub(super) timers: Vec<Vec<Val>>,
    /// The persons among them, by the tag of their document.
    pub(super) tags: BTreeSet<[u8; 32]>,
    /// Those of drafts of the same sheet that are written already.
    pub(super) written: BTreeSet<[u8; 32]>,
}

impl Known {
    /// Asks about all persons of these drafts.
    pub(super) async fn ask(
        batch: &mut Batch<'_>,
        drafts: &[&wire::Draft],
    ) -> Result<Known, StoreError> {
        let (mut here, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for leg in drafts.iter().flat_map(|draft| &draft.legs) {
            let Some(person) = &leg.person else { continue };
            let keys = &batch.house.keys;
            here.insert(keys.blind_tag(person.document, &person.number).to_vec());
            let service = leg.service() as u32;
            let tag = keys.suppression_tag(service, person.document, &person.number);
            refused.insert(tag.to_vec());
        }
        let until = [Val::from(batch.now_ms)];
        Ok(Known {
            cases: among(batch.conn, "SELECT tag FROM blind_index WHERE ", &[], here).await?,
            suppressed: among(
                batch.conn,
                "SELECT tag FROM suppression WHERE until_ms > $1 AND ",
                &until,
                refused,
            )
            .await?,
        })
    }

    pub(super) fn has_case(&self, tag: &[u8]) -> bool {
        self.cases.contains(tag)
    }

    pub(super) fn is_suppressed(&self, tag: &[u8]) -> bool {
        self.suppressed.contains(tag)
    }
}

impl NewRows {
    /// Writes what has been gathered.
    pub(super) async fn write(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let mut rows = std::mem::take(self);
        self.written.append(&mut rows.written);
        self.written.append(&mut rows.tags);
        let conn = &mut *batch.conn;
        if let Some(last) = rows.last_case {
            let (year, _, _) = batch.today.parts();
            let sql = "INSERT INTO case_counter (year, last) VALUES ($1, $2) \
                       ON CONFLICT (year) DO UPDATE SET last = excluded.last";
            conn.run(sql, vec![year.into(), last.into()]).await?;
        }
        let case = ["case_id", "number", "city", "agreement_id", "opened_ms"];
        conn.insert_many("case_file", &case, rows.cases).await?;
        conn.insert_many("leg", legs::LEG_COLUMNS, rows.legs).await?;
        conn.insert_many("section_key", vault::KEY_COLUMNS, rows.keys).await?;
        conn.insert_many("section_data", vault::DATA_COLUMNS, rows.sections).await?;
        conn.insert_many("blind_index", &["tag", "leg_id"], rows.persons).await?;
        conn.insert_many("phone_index", &["tag", "worker", "leg_id"], rows.phones).await?;
        let timer = ["timer_id", "due_ms", "kind", "subject"];
        conn.insert_many("timer", &timer, rows.timers).await?;
        Ok(())
    }
}

/// Which of these tags a question about some of them finds.
async fn among(
    conn: &mut Conn,
    question: &str,
    first: &[Val],
    tags: BTreeSet<Vec<u8>>,
) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let tags: Vec<Vec<u8>> = tags.into_iter().collect();
    let mut found = BTreeSet::new();
    for some in tags.chunks(ASKED_MAX) {
        let sql = format!("{question} tag IN ({})", places(first.len() + 1, some.len()));
        let mut vals = first.to_vec();
        vals.extend(some.iter().map(|tag| Val::from(tag.clone())));
        for row in conn.rows_many(sql, vals).await? {
            found.insert(row.bytes(0)?);
        }
    }
    Ok(found)
}
