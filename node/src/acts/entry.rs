//! What the catalogue of the city that decides says of a request: how long the law gives, and what
//! is brought. The request names its item where it is about insurance; elsewhere the codes in it
//! tell, and what they leave open counts only where all that is left agrees.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::LegFile;
use crate::trouble::Outcome;
use jieli_proto::day::Day;
use jieli_proto::pack::Item;
use jieli_proto::wire::{self, Duty};

/// What is known of the item that a leg is about.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Working days, 0 where the agreement's apply.
    legal_days: u32,
    /// Codes of the list *bring*.
    bring: Vec<u32>,
}

impl Batch<'_> {
    pub(super) async fn entry_of(&mut self, file: &LegFile) -> Outcome<Entry> {
        let code = file.item_named();
        let values = self.offer_values(file).await?;
        let items = self.directory.shelf.items(self.today);
        Ok(items
            .map_or_else(Entry::default, |items| common(&items.meant(file.service, code, &values))))
    }

    /// The day by which it has to be decided: the agreement may promise less than the law gives.
    pub(super) fn decided_by_day(
        &self,
        bond: &Bond,
        file: &LegFile,
        entry: &Entry,
    ) -> Outcome<Day> {
        let promised = self.due(bond, file, Duty::Decide)?;
        if entry.legal_days == 0 {
            return Ok(promised);
        }
        let calendar = self.calendar_of(bond, file.our_side, file.our_side)?;
        let today = calendar.day_of_unix_ms(self.now_ms);
        Ok(promised.min(calendar.add_working_days(today, entry.legal_days)))
    }
}

impl Entry {
    /// A window that names nothing to bring names what the item needs.
    pub(super) fn fill(&self, window: &mut wire::Window) {
        if window.bring.is_empty() {
            window.bring.clone_from(&self.bring);
        }
    }
}

fn common(items: &[&Item]) -> Entry {
    let Some((first, others)) = items.split_first() else { return Entry::default() };
    let legal_days = match others.iter().all(|item| item.legal_days == first.legal_days) {
        true => first.legal_days,
        false => 0,
    };
    let in_all = |code: &&u32| others.iter().all(|item| item.bring.contains(code));
    Entry { legal_days, bring: first.bring.iter().filter(in_all).copied().collect() }
}
