//! V13: the case of a person who stands at the counter, found by the exact document in hand. There
//! is no other search: not by part of a name or number, and never in another office's cases.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::Local;
use crate::questions::{Look, View};
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::LegId;
use jieli_proto::number::CitizenNumber;
use jieli_proto::wire;
use std::collections::BTreeMap;

/// Documents that one clerk may look up on one day; misses count too.
pub const LOOKUPS_PER_DAY: u64 = 20;
/// Document kind code of a resident ID card.
const RESIDENT_ID: u32 = 1;

impl Batch<'_> {
    /// The numbers of this office's own cases about who holds a document. What was never sent is
    /// not found: whether a person has answered a draft, or how, must not be read from here (V23).
    pub(crate) async fn find_cases(
        &mut self,
        actor: &Actor,
        asked: &wire::FindCasesRequest,
    ) -> Outcome<wire::FindCasesReply> {
        let left = self.count_lookup(actor).await?;
        let number = one_spelling(asked.document, &asked.number);
        let tag = self.house.keys.blind_tag(asked.document, &number);
        let sql = "SELECT leg_id FROM blind_index WHERE tag = $1";
        let mut found: BTreeMap<String, Vec<LegId>> = BTreeMap::new();
        for row in self.conn.rows(sql, vec![tag.into()]).await? {
            let Some(file) = self.take_leg(LegId(row.array(0)?)).await? else { continue };
            // Within one city the number was indexed where it was entered: for the other office it is
            // there once the person is.
            let file = file.seen_by(&actor.office);
            let shown = file.our_office == actor.office
                && (!file.is_far() || file.has_the_person())
                && file.local == Local::OnTheRoad
                // What is kept of a stopped leg is kept for the person's "not me" alone.
                && !file.is_stopped()
                && !file.is_page_closed(self.now_ms);
            if !shown {
                continue;
            }
            if let Some(case) = store::legs::case_by_id(self.conn, file.case).await? {
                found.entry(case.number).or_default().push(file.id);
            }
        }
        let word = if found.is_empty() { "document not found" } else { "document found" };
        self.record(word, format!("{} {}", actor.token, actor.office).as_bytes());
        let case_numbers: Vec<String> = found.keys().cloned().collect();
        for (case_number, legs) in found {
            let purpose = asked.purpose.trim().to_owned();
            let look = Look { case_number, view: View::Find, purpose, legs };
            self.looked(actor, &look).await?;
        }
        Ok(wire::FindCasesReply { case_numbers, left_today: left as u32 })
    }

    /// Counts a look-up of today; how many are left after it.
    async fn count_lookup(&mut self, actor: &Actor) -> Outcome<u64> {
        let (token, day) = (actor.token.as_str(), self.today.number());
        let done = self.lookups_of(token, day).await?;
        if done >= LOOKUPS_PER_DAY {
            return Err(Denied::new(
                "LOOKUPS_SPENT",
                format!("今天按证件查找的次数（{LOOKUPS_PER_DAY} 次）已用完。请按办件编号查看，或明天再查。"),
                format!(
                    "All {LOOKUPS_PER_DAY} look-ups by document of today are used. Use the case \
                     number, or look again tomorrow."
                ),
            )
            .into());
        }
        self.conn
            .run(
                "DELETE FROM document_lookup WHERE token = $1 AND day < $2",
                vec![token.into(), day.into()],
            )
            .await?;
        self.conn
            .run(
                "INSERT INTO document_lookup (token, day, lookups) VALUES ($1,$2,1) \
                 ON CONFLICT (token, day) DO UPDATE SET lookups = document_lookup.lookups + 1",
                vec![token.into(), day.into()],
            )
            .await?;
        Ok(LOOKUPS_PER_DAY - done - 1)
    }

    async fn lookups_of(&mut self, token: &str, day: u32) -> Result<u64, StoreError> {
        let sql = "SELECT lookups FROM document_lookup WHERE token = $1 AND day = $2";
        let row = self.conn.maybe(sql, vec![token.into(), day.into()]).await?;
        row.map_or(Ok(0), |row| row.uint(0))
    }
}

/// The number of a document in its one spelling.
pub(crate) fn one_spelling(document: u32, number: &str) -> String {
    let typed = number.trim();
    if document == RESIDENT_ID
        && let Ok(number) = CitizenNumber::parse(typed)
    {
        return number.as_str().to_owned();
    }
    typed.to_owned()
}
